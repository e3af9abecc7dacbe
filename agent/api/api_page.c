/* Pages of lists. The cursor is the text form of the last item's key; any such text is a valid one. */
#include "agent/api/api_page.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

struct item {
    const char *key;
    json_t *value;
};

static int compare_items(const void *a, const void *b) {
    return strcmp(((const struct item *)a)->key, ((const struct item *)b)->key);
}

static enum status sort_items(struct arena *arena, json_t *array, const char *key_a, const char *key_b,
                              struct item **out_items) {
    size_t count = json_array_size(array);
    struct item *items = ARENA_ARRAY(arena, struct item, count);
    ENSURE(items, STATUS_MEMORY);
    for (size_t i = 0; i < count; i++) {
        const char *first = NULL;
        const char *second = "";
        items[i].value = json_array_get(array, i);
        TRY(json_get_text(items[i].value, key_a, &first));
        if (key_b) TRY(json_get_text(items[i].value, key_b, &second));
        items[i].key = arena_printf(arena, "%s %s", first, second);
        ENSURE(items[i].key, STATUS_MEMORY);
    }
    qsort(items, count, sizeof *items, compare_items);
    *out_items = items;
    return STATUS_OK;
}

static enum status read_cursor(struct arena *arena, const char *cursor, const char **out_key) {
    struct bytes bytes;
    ENSURE(text_from_base64url(arena, bytes_text(cursor), &bytes) == STATUS_OK, STATUS_INVALID);
    ENSURE(arena_text(arena, bytes, out_key) == STATUS_OK, STATUS_INVALID);
    return STATUS_OK;
}

enum status api_page_make(struct arena *arena, const char *name, json_t *items, const char *key_a, const char *key_b,
                          size_t limit, const char *cursor, json_t **out) {
    struct item *sorted = NULL;
    const char *after = NULL;
    size_t count = json_array_size(items);
    TRY(sort_items(arena, items, key_a, key_b, &sorted));
    if (cursor) TRY(read_cursor(arena, cursor, &after));
    size_t first = 0;
    while (after && first < count && strcmp(sorted[first].key, after) <= 0) {
        first++;
    }
    size_t end = count - first > limit ? first + limit : count;
    json_t *list = json_array();
    json_t *page CLEANUP(json_cleanup) = json_pack("{s:o}", name, list);
    ENSURE(page, STATUS_MEMORY);
    for (size_t i = first; i < end; i++) {
        ENSURE(json_array_append(list, sorted[i].value) == 0, STATUS_MEMORY);
    }
    if (end < count) TRY(json_set_bytes(page, "cursor", bytes_text(sorted[end - 1].key)));
    *out = MOVE(page);
    return STATUS_OK;
}
