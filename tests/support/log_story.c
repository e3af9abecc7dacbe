/*
 * Objects are made by proto's own encoders and real keys; only what a log cannot show (ciphertexts, sealed content
 * keys) is random.
 */
#include "support/log_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "keys/jws.h"
#include "proto/attestation.h"
#include "proto/derive.h"
#include "proto/envelope.h"
#include "proto/key_grant.h"
#include "proto/msg_consent.h"
#include "proto/msg_enrol.h"
#include "proto/msg_publish.h"
#include "proto/msg_release.h"
#include "proto/notice.h"
#include "proto/signed.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

static const uint32_t asked_kinds[] = {KIND_GOAL, KIND_ACTIVITY, KIND_STUDY_PLAN};

static const char *unit_id(const struct log_world *world, enum federation_unit unit) {
    return world->federation->units[unit].id;
}

static const struct sign_private *unit_key(const struct log_world *world, enum federation_unit unit) {
    return world->federation->members[world->federation->units[unit].member].sign;
}

struct log_sent log_story_send(struct log_world *world, enum federation_unit unit, enum message_type type,
                               struct bytes body) {
    struct log_sent sent;
    const struct envelope envelope = {.version = 1,
                                      .federation = FEDERATION_NAME,
                                      .type = type,
                                      .sender = unit_id(world, unit),
                                      .official = "handler-17",
                                      .message = ids_random(),
                                      .time_ms = world->now_ms,
                                      .body = body};
    OK(envelope_sign(world->arena, &envelope, unit_key(world, unit), &sent.whole));
    sent.event = derive_event_id(FEDERATION_NAME, envelope.sender, &envelope.message, 0);
    return sent;
}

/* ---- devices ---- */

static struct bytes attest(struct log_world *world, struct log_device *device, enum federation_unit attester,
                           const struct id16 *enrolment, struct bytes registration) {
    struct attestation attestation = {.version = 1,
                                      .federation = FEDERATION_NAME,
                                      .member = ids_member_text(world->arena, unit_id(world, attester)),
                                      .subject = device->person->handle,
                                      .sign_key = sign_public_of(device->sign),
                                      .read_key = seal_public_of(device->read),
                                      .assurance = ASSURANCE_HIGH,
                                      .how = "in person",
                                      .enrolment = *enrolment,
                                      .registration_hash = hash_sha256(registration),
                                      .time_ms = world->now_ms};
    struct bytes body;
    struct bytes whole;
    OK(attestation_encode(world->arena, &attestation, &body));
    OK(signed_make(world->arena, SIGNED_ATTESTATION, FEDERATION_NAME, body, unit_key(world, attester), &whole));
    return whole;
}

struct log_device *log_story_enrol(struct log_world *world, struct log_person *person, enum federation_unit attester) {
    struct log_device *device = ARENA_NEW(world->arena, struct log_device);
    assert_non_null(device);
    device->person = person;
    OK(sign_generate(&device->sign));
    OK(seal_generate(&device->read));
    struct sign_public key = sign_public_of(device->sign);
    device->thumbprint = jws_thumbprint(&key);
    device->kid = jws_thumbprint_text(world->arena, &key);
    struct id16 enrolment = ids_random();
    struct seal_public read_key = seal_public_of(device->read);
    uint8_t secret[16] = {1};
    struct bytes registration;
    OK(registration_make(world->arena, FEDERATION_NAME, &enrolment, secret, device->sign, &read_key, world->now_ms,
                         &registration));
    device->attestation = attest(world, device, attester, &enrolment, registration);
    struct bytes body;
    OK(msg_attest_encode(world->arena, &(struct msg_attest){.attestation = device->attestation}, &body));
    struct log_sent sent = log_story_send(world, attester, MESSAGE_ATTEST, body);
    const struct bytes evidence[] = {device->attestation, registration};
    const struct log_world_entry entry = {
        .type = LEAF_DEVICE_ENROLLED,
        .person = person,
        .event = sent.event,
        .opening = {.actor = unit_id(world, attester), .device = hash_bytes(&device->thumbprint)},
        .cause = sent.whole,
        .evidence = evidence,
        .n_evidence = 2};
    device->leaf = log_world_append(world, &entry);
    return device;
}

void log_story_device_free(struct log_device *device) {
    sign_free(device->sign);
    seal_free(device->read);
}

