/*
 * What the verbs of `sluss` share: exit codes, options by table, output, private keys from files.
 */
#ifndef AGENT_CLI_CLI_H
#define AGENT_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/status.h"
#include "keys/keyfile.h"
#include "keys/sign.h"

enum cli_exit { CLI_DONE = 0, CLI_REFUSED = 1, CLI_USAGE = 2, CLI_NOT_REACHABLE = 3 };

#define CLI_LIST_MAX 64

struct cli_list {
    const char *items[CLI_LIST_MAX];
    size_t count;
};

enum cli_option_kind { CLI_TEXT, CLI_FLAG, CLI_LIST };

/* One row: --name, what it is, where it goes in the verb's struct (const char *, bool or struct cli_list). */
struct cli_option {
    const char *name; /* NULL ends a table */
    enum cli_option_kind kind;
    size_t offset;
    bool required;
};

struct cli_verb {
    const char *name; /* may hold a space: "keys new" */
    int (*run)(const struct cli_verb *verb, int argc, char **argv);
    const char *usage;
    const char *help;
    const char *example;
};

/* Reads options into *out (zeroed by the caller). What is no option goes to out_rest, at most CLI_LIST_MAX. On a wrong
 * word or a missing required option it prints the usage and returns CLI_USAGE; --help prints help and returns -1. */
int cli_parse(const struct cli_verb *verb, const struct cli_option *table, int argc, char **argv, void *out,
              struct cli_list *out_rest);

/* One line on stderr; the exit code that goes with the status. */
int cli_fail(const char *what, enum status status);

/* Pretty JSON on stdout with a newline. */
void cli_print_json(const json_t *value);

/* Where a private file's lock comes from. Exactly one is set; neither: the terminal is asked. */
struct cli_lock_options {
    const char *credential;
    const char *passphrase_file;
};

/* The lock of a key file; *out_secret is the caller's to free and must live as long as the lock. For a new file the
 * terminal is asked twice. */
enum cli_lock_use { CLI_LOCK_OPEN, CLI_LOCK_NEW };
enum status cli_lock(const struct cli_lock_options *options, enum cli_lock_use use, struct secret **out_secret,
                     struct keyfile_lock *out_lock);

/* A signing key from a file of its own or from a bundle's entry "sign". */
enum status cli_sign_key(const char *path, const struct cli_lock_options *options, struct sign_private **out_key);

/* Reads a JSON object from a file. The caller owns *out. Prints what is wrong. */
enum status cli_read_json(const char *path, struct arena *arena, json_t **out);

extern const struct cli_verb cli_keys_verbs[];
extern const struct cli_verb cli_record_verbs[];
extern const struct cli_verb cli_authority_verbs[];

#endif
