/*
 * Owns: an arena with every record of this version, and arrays of pointers into it. The next version copies the arrays,
 * not the records: it keeps a reference to the version before, whose arena holds the older records.
 *
 * Trusts: the pinned authority keys and nothing else. Invariants: sequence numbers have no gap; every record was signed
 * as its type demands at the time it was applied; agreements name units of admitted members only; a signing key is one
 * member's; an agreement that was ended stays so, however often what its parties once signed is shown again.
 */
#include "proto/directory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "proto/ids.h"
#include "proto/limits.h"
#include "proto/multi_signed.h"
#include "proto/signed.h"

#define DIRECTORY_ARENA_BYTES ((size_t)4 << 20)
#define AUTHORITY_MAX         16

/* One signing key of an admitted member, with its id worked out. */
struct key_row {
    struct hash id;
    const struct sign_key *key;
    const struct member_record *member;
};

struct directory {
    atomic_uint references;
    struct directory *before; /* keeps older records alive */
    struct arena *arena;
    char *federation;
    struct sign_public authority[AUTHORITY_MAX];
    size_t n_authority;
    uint32_t threshold;
    uint64_t sequence;
    struct hash head;
    const struct directory_entry *newest;
    const struct epoch *epoch;
    const struct rules *rules;
    const struct member_record **members;
    size_t n_members;
    const struct agreement **agreements;
    size_t n_agreements;
    struct id16 *ended; /* agreements */
    size_t n_ended;
    struct key_row *keys;
    size_t n_keys;
};

static struct directory *directory_alloc(void) {
    struct directory *directory = calloc(1, sizeof *directory);
    if (!directory) return NULL;
    atomic_init(&directory->references, 1);
    directory->arena = arena_new(DIRECTORY_ARENA_BYTES);
    if (directory->arena) return directory;
    free(directory);
    return NULL;
}

struct directory *directory_new(const char *federation, const struct sign_public *authority, size_t n_authority,
                                uint32_t threshold) {
    if (n_authority == 0 || n_authority > AUTHORITY_MAX || threshold == 0 || threshold > n_authority) return NULL;
    struct directory *directory CLEANUP(directory_unref_cleanup) = directory_alloc();
    if (!directory) return NULL;
    directory->federation = arena_string(directory->arena, federation);
    if (!directory->federation) return NULL;
    for (size_t i = 0; i < n_authority; i++) {
        directory->authority[i] = authority[i];
    }
    directory->n_authority = n_authority;
    directory->threshold = threshold;
    return MOVE(directory);
}

struct directory *directory_ref(struct directory *directory) {
    atomic_fetch_add_explicit(&directory->references, 1, memory_order_relaxed);
    return directory;
}

void directory_unref(struct directory *directory) {
    while (directory && atomic_fetch_sub_explicit(&directory->references, 1, memory_order_acq_rel) == 1) {
        struct directory *before = directory->before;
        arena_free(directory->arena);
        free(directory);
        directory = before;
    }
}

/* ---- applying an entry ---- */

struct application {
    struct directory *next; /* being built */
    struct bytes object;
    const char *ended_by; /* party that signed an AGREEMENT_ENDED, or NULL */
};

static size_t find_member(const struct directory *directory, const char *member) {
    size_t i = 0;
    while (i < directory->n_members && strcmp(directory->members[i]->member, member) != 0) {
        i++;
    }
    return i;
}

static size_t find_agreement(const struct directory *directory, const struct id16 *id) {
    size_t i = 0;
    while (i < directory->n_agreements && !ids_equal(&directory->agreements[i]->id, id)) {
        i++;
    }
    return i;
}

/* Whether a member's active signing key made one of the signatures. */
static bool signed_by_member(const struct directory *directory, const struct member_record *record, const char *label,
                             const struct multi_signed *object) {
    for (size_t i = 0; i < record->n_sign_keys; i++) {
        if (record->sign_keys[i].state != KEY_ACTIVE) continue;
        const struct sign_public *key = &record->sign_keys[i].key;
        if (multi_signed_verify_threshold(label, directory->federation, object, key, 1, 1) == STATUS_OK) return true;
    }
    return false;
}

