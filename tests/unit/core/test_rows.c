/*
 * The row modules by themselves: what is written comes back; what was moved, altered or is another's does not open;
 * pages, pieces and bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "broker/core/consent_rows.h"
#include "broker/core/device_rows.h"
#include "broker/core/enrolment_rows.h"
#include "broker/core/fragment_rows.h"
#include "broker/core/grant_rows.h"
#include "broker/core/pack.h"
#include "broker/core/request_rows.h"
#include "broker/core/subject.h"
#include "broker/core/token_rows.h"
#include "proto/limits.h"
#include "support/core/core_parts.h"

#define OK(call) assert_int_equal((call), STATUS_OK)
#define UNIT     "0007:2129990004/adult-education"
#define OTHER    "0007:2029990005/guidance"
#define MEMBER   "0007:2029990005"

static struct hash some_hash(uint8_t seed) { return hash_sha256(BYTES(&seed, 1)); }

static struct id16 some_id(uint8_t seed) {
    struct id16 id;
    memset(id.b, seed, sizeof id.b);
    return id;
}

/* Runs a function in one batch of a fresh store. */
typedef void run_fn(struct core_parts *parts, struct store_txn *txn);

struct run {
    struct core_parts *parts;
    run_fn *fn;
};

static enum status run_in_batch(struct store_txn *txn, void *arg) {
    const struct run *run = arg;
    run->fn(run->parts, txn);
    return STATUS_OK;
}

static void in_batch(run_fn *fn) {
    for (int engine = CORE_PARTS_MEMORY; engine <= CORE_PARTS_LMDB; engine++) {
        struct core_parts parts;
        core_parts_init(&parts, (enum core_parts_engine)engine);
        struct run run = {&parts, fn};
        OK(core_parts_batch(&parts, run_in_batch, &run));
        core_parts_clear(&parts);
    }
}

/* ---- devices ---- */

static struct device_row a_device(uint8_t seed) {
    return (struct device_row){
        .device = some_hash(seed),
        .subject = some_hash(99),
        .state = DEVICE_ACTIVE,
        .since_ms = 5,
        .waits_until_ms = 77,
        .leaf = 3,
        .attester = MEMBER,
        .assurance = 2,
        .attestation = bytes_text("attestation"),
    };
}

static void run_devices(struct core_parts *parts, struct store_txn *txn) {
    const struct core *core = &parts->core;
    struct device_read reads[DEVICE_ROWS_READS_MAX + 1];
    for (size_t i = 0; i <= DEVICE_ROWS_READS_MAX; i++) {
        reads[i] = (struct device_read){i % 2 ? UNIT : OTHER, i};
    }
    struct device_row row = a_device(1);
    row.reads = reads;
    row.n_reads = DEVICE_ROWS_READS_MAX + 1;
    assert_int_equal(device_rows_put(core, txn, 4, &row, parts->arena), STATUS_LIMIT);
    row.n_reads = DEVICE_ROWS_READS_MAX;
    OK(device_rows_put(core, txn, 4, &row, parts->arena));
    struct device_row back;
    uint32_t slot = 0;
    struct hash unknown = some_hash(2);
    assert_int_equal(device_rows_find(core, txn, &unknown, parts->arena, &slot, &back), STATUS_NOT_FOUND);
    assert_int_equal(device_rows_get(core, txn, 5, &row.device, parts->arena, &back), STATUS_NOT_FOUND);
    OK(device_rows_find(core, txn, &row.device, parts->arena, &slot, &back));
    assert_int_equal(slot, 4);
    assert_true(hash_equal(&back.subject, &row.subject));
    assert_string_equal(back.attester, MEMBER);
    assert_true(bytes_equal(back.attestation, row.attestation));
    assert_int_equal(back.n_reads, DEVICE_ROWS_READS_MAX);
    assert_string_equal(back.reads[1].unit, UNIT);
    assert_int_equal(back.waits_until_ms, 77);
    assert_false(device_rows_settled(&back, 76));
    assert_true(device_rows_settled(&back, 77));
    back.state = DEVICE_SUSPENDED;
    assert_false(device_rows_settled(&back, 77));
    assert_true(device_rows_has_read(&back, UNIT));
    assert_false(device_rows_has_read(&back, MEMBER "/other"));
    /* A thumbprint is one person's. */
    assert_int_equal(device_rows_put(core, txn, 5, &row, parts->arena), STATUS_CONFLICT);
}

