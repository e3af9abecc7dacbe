/*
 * PUBLISH: a source hands over a sealed fragment. The subject may be anybody: a handle that nobody has named before
 * takes the same way through the same tables.
 */
#include "broker/core/handle.h"

#include <string.h>

#include "broker/core/entry.h"
#include "broker/core/fragment_rows.h"
#include "broker/core/grant_offer.h"
#include "broker/core/subject.h"
#include "proto/fragment_header.h"
#include "proto/limits.h"
#include "proto/msg_publish.h"

struct publish_work {
    const struct msg_publish *message;
    struct fragment_signed header;
    struct grant_offers grants;
};

static enum status open_header(struct call *call, struct publish_work *work) {
    struct hash key_id;
    struct sign_public key;
    TRY(signed_key_id(work->message->header, &key_id));
    TRY(handle_member_key(call, &key_id, &key));
    return fragment_header_open(call->arena, call->core->federation, work->message->header, &key, &work->header);
}

static enum status check_fit(const struct call *call, const struct publish_work *work, uint64_t now_ms) {
    const struct fragment_header *header = &work->header.header;
    const struct fragment_core *core = &work->header.core;
    ENSURE(strcmp(core->source, call->envelope.sender) == 0, STATUS_DENIED);
    ENSURE(header->ciphertext_len == work->message->ciphertext.len, STATUS_INVALID);
    struct hash hash = hash_sha256(work->message->ciphertext);
    ENSURE(hash_equal(&hash, &header->ciphertext_hash), STATUS_INVALID);
    ENSURE(core->expires_ms == 0 || core->expires_ms > now_ms, STATUS_EXPIRED);
    return STATUS_OK;
}

enum status handle_publish_check(struct call *call, struct store_txn *txn) {
    (void)txn;
    struct publish_work *work = ARENA_NEW(call->arena, struct publish_work);
    ENSURE(work, STATUS_MEMORY);
    work->message = call->body;
    TRY(open_header(call, work));
    TRY(check_fit(call, work, clock_now_ms(call->core->clock)));
    TRY(grant_offer_open(call, work->message->grants, work->message->n_grants, &work->grants));
    call->work = work;
    return STATUS_OK;
}

/* What stands under this id. `before` is the revision that the new one takes the place of. */
struct standing {
    bool same;  /* this very header */
    bool other; /* an earlier revision, which this one replaces */
    struct fragment_row before;
};

static enum status check_replaces(const struct publish_work *work, uint32_t slot, uint32_t standing_slot,
                                  const struct fragment_row *before) {
    const struct fragment_core *core = &work->header.core;
    ENSURE(slot == standing_slot && before->state == FRAGMENT_CURRENT, STATUS_CONFLICT);
    ENSURE(core->revision > 1 && before->revision == core->revision - 1, STATUS_CONFLICT);
    ENSURE(bytes_equal(core->replaces, hash_bytes(&before->header_hash)), STATUS_CONFLICT);
    ENSURE(before->kind == core->kind && strcmp(before->source, core->source) == 0, STATUS_CONFLICT);
    return STATUS_OK;
}

static enum status find_standing(struct call *call, struct store_txn *txn, const struct publish_work *work,
                                 struct standing *out) {
    struct standing standing = {0};
    uint32_t standing_slot = 0;
    enum status found =
        fragment_rows_find(call->core, txn, &work->header.core.fragment, call->arena, &standing_slot, &standing.before);
    if (found == STATUS_NOT_FOUND) {
        ENSURE(work->header.core.revision == 1, STATUS_CONFLICT);
        *out = standing;
        return STATUS_OK;
    }
    TRY(found);
    standing.same = hash_equal(&standing.before.header_hash, &work->header.hash);
    if (!standing.same) {
        uint32_t slot = 0;
        enum status known = subject_find(call->core, txn, INDEX_HANDLE, hash_bytes(&work->header.core.subject), &slot);
        ENSURE(known != STATUS_NOT_FOUND, STATUS_CONFLICT);
        TRY(known);
        TRY(check_replaces(work, slot, standing_slot, &standing.before));
        standing.other = true;
    }
    *out = standing;
    return STATUS_OK;
}

static enum status append_leaf(struct call *call, struct store_txn *txn, const struct publish_work *work,
                               uint32_t slot) {
    const struct fragment_core *core = &work->header.core;
    const uint32_t kind = (uint32_t)core->kind;
    const struct opening_item item = {
        .fragment = core->fragment,
        .revision = core->revision,
        .header_hash = work->header.hash,
        .ciphertext_hash = work->header.header.ciphertext_hash,
    };
    struct entry entry = {0};
    entry_init(&entry, LEAF_PUBLISHED, slot, &core->subject, call->envelope.sender, call->directory);
    entry_cause(&entry, work->message->header);
    entry.opening.source = call->envelope.sender;
    entry.opening.kinds = &kind;
    entry.opening.n_kinds = 1;
    entry.opening.items = &item;
    entry.opening.n_items = 1;
    return call_append(call, txn, &entry.ledger);
}

static enum status put_fragment(struct call *call, struct store_txn *txn, const struct publish_work *work,
                                uint32_t slot, const struct standing *standing) {
    const struct fragment_core *core = &work->header.core;
    const struct fragment_row row = {
        .fragment = core->fragment,
        .kind = core->kind,
        .state = FRAGMENT_CURRENT,
        .revision = core->revision,
        .source = core->source,
        .expires_ms = core->expires_ms,
        .leaf = call->leaves[0],
        .ciphertext_len = work->header.header.ciphertext_len,
        .header_hash = work->header.hash,
        .ciphertext_hash = work->header.header.ciphertext_hash,
    };
    return fragment_rows_put(call->core, txn, slot, &row, work->message->header, work->message->ciphertext,
                             standing->other ? &standing->before : NULL, call->arena);
}

/* Grants that came along, each for its own token; those that do not hold are left out. */
static enum status keep_grants(struct call *call, struct store_txn *txn, const struct publish_work *work) {
    for (size_t i = 0; i < work->grants.count && call->n_leaves < CALL_LEAVES_MAX; i++) {
        struct grant_offer *offer = &work->grants.items[i];
        struct grant_holder holder;
        if (!ids_equal(&offer->grant.fragment, &work->header.core.fragment)) continue;
        TRY(grant_offer_holder(call, txn, offer, &holder));
        TRY(grant_offer_judge(call, txn, &holder, ledger_now_ms(call->core->ledger), offer));
        TRY(grant_offer_keep(call, txn, &holder, offer, 1));
    }
    return STATUS_OK;
}

enum status handle_publish_apply(struct call *call, struct store_txn *txn) {
    const struct publish_work *work = call->work;
    struct standing standing;
    uint32_t slot = 0;
    TRY(handle_sender(call));
    TRY(find_standing(call, txn, work, &standing));
    if (standing.same) {
        call->leaves[0] = standing.before.leaf;
        call->n_leaves = 1;
        return STATUS_OK;
    }
    TRY(subject_require(call->core, txn, &work->header.core.subject, &slot));
    TRY(append_leaf(call, txn, work, slot));
    TRY(put_fragment(call, txn, work, slot, &standing));
    return keep_grants(call, txn, work);
}
