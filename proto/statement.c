/*
 * Each type has a row: its name, the members it adds, and how they are read and written.
 */
#include "proto/statement.h"

#include <string.h>

#include "base/json.h"
#include "proto/claims.h"

#define STATEMENT_TYP "statement+jwt"

static enum status read_refuse(struct arena *arena, const json_t *payload, struct statement *out) {
    (void)arena;
    const json_t *tell = json_object_get(payload, "tell");
    ENSURE(json_is_boolean(tell), STATUS_MALFORMED);
    out->tell = json_is_true(tell);
    return json_get_fixed(payload, "request", out->request.b, sizeof out->request.b);
}

static enum status read_consent(struct arena *arena, const json_t *payload, struct statement *out) {
    (void)arena;
    return json_get_fixed(payload, "consent", out->consent.b, sizeof out->consent.b);
}

static enum status read_source(struct arena *arena, const json_t *payload, struct statement *out) {
    const char *text = NULL;
    TRY(json_get_text(payload, "source", &text));
    ENSURE(ids_is_unit(bytes_text(text)), STATUS_MALFORMED);
    out->source = arena_string(arena, text);
    ENSURE(out->source, STATUS_MEMORY);
    return STATUS_OK;
}

static enum status read_device(struct arena *arena, const json_t *payload, struct statement *out) {
    (void)arena;
    return json_get_fixed(payload, "device", out->other_device.b, sizeof out->other_device.b);
}

static enum status read_removal(struct arena *arena, const json_t *payload, struct statement *out) {
    TRY(claims_time(payload, "since", &out->since_s));
    return read_device(arena, payload, out);
}

static enum status read_erase(struct arena *arena, const json_t *payload, struct statement *out) {
    (void)arena;
    (void)out;
    const char *scope = NULL;
    TRY(json_get_text(payload, "scope", &scope));
    ENSURE(strcmp(scope, "all") == 0, STATUS_MALFORMED);
    return STATUS_OK;
}

static enum status write_refuse(json_t *payload, const struct statement *from) {
    ENSURE(json_object_set_new(payload, "tell", json_boolean(from->tell)) == 0, STATUS_MEMORY);
    return json_set_bytes(payload, "request", BYTES_ARRAY(from->request.b));
}

static enum status write_consent(json_t *payload, const struct statement *from) {
    return json_set_bytes(payload, "consent", BYTES_ARRAY(from->consent.b));
}

static enum status write_source(json_t *payload, const struct statement *from) {
    ENSURE(json_object_set_new(payload, "source", json_string(from->source)) == 0, STATUS_INVALID);
    return STATUS_OK;
}

static enum status write_device(json_t *payload, const struct statement *from) {
    return json_set_bytes(payload, "device", hash_bytes(&from->other_device));
}

static enum status write_removal(json_t *payload, const struct statement *from) {
    ENSURE(json_object_set_new(payload, "since", json_integer((json_int_t)from->since_s)) == 0, STATUS_MEMORY);
    return write_device(payload, from);
}

static enum status write_erase(json_t *payload, const struct statement *from) {
    (void)from;
    ENSURE(json_object_set_new(payload, "scope", json_string("all")) == 0, STATUS_MEMORY);
    return STATUS_OK;
}

#define COMMON "iss", "sub", "aud", "jti", "iat", "prev", "type"

struct type_row {
    const char *name;
    const char *members[10];
    enum status (*read)(struct arena *arena, const json_t *payload, struct statement *out);
    enum status (*write)(json_t *payload, const struct statement *from);
};

static const struct type_row types[] = {
    [STATEMENT_REFUSE] = {"refuse", {COMMON, "request", "tell", NULL}, read_refuse, write_refuse},
    [STATEMENT_REVOKE] = {"revoke", {COMMON, "consent", NULL}, read_consent, write_consent},
    [STATEMENT_SUSPEND] = {"suspend", {COMMON, "consent", NULL}, read_consent, write_consent},
    [STATEMENT_RESUME] = {"resume", {COMMON, "consent", NULL}, read_consent, write_consent},
    [STATEMENT_READ] = {"read", {COMMON, "source", NULL}, read_source, write_source},
    [STATEMENT_REMOVE_DEVICE] = {"remove_device", {COMMON, "device", "since", NULL}, read_removal, write_removal},
    [STATEMENT_COUNTERSIGN] = {"countersign", {COMMON, "device", NULL}, read_device, write_device},
    [STATEMENT_ERASE] = {"erase", {COMMON, "scope", NULL}, read_erase, write_erase},
};

