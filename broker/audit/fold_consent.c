/*
 * Requests and the decisions on them. A decision is several tokens signed together, one leaf each; what only all of
 * them show (the notice, the sources, what they supersede) is judged when the last has come.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "broker/audit/reducer_state.h"
#include "proto/derive.h"
#include "proto/notice.h"

/* ---- requests ---- */

static bool sources_match(const struct reducer *r, const struct consent_request *request,
                          const struct msg_request_consent *message) {
    if (message->n_sources != request->n_sources) return false;
    for (size_t i = 0; i < message->n_sources; i++) {
        struct hash commitment =
            derive_source_commitment(r->federation, message->sources[i].unit, &message->sources[i].salt);
        if (!hash_equal(&commitment, &request->sources[i])) return false;
    }
    return true;
}

static bool same_kinds(const uint32_t *a, size_t n_a, const uint32_t *b, size_t n_b) {
    return n_a == n_b && (n_a == 0 || memcmp(a, b, n_a * sizeof *a) == 0);
}

static void judge_request(const struct reducer *r, const struct audit_leaf *leaf) {
    const struct consent_request *request = leaf->material.request;
    const struct opening *opening = &leaf->opening;
    bool says = bytes_equal(hash_bytes(&request->subject), opening->subject) &&
                bytes_equal(ids_bytes(&request->request), opening->request) &&
                strcmp(request->recipient, opening->recipient) == 0 &&
                strcmp(request->purpose, opening->purpose) == 0 &&
                same_kinds(request->kinds, request->n_kinds, opening->kinds, opening->n_kinds);
    (void)reducer_expect(r, leaf, says, FINDING_REQUEST, "the request says something else than the opening");
    (void)reducer_expect(r, leaf, strcmp(request->recipient, opening->actor) == 0, FINDING_REQUEST,
                         "asked for by another unit than the recipient");
    (void)reducer_expect(r, leaf, reducer_signed_by(leaf->material.request_signed, request->recipient),
                         FINDING_SIGNATURE, "the request is not signed by the recipient's member");
    if (!reducer_envelope(r, leaf, MESSAGE_REQUEST_CONSENT, false)) return;
    const struct msg_request_consent *message = &leaf->material.message->request_consent;
    struct hash hash = hash_sha256(message->request);
    (void)reducer_expect(r, leaf, hash_equal(&hash, &leaf->material.request_signed->hash), FINDING_CAUSE,
                         "the message carries another request");
    (void)reducer_expect(r, leaf, sources_match(r, request, message), FINDING_REQUEST,
                         "the sources are not those committed to");
}

enum status fold_consent_requested(struct reducer *r, const struct audit_leaf *leaf) {
    const struct consent_request *request = leaf->material.request;
    if (!request) return STATUS_OK;
    judge_request(r, leaf);
    struct fold_person *person = reducer_person(r, leaf);
    struct fold_request *row = table_require(&r->requests, request->request.b);
    ENSURE(row, STATUS_MEMORY);
    if (!reducer_expect(r, leaf, !row->expires_ms, FINDING_REQUEST, "a request with this id stands already")) {
        return STATUS_OK;
    }
    row->person = person;
    row->hash = leaf->material.request_signed->hash;
    row->leaf = leaf->index;
    row->expires_ms = request->expires_ms;
    return STATUS_OK;
}

/* The request that a decision is about: it stands, is this person's, and waits. */
static struct fold_request *pending_request(struct reducer *r, const struct audit_leaf *leaf) {
    struct fold_request *request = reducer_request(r, leaf->opening.request);
    if (!reducer_expect(r, leaf, request != NULL, FINDING_REQUEST, "decided on a request that does not stand")) {
        return NULL;
    }
    (void)reducer_expect(r, leaf, request->person && request->person == reducer_person(r, leaf), FINDING_SUBJECT,
                         "the request is another person's");
    (void)reducer_expect(r, leaf, leaf->opening.prior_leaf == request->leaf + 1, FINDING_PRIOR_LEAF,
                         "relies on another leaf than that of the request");
    (void)reducer_expect(r, leaf, leaf->leaf.time_ms < request->expires_ms, FINDING_REQUEST,
                         "decided after the request had expired");
    return request;
}

