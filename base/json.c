/*
 * JSON at the boundary: bounds before jansson sees a byte, duplicates refused, no NUL in strings. Trusts jansson for
 * the grammar, UTF-8 and the range of numbers.
 */
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/cleanup.h"
#include "base/text.h"

enum { JSON_MAX_DEPTH = 32 };

/* Before main: jansson would otherwise seed its hash tables from /dev/urandom at first use, which the sandbox may
 * forbid by then, and fall back to the time, which a peer can guess. Zero would ask for just that. */
__attribute__((constructor)) static void json_seed(void) {
    size_t seed = 0;
    randombytes_buf(&seed, sizeof seed);
    json_object_seed(seed | 1);
}

void json_cleanup(json_t **value) { json_decref(*value); }

/* The index just after the string that starts before at; the length when it does not end. */
static size_t json_skip_string(struct bytes text, size_t at) {
    while (at < text.len && text.data[at] != '"') {
        at += text.data[at] == '\\' ? 2 : 1;
    }
    return at < text.len ? at + 1 : text.len;
}

/* Counts brackets outside strings, so that nesting is bounded before anything recurses over it. */
static enum status json_check_depth(struct bytes text) {
    unsigned depth = 0;
    size_t at = 0;
    while (at < text.len) {
        uint8_t byte = text.data[at++];
        if (byte == '"') at = json_skip_string(text, at);
        if (byte == '{' || byte == '[') depth++;
        if ((byte == '}' || byte == ']') && depth > 0) depth--;
        ENSURE(depth <= JSON_MAX_DEPTH, STATUS_TOO_LARGE);
    }
    return STATUS_OK;
}

enum status json_read(struct bytes text, size_t max_bytes, json_t **out) {
    ENSURE(text.len <= max_bytes, STATUS_TOO_LARGE);
    ENSURE(text.len > 0, STATUS_MALFORMED);
    TRY(json_check_depth(text));
    json_error_t error;
    json_t *value = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &error);
    if (!value) return json_error_code(&error) == json_error_out_of_memory ? STATUS_MEMORY : STATUS_MALFORMED;
    *out = value;
    return STATUS_OK;
}

static const char *json_print(struct arena *arena, const json_t *value, size_t flags) {
    char *text CLEANUP(cleanup_free) = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | flags);
    return text ? arena_string(arena, text) : NULL;
}

const char *json_canonical(struct arena *arena, const json_t *value) {
    return json_print(arena, value, JSON_SORT_KEYS);
}

const char *json_compact(struct arena *arena, const json_t *value) { return json_print(arena, value, 0); }

static bool json_name_is_listed(const char *name, const char *const *names) {
    for (; *names; names++) {
        if (strcmp(name, *names) == 0) return true;
    }
    return false;
}

enum status json_only(const json_t *object, const char *const *names) {
    ENSURE(json_is_object(object), STATUS_MALFORMED);
    /* jansson's iterators take a json_t * but do not change it. */
    json_t *members = (json_t *)(uintptr_t)object;
    for (void *iter = json_object_iter(members); iter; iter = json_object_iter_next(members, iter)) {
        ENSURE(json_name_is_listed(json_object_iter_key(iter), names), STATUS_MALFORMED);
    }
    return STATUS_OK;
}

enum status json_get_text(const json_t *object, const char *name, const char **out_text) {
    const char *text = json_string_value(json_object_get(object, name));
    ENSURE(text, STATUS_MALFORMED);
    *out_text = text;
    return STATUS_OK;
}

enum status json_get_u64(const json_t *object, const char *name, uint64_t *out_value) {
    const json_t *member = json_object_get(object, name);
    ENSURE(json_is_integer(member), STATUS_MALFORMED);
    json_int_t value = json_integer_value(member);
    ENSURE(value >= 0, STATUS_MALFORMED);
    *out_value = (uint64_t)value;
    return STATUS_OK;
}

enum status json_get_fixed(const json_t *object, const char *name, void *out, size_t len) {
    const json_t *member = json_object_get(object, name);
    ENSURE(json_is_string(member), STATUS_MALFORMED);
    return text_fixed_base64url(BYTES(json_string_value(member), json_string_length(member)), out, len);
}

enum status json_opt_text(const json_t *object, const char *name, const char **out_text) {
    ENSURE(json_is_object(object), STATUS_MALFORMED);
    if (json_object_get(object, name)) return json_get_text(object, name, out_text);
    *out_text = NULL;
    return STATUS_OK;
}

enum status json_set_bytes(json_t *object, const char *name, struct bytes value) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(value.len / 3 * 4 + 8);
    ENSURE(arena, STATUS_MEMORY);
    const char *text = text_base64url(arena, value);
    ENSURE(text, STATUS_MEMORY);
    ENSURE(json_object_set_new(object, name, json_string(text)) == 0, STATUS_MEMORY);
    return STATUS_OK;
}
