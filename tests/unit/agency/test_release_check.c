/*
 * Releases that are not what was asked for: swapped headers, grants, ciphertexts, receipts. Nothing of them is opened.
 * Guards P3 and P4.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "agent/grant.h"
#include "agent/release_check.h"
#include "agent/source.h"
#include "proto/signed.h"
#include "support/agency/small_agency.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

/* Two persons with one fragment each; of the first two consents to one unit, and one to another unit. */
struct bench {
    struct small_core *core;
    struct small_agency *source;
    struct small_agency *recipient;
    struct hash subject[2];
    size_t token[4]; /* person 0, person 1, person 0 again, person 0 to the labour market board */
};

enum { FIRST, SECOND_PERSON, SECOND_CONSENT, OTHER_UNIT };

static size_t consent(struct bench *bench, size_t person, enum federation_unit to) {
    const struct small_ask ask = {
        .to = to, .from = UNIT_CAREER, .access = ACCESS_REPEATED, .subject = bench->subject[person]};
    size_t device = small_core_enrol(bench->core, &bench->subject[person], MEMBER_SERVICE);
    return small_core_consent(bench->core, small_agency_request(bench->recipient, &ask), device);
}

static int setup(void **state) {
    static struct bench bench;
    bench = (struct bench){.core = small_core_new()};
    bench.source = small_agency_new(bench.core, MEMBER_COUNTY, SMALL_STORE_MEMORY);
    bench.recipient = small_agency_new(bench.core, MEMBER_CITY, SMALL_STORE_MEMORY);
    for (size_t i = 0; i < 2; i++) {
        secret_random_public(bench.subject[i].b, sizeof bench.subject[i].b);
        (void)small_agency_publish(bench.source, UNIT_CAREER, &bench.subject[i], "A job", FRAGMENT_STORED);
    }
    bench.token[FIRST] = consent(&bench, 0, UNIT_EDUCATION);
    bench.token[SECOND_PERSON] = consent(&bench, 1, UNIT_EDUCATION);
    bench.token[SECOND_CONSENT] = consent(&bench, 0, UNIT_EDUCATION);
    bench.token[OTHER_UNIT] = consent(&bench, 0, UNIT_LABOUR);
    assert_int_equal(small_agency_take_mail(bench.source), 4);
    OK(source_serve_all(bench.source->agent));
    assert_int_equal(bench.core->n_grants, 4);
    *state = &bench;
    return 0;
}

static int teardown(void **state) {
    struct bench *bench = *state;
    small_agency_free(bench->source);
    small_agency_free(bench->recipient);
    small_core_free(bench->core);
    return 0;
}

static struct small_grant *grant_of(struct bench *bench, size_t which) {
    const struct id16 *token = &bench->core->tokens[bench->token[which]].token.jti;
    for (size_t i = 0; i < bench->core->n_grants; i++) {
        struct small_grant *grant = &bench->core->grants[i];
        if (bytes_equal(grant->grant.token, ids_bytes(token))) return grant;
    }
    fail_msg("no grant");
    return NULL;
}

/* ---- one item, with an opening that agrees with whatever came ---- */

struct opening_try {
    struct bench *bench;
    struct token token;
    struct opening_item named;
    struct release_item item;
    const char *unit;
};

static struct opening_item named_as(const struct small_fragment *fragment, struct bytes header,
                                    struct bytes ciphertext) {
    return (struct opening_item){.fragment = fragment->id,
                                 .revision = fragment->revision,
                                 .header_hash = hash_sha256(header),
                                 .ciphertext_hash = hash_sha256(ciphertext)};
}

static struct opening_try whole(struct bench *bench) {
    const struct small_fragment *fragment = &bench->core->fragments[0];
    struct opening_try tried = {.bench = bench,
                                .token = bench->core->tokens[bench->token[FIRST]].token,
                                .named = named_as(fragment, fragment->header, fragment->ciphertext),
                                .item = {.header = fragment->header,
                                         .grant = grant_of(bench, FIRST)->whole,
                                         .ciphertext = fragment->ciphertext},
                                .unit = FEDERATION_EDUCATION};
    return tried;
}

