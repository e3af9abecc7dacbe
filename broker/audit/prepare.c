/*
 * A leaf stands twice in a mirror, in the entry bundle and beside its opening. Where they differ, the one that its
 * opening belongs to is used, so that one altered copy is one finding and not the beginning of a hundred.
 */
#include "broker/audit/prepare.h"

#include <string.h>

#include "broker/audit/material.h"
#include "keys/aead.h"
#include "proto/derive.h"

#define NOTE(leaf, name, text) TRY(audit_leaf_note((leaf), FINDING_##name, (text)))

/* version 1, then the type as one byte: what every leaf begins with. */
bool prepare_unknown_type(struct bytes entry) {
    static const uint8_t begin[] = {0x08, 0x01, 0x10};
    if (entry.len < 4 || memcmp(entry.data, begin, sizeof begin) != 0) return false;
    return entry.data[3] > LEAF_LAST;
}

static bool is_directory_type(enum leaf_type type) { return type >= LEAF_EPOCH && type <= LEAF_RULES; }

/* ---- the opening ---- */

/* nonce || opening, in clear. *out_clear.data stays NULL when a finding says why. */
static enum status clear_opening(const struct prepare *prepare, struct audit_leaf *leaf, struct bytes *out_clear) {
    const struct export_leaf *exported = leaf->exported;
    const struct secret *key = slot_keys_get(prepare->keys, leaf->slot - 1);
    if (!key) {
        leaf->state = OPENING_GONE;
        return STATUS_OK;
    }
    struct bytes aad;
    TRY(derive_opening_aad(leaf->arena, prepare->federation, &leaf->leaf.event, &aad));
    enum status status = aead_open(key, aad, exported->opening, leaf->arena, out_clear);
    if (status != STATUS_PROOF && status != STATUS_MALFORMED) return status;
    return audit_leaf_note(leaf, FINDING_OPENING_SEAL, "the sealed opening does not open under its slot's key");
}

static enum status check_commitment(const struct prepare *prepare, struct audit_leaf *leaf, struct bytes nonce,
                                    struct bytes opening) {
    struct hash value;
    enum status status = hash_from_bytes(nonce, &value);
    struct hash commitment = derive_leaf_commitment(prepare->federation, &value, opening);
    if (status != STATUS_OK || !hash_equal(&commitment, &leaf->leaf.commitment)) {
        return audit_leaf_note(leaf, FINDING_COMMITMENT, "the opening is not the one that the leaf commits to");
    }
    status = leaf_opening_parse(leaf->arena, opening, &leaf->opening);
    ENSURE(status != STATUS_MEMORY, status);
    if (status != STATUS_OK) return audit_leaf_note(leaf, FINDING_OPENING_FORM, "the opening is malformed");
    leaf->state = OPENING_OPEN;
    return STATUS_OK;
}

static enum status open_opening(const struct prepare *prepare, struct audit_leaf *leaf) {
    const struct export_leaf *exported = leaf->exported;
    leaf->state = OPENING_BROKEN;
    leaf->slot = exported->slot;
    if (exported->opening.len == 0) {
        leaf->state = OPENING_GONE;
        return STATUS_OK;
    }
    if (leaf->slot == 0) return check_commitment(prepare, leaf, exported->nonce, exported->opening);
    struct bytes clear = BYTES_EMPTY;
    TRY(clear_opening(prepare, leaf, &clear));
    if (!clear.data) return STATUS_OK;
    if (clear.len < HASH_BYTES) return audit_leaf_note(leaf, FINDING_OPENING_FORM, "the opening is malformed");
    return check_commitment(prepare, leaf, BYTES(clear.data, HASH_BYTES),
                            BYTES(clear.data + HASH_BYTES, clear.len - HASH_BYTES));
}

/* ---- which copy of the leaf ---- */

