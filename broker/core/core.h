/*
 * What the parts of core share. One struct for the life of the process, made by core_run before any thread and freed
 * after the last. Each field names its owner; whoever is not the owner only calls the field's documented any-thread
 * functions.
 */
#ifndef BROKER_CORE_CORE_H
#define BROKER_CORE_CORE_H

#include <stdint.h>

#include "base/clock.h"
#include "base/secret.h"
#include "proto/directory.h"

struct store;
struct shred;
struct ledger;
struct keyd_client;
struct mailroom;
struct metrics;
struct nonces;
struct core_settings;

struct core {
    const struct core_settings *settings;
    const struct clock *clock;
    const char *federation;
    struct store *store;       /* any thread by its own rules; written by the writer only */
    struct shred *shred;       /* read by any thread, destroyed in by the writer */
    struct secret *index_key;  /* HMAC key of lookups, constant */
    struct ledger *ledger;     /* appended to by the writer; signed state read by any thread */
    struct keyd_client *keyd;  /* the writer's own connection; workers have one each */
    struct mailroom *mailroom; /* parked polls; any thread */
    struct metrics *metrics;   /* atomic counters */
    struct nonces *nonces;     /* DPoP nonces and used jtis; any thread */
    struct directory_box *directory;
};

/* The directory as of the last batch: a new reference, to be unref'ed by the caller. Any thread. */
struct directory *core_directory(struct core *core);
/* The writer, after a batch that changed it is signed. Takes over the reference. */
void core_set_directory(struct core *core, struct directory *directory);

#endif
