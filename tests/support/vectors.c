#include "support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

json_t *vectors_load(const char *name) {
    char path[4096];
    assert_true(snprintf(path, sizeof path, "%s/tests/vectors/%s", TEST_SOURCE_DIR, name) < (int)sizeof path);
    json_t *value = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    if (!value) fail_msg("cannot load %s", path);
    return value;
}

const char *vectors_text(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    if (!text) fail_msg("no text in %s", name);
    return text;
}

struct bytes vectors_hex(struct arena *arena, const json_t *object, const char *name) {
    struct bytes out = BYTES_EMPTY;
    enum status status = text_from_hex(arena, bytes_text(vectors_text(object, name)), &out);
    if (status != STATUS_OK) fail_msg("no hex in %s", name);
    return out;
}

void vectors_copy(struct arena *arena, const json_t *object, const char *name, void *out, size_t len) {
    struct bytes from = vectors_hex(arena, object, name);
    if (from.len != len) fail_msg("%s has %zu bytes", name, from.len);
    memcpy(out, from.data, len);
}

struct secret *vectors_secret(struct arena *arena, const json_t *object, const char *name) {
    struct secret *secret = secret_from(vectors_hex(arena, object, name));
    assert_non_null(secret);
    return secret;
}

size_t vectors_number(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    if (!json_is_integer(value)) fail_msg("no number in %s", name);
    return (size_t)json_integer_value(value);
}
