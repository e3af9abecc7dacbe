/* Idempotency keys: what is not done again first, then that answers come back over restarts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/api/api_idem.h"
#include "support/api/fake_agent.h"

struct fixture {
    struct api_idem *idem;
    struct arena *arena;
};

static int set_up(void **state) {
    static struct fixture fixture;
    fake_agent_reset();
    fixture.arena = arena_new(1 << 22);
    assert_int_equal(api_idem_new(NULL, &fixture.idem), STATUS_OK);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    api_idem_free(fixture->idem);
    arena_free(fixture->arena);
    return 0;
}

static const struct api_idem_ask ask = {.client = "case", .key = "k-1", .request = {{1}}};
static const struct api_idem_answer sample = {
    .code = 201, .body = {(const uint8_t *)"{\"a\":1}", 7}, .location = "/v1/x"};

static enum api_idem_verdict begin(struct fixture *fixture, const struct api_idem_ask *other,
                                   struct api_idem_answer *answer) {
    enum api_idem_verdict verdict = API_IDEM_UNKNOWN;
    assert_int_equal(api_idem_begin(fixture->idem, fixture->arena, other, &verdict, answer), STATUS_OK);
    return verdict;
}

static void restart(struct fixture *fixture) {
    api_idem_free(fixture->idem);
    assert_int_equal(api_idem_new(NULL, &fixture->idem), STATUS_OK);
}

static void test_keys(void **state) {
    (void)state;
    char longest[API_IDEM_KEY_MAX_BYTES + 2];
    memset(longest, 'k', sizeof longest);
    longest[API_IDEM_KEY_MAX_BYTES + 1] = '\0';
    assert_false(api_idem_is_key(""));
    assert_false(api_idem_is_key("a b"));
    assert_false(api_idem_is_key("a\n"));
    assert_false(api_idem_is_key("\xc3\xa5"));
    assert_false(api_idem_is_key(longest));
    longest[API_IDEM_KEY_MAX_BYTES] = '\0';
    assert_true(api_idem_is_key(longest));
    assert_true(api_idem_is_key("\"8e03978e-40d5-43dd-bc93-6894a57f9324\""));
}

static void test_requests_differ(void **state) {
    (void)state;
    struct hash one = api_idem_request("u", "/v1/a", bytes_text("{}"));
    struct hash others[] = {api_idem_request(NULL, "/v1/a", bytes_text("{}")),
                            api_idem_request("u", "/v1/b", bytes_text("{}")),
                            api_idem_request("u", "/v1/a", bytes_text("{} "))};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_false(hash_equal(&one, &others[i]));
    }
}

static void test_other_request(void **state) {
    struct fixture *fixture = *state;
    struct api_idem_answer answer;
    struct api_idem_ask other = ask;
    other.request.b[0] = 2;
    assert_int_equal(begin(fixture, &ask, &answer), API_IDEM_FIRST);
    assert_int_equal(begin(fixture, &other, &answer), API_IDEM_MISMATCH);
    assert_int_equal(api_idem_done(fixture->idem, fixture->arena, &ask, &sample), STATUS_OK);
    assert_int_equal(begin(fixture, &other, &answer), API_IDEM_MISMATCH);
}

static void test_begun_and_not_ended(void **state) {
    struct fixture *fixture = *state;
    struct api_idem_answer answer;
    assert_int_equal(begin(fixture, &ask, &answer), API_IDEM_FIRST);
    assert_int_equal(begin(fixture, &ask, &answer), API_IDEM_BUSY);
    restart(fixture);
    assert_int_equal(begin(fixture, &ask, &answer), API_IDEM_UNKNOWN);
}

static void test_failed(void **state) {
    struct fixture *fixture = *state;
    struct api_idem_answer answer;
    assert_int_equal(begin(fixture, &ask, &answer), API_IDEM_FIRST);
    assert_int_equal(api_idem_failed(fixture->idem, &ask), STATUS_OK);
    restart(fixture);
    assert_int_equal(begin(fixture, &ask, &answer), API_IDEM_FIRST);
}

/* What cannot be written down is not begun. */
static void test_full_disk(void **state) {
    struct fixture *fixture = *state;
    struct api_idem_answer answer;
    enum api_idem_verdict verdict = API_IDEM_UNKNOWN;
    fake_agent.keep = STATUS_DISK_FULL;
    assert_int_equal(api_idem_begin(fixture->idem, fixture->arena, &ask, &verdict, &answer), STATUS_DISK_FULL);
    fake_agent.keep = STATUS_OK;
    assert_int_equal(begin(fixture, &ask, &answer), API_IDEM_FIRST);
}

static void test_what_is_none_of_ours(void **state) {
    struct fixture *fixture = *state;
    static const char *const kept[] = {"",
                                       "\x01",
                                       "\x02\x02"
                                       "ffffffffffffffff",
                                       "\x01\x04"
                                       "ffffffffffffffff",
                                       "\x01\x01"
                                       "ffffffffffffffff+",
                                       "\x01\x02"
                                       "ffffffffffffffff"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        struct api_idem_answer answer;
        enum api_idem_verdict verdict = API_IDEM_UNKNOWN;
        assert_int_equal(agent_repeat_keep(NULL, ask.client, ask.key, &ask.request, bytes_text(kept[i])), STATUS_OK);
        assert_int_equal(api_idem_begin(fixture->idem, fixture->arena, &ask, &verdict, &answer), STATUS_INTEGRITY);
    }
}

static void test_repeated_over_a_restart(void **state) {
    struct fixture *fixture = *state;
    struct api_idem_answer answer;
    assert_int_equal(begin(fixture, &ask, &answer), API_IDEM_FIRST);
    assert_int_equal(api_idem_done(fixture->idem, fixture->arena, &ask, &sample), STATUS_OK);
    restart(fixture);
    assert_int_equal(begin(fixture, &ask, &answer), API_IDEM_REPEATED);
    assert_int_equal(answer.code, 201);
    assert_true(bytes_equal(answer.body, sample.body));
    assert_string_equal(answer.location, "/v1/x");
}

#define WITH_IDEM(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_requests_differ),
        WITH_IDEM(test_other_request),
        WITH_IDEM(test_begun_and_not_ended),
        WITH_IDEM(test_failed),
        WITH_IDEM(test_full_disk),
        WITH_IDEM(test_what_is_none_of_ours),
        WITH_IDEM(test_repeated_over_a_restart),
    };
    if (secret_setup() != STATUS_OK) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
