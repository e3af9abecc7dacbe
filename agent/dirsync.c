/*
 * Owns the verified directory and the place of each entry in the log. Trusts the pinned authority keys. Invariants: the
 * store's table ENTRY holds entries 1 to the directory's sequence without a gap; leaves[i] is the verified index of
 * entry i + 1, or 0 when it stands in the log of an earlier epoch.
 */
#include "agent/dirsync.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent_internal.h"
#include "agent/receipt.h"
#include "agent/row.h"
#include "proto/limits.h"
#include "proto/msg_directory.h"
#include "proto/state_statement.h"

#define HEAD_NAME    "head"
#define ENTRIES_MOST 32
#define LOAD_ROWS    64
#define ROUNDS_MAX   100000

struct entry_row {
    uint64_t leaf;
    struct bytes entry;
    struct bytes receipt;
};

static const struct row_field entry_fields[] = {
    {ROW_U64, offsetof(struct entry_row, leaf), 0},
    {ROW_BYTES, offsetof(struct entry_row, entry), 0},
    {ROW_BYTES, offsetof(struct entry_row, receipt), 0},
};
static const struct row_form entry_form = {1, entry_fields, 3, sizeof(struct entry_row)};

static void lock(pthread_mutex_t *mutex) {
    if (pthread_mutex_lock(mutex) != 0) abort();
}

static void unlock(pthread_mutex_t *mutex) {
    if (pthread_mutex_unlock(mutex) != 0) abort();
}

struct directory *dirsync_directory(struct agent *agent) {
    struct dirsync *dirsync = &agent->dirsync;
    lock(&dirsync->mutex);
    struct directory *directory = directory_ref(dirsync->directory);
    unlock(&dirsync->mutex);
    return directory;
}

enum status dirsync_ground(struct agent *agent, struct arena *arena, struct ground *out_ground) {
    struct dirsync *dirsync = &agent->dirsync;
    lock(&dirsync->mutex);
    struct ground ground = {.directory = directory_ref(dirsync->directory)};
    uint64_t *leaves = ARENA_ARRAY(arena, uint64_t, dirsync->n_leaves + 1);
    if (leaves && dirsync->n_leaves > 0) memcpy(leaves, dirsync->leaves, dirsync->n_leaves * sizeof *leaves);
    unlock(&dirsync->mutex);
    ground.leaves = leaves;
    if (!leaves) {
        ground_clear(&ground);
        return STATUS_MEMORY;
    }
    *out_ground = ground;
    return STATUS_OK;
}

uint64_t dirsync_head_age_ms(struct agent *agent) {
    lock(&agent->dirsync.mutex);
    uint64_t head_ms = agent->dirsync.head_ms;
    unlock(&agent->dirsync.mutex);
    uint64_t now_ms = agent_now_ms(agent);
    if (head_ms == 0) return UINT64_MAX;
    return now_ms > head_ms ? now_ms - head_ms : 0;
}

enum status dirsync_fresh(struct agent *agent) {
    return dirsync_head_age_ms(agent) <= LIMIT_DIRECTORY_HEAD_AGE_MS ? STATUS_OK : STATUS_EXPIRED;
}

/* Puts the next version in the place of the one before. Takes the reference. */
static enum status adopt(struct dirsync *dirsync, struct directory *next, uint64_t leaf) {
    lock(&dirsync->mutex);
    if (dirsync->n_leaves == dirsync->capacity) {
        size_t capacity = dirsync->capacity ? dirsync->capacity * 2 : 64;
        uint64_t *leaves = reallocarray(dirsync->leaves, capacity, sizeof *leaves);
        if (!leaves) {
            unlock(&dirsync->mutex);
            directory_unref(next);
            return STATUS_MEMORY;
        }
        dirsync->leaves = leaves;
        dirsync->capacity = capacity;
    }
    /* A new epoch is a new log: what came before stands before all of it. */
    bool new_log = directory_newest(next)->type == DIRECTORY_EPOCH;
    if (new_log && dirsync->n_leaves > 0) memset(dirsync->leaves, 0, dirsync->n_leaves * sizeof *dirsync->leaves);
    dirsync->leaves[dirsync->n_leaves++] = leaf;
    struct directory *old = dirsync->directory;
    dirsync->directory = next;
    unlock(&dirsync->mutex);
    directory_unref(old);
    return STATUS_OK;
}

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

