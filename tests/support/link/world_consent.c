#include "support/link/world_consent.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "proto/derive.h"
#include "proto/limits.h"
#include "proto/msg_consent.h"
#include "proto/msg_publish.h"
#include "proto/notice.h"
#include "proto/signed.h"

#define CONSENT_ARENA ((size_t)4 << 20)
#define DURATION_S    (30ULL * 86400)
#define PENDING_MS    (7ULL * 86400 * 1000)
#define NOTICE_LANG   "sv"

static const uint32_t all_kinds[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

static void fill_defaults(struct world_wish *wish) {
    if (wish->n_kinds == 0) {
        wish->kinds = all_kinds;
        wish->n_kinds = sizeof all_kinds / sizeof all_kinds[0];
    }
    if (wish->duration_s == 0) wish->duration_s = DURATION_S;
    if (wish->access == ACCESS_NONE) wish->access = ACCESS_REPEATED;
}

/* ---- the request ---- */

static enum status sign_request(const struct world *world, struct world_consent *consent,
                                const struct hash *commitments, struct arena *arena, struct bytes *out_whole) {
    const struct world_unit *to = world_unit(world, consent->wish.to);
    uint64_t now_ms = world_now_ms();
    const struct consent_request request = {.version = 1,
                                            .federation = WORLD_FEDERATION,
                                            .request = consent->request,
                                            .subject = consent->person->subject,
                                            .recipient = to->id,
                                            .purpose = WORLD_PURPOSE,
                                            .kinds = consent->wish.kinds,
                                            .n_kinds = consent->wish.n_kinds,
                                            .sources = commitments,
                                            .n_sources = consent->wish.n_from,
                                            .duration_s = consent->wish.duration_s,
                                            .access = consent->wish.access,
                                            .basis = BASIS_SECRECY_WAIVER,
                                            .created_ms = now_ms,
                                            .expires_ms = now_ms + PENDING_MS};
    struct bytes body;
    TRY(consent_request_encode(arena, &request, &body));
    TRY(signed_make(arena, SIGNED_REQUEST, WORLD_FEDERATION, body, world_member(world, to->member)->sign, out_whole));
    consent->request_hash = hash_sha256(*out_whole);
    return STATUS_OK;
}

static enum status make_request(const struct world *world, struct world_consent *consent, struct arena *arena,
                                struct bytes *out_body) {
    struct msg_source_salt *salts = ARENA_ARRAY(arena, struct msg_source_salt, consent->wish.n_from);
    struct hash *commitments = ARENA_ARRAY(arena, struct hash, consent->wish.n_from);
    ENSURE(salts && commitments, STATUS_MEMORY);
    for (size_t i = 0; i < consent->wish.n_from; i++) {
        salts[i].unit = world_unit(world, consent->wish.from[i])->id;
        secret_random_public(salts[i].salt.b, sizeof salts[i].salt.b);
        commitments[i] = derive_source_commitment(WORLD_FEDERATION, salts[i].unit, &salts[i].salt);
    }
    struct msg_request_consent message = {.sources = salts, .n_sources = consent->wish.n_from};
    TRY(sign_request(world, consent, commitments, arena, &message.request));
    return msg_request_consent_encode(arena, &message, out_body);
}

enum status world_request(struct world *world, struct world_notes *notes, struct world_consent *consent,
                          uint32_t patience_ms) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(CONSENT_ARENA);
    struct world_ask ask = {.unit = consent->wish.to, .type = MESSAGE_REQUEST_CONSENT, .patience_ms = patience_ms};
    struct msg_receipted answer;
    struct world_receipt receipt;
    struct reply reply;
    ENSURE(arena && consent->wish.n_from <= WORLD_SOURCES_MAX, STATUS_MEMORY);
    fill_defaults(&consent->wish);
    consent->request = ids_random();
    TRY(make_request(world, consent, arena, &ask.body));
    TRY(world_call(world, &ask, arena, &reply));
    TRY(reply_code_status((enum reply_code)reply.code));
    TRY(msg_receipted_parse(arena, reply.body, &answer));
    TRY(world_receipt_open(notes, arena, answer.receipt, LEAF_CONSENT_REQUESTED, &receipt));
    return world_receipt_names(receipt.opening.request, &consent->request) ? STATUS_OK : STATUS_PROOF;
}

/* ---- the decision ---- */

