/*
 * Settings: turns a schema table into libconfuse's options, lets libconfuse parse, checks each value while its line
 * number is known, and stores the values in the program's struct.
 *
 * Trusts: the table, which is part of the program. Does not trust: the file. libconfuse keeps its scanner in globals
 * and gives callbacks no argument, so one reading at a time stands in `current`; main thread only. libconfuse 3.3
 * counts a comment as three lines, lets the end of the file close a string, a later value silently replace an earlier
 * one, and puts environment variables into values; hence the scan before it and the mark on each option seen.
 */
#include "base/settings.h"

#include <confuse.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"

enum { SETTINGS_MAX_BYTES = 1 << 20 };

/* A bit of cfg_opt_t.flags that libconfuse does not use: a value stood in the file already. */
enum { OPTION_SEEN = 1 << 24 };

/* One call of settings_parse. */
struct reading {
    const char *path;
    const struct setting *table;
    struct arena *arena;
    char *error;
    size_t error_cap;
    enum status failed; /* first failure; error is written with it */
};

static struct reading *current;

static void cfg_cleanup(cfg_t **cfg) {
    if (*cfg) (void)cfg_free(*cfg);
}

/* Keeps the first sentence: later ones are mostly its consequences. */
static void reading_fail(struct reading *reading, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void reading_fail(struct reading *reading, enum status status, const char *format, ...) {
    if (reading->failed != STATUS_OK) return;
    reading->failed = status;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(reading->error, reading->error_cap, format, arguments);
    va_end(arguments);
}

static void fail_key(const cfg_t *cfg, const char *key, const char *what) {
    reading_fail(current, STATUS_SETTINGS, "%s:%d: key '%s': %s", current->path, cfg->line, key, what);
}

/* libconfuse's own complaints: syntax, unknown keys, repeated sections. */
__attribute__((format(printf, 2, 0))) static void on_error(cfg_t *cfg, const char *format, va_list arguments) {
    char text[256];
    (void)vsnprintf(text, sizeof text, format, arguments);
    char *key = strstr(text, "no such option '");
    if (key == text) {
        key += strlen("no such option '");
        key[strcspn(key, "'")] = '\0';
        fail_key(cfg, key, "is not known");
        return;
    }
    reading_fail(current, STATUS_SETTINGS, "%s:%d: %s", current->path, cfg->line, text);
}

static const struct setting *find_key(const struct setting *table, const char *key) {
    for (; table && table->key; table++) {
        if (strcmp(table->key, key) == 0) return table;
    }
    return NULL;
}

/* The table of a section, by the section's name; sections nest one level deep. */
static const struct setting *find_table(const cfg_t *cfg) {
    const struct setting *section = find_key(current->table, cfg->name);
    return section && section->type == SETTING_SECTION ? section->section : current->table;
}

static const char *check_integer(const struct setting *setting, const char *value, int64_t *out_integer) {
    const char *digits = *value == '-' ? value + 1 : value;
    if (*digits == '\0' || strspn(digits, "0123456789") != strlen(digits)) return "is not a whole number";
    errno = 0;
    int64_t integer = strtoll(value, NULL, 10);
    if (errno != 0) return "is out of range";
    if ((setting->min != 0 || setting->max != 0) && (integer < setting->min || integer > setting->max)) {
        const char *text = arena_printf(current->arena, "is out of range, accepted is %lld to %lld",
                                        (long long)setting->min, (long long)setting->max);
        return text ? text : "is out of range";
    }
    *out_integer = integer;
    return NULL;
}

static const char *check_bool(const char *value, bool *out_bool) {
    static const char *const names[] = {"false", "no", "off", "true", "yes", "on"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(value, names[i]) == 0) {
            *out_bool = i >= 3;
            return NULL;
        }
    }
    return "is neither true nor false";
}

static const char *check_text(const struct setting *setting, const char *value) {
    int64_t len = (int64_t)strlen(value);
    if (!bytes_is_text(bytes_text(value))) return "holds control characters or is not UTF-8";
    if (setting->type == SETTING_PATH && len == 0) return "is an empty path";
    bool bounded = setting->type == SETTING_TEXT && setting->max > 0;
    if (bounded && len < setting->min) return "is too short";
    if (bounded && len > setting->max) return "is too long";
    return NULL;
}

