/*
 * Rows of the agent's store: between structs and bytes, by tables. A row is u8 version of the form, then the fields in
 * order: numbers big-endian, fixed bytes as they are, bytes and text as u32 length and bytes, lists as u32 count and as
 * many of these. Reading is strict. Rows never leave the agent.
 */
#ifndef AGENT_ROW_H
#define AGENT_ROW_H

#include <stddef.h>
#include <stdint.h>

#include "agent/agent_table.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"

enum row_kind {
    ROW_U32,   /* uint32_t */
    ROW_U64,   /* uint64_t */
    ROW_FIXED, /* array of `more` bytes */
    ROW_BYTES, /* struct bytes */
    ROW_TEXT,  /* const char *, NULL is written as "" */
    ROW_LIST,  /* const struct bytes *; `more` is the offset of its size_t count */
};

struct row_field {
    enum row_kind kind;
    size_t offset;
    size_t more;
};

struct row_form {
    uint8_t version;
    const struct row_field *fields;
    size_t n_fields;
    size_t size; /* of the struct */
};

/* STATUS_MEMORY, STATUS_TOO_LARGE. */
enum status row_encode(const struct row_form *form, struct arena *arena, const void *in, struct bytes *out_bytes);
/* Everything lies in the arena; `out` is untouched on failure. STATUS_VERSION, STATUS_INTEGRITY, STATUS_MEMORY. */
enum status row_parse(const struct row_form *form, struct arena *arena, struct bytes from, void *out);

/* In a transaction. STATUS_NOT_FOUND; errors of the store. */
enum status row_get(struct store_txn *txn, enum agent_table table, struct bytes key, const struct row_form *form,
                    struct arena *arena, void *out);
enum status row_put(struct store_txn *txn, enum agent_table table, struct bytes key, const struct row_form *form,
                    struct arena *arena, const void *in);

/* A key of up to three parts, in the arena. */
enum status row_key(struct arena *arena, struct bytes first, struct bytes second, struct bytes third,
                    struct bytes *out_key);
/* A number as 4 or 8 bytes, in the arena; BYTES_EMPTY when it is full, which the store refuses. */
struct bytes row_u32(struct arena *arena, uint32_t number);
struct bytes row_u64(struct arena *arena, uint64_t number);

/* A number in META; 0 when there is none. */
enum status row_number_get(struct store_txn *txn, struct arena *arena, const char *name, uint64_t *out_number);
enum status row_number_put(struct store_txn *txn, struct arena *arena, const char *name, uint64_t number);

#endif