static void run_device_list(struct core_parts *parts, struct store_txn *txn) {
    const struct core *core = &parts->core;
    struct device_list list;
    for (uint8_t i = 1; i <= 5; i++) {
        struct device_row row = a_device(i);
        OK(device_rows_put(core, txn, i < 5 ? 4 : 3, &row, parts->arena));
    }
    OK(device_rows_list(core, txn, 4, parts->arena, &list));
    assert_int_equal(list.count, 4);
    OK(device_rows_list(core, txn, 2, parts->arena, &list));
    assert_int_equal(list.count, 0);
}

/* A row under another key, and a row of another slot, do not open. */
static void run_moved(struct core_parts *parts, struct store_txn *txn) {
    const struct core *core = &parts->core;
    struct device_row first = a_device(1);
    struct device_row second = a_device(2);
    OK(device_rows_put(core, txn, 4, &first, parts->arena));
    OK(device_rows_put(core, txn, 4, &second, parts->arena));
    uint8_t tags[2][SUBJECT_TAG_BYTES];
    subject_tag(core, INDEX_DEVICE, hash_bytes(&first.device), tags[0]);
    subject_tag(core, INDEX_DEVICE, hash_bytes(&second.device), tags[1]);
    struct pack_key keys[2] = {pack_slot_key(4, tags[0]), pack_slot_key(4, tags[1])};
    struct bytes value;
    struct device_row back;
    OK(store_get(txn, STORE_DEVICE, BYTES_ARRAY(keys[0].b), parts->arena, &value));
    OK(store_put(txn, STORE_DEVICE, BYTES_ARRAY(keys[1].b), value));
    assert_int_equal(device_rows_get(core, txn, 4, &second.device, parts->arena, &back), STATUS_INTEGRITY);
    uint8_t *altered = arena_alloc(parts->arena, value.len);
    memcpy(altered, value.data, value.len);
    altered[value.len - 1] ^= 1;
    OK(store_put(txn, STORE_DEVICE, BYTES_ARRAY(keys[0].b), BYTES(altered, value.len)));
    assert_int_equal(device_rows_get(core, txn, 4, &first.device, parts->arena, &back), STATUS_INTEGRITY);
}

/* ---- requests ---- */

static struct request_row a_request(uint8_t seed, enum request_state state, uint64_t expires_ms) {
    return (struct request_row){.id = some_id(seed),
                                .state = state,
                                .leaf = seed,
                                .expires_ms = expires_ms,
                                .request_hash = some_hash(seed),
                                .message = bytes_text("message")};
}

static void run_requests(struct core_parts *parts, struct store_txn *txn) {
    const struct core *core = &parts->core;
    struct request_list list;
    struct request_row back;
    uint32_t slot = 0;
    /* More than one page of a scan, most of them decided or over. */
    for (uint8_t i = 0; i < 200; i++) {
        struct request_row row = a_request(i, i % 4 ? REQUEST_GRANTED : REQUEST_PENDING, i < 100 ? 1000 : 2000);
        OK(request_rows_put(core, txn, 7, &row, parts->arena));
    }
    OK(request_rows_pending(core, txn, 7, 1000, parts->arena, &list));
    assert_int_equal(list.count, 25);
    OK(request_rows_pending(core, txn, 7, 999, parts->arena, &list));
    assert_int_equal(list.count, 50);
    OK(request_rows_pending(core, txn, 7, 2000, parts->arena, &list));
    assert_int_equal(list.count, 0);
    struct id16 id = some_id(8);
    OK(request_rows_find(core, txn, &id, parts->arena, &slot, &back));
    assert_int_equal(slot, 7);
    assert_int_equal(request_rows_state(&back, 999), REQUEST_PENDING);
    assert_int_equal(request_rows_state(&back, 1000), REQUEST_EXPIRED);
    struct request_parts request;
    assert_int_equal(request_rows_parts(core, &back, parts->arena, &request), STATUS_INTEGRITY);
    struct request_row other = a_request(8, REQUEST_PENDING, 1);
    assert_int_equal(request_rows_put(core, txn, 8, &other, parts->arena), STATUS_CONFLICT);
}

static void run_many_requests(struct core_parts *parts, struct store_txn *txn) {
    const struct core *core = &parts->core;
    struct request_list list;
    for (uint32_t i = 0; i < REQUEST_ROWS_PENDING_MAX + 10; i++) {
        struct request_row row = a_request((uint8_t)i, REQUEST_PENDING, 1000);
        memcpy(row.id.b, &i, sizeof i);
        OK(request_rows_put(core, txn, 7, &row, parts->arena));
    }
    OK(request_rows_pending(core, txn, 7, 1, parts->arena, &list));
    assert_int_equal(list.count, REQUEST_ROWS_PENDING_MAX);
}