/* ---- fragments ---- */

static void make_header(struct log_world *world, struct log_fragment *fragment) {
    struct fragment_header header = {.ciphertext_len = 2048, .ciphertext_hash = fragment->ciphertext_hash};
    struct bytes body;
    secret_random_public(header.commitment.b, sizeof header.commitment.b);
    OK(fragment_header_core_encode(world->arena, &fragment->core, &header.core));
    OK(fragment_header_encode(world->arena, &header, &body));
    OK(signed_make(world->arena, SIGNED_HEADER, FEDERATION_NAME, body, unit_key(world, fragment->source),
                   &fragment->header));
    fragment->header_hash = hash_sha256(fragment->header);
}

static struct log_fragment *make_fragment(struct log_world *world, struct log_person *person,
                                          enum federation_unit source, enum kind kind,
                                          const struct log_fragment *before) {
    struct log_fragment *fragment = ARENA_NEW(world->arena, struct log_fragment);
    assert_non_null(fragment);
    fragment->person = person;
    fragment->source = source;
    fragment->core = (struct fragment_core){.version = 1,
                                            .fragment = before ? before->core.fragment : ids_random(),
                                            .revision = before ? before->core.revision + 1 : 1,
                                            .replaces = before ? hash_bytes(&before->header_hash) : BYTES_EMPTY,
                                            .subject = person->handle,
                                            .source = unit_id(world, source),
                                            .kind = kind,
                                            .created_ms = world->now_ms,
                                            .media_type = "application/json",
                                            .schema = 1};
    secret_random_public(fragment->core.random, sizeof fragment->core.random);
    secret_random_public(fragment->ciphertext_hash.b, sizeof fragment->ciphertext_hash.b);
    return fragment;
}

struct log_fragment *log_story_publish(struct log_world *world, struct log_person *person, enum federation_unit source,
                                       enum kind kind, const struct log_fragment *before, uint64_t expires_ms) {
    struct log_fragment *fragment = make_fragment(world, person, source, kind, before);
    fragment->core.expires_ms = expires_ms;
    make_header(world, fragment);
    const struct opening_item item = {.fragment = fragment->core.fragment,
                                      .revision = fragment->core.revision,
                                      .header_hash = fragment->header_hash,
                                      .ciphertext_hash = fragment->ciphertext_hash};
    const uint32_t kinds[] = {kind};
    struct id16 message = ids_random();
    const struct log_world_entry entry = {.type = LEAF_PUBLISHED,
                                          .person = person,
                                          .event = derive_event_id(FEDERATION_NAME, fragment->core.source, &message, 0),
                                          .opening = {.actor = fragment->core.source,
                                                      .source = fragment->core.source,
                                                      .kinds = kinds,
                                                      .n_kinds = 1,
                                                      .items = &item,
                                                      .n_items = 1},
                                          .cause = fragment->header};
    (void)log_world_append(world, &entry);
    return fragment;
}

uint64_t log_story_withdraw(struct log_world *world, const struct log_fragment *fragment) {
    struct bytes body;
    OK(msg_withdraw_encode(world->arena, &(struct msg_withdraw){fragment->core.fragment}, &body));
    struct log_sent sent = log_story_send(world, fragment->source, MESSAGE_WITHDRAW, body);
    const struct opening_item item = {.fragment = fragment->core.fragment,
                                      .revision = fragment->core.revision,
                                      .header_hash = fragment->header_hash,
                                      .ciphertext_hash = fragment->ciphertext_hash};
    const struct log_world_entry entry = {
        .type = LEAF_WITHDRAWN,
        .person = fragment->person,
        .event = sent.event,
        .opening = {.actor = fragment->core.source, .source = fragment->core.source, .items = &item, .n_items = 1},
        .cause = sent.whole};
    return log_world_append(world, &entry);
}

/* ---- requests and decisions ---- */

static void commit_sources(struct log_world *world, struct log_request *request, const enum federation_unit *sources,
                           struct msg_source_salt *salts) {
    struct hash *commitments = ARENA_ARRAY(world->arena, struct hash, request->n_sources);
    assert_non_null(commitments);
    for (size_t i = 0; i < request->n_sources; i++) {
        request->sources[i] = sources[i];
        secret_random_public(request->salts[i].b, HASH_BYTES);
        const char *unit = unit_id(world, sources[i]);
        commitments[i] = derive_source_commitment(FEDERATION_NAME, unit, &request->salts[i]);
        salts[i] = (struct msg_source_salt){unit, request->salts[i]};
    }
    request->request.sources = commitments;
    request->request.n_sources = request->n_sources;
}

