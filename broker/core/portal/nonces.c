/*
 * Two tables of uses, one for each step whose nonce is accepted; the older one is emptied when a new step begins.
 */
#include "broker/core/portal/nonces.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "base/text.h"
#include "keys/frame.h"

enum { USE_BYTES = 16, USES_SLOTS = 65536, STEP_BYTES = 8, MAC_BYTES = 16, NONCE_BYTES = STEP_BYTES + MAC_BYTES };

struct use {
    uint8_t b[USE_BYTES]; /* zeros: free */
};

struct uses {
    uint64_t step;
    size_t count;
    struct use slots[USES_SLOTS];
};

struct nonces {
    const char *federation;
    struct secret *key;
    pthread_mutex_t mutex;
    struct uses uses[2];       /* by step modulo 2 */
    uint64_t codes_boot_ms;    /* when the codes were counted last */
    uint64_t codes_left_x1000; /* thousandths of a try */
};

struct nonces *nonces_new(const char *federation) {
    struct nonces *nonces = calloc(1, sizeof *nonces);
    if (!nonces) return NULL;
    nonces->federation = federation;
    nonces->codes_left_x1000 = (uint64_t)NONCES_CODES_BURST * 1000;
    nonces->key = secret_random(HASH_BYTES);
    if (nonces->key && pthread_mutex_init(&nonces->mutex, NULL) == 0) return nonces;
    secret_free(nonces->key);
    free(nonces);
    return NULL;
}

void nonces_free(struct nonces *nonces) {
    if (!nonces) return;
    secret_free(nonces->key);
    (void)pthread_mutex_destroy(&nonces->mutex);
    free(nonces);
}

static void make(const struct nonces *nonces, uint64_t step, uint8_t out[NONCE_BYTES]) {
    struct writer writer = writer_init(out, STEP_BYTES);
    writer_u64(&writer, step);
    struct hash frame = FRAME_HASH("sluss nonce v1", nonces->federation, BYTES(out, STEP_BYTES));
    struct hash mac = hash_hmac_sha256(secret_bytes(nonces->key), hash_bytes(&frame));
    memcpy(out + STEP_BYTES, mac.b, MAC_BYTES);
}

const char *nonces_issue(struct nonces *nonces, uint64_t now_ms, struct arena *arena) {
    uint8_t nonce[NONCE_BYTES];
    make(nonces, now_ms / NONCES_STEP_MS, nonce);
    return text_base64url(arena, BYTES_ARRAY(nonce));
}

enum status nonces_check(struct nonces *nonces, uint64_t now_ms, struct bytes nonce, uint64_t *out_step) {
    uint8_t given[NONCE_BYTES];
    uint8_t right[NONCE_BYTES];
    ENSURE(text_fixed_base64url(nonce, given, sizeof given) == STATUS_OK, STATUS_EXPIRED);
    struct reader reader = reader_init(BYTES(given, STEP_BYTES));
    uint64_t step = reader_u64(&reader);
    uint64_t now = now_ms / NONCES_STEP_MS;
    ENSURE(step == now || step + 1 == now, STATUS_EXPIRED);
    make(nonces, step, right);
    ENSURE(bytes_equal_ct(BYTES_ARRAY(given), BYTES_ARRAY(right)), STATUS_EXPIRED);
    *out_step = step;
    return STATUS_OK;
}

static enum status add_use(struct uses *uses, const struct hash *use) {
    uint32_t at = 0;
    memcpy(&at, use->b + USE_BYTES, sizeof at);
    for (at %= USES_SLOTS;; at = (at + 1) % USES_SLOTS) {
        static const struct use none;
        if (memcmp(uses->slots[at].b, use->b, USE_BYTES) == 0) return STATUS_CONFLICT;
        if (memcmp(uses->slots[at].b, none.b, USE_BYTES) == 0) break;
    }
    ENSURE(uses->count < NONCES_USES_MAX, STATUS_LIMIT);
    memcpy(uses->slots[at].b, use->b, USE_BYTES);
    uses->count++;
    return STATUS_OK;
}

enum status nonces_use(struct nonces *nonces, uint64_t step, const struct hash *use) {
    (void)pthread_mutex_lock(&nonces->mutex);
    struct uses *uses = &nonces->uses[step % 2];
    if (uses->step < step) {
        memset(uses, 0, sizeof *uses);
        uses->step = step;
    }
    enum status status = uses->step == step ? add_use(uses, use) : STATUS_EXPIRED;
    (void)pthread_mutex_unlock(&nonces->mutex);
    return status;
}

enum status nonces_try_code(struct nonces *nonces, uint64_t boot_ms) {
    const uint64_t most = (uint64_t)NONCES_CODES_BURST * 1000;
    (void)pthread_mutex_lock(&nonces->mutex);
    uint64_t passed = boot_ms > nonces->codes_boot_ms ? boot_ms - nonces->codes_boot_ms : 0;
    if (passed > most) passed = most;
    nonces->codes_boot_ms = boot_ms;
    nonces->codes_left_x1000 += passed * NONCES_CODES_PER_S;
    if (nonces->codes_left_x1000 > most) nonces->codes_left_x1000 = most;
    bool may = nonces->codes_left_x1000 >= 1000;
    if (may) nonces->codes_left_x1000 -= 1000;
    (void)pthread_mutex_unlock(&nonces->mutex);
    return may ? STATUS_OK : STATUS_LIMIT;
}
