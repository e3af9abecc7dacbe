/*
 * Owns nothing; everything lives in the leaf's arena. Trusts nothing: an object that does not parse is a finding and
 * stays NULL.
 */
#include "broker/audit/material.h"

#include <string.h>

#include "keys/aead.h"
#include "proto/derive.h"

#define CODE_BYTES 16

struct reading {
    const struct prepare *prepare;
    const struct bundle *bundle;
    struct audit_leaf *leaf;
    struct audit_material *material;
};

/* What is wrong with the bytes becomes a finding; what is the machine's fault is returned. */
static enum status fault(struct reading *reading, enum status status, const char *text) {
    ENSURE(status != STATUS_MEMORY && status != STATUS_CRYPTO, status);
    return audit_leaf_note(reading->leaf, FINDING_EVIDENCE_FORM, text);
}

/* ---- evidence by hash ---- */

static enum status open_item(struct reading *reading, const struct evidence_item *item, struct bytes *out_content) {
    *out_content = item->content;
    if (item->slot == 0) return STATUS_OK;
    const struct secret *key = slot_keys_get(reading->prepare->keys, item->slot - 1);
    ENSURE(key, STATUS_PROOF);
    struct bytes aad;
    TRY(derive_evidence_aad(reading->leaf->arena, reading->prepare->federation, &item->hash, &aad));
    return aead_open(key, aad, item->content, reading->leaf->arena, out_content);
}

/* out_content->data stays NULL when it is not there or altered, which are findings; missing is the text for the first,
 * or NULL where that is none. */
static enum status evidence(struct reading *reading, const struct hash *hash, const char *missing,
                            struct bytes *out_content) {
    const struct evidence_item *item = bundle_evidence(reading->bundle, hash, reading->leaf->slot);
    *out_content = BYTES_EMPTY;
    if (!item) return missing ? audit_leaf_note(reading->leaf, FINDING_EVIDENCE_MISSING, missing) : STATUS_OK;
    struct bytes content;
    enum status status = open_item(reading, item, &content);
    ENSURE(status != STATUS_MEMORY && status != STATUS_CRYPTO, status);
    struct hash actual = {{0}};
    if (status == STATUS_OK) actual = hash_sha256(content);
    if (status != STATUS_OK || !hash_equal(&actual, hash)) {
        return audit_leaf_note(reading->leaf, FINDING_EVIDENCE_ALTERED,
                               "a piece of evidence is not what its hash says");
    }
    *out_content = content;
    return STATUS_OK;
}

/* ---- objects ---- */

static enum status take_apart(struct reading *reading, struct bytes whole, struct audit_signed *out) {
    TRY(signed_parse(reading->leaf->arena, whole, &out->object));
    out->hash = hash_sha256(whole);
    return STATUS_OK;
}

struct message_row {
    enum message_type type;
    const struct codec *codec;
};

static const struct codec *message_codec(enum message_type type) {
    static const struct message_row rows[] = {
        {MESSAGE_RELEASE, &msg_release_codec},
        {MESSAGE_WITHDRAW, &msg_withdraw_codec},
        {MESSAGE_REQUEST_CONSENT, &msg_request_consent_codec},
        {MESSAGE_UPLOAD_GRANTS, &msg_upload_grants_codec},
        {MESSAGE_PUBLISH, &msg_publish_codec},
        {MESSAGE_REVOKE, &msg_revoke_codec},
        {MESSAGE_ACKNOWLEDGE, &msg_acknowledge_codec},
        {MESSAGE_ATTEST, &msg_attest_codec},
        {MESSAGE_ERASE, &msg_erase_codec},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].type == type) return rows[i].codec;
    }
    return NULL;
}

static enum status read_envelope(struct reading *reading, struct bytes whole) {
    struct arena *arena = reading->leaf->arena;
    struct audit_signed *outer = ARENA_NEW(arena, struct audit_signed);
    struct envelope *envelope = ARENA_NEW(arena, struct envelope);
    union audit_message *message = ARENA_NEW(arena, union audit_message);
    ENSURE(outer && envelope && message, STATUS_MEMORY);
    TRY(take_apart(reading, whole, outer));
    TRY(codec_parse(&envelope_codec, arena, reading->prepare->federation, outer->object.body, envelope));
    const struct codec *codec = message_codec(envelope->type);
    ENSURE(codec, STATUS_UNSUPPORTED);
    TRY(codec_parse(codec, arena, NULL, envelope->body, message));
    reading->material->envelope_signed = outer;
    reading->material->envelope = envelope;
    reading->material->message = message;
    return STATUS_OK;
}

static enum status read_header(struct reading *reading, struct bytes whole) {
    struct audit_signed *outer = ARENA_NEW(reading->leaf->arena, struct audit_signed);
    struct fragment_signed *header = ARENA_NEW(reading->leaf->arena, struct fragment_signed);
    ENSURE(outer && header, STATUS_MEMORY);
    TRY(fragment_header_split(reading->leaf->arena, whole, header));
    outer->object = header->object;
    outer->hash = header->hash;
    reading->material->header_signed = outer;
    reading->material->header = header;
    return STATUS_OK;
}

