/*
 * sluss subject, publish, fragment, withdraw, plan, enrol, erase: what an agency does about one person, over the
 * agent's local API.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/cli_local.h"
#include "base/json.h"

#define AT(type, field) offsetof(struct type, field)

enum { PATH_ARENA = 1 << 16 };

/* ---- subject ---- */

struct subject_options {
    struct cli_local_options local;
    struct cli_person_options person;
};

static int subject_run(const struct cli_verb *verb, int argc, char **argv) {
    static const struct cli_option table[] = {{"id-file", CLI_TEXT, AT(subject_options, person.id_file), true},
                                              CLI_LOCAL_ROWS(subject_options)};
    struct subject_options options = {.person = {NULL, NULL}};
    struct cli_list rest = {.count = 0};
    int code = cli_parse(verb, table, argc, argv, &options, &rest);
    if (code != CLI_DONE) return code < 0 ? CLI_DONE : code;
    json_t *body CLEANUP(json_cleanup) = json_object();
    if (cli_local_person(&options.person, body) != STATUS_OK) return CLI_USAGE;
    return cli_local_run(&options.local, "POST", "/v1/subjects", json_incref(body));
}

/* ---- publish ---- */

struct publish_options {
    struct cli_local_options local;
    struct cli_person_options person;
    const char *expires;
    const char *replaces;
};

static void show_progress(size_t done, size_t all) {
    if (!isatty(STDERR_FILENO) || all < 2) return;
    (void)fprintf(stderr, "\r%zu of %zu%s", done, all, done == all ? "\n" : "");
}

/* The kind is the content's own. */
static int publish_file(struct cli_local *local, const struct publish_options *options, const char *path,
                        json_t *list) {
    json_t *content CLEANUP(json_cleanup) = NULL;
    json_t *answer CLEANUP(json_cleanup) = NULL;
    if (cli_read_json(path, local->arena, &content) != STATUS_OK) return CLI_REFUSED;
    json_t *body CLEANUP(json_cleanup) =
        json_pack("{s:O, s:O*, s:s*, s:s*}", "content", content, "kind", json_object_get(content, "kind"), "expires",
                  options->expires, "replaces", options->replaces);
    if (!body) return cli_fail(path, STATUS_MEMORY);
    if (cli_local_person(&options->person, body) != STATUS_OK) return CLI_USAGE;
    int code = cli_local_call(local, "POST", "/v1/fragments", body, &answer);
    if (code != CLI_DONE) {
        (void)fprintf(stderr, "sluss: %s was not published\n", path);
        return code;
    }
    (void)json_object_set_new(answer, "file", json_string(path));
    (void)json_array_append(list, answer);
    return CLI_DONE;
}

/* What was published before a failure is shown all the same. */
static int publish_all(struct cli_local *local, const struct publish_options *options, const struct cli_list *files) {
    json_t *list = json_array();
    json_t *all CLEANUP(json_cleanup) = json_pack("{s:o}", "fragments", list);
    int code = all ? CLI_DONE : cli_fail("publish", STATUS_MEMORY);
    for (size_t i = 0; i < files->count && code == CLI_DONE; i++) {
        code = publish_file(local, options, files->items[i], list);
        show_progress(i + 1, files->count);
    }
    if (all) cli_local_print(local, all);
    return code;
}

static int publish_run(const struct cli_verb *verb, int argc, char **argv) {
    static const struct cli_option table[] = {CLI_PERSON_ROWS(publish_options),
                                              {"expires", CLI_TEXT, AT(publish_options, expires), false},
                                              {"replaces", CLI_TEXT, AT(publish_options, replaces), false},
                                              CLI_LOCAL_ROWS(publish_options)};
    struct publish_options options = {.expires = NULL};
    struct cli_list files = {.count = 0};
    struct cli_local local CLEANUP(cli_local_clear) = {.http = NULL};
    int code = cli_parse(verb, table, argc, argv, &options, &files);
    if (code != CLI_DONE) return code < 0 ? CLI_DONE : code;
    bool fits = files.count > 0 && (files.count == 1 || (!options.local.key && !options.replaces));
    if (!fits) {
        (void)fprintf(stderr, "usage: sluss %s %s\n", verb->name, verb->usage);
        return CLI_USAGE;
    }
    code = cli_local_open(&options.local, &local);
    return code == CLI_DONE ? publish_all(&local, &options, &files) : code;
}

