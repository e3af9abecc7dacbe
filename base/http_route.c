/*
 * Matching of paths against patterns, segment by segment, on decoded segments: an encoded slash was refused before
 * (base/http_parse.h), so no capture can hold what the pattern did not mean. Trusts the table.
 */
#include "base/http_route.h"

#include <stdbool.h>
#include <string.h>

/* The segment of a pattern at a position just behind a slash. */
struct pattern_segment {
    const char *text;
    size_t len;
};

static bool is_capture(struct pattern_segment segment) { return segment.len >= 3 && segment.text[0] == '{'; }

static bool is_rest(struct pattern_segment segment) {
    return is_capture(segment) && segment.text[segment.len - 2] == '*';
}

/* The next segment; false at the end of the pattern. */
static bool next_segment(const char **pattern, struct pattern_segment *out_segment) {
    if (**pattern != '/') return false;
    const char *text = *pattern + 1;
    size_t len = strcspn(text, "/");
    *out_segment = (struct pattern_segment){text, len};
    *pattern = text + len;
    return true;
}

static bool segment_fits(struct pattern_segment pattern, const char *segment) {
    if (is_capture(pattern)) return *segment != '\0';
    return strlen(segment) == pattern.len && memcmp(segment, pattern.text, pattern.len) == 0;
}

static bool pattern_fits(const char *pattern, const struct http_head *head) {
    struct pattern_segment segment;
    size_t i = 0;
    while (next_segment(&pattern, &segment)) {
        if (i == head->segments_count || !segment_fits(segment, head->segments[i])) return false;
        if (is_rest(segment)) return true;
        i++;
    }
    return i == head->segments_count;
}

static const char *join_rest(struct arena *arena, const struct http_head *head, size_t from) {
    const char *joined = head->segments[from];
    for (size_t i = from + 1; i < head->segments_count && joined; i++) {
        joined = arena_printf(arena, "%s/%s", joined, head->segments[i]);
    }
    return joined;
}

static enum status capture(struct arena *arena, const char *pattern, const struct http_head *head,
                           struct http_match *match) {
    match->captures = ARENA_ARRAY(arena, struct http_field, head->segments_count);
    ENSURE(match->captures, STATUS_MEMORY);
    struct pattern_segment segment;
    for (size_t i = 0; next_segment(&pattern, &segment); i++) {
        if (!is_capture(segment)) continue;
        bool rest = is_rest(segment);
        const char *name = arena_printf(arena, "%.*s", (int)segment.len - (rest ? 3 : 2), segment.text + 1);
        const char *value = rest ? join_rest(arena, head, i) : head->segments[i];
        ENSURE(name && value, STATUS_MEMORY);
        match->captures[match->captures_count++] = (struct http_field){name, value};
    }
    return STATUS_OK;
}

static enum status list_methods(struct arena *arena, unsigned methods, const char **out_allow) {
    const char *allow = "";
    for (int i = 0; i < HTTP_METHOD_COUNT; i++) {
        if ((methods & 1u << i) == 0) continue;
        allow = arena_printf(arena, "%s%s%s", allow, *allow ? ", " : "", http_parse_method_name((enum http_method)i));
        ENSURE(allow, STATUS_MEMORY);
    }
    *out_allow = allow;
    return STATUS_OK;
}

enum status http_route_find(const struct http_route *routes, const struct http_head *head, struct arena *arena,
                            struct http_match *out_match, const char **out_allow) {
    unsigned allowed = 0;
    for (const struct http_route *route = routes; route->pattern; route++) {
        if (!pattern_fits(route->pattern, head)) continue;
        unsigned methods = 1u << route->method;
        if (route->method == HTTP_GET) methods |= 1u << HTTP_HEAD;
        allowed |= methods;
        if ((methods & 1u << head->method) == 0) continue;
        struct http_match match = {.route = route};
        TRY(capture(arena, route->pattern, head, &match));
        *out_match = match;
        return STATUS_OK;
    }
    ENSURE(allowed != 0, STATUS_NOT_FOUND);
    TRY(list_methods(arena, allowed, out_allow));
    return STATUS_UNSUPPORTED;
}
