/*
 * Stands in for core on the gate's socket: a real nng REP socket that answers prefaces with a chosen verdict and echoes
 * every other request, or holds it until told. Start and stop: the test's thread; the rest is atomic.
 */
#ifndef TESTS_SUPPORT_LINK_REP_CORE_H
#define TESTS_SUPPORT_LINK_REP_CORE_H

#include "proto/preface.h"

struct rep_core;

/* Listens on path with `contexts` workers; fails the running test when it cannot. */
struct rep_core *rep_core_start(const char *path, unsigned contexts);
void rep_core_stop(struct rep_core *core);

void rep_core_set_answer(struct rep_core *core, struct preface_answer answer);

/* Requests that come from now on wait; false lets all go. */
void rep_core_hold(struct rep_core *core, bool hold);

unsigned rep_core_preface_count(const struct rep_core *core);
unsigned rep_core_request_count(const struct rep_core *core);
/* The preface that came last. */
struct preface rep_core_preface(struct rep_core *core);

#endif