enum status fold_consent_refused(struct reducer *r, const struct audit_leaf *leaf) {
    const struct fold_device *device = fold_device_statement(r, leaf);
    struct fold_request *request = pending_request(r, leaf);
    const struct statement *statement = leaf->material.statement;
    if (!request || !device) return STATUS_OK;
    bool asked =
        statement->type == STATEMENT_REFUSE && bytes_equal(ids_bytes(&statement->request), leaf->opening.request);
    (void)reducer_expect(r, leaf, asked, FINDING_STATEMENT, "the statement does not refuse this request");
    (void)reducer_expect(r, leaf, !request->decided, FINDING_REQUEST, "the request was decided on before");
    request->decided = true;
    return STATUS_OK;
}

/* ---- decisions ---- */

enum status fold_consent_open(struct reducer *r, const struct audit_leaf *leaf, const struct id16 *consent,
                              const struct id16 *jti) {
    if (r->decision.open && ids_equal(&r->decision.consent, consent)) return STATUS_OK;
    TRY(fold_consent_close(r));
    arena_reset(r->decision_arena);
    r->decision = (struct fold_decision){
        .open = true, .consent = *consent, .first_jti = *jti, .directory = leaf->directory, .leaf = leaf->index};
    return STATUS_OK;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum status judge_notice(struct reducer *r, struct fold_decision *decision) {
    struct bytes text = BYTES_EMPTY;
    qsort((void *)decision->sources, decision->n_sources, sizeof decision->sources[0], compare_names);
    enum status status = notice_make(r->decision_arena, decision->first->notice_lang, decision->directory,
                                     decision->first, decision->sources, decision->n_sources, &text);
    ENSURE(status != STATUS_MEMORY, status);
    struct hash hash = hash_sha256(text);
    if (status != STATUS_OK || !hash_equal(&hash, &decision->first->notice)) {
        reducer_report(r, decision->leaf, FINDING_NOTICE, "the notice signed is not the one that the terms make");
    }
    return STATUS_OK;
}

static bool has_source(const struct fold_decision *decision, const char *source) {
    for (size_t i = 0; i < decision->n_sources; i++) {
        if (strcmp(decision->sources[i], source) == 0) return true;
    }
    return false;
}

/* Recipient, purpose and set of sources are equal: only then may a consent take another's place. */
static bool same_terms(const struct fold_decision *decision, const struct fold_consent *before) {
    size_t count = 0;
    for (const struct fold_token *token = before->tokens; token; token = token->next) {
        bool equal = strcmp(token->to, decision->first->to) == 0 &&
                     strcmp(token->purpose, decision->first->purpose) == 0 && has_source(decision, token->from);
        if (!equal) return false;
        count++;
    }
    return count == decision->n_sources;
}

enum status fold_consent_close(struct reducer *r) {
    struct fold_decision *decision = &r->decision;
    if (!decision->open) return STATUS_OK;
    decision->open = false;
    if (decision->first) TRY(judge_notice(r, decision));
    const struct rules *rules = directory_rules(decision->directory);
    if (!rules || decision->n_sources > rules->most_sources) {
        reducer_report_clause(r, decision->leaf, RULE_CAPS, "consents to more sources than the rules allow");
    }
    for (size_t i = 0; i < decision->n_superseded; i++) {
        if (decision->first && same_terms(decision, decision->superseded[i])) continue;
        reducer_report(r, decision->superseded_leaf[i], FINDING_DECISION,
                       "superseded by a consent with other terms, or by none");
    }
    return STATUS_OK;
}

/* The first token, kept over the bundle that it came in. */
static enum status keep_first(struct reducer *r, const struct token *token) {
    struct fold_decision *decision = &r->decision;
    struct token *first = ARENA_NEW(r->decision_arena, struct token);
    struct bytes compact;
    ENSURE(first, STATUS_MEMORY);
    TRY(arena_copy(r->decision_arena, token->compact, &compact));
    TRY(token_parse(r->decision_arena, r->federation, compact, first));
    decision->first = first;
    return STATUS_OK;
}

static enum status add_to_decision(struct reducer *r, const struct audit_leaf *leaf, const char *from) {
    struct fold_decision *decision = &r->decision;
    const struct token *token = leaf->material.token;
    if (!decision->first) TRY(keep_first(r, token));
    bool together = token_same_decision(decision->first, token) && !has_source(decision, from) &&
                    decision->n_sources < LIMIT_TOKENS;
    if (!reducer_expect(r, leaf, together, FINDING_DECISION, "the token is not of one decision with those before it")) {
        return STATUS_OK;
    }
    decision->sources[decision->n_sources++] = from;
    return STATUS_OK;
}

/* ---- one token ---- */

static bool token_says(const struct token *token, const struct opening *opening) {
    return bytes_equal(ids_bytes(&token->jti), opening->token) &&
           bytes_equal(ids_bytes(&token->consent), opening->consent) &&
           bytes_equal(hash_bytes(&token->subject), opening->subject) &&
           bytes_equal(hash_bytes(&token->device), opening->device) && strcmp(token->to, opening->recipient) == 0 &&
           strcmp(token->from, opening->source) == 0 && strcmp(token->purpose, opening->purpose) == 0 &&
           same_kinds(token->kinds, token->n_kinds, opening->kinds, opening->n_kinds);
}

static void judge_event(const struct reducer *r, const struct audit_leaf *leaf) {
    const struct token *token = leaf->material.token;
    const char *sender = text_base64url(leaf->arena, hash_bytes(&token->device));
    bool known = sender && (reducer_event(r, leaf, sender, &token->jti) ||
                            reducer_event(r, leaf, sender, &r->decision.first_jti));
    (void)reducer_expect(r, leaf, known, FINDING_EVENT, "the event is not that of the token");
}

static void judge_within(const struct reducer *r, const struct audit_leaf *leaf, const struct fold_request *request) {
    const struct audit_material *material = &leaf->material;
    if (!material->request || !material->salt) return;
    bool same = hash_equal(&material->request_signed->hash, &request->hash);
    (void)reducer_expect(r, leaf, same, FINDING_REQUEST, "decided on another request than the one that stands");
    bool within = strcmp(material->salt->unit, material->token->from) == 0 &&
                  token_within(r->federation, material->token, material->request, &material->request_signed->hash,
                               &material->salt->salt) == STATUS_OK;
    (void)reducer_expect(r, leaf, within, FINDING_WITHIN, "the token is not within the request");
}

static void judge_token(const struct reducer *r, const struct audit_leaf *leaf, const struct fold_request *request) {
    const struct token *token = leaf->material.token;
    (void)reducer_expect(r, leaf, token_says(token, &leaf->opening), FINDING_TOKEN,
                         "the token says something else than the opening");
    (void)reducer_expect(r, leaf, leaf->material.token_verdict == VERDICT_GOOD, FINDING_TOKEN,
                         "the token is not signed by its device");
    (void)reducer_expect(r, leaf, token_fresh(token, leaf->leaf.time_ms) == STATUS_OK, FINDING_TOKEN_TIME,
                         "the token was signed at another time than the leaf's");
    judge_event(r, leaf);
    if (request) judge_within(r, leaf, request);
    if (!leaf->material.notice.data) return;
    struct hash notice = hash_sha256(leaf->material.notice);
    (void)reducer_expect(r, leaf, hash_equal(&notice, &token->notice), FINDING_NOTICE,
                         "the notice kept is not the one signed");
}

/* The device is this person's, stands, and is the one that the attestation kept with the token is about. */
static struct fold_device *judge_device(struct reducer *r, const struct audit_leaf *leaf) {
    const struct audit_material *material = &leaf->material;
    struct fold_device *device = table_find(&r->devices, material->token->device.b);
    bool own = device && device->person && device->person == reducer_person(r, leaf);
    if (!own) {
        reducer_report_clause(r, leaf->index, RULE_DEVICE, "signed by a device that is not enrolled for this person");
        return NULL;
    }
    bool same = !material->attestation || hash_equal(&material->attestation_signed->hash, &device->attestation);
    (void)reducer_expect(r, leaf, same, FINDING_ATTESTATION, "the attestation is not the one that stands");
    return device;
}

static enum status fill_token(struct reducer *r, struct fold_token *row, const struct token *token) {
    row->hash = hash_sha256(token->compact);
    row->rev = token->rev;
    row->to = reducer_name(r, token->to);
    row->from = reducer_name(r, token->from);
    row->purpose = reducer_name(r, token->purpose);
    ENSURE(row->to && row->from && row->purpose, STATUS_MEMORY);
    memcpy(row->kinds, token->kinds, sizeof row->kinds);
    row->n_kinds = (uint8_t)token->n_kinds;
    row->access = token->access;
    row->iat_s = token->iat_s;
    row->nbf_s = token->nbf_s;
    row->exp_s = token->exp_s;
    row->state = CONSENT_ACTIVE;
    return STATUS_OK;
}

static enum status add_token(struct reducer *r, const struct audit_leaf *leaf, struct fold_device *device,
                             struct fold_token **out_row) {
    const struct token *token = leaf->material.token;
    struct fold_consent *consent = table_require(&r->consents, token->consent.b);
    struct fold_token *row = table_require(&r->tokens, token->jti.b);
    ENSURE(consent && row, STATUS_MEMORY);
    *out_row = NULL;
    if (!reducer_expect(r, leaf, !row->consent, FINDING_TOKEN, "a token with this id stands already")) return STATUS_OK;
    if (!consent->newest) {
        consent->device = device;
        consent->person = device ? device->person : reducer_person(r, leaf);
        if (consent->person) {
            consent->next = consent->person->consents;
            consent->person->consents = consent;
        }
        TRY(fold_change_add(r, consent, leaf, CONSENT_ACTIVE));
    }
    TRY(fill_token(r, row, token));
    row->leaf = leaf->index;
    row->consent = consent;
    row->next = consent->tokens;
    consent->tokens = row;
    *out_row = row;
    return STATUS_OK;
}

/* Whether such a consent could be given: the clauses that speak of the directory, the device and the time. */
static void judge_terms(const struct reducer *r, const struct audit_leaf *leaf, const struct fold_token *row) {
    struct rule_facts facts = fold_release_facts(leaf, row);
    facts.envelope_key_active = true;
    facts.recipient_matches = true;
    facts.purpose_matches = true;
    facts.nbf_ms = 0; /* may lie ahead */
    enum rule_clause clause = rule_token(&facts, RULE_STAGE_GRANT, leaf->leaf.time_ms);
    if (clause != RULE_PASS) reducer_report_clause(r, leaf->index, clause, "a consent that could not be given");
}

enum status fold_consent_granted(struct reducer *r, const struct audit_leaf *leaf) {
    const struct token *token = leaf->material.token;
    if (!token) return STATUS_OK;
    TRY(fold_consent_open(r, leaf, &token->consent, &token->jti));
    bool first = r->decision.first == NULL;
    struct fold_request *request = pending_request(r, leaf);
    struct fold_device *device = judge_device(r, leaf);
    judge_token(r, leaf, request);
    if (request) {
        (void)reducer_expect(r, leaf, !first || !request->decided, FINDING_REQUEST,
                             "the request was decided on before");
        request->decided = true;
    }
    struct fold_token *row = NULL;
    TRY(add_token(r, leaf, device, &row));
    if (!row) return STATUS_OK;
    if (device) judge_terms(r, leaf, row);
    return add_to_decision(r, leaf, row->from);
}
