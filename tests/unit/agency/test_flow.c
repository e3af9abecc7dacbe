/* From publication to plan, and back: two agents, a person, and a core between them. Guards P2, P3, P4, P5. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "agent/dirsync.h"
#include "agent/outbox.h"
#include "agent/source.h"
#include "support/agency/small_agency.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

struct flow {
    struct small_core *core;
    struct small_agency *source;    /* the county's career centre */
    struct small_agency *recipient; /* the city's adult education */
    struct hash subject;
    size_t device;
};

static int setup(void **state) {
    static struct flow flow;
    flow = (struct flow){.core = small_core_new()};
    flow.source = small_agency_new(flow.core, MEMBER_COUNTY, SMALL_STORE_MEMORY);
    flow.recipient = small_agency_new(flow.core, MEMBER_CITY, SMALL_STORE_MEMORY);
    secret_random_public(flow.subject.b, sizeof flow.subject.b);
    flow.device = small_core_enrol(flow.core, &flow.subject, MEMBER_SERVICE);
    *state = &flow;
    return 0;
}

static int teardown(void **state) {
    struct flow *flow = *state;
    small_agency_free(flow->source);
    small_agency_free(flow->recipient);
    small_core_free(flow->core);
    return 0;
}

/* A consent from the county to the city, through the recipient's own request. */
static size_t consent(struct flow *flow, enum access access) {
    const struct small_ask ask = {
        .to = UNIT_EDUCATION, .from = UNIT_CAREER, .access = access, .subject = flow->subject};
    size_t request = small_agency_request(flow->recipient, &ask);
    size_t token = small_core_consent(flow->core, request, flow->device);
    assert_int_equal(small_agency_take_mail(flow->source), 1);
    assert_int_equal(small_agency_take_mail(flow->recipient), 1);
    return token;
}

static json_t *plan(struct flow *flow) {
    struct agent_caller caller = small_agency_caller(UNIT_EDUCATION);
    json_t *found = NULL;
    small_core_cosign(flow->core, 1u << MEMBER_SERVICE);
    OK(agent_plan(flow->recipient->agent, flow->recipient->arena, &caller, &flow->subject, FEDERATION_PURPOSE, &found));
    return found;
}

/* Cosignatures cover what was there before the release: the newest leaf is the release itself. */
static void cosign_releases(struct small_core *core, enum message_type type, struct reply *reply) {
    (void)reply;
    if (type == MESSAGE_RELEASE) small_core_cosign(core, 1u << MEMBER_SERVICE);
}

static size_t count(const json_t *plan_found, const char *what) {
    return json_array_size(json_object_get(plan_found, what));
}

static const char *reason_at(const json_t *plan_found, size_t i) {
    const json_t *missing = json_array_get(json_object_get(plan_found, "missing"), i);
    return json_string_value(json_object_get(missing, "reason"));
}

static void test_published_then_consented(void **state) {
    struct flow *flow = *state;
    flow->core->tweak = cosign_releases;
    (void)small_agency_publish(flow->source, UNIT_CAREER, &flow->subject, "A job", FRAGMENT_STORED);
    (void)consent(flow, ACCESS_REPEATED);
    OK(source_serve_all(flow->source->agent));
    assert_int_equal(flow->core->n_grants, 1);
    json_t *found = plan(flow);
    assert_int_equal(count(found, "goals"), 1);
    assert_int_equal(count(found, "missing"), 0);
    json_decref(found);
    /* Again: nothing is granted twice. */
    OK(source_serve_all(flow->source->agent));
    assert_int_equal(flow->core->n_grants, 1);
}

static void test_consented_then_published(void **state) {
    struct flow *flow = *state;
    flow->core->tweak = cosign_releases;
    (void)consent(flow, ACCESS_REPEATED);
    struct agent_published published =
        small_agency_publish(flow->source, UNIT_CAREER, &flow->subject, "A job", FRAGMENT_STORED);
    assert_int_equal(flow->core->n_grants, 1); /* went with the publication */
    OK(source_serve_all(flow->source->agent));
    assert_int_equal(flow->core->n_grants, 1);
    json_t *found = plan(flow);
    assert_int_equal(count(found, "goals"), 1);
    json_decref(found);
    struct agent_caller caller = small_agency_caller(UNIT_EDUCATION);
    json_t *fragment = NULL;
    OK(agent_fragment(flow->recipient->agent, flow->recipient->arena, &caller, &published.fragment, &fragment));
    assert_string_equal(json_string_value(json_object_get(fragment, "state")), "released");
    json_decref(fragment);
    /* Another board of the same city sees nothing of it. */
    caller = small_agency_caller(UNIT_LABOUR);
    assert_int_equal(
        agent_fragment(flow->recipient->agent, flow->recipient->arena, &caller, &published.fragment, &fragment),
        STATUS_NOT_FOUND);
}

