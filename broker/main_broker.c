/*
 * sluss-broker: one binary, a table of verbs. Roles run in processes of their own; the operator's verbs ask a running
 * core.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/arena.h"
#include "base/secret.h"
#include "base/service.h"
#include "base/settings.h"
#include "base/text.h"
#include "broker/core/core_run.h"
#include "broker/core/core_settings.h"
#include "broker/gate/gate_role.h"
#include "broker/gate/gate_settings.h"
#include "broker/keyd/keyd_role.h"
#include "broker/keyd/keyd_settings.h"
#include "broker/keygen.h"
#include "broker/operator.h"
#include "broker/portal/portal_role.h"
#include "broker/portal/portal_settings.h"
#include "broker/role.h"
#include "broker/run_settings.h"
#include "broker/supervise.h"

#define MAIN_ARENA   ((size_t)1 << 18)
#define STRUCT_BYTES 8192

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2 };

struct options {
    const char *settings;
    const char *argument;
    int ready_fd;
    int single_user;
};

/* ---- roles ---- */

struct role_row {
    const char *name;
    int (*run)(const char *settings_path, int ready_fd);
    const struct setting *table;
};

static const struct role_row roles[] = {
    {"gate", gate_run, gate_settings_table},
    {"portal", portal_run, portal_settings_table},
    {"core", core_run, core_settings_table},
    {"keyd", keyd_run, keyd_settings_table},
};

static const struct role_row *find_role(const char *name) {
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (strcmp(roles[i].name, name) == 0) return &roles[i];
    }
    return NULL;
}

static int run_role(const struct role_row *role, const struct options *options) {
    if (options->ready_fd >= 0 && service_die_with_parent() != STATUS_OK) return ROLE_FAILED;
    return role->run(options->settings, options->ready_fd);
}

/* ---- settings ---- */

static enum status read_settings(const char *path, const struct setting *table, struct arena *arena, void *out) {
    char error[512];
    enum status status = settings_read(path, table, arena, out, error, sizeof error);
    if (status != STATUS_OK) (void)fprintf(stderr, "sluss-broker: %s\n", error);
    return status;
}

static const struct setting *table_of(const char *name) {
    if (strcmp(name, "run") == 0) return run_settings_table;
    const struct role_row *role = find_role(name);
    return role ? role->table : NULL;
}

static int verb_check(const struct options *options) {
    const struct setting *table = table_of(options->argument);
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(MAIN_ARENA);
    static _Alignas(max_align_t) unsigned char out[STRUCT_BYTES];
    if (!table || !arena) {
        (void)fprintf(stderr, "sluss-broker: check: what? gate, portal, core, keyd or run\n");
        return EXIT_USAGE;
    }
    return read_settings(options->settings, table, arena, out) == STATUS_OK ? EXIT_DONE : EXIT_REFUSED;
}

static int verb_print_defaults(const struct options *options) {
    const struct setting *table = table_of(options->argument);
    if (!table) {
        (void)fprintf(stderr, "sluss-broker: print-defaults: of what? gate, portal, core, keyd or run\n");
        return EXIT_USAGE;
    }
    settings_print_defaults(stdout, table);
    return EXIT_DONE;
}

static int verb_run(const struct options *options) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(MAIN_ARENA);
    struct run_settings settings = {0};
    if (!arena || read_settings(options->settings, run_settings_table, arena, &settings) != STATUS_OK) {
        return EXIT_REFUSED;
    }
    if (!options->single_user) {
        (void)fprintf(stderr,
                      "sluss-broker: run needs --single-user: in production each role is a service of its own\n");
        return EXIT_USAGE;
    }
    (void)fprintf(stderr, "sluss-broker: all roles as one user: for tests and demonstrations, not for production\n");
    return supervise_run("/proc/self/exe", &settings, options->ready_fd);
}

static int verb_keygen(const struct options *options) {
    enum status status = keygen_make(options->argument);
    if (status == STATUS_OK) return EXIT_DONE;
    (void)fprintf(stderr, "sluss-broker: keygen: %s: %s\n", options->argument, status_text(status));
    return EXIT_REFUSED;
}

/* ---- verbs ---- */

enum verb_needs { NEEDS_NOTHING = 0, NEEDS_SETTINGS = 1, NEEDS_ARGUMENT = 2 };

struct verb {
    const char *name;
    unsigned needs;
    int (*run)(const struct options *options);
    int (*ask)(const char *socket, const char *argument);
    const char *usage;
    const char *help;
};