/* NULL when the value fits, otherwise what is wrong with it. */
static const char *check_value(const struct setting *setting, const char *value) {
    int64_t integer;
    bool boolean;
    switch (setting->type) {
    case SETTING_INTEGER:
        return check_integer(setting, value, &integer);
    case SETTING_BOOL:
        return check_bool(value, &boolean);
    case SETTING_TEXT:
    case SETTING_PATH:
    case SETTING_LIST:
        return check_text(setting, value);
    case SETTING_SECTION:
        break;
    }
    return "is a section, not a value";
}

/* libconfuse asks for each value while the line is known. It would let a repeated key win silently. */
static int on_value(cfg_t *cfg, cfg_opt_t *option, const char *value, void *out_text) {
    const struct setting *setting = find_key(find_table(cfg), option->name);
    const char *wrong = setting ? check_value(setting, value) : "is not known";
    bool single = (option->flags & CFGF_LIST) == 0;
    if (single && (option->flags & OPTION_SEEN) != 0) wrong = "stands there twice";
    option->flags |= OPTION_SEEN;
    if (wrong) {
        fail_key(cfg, option->name, wrong);
        return -1;
    }
    *(const char **)out_text = value;
    return 0;
}

static size_t table_count(const struct setting *table) {
    size_t count = 0;
    while (table[count].key) {
        count++;
    }
    return count;
}

static enum status build_options(struct arena *arena, const struct setting *table, cfg_opt_t **out_options);

static enum status build_option(struct arena *arena, const struct setting *setting, cfg_opt_t *option) {
    if (setting->type == SETTING_SECTION) {
        cfg_opt_t *keys = NULL;
        TRY(build_options(arena, setting->section, &keys));
        *option =
            (cfg_opt_t)CFG_SEC((char *)(uintptr_t)setting->key, keys, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES);
        return STATUS_OK;
    }
    cfg_flag_t list = setting->type == SETTING_LIST ? CFGF_LIST : CFGF_NONE;
    *option = (cfg_opt_t)CFG_STR_CB(setting->key, NULL, CFGF_NODEFAULT | list, on_value);
    return STATUS_OK;
}

static enum status build_options(struct arena *arena, const struct setting *table, cfg_opt_t **out_options) {
    size_t count = table_count(table);
    cfg_opt_t *options = ARENA_ARRAY(arena, cfg_opt_t, count + 1);
    ENSURE(options, STATUS_MEMORY);
    for (size_t i = 0; i < count; i++) {
        TRY(build_option(arena, &table[i], &options[i]));
    }
    options[count] = (cfg_opt_t)CFG_END();
    *out_options = options;
    return STATUS_OK;
}

static enum status resolve_path(struct reading *reading, const char *value, const char **out_path) {
    const char *slash = strrchr(reading->path, '/');
    const char *path = *value == '/' || !slash ? arena_string(reading->arena, value)
                                               : arena_printf(reading->arena, "%.*s%s",
                                                              (int)(slash - reading->path + 1), reading->path, value);
    ENSURE(path, STATUS_MEMORY);
    *out_path = path;
    return STATUS_OK;
}

static enum status store_list(struct reading *reading, cfg_opt_t *option, struct setting_list *out_list) {
    unsigned count = cfg_opt_size(option);
    const char **items = ARENA_ARRAY(reading->arena, const char *, count);
    ENSURE(items, STATUS_MEMORY);
    for (unsigned i = 0; i < count; i++) {
        items[i] = arena_string(reading->arena, cfg_opt_getnstr(option, i));
        ENSURE(items[i], STATUS_MEMORY);
    }
    *out_list = (struct setting_list){items, count};
    return STATUS_OK;
}

static enum status store_text(struct reading *reading, const char *value, const char **out_text) {
    const char *text = arena_string(reading->arena, value);
    ENSURE(text, STATUS_MEMORY);
    *out_text = text;
    return STATUS_OK;
}

static enum status store_table(struct reading *reading, cfg_t *cfg, const struct setting *table, char *out);

static enum status store_sections(struct reading *reading, cfg_opt_t *option, const struct setting *setting,
                                  struct setting_sections *out_sections) {
    unsigned count = cfg_opt_size(option);
    char *items = arena_alloc_array(reading->arena, count, setting->section_size);
    ENSURE(items, STATUS_MEMORY);
    for (unsigned i = 0; i < count; i++) {
        cfg_t *section = cfg_opt_getnsec(option, i);
        char *item = items + i * setting->section_size;
        TRY(store_text(reading, cfg_title(section), (const char **)(void *)item));
        TRY(store_table(reading, section, setting->section, item));
    }
    *out_sections = (struct setting_sections){items, count};
    return STATUS_OK;
}

