/* Any bytes as the head of a request: refused with a code and a reason, or within the documented bounds. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/http_parse.h"
#include "base/http_route.h"

static const struct http_route routes[] = {
    {HTTP_GET, "/", NULL, NULL},
    {HTTP_POST, "/a/{id}", NULL, NULL},
    {HTTP_GET, "/a/{id}/b/{rest*}", NULL, NULL},
    {0},
};

/* What base/http_parse.h promises of an accepted head. */
static void check_head(const struct http_head *head, struct arena *arena) {
    if (head->segments_count == 0 || head->segments_count > HTTP_MAX_SEGMENTS) __builtin_trap();
    if (head->headers_count > HTTP_MAX_FIELDS || head->query_count > HTTP_MAX_PARAMETERS) __builtin_trap();
    size_t framing_fields = 0;
    for (size_t i = 0; i < head->headers_count; i++) {
        const char *name = head->headers[i].name;
        if (strpbrk(head->headers[i].value, "\r\n")) __builtin_trap();
        framing_fields += strcmp(name, "content-length") == 0 || strcmp(name, "transfer-encoding") == 0;
    }
    if (framing_fields > 1) __builtin_trap();
    for (size_t i = 0; i < head->segments_count; i++) {
        if (strcmp(head->segments[i], "..") == 0 || strchr(head->segments[i], '/')) __builtin_trap();
    }
    struct http_match match;
    const char *allow = NULL;
    if (http_route_find(routes, head, arena, &match, &allow) == STATUS_UNSUPPORTED && !allow) __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena = arena_new(1 << 20);
    struct http_head head;
    struct http_refusal refusal = {0, NULL};
    size_t len = 0;
    uint64_t chunk = 0;
    if (http_parse_head(BYTES(data, size), arena, &head, &refusal) == STATUS_OK) {
        check_head(&head, arena);
    } else if (refusal.code < 400 || !refusal.detail) {
        __builtin_trap();
    }
    if (http_parse_find_end(BYTES(data, size), 0, &len) == STATUS_OK && len > size) __builtin_trap();
    if (http_parse_chunk_size(BYTES(data, size), &chunk) == STATUS_OK && chunk > UINT32_MAX) __builtin_trap();
    arena_free(arena);
    return 0;
}
