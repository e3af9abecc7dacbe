/*
 * `sluss device` against a portal of the test's own: wrong command lines and refusals first, then that what is signed
 * is what was printed (P2), that the chain of statements holds over lost answers and foreign hands, and that a plan is
 * opened only when every binding holds (P3).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/cli/device.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "keys/content.h"
#include "proto/derive.h"
#include "proto/fragment_header.h"
#include "proto/key_grant.h"
#include "support/api/fake_agent.h"
#include "support/api/fake_portal.h"

#define ARGS_MAX 40
#define DAY_S    86400

static struct {
    struct scratch scratch;
    struct arena *arena;
    const char *url;
    const char *ca;
    const char *file;
    const char *credential;
    char printed[1 << 16];
} test;

static const char *scratch_file(const char *name) {
    char path[SCRATCH_PATH_MAX];
    scratch_path(&test.scratch, name, path);
    return arena_string(test.arena, path);
}

static int set_up(void **state) {
    (void)state;
    scratch_init(&test.scratch);
    test.arena = arena_new(1 << 24);
    test.file = scratch_file("device");
    test.credential = scratch_file("credential");
    assert_int_equal(file_create(test.credential, bytes_text("0123456789abcdef0123456789abcdef"), 0600), STATUS_OK);
    fake_portal_start(&test.scratch, test.arena, &test.url, &test.ca);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    fake_portal_stop();
    arena_free(test.arena);
    scratch_clear(&test.scratch);
    return 0;
}

/* ---- running verbs ---- */

static const struct cli_verb *find_verb(const char *name) {
    for (const struct cli_verb *verb = device_verbs; verb->name; verb++) {
        if (strcmp(verb->name + strlen("device "), name) == 0) return verb;
    }
    fail_msg("no verb '%s'", name);
    return NULL;
}

/* Standard output goes into a file, then into test.printed. */
static int run_words(const struct cli_verb *verb, int count, char **words) {
    FILE *file = tmpfile();
    assert_non_null(file);
    (void)fflush(stdout);
    int before = dup(STDOUT_FILENO);
    assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
    int code = verb->run(verb, count, words);
    (void)fflush(stdout);
    assert_true(dup2(before, STDOUT_FILENO) >= 0);
    (void)close(before);
    rewind(file);
    test.printed[fread(test.printed, 1, sizeof test.printed - 1, file)] = '\0';
    (void)fclose(file);
    return code;
}

static int run_plain(const char *line) {
    char *copy = arena_string(test.arena, line);
    char *words[ARGS_MAX];
    int count = 0;
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
        words[count++] = word;
    }
    return run_words(find_verb(words[0]), count - 1, words + 1);
}

/* With the options that every call needs. */
static int run(const char *line) {
    return run_plain(
        arena_printf(test.arena, "%s --file %s --credential %s --ca %s", line, test.file, test.credential, test.ca));
}

static const char *code_text(void) {
    uint8_t code[32];
    memcpy(code, fake_portal.enrolment.b, 16);
    memcpy(code + 16, fake_portal.secret, 16);
    return text_base64url(test.arena, BYTES_ARRAY(code));
}

static void enrol(void) {
    assert_int_equal(run(arena_printf(test.arena, "enrol --portal %s %s/#%s", test.url, test.url, code_text())),
                     CLI_DONE);
}

/* ---- command lines ---- */

static const char *const wrong_lines[] = {
    "enrol",
    "enrol CODE --file x",
    "requests",
    "requests --file x --more",
    "read --file x",
    "sign a b --file x",
    "refuse --file x",
    "refuse short --file x",
    "revoke --file x",
    "revoke short --file x",
    "countersign short --file x",
    "remove --file x",
    "remove AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE --since yesterday --file x",
    "plan more --file x",
};

static void test_wrong_lines(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof wrong_lines / sizeof *wrong_lines; i++) {
        int code = run_plain(wrong_lines[i]);
        if (code != CLI_USAGE) fail_msg("'%s': %d", wrong_lines[i], code);
    }
}

static void test_help(void **state) {
    (void)state;
    for (const struct cli_verb *verb = device_verbs; verb->name; verb++) {
        char word[] = "--help";
        char *words[] = {word};
        assert_int_equal(run_words(verb, 1, words), CLI_DONE);
        if (!strstr(test.printed, "\nexample: sluss device ")) fail_msg("%s", verb->name);
    }
}

