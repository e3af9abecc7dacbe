/*
 * Owns the pipeline. Only the main thread reads tiles, keys leaves and folds; the pool's pieces load a bundle, or open
 * or verify one group of a bundle's leaves, and touch nothing else.
 *
 * A bundle is submitted when the pass over the tree has left it, so that what the pass says of its leaves is known
 * before they are folded.
 */
#include "broker/audit/replay.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "broker/audit/bundle.h"
#include "broker/audit/cosigners.h"
#include "broker/audit/pool.h"
#include "broker/audit/signatures.h"
#include "broker/audit/timeline.h"
#include "proto/checkpoint.h"
#include "proto/tile_verify.h"

/* Bundles under way: being filled or loaded, opened, verified, folded. */
#define DEPTH      4
#define NOTE_ARENA ((size_t)1 << 20)

struct replay;

struct slot {
    struct replay *replay;
    struct bundle *bundle;
    struct pool_job job;
    atomic_int failed; /* first status of a piece that failed */
};

struct replay {
    const struct replay_options *options;
    struct report *report;
    struct mirror mirror;
    struct prepare prepare;
    struct pool *pool;
    struct timeline *timeline;
    struct reducer *reducer;
    struct slot slots[DEPTH];
    uint64_t submitted;   /* bundles given to the pipeline */
    struct slot *filling; /* the one after them; NULL before its first leaf */
    struct checkpoint checkpoint;
    uint64_t last_ms;
    bool stopped; /* at a leaf of an unknown type */
};

/* ---- pieces, on any thread ---- */

static void note_failure(struct slot *slot, enum status status) {
    int expected = STATUS_OK;
    if (status != STATUS_OK) (void)atomic_compare_exchange_strong(&slot->failed, &expected, (int)status);
}

static void load_piece(void *arg, size_t piece) {
    struct slot *slot = arg;
    (void)piece;
    note_failure(slot, bundle_load(slot->bundle, &slot->replay->mirror));
}

static unsigned group_end(const struct bundle *bundle, size_t group) {
    unsigned end = (unsigned)(group + 1) * BUNDLE_GROUP;
    return end < bundle->width ? end : bundle->width;
}

static void open_piece(void *arg, size_t group) {
    struct slot *slot = arg;
    for (unsigned i = (unsigned)group * BUNDLE_GROUP; i < group_end(slot->bundle, group); i++) {
        note_failure(slot, prepare_leaf(&slot->replay->prepare, slot->bundle, &slot->bundle->leaves[i]));
    }
}

static void verify_piece(void *arg, size_t group) {
    struct slot *slot = arg;
    for (unsigned i = (unsigned)group * BUNDLE_GROUP; i < group_end(slot->bundle, group); i++) {
        note_failure(slot, signatures_check(slot->replay->prepare.federation, &slot->bundle->leaves[i]));
    }
}

/* ---- steps, on the main thread ---- */

static enum status finish(struct slot *slot) {
    pool_finish(slot->replay->pool, &slot->job);
    return (enum status)atomic_load(&slot->failed);
}

static void start(struct slot *slot, pool_fn *run, size_t pieces) {
    slot->job = (struct pool_job){.run = run, .arg = slot, .pieces = pieces};
    pool_submit(slot->replay->pool, &slot->job);
}

static enum status step_open(struct slot *slot) {
    TRY(finish(slot));
    start(slot, open_piece, bundle_group_count(slot->bundle));
    return STATUS_OK;
}

static enum status step_key(struct slot *slot) {
    TRY(finish(slot));
    for (unsigned i = 0; i < slot->bundle->width; i++) {
        TRY(timeline_advance(slot->replay->timeline, &slot->bundle->leaves[i]));
    }
    start(slot, verify_piece, bundle_group_count(slot->bundle));
    return STATUS_OK;
}

