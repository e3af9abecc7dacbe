/*
 * What a replay says of a synthetic log, for tests of the auditor.
 */
#ifndef TESTS_SUPPORT_BROKER_REPLAY_OUTCOME_H
#define TESTS_SUPPORT_BROKER_REPLAY_OUTCOME_H

#include "broker/audit/replay.h"
#include "support/log_plot.h"

/* In place of a leaf: the finding is about the log itself. */
#define REPLAY_OUTCOME_LOG UINT64_MAX

struct replay_outcome {
    char *text;
    size_t len;
    struct report report;
    enum status status;
};

/* Audits a directory, with the keys and authority that lie in it. */
void replay_outcome_of_dir(const char *dir, enum prepare_depth depth, struct replay_outcome *out);
/* Writes the plot's log to a place of its own and audits it. */
void replay_outcome_of(struct log_plot *plot, enum prepare_depth depth, struct replay_outcome *out);
void replay_outcome_clear(struct replay_outcome *outcome);

/* Whether a line says that this leaf was found wanting under this name. */
bool replay_outcome_names(const struct replay_outcome *outcome, uint64_t leaf, const char *name);

/* One thing that an honest broker does not do. */
struct replay_misdeed {
    const char *what;
    uint64_t (*commit)(struct log_plot *plot); /* the leaf that must be named */
    const char *name;
    unsigned findings; /* in all; 0: it does not matter */
};

/* Each by itself after log_plot_begin; fails the running test when one is not named, or others are. */
void replay_outcome_expect(const struct replay_misdeed *misdeeds, size_t count);

#endif