/* ---- fragment, withdraw: one id ---- */

struct id_options {
    struct cli_local_options local;
};

static int one_id(const struct cli_verb *verb, int argc, char **argv, const char *method) {
    static const struct cli_option table[] = {CLI_LOCAL_ROWS(id_options)};
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(PATH_ARENA);
    struct id_options options = {.local = {NULL, NULL, NULL, NULL, false}};
    struct cli_list rest = {.count = 0};
    int code = cli_parse(verb, table, argc, argv, &options, &rest);
    if (code != CLI_DONE) return code < 0 ? CLI_DONE : code;
    if (rest.count != 1 || !arena) {
        (void)fprintf(stderr, "usage: sluss %s %s\n", verb->name, verb->usage);
        return CLI_USAGE;
    }
    const char *path = arena_printf(arena, "/v1/fragments/%s", cli_http_escape(arena, rest.items[0]));
    return cli_local_run(&options.local, method, path, NULL);
}

static int fragment_run(const struct cli_verb *verb, int argc, char **argv) { return one_id(verb, argc, argv, "GET"); }

static int withdraw_run(const struct cli_verb *verb, int argc, char **argv) {
    return one_id(verb, argc, argv, "DELETE");
}

/* ---- plan ---- */

struct plan_options {
    struct cli_local_options local;
    const char *subject;
    const char *purpose;
};

static const char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* A line for each fragment, in the plan's order, and one for each thing that is missing. */
static void print_plan(const json_t *plan) {
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(plan, "items"), i, item) {
        (void)printf("%-9s %-16s %-11s %s (%s, %s)\n", text_of(item, "phase"), text_of(item, "time"),
                     text_of(item, "kind"), text_of(json_object_get(item, "content"), "title"), text_of(item, "source"),
                     text_of(item, "state"));
    }
    json_array_foreach(json_object_get(plan, "missing"), i, item) {
        (void)printf("missing   %s %s: %s\n", text_of(item, "source"), text_of(item, "fragment"),
                     text_of(item, "reason"));
    }
}

static int plan_run(const struct cli_verb *verb, int argc, char **argv) {
    static const struct cli_option table[] = {{"subject", CLI_TEXT, AT(plan_options, subject), true},
                                              {"purpose", CLI_TEXT, AT(plan_options, purpose), true},
                                              CLI_LOCAL_ROWS(plan_options)};
    struct plan_options options = {.subject = NULL};
    struct cli_list rest = {.count = 0};
    struct cli_local local CLEANUP(cli_local_clear) = {.http = NULL};
    json_t *plan CLEANUP(json_cleanup) = NULL;
    int code = cli_parse(verb, table, argc, argv, &options, &rest);
    if (code != CLI_DONE) return code < 0 ? CLI_DONE : code;
    code = cli_local_open(&options.local, &local);
    if (code != CLI_DONE) return code;
    const char *path =
        arena_printf(local.arena, "/v1/plans?subject=%s&purpose=%s", cli_http_escape(local.arena, options.subject),
                     cli_http_escape(local.arena, options.purpose));
    code = cli_local_call(&local, "GET", path, NULL, &plan);
    if (code != CLI_DONE) return code;
    if (options.local.json) {
        cli_print_json(plan);
    } else {
        print_plan(plan);
    }
    return CLI_DONE;
}

/* ---- enrol ---- */

struct enrol_options {
    struct cli_local_options local;
    struct cli_person_options person;
    const char *assurance;
    const char *how;
    bool others_lost;
};

