/*
 * Verification of consents. Trusts the directory and the log's signatures; believes nothing that core says besides.
 * Invariant: consent_check gives STATUS_OK only for a token that a device of the person signed, for this request, and
 * that stands in the log together with the request and the device.
 */
#include "agent/consent_check.h"

#include <string.h>

#include "keys/jws.h"
#include "proto/derive.h"
#include "proto/ids.h"
#include "proto/msg_consent.h"
#include "proto/rule_facts.h"

enum { RECEIPT_GRANTED, RECEIPT_REQUESTED, RECEIPT_ENROLLED, RECEIPTS };

/* Everything that the steps share. */
struct check {
    struct arena *arena;
    const struct ground *ground;
    const struct consent_proof *proof;
    const char *federation;
    struct hash salt;
    struct consent_checked *out;
};

static bool says_text(const char *field, const char *expected) { return strcmp(field, expected) == 0; }

static enum status check_form(struct check *check) {
    const struct consent_proof *proof = check->proof;
    struct token *token = &check->out->token;
    ENSURE(proof->n_receipts == RECEIPTS, STATUS_MALFORMED);
    TRY(hash_from_bytes(proof->salt, &check->salt));
    TRY(token_parse(check->arena, check->federation, proof->token, token));
    const char *own = proof->side == CONSENT_SIDE_SOURCE ? token->from : token->to;
    ENSURE(says_text(own, proof->unit), STATUS_DENIED);
    return STATUS_OK;
}

static enum status check_receipts(struct check *check) {
    const struct directory *directory = check->ground->directory;
    const struct bytes *receipts = check->proof->receipts;
    struct consent_checked *out = check->out;
    TRY(receipt_open(check->arena, directory, receipts[RECEIPT_GRANTED], LEAF_CONSENT_GRANTED, &out->granted));
    TRY(receipt_open(check->arena, directory, receipts[RECEIPT_REQUESTED], LEAF_CONSENT_REQUESTED, &out->requested));
    ENSURE(out->requested.index < out->granted.index, STATUS_PROOF);
    ENSURE(out->granted.opening.prior_leaf == out->requested.index + 1, STATUS_PROOF);
    return STATUS_OK;
}

enum status consent_check_attestation(struct arena *arena, const struct ground *ground, struct bytes whole,
                                      struct bytes text, struct attestation *out_attestation,
                                      struct receipt *out_enrolled) {
    struct receipt enrolled;
    struct signed_object object;
    struct attestation attestation;
    const char *federation = directory_federation(ground->directory);
    TRY(receipt_open(arena, ground->directory, text, LEAF_DEVICE_ENROLLED, &enrolled));
    const struct directory *then = ground_at(ground, enrolled.index);
    ENSURE(then, STATUS_PROOF);
    TRY(signed_parse(arena, whole, &object));
    TRY(attestation_parse(arena, federation, object.body, &attestation));
    TRY(ground_open(arena, then, SIGNED_ATTESTATION, attestation.member, whole, &object));
    const struct member_record *attester = directory_member(then, attestation.member);
    ENSURE(attester && attester->identifies_people, STATUS_DENIED);
    struct hash device = jws_thumbprint(&attestation.sign_key);
    const struct opening *opening = &enrolled.opening;
    ENSURE(receipt_evidence(opening, 0, whole), STATUS_PROOF);
    bool registered = opening->n_evidence > 1 && hash_equal(&opening->evidence[1], &attestation.registration_hash);
    ENSURE(registered, STATUS_PROOF);
    ENSURE(receipt_says(opening->subject, hash_bytes(&attestation.subject)), STATUS_PROOF);
    ENSURE(receipt_says(opening->device, hash_bytes(&device)), STATUS_PROOF);
    ENSURE(ids_unit_belongs(opening->actor, attestation.member), STATUS_PROOF);
    *out_attestation = attestation;
    *out_enrolled = enrolled;
    return STATUS_OK;
}

static enum status check_device(struct check *check) {
    struct consent_checked *out = check->out;
    TRY(consent_check_attestation(check->arena, check->ground, check->proof->attestation,
                                  check->proof->receipts[RECEIPT_ENROLLED], &out->attestation, &out->enrolled));
    ENSURE(out->enrolled.index < out->granted.index, STATUS_PROOF);
    ENSURE(hash_equal(&out->attestation.subject, &out->token.subject), STATUS_PROOF);
    return STATUS_OK;
}

/* By the device that was attested, when the leaf was written. */
static enum status check_signature(struct check *check) {
    const struct consent_checked *out = check->out;
    TRY(token_verify(&out->token, &out->attestation.sign_key));
    return token_fresh(&out->token, out->granted.leaf.time_ms);
}

static enum status check_request(struct check *check) {
    struct consent_checked *out = check->out;
    struct signed_object object;
    const struct directory *then = ground_at(check->ground, out->requested.index);
    const char *member = ids_member_text(check->arena, out->token.to);
    ENSURE(then && member, STATUS_PROOF);
    TRY(ground_open(check->arena, then, SIGNED_REQUEST, member, check->proof->request, &object));
    TRY(consent_request_parse(check->arena, check->federation, object.body, &out->request));
    out->request_hash = signed_hash(&object);
    return STATUS_OK;
}

