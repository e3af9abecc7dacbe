/*
 * What keyd does with a request, without the socket around it. docs/protocol.md section 13.
 *
 * Owns: log key, status key, pseudonym key; the last signed note; the directory as the authority signed it; the counts.
 * Trusts: the pinned authority keys, its own files. It does not trust core: a checkpoint must extend the one before, a
 * directory entry must be signed by the authority and come in sequence, an evaluation must be asked by an admitted
 * member's signature. What core says about consents (state statements) keyd cannot know: replay checks that.
 *
 * One thread.
 */
#ifndef BROKER_KEYD_KEYD_H
#define BROKER_KEYD_KEYD_H

#include "base/bytes.h"
#include "base/cleanup.h"
#include "broker/keyd/keyd_settings.h"

#define KEYD_PACKET_MAX 65536

enum keyd_type {
    KEYD_IDENTITY = 1,
    KEYD_SIGN_CHECKPOINT = 2,
    KEYD_LAST_NOTE = 3,
    KEYD_STATE = 4,
    KEYD_DIRECTORY_ADD = 5,
    KEYD_DIRECTORY_HEAD = 6,
    KEYD_EVALUATE = 7,
    KEYD_COUNTS = 8,
};

struct keyd;

/* Opens keys and state. STATUS_SETTINGS for bad public keys or names, STATUS_INTEGRITY when the files contradict each
 * other or the keys, errors of keys/keyfile.h. */
enum status keyd_open(const struct keyd_settings *settings, struct keyd **out_keyd);
/* Wipes the keys. Takes NULL. */
void keyd_close(struct keyd *keyd);
CLEANUP_POINTER(struct keyd, keyd_close)

/* Answers one packet into memory of KEYD_PACKET_MAX bytes: always a whole reply, its status byte says what went wrong.
 * STATUS_INTEGRITY only when keyd must stop. now_ms is wall time. */
enum status keyd_answer(struct keyd *keyd, struct bytes request, uint64_t now_ms, uint8_t *memory,
                        struct bytes *out_reply);

#endif
