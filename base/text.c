/*
 * Hex, base64 and base64url. Owns nothing. Decoding is two passes: the whole text is checked first, so that a fixed
 * output stays untouched on failure.
 */
#include "base/text.h"

#include <string.h>

#include "base/checked.h"

/* An alphabet as digits and, per byte, the digit's value or TEXT_NONE. */
enum { TEXT_NONE = 0xff, TEXT_PADDED = 1, TEXT_BARE = 0 };

struct text_alphabet {
    char digits[65];
    uint8_t values[256];
    int padding;
};

static struct text_alphabet text_hex_alphabet = {.digits = "0123456789abcdef"};
static struct text_alphabet text_url_alphabet = {
    .digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    .padding = TEXT_BARE,
};
static struct text_alphabet text_standard_alphabet = {
    .digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    .padding = TEXT_PADDED,
};

static void text_fill_values(struct text_alphabet *alphabet) {
    memset(alphabet->values, TEXT_NONE, sizeof alphabet->values);
    for (size_t i = 0; alphabet->digits[i]; i++) {
        alphabet->values[(uint8_t)alphabet->digits[i]] = (uint8_t)i;
    }
}

/* Before main, so that the tables are constant in every thread. */
__attribute__((constructor)) static void text_fill_alphabets(void) {
    text_fill_values(&text_hex_alphabet);
    text_fill_values(&text_url_alphabet);
    text_fill_values(&text_standard_alphabet);
}

const char *text_hex(struct arena *arena, struct bytes from) {
    size_t size = 0;
    if (checked_mul_size(from.len, 2, &size) != STATUS_OK || checked_add_size(size, 1, &size) != STATUS_OK) return NULL;
    char *out = arena_alloc(arena, size);
    if (!out) return NULL;
    for (size_t i = 0; i < from.len; i++) {
        out[2 * i] = text_hex_alphabet.digits[from.data[i] >> 4];
        out[2 * i + 1] = text_hex_alphabet.digits[from.data[i] & 15];
    }
    return out;
}

/* One to three bytes as four digits; digits that no byte reaches are left out by the caller. */
static void text_encode_group(const char *digits, const uint8_t *from, size_t len, char out[4]) {
    uint32_t bits = (uint32_t)from[0] << 16;
    if (len > 1) bits |= (uint32_t)from[1] << 8;
    if (len > 2) bits |= (uint32_t)from[2];
    out[0] = digits[bits >> 18];
    out[1] = digits[(bits >> 12) & 63];
    out[2] = digits[(bits >> 6) & 63];
    out[3] = digits[bits & 63];
}

static const char *text_encode(struct arena *arena, struct bytes from, const struct text_alphabet *alphabet) {
    size_t size = 0;
    if (checked_mul_size(from.len / 3 + 1, 4, &size) != STATUS_OK) return NULL;
    if (checked_add_size(size, 1, &size) != STATUS_OK) return NULL;
    char *out = arena_alloc(arena, size);
    if (!out) return NULL;
    char *at = out;
    size_t whole = from.len - from.len % 3;
    for (size_t i = 0; i < whole; i += 3, at += 4) {
        text_encode_group(alphabet->digits, from.data + i, 3, at);
    }
    size_t rest = from.len - whole;
    if (rest > 0) {
        text_encode_group(alphabet->digits, from.data + whole, rest, at);
        memset(at + rest + 1, alphabet->padding == TEXT_PADDED ? '=' : '\0', 3 - rest);
    }
    return out;
}

const char *text_base64url(struct arena *arena, struct bytes from) {
    return text_encode(arena, from, &text_url_alphabet);
}

const char *text_base64(struct arena *arena, struct bytes from) {
    return text_encode(arena, from, &text_standard_alphabet);
}

static enum status text_check_hex(struct bytes text) {
    ENSURE(text.len % 2 == 0, STATUS_MALFORMED);
    uint8_t seen = 0;
    for (size_t i = 0; i < text.len; i++) {
        seen |= text_hex_alphabet.values[text.data[i]];
    }
    return seen == TEXT_NONE ? STATUS_MALFORMED : STATUS_OK;
}

/* text has passed text_check_hex; out has room for half its length. */
static void text_decode_hex(struct bytes text, uint8_t *out) {
    const uint8_t *values = text_hex_alphabet.values;
    for (size_t i = 0; i < text.len; i += 2) {
        out[i / 2] = (uint8_t)(values[text.data[i]] << 4 | values[text.data[i + 1]]);
    }
}

/* Takes off the padding that the standard demands for this length; refuses any other. */
static enum status text_strip_padding(struct bytes *text) {
    ENSURE(text->len % 4 == 0, STATUS_MALFORMED);
    for (int i = 0; i < 2 && text->len > 0 && text->data[text->len - 1] == '='; i++) {
        text->len--;
    }
    return STATUS_OK;
}

