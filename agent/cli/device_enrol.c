/* sluss device enrol: new keys, registered with a one-time code that never leaves this device as a whole. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/device.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

#define AT(type, field) offsetof(struct type, field)

enum { ID_BYTES = 16, SECRET_BYTES = 16, ASK_AGAIN_MS = 500, WAIT_S = 60 };

struct enrol_options {
    struct device_options device;
};

/* The code alone, or a link that carries it behind '#'. */
static enum status parse_code(const char *text, struct id16 *out_id, uint8_t out_secret[SECRET_BYTES]) {
    uint8_t code[ID_BYTES + SECRET_BYTES];
    const char *hash = strrchr(text, '#');
    const char *equals = hash ? strrchr(hash, '=') : NULL;
    const char *start = equals ? equals + 1 : hash ? hash + 1 : text;
    TRY(text_fixed_base64url(bytes_text(start), code, sizeof code));
    memcpy(out_id->b, code, ID_BYTES);
    memcpy(out_secret, code + ID_BYTES, SECRET_BYTES);
    secret_wipe(code, sizeof code);
    return STATUS_OK;
}

static enum status make_body(struct device *device, const char *code, json_t **out_body) {
    const struct device_state *state = &device->state;
    struct id16 id;
    uint8_t secret[SECRET_BYTES];
    struct bytes compact;
    TRY(parse_code(code, &id, secret));
    enum status status = registration_make(device->arena, state->federation, &id, secret, state->sign,
                                           &state->read_public, device_now_s(device) * 1000, &compact);
    secret_wipe(secret, sizeof secret);
    TRY(status);
    *out_body = json_pack("{s:s%}", "registration", (const char *)compact.data, compact.len);
    ENSURE(*out_body, STATUS_MEMORY);
    return STATUS_OK;
}

/* The agency attests when its agent hears of it: a moment. */
static int await_attestation(struct device *device, const json_t *body, json_t **out_answer) {
    uint64_t end_ms = clock_boot_ms(clock_system()) + (uint64_t)WAIT_S * 1000;
    bool said = !isatty(STDERR_FILENO);
    for (;;) {
        json_t *answer CLEANUP(json_cleanup) = NULL;
        int code = device_call(device, "POST", "/v1/devices", body, &answer, NULL);
        if (code != CLI_DONE) return code;
        bool pending = strcmp(device_text(answer, "state"), "pending") == 0;
        if (!pending || clock_boot_ms(clock_system()) >= end_ms) {
            *out_answer = MOVE(answer);
            return CLI_DONE;
        }
        if (!said) (void)fprintf(stderr, "waiting for the agency that identified you ...\n");
        said = true;
        (void)poll(NULL, 0, ASK_AGAIN_MS);
    }
}

static void print_enrolled(const struct device *device, const json_t *answer) {
    const char *state = device_text(answer, "state");
    if (device->options->json) {
        cli_print_json(answer);
        return;
    }
    (void)printf("device: %s\nstate: %s\n", device_text(answer, "kid"), state);
    if (strcmp(state, "waiting") == 0) {
        (void)printf("You have other devices: let one of them countersign this one, or wait 72 hours.\n");
    }
}

static int enrol(struct device *device, const char *code_text) {
    json_t *body CLEANUP(json_cleanup) = NULL;
    json_t *answer CLEANUP(json_cleanup) = NULL;
    enum status status = make_body(device, code_text, &body);
    if (status != STATUS_OK) return cli_fail("the code", status);
    int code = await_attestation(device, body, &answer);
    if (code != CLI_DONE) return code;
    print_enrolled(device, answer);
    if (strcmp(device_text(answer, "state"), "pending") == 0) {
        (void)fprintf(stderr, "sluss: the agency has not answered yet; the same command goes on from here\n");
        return CLI_NOT_REACHABLE;
    }
    return device_learn_subject(device);
}

int device_enrol_run(const struct cli_verb *verb, int argc, char **argv) {
    static const struct cli_option table[] = {DEVICE_ROWS(enrol_options)};
    struct enrol_options options = {.device = {NULL, NULL, NULL, {NULL, NULL}, false}};
    struct cli_list rest = {.count = 0};
    struct device device CLEANUP(device_clear) = {.http = NULL};
    int code = cli_parse(verb, table, argc, argv, &options, &rest);
    if (code != CLI_DONE) return code < 0 ? CLI_DONE : code;
    if (rest.count != 1 || !options.device.portal) {
        (void)fprintf(stderr, "usage: sluss %s %s\n", verb->name, verb->usage);
        return CLI_USAGE;
    }
    struct id16 id;
    uint8_t secret[SECRET_BYTES];
    enum status status = parse_code(rest.items[0], &id, secret);
    secret_wipe(secret, sizeof secret);
    if (status != STATUS_OK) return cli_fail("the code", status);
    code = device_begin(&options.device, DEVICE_OPEN_OR_CREATE, &device);
    if (code != CLI_DONE) return code;
    if (device.state.has_subject) return device_fail("this file is enrolled already");
    return enrol(&device, rest.items[0]);
}