static void test_large_content_is_fetched(void **state) {
    struct flow *flow = *state;
    flow->core->tweak = cosign_releases;
    flow->core->no_grants_inline = true;
    (void)consent(flow, ACCESS_REPEATED);
    (void)small_agency_publish(flow->source, UNIT_CAREER, &flow->subject, "A job", FRAGMENT_STORED);
    json_t *found = plan(flow);
    assert_int_equal(count(found, "goals"), 1);
    assert_int_equal(flow->core->received[MESSAGE_FETCH], 1);
    json_decref(found);
}

/* The source grants for the only release when the mailbox tells of it; the release can be read again. */
static void test_once(void **state) {
    struct flow *flow = *state;
    flow->core->tweak = cosign_releases;
    (void)small_agency_publish(flow->source, UNIT_CAREER, &flow->subject, "A job", FRAGMENT_STORED);
    (void)consent(flow, ACCESS_ONCE);
    OK(source_serve_all(flow->source->agent));
    assert_int_equal(flow->core->n_grants, 0); /* nothing before it is used */
    json_t *first = plan(flow);
    assert_int_equal(count(first, "goals"), 0);
    assert_string_equal(reason_at(first, 0), "try_later");
    json_decref(first);
    assert_int_equal(small_agency_take_mail(flow->source), 1);
    OK(source_serve_all(flow->source->agent));
    assert_int_equal(flow->core->n_grants, 1);
    /* The checkpoint that covers the release stands already. */
    for (int i = 0; i < 2; i++) {
        json_t *found = plan(flow);
        assert_int_equal(count(found, "goals"), 1);
        json_decref(found);
    }
    assert_int_equal(flow->core->received[MESSAGE_RELEASE], 1);
}

/* P4: without a witnessed checkpoint nothing is opened. */
static void test_unwitnessed_release_is_not_opened(void **state) {
    struct flow *flow = *state;
    (void)consent(flow, ACCESS_REPEATED);
    (void)small_agency_publish(flow->source, UNIT_CAREER, &flow->subject, "A job", FRAGMENT_STORED);
    json_t *found = plan(flow); /* cosigned before the release, not after */
    assert_int_equal(count(found, "goals"), 0);
    assert_string_equal(reason_at(found, 0), "try_later");
    json_decref(found);
}

static void cosign_by_oneself(struct small_core *core, enum message_type type, struct reply *reply) {
    (void)reply;
    if (type == MESSAGE_RELEASE) small_core_cosign(core, 1u << MEMBER_CITY);
}

static void test_own_cosignature_does_not_count(void **state) {
    struct flow *flow = *state;
    flow->core->tweak = cosign_by_oneself;
    (void)consent(flow, ACCESS_REPEATED);
    (void)small_agency_publish(flow->source, UNIT_CAREER, &flow->subject, "A job", FRAGMENT_STORED);
    json_t *found = plan(flow);
    assert_int_equal(count(found, "goals"), 0);
    json_decref(found);
}

/* P5: nothing is granted after the end, and the copies go with it. */
static void test_revoked(void **state) {
    struct flow *flow = *state;
    flow->core->tweak = cosign_releases;
    size_t token = consent(flow, ACCESS_REPEATED);
    struct agent_published published =
        small_agency_publish(flow->source, UNIT_CAREER, &flow->subject, "A job", FRAGMENT_STORED);
    json_decref(plan(flow));
    small_core_change(flow->core, token, CONSENT_STATE_REVOKED);
    assert_int_equal(small_agency_take_mail(flow->source), 1);
    assert_int_equal(small_agency_take_mail(flow->recipient), 1);
    OK(outbox_drain(flow->source->agent));
    OK(outbox_drain(flow->recipient->agent));
    assert_int_equal(flow->core->received[MESSAGE_ACKNOWLEDGE], 2);
    (void)small_agency_publish(flow->source, UNIT_CAREER, &flow->subject, "Another", FRAGMENT_STORED);
    OK(source_serve_all(flow->source->agent));
    assert_int_equal(flow->core->n_grants, 1);
    struct agent_caller caller = small_agency_caller(UNIT_EDUCATION);
    json_t *fragment = NULL;
    assert_int_equal(
        agent_fragment(flow->recipient->agent, flow->recipient->arena, &caller, &published.fragment, &fragment),
        STATUS_NOT_FOUND);
    json_t *found = plan(flow);
    assert_int_equal(count(found, "goals"), 0);
    assert_string_equal(reason_at(found, 0), "consent_ended");
    json_decref(found);
}

