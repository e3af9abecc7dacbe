#include "support/core/handler_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"
#include "broker/core/directory_box.h"
#include "broker/core/face_gate.h"
#include "broker/core/face_local.h"
#include "broker/core/mailbox.h"
#include "broker/core/mailroom.h"
#include "broker/core/portal/nonces.h"
#include "broker/core/schedule.h"
#include "keys/jws.h"
#include "proto/attestation.h"
#include "proto/derive.h"
#include "proto/key_grant.h"
#include "proto/msg_enrol.h"
#include "proto/msg_publish.h"
#include "proto/msg_release.h"
#include "proto/notice.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

#define CALL_ARENA_BYTES ((size_t)16 << 20)

/* ---- the rig ---- */

void rig_use_directory(struct rig *rig) { core_set_directory(&rig->parts.core, directory_ref(rig->fed->directory)); }

void rig_init(struct rig *rig, enum core_parts_engine engine) {
    core_parts_init(&rig->parts, engine);
    rig->fed = federation_new();
    rig->arena = arena_new((size_t)256 << 20);
    assert_non_null(rig->arena);
    struct core *core = &rig->parts.core;
    core->federation = FEDERATION_NAME;
    core->mailroom = mailroom_new(64, 4);
    core->nonces = nonces_new(FEDERATION_NAME);
    core->directory = directory_box_new(directory_ref(rig->fed->directory));
    assert_true(core->mailroom && core->nonces && core->directory);
}

void rig_clear(struct rig *rig) {
    struct core *core = &rig->parts.core;
    directory_box_free(core->directory);
    nonces_free(core->nonces);
    mailroom_free(core->mailroom);
    federation_free(rig->fed);
    arena_free(rig->arena);
    core_parts_clear(&rig->parts);
}

uint64_t rig_now_ms(const struct rig *rig) { return clock_now_ms(&rig->parts.clock); }

/* ---- a call's way ---- */

static enum status run_check(struct store_txn *txn, void *arg) {
    struct call *call = arg;
    bool identified = call->face == FACE_GATE && call->handler->apply && !(call->handler->flags & HANDLER_LEAFLESS);
    bool repeats = call->handler->flags & HANDLER_REPEATS;
    if (identified) {
        TRY(call_identify(call, txn, call->envelope.sender, &call->envelope.message, &call->envelope_hash));
        if (call->repeated && !repeats) return STATUS_OK;
    }
    return call->handler->check ? call->handler->check(call, txn) : STATUS_OK;
}

/* A call that fails must not have written anything: the engine would have to run the whole batch again. */
static enum status run_apply(struct store_txn *txn, void *arg) {
    struct call *call = arg;
    call->n_leaves = 0;
    enum status status = call->handler->apply(call, txn);
    if (status != STATUS_OK) assert_int_equal(store_txn_writes(txn), 0);
    return status;
}

static enum status default_answer(struct call *call, struct store_txn *txn) {
    struct msg_receipted receipted;
    if (call->n_leaves == 0 || call->face == FACE_PORTAL) return STATUS_OK;
    TRY(ledger_receipt(call->core->ledger, txn, call->leaves[0], call->arena, &receipted.receipt));
    return msg_receipted_encode(call->arena, &receipted, &call->answer_body);
}

static enum status run_answer(struct store_txn *txn, void *arg) {
    struct call *call = arg;
    return call->handler->answer ? call->handler->answer(call, txn) : default_answer(call, txn);
}

static enum status run_steps(struct rig *rig, struct call *call) {
    struct core *core = &rig->parts.core;
    TRY(store_read(core->store, run_check, call));
    bool repeated = call->repeated && !(call->handler->flags & HANDLER_REPEATS);
    if (repeated) {
        call->work = NULL;
        call->n_leaves = call->n_prior;
        memcpy(call->leaves, call->prior, sizeof call->leaves);
    } else if (call->handler->apply) {
        TRY(core_parts_batch(&rig->parts, run_apply, call));
        core_parts_sign(&rig->parts);
    } else {
        return STATUS_OK;
    }
    return store_read(core->store, run_answer, call);
}

