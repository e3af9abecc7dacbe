/*
 * Openings are sealed as core seals them; tiles come from proto's own tree in memory.
 */
#include "support/log_world.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "keys/aead.h"
#include "proto/checkpoint.h"
#include "proto/derive.h"
#include "proto/multi_signed.h"
#include "proto/note.h"
#include "proto/tree_store.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

#define WORLD_ARENA ((size_t)8 << 30)
#define START_MS    UINT64_C(1795315395000)

struct log_world *log_world_new(void) {
    struct log_world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->arena = arena_new(WORLD_ARENA);
    world->scratch = arena_new(WORLD_ARENA);
    assert_true(world->arena && world->scratch);
    world->federation = federation_new();
    world->now_ms = START_MS;
    size_t entries = world->federation->n_entries;
    world->federation->n_entries = 0;
    for (size_t i = 0; i < entries; i++) {
        world->federation->n_entries++;
        (void)log_world_directory(world);
    }
    return world;
}

void log_world_free(struct log_world *world) {
    if (!world) return;
    for (size_t i = 0; i < world->n_persons; i++) {
        secret_free(world->persons[i]->key);
    }
    free((void *)world->persons);
    free((void *)world->leaves);
    federation_free(world->federation);
    arena_free(world->arena);
    arena_free(world->scratch);
    free(world);
}

struct log_person *log_world_person(struct log_world *world) {
    struct log_person *person = ARENA_NEW(world->arena, struct log_person);
    assert_non_null(person);
    secret_random_public(person->handle.b, sizeof person->handle.b);
    person->key = secret_random(32);
    assert_non_null(person->key);
    struct log_person **persons = realloc((void *)world->persons, (world->n_persons + 1) * sizeof(struct log_person *));
    assert_non_null(persons);
    world->persons = persons;
    persons[world->n_persons++] = person;
    person->slot = world->n_persons;
    return person;
}

/* ---- leaves ---- */

static struct bytes seal(struct log_world *world, const struct log_person *person, struct bytes aad,
                         struct bytes content) {
    struct bytes sealed;
    OK(aead_seal(person->key, aad, content, world->arena, &sealed));
    return sealed;
}

static void add_evidence(struct log_world *world, struct log_world_leaf *leaf, struct bytes content) {
    struct evidence_item *item = &leaf->evidence[leaf->n_evidence++];
    item->hash = hash_sha256(content);
    OK(arena_copy(world->arena, content, &item->content));
    if (!leaf->person) return;
    struct bytes aad;
    OK(derive_evidence_aad(world->arena, FEDERATION_NAME, &item->hash, &aad));
    item->slot = leaf->person->slot;
    item->content = seal(world, leaf->person, aad, content);
}

/* Another letter in the middle of the signature, so that it stays canonical base64url. */
struct bytes log_world_flip(struct log_world *world, struct bytes compact) {
    struct bytes copy;
    OK(arena_copy(world->arena, compact, &copy));
    uint8_t *at = (uint8_t *)(uintptr_t)copy.data + copy.len - 40;
    *at = *at == 'A' ? 'B' : 'A';
    return copy;
}

static void fill_evidence(struct log_world *world, const struct log_world_entry *entry, struct log_world_leaf *leaf,
                          struct opening *opening) {
    struct hash *hashes = ARENA_ARRAY(world->arena, struct hash, entry->n_evidence + 1);
    leaf->evidence = ARENA_ARRAY(world->arena, struct evidence_item, entry->n_evidence + 1);
    assert_true(hashes && leaf->evidence);
    if (entry->cause.data) {
        add_evidence(world, leaf, entry->cause);
        hashes[entry->n_evidence] = leaf->evidence[0].hash;
        opening->cause = hash_bytes(&hashes[entry->n_evidence]);
    }
    for (size_t i = 0; i < entry->n_evidence; i++) {
        add_evidence(world, leaf, entry->evidence[i]);
        hashes[i] = leaf->evidence[leaf->n_evidence - 1].hash;
    }
    opening->evidence = hashes;
    opening->n_evidence = entry->n_evidence;
}

/* The opening as bytes, and the leaf that commits to it. */
static void commit(struct log_world *world, struct log_world_leaf *out, struct leaf *leaf, struct bytes opening) {
    struct hash nonce;
    secret_random_public(nonce.b, sizeof nonce.b);
    leaf->commitment = derive_leaf_commitment(FEDERATION_NAME, &nonce, opening);
    if (!out->person) {
        OK(arena_copy(world->arena, hash_bytes(&nonce), &out->exported.nonce));
        out->exported.opening = opening;
        return;
    }
    leaf->subject_tag = derive_subject_tag(out->person->key, &leaf->event);
    struct bytes aad;
    OK(derive_opening_aad(world->arena, FEDERATION_NAME, &leaf->event, &aad));
    uint8_t *clear = arena_alloc(world->arena, HASH_BYTES + opening.len);
    assert_non_null(clear);
    memcpy(clear, nonce.b, HASH_BYTES);
    memcpy(clear + HASH_BYTES, opening.data, opening.len);
    out->exported.slot = out->person->slot;
    out->exported.opening = seal(world, out->person, aad, BYTES(clear, HASH_BYTES + opening.len));
}

