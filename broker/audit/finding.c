/*
 * Names of findings, and lists of them.
 */
#include "broker/audit/finding.h"

const char *finding_text(enum finding_name name) {
    static const char *const names[] = {
#define X(name, text) text,
        FINDING_TABLE(X)
#undef X
    };
    return (unsigned)name < FINDING_COUNT ? names[name] : "unknown";
}

enum status finding_add(struct finding_list *list, struct arena *arena, enum finding_name name, const char *text) {
    struct finding_note *note = ARENA_NEW(arena, struct finding_note);
    ENSURE(note, STATUS_MEMORY);
    *note = (struct finding_note){.name = finding_text(name), .text = text};
    if (list->last) {
        list->last->next = note;
    } else {
        list->first = note;
    }
    list->last = note;
    return STATUS_OK;
}
