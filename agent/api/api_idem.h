/*
 * Idempotency keys of POST calls, kept for 24 hours and over restarts: the same key with the same request gets the same
 * answer and does nothing again (draft-ietf-httpapi-idempotency-key-header).
 *
 * Before a call is done its key is written down as begun, durably; when it is done, with its answer. A call that did
 * not succeed leaves no trace: it may be repeated. A key that was begun and never ended (the agent stopped meanwhile)
 * is answered with "not known", because doing it again might do it twice.
 *
 * What is stored is sealed and the fingerprint of a request is keyed: a request may hold a national identity number,
 * and an answer an enrolment code. Any thread.
 */
#ifndef AGENT_API_API_IDEM_H
#define AGENT_API_API_IDEM_H

#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/secret.h"
#include "base/status.h"
#include "base/store.h"
#include "keys/hash.h"

#define API_IDEM_KEEP_MS       UINT64_C(86400000)
#define API_IDEM_KEY_MAX_BYTES 255

struct api_idem;

/* The tables that the store must have been opened with. */
struct store_tables api_idem_tables(void);

/* The store stays the caller's and must outlive this; key is 32 bytes (copied). STATUS_MEMORY, STATUS_MALFORMED. */
enum status api_idem_new(struct store *store, const struct secret *key, struct api_idem **out_idem);
/* Takes NULL. */
void api_idem_free(struct api_idem *idem);
CLEANUP_POINTER(struct api_idem, api_idem_free)

struct api_idem_ask {
    const char *client; /* keys of different clients have nothing to do with each other */
    const char *key;    /* 1 to 255 visible ASCII characters */
    const char *unit;   /* may be NULL */
    const char *path;
    struct bytes body;
    uint64_t now_ms;
};

enum api_idem_verdict {
    API_IDEM_FIRST,    /* do it, then api_idem_done or api_idem_forget with the same slot */
    API_IDEM_REPEATED, /* answer is what was answered before */
    API_IDEM_MISMATCH, /* the key was used for another request */
    API_IDEM_BUSY,     /* being done now */
    API_IDEM_UNKNOWN,  /* begun before this process and never ended */
};

struct api_idem_slot {
    struct hash row;
    struct hash fingerprint;
    uint64_t expires_ms;
};

struct api_idem_answer {
    int code;
    struct bytes body;
    const char *location; /* NULL: none */
};

/* Whether a text may be an idempotency key. */
bool api_idem_is_key(const char *key);

/* out_answer is set with API_IDEM_REPEATED only, in the arena; out_slot with API_IDEM_FIRST. Errors of store_write,
 * STATUS_INTEGRITY for a row that does not open. */
enum status api_idem_begin(struct api_idem *idem, struct arena *arena, const struct api_idem_ask *ask,
                           enum api_idem_verdict *out_verdict, struct api_idem_slot *out_slot,
                           struct api_idem_answer *out_answer);
enum status api_idem_done(struct api_idem *idem, struct arena *arena, const struct api_idem_slot *slot,
                          const struct api_idem_answer *answer);
enum status api_idem_forget(struct api_idem *idem, const struct api_idem_slot *slot);

#endif
