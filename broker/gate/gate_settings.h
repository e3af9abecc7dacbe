/* Settings of the gate: one schema table, read by base/settings.h. */
#ifndef BROKER_GATE_GATE_SETTINGS_H
#define BROKER_GATE_GATE_SETTINGS_H

#include <stdint.h>

#include "base/settings.h"

struct gate_settings {
    struct setting_list listen; /* numeric addresses */
    int64_t port;               /* 0: any free one, for tests */
    const char *certificate;
    const char *private_key;
    const char *core_socket;
    int64_t connections_per_member;
    int64_t connections_total;
    int64_t max_unanswered;
    int64_t handshake_ms; /* from accept to the answer to the hello */
    int64_t frame_ms;
    const char *log_level;
};

extern const struct setting gate_settings_table[];

#endif