static enum status fold_leaf(struct replay *replay, const struct audit_leaf *leaf) {
    for (const struct finding_note *note = leaf->findings.first; note; note = note->next) {
        report_finding(replay->report, leaf->index, note->name, note->text);
    }
    replay->report->leaves++;
    replay->report->signatures += leaf->signatures;
    if (leaf->state == OPENING_OPEN) replay->report->openings++;
    if (leaf->entry.data && prepare_unknown_type(leaf->entry)) {
        report_finding(replay->report, leaf->index, finding_text(FINDING_UNKNOWN_TYPE),
                       "a type that this version does not know: the audit stops here");
        replay->stopped = true;
        return STATUS_OK;
    }
    if (leaf->readable && leaf->leaf.time_ms > replay->last_ms) replay->last_ms = leaf->leaf.time_ms;
    return reducer_fold(replay->reducer, leaf);
}

static enum status step_fold(struct slot *slot) {
    struct replay *replay = slot->replay;
    TRY(finish(slot));
    for (unsigned i = 0; i < slot->bundle->width && !replay->stopped; i++) {
        TRY(fold_leaf(replay, &slot->bundle->leaves[i]));
    }
    report_progress(replay->report, replay->report->leaves, replay->checkpoint.size);
    return STATUS_OK;
}

/* One beat, when the count of bundles given is `count`: each bundle under way takes its next step, so that what needs
 * order is done here while the pool works on what the beat before has started. */
static enum status beat(struct replay *replay, uint64_t count) {
    static enum status (*const steps[])(struct slot *) = {step_open, step_key, step_fold};
    for (uint64_t ago = 1; ago <= sizeof steps / sizeof steps[0]; ago++) {
        if (count <= ago || count - ago > replay->submitted) continue;
        TRY(steps[ago - 1](&replay->slots[(count - ago - 1) % DEPTH]));
    }
    return STATUS_OK;
}

/* The bundle being filled enters the pipeline. */
static enum status submit(struct replay *replay) {
    if (!replay->filling) return STATUS_OK;
    start(replay->filling, load_piece, 1);
    replay->filling = NULL;
    replay->submitted++;
    TRY(beat(replay, replay->submitted));
    return replay->stopped ? STATUS_REFUSED : STATUS_OK;
}

/* Every bundle takes its last steps. */
static enum status drain(struct replay *replay) {
    TRY(submit(replay));
    for (uint64_t more = 1; more < DEPTH; more++) {
        TRY(beat(replay, replay->submitted + more));
    }
    return STATUS_OK;
}

/* ---- the pass over the tree ---- */

static enum status fill(struct replay *replay, uint64_t number) {
    if (replay->filling && replay->filling->bundle->number == number) return STATUS_OK;
    TRY(submit(replay));
    struct slot *slot = &replay->slots[replay->submitted % DEPTH];
    bundle_begin(slot->bundle, number, tile_width(0, number, replay->checkpoint.size));
    atomic_store(&slot->failed, STATUS_OK);
    replay->filling = slot;
    return STATUS_OK;
}

static enum status visit_entry(void *context, uint64_t index, struct bytes entry, const struct hash *leaf) {
    struct replay *replay = context;
    (void)leaf;
    TRY(fill(replay, index / TILE_WIDTH));
    return bundle_entry(replay->filling->bundle, (unsigned)(index % TILE_WIDTH), entry);
}

static const char *fault_text(enum tile_fault fault) {
    static const char *const texts[] = {
        [TILE_FAULT_MISSING] = "a tile is missing",
        [TILE_FAULT_MALFORMED] = "a tile is malformed",
        [TILE_FAULT_HASH] = "a hash in a tile above is not that of the tile beneath it",
    };
    return texts[fault];
}

/* What concerns one leaf waits with it for its turn; the rest is about its tile. */
static enum status visit_finding(void *context, const struct tile_finding *finding) {
    struct replay *replay = context;
    const struct tile *tile = &finding->tile;
    if (tile->kind == TILE_ENTRIES) TRY(fill(replay, tile->number));
    bool here = tile->level == 0 && replay->filling && replay->filling->bundle->number == tile->number;
    if (!here) {
        report_finding(replay->report, FINDING_LOG, finding_text(FINDING_TILE), fault_text(finding->fault));
        return STATUS_OK;
    }
    struct audit_leaf *leaf = &replay->filling->bundle->leaves[finding->place];
    if (finding->fault == TILE_FAULT_HASH) {
        return audit_leaf_note(leaf, FINDING_LEAF_HASH, "the stored leaf is not the one that the tree holds");
    }
    return audit_leaf_note(leaf, FINDING_TILE, "the tile of these 256 leaves is missing or malformed");
}

