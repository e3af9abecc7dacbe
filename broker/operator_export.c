/*
 * Streams: one bundle of 256 leaves at a time, one open hash tile a level. The tree is built from the leaves that core
 * gave and must have the checkpoint's root, so that an export that does not verify is not written as if it did.
 */
#include "broker/operator_export.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "keys/hash.h"
#include "proto/checkpoint.h"
#include "proto/internal_msg.h"
#include "proto/limits.h"
#include "proto/merkle_frontier.h"
#include "proto/note.h"
#include "proto/reply_code.h"
#include "proto/tile.h"

#define EXPORT_TIMEOUT_MS    30000
#define EXPORT_ARENA         ((size_t)64 << 20)
#define EXPORT_EVIDENCE_STEP 16
#define EXPORT_KEYS_STEP     1024
#define EXPORT_PATH_MAX      4096

struct open_tile {
    uint8_t bytes[TILE_BYTES];
    unsigned width;
    uint64_t number;
};

struct export {
    struct link_client *client;
    const char *dir;
    FILE *progress;
    struct arena *arena; /* of one bundle */
    struct merkle_frontier frontier;
    struct open_tile tiles[TILE_LEVEL_COUNT];
    uint64_t size;
    struct hash root;
    uint64_t slots; /* one more than the greatest slot seen */
};

static enum status ask(struct export *export, const struct operator_ask *question, struct bytes *out_body) {
    struct bytes request;
    struct bytes answer;
    struct operator_reply reply;
    TRY(internal_operator_ask_encode(export->arena, question, &request));
    TRY(link_client_call(export->client, request, EXPORT_TIMEOUT_MS, export->arena, &answer));
    TRY(internal_operator_reply_parse(export->arena, answer, &reply));
    TRY(reply_code_status((enum reply_code)reply.code));
    *out_body = reply.body;
    return STATUS_OK;
}

