/*
 * How a device is bound to a person: the one-time enrolment, the registration, the attestation (P2).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"
#include "broker/core/device_rows.h"
#include "broker/core/portal/nonces.h"
#include "keys/jws.h"
#include "proto/attestation.h"
#include "proto/key_grant.h"
#include "proto/msg_consent.h"
#include "proto/msg_enrol.h"
#include "proto/msg_publish.h"
#include "support/core/scene.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

struct enrolment {
    struct rig rig;
    struct rig_person person;
    struct msg_open_enrolment open;
    struct bytes registration;
};

static void register_device(struct enrolment *enrolment, const struct id16 *id) {
    static const uint8_t secret[16] = {7};
    struct rig *rig = &enrolment->rig;
    struct seal_public read_key = seal_public_of(enrolment->person.read);
    OK(registration_make(rig->arena, FEDERATION_NAME, id, secret, enrolment->person.sign, &read_key, rig_now_ms(rig),
                         &enrolment->registration));
}

static const char *registration_body(struct enrolment *enrolment) {
    return arena_printf(enrolment->rig.arena, "{\"registration\":\"%.*s\"}", (int)enrolment->registration.len,
                        (const char *)enrolment->registration.data);
}

static void enrolment_begin(struct enrolment *enrolment) {
    rig_init(&enrolment->rig, CORE_PARTS_MEMORY);
    struct hash subject = scene_subject();
    rig_person_init(&enrolment->rig, &enrolment->person, &subject);
    enrolment->open = (struct msg_open_enrolment){ids_random(), rig_now_ms(&enrolment->rig) + 600000};
    RIG_DONE(rig_send(&enrolment->rig, UNIT_GUIDANCE, MESSAGE_OPEN_ENROLMENT, &enrolment->open));
    register_device(enrolment, &enrolment->open.enrolment);
}

static void enrolment_end(struct enrolment *enrolment) {
    rig_person_clear(&enrolment->person);
    rig_clear(&enrolment->rig);
}

static struct attestation attestation_of(struct enrolment *enrolment) {
    return (struct attestation){
        .version = 1,
        .federation = FEDERATION_NAME,
        .member = FEDERATION_SERVICE,
        .subject = enrolment->person.subject,
        .sign_key = sign_public_of(enrolment->person.sign),
        .read_key = seal_public_of(enrolment->person.read),
        .assurance = ASSURANCE_HIGH,
        .how = "in person",
        .enrolment = enrolment->open.enrolment,
        .registration_hash = hash_sha256(enrolment->registration),
        .time_ms = rig_now_ms(&enrolment->rig),
    };
}

static struct rig_answer attest(struct enrolment *enrolment, const struct attestation *attestation,
                                enum federation_member signer, enum federation_unit unit) {
    struct rig *rig = &enrolment->rig;
    struct bytes body;
    struct msg_attest message;
    OK(attestation_encode(rig->arena, attestation, &body));
    OK(signed_make(rig->arena, SIGNED_ATTESTATION, FEDERATION_NAME, body, rig->fed->members[signer].sign,
                   &message.attestation));
    return rig_send(rig, unit, MESSAGE_ATTEST, &message);
}

static void test_open_enrolment_refused(void **state) {
    (void)state;
    struct enrolment enrolment;
    enrolment_begin(&enrolment);
    struct rig *rig = &enrolment.rig;
    const struct msg_open_enrolment fresh = {ids_random(), rig_now_ms(rig) + 600000};
    const struct msg_open_enrolment long_one = {ids_random(), rig_now_ms(rig) + 15 * 60000 + 1};
    const struct msg_open_enrolment over = {ids_random(), rig_now_ms(rig)};
    struct msg_open_enrolment other = enrolment.open;
    other.expires_ms++;
    assert_int_equal(rig_send(rig, UNIT_EDUCATION, MESSAGE_OPEN_ENROLMENT, &fresh).status, STATUS_DENIED);
    assert_int_equal(rig_send(rig, UNIT_GUIDANCE, MESSAGE_OPEN_ENROLMENT, &long_one).status, STATUS_INVALID);
    assert_int_equal(rig_send(rig, UNIT_GUIDANCE, MESSAGE_OPEN_ENROLMENT, &over).status, STATUS_EXPIRED);
    assert_int_equal(rig_send(rig, UNIT_GUIDANCE, MESSAGE_OPEN_ENROLMENT, &other).status, STATUS_CONFLICT);
    RIG_DONE(rig_send(rig, UNIT_GUIDANCE, MESSAGE_OPEN_ENROLMENT, &enrolment.open));
    enrolment_end(&enrolment);
}

static void test_registration(void **state) {
    (void)state;
    struct enrolment enrolment;
    struct rig_person other;
    enrolment_begin(&enrolment);
    struct rig *rig = &enrolment.rig;
    rig_person_init(rig, &other, &enrolment.person.subject);
    /* Under another key's proof. */
    struct rig_answer answer = rig_ask(rig, &other, PORTAL_DEVICES_POST, NULL, registration_body(&enrolment));
    assert_int_equal(answer.status, STATUS_DENIED);
    /* Under an id that nobody opened. */
    struct bytes good = enrolment.registration;
    struct id16 unknown = ids_random();
    register_device(&enrolment, &unknown);
    answer = rig_ask(rig, &enrolment.person, PORTAL_DEVICES_POST, NULL, registration_body(&enrolment));
    assert_int_equal(answer.status, STATUS_NOT_FOUND);
    enrolment.registration = good;
    for (size_t i = 0; i < 2; i++) {
        answer = rig_ask(rig, &enrolment.person, PORTAL_DEVICES_POST, NULL, registration_body(&enrolment));
        RIG_DONE(answer);
        assert_int_equal(answer.http_status, 202);
    }
    const struct msg_mail_event *event = NULL;
    assert_int_equal(rig_mail(rig, UNIT_GUIDANCE, EVENT_REGISTRATION, &event), 1);
    assert_true(bytes_equal(event->statement, good));
    struct attestation attestation = attestation_of(&enrolment);
    RIG_DONE(attest(&enrolment, &attestation, MEMBER_SERVICE, UNIT_GUIDANCE));
    answer = rig_ask(rig, &enrolment.person, PORTAL_DEVICES_POST, NULL, registration_body(&enrolment));
    RIG_DONE(answer);
    assert_int_equal(answer.http_status, 200);
    assert_non_null(strstr((const char *)answer.body.data, "\"active\""));
    rig_person_clear(&other);
    enrolment_end(&enrolment);
}

