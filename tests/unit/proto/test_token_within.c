/*
 * Whether a token may stand for a request, at a time, and beside others of one decision. Guards P2 and P3: what was
 * asked can be narrowed, never widened.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/derive.h"
#include "proto/kind.h"
#include "proto/limits.h"
#include "proto/token.h"

#define FEDERATION "test.sluss.example"
#define TO         "0007:2029990005/guidance"
#define FROM       "0007:2129990004/adult-education"
#define OTHER      "0192:310999008/career"
#define NOW_S      1795315395ULL
#define DAY_S      86400ULL

static const uint32_t asked_kinds[] = {KIND_GOAL, KIND_ACTIVITY, KIND_EVENT};
static const struct hash salts[] = {{{1}}, {{2}}};
static const struct hash request_hash = {{3}};
static struct hash sources[2];

static struct consent_request sample_request(void) {
    sources[0] = derive_source_commitment(FEDERATION, OTHER, &salts[1]);
    sources[1] = derive_source_commitment(FEDERATION, FROM, &salts[0]);
    return (struct consent_request){.version = 1,
                                    .federation = FEDERATION,
                                    .request = {{4}},
                                    .subject = {{5}},
                                    .recipient = TO,
                                    .purpose = "joint_plan",
                                    .kinds = asked_kinds,
                                    .n_kinds = 3,
                                    .sources = sources,
                                    .n_sources = 2,
                                    .duration_s = 30 * DAY_S,
                                    .access = ACCESS_REPEATED,
                                    .basis = BASIS_BOTH,
                                    .created_ms = 1,
                                    .expires_ms = 2};
}

static struct token sample_token(void) {
    return (struct token){.device = {{6}},
                          .subject = {{5}},
                          .jti = {{7}},
                          .consent = {{8}},
                          .iat_s = NOW_S,
                          .nbf_s = NOW_S,
                          .exp_s = NOW_S + 30 * DAY_S,
                          .to = TO,
                          .from = FROM,
                          .kinds = {KIND_GOAL, KIND_ACTIVITY, KIND_EVENT},
                          .n_kinds = 3,
                          .purpose = "joint_plan",
                          .access = ACCESS_REPEATED,
                          .basis = BASIS_BOTH,
                          .request = {{3}},
                          .notice_lang = "sv",
                          .notice = {{9}},
                          .rev = {{10}}};
}

/* What a case changes before it asks. */
struct asked {
    struct token token;
    struct consent_request request;
    struct hash request_hash;
    struct hash salt;
    const char *federation;
};

typedef void change_fn(struct asked *asked);
#define CHANGE(name, statement)                                                                                        \
    static void name(struct asked *asked) { statement; }

CHANGE(change_nothing, (void)asked)
CHANGE(other_request, asked->request_hash.b[31] ^= 1)
CHANGE(other_subject, asked->token.subject.b[0] ^= 1)
CHANGE(other_recipient, asked->token.to = OTHER)
CHANGE(recipient_sibling, asked->token.to = "0007:2029990005/guidanc")
CHANGE(other_purpose, asked->token.purpose = "statistics_free")
CHANGE(narrower_basis, asked->token.basis = BASIS_GDPR_CONSENT)
CHANGE(wider_basis, asked->request.basis = BASIS_SECRECY_WAIVER)
CHANGE(narrower_access, asked->token.access = ACCESS_ONCE)
CHANGE(wider_access, asked->request.access = ACCESS_ONCE)
CHANGE(fewer_kinds, asked->token.n_kinds = 2)
CHANGE(one_kind, asked->token.kinds[0] = KIND_EVENT; asked->token.n_kinds = 1)
CHANGE(more_kinds, asked->token.kinds[3] = KIND_FOLLOW_UP; asked->token.n_kinds = 4)
CHANGE(another_kind, asked->token.kinds[0] = KIND_ASSESSMENT)
CHANGE(shorter, asked->token.exp_s = NOW_S + 1)
CHANGE(longer, asked->token.exp_s++)
CHANGE(longer_from_the_front, asked->token.nbf_s--)
CHANGE(earlier, asked->token.nbf_s -= 300; asked->token.exp_s -= 300)
CHANGE(too_early, asked->token.nbf_s -= 301; asked->token.exp_s -= 301)
CHANGE(later, asked->token.nbf_s += 30 * DAY_S; asked->token.exp_s += 30 * DAY_S)
CHANGE(too_late, asked->token.nbf_s += 30 * DAY_S + 1; asked->token.exp_s += 30 * DAY_S + 1)
CHANGE(other_source_and_salt, asked->token.from = OTHER; asked->salt = salts[1])
CHANGE(source_not_asked, asked->token.from = "0007:2129990004/labour-market")
CHANGE(source_with_other_salt, asked->salt = salts[1])
CHANGE(salt_of_nobody, asked->salt.b[5] ^= 1)
CHANGE(no_sources, asked->request.n_sources = 0)
CHANGE(other_federation, asked->federation = "other.example")

struct within_case {
    const char *name;
    change_fn *change;
    enum status expected;
};

