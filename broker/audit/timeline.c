/*
 * Owns the versions and the table of devices. Invariant: versions[i] has sequence i.
 */
#include "broker/audit/timeline.h"

#include <stdlib.h>
#include <string.h>

#include "broker/audit/table.h"
#include "keys/jws.h"
#include "proto/derive.h"
#include "proto/multi_signed.h"

struct version {
    struct directory *directory;
    uint64_t time_ms; /* of the leaf that made it */
};

struct device_row {
    struct hash device;
    struct sign_public key;
};

struct timeline {
    const char *federation;
    struct version *versions;
    size_t count;
    struct table devices;
};

static enum status add_version(struct timeline *timeline, struct directory *directory, uint64_t time_ms) {
    struct version *versions = realloc(timeline->versions, (timeline->count + 1) * sizeof *versions);
    ENSURE(versions, STATUS_MEMORY);
    timeline->versions = versions;
    versions[timeline->count++] = (struct version){directory, time_ms};
    return STATUS_OK;
}

struct timeline *timeline_new(const char *federation, const struct sign_public *authority, size_t n_authority,
                              uint32_t threshold) {
    struct timeline *timeline CLEANUP(timeline_free_cleanup) = calloc(1, sizeof *timeline);
    if (!timeline) return NULL;
    timeline->federation = federation;
    table_init(&timeline->devices, HASH_BYTES, sizeof(struct device_row));
    struct directory *empty CLEANUP(directory_unref_cleanup) =
        directory_new(federation, authority, n_authority, threshold);
    if (!empty || add_version(timeline, empty, 0) != STATUS_OK) return NULL;
    (void)MOVE(empty);
    return MOVE(timeline);
}

void timeline_free(struct timeline *timeline) {
    if (!timeline) return;
    for (size_t i = 0; i < timeline->count; i++) {
        directory_unref(timeline->versions[i].directory);
    }
    free(timeline->versions);
    table_clear(&timeline->devices);
    free(timeline);
}

const struct directory *timeline_newest(const struct timeline *timeline) {
    return timeline->versions[timeline->count - 1].directory;
}

/* ---- entries ---- */

static enum leaf_type leaf_type_of(enum directory_type type) {
    return type == DIRECTORY_NONE ? LEAF_NONE : (enum leaf_type)(LEAF_EPOCH + type - DIRECTORY_EPOCH);
}

static enum status check_entry_leaf(const struct timeline *timeline, struct audit_leaf *leaf) {
    const struct directory_entry *entry = directory_newest(timeline_newest(timeline));
    if (leaf_type_of(entry->type) != leaf->leaf.type || leaf->opening.number != entry->sequence) {
        TRY(audit_leaf_note(leaf, FINDING_DIRECTORY, "the entry is not what the leaf says"));
    }
    struct id16 message;
    memcpy(message.b, leaf->material.cause_hash.b, sizeof message.b);
    struct id16 event = derive_event_id(timeline->federation, "authority", &message, 0);
    if (ids_equal(&event, &leaf->leaf.event)) return STATUS_OK;
    return audit_leaf_note(leaf, FINDING_EVENT, "the event is not that of the entry");
}

/* An entry out of sequence is a gap when its own number says so, and otherwise not the authority's. */
static enum status refuse_entry(const struct timeline *timeline, struct audit_leaf *leaf, enum status status) {
    ENSURE(status != STATUS_MEMORY, status);
    uint64_t expected = directory_sequence(timeline_newest(timeline)) + 1;
    if (status == STATUS_CONFLICT && leaf->opening.number > expected) {
        return audit_leaf_note(leaf, FINDING_DIRECTORY_GAP, "entries of the directory before this one are missing");
    }
    return audit_leaf_note(leaf, FINDING_DIRECTORY,
                           status == STATUS_SIGNATURE ? "the entry is not signed as it must be"
                                                      : "the entry does not fit what stands");
}

static enum status take_entry(struct timeline *timeline, struct audit_leaf *leaf) {
    struct multi_signed object;
    struct directory *next CLEANUP(directory_unref_cleanup) = NULL;
    if (!leaf->material.cause.data) return STATUS_OK;
    enum status status = directory_copy_with(timeline_newest(timeline), leaf->material.cause, &next);
    if (multi_signed_parse(leaf->arena, leaf->material.cause, &object) == STATUS_OK) {
        leaf->signatures += (unsigned)object.n_signatures;
    }
    if (status != STATUS_OK) return refuse_entry(timeline, leaf, status);
    TRY(add_version(timeline, next, leaf->leaf.time_ms));
    (void)MOVE(next);
    return check_entry_leaf(timeline, leaf);
}

/* ---- the version of a decision ---- */

/* A decision may have been made under an older version only when the newer entries are of the same batch, so that they
 * have its time. */
static enum status choose_version(struct timeline *timeline, struct audit_leaf *leaf) {
    uint64_t newest = timeline->count - 1;
    uint64_t said = leaf->opening.directory_sequence;
    leaf->directory = timeline_newest(timeline);
    if (said == newest) return STATUS_OK;
    if (said < newest && timeline->versions[said + 1].time_ms == leaf->leaf.time_ms) {
        leaf->directory = timeline->versions[said].directory;
        return STATUS_OK;
    }
    return audit_leaf_note(leaf, FINDING_DIRECTORY_SEQUENCE, "decided under another directory than the one in force");
}

static enum status take_device(struct timeline *timeline, const struct audit_leaf *leaf) {
    if (!leaf->material.attestation) return STATUS_OK;
    struct hash device = jws_thumbprint(&leaf->material.attestation->sign_key);
    struct device_row *row = table_require(&timeline->devices, &device);
    ENSURE(row, STATUS_MEMORY);
    row->key = leaf->material.attestation->sign_key;
    return STATUS_OK;
}

static void find_device(const struct timeline *timeline, struct audit_leaf *leaf) {
    const struct audit_material *material = &leaf->material;
    if (!material->statement && !material->token) return;
    const struct hash *device = material->statement ? &material->statement->device : &material->token->device;
    const struct device_row *row = table_find(&timeline->devices, device);
    if (!row) return;
    leaf->device_key = row->key;
    leaf->has_device_key = true;
}

static bool is_entry(enum leaf_type type) { return type >= LEAF_EPOCH && type <= LEAF_RULES; }

enum status timeline_advance(struct timeline *timeline, struct audit_leaf *leaf) {
    leaf->directory = timeline_newest(timeline);
    if (leaf->state != OPENING_OPEN) return STATUS_OK;
    if (is_entry(leaf->leaf.type)) return take_entry(timeline, leaf);
    if (leaf->leaf.type < LEAF_EVALUATIONS) TRY(choose_version(timeline, leaf));
    TRY(take_device(timeline, leaf));
    find_device(timeline, leaf);
    return STATUS_OK;
}