/* Keeps what a test may look at beyond the call. */
static struct rig_answer finish(struct rig *rig, struct call *call, enum status status) {
    struct rig_answer answer = {.status = status,
                                .code = call->code != REPLY_DONE ? call->code : reply_code_of(status),
                                .clause = call->clause,
                                .http_status = call->http_status,
                                .n_leaves = call->n_leaves};
    memcpy(answer.leaves, call->leaves, sizeof answer.leaves);
    OK(arena_copy(rig->arena, call->answer_body, &answer.body));
    answer.nonce = call->nonce ? arena_string(rig->arena, call->nonce) : NULL;
    directory_unref(call->directory);
    arena_free(call->arena);
    return answer;
}

static void begin(struct rig *rig, enum face face, struct call *call) {
    *call = (struct call){.core = &rig->parts.core, .face = face, .arena = arena_new(CALL_ARENA_BYTES)};
    assert_non_null(call->arena);
    call->directory = core_directory(&rig->parts.core);
}

static enum status parse_body(struct call *call) {
    if (!call->handler->codec) return STATUS_OK;
    call->body = arena_alloc(call->arena, call->handler->body_bytes);
    return codec_parse(call->handler->codec, call->arena, NULL, call->envelope.body, call->body);
}

struct rig_answer rig_send_envelope(struct rig *rig, enum federation_unit unit, struct bytes envelope) {
    struct call call;
    begin(rig, FACE_GATE, &call);
    enum status status = face_gate_open_envelope(&call, rig->fed->members[rig->fed->units[unit].member].id, envelope);
    if (status == STATUS_OK && !call.handler) status = STATUS_UNSUPPORTED;
    if (status == STATUS_OK) status = parse_body(&call);
    if (status == STATUS_OK) status = run_steps(rig, &call);
    return finish(rig, &call, status);
}

struct bytes rig_envelope(struct rig *rig, enum federation_unit unit, enum message_type type, const void *message) {
    const struct handler *handler = dispatch_find(FACE_GATE, type);
    struct bytes body = BYTES_EMPTY;
    assert_non_null(handler);
    if (message) OK(codec_encode(handler->codec, rig->arena, message, &body));
    return federation_envelope(rig->fed, unit, type, body, rig_now_ms(rig), rig->arena);
}

struct rig_answer rig_send(struct rig *rig, enum federation_unit unit, enum message_type type, const void *message) {
    return rig_send_envelope(rig, unit, rig_envelope(rig, unit, type, message));
}

struct rig_answer rig_ask_as_is(struct rig *rig, const struct portal_ask *ask) {
    struct call call;
    struct bytes encoded;
    OK(internal_portal_ask_encode(rig->arena, ask, &encoded));
    begin(rig, FACE_PORTAL, &call);
    enum status status = face_portal_parse(&call, encoded);
    if (status == STATUS_OK && !call.handler) status = STATUS_UNSUPPORTED;
    if (status == STATUS_OK) status = run_steps(rig, &call);
    return finish(rig, &call, status);
}

struct due {
    struct rig *rig;
};

static enum status run_due(struct store_txn *txn, void *arg) {
    struct rig *rig = ((struct due *)arg)->rig;
    const struct schedule_row *rows = NULL;
    size_t count = 0;
    struct core *core = &rig->parts.core;
    TRY(schedule_due(core, txn, ledger_now_ms(core->ledger), SCHEDULE_DUE_MAX, rig->arena, &rows, &count));
    for (size_t i = 0; i < count; i++) {
        TRY(store_delete(txn, STORE_SCHEDULE, rows[i].key));
        schedule_fn *function = dispatch_schedule(rows[i].kind);
        if (function) TRY(function(core, txn, rows[i].slot, &rows[i].id, rig->arena));
    }
    return STATUS_OK;
}

void rig_run_due(struct rig *rig) {
    struct due due = {rig};
    OK(core_parts_batch(&rig->parts, run_due, &due));
    core_parts_sign(&rig->parts);
}

/* ---- people ---- */