static enum status apply_epoch(struct application *a) {
    struct epoch *epoch = ARENA_NEW(a->next->arena, struct epoch);
    ENSURE(epoch, STATUS_MEMORY);
    TRY(record_epoch_parse(a->next->arena, a->next->federation, a->object, epoch));
    ENSURE(epoch->epoch == (a->next->epoch ? a->next->epoch->epoch + 1 : 1), STATUS_INVALID);
    ENSURE(epoch->n_authority_keys == a->next->n_authority && epoch->authority_threshold == a->next->threshold,
           STATUS_INVALID);
    for (size_t i = 0; i < epoch->n_authority_keys; i++) {
        struct bytes named = BYTES_ARRAY(epoch->authority_keys[i].b);
        ENSURE(bytes_equal(named, BYTES_ARRAY(a->next->authority[i].b)), STATUS_INVALID);
    }
    a->next->epoch = epoch;
    return STATUS_OK;
}

/* A change of a record is signed by a key of the record that stands, a first record by one of its own. */
static enum status check_member_signed(const struct directory *next, const struct member_record *record,
                                       const struct multi_signed *object, size_t at) {
    const struct member_record *signer = at < next->n_members ? next->members[at] : record;
    ENSURE(signed_by_member(next, signer, SIGNED_MEMBER, object), STATUS_SIGNATURE);
    uint64_t expected = at < next->n_members ? next->members[at]->revision + 1 : 1;
    ENSURE(record->revision == expected, STATUS_CONFLICT);
    return STATUS_OK;
}

/* One certificate is one member's. */
static enum status check_certs_free(const struct directory *next, const struct member_record *record) {
    for (size_t i = 0; i < record->n_link_certs; i++) {
        const struct member_record *holder = directory_member_by_cert(next, record->link_certs[i].b);
        ENSURE(!holder || strcmp(holder->member, record->member) == 0, STATUS_CONFLICT);
    }
    return STATUS_OK;
}

static bool has_key(const struct member_record *record, size_t end, const struct sign_public *key) {
    for (size_t i = 0; i < end; i++) {
        if (bytes_equal(BYTES_ARRAY(record->sign_keys[i].key.b), BYTES_ARRAY(key->b))) return true;
    }
    return false;
}

/* One signing key is one member's, and listed once: whose an object is, its key id says. */
static enum status check_keys_free(const struct directory *next, const struct member_record *record) {
    for (size_t k = 0; k < record->n_sign_keys; k++) {
        const struct sign_public *key = &record->sign_keys[k].key;
        ENSURE(!has_key(record, k, key), STATUS_CONFLICT);
        for (size_t i = 0; i < next->n_members; i++) {
            const struct member_record *other = next->members[i];
            bool taken = strcmp(other->member, record->member) != 0 && has_key(other, other->n_sign_keys, key);
            ENSURE(!taken, STATUS_CONFLICT);
        }
    }
    return STATUS_OK;
}

static enum status apply_member(struct application *a) {
    struct multi_signed object;
    struct member_record *record = ARENA_NEW(a->next->arena, struct member_record);
    ENSURE(record, STATUS_MEMORY);
    TRY(multi_signed_parse(a->next->arena, a->object, &object));
    TRY(record_member_parse(a->next->arena, a->next->federation, object.body, record));
    size_t at = find_member(a->next, record->member);
    TRY(check_member_signed(a->next, record, &object, at));
    TRY(check_certs_free(a->next, record));
    TRY(check_keys_free(a->next, record));
    a->next->members[at] = record;
    if (at == a->next->n_members) a->next->n_members++;
    return STATUS_OK;
}

