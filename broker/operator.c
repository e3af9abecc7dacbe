/*
 * One call over the link for each verb; the export asks page by page.
 */
#include "broker/operator.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "broker/operator_export.h"
#include "proto/internal_msg.h"
#include "proto/limits.h"
#include "proto/link_client.h"
#include "proto/reply_code.h"
#include "proto/signed.h"
#include "proto/state_statement.h"

#define OPERATOR_TIMEOUT_MS 15000
#define OPERATOR_ARENA      ((size_t)16 << 20)
#define OPERATOR_FILE_MAX   ((size_t)1 << 20)

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_NOT_REACHABLE = 3 };

static int exit_code_of(enum status status) {
    if (status == STATUS_OK) return EXIT_DONE;
    return status == STATUS_UNREACHABLE || status == STATUS_TIMEOUT ? EXIT_NOT_REACHABLE : EXIT_REFUSED;
}

static int fail(enum status status, const char *what) {
    (void)fprintf(stderr, "sluss-broker: %s: %s\n", what, status_text(status));
    return exit_code_of(status);
}

enum body_form { BODY_NONE, BODY_TEXT, BODY_HEAD };

/* What `sluss authority admit` reads: sequence and hash of the newest entry; zeros before the first. */
static enum status print_head(struct arena *arena, const struct operator_reply *reply) {
    struct signed_object object;
    struct directory_head head = {.sequence = 0};
    if (reply->code == REPLY_DONE) {
        TRY(signed_parse(arena, reply->body, &object));
        TRY(codec_parse(&state_statement_head_codec, arena, NULL, object.body, &head));
    }
    const char *text = text_base64url(arena, hash_bytes(&head.head));
    ENSURE(text, STATUS_MEMORY);
    (void)printf("{\"sequence\":%" PRIu64 ",\"head\":\"%s\"}\n", head.sequence, text);
    return STATUS_OK;
}

static enum status print_body(struct arena *arena, const struct operator_reply *reply, enum body_form form) {
    if (form == BODY_HEAD) return print_head(arena, reply);
    if (form == BODY_TEXT) {
        (void)fwrite(reply->body.data, 1, reply->body.len, stdout);
        (void)fputc('\n', stdout);
    }
    return STATUS_OK;
}

/* One question; a refusal's text goes to stderr. Before the first entry there is no head: that is an answer too. */
static int ask(const char *socket, const struct operator_ask *question, enum body_form form) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(OPERATOR_ARENA);
    struct link_client *client = NULL;
    if (!arena) return fail(STATUS_MEMORY, "start");
    enum status status = link_client_open(socket, 1, LIMIT_FRAME_BYTES, &client);
    if (status != STATUS_OK) return fail(status, socket);
    struct bytes request;
    struct bytes answer;
    struct operator_reply reply;
    status = internal_operator_ask_encode(arena, question, &request);
    if (status == STATUS_OK) status = link_client_call(client, request, OPERATOR_TIMEOUT_MS, arena, &answer);
    if (status == STATUS_OK) status = internal_operator_reply_parse(arena, answer, &reply);
    if (status != STATUS_OK) return fail(status, socket);
    bool no_head_yet = form == BODY_HEAD && reply.code == REPLY_NOT_FOUND;
    if (reply.code != REPLY_DONE && !no_head_yet) {
        (void)fprintf(stderr, "sluss-broker: %s: %s\n", reply_code_name((enum reply_code)reply.code), reply.text);
        return EXIT_REFUSED;
    }
    status = print_body(arena, &reply, form);
    return status == STATUS_OK ? EXIT_DONE : fail(status, socket);
}

int operator_status(const char *socket, const char *argument) {
    (void)argument;
    return ask(socket, &(struct operator_ask){.verb = OPERATOR_STATUS}, BODY_TEXT);
}

int operator_identity(const char *socket, const char *argument) {
    (void)argument;
    return ask(socket, &(struct operator_ask){.verb = OPERATOR_IDENTITY}, BODY_TEXT);
}

int operator_directory_head(const char *socket, const char *argument) {
    (void)argument;
    return ask(socket, &(struct operator_ask){.verb = OPERATOR_DIRECTORY_HEAD}, BODY_HEAD);
}

int operator_admit(const char *socket, const char *argument) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(OPERATOR_ARENA);
    if (!arena) return fail(STATUS_MEMORY, "start");
    struct operator_ask question = {.verb = OPERATOR_DIRECTORY_ADD};
    enum status status = file_read(argument, OPERATOR_FILE_MAX, arena, &question.body);
    if (status != STATUS_OK) return fail(status, argument);
    return ask(socket, &question, BODY_NONE);
}

int operator_confirm_clock(const char *socket, const char *argument) {
    (void)argument;
    return ask(socket, &(struct operator_ask){.verb = OPERATOR_CONFIRM_CLOCK}, BODY_NONE);
}

int operator_go_on(const char *socket, const char *argument) {
    (void)argument;
    return ask(socket, &(struct operator_ask){.verb = OPERATOR_GO_ON}, BODY_NONE);
}

static int export_to(const char *socket, const char *dir, enum export_keys keys) {
    struct link_client *client = NULL;
    enum status status = link_client_open(socket, 1, LIMIT_FRAME_BYTES, &client);
    if (status == STATUS_OK) status = operator_export_run(client, dir, keys, isatty(STDERR_FILENO) ? stderr : NULL);
    return status == STATUS_OK ? EXIT_DONE : fail(status, "export");
}

int operator_export(const char *socket, const char *argument) {
    return export_to(socket, argument, EXPORT_WITHOUT_KEYS);
}

int operator_export_with_keys(const char *socket, const char *argument) {
    return export_to(socket, argument, EXPORT_WITH_KEYS);
}
