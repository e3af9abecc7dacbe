/*
 * Core as the portal sees it: a link server that keeps the last question and answers as told, at once or when let go.
 * Lives as long as the program; any thread.
 */
#ifndef TESTS_SUPPORT_BROKER_FAKE_CORE_H
#define TESTS_SUPPORT_BROKER_FAKE_CORE_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/internal_msg.h"

/* Listens on path; fails the running test when it cannot. */
void fake_core_start(const char *path);

/* What questions are answered with from now on. The views must live on. */
void fake_core_answer(const struct portal_reply *reply);
/* Answers with bytes that are no reply. */
void fake_core_answer_rubbish(void);

/* Questions that come from now on wait; fake_core_release lets all go. */
void fake_core_hold(void);
void fake_core_release(void);
/* Waits until n are held. */
void fake_core_wait_held(size_t n);

/* How many questions came. */
size_t fake_core_count(void);
/* The last one; views until the next comes. */
struct portal_ask fake_core_last(void);

#endif
