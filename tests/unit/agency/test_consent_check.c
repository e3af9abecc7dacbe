/* Consents that are not what they seem: each is refused by the agent itself. Guards P2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "agent/consent_check.h"
#include "agent/source.h"
#include "support/agency/small_agency.h"
#include "support/jose.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

/* Two whole consents of two persons: what belongs to one is tried with the other. */
struct bench {
    struct small_core *core;
    struct hash subject[2];
    size_t device[2];
    size_t token[2];
    struct ground ground;
};

static const struct small_ask asks = {.to = UNIT_EDUCATION, .from = UNIT_CAREER, .access = ACCESS_REPEATED};

static void bench_ground(struct bench *bench) {
    bench->ground.directory = bench->core->federation->directory;
    bench->ground.leaves = bench->core->entry_leaves;
}

static int setup(void **state) {
    static struct bench bench;
    bench = (struct bench){.core = small_core_new()};
    for (size_t i = 0; i < 2; i++) {
        struct small_ask ask = asks;
        secret_random_public(bench.subject[i].b, sizeof bench.subject[i].b);
        ask.subject = bench.subject[i];
        bench.device[i] = small_core_enrol(bench.core, &bench.subject[i], MEMBER_SERVICE);
        bench.token[i] = small_core_consent(bench.core, small_core_request(bench.core, &ask), bench.device[i]);
    }
    bench_ground(&bench);
    *state = &bench;
    return 0;
}

static int teardown(void **state) {
    struct bench *bench = *state;
    small_core_free(bench->core);
    return 0;
}

static struct consent_proof proof_of(struct bench *bench, size_t which, enum consent_side side) {
    struct msg_mail_event mail = small_core_granted_mail(bench->core, bench->token[which], side == CONSENT_SIDE_SOURCE);
    return (struct consent_proof){.unit = mail.unit,
                                  .side = side,
                                  .token = mail.token,
                                  .request = mail.request,
                                  .salt = hash_bytes(&bench->core->tokens[bench->token[which]].salt),
                                  .attestation = mail.attestation,
                                  .receipts = mail.receipts,
                                  .n_receipts = mail.n_receipts};
}

static enum status check(struct bench *bench, const struct consent_proof *proof) {
    struct consent_checked checked;
    const char *why = "";
    return consent_check(bench->core->arena, &bench->ground, proof, &checked, &why);
}

static void test_whole_consents_pass(void **state) {
    struct bench *bench = *state;
    for (size_t i = 0; i < 2; i++) {
        struct consent_proof proof = proof_of(bench, i, CONSENT_SIDE_SOURCE);
        OK(check(bench, &proof));
        proof = proof_of(bench, i, CONSENT_SIDE_RECIPIENT);
        OK(check(bench, &proof));
    }
}

/* ---- every claim, under the signature that the token had ---- */

static const struct {
    const char *path;
    const char *value;
} claims[] = {
    {"sub", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""},
    {"aud", "\"other.example\""},
    {"jti", "\"AAAAAAAAAAAAAAAAAAAAAA\""},
    {"consent", "\"AAAAAAAAAAAAAAAAAAAAAA\""},
    {"iat", "1795312801"},
    {"nbf", "1795312801"},
    {"exp", "1795399999"},
    {"authorization_details.0.to", "\"" FEDERATION_LABOUR "\""},
    {"authorization_details.0.from", "\"" FEDERATION_GUIDANCE "\""},
    {"authorization_details.0.kinds", "[\"activity\",\"decision\",\"goal\"]"},
    {"authorization_details.0.purpose", "\"statistics_free\""},
    {"authorization_details.0.access", "\"once\""},
    {"basis", "\"gdpr_consent\""},
    {"request", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""},
    {"notice.lang", "\"en\""},
    {"notice.sha256", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""},
    {"rev", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""},
    {"scope", "\"all\""},
};

