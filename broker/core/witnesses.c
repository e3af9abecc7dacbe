/*
 * Invariants: `cosigned` only ever grows in size; a member counts once for a size, with its first cosignature. What was
 * cosigned is not kept over a restart: the newest checkpoint is offered again.
 */
#include "broker/core/witnesses.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "broker/core/ledger.h"
#include "broker/core/metrics.h"
#include "proto/checkpoint.h"
#include "proto/limits.h"
#include "proto/note.h"

#define OFFER_MS 2000u

enum { WITNESSES_SIZES = 16, WITNESSES_LINES = 32, WITNESSES_K_DEFAULT = 1 };

/* What is remembered of a member that witnesses. */
struct witness {
    struct witness *next;
    char *name;
    bool spoken;
    uint64_t offered; /* size; 0: holds none */
    uint64_t offered_ms;
};

/* Cosignatures collected for one size. */
struct collection {
    uint64_t size;
    char *note; /* signed by the log, without cosignatures */
    const char *members[WITNESSES_LINES];
    char *lines[WITNESSES_LINES];
    size_t count;
};

struct witnesses {
    struct core *core;
    size_t at_least;
    pthread_mutex_t mutex; /* guards all below */
    bool passed;
    struct witness *list;
    struct collection collections[WITNESSES_SIZES];
    char *cosigned;
    uint64_t cosigned_size;
};

struct witnesses *witnesses_new(struct core *core, size_t at_least) {
    struct witnesses *witnesses = calloc(1, sizeof *witnesses);
    if (!witnesses) return NULL;
    if (pthread_mutex_init(&witnesses->mutex, NULL) != 0) {
        free(witnesses);
        return NULL;
    }
    witnesses->core = core;
    witnesses->at_least = at_least;
    return witnesses;
}

static void collection_clear(struct collection *collection) {
    for (size_t i = 0; i < collection->count; i++)
        free(collection->lines[i]);
    free(collection->note);
    *collection = (struct collection){.size = 0};
}

void witnesses_free(struct witnesses *witnesses) {
    if (!witnesses) return;
    while (witnesses->list) {
        struct witness *next = witnesses->list->next;
        free(witnesses->list->name);
        free(witnesses->list);
        witnesses->list = next;
    }
    for (size_t i = 0; i < WITNESSES_SIZES; i++)
        collection_clear(&witnesses->collections[i]);
    free(witnesses->cosigned);
    (void)pthread_mutex_destroy(&witnesses->mutex);
    free(witnesses);
}

static void board_lock(struct witnesses *witnesses) {
    if (pthread_mutex_lock(&witnesses->mutex) != 0) abort();
}

static void board_unlock(struct witnesses *witnesses) {
    if (pthread_mutex_unlock(&witnesses->mutex) != 0) abort();
}

static bool does_witness(const struct directory *directory, const char *member) {
    const struct member_record *record = directory_member(directory, member);
    return record && record->witness[0];
}

static size_t count_witnessing(const struct directory *directory) {
    size_t count = 0;
    for (size_t i = 0; i < directory_member_count(directory); i++) {
        if (directory_member_at(directory, i)->witness[0]) count++;
    }
    return count;
}

static size_t cosignatures_wanted(const struct directory *directory) {
    const struct rules *rules = directory_rules(directory);
    return rules ? rules->cosignatures : WITNESSES_K_DEFAULT;
}

/* The mutex is held, here and in all static functions below. NULL when memory is out. */
static struct witness *witness_of(struct witnesses *witnesses, const char *name) {
    for (struct witness *witness = witnesses->list; witness; witness = witness->next) {
        if (strcmp(witness->name, name) == 0) return witness;
    }
    struct witness *witness = calloc(1, sizeof *witness);
    if (!witness) return NULL;
    witness->name = strdup(name);
    if (!witness->name) {
        free(witness);
        return NULL;
    }
    witness->next = witnesses->list;
    witnesses->list = witness;
    return witness;
}

/* ---- start ---- */

void witnesses_begin(struct witnesses *witnesses, const struct directory *directory, uint64_t size) {
    size_t named = count_witnessing(directory);
    board_lock(witnesses);
    witnesses->passed = size == 0 || named == 0;
    bool passed = witnesses->passed;
    board_unlock(witnesses);
    if (!passed) log_line(LOG_LEVEL_INFO, "waiting_for_witnesses", "named=%zu", named);
}

bool witnesses_passed(struct witnesses *witnesses) {
    board_lock(witnesses);
    bool passed = witnesses->passed;
    board_unlock(witnesses);
    return passed;
}

void witnesses_go_on(struct witnesses *witnesses) {
    board_lock(witnesses);
    witnesses->passed = true;
    board_unlock(witnesses);
    log_line(LOG_LEVEL_WARN, "witnesses_passed_over", "");
}

