/* The mailbox and the link thread: enrolment, own reading, endings, erasure, restarts. Guards P2, P5, P9, P10. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <poll.h>

#include <cmocka.h>

#include "agent/consent_store.h"
#include "agent/outbox.h"
#include "agent/row.h"
#include "agent/selfread.h"
#include "agent/source.h"
#include "base/text.h"
#include "proto/statement.h"
#include "support/agency/small_agency.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

enum { WAIT_MS = 20000 };

struct bench {
    struct small_core *core;
    struct small_agency *source;
    struct hash subject;
    size_t device;
};

static int setup(void **state) {
    static struct bench bench;
    bench = (struct bench){.core = small_core_new()};
    bench.source = small_agency_new(bench.core, MEMBER_COUNTY, SMALL_STORE_LMDB);
    secret_random_public(bench.subject.b, sizeof bench.subject.b);
    bench.device = small_core_enrol(bench.core, &bench.subject, MEMBER_SERVICE);
    *state = &bench;
    return 0;
}

static int teardown(void **state) {
    struct bench *bench = *state;
    small_agency_free(bench->source);
    small_core_free(bench->core);
    return 0;
}

static uint64_t refused(struct small_agency *agency) {
    struct agent_health health;
    agent_health(agency->agent, &health);
    return health.refused_events;
}

/* ---- enrolment ---- */

/* The person's browser, with what the link brought it. */
static struct bytes registration_with(struct small_core *core, const char *code, uint8_t spoil) {
    uint8_t both[32];
    struct id16 id;
    struct bytes compact;
    struct sign_private *sign CLEANUP(sign_free_cleanup) = NULL;
    struct seal_private *read CLEANUP(seal_free_cleanup) = NULL;
    OK(text_fixed_base64url(bytes_text(code), both, sizeof both));
    OK(ids_from_bytes(BYTES(both, 16), &id));
    both[16] ^= spoil;
    OK(sign_generate(&sign));
    OK(seal_generate(&read));
    struct seal_public read_key = seal_public_of(read);
    OK(registration_make(core->arena, FEDERATION_NAME, &id, both + 16, sign, &read_key, core->clock.manual_now_ms,
                         &compact));
    return compact;
}

static void register_device(struct small_core *core, struct bytes compact) {
    const struct msg_mail_event event = {.type = EVENT_REGISTRATION, .statement = compact};
    small_core_mail(core, FEDERATION_GUIDANCE, &event);
}

static void test_enrolment(void **state) {
    struct bench *bench = *state;
    struct small_core *core = bench->core;
    struct small_agency *service = small_agency_new(core, MEMBER_SERVICE, SMALL_STORE_MEMORY);
    struct agent_caller caller = small_agency_caller(UNIT_GUIDANCE);
    struct agent_enrolment enrolment;
    OK(agent_enrol(service->agent, service->arena, &caller, &bench->subject, 2, "e-id", false, &enrolment));
    assert_memory_equal(enrolment.link, "https://portal.example/#", 24);
    assert_string_equal(enrolment.link + 24, enrolment.code);
    /* Not made with the secret: somebody who saw only the id. */
    register_device(core, registration_with(core, enrolment.code, 1));
    assert_int_equal(small_agency_take_mail(service), 1);
    assert_int_equal(refused(service), 1);
    assert_int_equal(outbox_depth(service->agent), 0);
    register_device(core, registration_with(core, enrolment.code, 0));
    assert_int_equal(small_agency_take_mail(service), 1);
    OK(outbox_drain(service->agent));
    assert_int_equal(core->received[MESSAGE_ATTEST], 1);
    /* Once only. */
    register_device(core, registration_with(core, enrolment.code, 0));
    assert_int_equal(small_agency_take_mail(service), 1);
    assert_int_equal(refused(service), 2);
    /* Not after a quarter of an hour. */
    OK(agent_enrol(service->agent, service->arena, &caller, &bench->subject, 2, "e-id", false, &enrolment));
    core->clock.manual_now_ms += 900001;
    register_device(core, registration_with(core, enrolment.code, 0));
    assert_int_equal(small_agency_take_mail(service), 1);
    assert_int_equal(refused(service), 3);
    assert_int_equal(core->received[MESSAGE_ATTEST], 1);
    small_agency_free(service);
}

static void test_who_may_enrol(void **state) {
    struct bench *bench = *state;
    struct agent_caller caller = small_agency_caller(UNIT_CAREER);
    struct agent_enrolment enrolment;
    assert_int_equal(
        agent_enrol(bench->source->agent, bench->source->arena, &caller, &bench->subject, 2, "e-id", false, &enrolment),
        STATUS_DENIED);
}

