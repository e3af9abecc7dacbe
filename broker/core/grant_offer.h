/*
 * Key grants that a source sends, with PUBLISH or UPLOAD_GRANTS: taken apart and verified by a worker, judged by the
 * writer inside its transaction, kept or discarded with the clause that says why.
 */
#ifndef BROKER_CORE_GRANT_OFFER_H
#define BROKER_CORE_GRANT_OFFER_H

#include <stddef.h>
#include <stdint.h>

#include "broker/core/call.h"
#include "broker/core/facts.h"
#include "proto/key_grant.h"
#include "proto/state_statement.h"

/* One grant whose signature by the sender's member holds. */
struct grant_offer {
    struct bytes whole; /* Signed KeyGrant */
    struct hash hash;
    struct key_grant grant;
    bool state_signed; /* by the status key; always false for a device's */
    struct state_statement state;
    struct hash state_key_id;
    /* Filled by grant_offer_judge. */
    enum rule_clause clause;
    struct fragment_row fragment; /* when kept */
};

struct grant_offers {
    struct grant_offer *items;
    size_t count;
};

/* Worker. STATUS_SIGNATURE, errors of codec_parse: the whole message is refused, since its maker is at fault. */
enum status grant_offer_open(struct call *call, const struct bytes *grants, size_t count, struct grant_offers *out);

/* Whose the grants are: a token seen from its source, or a device of the person. */
struct grant_holder {
    uint32_t slot; /* of the person */
    bool is_device;
    struct facts facts;       /* of a token */
    struct device_row device; /* of a device */
    struct grant_owner owner; /* of the rows */
    const char *recipient;    /* unit, or the device's text thumbprint */
    bool known;               /* false: nobody that the sender may grant to */
};

/* The holder that an offer names. Both transactions. */
enum status grant_offer_holder(const struct call *call, struct store_txn *txn, const struct grant_offer *offer,
                               struct grant_holder *out);

/* Judges an offer as of now_ms; sets its clause and fragment. */
enum status grant_offer_judge(const struct call *call, struct store_txn *txn, const struct grant_holder *holder,
                              uint64_t now_ms, struct grant_offer *offer);

/* Keeps those of the offers that passed: one GRANTED_KEY leaf, a row and a mail for each. The envelope is kept as its
 * cause but when it is a PUBLISH, which holds the ciphertext. Does nothing when none passed. Writer. */
enum status grant_offer_keep(struct call *call, struct store_txn *txn, const struct grant_holder *holder,
                             const struct grant_offer *offers, size_t count);

#endif
