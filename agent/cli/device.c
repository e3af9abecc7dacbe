/*
 * What the verbs of `sluss device` share. Trusts the portal for time and for what it lists; what is signed is made here
 * from what was printed here.
 *
 * Invariant: before a statement is sent its hash is in the file as pending; it becomes the last one only when the
 * portal has acknowledged it, so that a lost answer breaks no chain.
 */
#include "agent/cli/device.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "keys/jws.h"

enum { CALL_S = 60, NONCE_TRIES = 2, SEND_TRIES = 3, NONCE_BYTES = 200 };
#define ANSWER_BYTES ((size_t)32 << 20)

/* ---- beginning and end ---- */

static int open_file(struct device *device, enum device_begin how) {
    struct secret *secret CLEANUP(secret_free_cleanup) = NULL;
    struct keyfile_lock lock;
    const char *path = device->options->file;
    enum cli_lock_use use = how == DEVICE_OPEN ? CLI_LOCK_OPEN : CLI_LOCK_NEW;
    enum status status = cli_lock(&device->options->lock, use, &secret, &lock);
    if (status == STATUS_OK) status = device_state_open(path, &lock, device->arena, &device->state);
    if (status == STATUS_NOT_FOUND && how == DEVICE_OPEN_OR_CREATE) {
        status = device_state_create(path, &lock, device->arena, &device->state);
    }
    return status == STATUS_OK ? CLI_DONE : cli_fail(path, status);
}

static const char *without_slash(struct arena *arena, const char *url) {
    size_t len = strlen(url);
    while (len > 0 && url[len - 1] == '/') {
        len--;
    }
    return arena_printf(arena, "%.*s", (int)len, url);
}

static int open_portal(struct device *device) {
    const struct device_options *options = device->options;
    const char *url = options->portal ? without_slash(device->arena, options->portal) : device->state.portal;
    if (!url || *url == '\0') {
        (void)fprintf(stderr, "sluss: this device is not enrolled yet: give --portal\n");
        return CLI_USAGE;
    }
    device->state.portal = url;
    const struct cli_http_target target = {.url = url, .ca = options->ca};
    enum status status = cli_http_new(&target, &device->http);
    return status == STATUS_OK ? CLI_DONE : cli_fail("starting", status);
}

/* A wrong clock at home shall lose no signature. A federation once enrolled in never changes. */
static int take_time(struct device *device) {
    json_t *answer CLEANUP(json_cleanup) = NULL;
    struct cli_http_answer reply;
    const struct cli_http_ask ask = {.method = "GET", .path = "/v1/time", .timeout_s = CALL_S};
    uint64_t now_s = 0;
    const char *federation = NULL;
    enum status status = cli_http_send(device->http, device->arena, &ask, &reply);
    if (status != STATUS_OK) return cli_fail(cli_http_reason(device->http), status);
    status = json_read(reply.body, ANSWER_BYTES, &answer);
    if (status == STATUS_OK) status = json_get_u64(answer, "now", &now_s);
    if (status == STATUS_OK) status = json_get_text(answer, "federation", &federation);
    if (status != STATUS_OK || reply.code != 200) return cli_fail("the portal's time", STATUS_MALFORMED);
    device->clock_offset_s = (int64_t)now_s - (int64_t)(clock_now_ms(clock_system()) / 1000);
    if (*device->state.federation == '\0') device->state.federation = arena_string(device->arena, federation);
    bool same = device->state.federation && strcmp(device->state.federation, federation) == 0;
    return same ? CLI_DONE : cli_fail("the portal", STATUS_FEDERATION);
}

int device_begin(const struct device_options *options, enum device_begin how, struct device *device) {
    *device = (struct device){.options = options, .arena = arena_new((size_t)4 * ANSWER_BYTES)};
    if (!device->arena) return cli_fail("starting", STATUS_MEMORY);
    int code = open_file(device, how);
    if (code == CLI_DONE) code = open_portal(device);
    return code == CLI_DONE ? take_time(device) : code;
}

void device_clear(struct device *device) {
    device_state_clear(&device->state);
    cli_http_free(device->http);
    arena_free(device->arena);
}

uint64_t device_now_s(const struct device *device) {
    return (uint64_t)((int64_t)(clock_now_ms(clock_system()) / 1000) + device->clock_offset_s);
}

/* ---- proofs ---- */

