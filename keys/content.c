/*
 * Owns nothing. Trusts OpenSSL's AES-GCM and keys/hash.c. Invariants: one key, one content, so that counters never
 * repeat a nonce; the last flag stands in the nonce, so that a cut content does not open; nothing is decrypted before
 * the key has been found to be the one committed to.
 */
#include "keys/content.h"

#include "base/checked.h"
#include "keys/frame.h"
#include "keys/gcm.h"

#define SEALED_SEGMENT_BYTES (CONTENT_SEGMENT_BYTES + CONTENT_TAG_BYTES)

enum status content_derive_key(const struct secret *subject_key, const char *federation, struct bytes fragment_id,
                               uint32_t revision, struct bytes random, struct secret **out_key) {
    ENSURE(secret_len(subject_key) == CONTENT_KEY_BYTES, STATUS_MALFORMED);
    ENSURE(fragment_id.len == CONTENT_ID_BYTES && random.len == CONTENT_RANDOM_BYTES, STATUS_MALFORMED);
    uint8_t number[4];
    struct writer number_writer = writer_init(number, sizeof number);
    writer_u32(&number_writer, revision);
    uint8_t memory[512];
    const struct bytes fields[] = {fragment_id, BYTES_ARRAY(number), random};
    struct writer writer = writer_init(memory, sizeof memory);
    frame_write(&writer, "sluss content v1", federation, fields, 3);
    struct bytes info;
    TRY(writer_end(&writer, &info));
    return hash_hkdf_sha256(secret_bytes(subject_key), bytes_text(federation), info, CONTENT_KEY_BYTES, out_key);
}

struct hash content_commitment(const char *federation, const struct secret *key) {
    return FRAME_HASH("sluss commit v1", federation, secret_bytes(key));
}

static struct hash content_aad(const char *federation, struct bytes core) {
    return FRAME_HASH("sluss content aad v1", federation, core);
}

static size_t segment_count(size_t len, size_t segment_len) {
    size_t count = len / segment_len;
    return len % segment_len != 0 || count == 0 ? count + 1 : count;
}

enum status content_sealed_len(size_t plain_len, size_t *out_len) {
    size_t count = segment_count(plain_len, CONTENT_SEGMENT_BYTES);
    ENSURE(count <= UINT32_MAX, STATUS_TOO_LARGE);
    return checked_add_size(plain_len, count * CONTENT_TAG_BYTES, out_len);
}

/* One pass over the segments, in either direction. */
struct pass {
    struct gcm gcm;
    struct hash aad;
    uint32_t counter;
};

static void pass_clear(struct pass *pass) { gcm_clear(&pass->gcm); }

static enum status pass_init(struct pass *pass, enum gcm_direction direction, const struct secret *key,
                             const char *federation, struct bytes core) {
    ENSURE(secret_len(key) == CONTENT_KEY_BYTES, STATUS_MALFORMED);
    pass->aad = content_aad(federation, core);
    return gcm_init(&pass->gcm, direction, secret_bytes(key).data);
}

static enum status pass_segment(struct pass *pass, struct bytes segment, uint8_t last, uint8_t *out) {
    uint32_t counter = pass->counter++;
    const uint8_t nonce[GCM_NONCE_BYTES] = {
        [7] = (uint8_t)(counter >> 24), (uint8_t)(counter >> 16), (uint8_t)(counter >> 8), (uint8_t)counter, last};
    if (pass->gcm.direction == GCM_SEAL) return gcm_seal(&pass->gcm, nonce, hash_bytes(&pass->aad), segment, out);
    return gcm_open(&pass->gcm, nonce, hash_bytes(&pass->aad), segment, out);
}

/* Takes segments of in_len bytes to pieces of out_len; the last one is shorter by as much on both sides. */
static enum status pass_run(struct pass *pass, struct bytes from, size_t in_len, size_t out_len, uint8_t *out) {
    while (from.len > in_len) {
        TRY(pass_segment(pass, BYTES(from.data, in_len), 0, out));
        from = BYTES(from.data + in_len, from.len - in_len);
        out += out_len;
    }
    return pass_segment(pass, from, 1, out);
}

enum status content_seal(const struct secret *key, const char *federation, struct bytes core, struct bytes plaintext,
                         struct arena *arena, struct bytes *out_sealed) {
    size_t len = 0;
    TRY(content_sealed_len(plaintext.len, &len));
    uint8_t *memory = arena_alloc(arena, len);
    ENSURE(memory, STATUS_MEMORY);
    struct pass pass CLEANUP(pass_clear) = {0};
    TRY(pass_init(&pass, GCM_SEAL, key, federation, core));
    TRY(pass_run(&pass, plaintext, CONTENT_SEGMENT_BYTES, SEALED_SEGMENT_BYTES, memory));
    *out_sealed = BYTES(memory, len);
    return STATUS_OK;
}

/* The plaintext's length, for a sealed length that some content has. */
static enum status plain_len_of(size_t sealed_len, size_t *out_len) {
    size_t count = segment_count(sealed_len, SEALED_SEGMENT_BYTES);
    size_t last_len = sealed_len - (count - 1) * SEALED_SEGMENT_BYTES;
    ENSURE(count <= UINT32_MAX, STATUS_TOO_LARGE);
    ENSURE(last_len > CONTENT_TAG_BYTES || (last_len == CONTENT_TAG_BYTES && count == 1), STATUS_MALFORMED);
    *out_len = sealed_len - count * CONTENT_TAG_BYTES;
    return STATUS_OK;
}

enum status content_open(const struct secret *key, const char *federation, const struct hash *commitment,
                         struct bytes core, struct bytes sealed, size_t max_bytes, struct arena *arena,
                         struct bytes *out_plaintext) {
    struct hash own = content_commitment(federation, key);
    ENSURE(hash_equal(&own, commitment), STATUS_PROOF);
    size_t len = 0;
    TRY(plain_len_of(sealed.len, &len));
    ENSURE(len <= max_bytes, STATUS_TOO_LARGE);
    uint8_t *memory = arena_alloc(arena, len);
    ENSURE(memory, STATUS_MEMORY);
    struct pass pass CLEANUP(pass_clear) = {0};
    TRY(pass_init(&pass, GCM_OPEN, key, federation, core));
    enum status status = pass_run(&pass, sealed, SEALED_SEGMENT_BYTES, CONTENT_SEGMENT_BYTES, memory);
    if (status != STATUS_OK) {
        secret_wipe(memory, len > 0 ? len : 1);
        return status;
    }
    *out_plaintext = BYTES(memory, len);
    return STATUS_OK;
}
