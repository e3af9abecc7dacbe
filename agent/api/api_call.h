/*
 * One call of the local API: who asks, what was asked, what is answered. Made in the loop thread that received the
 * request, handed to one worker (or the poller), handed back, answered, freed: one owner at a time.
 */
#ifndef AGENT_API_API_CALL_H
#define AGENT_API_API_CALL_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdint.h>

#include "agent/agent.h"
#include "agent/api/api_auth.h"
#include "agent/api/api_input.h"
#include "agent/api/api_problem.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/http.h"

struct api_route;

/* What is answered. problem API_PROBLEM_NONE: code and body. */
struct api_answer {
    enum api_problem problem;
    const char *detail; /* NULL, or in the arena or static; never personal data */
    int code;
    const char *content_type; /* static */
    char *body;               /* malloc'ed; NULL: none */
    const char *location;     /* path of what was made, in the arena; NULL: none */
};

struct api_call {
    struct http_server *server; /* that received it */
    struct http_request *request;
    const struct api_route *route;
    const struct api_client *client;
    struct agent_caller caller;
    struct agent *agent;
    const char *portal_url; /* without a slash at the end */
    const struct clock *clock;
    struct arena *arena;
    json_t *body; /* of a POST, parsed; NULL otherwise */
    struct api_faults faults;
    struct api_answer answer;
    uint64_t begun_ms;
    bool parked;       /* set by a run function: the poller answers */
    uint64_t until_ms; /* boot time at which a parked call ends */
    atomic_bool gone;  /* the client has left: set in the loop thread */
};

/* NULL when memory is out. Takes nothing over. */
struct api_call *api_call_new(void);
/* Takes NULL. */
void api_call_free(struct api_call *call);
CLEANUP_POINTER(struct api_call, api_call_free)

/* ---- for run functions: each ends one with `return` ---- */

/* Answers with JSON; takes value over. STATUS_MEMORY when value is NULL or cannot be written. */
enum status api_call_answer(struct api_call *call, int code, json_t *value);
/* {"state","receipt"}, 200; without a receipt the broker is away and it goes out later: "queued", 202. */
enum status api_call_answer_receipt(struct api_call *call, const char *state, struct bytes receipt);
/* Answers with text of a static content type; copies. */
enum status api_call_answer_text(struct api_call *call, const char *content_type, const char *text);
/* Answers with a problem; detail as above. Always STATUS_REFUSED. */
enum status api_call_fail(struct api_call *call, enum api_problem problem, const char *detail);

/* Turns the status that a run function ended with into an answer, unless there is one. Logs faults of our own. */
void api_call_settle(struct api_call *call, enum status status);

/* ---- what was asked ---- */

/* Input over the body, for the getters of api_input.h. */
struct api_input api_call_input(struct api_call *call);

/* The captured {id}. STATUS_NOT_FOUND when it is none. */
enum status api_call_id(const struct api_call *call, struct id16 *out_id);

/* Parameters; each fails the call (API_PROBLEM_QUERY) when it is missing or of another form. */
enum status api_call_query_text(struct api_call *call, const char *name, const char **out_text);
enum status api_call_query_subject(struct api_call *call, struct hash *out_subject);
enum status api_call_query_number(struct api_call *call, const char *name, uint64_t absent, uint64_t least,
                                  uint64_t most, uint64_t *out_value);

/* The person's handle; asks the agent when a number was given. The fault names the rule that a number breaks. */
enum status api_call_person(struct api_call *call, const struct api_person *person, struct hash *out_subject);

/* Text form in the arena; NULL when it is full. */
const char *api_call_bytes_text(struct api_call *call, struct bytes bytes);

#endif
