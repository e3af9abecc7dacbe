/*
 * Owns the text form of a path: RFC 6901, sections 3 and 5 ('~' is written ~0, '/' is written ~1).
 */
#include "proto/schema/schema_path.h"

#include <string.h>

static size_t path_escaped_len(const char *key) {
    size_t len = 0;
    for (; *key; key++)
        len += *key == '~' || *key == '/' ? 2 : 1;
    return len;
}

static char *path_escape(char *at, const char *key) {
    for (; *key; key++) {
        if (*key == '~' || *key == '/') {
            *at++ = '~';
            *at++ = *key == '~' ? '0' : '1';
        } else {
            *at++ = *key;
        }
    }
    return at;
}

static const char *path_step(struct arena *arena, const struct schema_path *path) {
    if (!path->key) return arena_printf(arena, "/%zu", path->index);
    char *text = arena_alloc(arena, path_escaped_len(path->key) + 2);
    if (!text) return NULL;
    text[0] = '/';
    *path_escape(text + 1, path->key) = '\0';
    return text;
}

const char *schema_path_text(struct arena *arena, const struct schema_path *path) {
    const char *text = "";
    for (; path && path->parent; path = path->parent) {
        const char *step = path_step(arena, path);
        if (!step) return NULL;
        text = arena_printf(arena, "%s%s", step, text);
        if (!text) return NULL;
    }
    return text;
}