static void keep(struct log_world *world, struct log_world_leaf *leaf) {
    if (world->n_leaves == world->room) {
        world->room = world->room ? 2 * world->room : 256;
        struct log_world_leaf **leaves = realloc((void *)world->leaves, world->room * sizeof(struct log_world_leaf *));
        assert_non_null(leaves);
        world->leaves = leaves;
    }
    world->leaves[world->n_leaves++] = leaf;
}

static struct opening fill_opening(struct log_world *world, const struct log_world_entry *entry,
                                   struct hash *slot_commitment) {
    struct opening opening = entry->opening;
    opening.version = 1;
    opening.type = entry->type;
    opening.now_ms = world->now_ms;
    if (opening.directory_sequence == 0) opening.directory_sequence = world->federation->n_entries;
    if (entry->person) {
        *slot_commitment = derive_slot_commitment(FEDERATION_NAME, entry->person->key);
        opening.slot_commitment = hash_bytes(slot_commitment);
        if (!entry->nameless) opening.subject = hash_bytes(&entry->person->handle);
    }
    return opening;
}

static void append(struct log_world *world, const struct log_world_entry *entry) {
    struct log_world_leaf *out = ARENA_NEW(world->arena, struct log_world_leaf);
    struct hash slot_commitment;
    assert_non_null(out);
    out->person = entry->person;
    struct opening opening = fill_opening(world, entry, &slot_commitment);
    fill_evidence(world, entry, out, &opening);
    if (world->tweak) world->tweak(&opening, world->tweak_context);
    world->tweak = NULL;
    struct bytes encoded;
    OK(leaf_opening_encode(world->arena, &opening, &encoded));
    struct leaf leaf = {.version = 1, .type = entry->type, .event = entry->event, .time_ms = world->now_ms};
    commit(world, out, &leaf, encoded);
    OK(leaf_encode(world->arena, &leaf, &out->exported.leaf));
    out->entry = out->exported.leaf;
    keep(world, out);
}

uint64_t log_world_append(struct log_world *world, const struct log_world_entry *entry) {
    struct log_world_entry forged = *entry;
    if (world->forge) world->forge(world, &forged);
    world->forge = NULL;
    append(world, &forged);
    world->last_cause = entry->cause;
    return world->n_leaves - 1;
}

uint64_t log_world_repeat(struct log_world *world) {
    keep(world, world->leaves[world->n_leaves - 1]);
    return world->n_leaves - 1;
}

uint64_t log_world_directory(struct log_world *world) {
    struct bytes whole = world->federation->entries[world->federation->n_entries - 1];
    struct multi_signed object;
    struct directory_entry parsed;
    OK(multi_signed_parse(world->arena, whole, &object));
    OK(record_entry_parse(world->arena, FEDERATION_NAME, object.body, &parsed));
    struct hash hash = hash_sha256(whole);
    struct id16 message;
    memcpy(message.b, hash.b, sizeof message.b);
    const struct log_world_entry entry = {.type = (enum leaf_type)(LEAF_EPOCH + parsed.type - DIRECTORY_EPOCH),
                                          .event = derive_event_id(FEDERATION_NAME, "authority", &message, 0),
                                          .opening = {.actor = "authority", .number = parsed.sequence},
                                          .cause = whole};
    return log_world_append(world, &entry);
}

uint64_t log_world_admit(struct log_world *world, enum directory_type type, struct bytes object) {
    (void)federation_admit(world->federation, type, object);
    return log_world_directory(world);
}

/* ---- files ---- */

