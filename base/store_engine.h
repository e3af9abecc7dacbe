/*
 * What an engine of the store supplies. Only store.c and the engines include this.
 *
 * An engine need not check sizes, keep the first failure or copy: store.c does. Views that it hands out are valid
 * until the next write of the transaction or its end.
 */
#ifndef BASE_STORE_ENGINE_H
#define BASE_STORE_ENGINE_H

#include "base/store.h"

enum store_mode { STORE_READ, STORE_WRITE };

/* What a scan hands to store.c for each row. Returning anything but STATUS_OK ends the scan with it. */
typedef enum status (*store_row_fn)(void *arg, struct bytes key, struct bytes value);

/* Bounds of a scan: from included, to excluded; empty means open. */
struct store_span {
    unsigned table;
    struct bytes from;
    struct bytes to;
    size_t limit;
    enum store_direction direction;
};

struct store_engine {
    enum status (*begin)(struct store *store, enum store_mode mode, struct store_txn **out_txn);
    /* Both end the transaction and free it. Statuses of commit as store_write documents. */
    enum status (*commit)(struct store_txn *txn);
    void (*abort)(struct store_txn *txn);
    enum status (*get)(struct store_txn *txn, unsigned table, struct bytes key, struct bytes *out_value);
    enum status (*put)(struct store_txn *txn, unsigned table, struct bytes key, struct bytes value);
    enum status (*remove)(struct store_txn *txn, unsigned table, struct bytes key);
    enum status (*scan)(struct store_txn *txn, const struct store_span *span, store_row_fn row, void *arg);
    enum status (*copy)(struct store *store, int fd);
    enum status (*space)(struct store *store, struct store_space *out_space);
    void (*close)(struct store *store);
};

/* First member of every engine's own struct. */
struct store {
    const struct store_engine *engine;
    struct store_tables tables;
    uint64_t epoch;
};

/* First member of every engine's own transaction. */
struct store_txn {
    struct store *store;
    enum store_mode mode;
    enum status status; /* the first failure */
    uint64_t batch;
    uint64_t writes; /* rows put or deleted */
};

/* Checks each table's row in meta against this program and the federation, or writes them in a new store. Sets the
 * store's epoch. Engines call it at the end of opening. STATUS_VERSION for a table or format that is not known,
 * STATUS_FEDERATION, STATUS_INTEGRITY for rows that contradict each other, STATUS_INVALID for a list of tables outside
 * its bounds. */
enum status store_check_meta(struct store *store, const char *federation);

/* The table that holds the store's own rows. */
enum { STORE_OWN_TABLE = 0 };

#endif
