/*
 * Owns the arenas of its leaves. Trusts nothing that it reads but lengths, and those only after parsing.
 */
#include "broker/audit/bundle.h"

#include <stdlib.h>
#include <string.h>

/* 256 entries of the largest size. */
#define ENTRIES_ARENA ((size_t)17 << 20)
/* The largest parts, and what parsing makes of them. */
#define PARTS_ARENA ((size_t)512 << 20)
/* 16 leaves with all that a leaf may rely on. */
#define GROUP_ARENA ((size_t)128 << 20)

static bool make_arenas(struct bundle *bundle) {
    bundle->entries = arena_new(ENTRIES_ARENA);
    bundle->parts = arena_new(PARTS_ARENA);
    bool made = bundle->entries && bundle->parts;
    for (size_t i = 0; i < BUNDLE_GROUPS; i++) {
        bundle->groups[i] = arena_new(GROUP_ARENA);
        made = made && bundle->groups[i];
    }
    return made;
}

struct bundle *bundle_new(void) {
    struct bundle *bundle CLEANUP(bundle_free_cleanup) = calloc(1, sizeof *bundle);
    if (!bundle || !make_arenas(bundle)) return NULL;
    return MOVE(bundle);
}

void bundle_free(struct bundle *bundle) {
    if (!bundle) return;
    arena_free(bundle->entries);
    arena_free(bundle->parts);
    for (size_t i = 0; i < BUNDLE_GROUPS; i++) {
        arena_free(bundle->groups[i]);
    }
    free(bundle);
}

void bundle_begin(struct bundle *bundle, uint64_t number, unsigned width) {
    arena_reset(bundle->entries);
    arena_reset(bundle->parts);
    for (size_t i = 0; i < BUNDLE_GROUPS; i++) {
        arena_reset(bundle->groups[i]);
    }
    memset(bundle->leaves, 0, sizeof bundle->leaves);
    bundle->number = number;
    bundle->width = width;
    bundle->evidence = NULL;
    bundle->n_evidence = 0;
    for (unsigned i = 0; i < width; i++) {
        bundle->leaves[i].index = number * TILE_WIDTH + i;
        bundle->leaves[i].arena = bundle->groups[i / BUNDLE_GROUP];
    }
}

enum status bundle_entry(struct bundle *bundle, unsigned place, struct bytes entry) {
    return arena_copy(bundle->entries, entry, &bundle->leaves[place].entry);
}

size_t bundle_group_count(const struct bundle *bundle) { return (bundle->width + BUNDLE_GROUP - 1) / BUNDLE_GROUP; }

/* ---- parts ---- */

/* A part that cannot be used is the mirror's fault, and becomes a finding of the bundle's first leaf. */
static enum status part_fault(struct bundle *bundle, enum status status, const char *text) {
    bool local = status_class(status) == CLASS_LOCAL && status != STATUS_PERMISSION && status != STATUS_IO;
    ENSURE(!local, status);
    return audit_leaf_note(&bundle->leaves[0], FINDING_PART, text);
}

static enum status load_openings(struct bundle *bundle, const struct mirror *mirror) {
    struct bytes content;
    struct export_part part = {.n_leaves = 0};
    enum status status = mirror_part_read(mirror, MIRROR_OPENINGS, bundle->number, bundle->parts, &content);
    if (status != STATUS_OK) return part_fault(bundle, status, "the openings of these 256 leaves cannot be read");
    status = internal_export_part_parse(bundle->parts, content, &part);
    if (status != STATUS_OK) return part_fault(bundle, status, "the openings of these 256 leaves are malformed");
    if (part.n_leaves < bundle->width) {
        TRY(audit_leaf_note(&bundle->leaves[part.n_leaves], FINDING_PART, "the part ends before this leaf"));
    } else if (part.n_leaves > bundle->width) {
        TRY(audit_leaf_note(&bundle->leaves[0], FINDING_PART, "the part holds more leaves than the tree"));
    }
    for (size_t i = 0; i < bundle->width && i < part.n_leaves; i++) {
        bundle->leaves[i].exported = &part.leaves[i];
    }
    return STATUS_OK;
}

