#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker/core/face_gate.h"
#include "broker/core/face_local.h"
#include "proto/limits.h"
#include "proto/link_client.h"
#include "proto/msg_directory.h"
#include "proto/preface.h"
#include "support/core/core_harness.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

enum { ASK_MS = 10000 };

/* One for the whole program: nng's sockets live as long as the process. */
static struct {
    struct core_harness harness;
    struct arena *arena;
    struct face_gate *gate;
    struct face_local *portal;
    struct face_local *operators;
} bench;

static struct link_client *new_client(const char *path) {
    struct link_client *client = NULL;
    OK(link_client_open(path, 8, LIMIT_FRAME_BYTES, &client));
    return client;
}

static const char *in_scratch(const char *name) {
    return arena_printf(bench.harness.arena, "%s/%s", bench.harness.scratch.path, name);
}

static int begin(void **state) {
    (void)state;
    core_harness_begin(&bench.harness, HARNESS_MEMORY);
    bench.arena = arena_new((size_t)64 << 20);
    bench.harness.settings.gate_socket = in_scratch("gate.sock");
    bench.harness.settings.portal_socket = in_scratch("portal.sock");
    bench.harness.settings.operator_socket = in_scratch("operator.sock");
    bench.harness.settings.socket_mode = 0600;
    OK(face_gate_open(&bench.harness.core, &bench.gate));
    OK(face_portal_open(&bench.harness.core, &bench.portal));
    OK(face_operator_open(&bench.harness.core, &bench.operators));
    return 0;
}

static struct preface_answer send_preface(struct link_client *client, const struct hash *certificate, uint16_t lowest) {
    struct preface preface = {.address = "192.0.2.1",
                              .hello = {.lowest_version = lowest, .highest_version = 9, .instance = {1}, .epoch = 1}};
    uint8_t memory[PREFACE_MAX_BYTES];
    struct bytes request, answer;
    struct preface_answer verdict;
    memcpy(preface.fingerprint, certificate->b, sizeof preface.fingerprint);
    OK(preface_encode(&preface, memory, &request));
    OK(link_client_call(client, request, ASK_MS, bench.arena, &answer));
    OK(preface_answer_parse(answer, &verdict));
    return verdict;
}

static struct bytes checkpoint_envelope(enum federation_unit unit) {
    struct msg_checkpoint_ask ask = {.have = 0};
    struct bytes body;
    OK(msg_checkpoint_ask_encode(bench.arena, &ask, &body));
    return core_harness_envelope(&bench.harness, unit, MESSAGE_CHECKPOINT, body, bench.arena);
}

static struct reply call_gate(struct link_client *client, struct bytes envelope) {
    struct bytes answer;
    struct reply reply;
    OK(link_client_call(client, envelope, ASK_MS, bench.arena, &answer));
    OK(reply_parse(bench.arena, answer, &reply));
    return reply;
}

static void test_preface_binds(void **state) {
    (void)state;
    struct link_client *client = new_client(bench.harness.settings.gate_socket);
    const struct hash *county = &bench.harness.federation->members[MEMBER_COUNTY].certificate;
    assert_int_equal(send_preface(client, county, 1).verdict, PREFACE_ADMITTED);
    assert_int_equal(face_gate_bound(bench.gate), 1);
    assert_int_equal(call_gate(client, checkpoint_envelope(UNIT_CAREER)).code, REPLY_DONE);
    /* Another member's envelope on this connection, and one that is none. */
    assert_int_equal(call_gate(client, checkpoint_envelope(UNIT_GUIDANCE)).code, REPLY_DENIED);
    assert_int_equal(call_gate(client, bytes_text("no envelope")).code, REPLY_MALFORMED);
    struct bytes late = federation_envelope(bench.harness.federation, UNIT_CAREER, MESSAGE_CHECKPOINT, BYTES_EMPTY,
                                            clock_now_ms(&bench.harness.clock) - 121000, bench.arena);
    assert_int_equal(call_gate(client, late).code, REPLY_TIME);
    struct bytes altered = checkpoint_envelope(UNIT_CAREER);
    ((uint8_t *)altered.data)[altered.len - 1] ^= 1;
    assert_int_equal(call_gate(client, altered).code, REPLY_SIGNATURE);
    struct bytes unknown =
        core_harness_envelope(&bench.harness, UNIT_CAREER, MESSAGE_DIRECTORY, bytes_text("no ask"), bench.arena);
    assert_int_equal(call_gate(client, unknown).code, REPLY_MALFORMED);
}