void rig_person_init(struct rig *rig, struct rig_person *person, const struct hash *subject) {
    *person = (struct rig_person){.subject = *subject};
    OK(sign_generate(&person->sign));
    OK(seal_generate(&person->read));
    struct sign_public key = sign_public_of(person->sign);
    person->device = jws_thumbprint(&key);
    person->kid = jws_thumbprint_text(rig->arena, &key);
    assert_non_null(person->kid);
}

void rig_person_clear(struct rig_person *person) {
    sign_free(person->sign);
    seal_free(person->read);
}

struct portal_path {
    enum portal_op op;
    const char *method;
    const char *path; /* %s: the id */
};

static const struct portal_path paths[] = {
    {PORTAL_DEVICES_POST, "POST", "/v1/devices"},
    {PORTAL_DEVICES_GET, "GET", "/v1/devices"},
    {PORTAL_DEVICES_DELETE, "DELETE", "/v1/devices/%s"},
    {PORTAL_REQUESTS_GET, "GET", "/v1/requests"},
    {PORTAL_DECISION, "POST", "/v1/requests/%s/decision"},
    {PORTAL_READ_REQUEST, "POST", "/v1/read-requests"},
    {PORTAL_CONSENTS_GET, "GET", "/v1/consents"},
    {PORTAL_CONSENT_REVOKE, "POST", "/v1/consents/%s/revoke"},
    {PORTAL_CONSENT_SUSPEND, "POST", "/v1/consents/%s/suspend"},
    {PORTAL_CONSENT_RESUME, "POST", "/v1/consents/%s/resume"},
    {PORTAL_ACCESSES_GET, "GET", "/v1/accesses"},
    {PORTAL_PLAN_GET, "GET", "/v1/plan"},
    {PORTAL_RECEIPT, "GET", "/v1/consents/%s/receipt"},
};

static const struct portal_path *path_of(enum portal_op op) {
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (paths[i].op == op) return &paths[i];
    }
    fail_msg("no path for op %d", (int)op);
    return NULL;
}

/* The path with the id in place of %s. */
static const char *fill_path(struct rig *rig, const char *path, const char *id) {
    const char *place = strstr(path, "%s");
    const char *filled = !place ? path : arena_printf(rig->arena, "%.*s%s%s", (int)(place - path), path, id, place + 2);
    assert_non_null(filled);
    return filled;
}

struct bytes rig_proof(struct rig *rig, const struct rig_person *person, const char *method, const char *path) {
    struct sign_public key = sign_public_of(person->sign);
    struct id16 jti = ids_random();
    const char *x = text_base64url(rig->arena, BYTES_ARRAY(key.b));
    const char *nonce = nonces_issue(rig->parts.core.nonces, rig_now_ms(rig), rig->arena);
    const char *header = arena_printf(
        rig->arena,
        "{\"alg\":\"EdDSA\",\"jwk\":{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"},\"typ\":\"dpop+jwt\"}", x);
    const char *claims = arena_printf(
        rig->arena, "{\"htm\":\"%s\",\"htu\":\"" RIG_URL "%s\",\"iat\":%llu,\"jti\":\"%s\",\"nonce\":\"%s\"}", method,
        path, (unsigned long long)(rig_now_ms(rig) / 1000), ids_text(rig->arena, &jti), nonce);
    const char *compact = NULL;
    assert_true(header && claims);
    OK(jws_sign(person->sign, header, bytes_text(claims), rig->arena, &compact));
    return bytes_text(compact);
}

struct rig_answer rig_ask(struct rig *rig, const struct rig_person *person, enum portal_op op, const char *id,
                          const char *body) {
    const struct portal_path *row = path_of(op);
    const char *path = fill_path(rig, row->path, id);
    const struct portal_ask ask = {
        .op = op,
        .method = row->method,
        .url = arena_printf(rig->arena, RIG_URL "%s", path),
        .proof = rig_proof(rig, person, row->method, path),
        .id = id ? bytes_text(id) : BYTES_EMPTY,
        .body = body ? bytes_text(body) : BYTES_EMPTY,
    };
    return rig_ask_as_is(rig, &ask);
}