static enum status check_within(struct check *check) {
    struct consent_checked *out = check->out;
    TRY(token_within(check->federation, &out->token, &out->request, &out->request_hash, &check->salt));
    ENSURE(hash_equal(&out->request.subject, &out->token.subject), STATUS_INVALID);
    ENSURE(out->granted.leaf.time_ms < out->request.expires_ms, STATUS_EXPIRED);
    return STATUS_OK;
}

static enum status check_requested_opening(struct check *check) {
    const struct consent_request *request = &check->out->request;
    const struct opening *opening = &check->out->requested.opening;
    ENSURE(receipt_evidence(opening, 0, check->proof->request), STATUS_PROOF);
    ENSURE(receipt_says(opening->request, ids_bytes(&request->request)), STATUS_PROOF);
    ENSURE(receipt_says(opening->subject, hash_bytes(&request->subject)), STATUS_PROOF);
    ENSURE(says_text(opening->recipient, request->recipient) && says_text(opening->actor, request->recipient),
           STATUS_PROOF);
    ENSURE(says_text(opening->purpose, request->purpose), STATUS_PROOF);
    ENSURE(receipt_kinds(opening, request->kinds, request->n_kinds), STATUS_PROOF);
    return STATUS_OK;
}

/* Request, attestation, notice and this source's salt, in this order. */
static enum status check_evidence(struct check *check) {
    const struct consent_proof *proof = check->proof;
    const struct consent_checked *out = check->out;
    const struct opening *opening = &out->granted.opening;
    const struct msg_source_salt salt = {.unit = out->token.from, .salt = check->salt};
    struct bytes encoded;
    TRY(msg_source_salt_encode(check->arena, &salt, &encoded));
    ENSURE(receipt_evidence(opening, 0, proof->request), STATUS_PROOF);
    ENSURE(receipt_evidence(opening, 1, proof->attestation), STATUS_PROOF);
    ENSURE(opening->n_evidence == 4 && hash_equal(&opening->evidence[2], &out->token.notice), STATUS_PROOF);
    ENSURE(receipt_evidence(opening, 3, encoded), STATUS_PROOF);
    return STATUS_OK;
}

static enum status check_granted_opening(struct check *check) {
    const struct consent_checked *out = check->out;
    const struct token *token = &out->token;
    const struct opening *opening = &out->granted.opening;
    struct hash cause = hash_sha256(token->compact);
    ENSURE(receipt_says(opening->cause, hash_bytes(&cause)), STATUS_PROOF);
    ENSURE(receipt_says(opening->subject, hash_bytes(&token->subject)), STATUS_PROOF);
    ENSURE(receipt_says(opening->device, hash_bytes(&token->device)), STATUS_PROOF);
    ENSURE(receipt_says(opening->request, ids_bytes(&out->request.request)), STATUS_PROOF);
    ENSURE(receipt_says(opening->consent, ids_bytes(&token->consent)), STATUS_PROOF);
    ENSURE(receipt_says(opening->token, ids_bytes(&token->jti)), STATUS_PROOF);
    ENSURE(says_text(opening->recipient, token->to) && says_text(opening->source, token->from), STATUS_PROOF);
    ENSURE(says_text(opening->purpose, token->purpose), STATUS_PROOF);
    ENSURE(receipt_kinds(opening, token->kinds, token->n_kinds), STATUS_PROOF);
    return check_evidence(check);
}

enum status consent_check(struct arena *arena, const struct ground *ground, const struct consent_proof *proof,
                          struct consent_checked *out_checked, const char **out_why) {
    static const struct {
        const char *name;
        enum status (*run)(struct check *check);
    } steps[] = {
        {"form", check_form},
        {"receipts", check_receipts},
        {"device", check_device},
        {"signature", check_signature},
        {"request", check_request},
        {"within_request", check_within},
        {"leaf_of_request", check_requested_opening},
        {"leaf_of_consent", check_granted_opening},
    };
    struct consent_checked checked = {0};
    struct check check = {.arena = arena,
                          .ground = ground,
                          .proof = proof,
                          .federation = directory_federation(ground->directory),
                          .out = &checked};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        *out_why = steps[i].name;
        TRY(steps[i].run(&check));
    }
    *out_why = "";
    *out_checked = checked;
    return STATUS_OK;
}

struct rule_facts consent_facts(const struct ground *ground, const struct consent_checked *checked,
                                const struct consent_now *now) {
    const struct token *token = &checked->token;
    const struct rule_facts_terms terms = {.to = token->to,
                                           .from = token->from,
                                           .purpose = token->purpose,
                                           .kinds = token->kinds,
                                           .n_kinds = token->n_kinds,
                                           .nbf_s = token->nbf_s,
                                           .exp_s = token->exp_s,
                                           .attester = checked->attestation.member};
    struct rule_facts facts = {
        .envelope_key_active = now->own_key_active,
        .recipient_matches = strcmp(token->to, checked->request.recipient) == 0,
        .consent_known = true,
        .consent_active = now->active,
        .nbf_ms = token->nbf_s * 1000,
        .exp_ms = token->exp_s * 1000,
        .device_valid = true,
        .purpose_matches = strcmp(token->purpose, checked->request.purpose) == 0,
        .unused = now->unused,
    };
    rule_facts_directory(ground->directory, &terms, now->now_ms, &facts);
    return facts;
}
