/*
 * Reads the directory for the release rule. Pure.
 */
#include "proto/rule_facts.h"

#include <string.h>

#include "proto/ids.h"
#include "proto/limits.h"

static bool member_admitted(const struct directory *directory, const char *unit) {
    char member[LIMIT_MEMBER_BYTES + 1] = {0};
    struct bytes name = ids_member_of(unit);
    if (name.len > LIMIT_MEMBER_BYTES) return false;
    memcpy(member, name.data, name.len);
    return directory_member(directory, member) != NULL;
}

void rule_facts_unit(const struct directory *directory, const char *unit, struct rule_facts *facts) {
    facts->units_listed = directory_unit(directory, unit, NULL) != NULL;
    facts->members_admitted = facts->units_listed || member_admitted(directory, unit);
}

static bool caps_hold(const struct directory *directory, const struct rule_facts_terms *terms, uint64_t duration_s) {
    const struct rules *rules = directory_rules(directory);
    return rules && directory_purpose(directory, terms->purpose) && duration_s <= rules->longest_consent_s;
}

void rule_facts_directory(const struct directory *directory, const struct rule_facts_terms *terms, uint64_t at_ms,
                          struct rule_facts *facts) {
    struct rule_facts to = {0};
    struct rule_facts from = {0};
    rule_facts_unit(directory, terms->to, &to);
    rule_facts_unit(directory, terms->from, &from);
    facts->members_admitted = to.members_admitted && from.members_admitted;
    facts->units_listed = to.units_listed && from.units_listed;

    struct directory_ask ask = {
        .to = terms->to,
        .from = terms->from,
        .purpose = terms->purpose,
        .kinds = terms->kinds,
        .n_kinds = terms->n_kinds,
        .duration_s = terms->exp_s > terms->nbf_s ? terms->exp_s - terms->nbf_s : 0,
        .attester = terms->attester,
        .at_ms = at_ms,
    };
    bool accepted = directory_member(directory, terms->attester) && directory_covering(directory, &ask);
    ask.attester = NULL;
    facts->agreement_covers = accepted || directory_covering(directory, &ask);
    if (facts->agreement_covers && !accepted) facts->device_valid = false;
    facts->caps_hold = caps_hold(directory, terms, ask.duration_s);
}
