/*
 * What the directory says to the release rule (docs/protocol.md section 8, clauses 1, 2, 9, 13, 14): one function for
 * the source, core and replay, so that they cannot read the same clause in different ways. Any thread.
 */
#ifndef PROTO_RULE_FACTS_H
#define PROTO_RULE_FACTS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/directory.h"
#include "proto/rule.h"

/* The terms of one token, and who attested the device that signed it. */
struct rule_facts_terms {
    const char *to;   /* unit */
    const char *from; /* unit */
    const char *purpose;
    const uint32_t *kinds; /* of the token */
    size_t n_kinds;
    uint64_t nbf_s;
    uint64_t exp_s;
    const char *attester; /* member */
};

/*
 * Sets members_admitted, units_listed, agreement_covers and caps_hold as of at_ms. Clears device_valid, which the
 * caller has set from the device's own state, when an agreement covers the terms but none that does accepts the
 * attester, or the attester is not admitted. Where no agreement covers the terms at all, device_valid is left alone:
 * clause 13 says so then, not clause 9.
 *
 * caps: the rules are known, list the purpose, and exp - nbf is at most their longest consent.
 */
void rule_facts_directory(const struct directory *directory, const struct rule_facts_terms *terms, uint64_t at_ms,
                          struct rule_facts *facts);

/* Clauses 1 and 2 for one unit alone: for asking parties that no token speaks of. */
void rule_facts_unit(const struct directory *directory, const char *unit, struct rule_facts *facts);

#endif
