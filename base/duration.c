/*
 * Durations. Trusts nothing about the text; every sum is checked before it is made.
 */
#include "base/duration.h"

#include <stdbool.h>

/* In the order in which they must stand; weeks stand alone (checked at the end). */
static const struct part {
    char letter;
    bool after_t;
    uint64_t seconds;
} parts[] = {
    {'W', false, 604800}, {'D', false, 86400}, {'H', true, 3600}, {'M', true, 60}, {'S', true, 1},
};
enum { PART_COUNT = sizeof parts / sizeof *parts, DIGITS_MAX = 10 };

static enum status take_number(struct reader *reader, uint64_t *out_value) {
    uint64_t value = 0;
    size_t digits = 0;
    while (reader->rest.len > 0 && *reader->rest.data >= '0' && *reader->rest.data <= '9') {
        ENSURE(++digits <= DIGITS_MAX, STATUS_TOO_LARGE);
        value = value * 10 + (uint64_t)(reader_u8(reader) - '0');
    }
    ENSURE(digits > 0, STATUS_MALFORMED);
    *out_value = value;
    return STATUS_OK;
}

static enum status add(uint64_t *total, uint64_t count, uint64_t each) {
    ENSURE(count <= DURATION_MAX_S / each && *total + count * each <= DURATION_MAX_S, STATUS_TOO_LARGE);
    *total += count * each;
    return STATUS_OK;
}

/* One number with its letter, which must come later in the table than the one before. */
static enum status take_part(struct reader *reader, bool in_time, size_t *next, uint64_t *total) {
    uint64_t count = 0;
    TRY(take_number(reader, &count));
    char letter = (char)reader_u8(reader);
    for (size_t i = *next; i < PART_COUNT; i++) {
        if (parts[i].letter != letter || parts[i].after_t != in_time) continue;
        *next = i + 1;
        return add(total, count, parts[i].seconds);
    }
    return STATUS_MALFORMED;
}

enum status duration_parse(struct bytes text, uint64_t *out_seconds) {
    struct reader reader = reader_init(text);
    bool weeks = text.len > 0 && text.data[text.len - 1] == 'W';
    bool in_time = false;
    size_t next = 0;
    size_t count = 0;
    uint64_t total = 0;
    ENSURE(reader_u8(&reader) == 'P', STATUS_MALFORMED);
    while (reader.rest.len > 0) {
        if (!in_time && *reader.rest.data == 'T') {
            in_time = true;
            (void)reader_u8(&reader);
        }
        TRY(take_part(&reader, in_time, &next, &total));
        count++;
        ENSURE(next != 1 || weeks, STATUS_MALFORMED);
    }
    ENSURE(count > 0, STATUS_MALFORMED);
    *out_seconds = total;
    return STATUS_OK;
}

static const char *part_text(struct arena *arena, const char *before, uint64_t *rest, uint64_t each, char letter) {
    uint64_t count = *rest / each;
    *rest %= each;
    if (count == 0) return before;
    return arena_printf(arena, "%s%llu%c", before, (unsigned long long)count, letter);
}

const char *duration_text(struct arena *arena, uint64_t seconds) {
    if (seconds == 0) return "PT0S";
    uint64_t rest = seconds;
    const char *text = part_text(arena, "P", &rest, 86400, 'D');
    if (text && rest > 0) text = arena_printf(arena, "%sT", text);
    if (text) text = part_text(arena, text, &rest, 3600, 'H');
    if (text) text = part_text(arena, text, &rest, 60, 'M');
    if (text) text = part_text(arena, text, &rest, 1, 'S');
    return text;
}
