/*
 * Options by table, output, locks. Nothing here keeps state.
 */
#include "agent/cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/secret.h"

#define JSON_FILE_MAX       ((size_t)1 << 20)
#define CREDENTIAL_FILE_MAX 4096
#define PASSPHRASE_MAX      1024
#define PASSPHRASE_MIN      8

/* ---- options ---- */

static void print_usage(FILE *to, const struct cli_verb *verb) {
    (void)fprintf(to, "usage: sluss %s %s\n", verb->name, verb->usage);
}

static void print_help(const struct cli_verb *verb) {
    print_usage(stdout, verb);
    (void)printf("\n%s\n\nexample: sluss %s\n", verb->help, verb->example);
}

static const struct cli_option *find_option(const struct cli_option *table, const char *name) {
    for (; table->name; table++) {
        if (strcmp(table->name, name) == 0) return table;
    }
    return NULL;
}

static bool put_option(const struct cli_option *option, char *field, const char *value) {
    if (option->kind == CLI_FLAG) {
        *(bool *)(void *)field = true;
        return true;
    }
    if (!value) return false;
    if (option->kind == CLI_TEXT) {
        *(const char **)(void *)field = value;
        return true;
    }
    struct cli_list *list = (void *)field;
    if (list->count == CLI_LIST_MAX) return false;
    list->items[list->count++] = value;
    return true;
}

static bool has_required(const struct cli_option *table, const char *out) {
    for (; table->name; table++) {
        if (!table->required) continue;
        const char *field = out + table->offset;
        bool there = table->kind == CLI_LIST ? ((const struct cli_list *)(const void *)field)->count > 0
                                             : *(const char *const *)(const void *)field != NULL;
        if (!there) return false;
    }
    return true;
}

int cli_parse(const struct cli_verb *verb, const struct cli_option *table, int argc, char **argv, void *out,
              struct cli_list *out_rest) {
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            print_help(verb);
            return -1;
        }
        const struct cli_option *option = strncmp(argv[i], "--", 2) == 0 ? find_option(table, argv[i] + 2) : NULL;
        bool is_rest = !option && strncmp(argv[i], "--", 2) != 0 && out_rest->count < CLI_LIST_MAX;
        if (is_rest) {
            out_rest->items[out_rest->count++] = argv[i];
            continue;
        }
        const char *value = option && option->kind != CLI_FLAG && i + 1 < argc ? argv[++i] : NULL;
        if (!option || !put_option(option, (char *)out + option->offset, value)) {
            print_usage(stderr, verb);
            return CLI_USAGE;
        }
    }
    if (has_required(table, out)) return CLI_DONE;
    print_usage(stderr, verb);
    return CLI_USAGE;
}

/* ---- output ---- */

int cli_fail(const char *what, enum status status) {
    (void)fprintf(stderr, "sluss: %s: %s\n", what, status_text(status));
    if (status == STATUS_UNREACHABLE || status == STATUS_TIMEOUT) return CLI_NOT_REACHABLE;
    return CLI_REFUSED;
}

void cli_print_json(const json_t *value) {
    (void)json_dumpf(value, stdout, JSON_INDENT(2));
    (void)fputc('\n', stdout);
}

enum status cli_read_json(const char *path, struct arena *arena, json_t **out) {
    struct bytes text;
    enum status status = file_read(path, JSON_FILE_MAX, arena, &text);
    if (status == STATUS_OK) status = json_read(text, JSON_FILE_MAX, out);
    if (status != STATUS_OK) (void)cli_fail(path, status);
    return status;
}

/* ---- locks and keys ---- */

static enum status read_line(char *line, size_t cap) {
    ENSURE(fgets(line, (int)cap, stdin), STATUS_IO);
    line[strcspn(line, "\n")] = '\0';
    return STATUS_OK;
}

static enum status ask_terminal(const char *prompt, char *line, size_t cap) {
    struct termios before;
    ENSURE(isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0, STATUS_SETTINGS);
    struct termios silent = before;
    silent.c_lflag &= (tcflag_t)~ECHO;
    (void)fputs(prompt, stderr);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    enum status status = read_line(line, cap);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    (void)fputc('\n', stderr);
    return status;
}

static enum status ask_passphrase(enum cli_lock_use use, struct secret **out_secret) {
    char first[PASSPHRASE_MAX] = "";
    char second[PASSPHRASE_MAX] = "";
    enum status status = ask_terminal("passphrase: ", first, sizeof first);
    if (status == STATUS_OK && use == CLI_LOCK_NEW) status = ask_terminal("again: ", second, sizeof second);
    bool same = use == CLI_LOCK_OPEN || strcmp(first, second) == 0;
    bool long_enough = use == CLI_LOCK_OPEN || strlen(first) >= PASSPHRASE_MIN;
    if (status == STATUS_OK && (!same || !long_enough || first[0] == '\0')) status = STATUS_INVALID;
    struct secret *secret = status == STATUS_OK ? secret_from(bytes_text(first)) : NULL;
    secret_wipe(first, sizeof first);
    secret_wipe(second, sizeof second);
    TRY(status);
    ENSURE(secret, STATUS_MEMORY);
    *out_secret = secret;
    return STATUS_OK;
}

enum status cli_lock(const struct cli_lock_options *options, enum cli_lock_use use, struct secret **out_secret,
                     struct keyfile_lock *out_lock) {
    ENSURE(!options->credential || !options->passphrase_file, STATUS_SETTINGS);
    enum keyfile_protection protection = KEYFILE_PASSPHRASE;
    if (options->credential) {
        protection = KEYFILE_CREDENTIAL;
        TRY(file_read_secret(options->credential, CREDENTIAL_FILE_MAX, out_secret));
    } else if (options->passphrase_file) {
        TRY(file_read_secret(options->passphrase_file, PASSPHRASE_MAX, out_secret));
    } else {
        TRY(ask_passphrase(use, out_secret));
    }
    *out_lock = (struct keyfile_lock){.protection = protection, .secret = *out_secret};
    return STATUS_OK;
}

static enum status from_bundle(const struct secret *payload, struct sign_private **out_key) {
    struct keyfile_bundle *bundle CLEANUP(keyfile_bundle_free_cleanup) = NULL;
    const struct secret *seed = NULL;
    TRY(keyfile_bundle_parse(payload, &bundle));
    TRY(keyfile_bundle_get(bundle, "sign", KEYFILE_SIGN, &seed));
    return sign_from_seed(seed, out_key);
}

enum status cli_sign_key(const char *path, const struct cli_lock_options *options, struct sign_private **out_key) {
    struct secret *secret CLEANUP(secret_free_cleanup) = NULL;
    struct secret *payload CLEANUP(secret_free_cleanup) = NULL;
    struct keyfile_lock lock;
    TRY(cli_lock(options, CLI_LOCK_OPEN, &secret, &lock));
    if (keyfile_read(path, KEYFILE_SIGN, &lock, &payload) == STATUS_OK) return sign_from_seed(payload, out_key);
    TRY(keyfile_read(path, KEYFILE_BUNDLE, &lock, &payload));
    return from_bundle(payload, out_key);
}