/* The value was checked while it was parsed. */
static enum status store_value(struct reading *reading, cfg_opt_t *option, const struct setting *setting, void *field) {
    const char *value = setting->type == SETTING_SECTION ? NULL : cfg_opt_getstr(option);
    switch (setting->type) {
    case SETTING_TEXT:
        return store_text(reading, value, field);
    case SETTING_PATH:
        return resolve_path(reading, value, field);
    case SETTING_INTEGER:
        (void)check_integer(setting, value, field);
        return STATUS_OK;
    case SETTING_BOOL:
        (void)check_bool(value, field);
        return STATUS_OK;
    case SETTING_LIST:
        return store_list(reading, option, field);
    case SETTING_SECTION:
        return store_sections(reading, option, setting, field);
    }
    return STATUS_SETTINGS;
}

/* A default is read as if it stood at the end of the file. */
static enum status apply_default(struct reading *reading, cfg_t *cfg, const struct setting *setting) {
    int line = cfg->line;
    const char *text = arena_printf(reading->arena, "%s = %s\n", setting->key, setting->default_text);
    ENSURE(text, STATUS_MEMORY);
    (void)cfg_parse_buf(cfg, text);
    cfg->line = line;
    return reading->failed;
}

static enum status store_table(struct reading *reading, cfg_t *cfg, const struct setting *table, char *out) {
    for (const struct setting *setting = table; setting->key; setting++) {
        cfg_opt_t *option = cfg_getopt(cfg, setting->key);
        bool absent = cfg_opt_size(option) == 0 && (option->flags & OPTION_SEEN) == 0;
        if (absent && setting->default_text) TRY(apply_default(reading, cfg, setting));
        if (cfg_opt_size(option) > 0) {
            TRY(store_value(reading, option, setting, out + setting->offset));
        } else if ((setting->flags & SETTING_REQUIRED) != 0) {
            fail_key(cfg, setting->key, "is missing");
            return STATUS_SETTINGS;
        }
    }
    return STATUS_OK;
}

static void fail_line(struct reading *reading, int line, const char *what) {
    reading_fail(reading, STATUS_SETTINGS, "%s:%d: %s", reading->path, line, what);
}

/* Bytes of a quoted string with its quotes; 0 when it is not closed. */
static size_t string_len(const char *at) {
    for (size_t i = 1; at[i] != '\0'; i++) {
        if (at[i] == at[0]) return i + 1;
        if (at[i] == '\\' && at[i + 1] != '\0') i++;
    }
    return 0;
}

static bool is_comment(const char *at, bool in_word) {
    return *at == '#' || (!in_word && at[0] == '/' && (at[1] == '/' || at[1] == '*'));
}

/* Bytes of a comment without the end of its line; 0 when it is not closed. */
static size_t comment_len(const char *at) {
    if (at[0] == '#' || at[1] == '/') return strcspn(at, "\n");
    const char *end = strstr(at + 2, "*/");
    return end ? (size_t)(end - at) + 2 : 0;
}

/* Makes blanks of len bytes but for the ends of lines. */
static void blank(char *at, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (at[i] != '\n') at[i] = ' ';
    }
}

static int count_lines(const char *at, size_t len) {
    int count = 0;
    for (size_t i = 0; i < len; i++) {
        if (at[i] == '\n') count++;
    }
    return count;
}

/* Takes comments out, and refuses what libconfuse would not. */
static enum status scan(struct reading *reading, char *text) {
    int line = 1;
    bool in_word = false;
    size_t len = 0;
    for (char *at = text; *at != '\0'; at += len) {
        const char *wrong = NULL;
        bool string = *at == '"' || *at == '\'';
        bool comment = is_comment(at, in_word);
        len = string ? string_len(at) : comment ? comment_len(at) : 1;
        if (len == 0) wrong = string ? "a string is not closed" : "a comment is not closed";
        if (!comment && len > 0 && memmem(at, len + 1, "${", 2)) wrong = "variables are not replaced here";
        if (wrong) {
            fail_line(reading, line, wrong);
            return reading->failed;
        }
        line += count_lines(at, len);
        in_word = !string && !comment && !strchr(" \t\r\n\f\v{}()=+,*", *at);
        if (comment) blank(at, len);
    }
    return STATUS_OK;
}

