/*
 * Signed notes. Trusts nothing in a note before note_verify has said yes. Owns no memory: all is in the caller's arena.
 */
#include "proto/note.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* U+2014 and a space: what every signature line begins with. */
#define LINE_PREFIX "\xE2\x80\x94 "

#define KEY_ID_BYTES           4
#define ED25519_BLOB_BYTES     64
#define COSIGNATURE_BLOB_BYTES (8 + 64)
#define TIME_MAX_S             INT64_MAX

static struct bytes view_from(struct bytes all, size_t start) { return BYTES(all.data + start, all.len - start); }

static size_t find_byte(struct bytes in, uint8_t byte) {
    const uint8_t *found = in.len > 0 ? memchr(in.data, byte, in.len) : NULL;
    return found ? (size_t)(found - in.data) : in.len;
}

/* Takes one line off the front; all text here ends in a newline. */
static struct bytes take_line(struct bytes *rest) {
    size_t len = find_byte(*rest, '\n');
    struct bytes line = BYTES(rest->data, len);
    *rest = view_from(*rest, len + 1);
    return line;
}

/* Lines of UTF-8 without control characters, each with its newline. */
static bool text_ok(struct bytes text) {
    if (text.len == 0 || text.data[text.len - 1] != '\n') return false;
    while (text.len > 0) {
        if (!bytes_is_text(take_line(&text))) return false;
    }
    return true;
}

/* Is there white space (Unicode property White_Space) beyond ASCII at this place of valid UTF-8? */
static bool wide_space_at(struct bytes at) {
    static const char *const spaces[] = {
        "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81", "\xE2\x80\x82", "\xE2\x80\x83",
        "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86", "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A",
        "\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80",
    };
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        size_t len = strlen(spaces[i]);
        if (at.len >= len && memcmp(at.data, spaces[i], len) == 0) return true;
    }
    return false;
}

bool note_name_ok(struct bytes name) {
    if (name.len == 0 || name.len > NOTE_NAME_BYTES_MAX || !bytes_is_text(name)) return false;
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] == ' ' || name.data[i] == '+' || wide_space_at(view_from(name, i))) return false;
    }
    return true;
}

uint32_t note_key_id(struct bytes name, enum note_type type, const struct sign_public *key) {
    const uint8_t middle[] = {'\n', (uint8_t)type};
    struct hash_state state;
    hash_init(&state);
    hash_update(&state, name);
    hash_update(&state, BYTES_ARRAY(middle));
    hash_update(&state, BYTES_ARRAY(key->b));
    struct hash hash = hash_final(&state);
    struct reader reader = reader_init(hash_bytes(&hash));
    return reader_u32(&reader);
}

enum status note_key_make(struct bytes name, enum note_type type, const struct sign_public *key,
                          struct note_key *out_key) {
    ENSURE(note_name_ok(name), STATUS_MALFORMED);
    *out_key = (struct note_key){name, type, note_key_id(name, type, key), *key};
    return STATUS_OK;
}

/* The type and key behind the second plus sign. */
static enum status key_material(struct bytes encoded, enum note_type *out_type, struct sign_public *out_key) {
    uint8_t memory[1 + sizeof out_key->b];
    /* 33 bytes are 44 characters, without padding. */
    ENSURE(encoded.len > 0, STATUS_MALFORMED);
    TRY(text_fixed_base64(encoded, memory, sizeof memory));
    ENSURE(memory[0] == NOTE_ED25519 || memory[0] == NOTE_COSIGNATURE, STATUS_UNSUPPORTED);
    *out_type = (enum note_type)memory[0];
    memcpy(out_key->b, memory + 1, sizeof out_key->b);
    return STATUS_OK;
}

enum status note_key_parse(struct bytes text, struct note_key *out_key) {
    struct note_key parsed;
    struct sign_public key;
    enum note_type type;
    uint8_t id[KEY_ID_BYTES];
    size_t name_len = find_byte(text, '+');
    /* name, plus, 8 hex digits, plus, at least one character */
    ENSURE(text.len > name_len + 10 && text.data[name_len + 9] == '+', STATUS_MALFORMED);
    TRY(text_fixed_hex(BYTES(text.data + name_len + 1, 8), id, sizeof id));
    TRY(key_material(view_from(text, name_len + 10), &type, &key));
    TRY(note_key_make(BYTES(text.data, name_len), type, &key, &parsed));
    struct reader reader = reader_init(BYTES_ARRAY(id));
    ENSURE(reader_u32(&reader) == parsed.id, STATUS_MALFORMED);
    *out_key = parsed;
    return STATUS_OK;
}

