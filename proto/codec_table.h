/*
 * Tables that describe how the fields of a message become a struct: for the .c files of proto/ only, which define one
 * struct codec for each message. Rows stand in the order of the field numbers, one for each field; a unit test walks
 * the descriptors and the tables side by side. Sizes of fixed bytes come from the C types, so that they cannot differ.
 */
#ifndef PROTO_CODEC_TABLE_H
#define PROTO_CODEC_TABLE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"
#include "proto/ids.h"
#include "proto/kind.h"
#include "proto/limits.h"

struct ProtobufCMessageDescriptor;

enum codec_kind {
    CODEC_FIXED,   /* exactly `most` bytes, into an array or a type of that size */
    CODEC_BYTES,   /* struct bytes of `least` to `most` bytes */
    CODEC_TEXT,    /* const char *, `least` to `most` bytes */
    CODEC_NUMBER,  /* uint32_t or uint64_t, `least` to `most` */
    CODEC_ENUM,    /* an enum, `least` to `most` */
    CODEC_BOOL,    /* bool */
    CODEC_MESSAGE, /* array of structs of the nested codec; lists only */
};

enum codec_flag {
    CODEC_LIST = 1,         /* repeated: pointer and count */
    CODEC_ASCENDING = 2,    /* list without repeats in rising order (bytes and text: lexicographic) */
    CODEC_MAY_BE_EMPTY = 4, /* bytes and text: length 0 besides least to most */
    CODEC_VERSION = 8,      /* must be 1 */
    CODEC_FEDERATION = 16,  /* compared with the reader's own */
};

struct codec_field {
    const char *name;
    enum codec_kind kind;
    unsigned flags; /* enum codec_flag */
    size_t offset;
    size_t count_offset; /* lists: of the size_t */
    size_t size;         /* bytes in the struct: of the field, or of one element of a list */
    uint64_t least;      /* of one value: number, or length in bytes */
    uint64_t most;
    uint32_t fewest; /* lists: elements */
    uint32_t utmost;
    bool (*check)(struct bytes text); /* form of a text; not asked for an empty one that may be; or NULL */
    const struct codec *nested;
};

struct codec {
    const char *name; /* of the message, as in the .proto file */
    const struct ProtobufCMessageDescriptor *descriptor;
    size_t size; /* of the struct */
    const struct codec_field *fields;
    size_t n_fields;
};

/* Checks the wire form of a message against its table, nested ones included, without converting anything. Errors as
 * codec_parse. federation NULL compares nothing. */
enum status codec_scan(const struct codec *codec, const char *federation, struct bytes from);

#define CODEC_DEFINE(codec_name, message, type, pb_descriptor, rows)                                                   \
    const struct codec codec_name##_codec = {message, &(pb_descriptor), sizeof(struct type), (rows),                   \
                                             sizeof(rows) / sizeof((rows)[0])};

#define CODEC_SIZE(type, field)    sizeof(((struct type *)NULL)->field)
#define CODEC_ELEMENT(type, field) sizeof(*((struct type *)NULL)->field)
/* The offset of a field, which must be of this C type. */
#define CODEC_AT(type, field, c_type)                                                                                  \
    (offsetof(struct type, field) +                                                                                    \
     0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((struct type *)NULL)->field), c_type) ? 1 : -1]))

#define CODEC_ROW_VERSION(type)                                                                                        \
    {                                                                                                                  \
        .name = "version", .kind = CODEC_NUMBER, .flags = CODEC_VERSION, .offset = CODEC_AT(type, version, uint32_t),  \
        .size = sizeof(uint32_t), .least = 1, .most = 1                                                                \
    }
#define CODEC_ROW_FEDERATION(type)                                                                                     \
    {                                                                                                                  \
        .name = "federation", .kind = CODEC_TEXT, .flags = CODEC_FEDERATION,                                           \
        .offset = CODEC_AT(type, federation, const char *), .least = 1, .most = LIMIT_FEDERATION_BYTES,                \
        .check = ids_is_federation                                                                                     \
    }

#define CODEC_ROW_FIXED(type, field)                                                                                   \
    {                                                                                                                  \
        .name = #field, .kind = CODEC_FIXED, .offset = offsetof(struct type, field), .size = CODEC_SIZE(type, field),  \
        .least = CODEC_SIZE(type, field), .most = CODEC_SIZE(type, field)                                              \
    }
#define CODEC_ROW_BYTES(type, field, from, to)                                                                         \
    {                                                                                                                  \
        .name = #field, .kind = CODEC_BYTES, .offset = CODEC_AT(type, field, struct bytes), .least = (from),           \
        .most = (to)                                                                                                   \
    }
