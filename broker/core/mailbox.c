/*
 * Owns the table mailbox. Key: u8 length and text of the member, u64 sequence. Content (broker/core/row.h): u8 number
 * of leaves, u64 each, then the encoded event without sequence and receipts.
 *
 * Invariant: sequence = (batch number << 16) + place in the batch: greater than all before it in the whole store.
 */
#include "broker/core/mailbox.h"

#include <string.h>

#include "broker/core/ledger.h"
#include "broker/core/mailroom.h"
#include "broker/core/row.h"
#include "proto/ids.h"
#include "proto/limits.h"

enum { MAILBOX_KEY_MAX = 1 + LIMIT_MEMBER_BYTES + 8, MAILBOX_ANSWER_BYTES = LIMIT_REPLY_BODY_BYTES / 2 };

/* The member's part of the key, then the sequence. */
static struct bytes mailbox_key(struct bytes member, uint64_t sequence, uint8_t memory[static MAILBOX_KEY_MAX]) {
    struct writer writer = writer_init(memory, MAILBOX_KEY_MAX);
    writer_u8(&writer, (uint8_t)member.len);
    writer_put(&writer, member);
    writer_u64(&writer, sequence);
    return BYTES(memory, writer.len);
}

static uint64_t key_sequence(struct bytes key) {
    struct reader reader = reader_init(key);
    uint8_t len = reader_u8(&reader);
    (void)reader_take(&reader, len);
    return reader_u64(&reader);
}

static enum status encode_content(const struct msg_mail_event *event, const uint64_t *leaves, size_t n_leaves,
                                  struct arena *arena, struct bytes *out_content) {
    ENSURE(n_leaves <= LIMIT_EVENT_RECEIPTS, STATUS_INVALID);
    struct msg_mail_event bare = *event;
    bare.sequence = 0;
    bare.receipts = NULL;
    bare.n_receipts = 0;
    struct bytes encoded;
    TRY(msg_mail_event_encode(arena, &bare, &encoded));
    size_t cap = 1 + 8 * n_leaves + encoded.len;
    void *memory = arena_alloc(arena, cap);
    ENSURE(memory, STATUS_MEMORY);
    struct writer writer = writer_init(memory, cap);
    writer_u8(&writer, (uint8_t)n_leaves);
    for (size_t i = 0; i < n_leaves; i++)
        writer_u64(&writer, leaves[i]);
    writer_put(&writer, encoded);
    return writer_end(&writer, out_content);
}

enum status mailbox_put(struct core *core, struct store_txn *txn, uint32_t slot, const struct msg_mail_event *event,
                        const uint64_t *leaves, size_t n_leaves, struct arena *arena) {
    ENSURE(ids_is_unit(bytes_text(event->unit)), STATUS_INVALID);
    const char *member = ids_member_text(arena, event->unit);
    ENSURE(member, STATUS_MEMORY);
    struct bytes content;
    TRY(encode_content(event, leaves, n_leaves, arena, &content));
    uint32_t n;
    TRY(mailroom_note(core->mailroom, member, &n));
    uint8_t key[MAILBOX_KEY_MAX];
    uint64_t sequence = (store_txn_batch(txn) << 16) + n;
    return row_put(core, txn, STORE_MAILBOX, mailbox_key(bytes_text(member), sequence, key), slot, content, arena);
}

/* One answer under way. */
struct listing {
    struct core *core;
    struct store_txn *txn;
    struct arena *arena;
    size_t start; /* of the arena's use */
    size_t most;
    struct msg_mail_event *events;
    size_t count;
};

static enum status add_receipts(struct listing *listing, struct reader *reader, struct msg_mail_event *event) {
    size_t count = reader_u8(reader);
    ENSURE(reader->status == STATUS_OK && count <= LIMIT_EVENT_RECEIPTS, STATUS_INTEGRITY);
    struct bytes *receipts = ARENA_ARRAY(listing->arena, struct bytes, count + 1);
    ENSURE(receipts, STATUS_MEMORY);
    for (size_t i = 0; i < count; i++) {
        uint64_t leaf = reader_u64(reader);
        ENSURE(reader->status == STATUS_OK, STATUS_INTEGRITY);
        TRY(ledger_receipt(listing->core->ledger, listing->txn, leaf, listing->arena, &receipts[i]));
    }
    event->receipts = count ? receipts : NULL;
    event->n_receipts = count;
    return STATUS_OK;
}

