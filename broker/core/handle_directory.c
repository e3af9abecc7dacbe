/*
 * The directory: entries for agents with their receipts and keyd's head, and the operator's way to add one. An entry is
 * verified here, then by keyd, which keeps it; then its leaf and its row are written. When core ends between the two,
 * the operator gives the same entry again.
 */
#include <inttypes.h>

#include "broker/core/directory_rows.h"
#include "broker/core/handle_engine.h"
#include "broker/core/keyd_client.h"
#include "broker/core/ledger.h"
#include "proto/derive.h"
#include "proto/limits.h"
#include "proto/msg_directory.h"
#include "proto/multi_signed.h"

enum { DIRECTORY_ANSWER_BYTES = LIMIT_REPLY_BODY_BYTES / 2, DIRECTORY_MOST = 64 };

/* ---- for agents ---- */

static enum status fill_answer(struct call *call, struct store_txn *txn, const struct directory_row *rows, size_t count,
                               struct msg_directory_answer *answer) {
    struct bytes *entries = ARENA_ARRAY(call->arena, struct bytes, count + 1);
    struct bytes *receipts = ARENA_ARRAY(call->arena, struct bytes, count + 1);
    ENSURE(entries && receipts, STATUS_MEMORY);
    size_t used = 0;
    answer->entries = entries;
    answer->receipts = receipts;
    for (size_t i = 0; i < count && used < DIRECTORY_ANSWER_BYTES; i++) {
        enum status signed_leaf = ledger_receipt(call->core->ledger, txn, rows[i].leaf, call->arena, &receipts[i]);
        if (signed_leaf == STATUS_RETRY) return STATUS_OK;
        TRY(signed_leaf);
        entries[i] = rows[i].entry;
        used += entries[i].len + receipts[i].len;
        answer->n_entries = i + 1;
        answer->n_receipts = i + 1;
    }
    return STATUS_OK;
}

enum status handle_directory_list(struct call *call, struct store_txn *txn) {
    const struct msg_directory_ask *ask = call->body;
    const struct directory_row *rows = NULL;
    size_t count = 0;
    size_t most = ask->most >= 1 && ask->most <= DIRECTORY_MOST ? ask->most : DIRECTORY_MOST;
    TRY(directory_rows_list(txn, ask->after, most, call->arena, &rows, &count));
    struct msg_directory_answer answer = {.n_entries = 0};
    TRY(fill_answer(call, txn, rows, count, &answer));
    uint64_t now_ms = clock_now_ms(call->core->clock);
    TRY(keyd_client_directory_head(call->keyd, now_ms, call->arena, &answer.head));
    return msg_directory_answer_encode(call->arena, &answer, &call->answer_body);
}

/* ---- for the operator ---- */

enum status handle_directory_head(struct call *call, struct store_txn *txn) {
    (void)txn;
    return keyd_client_directory_head(call->keyd, clock_now_ms(call->core->clock), call->arena, &call->answer_body);
}

/* An entry that is to be added. */
struct addition {
    uint64_t sequence;
    enum leaf_type leaf;
    const char *actor;
};

static enum leaf_type leaf_of(enum directory_type type) {
    static const enum leaf_type leaves[] = {
        [DIRECTORY_EPOCH] = LEAF_EPOCH,
        [DIRECTORY_MEMBER] = LEAF_MEMBER,
        [DIRECTORY_MEMBER_REMOVED] = LEAF_MEMBER_REMOVED,
        [DIRECTORY_AGREEMENT] = LEAF_AGREEMENT,
        [DIRECTORY_AGREEMENT_ENDED] = LEAF_AGREEMENT_ENDED,
        [DIRECTORY_RULES] = LEAF_RULES,
    };
    return type < sizeof leaves / sizeof leaves[0] ? leaves[type] : LEAF_NONE;
}

/* The party that ends an agreement signs the entry itself: its object's body names it. */
static enum status actor_of(struct call *call, const struct directory_entry *entry, const char **out_actor) {
    *out_actor = "authority";
    if (entry->type != DIRECTORY_AGREEMENT_ENDED) return STATUS_OK;
    struct multi_signed object;
    struct agreement_end end;
    TRY(multi_signed_parse(call->arena, entry->object, &object));
    TRY(record_agreement_end_parse(call->arena, call->core->federation, object.body, &end));
    *out_actor = end.member;
    return STATUS_OK;
}

/* The entry's leaf stands under the authority and the entry's hash, so that giving it again finds it. */
static enum status identify(struct call *call, struct store_txn *txn, const struct hash *entry_hash) {
    struct id16 message;
    TRY(ids_from_bytes(BYTES(entry_hash->b, sizeof message.b), &message));
    return call_identify(call, txn, "authority", &message, entry_hash);
}

static enum status verify(struct call *call, struct addition *addition) {
    directory_unref(MOVE(call->directory_next));
    TRY(directory_copy_with(call->directory, call->order->body, &call->directory_next));
    const struct directory_entry *entry = directory_newest(call->directory_next);
    addition->sequence = entry->sequence;
    addition->leaf = leaf_of(entry->type);
    ENSURE(addition->leaf != LEAF_NONE, STATUS_UNSUPPORTED);
    TRY(actor_of(call, entry, &addition->actor));
    return keyd_client_directory_add(call->keyd, call->order->body);
}

enum status handle_directory_add_check(struct call *call, struct store_txn *txn) {
    struct hash entry_hash = hash_sha256(call->order->body);
    TRY(identify(call, txn, &entry_hash));
    if (call->repeated) return STATUS_OK;
    struct addition *addition = ARENA_NEW(call->arena, struct addition);
    ENSURE(addition, STATUS_MEMORY);
    TRY(verify(call, addition));
    call->work = addition;
    return STATUS_OK;
}

enum status handle_directory_add_apply(struct call *call, struct store_txn *txn) {
    const struct addition *addition = call->work;
    struct directory_row row = {.sequence = addition->sequence, .entry = call->order->body};
    uint64_t newest;
    TRY(directory_rows_newest(txn, call->arena, &newest));
    ENSURE(newest + 1 == addition->sequence, STATUS_CONFLICT);
    struct opening opening = {
        .actor = addition->actor, .number = addition->sequence, .directory_sequence = addition->sequence};
    struct ledger_entry entry = {
        .type = addition->leaf, .slot = LEDGER_NO_SLOT, .opening = &opening, .cause = call->order->body};
    TRY(call_append(call, txn, &entry));
    row.leaf = call->leaves[0];
    return directory_rows_put(txn, &row, call->arena);
}

void handle_directory_add_settle(struct call *call) { core_set_directory(call->core, MOVE(call->directory_next)); }

enum status handle_directory_add_answer(struct call *call, struct store_txn *txn) {
    (void)txn;
    uint64_t leaf = call->n_leaves ? call->leaves[0] : 0;
    const char *body = arena_printf(call->arena, "{\"leaf\":%" PRIu64 "}", leaf);
    ENSURE(body, STATUS_MEMORY);
    call->answer_body = bytes_text(body);
    return STATUS_OK;
}
