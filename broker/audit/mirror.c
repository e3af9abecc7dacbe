/*
 * Files of a mirror, each with its bound. Owns nothing.
 */
#include "broker/audit/mirror.h"

#include <inttypes.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "keys/public.h"
#include "proto/checkpoint.h"
#include "proto/ids.h"

#define FEDERATION_BYTES_MAX ((size_t)16384)
/* 256 sealed openings of the largest size. */
#define OPENINGS_BYTES_MAX ((size_t)8 << 20)
/* 256 leaves with 64 grants of the largest size each, and room besides. */
#define EVIDENCE_BYTES_MAX ((size_t)96 << 20)

static enum status read_file(const struct mirror *mirror, const char *name, size_t max_bytes, struct arena *arena,
                             struct bytes *out_content) {
    const char *path = arena_printf(arena, "%s/%s", mirror->dir, name);
    ENSURE(path, STATUS_MEMORY);
    return file_read(path, max_bytes, arena, out_content);
}

/* ---- federation.json ---- */

static enum status parse_key(const json_t *value, struct sign_public *out_key) {
    const char *text = json_string_value(value);
    ENSURE(text, STATUS_MALFORMED);
    if (public_sign_parse(bytes_text(text), out_key) == STATUS_OK) return STATUS_OK;
    return text_fixed_base64url(bytes_text(text), out_key->b, sizeof out_key->b);
}

static enum status parse_authority(const json_t *object, struct mirror_federation *federation) {
    const json_t *list = json_object_get(object, "authority");
    uint64_t threshold = 0;
    ENSURE(json_is_array(list), STATUS_MALFORMED);
    size_t count = json_array_size(list);
    ENSURE(count > 0 && count <= LIMIT_AUTHORITY_KEYS, STATUS_MALFORMED);
    for (size_t i = 0; i < count; i++) {
        TRY(parse_key(json_array_get(list, i), &federation->authority[i]));
    }
    TRY(json_get_u64(object, "threshold", &threshold));
    ENSURE(threshold > 0 && threshold <= count, STATUS_MALFORMED);
    federation->n_authority = count;
    federation->threshold = (uint32_t)threshold;
    return STATUS_OK;
}

static enum status parse_names(struct arena *arena, const json_t *object, struct mirror_federation *federation) {
    const char *name = NULL;
    const char *vkey = NULL;
    TRY(json_get_text(object, "federation", &name));
    TRY(json_get_text(object, "log_vkey", &vkey));
    TRY(json_get_u64(object, "epoch", &federation->epoch));
    ENSURE(ids_is_federation(bytes_text(name)), STATUS_MALFORMED);
    federation->name = arena_string(arena, name);
    federation->log_vkey = arena_string(arena, vkey);
    ENSURE(federation->name && federation->log_vkey, STATUS_MEMORY);
    return STATUS_OK;
}

enum status mirror_federation_parse(struct arena *arena, struct bytes text, struct mirror_federation *out) {
    json_t *object CLEANUP(json_cleanup) = NULL;
    struct mirror_federation federation = {.n_authority = 0};
    TRY(json_read(text, FEDERATION_BYTES_MAX, &object));
    ENSURE(json_is_object(object), STATUS_MALFORMED);
    TRY(parse_names(arena, object, &federation));
    TRY(parse_authority(object, &federation));
    struct note_key key;
    TRY(mirror_log_key(arena, &federation, &key));
    *out = federation;
    return STATUS_OK;
}

enum status mirror_federation_read(const struct mirror *mirror, struct arena *arena, struct mirror_federation *out) {
    struct bytes text;
    TRY(read_file(mirror, "federation.json", FEDERATION_BYTES_MAX, arena, &text));
    return mirror_federation_parse(arena, text, out);
}

enum status mirror_log_key(struct arena *arena, const struct mirror_federation *federation, struct note_key *out_key) {
    struct note_key key;
    TRY(note_key_parse(bytes_text(federation->log_vkey), &key));
    const char *origin = checkpoint_origin(arena, federation->name, federation->epoch);
    ENSURE(origin, STATUS_MEMORY);
    ENSURE(key.type == NOTE_ED25519 && bytes_equal_text(key.name, origin), STATUS_MALFORMED);
    *out_key = key;
    return STATUS_OK;
}

/* ---- the log ---- */

enum status mirror_checkpoint(const struct mirror *mirror, struct arena *arena, struct bytes *out_note) {
    return read_file(mirror, "checkpoint", NOTE_BYTES_MAX, arena, out_note);
}

enum status mirror_tile(void *context, const struct tile *tile, struct arena *arena, struct bytes *out_content) {
    size_t max_bytes = tile->kind == TILE_HASHES ? TILE_BYTES : (size_t)TILE_WIDTH * (TILE_ENTRY_BYTES_MAX + 2);
    const char *name = tile_format(arena, tile);
    ENSURE(name, STATUS_MEMORY);
    enum status status = read_file(context, name, max_bytes, arena, out_content);
    /* Whatever stands there instead is no tile. */
    return status == STATUS_TOO_LARGE ? STATUS_MALFORMED : status;
}

enum status mirror_part_read(const struct mirror *mirror, enum mirror_part part, uint64_t number, struct arena *arena,
                             struct bytes *out_content) {
    bool openings = part == MIRROR_OPENINGS;
    const char *name = arena_printf(arena, "%s/%08" PRIu64, openings ? "openings" : "evidence", number);
    ENSURE(name, STATUS_MEMORY);
    return read_file(mirror, name, openings ? OPENINGS_BYTES_MAX : EVIDENCE_BYTES_MAX, arena, out_content);
}