static enum status open_it(struct opening_try *tried) {
    struct bench *bench = tried->bench;
    struct fragment_signed header;
    struct bytes content;
    const struct release_asked asked = {
        .unit = tried->unit, .token = &tried->token, .kinds = tried->token.kinds, .n_kinds = tried->token.n_kinds};
    tried->item.named = &tried->named;
    return release_open(bench->core->arena, bench->core->federation->directory, bench->recipient->agent->keystore,
                        &asked, &tried->item, &header, &content);
}

static struct bytes resign(struct bench *bench, const char *label, struct bytes whole_object,
                           const struct sign_private *key) {
    struct signed_object object;
    struct bytes out;
    OK(signed_parse(bench->core->arena, whole_object, &object));
    OK(signed_make(bench->core->arena, label, FEDERATION_NAME, object.body, key, &out));
    return out;
}

static struct bytes regrant(struct bench *bench, const struct key_grant *grant) {
    struct bytes body;
    struct bytes out;
    OK(key_grant_encode(bench->core->arena, grant, &body));
    OK(signed_make(bench->core->arena, SIGNED_GRANT, FEDERATION_NAME, body,
                   bench->core->federation->members[MEMBER_COUNTY].sign, &out));
    return out;
}

static void grant_of_another_fragment(struct opening_try *tried) {
    tried->item.grant = grant_of(tried->bench, SECOND_PERSON)->whole;
}
static void grant_of_another_token(struct opening_try *tried) {
    tried->item.grant = grant_of(tried->bench, SECOND_CONSENT)->whole;
}
static void grant_to_another_unit(struct opening_try *tried) {
    tried->item.grant = grant_of(tried->bench, OTHER_UNIT)->whole;
}
static void asked_by_another_unit(struct opening_try *tried) { tried->unit = FEDERATION_LABOUR; }
static void asked_for_another_purpose(struct opening_try *tried) { tried->token.purpose = "statistics_free"; }
static void asked_about_another_person(struct opening_try *tried) { tried->token.subject = tried->bench->subject[1]; }
static void asked_for_another_kind(struct opening_try *tried) { tried->token.kinds[0] = KIND_DECISION; }
static void asked_of_another_source(struct opening_try *tried) { tried->token.from = FEDERATION_GUIDANCE; }
static void header_of_another(struct opening_try *tried) {
    const struct small_fragment *other = &tried->bench->core->fragments[1];
    tried->item.header = other->header;
    tried->named = named_as(other, other->header, tried->item.ciphertext);
}
static void ciphertext_of_another(struct opening_try *tried) {
    tried->item.ciphertext = tried->bench->core->fragments[1].ciphertext;
    tried->named.ciphertext_hash = hash_sha256(tried->item.ciphertext);
}
static void header_that_was_not_named(struct opening_try *tried) { tried->named.header_hash.b[0] ^= 1; }
static void revision_that_was_not_named(struct opening_try *tried) { tried->named.revision++; }
static void fragment_that_was_not_named(struct opening_try *tried) { tried->named.fragment.b[0] ^= 1; }
static void grant_against_no_event(struct opening_try *tried) {
    tried->item.release_event = BYTES("1234567890123456", 16);
}
static void grant_signed_by_another(struct opening_try *tried) {
    tried->item.grant = resign(tried->bench, SIGNED_GRANT, tried->item.grant,
                               tried->bench->core->federation->members[MEMBER_SERVICE].sign);
}
static void header_signed_by_another(struct opening_try *tried) {
    tried->item.header = resign(tried->bench, SIGNED_HEADER, tried->item.header,
                                tried->bench->core->federation->members[MEMBER_SERVICE].sign);
    tried->named.header_hash = hash_sha256(tried->item.header);
}
static void sealed_key_altered(struct opening_try *tried) {
    struct key_grant grant = grant_of(tried->bench, FIRST)->grant;
    grant.sealed[0] ^= 1;
    tried->item.grant = regrant(tried->bench, &grant);
}
/* The source's own key, with every field of another grant written as this one's: HPKE's info says otherwise. */
static void sealed_key_of_another(struct opening_try *tried) {
    struct key_grant grant = grant_of(tried->bench, FIRST)->grant;
    const struct key_grant *other = &grant_of(tried->bench, SECOND_CONSENT)->grant;
    memcpy(grant.enc, other->enc, sizeof grant.enc);
    memcpy(grant.sealed, other->sealed, sizeof grant.sealed);
    tried->item.grant = regrant(tried->bench, &grant);
}
static void ciphertext_altered(struct opening_try *tried) {
    struct bytes copy;
    OK(arena_copy(tried->bench->core->arena, tried->item.ciphertext, &copy));
    *(uint8_t *)(uintptr_t)copy.data ^= 1;
    tried->item.ciphertext = copy;
}
static void ciphertext_cut(struct opening_try *tried) { tried->item.ciphertext.len--; }
static void no_grant(struct opening_try *tried) { tried->item.grant = BYTES_EMPTY; }

