/*
 * Erasure: what a member takes back of its own, and openings that are gone because their person was erased. An ERASED
 * leaf names nobody; it accounts for the leaves of one slot when their number is the one that it says.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/audit/reducer_state.h"

enum status fold_erasure_gone(struct reducer *r, const struct audit_leaf *leaf) {
    if (r->n_gone == r->gone_room) {
        size_t room = r->gone_room ? 2 * r->gone_room : 64;
        struct fold_gone *gone = realloc(r->gone, room * sizeof *gone);
        ENSURE(gone, STATUS_MEMORY);
        r->gone = gone;
        r->gone_room = room;
    }
    r->gone[r->n_gone++] = (struct fold_gone){leaf->slot, leaf->index};
    return STATUS_OK;
}

/* A member's erasure covers its own fragments of the person, and nothing of the log. */
static void withdraw_all(struct reducer *r, const struct hash *subject, const char *sender) {
    struct fold_person *person = table_find(&r->persons, subject->b);
    struct bytes member = ids_member_of(sender);
    for (struct fold_fragment *fragment = person ? person->fragments : NULL; fragment; fragment = fragment->next) {
        if (bytes_equal(ids_member_of(fragment->source), member)) fragment->withdrawn = true;
    }
}

enum status fold_erasure_erased(struct reducer *r, const struct audit_leaf *leaf) {
    const struct audit_material *material = &leaf->material;
    if (material->envelope) {
        if (!reducer_envelope(r, leaf, MESSAGE_ERASE, false)) return STATUS_OK;
        withdraw_all(r, &material->message->erase.subject, material->envelope->sender);
        return STATUS_OK;
    }
    if (material->statement) {
        (void)reducer_expect(r, leaf, material->statement->type == STATEMENT_ERASE, FINDING_ERASURE,
                             "the statement does not ask for this");
    }
    struct fold_erasure *erasures = realloc(r->erasures, (r->n_erasures + 1) * sizeof *erasures);
    ENSURE(erasures, STATUS_MEMORY);
    r->erasures = erasures;
    erasures[r->n_erasures++] = (struct fold_erasure){leaf->index, leaf->opening.number, false};
    return STATUS_OK;
}

/* ---- at the end ---- */

static int compare_gone(const void *a, const void *b) {
    const struct fold_gone *one = a;
    const struct fold_gone *two = b;
    if (one->slot != two->slot) return one->slot < two->slot ? -1 : 1;
    return (one->leaf > two->leaf) - (one->leaf < two->leaf);
}

/* An erasure that came after the last of these leaves and covers exactly as many. */
static bool accounted(struct reducer *r, const struct fold_gone *first, size_t count) {
    if (first->slot == 0) return false;
    for (size_t i = 0; i < r->n_erasures; i++) {
        struct fold_erasure *erasure = &r->erasures[i];
        if (erasure->matched || erasure->number != count || erasure->leaf < first[count - 1].leaf) continue;
        erasure->matched = true;
        return true;
    }
    return false;
}

enum status fold_erasure_end(struct reducer *r) {
    if (r->n_gone == 0) return STATUS_OK;
    qsort(r->gone, r->n_gone, sizeof *r->gone, compare_gone);
    size_t count = 0;
    for (size_t first = 0; first < r->n_gone; first += count) {
        const struct fold_gone *group = &r->gone[first];
        count = 1;
        while (first + count < r->n_gone && group[count].slot == group->slot) {
            count++;
        }
        bool scoped = r->scope == REDUCER_SCOPED && group->slot > 0;
        if (scoped || accounted(r, group, count)) continue;
        for (size_t i = 0; i < count; i++) {
            reducer_report(r, group[i].leaf, FINDING_OPENING_MISSING, "the opening is gone, and no erasure covers it");
        }
    }
    return STATUS_OK;
}
