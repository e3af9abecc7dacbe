/*
 * People in core: a person is a slot number. A handle, token, request, device or code leads to a slot through an index
 * whose keys are HMACs; what names any of them is sealed under the slot's key (broker/core/row.h).
 */
#ifndef BROKER_CORE_SUBJECT_H
#define BROKER_CORE_SUBJECT_H

#include "base/secret.h"
#include "broker/core/core.h"
#include "broker/core/store.h"

#define SUBJECT_TAG_BYTES 16

/* What an index key stands for; part of the HMAC's input. */
enum subject_index {
    INDEX_HANDLE = 1,
    INDEX_TOKEN = 2,
    INDEX_CONSENT = 3,
    INDEX_REQUEST = 4,
    INDEX_DEVICE = 5,
    INDEX_CODE = 6,
    INDEX_ENROLMENT = 7,
    INDEX_SCHEDULE = 8,
};

/* First 16 bytes of HMAC-SHA256(index key, u8 kind || id). Any thread. */
void subject_tag(const struct core *core, enum subject_index kind, struct bytes id, uint8_t out[SUBJECT_TAG_BYTES]);

/* The slot that an id leads to. STATUS_NOT_FOUND. */
enum status subject_find(const struct core *core, struct store_txn *txn, enum subject_index kind, struct bytes id,
                         uint32_t *out_slot);
/* Writes the index row; fine when it stands with the same slot, STATUS_CONFLICT with another. Writer. */
enum status subject_index_put(const struct core *core, struct store_txn *txn, enum subject_index kind, struct bytes id,
                              uint32_t slot);
enum status subject_index_delete(const struct core *core, struct store_txn *txn, enum subject_index kind,
                                 struct bytes id);

/* The slot of a handle, taken from the pool when the handle is new: both ways write the same row. Writer. */
enum status subject_require(const struct core *core, struct store_txn *txn, const struct hash *handle,
                            uint32_t *out_slot);
/* A slot of its own for a consent (keys of grants). Writer. Both: STATUS_RETRY when the pool of slots is empty. */
enum status subject_new_slot(const struct core *core, struct store_txn *txn, uint32_t *out_slot);

/* How many slots were handed out so far: the next one's number. */
enum status subject_slots_taken(struct store_txn *txn, uint32_t *out_count);

/* The key of a slot: a copy for the caller to free. STATUS_NOT_FOUND when destroyed. Any thread. */
enum status subject_key(const struct core *core, uint32_t slot, struct secret **out_key);

#endif
