/*
 * Pages of a list: items in ascending order of a key, and a cursor that names the last one shown, so that a list that
 * changes meanwhile loses and repeats nothing that stayed. Pure.
 */
#ifndef AGENT_API_API_PAGE_H
#define AGENT_API_API_PAGE_H

#include <jansson.h>

#include "base/arena.h"
#include "base/status.h"

#define API_PAGE_DEFAULT 50
#define API_PAGE_MAX     200

/* {name: [...], "cursor"?}: at most limit items of the array after the cursor (NULL: from the first); cursor only
 * when there are more. The key of an item is its members key_a and key_b (may be NULL), both text. STATUS_INVALID when
 * the cursor is none of ours, STATUS_MEMORY, STATUS_MALFORMED when an item lacks its key. The caller owns *out. */
enum status api_page_make(struct arena *arena, const char *name, json_t *items, const char *key_a, const char *key_b,
                          size_t limit, const char *cursor, json_t **out);

#endif