/* Empty or exactly len bytes. */
#define CODEC_ROW_ABSENT_OR(type, field, len)                                                                          \
    {                                                                                                                  \
        .name = #field, .kind = CODEC_BYTES, .flags = CODEC_MAY_BE_EMPTY,                                              \
        .offset = CODEC_AT(type, field, struct bytes), .least = (len), .most = (len)                                   \
    }
#define CODEC_ROW_TEXT(type, field, from, to)                                                                          \
    { .name = #field, .kind = CODEC_TEXT, .offset = CODEC_AT(type, field, const char *), .least = (from), .most = (to) }
#define CODEC_ROW_NAME(type, field, to, form)                                                                          \
    {                                                                                                                  \
        .name = #field, .kind = CODEC_TEXT, .offset = CODEC_AT(type, field, const char *), .least = 1, .most = (to),   \
        .check = (form)                                                                                                \
    }
/* Empty or of this form. */
#define CODEC_ROW_NAME_OR_NONE(type, field, to, form)                                                                  \
    {                                                                                                                  \
        .name = #field, .kind = CODEC_TEXT, .flags = CODEC_MAY_BE_EMPTY,                                               \
        .offset = CODEC_AT(type, field, const char *), .least = 1, .most = (to), .check = (form)                       \
    }
#define CODEC_ROW_U32(type, field, from, to)                                                                           \
    {                                                                                                                  \
        .name = #field, .kind = CODEC_NUMBER, .offset = CODEC_AT(type, field, uint32_t), .size = sizeof(uint32_t),     \
        .least = (from), .most = (to)                                                                                  \
    }
#define CODEC_ROW_U64(type, field, from, to)                                                                           \
    {                                                                                                                  \
        .name = #field, .kind = CODEC_NUMBER, .offset = CODEC_AT(type, field, uint64_t), .size = sizeof(uint64_t),     \
        .least = (from), .most = (to)                                                                                  \
    }
#define CODEC_ROW_ENUM(type, field, c_type, to)                                                                        \
    {                                                                                                                  \
        .name = #field, .kind = CODEC_ENUM, .offset = CODEC_AT(type, field, c_type), .size = sizeof(int), .least = 1,  \
        .most = (to)                                                                                                   \
    }
#define CODEC_ROW_BOOL(type, field)                                                                                    \
    { .name = #field, .kind = CODEC_BOOL, .offset = CODEC_AT(type, field, bool), .size = sizeof(bool), .most = 1 }

#define CODEC_LIST_AT(type, field, c_type)                                                                             \
    .offset = CODEC_AT(type, field, const c_type *), .count_offset = CODEC_AT(type, n_##field, size_t),                \
    .size = CODEC_ELEMENT(type, field)
/* Elements are types of fixed size, as CODEC_FIXED. */
#define CODEC_ROW_FIXED_LIST(type, field, c_type, few, many)                                                           \
    {                                                                                                                  \
        .name = #field, .kind = CODEC_FIXED, .flags = CODEC_LIST, CODEC_LIST_AT(type, field, c_type),                  \
        .least = CODEC_ELEMENT(type, field), .most = CODEC_ELEMENT(type, field), .fewest = (few), .utmost = (many)     \
    }
#define CODEC_ROW_BYTES_LIST(type, field, to, few, many)                                                               \
    {                                                                                                                  \
        .name = #field, .kind = CODEC_BYTES, .flags = CODEC_LIST, CODEC_LIST_AT(type, field, struct bytes),            \
        .least = 1, .most = (to), .fewest = (few), .utmost = (many)                                                    \
    }
#define CODEC_ROW_NAME_LIST(type, field, to, form, order, few, many)                                                   \
    {                                                                                                                  \
        .name = #field, .kind = CODEC_TEXT, .flags = CODEC_LIST | (order), CODEC_LIST_AT(type, field, char *const),    \
        .least = 1, .most = (to), .fewest = (few), .utmost = (many), .check = (form)                                   \
    }
#define CODEC_ROW_U32_LIST(type, field, order, from, to, few, many)                                                    \
    {                                                                                                                  \
        .name = #field, .kind = CODEC_NUMBER, .flags = CODEC_LIST | (order), CODEC_LIST_AT(type, field, uint32_t),     \
        .least = (from), .most = (to), .fewest = (few), .utmost = (many)                                               \
    }
#define CODEC_ROW_KINDS(type, field, order, few) CODEC_ROW_U32_LIST(type, field, order, 1, KIND_LAST, few, LIMIT_KINDS)
#define CODEC_ROW_MESSAGES(type, field, c_type, codec, few, many)                                                      \
    {                                                                                                                  \
        .name = #field, .kind = CODEC_MESSAGE, .flags = CODEC_LIST, CODEC_LIST_AT(type, field, struct c_type),         \
        .nested = &(codec), .fewest = (few), .utmost = (many)                                                          \
    }

#define CODEC_ANY_ORDER 0

#endif
