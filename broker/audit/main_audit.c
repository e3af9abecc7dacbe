/*
 * sluss-audit: the auditor's tool. Works on mirror directories, writes nothing, needs no network and no right but to
 * read. Exit status: 0 done, 1 found wanting, 2 usage, 3 not reachable (or another fault of this machine).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"
#include "base/text.h"
#include "broker/audit/consistency.h"
#include "broker/audit/replay.h"
#include "keys/public.h"

enum exit_code { EXIT_DONE = 0, EXIT_WANTING = 1, EXIT_USAGE = 2, EXIT_NOT_REACHABLE = 3 };

#define MAIN_ARENA    ((size_t)1 << 20)
#define ARGUMENTS_MAX 2

struct options {
    const char *arguments[ARGUMENTS_MAX];
    size_t n_arguments;
    const char *keys;
    struct sign_public authority[LIMIT_AUTHORITY_KEYS];
    size_t n_authority;
    uint32_t threshold; /* 0: as federation.json says */
    enum report_form form;
    enum reducer_scope scope;
    bool help;
};

struct verb {
    const char *name;
    size_t n_arguments;
    const char *arguments;
    const char *what;
    const char *example;
    enum status (*run)(const struct options *options, struct report *report);
};

/* ---- verbs ---- */

/* What to trust: the authority keys given, or else those of the mirror, with a remark. */
static enum status read_federation(const struct options *options, const char *dir, struct arena *arena,
                                   struct report *report, struct mirror_federation *out) {
    const struct mirror mirror = {.dir = dir};
    TRY(mirror_federation_read(&mirror, arena, out));
    if (options->n_authority == 0) {
        report_note(report, "authority keys and log key are taken from the mirror itself; pin them with --authority");
        return STATUS_OK;
    }
    memcpy(out->authority, options->authority, sizeof out->authority);
    out->n_authority = options->n_authority;
    if (options->threshold > 0) out->threshold = options->threshold;
    return out->threshold <= out->n_authority ? STATUS_OK : STATUS_INVALID;
}

static enum status run_audit(const struct options *options, struct report *report, enum prepare_depth depth) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(MAIN_ARENA);
    struct slot_keys_ring *keys CLEANUP(slot_keys_free_cleanup) = slot_keys_new();
    struct mirror_federation federation;
    ENSURE(arena && keys, STATUS_MEMORY);
    TRY(read_federation(options, options->arguments[0], arena, report, &federation));
    if (depth == PREPARE_ALL) {
        const char *path = options->keys ? options->keys : arena_printf(arena, "%s/keys", options->arguments[0]);
        ENSURE(path, STATUS_MEMORY);
        TRY(slot_keys_read(keys, path));
    }
    const struct replay_options replay = {.dir = options->arguments[0],
                                          .federation = &federation,
                                          .keys = keys,
                                          .depth = depth,
                                          .scope = depth == PREPARE_ALL ? options->scope : REDUCER_SCOPED};
    return replay_run(&replay, report);
}

static enum status run_verify(const struct options *options, struct report *report) {
    return run_audit(options, report, PREPARE_DIRECTORY);
}

static enum status run_replay(const struct options *options, struct report *report) {
    return run_audit(options, report, PREPARE_ALL);
}

static enum status run_consistency(const struct options *options, struct report *report) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(MAIN_ARENA);
    struct mirror_federation federation;
    ENSURE(arena, STATUS_MEMORY);
    TRY(read_federation(options, options->arguments[1], arena, report, &federation));
    return consistency_run(options->arguments[0], options->arguments[1], &federation, report);
}

static const struct verb verbs[] = {
    {"verify", 1, "DIR", "Tree, checkpoint, cosignatures and directory of an exported log.",
     "sluss-audit verify /srv/audit/2026-11 --authority sluss-sign:AbC...", run_verify},
    {"replay", 1, "DIR", "All of verify; opens every leaf and makes every decision again.",
     "sluss-audit replay /srv/audit/2026-11 --keys /run/audit/keys --json", run_replay},
    {"consistency", 2, "OLD_DIR|CHECKPOINT NEW_DIR",
     "Whether a log has only grown since an earlier export or checkpoint.",
     "sluss-audit consistency /srv/audit/2026-10/checkpoint /srv/audit/2026-11", run_consistency},
};

/* ---- options ---- */

