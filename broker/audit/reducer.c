/*
 * Owns the state and gives each leaf to the function of its type. The checks that all types share stand here.
 */
#include "broker/audit/reducer.h"

#include <stdlib.h>
#include <string.h>

#include "broker/audit/reducer_state.h"
#include "proto/derive.h"
#include "proto/envelope.h"

/* Changes of state and asked sources: 40 bytes each, kept to the end. */
#define SMALL_ARENA    ((size_t)16 << 30)
#define DECISION_ARENA ((size_t)4 << 20)
/* Leaves that one message can make. */
#define EVENT_LEAVES_MAX 64

static void init_tables(struct reducer *r) {
    table_init(&r->persons, HASH_BYTES, sizeof(struct fold_person));
    table_init(&r->devices, HASH_BYTES, sizeof(struct fold_device));
    table_init(&r->requests, IDS_ID16_BYTES, sizeof(struct fold_request));
    table_init(&r->consents, IDS_ID16_BYTES, sizeof(struct fold_consent));
    table_init(&r->tokens, IDS_ID16_BYTES, sizeof(struct fold_token));
    table_init(&r->fragments, IDS_ID16_BYTES, sizeof(struct fold_fragment));
    table_init(&r->grants, sizeof(struct fold_grant_key), sizeof(struct fold_grant));
    table_init(&r->releases, IDS_ID16_BYTES, sizeof(struct fold_release));
    table_init(&r->names, HASH_BYTES, sizeof(struct fold_name));
}

struct reducer *reducer_new(const char *federation, enum reducer_scope scope, finding_fn *report, void *context) {
    struct reducer *reducer CLEANUP(reducer_free_cleanup) = calloc(1, sizeof *reducer);
    if (!reducer) return NULL;
    reducer->federation = federation;
    reducer->scope = scope;
    reducer->report = report;
    reducer->report_context = context;
    reducer->small = arena_new(SMALL_ARENA);
    reducer->decision_arena = arena_new(DECISION_ARENA);
    if (!reducer->small || !reducer->decision_arena) return NULL;
    init_tables(reducer);
    return MOVE(reducer);
}

void reducer_free(struct reducer *reducer) {
    if (!reducer) return;
    struct table *tables[] = {&reducer->persons, &reducer->devices,   &reducer->requests, &reducer->consents,
                              &reducer->tokens,  &reducer->fragments, &reducer->grants,   &reducer->releases};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        table_clear(tables[i]);
    }
    for (uint32_t i = 0; i < reducer->names.count; i++) {
        struct fold_name *name = table_at(&reducer->names, i);
        free(name->text);
    }
    table_clear(&reducer->names);
    arena_free(reducer->small);
    arena_free(reducer->decision_arena);
    free(reducer->gone);
    free(reducer->erasures);
    free(reducer);
}

/* ---- lookups ---- */

const char *reducer_name(struct reducer *r, const char *text) {
    struct hash hash = hash_sha256(bytes_text(text));
    struct fold_name *name = table_require(&r->names, &hash);
    if (name && !name->text) name->text = strdup(text);
    return name ? name->text : NULL;
}

struct fold_person *reducer_person(struct reducer *r, const struct audit_leaf *leaf) {
    if (leaf->opening.subject.len != HASH_BYTES) return NULL;
    struct fold_person *person = table_require(&r->persons, leaf->opening.subject.data);
    if (!person) return NULL;
    if (person->slot == 0) person->slot = leaf->slot;
    /* A person who returns after erasure has a new slot; two at a time would be two persons under one handle. */
    (void)reducer_expect(r, leaf, person->slot == leaf->slot, FINDING_SLOT,
                         "the person's other leaves have another slot");
    return person;
}

static void *find_id(const struct table *table, struct bytes id) {
    return id.len == table->key_bytes ? table_find(table, id.data) : NULL;
}

struct fold_token *reducer_token(const struct reducer *r, struct bytes jti) {
    return find_id(&r->tokens, jti);
}
struct fold_consent *reducer_consent(const struct reducer *r, struct bytes consent) {
    return find_id(&r->consents, consent);
}
struct fold_request *reducer_request(const struct reducer *r, struct bytes request) {
    return find_id(&r->requests, request);
}
struct fold_device *reducer_device(const struct reducer *r, struct bytes device) {
    return find_id(&r->devices, device);
}

/* ---- judging ---- */

void reducer_report(const struct reducer *r, uint64_t leaf, enum finding_name name, const char *text) {
    r->report(r->report_context, leaf, finding_text(name), text);
}

void reducer_report_clause(const struct reducer *r, uint64_t leaf, enum rule_clause clause, const char *text) {
    r->report(r->report_context, leaf, rule_clause_name(clause), text);
}

bool reducer_expect(const struct reducer *r, const struct audit_leaf *leaf, bool holds, enum finding_name name,
                    const char *text) {
    if (!holds) reducer_report(r, leaf->index, name, text);
    return holds;
}