static enum status try_copy(const struct prepare *prepare, struct audit_leaf *leaf, struct bytes copy) {
    leaf->findings = (struct finding_list){NULL, NULL};
    leaf->readable = false;
    enum status status = leaf_parse(leaf->arena, copy, &leaf->leaf);
    ENSURE(status != STATUS_MEMORY, status);
    if (status != STATUS_OK && prepare_unknown_type(copy)) return STATUS_OK;
    if (status != STATUS_OK) return audit_leaf_note(leaf, FINDING_LEAF_FORM, "the leaf is malformed");
    leaf->readable = true;
    bool wanted = leaf->exported && (prepare->depth == PREPARE_ALL || is_directory_type(leaf->leaf.type));
    return wanted ? open_opening(prepare, leaf) : STATUS_OK;
}

/* Whether the pass over the tree has found the entry altered. */
static bool entry_doubted(const struct finding_list *earlier) {
    const char *name = finding_text(FINDING_LEAF_HASH);
    const struct finding_note *note = earlier->first;
    while (note && note->name != name) {
        note = note->next;
    }
    return note != NULL;
}

/* The copy that opens; the entry before the other, unless it is known to be altered. */
static enum status choose_copy(const struct prepare *prepare, struct audit_leaf *leaf, bool doubted) {
    struct bytes copies[2] = {leaf->entry, leaf->exported ? leaf->exported->leaf : BYTES_EMPTY};
    if (doubted || !copies[0].data) {
        copies[0] = copies[1];
        copies[1] = leaf->entry;
    }
    if (!copies[0].data) return STATUS_OK;
    TRY(try_copy(prepare, leaf, copies[0]));
    if (!copies[1].data || bytes_equal(copies[0], copies[1])) return STATUS_OK;
    if (leaf->state != OPENING_OPEN) {
        const struct audit_leaf first = *leaf;
        TRY(try_copy(prepare, leaf, copies[1]));
        if (leaf->state != OPENING_OPEN) *leaf = first;
    }
    NOTE(leaf, OPENING_LEAF, "the leaf beside the opening is not the leaf of the tree");
    return STATUS_OK;
}

/* ---- what an opening must say of its leaf ---- */

static bool slot_matches(const struct prepare *prepare, const struct audit_leaf *leaf) {
    struct bytes said = leaf->opening.slot_commitment;
    if (leaf->slot == 0) return said.len == 0 || leaf->leaf.type == LEAF_ERASED;
    const struct secret *key = slot_keys_get(prepare->keys, leaf->slot - 1);
    struct hash commitment = derive_slot_commitment(prepare->federation, key);
    return bytes_equal(said, hash_bytes(&commitment));
}

static bool tag_matches(const struct prepare *prepare, const struct audit_leaf *leaf) {
    if (leaf->slot == 0) return ids_is_zero(&leaf->leaf.subject_tag);
    struct id16 tag = derive_subject_tag(slot_keys_get(prepare->keys, leaf->slot - 1), &leaf->leaf.event);
    return ids_equal(&tag, &leaf->leaf.subject_tag);
}

static enum status check_opening(const struct prepare *prepare, struct audit_leaf *leaf) {
    if (leaf->opening.type != leaf->leaf.type) NOTE(leaf, OPENING_TYPE, "leaf and opening say different types");
    if (leaf->opening.now_ms != leaf->leaf.time_ms) NOTE(leaf, OPENING_TIME, "leaf and opening say different times");
    if (!slot_matches(prepare, leaf)) NOTE(leaf, SLOT, "the opening names another slot than it is sealed under");
    if (!tag_matches(prepare, leaf)) NOTE(leaf, SUBJECT_TAG, "the tag is not that of the slot's key");
    return STATUS_OK;
}

enum status prepare_leaf(const struct prepare *prepare, const struct bundle *bundle, struct audit_leaf *leaf) {
    struct finding_list earlier = leaf->findings;
    TRY(choose_copy(prepare, leaf, entry_doubted(&earlier)));
    if (leaf->state == OPENING_OPEN) {
        TRY(check_opening(prepare, leaf));
        TRY(material_read(prepare, bundle, leaf));
    }
    if (!earlier.first) return STATUS_OK;
    earlier.last->next = leaf->findings.first;
    if (!leaf->findings.last) leaf->findings.last = earlier.last;
    leaf->findings.first = earlier.first;
    return STATUS_OK;
}