static enum status copy_text(struct reading *reading, struct bytes text, char **out_content) {
    ENSURE(text.len <= SETTINGS_MAX_BYTES, STATUS_TOO_LARGE);
    char *content = arena_alloc(reading->arena, text.len + 1);
    ENSURE(content, STATUS_MEMORY);
    if (text.len > 0) memcpy(content, text.data, text.len);
    if (strlen(content) != text.len) {
        fail_line(reading, 1 + count_lines(content, strlen(content)), "holds a NUL byte");
        return reading->failed;
    }
    *out_content = content;
    return STATUS_OK;
}

static enum status parse_with(struct reading *reading, struct bytes text, char *out) {
    char *content = NULL;
    cfg_opt_t *options = NULL;
    TRY(copy_text(reading, text, &content));
    TRY(scan(reading, content));
    TRY(build_options(reading->arena, reading->table, &options));
    cfg_t *cfg CLEANUP(cfg_cleanup) = cfg_init(options, CFGF_NONE);
    ENSURE(cfg, STATUS_MEMORY);
    (void)cfg_set_error_function(cfg, on_error);
    if (cfg_parse_buf(cfg, content) != CFG_SUCCESS) fail_line(reading, cfg->line, "cannot be parsed");
    TRY(reading->failed);
    return store_table(reading, cfg, reading->table, out);
}

enum status settings_parse(struct bytes text, const char *path, const struct setting *table, struct arena *arena,
                           void *out, char *error, size_t error_cap) {
    struct reading reading = {
        .path = path, .table = table, .arena = arena, .error = error, .error_cap = error_cap, .failed = STATUS_OK};
    current = &reading;
    enum status status = parse_with(&reading, text, out);
    current = NULL;
    if (status != STATUS_OK) reading_fail(&reading, status, "%s: %s", path, status_text(status));
    return status;
}

enum status settings_read(const char *path, const struct setting *table, struct arena *arena, void *out, char *error,
                          size_t error_cap) {
    struct bytes text;
    enum status status = file_read(path, SETTINGS_MAX_BYTES, arena, &text);
    if (status != STATUS_OK) {
        (void)snprintf(error, error_cap, "%s: %s", path, status_text(status));
        return status;
    }
    return settings_parse(text, path, table, arena, out, error, error_cap);
}

static void print_nature(FILE *to, const struct setting *setting) {
    static const char *const names[] = {"text", "path", "whole number", "true or false", "list of texts", "section"};
    (void)fprintf(to, "%s", names[setting->type]);
    bool bounded = setting->min != 0 || setting->max != 0;
    if (bounded && setting->type == SETTING_INTEGER) {
        (void)fprintf(to, ", %lld to %lld", (long long)setting->min, (long long)setting->max);
    }
    if ((setting->flags & SETTING_REQUIRED) != 0) (void)fprintf(to, ", required");
    if ((setting->flags & SETTING_RELOADABLE) != 0) (void)fprintf(to, ", read again on SIGHUP");
}

static void print_key(FILE *to, const struct setting *setting, const char *prefix) {
    (void)fprintf(to, "%s# %s (", prefix, setting->help ? setting->help : setting->key);
    print_nature(to, setting);
    (void)fprintf(to, ")\n");
    if (!setting->default_text) {
        (void)fprintf(to, "%s# %s = ...\n", prefix, setting->key);
    } else {
        (void)fprintf(to, "%s%s = %s\n", prefix, setting->key, setting->default_text);
    }
}

static void print_section(FILE *to, const struct setting *setting) {
    (void)fprintf(to, "# %s (section, may be repeated%s)\n# %s \"NAME\" {\n", setting->help ? setting->help : "",
                  (setting->flags & SETTING_REQUIRED) != 0 ? ", required" : "", setting->key);
    for (const struct setting *key = setting->section; key->key; key++) {
        print_key(to, key, "#     ");
    }
    (void)fprintf(to, "# }\n");
}

void settings_print_defaults(FILE *to, const struct setting *table) {
    for (const struct setting *setting = table; setting->key; setting++) {
        if (setting != table) (void)fprintf(to, "\n");
        if (setting->type == SETTING_SECTION) {
            print_section(to, setting);
        } else {
            print_key(to, setting, "");
        }
    }
}
