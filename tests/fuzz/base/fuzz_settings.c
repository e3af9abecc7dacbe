/* Any bytes as a settings file: a verdict, never a crash or a leak. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/settings.h"

struct entry {
    const char *name;
    int64_t port;
};

struct program {
    const char *text;
    const char *path;
    int64_t number;
    bool truth;
    struct setting_list list;
    struct setting_sections entries;
};

static const struct setting entry_table[] = {
    {.key = "port", .type = SETTING_INTEGER, .offset = offsetof(struct entry, port), .min = 1, .max = 65535},
    {0},
};

static const struct setting table[] = {
    {.key = "text", .type = SETTING_TEXT, .offset = offsetof(struct program, text), .default_text = "abc"},
    {.key = "path", .type = SETTING_PATH, .offset = offsetof(struct program, path)},
    {.key = "number", .type = SETTING_INTEGER, .offset = offsetof(struct program, number), .default_text = "1"},
    {.key = "truth", .type = SETTING_BOOL, .offset = offsetof(struct program, truth), .default_text = "yes"},
    {.key = "list", .type = SETTING_LIST, .offset = offsetof(struct program, list)},
    {.key = "entry",
     .type = SETTING_SECTION,
     .offset = offsetof(struct program, entries),
     .section = entry_table,
     .section_size = sizeof(struct entry)},
    {0},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena = arena_new(1 << 20);
    struct program program = {0};
    char error[64];
    enum status status =
        settings_parse(BYTES(data, size), "dir/fuzz.conf", table, arena, &program, error, sizeof error);
    if (status != STATUS_OK && memchr(error, '\0', sizeof error) == NULL) __builtin_trap();
    arena_free(arena);
    return 0;
}
