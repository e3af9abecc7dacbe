/*
 * The agent's parts, for the files of this folder only. Each part has one owner: the file that its struct is declared
 * for. Parts come up in the order of the fields and go down in reverse.
 */
#ifndef AGENT_AGENT_INTERNAL_H
#define AGENT_AGENT_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/agent_settings.h"
#include "agent/dirsync.h"
#include "agent/events.h"
#include "agent/keystore.h"
#include "agent/link.h"
#include "agent/link_tunnel.h"
#include "agent/vault.h"
#include "agent/witness.h"
#include "base/clock.h"
#include "base/store.h"
#include "proto/fragment_schema.h"

/* Scratch of one operation; a plan has larger arenas of its own. */
#define AGENT_SCRATCH_BYTES ((size_t)32 << 20)

/* Counts for agent_health. */
struct agent_tally {
    atomic_uint_least64_t log_size;
    atomic_uint_least64_t refused_events;
    atomic_uint_least64_t refused_releases;
    atomic_uint_least64_t grants_made;
    atomic_bool link_up;
    atomic_bool closing;
    atomic_int link_verdict; /* enum preface_verdict */
};

struct agent {
    const struct agent_settings *settings;
    const struct clock *clock;
    struct keystore *keystore;
    struct store *store;
    struct vault *vault;
    struct fragment_schema *schema;
    struct link link;
    struct dirsync dirsync;
    struct events events;
    struct witness witness;
    pthread_mutex_t outbox_mutex; /* held by whoever sends from the outbox */
    struct agent_tally tally;
    struct mail *mail;          /* the link thread; NULL while it does not run */
    struct link_tunnel *tunnel; /* NULL while it does not run */
};

/* The first unit: sender of what no unit asks for. */
const char *agent_first_unit(const struct agent *agent);
uint64_t agent_now_ms(const struct agent *agent);
/* Something was put into the outbox: the link thread looks. Any thread. */
void agent_wake(struct agent *agent);
/* Opens with keys and store at hand, and a transport in the place of the tunnel: for tests. Takes keystore and store
 * over, also when it fails. The link counts as up. */
enum status agent_open_parts(const struct agent_settings *settings, const struct clock *clock,
                             struct keystore *keystore, struct store *store, struct link_port port,
                             struct agent **out_agent);
/* Notes the size of a checkpoint that was verified. */
void agent_saw_size(struct agent *agent, uint64_t size);
/* Counts a message that did not verify, and logs its kind and the reason, at most a few times a minute. */
void agent_refused_event(struct agent *agent, const char *what, enum status status);

#endif
