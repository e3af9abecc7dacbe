/*
 * What core remembers of proofs (RFC 9449, docs/protocol.md section 11): the key of server nonces, the jtis that were
 * used for writing while their nonce is accepted, and how many revocation codes were tried lately. All of it is memory:
 * after a restart every nonce is stale, so that no jti of before comes again.
 *
 * The mutex guards everything but the key, which is constant. Any thread.
 */
#ifndef BROKER_CORE_PORTAL_NONCES_H
#define BROKER_CORE_PORTAL_NONCES_H

#include <stdint.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "keys/hash.h"

#define NONCES_STEP_MS ((uint64_t)300 * 1000)
/* Writes of one step; above it STATUS_LIMIT. 2 x 64 Ki x 16 bytes of memory. */
#define NONCES_USES_MAX 49152
/* Codes that may be tried in a row, and how many a second are added. With 128 bits nobody finds one by trying: the
 * bound is for the work that it costs. */
#define NONCES_CODES_BURST 200
#define NONCES_CODES_PER_S 20

struct nonces;

/* federation is kept as a view. NULL when memory is out. */
struct nonces *nonces_new(const char *federation);
/* Takes NULL. */
void nonces_free(struct nonces *nonces);
CLEANUP_POINTER(struct nonces, nonces_free)

/* The nonce of now: text form of u64 step || first 16 bytes of an HMAC. NULL when the arena is full. */
const char *nonces_issue(struct nonces *nonces, uint64_t now_ms, struct arena *arena);

/* STATUS_EXPIRED unless it is the nonce of this step or the one before. */
enum status nonces_check(struct nonces *nonces, uint64_t now_ms, struct bytes nonce, uint64_t *out_step);

/* Notes a use under a step that nonces_check gave. STATUS_CONFLICT when it was used before, STATUS_LIMIT when too many
 * are remembered, STATUS_EXPIRED when the step is over meanwhile. */
enum status nonces_use(struct nonces *nonces, uint64_t step, const struct hash *use);

/* One more code is tried. STATUS_LIMIT when it is too soon. boot_ms: time that is never set back. */
enum status nonces_try_code(struct nonces *nonces, uint64_t boot_ms);

#endif
