/*
 * What core answers: one row for each message of each face, and one for each kind of thing that falls due. A type that
 * has no row is answered `unsupported`.
 */
#include "broker/core/dispatch_table.h"

#include "broker/core/handle_engine.h"
#include "broker/core/schedule.h"
#include "proto/msg_directory.h"
#include "proto/msg_enrol.h"
#include "proto/msg_events.h"

/* A message of the gate whose body is parsed by NAME_codec into struct NAME. */
#define BODY(name) .codec = &name##_codec, .body_bytes = sizeof(struct name)

/* clang-format off */
const struct handler dispatch_rows[] = {
    /* log, directory, events */
    {.name = "events", .faces = FACE_GATE, .type = MESSAGE_EVENTS, BODY(msg_events),
     .flags = HANDLER_PARKS | HANDLER_LEAFLESS | HANDLER_EARLY, .check = handle_events_check},
    {.name = "evaluate", .faces = FACE_GATE, .type = MESSAGE_EVALUATE, BODY(msg_evaluate),
     .check = handle_events_evaluate},
    {.name = "checkpoint", .faces = FACE_GATE, .type = MESSAGE_CHECKPOINT, BODY(msg_checkpoint_ask),
     .flags = HANDLER_EARLY, .check = handle_log_checkpoint},
    {.name = "cosign", .faces = FACE_GATE, .type = MESSAGE_COSIGN, BODY(msg_cosign),
     .flags = HANDLER_EARLY, .check = handle_log_cosign},
    {.name = "directory", .faces = FACE_GATE, .type = MESSAGE_DIRECTORY, BODY(msg_directory_ask),
     .flags = HANDLER_EARLY, .check = handle_directory_list},

    /* the portal: the log */
    {.name = "portal_checkpoint", .faces = FACE_PORTAL, .type = PORTAL_CHECKPOINT, .flags = HANDLER_EARLY,
     .check = handle_log_portal_checkpoint},
    {.name = "portal_tile", .faces = FACE_PORTAL, .type = PORTAL_TILE, .flags = HANDLER_EARLY,
     .check = handle_log_portal_tile},
    {.name = "portal_entries", .faces = FACE_PORTAL, .type = PORTAL_ENTRIES, .flags = HANDLER_EARLY,
     .check = handle_log_portal_entries},

    /* the operator */
    {.name = "status", .faces = FACE_OPERATOR, .type = OPERATOR_STATUS, .flags = HANDLER_EARLY,
     .check = handle_operator_status},
    {.name = "identity", .faces = FACE_OPERATOR, .type = OPERATOR_IDENTITY, .flags = HANDLER_EARLY,
     .check = handle_operator_identity},
    {.name = "directory_add", .faces = FACE_OPERATOR, .type = OPERATOR_DIRECTORY_ADD,
     .check = handle_directory_add_check, .apply = handle_directory_add_apply,
     .settle = handle_directory_add_settle, .answer = handle_directory_add_answer},
    {.name = "directory_head", .faces = FACE_OPERATOR, .type = OPERATOR_DIRECTORY_HEAD, .flags = HANDLER_EARLY,
     .check = handle_directory_head},
    {.name = "export", .faces = FACE_OPERATOR, .type = OPERATOR_EXPORT, .flags = HANDLER_EARLY,
     .check = handle_export_leaves},
    {.name = "export_evidence", .faces = FACE_OPERATOR, .type = OPERATOR_EXPORT_EVIDENCE, .flags = HANDLER_EARLY,
     .check = handle_export_evidence},
    {.name = "export_keys", .faces = FACE_OPERATOR, .type = OPERATOR_EXPORT_KEYS, .flags = HANDLER_LEAFLESS,
     .check = handle_export_keys_check, .apply = handle_export_keys_apply, .answer = handle_export_keys_answer},
    {.name = "confirm_clock", .faces = FACE_OPERATOR, .type = OPERATOR_CONFIRM_CLOCK, .flags = HANDLER_EARLY,
     .check = handle_operator_confirm_clock},
    {.name = "go_on", .faces = FACE_OPERATOR, .type = OPERATOR_GO_ON, .flags = HANDLER_EARLY,
     .check = handle_operator_go_on},
    {.name = NULL},
};
/* clang-format on */

static schedule_fn *const schedule_functions[SCHEDULE_KIND_COUNT] = {
    [SCHEDULE_NONE] = NULL,
};

schedule_fn *dispatch_schedule(enum schedule_kind kind) {
    return kind < SCHEDULE_KIND_COUNT ? schedule_functions[kind] : NULL;
}
