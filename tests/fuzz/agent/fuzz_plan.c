/*
 * Contents that other units wrote, of any shape: a list of {id, unit, revision, content}. The plan does not depend on
 * the order in which they come.
 */
#include <stdlib.h>

#include "agent/plan.h"
#include "base/json.h"

#define FRAGMENTS_MAX 32

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static struct plan_fragment read_fragment(const json_t *entry) {
    const char *unit = json_string_value(json_object_get(entry, "unit"));
    const char *id = json_string_value(json_object_get(entry, "id"));
    json_int_t revision = json_integer_value(json_object_get(entry, "revision"));
    return (struct plan_fragment){.content = json_object_get(entry, "content"),
                                  .unit = unit ? unit : "u",
                                  .id = id ? id : "i",
                                  .revision = (uint32_t)(revision & 0xFFFF),
                                  .state = PLAN_STATE_RELEASED};
}

static json_t *assemble(const struct plan_fragment *fragments, size_t count) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(4u << 20);
    struct plan_input input = {.fragments = fragments, .fragment_count = count};
    json_t *plan = NULL;
    if (!arena || plan_assemble(&input, arena, &plan) != STATUS_OK) abort();
    return plan;
}

/* Two entries of one unit, id and revision are the caller's mistake: either may stay. */
static bool is_distinct(const struct plan_fragment *fragments, size_t count, const struct plan_fragment *one) {
    for (size_t i = 0; i < count; i++)
        if (bytes_equal_text(bytes_text(fragments[i].id), one->id) && fragments[i].revision == one->revision &&
            bytes_equal_text(bytes_text(fragments[i].unit), one->unit))
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    json_t *list CLEANUP(json_cleanup) = NULL;
    if (json_read(BYTES(data, size), 1u << 20, &list) != STATUS_OK) return 0;
    struct plan_fragment fragments[FRAGMENTS_MAX];
    struct plan_fragment reversed[FRAGMENTS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(list) && count < FRAGMENTS_MAX; i++) {
        struct plan_fragment fragment = read_fragment(json_array_get(list, i));
        if (is_distinct(fragments, count, &fragment)) fragments[count++] = fragment;
    }
    for (size_t i = 0; i < count; i++)
        reversed[i] = fragments[count - 1 - i];
    json_t *one CLEANUP(json_cleanup) = assemble(fragments, count);
    json_t *other CLEANUP(json_cleanup) = assemble(reversed, count);
    if (json_equal(one, other) != 1) abort();
    return 0;
}
