/*
 * Idempotency keys: what is not repeated first, then that answers come back over restarts, age out, and lie sealed on
 * disk (P6: no number of a person, not even hashed without a key).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/api/api_idem.h"
#include "base/store_memory.h"

#define NOW_MS UINT64_C(1795315395000)

struct fixture {
    struct store *store;
    struct secret *key;
    struct api_idem *idem;
    struct arena *arena;
};

static int set_up(void **state) {
    static struct fixture fixture;
    fixture.key = secret_random(32);
    fixture.arena = arena_new(1 << 22);
    assert_int_equal(store_memory_open("test.example", api_idem_tables(), &fixture.store), STATUS_OK);
    assert_int_equal(api_idem_new(fixture.store, fixture.key, &fixture.idem), STATUS_OK);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    api_idem_free(fixture->idem);
    store_close(fixture->store);
    secret_free(fixture->key);
    arena_free(fixture->arena);
    return 0;
}

static struct api_idem_ask sample(void) {
    return (struct api_idem_ask){.client = "case",
                                 .key = "k-1",
                                 .unit = "0007:2021000001/north",
                                 .path = "/v1/subjects",
                                 .body = bytes_text("{\"national_id\":\"191212121212\"}"),
                                 .now_ms = NOW_MS};
}

static enum api_idem_verdict begin(struct fixture *fixture, const struct api_idem_ask *ask, struct api_idem_slot *slot,
                                   struct api_idem_answer *answer) {
    enum api_idem_verdict verdict = API_IDEM_UNKNOWN;
    assert_int_equal(api_idem_begin(fixture->idem, fixture->arena, ask, &verdict, slot, answer), STATUS_OK);
    return verdict;
}

static void restart(struct fixture *fixture) {
    api_idem_free(fixture->idem);
    assert_int_equal(api_idem_new(fixture->store, fixture->key, &fixture->idem), STATUS_OK);
}

static void finish(struct fixture *fixture, const struct api_idem_slot *slot) {
    const struct api_idem_answer answer = {.code = 201, .body = bytes_text("{\"a\":1}"), .location = "/v1/fragments/x"};
    assert_int_equal(api_idem_done(fixture->idem, fixture->arena, slot, &answer), STATUS_OK);
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

static void test_other_request(void **state) {
    struct fixture *fixture = *state;
    struct api_idem_slot slot;
    struct api_idem_answer answer;
    struct api_idem_ask ask = sample();
    assert_int_equal(begin(fixture, &ask, &slot, &answer), API_IDEM_FIRST);
    finish(fixture, &slot);
    ask.body = bytes_text("{}");
    assert_int_equal(begin(fixture, &ask, &slot, &answer), API_IDEM_MISMATCH);
    ask = sample();
    ask.path = "/v1/erasures";
    assert_int_equal(begin(fixture, &ask, &slot, &answer), API_IDEM_MISMATCH);
    ask = sample();
    ask.unit = NULL;
    assert_int_equal(begin(fixture, &ask, &slot, &answer), API_IDEM_MISMATCH);
    ask = sample();
    ask.client = "other";
    assert_int_equal(begin(fixture, &ask, &slot, &answer), API_IDEM_FIRST);
}

static void test_begun_and_not_ended(void **state) {
    struct fixture *fixture = *state;
    struct api_idem_slot slot;
    struct api_idem_answer answer;
    struct api_idem_ask ask = sample();
    assert_int_equal(begin(fixture, &ask, &slot, &answer), API_IDEM_FIRST);
    assert_int_equal(begin(fixture, &ask, &slot, &answer), API_IDEM_BUSY);
    restart(fixture);
    assert_int_equal(begin(fixture, &ask, &slot, &answer), API_IDEM_UNKNOWN);
}

static void test_repeated_over_a_restart(void **state) {
    struct fixture *fixture = *state;
    struct api_idem_slot slot;
    struct api_idem_answer answer;
    struct api_idem_ask ask = sample();
    assert_int_equal(begin(fixture, &ask, &slot, &answer), API_IDEM_FIRST);
    finish(fixture, &slot);
    restart(fixture);
    ask.now_ms = NOW_MS + API_IDEM_KEEP_MS - 1;
    assert_int_equal(begin(fixture, &ask, &slot, &answer), API_IDEM_REPEATED);
    assert_int_equal(answer.code, 201);
    assert_true(bytes_equal_text(answer.body, "{\"a\":1}"));
    assert_string_equal(answer.location, "/v1/fragments/x");
}

static void test_forgotten(void **state) {
    struct fixture *fixture = *state;
    struct api_idem_slot slot;
    struct api_idem_answer answer;
    struct api_idem_ask ask = sample();
    assert_int_equal(begin(fixture, &ask, &slot, &answer), API_IDEM_FIRST);
    assert_int_equal(api_idem_forget(fixture->idem, &slot), STATUS_OK);
    assert_int_equal(begin(fixture, &ask, &slot, &answer), API_IDEM_FIRST);
}

static void test_ages_out(void **state) {
    struct fixture *fixture = *state;
    struct api_idem_slot slot;
    struct api_idem_answer answer;
    struct api_idem_ask ask = sample();
    assert_int_equal(begin(fixture, &ask, &slot, &answer), API_IDEM_FIRST);
    finish(fixture, &slot);
    ask.now_ms = NOW_MS + API_IDEM_KEEP_MS;
    assert_int_equal(begin(fixture, &ask, &slot, &answer), API_IDEM_FIRST);
}

struct look {
    struct arena *arena;
    size_t rows;
    bool found;
};

/* Tables 1 and 2 hold everything that is kept. */
static enum status look_in(struct store_txn *txn, void *arg) {
    struct look *look = arg;
    for (unsigned table = 1; table <= 2; table++) {
        const struct store_range range = {.table = table, .limit = 100};
        struct store_rows rows;
        TRY(store_scan(txn, &range, look->arena, &rows));
        for (size_t i = 0; i < rows.count; i++) {
            struct bytes value = rows.items[i].value;
            look->rows++;
            look->found |= memmem(value.data, value.len, "\"a\"", 3) != NULL;
            look->found |= memmem(value.data, value.len, "191212", 6) != NULL;
        }
    }
    return STATUS_OK;
}