static enum status fill_token(const struct world *world, const struct world_consent *consent, struct arena *arena,
                              struct token *token) {
    const char **sources = ARENA_ARRAY(arena, const char *, consent->wish.n_from);
    struct bytes notice;
    ENSURE(sources, STATUS_MEMORY);
    for (size_t i = 0; i < consent->wish.n_from; i++) {
        sources[i] = world_unit(world, consent->wish.from[i])->id;
    }
    *token = (struct token){.subject = consent->person->subject,
                            .consent = consent->consent,
                            .iat_s = consent->exp_s - consent->wish.duration_s,
                            .nbf_s = consent->exp_s - consent->wish.duration_s,
                            .exp_s = consent->exp_s,
                            .to = world_unit(world, consent->wish.to)->id,
                            .n_kinds = consent->wish.n_kinds,
                            .purpose = WORLD_PURPOSE,
                            .access = consent->wish.access,
                            .basis = BASIS_SECRECY_WAIVER,
                            .request = consent->request_hash,
                            .notice_lang = NOTICE_LANG,
                            .rev = derive_code_hash(WORLD_FEDERATION, &consent->code)};
    memcpy(token->kinds, consent->wish.kinds, consent->wish.n_kinds * sizeof token->kinds[0]);
    TRY(notice_make(arena, NOTICE_LANG, world_directory(world), token, sources, consent->wish.n_from, &notice));
    token->notice = hash_sha256(notice);
    return STATUS_OK;
}

/* {"tokens":[...]} */
static enum status sign_tokens(const struct world *world, struct world_consent *consent, struct arena *arena,
                               const char **out_json) {
    struct token token;
    const char *list = "";
    TRY(fill_token(world, consent, arena, &token));
    for (size_t i = 0; i < consent->wish.n_from; i++) {
        struct bytes compact;
        consent->tokens[i].jti = ids_random();
        token.jti = consent->tokens[i].jti;
        token.from = world_unit(world, consent->wish.from[i])->id;
        TRY(token_make(arena, WORLD_FEDERATION, &token, consent->person->sign, &compact));
        list = arena_printf(arena, "%s%s\"%.*s\"", list, i ? "," : "", (int)compact.len, (const char *)compact.data);
        ENSURE(list, STATUS_MEMORY);
    }
    *out_json = arena_printf(arena, "{\"tokens\":[%s]}", list);
    return *out_json ? STATUS_OK : STATUS_MEMORY;
}

static enum status check_decision(struct world_notes *notes, struct world_consent *consent,
                                  const struct world_portal_answer *answer, struct arena *arena) {
    for (size_t i = 0; i < consent->wish.n_from; i++) {
        struct bytes text;
        struct world_receipt receipt;
        TRY(world_portal_receipt(arena, answer, i, &text));
        TRY(world_receipt_open(notes, arena, text, LEAF_CONSENT_GRANTED, &receipt));
        ENSURE(world_receipt_names(receipt.opening.token, &consent->tokens[i].jti), STATUS_PROOF);
        consent->tokens[i].leaf = receipt.index;
    }
    return STATUS_OK;
}

enum status world_decide(struct world *world, struct world_notes *notes, struct world_consent *consent,
                         uint32_t patience_ms) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(CONSENT_ARENA);
    ENSURE(arena, STATUS_MEMORY);
    struct world_portal_ask ask = {.op = PORTAL_DECISION, .method = "POST", .patience_ms = patience_ms};
    struct world_portal_answer answer;
    consent->consent = ids_random();
    consent->code = ids_random();
    consent->exp_s = world_now_ms() / 1000 + consent->wish.duration_s;
    ask.id = ids_text(arena, &consent->request);
    ENSURE(ask.id, STATUS_MEMORY);
    ask.path = arena_printf(arena, "/v1/requests/%s/decision", ask.id);
    ENSURE(ask.path, STATUS_MEMORY);
    TRY(sign_tokens(world, consent, arena, &ask.body));
    TRY(world_portal(world, consent->person, &ask, arena, &answer));
    TRY(world_portal_status(answer.status));
    return check_decision(notes, consent, &answer, arena);
}

enum status world_consent(struct world *world, struct world_notes *notes, struct world_consent *consent,
                          uint32_t patience_ms) {
    TRY(world_request(world, notes, consent, patience_ms));
    return world_decide(world, notes, consent, patience_ms);
}

/* ---- its end ---- */

