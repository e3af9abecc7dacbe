/*
 * Settings of the keyd role. Paths only: the keys lie in a sealed bundle (keys/keyfile.h), what opens it comes from a
 * credential.
 */
#ifndef BROKER_KEYD_KEYD_SETTINGS_H
#define BROKER_KEYD_KEYD_SETTINGS_H

#include <stdint.h>

#include "base/settings.h"

struct keyd_settings {
    const char *federation;
    int64_t epoch;
    int64_t pseudonym_version;
    const char *keys;       /* bundle: "log", "status", "pseudonym" */
    const char *credential; /* opens the bundle */
    const char *state_dir;  /* last note, directory, counts: 0700 */
    const char *socket;
    int64_t socket_mode;
    struct setting_list authority; /* "sluss-sign:..." */
    int64_t authority_threshold;
    struct setting_list peers; /* user names or numbers that may connect; empty: only keyd's own user */
    int64_t evaluations_a_day; /* for each member */
    const char *log_level;
};

extern const struct setting keyd_settings_table[];

#endif