/* ---- enrolment ---- */

static void test_enrol_refused(void **state) {
    (void)state;
    struct stat found;
    assert_int_equal(run(arena_printf(test.arena, "enrol --portal %s short", test.url)), CLI_REFUSED);
    assert_int_equal(stat(test.file, &found), -1);
    const char *code = code_text();
    fake_portal.secret[0] ^= 1;
    assert_int_equal(run(arena_printf(test.arena, "enrol --portal %s %s", test.url, code)), CLI_REFUSED);
    assert_int_equal(run("requests --portal https://127.0.0.1:1"), CLI_NOT_REACHABLE);
}

static void test_enrol(void **state) {
    (void)state;
    struct stat found;
    fake_portal.pending = 2;
    fake_portal.clock_s = 3 * DAY_S; /* the clock at home is wrong */
    enrol();
    assert_true(fake_portal.registered);
    assert_int_equal(stat(test.file, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    assert_int_equal(stat(arena_printf(test.arena, "%s.state", test.file), &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    assert_int_equal(run(arena_printf(test.arena, "enrol --portal %s %s", test.url, code_text())), CLI_REFUSED);
}

static void test_wrong_portal(void **state) {
    (void)state;
    enrol();
    fake_portal.federation = "other.example";
    assert_int_equal(run("requests"), CLI_REFUSED);
    fake_portal.federation = PORTAL_FEDERATION;
    const char *other = arena_printf(test.arena, "requests --file %s --credential %s", test.file, test.credential);
    assert_int_equal(run_plain(other), CLI_NOT_REACHABLE);
    assert_int_equal(run("requests"), CLI_DONE);
    assert_non_null(strstr(test.printed, PORTAL_REQUEST "  Karriärcentrum, Regionen"));
}

/* ---- reading and signing ---- */

static void test_read(void **state) {
    (void)state;
    enrol();
    assert_int_equal(run("read " PORTAL_REQUEST " --lang en --without decision --for P7D --from " NORTH), CLI_DONE);
    assert_non_null(strstr(test.printed, "Recipient: Career centre, The county\n"));
    assert_non_null(strstr(test.printed,
                           "- Goals\n- Activities\nThe information comes from:\n- North, The municipality\n"
                           "Purpose: A joint plan\n"));
    assert_null(strstr(test.printed, "Decisions"));
    assert_null(strstr(test.printed, "South"));
}

static const char *const bad_choices[] = {
    "sign " ID,
    "sign " PORTAL_REQUEST " --without referral",
    "sign " PORTAL_REQUEST " --without goal --without decision --without activity",
    "sign " PORTAL_REQUEST " --from " FOREIGN,
    "sign " PORTAL_REQUEST " --for P31D",
    "sign " PORTAL_REQUEST " --lang xx",
    "sign " PORTAL_REQUEST " --lang nb", /* the purpose has no text in it */
};

static void test_bad_choices(void **state) {
    (void)state;
    enrol();
    for (size_t i = 0; i < sizeof bad_choices / sizeof *bad_choices; i++) {
        int code = run(bad_choices[i]);
        if (code != CLI_REFUSED || fake_portal.n_tokens > 0) fail_msg("'%s': %d", bad_choices[i], code);
    }
    assert_int_equal(run("sign " PORTAL_REQUEST " --for P1M"), CLI_USAGE);
}

static void expect_printed_notice(const struct token *token) {
    const char *end = strstr(test.printed, "\n\nconsent: ");
    assert_non_null(end);
    struct hash printed = hash_sha256(BYTES(test.printed, (size_t)(end + 1 - test.printed)));
    assert_true(hash_equal(&printed, &token->notice));
    time_t exp = (time_t)token->exp_s;
    struct tm utc;
    char until[64];
    assert_non_null(gmtime_r(&exp, &utc));
    assert_true(strftime(until, sizeof until, ": %Y-%m-%d %H:%M:%S UTC\n", &utc) > 0);
    assert_non_null(strstr(test.printed, until));
}

static void expect_printed_code(const struct token *token) {
    static const char before[] = "revocation code (shown this once): ";
    const char *at = strstr(test.printed, before);
    struct id16 code;
    assert_non_null(at);
    assert_int_equal(ids_from_text(BYTES(at + strlen(before), 22), &code), STATUS_OK);
    struct hash hash = derive_code_hash(PORTAL_FEDERATION, &code);
    assert_true(hash_equal(&hash, &token->rev));
}

static void test_sign(void **state) {
    (void)state;
    enrol();
    assert_int_equal(run("sign " PORTAL_REQUEST " --lang sv --without decision --for P7D"), CLI_DONE);
    assert_int_equal(fake_portal.n_tokens, 2);
    const struct token *token = &fake_portal.tokens[0];
    assert_true(token_same_decision(token, &fake_portal.tokens[1]));
    assert_string_equal(token->from, NORTH);
    assert_string_equal(fake_portal.tokens[1].from, SOUTH);
    assert_string_equal(token->to, FOREIGN);
    assert_int_equal(token->n_kinds, 2);
    assert_int_equal(token->kinds[0], KIND_GOAL);
    assert_int_equal(token->kinds[1], KIND_ACTIVITY);
    assert_int_equal(token->exp_s - token->nbf_s, 7 * DAY_S);
    assert_int_equal(token->access, ACCESS_REPEATED);
    assert_true(hash_equal(&token->subject, &fake_portal.subject));
    expect_printed_notice(token);
    expect_printed_code(token);
    assert_string_equal(fake_portal.path, "/v1/requests/" PORTAL_REQUEST "/decision");
}

static void test_sign_once_from_one(void **state) {
    (void)state;
    enrol();
    assert_int_equal(run("sign " PORTAL_REQUEST " --lang en --once --from " SOUTH), CLI_DONE);
    assert_int_equal(fake_portal.n_tokens, 1);
    assert_string_equal(fake_portal.tokens[0].from, SOUTH);
    assert_int_equal(fake_portal.tokens[0].access, ACCESS_ONCE);
    expect_printed_notice(&fake_portal.tokens[0]);
}

/* ---- statements ---- */

static void test_statements(void **state) {
    (void)state;
    static const struct case_ {
        const char *line;
        enum statement_type type;
        const char *path;
    } cases[] = {
        {"refuse " PORTAL_REQUEST " --tell", STATEMENT_REFUSE, "/v1/requests/" PORTAL_REQUEST "/decision"},
        {"suspend " PORTAL_CONSENT, STATEMENT_SUSPEND, "/v1/consents/" PORTAL_CONSENT "/suspend"},
        {"resume " PORTAL_CONSENT, STATEMENT_RESUME, "/v1/consents/" PORTAL_CONSENT "/resume"},
        {"revoke " PORTAL_CONSENT, STATEMENT_REVOKE, "/v1/consents/" PORTAL_CONSENT "/revoke"},
        {"plan --ask " NORTH, STATEMENT_READ, "/v1/read-requests"},
        {"countersign " HANDLE, STATEMENT_COUNTERSIGN, "/v1/read-requests"},
        {"remove " HANDLE " --since 2026-01-01T00:00:00Z", STATEMENT_REMOVE_DEVICE, "/v1/devices/" HANDLE},
    };
    enrol();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int code = run(cases[i].line);
        bool fits = code == CLI_DONE && fake_portal.statement.type == cases[i].type &&
                    strcmp(fake_portal.path, cases[i].path) == 0 && fake_portal.n_statements == i + 1;
        if (!fits) fail_msg("'%s': %d", cases[i].line, code);
    }
    assert_int_equal(fake_portal.statement.since_s, 1767225600);
}

/* Somebody else has signed with these keys: nothing more is signed. */
static void test_foreign_statement(void **state) {
    (void)state;
    enrol();
    assert_int_equal(run("revoke " PORTAL_CONSENT), CLI_DONE);
    fake_portal.last_statement.b[0] ^= 1;
    assert_int_equal(run("revoke " PORTAL_CONSENT), CLI_REFUSED);
    assert_int_equal(fake_portal.n_statements, 1);
    assert_int_equal(fake_portal.refused, 0); /* it was not even sent */
}

static void test_lost_answer(void **state) {
    (void)state;
    enrol();
    fake_portal.loses_answers = true;
    assert_int_equal(run("suspend " PORTAL_CONSENT), CLI_NOT_REACHABLE);
    fake_portal.loses_answers = false;
    assert_int_equal(run("resume " PORTAL_CONSENT), CLI_DONE);
    assert_int_equal(fake_portal.n_statements, 2);
}

static void test_other_person(void **state) {
    (void)state;
    enrol();
    fake_portal.other_person = true;
    assert_int_equal(run("revoke " PORTAL_CONSENT), CLI_REFUSED);
    assert_int_equal(run("sign " PORTAL_REQUEST " --lang sv"), CLI_REFUSED);
    assert_int_equal(fake_portal.n_statements, 0);
    assert_int_equal(fake_portal.n_tokens, 0);
}

/* A state of other keys beside the keys. */
static void test_changed_state(void **state) {
    (void)state;
    enrol();
    const char *path = arena_printf(test.arena, "%s.state", test.file);
    struct bytes content;
    assert_int_equal(file_read(path, 1 << 16, test.arena, &content), STATUS_OK);
    ((uint8_t *)(uintptr_t)content.data)[content.len - 1] ^= 1;
    assert_int_equal(file_replace(path, content, 0600), STATUS_OK);
    assert_int_equal(run("requests"), CLI_REFUSED);
}

/* ---- showing ---- */

static void test_lists(void **state) {
    (void)state;
    enrol();
    assert_int_equal(run("consents"), CLI_DONE);
    assert_string_equal(test.printed,
                        PORTAL_CONSENT "  active     " FOREIGN "  joint_plan  once  until 2026-11-22T02:43:15Z\n");
    assert_int_equal(run("accesses"), CLI_DONE);
    assert_non_null(strstr(test.printed, "leaf 7  RELEASED"));
    assert_non_null(
        strstr(test.printed, "leaf 8  REFUSED  " FOREIGN "  by g-17  for joint_plan  refused by clause 6\n"));
    assert_int_equal(run("devices --json"), CLI_DONE);
    assert_non_null(strstr(test.printed, "\"attester\": \"" MEMBER "\""));
}

/* ---- the plan ---- */

enum spoil { SPOIL_NOTHING, SPOIL_SUBJECT, SPOIL_RECIPIENT, SPOIL_REVISION, SPOIL_HEADER, SPOIL_KEY, SPOIL_CIPHERTEXT };

struct made {
    struct bytes header;
    struct bytes grant;
    struct bytes ciphertext;
};

static void make_header(struct sign_private *source, const struct secret *content_key, enum spoil spoil,
                        struct made *made, struct fragment_core *core) {
    struct fragment_header header = {.ciphertext_len = 0};
    struct bytes body;
    *core = (struct fragment_core){.version = 1,
                                   .fragment = {{3}},
                                   .revision = 1,
                                   .subject = fake_portal.subject,
                                   .source = NORTH,
                                   .kind = KIND_GOAL,
                                   .created_ms = 1795315395000,
                                   .media_type = "application/json",
                                   .schema = 1};
    if (spoil == SPOIL_SUBJECT) core->subject.b[0] ^= 1;
    assert_int_equal(fragment_header_core_encode(test.arena, core, &header.core), STATUS_OK);
    assert_int_equal(content_seal(content_key, PORTAL_FEDERATION, header.core,
                                  bytes_text("{\"kind\":\"goal\",\"title\":\"A goal of mine\",\"status\":\"planned\"}"),
                                  test.arena, &made->ciphertext),
                     STATUS_OK);
    header.ciphertext_len = made->ciphertext.len;
    header.ciphertext_hash = hash_sha256(made->ciphertext);
    header.commitment = content_commitment(PORTAL_FEDERATION, content_key);
    assert_int_equal(fragment_header_encode(test.arena, &header, &body), STATUS_OK);
    assert_int_equal(signed_make(test.arena, SIGNED_HEADER, PORTAL_FEDERATION, body, source, &made->header), STATUS_OK);
}

static void make_grant(struct sign_private *source, const struct secret *key, const struct fragment_core *core,
                       enum spoil spoil, struct made *made) {
    const struct seal_public *read = &fake_portal.registration.read_key;
    struct bytes info;
    struct bytes sealed;
    struct bytes body;
    struct key_grant grant = {.version = 1,
                              .federation = PORTAL_FEDERATION,
                              .fragment = core->fragment,
                              .revision = spoil == SPOIL_REVISION ? 2 : 1,
                              .kind = core->kind,
                              .purpose = "",
                              .header_hash = hash_sha256(made->header),
                              .recipient = text_base64url(test.arena, hash_bytes(&fake_portal.registration.device)),
                              .recipient_key_id = seal_key_id(PORTAL_FEDERATION, read)};
    if (spoil == SPOIL_RECIPIENT) grant.recipient = HANDLE;
    if (spoil == SPOIL_HEADER) grant.header_hash.b[0] ^= 1;
    assert_int_equal(key_grant_info(test.arena, &grant, &info), STATUS_OK);
    assert_int_equal(seal_bytes(read, info, hash_bytes(&grant.header_hash), secret_bytes(key), test.arena, &sealed),
                     STATUS_OK);
    memcpy(grant.enc, sealed.data, sizeof grant.enc);
    memcpy(grant.sealed, sealed.data + sizeof grant.enc, sizeof grant.sealed);
    assert_int_equal(key_grant_encode(test.arena, &grant, &body), STATUS_OK);
    assert_int_equal(signed_make(test.arena, SIGNED_GRANT, PORTAL_FEDERATION, body, source, &made->grant), STATUS_OK);
}

/* The portal's answer with one fragment, perhaps spoiled. */
static const char *make_plan(enum spoil spoil) {
    struct sign_private *source CLEANUP(sign_free_cleanup) = NULL;
    struct secret *key CLEANUP(secret_free_cleanup) = secret_random(32);
    struct secret *other CLEANUP(secret_free_cleanup) = secret_random(32);
    struct fragment_core core;
    struct made made;
    json_t *item = json_object();
    json_t *root CLEANUP(json_cleanup) = json_pack("{s:[o], s:[s]}", "items", item, "waiting", SOUTH);
    assert_int_equal(sign_generate(&source), STATUS_OK);
    make_header(source, key, spoil, &made, &core);
    make_grant(source, spoil == SPOIL_KEY ? other : key, &core, spoil, &made);
    if (spoil == SPOIL_CIPHERTEXT) ((uint8_t *)(uintptr_t)made.ciphertext.data)[0] ^= 1;
    assert_int_equal(json_set_bytes(item, "header", made.header), STATUS_OK);
    assert_int_equal(json_set_bytes(item, "grant", made.grant), STATUS_OK);
    assert_int_equal(json_set_bytes(item, "ciphertext", made.ciphertext), STATUS_OK);
    return json_compact(test.arena, root);
}

static void test_plan_not_opened(void **state) {
    (void)state;
    enrol();
    for (enum spoil spoil = SPOIL_SUBJECT; spoil <= SPOIL_CIPHERTEXT; spoil++) {
        fake_portal.plan = make_plan(spoil);
        int code = run("plan");
        if (code != CLI_REFUSED || strstr(test.printed, "A goal of mine")) fail_msg("spoil %d: %d", (int)spoil, code);
    }
}

static void test_plan(void **state) {
    (void)state;
    enrol();
    fake_portal.plan = make_plan(SPOIL_NOTHING);
    assert_int_equal(run("plan"), CLI_DONE);
    assert_non_null(strstr(test.printed, "goal        A goal of mine (" NORTH ")\n"));
    assert_non_null(strstr(test.printed, "missing   " SOUTH " : try_later\n"));
    fake_portal.plan_on_page_2 = true;
    assert_int_equal(run("plan"), CLI_DONE);
    assert_non_null(strstr(test.printed, "goal        A goal of mine (" NORTH ")\n"));
}

#define WITH_PORTAL(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_PORTAL(test_wrong_lines),
        WITH_PORTAL(test_help),
        WITH_PORTAL(test_enrol_refused),
        WITH_PORTAL(test_enrol),
        WITH_PORTAL(test_wrong_portal),
        WITH_PORTAL(test_read),
        WITH_PORTAL(test_bad_choices),
        WITH_PORTAL(test_sign),
        WITH_PORTAL(test_sign_once_from_one),
        WITH_PORTAL(test_statements),
        WITH_PORTAL(test_foreign_statement),
        WITH_PORTAL(test_lost_answer),
        WITH_PORTAL(test_other_person),
        WITH_PORTAL(test_changed_state),
        WITH_PORTAL(test_lists),
        WITH_PORTAL(test_plan_not_opened),
        WITH_PORTAL(test_plan),
    };
    if (secret_setup() != STATUS_OK) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
