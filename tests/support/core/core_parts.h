/*
 * The parts of core without its threads: a store, a shred file, a ledger and a log key, on a clock that stands still.
 * For tests of what works on transactions. One thread.
 */
#ifndef TESTS_SUPPORT_CORE_CORE_PARTS_H
#define TESTS_SUPPORT_CORE_CORE_PARTS_H

#include "broker/core/core.h"
#include "broker/core/ledger.h"
#include "broker/core/store.h"
#include "keys/sign.h"
#include "proto/note.h"
#include "support/scratch.h"

#define CORE_PARTS_FEDERATION "test.example"
#define CORE_PARTS_NOW_MS     1700000000000u

enum core_parts_engine { CORE_PARTS_MEMORY, CORE_PARTS_LMDB };

struct core_parts {
    struct core core;
    struct clock clock;
    struct scratch scratch;
    struct arena *arena;
    struct sign_private *log_key;
    const char *origin; /* in the arena */
    struct note_key log_vkey;
    enum core_parts_engine engine;
};

/* Fails the running test when something cannot be made. */
void core_parts_init(struct core_parts *parts, enum core_parts_engine engine);
/* Closes and opens again what lies on disk (with LMDB), or the ledger alone; returns what ledger_open says. */
enum status core_parts_reopen(struct core_parts *parts);
void core_parts_clear(struct core_parts *parts);

/* Runs fn as one batch of the ledger and commits it, unsigned. */
enum status core_parts_batch(struct core_parts *parts, store_fn fn, void *arg);
/* Signs the committed tree as keyd would, after checking the consistency proof. */
void core_parts_sign(struct core_parts *parts);

#endif