static struct bytes attestation_for(struct rig *rig, const struct rig_person *person, const struct id16 *enrolment,
                                    struct bytes registration, bool others_lost) {
    const struct attestation attestation = {
        .version = 1,
        .federation = FEDERATION_NAME,
        .member = FEDERATION_SERVICE,
        .subject = person->subject,
        .sign_key = sign_public_of(person->sign),
        .read_key = seal_public_of(person->read),
        .assurance = ASSURANCE_SUBSTANTIAL,
        .how = "e-ID",
        .enrolment = *enrolment,
        .registration_hash = hash_sha256(registration),
        .time_ms = rig_now_ms(rig),
        .others_lost = others_lost,
    };
    struct bytes body;
    struct bytes whole;
    OK(attestation_encode(rig->arena, &attestation, &body));
    OK(signed_make(rig->arena, SIGNED_ATTESTATION, FEDERATION_NAME, body, rig->fed->members[MEMBER_SERVICE].sign,
                   &whole));
    return whole;
}

struct rig_answer rig_enrol(struct rig *rig, struct rig_person *person, bool others_lost) {
    static const uint8_t secret[16] = {1, 2, 3};
    struct seal_public read_key = seal_public_of(person->read);
    struct bytes registration;
    const struct msg_open_enrolment open = {.enrolment = ids_random(), .expires_ms = rig_now_ms(rig) + 600000};
    RIG_DONE(rig_send(rig, UNIT_GUIDANCE, MESSAGE_OPEN_ENROLMENT, &open));
    OK(registration_make(rig->arena, FEDERATION_NAME, &open.enrolment, secret, person->sign, &read_key, rig_now_ms(rig),
                         &registration));
    const char *body =
        arena_printf(rig->arena, "{\"registration\":\"%.*s\"}", (int)registration.len, (const char *)registration.data);
    struct rig_answer pending = rig_ask(rig, person, PORTAL_DEVICES_POST, NULL, body);
    RIG_DONE(pending);
    assert_int_equal(pending.http_status, 202);
    const struct msg_attest attest = {attestation_for(rig, person, &open.enrolment, registration, others_lost)};
    return rig_send(rig, UNIT_GUIDANCE, MESSAGE_ATTEST, &attest);
}

const char *rig_statement(struct rig *rig, struct rig_person *person, struct statement statement) {
    struct bytes compact;
    statement.subject = person->subject;
    if (ids_is_zero(&statement.jti)) statement.jti = ids_random();
    if (!statement.iat_s) statement.iat_s = rig_now_ms(rig) / 1000;
    statement.prev = person->prev;
    OK(statement_make(rig->arena, FEDERATION_NAME, &statement, person->sign, &compact));
    struct hash hash = hash_sha256(compact);
    OK(arena_copy(rig->arena, hash_bytes(&hash), &person->prev));
    const char *body =
        arena_printf(rig->arena, "{\"statement\":\"%.*s\"}", (int)compact.len, (const char *)compact.data);
    assert_non_null(body);
    return body;
}

struct rig_answer rig_state(struct rig *rig, struct rig_person *person, enum portal_op op, const char *id,
                            struct statement statement) {
    struct rig_answer answer = rig_ask(rig, person, op, id, rig_statement(rig, person, statement));
    RIG_DONE(answer);
    return answer;
}

/* ---- fragments ---- */

static void fragment_sign(struct rig *rig, struct rig_fragment *fragment) {
    struct fragment_header header = {.ciphertext_len = fragment->ciphertext.len,
                                     .ciphertext_hash = hash_sha256(fragment->ciphertext)};
    struct bytes body;
    secret_random_public(fragment->core.random, sizeof fragment->core.random);
    OK(fragment_header_core_encode(rig->arena, &fragment->core, &header.core));
    OK(fragment_header_encode(rig->arena, &header, &body));
    const struct federation_unit_keys *unit = &rig->fed->units[fragment->unit];
    OK(signed_make(rig->arena, SIGNED_HEADER, FEDERATION_NAME, body, rig->fed->members[unit->member].sign,
                   &fragment->header));
    fragment->header_hash = hash_sha256(fragment->header);
}