static void test_altered_claims(void **state) {
    struct bench *bench = *state;
    struct arena *arena = bench->core->arena;
    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        struct consent_proof proof = proof_of(bench, 0, CONSENT_SIDE_SOURCE);
        const char *payload = jose_patch(arena, jose_payload(arena, proof.token), claims[i].path, claims[i].value);
        proof.token = jose_swap_payload(arena, proof.token, payload);
        enum status status = check(bench, &proof);
        if (status == STATUS_OK) fail_msg("an altered claim passed: %s", claims[i].path);
    }
}

/* The same claims, signed anew by somebody else's key, or by the person's but for the leaf of another token. */
static void test_signed_by_another_device(void **state) {
    struct bench *bench = *state;
    struct arena *arena = bench->core->arena;
    const struct small_token *kept = &bench->core->tokens[bench->token[0]];
    for (size_t i = 0; i < 2; i++) {
        struct consent_proof proof = proof_of(bench, 0, CONSENT_SIDE_SOURCE);
        struct token token = kept->token;
        if (i == 0) token.exp_s--; /* a token of the same device that the log does not hold */
        const struct sign_private *key = bench->core->devices[bench->device[i]].sign;
        OK(token_make(arena, FEDERATION_NAME, &token, key, &proof.token));
        assert_int_not_equal(check(bench, &proof), STATUS_OK);
        /* Nor with the attestation of that device beside it. */
        proof.attestation = bench->core->devices[bench->device[i]].attestation;
        assert_int_not_equal(check(bench, &proof), STATUS_OK);
    }
}

/* ---- parts of another consent, and what is missing ---- */

static void other_token(struct consent_proof *proof, const struct consent_proof *other) { proof->token = other->token; }
static void other_request(struct consent_proof *proof, const struct consent_proof *other) {
    proof->request = other->request;
}
static void other_salt(struct consent_proof *proof, const struct consent_proof *other) { proof->salt = other->salt; }
static void other_attestation(struct consent_proof *proof, const struct consent_proof *other) {
    proof->attestation = other->attestation;
}
static void other_receipts(struct consent_proof *proof, const struct consent_proof *other) {
    proof->receipts = other->receipts;
}
static void other_unit(struct consent_proof *proof, const struct consent_proof *other) {
    (void)other;
    proof->unit = FEDERATION_GUIDANCE;
}
static void other_side(struct consent_proof *proof, const struct consent_proof *other) {
    (void)other;
    proof->side = CONSENT_SIDE_RECIPIENT;
}
static void no_salt(struct consent_proof *proof, const struct consent_proof *other) {
    (void)other;
    proof->salt = BYTES_EMPTY;
}
static void two_receipts(struct consent_proof *proof, const struct consent_proof *other) {
    (void)other;
    proof->n_receipts = 2;
}
/* One receipt of the other consent, or one that is out of its place. */
static void receipt_from(struct consent_proof *proof, const struct bytes *from, size_t at, size_t place) {
    static struct bytes mixed[3];
    memcpy(mixed, proof->receipts, sizeof mixed);
    mixed[place] = from[at];
    proof->receipts = mixed;
}
static void other_granted(struct consent_proof *proof, const struct consent_proof *other) {
    receipt_from(proof, other->receipts, 0, 0);
}
static void other_requested(struct consent_proof *proof, const struct consent_proof *other) {
    receipt_from(proof, other->receipts, 1, 1);
}
static void other_enrolled(struct consent_proof *proof, const struct consent_proof *other) {
    receipt_from(proof, other->receipts, 2, 2);
}
static void requested_for_granted(struct consent_proof *proof, const struct consent_proof *other) {
    (void)other;
    receipt_from(proof, proof->receipts, 1, 0);
}
static void enrolled_for_requested(struct consent_proof *proof, const struct consent_proof *other) {
    (void)other;
    receipt_from(proof, proof->receipts, 2, 1);
}
static void empty_receipt(struct consent_proof *proof, const struct consent_proof *other) {
    (void)other;
    const struct bytes none = BYTES_EMPTY;
    receipt_from(proof, &none, 0, 0);
}