struct log_request *log_story_request(struct log_world *world, struct log_person *person,
                                      enum federation_unit recipient, const enum federation_unit *sources,
                                      size_t n_sources, enum access access) {
    struct log_request *request = ARENA_NEW(world->arena, struct log_request);
    struct msg_source_salt salts[LOG_STORY_SOURCES_MAX];
    assert_true(request && n_sources <= LOG_STORY_SOURCES_MAX);
    request->person = person;
    request->recipient = recipient;
    request->n_sources = n_sources;
    request->request = (struct consent_request){.version = 1,
                                                .federation = FEDERATION_NAME,
                                                .request = ids_random(),
                                                .subject = person->handle,
                                                .recipient = unit_id(world, recipient),
                                                .purpose = FEDERATION_PURPOSE,
                                                .kinds = asked_kinds,
                                                .n_kinds = 3,
                                                .duration_s = 30 * 86400,
                                                .access = access,
                                                .basis = BASIS_SECRECY_WAIVER,
                                                .created_ms = world->now_ms,
                                                .expires_ms = world->now_ms + 14ULL * 86400 * 1000};
    commit_sources(world, request, sources, salts);
    struct bytes body;
    OK(consent_request_encode(world->arena, &request->request, &body));
    OK(signed_make(world->arena, SIGNED_REQUEST, FEDERATION_NAME, body, unit_key(world, recipient), &request->whole));
    OK(msg_request_consent_encode(world->arena, &(struct msg_request_consent){request->whole, salts, n_sources},
                                  &body));
    struct log_sent sent = log_story_send(world, recipient, MESSAGE_REQUEST_CONSENT, body);
    const struct log_world_entry entry = {.type = LEAF_CONSENT_REQUESTED,
                                          .person = person,
                                          .event = sent.event,
                                          .opening = {.actor = unit_id(world, recipient),
                                                      .recipient = unit_id(world, recipient),
                                                      .request = ids_bytes(&request->request.request),
                                                      .purpose = FEDERATION_PURPOSE,
                                                      .kinds = asked_kinds,
                                                      .n_kinds = 3},
                                          .cause = sent.whole,
                                          .evidence = &request->whole,
                                          .n_evidence = 1};
    request->leaf = log_world_append(world, &entry);
    return request;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct bytes notice_of(struct log_world *world, const struct log_request *request, const struct token *token) {
    const char *names[LOG_STORY_SOURCES_MAX] = {NULL};
    struct bytes text;
    for (size_t i = 0; i < request->n_sources; i++) {
        names[i] = unit_id(world, request->sources[i]);
    }
    qsort((void *)names, request->n_sources, sizeof names[0], compare_names);
    OK(notice_make(world->arena, "sv", world->federation->directory, token, names, request->n_sources, &text));
    return text;
}

static struct token plain_token(struct log_world *world, const struct log_decision *decision, const struct id16 *code) {
    const struct log_request *request = decision->request;
    uint64_t now_s = world->now_ms / 1000;
    struct token token = {.subject = request->person->handle,
                          .consent = ids_random(),
                          .iat_s = now_s,
                          .nbf_s = now_s,
                          .exp_s = now_s + (decision->seconds ? decision->seconds : 3600),
                          .to = request->request.recipient,
                          .n_kinds = request->request.n_kinds,
                          .purpose = request->request.purpose,
                          .access = request->request.access,
                          .basis = request->request.basis,
                          .request = hash_sha256(request->whole),
                          .notice_lang = "sv",
                          .rev = derive_code_hash(FEDERATION_NAME, code)};
    memcpy(token.kinds, request->request.kinds, token.n_kinds * sizeof token.kinds[0]);
    return token;
}

static uint64_t append_grant(struct log_world *world, const struct log_token *token, size_t source,
                             struct bytes notice) {
    const struct log_request *request = token->request;
    struct bytes salt;
    OK(msg_source_salt_encode(world->arena, &(struct msg_source_salt){token->token.from, request->salts[source]},
                              &salt));
    const struct bytes evidence[] = {request->whole, token->device->attestation, notice, salt};
    const struct log_world_entry entry = {
        .type = LEAF_CONSENT_GRANTED,
        .person = request->person,
        .event = derive_event_id(FEDERATION_NAME, token->device->kid, &token->token.jti, 0),
        .opening = {.actor = token->device->kid,
                    .device = hash_bytes(&token->device->thumbprint),
                    .request = ids_bytes(&request->request.request),
                    .consent = ids_bytes(&token->token.consent),
                    .token = ids_bytes(&token->token.jti),
                    .recipient = token->token.to,
                    .source = token->token.from,
                    .purpose = token->token.purpose,
                    .kinds = token->token.kinds,
                    .n_kinds = token->token.n_kinds,
                    .prior_leaf = request->leaf + 1},
        .cause = token->compact,
        .evidence = evidence,
        .n_evidence = 4};
    return log_world_append(world, &entry);
}

void log_story_grant(struct log_world *world, const struct log_decision *decision, struct log_token **out_tokens) {
    struct id16 code = ids_random();
    struct token token = plain_token(world, decision, &code);
    struct bytes notice = notice_of(world, decision->request, &token);
    if (decision->notice.data) notice = decision->notice;
    token.notice = hash_sha256(notice);
    for (size_t i = 0; i < decision->request->n_sources; i++) {
        struct log_token *made = ARENA_NEW(world->arena, struct log_token);
        assert_non_null(made);
        token.jti = ids_random();
        token.from = unit_id(world, decision->request->sources[i]);
        made->token = token;
        if (decision->change) decision->change(&made->token);
        made->request = decision->request;
        made->device = decision->device;
        made->code = code;
        made->token.device = decision->device->thumbprint;
        OK(token_make(world->arena, FEDERATION_NAME, &made->token, decision->device->sign, &made->compact));
        made->leaf = append_grant(world, made, i, notice);
        out_tokens[i] = made;
    }
}

/* ---- grants ---- */

struct bytes log_story_state(struct log_world *world, const struct id16 *token, enum consent_state state, uint64_t size,
                             uint64_t time_ms) {
    const struct state_statement statement = {.version = 1,
                                              .federation = FEDERATION_NAME,
                                              .token = *token,
                                              .state = state,
                                              .tree_size = size,
                                              .time_ms = time_ms};
    struct bytes body;
    struct bytes whole;
    OK(state_statement_encode(world->arena, &statement, &body));
    OK(signed_make(world->arena, SIGNED_STATE, FEDERATION_NAME, body, world->federation->status_key, &whole));
    return whole;
}

static struct bytes make_grant(struct log_world *world, const struct log_upload *upload,
                               const struct log_fragment *fragment, struct bytes state) {
    const struct token *token = &upload->token->token;
    struct key_grant grant = {.version = 1,
                              .federation = FEDERATION_NAME,
                              .token = ids_bytes(&token->jti),
                              .fragment = fragment->core.fragment,
                              .revision = fragment->core.revision,
                              .kind = fragment->core.kind,
                              .purpose = token->purpose,
                              .header_hash = fragment->header_hash,
                              .recipient = token->to,
                              .state = state,
                              .release_event = upload->release_event ? ids_bytes(upload->release_event) : BYTES_EMPTY};
    struct seal_public key;
    OK(directory_seal_key(world->federation->directory, token->to, &key, &grant.recipient_key_id));
    secret_random_public(grant.enc, sizeof grant.enc);
    secret_random_public(grant.sealed, sizeof grant.sealed);
    struct bytes body;
    struct bytes whole;
    OK(key_grant_encode(world->arena, &grant, &body));
    OK(signed_make(world->arena, SIGNED_GRANT, FEDERATION_NAME, body, unit_key(world, fragment->source), &whole));
    return whole;
}

uint64_t log_story_upload(struct log_world *world, const struct log_upload *upload, struct bytes *out_grants) {
    const struct token *token = &upload->token->token;
    struct opening_item *items = ARENA_ARRAY(world->arena, struct opening_item, upload->n_fragments);
    struct bytes state = upload->state;
    assert_non_null(items);
    if (!state.data) state = log_story_state(world, &token->jti, CONSENT_ACTIVE, world->n_leaves, world->now_ms);
    for (size_t i = 0; i < upload->n_fragments; i++) {
        const struct log_fragment *fragment = upload->fragments[i];
        out_grants[i] = make_grant(world, upload, fragment, state);
        struct hash hash = hash_sha256(out_grants[i]);
        items[i] = (struct opening_item){.fragment = fragment->core.fragment,
                                         .revision = fragment->core.revision,
                                         .header_hash = fragment->header_hash,
                                         .ciphertext_hash = fragment->ciphertext_hash,
                                         .clause = upload->clause};
        OK(arena_copy(world->arena, hash_bytes(&hash), &items[i].grant_hash));
    }
    struct bytes body;
    OK(msg_upload_grants_encode(world->arena, &(struct msg_upload_grants){out_grants, upload->n_fragments}, &body));
    struct log_sent sent = log_story_send(world, upload->fragments[0]->source, MESSAGE_UPLOAD_GRANTS, body);
    const char *source = upload->fragments[0]->core.source;
    const struct log_world_entry entry = {.type = LEAF_GRANTED_KEY,
                                          .person = upload->fragments[0]->person,
                                          .event = sent.event,
                                          .opening = {.actor = source,
                                                      .source = source,
                                                      .token = ids_bytes(&token->jti),
                                                      .consent = ids_bytes(&token->consent),
                                                      .recipient = token->to,
                                                      .items = items,
                                                      .n_items = upload->n_fragments},
                                          .cause = sent.whole,
                                          .evidence = out_grants,
                                          .n_evidence = upload->n_fragments};
    return log_world_append(world, &entry);
}

/* ---- releases ---- */

static const struct opening_item *page_items(struct log_world *world, const struct log_release *release) {
    struct opening_item *items = ARENA_ARRAY(world->arena, struct opening_item, release->n_fragments);
    assert_non_null(items);
    for (size_t i = 0; i < release->n_fragments; i++) {
        const struct log_fragment *fragment = release->fragments[i];
        items[i] = (struct opening_item){.fragment = fragment->core.fragment,
                                         .revision = fragment->core.revision,
                                         .header_hash = fragment->header_hash,
                                         .ciphertext_hash = fragment->ciphertext_hash,
                                         .clause = release->clauses ? release->clauses[i] : RULE_PASS};
        if (!release->grants || items[i].clause != RULE_PASS) continue;
        struct hash hash = hash_sha256(release->grants[i]);
        OK(arena_copy(world->arena, hash_bytes(&hash), &items[i].grant_hash));
    }
    return items;
}

static struct bytes ask_for(struct log_world *world, const struct log_release *release, const char *purpose,
                            const uint32_t *kinds, size_t n_kinds) {
    const struct msg_release message = {
        .token = release->token->token.jti, .purpose = purpose, .kinds = kinds, .n_kinds = n_kinds, .most = 64};
    struct bytes body;
    OK(msg_release_encode(world->arena, &message, &body));
    return body;
}

uint64_t log_story_release(struct log_world *world, const struct log_release *release) {
    const struct token *token = &release->token->token;
    const char *purpose = release->purpose ? release->purpose : token->purpose;
    const uint32_t *kinds = release->kinds ? release->kinds : token->kinds;
    size_t n_kinds = release->kinds ? release->n_kinds : token->n_kinds;
    struct bytes body = ask_for(world, release, purpose, kinds, n_kinds);
    struct log_sent sent = log_story_send(world, release->unit, MESSAGE_RELEASE, body);
    struct opening opening = {.actor = unit_id(world, release->unit),
                              .token = ids_bytes(&token->jti),
                              .purpose = purpose,
                              .kinds = kinds,
                              .n_kinds = n_kinds,
                              .stage = RULE_STAGE_RELEASE,
                              .clause = release->clause,
                              .items = page_items(world, release),
                              .n_items = release->n_fragments};
    if (!release->stranger) {
        opening.consent = ids_bytes(&token->consent);
        opening.recipient = token->to;
        opening.source = token->from;
        opening.prior_leaf = release->token->leaf + 1;
    }
    const struct log_world_entry entry = {.type = release->clause == RULE_PASS ? LEAF_RELEASED : LEAF_REFUSED,
                                          .person = release->stranger ? NULL : release->token->request->person,
                                          .event = sent.event,
                                          .opening = opening,
                                          .cause = sent.whole};
    if (release->out_event) *release->out_event = sent.event;
    return log_world_append(world, &entry);
}