static enum status make_proof(struct device *device, const char *method, const char *path, const char **out_proof) {
    struct arena *arena = device->arena;
    const struct device_state *state = &device->state;
    const struct id16 jti = ids_random();
    const char *x = text_base64url(arena, BYTES_ARRAY(state->sign_public.b));
    const char *url = arena_printf(arena, "%s%.*s", state->portal, (int)strcspn(path, "?"), path);
    json_t *header CLEANUP(json_cleanup) = json_pack("{s:s, s:s, s:{s:s, s:s, s:s}}", "alg", "EdDSA", "typ", "dpop+jwt",
                                                     "jwk", "kty", "OKP", "crv", "Ed25519", "x", x);
    json_t *payload CLEANUP(json_cleanup) =
        json_pack("{s:s, s:s, s:I, s:s, s:s*}", "htm", method, "htu", url, "iat", (json_int_t)device_now_s(device),
                  "jti", ids_text(arena, &jti), "nonce", *state->nonce ? state->nonce : NULL);
    const char *header_text = header ? json_canonical(arena, header) : NULL;
    const char *payload_text = payload ? json_canonical(arena, payload) : NULL;
    ENSURE(header_text && payload_text, STATUS_MEMORY);
    return jws_sign(state->sign, header_text, bytes_text(payload_text), arena, out_proof);
}

static enum status send_once(struct device *device, const char *method, const char *path, const char *body,
                             struct cli_http_answer *out_reply) {
    const char *proof = NULL;
    TRY(make_proof(device, method, path, &proof));
    const struct cli_http_ask ask = {.method = method,
                                     .path = path,
                                     .fields = {{"DPoP", proof}, {"Accept", "application/json"}},
                                     .content_type = body ? "application/json" : NULL,
                                     .body = body ? bytes_text(body) : BYTES_EMPTY,
                                     .timeout_s = CALL_S};
    TRY(cli_http_send(device->http, device->arena, &ask, out_reply));
    const char *nonce = out_reply->dpop_nonce;
    if (nonce && strlen(nonce) <= NONCE_BYTES) device->state.nonce = nonce;
    return STATUS_OK;
}

static enum status send_proved(struct device *device, const char *method, const char *path, const char *body,
                               struct cli_http_answer *out_reply) {
    for (int i = 0; i < NONCE_TRIES; i++) {
        TRY(send_once(device, method, path, body, out_reply));
        if (out_reply->code != 401 || !out_reply->dpop_nonce) break;
    }
    return STATUS_OK;
}

/* The same bytes again: what was done already is answered with its receipts. */
static enum status send_surely(struct device *device, const char *method, const char *path, const char *body,
                               struct cli_http_answer *out_reply) {
    enum status status = STATUS_OK;
    for (int i = 0; i < SEND_TRIES; i++) {
        status = send_proved(device, method, path, body, out_reply);
        if (status != STATUS_TIMEOUT && status != STATUS_UNREACHABLE) break;
    }
    return status;
}

/* ---- calls ---- */

static int report(int code, const json_t *problem) {
    const char *title = device_text(problem, "title");
    (void)fprintf(stderr, "sluss: the portal refused: %s (HTTP %d)\n", *title ? title : "no reason given", code);
    if (*device_text(problem, "detail")) (void)fprintf(stderr, "  %s\n", device_text(problem, "detail"));
    return code == 503 || code == 504 ? CLI_NOT_REACHABLE : CLI_REFUSED;
}

int device_call(struct device *device, const char *method, const char *path, const json_t *body, json_t **out_answer,
                int *out_code) {
    json_t *answer CLEANUP(json_cleanup) = NULL;
    struct cli_http_answer reply;
    const char *text = body ? json_compact(device->arena, body) : NULL;
    if (!path || (body && !text)) return cli_fail("the request", STATUS_MEMORY);
    enum status status = send_surely(device, method, path, text, &reply);
    if (status != STATUS_OK) {
        const char *reason = cli_http_reason(device->http);
        return cli_fail(*reason ? reason : "the portal", status);
    }
    IGNORE(device_state_save(device->options->file, device->arena, &device->state));
    status = json_read(reply.body, ANSWER_BYTES, &answer);
    if (reply.code < 200 || reply.code > 299) return report(reply.code, answer);
    if (status != STATUS_OK) return cli_fail("the portal's answer", status);
    if (out_code) *out_code = reply.code;
    *out_answer = MOVE(answer);
    return CLI_DONE;
}

/* ---- statements ---- */

static int save(struct device *device) {
    enum status status = device_state_save(device->options->file, device->arena, &device->state);
    return status == STATUS_OK ? CLI_DONE : cli_fail(device->options->file, status);
}

/* This device among those of the list; NULL when it is not there. */
static const json_t *find_self(struct device *device, const json_t *list) {
    const char *kid = text_base64url(device->arena, hash_bytes(&device->state.kid));
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(list, "devices"), i, item) {
        if (kid && strcmp(device_text(item, "kid"), kid) == 0) return item;
    }
    return NULL;
}