static const struct {
    const char *name;
    void (*change)(struct opening_try *tried);
} swaps[] = {
    {"grant of another fragment", grant_of_another_fragment},
    {"grant of another token", grant_of_another_token},
    {"grant to another unit", grant_to_another_unit},
    {"asked by another unit", asked_by_another_unit},
    {"asked for another purpose", asked_for_another_purpose},
    {"asked about another person", asked_about_another_person},
    {"asked for another kind", asked_for_another_kind},
    {"asked of another source", asked_of_another_source},
    {"header of another", header_of_another},
    {"ciphertext of another", ciphertext_of_another},
    {"header that was not named", header_that_was_not_named},
    {"revision that was not named", revision_that_was_not_named},
    {"fragment that was not named", fragment_that_was_not_named},
    {"grant against no event", grant_against_no_event},
    {"grant signed by another", grant_signed_by_another},
    {"header signed by another", header_signed_by_another},
    {"sealed key altered", sealed_key_altered},
    {"sealed key of another", sealed_key_of_another},
    {"ciphertext altered", ciphertext_altered},
    {"ciphertext cut", ciphertext_cut},
    {"no grant", no_grant},
};

static void test_swapped_items_are_not_opened(void **state) {
    struct bench *bench = *state;
    for (size_t i = 0; i < sizeof swaps / sizeof swaps[0]; i++) {
        struct opening_try tried = whole(bench);
        swaps[i].change(&tried);
        if (open_it(&tried) == STATUS_OK) fail_msg("opened: %s", swaps[i].name);
    }
    struct opening_try tried = whole(bench);
    OK(open_it(&tried));
}

/* The source's key was revoked since: what it signed counts for nothing; retired, it counts. */
static void test_key_of_the_source(void **state) {
    static const struct {
        enum key_state state;
        enum status expected;
    } rows[] = {{KEY_RETIRED, STATUS_OK}, {KEY_REVOKED, STATUS_DENIED}};
    struct bench *bench = *state;
    struct federation *federation = bench->core->federation;
    struct sign_private *fresh CLEANUP(sign_free_cleanup) = NULL;
    OK(sign_generate(&fresh));
    for (size_t i = 0; i < 2; i++) {
        struct member_record record = federation_member_record(federation, MEMBER_COUNTY, 2 + i);
        struct sign_key keys[2] = {record.sign_keys[0], {.key = sign_public_of(fresh), .state = KEY_ACTIVE}};
        keys[0].state = rows[i].state;
        record.sign_keys = keys;
        record.n_sign_keys = 2;
        struct sign_private *old = federation->members[MEMBER_COUNTY].sign;
        if (i > 0) federation->members[MEMBER_COUNTY].sign = fresh;
        struct bytes object = federation_sign_member(federation, &record, MEMBER_COUNTY);
        federation->members[MEMBER_COUNTY].sign = old;
        (void)federation_admit(federation, DIRECTORY_MEMBER, object);
        struct opening_try tried = whole(bench);
        assert_int_equal(open_it(&tried), rows[i].expected);
    }
}

/* ---- the page, as it goes over the link ---- */

static void repack(struct small_core *core, struct reply *reply, struct msg_released *page) {
    OK(msg_released_encode(core->arena, page, &reply->body));
}

