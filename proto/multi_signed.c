/*
 * Objects with several signatures. Invariant of every parsed or made object: key ids ascend without repeats, so that no
 * signature counts twice.
 */
#include "proto/multi_signed.h"

#include <string.h>

#include "object.pb-c.h"
#include "proto/codec.h"
#include "proto/codec_table.h"

static const struct codec_field signature_rows[] = {
    CODEC_ROW_FIXED(multi_signature, key_id),
    CODEC_ROW_FIXED(multi_signature, signature),
};
extern const struct codec multi_signature_codec;
CODEC_DEFINE(multi_signature, "Signature", multi_signature, sluss__signature__descriptor, signature_rows)

static const struct codec_field multi_signed_rows[] = {
    CODEC_ROW_BYTES(multi_signed, body, 1, LIMIT_MULTI_SIGNED_BODY_BYTES),
    CODEC_ROW_MESSAGES(multi_signed, signatures, multi_signature, multi_signature_codec, 1, LIMIT_SIGNATURES),
};
extern const struct codec multi_signed_codec;
CODEC_DEFINE(multi_signed, "MultiSigned", multi_signed, sluss__multi_signed__descriptor, multi_signed_rows)

static int multi_signed_order(const struct hash *a, const struct hash *b) {
    return bytes_compare(hash_bytes(a), hash_bytes(b));
}

enum status multi_signed_parse(struct arena *arena, struct bytes from, struct multi_signed *out) {
    struct multi_signed parsed = {0};
    TRY(codec_parse(&multi_signed_codec, arena, NULL, from, &parsed));
    for (size_t i = 1; i < parsed.n_signatures; i++) {
        ENSURE(multi_signed_order(&parsed.signatures[i - 1].key_id, &parsed.signatures[i].key_id) < 0,
               STATUS_MALFORMED);
    }
    parsed.whole = from;
    *out = parsed;
    return STATUS_OK;
}

static enum status multi_signed_sign(const char *label, const char *federation, struct bytes body,
                                     const struct sign_private *key, struct multi_signature *out_signature) {
    struct sign_public public = sign_public_of(key);
    out_signature->key_id = sign_key_id(federation, &public);
    return sign_framed(key, label, federation, body, &out_signature->signature);
}

enum status multi_signed_make(struct arena *arena, const char *label, const char *federation, struct bytes body,
                              const struct sign_private *key, struct bytes *out_whole) {
    struct multi_signature signature = {0};
    TRY(multi_signed_sign(label, federation, body, key, &signature));
    struct multi_signed object = {.body = body, .signatures = &signature, .n_signatures = 1};
    return codec_encode(&multi_signed_codec, arena, &object, out_whole);
}

enum status multi_signed_add(struct arena *arena, const char *label, const char *federation,
                             const struct multi_signed *object, const struct sign_private *key,
                             struct bytes *out_whole) {
    struct multi_signature added = {0};
    TRY(multi_signed_sign(label, federation, object->body, key, &added));
    size_t count = object->n_signatures;
    struct multi_signature *signatures = ARENA_ARRAY(arena, struct multi_signature, count + 1);
    ENSURE(signatures, STATUS_MEMORY);
    size_t before = 0;
    while (before < count && multi_signed_order(&object->signatures[before].key_id, &added.key_id) < 0) {
        before++;
    }
    ENSURE(before == count || !hash_equal(&object->signatures[before].key_id, &added.key_id), STATUS_CONFLICT);
    for (size_t i = 0; i < count; i++) {
        signatures[i < before ? i : i + 1] = object->signatures[i];
    }
    signatures[before] = added;
    struct multi_signed result = {.body = object->body, .signatures = signatures, .n_signatures = count + 1};
    return codec_encode(&multi_signed_codec, arena, &result, out_whole);
}

static const struct multi_signature *multi_signed_find(const struct multi_signed *object, const struct hash *key_id) {
    for (size_t i = 0; i < object->n_signatures; i++) {
        if (hash_equal(&object->signatures[i].key_id, key_id)) return &object->signatures[i];
    }
    return NULL;
}

/* Whether a key stands already before this place of the list. */
static bool multi_signed_repeated(const struct sign_public *keys, size_t at) {
    for (size_t i = 0; i < at; i++) {
        if (bytes_equal(BYTES_ARRAY(keys[i].b), BYTES_ARRAY(keys[at].b))) return true;
    }
    return false;
}

enum status multi_signed_verify_threshold(const char *label, const char *federation, const struct multi_signed *object,
                                          const struct sign_public *keys, size_t key_count, size_t threshold) {
    size_t good = 0;
    for (size_t i = 0; i < key_count; i++) {
        struct hash key_id = sign_key_id(federation, &keys[i]);
        const struct multi_signature *found = multi_signed_find(object, &key_id);
        if (!found || multi_signed_repeated(keys, i)) continue;
        TRY(sign_verify_framed(&keys[i], label, federation, object->body, &found->signature));
        good++;
    }
    ENSURE(threshold > 0 && good >= threshold, STATUS_SIGNATURE);
    return STATUS_OK;
}

struct hash multi_signed_hash(const struct multi_signed *object) {
    return hash_sha256(object->whole);
}