static enum status add_event(struct listing *listing, const struct store_row *row) {
    struct bytes content;
    TRY(row_open(listing->core, STORE_MAILBOX, row->key, row->value, listing->arena, NULL, &content));
    struct reader reader = reader_init(content);
    struct msg_mail_event receipts = {.sequence = 0};
    struct msg_mail_event *event = &listing->events[listing->count];
    TRY(add_receipts(listing, &reader, &receipts));
    ENSURE(msg_mail_event_parse(listing->arena, reader.rest, event) == STATUS_OK, STATUS_INTEGRITY);
    event->sequence = key_sequence(row->key);
    event->receipts = receipts.receipts;
    event->n_receipts = receipts.n_receipts;
    listing->count++;
    return STATUS_OK;
}

/* The events of some rows; STATUS_LIMIT when the answer is full or the next event is not signed yet. */
static enum status list_rows(struct listing *listing, const struct store_rows *rows) {
    for (size_t i = 0; i < rows->count; i++) {
        bool full = arena_used_bytes(listing->arena) - listing->start > MAILBOX_ANSWER_BYTES;
        ENSURE(listing->count < listing->most && !full, STATUS_LIMIT);
        enum status added = add_event(listing, &rows->items[i]);
        if (added == STATUS_NOT_FOUND) continue;
        ENSURE(added != STATUS_RETRY, STATUS_LIMIT);
        TRY(added);
    }
    return STATUS_OK;
}

/* Page by page, for events of destroyed slots are passed over. */
static enum status list_pages(struct listing *listing, struct store_range range) {
    struct store_rows rows = {.count = range.limit};
    while (rows.count == range.limit) {
        TRY(store_scan(listing->txn, &range, listing->arena, &rows));
        TRY(list_rows(listing, &rows));
        if (rows.count == 0) return STATUS_OK;
        struct bytes last = rows.items[rows.count - 1].key;
        uint8_t *next = arena_alloc(listing->arena, last.len + 1);
        ENSURE(next, STATUS_MEMORY);
        memcpy(next, last.data, last.len);
        range.from = BYTES(next, last.len + 1);
    }
    return STATUS_OK;
}

enum status mailbox_list(struct core *core, struct store_txn *txn, const char *member, uint64_t after, size_t most,
                         struct arena *arena, const struct msg_mail_event **out_events, size_t *out_count) {
    uint8_t first[MAILBOX_KEY_MAX];
    uint8_t prefix[MAILBOX_KEY_MAX];
    struct bytes name = bytes_text(member);
    ENSURE(name.len <= LIMIT_MEMBER_BYTES && after < UINT64_MAX, STATUS_INVALID);
    struct bytes whole = mailbox_key(name, 0, prefix);
    struct store_range range = {.table = STORE_MAILBOX,
                                .prefix = BYTES(whole.data, whole.len - 8),
                                .from = mailbox_key(name, after + 1, first),
                                .limit = LIMIT_EVENTS,
                                .direction = STORE_ASCENDING};
    struct listing listing = {.core = core, .txn = txn, .arena = arena, .start = arena_used_bytes(arena)};
    listing.most = most < LIMIT_EVENTS ? most : LIMIT_EVENTS;
    listing.events = ARENA_ARRAY(arena, struct msg_mail_event, LIMIT_EVENTS);
    ENSURE(listing.events, STATUS_MEMORY);
    enum status listed = list_pages(&listing, range);
    if (listed != STATUS_LIMIT) TRY(listed);
    *out_events = listing.events;
    *out_count = listing.count;
    return STATUS_OK;
}

enum status mailbox_prune(struct core *core, struct store_txn *txn, const char *member, uint64_t up_to, size_t most,
                          struct arena *arena) {
    (void)core;
    uint8_t first[MAILBOX_KEY_MAX];
    uint8_t end[MAILBOX_KEY_MAX];
    struct bytes name = bytes_text(member);
    ENSURE(name.len <= LIMIT_MEMBER_BYTES && up_to < UINT64_MAX && most > 0, STATUS_INVALID);
    struct store_range range = {.table = STORE_MAILBOX,
                                .from = mailbox_key(name, 0, first),
                                .to = mailbox_key(name, up_to + 1, end),
                                .limit = most,
                                .direction = STORE_ASCENDING};
    struct store_rows rows;
    TRY(store_scan(txn, &range, arena, &rows));
    for (size_t i = 0; i < rows.count; i++)
        TRY(store_delete(txn, STORE_MAILBOX, rows.items[i].key));
    return STATUS_OK;
}