static bool enough_spoke(const struct witnesses *witnesses, const struct directory *directory) {
    size_t spoken = 0;
    for (const struct witness *witness = witnesses->list; witness; witness = witness->next) {
        if (witness->spoken && does_witness(directory, witness->name)) spoken++;
    }
    size_t named = count_witnessing(directory);
    size_t needed = witnesses->at_least && witnesses->at_least < named ? witnesses->at_least : named;
    return spoken >= needed;
}

static enum status spoke(struct witnesses *witnesses, const struct directory *directory, const char *member,
                         uint64_t witnessed, uint64_t size) {
    if (witnesses->passed || !does_witness(directory, member)) return STATUS_OK;
    ENSURE(witnessed <= size, STATUS_FORK);
    struct witness *witness = witness_of(witnesses, member);
    ENSURE(witness, STATUS_MEMORY);
    witness->spoken = true;
    witnesses->passed = enough_spoke(witnesses, directory);
    if (witnesses->passed) log_line(LOG_LEVEL_INFO, "witnesses_spoke", "");
    return STATUS_OK;
}

enum status witnesses_spoke(struct witnesses *witnesses, const struct directory *directory, const char *member,
                            uint64_t witnessed, uint64_t size) {
    board_lock(witnesses);
    enum status status = spoke(witnesses, directory, member, witnessed, size);
    board_unlock(witnesses);
    return status;
}

/* ---- offers ---- */

static size_t offers_left(const struct witnesses *witnesses, size_t k, uint64_t size, uint64_t now_ms) {
    if (size == 0 || witnesses->cosigned_size >= size) return 0;
    size_t held = 0;
    for (const struct witness *witness = witnesses->list; witness; witness = witness->next) {
        if (witness->offered && now_ms - witness->offered_ms < OFFER_MS) held++;
    }
    return held < 2 * k ? 2 * k - held : 0;
}

static bool take_offer(struct witnesses *witnesses, size_t k, const char *member, uint64_t size, uint64_t now_ms) {
    struct witness *witness = witness_of(witnesses, member);
    if (!witness || offers_left(witnesses, k, size, now_ms) == 0) return false;
    if (witness->offered && now_ms - witness->offered_ms < OFFER_MS) return false;
    witness->offered = size;
    witness->offered_ms = now_ms;
    return true;
}

bool witnesses_take_offer(struct witnesses *witnesses, const struct directory *directory, const char *member,
                          uint64_t witnessed, uint64_t size) {
    if (witnessed >= size || !does_witness(directory, member)) return false;
    uint64_t now_ms = clock_boot_ms(witnesses->core->clock);
    board_lock(witnesses);
    bool taken = take_offer(witnesses, cosignatures_wanted(directory), member, size, now_ms);
    board_unlock(witnesses);
    return taken;
}

size_t witnesses_wanted(struct witnesses *witnesses, const struct directory *directory, uint64_t size) {
    uint64_t now_ms = clock_boot_ms(witnesses->core->clock);
    board_lock(witnesses);
    size_t wanted = offers_left(witnesses, cosignatures_wanted(directory), size, now_ms);
    board_unlock(witnesses);
    return wanted;
}

/* ---- cosignatures ---- */

/* A cosigned note that was verified. */
struct cosigned {
    struct checkpoint checkpoint;
    const char *note; /* without cosignatures */
    const char *line; /* of this witness */
};

static const char *format_line(struct arena *arena, const struct note_signature *signature) {
    size_t len = 4 + signature->blob.len;
    void *memory = arena_alloc(arena, len);
    if (!memory) return NULL;
    struct writer writer = writer_init(memory, len);
    writer_u32(&writer, signature->key_id);
    writer_put(&writer, signature->blob);
    const char *base64 = text_base64(arena, BYTES(memory, len));
    if (!base64) return NULL;
    return arena_printf(arena, "\xe2\x80\x94 %.*s %s\n", (int)signature->name.len, (const char *)signature->name.data,
                        base64);
}

static const struct note_signature *signature_of(const struct note *note, const struct note_key *key) {
    for (size_t i = 0; i < note->signature_count; i++) {
        const struct note_signature *signature = &note->signatures[i];
        if (signature->key_id == key->id && bytes_equal(signature->name, key->name)) return signature;
    }
    return NULL;
}

/* Takes the note apart again into the log's own note and the witness's line. */
static enum status split(struct arena *arena, struct bytes from, const struct note_key keys[static 2],
                         struct cosigned *out_cosigned) {
    struct note note;
    TRY(note_parse(arena, from, &note));
    const struct note_signature *log = signature_of(&note, &keys[0]);
    const struct note_signature *witness = signature_of(&note, &keys[1]);
    ENSURE(log && witness, STATUS_SIGNATURE);
    const char *log_line_text = format_line(arena, log);
    out_cosigned->line = format_line(arena, witness);
    ENSURE(log_line_text && out_cosigned->line, STATUS_MEMORY);
    out_cosigned->note =
        arena_printf(arena, "%.*s\n%s", (int)note.text.len, (const char *)note.text.data, log_line_text);
    return out_cosigned->note ? STATUS_OK : STATUS_MEMORY;
}

