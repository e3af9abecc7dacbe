/*
 * Core's settings: keys, defaults, bounds.
 */
#include "broker/core/core_settings.h"

#include <stdio.h>

#include "base/log.h"
#include "keys/public.h"
#include "proto/ids.h"

#define AT(field) offsetof(struct core_settings, field)

const struct setting core_settings_table[] = {
    {.key = "federation",
     .type = SETTING_TEXT,
     .flags = SETTING_REQUIRED,
     .offset = AT(federation),
     .help = "Name of the federation."},
    {.key = "store_dir",
     .type = SETTING_PATH,
     .flags = SETTING_REQUIRED,
     .offset = AT(store_dir),
     .help = "Directory of the store; made when missing."},
    {.key = "shred_file",
     .type = SETTING_PATH,
     .flags = SETTING_REQUIRED,
     .offset = AT(shred_file),
     .help = "File of slot keys; made when missing."},
    {.key = "credential",
     .type = SETTING_PATH,
     .flags = SETTING_REQUIRED,
     .offset = AT(credential),
     .help = "Key-encryption key: 32 bytes, mode 0600. No backup may hold it."},
    {.key = "keyd_socket",
     .type = SETTING_PATH,
     .flags = SETTING_REQUIRED,
     .offset = AT(keyd_socket),
     .help = "keyd's socket."},
    {.key = "gate_socket",
     .type = SETTING_PATH,
     .flags = SETTING_REQUIRED,
     .offset = AT(gate_socket),
     .help = "Socket on which the gate is answered."},
    {.key = "portal_socket",
     .type = SETTING_PATH,
     .flags = SETTING_REQUIRED,
     .offset = AT(portal_socket),
     .help = "Socket on which the portal is answered."},
    {.key = "operator_socket",
     .type = SETTING_PATH,
     .flags = SETTING_REQUIRED,
     .offset = AT(operator_socket),
     .help = "Socket on which the operator's verbs are answered."},
    {.key = "gate_peers",
     .type = SETTING_LIST,
     .offset = AT(gate_peers),
     .default_text = "{}",
     .help = "Users (name or number) that may connect as gate, besides core's own."},
    {.key = "portal_peers",
     .type = SETTING_LIST,
     .offset = AT(portal_peers),
     .default_text = "{}",
     .help = "Users that may connect as portal, besides core's own."},
    {.key = "operator_peers",
     .type = SETTING_LIST,
     .offset = AT(operator_peers),
     .default_text = "{}",
     .help = "Users that may connect as operator, besides core's own."},
    {.key = "authority",
     .type = SETTING_LIST,
     .flags = SETTING_REQUIRED,
     .offset = AT(authority),
     .help = "Public keys of the federation's authority, as sluss-sign:..."},
    {.key = "authority_threshold",
     .type = SETTING_INTEGER,
     .offset = AT(authority_threshold),
     .default_text = "1",
     .min = 1,
     .max = 16,
     .help = "How many of them must sign a directory entry."},
    {.key = "socket_mode",
     .type = SETTING_INTEGER,
     .offset = AT(socket_mode),
     .default_text = "432",
     .min = 0,
     .max = 511,
     .help = "Mode of the sockets, as a decimal number (432 is 0660)."},
    {.key = "map_mib",
     .type = SETTING_INTEGER,
     .offset = AT(map_mib),
     .default_text = "1048576",
     .min = 16,
     .max = 1073741824,
     .help = "Address space of the store in MiB: it cannot grow beyond this."},
    {.key = "disk_reserve_mib",
     .type = SETTING_INTEGER,
     .offset = AT(disk_reserve_mib),
     .default_text = "64",
     .min = 1,
     .max = 1073741824,
     .help = "Free MiB below which only revocations, refusals, erasures and acknowledgements go on. So they do below a "
             "tenth of disk or map."},
    {.key = "gate_contexts",
     .type = SETTING_INTEGER,
     .offset = AT(gate_contexts),
     .default_text = "4096",
     .min = 16,
     .max = 8192,
     .help = "Requests of agents that can be outstanding, parked polls included."},
    {.key = "portal_contexts",
     .type = SETTING_INTEGER,
     .offset = AT(portal_contexts),
     .default_text = "256",
     .min = 4,
     .max = 8192,
     .help = "Requests of the portal that can be outstanding."},
    {.key = "pipes_per_member",
     .type = SETTING_INTEGER,
     .offset = AT(pipes_per_member),
     .default_text = "16",
     .min = 1,
     .max = 4096,
     .help = "Connections that one member can have."},
    {.key = "calls_per_pipe",
     .type = SETTING_INTEGER,
     .offset = AT(calls_per_pipe),
     .default_text = "64",
     .min = 1,
     .max = 4096,
     .help = "Requests of one connection that can be outstanding."},
    {.key = "calls_per_member",
     .type = SETTING_INTEGER,
     .offset = AT(calls_per_member),
     .default_text = "128",
     .min = 1,
     .max = 4096,
     .help = "Requests of one member that can be outstanding."},
    {.key = "parked_per_member",
     .type = SETTING_INTEGER,
     .offset = AT(parked_per_member),
     .default_text = "8",
     .min = 1,
     .max = 1024,
     .help = "Polls of one member that can be parked."},
    {.key = "keyd_deadline_ms",
     .type = SETTING_INTEGER,
     .offset = AT(keyd_deadline_ms),
     .default_text = "2000",
     .min = 10,
     .max = 60000,
     .help = "Milliseconds that keyd has for an answer."},
    {.key = "clock_step_ms",
     .type = SETTING_INTEGER,
     .offset = AT(clock_step_ms),
     .default_text = "10000",
     .min = 1000,
     .max = 3600000,
     .help =
         "A wall clock that moves by more against the time since boot stops new leaves until an operator confirms it."},
    {.key = "clock_start_s",
     .type = SETTING_INTEGER,
     .offset = AT(clock_start_s),
     .default_text = "3600",
     .min = 1,
     .max = 2147483647,
     .help = "So does, at start, one that is further from the last leaf."},
    {.key = "start_witnesses",
     .type = SETTING_INTEGER,
     .offset = AT(start_witnesses),
     .default_text = "0",
     .min = 0,
     .max = 1000000,
     .help = "How many of the named witnesses must have said at start what they saw last; 0: all."},
    {.key = "log_level",
     .type = SETTING_TEXT,
     .offset = AT(log_level),
     .default_text = "\"info\"",
     .help = "error, warn, info or debug."},
    {.key = NULL},
};

