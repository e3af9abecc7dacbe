/*
 * sluss device requests, read, sign, refuse. What is signed is the hash of exactly the text that was printed, made from
 * exactly the claims of the tokens.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/device.h"
#include "agent/cli/device_request.h"
#include "base/duration.h"
#include "base/json.h"
#include "base/text.h"

#define AT(type, field) offsetof(struct type, field)

static int usage(const struct cli_verb *verb) {
    (void)fprintf(stderr, "usage: sluss %s %s\n", verb->name, verb->usage);
    return CLI_USAGE;
}

/* ---- requests ---- */

/* In the reader's language when there is one. */
static const char *name_of(const json_t *names) {
    const json_t *name = json_object_get(names, "sv");
    void *first = json_object_iter((json_t *)(uintptr_t)names);
    if (!name && first) name = json_object_iter_value(first);
    const char *text = json_string_value(name);
    return text ? text : "";
}

static void print_requests(const json_t *answer) {
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(answer, "requests"), i, item) {
        (void)printf("%s  %s, %s  (%s)  until ", device_text(item, "id"),
                     name_of(json_object_get(item, "recipient_names")), name_of(json_object_get(item, "member_names")),
                     device_text(item, "purpose"));
        device_print_time(device_number(item, "expires"));
        (void)printf("\n");
    }
}

int device_requests_run(const struct cli_verb *verb, int argc, char **argv) {
    return device_show(verb, argc, argv, "/v1/requests", print_requests);
}

/* ---- read and sign: the same choice, the same text ---- */

struct choice_options {
    struct device_options device;
    struct cli_list without;
    struct cli_list from;
    const char *lang;
    const char *duration;
    bool once;
};

static const struct cli_option choice_table[] = {
    {"without", CLI_LIST, AT(choice_options, without), false}, {"from", CLI_LIST, AT(choice_options, from), false},
    {"lang", CLI_TEXT, AT(choice_options, lang), false},       {"for", CLI_TEXT, AT(choice_options, duration), false},
    {"once", CLI_FLAG, AT(choice_options, once), false},       DEVICE_ROWS(choice_options)};

/* What is about to be decided. */
struct decision {
    struct device_request request;
    const char *lang;
    struct bytes notice;
    uint64_t now_s;
};

/* --lang, or the language of the environment when the notice is complete in it, or Swedish. */
static const char *choose_language(const struct choice_options *options) {
    const char *environment = getenv("LANG");
    if (options->lang) return options->lang;
    for (const char *const *lang = notice_languages(); environment && *lang; lang++) {
        size_t len = strlen(*lang);
        if (strncmp(environment, *lang, len) == 0 && (environment[len] == '_' || environment[len] == '\0'))
            return *lang;
    }
    return "sv";
}

static int find_request(struct device *device, const char *id, struct device_request *request) {
    json_t *list CLEANUP(json_cleanup) = NULL;
    size_t i;
    json_t *item;
    int code = device_call(device, "GET", "/v1/requests", NULL, &list, NULL);
    if (code != CLI_DONE) return code;
    json_array_foreach(json_object_get(list, "requests"), i, item) {
        if (strcmp(device_text(item, "id"), id) != 0) continue;
        enum status status = device_request_parse(device->arena, item, request);
        return status == STATUS_OK ? CLI_DONE : cli_fail("the request as the portal shows it", status);
    }
    return cli_fail(id, STATUS_NOT_FOUND);
}

static enum status make_choice(const struct choice_options *options, const char *lang, struct device_choice *choice) {
    *choice = (struct device_choice){.lang = lang,
                                     .without = options->without.items,
                                     .n_without = options->without.count,
                                     .from = options->from.items,
                                     .n_from = options->from.count,
                                     .once = options->once};
    if (!options->duration) return STATUS_OK;
    TRY(duration_parse(bytes_text(options->duration), &choice->duration_s));
    ENSURE(choice->duration_s > 0, STATUS_INVALID);
    return STATUS_OK;
}

static int prepare(struct device *device, const struct choice_options *options, const char *id,
                   struct decision *decision) {
    struct device_choice choice;
    decision->lang = choose_language(options);
    int code = find_request(device, id, &decision->request);
    if (code != CLI_DONE) return code;
    if (make_choice(options, decision->lang, &choice) != STATUS_OK) {
        (void)fprintf(stderr, "sluss: --for takes a duration such as PT2H or P7D\n");
        return CLI_USAGE;
    }
    enum status status = device_request_narrow(&decision->request, &choice);
    if (status != STATUS_OK) return cli_fail("your choice does not fit what was asked", status);
    decision->now_s = device_now_s(device);
    status = device_request_notice(device->arena, &decision->request, decision->lang,
                                   decision->now_s + decision->request.duration_s, &decision->notice);
    return status == STATUS_OK ? CLI_DONE : cli_fail("the notice in this language", status);
}

static void print_notice(const struct decision *decision) {
    (void)fwrite(decision->notice.data, 1, decision->notice.len, stdout);
    (void)fflush(stdout);
}