static void test_unknown_certificates_are_refused(void **state) {
    (void)state;
    struct link_client *client = new_client(bench.harness.settings.gate_socket);
    struct hash stranger = {{7}};
    struct preface_answer answer = send_preface(client, &stranger, 1);
    assert_int_equal(answer.verdict, PREFACE_UNKNOWN_CERTIFICATE);
    assert_true(answer.retry_after_ms > 0);
    /* The connection is bound to nobody: it is ended. */
    struct bytes reply;
    assert_int_not_equal(link_client_call(client, checkpoint_envelope(UNIT_CAREER), 1000, bench.arena, &reply),
                         STATUS_OK);
}

static void test_protocol_versions(void **state) {
    (void)state;
    struct link_client *client = new_client(bench.harness.settings.gate_socket);
    const struct hash *city = &bench.harness.federation->members[MEMBER_CITY].certificate;
    assert_int_equal(send_preface(client, city, 2).verdict, PREFACE_PROTOCOL_VERSION);
}

static void test_first_request_must_be_a_preface(void **state) {
    (void)state;
    struct link_client *client = new_client(bench.harness.settings.gate_socket);
    struct bytes reply;
    assert_int_not_equal(link_client_call(client, checkpoint_envelope(UNIT_CAREER), 1000, bench.arena, &reply),
                         STATUS_OK);
}

static void test_portal_and_operator(void **state) {
    (void)state;
    struct link_client *portal = new_client(bench.harness.settings.portal_socket);
    struct link_client *operators = new_client(bench.harness.settings.operator_socket);
    struct portal_ask ask = {.op = PORTAL_CHECKPOINT, .method = "GET", .url = ""};
    struct operator_ask order = {.verb = OPERATOR_STATUS};
    struct bytes request, answer;
    struct portal_reply page;
    struct operator_reply status;
    OK(internal_portal_ask_encode(bench.arena, &ask, &request));
    OK(link_client_call(portal, request, ASK_MS, bench.arena, &answer));
    OK(internal_portal_reply_parse(bench.arena, answer, &page));
    assert_int_equal(page.status, 200);
    assert_non_null(memmem(page.body.data, page.body.len, "/log/1\n", 7));
    ask = (struct portal_ask){.op = PORTAL_TILE, .method = "GET", .url = "", .a = 0, .b = 9};
    OK(internal_portal_ask_encode(bench.arena, &ask, &request));
    OK(link_client_call(portal, request, ASK_MS, bench.arena, &answer));
    OK(internal_portal_reply_parse(bench.arena, answer, &page));
    assert_int_equal(page.status, 404);
    assert_string_equal(page.content_type, "application/problem+json");
    OK(internal_operator_ask_encode(bench.arena, &order, &request));
    OK(link_client_call(operators, request, ASK_MS, bench.arena, &answer));
    OK(internal_operator_reply_parse(bench.arena, answer, &status));
    assert_int_equal(status.code, REPLY_DONE);
    assert_non_null(memmem(status.body.data, status.body.len, "\"members\":3", 11));
    /* A plain `done` has no bytes. */
    order = (struct operator_ask){.verb = OPERATOR_GO_ON};
    OK(internal_operator_ask_encode(bench.arena, &order, &request));
    OK(link_client_call(operators, request, ASK_MS, bench.arena, &answer));
    OK(internal_operator_reply_parse(bench.arena, answer, &status));
    assert_int_equal(status.code, REPLY_DONE);
    /* What is no message. */
    OK(link_client_call(operators, bytes_text("nonsense"), ASK_MS, bench.arena, &answer));
    OK(internal_operator_reply_parse(bench.arena, answer, &status));
    assert_int_equal(status.code, REPLY_MALFORMED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_request_must_be_a_preface),
        cmocka_unit_test(test_unknown_certificates_are_refused),
        cmocka_unit_test(test_protocol_versions),
        cmocka_unit_test(test_preface_binds),
        cmocka_unit_test(test_portal_and_operator),
    };
    int failed = cmocka_run_group_tests(tests, begin, NULL);
    /* nng's threads go on: the process ends without taking core apart. */
    scratch_clear(&bench.harness.scratch);
    _Exit(failed);
}