static struct msg_released page_of(struct small_core *core, const struct reply *reply) {
    struct msg_released page;
    OK(msg_released_parse(core->arena, reply->body, &page));
    return page;
}

static struct msg_released_item *items_of(const struct msg_released *page) {
    return (struct msg_released_item *)(uintptr_t)page->items;
}

static void left_out(struct small_core *core, struct msg_released *page) {
    (void)core;
    page->n_items--;
}
static void other_order(struct small_core *core, struct msg_released *page) {
    (void)core;
    struct msg_released_item first = items_of(page)[0];
    items_of(page)[0] = items_of(page)[1];
    items_of(page)[1] = first;
}
static void grants_swapped(struct small_core *core, struct msg_released *page) {
    (void)core;
    struct bytes first = items_of(page)[0].grant;
    items_of(page)[0].grant = items_of(page)[1].grant;
    items_of(page)[1].grant = first;
}
static void ciphertexts_swapped(struct small_core *core, struct msg_released *page) {
    (void)core;
    struct bytes first = items_of(page)[0].ciphertext;
    items_of(page)[0].ciphertext = items_of(page)[1].ciphertext;
    items_of(page)[1].ciphertext = first;
}
static void grant_taken(struct small_core *core, struct msg_released *page) {
    (void)core;
    items_of(page)[0].grant = BYTES_EMPTY;
}
static void no_receipt(struct small_core *core, struct msg_released *page) {
    (void)core;
    page->receipt = BYTES("c2sp.org/tlog-proof@v1\n", 23);
}
static void receipt_of_a_publication(struct small_core *core, struct msg_released *page) {
    page->receipt = small_core_receipt(core, core->fragments[0].leaf);
}
static struct bytes kept_receipt;
static void receipt_of_an_earlier_release(struct small_core *core, struct msg_released *page) {
    (void)core;
    if (kept_receipt.len == 0) {
        kept_receipt = page->receipt;
    } else {
        page->receipt = kept_receipt;
    }
}

static void (*page_lie)(struct small_core *core, struct msg_released *page);

static void lie(struct small_core *core, enum message_type type, struct reply *reply) {
    if (type != MESSAGE_RELEASE) return;
    small_core_cosign(core, 1u << MEMBER_SERVICE);
    if (!page_lie || reply->code != REPLY_DONE) return;
    struct msg_released page = page_of(core, reply);
    page_lie(core, &page);
    repack(core, reply, &page);
}

static size_t goals(struct bench *bench) {
    struct agent_caller caller = small_agency_caller(UNIT_EDUCATION);
    json_t *plan = NULL;
    OK(agent_plan(bench->recipient->agent, bench->recipient->arena, &caller, &bench->subject[1], FEDERATION_PURPOSE,
                  &plan));
    size_t count = json_array_size(json_object_get(plan, "goals"));
    json_decref(plan);
    return count;
}

static uint64_t refused(struct bench *bench) {
    struct agent_health health;
    agent_health(bench->recipient->agent, &health);
    return health.refused_releases;
}

static void test_pages_that_lie(void **state) {
    static const struct {
        const char *name;
        void (*change)(struct small_core *core, struct msg_released *page);
    } lies[] = {
        {"an item left out", left_out},
        {"another order", other_order},
        {"grants swapped", grants_swapped},
        {"ciphertexts swapped", ciphertexts_swapped},
        {"a grant taken", grant_taken},
        {"no receipt", no_receipt},
        {"receipt of a publication", receipt_of_a_publication},
        {"receipt of an earlier release", receipt_of_an_earlier_release},
    };
    struct bench *bench = *state;
    kept_receipt = BYTES_EMPTY;
    page_lie = NULL;
    bench->core->tweak = lie;
    (void)small_agency_publish(bench->source, UNIT_CAREER, &bench->subject[1], "Another job", FRAGMENT_STORED);
    assert_true(small_agency_take_mail(bench->recipient) > 0);
    assert_int_equal(goals(bench), 2);
    page_lie = receipt_of_an_earlier_release;
    assert_int_equal(goals(bench), 2); /* keeps this one's receipt for the next */
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        uint64_t before = refused(bench);
        page_lie = lies[i].change;
        if (goals(bench) != 0) fail_msg("opened: %s", lies[i].name);
        assert_true(refused(bench) > before);
    }
    page_lie = NULL;
    assert_int_equal(goals(bench), 2);
}