/* Makes the directories of a relative path and replaces the file. */
static enum status write_file(const struct export *export, const char *name, struct bytes content, mode_t mode) {
    char path[EXPORT_PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/%s", export->dir, name);
    ENSURE(len > 0 && (size_t)len < sizeof path, STATUS_TOO_LARGE);
    for (char *slash = strchr(path + strlen(export->dir) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0750);
        *slash = '/';
    }
    return file_replace(path, content, mode);
}

/* ---- tiles ---- */

static enum status write_tile(const struct export *export, const struct tile *tile, struct bytes content) {
    const char *name = tile_format(export->arena, tile);
    ENSURE(name, STATUS_MEMORY);
    return write_file(export, name, content, 0640);
}

static enum status flush_tile(struct export *export, unsigned level) {
    struct open_tile *open = &export->tiles[level];
    if (open->width == 0) return STATUS_OK;
    const struct tile tile = {.kind = TILE_HASHES, .level = level, .number = open->number, .width = open->width};
    TRY(write_tile(export, &tile, BYTES(open->bytes, (size_t)open->width * HASH_BYTES)));
    if (open->width < TILE_WIDTH) return STATUS_OK;
    open->width = 0;
    open->number++;
    return STATUS_OK;
}

static enum status take_node(void *context, unsigned level, uint64_t index, const struct hash *node) {
    struct export *export = context;
    (void)index;
    if (level % TILE_HEIGHT != 0 || level / TILE_HEIGHT >= TILE_LEVEL_COUNT) return STATUS_OK;
    struct open_tile *open = &export->tiles[level / TILE_HEIGHT];
    memcpy(open->bytes + (size_t)open->width * HASH_BYTES, node->b, HASH_BYTES);
    open->width++;
    return open->width == TILE_WIDTH ? flush_tile(export, level / TILE_HEIGHT) : STATUS_OK;
}

/* ---- one bundle of leaves ---- */

struct bundle {
    uint64_t number;
    unsigned width;
    struct export_leaf leaves[TILE_WIDTH];
    size_t count;
};

static enum status fetch_leaves(struct export *export, struct bundle *bundle) {
    while (bundle->count < bundle->width) {
        const struct operator_ask question = {.verb = OPERATOR_EXPORT,
                                              .a = bundle->number * TILE_WIDTH + bundle->count,
                                              .b = bundle->width - bundle->count};
        struct bytes body;
        struct export_part part;
        TRY(ask(export, &question, &body));
        TRY(internal_export_part_parse(export->arena, body, &part));
        ENSURE(part.n_leaves > 0 && part.n_leaves <= bundle->width - bundle->count, STATUS_MALFORMED);
        for (size_t i = 0; i < part.n_leaves; i++) {
            bundle->leaves[bundle->count++] = part.leaves[i];
            if (part.leaves[i].slot > export->slots) export->slots = part.leaves[i].slot;
        }
    }
    return STATUS_OK;
}

static enum status write_entries(struct export *export, const struct bundle *bundle) {
    size_t cap = 0;
    for (size_t i = 0; i < bundle->count; i++) {
        cap += bundle->leaves[i].leaf.len + sizeof(uint16_t);
    }
    void *memory = arena_alloc(export->arena, cap);
    ENSURE(memory, STATUS_MEMORY);
    struct writer writer = writer_init(memory, cap);
    for (size_t i = 0; i < bundle->count; i++) {
        tile_entry_write(&writer, bundle->leaves[i].leaf);
        struct hash hash = merkle_leaf_hash(bundle->leaves[i].leaf);
        TRY(merkle_frontier_append(&export->frontier, &hash, take_node, export));
    }
    struct bytes content;
    TRY(writer_end(&writer, &content));
    const struct tile tile = {.kind = TILE_ENTRIES, .number = bundle->number, .width = (unsigned)bundle->count};
    return write_tile(export, &tile, content);
}

static enum status write_openings(struct export *export, const struct bundle *bundle) {
    const struct export_part part = {.leaves = bundle->leaves, .n_leaves = bundle->count};
    struct bytes encoded;
    TRY(internal_export_part_encode(export->arena, &part, &encoded));
    const char *name = arena_printf(export->arena, "openings/%08" PRIu64, bundle->number);
    ENSURE(name, STATUS_MEMORY);
    return write_file(export, name, encoded, 0640);
}

/* Nothing at all is fine. */
static enum status put_bytes(FILE *stream, struct bytes from) {
    if (from.len == 0) return STATUS_OK;
    return fwrite(from.data, 1, from.len, stream) == from.len ? STATUS_OK : STATUS_MEMORY;
}

/* The last of a bundle: what its leaves were read into is given up. Parts are lists only, so that their encodings one
 * after the other are the encoding of the whole list. */
static enum status write_evidence(struct export *export, const struct bundle *bundle) {
    char *content CLEANUP(cleanup_free) = NULL;
    size_t len = 0;
    FILE *stream = open_memstream(&content, &len);
    ENSURE(stream, STATUS_MEMORY);
    enum status status = STATUS_OK;
    uint64_t step = EXPORT_EVIDENCE_STEP;
    for (uint64_t i = 0; i < bundle->count && status == STATUS_OK;) {
        uint64_t left = bundle->count - i;
        arena_reset(export->arena);
        const struct operator_ask question = {
            .verb = OPERATOR_EXPORT_EVIDENCE, .a = bundle->number * TILE_WIDTH + i, .b = left < step ? left : step};
        struct bytes body;
        status = ask(export, &question, &body);
        if (status == STATUS_LIMIT && step > 1) {
            /* More than one answer holds. */
            step /= 2;
            status = STATUS_OK;
            continue;
        }
        if (status == STATUS_OK) status = put_bytes(stream, body);
        i += question.b;
    }
    if (fclose(stream) != 0 && status == STATUS_OK) status = STATUS_MEMORY;
    TRY(status);
    const char *name = arena_printf(export->arena, "evidence/%08" PRIu64, bundle->number);
    ENSURE(name, STATUS_MEMORY);
    return write_file(export, name, BYTES(content, len), 0640);
}

static void show_progress(const struct export *export) {
    if (!export->progress) return;
    (void)fprintf(export->progress, "\rexport: %" PRIu64 " of %" PRIu64 " leaves", export->frontier.size, export->size);
    if (export->frontier.size == export->size) (void)fputc('\n', export->progress);
    (void)fflush(export->progress);
}

static enum status export_bundle(struct export *export, uint64_t number) {
    struct bundle *bundle CLEANUP(cleanup_free) = calloc(1, sizeof *bundle);
    ENSURE(bundle, STATUS_MEMORY);
    arena_reset(export->arena);
    bundle->number = number;
    bundle->width = tile_width(0, number, export->size);
    TRY(fetch_leaves(export, bundle));
    TRY(write_entries(export, bundle));
    TRY(write_openings(export, bundle));
    TRY(write_evidence(export, bundle));
    show_progress(export);
    return STATUS_OK;
}

/* ---- the whole ---- */

static enum status export_keys(struct export *export) {
    char *content CLEANUP(cleanup_free) = NULL;
    size_t len = 0;
    FILE *stream = open_memstream(&content, &len);
    ENSURE(stream, STATUS_MEMORY);
    enum status status = STATUS_OK;
    for (uint64_t slot = 0; slot < export->slots && status == STATUS_OK; slot += EXPORT_KEYS_STEP) {
        arena_reset(export->arena);
        const struct operator_ask question = {.verb = OPERATOR_EXPORT_KEYS, .a = slot, .b = EXPORT_KEYS_STEP};
        struct bytes body;
        status = ask(export, &question, &body);
        if (status != STATUS_OK) break;
        status = put_bytes(stream, body);
        if (body.len) secret_wipe((void *)(uintptr_t)body.data, body.len);
    }
    if (fclose(stream) != 0 && status == STATUS_OK) status = STATUS_MEMORY;
    if (status == STATUS_OK) status = write_file(export, "keys", BYTES(content, len), 0600);
    secret_wipe(content, len);
    return status;
}

/* The tree to export: what core has signed now. */
static enum status fetch_checkpoint(struct export *export, struct arena *keep, struct bytes *out_note) {
    struct bytes body;
    struct export_part part;
    TRY(ask(export, &(struct operator_ask){.verb = OPERATOR_EXPORT, .a = 0, .b = 0}, &body));
    TRY(internal_export_part_parse(export->arena, body, &part));
    struct note note;
    struct checkpoint checkpoint;
    TRY(note_parse(export->arena, part.checkpoint, &note));
    TRY(checkpoint_parse(note.text, &checkpoint));
    export->size = checkpoint.size;
    export->root = checkpoint.root;
    return arena_copy(keep, part.checkpoint, out_note);
}

static enum status write_identity(struct export *export) {
    struct bytes body;
    TRY(ask(export, &(struct operator_ask){.verb = OPERATOR_IDENTITY}, &body));
    return write_file(export, "federation.json", body, 0640);
}

/* What an earlier export left must not vouch for this one before it is whole. */
static enum status remove_checkpoint(struct export *export) {
    const char *path = arena_printf(export->arena, "%s/checkpoint", export->dir);
    ENSURE(path, STATUS_MEMORY);
    ENSURE(unlink(path) == 0 || errno == ENOENT, file_status(errno));
    return STATUS_OK;
}

static enum status run(struct export *export, enum export_keys keys, struct arena *keep) {
    struct bytes note;
    TRY(file_make_dir(export->dir, 0750));
    TRY(remove_checkpoint(export));
    TRY(fetch_checkpoint(export, keep, &note));
    TRY(write_identity(export));
    for (uint64_t number = 0; number * TILE_WIDTH < export->size; number++) {
        TRY(export_bundle(export, number));
    }
    for (unsigned level = 0; level < TILE_LEVEL_COUNT; level++) {
        TRY(flush_tile(export, level));
    }
    struct hash root = merkle_frontier_root(&export->frontier);
    ENSURE(hash_equal(&root, &export->root), STATUS_INTEGRITY);
    if (keys == EXPORT_WITH_KEYS) TRY(export_keys(export));
    return write_file(export, "checkpoint", note, 0640);
}

enum status operator_export_run(struct link_client *client, const char *dir, enum export_keys keys, FILE *progress) {
    struct export *export CLEANUP(cleanup_free) = calloc(1, sizeof *export);
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(EXPORT_ARENA);
    struct arena *keep CLEANUP(arena_free_cleanup) = arena_new((size_t)1 << 20);
    ENSURE(export && arena && keep, STATUS_MEMORY);
    export->client = client;
    export->dir = dir;
    export->progress = progress;
    export->arena = arena;
    merkle_frontier_init(&export->frontier);
    return run(export, keys, keep);
}
