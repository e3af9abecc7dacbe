/*
 * What core answers: one row for each message of each face, and one for each kind of thing that falls due. A type that
 * has no row is answered `unsupported`.
 */
#include "broker/core/dispatch_table.h"

#include "broker/core/schedule.h"

const struct handler dispatch_rows[] = {
    {.name = NULL},
};

static schedule_fn *const schedule_functions[SCHEDULE_KIND_COUNT] = {
    [SCHEDULE_NONE] = NULL,
};

schedule_fn *dispatch_schedule(enum schedule_kind kind) {
    return kind < SCHEDULE_KIND_COUNT ? schedule_functions[kind] : NULL;
}
