/*
 * A published log in a directory (docs/protocol.md section 14): its files, and what the verifier must know of the
 * federation. Nothing that is read here is to be believed: the audit checks it. Any thread may read files.
 */
#ifndef BROKER_AUDIT_MIRROR_H
#define BROKER_AUDIT_MIRROR_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "keys/sign.h"
#include "proto/limits.h"
#include "proto/note.h"
#include "proto/tile.h"

/* federation.json. Pointers live in the arena it was parsed into. */
struct mirror_federation {
    const char *name;
    uint64_t epoch;
    const char *log_vkey;
    struct sign_public authority[LIMIT_AUTHORITY_KEYS];
    size_t n_authority;
    uint32_t threshold;
};

struct mirror {
    const char *dir; /* not copied */
};

/* The members of section 14, and any others; keys in text form or as "sluss-sign:..." lines. STATUS_MALFORMED,
 * STATUS_TOO_LARGE, STATUS_MEMORY. */
enum status mirror_federation_parse(struct arena *arena, struct bytes json, struct mirror_federation *out);

/* Errors of base/file.h for all that follow. */
enum status mirror_federation_read(const struct mirror *mirror, struct arena *arena, struct mirror_federation *out);
enum status mirror_checkpoint(const struct mirror *mirror, struct arena *arena, struct bytes *out_note);

/* A tile_fetch_fn; context is the mirror. */
enum status mirror_tile(void *mirror, const struct tile *tile, struct arena *arena, struct bytes *out_content);

enum mirror_part { MIRROR_OPENINGS, MIRROR_EVIDENCE };

/* The encoded part for leaves [256 number, 256 number + 256). */
enum status mirror_part_read(const struct mirror *mirror, enum mirror_part part, uint64_t number, struct arena *arena,
                             struct bytes *out_content);

/* The log key of the federation file; its name must be the origin of federation and epoch. STATUS_MALFORMED. */
enum status mirror_log_key(struct arena *arena, const struct mirror_federation *federation, struct note_key *out_key);

#endif
