/*
 * The clause table and its evaluation. Every predicate reads facts and now, nothing else; adding a clause is one row
 * in rule.h and one predicate here.
 */
#include "proto/rule.h"

#define STAGES_BOTH    (1U << RULE_STAGE_GRANT | 1U << RULE_STAGE_RELEASE)
#define STAGES_RELEASE (1U << RULE_STAGE_RELEASE)

enum rule_of { OF_T, OF_F };

struct clause {
    enum rule_clause id;
    enum rule_of of;
    unsigned stages;
    enum reply_code outward;
    bool (*holds)(const struct rule_facts *facts, uint64_t now_ms);
};

#define FACT(name, field)                                                                                              \
    static bool holds_##name(const struct rule_facts *facts, uint64_t now_ms) {                                        \
        (void)now_ms;                                                                                                  \
        return facts->field;                                                                                           \
    }
FACT(MEMBER_ADMITTED, members_admitted)
FACT(UNIT_LISTED, units_listed)
FACT(ENVELOPE_KEY, envelope_key_active)
FACT(RECIPIENT, recipient_matches)
FACT(CONSENT_KNOWN, consent_known)
FACT(CONSENT_ACTIVE, consent_active)
FACT(DEVICE, device_valid)
FACT(SOURCE, source_matches)
FACT(PURPOSE, purpose_matches)
FACT(KIND, kind_matches)
FACT(AGREEMENT, agreement_covers)
FACT(CAPS, caps_hold)
FACT(UNUSED, unused)
FACT(GRANT, grant_present)
FACT(FRAGMENT, fragment_current)

static bool holds_NOT_BEFORE(const struct rule_facts *facts, uint64_t now_ms) { return facts->nbf_ms <= now_ms; }
static bool holds_NOT_EXPIRED(const struct rule_facts *facts, uint64_t now_ms) { return now_ms < facts->exp_ms; }

static const struct clause clauses[] = {
#define X(id, name, of, stages, outward) {RULE_##name, OF_##of, STAGES_##stages, REPLY_##outward, holds_##name},
    RULE_CLAUSES(X)
#undef X
};
static const size_t clause_count = sizeof clauses / sizeof clauses[0];

static enum rule_clause evaluate(const struct rule_facts *facts, enum rule_stage stage, uint64_t now_ms,
                                 bool with_fragment) {
    if (stage != RULE_STAGE_GRANT && stage != RULE_STAGE_RELEASE) return clauses[0].id;
    for (size_t i = 0; i < clause_count; i++) {
        if (!(clauses[i].stages & (1U << stage))) continue;
        if (clauses[i].of == OF_F && !with_fragment) continue;
        if (!clauses[i].holds(facts, now_ms)) return clauses[i].id;
    }
    return RULE_PASS;
}

enum rule_clause rule_release(const struct rule_facts *facts, enum rule_stage stage, uint64_t now_ms) {
    return evaluate(facts, stage, now_ms, true);
}

enum rule_clause rule_token(const struct rule_facts *facts, enum rule_stage stage, uint64_t now_ms) {
    return evaluate(facts, stage, now_ms, false);
}

enum reply_code rule_outward(enum rule_clause clause) {
    if (clause == RULE_PASS) return REPLY_DONE;
    for (size_t i = 0; i < clause_count; i++) {
        if (clauses[i].id == clause) return clauses[i].outward;
    }
    return REPLY_NOT_AVAILABLE;
}

const char *rule_clause_name(enum rule_clause clause) {
    static const char *const names[] = {
        [RULE_PASS] = "pass",
        [RULE_MEMBER_ADMITTED] = "member_admitted",
        [RULE_UNIT_LISTED] = "unit_listed",
        [RULE_ENVELOPE_KEY] = "envelope_key",
        [RULE_RECIPIENT] = "recipient",
        [RULE_CONSENT_KNOWN] = "consent_known",
        [RULE_CONSENT_ACTIVE] = "consent_active",
        [RULE_NOT_BEFORE] = "not_before",
        [RULE_NOT_EXPIRED] = "not_expired",
        [RULE_DEVICE] = "device",
        [RULE_SOURCE] = "source",
        [RULE_PURPOSE] = "purpose",
        [RULE_KIND] = "kind",
        [RULE_AGREEMENT] = "agreement",
        [RULE_CAPS] = "caps",
        [RULE_UNUSED] = "unused",
        [RULE_GRANT] = "grant",
        [RULE_FRAGMENT] = "fragment",
    };
    if ((size_t)clause >= sizeof names / sizeof names[0]) return "unknown";
    return names[clause];
}
