/*
 * tlog-proof texts. Owns nothing; trusts a proof only after tlog_proof_verify.
 */
#include "proto/tlog_proof.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define FIRST_LINE      "c2sp.org/tlog-proof@v1\n"
#define HASH_LINE_BYTES 45

/* Takes a line with its newline; what is returned is without. */
static enum status take_line(struct bytes *rest, struct bytes *out_line) {
    const uint8_t *end = rest->len > 0 ? memchr(rest->data, '\n', rest->len) : NULL;
    ENSURE(end, STATUS_MALFORMED);
    size_t len = (size_t)(end - rest->data);
    *out_line = BYTES(rest->data, len);
    *rest = BYTES(rest->data + len + 1, rest->len - len - 1);
    return STATUS_OK;
}

static bool take_prefix(struct bytes *text, const char *prefix) {
    size_t len = strlen(prefix);
    if (text->len < len || memcmp(text->data, prefix, len) != 0) return false;
    *text = BYTES(text->data + len, text->len - len);
    return true;
}

static enum status parse_extra(struct arena *arena, struct bytes encoded, struct bytes *out_extra) {
    TRY(text_from_base64(arena, encoded, out_extra));
    /* Without extra data the line is left out. */
    ENSURE(out_extra->len > 0, STATUS_MALFORMED);
    return STATUS_OK;
}

/* Hash lines up to and with the empty line. */
static enum status parse_hashes(struct bytes *rest, struct merkle_proof *proof) {
    struct bytes line;
    for (;;) {
        TRY(take_line(rest, &line));
        if (line.len == 0) return STATUS_OK;
        ENSURE(proof->count < MERKLE_PROOF_MAX, STATUS_TOO_LARGE);
        TRY(text_fixed_base64(line, proof->hashes[proof->count].b, HASH_BYTES));
        proof->count++;
    }
}

enum status tlog_proof_parse(struct arena *arena, struct bytes text, struct tlog_proof *out_proof) {
    struct tlog_proof parsed = {.extra = BYTES_EMPTY};
    struct bytes line;
    ENSURE(text.len <= LIMIT_RECEIPT_BYTES, STATUS_TOO_LARGE);
    ENSURE(take_prefix(&text, FIRST_LINE), STATUS_VERSION);
    TRY(take_line(&text, &line));
    if (take_prefix(&line, "extra ")) {
        TRY(parse_extra(arena, line, &parsed.extra));
        TRY(take_line(&text, &line));
    }
    ENSURE(take_prefix(&line, "index "), STATUS_MALFORMED);
    TRY(text_to_u64(line, &parsed.index));
    TRY(parse_hashes(&text, &parsed.proof));
    ENSURE(text.len > 0, STATUS_MALFORMED);
    parsed.checkpoint = text;
    *out_proof = parsed;
    return STATUS_OK;
}

static enum status write_hashes(struct arena *arena, const struct merkle_proof *proof, struct writer *writer) {
    for (size_t i = 0; i < proof->count; i++) {
        const char *line = text_base64(arena, hash_bytes(&proof->hashes[i]));
        ENSURE(line, STATUS_MEMORY);
        writer_put(writer, bytes_text(line));
        writer_u8(writer, '\n');
    }
    return STATUS_OK;
}

enum status tlog_proof_format(struct arena *arena, const struct tlog_proof *proof, struct bytes *out_text) {
    char index[32];
    int index_len = snprintf(index, sizeof index, "index %" PRIu64 "\n", proof->index);
    ENSURE(proof->extra.len <= LIMIT_RECEIPT_BYTES && proof->checkpoint.len <= LIMIT_RECEIPT_BYTES, STATUS_TOO_LARGE);
    const char *extra = text_base64(arena, proof->extra);
    ENSURE(extra, STATUS_MEMORY);
    size_t cap = strlen(FIRST_LINE) + strlen("extra \n") + strlen(extra) + sizeof index +
                 proof->proof.count * HASH_LINE_BYTES + 1 + proof->checkpoint.len;
    uint8_t *memory = arena_alloc(arena, cap);
    ENSURE(memory, STATUS_MEMORY);
    struct writer writer = writer_init(memory, cap);
    writer_put(&writer, bytes_text(FIRST_LINE));
    if (proof->extra.len > 0) {
        writer_put(&writer, bytes_text("extra "));
        writer_put(&writer, bytes_text(extra));
        writer_u8(&writer, '\n');
    }
    writer_put(&writer, BYTES(index, (size_t)index_len));
    TRY(write_hashes(arena, &proof->proof, &writer));
    writer_u8(&writer, '\n');
    writer_put(&writer, proof->checkpoint);
    ENSURE(writer.len <= LIMIT_RECEIPT_BYTES, STATUS_TOO_LARGE);
    return writer_end(&writer, out_text);
}

enum status tlog_proof_verify(struct arena *arena, const struct tlog_proof *proof, const struct hash *leaf,
                              const struct note_key *keys, size_t key_count, struct checkpoint *out_checkpoint,
                              struct note_result *out_results) {
    struct checkpoint checkpoint;
    struct note_result *results = ARENA_ARRAY(arena, struct note_result, key_count);
    ENSURE(results, STATUS_MEMORY);
    TRY(checkpoint_open(arena, proof->checkpoint, keys, key_count, &checkpoint, results));
    TRY(merkle_check_inclusion(proof->index, checkpoint.size, leaf, proof->proof.hashes, proof->proof.count,
                               &checkpoint.root));
    *out_checkpoint = checkpoint;
    memcpy(out_results, results, key_count * sizeof *results);
    return STATUS_OK;
}
