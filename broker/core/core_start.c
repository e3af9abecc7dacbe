/*
 * Order matters: the tree is held against keyd's last note before any thread runs, and erasures are finished before
 * anything is answered.
 */
#include "broker/core/core_start.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "broker/core/batcher.h"
#include "broker/core/clock_guard.h"
#include "broker/core/core_settings.h"
#include "broker/core/directory_box.h"
#include "broker/core/directory_rows.h"
#include "broker/core/erasure.h"
#include "broker/core/face.h"
#include "broker/core/keyd_client.h"
#include "broker/core/ledger.h"
#include "broker/core/mailroom.h"
#include "broker/core/metrics.h"
#include "broker/core/order.h"
#include "broker/core/pacer.h"
#include "broker/core/portal/nonces.h"
#include "broker/core/signing.h"
#include "broker/core/store.h"
#include "broker/core/witnesses.h"
#include "broker/core/worker.h"
#include "keys/aead.h"
#include "keys/frame.h"
#include "proto/shred.h"

#define INDEX_KEY_ROW "core/index_key"

enum { KEK_BYTES = 32, KEYD_ATTEMPTS = 50, KEYD_PAUSE_MS = 100, CALLS_OF_FACES = 64 };

/* ---- opening ---- */

static enum status open_shred(struct core *core, const struct secret *kek) {
    const char *path = core->settings->shred_file;
    enum status opened = shred_open(path, core->federation, kek, &core->shred);
    if (opened != STATUS_NOT_FOUND) return opened;
    TRY(shred_create(path, core->federation, kek));
    return shred_open(path, core->federation, kek, &core->shred);
}

/* The index key, sealed under the key-encryption key in one row of meta. */
struct index_key {
    struct core *core;
    const struct secret *kek;
    struct bytes aad;
};

static enum status read_index_key(struct store_txn *txn, void *arg) {
    const struct index_key *ask = arg;
    uint8_t memory[256];
    struct bytes sealed;
    TRY(store_get_into(txn, STORE_META, bytes_text(INDEX_KEY_ROW), memory, sizeof memory, &sealed));
    enum status opened = aead_open_secret(ask->kek, ask->aad, sealed, &ask->core->index_key);
    return opened == STATUS_PROOF || opened == STATUS_MALFORMED ? STATUS_INTEGRITY : opened;
}

static enum status make_index_key(struct store_txn *txn, void *arg) {
    const struct index_key *ask = arg;
    uint8_t sealed[KEK_BYTES + AEAD_OVERHEAD_BYTES];
    struct secret *key CLEANUP(secret_free_cleanup) = secret_random(KEK_BYTES);
    ENSURE(key, STATUS_MEMORY);
    TRY(aead_seal_into(ask->kek, ask->aad, secret_bytes(key), sealed, sizeof sealed));
    return store_put(txn, STORE_META, bytes_text(INDEX_KEY_ROW), BYTES_ARRAY(sealed));
}

static enum status open_index_key(struct core *core, const struct secret *kek) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(4096);
    ENSURE(arena, STATUS_MEMORY);
    struct index_key ask = {.core = core, .kek = kek};
    const struct bytes field = bytes_text("index key");
    TRY(frame_encode("sluss sealed v1", core->federation, &field, 1, arena, &ask.aad));
    enum status read = store_read(core->store, read_index_key, &ask);
    if (read != STATUS_NOT_FOUND) return read;
    TRY(store_write(core->store, make_index_key, &ask));
    return store_read(core->store, read_index_key, &ask);
}

static enum status open_store(struct core *core) {
    if (core->store) return STATUS_OK;
    uint64_t map_bytes = (uint64_t)core->settings->map_mib << 20;
    return store_open(core->settings->store_dir, core->federation, map_bytes, &core->store);
}

static enum status open_directory(struct core *core) {
    struct sign_public keys[CORE_AUTHORITY_MAX];
    size_t count = 0;
    TRY(core_settings_authority(core->settings, keys, &count));
    struct directory *empty =
        directory_new(core->federation, keys, count, (uint32_t)core->settings->authority_threshold);
    ENSURE(empty, STATUS_MEMORY);
    struct directory *directory = NULL;
    TRY(directory_rows_fold(core->store, empty, &directory));
    core->directory = directory_box_new(directory);
    if (!core->directory) directory_unref(directory);
    return core->directory ? STATUS_OK : STATUS_MEMORY;
}

