/*
 * The sticky reader under a program of reads. Input: a length byte n, n bytes that choose the reads, then what is read.
 * After an error nothing may come out any more; what came out before lies within the input.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_view(struct bytes all, struct bytes view) {
    if (view.len == 0) return;
    if (view.data < all.data || view.data + view.len > all.data + all.len) abort();
}

static void read_one(struct reader *reader, struct bytes all, uint8_t choice) {
    uint8_t copy[32];
    switch (choice % 8) {
    case 0:
        (void)reader_u8(reader);
        break;
    case 1:
        (void)reader_u16(reader);
        break;
    case 2:
        (void)reader_u32(reader);
        break;
    case 3:
        (void)reader_u64(reader);
        break;
    case 4:
        check_view(all, reader_take(reader, choice >> 3));
        break;
    case 5:
        check_view(all, reader_vector(reader, (size_t)choice >> 3));
        break;
    case 6:
        check_view(all, reader_vector(reader, SIZE_MAX));
        break;
    default:
        reader_copy(reader, copy, choice >> 3);
        break;
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    struct reader reader = reader_init(BYTES(data, size));
    struct bytes program = reader_take(&reader, reader_u8(&reader));
    struct bytes all = reader.rest;
    for (size_t i = 0; i < program.len; i++) {
        read_one(&reader, all, program.data[i]);
        if (reader.status != STATUS_OK && (reader.rest.len != 0 || reader_u64(&reader) != 0)) abort();
    }
    if ((reader_end(&reader) == STATUS_OK) != (reader.status == STATUS_OK && reader.rest.len == 0)) abort();
    return 0;
}
