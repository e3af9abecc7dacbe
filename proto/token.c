/*
 * Parsing is strict in both directions: every member must be there, no other may be, lists are sorted without
 * repetition. What a parsed token says is not yet to be believed.
 */
#include "proto/token.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "proto/claims.h"
#include "proto/derive.h"
#include "proto/kind.h"
#include "proto/limits.h"

#define TOKEN_TYP    "consent+jwt"
#define TOKEN_DETAIL "urn:sluss:plan-fragment:1"

static enum status copy_text(struct arena *arena, const json_t *object, const char *name, const char **out_text) {
    const char *text = NULL;
    TRY(json_get_text(object, name, &text));
    char *copy = arena_string(arena, text);
    ENSURE(copy, STATUS_MEMORY);
    *out_text = copy;
    return STATUS_OK;
}

static enum status parse_kinds(const json_t *detail, struct token *token) {
    const json_t *list = json_object_get(detail, "kinds");
    size_t count = json_array_size(list);
    ENSURE(json_is_array(list) && count > 0 && count <= sizeof token->kinds / sizeof token->kinds[0], STATUS_MALFORMED);
    const char *before = "";
    uint32_t mask = 0;
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        ENSURE(name && strcmp(before, name) < 0, STATUS_MALFORMED);
        enum kind kind = KIND_NONE;
        TRY(kind_from_name(bytes_text(name), &kind));
        mask |= 1U << kind;
        before = name;
    }
    token->n_kinds = 0;
    for (uint32_t kind = 1; kind < 32; kind++) {
        if (mask & (1U << kind)) token->kinds[token->n_kinds++] = kind;
    }
    return STATUS_OK;
}

static enum status check_fixed_members(const json_t *detail) {
    const char *type = NULL;
    TRY(json_get_text(detail, "type", &type));
    ENSURE(strcmp(type, TOKEN_DETAIL) == 0, STATUS_MALFORMED);
    const json_t *actions = json_object_get(detail, "actions");
    ENSURE(json_is_array(actions) && json_array_size(actions) == 1, STATUS_MALFORMED);
    const char *action = json_string_value(json_array_get(actions, 0));
    ENSURE(action && strcmp(action, "read") == 0, STATUS_MALFORMED);
    return STATUS_OK;
}

static enum status parse_detail(struct arena *arena, const json_t *payload, struct token *token) {
    static const char *const members[] = {"type", "to", "from", "kinds", "actions", "purpose", "access", NULL};
    const json_t *details = json_object_get(payload, "authorization_details");
    ENSURE(json_is_array(details) && json_array_size(details) == 1, STATUS_MALFORMED);
    const json_t *detail = json_array_get(details, 0);
    ENSURE(json_is_object(detail), STATUS_MALFORMED);
    TRY(json_only(detail, members));
    TRY(check_fixed_members(detail));
    TRY(parse_kinds(detail, token));
    TRY(copy_text(arena, detail, "to", &token->to));
    TRY(copy_text(arena, detail, "from", &token->from));
    TRY(copy_text(arena, detail, "purpose", &token->purpose));
    ENSURE(ids_is_unit(bytes_text(token->to)) && ids_is_unit(bytes_text(token->from)), STATUS_MALFORMED);
    ENSURE(ids_is_code(bytes_text(token->purpose)), STATUS_MALFORMED);
    const char *access = NULL;
    TRY(json_get_text(detail, "access", &access));
    return consent_request_access_from(bytes_text(access), &token->access);
}

static enum status parse_notice(struct arena *arena, const json_t *payload, struct token *token) {
    static const char *const members[] = {"lang", "sha256", NULL};
    const json_t *notice = json_object_get(payload, "notice");
    ENSURE(json_is_object(notice), STATUS_MALFORMED);
    TRY(json_only(notice, members));
    TRY(copy_text(arena, notice, "lang", &token->notice_lang));
    ENSURE(claims_is_lang(token->notice_lang), STATUS_MALFORMED);
    return json_get_fixed(notice, "sha256", token->notice.b, sizeof token->notice.b);
}

