/*
 * Checkpoints. Whoever signs one vouches that it is consistent with every one signed before: that is the signer's part
 * (keyd), not this file's.
 */
#include "proto/checkpoint.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "proto/merkle.h"

const char *checkpoint_origin(struct arena *arena, const char *federation, uint64_t epoch) {
    return arena_printf(arena, "%s/log/%" PRIu64, federation, epoch);
}

/* Takes a non-empty line with its newline off the front. */
static enum status take_line(struct bytes *rest, struct bytes *out_line) {
    const uint8_t *end = rest->len > 0 ? memchr(rest->data, '\n', rest->len) : NULL;
    ENSURE(end && end != rest->data, STATUS_MALFORMED);
    size_t len = (size_t)(end - rest->data);
    struct bytes line = BYTES(rest->data, len);
    ENSURE(bytes_is_text(line), STATUS_MALFORMED);
    *rest = BYTES(rest->data + len + 1, rest->len - len - 1);
    *out_line = line;
    return STATUS_OK;
}

static bool empty_tree_ok(const struct checkpoint *checkpoint) {
    struct hash empty = merkle_empty_root();
    return checkpoint->size > 0 || hash_equal(&checkpoint->root, &empty);
}

enum status checkpoint_parse(struct bytes text, struct checkpoint *out_checkpoint) {
    struct checkpoint parsed;
    struct bytes line;
    TRY(take_line(&text, &parsed.origin));
    TRY(take_line(&text, &line));
    TRY(text_to_u64(line, &parsed.size));
    ENSURE(parsed.size <= MERKLE_SIZE_MAX, STATUS_MALFORMED);
    TRY(take_line(&text, &line));
    TRY(text_fixed_base64(line, parsed.root.b, sizeof parsed.root.b));
    ENSURE(empty_tree_ok(&parsed), STATUS_MALFORMED);
    parsed.extensions = text;
    while (text.len > 0)
        TRY(take_line(&text, &line));
    *out_checkpoint = parsed;
    return STATUS_OK;
}

enum status checkpoint_format(struct arena *arena, const struct checkpoint *checkpoint, struct bytes *out_text) {
    struct checkpoint read_back;
    const char *root = text_base64(arena, hash_bytes(&checkpoint->root));
    ENSURE(root, STATUS_MEMORY);
    const char *text =
        arena_printf(arena, "%.*s\n%" PRIu64 "\n%s\n%.*s", (int)checkpoint->origin.len,
                     (const char *)checkpoint->origin.data, checkpoint->size, root, (int)checkpoint->extensions.len,
                     checkpoint->extensions.len > 0 ? (const char *)checkpoint->extensions.data : "");
    ENSURE(text, STATUS_MEMORY);
    TRY(checkpoint_parse(bytes_text(text), &read_back));
    ENSURE(bytes_equal(read_back.origin, checkpoint->origin), STATUS_MALFORMED);
    *out_text = bytes_text(text);
    return STATUS_OK;
}

enum status checkpoint_open(struct arena *arena, struct bytes signed_note, const struct note_key *keys,
                            size_t key_count, struct checkpoint *out_checkpoint, struct note_result *out_results) {
    struct note note;
    struct checkpoint parsed;
    ENSURE(key_count > 0 && keys[0].type == NOTE_ED25519, STATUS_SIGNATURE);
    struct note_result *results = ARENA_ARRAY(arena, struct note_result, key_count);
    ENSURE(results, STATUS_MEMORY);
    TRY(note_parse(arena, signed_note, &note));
    TRY(note_verify(arena, &note, keys, key_count, results));
    ENSURE(results[0].verified, STATUS_SIGNATURE);
    TRY(checkpoint_parse(note.text, &parsed));
    ENSURE(bytes_equal(parsed.origin, keys[0].name), STATUS_MALFORMED);
    *out_checkpoint = parsed;
    memcpy(out_results, results, key_count * sizeof *results);
    return STATUS_OK;
}

enum status checkpoint_sign(struct arena *arena, const struct checkpoint *checkpoint, const struct sign_private *key,
                            struct bytes *out_note) {
    struct bytes text;
    struct bytes line;
    TRY(checkpoint_format(arena, checkpoint, &text));
    TRY(note_sign(arena, checkpoint->origin, key, text, &line));
    return note_build(arena, text, &line, 1, out_note);
}
