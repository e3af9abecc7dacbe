/* The manual pages name every verb of `sluss` and every key of the agent's settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/agent_settings.h"
#include "agent/cli/cli_local.h"
#include "agent/cli/device.h"
#include "base/cleanup.h"
#include "base/file.h"

static const char *page(struct arena *arena, const char *name) {
    struct bytes text;
    const char *out = NULL;
    assert_int_equal(file_read(arena_printf(arena, "%s/docs/man/%s", TEST_SOURCE_DIR, name), 1 << 20, arena, &text),
                     STATUS_OK);
    assert_int_equal(arena_text(arena, text, &out), STATUS_OK);
    return out;
}

static void test_verbs(void **state) {
    (void)state;
    static const struct cli_verb *const tables[] = {cli_people_verbs,   cli_consent_verbs, cli_agent_verbs,
                                                    device_verbs,       cli_keys_verbs,    cli_record_verbs,
                                                    cli_authority_verbs};
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 20);
    const char *text = page(arena, "sluss.1");
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        for (const struct cli_verb *verb = tables[i]; verb->name; verb++) {
            const char *entry = arena_printf(arena, "\n.It Nm sluss Cm %s\n", verb->name);
            if (!strstr(text, entry)) fail_msg("sluss.1 lacks '%s'", verb->name);
        }
    }
}

static void expect_keys(struct arena *arena, const char *text, const struct setting *table) {
    for (; table->key; table++) {
        const char *entry = arena_printf(arena, "\n.It Cm %s", table->key);
        if (!strstr(text, entry)) fail_msg("sluss-agent.8 lacks '%s'", table->key);
        if (table->section) expect_keys(arena, text, table->section);
    }
}

static void test_settings(void **state) {
    (void)state;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 20);
    expect_keys(arena, page(arena, "sluss-agent.8"), agent_settings_table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verbs),
        cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
