/*
 * Proofs that travel: c2sp.org/tlog-proof@v1, a text that holds the place of an entry, the inclusion proof, and the
 * checkpoint with its signatures. A receipt is one whose `extra` carries leaf, nonce and opening (docs/protocol.md).
 *
 * extra is not authenticated by the format: whoever uses it compares it with the leaf hash.
 *
 * Pure; memory comes from the caller's arena. Any thread.
 */
#ifndef PROTO_TLOG_PROOF_H
#define PROTO_TLOG_PROOF_H

#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "proto/checkpoint.h"
#include "proto/limits.h"
#include "proto/merkle.h"

struct tlog_proof {
    /* Empty when absent. */
    struct bytes extra;
    uint64_t index;
    struct merkle_proof proof;
    /* The signed note, exact. */
    struct bytes checkpoint;
};

/* Reads the form; proves nothing. The checkpoint is a view into text. STATUS_MALFORMED, STATUS_VERSION for another
 * first line, STATUS_TOO_LARGE above LIMIT_RECEIPT_BYTES or MERKLE_PROOF_MAX, STATUS_MEMORY. */
enum status tlog_proof_parse(struct arena *arena, struct bytes text, struct tlog_proof *out_proof);

/* STATUS_TOO_LARGE when it could not be read back for its size, STATUS_MEMORY. */
enum status tlog_proof_format(struct arena *arena, const struct tlog_proof *proof, struct bytes *out_text);

/* Does the proof show that the leaf is in a log whose checkpoint is signed by keys[0]? keys and out_results as in
 * checkpoint_open. STATUS_PROOF when the hashes do not lead to the root; errors of checkpoint_open. */
enum status tlog_proof_verify(struct arena *arena, const struct tlog_proof *proof, const struct hash *leaf,
                              const struct note_key *keys, size_t key_count, struct checkpoint *out_checkpoint,
                              struct note_result *out_results);

#endif
