/*
 * Fragments: what their sources published and withdrew.
 */
#include <string.h>

#include "broker/audit/reducer_state.h"

static bool header_says(const struct audit_leaf *leaf) {
    const struct opening *opening = &leaf->opening;
    const struct fragment_signed *header = leaf->material.header;
    const struct opening_item *item = &opening->items[0];
    return opening->n_items == 1 && ids_equal(&item->fragment, &header->core.fragment) &&
           item->revision == header->core.revision && hash_equal(&item->header_hash, &header->hash) &&
           hash_equal(&item->ciphertext_hash, &header->header.ciphertext_hash) && item->grant_hash.len == 0 &&
           bytes_equal(hash_bytes(&header->core.subject), opening->subject) &&
           strcmp(header->core.source, opening->source) == 0 && strcmp(header->core.source, opening->actor) == 0 &&
           opening->n_kinds == 1 && opening->kinds[0] == (uint32_t)header->core.kind;
}

/* A revision follows the one that stands: same source, subject and kind, and it names the header before. */
static bool follows(const struct fold_fragment *before, const struct fold_person *person,
                    const struct fragment_core *core) {
    if (!before->source) return core->revision == 1;
    return !before->withdrawn && before->person == person && strcmp(before->source, core->source) == 0 &&
           before->kind == core->kind && core->revision == before->revision + 1 &&
           bytes_equal(core->replaces, hash_bytes(&before->header_hash));
}

static enum status fill(struct reducer *r, struct fold_fragment *row, struct fold_person *person,
                        const struct fragment_signed *header) {
    if (!row->source) {
        row->person = person;
        row->next = person->fragments;
        person->fragments = row;
    }
    row->source = reducer_name(r, header->core.source);
    ENSURE(row->source, STATUS_MEMORY);
    row->kind = header->core.kind;
    row->revision = header->core.revision;
    row->expires_ms = header->core.expires_ms;
    row->header_hash = header->hash;
    row->ciphertext_hash = header->header.ciphertext_hash;
    return STATUS_OK;
}

enum status fold_fragment_published(struct reducer *r, const struct audit_leaf *leaf) {
    const struct fragment_signed *header = leaf->material.header;
    if (!header) return STATUS_OK;
    (void)reducer_expect(r, leaf, header_says(leaf), FINDING_HEADER, "the header says something else than the opening");
    (void)reducer_expect(r, leaf, reducer_signed_by(leaf->material.header_signed, header->core.source),
                         FINDING_SIGNATURE, "the header is not signed by the source's member");
    if (!directory_unit(leaf->directory, header->core.source, NULL)) {
        reducer_report_clause(r, leaf->index, RULE_UNIT_LISTED, "published by a unit that is not in the directory");
    }
    struct fold_person *person = reducer_person(r, leaf);
    if (!person) return STATUS_OK;
    struct fold_fragment *row = table_require(&r->fragments, header->core.fragment.b);
    ENSURE(row, STATUS_MEMORY);
    (void)reducer_expect(r, leaf, follows(row, person, &header->core), FINDING_REVISION,
                         "does not follow the revision that stands");
    return fill(r, row, person, header);
}

enum status fold_fragment_withdrawn(struct reducer *r, const struct audit_leaf *leaf) {
    const struct opening *opening = &leaf->opening;
    if (reducer_envelope(r, leaf, MESSAGE_WITHDRAW, false)) {
        bool same =
            opening->n_items == 1 && ids_equal(&leaf->material.message->withdraw.fragment, &opening->items[0].fragment);
        (void)reducer_expect(r, leaf, same, FINDING_CAUSE, "the message does not ask for this");
    }
    if (opening->n_items != 1) return STATUS_OK;
    struct fold_fragment *row = table_find(&r->fragments, opening->items[0].fragment.b);
    bool stands = row && !row->withdrawn && row->person == reducer_person(r, leaf);
    if (!reducer_expect(r, leaf, stands, FINDING_REVISION, "withdraws a fragment that does not stand")) {
        return STATUS_OK;
    }
    (void)reducer_expect(r, leaf, strcmp(row->source, opening->actor) == 0, FINDING_DENIED,
                         "withdrawn by another unit than its source");
    row->withdrawn = true;
    return STATUS_OK;
}
