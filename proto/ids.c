/*
 * Identifiers and the forms of names. Pure but for ids_random.
 */
#include "proto/ids.h"

#include <string.h>

#include "base/secret.h"
#include "base/text.h"
#include "proto/limits.h"

struct id16 ids_random(void) {
    struct id16 id;
    secret_random_public(id.b, sizeof id.b);
    return id;
}

struct bytes ids_bytes(const struct id16 *id) {
    return BYTES_ARRAY(id->b);
}

bool ids_equal(const struct id16 *a, const struct id16 *b) { return memcmp(a->b, b->b, sizeof a->b) == 0; }

bool ids_is_zero(const struct id16 *id) {
    static const struct id16 zero;
    return ids_equal(id, &zero);
}

enum status ids_from_bytes(struct bytes from, struct id16 *out_id) {
    ENSURE(from.len == IDS_ID16_BYTES, STATUS_MALFORMED);
    memcpy(out_id->b, from.data, sizeof out_id->b);
    return STATUS_OK;
}

const char *ids_text(struct arena *arena, const struct id16 *id) { return text_base64url(arena, ids_bytes(id)); }

enum status ids_from_text(struct bytes text, struct id16 *out_id) {
    return text_fixed_base64url(text, out_id->b, sizeof out_id->b);
}

static bool ids_is_digit(uint8_t c) { return c >= '0' && c <= '9'; }
static bool ids_is_word(uint8_t c) { return (c >= 'a' && c <= 'z') || ids_is_digit(c); }

/* Letters a-z, digits, and one further character. */
static bool ids_all_words(struct bytes text, uint8_t further) {
    for (size_t i = 0; i < text.len; i++) {
        if (!ids_is_word(text.data[i]) && text.data[i] != further) return false;
    }
    return true;
}

bool ids_is_federation(struct bytes text) {
    if (text.len == 0 || text.len > LIMIT_FEDERATION_BYTES) return false;
    size_t label = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c == '.' && label == 0) return false;
        if (c != '.' && c != '-' && !ids_is_word(c)) return false;
        label = c == '.' ? 0 : label + 1;
    }
    return label > 0;
}

/* A scheme of ISO 6523 with its colon, and how many digits a number has there. */
static bool ids_has_scheme(struct bytes text, const char *scheme, size_t digits) {
    size_t prefix = strlen(scheme);
    if (text.len != prefix + digits || memcmp(text.data, scheme, prefix) != 0) return false;
    for (size_t i = prefix; i < text.len; i++) {
        if (!ids_is_digit(text.data[i])) return false;
    }
    return true;
}

bool ids_is_member(struct bytes text) { return ids_has_scheme(text, "0007:", 10) || ids_has_scheme(text, "0192:", 9); }

static struct bytes ids_before_slash(struct bytes unit) {
    const uint8_t *slash = unit.len > 0 ? memchr(unit.data, '/', unit.len) : NULL;
    return BYTES(unit.data, slash ? (size_t)(slash - unit.data) : unit.len);
}

bool ids_is_unit(struct bytes text) {
    struct bytes member = ids_before_slash(text);
    if (member.len == text.len || !ids_is_member(member)) return false;
    struct bytes name = BYTES(text.data + member.len + 1, text.len - member.len - 1);
    return name.len > 0 && name.len <= LIMIT_UNIT_NAME_BYTES && ids_all_words(name, '-');
}

bool ids_is_code(struct bytes text) { return text.len > 0 && text.len <= LIMIT_CODE_BYTES && ids_all_words(text, '_'); }

struct bytes ids_member_of(const char *unit) {
    return ids_before_slash(bytes_text(unit));
}

const char *ids_member_text(struct arena *arena, const char *unit) {
    struct bytes member = ids_member_of(unit);
    return arena_printf(arena, "%.*s", (int)member.len, (const char *)member.data);
}

bool ids_unit_belongs(const char *unit, const char *member) {
    return ids_is_unit(bytes_text(unit)) && bytes_equal_text(ids_member_of(unit), member);
}