static const struct verb verbs[] = {
    {"run", NEEDS_SETTINGS, verb_run, NULL, "run --single-user --settings FILE",
     "all roles as children of one process, for tests and demonstrations"},
    {"check", NEEDS_SETTINGS | NEEDS_ARGUMENT, verb_check, NULL, "check ROLE --settings FILE",
     "read a settings file and say what is wrong with it"},
    {"print-defaults", NEEDS_ARGUMENT, verb_print_defaults, NULL, "print-defaults ROLE",
     "print a settings file with every key, its default and its meaning"},
    {"keygen", NEEDS_ARGUMENT, verb_keygen, NULL, "keygen DIR", "make the keys and credentials of a new broker"},
    {"status", NEEDS_SETTINGS, NULL, operator_status, "status --settings FILE", "what core says of itself, as JSON"},
    {"identity", NEEDS_SETTINGS, NULL, operator_identity, "identity --settings FILE",
     "public keys of this broker, for the authority's epoch entry"},
    {"directory-head", NEEDS_SETTINGS, NULL, operator_directory_head, "directory-head --settings FILE",
     "sequence and hash of the newest directory entry"},
    {"admit", NEEDS_SETTINGS | NEEDS_ARGUMENT, NULL, operator_admit, "admit ENTRY --settings FILE",
     "add a signed directory entry"},
    {"export", NEEDS_SETTINGS | NEEDS_ARGUMENT, NULL, operator_export, "export DIR --settings FILE",
     "write the log with sealed openings"},
    {"export-with-keys", NEEDS_SETTINGS | NEEDS_ARGUMENT, NULL, operator_export_with_keys,
     "export-with-keys DIR --settings FILE", "the same and the keys that open it; leaves an AUDITED leaf"},
    {"confirm-clock", NEEDS_SETTINGS, NULL, operator_confirm_clock, "confirm-clock --settings FILE",
     "go on after a jump of the clock"},
    {"go-on", NEEDS_SETTINGS, NULL, operator_go_on, "go-on --settings FILE",
     "go on without the witnesses' last word after a start"},
};

static void print_help(FILE *to) {
    (void)fprintf(to, "usage: sluss-broker VERB [ARGUMENT] --settings FILE\n\nroles, each a process of its own:\n");
    (void)fprintf(to, "  gate | portal | core | keyd --settings FILE\n\nverbs:\n");
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        (void)fprintf(to, "  %-42s %s\n", verbs[i].usage, verbs[i].help);
    }
    (void)fprintf(to, "\nexample: sluss-broker status --settings /etc/sluss/broker.conf\n");
}

static const struct verb *find_verb(const char *name) {
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].name, name) == 0) return &verbs[i];
    }
    return NULL;
}

static int run_verb(const struct verb *verb, const struct options *options) {
    bool lacks = ((verb->needs & NEEDS_SETTINGS) && !options->settings) ||
                 ((verb->needs & NEEDS_ARGUMENT) && !options->argument);
    if (lacks) {
        (void)fprintf(stderr, "usage: sluss-broker %s\n", verb->usage);
        return EXIT_USAGE;
    }
    if (verb->run) return verb->run(options);
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(MAIN_ARENA);
    struct run_settings settings = {0};
    if (!arena || read_settings(options->settings, run_settings_table, arena, &settings) != STATUS_OK) {
        return EXIT_REFUSED;
    }
    return verb->ask(settings.operator_socket, options->argument);
}

/* Everything behind the verb. False: usage. */
static bool parse_options(int argc, char **argv, struct options *out_options) {
    enum { OPTION_SETTINGS = 1, OPTION_READY, OPTION_SINGLE };
    static const struct option known[] = {{"settings", required_argument, NULL, OPTION_SETTINGS},
                                          {"ready-fd", required_argument, NULL, OPTION_READY},
                                          {"single-user", no_argument, NULL, OPTION_SINGLE},
                                          {NULL, 0, NULL, 0}};
    for (int found = getopt_long(argc, argv, "", known, NULL); found != -1;
         found = getopt_long(argc, argv, "", known, NULL)) {
        uint64_t number = 0;
        if (found == OPTION_SETTINGS) {
            out_options->settings = optarg;
        } else if (found == OPTION_SINGLE) {
            out_options->single_user = 1;
        } else if (found == OPTION_READY && text_to_u64(bytes_text(optarg), &number) == STATUS_OK && number < 65536) {
            out_options->ready_fd = (int)number;
        } else {
            return false;
        }
    }
    if (optind < argc) out_options->argument = argv[optind++];
    return optind == argc;
}

int main(int argc, char **argv) {
    struct options options = {.ready_fd = -1};
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
        print_help(stdout);
        return EXIT_DONE;
    }
    const char *name = argc >= 2 ? argv[1] : "";
    const struct role_row *role = find_role(name);
    const struct verb *verb = find_verb(name);
    if ((!role && !verb) || !parse_options(argc - 1, argv + 1, &options) || (role && !options.settings)) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (secret_setup() != STATUS_OK) return EXIT_REFUSED;
    return role ? run_role(role, &options) : run_verb(verb, &options);
}
