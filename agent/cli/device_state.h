/*
 * What a person's file client keeps: keys in a sealed bundle (FILE: "sign", "read", "state"), and what it remembers
 * between calls, sealed under "state", beside it (FILE.state). Keys are written once; the state is replaced whole.
 */
#ifndef AGENT_CLI_DEVICE_STATE_H
#define AGENT_CLI_DEVICE_STATE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/secret.h"
#include "base/status.h"
#include "keys/hash.h"
#include "keys/keyfile.h"
#include "keys/seal.h"
#include "keys/sign.h"

struct device_state {
    struct sign_private *sign;
    struct seal_private *read;
    struct secret *state_key;
    struct sign_public sign_public;
    struct seal_public read_public;
    struct hash kid;
    /* Remembered; texts live in the arena that it was opened with. */
    const char *federation; /* "" until enrolled */
    const char *portal;     /* "" until enrolled */
    const char *nonce;      /* the portal's last; "" */
    bool has_subject;
    struct hash subject;
    bool has_prev;
    struct hash prev; /* of the last statement that the portal has acknowledged */
    bool has_pending;
    struct hash pending; /* of one that was sent and not acknowledged */
};

/* Wipes keys. */
void device_state_clear(struct device_state *state);

/* New keys in a new file. STATUS_CONFLICT when it exists; errors of keyfile_create and file_replace. */
enum status device_state_create(const char *path, const struct keyfile_lock *lock, struct arena *arena,
                                struct device_state *out_state);

/* Errors of keyfile_read; STATUS_INTEGRITY when the state is not the one that belongs to the keys. */
enum status device_state_open(const char *path, const struct keyfile_lock *lock, struct arena *arena,
                              struct device_state *out_state);

/* Replaces FILE.state, durably. */
enum status device_state_save(const char *path, struct arena *arena, const struct device_state *state);

#endif