static enum status read_request(struct reading *reading, struct bytes whole) {
    struct arena *arena = reading->leaf->arena;
    struct audit_signed *outer = ARENA_NEW(arena, struct audit_signed);
    struct consent_request *request = ARENA_NEW(arena, struct consent_request);
    ENSURE(outer && request, STATUS_MEMORY);
    TRY(take_apart(reading, whole, outer));
    TRY(consent_request_parse(arena, reading->prepare->federation, outer->object.body, request));
    reading->material->request_signed = outer;
    reading->material->request = request;
    return STATUS_OK;
}

static enum status read_attestation(struct reading *reading, struct bytes whole) {
    struct arena *arena = reading->leaf->arena;
    struct audit_signed *outer = ARENA_NEW(arena, struct audit_signed);
    struct attestation *attestation = ARENA_NEW(arena, struct attestation);
    ENSURE(outer && attestation, STATUS_MEMORY);
    TRY(take_apart(reading, whole, outer));
    TRY(attestation_parse(arena, reading->prepare->federation, outer->object.body, attestation));
    reading->material->attestation_signed = outer;
    reading->material->attestation = attestation;
    return STATUS_OK;
}

static enum status read_registration(struct reading *reading, struct bytes compact) {
    struct registration *registration = ARENA_NEW(reading->leaf->arena, struct registration);
    ENSURE(registration, STATUS_MEMORY);
    reading->leaf->signatures++;
    TRY(registration_parse(reading->leaf->arena, reading->prepare->federation, compact, registration));
    reading->material->registration = registration;
    return STATUS_OK;
}

static enum status read_token(struct reading *reading, struct bytes compact) {
    struct token *token = ARENA_NEW(reading->leaf->arena, struct token);
    ENSURE(token, STATUS_MEMORY);
    TRY(token_parse(reading->leaf->arena, reading->prepare->federation, compact, token));
    reading->material->token = token;
    return STATUS_OK;
}

static enum status read_statement(struct reading *reading, struct bytes compact) {
    struct statement *statement = ARENA_NEW(reading->leaf->arena, struct statement);
    ENSURE(statement, STATUS_MEMORY);
    TRY(statement_parse(reading->leaf->arena, reading->prepare->federation, compact, statement));
    reading->material->statement = statement;
    return STATUS_OK;
}

static enum status read_notice(struct reading *reading, struct bytes text) {
    reading->material->notice = text;
    return STATUS_OK;
}

static enum status read_salt(struct reading *reading, struct bytes content) {
    struct msg_source_salt *salt = ARENA_NEW(reading->leaf->arena, struct msg_source_salt);
    ENSURE(salt, STATUS_MEMORY);
    TRY(msg_source_salt_parse(reading->leaf->arena, content, salt));
    reading->material->salt = salt;
    return STATUS_OK;
}

static enum status read_code(struct reading *reading, struct bytes content) {
    struct id16 *code = ARENA_NEW(reading->leaf->arena, struct id16);
    ENSURE(code, STATUS_MEMORY);
    TRY(ids_from_bytes(content, code));
    reading->material->code = code;
    return STATUS_OK;
}

/* What may end or change a consent tells itself apart by its form: a code, a JWS, an envelope. */
static enum status read_order(struct reading *reading, struct bytes content) {
    if (content.len == CODE_BYTES) return read_code(reading, content);
    bool compact = content.len > 2 && content.data[0] == 'e' && content.data[1] == 'y';
    return compact ? read_statement(reading, content) : read_envelope(reading, content);
}

static enum status read_nothing(struct reading *reading, struct bytes content) {
    (void)reading;
    (void)content;
    return STATUS_OK;
}

static enum status read_grant(struct reading *reading, struct bytes whole) {
    struct arena *arena = reading->leaf->arena;
    struct audit_grant grant = {.has_state = false};
    TRY(take_apart(reading, whole, &grant.signature));
    TRY(key_grant_parse(arena, reading->prepare->federation, grant.signature.object.body, &grant.grant));
    if (grant.grant.state.len > 0) {
        TRY(signed_parse(arena, grant.grant.state, &grant.state_object));
        TRY(state_statement_parse(arena, reading->prepare->federation, grant.state_object.body, &grant.state));
        grant.has_state = true;
    }
    reading->material->grants[reading->material->n_grants++] = grant;
    return STATUS_OK;
}

/* ---- which objects a leaf has ---- */

typedef enum status read_fn(struct reading *reading, struct bytes content);

#define EVIDENCE_ROWS 4

struct material_row {
    read_fn *cause; /* NULL: none */
    read_fn *evidence[EVIDENCE_ROWS];
    bool grants; /* every piece of evidence is a grant */
};