static const struct within_case within_cases[] = {
    {"another request", other_request, STATUS_INVALID},
    {"another subject", other_subject, STATUS_INVALID},
    {"another recipient", other_recipient, STATUS_INVALID},
    {"a recipient whose name is the beginning", recipient_sibling, STATUS_INVALID},
    {"another purpose", other_purpose, STATUS_INVALID},
    {"a narrower basis is another", narrower_basis, STATUS_INVALID},
    {"a wider basis", wider_basis, STATUS_INVALID},
    {"repeated where once was asked", wider_access, STATUS_INVALID},
    {"a kind more", more_kinds, STATUS_INVALID},
    {"another kind", another_kind, STATUS_INVALID},
    {"a second longer", longer, STATUS_INVALID},
    {"a second longer at the front", longer_from_the_front, STATUS_INVALID},
    {"more than 300 s before it was signed", too_early, STATUS_INVALID},
    {"beginning after the duration has passed", too_late, STATUS_INVALID},
    {"a source that was not asked", source_not_asked, STATUS_INVALID},
    {"another source's salt", source_with_other_salt, STATUS_INVALID},
    {"a salt that was never given", salt_of_nobody, STATUS_INVALID},
    {"no source was asked", no_sources, STATUS_INVALID},
    {"commitments of another federation", other_federation, STATUS_INVALID},
    {"exactly what was asked", change_nothing, STATUS_OK},
    {"once where repeated was asked", narrower_access, STATUS_OK},
    {"fewer kinds", fewer_kinds, STATUS_OK},
    {"one kind", one_kind, STATUS_OK},
    {"a shorter time", shorter, STATUS_OK},
    {"300 s before it was signed", earlier, STATUS_OK},
    {"beginning when the duration has passed", later, STATUS_OK},
    {"the other source with its salt", other_source_and_salt, STATUS_OK},
};

static void test_p2_within(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof within_cases / sizeof within_cases[0]; i++) {
        struct asked asked = {.token = sample_token(),
                              .request = sample_request(),
                              .request_hash = request_hash,
                              .salt = salts[0],
                              .federation = FEDERATION};
        within_cases[i].change(&asked);
        enum status status =
            token_within(asked.federation, &asked.token, &asked.request, &asked.request_hash, &asked.salt);
        if (status != within_cases[i].expected) fail_msg("%s: %s", within_cases[i].name, status_name(status));
    }
}

static void test_fresh(void **state) {
    (void)state;
    struct token token = sample_token();
    assert_int_equal(token_fresh(&token, (NOW_S - 301) * 1000 + 999), STATUS_TIME);
    assert_int_equal(token_fresh(&token, (NOW_S + 301) * 1000), STATUS_TIME);
    assert_int_equal(token_fresh(&token, 0), STATUS_TIME);
    assert_int_equal(token_fresh(&token, UINT64_MAX), STATUS_TIME);
    assert_int_equal(token_fresh(&token, (NOW_S - 300) * 1000), STATUS_OK);
    assert_int_equal(token_fresh(&token, (NOW_S + 300) * 1000 + 999), STATUS_OK);
    token.iat_s = LIMIT_SECONDS;
    assert_int_equal(token_fresh(&token, NOW_S * 1000), STATUS_TIME);
}

/* ---- one decision ---- */

CHANGE(differ_device, asked->token.device.b[0] ^= 1)
CHANGE(differ_consent, asked->token.consent.b[0] ^= 1)
CHANGE(differ_iat, asked->token.iat_s++)
CHANGE(differ_nbf, asked->token.nbf_s++)
CHANGE(differ_exp, asked->token.exp_s++)
CHANGE(differ_kind, asked->token.kinds[2] = KIND_DECISION)
CHANGE(differ_access, asked->token.access = ACCESS_ONCE)
CHANGE(differ_request, asked->token.request.b[0] ^= 1)
CHANGE(differ_lang, asked->token.notice_lang = "nb")
CHANGE(differ_notice, asked->token.notice.b[31] ^= 1)
CHANGE(differ_rev, asked->token.rev.b[31] ^= 1)
CHANGE(differ_jti, asked->token.jti.b[0] ^= 1)
CHANGE(differ_from, asked->token.from = OTHER)

struct same_case {
    const char *name;
    change_fn *change;
    bool expected;
};

static const struct same_case same_cases[] = {
    {"device", differ_device, false},
    {"subject", other_subject, false},
    {"consent", differ_consent, false},
    {"iat", differ_iat, false},
    {"nbf", differ_nbf, false},
    {"exp", differ_exp, false},
    {"recipient", other_recipient, false},
    {"fewer kinds", fewer_kinds, false},
    {"a kind", differ_kind, false},
    {"purpose", other_purpose, false},
    {"access", differ_access, false},
    {"basis", narrower_basis, false},
    {"request", differ_request, false},
    {"language", differ_lang, false},
    {"notice", differ_notice, false},
    {"revocation code", differ_rev, false},
    {"nothing", change_nothing, true},
    {"jti", differ_jti, true},
    {"source", differ_from, true},
};

static void test_same_decision(void **state) {
    (void)state;
    const struct token first = sample_token();
    for (size_t i = 0; i < sizeof same_cases / sizeof same_cases[0]; i++) {
        struct asked asked = {.token = sample_token()};
        same_cases[i].change(&asked);
        bool same = token_same_decision(&first, &asked.token);
        if (same != same_cases[i].expected) fail_msg("%s", same_cases[i].name);
        if (token_same_decision(&asked.token, &first) != same) fail_msg("%s, the other way", same_cases[i].name);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_p2_within),
        cmocka_unit_test(test_fresh),
        cmocka_unit_test(test_same_decision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
