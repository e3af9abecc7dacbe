/* Text decoders: what is accepted is canonical, so encoding the result gives the input back. First byte: which one. */
#include <stdlib.h>

#include "base/text.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

typedef enum status decode_fn(struct arena *arena, struct bytes text, struct bytes *out_bytes);
typedef const char *encode_fn(struct arena *arena, struct bytes from);

static void check_round_trip(struct bytes text, decode_fn *decode, encode_fn *encode) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(text.len * 4 + 64);
    struct bytes plain = BYTES_EMPTY;
    if (!arena || decode(arena, text, &plain) != STATUS_OK) return;
    const char *again = encode(arena, plain);
    if (!again || !bytes_equal_text(text, again)) abort();
}

static void check_fixed(struct bytes text) {
    uint8_t out[32];
    IGNORE(text_fixed_base64url(text, out, sizeof out));
    IGNORE(text_fixed_hex(text, out, sizeof out));
}

static void check_decimal(struct bytes text) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(64);
    uint64_t value = 0;
    if (!arena || text_to_u64(text, &value) != STATUS_OK) return;
    const char *again = arena_printf(arena, "%llu", (unsigned long long)value);
    if (!again || !bytes_equal_text(text, again)) abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    if (size == 0) return 0;
    struct bytes text = {data + 1, size - 1};
    switch (data[0] % 6) {
    case 0:
        check_round_trip(text, text_from_hex, text_hex);
        break;
    case 1:
        check_round_trip(text, text_from_base64url, text_base64url);
        break;
    case 2:
        check_round_trip(text, text_from_base64, text_base64);
        break;
    case 3:
        check_fixed(text);
        break;
    case 4:
        check_decimal(text);
        break;
    default:
        (void)bytes_is_text(text);
        break;
    }
    return 0;
}
