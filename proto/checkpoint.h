/*
 * Checkpoints: the head of a log as the text of a signed note (c2sp.org/tlog-checkpoint). Three lines: origin, number
 * of entries, base64 of the root; then, in other logs than ours, extension lines, which are kept but mean nothing here.
 *
 * The origin of a Sluss log is federation + "/log/" + epoch, and it is the name of the log's key.
 *
 * Pure; memory comes from the caller's arena. Any thread.
 */
#ifndef PROTO_CHECKPOINT_H
#define PROTO_CHECKPOINT_H

#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "keys/hash.h"
#include "proto/note.h"

struct checkpoint {
    struct bytes origin;
    uint64_t size;
    struct hash root;
    /* Whole lines with their newlines; empty in what we sign. */
    struct bytes extensions;
};

/* "FEDERATION/log/EPOCH", in the arena; NULL when it is full. */
const char *checkpoint_origin(struct arena *arena, const char *federation, uint64_t epoch);

/* The text of a note. Views into text. STATUS_MALFORMED: fewer than three lines, an empty line, a number with leading
 * zeros or above MERKLE_SIZE_MAX, a root that is not 32 bytes, an empty tree with another root than its own. */
enum status checkpoint_parse(struct bytes text, struct checkpoint *out_checkpoint);

/* The text that is signed. STATUS_MALFORMED when it could not be read back, STATUS_MEMORY. */
enum status checkpoint_format(struct arena *arena, const struct checkpoint *checkpoint, struct bytes *out_text);

/* A signed note is taken apart, verified, and accepted as a checkpoint of the log: keys[0] is the log's (type 01) and
 * must have signed; its name must be the origin. The other keys are cosigners that may have signed; out_results (one
 * place for each of keys) says who did, and when. Errors of note_parse, note_verify and checkpoint_parse;
 * STATUS_SIGNATURE when the log has not signed; STATUS_MALFORMED for another origin. */
enum status checkpoint_open(struct arena *arena, struct bytes signed_note, const struct note_key *keys,
                            size_t key_count, struct checkpoint *out_checkpoint, struct note_result *out_results);

/* The checkpoint's note signed by the log: key's name is the origin. STATUS_MALFORMED, STATUS_MEMORY. */
enum status checkpoint_sign(struct arena *arena, const struct checkpoint *checkpoint, const struct sign_private *key,
                            struct bytes *out_note);

#endif
