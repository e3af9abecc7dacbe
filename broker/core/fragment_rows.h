/*
 * Fragments in the store. Three tables: the newest header of each fragment, sealed under the person's slot; its
 * ciphertext in pieces that fit a page; and an index by slot, source unit and kind, from which a release is decided
 * without opening a header.
 *
 * Index key: slot u64, first 8 bytes of SHA-256 of the unit, kind u8, fragment 16. A fragment that was withdrawn keeps
 * its index row, so that its id is not used again, and nothing else.
 */
#ifndef BROKER_CORE_FRAGMENT_ROWS_H
#define BROKER_CORE_FRAGMENT_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "broker/core/core.h"
#include "broker/core/store.h"
#include "proto/fragment_header.h"
#include "proto/ids.h"

/* One piece and its version byte fill at most one page of the store. */
#define FRAGMENT_ROWS_PIECE_BYTES 4000

/* Stored: numbers never change. */
enum fragment_state {
    FRAGMENT_NONE = 0,
    FRAGMENT_CURRENT = 1,
    FRAGMENT_WITHDRAWN = 2, /* by its source, or its time is over: nothing but this row is left */
};

/* What the index says of a fragment. Pointers live in the arena that it was read into. */
struct fragment_row {
    struct id16 fragment;
    enum kind kind;
    enum fragment_state state;
    uint32_t revision;
    const char *source;  /* unit */
    uint64_t expires_ms; /* 0: none */
    uint64_t leaf;       /* PUBLISHED of this revision */
    uint64_t ciphertext_len;
    struct hash header_hash;
    struct hash ciphertext_hash;
};

struct fragment_list {
    struct fragment_row *items;
    size_t count;
};

/* The slot and index row of a fragment. STATUS_NOT_FOUND; errors of row_get. */
enum status fragment_rows_find(const struct core *core, struct store_txn *txn, const struct id16 *fragment,
                               struct arena *arena, uint32_t *out_slot, struct fragment_row *out);

/* The Signed header of the newest revision. STATUS_NOT_FOUND when it was withdrawn. */
enum status fragment_rows_header(const struct core *core, struct store_txn *txn, const struct id16 *fragment,
                                 struct arena *arena, struct bytes *out_header);

/* len bytes of the ciphertext from offset. STATUS_INVALID beyond its end, STATUS_NOT_FOUND when pieces are gone. */
enum status fragment_rows_ciphertext(struct store_txn *txn, const struct fragment_row *row, uint64_t offset, size_t len,
                                     struct arena *arena, struct bytes *out);

/* Writes header, ciphertext and index, and removes the ciphertext of `before`, the revision that this one replaces, or
 * NULL. Writer. */
enum status fragment_rows_put(const struct core *core, struct store_txn *txn, uint32_t slot,
                              const struct fragment_row *row, struct bytes header, struct bytes ciphertext,
                              const struct fragment_row *before, struct arena *arena);

/* Removes header content and ciphertext, keeps the index row as FRAGMENT_WITHDRAWN. Writer. */
enum status fragment_rows_withdraw(const struct core *core, struct store_txn *txn, uint32_t slot,
                                   const struct fragment_row *row, struct arena *arena);

/* Where a page begins: after this fragment of this kind. */
struct fragment_cursor {
    enum kind kind; /* KIND_NONE: from the beginning */
    struct id16 fragment;
};

struct fragment_ask {
    uint32_t slot;
    const char *source;
    const uint32_t *kinds; /* ascending */
    size_t n_kinds;
    struct fragment_cursor after;
    size_t most; /* 1 or more */
};

/* Current fragments of one source, in the order of kind and id, at most `most`; *out_more says whether there are more.
 */
enum status fragment_rows_page(struct store_txn *txn, const struct fragment_ask *ask, struct arena *arena,
                               struct fragment_list *out, bool *out_more);

/* Every fragment of a person from one unit, withdrawn ones not. STATUS_LIMIT when there are more than `most`, which is
 * less than STORE_SCAN_MAX. */
enum status fragment_rows_of_unit(struct store_txn *txn, uint32_t slot, const char *unit, size_t most,
                                  struct arena *arena, struct fragment_list *out);

#endif