static int compare(const void *a, const void *b) {
    const struct evidence_item *one = *(const struct evidence_item *const *)a;
    const struct evidence_item *two = *(const struct evidence_item *const *)b;
    int order = memcmp(one->hash.b, two->hash.b, HASH_BYTES);
    if (order != 0) return order;
    return (one->slot > two->slot) - (one->slot < two->slot);
}

static enum status load_evidence(struct bundle *bundle, const struct mirror *mirror) {
    struct bytes content;
    struct evidence_part part = {.n_items = 0};
    enum status status = mirror_part_read(mirror, MIRROR_EVIDENCE, bundle->number, bundle->parts, &content);
    if (status != STATUS_OK) return part_fault(bundle, status, "the evidence of these 256 leaves cannot be read");
    status = internal_evidence_part_parse(bundle->parts, content, &part);
    if (status != STATUS_OK) return part_fault(bundle, status, "the evidence of these 256 leaves is malformed");
    const struct evidence_item **sorted = ARENA_ARRAY(bundle->parts, const struct evidence_item *, part.n_items);
    ENSURE(sorted, STATUS_MEMORY);
    for (size_t i = 0; i < part.n_items; i++) {
        sorted[i] = &part.items[i];
    }
    qsort(sorted, part.n_items, sizeof *sorted, compare);
    bundle->evidence = sorted;
    bundle->n_evidence = part.n_items;
    return STATUS_OK;
}

/* ---- an entry bundle that could not be read ---- */

/* The first leaf where the bytes of a broken entry bundle part from the leaves beside the openings. */
static unsigned first_difference(const struct bundle *bundle, struct bytes content) {
    struct reader reader = reader_init(content);
    unsigned i = 0;
    for (; i < bundle->width && bundle->leaves[i].exported; i++) {
        size_t len = reader_u16(&reader);
        struct bytes entry = reader_take(&reader, len);
        if (reader.status != STATUS_OK || !bytes_equal(entry, bundle->leaves[i].exported->leaf)) break;
    }
    return i;
}

/* The length in front of an entry may be what was altered: then the whole bundle is malformed, and yet it is one leaf.
 */
static enum status blame_leaf(struct bundle *bundle, const struct mirror *mirror) {
    struct tile tile = {.kind = TILE_ENTRIES, .number = bundle->number, .width = bundle->width};
    struct mirror reached = *mirror;
    struct bytes content;
    if (bundle->leaves[0].entry.data) return STATUS_OK;
    enum status status = mirror_tile(&reached, &tile, bundle->parts, &content);
    ENSURE(status != STATUS_MEMORY, status);
    if (status != STATUS_OK) return STATUS_OK;
    unsigned place = first_difference(bundle, content);
    if (place == bundle->width || !bundle->leaves[place].exported) return STATUS_OK;
    return audit_leaf_note(&bundle->leaves[place], FINDING_LEAF_HASH,
                           "the stored leaf is not the one beside its opening");
}

enum status bundle_load(struct bundle *bundle, const struct mirror *mirror) {
    TRY(load_openings(bundle, mirror));
    TRY(blame_leaf(bundle, mirror));
    return load_evidence(bundle, mirror);
}

const struct evidence_item *bundle_evidence(const struct bundle *bundle, const struct hash *hash, uint64_t slot) {
    if (bundle->n_evidence == 0) return NULL;
    const struct evidence_item wanted = {.hash = *hash, .slot = slot};
    const struct evidence_item *key = &wanted;
    const struct evidence_item *const *found =
        bsearch(&key, bundle->evidence, bundle->n_evidence, sizeof *bundle->evidence, compare);
    return found ? *found : NULL;
}