static int begin_choice(const struct cli_verb *verb, int argc, char **argv, struct choice_options *options,
                        struct device *device, struct decision *decision) {
    struct cli_list rest = {.count = 0};
    int code = cli_parse(verb, choice_table, argc, argv, options, &rest);
    if (code != CLI_DONE) return code;
    if (rest.count != 1) return usage(verb);
    code = device_begin(&options->device, DEVICE_OPEN, device);
    return code == CLI_DONE ? prepare(device, options, rest.items[0], decision) : code;
}

int device_read_run(const struct cli_verb *verb, int argc, char **argv) {
    struct choice_options options = {.lang = NULL};
    struct device device CLEANUP(device_clear) = {.http = NULL};
    struct decision decision;
    int code = begin_choice(verb, argc, argv, &options, &device, &decision);
    if (code != CLI_DONE) return code < 0 ? CLI_DONE : code;
    print_notice(&decision);
    return CLI_DONE;
}

/* ---- sign ---- */

static json_t *tokens_body(const struct bytes *tokens, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        if (json_array_append_new(list, json_stringn((const char *)tokens[i].data, tokens[i].len)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return json_pack("{s:o}", "tokens", list);
}

static enum status sign_tokens(struct device *device, const struct decision *decision,
                               const struct device_signing *signing, json_t **out_body) {
    size_t count = decision->request.n_sources;
    struct bytes *tokens = ARENA_ARRAY(device->arena, struct bytes, count);
    ENSURE(tokens, STATUS_MEMORY);
    TRY(device_request_tokens(device->arena, &decision->request, signing, tokens));
    *out_body = tokens_body(tokens, count);
    ENSURE(*out_body, STATUS_MEMORY);
    return STATUS_OK;
}

/* Notice and code come before the answer: whatever becomes of the connection, the person has both. */
static void print_signing(const struct device *device, const struct decision *decision,
                          const struct device_signing *signing) {
    print_notice(decision);
    (void)printf("\nconsent: %s\nrevocation code (shown this once): %s\n", ids_text(device->arena, &signing->consent),
                 ids_text(device->arena, &signing->code));
    (void)fflush(stdout);
}

static int sign(struct device *device, const struct decision *decision) {
    const struct device_signing signing = {.federation = device->state.federation,
                                           .key = device->state.sign,
                                           .lang = decision->lang,
                                           .notice = decision->notice,
                                           .now_s = decision->now_s,
                                           .consent = ids_random(),
                                           .code = ids_random()};
    json_t *body CLEANUP(json_cleanup) = NULL;
    json_t *answer CLEANUP(json_cleanup) = NULL;
    enum status status = sign_tokens(device, decision, &signing, &body);
    if (status != STATUS_OK) return cli_fail("signing", status);
    print_signing(device, decision, &signing);
    const char *path =
        arena_printf(device->arena, "/v1/requests/%s/decision", ids_text(device->arena, &decision->request.id));
    int code = device_call(device, "POST", path, body, &answer, NULL);
    if (code != CLI_DONE) return code;
    (void)printf("signed: %zu of the log's receipts\n", json_array_size(json_object_get(answer, "receipts")));
    return CLI_DONE;
}

int device_sign_run(const struct cli_verb *verb, int argc, char **argv) {
    struct choice_options options = {.lang = NULL};
    struct device device CLEANUP(device_clear) = {.http = NULL};
    struct decision decision;
    int code = begin_choice(verb, argc, argv, &options, &device, &decision);
    if (code != CLI_DONE) return code < 0 ? CLI_DONE : code;
    code = device_learn_subject(&device);
    if (code != CLI_DONE) return code;
    if (!hash_equal(&device.state.subject, &decision.request.subject)) {
        return device_fail("the request is about somebody else");
    }
    return sign(&device, &decision);
}

/* ---- refuse ---- */

struct refuse_options {
    struct device_options device;
    bool tell;
};

int device_refuse_run(const struct cli_verb *verb, int argc, char **argv) {
    static const struct cli_option table[] = {{"tell", CLI_FLAG, AT(refuse_options, tell), false},
                                              DEVICE_ROWS(refuse_options)};
    struct refuse_options options = {.tell = false};
    struct cli_list rest = {.count = 0};
    struct device device CLEANUP(device_clear) = {.http = NULL};
    struct statement statement = {.type = STATEMENT_REFUSE};
    json_t *answer CLEANUP(json_cleanup) = NULL;
    int code = cli_parse(verb, table, argc, argv, &options, &rest);
    if (code != CLI_DONE) return code < 0 ? CLI_DONE : code;
    if (rest.count != 1 || ids_from_text(bytes_text(rest.items[0]), &statement.request) != STATUS_OK)
        return usage(verb);
    statement.tell = options.tell;
    code = device_begin(&options.device, DEVICE_OPEN, &device);
    if (code != CLI_DONE) return code;
    const char *path = arena_printf(device.arena, "/v1/requests/%s/decision", rest.items[0]);
    code = device_say(&device, &statement, "POST", path, &answer);
    if (code == CLI_DONE) (void)printf("refused\n");
    return code;
}