/* ---- tokens and consents ---- */

static void run_tokens(struct core_parts *parts, struct store_txn *txn) {
    const struct core *core = &parts->core;
    struct token token = {.jti = some_id(1),
                          .consent = some_id(2),
                          .subject = some_hash(3),
                          .device = some_hash(4),
                          .request = some_hash(5),
                          .nbf_s = 6,
                          .exp_s = 7,
                          .to = UNIT,
                          .from = OTHER,
                          .purpose = "joint_plan",
                          .kinds = {KIND_GOAL, KIND_EVENT},
                          .n_kinds = 2,
                          .access = ACCESS_ONCE,
                          .compact = bytes_text("a.b.c")};
    struct id16 request = some_id(8);
    struct token_row row = token_rows_make(&token, &request);
    struct token_row back;
    uint32_t slot = 0;
    row.leaf = 9;
    assert_int_equal(token_rows_find(core, txn, &row.jti, parts->arena, &slot, &back), STATUS_NOT_FOUND);
    OK(token_rows_put(core, txn, 3, &row, parts->arena));
    OK(token_rows_find(core, txn, &row.jti, parts->arena, &slot, &back));
    assert_int_equal(slot, 3);
    assert_true(ids_equal(&back.consent, &token.consent) && ids_equal(&back.request_id, &request));
    assert_true(back.nbf_s == 6 && back.exp_s == 7 && back.leaf == 9 && back.n_kinds == 2);
    assert_true(token_rows_has_kind(&back, KIND_EVENT) && !token_rows_has_kind(&back, KIND_DECISION));
    assert_string_equal(back.to, UNIT);
    assert_string_equal(back.from, OTHER);
    assert_true(ids_is_zero(&back.used) && back.access == ACCESS_ONCE);
    assert_true(bytes_equal(back.compact, token.compact));
    assert_int_equal(token_rows_put(core, txn, 4, &row, parts->arena), STATUS_CONFLICT);
}

static struct consent_row a_consent(struct core_parts *parts, uint8_t seed, size_t n_tokens) {
    struct consent_row row = {
        .consent = some_id(seed),
        .subject = some_hash(1),
        .state = CONSENT_ACTIVE,
        .key_slot = 9,
        .exp_ms = 10,
        .to = UNIT,
        .purpose = "joint_plan",
        .attester = MEMBER,
        .kinds = {KIND_GOAL},
        .n_kinds = 1,
        .access = ACCESS_REPEATED,
        .rev = some_hash(seed),
        .tokens = ARENA_ARRAY(parts->arena, struct consent_token, n_tokens),
        .n_tokens = n_tokens,
    };
    for (size_t i = 0; i < n_tokens; i++) {
        const char *unit = arena_printf(parts->arena, MEMBER "/unit-%zu", i);
        row.tokens[i] = (struct consent_token){.jti = some_id((uint8_t)i), .from = unit, .leaf = i, .ack_leaf = 2 * i};
    }
    return row;
}

static void run_consents(struct core_parts *parts, struct store_txn *txn) {
    const struct core *core = &parts->core;
    struct consent_row row = a_consent(parts, 1, LIMIT_TOKENS);
    struct consent_row beside = a_consent(parts, 2, 1);
    struct consent_row back;
    struct consent_list list;
    uint32_t slot = 0;
    OK(consent_rows_put(core, txn, 3, &row, parts->arena));
    OK(consent_rows_put(core, txn, 3, &beside, parts->arena));
    OK(consent_rows_find(core, txn, &row.consent, parts->arena, &slot, &back));
    assert_int_equal(slot, 3);
    assert_int_equal(back.n_tokens, LIMIT_TOKENS);
    assert_int_equal(back.tokens[31].ack_leaf, 62);
    assert_ptr_equal(consent_rows_token_from(&back, MEMBER "/unit-7"), &back.tokens[7]);
    assert_null(consent_rows_token_from(&back, UNIT));
    OK(consent_rows_by_code(core, txn, &beside.rev, parts->arena, &slot, &back));
    assert_true(ids_equal(&back.consent, &beside.consent));
    struct hash unknown = some_hash(3);
    assert_int_equal(consent_rows_by_code(core, txn, &unknown, parts->arena, &slot, &back), STATUS_NOT_FOUND);
    OK(consent_rows_list(core, txn, 3, parts->arena, &list));
    assert_int_equal(list.count, 2);
    assert_int_equal(consent_rows_put(core, txn, 4, &row, parts->arena), STATUS_CONFLICT);
}