static enum status apply_member_removed(struct application *a) {
    struct member_removal removal;
    TRY(record_removal_parse(a->next->arena, a->next->federation, a->object, &removal));
    size_t at = find_member(a->next, removal.member);
    ENSURE(at < a->next->n_members, STATUS_NOT_FOUND);
    a->next->members[at] = a->next->members[--a->next->n_members];
    return STATUS_OK;
}

static enum status check_parties(const struct directory *next, const struct agreement *agreement,
                                 const struct multi_signed *object) {
    for (size_t i = 0; i < agreement->n_units; i++) {
        const struct member_record *member = NULL;
        ENSURE(directory_unit(next, agreement->units[i], &member), STATUS_INVALID);
        ENSURE(signed_by_member(next, member, SIGNED_AGREEMENT, object), STATUS_SIGNATURE);
    }
    return STATUS_OK;
}

static bool was_ended(const struct directory *directory, const struct id16 *id) {
    for (size_t i = 0; i < directory->n_ended; i++) {
        if (ids_equal(&directory->ended[i], id)) return true;
    }
    return false;
}

static enum status apply_agreement(struct application *a) {
    struct multi_signed object;
    struct agreement *agreement = ARENA_NEW(a->next->arena, struct agreement);
    ENSURE(agreement, STATUS_MEMORY);
    TRY(multi_signed_parse(a->next->arena, a->object, &object));
    TRY(record_agreement_parse(a->next->arena, a->next->federation, object.body, agreement));
    ENSURE(!was_ended(a->next, &agreement->id), STATUS_CONFLICT);
    TRY(check_parties(a->next, agreement, &object));
    size_t at = find_agreement(a->next, &agreement->id);
    uint64_t expected = at < a->next->n_agreements ? a->next->agreements[at]->revision + 1 : 1;
    ENSURE(agreement->revision == expected, STATUS_CONFLICT);
    a->next->agreements[at] = agreement;
    if (at == a->next->n_agreements) a->next->n_agreements++;
    return STATUS_OK;
}

static bool is_party(const struct agreement *agreement, const char *member) {
    for (size_t i = 0; i < agreement->n_units; i++) {
        if (ids_unit_belongs(agreement->units[i], member)) return true;
    }
    return false;
}

static enum status apply_agreement_ended(struct application *a) {
    struct multi_signed object;
    struct agreement_end end;
    TRY(multi_signed_parse(a->next->arena, a->object, &object));
    TRY(record_agreement_end_parse(a->next->arena, a->next->federation, object.body, &end));
    size_t at = find_agreement(a->next, &end.id);
    const struct member_record *party = directory_member(a->next, end.member);
    ENSURE(at < a->next->n_agreements && party, STATUS_NOT_FOUND);
    ENSURE(is_party(a->next->agreements[at], end.member), STATUS_DENIED);
    ENSURE(signed_by_member(a->next, party, SIGNED_AGREEMENT_END, &object), STATUS_SIGNATURE);
    a->ended_by = party->member;
    a->next->ended[a->next->n_ended++] = end.id;
    a->next->agreements[at] = a->next->agreements[--a->next->n_agreements];
    return STATUS_OK;
}

static enum status apply_rules(struct application *a) {
    struct rules *rules = ARENA_NEW(a->next->arena, struct rules);
    ENSURE(rules, STATUS_MEMORY);
    TRY(record_rules_parse(a->next->arena, a->next->federation, a->object, rules));
    ENSURE(rules->revision == (a->next->rules ? a->next->rules->revision + 1 : 1), STATUS_CONFLICT);
    a->next->rules = rules;
    return STATUS_OK;
}

static enum status apply_object(struct application *a, enum directory_type type) {
    static enum status (*const apply[])(struct application *) = {
        [DIRECTORY_EPOCH] = apply_epoch,
        [DIRECTORY_MEMBER] = apply_member,
        [DIRECTORY_MEMBER_REMOVED] = apply_member_removed,
        [DIRECTORY_AGREEMENT] = apply_agreement,
        [DIRECTORY_AGREEMENT_ENDED] = apply_agreement_ended,
        [DIRECTORY_RULES] = apply_rules,
    };
    ENSURE(type < sizeof apply / sizeof apply[0] && apply[type], STATUS_UNSUPPORTED);
    ENSURE(type == DIRECTORY_EPOCH || a->next->epoch, STATUS_INVALID);
    return apply[type](a);
}