static void test_sealed_and_swept(void **state) {
    struct fixture *fixture = *state;
    struct api_idem_slot slot;
    struct api_idem_answer answer;
    struct api_idem_ask ask = sample();
    assert_int_equal(begin(fixture, &ask, &slot, &answer), API_IDEM_FIRST);
    finish(fixture, &slot);
    struct look look = {.arena = fixture->arena};
    assert_int_equal(store_read(fixture->store, look_in, &look), STATUS_OK);
    assert_int_equal(look.rows, 2);
    assert_false(look.found);
    ask.key = "k-2";
    ask.now_ms = NOW_MS + API_IDEM_KEEP_MS + 1;
    assert_int_equal(begin(fixture, &ask, &slot, &answer), API_IDEM_FIRST);
    look = (struct look){.arena = fixture->arena};
    assert_int_equal(store_read(fixture->store, look_in, &look), STATUS_OK);
    assert_int_equal(look.rows, 2);
}

static void test_another_key_opens_nothing(void **state) {
    struct fixture *fixture = *state;
    struct api_idem_slot slot;
    struct api_idem_answer answer;
    struct api_idem_ask ask = sample();
    assert_int_equal(begin(fixture, &ask, &slot, &answer), API_IDEM_FIRST);
    finish(fixture, &slot);
    secret_free(fixture->key);
    fixture->key = secret_random(32);
    restart(fixture);
    assert_int_equal(begin(fixture, &ask, &slot, &answer), API_IDEM_FIRST);
}

static void test_failing_commit(void **state) {
    struct fixture *fixture = *state;
    struct api_idem_slot slot;
    struct api_idem_answer answer;
    enum api_idem_verdict verdict = API_IDEM_UNKNOWN;
    struct api_idem_ask ask = sample();
    store_memory_fail_commits(fixture->store, STATUS_DISK_FULL, 1);
    assert_int_equal(api_idem_begin(fixture->idem, fixture->arena, &ask, &verdict, &slot, &answer), STATUS_DISK_FULL);
    assert_int_equal(begin(fixture, &ask, &slot, &answer), API_IDEM_FIRST);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),          WITH_STORE(test_other_request),
        WITH_STORE(test_begun_and_not_ended), WITH_STORE(test_repeated_over_a_restart),
        WITH_STORE(test_forgotten),           WITH_STORE(test_ages_out),
        WITH_STORE(test_sealed_and_swept),    WITH_STORE(test_another_key_opens_nothing),
        WITH_STORE(test_failing_commit),
    };
    if (secret_setup() != STATUS_OK) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
