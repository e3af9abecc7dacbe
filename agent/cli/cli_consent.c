/* sluss request, request-state, consents, revoke: asking for consent and ending it, over the agent's local API. */
#include <stdio.h>
#include <string.h>

#include "agent/cli/cli_local.h"
#include "base/json.h"

#define AT(type, field) offsetof(struct type, field)

enum { PATH_ARENA = 1 << 16 };

static int usage(const struct cli_verb *verb) {
    (void)fprintf(stderr, "usage: sluss %s %s\n", verb->name, verb->usage);
    return CLI_USAGE;
}

/* ---- request ---- */

struct request_options {
    struct cli_local_options local;
    struct cli_person_options person;
    const char *purpose;
    const char *duration;
    const char *access;
    const char *basis;
    const char *answer_within;
    const char *group;
    struct cli_list kinds;
    struct cli_list sources;
    struct cli_list with;
};

static json_t *list_json(const struct cli_list *list) {
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++) {
        (void)json_array_append_new(array, json_string(list->items[i]));
    }
    return array;
}

static json_t *request_body(const struct request_options *options) {
    json_t *body =
        json_pack("{s:s, s:s, s:s, s:s, s:s*, s:s*, s:o, s:o}", "purpose", options->purpose, "duration",
                  options->duration, "access", options->access ? options->access : "repeated", "basis",
                  options->basis ? options->basis : "secrecy_waiver", "answer_within", options->answer_within, "group",
                  options->group, "kinds", list_json(&options->kinds), "sources", list_json(&options->sources));
    if (body && options->with.count > 0) (void)json_object_set_new(body, "with", list_json(&options->with));
    return body;
}

static int request_run(const struct cli_verb *verb, int argc, char **argv) {
    static const struct cli_option table[] = {CLI_PERSON_ROWS(request_options),
                                              {"purpose", CLI_TEXT, AT(request_options, purpose), true},
                                              {"duration", CLI_TEXT, AT(request_options, duration), true},
                                              {"kind", CLI_LIST, AT(request_options, kinds), true},
                                              {"source", CLI_LIST, AT(request_options, sources), true},
                                              {"access", CLI_TEXT, AT(request_options, access), false},
                                              {"basis", CLI_TEXT, AT(request_options, basis), false},
                                              {"answer-within", CLI_TEXT, AT(request_options, answer_within), false},
                                              {"group", CLI_TEXT, AT(request_options, group), false},
                                              {"with", CLI_LIST, AT(request_options, with), false},
                                              CLI_LOCAL_ROWS(request_options)};
    struct request_options options = {.purpose = NULL};
    struct cli_list rest = {.count = 0};
    int code = cli_parse(verb, table, argc, argv, &options, &rest);
    if (code != CLI_DONE) return code < 0 ? CLI_DONE : code;
    if (rest.count > 0) return usage(verb);
    json_t *body CLEANUP(json_cleanup) = request_body(&options);
    if (!body) return cli_fail("request", STATUS_MEMORY);
    if (cli_local_person(&options.person, body) != STATUS_OK) return CLI_USAGE;
    return cli_local_run(&options.local, "POST", "/v1/consent-requests", json_incref(body));
}

/* ---- request-state ---- */

struct state_options {
    struct cli_local_options local;
};

static int state_run(const struct cli_verb *verb, int argc, char **argv) {
    static const struct cli_option table[] = {CLI_LOCAL_ROWS(state_options)};
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(PATH_ARENA);
    struct state_options options = {.local = {NULL, NULL, NULL, NULL, false}};
    struct cli_list rest = {.count = 0};
    int code = cli_parse(verb, table, argc, argv, &options, &rest);
    if (code != CLI_DONE) return code < 0 ? CLI_DONE : code;
    if (rest.count != 1 || !arena) return usage(verb);
    const char *path = arena_printf(arena, "/v1/consent-requests/%s", cli_http_escape(arena, rest.items[0]));
    return cli_local_run(&options.local, "GET", path, NULL);
}

/* ---- consents ---- */

struct consents_options {
    struct cli_local_options local;
    const char *subject;
};