static enum status parse_times(const json_t *payload, struct token *token) {
    TRY(claims_time(payload, "iat", &token->iat_s));
    TRY(claims_time(payload, "nbf", &token->nbf_s));
    TRY(claims_time(payload, "exp", &token->exp_s));
    ENSURE(token->nbf_s < token->exp_s, STATUS_MALFORMED);
    return STATUS_OK;
}

static enum status parse_payload(struct arena *arena, const json_t *payload, struct token *token) {
    static const char *const members[] = {
        "iss",   "sub",     "aud",    "jti", "consent", "iat", "nbf", "exp", "authorization_details",
        "basis", "request", "notice", "rev", NULL};
    TRY(json_only(payload, members));
    TRY(json_get_fixed(payload, "sub", token->subject.b, sizeof token->subject.b));
    TRY(json_get_fixed(payload, "jti", token->jti.b, sizeof token->jti.b));
    TRY(json_get_fixed(payload, "consent", token->consent.b, sizeof token->consent.b));
    TRY(json_get_fixed(payload, "request", token->request.b, sizeof token->request.b));
    TRY(json_get_fixed(payload, "rev", token->rev.b, sizeof token->rev.b));
    TRY(parse_times(payload, token));
    const char *basis = NULL;
    TRY(json_get_text(payload, "basis", &basis));
    TRY(consent_request_basis_from(bytes_text(basis), &token->basis));
    TRY(parse_notice(arena, payload, token));
    return parse_detail(arena, payload, token);
}

enum status token_parse(struct arena *arena, const char *federation, struct bytes compact, struct token *out_token) {
    struct claims claims;
    TRY(claims_parse(arena, compact, TOKEN_MAX_BYTES, TOKEN_TYP, &claims));
    json_t *payload CLEANUP(json_cleanup) = claims.payload;
    TRY(claims_check_parties(&claims, federation));
    struct token token = {.device = claims.kid};
    TRY(parse_payload(arena, payload, &token));
    TRY(arena_copy(arena, compact, &token.compact));
    *out_token = token;
    return STATUS_OK;
}

enum status token_verify(const struct token *token, const struct sign_public *key) {
    return claims_verify(token->compact, &token->device, key);
}

/* Kind numbers are not in the order of their names; claims want names in order. */
static json_t *kinds_by_name(const struct token *token) {
    json_t *list = json_array();
    const char *before = "";
    for (size_t written = 0; list && written < token->n_kinds; written++) {
        const char *next = NULL;
        for (size_t i = 0; i < token->n_kinds; i++) {
            const char *name = kind_name((enum kind)token->kinds[i]);
            if (name && strcmp(name, before) > 0 && (!next || strcmp(name, next) < 0)) next = name;
        }
        if (!next) break;
        (void)json_array_append_new(list, json_string(next));
        before = next;
    }
    return list;
}

static json_t *detail_json(const struct token *token) {
    const char *access = consent_request_access_name(token->access);
    if (!access) return NULL;
    return json_pack("[{s:s, s:s, s:s, s:o, s:[s], s:s, s:s}]", "type", TOKEN_DETAIL, "to", token->to, "from",
                     token->from, "kinds", kinds_by_name(token), "actions", "read", "purpose", token->purpose, "access",
                     access);
}

static enum status fill_payload(json_t *payload, const struct token *token) {
    const char *basis = consent_request_basis_name(token->basis);
    ENSURE(basis, STATUS_INVALID);
    TRY(json_set_bytes(payload, "sub", hash_bytes(&token->subject)));
    TRY(json_set_bytes(payload, "jti", BYTES_ARRAY(token->jti.b)));
    TRY(json_set_bytes(payload, "consent", BYTES_ARRAY(token->consent.b)));
    TRY(json_set_bytes(payload, "request", hash_bytes(&token->request)));
    TRY(json_set_bytes(payload, "rev", hash_bytes(&token->rev)));
    json_t *notice = json_pack("{s:s}", "lang", token->notice_lang);
    ENSURE(notice, STATUS_INVALID);
    int failed = json_object_set_new(payload, "notice", notice);
    ENSURE(!failed, STATUS_MEMORY);
    TRY(json_set_bytes(notice, "sha256", hash_bytes(&token->notice)));
    failed |= json_object_set_new(payload, "iat", json_integer((json_int_t)token->iat_s));
    failed |= json_object_set_new(payload, "nbf", json_integer((json_int_t)token->nbf_s));
    failed |= json_object_set_new(payload, "exp", json_integer((json_int_t)token->exp_s));
    failed |= json_object_set_new(payload, "basis", json_string(basis));
    failed |= json_object_set_new(payload, "authorization_details", detail_json(token));
    return failed ? STATUS_INVALID : STATUS_OK;
}