enum status world_revoke_body(const struct world_consent *consent, struct arena *arena, struct bytes *out_body) {
    const struct msg_revoke message = {.consent = consent->consent, .reason = "asked at the desk"};
    return msg_revoke_encode(arena, &message, out_body);
}

enum status world_revoke_check(struct world_notes *notes, const struct world_consent *consent, struct bytes text,
                               struct arena *arena, struct world_receipt *out_receipt) {
    struct world_receipt receipt;
    TRY(world_receipt_open(notes, arena, text, LEAF_CONSENT_REVOKED, &receipt));
    ENSURE(world_receipt_names(receipt.opening.consent, &consent->consent), STATUS_PROOF);
    ENSURE(receipt.opening.number == CONSENT_STATE_REVOKED, STATUS_PROOF);
    if (out_receipt) *out_receipt = receipt;
    return STATUS_OK;
}

static enum status revoke_by_unit(struct world *world, struct world_notes *notes, const struct world_consent *consent,
                                  size_t unit, uint32_t patience_ms, struct world_receipt *out_receipt) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(CONSENT_ARENA);
    struct world_ask ask = {.unit = unit, .type = MESSAGE_REVOKE, .patience_ms = patience_ms};
    struct msg_receipted answer;
    struct reply reply;
    ENSURE(arena, STATUS_MEMORY);
    TRY(world_revoke_body(consent, arena, &ask.body));
    TRY(world_call(world, &ask, arena, &reply));
    TRY(reply_code_status((enum reply_code)reply.code));
    TRY(msg_receipted_parse(arena, reply.body, &answer));
    return world_revoke_check(notes, consent, answer.receipt, arena, out_receipt);
}

static enum status revoke_by_person(struct world *world, struct world_notes *notes, const struct world_consent *consent,
                                    uint32_t patience_ms, struct world_receipt *out_receipt) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(CONSENT_ARENA);
    ENSURE(arena, STATUS_MEMORY);
    struct statement statement = {.type = STATEMENT_REVOKE, .consent = consent->consent};
    struct world_portal_ask ask = {.op = PORTAL_CONSENT_REVOKE, .method = "POST", .patience_ms = patience_ms};
    struct world_portal_answer answer;
    struct bytes compact;
    struct bytes text;
    TRY(world_statement(consent->person, &statement, arena, &compact));
    ask.id = ids_text(arena, &consent->consent);
    ENSURE(ask.id, STATUS_MEMORY);
    ask.path = arena_printf(arena, "/v1/consents/%s/revoke", ask.id);
    ask.body = arena_printf(arena, "{\"statement\":\"%.*s\"}", (int)compact.len, (const char *)compact.data);
    ENSURE(ask.path && ask.body, STATUS_MEMORY);
    TRY(world_portal(world, consent->person, &ask, arena, &answer));
    TRY(world_portal_status(answer.status));
    TRY(world_portal_receipt(arena, &answer, 0, &text));
    return world_revoke_check(notes, consent, text, arena, out_receipt);
}

static enum status revoke_by_code(struct world *world, const struct world_consent *consent, uint32_t patience_ms) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(CONSENT_ARENA);
    ENSURE(arena, STATUS_MEMORY);
    const struct world_portal_ask ask = {.op = PORTAL_CODE,
                                         .method = "POST",
                                         .path = "/revoke",
                                         .id = ids_text(arena, &consent->code),
                                         .body = "",
                                         .patience_ms = patience_ms};
    struct world_portal_answer answer;
    ENSURE(ask.id, STATUS_MEMORY);
    TRY(world_portal(world, NULL, &ask, arena, &answer));
    return world_portal_status(answer.status);
}

enum status world_revoke(struct world *world, struct world_notes *notes, const struct world_consent *consent,
                         enum world_revoker by, uint32_t patience_ms, struct world_receipt *out_receipt) {
    switch (by) {
    case WORLD_PERSON:
        return revoke_by_person(world, notes, consent, patience_ms, out_receipt);
    case WORLD_CODE:
        return revoke_by_code(world, consent, patience_ms);
    case WORLD_SOURCE:
        return revoke_by_unit(world, notes, consent, consent->wish.from[0], patience_ms, out_receipt);
    case WORLD_RECIPIENT:
    default:
        return revoke_by_unit(world, notes, consent, consent->wish.to, patience_ms, out_receipt);
    }
}