/* Digits only, a possible length, no bits left over. On success the text has no padding any more. */
static enum status text_check_base64(struct bytes *text, const struct text_alphabet *alphabet) {
    struct bytes bare = *text;
    if (alphabet->padding == TEXT_PADDED) TRY(text_strip_padding(&bare));
    size_t rest = bare.len % 4;
    ENSURE(rest != 1, STATUS_MALFORMED);
    uint8_t seen = 0;
    for (size_t i = 0; i < bare.len; i++) {
        seen |= alphabet->values[bare.data[i]];
    }
    ENSURE((seen & 0x80) == 0, STATUS_MALFORMED);
    uint8_t left_over = rest == 2 ? 15 : rest == 3 ? 3 : 0;
    ENSURE(rest == 0 || (alphabet->values[bare.data[bare.len - 1]] & left_over) == 0, STATUS_MALFORMED);
    *text = bare;
    return STATUS_OK;
}

static size_t text_decoded_len(size_t bare_len) { return bare_len / 4 * 3 + bare_len % 4 * 3 / 4; }

/* text has passed text_check_base64; out has room for text_decoded_len bytes. */
static void text_decode_base64(struct bytes text, const struct text_alphabet *alphabet, uint8_t *out) {
    uint32_t bits = 0;
    const uint8_t *from = text.data;
    const uint8_t *values = alphabet->values;
    for (size_t i = 0; i < text.len / 4; i++, from += 4, out += 3) {
        bits = (uint32_t)values[from[0]] << 18 | (uint32_t)values[from[1]] << 12 | (uint32_t)values[from[2]] << 6 |
               values[from[3]];
        out[0] = (uint8_t)(bits >> 16);
        out[1] = (uint8_t)(bits >> 8);
        out[2] = (uint8_t)bits;
    }
    size_t rest = text.len % 4;
    if (rest == 0) return;
    bits = (uint32_t)values[from[0]] << 18 | (uint32_t)values[from[1]] << 12;
    out[0] = (uint8_t)(bits >> 16);
    if (rest == 3) out[1] = (uint8_t)((bits | (uint32_t)values[from[2]] << 6) >> 8);
}

enum status text_from_hex(struct arena *arena, struct bytes text, struct bytes *out_bytes) {
    TRY(text_check_hex(text));
    uint8_t *out = arena_alloc(arena, text.len / 2);
    ENSURE(out, STATUS_MEMORY);
    text_decode_hex(text, out);
    *out_bytes = BYTES(out, text.len / 2);
    return STATUS_OK;
}

static enum status text_decode(struct arena *arena, struct bytes text, const struct text_alphabet *alphabet,
                               struct bytes *out_bytes) {
    TRY(text_check_base64(&text, alphabet));
    size_t len = text_decoded_len(text.len);
    uint8_t *out = arena_alloc(arena, len);
    ENSURE(out, STATUS_MEMORY);
    text_decode_base64(text, alphabet, out);
    *out_bytes = BYTES(out, len);
    return STATUS_OK;
}

enum status text_from_base64url(struct arena *arena, struct bytes text, struct bytes *out_bytes) {
    return text_decode(arena, text, &text_url_alphabet, out_bytes);
}

enum status text_from_base64(struct arena *arena, struct bytes text, struct bytes *out_bytes) {
    return text_decode(arena, text, &text_standard_alphabet, out_bytes);
}

static enum status text_decode_fixed(struct bytes text, const struct text_alphabet *alphabet, void *out, size_t len) {
    TRY(text_check_base64(&text, alphabet));
    ENSURE(text_decoded_len(text.len) == len, STATUS_MALFORMED);
    text_decode_base64(text, alphabet, out);
    return STATUS_OK;
}

enum status text_fixed_base64url(struct bytes text, void *out, size_t len) {
    return text_decode_fixed(text, &text_url_alphabet, out, len);
}

enum status text_fixed_base64(struct bytes text, void *out, size_t len) {
    return text_decode_fixed(text, &text_standard_alphabet, out, len);
}

enum status text_fixed_hex(struct bytes text, void *out, size_t len) {
    ENSURE(text.len / 2 == len, STATUS_MALFORMED);
    TRY(text_check_hex(text));
    text_decode_hex(text, out);
    return STATUS_OK;
}

enum status text_to_u64(struct bytes text, uint64_t *out_value) {
    ENSURE(text.len > 0, STATUS_MALFORMED);
    ENSURE(text.len == 1 || text.data[0] != '0', STATUS_MALFORMED);
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)text.data[i] - '0';
        ENSURE(digit <= 9, STATUS_MALFORMED);
        bool overflows = __builtin_mul_overflow(value, UINT64_C(10), &value);
        ENSURE(!overflows && !__builtin_add_overflow(value, (uint64_t)digit, &value), STATUS_MALFORMED);
    }
    *out_value = value;
    return STATUS_OK;
}
