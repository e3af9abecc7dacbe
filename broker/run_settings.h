/*
 * Settings of `sluss-broker run`: where the settings of each role are, and where the operator's socket is for the verbs
 * that ask core.
 */
#ifndef BROKER_RUN_SETTINGS_H
#define BROKER_RUN_SETTINGS_H

#include <stdint.h>

#include "base/settings.h"

struct run_settings {
    const char *keyd;
    const char *core;
    const char *gate;
    const char *portal;
    const char *operator_socket;
    int64_t restart_most_ms;
};

extern const struct setting run_settings_table[];

#endif
