/*
 * The verbs that make a federation out of files: wrong command lines and refusals first, then the whole way from new
 * keys to a directory that a verifier takes.
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
#include <unistd.h>

#include "agent/cli/cli.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "keys/public.h"
#include "proto/directory.h"
#include "proto/note.h"
#include "support/scratch.h"

#define FEDERATION "test.example"
#define ARGS_MAX   40

static struct {
    struct scratch scratch;
    struct arena *arena;
    const char *credential;
    struct directory *directory;
    struct sign_public authority[2];
    char printed[1 << 16];
} test;

static const char *at(const char *name) {
    char path[SCRATCH_PATH_MAX];
    scratch_path(&test.scratch, name, path);
    return arena_string(test.arena, path);
}

static void write_text(const char *name, const char *text) {
    assert_int_equal(file_replace(at(name), bytes_text(text), 0600), STATUS_OK);
}

static int set_up(void **state) {
    (void)state;
    scratch_init(&test.scratch);
    test.arena = arena_new(1 << 24);
    test.credential = at("credential");
    write_text("credential", "0123456789abcdef0123456789abcdef");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    directory_unref(test.directory);
    test.directory = NULL;
    arena_free(test.arena);
    scratch_clear(&test.scratch);
    return 0;
}

/* ---- running verbs ---- */

static const struct cli_verb *const tables[] = {cli_keys_verbs, cli_record_verbs, cli_authority_verbs};

/* The verb whose words the line begins with; *out_words of them. */
static const struct cli_verb *find_verb(char **words, int *out_words) {
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        for (const struct cli_verb *verb = tables[i]; verb->name; verb++) {
            const char *two = arena_printf(test.arena, "%s %s", words[0], words[1]);
            if (strcmp(verb->name, two) != 0) continue;
            *out_words = 2;
            return verb;
        }
    }
    fail_msg("no verb '%s %s'", words[0], words[1]);
    return NULL;
}

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

/* Words with a leading '@' are files of the scratch directory. */
static int run(const char *line) {
    char *copy = arena_string(test.arena, line);
    char *words[ARGS_MAX];
    int count = 0;
    int taken = 0;
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
        words[count++] = *word == '@' ? arena_string(test.arena, at(word + 1)) : word;
    }
    const struct cli_verb *verb = find_verb(words, &taken);
    return run_words(verb, count - taken, words + taken);
}

static void must(const char *line) {
    int code = run(line);
    if (code != CLI_DONE) fail_msg("'%s': %d", line, code);
}

/* ---- wrong lines ---- */

static const char *const wrong_lines[] = {
    "keys new",
    "keys new --kind member",
    "keys new --out x --kind",
    "keys show",
    "keys certificate --subject x",
    "member make --in x --out y",
    "agreement make --in x",
    "agreement sign --in x --out y",
    "rules make --in x",
    "authority epoch --out x",
    "authority admit --type member",
    "authority sign --key x --out y",
    "authority sign x --key y --out z --more",
};

static void test_wrong_lines(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof wrong_lines / sizeof *wrong_lines; i++) {
        int code = run(wrong_lines[i]);
        if (code != CLI_USAGE) fail_msg("'%s': %d", wrong_lines[i], code);
    }
}

static void test_refused(void **state) {
    (void)state;
    write_text("broken.json", "{");
    write_text("empty.json", "{}");
    must("keys new --kind authority --out @a1 --credential @credential");
    static const char *const lines[] = {
        "keys new --kind authority --out @a1 --credential @credential", /* exists */
        "keys new --kind other --out @a9 --credential @credential",
        "keys new --kind member --out @a9 --credential @credential", /* no unit, no pepper */
        "keys show @a1 --credential @a1",                            /* the wrong credential */
        "rules make --in @broken.json --out @r",
        "rules make --in @empty.json --out @r",
        "authority epoch --identity @empty.json --authority sluss-sign:x --out @e",
        "authority admit --type other --object @a1 --federation " FEDERATION
        " --head @empty.json --key @a1 --out @x --credential @credential",
        "authority sign @empty.json --key @a1 --out @x --credential @credential",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        int code = run(lines[i]);
        if (code != CLI_REFUSED) fail_msg("'%s': %d", lines[i], code);
    }
}

/* ---- a federation ---- */

static void make_authority(void) {
    for (int i = 0; i < 2; i++) {
        must(arena_printf(test.arena, "keys new --kind authority --out @a%d --credential @credential", i));
        must(arena_printf(test.arena, "keys show @a%d --credential @credential", i));
        const char *key = strstr(test.printed, "sluss-sign:");
        assert_non_null(key);
        assert_int_equal(public_sign_parse(BYTES(key, strcspn(key, "\"\n ")), &test.authority[i]), STATUS_OK);
    }
    test.directory = directory_new(FEDERATION, test.authority, 2, 2);
    assert_non_null(test.directory);
}

static void write_identity(void) {
    struct sign_private *log CLEANUP(sign_free_cleanup) = NULL;
    struct note_key key;
    uint8_t point[32] = {1};
    assert_int_equal(sign_generate(&log), STATUS_OK);
    struct sign_public log_public = sign_public_of(log);
    assert_int_equal(note_key_make(bytes_text(FEDERATION "/log/1"), NOTE_ED25519, &log_public, &key), STATUS_OK);
    json_t *identity CLEANUP(json_cleanup) =
        json_pack("{s:s, s:i, s:s, s:i}", "federation", FEDERATION, "epoch", 1, "log_vkey",
                  note_key_format(test.arena, &key), "pseudonym_version", 1);
    assert_int_equal(json_set_bytes(identity, "status_key", BYTES_ARRAY(log_public.b)), STATUS_OK);
    assert_int_equal(json_set_bytes(identity, "pseudonym_key", BYTES_ARRAY(point)), STATUS_OK);
    write_text("identity.json", json_compact(test.arena, identity));
}