struct rig_fragment rig_fragment_make(struct rig *rig, enum federation_unit unit, const struct hash *subject,
                                      enum kind kind, size_t ciphertext_len) {
    struct rig_fragment fragment = {.unit = unit};
    uint8_t *ciphertext = arena_alloc(rig->arena, ciphertext_len);
    assert_non_null(ciphertext);
    secret_random_public(ciphertext, ciphertext_len);
    fragment.ciphertext = BYTES(ciphertext, ciphertext_len);
    fragment.core = (struct fragment_core){
        .version = 1,
        .fragment = ids_random(),
        .revision = 1,
        .subject = *subject,
        .source = rig->fed->units[unit].id,
        .kind = kind,
        .created_ms = rig_now_ms(rig),
        .media_type = "application/json",
        .schema = 1,
    };
    fragment_sign(rig, &fragment);
    return fragment;
}

struct rig_fragment rig_fragment_next(struct rig *rig, const struct rig_fragment *before) {
    struct rig_fragment next = *before;
    next.core.revision++;
    OK(arena_copy(rig->arena, hash_bytes(&before->header_hash), &next.core.replaces));
    fragment_sign(rig, &next);
    return next;
}

struct rig_answer rig_publish(struct rig *rig, const struct rig_fragment *fragment) {
    const struct msg_publish message = {.header = fragment->header, .ciphertext = fragment->ciphertext};
    return rig_send(rig, fragment->unit, MESSAGE_PUBLISH, &message);
}

/* ---- requests and consents ---- */

void rig_request_sign(struct rig *rig, struct rig_request *request) {
    struct bytes body;
    const struct federation_unit_keys *unit = &rig->fed->units[request->unit];
    OK(consent_request_encode(rig->arena, &request->request, &body));
    OK(signed_make(rig->arena, SIGNED_REQUEST, FEDERATION_NAME, body, rig->fed->members[unit->member].sign,
                   &request->whole));
    request->hash = hash_sha256(request->whole);
}

struct rig_request rig_request_make(struct rig *rig, enum federation_unit unit, const struct hash *subject,
                                    const enum federation_unit *sources, size_t n_sources, enum access access) {
    static const uint32_t kinds[] = {KIND_GOAL, KIND_ACTIVITY};
    struct rig_request request = {.unit = unit, .n_sources = n_sources};
    struct hash *commitments = ARENA_ARRAY(rig->arena, struct hash, n_sources);
    assert_true(commitments && n_sources <= 4);
    for (size_t i = 0; i < n_sources; i++) {
        request.salts[i].unit = rig->fed->units[sources[i]].id;
        secret_random_public(request.salts[i].salt.b, sizeof request.salts[i].salt.b);
        commitments[i] = derive_source_commitment(FEDERATION_NAME, request.salts[i].unit, &request.salts[i].salt);
    }
    request.request = (struct consent_request){
        .version = 1,
        .federation = FEDERATION_NAME,
        .request = ids_random(),
        .subject = *subject,
        .recipient = rig->fed->units[unit].id,
        .purpose = FEDERATION_PURPOSE,
        .kinds = kinds,
        .n_kinds = 2,
        .sources = commitments,
        .n_sources = n_sources,
        .duration_s = 30 * 86400,
        .access = access,
        .basis = BASIS_SECRECY_WAIVER,
        .created_ms = rig_now_ms(rig),
        .expires_ms = rig_now_ms(rig) + 86400000,
    };
    rig_request_sign(rig, &request);
    return request;
}

struct rig_answer rig_request_send(struct rig *rig, const struct rig_request *request) {
    const struct msg_request_consent message = {
        .request = request->whole, .sources = request->salts, .n_sources = request->n_sources};
    return rig_send(rig, request->unit, MESSAGE_REQUEST_CONSENT, &message);
}

