/*
 * Signed notes: C2SP signed-note (c2sp.org/signed-note). A text that ends in a newline, an empty line, then signature
 * lines "U+2014 SPACE name SPACE base64(key id || signature)".
 *
 * A note is read in two steps, so that nobody uses an unverified text by accident of naming: note_parse only splits,
 * note_verify decides. Signatures of unknown keys are ignored; a known key with a bad signature rejects the note.
 * Stricter than the specification in one point: U+007F is refused too.
 *
 * Types: 01 Ed25519 over the text; 04 cosignature/v1 (c2sp.org/tlog-cosignature), Ed25519 over
 * "cosignature/v1\ntime T\n" and the text, preceded by the time as u64. A cosigner uses its key for nothing else.
 *
 * Pure; memory comes from the caller's arena. Any thread.
 */
#ifndef PROTO_NOTE_H
#define PROTO_NOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "keys/sign.h"

/* The specification demands at least 16; witnesses of a large federation may all sign. */
#define NOTE_SIGNATURES_MAX 100
/* Key names are origins and host names. */
#define NOTE_NAME_BYTES_MAX 255
/* Base64 decoded: room for post-quantum signatures of other logs' keys, which are ignored. */
#define NOTE_SIGNATURE_BYTES_MAX 6144
/* A text of a checkpoint, and NOTE_SIGNATURES_MAX Ed25519 lines with long names. */
#define NOTE_BYTES_MAX 65536

enum note_type {
    NOTE_ED25519 = 0x01,
    NOTE_COSIGNATURE = 0x04,
};

/* A verifier key. name is a view: valid as long as what it was made from. */
struct note_key {
    struct bytes name;
    enum note_type type;
    uint32_t id;
    struct sign_public key;
};

struct note_signature {
    struct bytes name;
    uint32_t key_id;
    /* What follows the key id. */
    struct bytes blob;
};

struct note {
    /* With its final newline. */
    struct bytes text;
    const struct note_signature *signatures;
    size_t signature_count;
};

/* What one verifier key said about a note. time_s (Unix time) only for cosignatures, else 0. */
struct note_result {
    bool verified;
    uint64_t time_s;
};

/* Non-empty UTF-8 without white space, plus sign or control characters, at most NOTE_NAME_BYTES_MAX. */
bool note_name_ok(struct bytes name);

/* The first 4 bytes of SHA-256(name || 0A || type || public key). */
uint32_t note_key_id(struct bytes name, enum note_type type, const struct sign_public *key);

/* A verifier key with its id. STATUS_MALFORMED for a name that may not be one. */
enum status note_key_make(struct bytes name, enum note_type type, const struct sign_public *key,
                          struct note_key *out_key);

/* "name+hexid+base64(type || public key)". STATUS_MALFORMED unless exact, also when the id does not belong to the rest;
 * STATUS_UNSUPPORTED for another type. out_key's name is a view into text. */
enum status note_key_parse(struct bytes text, struct note_key *out_key);

/* NUL-terminated, in the arena; NULL when it is full. */
const char *note_key_format(struct arena *arena, const struct note_key *key);

/* Splits a note; checks every rule of form. Views point into `from` and the arena. STATUS_MALFORMED, STATUS_TOO_LARGE
 * (a bound above), STATUS_MEMORY. */
enum status note_parse(struct arena *arena, struct bytes from, struct note *out_note);

/* Verifies the signature lines of known keys. out_results has one place for each key. STATUS_SIGNATURE when a line of a
 * known key is bad, or when no known key signed. A key that signed twice counts once, with its latest time.
 * The arena serves as scratch for cosignatures: STATUS_MEMORY. */
enum status note_verify(struct arena *arena, const struct note *note, const struct note_key *keys, size_t key_count,
                        struct note_result *out_results);

/* One signature line with its newline, in the arena: by a key of type 01 over the text. The text ends in a newline and
 * is valid, name is valid: else STATUS_MALFORMED. STATUS_MEMORY. */
enum status note_sign(struct arena *arena, struct bytes name, const struct sign_private *key, struct bytes text,
                      struct bytes *out_line);

/* The same by a key of type 04, at time_s (below 2^63: else STATUS_TIME). Whoever calls has checked consistency. */
enum status note_cosign(struct arena *arena, struct bytes name, const struct sign_private *key, uint64_t time_s,
                        struct bytes text, struct bytes *out_line);

/* The text, an empty line, the lines as they are: a note. At least one line: else STATUS_MALFORMED. STATUS_MEMORY. */
enum status note_build(struct arena *arena, struct bytes text, const struct bytes *lines, size_t line_count,
                       struct bytes *out_note);

/* A note with further signature lines at its end. Both are taken as they are; reading the result checks them.
 * STATUS_MEMORY. */
enum status note_append(struct arena *arena, struct bytes note, const struct bytes *lines, size_t line_count,
                        struct bytes *out_note);

#endif
