/* Trusts the directory for the witnesses' keys, and of what core says only what they have signed. */
#include "agent/cosigned.h"

#include <poll.h>
#include <string.h>

#include "agent/agent_internal.h"
#include "base/log.h"
#include "proto/checkpoint.h"
#include "proto/limits.h"
#include "proto/merkle.h"

#define PAUSE_MS 50

uint32_t cosigned_needed(struct agent *agent, const struct directory *directory) {
    const struct rules *rules = directory_rules(directory);
    if (agent->settings->cosignatures >= 0) return (uint32_t)agent->settings->cosignatures;
    return rules && rules->cosignatures > 0 ? rules->cosignatures : 1;
}

static bool is_own(const struct note_key *own, const struct note_key *key) {
    return own && bytes_equal(BYTES_ARRAY(own->key.b), BYTES_ARRAY(key->key.b));
}

/* Adds a witness, unless its key stands there already or is this member's. */
static void add_key(struct cosigned_keys *keys, const char *vkey, const struct note_key *own) {
    struct note_key key;
    if (keys->count == COSIGNED_KEYS_MAX || note_key_parse(bytes_text(vkey), &key) != STATUS_OK) return;
    if (key.type != NOTE_COSIGNATURE || is_own(own, &key)) return;
    for (size_t i = 0; i < keys->count; i++) {
        if (is_own(&keys->keys[i], &key)) return;
    }
    keys->keys[keys->count++] = key;
}

enum status cosigned_keys(const struct directory *directory, const char *own_member, struct cosigned_keys *out_keys) {
    struct note_key own;
    out_keys->count = 0;
    TRY(receipt_log_key(directory, &out_keys->keys[0]));
    out_keys->count = 1;
    const struct member_record *record = directory_member(directory, own_member);
    bool has_own = record && note_key_parse(bytes_text(record->witness), &own) == STATUS_OK;
    for (size_t i = 0; i < directory_member_count(directory); i++) {
        const struct member_record *member = directory_member_at(directory, i);
        if (strcmp(member->member, own_member) != 0) add_key(out_keys, member->witness, has_own ? &own : NULL);
    }
    const struct rules *rules = directory_rules(directory);
    for (size_t i = 0; rules && i < rules->n_witnesses; i++) {
        add_key(out_keys, rules->witnesses[i], has_own ? &own : NULL);
    }
    return STATUS_OK;
}

enum status cosigned_judge(struct arena *arena, const struct cosigned_keys *keys, uint32_t needed,
                           const struct receipt *receipt, const struct msg_checkpoint_answer *answer,
                           uint64_t *out_size) {
    struct checkpoint checkpoint;
    struct note_result *said = ARENA_ARRAY(arena, struct note_result, keys->count);
    ENSURE(said, STATUS_MEMORY);
    ENSURE(answer->checkpoint.len > 0, STATUS_RETRY);
    TRY(checkpoint_open(arena, answer->checkpoint, keys->keys, keys->count, &checkpoint, said));
    uint32_t cosigned = 0;
    for (size_t i = 1; i < keys->count; i++) {
        if (said[i].verified) cosigned++;
    }
    ENSURE(cosigned >= needed && checkpoint.size >= receipt->size, STATUS_RETRY);
    enum status status = merkle_check_consistency(receipt->size, checkpoint.size, &receipt->root, &checkpoint.root,
                                                  answer->consistency, answer->n_consistency);
    ENSURE(status != STATUS_PROOF, STATUS_FORK);
    TRY(status);
    *out_size = checkpoint.size;
    return STATUS_OK;
}

static enum status ask_once(struct agent *agent, struct arena *arena, const struct cosigned_keys *keys, uint32_t needed,
                            const struct receipt *receipt) {
    const struct msg_checkpoint_ask have = {.have = receipt->size, .cosigned = true};
    struct bytes body;
    struct link_answer came;
    struct msg_checkpoint_answer answer;
    uint64_t size = 0;
    TRY(msg_checkpoint_ask_encode(arena, &have, &body));
    const struct link_ask ask = {
        .type = MESSAGE_CHECKPOINT, .unit = agent_first_unit(agent), .body = body, .deadline_ms = COSIGNED_WAIT_MS};
    TRY(link_ask_done(&agent->link, arena, &ask, &came));
    TRY(msg_checkpoint_answer_parse(arena, came.reply.body, &answer));
    TRY(cosigned_judge(arena, keys, needed, receipt, &answer, &size));
    witness_saw_covered(agent, size);
    return STATUS_OK;
}

/* Not yet: no such checkpoint, or a smaller one. */
static bool is_early(enum status status) { return status == STATUS_RETRY || status == STATUS_NOT_FOUND; }

enum status cosigned_wait(struct agent *agent, struct arena *arena, const struct receipt *receipt) {
    struct directory *directory CLEANUP(directory_unref_cleanup) = dirsync_directory(agent);
    struct cosigned_keys *keys = ARENA_NEW(arena, struct cosigned_keys);
    ENSURE(keys, STATUS_MEMORY);
    uint32_t needed = cosigned_needed(agent, directory);
    if (needed == 0) return STATUS_OK;
    TRY(cosigned_keys(directory, agent->settings->member, keys));
    uint64_t until = clock_boot_ms(agent->clock) + COSIGNED_WAIT_MS;
    enum status status = ask_once(agent, arena, keys, needed, receipt);
    while (is_early(status) && clock_boot_ms(agent->clock) < until) {
        (void)poll(NULL, 0, PAUSE_MS);
        status = ask_once(agent, arena, keys, needed, receipt);
    }
    if (status == STATUS_FORK) log_line(LOG_LEVEL_ERROR, "log_forked", "size=%llu", (unsigned long long)receipt->size);
    return is_early(status) ? STATUS_RETRY : status;
}