/* ---- the leaf of the release says something else ---- */

static void lie_token(struct opening *opening) { opening->token = BYTES("1234567890123456", 16); }
static void lie_consent(struct opening *opening) { opening->consent = BYTES("1234567890123456", 16); }
static void lie_subject(struct opening *opening) { opening->subject = BYTES("12345678901234567890123456789012", 32); }
static void lie_actor(struct opening *opening) { opening->actor = FEDERATION_LABOUR; }
static void lie_purpose(struct opening *opening) { opening->purpose = "statistics_free"; }
static void lie_kinds(struct opening *opening) { opening->n_kinds = 1; }
static void lie_stage(struct opening *opening) { opening->stage = 1; }
static void lie_recipient(struct opening *opening) { opening->recipient = FEDERATION_LABOUR; }
static void lie_source(struct opening *opening) { opening->source = FEDERATION_GUIDANCE; }
static void lie_cause(struct opening *opening) { opening->cause = BYTES("12345678901234567890123456789012", 32); }
static void lie_items(struct opening *opening) { opening->n_items = 0; }

static void test_leaves_that_lie(void **state) {
    static void (*const lies[])(struct opening *) = {
        lie_token, lie_consent, lie_subject,   lie_actor,  lie_purpose, lie_kinds,
        lie_stage, lie_cause,   lie_recipient, lie_source, lie_items,
    };
    struct bench *bench = *state;
    page_lie = NULL;
    bench->core->tweak = lie;
    assert_true(small_agency_take_mail(bench->recipient) > 0);
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        uint64_t before = refused(bench);
        bench->core->lie_type = LEAF_RELEASED;
        bench->core->lie = lies[i];
        if (goals(bench) != 0) fail_msg("lie %zu was opened", i);
        assert_true(refused(bench) > before);
    }
    bench->core->lie = NULL;
    assert_int_equal(goals(bench), 1);
}

/* A header that the source never signed, with a grant that fits it: made with the source's own key for the person. */
static void test_header_of_a_stranger(void **state) {
    struct bench *bench = *state;
    struct opening_try tried = whole(bench);
    struct fragment_row row = {0};
    struct secret *key CLEANUP(secret_free_cleanup) = NULL;
    struct fragment_signed header;
    const struct key_grant *stands = &grant_of(bench, FIRST)->grant;
    OK(fragment_header_split(bench->core->arena, tried.item.header, &header));
    tried.item.header =
        resign(bench, SIGNED_HEADER, tried.item.header, bench->core->federation->members[MEMBER_SERVICE].sign);
    tried.named.header_hash = hash_sha256(tried.item.header);
    row = (struct fragment_row){.fragment = header.core.fragment,
                                .revision = header.core.revision,
                                .kind = (uint32_t)header.core.kind,
                                .core = header.header.core,
                                .commitment = header.header.commitment,
                                .header = tried.item.header};
    struct seal_public to;
    struct hash to_id;
    OK(directory_seal_key(bench->core->federation->directory, FEDERATION_EDUCATION, &to, &to_id));
    const struct grant_target target = {.token = stands->token,
                                        .purpose = stands->purpose,
                                        .recipient = stands->recipient,
                                        .key = to,
                                        .state = stands->state};
    OK(vault_key(bench->source->agent->vault, 1, &key));
    OK(grant_make(bench->core->arena, FEDERATION_NAME, bench->core->federation->members[MEMBER_COUNTY].sign, key, &row,
                  &target, &tried.item.grant));
    assert_int_equal(open_it(&tried), STATUS_SIGNATURE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_swapped_items_are_not_opened, setup, teardown),
        cmocka_unit_test_setup_teardown(test_key_of_the_source, setup, teardown),
        cmocka_unit_test_setup_teardown(test_header_of_a_stranger, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leaves_that_lie, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pages_that_lie, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