/* Whoever saw only the id cannot keep the right registration out by being quicker, and cannot flood either. */
static void test_registrations_of_others(void **state) {
    (void)state;
    struct enrolment enrolment;
    enrolment_begin(&enrolment);
    struct rig *rig = &enrolment.rig;
    struct bytes own = enrolment.registration;
    struct rig_person keep = enrolment.person;
    for (size_t i = 0; i < 3; i++) {
        rig_person_init(rig, &enrolment.person, &keep.subject);
        register_device(&enrolment, &enrolment.open.enrolment);
        RIG_DONE(rig_ask(rig, &enrolment.person, PORTAL_DEVICES_POST, NULL, registration_body(&enrolment)));
        rig_person_clear(&enrolment.person);
    }
    enrolment.person = keep;
    enrolment.registration = own;
    RIG_DONE(rig_ask(rig, &enrolment.person, PORTAL_DEVICES_POST, NULL, registration_body(&enrolment)));
    rig_person_init(rig, &enrolment.person, &keep.subject);
    register_device(&enrolment, &enrolment.open.enrolment);
    struct rig_answer answer =
        rig_ask(rig, &enrolment.person, PORTAL_DEVICES_POST, NULL, registration_body(&enrolment));
    assert_int_equal(answer.status, STATUS_LIMIT);
    rig_person_clear(&enrolment.person);
    enrolment.person = keep;
    enrolment.registration = own;
    struct attestation attestation = attestation_of(&enrolment);
    RIG_DONE(attest(&enrolment, &attestation, MEMBER_SERVICE, UNIT_GUIDANCE));
    enrolment_end(&enrolment);
}

struct attest_case {
    const char *name;
    void (*alter)(struct enrolment *enrolment, struct attestation *attestation);
    enum federation_member signer;
    enum federation_unit unit;
    enum status status;
};

static void nothing(struct enrolment *enrolment, struct attestation *attestation) {
    (void)enrolment;
    (void)attestation;
}
static void of_another_member(struct enrolment *enrolment, struct attestation *attestation) {
    (void)enrolment;
    attestation->member = FEDERATION_CITY;
}
static void unknown_enrolment(struct enrolment *enrolment, struct attestation *attestation) {
    (void)enrolment;
    attestation->enrolment = ids_random();
}
static void other_registration(struct enrolment *enrolment, struct attestation *attestation) {
    (void)enrolment;
    attestation->registration_hash.b[0] ^= 1;
}
static void other_read_key(struct enrolment *enrolment, struct attestation *attestation) {
    (void)enrolment;
    attestation->read_key.b[0] ^= 1;
}
static void other_sign_key(struct enrolment *enrolment, struct attestation *attestation) {
    attestation->sign_key = sign_public_of(enrolment->rig.fed->log_key);
}
static void from_yesterday(struct enrolment *enrolment, struct attestation *attestation) {
    (void)enrolment;
    attestation->time_ms -= 86400000;
}

