/*
 * Headers of fragments. The signature covers the header's bytes, the header the core's: both are kept exact.
 */
#include "proto/fragment_header.h"

#include "object.pb-c.h"
#include "proto/codec_table.h"

static const struct codec_field core_rows[] = {
    CODEC_ROW_VERSION(fragment_core),
    CODEC_ROW_FIXED(fragment_core, fragment),
    CODEC_ROW_U32(fragment_core, revision, 1, UINT32_MAX),
    CODEC_ROW_ABSENT_OR(fragment_core, replaces, HASH_BYTES),
    CODEC_ROW_FIXED(fragment_core, subject),
    CODEC_ROW_NAME(fragment_core, source, LIMIT_UNIT_BYTES, ids_is_unit),
    CODEC_ROW_ENUM(fragment_core, kind, enum kind, KIND_LAST),
    CODEC_ROW_U64(fragment_core, created_ms, 1, LIMIT_TIME_MS),
    CODEC_ROW_U64(fragment_core, expires_ms, 0, LIMIT_TIME_MS),
    CODEC_ROW_TEXT(fragment_core, media_type, 1, LIMIT_MEDIA_TYPE_BYTES),
    CODEC_ROW_U32(fragment_core, schema, 1, UINT32_MAX),
    CODEC_ROW_FIXED(fragment_core, random),
};
CODEC_DEFINE(fragment_header_core, "FragmentCore", fragment_core, sluss__fragment_core__descriptor, core_rows)

static const struct codec_field header_rows[] = {
    CODEC_ROW_BYTES(fragment_header, core, 1, LIMIT_CORE_BYTES),
    CODEC_ROW_U64(fragment_header, ciphertext_len, LIMIT_CIPHERTEXT_MIN_BYTES, LIMIT_CIPHERTEXT_BYTES),
    CODEC_ROW_FIXED(fragment_header, ciphertext_hash),
    CODEC_ROW_FIXED(fragment_header, commitment),
};
CODEC_DEFINE(fragment_header, "FragmentHeader", fragment_header, sluss__fragment_header__descriptor, header_rows)

enum status fragment_header_core_parse(struct arena *arena, struct bytes from, struct fragment_core *out) {
    struct fragment_core core = {0};
    TRY(codec_parse(&fragment_header_core_codec, arena, NULL, from, &core));
    ENSURE((core.revision == 1) == (core.replaces.len == 0), STATUS_MALFORMED);
    *out = core;
    return STATUS_OK;
}

/* Fills header, core and hash from the object that stands in *parts. */
static enum status fragment_header_parts(struct arena *arena, struct fragment_signed *parts) {
    TRY(fragment_header_parse(arena, parts->object.body, &parts->header));
    TRY(fragment_header_core_parse(arena, parts->header.core, &parts->core));
    parts->hash = signed_hash(&parts->object);
    return STATUS_OK;
}

enum status fragment_header_open(struct arena *arena, const char *federation, struct bytes whole,
                                 const struct sign_public *key, struct fragment_signed *out) {
    struct fragment_signed parts = {0};
    TRY(signed_parse(arena, whole, &parts.object));
    TRY(signed_verify(SIGNED_HEADER, federation, &parts.object, key));
    TRY(fragment_header_parts(arena, &parts));
    *out = parts;
    return STATUS_OK;
}

enum status fragment_header_split(struct arena *arena, struct bytes whole, struct fragment_signed *out) {
    struct fragment_signed parts = {0};
    TRY(signed_parse(arena, whole, &parts.object));
    TRY(fragment_header_parts(arena, &parts));
    *out = parts;
    return STATUS_OK;
}
