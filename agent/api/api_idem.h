/*
 * Idempotency keys of POST calls, kept by the agent for 24 hours and over restarts: the same key with the same request
 * gets the same answer and does nothing again (draft-ietf-httpapi-idempotency-key-header).
 *
 * Before a call is done its key is written down as begun, durably; when it is done, with its answer. A call that did
 * not succeed may be repeated. A key that was begun and never ended (the agent stopped meanwhile) is answered with "not
 * known", because doing it again might do it twice. Any thread.
 */
#ifndef AGENT_API_API_IDEM_H
#define AGENT_API_API_IDEM_H

#include <stdbool.h>

#include "agent/agent.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/status.h"
#include "keys/hash.h"

#define API_IDEM_KEY_MAX_BYTES 255

struct api_idem;

/* The agent must outlive it. STATUS_MEMORY. */
enum status api_idem_new(struct agent *agent, struct api_idem **out_idem);
/* Takes NULL. */
void api_idem_free(struct api_idem *idem);
CLEANUP_POINTER(struct api_idem, api_idem_free)

/* A request under a key. Keys of different clients have nothing to do with each other. */
struct api_idem_ask {
    const char *client;
    const char *key;
    struct hash request;
};

enum api_idem_verdict {
    API_IDEM_FIRST,    /* do it, then api_idem_done or api_idem_failed */
    API_IDEM_REPEATED, /* answer is what was answered before */
    API_IDEM_MISMATCH, /* the key was used for another request */
    API_IDEM_BUSY,     /* being done now */
    API_IDEM_UNKNOWN,  /* begun before this process and never ended */
};

struct api_idem_answer {
    int code;
    struct bytes body;
    const char *location; /* NULL: none */
};

/* Whether a text may be an idempotency key: 1 to 255 visible ASCII characters. */
bool api_idem_is_key(const char *key);

/* What makes a request what it is. unit may be NULL; neither unit nor path holds a newline. */
struct hash api_idem_request(const char *unit, const char *path, struct bytes body);

/* out_answer is set with API_IDEM_REPEATED only, in the arena. Errors of agent_repeat_find and agent_repeat_keep,
 * STATUS_INTEGRITY for what is none of ours. */
enum status api_idem_begin(struct api_idem *idem, struct arena *arena, const struct api_idem_ask *ask,
                           enum api_idem_verdict *out_verdict, struct api_idem_answer *out_answer);
/* STATUS_TOO_LARGE for an answer that cannot be kept. */
enum status api_idem_done(struct api_idem *idem, struct arena *arena, const struct api_idem_ask *ask,
                          const struct api_idem_answer *answer);
enum status api_idem_failed(struct api_idem *idem, const struct api_idem_ask *ask);

#endif