const char *note_key_format(struct arena *arena, const struct note_key *key) {
    uint8_t material[1 + sizeof key->key.b];
    material[0] = (uint8_t)key->type;
    memcpy(material + 1, key->key.b, sizeof key->key.b);
    const char *encoded = text_base64(arena, BYTES_ARRAY(material));
    if (!encoded) return NULL;
    return arena_printf(arena, "%.*s+%08" PRIx32 "+%s", (int)key->name.len, (const char *)key->name.data, key->id,
                        encoded);
}

static enum status parse_line(struct arena *arena, struct bytes line, struct note_signature *out_signature) {
    const size_t prefix = strlen(LINE_PREFIX);
    ENSURE(line.len > prefix && memcmp(line.data, LINE_PREFIX, prefix) == 0, STATUS_MALFORMED);
    struct bytes rest = view_from(line, prefix);
    size_t name_len = find_byte(rest, ' ');
    ENSURE(name_len < rest.len, STATUS_MALFORMED);
    struct bytes name = BYTES(rest.data, name_len);
    ENSURE(note_name_ok(name), STATUS_MALFORMED);
    struct bytes decoded;
    TRY(text_from_base64(arena, view_from(rest, name_len + 1), &decoded));
    ENSURE(decoded.len > KEY_ID_BYTES, STATUS_MALFORMED);
    ENSURE(decoded.len <= KEY_ID_BYTES + NOTE_SIGNATURE_BYTES_MAX, STATUS_TOO_LARGE);
    struct reader reader = reader_init(decoded);
    uint32_t key_id = reader_u32(&reader);
    *out_signature = (struct note_signature){name, key_id, reader.rest};
    return STATUS_OK;
}

static enum status parse_lines(struct arena *arena, struct bytes lines, struct note *note) {
    size_t count = 0;
    for (struct bytes rest = lines; rest.len > 0; count++)
        (void)take_line(&rest);
    ENSURE(count > 0, STATUS_MALFORMED);
    ENSURE(count <= NOTE_SIGNATURES_MAX, STATUS_TOO_LARGE);
    struct note_signature *signatures = ARENA_ARRAY(arena, struct note_signature, count);
    ENSURE(signatures, STATUS_MEMORY);
    for (size_t i = 0; i < count; i++)
        TRY(parse_line(arena, take_line(&lines), &signatures[i]));
    note->signatures = signatures;
    note->signature_count = count;
    return STATUS_OK;
}

enum status note_parse(struct arena *arena, struct bytes from, struct note *out_note) {
    ENSURE(from.len <= NOTE_BYTES_MAX, STATUS_TOO_LARGE);
    ENSURE(text_ok(from), STATUS_MALFORMED);
    const uint8_t *split = memmem(from.data, from.len, "\n\n", 2);
    ENSURE(split, STATUS_MALFORMED);
    /* The last empty line separates: an em dash line may well be part of the text. */
    size_t text_len = from.len - 1;
    while (from.data[text_len] != '\n' || from.data[text_len - 1] != '\n')
        text_len--;
    struct note note = {.text = BYTES(from.data, text_len)};
    TRY(parse_lines(arena, view_from(from, text_len + 1), &note));
    *out_note = note;
    return STATUS_OK;
}

/* What a cosigner signs. */
static enum status cosigned_message(struct arena *arena, uint64_t time_s, struct bytes text,
                                    struct bytes *out_message) {
    char header[64];
    int header_len = snprintf(header, sizeof header, "cosignature/v1\ntime %" PRIu64 "\n", time_s);
    size_t cap = (size_t)header_len + text.len;
    uint8_t *memory = arena_alloc(arena, cap);
    ENSURE(memory, STATUS_MEMORY);
    struct writer writer = writer_init(memory, cap);
    writer_put(&writer, BYTES(header, (size_t)header_len));
    writer_put(&writer, text);
    return writer_end(&writer, out_message);
}

/* The signature of a known key: verifies, or the note is rejected. */
static enum status verify_line(struct arena *arena, struct bytes text, const struct note_key *key, struct bytes blob,
                               uint64_t *out_time_s) {
    struct reader reader = reader_init(blob);
    struct bytes message = text;
    uint64_t time_s = 0;
    if (key->type == NOTE_COSIGNATURE) {
        ENSURE(blob.len == COSIGNATURE_BLOB_BYTES, STATUS_SIGNATURE);
        time_s = reader_u64(&reader);
        ENSURE(time_s <= TIME_MAX_S, STATUS_SIGNATURE);
        TRY(cosigned_message(arena, time_s, text, &message));
    }
    ENSURE(reader.rest.len == ED25519_BLOB_BYTES, STATUS_SIGNATURE);
    struct sign_signature signature;
    reader_copy(&reader, signature.b, sizeof signature.b);
    TRY(sign_verify(&key->key, message, &signature));
    *out_time_s = time_s;
    return STATUS_OK;
}

