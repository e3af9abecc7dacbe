/* JSON: what is accepted has one canonical form, and reading that form gives it again. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

enum { MAX_BYTES = 1 << 16 };

static void check_canonical(const json_t *value) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(16 * MAX_BYTES);
    const char *first = arena ? json_canonical(arena, value) : NULL;
    if (!first) return;
    json_t *again CLEANUP(json_cleanup) = NULL;
    if (json_read(bytes_text(first), SIZE_MAX, &again) != STATUS_OK) abort();
    const char *second = json_canonical(arena, again);
    if (second && strcmp(first, second) != 0) abort();
}

static void get_members(json_t *value) {
    static const char *const names[] = {"a", "b", NULL};
    uint8_t fixed[32];
    uint64_t number = 0;
    const char *text = NULL;
    IGNORE(json_only(value, names));
    IGNORE(json_get_text(value, "a", &text));
    IGNORE(json_opt_text(value, "b", &text));
    IGNORE(json_get_u64(value, "a", &number));
    IGNORE(json_get_fixed(value, "b", fixed, sizeof fixed));
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    json_t *value CLEANUP(json_cleanup) = NULL;
    if (json_read(BYTES(data, size), MAX_BYTES, &value) != STATUS_OK) return 0;
    check_canonical(value);
    get_members(value);
    return 0;
}