static int take_subject(struct device *device, const json_t *list) {
    struct device_state *state = &device->state;
    struct hash subject;
    if (json_get_fixed(list, "subject", subject.b, sizeof subject.b) != STATUS_OK) {
        return cli_fail("the portal does not say whose device this is", STATUS_MALFORMED);
    }
    if (state->has_subject && !hash_equal(&state->subject, &subject)) {
        return device_fail("the portal takes this device for another person's");
    }
    state->has_subject = true;
    state->subject = subject;
    return CLI_DONE;
}

/* What the portal has as this device's last statement must be the one that this file knows, or the one that was under
 * way when the connection was lost. */
static int take_chain(struct device *device, const json_t *self) {
    struct device_state *state = &device->state;
    struct hash last;
    bool has = json_object_get(self, "last_statement") != NULL;
    if (has && json_get_fixed(self, "last_statement", last.b, sizeof last.b) != STATUS_OK) {
        return cli_fail("the portal's list of devices", STATUS_MALFORMED);
    }
    bool arrived = has && state->has_pending && hash_equal(&last, &state->pending);
    if (arrived) {
        state->has_prev = true;
        state->prev = last;
    }
    bool same = has == state->has_prev && (!has || hash_equal(&last, &state->prev));
    if (!same) return device_fail("the portal has statements of this device that were not made with this file");
    state->has_pending = false;
    return save(device);
}

int device_learn_subject(struct device *device) {
    json_t *list CLEANUP(json_cleanup) = NULL;
    int code = device_call(device, "GET", "/v1/devices", NULL, &list, NULL);
    if (code != CLI_DONE) return code;
    const json_t *self = find_self(device, list);
    if (!self) return device_fail("this device is not among yours");
    code = take_subject(device, list);
    return code == CLI_DONE ? take_chain(device, self) : code;
}

static enum status make_statement(struct device *device, struct statement *statement, json_t **out_body) {
    struct device_state *state = &device->state;
    struct bytes compact;
    statement->subject = state->subject;
    statement->jti = ids_random();
    statement->iat_s = device_now_s(device);
    statement->prev = state->has_prev ? hash_bytes(&state->prev) : BYTES_EMPTY;
    if (!statement->source) statement->source = "";
    TRY(statement_make(device->arena, state->federation, statement, state->sign, &compact));
    state->has_pending = true;
    state->pending = hash_sha256(compact);
    *out_body = json_pack("{s:s%}", "statement", (const char *)compact.data, compact.len);
    ENSURE(*out_body, STATUS_MEMORY);
    return STATUS_OK;
}

int device_say(struct device *device, struct statement *statement, const char *method, const char *path,
               json_t **out_answer) {
    json_t *body CLEANUP(json_cleanup) = NULL;
    int code = device_learn_subject(device);
    if (code != CLI_DONE) return code;
    enum status status = make_statement(device, statement, &body);
    if (status != STATUS_OK) return cli_fail("the statement", status);
    code = save(device);
    if (code == CLI_DONE) code = device_call(device, method, path, body, out_answer, NULL);
    if (code != CLI_DONE) return code;
    device->state.has_prev = true;
    device->state.prev = device->state.pending;
    device->state.has_pending = false;
    return save(device);
}

/* ---- showing ---- */

int device_fail(const char *why) {
    (void)fprintf(stderr, "sluss: %s\n", why);
    return CLI_REFUSED;
}

const char *device_text(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

uint64_t device_number(const json_t *object, const char *name) {
    uint64_t number = 0;
    return json_get_u64(object, name, &number) == STATUS_OK ? number : 0;
}

void device_print_time(uint64_t seconds) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(256);
    const char *text =
        arena && seconds > 0 && seconds < UINT64_MAX / 1000 ? timestamp_text(arena, seconds * 1000) : NULL;
    (void)printf("%s", text ? text : "-");
}

struct show_options {
    struct device_options device;
};

int device_show(const struct cli_verb *verb, int argc, char **argv, const char *path, void (*print)(const json_t *)) {
    static const struct cli_option table[] = {DEVICE_ROWS(show_options)};
    struct show_options options = {.device = {NULL, NULL, NULL, {NULL, NULL}, false}};
    struct cli_list rest = {.count = 0};
    struct device device CLEANUP(device_clear) = {.http = NULL};
    json_t *answer CLEANUP(json_cleanup) = NULL;
    int code = cli_parse(verb, table, argc, argv, &options, &rest);
    if (code != CLI_DONE) return code < 0 ? CLI_DONE : code;
    code = device_begin(&options.device, DEVICE_OPEN, &device);
    if (code == CLI_DONE) code = device_call(&device, "GET", path, NULL, &answer, NULL);
    if (code != CLI_DONE) return code;
    if (options.device.json) {
        cli_print_json(answer);
    } else {
        print(answer);
    }
    return CLI_DONE;
}