bool reducer_signed_by(const struct audit_signed *object, const char *unit_or_member) {
    if (object->verdict != VERDICT_GOOD) return false;
    struct bytes member = ids_member_of(unit_or_member);
    return bytes_equal_text(member, object->member);
}

bool reducer_event(const struct reducer *r, const struct audit_leaf *leaf, const char *sender,
                   const struct id16 *message) {
    for (uint32_t n = 0; n < EVENT_LEAVES_MAX; n++) {
        struct id16 event = derive_event_id(r->federation, sender, message, n);
        if (ids_equal(&event, &leaf->leaf.event)) return true;
    }
    return false;
}

/* A message is taken in within 120 s of its time, and its leaf may wait for the batches before it; but never longer
 * than a message is remembered. */
static bool near(uint64_t a_ms, uint64_t b_ms) {
    return (a_ms > b_ms ? a_ms - b_ms : b_ms - a_ms) <= LIMIT_IDEMPOTENCY_MS;
}

bool reducer_envelope(const struct reducer *r, const struct audit_leaf *leaf, enum message_type type, bool key_judged) {
    const struct envelope *envelope = leaf->material.envelope;
    if (!envelope) return false; /* the material has its finding */
    const struct audit_signed *outer = leaf->material.envelope_signed;
    if (!reducer_expect(r, leaf, envelope->type == type, FINDING_CAUSE, "asked for by a message of another type")) {
        return false;
    }
    bool judged = key_judged && outer->verdict == VERDICT_NO_KEY;
    (void)reducer_expect(r, leaf, judged || reducer_signed_by(outer, envelope->sender), FINDING_SIGNATURE,
                         "the envelope is not signed by the sender's member");
    (void)reducer_expect(r, leaf, strcmp(envelope->sender, leaf->opening.actor) == 0, FINDING_CAUSE,
                         "the sender is another than the opening says");
    (void)reducer_expect(r, leaf, near(envelope->time_ms, leaf->leaf.time_ms), FINDING_CAUSE,
                         "the envelope is from another time than the leaf");
    (void)reducer_expect(r, leaf, reducer_event(r, leaf, envelope->sender, &envelope->message), FINDING_EVENT,
                         "the event is not that of the message");
    return true;
}

/* ---- folding ---- */

static reducer_fold_fn *const fold_table[LEAF_LAST + 1] = {
    [LEAF_DEVICE_ENROLLED] = fold_device_enrolled,
    [LEAF_DEVICE_REMOVED] = fold_device_removed,
    [LEAF_READ_REQUESTED] = fold_device_read,
    [LEAF_PUBLISHED] = fold_fragment_published,
    [LEAF_WITHDRAWN] = fold_fragment_withdrawn,
    [LEAF_GRANTED_KEY] = fold_grant_granted,
    [LEAF_CONSENT_REQUESTED] = fold_consent_requested,
    [LEAF_CONSENT_GRANTED] = fold_consent_granted,
    [LEAF_CONSENT_REFUSED] = fold_consent_refused,
    [LEAF_CONSENT_SUSPENDED] = fold_change_ordered,
    [LEAF_CONSENT_RESUMED] = fold_change_ordered,
    [LEAF_CONSENT_REVOKED] = fold_change_ordered,
    [LEAF_CONSENT_EXPIRED] = fold_change_expired,
    [LEAF_CONSENT_SUPERSEDED] = fold_change_superseded,
    [LEAF_RELEASED] = fold_release_page,
    [LEAF_REFUSED] = fold_release_page,
    [LEAF_ACKNOWLEDGED] = fold_change_acknowledged,
    [LEAF_ERASED] = fold_erasure_erased,
};

/* A decision is over with the first leaf that cannot belong to it. */
static bool ends_decision(const struct audit_leaf *leaf) {
    return leaf->leaf.type != LEAF_CONSENT_GRANTED && leaf->leaf.type != LEAF_CONSENT_SUPERSEDED;
}

enum status reducer_fold(struct reducer *r, const struct audit_leaf *leaf) {
    if (!leaf->readable) return STATUS_OK;
    (void)reducer_expect(r, leaf, leaf->leaf.time_ms >= r->last_ms, FINDING_LEAF_TIME,
                         "earlier than the leaf before it");
    if (leaf->leaf.time_ms > r->last_ms) r->last_ms = leaf->leaf.time_ms;
    if (ends_decision(leaf)) TRY(fold_consent_close(r));
    if (leaf->state == OPENING_GONE) return fold_erasure_gone(r, leaf);
    if (leaf->state != OPENING_OPEN) return STATUS_OK;
    reducer_fold_fn *fold = fold_table[leaf->leaf.type];
    return fold ? fold(r, leaf) : STATUS_OK;
}

enum status reducer_end(struct reducer *r) {
    TRY(fold_consent_close(r));
    return fold_erasure_end(r);
}
