/* What a person and a recipient do: devices, requests, consents, and their mails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/secret.h"
#include "keys/jws.h"
#include "proto/attestation.h"
#include "proto/derive.h"
#include "proto/signed.h"
#include "proto/statement.h"
#include "support/agency/small_core.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

static struct bytes keep_hash(struct small_core *core, struct bytes content) {
    struct hash hash = hash_sha256(content);
    struct bytes kept;
    OK(arena_copy(core->arena, hash_bytes(&hash), &kept));
    return kept;
}

static struct hash *hashes_of(struct small_core *core, const struct bytes *contents, size_t count) {
    struct hash *hashes = ARENA_ARRAY(core->arena, struct hash, count);
    assert_non_null(hashes);
    for (size_t i = 0; i < count; i++) {
        hashes[i] = hash_sha256(contents[i]);
    }
    return hashes;
}

size_t small_core_enrol(struct small_core *core, const struct hash *subject, enum federation_member attester) {
    static const uint8_t secret[16] = {1, 2, 3};
    struct small_device *device = &core->devices[core->n_devices];
    struct federation_member_keys *member = &core->federation->members[attester];
    struct id16 enrolment = ids_random();
    struct bytes registration;
    struct bytes body;
    OK(sign_generate(&device->sign));
    OK(seal_generate(&device->read));
    struct sign_public sign_key = sign_public_of(device->sign);
    struct seal_public read_key = seal_public_of(device->read);
    device->thumbprint = jws_thumbprint(&sign_key);
    device->subject = *subject;
    OK(registration_make(core->arena, FEDERATION_NAME, &enrolment, secret, device->sign, &read_key,
                         core->clock.manual_now_ms, &registration));
    const struct attestation attestation = {.version = 1,
                                            .federation = FEDERATION_NAME,
                                            .member = member->id,
                                            .subject = *subject,
                                            .sign_key = sign_key,
                                            .read_key = read_key,
                                            .assurance = ASSURANCE_HIGH,
                                            .how = "e-id",
                                            .enrolment = enrolment,
                                            .registration_hash = hash_sha256(registration),
                                            .time_ms = core->clock.manual_now_ms};
    OK(attestation_encode(core->arena, &attestation, &body));
    OK(signed_make(core->arena, SIGNED_ATTESTATION, FEDERATION_NAME, body, member->sign, &device->attestation));
    const struct bytes evidence[] = {device->attestation, registration};
    struct opening opening = {.actor = arena_printf(core->arena, "%s/%s", member->id, "identity"),
                              .subject = hash_bytes(&device->subject),
                              .device = hash_bytes(&device->thumbprint),
                              .evidence = hashes_of(core, evidence, 2),
                              .n_evidence = 2};
    device->leaf = small_core_append(core, LEAF_DEVICE_ENROLLED, ids_random(), &opening);
    return core->n_devices++;
}

static const uint32_t asked_kinds[] = {KIND_GOAL, KIND_ACTIVITY};

size_t small_core_request(struct small_core *core, const struct small_ask *ask) {
    struct small_request *kept = &core->requests[core->n_requests];
    const struct federation_unit_keys *to = &core->federation->units[ask->to];
    struct msg_source_salt *salt = ARENA_NEW(core->arena, struct msg_source_salt);
    struct hash *commitment = ARENA_NEW(core->arena, struct hash);
    struct bytes body;
    assert_non_null(salt);
    assert_non_null(commitment);
    salt->unit = core->federation->units[ask->from].id;
    secret_random_public(salt->salt.b, sizeof salt->salt.b);
    *commitment = derive_source_commitment(FEDERATION_NAME, salt->unit, &salt->salt);
    kept->request = (struct consent_request){.version = 1,
                                             .federation = FEDERATION_NAME,
                                             .request = ids_random(),
                                             .subject = ask->subject,
                                             .recipient = to->id,
                                             .purpose = FEDERATION_PURPOSE,
                                             .kinds = asked_kinds,
                                             .n_kinds = 2,
                                             .sources = commitment,
                                             .n_sources = 1,
                                             .duration_s = ask->duration_s ? ask->duration_s : 86400,
                                             .access = ask->access,
                                             .basis = BASIS_SECRECY_WAIVER,
                                             .created_ms = core->clock.manual_now_ms,
                                             .expires_ms = core->clock.manual_now_ms + 86400000};
    kept->salts = salt;
    kept->n_salts = 1;
    OK(consent_request_encode(core->arena, &kept->request, &body));
    OK(signed_make(core->arena, SIGNED_REQUEST, FEDERATION_NAME, body, core->federation->members[to->member].sign,
                   &kept->whole));
    struct opening opening = {.actor = to->id,
                              .recipient = to->id,
                              .subject = hash_bytes(&kept->request.subject),
                              .request = ids_bytes(&kept->request.request),
                              .purpose = FEDERATION_PURPOSE,
                              .kinds = asked_kinds,
                              .n_kinds = 2,
                              .evidence = hashes_of(core, &kept->whole, 1),
                              .n_evidence = 1};
    kept->leaf = small_core_append(core, LEAF_CONSENT_REQUESTED, ids_random(), &opening);
    return core->n_requests++;
}

struct token small_core_claims(struct small_core *core, size_t request_at, size_t device_at) {
    const struct small_request *request = &core->requests[request_at];
    const struct small_device *device = &core->devices[device_at];
    uint64_t now_s = core->clock.manual_now_ms / 1000;
    struct token token = {.subject = device->subject,
                          .jti = ids_random(),
                          .consent = ids_random(),
                          .iat_s = now_s,
                          .nbf_s = now_s,
                          .exp_s = now_s + request->request.duration_s,
                          .to = request->request.recipient,
                          .from = request->salts[0].unit,
                          .n_kinds = request->request.n_kinds,
                          .purpose = request->request.purpose,
                          .access = request->request.access,
                          .basis = request->request.basis,
                          .request = hash_sha256(request->whole),
                          .notice_lang = "sv"};
    memcpy(token.kinds, request->request.kinds, request->request.n_kinds * sizeof token.kinds[0]);
    secret_random_public(token.notice.b, sizeof token.notice.b);
    secret_random_public(token.rev.b, sizeof token.rev.b);
    return token;
}

static void append_granted(struct small_core *core, struct small_token *kept) {
    const struct small_request *request = &core->requests[kept->request];
    const struct small_device *device = &core->devices[kept->device];
    const struct token *token = &kept->token;
    const struct msg_source_salt salt = {.unit = token->from, .salt = kept->salt};
    struct bytes encoded;
    struct hash *evidence = ARENA_ARRAY(core->arena, struct hash, 4);
    assert_non_null(evidence);
    OK(msg_source_salt_encode(core->arena, &salt, &encoded));
    evidence[0] = hash_sha256(request->whole);
    evidence[1] = hash_sha256(device->attestation);
    evidence[2] = token->notice;
    evidence[3] = hash_sha256(encoded);
    struct opening opening = {.actor = jws_thumbprint_text(core->arena, &(struct sign_public){{0}}),
                              .cause = keep_hash(core, kept->compact),
                              .subject = hash_bytes(&token->subject),
                              .device = hash_bytes(&token->device),
                              .request = ids_bytes(&request->request.request),
                              .consent = ids_bytes(&token->consent),
                              .token = ids_bytes(&token->jti),
                              .recipient = token->to,
                              .source = token->from,
                              .purpose = token->purpose,
                              .kinds = token->kinds,
                              .n_kinds = token->n_kinds,
                              .evidence = evidence,
                              .n_evidence = 4,
                              .prior_leaf = request->leaf + 1};
    kept->leaf = small_core_append(core, LEAF_CONSENT_GRANTED, ids_random(), &opening);
}

size_t small_core_consent(struct small_core *core, size_t request, size_t device) {
    struct token claims = small_core_claims(core, request, device);
    return small_core_consent_as(core, request, device, &claims, core->devices[device].sign);
}

size_t small_core_consent_as(struct small_core *core, size_t request, size_t device, const struct token *claims,
                             const struct sign_private *key) {
    struct small_token *kept = &core->tokens[core->n_tokens];
    OK(token_make(core->arena, FEDERATION_NAME, claims, key, &kept->compact));
    OK(token_parse(core->arena, FEDERATION_NAME, kept->compact, &kept->token));
    kept->request = request;
    kept->device = device;
    kept->salt = core->requests[request].salts[0].salt;
    kept->state = CONSENT_ACTIVE;
    append_granted(core, kept);
    core->n_tokens++;
    struct msg_mail_event to_source = small_core_granted_mail(core, core->n_tokens - 1, true);
    struct msg_mail_event to_recipient = small_core_granted_mail(core, core->n_tokens - 1, false);
    small_core_mail(core, kept->token.from, &to_source);
    small_core_mail(core, kept->token.to, &to_recipient);
    return core->n_tokens - 1;
}

struct msg_mail_event small_core_granted_mail(struct small_core *core, size_t at, bool to_source) {
    const struct small_token *kept = &core->tokens[at];
    struct bytes *receipts = ARENA_ARRAY(core->arena, struct bytes, 3);
    assert_non_null(receipts);
    receipts[0] = small_core_receipt(core, kept->leaf);
    receipts[1] = small_core_receipt(core, core->requests[kept->request].leaf);
    receipts[2] = small_core_receipt(core, core->devices[kept->device].leaf);
    return (struct msg_mail_event){.type = EVENT_CONSENT_GRANTED,
                                   .unit = to_source ? kept->token.from : kept->token.to,
                                   .subject = hash_bytes(&kept->token.subject),
                                   .receipts = receipts,
                                   .n_receipts = 3,
                                   .consent = ids_bytes(&kept->token.consent),
                                   .token = kept->compact,
                                   .request = core->requests[kept->request].whole,
                                   .salt = to_source ? hash_bytes(&kept->salt) : BYTES_EMPTY,
                                   .attestation = core->devices[kept->device].attestation,
                                   .state = CONSENT_ACTIVE};
}

void small_core_mail(struct small_core *core, const char *unit, const struct msg_mail_event *event) {
    struct small_mail *mail = &core->mails[core->n_mails];
    mail->member = ids_member_text(core->arena, unit);
    mail->event = *event;
    mail->event.unit = arena_string(core->arena, unit);
    mail->event.sequence = ++core->n_mails;
}

void small_core_change(struct small_core *core, size_t at, enum consent_state state) {
    struct small_token *kept = &core->tokens[at];
    static const enum leaf_type leaves[] = {[CONSENT_ACTIVE] = LEAF_CONSENT_RESUMED,
                                            [CONSENT_STATE_SUSPENDED] = LEAF_CONSENT_SUSPENDED,
                                            [CONSENT_STATE_REVOKED] = LEAF_CONSENT_REVOKED,
                                            [CONSENT_STATE_EXPIRED] = LEAF_CONSENT_EXPIRED,
                                            [CONSENT_STATE_SUPERSEDED] = LEAF_CONSENT_SUPERSEDED};
    struct bytes *receipt = ARENA_NEW(core->arena, struct bytes);
    assert_non_null(receipt);
    kept->state = state;
    struct opening opening = {.actor = "broker",
                              .subject = hash_bytes(&kept->token.subject),
                              .consent = ids_bytes(&kept->token.consent),
                              .token = ids_bytes(&kept->token.jti),
                              .recipient = kept->token.to,
                              .source = kept->token.from,
                              .number = state,
                              .prior_leaf = kept->leaf + 1};
    uint64_t leaf = small_core_append(core, leaves[state], ids_random(), &opening);
    *receipt = small_core_receipt(core, leaf);
    struct msg_mail_event event = {.type = EVENT_CONSENT_ENDED,
                                   .subject = hash_bytes(&kept->token.subject),
                                   .receipts = receipt,
                                   .n_receipts = 1,
                                   .consent = ids_bytes(&kept->token.consent),
                                   .state = state};
    if (state == CONSENT_ACTIVE) event.type = EVENT_CONSENT_RESUMED;
    if (state == CONSENT_STATE_SUSPENDED) event.type = EVENT_CONSENT_SUSPENDED;
    small_core_mail(core, kept->token.from, &event);
    small_core_mail(core, kept->token.to, &event);
}