/* The receipt of the newest entry of `next` speaks of this entry. */
static enum status check_receipt(struct agent *agent, struct arena *arena, const struct directory *next,
                                 struct bytes entry, struct bytes text, uint64_t *out_leaf) {
    struct receipt receipt;
    struct hash cause = hash_sha256(entry);
    TRY(receipt_open(arena, next, text, leaf_of(directory_newest(next)->type), &receipt));
    ENSURE(receipt_says(receipt.opening.cause, hash_bytes(&cause)), STATUS_PROOF);
    ENSURE(receipt.opening.number == directory_sequence(next), STATUS_PROOF);
    agent_saw_size(agent, receipt.size);
    *out_leaf = receipt.index;
    return STATUS_OK;
}

struct keep_entry {
    struct arena *arena;
    uint64_t sequence;
    struct entry_row row;
};

static enum status keep_entry(struct store_txn *txn, void *arg) {
    struct keep_entry *keep = arg;
    return row_put(txn, AGENT_ENTRY, row_u64(keep->arena, keep->sequence), &entry_form, keep->arena, &keep->row);
}

static enum status take_entry(struct agent *agent, struct arena *arena, struct bytes entry, struct bytes receipt) {
    struct directory *now CLEANUP(directory_unref_cleanup) = dirsync_directory(agent);
    struct directory *next CLEANUP(directory_unref_cleanup) = NULL;
    uint64_t leaf = 0;
    TRY(directory_copy_with(now, entry, &next));
    TRY(check_receipt(agent, arena, next, entry, receipt, &leaf));
    struct keep_entry keep = {.arena = arena,
                              .sequence = directory_sequence(next),
                              .row = {.leaf = leaf, .entry = entry, .receipt = receipt}};
    TRY(store_write(agent->store, keep_entry, &keep));
    return adopt(&agent->dirsync, MOVE(next), leaf);
}

struct keep_head {
    struct bytes head;
};

static enum status keep_head(struct store_txn *txn, void *arg) {
    const struct keep_head *keep = arg;
    return store_put(txn, AGENT_META, bytes_text(HEAD_NAME), keep->head);
}

/* Verifies a statement about the head; an older one than the one that is known, or one about an earlier or later
 * directory, is left aside. */
static enum status read_head(struct agent *agent, struct arena *arena, struct bytes whole, uint64_t *out_time_ms) {
    struct directory *now CLEANUP(directory_unref_cleanup) = dirsync_directory(agent);
    struct signed_object object;
    struct directory_head head;
    TRY(ground_open_status(arena, now, SIGNED_DIRECTORY_HEAD, whole, &object));
    TRY(state_statement_head_parse(arena, agent->settings->federation, object.body, &head));
    ENSURE(head.sequence == directory_sequence(now), STATUS_CONFLICT);
    struct hash known = directory_head(now);
    ENSURE(hash_equal(&known, &head.head), STATUS_FORK);
    ENSURE(head.time_ms <= agent_now_ms(agent) + LIMIT_ENVELOPE_WINDOW_MS, STATUS_TIME);
    *out_time_ms = head.time_ms;
    return STATUS_OK;
}

static void set_head(struct dirsync *dirsync, uint64_t head_ms) {
    lock(&dirsync->mutex);
    if (head_ms > dirsync->head_ms) dirsync->head_ms = head_ms;
    unlock(&dirsync->mutex);
}

static enum status take_head(struct agent *agent, struct arena *arena, struct bytes whole) {
    uint64_t head_ms = 0;
    TRY(read_head(agent, arena, whole, &head_ms));
    struct keep_head keep = {.head = whole};
    TRY(store_write(agent->store, keep_head, &keep));
    set_head(&agent->dirsync, head_ms);
    return STATUS_OK;
}

/* One page of entries; *out_more says whether another may follow. */
static enum status fetch_page(struct agent *agent, struct arena *arena, bool *out_more) {
    struct directory *now CLEANUP(directory_unref_cleanup) = dirsync_directory(agent);
    const struct msg_directory_ask ask = {.after = directory_sequence(now), .most = ENTRIES_MOST};
    struct bytes body;
    struct link_answer came;
    struct msg_directory_answer answer;
    TRY(msg_directory_ask_encode(arena, &ask, &body));
    const struct link_ask question = {.type = MESSAGE_DIRECTORY, .unit = agent_first_unit(agent), .body = body};
    TRY(link_ask_done(&agent->link, arena, &question, &came));
    TRY(msg_directory_answer_parse(arena, came.reply.body, &answer));
    ENSURE(answer.n_receipts == answer.n_entries, STATUS_MALFORMED);
    for (size_t i = 0; i < answer.n_entries; i++) {
        TRY(take_entry(agent, arena, answer.entries[i], answer.receipts[i]));
    }
    *out_more = answer.n_entries > 0;
    return answer.n_entries > 0 || answer.head.len == 0 ? STATUS_OK : take_head(agent, arena, answer.head);
}

