/*
 * Signed objects. Trusts nothing that was parsed; the body is not looked at here.
 */
#include "proto/signed.h"

#include "object.pb-c.h"
#include "proto/codec_table.h"

static const struct codec_field signed_rows[] = {
    CODEC_ROW_BYTES(signed_object, body, 1, LIMIT_SIGNED_BODY_BYTES),
    CODEC_ROW_FIXED(signed_object, key_id),
    CODEC_ROW_FIXED(signed_object, signature),
};
CODEC_DEFINE(signed_object, "Signed", signed_object, sluss__signed__descriptor, signed_rows)

enum status signed_parse(struct arena *arena, struct bytes from, struct signed_object *out) {
    TRY(codec_parse(&signed_object_codec, arena, NULL, from, out));
    out->whole = from;
    return STATUS_OK;
}

enum status signed_make(struct arena *arena, const char *label, const char *federation, struct bytes body,
                        const struct sign_private *key, struct bytes *out_whole) {
    struct sign_public public = sign_public_of(key);
    struct signed_object object = {.body = body, .key_id = sign_key_id(federation, &public)};
    TRY(sign_framed(key, label, federation, body, &object.signature));
    return codec_encode(&signed_object_codec, arena, &object, out_whole);
}

enum status signed_verify(const char *label, const char *federation, const struct signed_object *object,
                          const struct sign_public *key) {
    struct hash key_id = sign_key_id(federation, key);
    ENSURE(hash_equal(&key_id, &object->key_id), STATUS_SIGNATURE);
    return sign_verify_framed(key, label, federation, object->body, &object->signature);
}

struct hash signed_hash(const struct signed_object *object) {
    return hash_sha256(object->whole);
}

/* Fields stand in ascending order with shortest lengths: an encoding ends with 12 20 key id, 1a 40 signature. */
enum status signed_key_id(struct bytes whole, struct hash *out_key_id) {
    enum { KEY_ID_FIELD = 0x12, SIGNATURE_FIELD = 0x1a, SIGNATURE = 64, TAIL = 2 + HASH_BYTES + 2 + SIGNATURE };
    ENSURE(whole.len > TAIL, STATUS_MALFORMED);
    struct reader reader = reader_init(BYTES(whole.data + whole.len - TAIL, TAIL));
    ENSURE(reader_u8(&reader) == KEY_ID_FIELD && reader_u8(&reader) == HASH_BYTES, STATUS_MALFORMED);
    struct bytes key_id = reader_take(&reader, HASH_BYTES);
    ENSURE(reader_u8(&reader) == SIGNATURE_FIELD && reader_u8(&reader) == SIGNATURE, STATUS_MALFORMED);
    return hash_from_bytes(key_id, out_key_id);
}
