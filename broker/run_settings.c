/*
 * The schema table of `sluss-broker run`.
 */
#include "broker/run_settings.h"

#include <stddef.h>

#define AT(field) offsetof(struct run_settings, field)

const struct setting run_settings_table[] = {
    {.key = "keyd", .type = SETTING_PATH, .offset = AT(keyd), .help = "Settings file of the role keyd"},
    {.key = "core", .type = SETTING_PATH, .offset = AT(core), .help = "Settings file of the role core"},
    {.key = "gate", .type = SETTING_PATH, .offset = AT(gate), .help = "Settings file of the role gate"},
    {.key = "portal", .type = SETTING_PATH, .offset = AT(portal), .help = "Settings file of the role portal"},
    {.key = "operator_socket",
     .type = SETTING_PATH,
     .flags = SETTING_REQUIRED,
     .offset = AT(operator_socket),
     .help = "Core's socket for the operator's verbs"},
    {.key = "restart_most_ms",
     .type = SETTING_INTEGER,
     .offset = AT(restart_most_ms),
     .default_text = "10000",
     .min = 200,
     .max = 600000,
     .help = "Most milliseconds before a role that ended is started again; the first time 200, then doubled"},
    {.key = NULL},
};
