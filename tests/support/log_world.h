/*
 * A synthetic log with real objects, for tests and benches of the auditor: it appends whatever it is told to, also what
 * no honest broker would, and writes the directory that an export gives (docs/protocol.md section 14).
 *
 * The story's actors are in support/log_story.h; here are leaves, openings, evidence, and the files. Any failure fails
 * the running test. One owner.
 */
#ifndef TESTS_SUPPORT_LOG_WORLD_H
#define TESTS_SUPPORT_LOG_WORLD_H

#include "base/secret.h"
#include "proto/internal_msg.h"
#include "proto/leaf.h"
#include "support/federation.h"

struct log_person {
    struct hash handle;
    uint64_t slot; /* slot + 1 */
    struct secret *key;
    bool keys_withheld; /* its key is not written: erased, or lost */
};

struct log_world_leaf {
    struct export_leaf exported;
    struct evidence_item *evidence; /* the cause first, where there is one */
    size_t n_evidence;
    struct bytes entry; /* what the entry bundle will hold */
    struct log_person *person;
};

struct log_world_entry {
    enum leaf_type type;
    struct log_person *person; /* NULL: in clear */
    bool nameless;             /* sealed under the person's slot, and does not name the person */
    struct id16 event;
    struct opening opening; /* version, type, now, slot commitment, subject, cause, evidence, directory are filled in */
    struct bytes cause;     /* content; empty: none */
    const struct bytes *evidence;
    size_t n_evidence;
};

struct log_world {
    struct arena *arena;
    struct arena *scratch; /* of one file that is being written */
    struct federation *federation;
    uint64_t now_ms;
    struct log_world_leaf **leaves;
    size_t n_leaves;
    size_t room;
    struct log_person **persons;
    size_t n_persons;
    /* Called once, before the next leaf is committed to: for what an opening should not say. */
    void (*tweak)(struct opening *opening, void *context);
    void *tweak_context;
    /* Called once, with a copy of the next entry to be changed as a whole: person, event, cause, evidence. */
    void (*forge)(struct log_world *world, struct log_world_entry *entry);
    struct bytes last_cause; /* of the leaf before */
    uint64_t cosign_ms;      /* 0: the last leaf's time */
};

/* The federation's entries are its first leaves. Holds up to about a million leaves. */
struct log_world *log_world_new(void);
void log_world_free(struct log_world *world);

struct log_person *log_world_person(struct log_world *world);

/* Appends a leaf now; its index. */
uint64_t log_world_append(struct log_world *world, const struct log_world_entry *entry);
/* Appends the last leaf once more, as it is. */
uint64_t log_world_repeat(struct log_world *world);
/* The bytes of a JWS with another signature. */
struct bytes log_world_flip(struct log_world *world, struct bytes compact);
/* Appends the federation's newest directory entry. */
uint64_t log_world_directory(struct log_world *world);

/* A new entry of the directory, admitted and appended. */
uint64_t log_world_admit(struct log_world *world, enum directory_type type, struct bytes object);

/* Writes the whole export. dir exists and is empty. */
void log_world_write(struct log_world *world, const char *dir);

#endif