static void test_same_terms(void **state) {
    (void)state;
    struct core_parts parts;
    core_parts_init(&parts, CORE_PARTS_MEMORY);
    struct consent_row row = a_consent(&parts, 1, 3);
    struct consent_row other = a_consent(&parts, 2, 3);
    struct consent_token first = other.tokens[0];
    other.tokens[0] = other.tokens[2];
    other.tokens[2] = first;
    assert_true(consent_rows_same_terms(&row, &other));
    other.tokens[1].from = UNIT;
    assert_false(consent_rows_same_terms(&row, &other));
    other = a_consent(&parts, 2, 2);
    assert_false(consent_rows_same_terms(&row, &other));
    other = a_consent(&parts, 2, 3);
    other.purpose = "other";
    assert_false(consent_rows_same_terms(&row, &other));
    other = a_consent(&parts, 2, 3);
    other.to = OTHER;
    assert_false(consent_rows_same_terms(&row, &other));
    core_parts_clear(&parts);
}

/* ---- grants ---- */

static void run_grants(struct core_parts *parts, struct store_txn *txn) {
    enum { GRANTS = 300 };
    const struct core *core = &parts->core;
    struct id16 token = some_id(1);
    struct id16 other_token = some_id(2);
    struct grant_owner owner = grant_rows_of_token(core, &token, 5);
    struct grant_owner other = grant_rows_of_token(core, &other_token, 5);
    struct grant_row back;
    struct grant_list list;
    for (uint32_t i = 1; i <= GRANTS; i++) {
        struct grant_row row = {.revision = i, .recipient_key_id = some_hash(1), .grant = bytes_text("grant")};
        memcpy(row.fragment.b, &i, sizeof i);
        OK(grant_rows_put(core, txn, &owner, &row, parts->arena));
        if (i == 1) OK(grant_rows_put(core, txn, &other, &row, parts->arena));
    }
    struct id16 fragment = {{1}};
    OK(grant_rows_get(core, txn, &owner, &fragment, parts->arena, &back));
    assert_int_equal(back.revision, 1);
    struct grant_row newer = back;
    newer.revision = 2;
    OK(grant_rows_put(core, txn, &owner, &newer, parts->arena));
    OK(grant_rows_get(core, txn, &owner, &fragment, parts->arena, &back));
    assert_int_equal(back.revision, 2);
    OK(grant_rows_list(core, txn, &owner, &(struct id16){{0}}, 100, parts->arena, &list));
    assert_int_equal(list.count, 100);
    struct id16 last = list.items[99].fragment;
    OK(grant_rows_list(core, txn, &owner, &last, STORE_SCAN_MAX, parts->arena, &list));
    assert_int_equal(list.count, GRANTS - 100);
    assert_false(ids_equal(&list.items[0].fragment, &last));
    OK(grant_rows_delete_all(txn, &owner, parts->arena));
    assert_int_equal(grant_rows_get(core, txn, &owner, &fragment, parts->arena, &back), STATUS_NOT_FOUND);
    OK(grant_rows_get(core, txn, &other, &fragment, parts->arena, &back));
}

/* ---- fragments ---- */

static struct fragment_row a_fragment(uint32_t number, const char *unit, enum kind kind, size_t len) {
    struct fragment_row row = {.kind = kind,
                               .state = FRAGMENT_CURRENT,
                               .revision = 1,
                               .source = unit,
                               .leaf = number,
                               .ciphertext_len = len,
                               .header_hash = some_hash((uint8_t)number)};
    struct writer writer = writer_init(row.fragment.b, sizeof row.fragment.b);
    writer_u32(&writer, number);
    return row;
}

static uint8_t ciphertext[20000];

static void put_fragment(struct core_parts *parts, struct store_txn *txn, const struct fragment_row *row) {
    OK(fragment_rows_put(&parts->core, txn, 6, row, bytes_text("header"), BYTES(ciphertext, row->ciphertext_len), NULL,
                         parts->arena));
}