/* The authority's k of n; or, for the end of an agreement, the party that ended it. */
static enum status check_entry_signed(const struct application *a, const struct multi_signed *entry) {
    const struct directory *next = a->next;
    if (a->ended_by) {
        size_t at = find_member(next, a->ended_by);
        if (at < next->n_members && signed_by_member(next, next->members[at], SIGNED_DIRECTORY, entry)) {
            return STATUS_OK;
        }
    }
    return multi_signed_verify_threshold(SIGNED_DIRECTORY, next->federation, entry, next->authority, next->n_authority,
                                         next->threshold);
}

/* A version with the same content and room for one record more. */
static enum status copy_arrays(struct directory *next, const struct directory *from) {
    next->members = ARENA_ARRAY(next->arena, const struct member_record *, from->n_members + 1);
    next->agreements = ARENA_ARRAY(next->arena, const struct agreement *, from->n_agreements + 1);
    next->ended = ARENA_ARRAY(next->arena, struct id16, from->n_ended + 1);
    ENSURE(next->members && next->agreements && next->ended, STATUS_MEMORY);
    for (size_t i = 0; i < from->n_members; i++) {
        next->members[i] = from->members[i];
    }
    for (size_t i = 0; i < from->n_agreements; i++) {
        next->agreements[i] = from->agreements[i];
    }
    for (size_t i = 0; i < from->n_ended; i++) {
        next->ended[i] = from->ended[i];
    }
    next->n_ended = from->n_ended;
    next->n_members = from->n_members;
    next->n_agreements = from->n_agreements;
    return STATUS_OK;
}

static enum status copy_directory(const struct directory *from, struct directory **out_next) {
    struct directory *next CLEANUP(directory_unref_cleanup) =
        directory_new(from->federation, from->authority, from->n_authority, from->threshold);
    ENSURE(next, STATUS_MEMORY);
    TRY(copy_arrays(next, from));
    next->epoch = from->epoch;
    next->rules = from->rules;
    next->sequence = from->sequence;
    next->head = from->head;
    /* The reference count is the only thing that changes in a shared version. */
    next->before = directory_ref((struct directory *)(uintptr_t)from);
    *out_next = MOVE(next);
    return STATUS_OK;
}

static enum status apply_entry(struct directory *next, struct bytes encoded) {
    struct bytes kept;
    TRY(arena_copy(next->arena, encoded, &kept));
    struct multi_signed signed_entry;
    TRY(multi_signed_parse(next->arena, kept, &signed_entry));
    struct directory_entry *entry = ARENA_NEW(next->arena, struct directory_entry);
    ENSURE(entry, STATUS_MEMORY);
    TRY(record_entry_parse(next->arena, next->federation, signed_entry.body, entry));
    ENSURE(entry->sequence == next->sequence + 1, STATUS_CONFLICT);
    ENSURE(hash_equal(&entry->previous, &next->head), STATUS_CONFLICT);
    struct application application = {.next = next, .object = entry->object};
    TRY(apply_object(&application, entry->type));
    TRY(check_entry_signed(&application, &signed_entry));
    next->sequence = entry->sequence;
    next->head = hash_sha256(signed_entry.body);
    next->newest = entry;
    return STATUS_OK;
}