/* ---- a person reads what a source holds ---- */

static void read_request(struct bench *bench, const char *of_unit, size_t signer) {
    struct small_core *core = bench->core;
    const struct small_device *device = &core->devices[bench->device];
    struct bytes compact;
    struct bytes *receipts = ARENA_ARRAY(core->arena, struct bytes, 2);
    struct hash *cause = ARENA_NEW(core->arena, struct hash);
    const struct statement statement = {.subject = bench->subject,
                                        .jti = ids_random(),
                                        .iat_s = core->clock.manual_now_ms / 1000,
                                        .type = STATEMENT_READ,
                                        .source = of_unit};
    OK(statement_make(core->arena, FEDERATION_NAME, &statement, core->devices[signer].sign, &compact));
    *cause = hash_sha256(compact);
    struct opening opening = {.actor = "",
                              .subject = hash_bytes(&bench->subject),
                              .cause = hash_bytes(cause),
                              .device = hash_bytes(&device->thumbprint),
                              .source = of_unit};
    uint64_t leaf = small_core_append(core, LEAF_READ_REQUESTED, ids_random(), &opening);
    receipts[0] = small_core_receipt(core, leaf);
    receipts[1] = small_core_receipt(core, device->leaf);
    const struct msg_mail_event event = {.type = EVENT_READ_REQUESTED,
                                         .subject = hash_bytes(&bench->subject),
                                         .receipts = receipts,
                                         .n_receipts = 2,
                                         .statement = compact,
                                         .attestation = device->attestation};
    small_core_mail(core, FEDERATION_CAREER, &event);
}

static void test_own_reading(void **state) {
    struct bench *bench = *state;
    struct small_core *core = bench->core;
    struct hash stranger;
    secret_random_public(stranger.b, sizeof stranger.b);
    size_t other = small_core_enrol(core, &stranger, MEMBER_SERVICE);
    (void)small_agency_publish(bench->source, UNIT_CAREER, &bench->subject, "A job", FRAGMENT_STORED);
    (void)small_agency_publish(bench->source, UNIT_CAREER, &stranger, "A job", FRAGMENT_STORED);
    read_request(bench, FEDERATION_GUIDANCE, bench->device); /* of another source */
    read_request(bench, FEDERATION_CAREER, other);           /* by another's device */
    assert_int_equal(small_agency_take_mail(bench->source), 2);
    assert_int_equal(refused(bench->source), 2);
    OK(selfread_serve_all(bench->source->agent));
    assert_int_equal(core->n_grants, 0);
    read_request(bench, FEDERATION_CAREER, bench->device);
    assert_int_equal(small_agency_take_mail(bench->source), 1);
    core->n_devices = 1; /* the upload's leaf names this device */
    OK(selfread_serve_all(bench->source->agent));
    core->n_devices = 2;
    assert_int_equal(core->n_grants, 1);
    const struct key_grant *grant = &core->grants[0].grant;
    assert_int_equal(grant->token.len, 0);
    assert_string_equal(grant->purpose, "");
    OK(selfread_serve_all(bench->source->agent));
    assert_int_equal(core->n_grants, 1);
}

/* ---- endings and erasure ---- */

static size_t consent(struct bench *bench) {
    const struct small_ask ask = {
        .to = UNIT_EDUCATION, .from = UNIT_CAREER, .access = ACCESS_REPEATED, .subject = bench->subject};
    return small_core_consent(bench->core, small_core_request(bench->core, &ask), bench->device);
}

static void test_an_ending_is_final(void **state) {
    struct bench *bench = *state;
    size_t token = consent(bench);
    assert_int_equal(small_agency_take_mail(bench->source), 1);
    small_core_change(bench->core, token, CONSENT_STATE_REVOKED);
    small_core_change(bench->core, token, CONSENT_ACTIVE); /* a broker that takes it back */
    assert_int_equal(small_agency_take_mail(bench->source), 2);
    (void)small_agency_publish(bench->source, UNIT_CAREER, &bench->subject, "A job", FRAGMENT_STORED);
    OK(source_serve_all(bench->source->agent));
    assert_int_equal(bench->core->n_grants, 0);
    OK(outbox_drain(bench->source->agent));
    assert_int_equal(bench->core->received[MESSAGE_ACKNOWLEDGE], 1);
}