static const struct {
    const char *name;
    void (*change)(struct consent_proof *proof, const struct consent_proof *other);
} swaps[] = {
    {"token", other_token},
    {"request", other_request},
    {"salt", other_salt},
    {"attestation", other_attestation},
    {"all receipts", other_receipts},
    {"unit", other_unit},
    {"side", other_side},
    {"no salt", no_salt},
    {"two receipts", two_receipts},
    {"receipt of another consent", other_granted},
    {"receipt of another request", other_requested},
    {"receipt of another device", other_enrolled},
    {"receipt of the request in the place of the consent's", requested_for_granted},
    {"receipt of the device in the place of the request's", enrolled_for_requested},
    {"empty receipt", empty_receipt},
};

static void test_swapped_parts(void **state) {
    struct bench *bench = *state;
    for (size_t i = 0; i < sizeof swaps / sizeof swaps[0]; i++) {
        struct consent_proof proof = proof_of(bench, 0, CONSENT_SIDE_SOURCE);
        const struct consent_proof other = proof_of(bench, 1, CONSENT_SIDE_SOURCE);
        swaps[i].change(&proof, &other);
        if (check(bench, &proof) == STATUS_OK) fail_msg("passed with another %s", swaps[i].name);
    }
}

/* Any byte of any receipt. */
static void test_altered_receipts(void **state) {
    struct bench *bench = *state;
    for (size_t which = 0; which < 3; which++) {
        const struct consent_proof whole = proof_of(bench, 0, CONSENT_SIDE_SOURCE);
        for (size_t at = 0; at < whole.receipts[which].len; at += 37) {
            struct consent_proof proof = whole;
            struct bytes altered;
            OK(arena_copy(bench->core->arena, whole.receipts[which], &altered));
            uint8_t *byte = (uint8_t *)(uintptr_t)altered.data + at;
            *byte = *byte == 'A' ? 'B' : 'A';
            receipt_from(&proof, &altered, 0, which);
            assert_int_not_equal(check(bench, &proof), STATUS_OK);
        }
    }
}

/* ---- who attested, and when ---- */

static size_t consent_by(struct bench *bench, size_t device) {
    struct small_ask ask = asks;
    ask.subject = bench->core->devices[device].subject;
    bench->token[0] = small_core_consent(bench->core, small_core_request(bench->core, &ask), device);
    return bench->token[0];
}

static void test_attester_that_identifies_nobody(void **state) {
    struct bench *bench = *state;
    (void)consent_by(bench, small_core_enrol(bench->core, &bench->subject[0], MEMBER_CITY));
    struct consent_proof proof = proof_of(bench, 0, CONSENT_SIDE_SOURCE);
    assert_int_equal(check(bench, &proof), STATUS_DENIED);
}

static void test_device_of_another_person(void **state) {
    struct bench *bench = *state;
    size_t device = bench->device[1];
    bench->core->devices[device].subject = bench->subject[0]; /* says the token; the attestation says otherwise */
    (void)consent_by(bench, device);
    struct consent_proof proof = proof_of(bench, 0, CONSENT_SIDE_SOURCE);
    assert_int_equal(check(bench, &proof), STATUS_PROOF);
}

/* The device was enrolled after the consent stood. */
static void test_enrolled_afterwards(void **state) {
    struct bench *bench = *state;
    struct small_device *device = &bench->core->devices[bench->device[0]];
    struct small_leaf old = bench->core->leaves[device->leaf];
    struct opening opening;
    OK(leaf_opening_parse(bench->core->arena, old.opening, &opening));
    device->leaf = small_core_append(bench->core, LEAF_DEVICE_ENROLLED, ids_random(), &opening);
    struct consent_proof proof = proof_of(bench, 0, CONSENT_SIDE_SOURCE);
    assert_int_equal(check(bench, &proof), STATUS_PROOF);
}

