/*
 * Events, as the route and the poller ask for them.
 */
#ifndef AGENT_API_API_EVENTS_H
#define AGENT_API_API_EVENTS_H

#include "agent/api/api_call.h"

/* Asks the agent without waiting. Answers the call when there are events, or when `last` says that this is the last
 * try; otherwise STATUS_NOT_FOUND and the call stays unanswered. */
enum api_events_try { API_EVENTS_MAY_WAIT, API_EVENTS_LAST };
enum status api_events_answer(struct api_call *call, enum api_events_try last);

#endif
