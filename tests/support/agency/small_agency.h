/*
 * An agent of one of the federation's members in front of a small core: store in memory, or in LMDB where a test kills
 * it; no threads of its own unless the test starts them. Any failure fails the running test.
 */
#ifndef TESTS_SUPPORT_AGENCY_SMALL_AGENCY_H
#define TESTS_SUPPORT_AGENCY_SMALL_AGENCY_H

#include "agent/agent.h"
#include "agent/agent_internal.h"
#include "support/agency/small_core.h"
#include "support/scratch.h"

enum small_store { SMALL_STORE_MEMORY, SMALL_STORE_LMDB };

struct small_agency {
    struct small_core *core;
    enum federation_member member;
    enum small_store kind;
    struct scratch scratch;
    char shred[SCRATCH_PATH_MAX];
    char lmdb[SCRATCH_PATH_MAX];
    struct agent_settings settings;
    struct agent_settings_unit units[FEDERATION_UNITS];
    struct arena *arena;
    struct secret *shred_kek;
    struct secret *pepper;
    struct small_port port;
    struct agent *agent;
};

/* Opened, with the directory read from core. */
struct small_agency *small_agency_new(struct small_core *core, enum federation_member member, enum small_store kind);
void small_agency_free(struct small_agency *agency);
/* Closes the agent and opens it again on what stands on disk (SMALL_STORE_LMDB). */
void small_agency_reopen(struct small_agency *agency);
/* The two halves of it: closed here, opened in another process, killed, opened here again. */
void small_agency_close(struct small_agency *agency);
void small_agency_open(struct small_agency *agency);

/* Takes all the mail that waits at core. How many events. */
size_t small_agency_take_mail(struct small_agency *agency);

struct agent_caller small_agency_caller(enum federation_unit unit);

/* A valid goal with this title; the caller owns it. */
json_t *small_agency_goal(const char *title);
/* Publishes it; fails the test unless it is at this place afterwards. */
struct agent_published small_agency_publish(struct small_agency *agency, enum federation_unit unit,
                                            const struct hash *subject, const char *title, enum fragment_place place);

/* A request by this agent, of one source, through the link; its index at core. */
size_t small_agency_request(struct small_agency *agency, const struct small_ask *ask);

#endif
