#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "base/file.h"
#include "keys/keyfile.h"
#include "support/alloc_fail.h"
#include "support/scratch.h"

static int setup(void **state) {
    if (secret_setup() != STATUS_OK) return -1;
    *state = arena_new(1 << 22);
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    arena_free(*state);
    return 0;
}

/* A lock of 32 bytes that tests may know. */
static struct secret *credential(uint8_t byte) {
    uint8_t bytes[KEYFILE_CREDENTIAL_MIN];
    memset(bytes, byte, sizeof bytes);
    return secret_from(BYTES_ARRAY(bytes));
}

static const char *replaced(struct arena *arena, struct bytes text, const char *from, const char *to) {
    const char *whole = NULL;
    assert_int_equal(arena_text(arena, text, &whole), STATUS_OK);
    const char *found = strstr(whole, from);
    assert_non_null(found);
    return arena_printf(arena, "%.*s%s%s", (int)(found - whole), whole, to, found + strlen(from));
}

static void test_changed_text_is_refused(void **state) {
    struct secret *secret = credential(1);
    struct secret *payload = secret_random(32);
    struct keyfile_lock lock = {KEYFILE_CREDENTIAL, secret};
    struct bytes text;
    assert_int_equal(keyfile_encode(KEYFILE_SIGN, payload, &lock, *state, &text), STATUS_OK);
    const struct {
        const char *from;
        const char *to;
        enum status expected;
    } cases[] = {
        {"sluss-keyfile", "sluss-keyfilf", STATUS_MALFORMED},
        {"v1", "v2", STATUS_VERSION},
        {"v1 ", "v1  ", STATUS_MALFORMED},
        {"sign", "seal", STATUS_MALFORMED},
        {"credential", "argon2id", STATUS_MALFORMED},
        {"credential - -", "argon2id 2 67108864", STATUS_MALFORMED},
        {"credential - -", "argon2id 2 99999999999", STATUS_LIMIT},
        {"credential - -", "argon2id 99 67108864", STATUS_LIMIT},
        {"credential - -", "argon2id 1 67108864", STATUS_LIMIT},
        {"credential - -", "argon2id 2 8192", STATUS_LIMIT},
        {"credential - -", "argon2id 02 67108864", STATUS_MALFORMED},
        {"credential - -", "credential - 1", STATUS_MALFORMED},
        {"\n", "\r\n", STATUS_MALFORMED},
        {"\n", "\n\n", STATUS_MALFORMED},
        {"\n", " ", STATUS_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct secret *out = NULL;
        const char *changed = replaced(*state, text, cases[i].from, cases[i].to);
        enum status status = keyfile_parse(bytes_text(changed), KEYFILE_SIGN, &lock, &out);
        if (status != cases[i].expected) fail_msg("%zu %s: %s", i, cases[i].to, status_name(status));
        assert_null(out);
    }
    struct secret *none = NULL;
    const char *longer = arena_printf(*state, "%.*s%s", (int)text.len, (const char *)text.data, "more\n");
    assert_int_equal(keyfile_parse(bytes_text(longer), KEYFILE_SIGN, &lock, &none), STATUS_MALFORMED);
    for (size_t len = 0; len < text.len; len++) {
        struct secret *out = NULL;
        assert_int_equal(keyfile_parse(BYTES(text.data, len), KEYFILE_SIGN, &lock, &out), STATUS_MALFORMED);
    }
    secret_free(secret);
    secret_free(payload);
}

/* The first line is authenticated: another type or salt does not open. */
static void test_header_is_bound(void **state) {
    struct secret *secret = credential(1);
    struct secret *payload = secret_random(32);
    struct keyfile_lock lock = {KEYFILE_CREDENTIAL, secret};
    struct bytes text;
    struct secret *out = NULL;
    assert_int_equal(keyfile_encode(KEYFILE_SIGN, payload, &lock, *state, &text), STATUS_OK);
    const char *retyped = replaced(*state, text, "v1 sign", "v1 seal");
    assert_int_equal(keyfile_parse(bytes_text(retyped), KEYFILE_SEAL, &lock, &out), STATUS_PROOF);
    const char *resalted = replaced(*state, text, "- - ", "- - A");
    assert_int_equal(keyfile_parse(bytes_text(resalted), KEYFILE_SIGN, &lock, &out), STATUS_MALFORMED);
    assert_null(out);
    secret_free(secret);
    secret_free(payload);
}

static void test_wrong_lock(void **state) {
    struct secret *secret = credential(1);
    struct secret *wrong = credential(2);
    struct secret *shorter = secret_random(KEYFILE_CREDENTIAL_MIN - 1);
    struct secret *payload = secret_random(32);
    const struct keyfile_lock lock = {KEYFILE_CREDENTIAL, secret};
    const struct keyfile_lock wrong_lock = {KEYFILE_CREDENTIAL, wrong};
    const struct keyfile_lock short_lock = {KEYFILE_CREDENTIAL, shorter};
    const struct keyfile_lock passphrase_lock = {KEYFILE_PASSPHRASE, secret};
    struct bytes text;
    struct secret *out = NULL;
    assert_int_equal(keyfile_encode(KEYFILE_SECRET32, payload, &short_lock, *state, &text), STATUS_MALFORMED);
    assert_int_equal(keyfile_encode(KEYFILE_SECRET32, payload, &lock, *state, &text), STATUS_OK);
    assert_int_equal(keyfile_parse(text, KEYFILE_SECRET32, &wrong_lock, &out), STATUS_PROOF);
    assert_int_equal(keyfile_parse(text, KEYFILE_SECRET32, &short_lock, &out), STATUS_MALFORMED);
    assert_int_equal(keyfile_parse(text, KEYFILE_SECRET32, &passphrase_lock, &out), STATUS_MALFORMED);
    assert_int_equal(keyfile_parse(text, KEYFILE_SECRET32, &lock, &out), STATUS_OK);
    assert_true(bytes_equal(secret_bytes(out), secret_bytes(payload)));
    secret_free(out);
    secret_free(secret);
    secret_free(wrong);
    secret_free(shorter);
    secret_free(payload);
}

static void test_payload_form(void **state) {
    struct secret *secret = credential(1);
    struct secret *payload = secret_random(31);
    const struct keyfile_lock lock = {KEYFILE_CREDENTIAL, secret};
    struct bytes text;
    for (enum keyfile_type type = KEYFILE_SIGN; type <= KEYFILE_BUNDLE; type++)
        assert_int_equal(keyfile_encode(type, payload, &lock, *state, &text), STATUS_MALFORMED);
    secret_free(secret);
    secret_free(payload);
}

static void test_passphrase(void **state) {
    struct secret *secret = secret_from(bytes_text("correct horse"));
    struct secret *wrong = secret_from(bytes_text("correct horsf"));
    struct secret *payload = secret_random(32);
    const struct keyfile_lock lock = {KEYFILE_PASSPHRASE_INTERACTIVE, secret};
    const struct keyfile_lock wrong_lock = {KEYFILE_PASSPHRASE, wrong};
    struct bytes text;
    struct secret *out = NULL;
    assert_int_equal(keyfile_encode(KEYFILE_VOPRF, payload, &lock, *state, &text), STATUS_OK);
    assert_int_equal(keyfile_parse(text, KEYFILE_VOPRF, &wrong_lock, &out), STATUS_PROOF);
    assert_int_equal(keyfile_parse(text, KEYFILE_VOPRF, &lock, &out), STATUS_OK);
    assert_true(bytes_equal(secret_bytes(out), secret_bytes(payload)));
    secret_free(out);
    secret_free(secret);
    secret_free(wrong);
    secret_free(payload);
}

static void test_files(void **state) {
    (void)state;
    struct scratch scratch;
    char path[SCRATCH_PATH_MAX];
    scratch_init(&scratch);
    scratch_path(&scratch, "key", path);
    struct secret *secret = credential(1);
    struct secret *payload = secret_random(32);
    struct secret *newer = secret_random(32);
    const struct keyfile_lock lock = {KEYFILE_CREDENTIAL, secret};
    struct secret *out = NULL;
    assert_int_equal(keyfile_read(path, KEYFILE_SEAL, &lock, &out), STATUS_NOT_FOUND);
    assert_int_equal(keyfile_create(path, KEYFILE_SEAL, payload, &lock), STATUS_OK);
    assert_int_equal(keyfile_create(path, KEYFILE_SEAL, newer, &lock), STATUS_CONFLICT);
    assert_int_equal(keyfile_read(path, KEYFILE_SEAL, &lock, &out), STATUS_OK);
    assert_true(bytes_equal(secret_bytes(out), secret_bytes(payload)));
    secret_free(out);
    out = NULL;
    assert_int_equal(keyfile_replace(path, KEYFILE_SEAL, newer, &lock), STATUS_OK);
    struct stat found;
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(keyfile_read(path, KEYFILE_SEAL, &lock, &out), STATUS_PERMISSION);
    assert_int_equal(chmod(path, 0400), 0);
    assert_int_equal(keyfile_read(path, KEYFILE_SEAL, &lock, &out), STATUS_OK);
    assert_true(bytes_equal(secret_bytes(out), secret_bytes(newer)));
    secret_free(out);
    secret_free(secret);
    secret_free(payload);
    secret_free(newer);
    scratch_clear(&scratch);
}

static void test_bundle_refuses(void **state) {
    (void)state;
    struct keyfile_bundle *bundle = keyfile_bundle_new();
    struct secret *payload = secret_random(32);
    struct secret *shorter = secret_random(31);
    static const char *const names[] = {"", "Upper", "a b", "a/b", "\xc3\xa5", "123456789012345678901234567890123"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(keyfile_bundle_put(bundle, names[i], KEYFILE_SIGN, payload), STATUS_MALFORMED);
    assert_int_equal(keyfile_bundle_put(bundle, "log", KEYFILE_BUNDLE, payload), STATUS_MALFORMED);
    assert_int_equal(keyfile_bundle_put(bundle, "log", KEYFILE_SIGN, shorter), STATUS_MALFORMED);
    assert_int_equal(keyfile_bundle_put(bundle, "log", KEYFILE_SIGN, payload), STATUS_OK);
    assert_int_equal(keyfile_bundle_put(bundle, "log", KEYFILE_SEAL, payload), STATUS_CONFLICT);
    const struct secret *got = NULL;
    assert_int_equal(keyfile_bundle_get(bundle, "log", KEYFILE_SEAL, &got), STATUS_NOT_FOUND);
    assert_int_equal(keyfile_bundle_get(bundle, "lo", KEYFILE_SIGN, &got), STATUS_NOT_FOUND);
    for (size_t i = 1; i < KEYFILE_BUNDLE_MAX; i++) {
        char name[8] = {'k', (char)('a' + (char)(i % 26)), (char)('a' + (char)(i / 26))};
        assert_int_equal(keyfile_bundle_put(bundle, name, KEYFILE_SIGN, payload), STATUS_OK);
    }
    assert_int_equal(keyfile_bundle_put(bundle, "more", KEYFILE_SIGN, payload), STATUS_LIMIT);
    secret_free(payload);
    secret_free(shorter);
    keyfile_bundle_free(bundle);
}

static void test_bundle_bytes_refused(void **state) {
    (void)state;
    uint8_t good[1 + 2 * (1 + 1 + 1 + 32)] = {2, 1, 'a', KEYFILE_SIGN};
    good[36] = 1;
    good[37] = 'b';
    good[38] = KEYFILE_SEAL;
    const struct {
        const char *name;
        size_t at;
        uint8_t value;
    } cases[] = {
        {"fewer than there are", 0, 1}, {"more than there are", 0, 3},    {"empty name", 1, 0},
        {"name too long", 1, 33},       {"name with NUL", 2, 0},          {"type bundle", 3, KEYFILE_BUNDLE},
        {"type unknown", 3, 200},       {"the same name twice", 37, 'a'},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct secret *payload = secret_from(BYTES_ARRAY(good));
        secret_data(payload)[cases[i].at] = cases[i].value;
        struct keyfile_bundle *out = NULL;
        if (keyfile_bundle_parse(payload, &out) != STATUS_MALFORMED) fail_msg("%s", cases[i].name);
        assert_null(out);
        secret_free(payload);
    }
    uint8_t hidden[1 + 1 + 2 + 1 + 32] = {1, 2, 'a', 0, KEYFILE_SIGN};
    struct secret *payload = secret_from(BYTES_ARRAY(hidden));
    struct keyfile_bundle *bundle = NULL;
    assert_int_equal(keyfile_bundle_parse(payload, &bundle), STATUS_MALFORMED);
    secret_free(payload);
    payload = secret_from(BYTES_ARRAY(good));
    assert_int_equal(keyfile_bundle_parse(payload, &bundle), STATUS_OK);
    assert_int_equal(keyfile_bundle_count(bundle), 2);
    struct secret *again = NULL;
    assert_int_equal(keyfile_bundle_encode(bundle, &again), STATUS_OK);
    assert_true(bytes_equal(secret_bytes(again), BYTES_ARRAY(good)));
    enum keyfile_type type = KEYFILE_SIGN;
    assert_string_equal(keyfile_bundle_name(bundle, 1, &type), "b");
    assert_int_equal(type, KEYFILE_SEAL);
    secret_free(payload);
    secret_free(again);
    keyfile_bundle_free(bundle);
}

static void test_bundle_in_a_file(void **state) {
    struct secret *secret = credential(3);
    const struct keyfile_lock lock = {KEYFILE_CREDENTIAL, secret};
    struct keyfile_bundle *bundle = keyfile_bundle_new();
    struct secret *key = secret_random(32);
    assert_int_equal(keyfile_bundle_put(bundle, "status.1", KEYFILE_SIGN, key), STATUS_OK);
    struct secret *payload = NULL;
    assert_int_equal(keyfile_bundle_encode(bundle, &payload), STATUS_OK);
    struct bytes text;
    assert_int_equal(keyfile_encode(KEYFILE_BUNDLE, payload, &lock, *state, &text), STATUS_OK);
    struct secret *opened = NULL;
    assert_int_equal(keyfile_parse(text, KEYFILE_BUNDLE, &lock, &opened), STATUS_OK);
    struct keyfile_bundle *again = NULL;
    assert_int_equal(keyfile_bundle_parse(opened, &again), STATUS_OK);
    const struct secret *got = NULL;
    assert_int_equal(keyfile_bundle_get(again, "status.1", KEYFILE_SIGN, &got), STATUS_OK);
    assert_true(bytes_equal(secret_bytes(got), secret_bytes(key)));
    secret_free(secret);
    secret_free(key);
    secret_free(payload);
    secret_free(opened);
    keyfile_bundle_free(bundle);
    keyfile_bundle_free(again);
}

/* Whatever allocation fails, nothing is returned and nothing leaks. */
static void test_memory_is_out(void **state) {
    (void)state;
    struct secret *secret = credential(1);
    const struct keyfile_lock lock = {KEYFILE_CREDENTIAL, secret};
    struct keyfile_bundle *bundle = keyfile_bundle_new();
    struct secret *key = secret_random(32);
    assert_int_equal(keyfile_bundle_put(bundle, "log", KEYFILE_SIGN, key), STATUS_OK);
    enum status status = STATUS_MEMORY;
    for (unsigned nth = 1; status != STATUS_OK; nth++) {
        struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(65536);
        struct secret *payload CLEANUP(secret_free_cleanup) = NULL;
        struct secret *opened CLEANUP(secret_free_cleanup) = NULL;
        struct bytes text = BYTES_EMPTY;
        alloc_fail_at(nth);
        status = keyfile_bundle_encode(bundle, &payload);
        if (status == STATUS_OK) status = keyfile_encode(KEYFILE_BUNDLE, payload, &lock, arena, &text);
        if (status == STATUS_OK) status = keyfile_parse(text, KEYFILE_BUNDLE, &lock, &opened);
        assert_int_equal(status, alloc_fail_happened() ? STATUS_MEMORY : STATUS_OK);
        assert_in_range(nth, 1, 1000);
    }
    alloc_fail_at(0);
    secret_free(secret);
    secret_free(key);
    keyfile_bundle_free(bundle);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changed_text_is_refused),
        cmocka_unit_test(test_header_is_bound),
        cmocka_unit_test(test_wrong_lock),
        cmocka_unit_test(test_payload_form),
        cmocka_unit_test(test_passphrase),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_bundle_refuses),
        cmocka_unit_test(test_bundle_bytes_refused),
        cmocka_unit_test(test_bundle_in_a_file),
        cmocka_unit_test(test_memory_is_out),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
