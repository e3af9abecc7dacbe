/*
 * Settings of the portal: one schema table, read by base/settings.h.
 */
#ifndef BROKER_PORTAL_PORTAL_SETTINGS_H
#define BROKER_PORTAL_PORTAL_SETTINGS_H

#include <stdint.h>

#include "base/settings.h"

struct portal_settings {
    const char *address;
    int64_t port;
    const char *public_url; /* without a slash at the end */
    const char *certificate;
    const char *private_key;
    bool plain_http;
    const char *core_socket;
    int64_t connections;
    const char *log_level;
};

extern const struct setting portal_settings_table[];

#endif