static int compare_units(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void rig_consent_notice(struct rig *rig, struct rig_consent *consent) {
    const char *sources[4];
    struct bytes text;
    for (size_t i = 0; i < consent->n_tokens; i++) {
        sources[i] = consent->tokens[i].from;
    }
    qsort(sources, consent->n_tokens, sizeof sources[0], compare_units);
    OK(notice_make(rig->arena, "en", rig->fed->directory, &consent->tokens[0], sources, consent->n_tokens, &text));
    for (size_t i = 0; i < consent->n_tokens; i++) {
        consent->tokens[i].notice = hash_sha256(text);
    }
}

void rig_consent_sign(struct rig *rig, const struct rig_person *person, struct rig_consent *consent) {
    for (size_t i = 0; i < consent->n_tokens; i++) {
        consent->tokens[i].device = person->device;
        OK(token_make(rig->arena, FEDERATION_NAME, &consent->tokens[i], person->sign, &consent->compact[i]));
        consent->tokens[i].compact = consent->compact[i];
    }
}

struct rig_consent rig_consent_make(struct rig *rig, const struct rig_person *person,
                                    const struct rig_request *request) {
    struct rig_consent consent = {.n_tokens = request->n_sources, .code = ids_random()};
    const uint64_t now_s = rig_now_ms(rig) / 1000;
    const struct id16 id = ids_random();
    for (size_t i = 0; i < request->n_sources; i++) {
        struct token token = {
            .subject = person->subject,
            .jti = ids_random(),
            .consent = id,
            .iat_s = now_s,
            .nbf_s = now_s,
            .exp_s = now_s + request->request.duration_s,
            .to = request->request.recipient,
            .from = request->salts[i].unit,
            .n_kinds = request->request.n_kinds,
            .purpose = request->request.purpose,
            .access = request->request.access,
            .basis = request->request.basis,
            .request = request->hash,
            .notice_lang = "en",
            .rev = derive_code_hash(FEDERATION_NAME, &consent.code),
        };
        memcpy(token.kinds, request->request.kinds, request->request.n_kinds * sizeof token.kinds[0]);
        consent.tokens[i] = token;
    }
    rig_consent_notice(rig, &consent);
    rig_consent_sign(rig, person, &consent);
    return consent;
}

struct rig_answer rig_consent_send(struct rig *rig, const struct rig_person *person, const struct rig_request *request,
                                   const struct rig_consent *consent) {
    const char *list = "";
    for (size_t i = 0; i < consent->n_tokens; i++) {
        list = arena_printf(rig->arena, "%s%s\"%.*s\"", list, i ? "," : "", (int)consent->compact[i].len,
                            (const char *)consent->compact[i].data);
    }
    const char *body = arena_printf(rig->arena, "{\"tokens\":[%s]}", list);
    return rig_ask(rig, person, PORTAL_DECISION, ids_text(rig->arena, &request->request.request), body);
}

/* ---- grants and releases ---- */

struct bytes rig_state_statement(struct rig *rig, const struct id16 *token, enum consent_state state,
                                 uint64_t time_ms) {
    const struct state_statement statement = {.version = 1,
                                              .federation = FEDERATION_NAME,
                                              .token = *token,
                                              .state = state,
                                              .tree_size = rig_leaves(rig),
                                              .time_ms = time_ms};
    struct bytes body;
    struct bytes whole;
    OK(state_statement_encode(rig->arena, &statement, &body));
    OK(signed_make(rig->arena, SIGNED_STATE, FEDERATION_NAME, body, rig->fed->status_key, &whole));
    return whole;
}

struct key_grant rig_grant_fill(struct rig *rig, const struct token *token, const struct rig_fragment *fragment) {
    struct seal_public key;
    struct key_grant grant = {
        .version = 1,
        .federation = FEDERATION_NAME,
        .token = BYTES(token->jti.b, sizeof token->jti.b),
        .fragment = fragment->core.fragment,
        .revision = fragment->core.revision,
        .kind = fragment->core.kind,
        .purpose = token->purpose,
        .header_hash = fragment->header_hash,
        .recipient = token->to,
        .state = rig_state_statement(rig, &token->jti, CONSENT_ACTIVE, rig_now_ms(rig)),
    };
    OK(directory_seal_key(rig->fed->directory, token->to, &key, &grant.recipient_key_id));
    secret_random_public(grant.enc, sizeof grant.enc);
    secret_random_public(grant.sealed, sizeof grant.sealed);
    return grant;
}

struct bytes rig_grant_sign(struct rig *rig, enum federation_unit unit, const struct key_grant *grant) {
    struct bytes body;
    struct bytes whole;
    OK(key_grant_encode(rig->arena, grant, &body));
    OK(signed_make(rig->arena, SIGNED_GRANT, FEDERATION_NAME, body,
                   rig->fed->members[rig->fed->units[unit].member].sign, &whole));
    return whole;
}

struct rig_answer rig_grant(struct rig *rig, const struct token *token, const struct rig_fragment *fragment) {
    struct key_grant grant = rig_grant_fill(rig, token, fragment);
    struct bytes whole = rig_grant_sign(rig, fragment->unit, &grant);
    struct rig_answer answer =
        rig_send(rig, fragment->unit, MESSAGE_UPLOAD_GRANTS, &(struct msg_upload_grants){&whole, 1});
    struct msg_uploaded_grants uploaded;
    RIG_DONE(answer);
    OK(msg_uploaded_grants_parse(rig->arena, answer.body, &uploaded));
    assert_int_equal(uploaded.n_clauses, 1);
    assert_int_equal(uploaded.clauses[0], RULE_PASS);
    return answer;
}

struct rig_answer rig_release(struct rig *rig, enum federation_unit unit, const struct token *token) {
    const struct msg_release message = {
        .token = token->jti,
        .purpose = token->purpose,
        .kinds = token->kinds,
        .n_kinds = token->n_kinds,
        .most = 64,
    };
    return rig_send(rig, unit, MESSAGE_RELEASE, &message);
}

/* Ten from the end stands a part of the signature in both forms. */
struct bytes rig_forge(struct rig *rig, struct bytes whole) {
    uint8_t *bytes = arena_alloc(rig->arena, whole.len);
    assert_non_null(bytes);
    memcpy(bytes, whole.data, whole.len);
    bool compact = whole.len > 2 && bytes[0] == 'e' && bytes[1] == 'y';
    uint8_t *at = &bytes[whole.len - 10];
    *at = compact ? (*at == 'A' ? 'B' : 'A') : (uint8_t)(*at ^ 1);
    return BYTES(bytes, whole.len);
}

/* ---- looking ---- */

uint64_t rig_leaves(const struct rig *rig) { return ledger_size(rig->parts.core.ledger); }

struct look {
    struct rig *rig;
    uint64_t index;
    struct ledger_leaf leaf;
    const char *member;
    const struct msg_mail_event *events;
    size_t n_events;
};

static enum status read_leaf(struct store_txn *txn, void *arg) {
    struct look *look = arg;
    return ledger_read(look->rig->parts.core.ledger, txn, look->index, look->rig->arena, &look->leaf);
}

struct opening rig_opening(struct rig *rig, uint64_t index, bool *out_slot) {
    struct look look = {.rig = rig, .index = index};
    struct opening opening;
    OK(store_read(rig->parts.core.store, read_leaf, &look));
    OK(leaf_opening_parse(rig->arena, look.leaf.opening, &opening));
    if (out_slot) *out_slot = look.leaf.slot != LEDGER_NO_SLOT;
    return opening;
}

static enum status read_mail(struct store_txn *txn, void *arg) {
    struct look *look = arg;
    return mailbox_list(&look->rig->parts.core, txn, look->member, 0, 64, look->rig->arena, &look->events,
                        &look->n_events);
}

size_t rig_mail(struct rig *rig, enum federation_unit unit, enum event_type type, const struct msg_mail_event **out) {
    const struct federation_unit_keys *keys = &rig->fed->units[unit];
    struct look look = {.rig = rig, .member = rig->fed->members[keys->member].id};
    size_t count = 0;
    OK(store_read(rig->parts.core.store, read_mail, &look));
    for (size_t i = 0; i < look.n_events; i++) {
        if (look.events[i].type != type || strcmp(look.events[i].unit, keys->id) != 0) continue;
        if (out) *out = &look.events[i];
        count++;
    }
    return count;
}