enum status core_settings_authority(const struct core_settings *settings,
                                    struct sign_public out_keys[static CORE_AUTHORITY_MAX], size_t *out_count) {
    size_t count = settings->authority.count;
    ENSURE(count > 0 && count <= CORE_AUTHORITY_MAX && (uint64_t)settings->authority_threshold <= count,
           STATUS_SETTINGS);
    for (size_t i = 0; i < count; i++) {
        ENSURE(public_sign_parse(bytes_text(settings->authority.items[i]), &out_keys[i]) == STATUS_OK, STATUS_SETTINGS);
    }
    *out_count = count;
    return STATUS_OK;
}

enum status core_settings_check(const struct core_settings *settings, const char *path, char *error, size_t error_cap) {
    struct sign_public keys[CORE_AUTHORITY_MAX];
    size_t count = 0;
    const char *wrong = NULL;
    if (!ids_is_federation(bytes_text(settings->federation))) wrong = "key 'federation': not a federation's name";
    if (core_settings_authority(settings, keys, &count) != STATUS_OK) {
        wrong = "key 'authority': 1 to 16 public keys as sluss-sign:..., at least as many as authority_threshold";
    }
    if (log_level_parse(settings->log_level) < 0) wrong = "key 'log_level': not a level";
    if (!wrong) return STATUS_OK;
    (void)snprintf(error, error_cap, "%s: %s", path, wrong);
    return STATUS_SETTINGS;
}