enum status token_make(struct arena *arena, const char *federation, const struct token *token,
                       const struct sign_private *key, struct bytes *out_compact) {
    struct sign_public public_key = sign_public_of(key);
    struct hash device = jws_thumbprint(&public_key);
    json_t *payload CLEANUP(json_cleanup) = claims_new(&device, federation);
    ENSURE(payload, STATUS_MEMORY);
    TRY(fill_payload(payload, token));
    struct bytes compact;
    struct token parsed;
    TRY(claims_sign(arena, TOKEN_TYP, payload, key, &compact));
    TRY(token_parse(arena, federation, compact, &parsed));
    *out_compact = compact;
    return STATUS_OK;
}

static bool kinds_within(const struct token *token, const struct consent_request *request) {
    for (size_t i = 0; i < token->n_kinds; i++) {
        bool found = false;
        for (size_t k = 0; k < request->n_kinds; k++) {
            found = found || request->kinds[k] == token->kinds[i];
        }
        if (!found) return false;
    }
    return true;
}

static bool source_within(const char *federation, const struct token *token, const struct consent_request *request,
                          const struct hash *salt) {
    struct hash commitment = derive_source_commitment(federation, token->from, salt);
    for (size_t i = 0; i < request->n_sources; i++) {
        if (hash_equal(&request->sources[i], &commitment)) return true;
    }
    return false;
}

static bool times_within(const struct token *token, const struct consent_request *request) {
    if (token->exp_s - token->nbf_s > request->duration_s) return false;
    return token->nbf_s + LIMIT_IAT_SKEW_S >= token->iat_s && token->nbf_s <= token->iat_s + request->duration_s;
}

enum status token_within(const char *federation, const struct token *token, const struct consent_request *request,
                         const struct hash *request_hash, const struct hash *salt) {
    ENSURE(hash_equal(&token->request, request_hash), STATUS_INVALID);
    ENSURE(hash_equal(&token->subject, &request->subject), STATUS_INVALID);
    ENSURE(strcmp(token->to, request->recipient) == 0, STATUS_INVALID);
    ENSURE(strcmp(token->purpose, request->purpose) == 0, STATUS_INVALID);
    ENSURE(token->basis == request->basis, STATUS_INVALID);
    ENSURE(token->access == request->access || token->access == ACCESS_ONCE, STATUS_INVALID);
    ENSURE(kinds_within(token, request), STATUS_INVALID);
    ENSURE(times_within(token, request), STATUS_INVALID);
    ENSURE(source_within(federation, token, request, salt), STATUS_INVALID);
    return STATUS_OK;
}

enum status token_fresh(const struct token *token, uint64_t at_ms) { return claims_fresh(token->iat_s, at_ms); }

static bool same_scope(const struct token *a, const struct token *b) {
    if (a->n_kinds != b->n_kinds || a->access != b->access || a->basis != b->basis) return false;
    for (size_t i = 0; i < a->n_kinds; i++) {
        if (a->kinds[i] != b->kinds[i]) return false;
    }
    return strcmp(a->to, b->to) == 0 && strcmp(a->purpose, b->purpose) == 0 &&
           strcmp(a->notice_lang, b->notice_lang) == 0;
}

bool token_same_decision(const struct token *a, const struct token *b) {
    return hash_equal(&a->device, &b->device) && hash_equal(&a->subject, &b->subject) &&
           hash_equal(&a->request, &b->request) && hash_equal(&a->rev, &b->rev) && hash_equal(&a->notice, &b->notice) &&
           bytes_equal(BYTES_ARRAY(a->consent.b), BYTES_ARRAY(b->consent.b)) && a->iat_s == b->iat_s &&
           a->nbf_s == b->nbf_s && a->exp_s == b->exp_s && same_scope(a, b);
}