static enum status index_keys(struct directory *next) {
    size_t count = 0;
    for (size_t i = 0; i < next->n_members; i++) {
        count += next->members[i]->n_sign_keys;
    }
    next->keys = ARENA_ARRAY(next->arena, struct key_row, count + 1);
    ENSURE(next->keys, STATUS_MEMORY);
    for (size_t i = 0; i < next->n_members; i++) {
        const struct member_record *member = next->members[i];
        for (size_t k = 0; k < member->n_sign_keys; k++) {
            const struct sign_key *key = &member->sign_keys[k];
            next->keys[next->n_keys++] = (struct key_row){sign_key_id(next->federation, &key->key), key, member};
        }
    }
    return STATUS_OK;
}

enum status directory_copy_with(const struct directory *directory, struct bytes entry, struct directory **out_next) {
    struct directory *next CLEANUP(directory_unref_cleanup) = NULL;
    TRY(copy_directory(directory, &next));
    TRY(apply_entry(next, entry));
    TRY(index_keys(next));
    *out_next = MOVE(next);
    return STATUS_OK;
}

/* ---- looking up ---- */

const struct directory *directory_at(const struct directory *directory, uint64_t sequence) {
    while (directory && directory->sequence > sequence) {
        directory = directory->before;
    }
    return directory && directory->sequence == sequence ? directory : NULL;
}

const char *directory_federation(const struct directory *directory) { return directory->federation; }
uint64_t directory_sequence(const struct directory *directory) { return directory->sequence; }
struct hash directory_head(const struct directory *directory) {
    return directory->head;
}
const struct directory_entry *directory_newest(const struct directory *directory) { return directory->newest; }
const struct epoch *directory_epoch(const struct directory *directory) { return directory->epoch; }
const struct rules *directory_rules(const struct directory *directory) { return directory->rules; }
size_t directory_member_count(const struct directory *directory) { return directory->n_members; }
size_t directory_agreement_count(const struct directory *directory) { return directory->n_agreements; }

const struct member_record *directory_member(const struct directory *directory, const char *member) {
    size_t at = find_member(directory, member);
    return at < directory->n_members ? directory->members[at] : NULL;
}

const struct member_record *directory_member_at(const struct directory *directory, size_t i) {
    return i < directory->n_members ? directory->members[i] : NULL;
}

const struct agreement *directory_agreement_at(const struct directory *directory, size_t i) {
    return i < directory->n_agreements ? directory->agreements[i] : NULL;
}

const struct unit *directory_unit(const struct directory *directory, const char *unit,
                                  const struct member_record **out_member) {
    for (size_t i = 0; i < directory->n_members; i++) {
        const struct member_record *member = directory->members[i];
        if (!ids_unit_belongs(unit, member->member)) continue;
        for (size_t k = 0; k < member->n_units; k++) {
            if (strcmp(member->units[k].id, unit) != 0) continue;
            if (out_member) *out_member = member;
            return &member->units[k];
        }
    }
    return NULL;
}

static bool has_cert(const struct member_record *member, const uint8_t fingerprint[32]) {
    for (size_t i = 0; i < member->n_link_certs; i++) {
        if (memcmp(member->link_certs[i].b, fingerprint, 32) == 0) return true;
    }
    return false;
}

const struct member_record *directory_member_by_cert(const struct directory *directory, const uint8_t fingerprint[32]) {
    for (size_t i = 0; i < directory->n_members; i++) {
        if (has_cert(directory->members[i], fingerprint)) return directory->members[i];
    }
    return NULL;
}

static const struct key_row *find_key(const struct directory *directory, const uint8_t key_id[32]) {
    for (size_t i = 0; i < directory->n_keys; i++) {
        if (memcmp(directory->keys[i].id.b, key_id, 32) == 0) return &directory->keys[i];
    }
    return NULL;
}

enum status directory_sign_key(const struct directory *directory, const char *member, const uint8_t key_id[32],
                               struct sign_public *out_key) {
    const struct key_row *row = find_key(directory, key_id);
    ENSURE(row && strcmp(row->member->member, member) == 0, STATUS_NOT_FOUND);
    ENSURE(row->key->state == KEY_ACTIVE, STATUS_DENIED);
    *out_key = row->key->key;
    return STATUS_OK;
}