static enum status go_through(struct replay *replay) {
    const struct tile_visitor visitor = {.context = replay, .entry = visit_entry, .finding = visit_finding};
    struct hash root;
    enum status status = tile_verify(mirror_tile, &replay->mirror, replay->checkpoint.size, &visitor, &root);
    if (status == STATUS_NOT_FOUND) {
        report_finding(replay->report, FINDING_LOG, finding_text(FINDING_TILE),
                       "tiles are missing: the audit cannot go on beyond them");
        status = STATUS_OK;
    } else if (status == STATUS_OK && !hash_equal(&root, &replay->checkpoint.root)) {
        report_finding(replay->report, FINDING_LOG, finding_text(FINDING_ROOT),
                       "the tree is not the one that the checkpoint signs");
    }
    TRY(status);
    return drain(replay);
}

/* ---- the whole ---- */

static void replay_clear(struct replay *replay) {
    if (!replay) return;
    for (size_t i = 0; i < DEPTH && replay->pool; i++) {
        pool_finish(replay->pool, &replay->slots[i].job);
    }
    pool_free(replay->pool);
    for (size_t i = 0; i < DEPTH; i++) {
        bundle_free(replay->slots[i].bundle);
    }
    reducer_free(replay->reducer);
    timeline_free(replay->timeline);
    free(replay);
}
CLEANUP_POINTER(struct replay, replay_clear)

static enum status make_parts(struct replay *replay) {
    const struct mirror_federation *federation = replay->options->federation;
    replay->pool = pool_new();
    replay->timeline =
        timeline_new(federation->name, federation->authority, federation->n_authority, federation->threshold);
    replay->reducer = reducer_new(federation->name, replay->options->scope, report_finding, replay->report);
    ENSURE(replay->pool && replay->timeline && replay->reducer, STATUS_MEMORY);
    for (size_t i = 0; i < DEPTH; i++) {
        replay->slots[i].replay = replay;
        replay->slots[i].bundle = bundle_new();
        ENSURE(replay->slots[i].bundle, STATUS_MEMORY);
    }
    return STATUS_OK;
}

/* The checkpoint by the log's key alone: what there is to audit. False, with a finding, when there is nothing. */
static enum status open_checkpoint(struct replay *replay, struct arena *arena, struct bytes *out_note, bool *out_good) {
    struct note_key key;
    struct note_result result;
    TRY(mirror_checkpoint(&replay->mirror, arena, out_note));
    TRY(mirror_log_key(arena, replay->options->federation, &key));
    enum status status = checkpoint_open(arena, *out_note, &key, 1, &replay->checkpoint, &result);
    ENSURE(status != STATUS_MEMORY, status);
    *out_good = status == STATUS_OK;
    replay->report->signatures++;
    if (!*out_good) {
        report_finding(replay->report, FINDING_LOG, finding_text(FINDING_CHECKPOINT),
                       "the checkpoint is not signed by the log's key, or malformed");
    }
    return STATUS_OK;
}

static enum status run(struct replay *replay) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(NOTE_ARENA);
    ENSURE(arena, STATUS_MEMORY);
    struct bytes note;
    bool good = false;
    TRY(open_checkpoint(replay, arena, &note, &good));
    if (!good) return STATUS_OK;
    TRY(make_parts(replay));
    enum status status = go_through(replay);
    if (replay->stopped) return STATUS_OK;
    TRY(status);
    const struct cosigners_ask ask = {.federation = replay->options->federation,
                                      .directory = timeline_newest(replay->timeline),
                                      .note = note,
                                      .last_leaf_ms = replay->last_ms};
    TRY(cosigners_check(&ask, replay->report));
    return reducer_end(replay->reducer);
}

enum status replay_run(const struct replay_options *options, struct report *report) {
    struct replay *replay CLEANUP(replay_clear_cleanup) = calloc(1, sizeof *replay);
    ENSURE(replay, STATUS_MEMORY);
    replay->options = options;
    replay->report = report;
    replay->mirror = (struct mirror){.dir = options->dir};
    replay->prepare =
        (struct prepare){.federation = options->federation->name, .keys = options->keys, .depth = options->depth};
    return run(replay);
}
