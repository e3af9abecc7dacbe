/*
 * Statements and registrations of a person's device: JWS compact. docs/protocol.md section 6. Parsing checks the form;
 * the caller verifies with the device's key and checks freshness, predecessor and replay.
 */
#ifndef PROTO_STATEMENT_H
#define PROTO_STATEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "keys/hash.h"
#include "keys/seal.h"
#include "keys/sign.h"
#include "proto/ids.h"

#define STATEMENT_MAX_BYTES 4096

enum statement_type {
    STATEMENT_NONE,
    STATEMENT_REFUSE,
    STATEMENT_REVOKE,
    STATEMENT_SUSPEND,
    STATEMENT_RESUME,
    STATEMENT_READ,
    STATEMENT_REMOVE_DEVICE,
    STATEMENT_COUNTERSIGN,
    STATEMENT_ERASE,
};

struct statement {
    struct bytes compact;
    struct hash device; /* who signs */
    struct hash subject;
    struct id16 jti;
    uint64_t iat_s;
    struct bytes prev; /* 32 bytes, or empty for the device's first */
    enum statement_type type;
    struct id16 request;      /* REFUSE */
    bool tell;                /* REFUSE */
    struct id16 consent;      /* REVOKE, SUSPEND, RESUME */
    const char *source;       /* READ: unit; else "" */
    struct hash other_device; /* REMOVE_DEVICE, COUNTERSIGN */
    uint64_t since_s;         /* REMOVE_DEVICE */
};

/* As token_parse; also STATUS_UNSUPPORTED for a type that is not listed. */
enum status statement_parse(struct arena *arena, const char *federation, struct bytes compact,
                            struct statement *out_statement);
enum status statement_verify(const struct statement *statement, const struct sign_public *key);
/* `compact` and `device` are ignored on the way in. Makes nothing that statement_parse would refuse. */
enum status statement_make(struct arena *arena, const char *federation, const struct statement *statement,
                           const struct sign_private *key, struct bytes *out_compact);
/* STATUS_TIME unless |iat - at_ms / 1000| <= 300. */
enum status statement_fresh(const struct statement *statement, uint64_t at_ms);
/* "revoke" and the like. */
const char *statement_type_name(enum statement_type type);

struct registration {
    struct bytes compact;
    struct hash device;
    uint64_t iat_s;
    struct id16 jti;
    struct id16 enrolment;
    struct sign_public sign_key;
    struct seal_public read_key;
    uint8_t mac[32];
};

/* Parses and verifies with the key that it carries (proof of possession): also STATUS_SIGNATURE. The mac is not
 * checked: only the agent that made the code knows the secret. */
enum status registration_parse(struct arena *arena, const char *federation, struct bytes compact,
                               struct registration *out_registration);
/* STATUS_SIGNATURE unless mac is HMAC-SHA256(secret, F("sluss enrol v1", federation, sign key, read key)). */
enum status registration_check(const char *federation, const struct registration *registration,
                               const uint8_t secret[16]);
enum status registration_make(struct arena *arena, const char *federation, const struct id16 *enrolment,
                              const uint8_t secret[16], const struct sign_private *key,
                              const struct seal_public *read_key, uint64_t now_ms, struct bytes *out_compact);

#endif
