/*
 * Gathers the facts of the release rule for one token from the store and the directory: for check() in a read
 * transaction and again for apply() in the write transaction. The rule itself is in proto/rule.h.
 */
#ifndef BROKER_CORE_FACTS_H
#define BROKER_CORE_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "broker/core/consent_rows.h"
#include "broker/core/core.h"
#include "broker/core/device_rows.h"
#include "broker/core/fragment_rows.h"
#include "broker/core/grant_rows.h"
#include "broker/core/store.h"
#include "broker/core/token_rows.h"
#include "proto/directory.h"
#include "proto/rule.h"

/* What core knows of a token, as far as one party may know it. */
struct facts {
    bool known; /* the token stands, and the party that asks is the one it was loaded for */
    uint32_t slot;
    struct token_row token;
    struct consent_row consent;
    struct device_row device;
};

/* Which side of a token asks. */
enum facts_side { FACTS_RECIPIENT, FACTS_SOURCE };

/* Loads a token with its consent and device for a unit that is its recipient (or its source). For everybody else, and
 * for a token that does not stand, *out says no more than `known == false`. Errors of the row modules but
 * STATUS_NOT_FOUND. */
enum status facts_load(const struct core *core, struct store_txn *txn, const struct id16 *jti, const char *unit,
                       enum facts_side side, struct arena *arena, struct facts *out);

/* What a party asks for, and how it signed. */
struct facts_ask {
    const char *unit;
    const struct hash *key_id; /* that signed the envelope */
    const char *purpose;
    const uint32_t *kinds;
    size_t n_kinds;
    const struct id16 *event; /* of this very release, when it is repeated; or NULL: a once token that it has used
                                 counts as unused for it */
};

/* The facts that speak of the token. Those of a fragment are set so that kind_matches says whether the kinds asked are
 * a subset of the token's, and the others hold. */
struct rule_facts facts_of_token(const struct facts *facts, const struct facts_ask *ask,
                                 const struct directory *directory, uint64_t now_ms);

/* Adds the facts of one fragment to those of its token. grant may be NULL: there is none. recipient_key_id: of the
 * recipient unit's sealing key now. */
struct rule_facts facts_of_fragment(const struct rule_facts *of_token, const struct facts *facts,
                                    const struct facts_ask *ask, const struct fragment_row *fragment,
                                    const struct grant_row *grant, const struct hash *recipient_key_id,
                                    uint64_t now_ms);

#endif