static void test_resumed_consent_gets_grants_anew(void **state) {
    struct bench *bench = *state;
    size_t token = consent(bench);
    (void)small_agency_publish(bench->source, UNIT_CAREER, &bench->subject, "A job", FRAGMENT_STORED);
    assert_int_equal(small_agency_take_mail(bench->source), 1);
    OK(source_serve_all(bench->source->agent));
    assert_int_equal(bench->core->n_grants, 1);
    small_core_change(bench->core, token, CONSENT_STATE_SUSPENDED);
    assert_int_equal(small_agency_take_mail(bench->source), 1);
    (void)small_agency_publish(bench->source, UNIT_CAREER, &bench->subject, "A trade", FRAGMENT_STORED);
    OK(source_serve_all(bench->source->agent));
    assert_int_equal(bench->core->n_grants, 1);
    small_core_change(bench->core, token, CONSENT_ACTIVE);
    assert_int_equal(small_agency_take_mail(bench->source), 1);
    OK(source_serve_all(bench->source->agent));
    assert_int_equal(bench->core->n_grants, 3);
}

/* An ending that the log does not hold changes nothing. */
static void test_ending_without_proof(void **state) {
    struct bench *bench = *state;
    size_t token = consent(bench);
    assert_int_equal(small_agency_take_mail(bench->source), 1);
    struct bytes *receipt = ARENA_NEW(bench->core->arena, struct bytes);
    *receipt = small_core_receipt(bench->core, bench->core->tokens[token].leaf);
    const struct msg_mail_event event = {.type = EVENT_CONSENT_ENDED,
                                         .subject = hash_bytes(&bench->subject),
                                         .receipts = receipt,
                                         .n_receipts = 1,
                                         .consent = ids_bytes(&bench->core->tokens[token].token.consent),
                                         .state = CONSENT_STATE_REVOKED};
    small_core_mail(bench->core, FEDERATION_CAREER, &event);
    assert_int_equal(small_agency_take_mail(bench->source), 1);
    assert_int_equal(refused(bench->source), 1);
    (void)small_agency_publish(bench->source, UNIT_CAREER, &bench->subject, "A job", FRAGMENT_STORED);
    assert_int_equal(bench->core->n_grants, 1);
}

/* P9: the key is gone; what was published cannot be read here again, nor granted, and a person who returns is new. */
static void test_erased(void **state) {
    struct bench *bench = *state;
    struct agent_caller caller = small_agency_caller(UNIT_CAREER);
    struct bytes receipt;
    json_t *fragment = NULL;
    struct agent_published published =
        small_agency_publish(bench->source, UNIT_CAREER, &bench->subject, "A job", FRAGMENT_STORED);
    (void)consent(bench);
    assert_int_equal(small_agency_take_mail(bench->source), 1);
    OK(agent_erase(bench->source->agent, bench->source->arena, &caller, &bench->subject, "asked", &receipt));
    assert_true(receipt.len > 0);
    assert_int_equal(
        agent_fragment(bench->source->agent, bench->source->arena, &caller, &published.fragment, &fragment),
        STATUS_NOT_FOUND);
    OK(source_serve_all(bench->source->agent));
    assert_int_equal(bench->core->n_grants, 0);
    small_agency_reopen(bench->source);
    (void)small_agency_publish(bench->source, UNIT_CAREER, &bench->subject, "A trade", FRAGMENT_STORED);
}

/* A slot that was doomed when the process was killed is destroyed at the next start. */
static enum status doom(struct store_txn *txn, void *arg) { return vault_doom(txn, *(uint32_t *)arg); }

static enum status take(struct store_txn *txn, void *arg) {
    struct bench *bench = arg;
    uint32_t slot = 0;
    TRY(vault_take(bench->source->agent->vault, txn, &slot));
    bench->device = slot;
    return STATUS_OK;
}

static void test_doomed_slots_are_buried_at_start(void **state) {
    struct bench *bench = *state;
    struct secret *key = NULL;
    OK(store_write(bench->source->agent->store, take, bench));
    uint32_t slot = (uint32_t)bench->device;
    OK(vault_key(bench->source->agent->vault, slot, &key));
    secret_free(key);
    key = NULL;
    OK(store_write(bench->source->agent->store, doom, &slot));
    small_agency_reopen(bench->source);
    assert_int_equal(vault_key(bench->source->agent->vault, slot, &key), STATUS_NOT_FOUND);
}

/* ---- restarts and the thread ---- */