static const struct material_row rows[LEAF_LAST + 1] = {
    [LEAF_EPOCH] = {.cause = read_nothing},
    [LEAF_MEMBER] = {.cause = read_nothing},
    [LEAF_MEMBER_REMOVED] = {.cause = read_nothing},
    [LEAF_AGREEMENT] = {.cause = read_nothing},
    [LEAF_AGREEMENT_ENDED] = {.cause = read_nothing},
    [LEAF_RULES] = {.cause = read_nothing},
    [LEAF_DEVICE_ENROLLED] = {.cause = read_envelope, .evidence = {read_attestation, read_registration}},
    [LEAF_DEVICE_REMOVED] = {.cause = read_statement},
    [LEAF_READ_REQUESTED] = {.cause = read_statement},
    [LEAF_PUBLISHED] = {.cause = read_header},
    [LEAF_WITHDRAWN] = {.cause = read_envelope},
    [LEAF_GRANTED_KEY] = {.cause = read_envelope, .grants = true},
    [LEAF_CONSENT_REQUESTED] = {.cause = read_envelope, .evidence = {read_request}},
    [LEAF_CONSENT_GRANTED] = {.cause = read_token,
                              .evidence = {read_request, read_attestation, read_notice, read_salt}},
    [LEAF_CONSENT_REFUSED] = {.cause = read_statement},
    [LEAF_CONSENT_SUSPENDED] = {.cause = read_order},
    [LEAF_CONSENT_RESUMED] = {.cause = read_order},
    [LEAF_CONSENT_REVOKED] = {.cause = read_order},
    [LEAF_CONSENT_SUPERSEDED] = {.cause = read_token},
    [LEAF_RELEASED] = {.cause = read_envelope},
    [LEAF_REFUSED] = {.cause = read_envelope},
    [LEAF_ACKNOWLEDGED] = {.cause = read_envelope},
    [LEAF_ERASED] = {.cause = read_order},
};

/* The statement of an erasure names the person, and may be gone with the slot. Grants are signed each by itself, and
 * may have come with a publication, whose envelope is not kept. */
static bool cause_needed(enum leaf_type type) { return type != LEAF_ERASED && type != LEAF_GRANTED_KEY; }

static enum status read_cause(struct reading *reading, read_fn *read) {
    struct audit_material *material = reading->material;
    bool needed = cause_needed(reading->leaf->leaf.type);
    if (hash_from_bytes(reading->leaf->opening.cause, &material->cause_hash) != STATUS_OK) {
        return needed ? audit_leaf_note(reading->leaf, FINDING_CAUSE, "the opening does not say what asked for it")
                      : STATUS_OK;
    }
    const char *missing = needed ? "what asked for it is not there" : NULL;
    TRY(evidence(reading, &material->cause_hash, missing, &material->cause));
    if (!material->cause.data) return STATUS_OK;
    enum status status = read(reading, material->cause);
    return status == STATUS_OK ? STATUS_OK : fault(reading, status, "what asked for it is malformed");
}

static enum status read_piece(struct reading *reading, const struct hash *hash, read_fn *read) {
    struct bytes content;
    TRY(evidence(reading, hash, "a piece of evidence is not there", &content));
    if (!content.data) return STATUS_OK;
    enum status status = read(reading, content);
    return status == STATUS_OK ? STATUS_OK : fault(reading, status, "a piece of evidence is malformed");
}

static enum status read_grants(struct reading *reading) {
    const struct opening *opening = &reading->leaf->opening;
    reading->material->grants = ARENA_ARRAY(reading->leaf->arena, struct audit_grant, opening->n_evidence);
    ENSURE(reading->material->grants, STATUS_MEMORY);
    for (size_t i = 0; i < opening->n_evidence; i++) {
        TRY(read_piece(reading, &opening->evidence[i], read_grant));
    }
    return STATUS_OK;
}

static enum status read_list(struct reading *reading, const struct material_row *row) {
    const struct opening *opening = &reading->leaf->opening;
    size_t count = 0;
    while (count < EVIDENCE_ROWS && row->evidence[count]) {
        count++;
    }
    if (opening->n_evidence != count) {
        return audit_leaf_note(reading->leaf, FINDING_EVIDENCE_MISSING, "the evidence is not what the type asks for");
    }
    for (size_t i = 0; i < count; i++) {
        TRY(read_piece(reading, &opening->evidence[i], row->evidence[i]));
    }
    return STATUS_OK;
}

enum status material_read(const struct prepare *prepare, const struct bundle *bundle, struct audit_leaf *leaf) {
    struct reading reading = {prepare, bundle, leaf, &leaf->material};
    const struct material_row *row = &rows[leaf->leaf.type];
    if (row->cause) TRY(read_cause(&reading, row->cause));
    return row->grants ? read_grants(&reading) : read_list(&reading, row);
}