/* As the broker's operator prints it. */
static void write_head(void) {
    struct hash head = directory_head(test.directory);
    write_text("head.json", arena_printf(test.arena, "{\"sequence\":%llu,\"head\":\"%s\"}",
                                         (unsigned long long)directory_sequence(test.directory),
                                         text_base64url(test.arena, hash_bytes(&head))));
}

static enum status add_entry(const char *name) {
    struct bytes entry;
    struct directory *next = NULL;
    assert_int_equal(file_read(at(name), 1 << 20, test.arena, &entry), STATUS_OK);
    TRY(directory_copy_with(test.directory, entry, &next));
    directory_unref(test.directory);
    test.directory = next;
    return STATUS_OK;
}

/* One key of two is not enough; both are. */
static void admit(const char *type, const char *object) {
    write_head();
    must(arena_printf(test.arena,
                      "authority admit --type %s --object @%s --federation " FEDERATION
                      " --head @head.json --key @a0 --out @entry --credential @credential",
                      type, object));
    assert_int_equal(add_entry("entry"), STATUS_SIGNATURE);
    must("authority sign @entry --key @a1 --out @entry --credential @credential");
    enum status status = add_entry("entry");
    if (status != STATUS_OK) fail_msg("%s: %s", type, status_text(status));
}

static void make_member(const char *name, const char *id, const char *unit) {
    struct arena *arena = test.arena;
    must(arena_printf(arena,
                      "keys new --kind member --unit %s --pepper @pepper --out @%s.keys --credential @credential", unit,
                      name));
    must(arena_printf(arena, "keys certificate --subject %s --out-certificate @%s.crt --out-key @%s.key", name, name,
                      name));
    write_text(arena_printf(arena, "%s.json", name),
               arena_printf(arena,
                            "{\"federation\":\"" FEDERATION
                            "\",\"member\":\"%s\",\"names\":{\"sv\":\"%s\"},\"units\":[{"
                            "\"id\":\"%s\",\"names\":{\"sv\":\"%s\"}}],\"witness\":\"agent.%s.example\","
                            "\"identifies_people\":true,\"contact\":\"x\"}",
                            id, name, unit, unit, name));
    must(arena_printf(arena,
                      "member make --in @%s.json --keys @%s.keys --certificate @%s.crt --out @%s.record --credential "
                      "@credential",
                      name, name, name, name));
    admit("member", arena_printf(arena, "%s.record", name));
}

static void make_agreement(void) {
    write_text("agreement.json",
               "{\"federation\":\"" FEDERATION "\",\"units\":[\"0007:2021000001/guidance\",\"0007:2021000002/career\"],"
               "\"kinds\":[\"goal\"],\"purposes\":[\"joint_plan\"],\"longest_consent\":\"P90D\","
               "\"attesters\":[\"0007:2021000001\"],\"self_read_attesters\":[],\"recipient_may_attest\":false,"
               "\"legal_note\":\"x\",\"valid_from\":0,\"valid_until\":0}");
    must("agreement make --in @agreement.json --keys @one.keys --out @agreement.record --credential @credential");
    must("agreement sign --in @agreement.record --keys @two.keys --out @agreement.record --credential @credential");
    admit("agreement", "agreement.record");
}

static void test_federation(void **state) {
    (void)state;
    make_authority();
    write_identity();
    must("keys new --kind pepper --out @pepper");
    must(arena_printf(test.arena,
                      "authority epoch --identity @identity.json --authority %s --authority %s --threshold 2 "
                      "--out @epoch.record",
                      public_sign_text(test.arena, &test.authority[0]),
                      public_sign_text(test.arena, &test.authority[1])));
    admit("epoch", "epoch.record");
    write_text("rules.json", "{\"federation\":\"" FEDERATION "\",\"purposes\":{\"joint_plan\":{\"sv\":\"x\"}},"
                             "\"longest_consent\":\"P365D\",\"most_sources\":8,\"most_pending\":16,\"cosignatures\":1,"
                             "\"witnesses\":[]}");
    must("rules make --in @rules.json --out @rules.record");
    admit("rules", "rules.record");
    make_member("one", "0007:2021000001", "guidance");
    make_member("two", "0007:2021000002", "career");
    make_agreement();
    assert_int_equal(directory_sequence(test.directory), 5);
    assert_non_null(directory_unit(test.directory, "0007:2021000001/guidance", NULL));
    assert_int_equal(directory_agreement_count(test.directory), 1);
    assert_int_equal(directory_agreement_at(test.directory, 0)->longest_consent_s, 90 * 86400);
}

/* With --dry-run nothing is written. */
static void test_dry_run(void **state) {
    (void)state;
    struct stat found;
    write_text("rules.json", "{\"federation\":\"" FEDERATION "\",\"purposes\":{\"joint_plan\":{\"sv\":\"x\"}},"
                             "\"longest_consent\":\"P365D\",\"most_sources\":8,\"most_pending\":16,\"cosignatures\":1,"
                             "\"witnesses\":[]}");
    must("rules make --in @rules.json --out @rules.record --dry-run");
    assert_non_null(strstr(test.printed, "joint_plan"));
    assert_int_equal(stat(at("rules.record"), &found), -1);
}

#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FILES(test_wrong_lines),
        WITH_FILES(test_refused),
        WITH_FILES(test_federation),
        WITH_FILES(test_dry_run),
    };
    if (secret_setup() != STATUS_OK) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
