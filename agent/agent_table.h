/*
 * The tables of the agent's store: one row each, X(NAME, "name on disk", format version, growth). Keys are big-endian;
 * values are rows of agent/row.h. What names a person here is as secret as the agency's own records are; key bytes and
 * opened content stand here only sealed under slots of the shred file.
 */
#ifndef AGENT_AGENT_TABLE_H
#define AGENT_AGENT_TABLE_H

#include <stdint.h>

#include "base/status.h"
#include "base/store.h"

#define AGENT_TABLES(X)                                                                                                \
    X(META, "meta", 1, STORE_SCATTERED)                       /* what has one row only */                              \
    X(ENTRY, "entry", 1, STORE_GROWS)                         /* sequence u64 -> directory entry and its receipt */    \
    X(SUBJECT, "subject", 1, STORE_SCATTERED)                 /* handle 32 -> slot of the subject key */               \
    X(FRAGMENT, "fragment", 1, STORE_SCATTERED)               /* fragment 16, revision u32 -> own fragment */          \
    X(CIPHERTEXT, "ciphertext", 1, STORE_SCATTERED)           /* fragment 16, revision u32 -> its ciphertext */        \
    X(OWN, "own", 1, STORE_SCATTERED)                         /* handle 32, fragment 16 -> newest revision u32 */      \
    X(OUTBOX, "outbox", 1, STORE_GROWS)                       /* order u64 -> what is to be sent */                    \
    X(CONSENT, "consent", 1, STORE_SCATTERED)                 /* token 16, side u8 -> verified consent */              \
    X(CONSENT_SUBJECT, "consent_subject", 1, STORE_SCATTERED) /* handle 32, token 16, side u8 -> one byte */           \
    X(CONSENT_TOKEN, "consent_token", 1, STORE_SCATTERED)     /* consent 16, token 16, side u8 -> one byte */          \
    X(ENDING, "ending", 1, STORE_SCATTERED)                   /* consent 16 -> ending that was acknowledged */         \
    X(GRANTED, "granted", 1, STORE_SCATTERED)     /* hash of token or device, fragment, revision -> key id */          \
    X(RELEASE, "release", 1, STORE_SCATTERED)     /* token 16 -> release of a consent for once */                      \
    X(OPENED, "opened", 1, STORE_SCATTERED)       /* token 16, fragment 16 -> sealed copy */                           \
    X(OPENED_BY, "opened_by", 1, STORE_SCATTERED) /* fragment 16, token 16 -> one byte */                              \
    X(READER, "reader", 1, STORE_SCATTERED)       /* sequence u64 -> read request whose grants are due */              \
    X(REQUEST, "request", 1, STORE_SCATTERED)     /* request 16 -> consent request of one's own */                     \
    X(ENROLMENT, "enrolment", 1, STORE_SCATTERED) /* enrolment 16 -> code, sealed, and for whom */                     \
    X(EVENT, "event", 1, STORE_GROWS)             /* sequence u64 -> unit and JSON text */                             \
    X(REPEAT, "repeat", 1, STORE_SCATTERED)       /* hash of client and key 32 -> answer, sealed */                    \
    X(DOOMED, "doomed", 1, STORE_SCATTERED)       /* slot u32 -> one byte: to be destroyed */                          \
    X(PSEUDONYM, "pseudonym", 1,                                                                                       \
      STORE_SCATTERED) /* 1, keyed hash of a number 32 -> handle; 2, handle 32 -> that hash */

enum agent_table {
#define X(name, text, version, growth) AGENT_##name,
    AGENT_TABLES(X)
#undef X
        AGENT_TABLE_COUNT
};

extern const struct store_tables agent_tables;

#endif