enum status directory_find_key(const struct directory *directory, const struct hash *key_id,
                               struct sign_public *out_key, const char **out_member) {
    const struct key_row *row = find_key(directory, key_id->b);
    ENSURE(row, STATUS_NOT_FOUND);
    ENSURE(row->key->state == KEY_ACTIVE, STATUS_DENIED);
    *out_key = row->key->key;
    *out_member = row->member->member;
    return STATUS_OK;
}

enum status directory_seal_key(const struct directory *directory, const char *unit, struct seal_public *out_key,
                               struct hash *out_key_id) {
    const struct unit *found = directory_unit(directory, unit, NULL);
    ENSURE(found, STATUS_NOT_FOUND);
    *out_key = found->seal_key;
    *out_key_id = seal_key_id(directory->federation, &found->seal_key);
    return STATUS_OK;
}

/* ---- agreements ---- */

static bool holds_text(const char *const *list, size_t count, const char *text) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i], text) == 0) return true;
    }
    return false;
}

static bool holds_number(const uint32_t *list, size_t count, uint32_t number) {
    for (size_t i = 0; i < count; i++) {
        if (list[i] == number) return true;
    }
    return false;
}

static bool in_force(const struct agreement *agreement, uint64_t at_ms) {
    return agreement->valid_from_ms <= at_ms && (agreement->valid_until_ms == 0 || at_ms < agreement->valid_until_ms);
}

static bool accepts_attester(const struct agreement *agreement, const struct directory_ask *ask) {
    if (!ask->attester) return true;
    if (ids_unit_belongs(ask->to, ask->attester) && !agreement->recipient_may_attest) return false;
    return holds_text(agreement->attesters, agreement->n_attesters, ask->attester);
}

static bool covers(const struct agreement *agreement, const struct directory_ask *ask) {
    if (!in_force(agreement, ask->at_ms) || ask->duration_s > agreement->longest_consent_s) return false;
    if (!holds_text(agreement->units, agreement->n_units, ask->to)) return false;
    if (!holds_text(agreement->units, agreement->n_units, ask->from)) return false;
    if (!holds_text(agreement->purposes, agreement->n_purposes, ask->purpose)) return false;
    for (size_t i = 0; i < ask->n_kinds; i++) {
        if (!holds_number(agreement->kinds, agreement->n_kinds, ask->kinds[i])) return false;
    }
    return accepts_attester(agreement, ask);
}

const struct agreement *directory_covering(const struct directory *directory, const struct directory_ask *ask) {
    for (size_t i = 0; i < directory->n_agreements; i++) {
        if (covers(directory->agreements[i], ask)) return directory->agreements[i];
    }
    return NULL;
}

bool directory_accepts_self_read(const struct directory *directory, const char *source_unit, const char *attester,
                                 uint64_t at_ms) {
    if (!directory_member(directory, attester)) return false;
    if (ids_unit_belongs(source_unit, attester)) return true;
    for (size_t i = 0; i < directory->n_agreements; i++) {
        const struct agreement *agreement = directory->agreements[i];
        if (!in_force(agreement, at_ms)) continue;
        if (!holds_text(agreement->units, agreement->n_units, source_unit)) continue;
        if (holds_text(agreement->self_read_attesters, agreement->n_self_read_attesters, attester)) return true;
    }
    return false;
}

/* ---- texts ---- */

const char *directory_text(const struct text *texts, size_t n_texts, const char *lang) {
    for (size_t i = 0; i < n_texts; i++) {
        if (strcmp(texts[i].lang, lang) == 0) return texts[i].text;
    }
    return NULL;
}

const struct purpose *directory_purpose(const struct directory *directory, const char *code) {
    if (!directory->rules) return NULL;
    for (size_t i = 0; i < directory->rules->n_purposes; i++) {
        if (strcmp(directory->rules->purposes[i].code, code) == 0) return &directory->rules->purposes[i];
    }
    return NULL;
}
