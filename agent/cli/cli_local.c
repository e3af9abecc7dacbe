/* Calls of the local API and how their answers are shown. A person's number is read, sent and forgotten: it is never
 * printed. */
#include "agent/cli/cli_local.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "proto/ids.h"

enum { CALL_S = 140, ANSWER_BYTES = 32 << 20, NUMBER_BYTES = 64 };

int cli_local_open(const struct cli_local_options *options, struct cli_local *local) {
    const char *socket = options->socket ? options->socket : getenv("SLUSS_SOCKET");
    const struct cli_http_target target = {.url = "http://localhost", .socket = socket ? socket : CLI_LOCAL_SOCKET};
    *local = (struct cli_local){.options = options, .arena = arena_new((size_t)3 * ANSWER_BYTES)};
    enum status status = local->arena ? cli_http_new(&target, &local->http) : STATUS_MEMORY;
    return status == STATUS_OK ? CLI_DONE : cli_fail("starting", status);
}

void cli_local_clear(struct cli_local *local) {
    cli_http_free(local->http);
    arena_free(local->arena);
}

/* ---- calling ---- */

static const char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* A problem (RFC 9457) as lines on stderr. The exit code tells a broker that is away from a refusal. */
static int report_problem(int code, const json_t *problem) {
    size_t i;
    json_t *fault;
    (void)fprintf(stderr, "sluss: %s (HTTP %d %s)\n",
                  *text_of(problem, "title") ? text_of(problem, "title") : "refused", code, text_of(problem, "type"));
    if (*text_of(problem, "detail")) (void)fprintf(stderr, "  %s\n", text_of(problem, "detail"));
    json_array_foreach(json_object_get(problem, "errors"), i, fault) {
        (void)fprintf(stderr, "  %s %s\n", text_of(fault, "pointer"), text_of(fault, "text"));
    }
    return code == 503 || code == 504 ? CLI_NOT_REACHABLE : CLI_REFUSED;
}

static enum status make_ask(struct cli_local *local, const char *method, const char *path, const json_t *body,
                            struct cli_http_ask *out_ask) {
    const struct cli_local_options *options = local->options;
    const struct id16 random = ids_random();
    bool is_post = strcmp(method, "POST") == 0;
    const char *key = options->key ? options->key : ids_text(local->arena, &random);
    struct cli_http_ask ask = {.method = method,
                               .path = path,
                               .fields = {{"Sluss-Unit", options->unit},
                                          {"Sluss-Official", options->official},
                                          {"Idempotency-Key", is_post ? key : NULL}},
                               .timeout_s = CALL_S};
    if (body) {
        const char *text = json_compact(local->arena, body);
        ENSURE(text, STATUS_MEMORY);
        ask.body = bytes_text(text);
        ask.content_type = "application/json";
    }
    *out_ask = ask;
    return STATUS_OK;
}

int cli_local_call(struct cli_local *local, const char *method, const char *path, const json_t *body,
                   json_t **out_answer) {
    struct cli_http_ask ask;
    struct cli_http_answer answer;
    json_t *value CLEANUP(json_cleanup) = NULL;
    enum status status = path ? make_ask(local, method, path, body, &ask) : STATUS_MEMORY;
    if (status == STATUS_OK) status = cli_http_send(local->http, local->arena, &ask, &answer);
    if (status != STATUS_OK) {
        const char *reason = cli_http_reason(local->http);
        return cli_fail(*reason ? reason : "the agent's socket", status);
    }
    status = json_read(answer.body, ANSWER_BYTES, &value);
    if (answer.code < 200 || answer.code > 299) return report_problem(answer.code, value);
    if (status != STATUS_OK) return cli_fail("the answer", status);
    *out_answer = MOVE(value);
    return CLI_DONE;
}

/* ---- printing ---- */

static void print_scalar(const json_t *value) {
    if (json_is_string(value)) {
        (void)fputs(json_string_value(value), stdout);
        return;
    }
    (void)json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
}

static bool is_flat(const json_t *value) {
    if (json_is_object(value)) return json_object_size(value) == 0;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *item = json_array_get(value, i);
        if (json_is_object(item) || json_is_array(item)) return false;
    }
    return true;
}

static void print_flat(const json_t *value) {
    if (!json_is_array(value)) {
        print_scalar(value);
        return;
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (i > 0) (void)fputs(", ", stdout);
        print_scalar(json_array_get(value, i));
    }
}

/* Objects as "name: value", lists of objects with a dash before each; what lies deeper is indented. json_read bounds
 * the depth. */
static void print_value(const json_t *value, int depth);

static void print_member(const char *name, const json_t *value, int depth) {
    (void)printf("%*s%s:", 2 * depth, "", name);
    if (is_flat(value)) {
        (void)fputs(" ", stdout);
        print_flat(value);
        (void)fputs("\n", stdout);
        return;
    }
    (void)fputs("\n", stdout);
    print_value(value, depth + 1);
}

static void print_value(const json_t *value, int depth) {
    const char *name;
    json_t *member;
    size_t i;
    json_object_foreach((json_t *)(uintptr_t)value, name, member) { print_member(name, member, depth); }
    json_array_foreach(value, i, member) {
        (void)printf("%*s-\n", 2 * depth, "");
        print_value(member, depth + 1);
    }
}

void cli_local_print(const struct cli_local *local, const json_t *answer) {
    if (local->options->json) {
        cli_print_json(answer);
    } else {
        print_value(answer, 0);
    }
}

/* ---- one call ---- */

int cli_local_run(const struct cli_local_options *options, const char *method, const char *path, json_t *body) {
    json_t *owned CLEANUP(json_cleanup) = body;
    json_t *answer CLEANUP(json_cleanup) = NULL;
    struct cli_local local CLEANUP(cli_local_clear) = {.http = NULL};
    if (!owned && strcmp(method, "POST") == 0) return cli_fail(path, STATUS_MEMORY);
    int code = cli_local_open(options, &local);
    if (code == CLI_DONE) code = cli_local_call(&local, method, path, owned, &answer);
    if (code == CLI_DONE) cli_local_print(&local, answer);
    return code;
}

/* ---- the person ---- */

static enum status read_number(const char *path, char line[NUMBER_BYTES]) {
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *from = is_stdin ? stdin : fopen(path, "re");
    ENSURE(from, STATUS_NOT_FOUND);
    bool got = fgets(line, NUMBER_BYTES, from) != NULL;
    if (!is_stdin) (void)fclose(from);
    ENSURE(got, STATUS_MALFORMED);
    line[strcspn(line, "\r\n")] = '\0';
    return STATUS_OK;
}

enum status cli_local_person(const struct cli_person_options *person, json_t *body) {
    char line[NUMBER_BYTES] = "";
    if ((person->subject != NULL) == (person->id_file != NULL)) {
        (void)fprintf(stderr, "sluss: give either --subject or --id-file\n");
        return STATUS_SETTINGS;
    }
    if (person->subject) {
        ENSURE(json_object_set_new(body, "subject", json_string(person->subject)) == 0, STATUS_MALFORMED);
        return STATUS_OK;
    }
    enum status status = read_number(person->id_file, line);
    if (status != STATUS_OK) {
        (void)cli_fail(person->id_file, status);
        return status;
    }
    ENSURE(json_object_set_new(body, "national_id", json_string(line)) == 0, STATUS_MALFORMED);
    return STATUS_OK;
}