/* Follows the pages to the end. */
static int list_consents(struct cli_local *local, const char *subject) {
    const char *cursor = NULL;
    json_t *all = json_array();
    json_t *shown CLEANUP(json_cleanup) = json_pack("{s:o}", "consents", all);
    int code = shown ? CLI_DONE : cli_fail("consents", STATUS_MEMORY);
    do {
        json_t *page CLEANUP(json_cleanup) = NULL;
        const char *path =
            arena_printf(local->arena, "/v1/consents?subject=%s&limit=200%s%s", cli_http_escape(local->arena, subject),
                         cursor ? "&cursor=" : "", cursor ? cli_http_escape(local->arena, cursor) : "");
        code = cli_local_call(local, "GET", path, NULL, &page);
        if (code != CLI_DONE) return code;
        (void)json_array_extend(all, json_object_get(page, "consents"));
        const char *next = json_string_value(json_object_get(page, "cursor"));
        cursor = next ? arena_string(local->arena, next) : NULL;
    } while (cursor);
    cli_local_print(local, shown);
    return CLI_DONE;
}

static int consents_run(const struct cli_verb *verb, int argc, char **argv) {
    static const struct cli_option table[] = {{"subject", CLI_TEXT, AT(consents_options, subject), true},
                                              CLI_LOCAL_ROWS(consents_options)};
    struct consents_options options = {.subject = NULL};
    struct cli_list rest = {.count = 0};
    struct cli_local local CLEANUP(cli_local_clear) = {.http = NULL};
    int code = cli_parse(verb, table, argc, argv, &options, &rest);
    if (code != CLI_DONE) return code < 0 ? CLI_DONE : code;
    if (rest.count > 0) return usage(verb);
    code = cli_local_open(&options.local, &local);
    return code == CLI_DONE ? list_consents(&local, options.subject) : code;
}

/* ---- revoke ---- */

struct revoke_options {
    struct cli_local_options local;
    const char *reason;
};

static int revoke_run(const struct cli_verb *verb, int argc, char **argv) {
    static const struct cli_option table[] = {{"reason", CLI_TEXT, AT(revoke_options, reason), true},
                                              CLI_LOCAL_ROWS(revoke_options)};
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(PATH_ARENA);
    struct revoke_options options = {.reason = NULL};
    struct cli_list rest = {.count = 0};
    int code = cli_parse(verb, table, argc, argv, &options, &rest);
    if (code != CLI_DONE) return code < 0 ? CLI_DONE : code;
    if (rest.count != 1 || !arena) return usage(verb);
    const char *path = arena_printf(arena, "/v1/consents/%s/revoke", cli_http_escape(arena, rest.items[0]));
    return cli_local_run(&options.local, "POST", path, json_pack("{s:s}", "reason", options.reason));
}

const struct cli_verb cli_consent_verbs[] = {
    {"request", request_run,
     CLI_PERSON_USAGE " --purpose CODE --kind KIND... --source UNIT... --duration DURATION [--access once|repeated] "
                      "[--basis secrecy_waiver|gdpr_consent|both] [--answer-within DURATION] [--with UNIT...] [--group "
                      "ID] " CLI_LOCAL_USAGE,
     "Asks a person for consent.\nAccess is repeated and the basis a secrecy waiver unless said otherwise. --kind, "
     "--source and --with are given once for each.",
     "request --subject HANDLE --purpose joint_plan --kind goal --kind activity --source 0007:2021000001/guidance "
     "--duration P30D"},
    {"request-state", state_run, "ID " CLI_LOCAL_USAGE, "The state of a request, as far as the requester may know.",
     "request-state AgICAgICAgICAgICAgICAg"},
    {"consents", consents_run, "--subject HANDLE " CLI_LOCAL_USAGE, "Consents to or from this unit about a person.",
     "consents --subject HANDLE --json"},
    {"revoke", revoke_run, "CONSENT --reason TEXT " CLI_LOCAL_USAGE,
     "Ends a consent on the person's spoken word.\nThe person is told who did it.",
     "revoke AgICAgICAgICAgICAgICAg --reason 'said so on the telephone'"},
    {NULL, NULL, NULL, NULL, NULL},
};