static enum status open_rooms(struct core *core) {
    const struct core_settings *settings = core->settings;
    core->metrics = calloc(1, sizeof *core->metrics);
    core->order = calloc(1, sizeof *core->order);
    core->mailroom = mailroom_new((size_t)settings->gate_contexts, (size_t)settings->parked_per_member);
    core->nonces = nonces_new(core->federation);
    core->witnesses = witnesses_new(core, (size_t)settings->start_witnesses);
    core->clock_guard = clock_guard_new(core->clock, ledger_last_ms(core->ledger), (uint64_t)settings->clock_step_ms,
                                        (uint64_t)settings->clock_start_s * 1000);
    ENSURE(core->metrics && core->order && core->mailroom && core->nonces && core->witnesses && core->clock_guard,
           STATUS_MEMORY);
    return STATUS_OK;
}

enum status core_open(struct core *core) {
    struct secret *kek CLEANUP(secret_free_cleanup) = NULL;
    atomic_store(&core->stopping, -1);
    atomic_store(&core->erasure_marks, 1);
    TRY(file_read_secret(core->settings->credential, KEK_BYTES, &kek));
    ENSURE(secret_len(kek) == KEK_BYTES, STATUS_SETTINGS);
    TRY(open_store(core));
    TRY(open_shred(core, kek));
    TRY(open_index_key(core, kek));
    TRY(ledger_open(core, &core->ledger));
    TRY(open_directory(core));
    return open_rooms(core);
}

void core_close(struct core *core, enum core_close_store store) {
    directory_box_free(MOVE(core->directory));
    clock_guard_free(MOVE(core->clock_guard));
    witnesses_free(MOVE(core->witnesses));
    nonces_free(MOVE(core->nonces));
    mailroom_free(MOVE(core->mailroom));
    ledger_close(MOVE(core->ledger));
    secret_free(MOVE(core->index_key));
    shred_close(MOVE(core->shred));
    free(MOVE(core->metrics));
    free(MOVE(core->order));
    if (store == CORE_CLOSE_STORE) store_close(MOVE(core->store));
}

/* ---- against keyd ---- */

static void pause_ms(long ms) {
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0)
        continue;
}

/* keyd may come up a moment later. */
static enum status ask_identity(struct core *core, struct keyd_client *keyd, struct arena *arena) {
    struct keyd_identity identity = {.epoch = 0};
    enum status asked = STATUS_UNREACHABLE;
    for (int i = 0; i < KEYD_ATTEMPTS && asked == STATUS_UNREACHABLE; i++) {
        if (i > 0) pause_ms(KEYD_PAUSE_MS);
        asked = keyd_client_identity(keyd, arena, &identity);
    }
    TRY(asked);
    core->log_vkey = identity.log_vkey;
    core->epoch = identity.epoch;
    return STATUS_OK;
}

/* The directory names the log's key; keyd must hold that one, and the store's epoch be keyd's. */
static enum status check_identity(struct core *core) {
    struct directory *directory CLEANUP(directory_unref_cleanup) = core_directory(core);
    const struct epoch *epoch = directory_epoch(directory);
    bool same = !epoch || (strcmp(epoch->log_vkey, core->log_vkey) == 0 && epoch->epoch == core->epoch);
    if (same && store_epoch(core->store) == core->epoch) return STATUS_OK;
    log_line(LOG_LEVEL_ERROR, "keyd_is_another", "epoch=%llu", (unsigned long long)core->epoch);
    return STATUS_INTEGRITY;
}

enum status core_check(struct core *core, struct arena *arena) {
    struct keyd_client *keyd CLEANUP(keyd_client_free_cleanup) =
        keyd_client_new(core->settings->keyd_socket, (uint32_t)core->settings->keyd_deadline_ms);
    ENSURE(keyd, STATUS_MEMORY);
    TRY(ask_identity(core, keyd, arena));
    TRY(check_identity(core));
    TRY(signing_resume(core, keyd));
    TRY(signing_sign(core, keyd));
    TRY(erasure_finish(core));
    struct directory *directory CLEANUP(directory_unref_cleanup) = core_directory(core);
    witnesses_begin(core->witnesses, directory, ledger_size(core->ledger));
    return STATUS_OK;
}

/* ---- threads ---- */

enum status core_start(struct core *core) {
    size_t most_calls =
        (size_t)core->settings->gate_contexts + (size_t)core->settings->portal_contexts + CALLS_OF_FACES;
    TRY(pacer_start(&core->pacer));
    TRY(workers_start(core, CORE_WORKERS, most_calls, &core->workers));
    return batcher_start(core, most_calls, &core->batcher);
}

static void drop_list(struct call *list) {
    while (list) {
        struct call *next = list->next;
        call_drop(list);
        list = next;
    }
}

void core_halt(struct core *core) {
    /* The writer hands on to workers and they to it: both end before either is freed. */
    batcher_end(core->batcher);
    workers_stop(core->workers);
    core->workers = NULL;
    batcher_free(MOVE(core->batcher));
    pacer_stop(MOVE(core->pacer));
    if (core->mailroom) drop_list(mailroom_take_all(core->mailroom));
}