static enum status verify(const struct witnesses *witnesses, const struct member_record *record, struct bytes note,
                          struct arena *arena, struct cosigned *out_cosigned) {
    struct note_key keys[2];
    struct note_result results[2];
    TRY(note_key_parse(bytes_text(witnesses->core->log_vkey), &keys[0]));
    TRY(note_key_parse(bytes_text(record->witness), &keys[1]));
    TRY(checkpoint_open(arena, note, keys, 2, &out_cosigned->checkpoint, results));
    ENSURE(results[1].verified, STATUS_SIGNATURE);
    ENSURE(out_cosigned->checkpoint.size <= ledger_signed_size(witnesses->core->ledger), STATUS_INVALID);
    return split(arena, note, keys, out_cosigned);
}

/* Where a size is collected; the smallest size gives way. */
static struct collection *collection_of(struct witnesses *witnesses, uint64_t size, const char *note) {
    struct collection *place = &witnesses->collections[0];
    for (size_t i = 0; i < WITNESSES_SIZES; i++) {
        struct collection *collection = &witnesses->collections[i];
        if (collection->note && collection->size == size) return collection;
        if (collection->size < place->size) place = collection;
    }
    if (place->note && place->size > size) return NULL;
    collection_clear(place);
    place->note = strdup(note);
    place->size = size;
    return place->note ? place : NULL;
}

static bool has_member(const struct collection *collection, const char *name) {
    for (size_t i = 0; i < collection->count; i++) {
        if (strcmp(collection->members[i], name) == 0) return true;
    }
    return false;
}

/* The note with all its lines becomes the cosigned one. */
static enum status publish(struct witnesses *witnesses, const struct collection *collection) {
    size_t len = strlen(collection->note) + 1;
    for (size_t i = 0; i < collection->count; i++)
        len += strlen(collection->lines[i]);
    char *whole = calloc(1, len);
    ENSURE(whole, STATUS_MEMORY);
    char *end = stpcpy(whole, collection->note);
    for (size_t i = 0; i < collection->count; i++)
        end = stpcpy(end, collection->lines[i]);
    free(witnesses->cosigned);
    witnesses->cosigned = whole;
    witnesses->cosigned_size = collection->size;
    return STATUS_OK;
}

static enum status collect(struct witnesses *witnesses, size_t k, const char *member, const struct cosigned *cosigned) {
    struct witness *witness = witness_of(witnesses, member);
    ENSURE(witness, STATUS_MEMORY);
    witness->offered = 0;
    struct collection *collection = collection_of(witnesses, cosigned->checkpoint.size, cosigned->note);
    if (!collection || has_member(collection, witness->name) || collection->count == WITNESSES_LINES) return STATUS_OK;
    char *line = strdup(cosigned->line);
    ENSURE(line, STATUS_MEMORY);
    collection->members[collection->count] = witness->name;
    collection->lines[collection->count++] = line;
    bool newest = collection->size >= witnesses->cosigned_size;
    return newest && collection->count >= k ? publish(witnesses, collection) : STATUS_OK;
}

enum status witnesses_cosign(struct witnesses *witnesses, const struct directory *directory, const char *member,
                             struct bytes note, struct arena *arena) {
    ENSURE(does_witness(directory, member), STATUS_DENIED);
    struct cosigned cosigned;
    TRY(verify(witnesses, directory_member(directory, member), note, arena, &cosigned));
    board_lock(witnesses);
    enum status status = collect(witnesses, cosignatures_wanted(directory), member, &cosigned);
    board_unlock(witnesses);
    if (status == STATUS_OK) metrics_add(&witnesses->core->metrics->cosignatures, 1);
    return status;
}

enum status witnesses_cosigned(struct witnesses *witnesses, const struct directory *directory, struct arena *arena,
                               struct bytes *out_note, uint64_t *out_size) {
    if (cosignatures_wanted(directory) == 0)
        return ledger_checkpoint(witnesses->core->ledger, arena, out_note, out_size);
    board_lock(witnesses);
    const char *note = witnesses->cosigned ? arena_string(arena, witnesses->cosigned) : "";
    uint64_t size = witnesses->cosigned_size;
    board_unlock(witnesses);
    ENSURE(note, STATUS_MEMORY);
    ENSURE(note[0], STATUS_NOT_FOUND);
    *out_note = bytes_text(note);
    *out_size = size;
    return STATUS_OK;
}
