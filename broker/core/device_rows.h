/*
 * Rows of persons' devices: key slot u64, tag of the thumbprint (broker/core/subject.h); sealed under the person's
 * slot. A device that was removed keeps its row, so that its thumbprint is not enrolled again.
 */
#ifndef BROKER_CORE_DEVICE_ROWS_H
#define BROKER_CORE_DEVICE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "broker/core/core.h"
#include "broker/core/store.h"
#include "keys/hash.h"
#include "keys/seal.h"
#include "keys/sign.h"
#include "proto/attestation.h"

/* A new device beside others waits this long before it may sign consents; one that is said to be lost is shown as
 * removed after it. */
#define DEVICE_ROWS_WAIT_MS ((uint64_t)72 * 3600 * 1000)
/* Active devices of one person. Browsers forget their keys: those of before stand until they are removed, or said to be
 * lost when the next one is attested. */
#define DEVICE_ROWS_ACTIVE_MAX 64
/* Sources that one device has asked to read from. */
#define DEVICE_ROWS_READS_MAX 32

/* Stored: numbers never change. */
enum device_state {
    DEVICE_NONE = 0,
    DEVICE_ACTIVE = 1,
    DEVICE_SUSPENDED = 2, /* the person says that it is lost */
    DEVICE_REMOVED = 3,
};

/* A source that the device has asked for the person's own plan. */
struct device_read {
    const char *unit;
    uint64_t at_ms;
};

/* Pointers live in the arena that the row was read into. */
struct device_row {
    struct hash device;  /* thumbprint */
    struct hash subject; /* handle */
    struct sign_public sign_key;
    struct seal_public read_key;
    enum device_state state;
    uint64_t since_ms;       /* of this state */
    uint64_t waits_until_ms; /* 0: waits for nothing */
    uint64_t leaf;           /* DEVICE_ENROLLED */
    const char *attester;    /* member */
    uint32_t assurance;
    struct bytes attestation;   /* Signed */
    struct hash last_statement; /* SHA-256 of the last one; zeros: none yet */
    const struct device_read *reads;
    size_t n_reads;
};

struct device_list {
    const struct device_row *items;
    size_t count;
};

/* Who has this thumbprint. STATUS_NOT_FOUND; errors of row_get. */
enum status device_rows_find(const struct core *core, struct store_txn *txn, const struct hash *device,
                             struct arena *arena, uint32_t *out_slot, struct device_row *out);
/* The same when the slot is known. */
enum status device_rows_get(const struct core *core, struct store_txn *txn, uint32_t slot, const struct hash *device,
                            struct arena *arena, struct device_row *out);
/* Writes row and index. STATUS_CONFLICT when the thumbprint is another person's. Writer. */
enum status device_rows_put(const struct core *core, struct store_txn *txn, uint32_t slot, const struct device_row *row,
                            struct arena *arena);
/* All devices of a person, removed ones too; at most STORE_SCAN_MAX. */
enum status device_rows_list(const struct core *core, struct store_txn *txn, uint32_t slot, struct arena *arena,
                             struct device_list *out);

/* Active, and not waiting for 72 hours or a countersignature. */
bool device_rows_settled(const struct device_row *row, uint64_t now_ms);
/* Whether the device has asked this source. */
bool device_rows_has_read(const struct device_row *row, const char *unit);

#endif