static enum statement_type type_of(const char *name) {
    for (size_t i = 1; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i].name, name) == 0) return (enum statement_type)i;
    }
    return STATEMENT_NONE;
}

const char *statement_type_name(enum statement_type type) {
    if (type == STATEMENT_NONE || (size_t)type >= sizeof types / sizeof types[0]) return "none";
    return types[type].name;
}

static enum status parse_prev(struct arena *arena, const json_t *payload, struct statement *statement) {
    const char *text = NULL;
    TRY(json_get_text(payload, "prev", &text));
    statement->prev = BYTES_EMPTY;
    if (*text == '\0') return STATUS_OK;
    struct hash prev;
    TRY(json_get_fixed(payload, "prev", prev.b, sizeof prev.b));
    return arena_copy(arena, hash_bytes(&prev), &statement->prev);
}

static enum status parse_payload(struct arena *arena, const json_t *payload, struct statement *statement) {
    const char *name = NULL;
    TRY(json_get_text(payload, "type", &name));
    statement->type = type_of(name);
    ENSURE(statement->type != STATEMENT_NONE, STATUS_UNSUPPORTED);
    const struct type_row *row = &types[statement->type];
    TRY(json_only(payload, row->members));
    TRY(json_get_fixed(payload, "sub", statement->subject.b, sizeof statement->subject.b));
    TRY(json_get_fixed(payload, "jti", statement->jti.b, sizeof statement->jti.b));
    TRY(claims_time(payload, "iat", &statement->iat_s));
    TRY(parse_prev(arena, payload, statement));
    return row->read(arena, payload, statement);
}

enum status statement_parse(struct arena *arena, const char *federation, struct bytes compact,
                            struct statement *out_statement) {
    struct claims claims;
    TRY(claims_parse(arena, compact, STATEMENT_MAX_BYTES, STATEMENT_TYP, &claims));
    json_t *payload CLEANUP(json_cleanup) = claims.payload;
    TRY(claims_check_parties(&claims, federation));
    struct statement statement = {.device = claims.kid, .source = ""};
    TRY(parse_payload(arena, payload, &statement));
    TRY(arena_copy(arena, compact, &statement.compact));
    *out_statement = statement;
    return STATUS_OK;
}

enum status statement_verify(const struct statement *statement, const struct sign_public *key) {
    return claims_verify(statement->compact, &statement->device, key);
}

enum status statement_make(struct arena *arena, const char *federation, const struct statement *statement,
                           const struct sign_private *key, struct bytes *out_compact) {
    ENSURE(statement->type != STATEMENT_NONE && (size_t)statement->type < sizeof types / sizeof types[0],
           STATUS_INVALID);
    const struct type_row *row = &types[statement->type];
    struct sign_public public_key = sign_public_of(key);
    struct hash device = jws_thumbprint(&public_key);
    json_t *payload CLEANUP(json_cleanup) = claims_new(&device, federation);
    ENSURE(payload, STATUS_MEMORY);
    TRY(json_set_bytes(payload, "sub", hash_bytes(&statement->subject)));
    TRY(json_set_bytes(payload, "jti", BYTES_ARRAY(statement->jti.b)));
    TRY(json_set_bytes(payload, "prev", statement->prev));
    int failed = json_object_set_new(payload, "iat", json_integer((json_int_t)statement->iat_s));
    failed |= json_object_set_new(payload, "type", json_string(row->name));
    ENSURE(!failed, STATUS_MEMORY);
    TRY(row->write(payload, statement));
    struct bytes compact;
    struct statement parsed;
    TRY(claims_sign(arena, STATEMENT_TYP, payload, key, &compact));
    TRY(statement_parse(arena, federation, compact, &parsed));
    *out_compact = compact;
    return STATUS_OK;
}

enum status statement_fresh(const struct statement *statement, uint64_t at_ms) {
    return claims_fresh(statement->iat_s, at_ms);
}
