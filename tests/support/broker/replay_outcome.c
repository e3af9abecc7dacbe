/*
 * Runs the auditor in this process and keeps what it prints.
 */
#include "support/broker/replay_outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/scratch.h"

void replay_outcome_clear(struct replay_outcome *outcome) { free(outcome->text); }

void replay_outcome_of_dir(const char *dir, enum prepare_depth depth, struct replay_outcome *out) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 20);
    struct slot_keys_ring *keys CLEANUP(slot_keys_free_cleanup) = slot_keys_new();
    const struct mirror mirror = {.dir = dir};
    struct mirror_federation federation;
    char path[SCRATCH_PATH_MAX + 8];
    (void)snprintf(path, sizeof path, "%s/keys", dir);
    assert_int_equal(mirror_federation_read(&mirror, arena, &federation), STATUS_OK);
    assert_int_equal(slot_keys_read(keys, path), STATUS_OK);
    const struct replay_options options = {.dir = dir,
                                           .federation = &federation,
                                           .keys = keys,
                                           .depth = depth,
                                           .scope = depth == PREPARE_ALL ? REDUCER_WHOLE : REDUCER_SCOPED};
    FILE *stream = open_memstream(&out->text, &out->len);
    assert_non_null(stream);
    report_begin(&out->report, "replay", REPORT_TEXT, stream, NULL);
    out->status = replay_run(&options, &out->report);
    (void)report_end(&out->report);
    assert_int_equal(fclose(stream), 0);
}

void replay_outcome_of(struct log_plot *plot, enum prepare_depth depth, struct replay_outcome *out) {
    struct scratch scratch;
    scratch_init(&scratch);
    log_world_write(plot->world, scratch.path);
    replay_outcome_of_dir(scratch.path, depth, out);
    scratch_clear(&scratch);
}

bool replay_outcome_names(const struct replay_outcome *outcome, uint64_t leaf, const char *name) {
    char line[128];
    if (leaf == REPLAY_OUTCOME_LOG) {
        (void)snprintf(line, sizeof line, "log: %s: ", name);
    } else {
        (void)snprintf(line, sizeof line, "leaf %llu: %s: ", (unsigned long long)leaf, name);
    }
    const char *found = strstr(outcome->text, line);
    return found && (found == outcome->text || found[-1] == '\n');
}

static bool as_expected(const struct replay_misdeed *misdeed) {
    struct log_plot plot;
    struct replay_outcome outcome CLEANUP(replay_outcome_clear) = {.text = NULL};
    log_plot_begin(&plot);
    uint64_t leaf = misdeed->commit(&plot);
    replay_outcome_of(&plot, PREPARE_ALL, &outcome);
    bool counted = misdeed->findings == 0 || outcome.report.divergences == misdeed->findings;
    bool good = outcome.status == STATUS_OK && replay_outcome_names(&outcome, leaf, misdeed->name) && counted;
    if (!good) {
        print_error("%s: expected leaf %llu %s, %u findings, got:\n%s\n", misdeed->what, (unsigned long long)leaf,
                    misdeed->name, misdeed->findings, outcome.text);
    }
    log_plot_end(&plot);
    return good;
}

void replay_outcome_expect(const struct replay_misdeed *misdeeds, size_t count) {
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        good &= as_expected(&misdeeds[i]);
    }
    assert_true(good);
}
