/*
 * Settings files in libconfuse's form, driven by one schema table a program. The table gives parsing, --check,
 * --print-defaults and the table in the manual page. An error names file, line and key. Secrets never stand in a
 * settings file, only paths of files or credentials.
 */
#ifndef BASE_SETTINGS_H
#define BASE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"

enum setting_type {
    SETTING_TEXT,    /* const char *, NULL when optional and absent; UTF-8 without control characters */
    SETTING_PATH,    /* const char *; relative paths are taken from the settings file's directory */
    SETTING_INTEGER, /* int64_t within [min, max], decimal */
    SETTING_BOOL,    /* bool */
    SETTING_LIST,    /* struct setting_list of texts */
    SETTING_SECTION, /* repeated, titled: struct setting_sections, each a zeroed struct of section_size bytes */
};

enum setting_flag {
    SETTING_REQUIRED = 1,
    SETTING_RELOADABLE = 2,
};

struct setting_list {
    const char **items;
    size_t count;
};

struct setting_sections {
    void *items; /* array of `count` structs of section_size bytes; the first member of each is `const char *name` */
    size_t count;
};

struct setting {
    const char *key; /* NULL ends a table */
    enum setting_type type;
    unsigned flags;
    size_t offset;            /* of the field in the program's struct */
    const char *default_text; /* as it would stand in the file; NULL: none */
    int64_t min; /* SETTING_INTEGER: bounds of the value; SETTING_TEXT: of the length in bytes; both 0: none */
    int64_t max;
    const char *help;
    const struct setting *section; /* SETTING_SECTION: table of its keys */
    size_t section_size;
};

/* Reads path by the table into *out (a zeroed struct of the caller's). Strings live in the arena. On failure a
 * sentence "FILE:LINE: key 'K': what is wrong" is in error (error_cap bytes, always ended). Unknown keys are errors.
 * STATUS_SETTINGS, STATUS_NOT_FOUND, STATUS_PERMISSION, STATUS_MEMORY. Main thread (libconfuse is not reentrant). */
enum status settings_read(const char *path, const struct setting *table, struct arena *arena, void *out, char *error,
                          size_t error_cap);

/* As settings_read, for text that was read already from path; path is only named in errors and gives the directory of
 * relative paths. */
enum status settings_parse(struct bytes text, const char *path, const struct setting *table, struct arena *arena,
                           void *out, char *error, size_t error_cap);

/* Writes every key with its default and help as comments: a valid settings file. */
void settings_print_defaults(FILE *to, const struct setting *table);

#endif