static enum status fetch_all(struct agent *agent) {
    bool more = true;
    for (size_t round = 0; more && round < ROUNDS_MAX; round++) {
        struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(AGENT_SCRATCH_BYTES);
        ENSURE(arena, STATUS_MEMORY);
        TRY(fetch_page(agent, arena, &more));
    }
    return STATUS_OK;
}

enum status dirsync_run(struct agent *agent) {
    lock(&agent->dirsync.run_mutex);
    enum status status = fetch_all(agent);
    unlock(&agent->dirsync.run_mutex);
    return status;
}

/* ---- at start ---- */

struct load {
    struct arena *arena;
    struct bytes from;
    struct store_rows rows;
    struct bytes head;
};

static enum status load_rows(struct store_txn *txn, void *arg) {
    struct load *load = arg;
    const struct store_range range = {.table = AGENT_ENTRY, .from = load->from, .limit = LOAD_ROWS};
    return store_scan(txn, &range, load->arena, &load->rows);
}

static enum status load_head(struct store_txn *txn, void *arg) {
    struct load *load = arg;
    enum status status = store_get(txn, AGENT_META, bytes_text(HEAD_NAME), load->arena, &load->head);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status load_one(struct agent *agent, struct arena *arena, struct bytes value) {
    struct entry_row row;
    struct directory *now CLEANUP(directory_unref_cleanup) = dirsync_directory(agent);
    struct directory *next CLEANUP(directory_unref_cleanup) = NULL;
    TRY(row_parse(&entry_form, arena, value, &row));
    enum status status = directory_copy_with(now, row.entry, &next);
    ENSURE(status != STATUS_MEMORY, STATUS_MEMORY);
    ENSURE(status == STATUS_OK, STATUS_INTEGRITY);
    return adopt(&agent->dirsync, MOVE(next), row.leaf);
}

static enum status load_page(struct agent *agent, bool *out_more) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(AGENT_SCRATCH_BYTES);
    ENSURE(arena, STATUS_MEMORY);
    struct load load = {.arena = arena, .from = row_u64(arena, agent->dirsync.n_leaves + 1)};
    TRY(store_read(agent->store, load_rows, &load));
    for (size_t i = 0; i < load.rows.count; i++) {
        TRY(load_one(agent, arena, load.rows.items[i].value));
    }
    *out_more = load.rows.count > 0;
    if (*out_more) return STATUS_OK;
    TRY(store_read(agent->store, load_head, &load));
    uint64_t head_ms = 0;
    bool known = load.head.len > 0 && read_head(agent, arena, load.head, &head_ms) == STATUS_OK;
    if (known) set_head(&agent->dirsync, head_ms);
    return STATUS_OK;
}

enum status dirsync_open(struct agent *agent) {
    const struct agent_settings *settings = agent->settings;
    if (pthread_mutex_init(&agent->dirsync.run_mutex, NULL) != 0) abort();
    if (pthread_mutex_init(&agent->dirsync.mutex, NULL) != 0) abort();
    agent->dirsync.directory = directory_new(settings->federation, settings->authority_keys, settings->n_authority_keys,
                                             (uint32_t)settings->authority_threshold);
    ENSURE(agent->dirsync.directory, STATUS_MEMORY);
    bool more = true;
    while (more) {
        TRY(load_page(agent, &more));
    }
    return STATUS_OK;
}

void dirsync_close(struct agent *agent) {
    struct dirsync *dirsync = &agent->dirsync;
    if (!dirsync->directory) return;
    directory_unref(dirsync->directory);
    free(dirsync->leaves);
    (void)pthread_mutex_destroy(&dirsync->run_mutex);
    (void)pthread_mutex_destroy(&dirsync->mutex);
    *dirsync = (struct dirsync){0};
}
