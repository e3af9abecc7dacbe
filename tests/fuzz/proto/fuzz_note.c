/* Any bytes as a note and as a verifier key. What is accepted must come back the same when it is built again. */
#include <stdlib.h>

#include "base/arena.h"
#include "proto/note.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_key(struct arena *arena, struct bytes input) {
    struct note_key key;
    if (note_key_parse(input, &key) != STATUS_OK) return;
    const char *text = note_key_format(arena, &key);
    if (text && !bytes_equal_text(input, text)) abort();
}

/* The text and the lines, as they stand, are the note. */
static void try_note(struct arena *arena, struct bytes input) {
    struct note note;
    struct bytes built;
    if (note_parse(arena, input, &note) != STATUS_OK) return;
    if (note.signature_count == 0 || note.signature_count > NOTE_SIGNATURES_MAX) abort();
    struct bytes lines = BYTES(input.data + note.text.len + 1, input.len - note.text.len - 1);
    if (note_build(arena, note.text, &lines, 1, &built) != STATUS_OK) return;
    if (!bytes_equal(built, input)) abort();
    struct note_key key = {note.signatures[0].name, NOTE_COSIGNATURE, note.signatures[0].key_id, {{0}}};
    struct note_result result;
    if (note_verify(arena, &note, &key, 1, &result) == STATUS_OK) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(4 << 20);
    if (!arena) return 0;
    try_key(arena, BYTES(data, size));
    try_note(arena, BYTES(data, size));
    return 0;
}
