/*
 * Takes the keys from the verified directory; trusts no name in the note.
 */
#include "broker/audit/cosigners.h"

#include "proto/checkpoint.h"
#include "proto/note.h"

#define CHECK_ARENA ((size_t)4 << 20)
#define NEAR_S      120

struct keys {
    struct note_key *keys;
    size_t count;
};

static void add(struct keys *keys, const char *vkey) {
    struct note_key key;
    if (vkey[0] == '\0' || note_key_parse(bytes_text(vkey), &key) != STATUS_OK) return;
    if (key.type == NOTE_COSIGNATURE) keys->keys[keys->count++] = key;
}

static enum status collect(struct arena *arena, const struct cosigners_ask *ask, struct keys *out) {
    const struct rules *rules = directory_rules(ask->directory);
    size_t members = directory_member_count(ask->directory);
    size_t outside = rules ? rules->n_witnesses : 0;
    struct keys keys = {ARENA_ARRAY(arena, struct note_key, 1 + members + outside), 1};
    ENSURE(keys.keys, STATUS_MEMORY);
    TRY(mirror_log_key(arena, ask->federation, &keys.keys[0]));
    for (size_t i = 0; i < members; i++) {
        add(&keys, directory_member_at(ask->directory, i)->witness);
    }
    for (size_t i = 0; i < outside; i++) {
        add(&keys, rules->witnesses[i]);
    }
    *out = keys;
    return STATUS_OK;
}

static void judge(const struct cosigners_ask *ask, struct report *report, const struct note_result *results,
                  size_t count) {
    const struct rules *rules = directory_rules(ask->directory);
    uint64_t first_s = UINT64_MAX;
    size_t verified = 0;
    for (size_t i = 1; i < count; i++) {
        if (!results[i].verified) continue;
        verified++;
        if (results[i].time_s < first_s) first_s = results[i].time_s;
    }
    report->signatures += verified;
    if (rules && verified < rules->cosignatures) {
        report_note(report, "the checkpoint has fewer cosignatures than the rules ask for: it may be too new");
    }
    if (verified == 0) return;
    uint64_t leaf_s = ask->last_leaf_ms / 1000;
    uint64_t apart_s = leaf_s > first_s ? leaf_s - first_s : first_s - leaf_s;
    if (apart_s > NEAR_S) {
        report_finding(report, FINDING_LOG, finding_text(FINDING_COSIGNATURE_TIME),
                       "the first cosignature is more than 120 s from the last leaf");
    }
}

enum status cosigners_check(const struct cosigners_ask *ask, struct report *report) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(CHECK_ARENA);
    ENSURE(arena, STATUS_MEMORY);
    struct keys keys;
    struct checkpoint checkpoint;
    TRY(collect(arena, ask, &keys));
    struct note_result *results = ARENA_ARRAY(arena, struct note_result, keys.count);
    ENSURE(results, STATUS_MEMORY);
    enum status status = checkpoint_open(arena, ask->note, keys.keys, keys.count, &checkpoint, results);
    ENSURE(status != STATUS_MEMORY, status);
    if (status != STATUS_OK) {
        report_finding(report, FINDING_LOG, finding_text(FINDING_COSIGNATURE),
                       "a cosignature by a known witness does not verify");
        return STATUS_OK;
    }
    judge(ask, report, results, keys.count);
    return STATUS_OK;
}