static void run_pieces(struct core_parts *parts, struct store_txn *txn) {
    static const size_t lengths[] = {16, 3999, 4000, 4001, 8000, 20000};
    for (size_t i = 0; i < sizeof ciphertext; i++) {
        ciphertext[i] = (uint8_t)(i * 7 + i / 251);
    }
    for (uint32_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct fragment_row row = a_fragment(i, UNIT, KIND_GOAL, lengths[i]);
        put_fragment(parts, txn, &row);
        const uint64_t offsets[] = {0, 1, 3999, 4000, 4001, 7999, lengths[i] - 1, lengths[i]};
        for (size_t k = 0; k < sizeof offsets / sizeof offsets[0]; k++) {
            if (offsets[k] > lengths[i]) continue;
            struct bytes part;
            size_t len = lengths[i] - (size_t)offsets[k];
            OK(fragment_rows_ciphertext(txn, &row, offsets[k], len, parts->arena, &part));
            assert_true(bytes_equal(part, BYTES(ciphertext + offsets[k], len)));
            OK(fragment_rows_ciphertext(txn, &row, offsets[k], len / 2, parts->arena, &part));
            assert_true(bytes_equal(part, BYTES(ciphertext + offsets[k], len / 2)));
            assert_int_equal(fragment_rows_ciphertext(txn, &row, offsets[k], len + 1, parts->arena, &part),
                             STATUS_INVALID);
        }
    }
    /* The next revision takes the pieces of the one before along, also when it is shorter. */
    struct fragment_row before = a_fragment(5, UNIT, KIND_GOAL, 20000);
    struct fragment_row next = a_fragment(5, UNIT, KIND_GOAL, 16);
    struct bytes part;
    next.revision = 2;
    OK(fragment_rows_put(&parts->core, txn, 6, &next, bytes_text("header"), BYTES(ciphertext, 16), &before,
                         parts->arena));
    assert_int_equal(fragment_rows_ciphertext(txn, &before, 0, 20000, parts->arena, &part), STATUS_NOT_FOUND);
    OK(fragment_rows_ciphertext(txn, &next, 0, 16, parts->arena, &part));
}

static size_t read_all(struct core_parts *parts, struct store_txn *txn, struct fragment_ask ask) {
    size_t count = 0;
    bool more = true;
    while (more) {
        struct fragment_list list;
        OK(fragment_rows_page(txn, &ask, parts->arena, &list, &more));
        assert_true(list.count <= ask.most);
        if (list.count == 0) break;
        count += list.count;
        ask.after = (struct fragment_cursor){list.items[list.count - 1].kind, list.items[list.count - 1].fragment};
    }
    return count;
}

static void run_pages(struct core_parts *parts, struct store_txn *txn) {
    enum { EACH = 90 };
    static const uint32_t kinds[] = {KIND_GOAL, KIND_ACTIVITY, KIND_EVENT};
    struct fragment_list list;
    size_t standing = 0;
    size_t standing_of_kind = 0;
    for (uint32_t i = 0; i < 3 * EACH; i++) {
        struct fragment_row row = a_fragment(i, i % 2 ? UNIT : OTHER, (enum kind)kinds[i % 3], 16);
        put_fragment(parts, txn, &row);
        bool withdrawn = i % 30 < 10;
        if (withdrawn) OK(fragment_rows_withdraw(&parts->core, txn, 6, &row, parts->arena));
        if (!withdrawn && i % 2) standing++;
        if (!withdrawn && i % 2 && i % 3 == 1) standing_of_kind++;
    }
    static const size_t mosts[] = {1, 7, 64};
    for (size_t i = 0; i < 3; i++) {
        struct fragment_ask ask = {.slot = 6, .source = UNIT, .kinds = kinds, .n_kinds = 3, .most = mosts[i]};
        assert_int_equal(read_all(parts, txn, ask), standing);
        ask.kinds = &kinds[1];
        ask.n_kinds = 1;
        assert_int_equal(read_all(parts, txn, ask), standing_of_kind);
        ask.slot = 5;
        assert_int_equal(read_all(parts, txn, ask), 0);
    }
    OK(fragment_rows_of_unit(txn, 6, UNIT, 200, parts->arena, &list));
    assert_int_equal(list.count, standing);
    assert_int_equal(fragment_rows_of_unit(txn, 6, UNIT, 20, parts->arena, &list), STATUS_LIMIT);
}

