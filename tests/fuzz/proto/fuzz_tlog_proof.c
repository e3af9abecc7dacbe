/* Any bytes as a tlog-proof: what is accepted is written again byte for byte, and proves nothing to a stranger. */
#include <stdlib.h>

#include "base/arena.h"
#include "proto/tlog_proof.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(4 << 20);
    struct tlog_proof proof;
    struct bytes text;
    if (!arena || tlog_proof_parse(arena, BYTES(data, size), &proof) != STATUS_OK) return 0;
    enum status status = tlog_proof_format(arena, &proof, &text);
    if (status == STATUS_MEMORY) return 0;
    if (status != STATUS_OK || !bytes_equal(text, BYTES(data, size))) abort();
    struct note_key key = {bytes_text("log"), NOTE_ED25519, 0, {{0}}};
    struct checkpoint checkpoint;
    struct note_result result;
    struct hash leaf = merkle_leaf_hash(BYTES_EMPTY);
    if (tlog_proof_verify(arena, &proof, &leaf, &key, 1, &checkpoint, &result) == STATUS_OK) abort();
    return 0;
}
