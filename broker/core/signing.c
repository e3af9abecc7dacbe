/*
 * Trusts keyd's signature only after verifying it with the log's key, and its content only after comparing it with the
 * tree.
 */
#include "broker/core/signing.h"

#include "base/arena.h"
#include "broker/core/keyd_client.h"
#include "broker/core/ledger.h"
#include "broker/core/metrics.h"
#include "proto/checkpoint.h"
#include "proto/note.h"

#define SIGNING_ARENA_BYTES ((size_t)1 << 17)

/* A note of our log. */
static enum status open_note(const struct core *core, struct arena *arena, struct bytes note,
                             struct checkpoint *out_checkpoint) {
    struct note_key key;
    struct note_result result;
    TRY(note_key_parse(bytes_text(core->log_vkey), &key));
    return checkpoint_open(arena, note, &key, 1, out_checkpoint, &result);
}

/* A note whose tree must be a beginning of ours. */
static enum status adopt(struct core *core, struct arena *arena, struct bytes note) {
    if (note.len == 0) return STATUS_OK;
    struct checkpoint checkpoint;
    struct hash root;
    ENSURE(open_note(core, arena, note, &checkpoint) == STATUS_OK, STATUS_FORK);
    ENSURE(checkpoint.size <= ledger_size(core->ledger), STATUS_FORK);
    TRY(ledger_root(core->ledger, checkpoint.size, &root));
    ENSURE(hash_equal(&root, &checkpoint.root), STATUS_FORK);
    return ledger_signed(core->ledger, checkpoint.size, note);
}

static enum status resume(struct core *core, struct keyd_client *keyd, struct arena *arena) {
    struct bytes note;
    TRY(keyd_client_last_note(keyd, arena, &note));
    return adopt(core, arena, note);
}

enum status signing_resume(struct core *core, struct keyd_client *keyd) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(SIGNING_ARENA_BYTES);
    ENSURE(arena, STATUS_MEMORY);
    return resume(core, keyd, arena);
}

static enum status sign_once(struct core *core, struct keyd_client *keyd, struct arena *arena) {
    uint64_t size;
    struct hash root;
    struct merkle_proof proof;
    TRY(ledger_to_sign(core->ledger, &size, &root, &proof));
    if (size == ledger_signed_size(core->ledger)) return STATUS_OK;
    struct bytes note;
    struct checkpoint checkpoint;
    TRY(keyd_client_sign(keyd, size, &root, &proof, arena, &note));
    TRY(open_note(core, arena, note, &checkpoint));
    ENSURE(checkpoint.size == size && hash_equal(&checkpoint.root, &root), STATUS_MALFORMED);
    TRY(ledger_signed(core->ledger, size, note));
    metrics_add(&core->metrics->signatures, 1);
    return STATUS_OK;
}

enum status signing_sign(struct core *core, struct keyd_client *keyd) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(SIGNING_ARENA_BYTES);
    ENSURE(arena, STATUS_MEMORY);
    enum status status = sign_once(core, keyd, arena);
    bool heard = status != STATUS_UNREACHABLE && status != STATUS_TIMEOUT;
    if (status == STATUS_OK || !heard) return status;
    /* keyd refused: it may have signed before and not been heard. */
    arena_reset(arena);
    TRY(resume(core, keyd, arena));
    return sign_once(core, keyd, arena);
}