static void test_everything_stands_after_restart(void **state) {
    struct bench *bench = *state;
    (void)consent(bench);
    assert_int_equal(small_agency_take_mail(bench->source), 1);
    (void)small_agency_publish(bench->source, UNIT_CAREER, &bench->subject, "A job", FRAGMENT_STORED);
    bench->core->n_grants = 0;
    small_agency_reopen(bench->source);
    struct agent_health health;
    agent_health(bench->source->agent, &health);
    assert_int_equal(health.directory_sequence, 6);
    assert_true(health.head_age_ms < 1000);
    assert_int_equal(small_agency_take_mail(bench->source), 0);
    OK(source_serve_all(bench->source->agent));
    assert_int_equal(bench->core->n_grants, 0); /* granted already */
    (void)small_agency_publish(bench->source, UNIT_CAREER, &bench->subject, "A trade", FRAGMENT_STORED);
    assert_int_equal(bench->core->n_grants, 1);
}

static bool wait_for(struct small_core *core, bool (*holds)(const struct small_core *core)) {
    bool held = false;
    for (int waited = 0; !held && waited < WAIT_MS; waited += 5) {
        (void)pthread_mutex_lock(&core->mutex);
        held = holds(core);
        (void)pthread_mutex_unlock(&core->mutex);
        if (!held) (void)poll(NULL, 0, 5);
    }
    return held;
}

static bool has_grant(const struct small_core *core) { return core->n_grants == 1; }
static bool has_acknowledgement(const struct small_core *core) { return core->received[MESSAGE_ACKNOWLEDGE] == 1; }

/* The link thread by itself: from mail to grant, and from the end to the acknowledgement. */
static void test_link_thread(void **state) {
    struct bench *bench = *state;
    struct small_core *core = bench->core;
    (void)small_agency_publish(bench->source, UNIT_CAREER, &bench->subject, "A job", FRAGMENT_STORED);
    OK(agent_start(bench->source->agent));
    (void)pthread_mutex_lock(&core->mutex);
    size_t token = consent(bench);
    (void)pthread_mutex_unlock(&core->mutex);
    assert_true(wait_for(core, has_grant));
    (void)pthread_mutex_lock(&core->mutex);
    small_core_change(core, token, CONSENT_STATE_REVOKED);
    (void)pthread_mutex_unlock(&core->mutex);
    assert_true(wait_for(core, has_acknowledgement));
    const char *unit = FEDERATION_CAREER;
    json_t *events = NULL;
    OK(agent_events(bench->source->agent, bench->source->arena, &unit, 1, 1, 10, WAIT_MS, &events));
    assert_string_equal(json_string_value(json_object_get(json_array_get(events, 0), "type")), "consent_ended");
    json_decref(events);
    agent_stop(bench->source->agent);
}

static void test_repeats(void **state) {
    struct bench *bench = *state;
    struct agent *agent = bench->source->agent;
    struct hash request = hash_sha256(bytes_text("a request"));
    struct hash other = hash_sha256(bytes_text("another"));
    struct bytes answer;
    assert_int_equal(agent_repeat_find(agent, bench->core->arena, "case", "k1", &request, &answer), STATUS_NOT_FOUND);
    OK(agent_repeat_keep(agent, "case", "k1", &request, bytes_text("an answer")));
    OK(agent_repeat_find(agent, bench->core->arena, "case", "k1", &request, &answer));
    assert_true(bytes_equal_text(answer, "an answer"));
    assert_int_equal(agent_repeat_find(agent, bench->core->arena, "case", "k1", &other, &answer), STATUS_CONFLICT);
    assert_int_equal(agent_repeat_find(agent, bench->core->arena, "other", "k1", &request, &answer), STATUS_NOT_FOUND);
    bench->core->clock.manual_now_ms += 86400000;
    assert_int_equal(agent_repeat_find(agent, bench->core->arena, "case", "k1", &request, &answer), STATUS_NOT_FOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_who_may_enrol, setup, teardown),
        cmocka_unit_test_setup_teardown(test_enrolment, setup, teardown),
        cmocka_unit_test_setup_teardown(test_own_reading, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ending_without_proof, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_ending_is_final, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resumed_consent_gets_grants_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(test_erased, setup, teardown),
        cmocka_unit_test_setup_teardown(test_doomed_slots_are_buried_at_start, setup, teardown),
        cmocka_unit_test_setup_teardown(test_everything_stands_after_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_link_thread, setup, teardown),
        cmocka_unit_test_setup_teardown(test_repeats, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
