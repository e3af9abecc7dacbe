/*
 * Views of bytes, a sticky reader and a sticky writer.
 *
 * A view (struct bytes) never owns: it is valid as long as what it was taken from. Reader and writer keep their first
 * error and then do nothing, so that a parser reads as a straight list with one check at the end: reader_end() or
 * writer_end(). All integers are big-endian. Nothing here is constant-time but bytes_equal_ct.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct bytes {
    const uint8_t *data;
    size_t len;
};

#define BYTES_EMPTY            ((struct bytes){NULL, 0})
#define BYTES(pointer, length) ((struct bytes){(const uint8_t *)(pointer), (length)})
/* For arrays only. */
#define BYTES_ARRAY(array) ((struct bytes){(const uint8_t *)(array), sizeof(array)})

struct bytes bytes_text(const char *text);
bool bytes_equal(struct bytes a, struct bytes b);
/* Same length and content; time depends on the length only. */
bool bytes_equal_ct(struct bytes a, struct bytes b);
bool bytes_equal_text(struct bytes a, const char *text);
/* Lexicographic: negative, zero, positive. */
int bytes_compare(struct bytes a, struct bytes b);
/* Valid UTF-8 (RFC 3629: shortest form, no surrogates) without control characters U+0000-U+001F and U+007F. */
bool bytes_is_text(struct bytes a);

struct reader {
    struct bytes rest;
    enum status status;
};

struct reader reader_init(struct bytes from);
uint8_t reader_u8(struct reader *reader);
uint16_t reader_u16(struct reader *reader);
uint32_t reader_u32(struct reader *reader);
uint64_t reader_u64(struct reader *reader);
/* A view of the next len bytes; empty after an error. */
struct bytes reader_take(struct reader *reader, size_t len);
/* Copies len bytes; zero-fills out on error. */
void reader_copy(struct reader *reader, void *out, size_t len);
/* u32 length, then that many bytes; STATUS_TOO_LARGE above max_bytes. */
struct bytes reader_vector(struct reader *reader, size_t max_bytes);
/* Marks the reader as failed (first error wins). */
void reader_fail(struct reader *reader, enum status status);
/* The sticky status, or STATUS_MALFORMED when bytes are left over. */
enum status reader_end(const struct reader *reader);

/* Writes into memory that the caller owns; never beyond cap. */
struct writer {
    uint8_t *data;
    size_t len;
    size_t cap;
    enum status status;
};

struct writer writer_init(void *memory, size_t cap_bytes);
void writer_u8(struct writer *writer, uint8_t value);
void writer_u16(struct writer *writer, uint16_t value);
void writer_u32(struct writer *writer, uint32_t value);
void writer_u64(struct writer *writer, uint64_t value);
void writer_put(struct writer *writer, struct bytes from);
/* u32 length, then the bytes. */
void writer_vector(struct writer *writer, struct bytes from);
/* The written bytes, or the sticky status (STATUS_TOO_LARGE when cap was reached). */
enum status writer_end(const struct writer *writer, struct bytes *out_written);

#endif