static void write_file(const char *dir, const char *name, struct bytes content, mode_t mode) {
    char path[4096];
    assert_true(snprintf(path, sizeof path, "%s/%s", dir, name) < (int)sizeof path);
    for (char *slash = strchr(path + strlen(dir) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(content.data, 1, content.len, file), content.len);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void write_tile(struct log_world *world, struct tree_store *tree, const char *dir, struct tile tile) {
    tile.width = tile_width(tile.level, tile.number, tree_store_size(tree));
    struct bytes content;
    OK(tree_store_fetch(tree, &tile, world->scratch, &content));
    write_file(dir, tile_format(world->scratch, &tile), content, 0600);
}

static void write_tiles(struct log_world *world, struct tree_store *tree, const char *dir) {
    for (unsigned level = 0; level < TILE_LEVEL_COUNT; level++) {
        for (uint64_t number = 0; tile_width(level, number, world->n_leaves) > 0; number++) {
            write_tile(world, tree, dir, (struct tile){.kind = TILE_HASHES, .level = level, .number = number});
        }
    }
}

/* The bundle as the entries say, which a misdeed may have changed under the tree. */
static void write_entries(struct log_world *world, const char *dir, uint64_t number, size_t count) {
    uint8_t *memory = arena_alloc(world->scratch, count * 512);
    assert_non_null(memory);
    struct writer writer = writer_init(memory, count * 512);
    for (size_t i = 0; i < count; i++) {
        tile_entry_write(&writer, world->leaves[number * TILE_WIDTH + i]->entry);
    }
    struct bytes content;
    OK(writer_end(&writer, &content));
    const struct tile tile = {.kind = TILE_ENTRIES, .number = number, .width = (unsigned)count};
    write_file(dir, tile_format(world->scratch, &tile), content, 0600);
}

static void write_parts(struct log_world *world, const char *dir, uint64_t number, size_t count) {
    struct export_leaf *leaves = ARENA_ARRAY(world->scratch, struct export_leaf, count);
    size_t n_items = 0;
    for (size_t i = 0; i < count; i++) {
        n_items += world->leaves[number * TILE_WIDTH + i]->n_evidence;
    }
    struct evidence_item *items = ARENA_ARRAY(world->scratch, struct evidence_item, n_items);
    assert_true(leaves && items);
    n_items = 0;
    for (size_t i = 0; i < count; i++) {
        const struct log_world_leaf *leaf = world->leaves[number * TILE_WIDTH + i];
        leaves[i] = leaf->exported;
        for (size_t k = 0; k < leaf->n_evidence; k++) {
            items[n_items++] = leaf->evidence[k];
        }
    }
    struct bytes content;
    OK(internal_export_part_encode(world->scratch, &(struct export_part){.leaves = leaves, .n_leaves = count},
                                   &content));
    write_file(dir, arena_printf(world->scratch, "openings/%08" PRIu64, number), content, 0600);
    OK(internal_evidence_part_encode(world->scratch, &(struct evidence_part){.items = items, .n_items = n_items},
                                     &content));
    write_file(dir, arena_printf(world->scratch, "evidence/%08" PRIu64, number), content, 0600);
}

static void write_checkpoint(struct log_world *world, struct tree_store *tree, const char *dir) {
    struct federation *f = world->federation;
    const struct checkpoint checkpoint = {
        .origin = bytes_text(f->origin), .size = tree_store_size(tree), .root = tree_store_root(tree)};
    struct bytes note;
    struct note parsed;
    struct note_key witness;
    struct bytes line;
    OK(checkpoint_sign(world->scratch, &checkpoint, f->log_key, &note));
    OK(note_parse(world->scratch, note, &parsed));
    OK(note_key_parse(bytes_text(f->members[0].witness_vkey), &witness));
    uint64_t time_s = (world->cosign_ms ? world->cosign_ms : world->now_ms) / 1000;
    OK(note_cosign(world->scratch, witness.name, f->members[0].witness, time_s, parsed.text, &line));
    OK(note_append(world->scratch, note, &line, 1, &note));
    write_file(dir, "checkpoint", note, 0600);
}

static void write_federation(struct log_world *world, const char *dir) {
    struct federation *f = world->federation;
    json_t *list = json_array();
    for (size_t i = 0; i < 3; i++) {
        const char *text = text_base64url(world->scratch, BYTES_ARRAY(f->authority_keys[i].b));
        assert_int_equal(json_array_append_new(list, json_string(text)), 0);
    }
    json_t *object = json_pack("{s:s, s:i, s:s, s:o, s:i}", "federation", FEDERATION_NAME, "epoch", 1, "log_vkey",
                               f->log_vkey, "authority", list, "threshold", 2);
    assert_non_null(object);
    const char *text = json_compact(world->scratch, object);
    assert_non_null(text);
    write_file(dir, "federation.json", bytes_text(text), 0600);
    json_decref(object);
}

static void write_keys(struct log_world *world, const char *dir) {
    struct slot_key *keys = ARENA_ARRAY(world->scratch, struct slot_key, world->n_persons + 1);
    assert_non_null(keys);
    size_t count = 0;
    for (size_t i = 0; i < world->n_persons; i++) {
        const struct log_person *person = world->persons[i];
        if (person->keys_withheld) continue;
        keys[count++] = (struct slot_key){.slot = person->slot - 1, .key = secret_bytes(person->key)};
    }
    struct bytes content;
    OK(internal_slot_keys_encode(world->scratch, &(struct slot_keys){.keys = keys, .n_keys = count}, &content));
    write_file(dir, "keys", content, 0600);
}

void log_world_write(struct log_world *world, const char *dir) {
    struct tree_store *tree CLEANUP(tree_store_free_cleanup) = tree_store_new();
    assert_non_null(tree);
    for (size_t i = 0; i < world->n_leaves; i++) {
        OK(tree_store_append(tree, world->leaves[i]->exported.leaf));
    }
    write_tiles(world, tree, dir);
    for (uint64_t number = 0; number * TILE_WIDTH < world->n_leaves; number++) {
        size_t left = world->n_leaves - number * TILE_WIDTH;
        size_t count = left < TILE_WIDTH ? left : TILE_WIDTH;
        arena_reset(world->scratch);
        write_entries(world, dir, number, count);
        write_parts(world, dir, number, count);
    }
    write_federation(world, dir);
    write_keys(world, dir);
    write_checkpoint(world, tree, dir);
}
