/*
 * Reads the tiles of the newer mirror only where the two trees meet: log(size) of them.
 */
#include "broker/audit/consistency.h"

#include <sys/stat.h>

#include "base/file.h"
#include "proto/checkpoint.h"
#include "proto/merkle.h"
#include "proto/tile_source.h"

#define READ_ARENA ((size_t)64 << 20)

struct side {
    const char *path;
    const char *bad_text;
    struct checkpoint checkpoint;
    bool good;
};

static bool is_dir(const char *path) {
    struct stat stat_buffer;
    return stat(path, &stat_buffer) == 0 && S_ISDIR(stat_buffer.st_mode);
}

static enum status read_side(const struct mirror_federation *federation, struct arena *arena, struct report *report,
                             struct side *side) {
    const struct mirror mirror = {.dir = side->path};
    struct bytes note;
    struct note_key key;
    struct note_result result;
    if (is_dir(side->path)) {
        TRY(mirror_checkpoint(&mirror, arena, &note));
    } else {
        TRY(file_read(side->path, NOTE_BYTES_MAX, arena, &note));
    }
    TRY(mirror_log_key(arena, federation, &key));
    enum status status = checkpoint_open(arena, note, &key, 1, &side->checkpoint, &result);
    ENSURE(status != STATUS_MEMORY, status);
    report->signatures++;
    side->good = status == STATUS_OK;
    if (!side->good) report_finding(report, FINDING_LOG, finding_text(FINDING_CHECKPOINT), side->bad_text);
    return STATUS_OK;
}

/* Roots of both sizes by the newer mirror's tiles, against what was signed for each. */
static enum status compare(const struct side *older, const struct side *newer, struct arena *arena,
                           struct report *report) {
    struct mirror mirror = {.dir = newer->path};
    struct tile_source source = {mirror_tile, &mirror, arena, newer->checkpoint.size};
    struct merkle_proof proof = {.count = 0};
    enum status status =
        merkle_prove_consistency(tile_source_read, &source, older->checkpoint.size, newer->checkpoint.size, &proof);
    if (status == STATUS_NOT_FOUND || status == STATUS_MALFORMED) {
        report_finding(report, FINDING_LOG, finding_text(FINDING_TILE),
                       "tiles of the newer log are missing or malformed");
        return STATUS_OK;
    }
    TRY(status);
    status = merkle_check_consistency(older->checkpoint.size, newer->checkpoint.size, &older->checkpoint.root,
                                      &newer->checkpoint.root, proof.hashes, proof.count);
    if (status != STATUS_OK) {
        report_finding(report, FINDING_LOG, finding_text(FINDING_CONSISTENCY),
                       "the newer log does not begin with the older one: it was rewritten, or its tiles are altered");
    }
    return STATUS_OK;
}

enum status consistency_run(const char *older, const char *newer, const struct mirror_federation *federation,
                            struct report *report) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(READ_ARENA);
    ENSURE(arena, STATUS_MEMORY);
    struct side old_side = {.path = older, .bad_text = "the older checkpoint is not signed by the log's key"};
    struct side new_side = {.path = newer, .bad_text = "the newer checkpoint is not signed by the log's key"};
    TRY(read_side(federation, arena, report, &old_side));
    TRY(read_side(federation, arena, report, &new_side));
    if (!old_side.good || !new_side.good) return STATUS_OK;
    report->leaves = new_side.checkpoint.size;
    if (old_side.checkpoint.size > new_side.checkpoint.size) {
        report_finding(report, FINDING_LOG, finding_text(FINDING_CONSISTENCY),
                       "the newer log is shorter than the older one");
        return STATUS_OK;
    }
    return compare(&old_side, &new_side, arena, report);
}
