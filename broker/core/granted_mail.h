/*
 * The CONSENT_GRANTED event for one token and one of its parties (docs/protocol.md section 10): for the mailbox when
 * the consent is given, for the answer to CONSENTS later.
 */
#ifndef BROKER_CORE_GRANTED_MAIL_H
#define BROKER_CORE_GRANTED_MAIL_H

#include "broker/core/consent_rows.h"
#include "broker/core/core.h"
#include "broker/core/store.h"
#include "proto/msg_events.h"

struct granted_mail {
    struct msg_mail_event event; /* without receipts */
    uint64_t leaves[3];          /* CONSENT_GRANTED, CONSENT_REQUESTED, DEVICE_ENROLLED */
    size_t n_leaves;
};

/* unit: the recipient, or the token's source, which alone gets its salt. Everything lies in the arena. STATUS_INTEGRITY
 * when rows that belong together are not there; errors of the row modules. Both transactions. */
enum status granted_mail_load(const struct core *core, struct store_txn *txn, uint32_t slot,
                              const struct consent_row *consent, const struct consent_token *token, const char *unit,
                              struct arena *arena, struct granted_mail *out);

#endif
