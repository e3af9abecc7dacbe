/*
 * Rows of one-time enrolments: key tag of the enrolment's id. They are about nobody until a device is attested, and
 * stand in clear; of the code they hold the id, never the secret. Removed a while after their time is over.
 */
#ifndef BROKER_CORE_ENROLMENT_ROWS_H
#define BROKER_CORE_ENROLMENT_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "broker/core/core.h"
#include "broker/core/schedule.h"
#include "broker/core/store.h"
#include "proto/ids.h"

/* A code lives this long at most. */
#define ENROLMENT_ROWS_LIFE_MS ((uint64_t)15 * 60 * 1000)
/* Registrations that one enrolment takes: whoever has only the id cannot keep the right one out. */
#define ENROLMENT_ROWS_REGISTRATIONS 4

/* Pointers live in the arena that the row was read into. */
struct enrolment_row {
    struct id16 enrolment;
    const char *unit; /* that opened it */
    uint64_t expires_ms;
    bool used;
    struct bytes registrations[ENROLMENT_ROWS_REGISTRATIONS]; /* compact JWS */
    size_t n_registrations;
};

/* STATUS_NOT_FOUND. */
enum status enrolment_rows_get(const struct core *core, struct store_txn *txn, const struct id16 *enrolment,
                               struct arena *arena, struct enrolment_row *out);
/* Writer. */
enum status enrolment_rows_put(const struct core *core, struct store_txn *txn, const struct enrolment_row *row,
                               struct arena *arena);

/* The schedule's function: removes the row. */
enum status enrolment_rows_expire(struct core *core, struct store_txn *txn, uint32_t slot, const struct id16 *enrolment,
                                  struct arena *arena);

#endif