/* The key was revoked before the device's leaf: what it signs from then on counts for nothing. */
static void test_attester_key_was_revoked(void **state) {
    struct bench *bench = *state;
    struct federation *federation = bench->core->federation;
    struct member_record record = federation_member_record(federation, MEMBER_SERVICE, 2);
    struct sign_key keys[2] = {record.sign_keys[0], record.sign_keys[0]};
    struct sign_private *fresh CLEANUP(sign_free_cleanup) = NULL;
    OK(sign_generate(&fresh));
    keys[0].state = KEY_REVOKED;
    keys[1] = (struct sign_key){.key = sign_public_of(fresh), .state = KEY_ACTIVE};
    record.sign_keys = keys;
    record.n_sign_keys = 2;
    (void)federation_admit(federation, DIRECTORY_MEMBER, federation_sign_member(federation, &record, MEMBER_SERVICE));
    small_core_admit_new(bench->core);
    bench_ground(bench);
    /* What was attested before still stands. */
    struct consent_proof before = proof_of(bench, 1, CONSENT_SIDE_SOURCE);
    OK(check(bench, &before));
    (void)consent_by(bench, small_core_enrol(bench->core, &bench->subject[0], MEMBER_SERVICE));
    struct consent_proof after = proof_of(bench, 0, CONSENT_SIDE_SOURCE);
    assert_int_equal(check(bench, &after), STATUS_DENIED);
}

/* The leaf was written more than five minutes after the token was signed. */
static void test_late_leaf(void **state) {
    struct bench *bench = *state;
    struct small_token *kept = &bench->core->tokens[bench->token[0]];
    struct opening opening;
    OK(leaf_opening_parse(bench->core->arena, bench->core->leaves[kept->leaf].opening, &opening));
    bench->core->clock.manual_now_ms += 300000;
    kept->leaf = small_core_append(bench->core, LEAF_CONSENT_GRANTED, ids_random(), &opening);
    struct consent_proof proof = proof_of(bench, 0, CONSENT_SIDE_SOURCE);
    OK(check(bench, &proof));
    bench->core->clock.manual_now_ms += 1000;
    kept->leaf = small_core_append(bench->core, LEAF_CONSENT_GRANTED, ids_random(), &opening);
    proof = proof_of(bench, 0, CONSENT_SIDE_SOURCE);
    assert_int_equal(check(bench, &proof), STATUS_TIME);
}

/* A log of the broker's own making, signed by another key. */
static void test_foreign_log(void **state) {
    struct bench *bench = *state;
    struct sign_private *real = bench->core->federation->log_key;
    OK(sign_generate(&bench->core->federation->log_key));
    struct consent_proof proof = proof_of(bench, 0, CONSENT_SIDE_SOURCE);
    assert_int_not_equal(check(bench, &proof), STATUS_OK);
    sign_free(bench->core->federation->log_key);
    bench->core->federation->log_key = real;
    proof = proof_of(bench, 0, CONSENT_SIDE_SOURCE);
    OK(check(bench, &proof));
}

/* ---- what the leaf says ---- */

static void say_subject(struct opening *opening) { opening->subject = BYTES("12345678901234567890123456789012", 32); }
static void say_consent(struct opening *opening) { opening->consent = BYTES("1234567890123456", 16); }
static void say_token(struct opening *opening) { opening->token = BYTES("1234567890123456", 16); }
static void say_request(struct opening *opening) { opening->request = BYTES("1234567890123456", 16); }
static void say_recipient(struct opening *opening) { opening->recipient = FEDERATION_LABOUR; }
static void say_source(struct opening *opening) { opening->source = FEDERATION_GUIDANCE; }
static void say_purpose(struct opening *opening) { opening->purpose = "statistics_free"; }
static void say_kinds(struct opening *opening) { opening->n_kinds = 1; }
static void say_cause(struct opening *opening) { opening->cause = BYTES("12345678901234567890123456789012", 32); }
static void say_device(struct opening *opening) { opening->device = BYTES("12345678901234567890123456789012", 32); }
static void say_prior(struct opening *opening) { opening->prior_leaf = 1; }
static void say_less_evidence(struct opening *opening) { opening->n_evidence = 3; }

