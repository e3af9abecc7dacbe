/*
 * Between bytes and the validated structs of this layer, by tables (proto/codec_table.h). Each struct mirrors one
 * message of the .proto files, with the same field names; protobuf-c's own types stay behind this interface.
 *
 * The shapes of fields: fixed bytes are arrays or types of exactly that size (struct hash, struct id16, struct
 * sign_public); bytes of varying length, and fixed bytes that may be absent (length 0 or exact), are struct bytes; text
 * is const char *, never NULL after parsing; a repeated field is a pointer and a count named n_FIELD. After parsing,
 * everything lies in the arena: nothing points into the bytes that were parsed.
 *
 * One message has one encoding and parsing accepts no other (docs/protocol.md section 1): fields in ascending order,
 * singular ones once, shortest varints, no explicit defaults, repeated numbers packed. What parses, encodes to the same
 * bytes. Any thread; the arena has one owner. Parsing takes about the message's own size from the arena, and up to 500
 * bytes for each element of a list; a full PUBLISH, through Signed and Envelope, takes 5 MiB.
 */
#ifndef PROTO_CODEC_H
#define PROTO_CODEC_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"

struct codec;

/* Parses into *out, a struct of the codec's type. federation is compared with the message's own; NULL compares nothing.
 * STATUS_VERSION for a version other than 1, STATUS_FEDERATION, STATUS_TOO_LARGE above a bound (length, count, number),
 * STATUS_MALFORMED for everything else that docs/protocol.md section 1 refuses, STATUS_MEMORY. */
enum status codec_parse(const struct codec *codec, struct arena *arena, const char *federation, struct bytes from,
                        void *out);

/* Encodes into the arena and checks the result as parsing would: the same errors for content that a reader would
 * refuse. NULL stands for empty text. */
enum status codec_encode(const struct codec *codec, struct arena *arena, const void *in, struct bytes *out_bytes);

/* Declares NAME_parse(arena, from, out) and NAME_encode(arena, in, out_bytes) for a struct; errors as above. */
#define CODEC_DECLARE(name, type)                                                                                      \
    extern const struct codec name##_codec;                                                                            \
    static inline enum status name##_parse(struct arena *arena, struct bytes from, struct type *out) {                 \
        return codec_parse(&name##_codec, arena, NULL, from, out);                                                     \
    }                                                                                                                  \
    CODEC_DECLARE_ENCODE(name, type)

/* The same for an object that names its federation: NAME_parse(arena, federation, from, out). */
#define CODEC_DECLARE_BOUND(name, type)                                                                                \
    extern const struct codec name##_codec;                                                                            \
    static inline enum status name##_parse(struct arena *arena, const char *federation, struct bytes from,             \
                                           struct type *out) {                                                         \
        return codec_parse(&name##_codec, arena, federation, from, out);                                               \
    }                                                                                                                  \
    CODEC_DECLARE_ENCODE(name, type)

/* Only NAME_encode, where parsing checks more than a table can say and is declared by hand. */
#define CODEC_DECLARE_ENCODE(name, type)                                                                               \
    static inline enum status name##_encode(struct arena *arena, const struct type *in, struct bytes *out_bytes) {     \
        return codec_encode(&name##_codec, arena, in, out_bytes);                                                      \
    }

#endif