static const struct attest_case attest_cases[] = {
    {"signed by another member", nothing, MEMBER_CITY, UNIT_GUIDANCE, STATUS_SIGNATURE},
    {"in the name of another", of_another_member, MEMBER_SERVICE, UNIT_GUIDANCE, STATUS_DENIED},
    {"by a member that does not identify people", of_another_member, MEMBER_CITY, UNIT_EDUCATION, STATUS_DENIED},
    {"an enrolment that nobody opened", unknown_enrolment, MEMBER_SERVICE, UNIT_GUIDANCE, STATUS_NOT_FOUND},
    {"a registration that did not come", other_registration, MEMBER_SERVICE, UNIT_GUIDANCE, STATUS_NOT_FOUND},
    {"another key to read", other_read_key, MEMBER_SERVICE, UNIT_GUIDANCE, STATUS_INVALID},
    {"another key to sign", other_sign_key, MEMBER_SERVICE, UNIT_GUIDANCE, STATUS_INVALID},
    {"attested yesterday", from_yesterday, MEMBER_SERVICE, UNIT_GUIDANCE, STATUS_TIME},
};

static void test_attest_refused(void **state) {
    (void)state;
    struct enrolment enrolment;
    enrolment_begin(&enrolment);
    struct rig *rig = &enrolment.rig;
    RIG_DONE(rig_ask(rig, &enrolment.person, PORTAL_DEVICES_POST, NULL, registration_body(&enrolment)));
    uint64_t leaves = rig_leaves(rig);
    for (size_t i = 0; i < sizeof attest_cases / sizeof attest_cases[0]; i++) {
        const struct attest_case *row = &attest_cases[i];
        struct attestation attestation = attestation_of(&enrolment);
        row->alter(&enrolment, &attestation);
        enum status status = attest(&enrolment, &attestation, row->signer, row->unit).status;
        if (status != row->status) fail_msg("%s: %s", row->name, status_name(status));
        assert_int_equal(rig_leaves(rig), leaves);
    }
    struct attestation attestation = attestation_of(&enrolment);
    struct bytes body;
    struct msg_attest forged;
    OK(attestation_encode(rig->arena, &attestation, &body));
    OK(signed_make(rig->arena, SIGNED_ATTESTATION, FEDERATION_NAME, body, rig->fed->members[MEMBER_SERVICE].sign,
                   &forged.attestation));
    forged.attestation = rig_forge(rig, forged.attestation);
    assert_int_equal(rig_send(rig, UNIT_GUIDANCE, MESSAGE_ATTEST, &forged).status, STATUS_SIGNATURE);
    /* Good, then used up; and a device is enrolled once. */
    RIG_DONE(attest(&enrolment, &attestation, MEMBER_SERVICE, UNIT_GUIDANCE));
    assert_int_equal(attest(&enrolment, &attestation, MEMBER_SERVICE, UNIT_GUIDANCE).status, STATUS_CONFLICT);
    enrolment_end(&enrolment);
}

static void test_attest_too_late(void **state) {
    (void)state;
    struct enrolment enrolment;
    enrolment_begin(&enrolment);
    struct rig *rig = &enrolment.rig;
    RIG_DONE(rig_ask(rig, &enrolment.person, PORTAL_DEVICES_POST, NULL, registration_body(&enrolment)));
    clock_advance(&rig->parts.clock, 600000);
    struct attestation attestation = attestation_of(&enrolment);
    assert_int_equal(attest(&enrolment, &attestation, MEMBER_SERVICE, UNIT_GUIDANCE).status, STATUS_EXPIRED);
    /* The row goes a while later. */
    clock_advance(&rig->parts.clock, 900000);
    rig_run_due(rig);
    attestation = attestation_of(&enrolment);
    assert_int_equal(attest(&enrolment, &attestation, MEMBER_SERVICE, UNIT_GUIDANCE).status, STATUS_NOT_FOUND);
    enrolment_end(&enrolment);
}

/* A browser that forgets its key each week: the number is bounded, and the way out is to say that the others are lost.
 */
static void test_many_devices(void **state) {
    (void)state;
    struct rig rig;
    struct rig_person devices[DEVICE_ROWS_ACTIVE_MAX + 1];
    struct hash subject = scene_subject();
    rig_init(&rig, CORE_PARTS_MEMORY);
    for (size_t i = 0; i <= DEVICE_ROWS_ACTIVE_MAX; i++) {
        rig_person_init(&rig, &devices[i], &subject);
        struct rig_answer answer = rig_enrol(&rig, &devices[i], false);
        assert_int_equal(answer.status, i < DEVICE_ROWS_ACTIVE_MAX ? STATUS_OK : STATUS_LIMIT);
    }
    RIG_DONE(rig_enrol(&rig, &devices[DEVICE_ROWS_ACTIVE_MAX], true));
    for (size_t i = 0; i <= DEVICE_ROWS_ACTIVE_MAX; i++) {
        rig_person_clear(&devices[i]);
    }
    rig_person_init(&rig, &devices[0], &subject);
    RIG_DONE(rig_enrol(&rig, &devices[0], false));
    rig_person_clear(&devices[0]);
    rig_clear(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_enrolment_refused),  cmocka_unit_test(test_registration),
        cmocka_unit_test(test_registrations_of_others), cmocka_unit_test(test_attest_refused),
        cmocka_unit_test(test_attest_too_late),         cmocka_unit_test(test_many_devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