static void test_leaf_says_otherwise(void **state) {
    static void (*const lies[])(struct opening *) = {
        say_subject, say_consent, say_token, say_request, say_recipient, say_source,
        say_purpose, say_kinds,   say_cause, say_device,  say_prior,     say_less_evidence,
    };
    struct bench *bench = *state;
    struct small_token *kept = &bench->core->tokens[bench->token[0]];
    struct opening opening;
    OK(leaf_opening_parse(bench->core->arena, bench->core->leaves[kept->leaf].opening, &opening));
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct opening said = opening;
        lies[i](&said);
        kept->leaf = small_core_append(bench->core, LEAF_CONSENT_GRANTED, ids_random(), &said);
        struct consent_proof proof = proof_of(bench, 0, CONSENT_SIDE_SOURCE);
        if (check(bench, &proof) == STATUS_OK) fail_msg("lie %zu passed", i);
    }
}

/* ---- a broker whose leaves agree with what it made up ---- */

struct forged {
    struct token claims;
    size_t request;
    const struct sign_private *key;
};

static void forge_key(struct bench *bench, struct forged *forged) {
    forged->key = bench->core->devices[bench->device[1]].sign;
}
static void forge_kinds(struct bench *bench, struct forged *forged) {
    (void)bench;
    forged->claims.kinds[forged->claims.n_kinds++] = KIND_DECISION;
}
static void forge_duration(struct bench *bench, struct forged *forged) {
    (void)bench;
    forged->claims.exp_s += 1;
}
static void forge_purpose(struct bench *bench, struct forged *forged) {
    (void)bench;
    forged->claims.purpose = "statistics_free";
}
static void forge_recipient(struct bench *bench, struct forged *forged) {
    (void)bench;
    forged->claims.to = FEDERATION_LABOUR;
}
static void forge_subject(struct bench *bench, struct forged *forged) { forged->claims.subject = bench->subject[1]; }
/* The request is about another person. */
static void forge_request_subject(struct bench *bench, struct forged *forged) {
    struct small_ask ask = asks;
    ask.subject = bench->subject[1];
    forged->request = small_core_request(bench->core, &ask);
    forged->claims.request = hash_sha256(bench->core->requests[forged->request].whole);
}
/* Decided after the request had run out. */
static void forge_time(struct bench *bench, struct forged *forged) {
    bench->core->clock.manual_now_ms += 86400000;
    forged->claims.iat_s += 86400;
    forged->claims.nbf_s += 86400;
    forged->claims.exp_s += 86400;
}

static void test_forged_with_leaves_that_agree(void **state) {
    static void (*const forgeries[])(struct bench *, struct forged *) = {
        forge_key,       forge_kinds,   forge_duration,        forge_purpose,
        forge_recipient, forge_subject, forge_request_subject, forge_time,
    };
    struct bench *bench = *state;
    for (size_t i = 0; i < sizeof forgeries / sizeof forgeries[0]; i++) {
        struct small_ask ask = asks;
        ask.subject = bench->subject[0];
        struct forged forged = {.request = small_core_request(bench->core, &ask),
                                .key = bench->core->devices[bench->device[0]].sign};
        forged.claims = small_core_claims(bench->core, forged.request, bench->device[0]);
        forgeries[i](bench, &forged);
        bench->token[0] =
            small_core_consent_as(bench->core, forged.request, bench->device[0], &forged.claims, forged.key);
        struct consent_proof proof = proof_of(bench, 0, CONSENT_SIDE_SOURCE);
        if (check(bench, &proof) == STATUS_OK) fail_msg("forgery %zu passed", i);
    }
}