/* Keys hold 8 bytes of a unit's hash: a row of another unit that shared them is passed over. */
static void run_shared_prefix(struct core_parts *parts, struct store_txn *txn) {
    static const uint32_t kinds[] = {KIND_GOAL};
    struct fragment_row row = a_fragment(1, OTHER, KIND_GOAL, 16);
    put_fragment(parts, txn, &row);
    uint8_t keys[2][33];
    const char *const units[] = {OTHER, UNIT};
    for (size_t i = 0; i < 2; i++) {
        struct hash hash = hash_sha256(bytes_text(units[i]));
        pack_slot(6, keys[i]);
        memcpy(keys[i] + 8, hash.b, 8);
        keys[i][16] = KIND_GOAL;
        memcpy(keys[i] + 17, row.fragment.b, 16);
    }
    struct bytes value;
    OK(store_get(txn, STORE_FRAGMENT_BY_SLOT, BYTES_ARRAY(keys[0]), parts->arena, &value));
    OK(store_put(txn, STORE_FRAGMENT_BY_SLOT, BYTES_ARRAY(keys[1]), value));
    const struct fragment_ask ask = {.slot = 6, .source = UNIT, .kinds = kinds, .n_kinds = 1, .most = 64};
    assert_int_equal(read_all(parts, txn, ask), 0);
}

static void run_withdrawn(struct core_parts *parts, struct store_txn *txn) {
    struct fragment_row row = a_fragment(1, UNIT, KIND_GOAL, 5000);
    struct fragment_row back;
    struct bytes bytes;
    uint32_t slot = 0;
    put_fragment(parts, txn, &row);
    OK(fragment_rows_header(&parts->core, txn, &row.fragment, parts->arena, &bytes));
    assert_true(bytes_equal_text(bytes, "header"));
    OK(fragment_rows_withdraw(&parts->core, txn, 6, &row, parts->arena));
    OK(fragment_rows_find(&parts->core, txn, &row.fragment, parts->arena, &slot, &back));
    assert_int_equal(slot, 6);
    assert_int_equal(back.state, FRAGMENT_WITHDRAWN);
    assert_int_equal(fragment_rows_header(&parts->core, txn, &row.fragment, parts->arena, &bytes), STATUS_NOT_FOUND);
    assert_int_equal(fragment_rows_ciphertext(txn, &row, 0, 5000, parts->arena, &bytes), STATUS_NOT_FOUND);
    struct id16 unknown = some_id(9);
    assert_int_equal(fragment_rows_find(&parts->core, txn, &unknown, parts->arena, &slot, &back), STATUS_NOT_FOUND);
}

/* ---- enrolments ---- */

static void run_enrolments(struct core_parts *parts, struct store_txn *txn) {
    struct core *core = &parts->core;
    struct enrolment_row row = {.enrolment = some_id(1), .unit = UNIT, .expires_ms = 9};
    struct enrolment_row back;
    for (size_t i = 0; i < ENROLMENT_ROWS_REGISTRATIONS; i++) {
        row.registrations[row.n_registrations++] = bytes_text("a.b.c");
    }
    OK(enrolment_rows_put(core, txn, &row, parts->arena));
    OK(enrolment_rows_get(core, txn, &row.enrolment, parts->arena, &back));
    assert_int_equal(back.n_registrations, ENROLMENT_ROWS_REGISTRATIONS);
    assert_true(bytes_equal_text(back.registrations[3], "a.b.c") && !back.used && back.expires_ms == 9);
    OK(enrolment_rows_expire(core, txn, LEDGER_NO_SLOT, &row.enrolment, parts->arena));
    assert_int_equal(enrolment_rows_get(core, txn, &row.enrolment, parts->arena, &back), STATUS_NOT_FOUND);
}

#define ROWS(name)                                                                                                     \
    static void test_##name(void **state) {                                                                            \
        (void)state;                                                                                                   \
        in_batch(run_##name);                                                                                          \
    }
ROWS(devices)
ROWS(device_list)
ROWS(moved)
ROWS(requests)
ROWS(many_requests)
ROWS(tokens)
ROWS(consents)
ROWS(grants)
ROWS(pieces)
ROWS(pages)
ROWS(shared_prefix)
ROWS(withdrawn)
ROWS(enrolments)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moved),     cmocka_unit_test(test_devices),       cmocka_unit_test(test_device_list),
        cmocka_unit_test(test_requests),  cmocka_unit_test(test_many_requests), cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_consents),  cmocka_unit_test(test_same_terms),    cmocka_unit_test(test_grants),
        cmocka_unit_test(test_pieces),    cmocka_unit_test(test_pages),         cmocka_unit_test(test_shared_prefix),
        cmocka_unit_test(test_withdrawn), cmocka_unit_test(test_enrolments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
