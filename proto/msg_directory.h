/*
 * Messages about the log and the directory: CHECKPOINT, COSIGN, DIRECTORY, with their answers.
 */
#ifndef PROTO_MSG_DIRECTORY_H
#define PROTO_MSG_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "keys/hash.h"
#include "proto/codec.h"

struct msg_checkpoint_ask {
    uint64_t have; /* size of the tree known; 0: none */
    bool cosigned; /* the newest with K cosignatures, instead of the newest */
};

struct msg_checkpoint_answer {
    struct bytes checkpoint; /* signed note, cosignature lines included */
    const struct hash *consistency;
    size_t n_consistency; /* from `have` */
};

struct msg_cosign {
    struct bytes cosigned; /* the note with this witness's line */
};

struct msg_directory_ask {
    uint64_t after;
    uint32_t most;
};

struct msg_directory_answer {
    const struct bytes *entries; /* MultiSigned DirectoryEntry each */
    size_t n_entries;
    const struct bytes *receipts; /* one for each */
    size_t n_receipts;
    struct bytes head; /* Signed DirectoryHead */
};

CODEC_DECLARE(msg_checkpoint_ask, msg_checkpoint_ask)
CODEC_DECLARE(msg_checkpoint_answer, msg_checkpoint_answer)
CODEC_DECLARE(msg_cosign, msg_cosign)
CODEC_DECLARE(msg_directory_ask, msg_directory_ask)
CODEC_DECLARE(msg_directory_answer, msg_directory_answer)

#endif
