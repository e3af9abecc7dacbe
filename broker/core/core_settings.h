/*
 * The settings of the role core and their schema table.
 */
#ifndef BROKER_CORE_CORE_SETTINGS_H
#define BROKER_CORE_CORE_SETTINGS_H

#include <stdint.h>

#include "base/settings.h"
#include "keys/sign.h"

#define CORE_AUTHORITY_MAX 16

struct core_settings {
    const char *federation;
    const char *store_dir;
    const char *shred_file;
    const char *credential; /* the key-encryption key, 32 bytes */
    const char *keyd_socket;
    const char *gate_socket;
    const char *portal_socket;
    const char *operator_socket;
    struct setting_list gate_peers; /* users, by name or number, besides core's own */
    struct setting_list portal_peers;
    struct setting_list operator_peers;
    struct setting_list authority; /* sluss-sign:... */
    int64_t authority_threshold;
    int64_t socket_mode;
    int64_t map_mib;
    int64_t disk_reserve_mib;
    int64_t gate_contexts;
    int64_t portal_contexts;
    int64_t pipes_per_member;
    int64_t calls_per_pipe;
    int64_t calls_per_member;
    int64_t parked_per_member;
    int64_t keyd_deadline_ms;
    int64_t clock_step_ms;
    int64_t clock_start_s;
    int64_t start_witnesses;
    const char *log_level;
};

extern const struct setting core_settings_table[];

/* What the table cannot say: the authority's keys, the level. STATUS_SETTINGS with a sentence in error. */
enum status core_settings_check(const struct core_settings *settings, const char *path, char *error, size_t error_cap);

/* The authority's keys; *out_count of them. STATUS_SETTINGS. */
enum status core_settings_authority(const struct core_settings *settings,
                                    struct sign_public out_keys[static CORE_AUTHORITY_MAX], size_t *out_count);

#endif