static void lie_evidence(struct opening *opening, size_t at) {
    ((struct hash *)(uintptr_t)opening->evidence)[at].b[0] ^= 1;
}
static void lie_evidence_0(struct opening *opening) { lie_evidence(opening, 0); }
static void lie_evidence_1(struct opening *opening) { lie_evidence(opening, 1); }
static void lie_evidence_2(struct opening *opening) { lie_evidence(opening, 2); }
static void lie_evidence_3(struct opening *opening) { lie_evidence(opening, 3); }
static void lie_actor(struct opening *opening) { opening->actor = FEDERATION_LABOUR; }

static const struct {
    const char *name;
    enum leaf_type type;
    void (*lie)(struct opening *opening);
} leaf_lies[] = {
    {"granted: request", LEAF_CONSENT_GRANTED, lie_evidence_0},
    {"granted: attestation", LEAF_CONSENT_GRANTED, lie_evidence_1},
    {"granted: notice", LEAF_CONSENT_GRANTED, lie_evidence_2},
    {"granted: salt", LEAF_CONSENT_GRANTED, lie_evidence_3},
    {"requested: request", LEAF_CONSENT_REQUESTED, lie_evidence_0},
    {"requested: id", LEAF_CONSENT_REQUESTED, say_request},
    {"requested: subject", LEAF_CONSENT_REQUESTED, say_subject},
    {"requested: recipient", LEAF_CONSENT_REQUESTED, say_recipient},
    {"requested: actor", LEAF_CONSENT_REQUESTED, lie_actor},
    {"requested: purpose", LEAF_CONSENT_REQUESTED, say_purpose},
    {"requested: kinds", LEAF_CONSENT_REQUESTED, say_kinds},
    {"enrolled: attestation", LEAF_DEVICE_ENROLLED, lie_evidence_0},
    {"enrolled: registration", LEAF_DEVICE_ENROLLED, lie_evidence_1},
    {"enrolled: subject", LEAF_DEVICE_ENROLLED, say_subject},
    {"enrolled: device", LEAF_DEVICE_ENROLLED, say_device},
    {"enrolled: actor", LEAF_DEVICE_ENROLLED, lie_actor},
};

static void test_leaves_that_lie(void **state) {
    struct bench *bench = *state;
    for (size_t i = 0; i < sizeof leaf_lies / sizeof leaf_lies[0]; i++) {
        bench->core->lie_type = leaf_lies[i].type;
        bench->core->lie = leaf_lies[i].lie;
        (void)consent_by(bench, small_core_enrol(bench->core, &bench->subject[0], MEMBER_SERVICE));
        bench->core->lie = NULL;
        struct consent_proof proof = proof_of(bench, 0, CONSENT_SIDE_SOURCE);
        if (check(bench, &proof) == STATUS_OK) fail_msg("passed: %s", leaf_lies[i].name);
    }
    (void)consent_by(bench, bench->device[0]);
    struct consent_proof proof = proof_of(bench, 0, CONSENT_SIDE_SOURCE);
    OK(check(bench, &proof));
}

/* ---- the rule at the source ---- */

/* The agreement no longer accepts who attested: verified, but nothing is granted. */
static void test_unaccepted_attester_gets_no_grant(void **state) {
    struct bench *bench = *state;
    struct federation *federation = bench->core->federation;
    struct small_agency *source = small_agency_new(bench->core, MEMBER_COUNTY, SMALL_STORE_MEMORY);
    static const char *const others[] = {FEDERATION_COUNTY};
    (void)small_agency_publish(source, UNIT_CAREER, &bench->subject[0], "A job", FRAGMENT_STORED);
    assert_int_equal(small_agency_take_mail(source), 2);
    struct agreement agreement = federation_agreement(federation, 2);
    agreement.attesters = others;
    (void)federation_admit(federation, DIRECTORY_AGREEMENT, federation_sign_agreement(federation, &agreement));
    small_core_admit_new(bench->core);
    OK(dirsync_run(source->agent));
    OK(source_serve_all(source->agent));
    assert_int_equal(bench->core->n_grants, 0);
    agreement = federation_agreement(federation, 3);
    (void)federation_admit(federation, DIRECTORY_AGREEMENT, federation_sign_agreement(federation, &agreement));
    small_core_admit_new(bench->core);
    OK(dirsync_run(source->agent));
    OK(source_serve_all(source->agent));
    assert_int_equal(bench->core->n_grants, 1);
    small_agency_free(source);
}