static int enrol_run(const struct cli_verb *verb, int argc, char **argv) {
    static const struct cli_option table[] = {{"id-file", CLI_TEXT, AT(enrol_options, person.id_file), true},
                                              {"assurance", CLI_TEXT, AT(enrol_options, assurance), true},
                                              {"how", CLI_TEXT, AT(enrol_options, how), true},
                                              {"others-lost", CLI_FLAG, AT(enrol_options, others_lost), false},
                                              CLI_LOCAL_ROWS(enrol_options)};
    struct enrol_options options = {.assurance = NULL};
    struct cli_list rest = {.count = 0};
    int code = cli_parse(verb, table, argc, argv, &options, &rest);
    if (code != CLI_DONE) return code < 0 ? CLI_DONE : code;
    json_t *body CLEANUP(json_cleanup) = json_pack("{s:s, s:s, s:b}", "assurance", options.assurance, "how",
                                                   options.how, "others_lost", options.others_lost);
    if (!body) return cli_fail("enrol", STATUS_MEMORY);
    if (cli_local_person(&options.person, body) != STATUS_OK) return CLI_USAGE;
    return cli_local_run(&options.local, "POST", "/v1/enrolments", json_incref(body));
}

/* ---- erase ---- */

struct erase_options {
    struct cli_local_options local;
    struct cli_person_options person;
    const char *reason;
};

static int erase_run(const struct cli_verb *verb, int argc, char **argv) {
    static const struct cli_option table[] = {CLI_PERSON_ROWS(erase_options),
                                              {"reason", CLI_TEXT, AT(erase_options, reason), true},
                                              CLI_LOCAL_ROWS(erase_options)};
    struct erase_options options = {.reason = NULL};
    struct cli_list rest = {.count = 0};
    int code = cli_parse(verb, table, argc, argv, &options, &rest);
    if (code != CLI_DONE) return code < 0 ? CLI_DONE : code;
    json_t *body CLEANUP(json_cleanup) = json_pack("{s:s}", "reason", options.reason);
    if (!body) return cli_fail("erase", STATUS_MEMORY);
    if (cli_local_person(&options.person, body) != STATUS_OK) return CLI_USAGE;
    return cli_local_run(&options.local, "POST", "/v1/erasures", json_incref(body));
}

const struct cli_verb cli_people_verbs[] = {
    {"subject", subject_run, "--id-file FILE " CLI_LOCAL_USAGE,
     "The handle of a person.\nThe identity number is read from the first line of FILE, \"-\" for standard input.",
     "subject --id-file -"},
    {"publish", publish_run,
     "FILE... " CLI_PERSON_USAGE " [--expires TIME] [--replaces ID] [--idempotency-key KEY] " CLI_LOCAL_USAGE,
     "Publishes plan fragments, one from each file.\nA file holds the content (docs/fragment.md); it is checked and "
     "sealed by the agent before anything leaves the house.",
     "publish assessment.json --id-file number.txt --unit 0007:2021000001/guidance"},
    {"fragment", fragment_run, "ID " CLI_LOCAL_USAGE, "Shows one fragment, one's own or released, opened.",
     "fragment AgICAgICAgICAgICAgICAg --json"},
    {"withdraw", withdraw_run, "ID " CLI_LOCAL_USAGE, "Withdraws a fragment of one's own.",
     "withdraw AgICAgICAgICAgICAgICAg"},
    {"plan", plan_run, "--subject HANDLE --purpose CODE " CLI_LOCAL_USAGE,
     "The joint plan: one's own fragments and what active consents release.\nWhat is missing is named.",
     "plan --subject HANDLE --purpose joint_plan"},
    {"enrol", enrol_run, "--id-file FILE --assurance low|substantial|high --how TEXT [--others-lost] " CLI_LOCAL_USAGE,
     "A one-time code for the device of a person who has just been identified.\nGive it only into that person's hand.",
     "enrol --id-file - --assurance substantial --how 'e-ID at the desk'"},
    {"erase", erase_run, CLI_PERSON_USAGE " --reason TEXT " CLI_LOCAL_USAGE,
     "Destroys this member's key for a person and has its fragments erased.\nThis cannot be undone.",
     "erase --subject HANDLE --reason 'retention time is over'"},
    {NULL, NULL, NULL, NULL, NULL},
};
