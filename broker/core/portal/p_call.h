/*
 * What the portal's handlers have in common: who makes the request, by its proof; the JSON that came and the JSON that
 * goes; and statements, which are checked twice, by the worker and again by the writer.
 */
#ifndef BROKER_CORE_PORTAL_P_CALL_H
#define BROKER_CORE_PORTAL_P_CALL_H

#include "base/json.h"
#include "broker/core/call.h"
#include "broker/core/device_rows.h"
#include "broker/core/portal/dpop.h"
#include "proto/statement.h"

/* Whether a request's proof is used up. */
enum p_use { P_READS, P_WRITES };

/* A person, known by one device. Lives in the call's arena. */
struct p_person {
    uint32_t slot;
    const char *kid; /* the device's text thumbprint */
    struct device_row device;
};

/* Checks the proof of the request; *out_proof is by any key at all. With no nonce or a stale one the answer asks for
 * another (401). It is not used up. Worker. STATUS_DENIED and the errors of dpop_parse. */
enum status p_call_proof(struct call *call, struct dpop *out_proof);

/* The person whose device made the request. STATUS_DENIED for a device that is not enrolled, or no more. Worker. */
enum status p_call_person(struct call *call, struct store_txn *txn, enum p_use use, struct p_person *out_person);

/* The same device as the transaction sees it now: for apply(). STATUS_DENIED. */
enum status p_call_again(struct call *call, struct store_txn *txn, struct p_person *person);

/* The body: one JSON object with no members but these. The caller owns it. STATUS_MALFORMED, STATUS_TOO_LARGE. */
enum status p_call_body(const struct call *call, const char *const *members, json_t **out_body);

/* Gives the answer as JSON; takes over the value, which may be NULL: STATUS_MEMORY. */
enum status p_call_answer(struct call *call, json_t *value);

/* 16 bytes, or the 32 of a thumbprint, from the path. STATUS_NOT_FOUND. */
enum status p_call_id16(const struct call *call, struct id16 *out_id);
enum status p_call_hash(const struct call *call, struct hash *out_hash);

/* The member "statement" of a body: parsed, verified with the person's device, fresh, about this person. Says to the
 * engine whose message it is. Worker. STATUS_UNSUPPORTED unless its type is one of the set (bits by enum
 * statement_type). */
enum status p_call_statement(struct call *call, struct store_txn *txn, const struct p_person *person,
                             const json_t *body, unsigned types, struct statement *out_statement);

/* In apply(), before anything is written: the person again, the statement fresh at the leaf's time and next in the
 * device's chain (STATUS_CONFLICT). */
enum status p_call_statement_again(struct call *call, struct store_txn *txn, struct p_person *person,
                                   const struct statement *statement);
/* In apply(), after its leaf: the device's chain goes on from this statement. */
enum status p_call_statement_done(struct call *call, struct store_txn *txn, struct p_person *person,
                                  const struct statement *statement);

/* An object of names by language. NULL when memory is out. */
json_t *p_call_texts(const struct text *texts, size_t n_texts);
/* Kinds by name. NULL when memory is out. */
json_t *p_call_kinds(const uint32_t *kinds, size_t n_kinds);

#endif