/* A consent that does not verify is passed over, counted, and never acted on. */
static void test_refused_mail_is_counted(void **state) {
    struct bench *bench = *state;
    struct agent_health health;
    struct small_agency *source = small_agency_new(bench->core, MEMBER_COUNTY, SMALL_STORE_MEMORY);
    (void)small_agency_publish(source, UNIT_CAREER, &bench->subject[0], "A job", FRAGMENT_STORED);
    for (size_t i = 0; i < bench->core->n_mails; i++) {
        bench->core->mails[i].event.salt = BYTES("12345678901234567890123456789012", 32);
    }
    assert_int_equal(small_agency_take_mail(source), 2);
    assert_int_equal(small_agency_take_mail(source), 0);
    OK(source_serve_all(source->agent));
    assert_int_equal(bench->core->n_grants, 0);
    agent_health(source->agent, &health);
    assert_int_equal(health.refused_events, 2);
    small_agency_free(source);
}

/* ---- state statements ---- */

static void test_state_statements(void **state) {
    struct bench *bench = *state;
    struct small_core *core = bench->core;
    const struct directory *directory = core->federation->directory;
    struct id16 token = core->tokens[bench->token[0]].token.jti;
    struct id16 other = core->tokens[bench->token[1]].token.jti;
    uint64_t now = core->clock.manual_now_ms;
    enum consent_state said = CONSENT_STATE_NONE;
    struct bytes statement = small_core_state(core, &token, CONSENT_ACTIVE, now - 600000);
    OK(source_judge_state(core->arena, directory, &token, now, statement, &said));
    assert_int_equal(said, CONSENT_ACTIVE);
    assert_int_equal(source_judge_state(core->arena, directory, &other, now, statement, &said), STATUS_PROOF);
    assert_int_equal(source_judge_state(core->arena, directory, &token, now + 1, statement, &said), STATUS_TIME);
    statement = small_core_state(core, &token, CONSENT_ACTIVE, now + 120001);
    assert_int_equal(source_judge_state(core->arena, directory, &token, now, statement, &said), STATUS_TIME);
    struct sign_private *real = core->federation->status_key;
    core->federation->status_key = core->federation->log_key;
    statement = small_core_state(core, &token, CONSENT_ACTIVE, now);
    core->federation->status_key = real;
    assert_int_equal(source_judge_state(core->arena, directory, &token, now, statement, &said), STATUS_SIGNATURE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_altered_claims, setup, teardown),
        cmocka_unit_test_setup_teardown(test_signed_by_another_device, setup, teardown),
        cmocka_unit_test_setup_teardown(test_swapped_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_altered_receipts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_attester_that_identifies_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(test_device_of_another_person, setup, teardown),
        cmocka_unit_test_setup_teardown(test_enrolled_afterwards, setup, teardown),
        cmocka_unit_test_setup_teardown(test_attester_key_was_revoked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_late_leaf, setup, teardown),
        cmocka_unit_test_setup_teardown(test_foreign_log, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leaf_says_otherwise, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forged_with_leaves_that_agree, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leaves_that_lie, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unaccepted_attester_gets_no_grant, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused_mail_is_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_state_statements, setup, teardown),
        cmocka_unit_test_setup_teardown(test_whole_consents_pass, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