/* All lines of one key. */
static enum status verify_key(struct arena *arena, const struct note *note, const struct note_key *key,
                              struct note_result *out_result) {
    struct note_result result = {false, 0};
    for (size_t i = 0; i < note->signature_count; i++) {
        const struct note_signature *line = &note->signatures[i];
        uint64_t time_s;
        if (line->key_id != key->id || !bytes_equal(line->name, key->name)) continue;
        TRY(verify_line(arena, note->text, key, line->blob, &time_s));
        result.verified = true;
        if (time_s > result.time_s) result.time_s = time_s;
    }
    *out_result = result;
    return STATUS_OK;
}

enum status note_verify(struct arena *arena, const struct note *note, const struct note_key *keys, size_t key_count,
                        struct note_result *out_results) {
    struct note_result *results = ARENA_ARRAY(arena, struct note_result, key_count);
    ENSURE(results, STATUS_MEMORY);
    bool any = false;
    for (size_t i = 0; i < key_count; i++) {
        TRY(verify_key(arena, note, &keys[i], &results[i]));
        any = any || results[i].verified;
    }
    ENSURE(any, STATUS_SIGNATURE);
    memcpy(out_results, results, key_count * sizeof *results);
    return STATUS_OK;
}

/* "— name base64(id || blob)\n" in the arena. */
static enum status line_format(struct arena *arena, const struct note_key *key, struct bytes blob,
                               struct bytes *out_line) {
    uint8_t memory[KEY_ID_BYTES + COSIGNATURE_BLOB_BYTES];
    struct writer writer = writer_init(memory, sizeof memory);
    struct bytes signature;
    writer_u32(&writer, key->id);
    writer_put(&writer, blob);
    TRY(writer_end(&writer, &signature));
    const char *encoded = text_base64(arena, signature);
    ENSURE(encoded, STATUS_MEMORY);
    const char *line =
        arena_printf(arena, LINE_PREFIX "%.*s %s\n", (int)key->name.len, (const char *)key->name.data, encoded);
    ENSURE(line, STATUS_MEMORY);
    *out_line = bytes_text(line);
    return STATUS_OK;
}

enum status note_sign(struct arena *arena, struct bytes name, const struct sign_private *key, struct bytes text,
                      struct bytes *out_line) {
    struct sign_public public = sign_public_of(key);
    struct note_key named;
    TRY(note_key_make(name, NOTE_ED25519, &public, &named));
    ENSURE(text_ok(text), STATUS_MALFORMED);
    struct sign_signature signature = sign_bytes(key, text);
    return line_format(arena, &named, BYTES_ARRAY(signature.b), out_line);
}

enum status note_cosign(struct arena *arena, struct bytes name, const struct sign_private *key, uint64_t time_s,
                        struct bytes text, struct bytes *out_line) {
    struct sign_public public = sign_public_of(key);
    struct note_key named;
    struct bytes message;
    TRY(note_key_make(name, NOTE_COSIGNATURE, &public, &named));
    ENSURE(time_s <= TIME_MAX_S, STATUS_TIME);
    ENSURE(text_ok(text), STATUS_MALFORMED);
    TRY(cosigned_message(arena, time_s, text, &message));
    struct sign_signature signature = sign_bytes(key, message);
    uint8_t memory[COSIGNATURE_BLOB_BYTES];
    struct writer writer = writer_init(memory, sizeof memory);
    struct bytes blob;
    writer_u64(&writer, time_s);
    writer_put(&writer, BYTES_ARRAY(signature.b));
    TRY(writer_end(&writer, &blob));
    return line_format(arena, &named, blob, out_line);
}

/* head || lines */
static enum status join(struct arena *arena, struct bytes head, const char *separator, const struct bytes *lines,
                        size_t line_count, struct bytes *out_note) {
    size_t len = head.len + strlen(separator);
    for (size_t i = 0; i < line_count; i++)
        len += lines[i].len;
    uint8_t *memory = arena_alloc(arena, len);
    ENSURE(memory, STATUS_MEMORY);
    struct writer writer = writer_init(memory, len);
    writer_put(&writer, head);
    writer_put(&writer, bytes_text(separator));
    for (size_t i = 0; i < line_count; i++)
        writer_put(&writer, lines[i]);
    return writer_end(&writer, out_note);
}

enum status note_build(struct arena *arena, struct bytes text, const struct bytes *lines, size_t line_count,
                       struct bytes *out_note) {
    ENSURE(line_count > 0 && text_ok(text), STATUS_MALFORMED);
    return join(arena, text, "\n", lines, line_count, out_note);
}

enum status note_append(struct arena *arena, struct bytes note, const struct bytes *lines, size_t line_count,
                        struct bytes *out_note) {
    return join(arena, note, "", lines, line_count, out_note);
}