static void print_usage(FILE *out) {
    (void)fputs("usage: sluss-audit VERB ARGUMENTS [OPTIONS]\n\n", out);
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        (void)fprintf(out, "  %-12s %s\n               %s\n", verbs[i].name, verbs[i].arguments, verbs[i].what);
    }
    (void)fputs("\n  --authority KEY  trust this authority key (repeat it), not those of the mirror\n"
                "  --threshold N    how many authority keys must have signed\n"
                "  --keys FILE      slot keys for replay; DIR/keys when it is not given\n"
                "  --scoped         the key file is for some persons only: do not judge the others\n"
                "  --json           one JSON document instead of lines\n"
                "  --help           this text, or an example after a verb\n\n"
                "Exit status: 0 done, 1 found wanting, 2 usage, 3 not reachable.\n",
                out);
}

static void print_example(const struct verb *verb) {
    (void)printf("usage: sluss-audit %s %s [OPTIONS]\n%s\n\nexample:\n  %s\n", verb->name, verb->arguments, verb->what,
                 verb->example);
}

static bool take_authority(struct options *options, const char *value) {
    if (options->n_authority == LIMIT_AUTHORITY_KEYS) return false;
    return public_sign_parse(bytes_text(value), &options->authority[options->n_authority++]) == STATUS_OK;
}

static bool take_threshold(struct options *options, const char *value) {
    uint64_t number = 0;
    if (text_to_u64(bytes_text(value), &number) != STATUS_OK || number == 0) return false;
    if (number > LIMIT_AUTHORITY_KEYS) return false;
    options->threshold = (uint32_t)number;
    return true;
}

static bool take_keys(struct options *options, const char *value) {
    options->keys = value;
    return true;
}

/* Options with a value. NULL when the name is none. */
static bool (*value_taker(const char *name))(struct options *, const char *) {
    if (strcmp(name, "--authority") == 0) return take_authority;
    if (strcmp(name, "--threshold") == 0) return take_threshold;
    if (strcmp(name, "--keys") == 0) return take_keys;
    return NULL;
}

static bool take_flag(struct options *options, const char *name) {
    if (strcmp(name, "--json") == 0) {
        options->form = REPORT_JSON;
    } else if (strcmp(name, "--scoped") == 0) {
        options->scope = REDUCER_SCOPED;
    } else if (strcmp(name, "--help") == 0) {
        options->help = true;
    } else {
        return false;
    }
    return true;
}

static bool parse_options(int argc, char **argv, struct options *options) {
    for (int i = 2; i < argc; i++) {
        bool (*take)(struct options *, const char *) = value_taker(argv[i]);
        if (take) {
            if (i + 1 == argc || !take(options, argv[++i])) return false;
        } else if (argv[i][0] == '-') {
            if (!take_flag(options, argv[i])) return false;
        } else {
            if (options->n_arguments == ARGUMENTS_MAX) return false;
            options->arguments[options->n_arguments++] = argv[i];
        }
    }
    return true;
}

static const struct verb *find_verb(const char *name) {
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].name, name) == 0) return &verbs[i];
    }
    return NULL;
}

/* ---- main ---- */

static int run_verb(const struct verb *verb, const struct options *options) {
    struct report report;
    report_begin(&report, verb->name, options->form, stdout, isatty(STDERR_FILENO) ? stderr : NULL);
    enum status status = verb->run(options, &report);
    bool good = report_end(&report);
    if (status == STATUS_OK) return good ? EXIT_DONE : EXIT_WANTING;
    (void)fprintf(stderr, "sluss-audit: %s: %s\n", options->arguments[verb->n_arguments - 1], status_text(status));
    return status_class(status) == CLASS_PEER ? EXIT_WANTING : EXIT_NOT_REACHABLE;
}

int main(int argc, char **argv) {
    struct options options = {.form = REPORT_TEXT, .scope = REDUCER_WHOLE};
    bool general = argc == 2 && strcmp(argv[1], "--help") == 0;
    const struct verb *verb = argc >= 2 ? find_verb(argv[1]) : NULL;
    if (general) {
        print_usage(stdout);
        return EXIT_DONE;
    }
    if (!verb || !parse_options(argc, argv, &options)) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    if (options.help) {
        print_example(verb);
        return EXIT_DONE;
    }
    if (options.n_arguments != verb->n_arguments) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    if (secret_setup() != STATUS_OK) return EXIT_NOT_REACHABLE;
    return run_verb(verb, &options);
}