/* Core says active, the log said revoked: the source asks, and the statement decides; what the log said last holds. */
static void test_state_statement_decides(void **state) {
    struct flow *flow = *state;
    size_t token = consent(flow, ACCESS_REPEATED);
    flow->core->tokens[token].state = CONSENT_STATE_SUSPENDED;
    (void)small_agency_publish(flow->source, UNIT_CAREER, &flow->subject, "A job", FRAGMENT_STORED);
    OK(source_serve_all(flow->source->agent));
    assert_int_equal(flow->core->n_grants, 0);
    flow->core->tokens[token].state = CONSENT_ACTIVE;
    flow->core->state_age_ms = 600001;
    assert_int_equal(source_serve_all(flow->source->agent), STATUS_TIME);
    assert_int_equal(flow->core->n_grants, 0);
    flow->core->state_age_ms = 0;
    OK(source_serve_all(flow->source->agent));
    assert_int_equal(flow->core->n_grants, 1);
}

static void test_stale_head_stops_grants(void **state) {
    struct flow *flow = *state;
    (void)small_agency_publish(flow->source, UNIT_CAREER, &flow->subject, "A job", FRAGMENT_STORED);
    (void)consent(flow, ACCESS_REPEATED);
    flow->core->clock.manual_now_ms += 86000000 + 400000 + 1;
    assert_int_equal(source_serve_all(flow->source->agent), STATUS_OK); /* the consent has run out */
    assert_int_equal(flow->core->n_grants, 0);
    flow->core->clock.manual_now_ms -= 500000;
    OK(source_serve_all(flow->source->agent));
    assert_int_equal(flow->core->n_grants, 1);
    (void)small_agency_publish(flow->source, UNIT_CAREER, &flow->subject, "Another", FRAGMENT_STORED);
    assert_int_equal(flow->core->n_grants, 2);
}

static void test_health_and_events(void **state) {
    struct flow *flow = *state;
    struct agent_health health;
    const char *unit = FEDERATION_EDUCATION;
    json_t *events = NULL;
    (void)consent(flow, ACCESS_REPEATED);
    agent_health(flow->recipient->agent, &health);
    assert_int_equal(health.refused_events, 0);
    assert_int_equal(health.directory_sequence, 6);
    assert_true(health.log_size > 6);
    OK(agent_events(flow->recipient->agent, flow->recipient->arena, &unit, 1, 0, 10, 0, &events));
    assert_int_equal(json_array_size(events), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(events, 0), "type")), "consent_granted");
    json_decref(events);
    unit = FEDERATION_LABOUR;
    OK(agent_events(flow->recipient->agent, flow->recipient->arena, &unit, 1, 0, 10, 20, &events));
    assert_int_equal(json_array_size(events), 0);
    json_decref(events);
}

static void test_subjects(void **state) {
    struct flow *flow = *state;
    struct hash first;
    struct hash again;
    const char *reason = "";
    struct arena *arena = flow->source->arena;
    OK(agent_subject(flow->source->agent, arena, "19121212-1212", &first, &reason));
    OK(agent_subject(flow->source->agent, arena, "SE:191212121212", &again, &reason));
    assert_true(hash_equal(&first, &again));
    assert_int_equal(agent_subject(flow->source->agent, arena, "191212121213", &again, &reason), STATUS_INVALID);
    assert_non_null(strstr(reason, "check digit"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_unwitnessed_release_is_not_opened, setup, teardown),
        cmocka_unit_test_setup_teardown(test_own_cosignature_does_not_count, setup, teardown),
        cmocka_unit_test_setup_teardown(test_state_statement_decides, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stale_head_stops_grants, setup, teardown),
        cmocka_unit_test_setup_teardown(test_revoked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_published_then_consented, setup, teardown),
        cmocka_unit_test_setup_teardown(test_consented_then_published, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_content_is_fetched, setup, teardown),
        cmocka_unit_test_setup_teardown(test_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_health_and_events, setup, teardown),
        cmocka_unit_test_setup_teardown(test_subjects, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
