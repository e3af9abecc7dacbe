#include "support/codecs.h"

#include "proto/attestation.h"
#include "proto/consent_request.h"
#include "proto/envelope.h"
#include "proto/fragment_header.h"
#include "proto/internal_msg.h"
#include "proto/key_grant.h"
#include "proto/leaf.h"
#include "proto/msg_consent.h"
#include "proto/msg_directory.h"
#include "proto/msg_enrol.h"
#include "proto/msg_events.h"
#include "proto/msg_publish.h"
#include "proto/msg_release.h"
#include "proto/record.h"
#include "proto/reply.h"
#include "proto/state_statement.h"

/* Their headers offer functions instead. */
extern const struct codec signed_object_codec;
extern const struct codec multi_signed_codec;

const struct codec *const codecs_all[] = {
    &signed_object_codec,
    &multi_signed_codec,
    &record_member_codec,
    &record_agreement_codec,
    &record_agreement_end_codec,
    &record_rules_codec,
    &record_epoch_codec,
    &record_removal_codec,
    &record_entry_codec,
    &fragment_header_core_codec,
    &fragment_header_codec,
    &key_grant_codec,
    &consent_request_codec,
    &attestation_codec,
    &state_statement_codec,
    &state_statement_head_codec,
    &leaf_codec,
    &leaf_opening_codec,
    &leaf_receipt_extra_codec,
    &envelope_codec,
    &reply_codec,
    &msg_publish_codec,
    &msg_withdraw_codec,
    &msg_erase_codec,
    &msg_receipted_codec,
    &msg_release_codec,
    &msg_released_codec,
    &msg_fetch_codec,
    &msg_fetched_codec,
    &msg_upload_grants_codec,
    &msg_uploaded_grants_codec,
    &msg_source_salt_codec,
    &msg_request_consent_codec,
    &msg_request_state_ask_codec,
    &msg_request_state_answer_codec,
    &msg_state_codec,
    &msg_state_answer_codec,
    &msg_revoke_codec,
    &msg_acknowledge_codec,
    &msg_consents_ask_codec,
    &msg_events_codec,
    &msg_mail_event_codec,
    &msg_events_answer_codec,
    &msg_consents_answer_codec,
    &msg_checkpoint_ask_codec,
    &msg_checkpoint_answer_codec,
    &msg_cosign_codec,
    &msg_directory_ask_codec,
    &msg_directory_answer_codec,
    &msg_evaluate_codec,
    &msg_evaluated_codec,
    &msg_open_enrolment_codec,
    &msg_attest_codec,
    &internal_portal_ask_codec,
    &internal_portal_reply_codec,
    &internal_operator_ask_codec,
    &internal_operator_reply_codec,
    &internal_export_part_codec,
    &internal_evidence_part_codec,
    &internal_slot_keys_codec,
};
const size_t codecs_count = sizeof codecs_all / sizeof codecs_all[0];
