/*
 * What core answers: one row for each message of each face, and one for each kind of thing that falls due. A type that
 * has no row is answered `unsupported`.
 */
#include "broker/core/dispatch_table.h"

#include "broker/core/consent_change.h"
#include "broker/core/enrolment_rows.h"
#include "broker/core/handle.h"
#include "broker/core/handle_engine.h"
#include "broker/core/portal/p_handlers.h"
#include "broker/core/schedule.h"
#include "proto/msg_consent.h"
#include "proto/msg_directory.h"
#include "proto/msg_enrol.h"
#include "proto/msg_events.h"
#include "proto/msg_publish.h"
#include "proto/msg_release.h"

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

    /* fragments, consents, people */
    {.name = "publish", .faces = FACE_GATE, .type = MESSAGE_PUBLISH, BODY(msg_publish),
     .check = handle_publish_check, .apply = handle_publish_apply},
    {.name = "withdraw", .faces = FACE_GATE, .type = MESSAGE_WITHDRAW, BODY(msg_withdraw),
     .flags = HANDLER_RESERVED, .apply = handle_withdraw_apply},
    {.name = "request_consent", .faces = FACE_GATE, .type = MESSAGE_REQUEST_CONSENT, BODY(msg_request_consent),
     .pace = PACE_BOUNDARY, .check = handle_request_consent_check, .apply = handle_request_consent_apply},
    {.name = "release", .faces = FACE_GATE, .type = MESSAGE_RELEASE, BODY(msg_release), .flags = HANDLER_REPEATS,
     .check = handle_release_check, .apply = handle_release_apply, .answer = handle_release_answer},
    {.name = "fetch", .faces = FACE_GATE, .type = MESSAGE_FETCH, BODY(msg_fetch),
     .flags = HANDLER_TIMED, .check = handle_fetch_check},
    {.name = "upload_grants", .faces = FACE_GATE, .type = MESSAGE_UPLOAD_GRANTS, BODY(msg_upload_grants),
     .check = handle_upload_grants_check, .apply = handle_upload_grants_apply,
     .answer = handle_upload_grants_answer},
    {.name = "state", .faces = FACE_GATE, .type = MESSAGE_STATE, BODY(msg_state),
     .flags = HANDLER_TIMED, .check = handle_state_check},
    {.name = "revoke", .faces = FACE_GATE, .type = MESSAGE_REVOKE, BODY(msg_revoke), .pace = PACE_BOUNDARY,
     .flags = HANDLER_RESERVED, .apply = handle_revoke_apply},
    {.name = "acknowledge", .faces = FACE_GATE, .type = MESSAGE_ACKNOWLEDGE, BODY(msg_acknowledge),
     .flags = HANDLER_RESERVED, .apply = handle_acknowledge_apply},
    {.name = "open_enrolment", .faces = FACE_GATE, .type = MESSAGE_OPEN_ENROLMENT, BODY(msg_open_enrolment),
     .flags = HANDLER_LEAFLESS, .check = handle_open_enrolment_check, .apply = handle_open_enrolment_apply,
     .answer = handle_open_enrolment_answer},
    {.name = "attest", .faces = FACE_GATE, .type = MESSAGE_ATTEST, BODY(msg_attest), .check = handle_attest_check,
     .apply = handle_attest_apply},
    {.name = "request_state", .faces = FACE_GATE, .type = MESSAGE_REQUEST_STATE, BODY(msg_request_state_ask),
     .pace = PACE_BOUNDARY, .check = handle_request_state_check},
    {.name = "consents", .faces = FACE_GATE, .type = MESSAGE_CONSENTS, BODY(msg_consents_ask),
     .pace = PACE_BOUNDARY, .check = handle_consents_check},
    {.name = "erase", .faces = FACE_GATE, .type = MESSAGE_ERASE, BODY(msg_erase), .pace = PACE_BOUNDARY,
     .flags = HANDLER_RESERVED, .apply = handle_erase_apply},

    /* the portal: a person's own */
    {.name = "portal_time", .faces = FACE_PORTAL, .type = PORTAL_TIME, .check = p_time_check},
    {.name = "devices_post", .faces = FACE_PORTAL, .type = PORTAL_DEVICES_POST, .check = p_devices_post_check,
     .apply = p_devices_post_apply, .answer = p_devices_post_answer},
    {.name = "devices_get", .faces = FACE_PORTAL, .type = PORTAL_DEVICES_GET, .check = p_devices_get_check},
    {.name = "devices_delete", .faces = FACE_PORTAL, .type = PORTAL_DEVICES_DELETE,
     .pace = PACE_BOUNDARY, .flags = HANDLER_RESERVED,
     .check = p_devices_delete_check, .apply = p_devices_delete_apply},
    {.name = "requests_get", .faces = FACE_PORTAL, .type = PORTAL_REQUESTS_GET, .check = p_requests_get_check},
    {.name = "decision", .faces = FACE_PORTAL, .type = PORTAL_DECISION,
     .pace = PACE_BOUNDARY, .flags = HANDLER_RESERVED,
     .check = p_decision_check, .apply = p_decision_apply, .answer = p_decision_answer},
    {.name = "read_request", .faces = FACE_PORTAL, .type = PORTAL_READ_REQUEST, .check = p_read_request_check,
     .apply = p_read_request_apply, .answer = p_read_request_answer},
    {.name = "consents_get", .faces = FACE_PORTAL, .type = PORTAL_CONSENTS_GET, .check = p_consents_get_check},
    {.name = "consent_revoke", .faces = FACE_PORTAL, .type = PORTAL_CONSENT_REVOKE,
     .pace = PACE_BOUNDARY, .flags = HANDLER_RESERVED,
     .check = p_consents_change_check, .apply = p_consents_change_apply},
    {.name = "consent_suspend", .faces = FACE_PORTAL, .type = PORTAL_CONSENT_SUSPEND,
     .pace = PACE_BOUNDARY, .flags = HANDLER_RESERVED,
     .check = p_consents_change_check, .apply = p_consents_change_apply},
    {.name = "consent_resume", .faces = FACE_PORTAL, .type = PORTAL_CONSENT_RESUME,
     .check = p_consents_change_check, .apply = p_consents_change_apply},
    {.name = "accesses", .faces = FACE_PORTAL, .type = PORTAL_ACCESSES_GET, .check = p_accesses_check},
    {.name = "plan", .faces = FACE_PORTAL, .type = PORTAL_PLAN_GET, .check = p_read_plan_check},
    {.name = "code", .faces = FACE_PORTAL, .type = PORTAL_CODE, .pace = PACE_BOUNDARY, .flags = HANDLER_RESERVED,
     .check = p_code_check, .apply = p_code_apply, .answer = p_code_answer},
    {.name = "receipt", .faces = FACE_PORTAL, .type = PORTAL_RECEIPT, .check = p_consents_receipt_check},

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
    [SCHEDULE_CONSENT_EXPIRY] = consent_change_expire,
    [SCHEDULE_ENROLMENT] = enrolment_rows_expire,
};

schedule_fn *dispatch_schedule(enum schedule_kind kind) {
    return kind < SCHEDULE_KIND_COUNT ? schedule_functions[kind] : NULL;
}
