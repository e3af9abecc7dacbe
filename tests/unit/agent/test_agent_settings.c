/* Settings of the agent: what the table cannot say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/agent_settings.h"
#include "base/file.h"
#include "keys/public.h"
#include "support/scratch.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

struct fixture {
    struct scratch scratch;
    struct arena *arena;
    const char *key;
};

static int setup(void **state) {
    static struct fixture fixture;
    struct sign_private *key = NULL;
    OK(secret_setup());
    scratch_init(&fixture.scratch);
    fixture.arena = arena_new(1 << 20);
    assert_non_null(fixture.arena);
    OK(sign_generate(&key));
    struct sign_public public = sign_public_of(key);
    fixture.key = public_sign_text(fixture.arena, &public);
    sign_free(key);
    *state = &fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    arena_free(fixture->arena);
    scratch_clear(&fixture->scratch);
    return 0;
}

/* A whole file, with one line in the place of another. */
static enum status read_with(struct fixture *fixture, const char *from, const char *to, struct agent_settings *out,
                             char error[static 300]) {
    static const char *const lines[] = {
        "federation = \"test.example\"\n",
        "member = \"0007:2129990004\"\n",
        "unit \"adult-education\" { }\n",
        "unit \"labour-market\" { seal_keys = {\"seal.new\", \"seal.old\"} }\n",
        "keys = \"member.keys\"\ncredential = \"credential\"\nshred = \"shred\"\nstore = \"store\"\n",
        "gate = \"gate.example:7443\"\n",
        "gate_ca = \"ca.crt\"\nlink_certificate = \"link.crt\"\nlink_key = \"link.key\"\n",
        "link_socket = \"link/nng.sock\"\npublic_url = \"https://portal.example\"\nsocket = \"api.sock\"\n",
        "authority = {\"KEY\"}\n",
        "client \"case\" { uid = 1000\n units = {\"adult-education\"}\n may = {\"publish\", \"read\"} }\n",
        "client \"board\" { token_file = \"token\"\n units = {\"labour-market\"}\n may = {\"enrol\", \"revoke\"} }\n",
    };
    char path[SCRATCH_PATH_MAX];
    char text[4096] = "";
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const char *line = from && strstr(lines[i], from) ? to : lines[i];
        (void)strncat(text, line, sizeof text - strlen(text) - 1);
    }
    char *key = strstr(text, "KEY");
    if (key) {
        char rest[4096];
        (void)snprintf(rest, sizeof rest, "%s", key + 3);
        (void)snprintf(key, sizeof text - (size_t)(key - text), "%s%s", fixture->key, rest);
    }
    scratch_path(&fixture->scratch, "agent.conf", path);
    OK(file_replace(path, bytes_text(text), 0600));
    return agent_settings_read(path, fixture->arena, out, error, 300);
}

static void test_what_is_wrong_is_named(void **state) {
    static const struct {
        const char *from;
        const char *to;
        const char *named;
    } rows[] = {
        {"federation", "federation = \"Not A Name\"\n", "federation"},
        {"member =", "member = \"2129990004\"\n", "member"},
        {"unit \"adult", "unit \"Adult\" { }\n", "unit"},
        {"gate =", "gate = \"gate.example\"\n", "gate"},
        {"gate =", "gate = \":7443\"\n", "gate"},
        {"authority =", "authority = {\"sluss-sign:short\"}\n", "authority"},
        {"authority =", "authority = {\"KEY\"}\nauthority_threshold = 2\n", "authority_threshold"},
        {"client \"case", "client \"case\" { units = {\"adult-education\"}\n may = {\"read\"} }\n", "uid"},
        {"client \"case",
         "client \"case\" { uid = 1\n token_file = \"t\"\n units = {\"adult-education\"}\n may = {\"read\"} }\n",
         "token_file"},
        {"client \"case", "client \"case\" { uid = 1\n units = {\"guidance\"}\n may = {\"read\"} }\n", "guidance"},
        {"client \"case", "client \"case\" { uid = 1\n units = {\"adult-education\"}\n may = {\"write\"} }\n", "write"},
        {"federation", "federation = \"test.example\"\nlog_level = \"loud\"\n", "log_level"},
        {"federation", "federation = \"test.example\"\nsecret = \"hush\"\n", "secret"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct agent_settings settings = {0};
        char error[300] = "";
        enum status status = read_with(fixture, rows[i].from, rows[i].to, &settings, error);
        if (status != STATUS_SETTINGS) fail_msg("row %zu: %s", i, status_name(status));
        if (!strstr(error, rows[i].named)) fail_msg("row %zu: '%s' does not name %s", i, error, rows[i].named);
    }
}

static void test_whole_file(void **state) {
    struct fixture *fixture = *state;
    struct agent_settings settings = {0};
    char error[300] = "";
    OK(read_with(fixture, NULL, NULL, &settings, error));
    assert_int_equal(agent_settings_unit_count(&settings), 2);
    assert_string_equal(agent_settings_unit(&settings, 0)->id, "0007:2129990004/adult-education");
    assert_string_equal(agent_settings_unit(&settings, 0)->seal_keys.items[0], "seal.adult-education");
    assert_int_equal(agent_settings_unit(&settings, 1)->seal_keys.count, 2);
    assert_non_null(agent_settings_find_unit(&settings, "0007:2129990004/labour-market"));
    assert_null(agent_settings_find_unit(&settings, "0007:2129990004/guidance"));
    assert_string_equal(settings.gate_host, "gate.example");
    assert_string_equal(settings.gate_port, "7443");
    assert_int_equal(settings.cosignatures, -1);
    assert_int_equal(settings.n_authority_keys, 1);
    const struct agent_settings_client *client = agent_settings_client(&settings, 0);
    assert_int_equal(client->rights, AGENT_MAY_PUBLISH | AGENT_MAY_READ);
    assert_string_equal(client->unit_ids[0], "0007:2129990004/adult-education");
    assert_int_equal(agent_settings_client(&settings, 1)->rights, AGENT_MAY_ENROL | AGENT_MAY_REVOKE);
}

static void test_gate_with_an_ipv6_address(void **state) {
    struct fixture *fixture = *state;
    struct agent_settings settings = {0};
    char error[300] = "";
    OK(read_with(fixture, "gate =", "gate = \"[2001:db8::1]:7443\"\n", &settings, error));
    assert_string_equal(settings.gate_host, "2001:db8::1");
    assert_string_equal(settings.gate_port, "7443");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_wrong_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gate_with_an_ipv6_address, setup, teardown),
        cmocka_unit_test_setup_teardown(test_whole_file, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
