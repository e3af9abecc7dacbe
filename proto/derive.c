/*
 * Derivations by frames. Pure; holds nothing.
 */
#include "proto/derive.h"

#include <string.h>

#include "keys/frame.h"

static struct id16 derive_first16(struct hash hash) {
    struct id16 id;
    memcpy(id.b, hash.b, sizeof id.b);
    return id;
}

struct id16 derive_event_id(const char *federation, const char *sender, const struct id16 *message, uint32_t n) {
    struct frame frame;
    frame_init(&frame, "sluss event v1", federation);
    frame_put_text(&frame, sender);
    frame_put(&frame, ids_bytes(message));
    frame_put_u32(&frame, n);
    return derive_first16(frame_final(&frame));
}

struct hash derive_handle(const char *federation, uint32_t key_version, const struct voprf_output *output) {
    struct frame frame;
    frame_init(&frame, "sluss handle v1", federation);
    frame_put_u32(&frame, key_version);
    frame_put(&frame, BYTES_ARRAY(output->b));
    return frame_final(&frame);
}

struct hash derive_source_commitment(const char *federation, const char *unit, const struct hash *salt) {
    return FRAME_HASH("sluss source v1", federation, bytes_text(unit), hash_bytes(salt));
}

struct hash derive_code_hash(const char *federation, const struct id16 *code) {
    return FRAME_HASH("sluss code v1", federation, ids_bytes(code));
}

struct hash derive_leaf_commitment(const char *federation, const struct hash *nonce, struct bytes opening) {
    return FRAME_HASH("sluss leaf v1", federation, hash_bytes(nonce), opening);
}

struct hash derive_slot_commitment(const char *federation, const struct secret *slot_key) {
    return FRAME_HASH("sluss slot v1", federation, secret_bytes(slot_key));
}

struct id16 derive_subject_tag(const struct secret *slot_key, const struct id16 *event) {
    return derive_first16(hash_hmac_sha256(secret_bytes(slot_key), ids_bytes(event)));
}

static enum status derive_sealed_aad(struct arena *arena, const char *federation, const char *what, struct bytes which,
                                     struct bytes *out_aad) {
    const struct bytes fields[] = {bytes_text(what), which};
    return frame_encode("sluss sealed v1", federation, fields, 2, arena, out_aad);
}

enum status derive_opening_aad(struct arena *arena, const char *federation, const struct id16 *event,
                               struct bytes *out_aad) {
    return derive_sealed_aad(arena, federation, "opening", ids_bytes(event), out_aad);
}

enum status derive_evidence_aad(struct arena *arena, const char *federation, const struct hash *hash,
                                struct bytes *out_aad) {
    return derive_sealed_aad(arena, federation, "evidence", hash_bytes(hash), out_aad);
}

struct hash derive_enrolment_mac(const struct secret *code_secret, const char *federation,
                                 const struct sign_public *sign_key, const struct seal_public *read_key) {
    uint8_t memory[512];
    struct writer writer = writer_init(memory, sizeof memory);
    const struct bytes fields[] = {BYTES_ARRAY(sign_key->b), BYTES_ARRAY(read_key->b)};
    frame_write(&writer, "sluss enrol v1", federation, fields, 2);
    return hash_hmac_sha256(secret_bytes(code_secret), BYTES(memory, writer.len));
}
