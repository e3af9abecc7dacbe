/*
 * Codecs of hello, preface and their answers. Trusts nothing of the bytes; an encoder writes only what its parser
 * takes.
 */
#include "proto/preface.h"

#include <assert.h>
#include <string.h>

enum { PREFACE_LAYOUT = 1 };

static const char hello_magic[] = "SLUS";
static const char answer_magic[] = "SLUA";

const char *preface_verdict_name(enum preface_verdict verdict) {
    static const char *const names[PREFACE_VERDICT_COUNT] = {
        [PREFACE_ADMITTED] = "admitted",
        [PREFACE_UNKNOWN_CERTIFICATE] = "unknown_certificate",
        [PREFACE_REMOVED] = "removed",
        [PREFACE_OLDER_INSTANCE] = "older_instance",
        [PREFACE_TOO_MANY] = "too_many_connections",
        [PREFACE_PROTOCOL_VERSION] = "protocol_version",
        [PREFACE_NOT_NOW] = "not_now",
    };
    return verdict < PREFACE_VERDICT_COUNT ? names[verdict] : "unknown";
}

static bool hello_is_valid(const struct preface_hello *hello) {
    return hello->lowest_version >= 1 && hello->lowest_version <= hello->highest_version;
}

static void hello_write(struct writer *writer, const struct preface_hello *hello) {
    writer_u16(writer, hello->lowest_version);
    writer_u16(writer, hello->highest_version);
    writer_put(writer, BYTES_ARRAY(hello->instance));
    writer_u64(writer, hello->epoch);
}

static struct preface_hello hello_read(struct reader *reader) {
    struct preface_hello hello = {0};
    hello.lowest_version = reader_u16(reader);
    hello.highest_version = reader_u16(reader);
    reader_copy(reader, hello.instance, sizeof hello.instance);
    hello.epoch = reader_u64(reader);
    if (!hello_is_valid(&hello)) reader_fail(reader, STATUS_MALFORMED);
    return hello;
}

static void answer_write(struct writer *writer, struct preface_answer answer) {
    assert(answer.verdict < PREFACE_VERDICT_COUNT);
    writer_u8(writer, (uint8_t)answer.verdict);
    writer_u32(writer, answer.retry_after_ms);
}

static struct preface_answer answer_read(struct reader *reader) {
    uint8_t verdict = reader_u8(reader);
    uint32_t retry_after_ms = reader_u32(reader);
    if (verdict >= PREFACE_VERDICT_COUNT) reader_fail(reader, STATUS_MALFORMED);
    return (struct preface_answer){.verdict = (enum preface_verdict)verdict, .retry_after_ms = retry_after_ms};
}

/* The layouts of fixed size fill their memory exactly: anything else is a mistake of this file. */
static void writer_must_be_full(const struct writer *writer) {
    assert(writer->status == STATUS_OK && writer->len == writer->cap);
}

void preface_hello_encode(const struct preface_hello *hello, uint8_t out_bytes[static PREFACE_HELLO_BYTES]) {
    assert(hello_is_valid(hello));
    struct writer writer = writer_init(out_bytes, PREFACE_HELLO_BYTES);
    writer_put(&writer, bytes_text(hello_magic));
    hello_write(&writer, hello);
    writer_must_be_full(&writer);
}

enum status preface_hello_parse(struct bytes from, struct preface_hello *out_hello) {
    struct reader reader = reader_init(from);
    if (!bytes_equal_text(reader_take(&reader, 4), hello_magic)) reader_fail(&reader, STATUS_MALFORMED);
    struct preface_hello hello = hello_read(&reader);
    TRY(reader_end(&reader));
    *out_hello = hello;
    return STATUS_OK;
}

void preface_hello_answer_encode(struct preface_answer answer, uint8_t out_bytes[static PREFACE_HELLO_ANSWER_BYTES]) {
    struct writer writer = writer_init(out_bytes, PREFACE_HELLO_ANSWER_BYTES);
    writer_put(&writer, bytes_text(answer_magic));
    answer_write(&writer, answer);
    writer_must_be_full(&writer);
}

enum status preface_hello_answer_parse(struct bytes from, struct preface_answer *out_answer) {
    struct reader reader = reader_init(from);
    if (!bytes_equal_text(reader_take(&reader, 4), answer_magic)) reader_fail(&reader, STATUS_MALFORMED);
    struct preface_answer answer = answer_read(&reader);
    TRY(reader_end(&reader));
    *out_answer = answer;
    return STATUS_OK;
}

static bool address_is_valid(struct bytes address) {
    return address.len >= 1 && address.len <= PREFACE_ADDRESS_MAX_BYTES && bytes_is_text(address);
}

enum status preface_encode(const struct preface *preface, void *memory, struct bytes *out_written) {
    struct bytes address = BYTES(preface->address, strnlen(preface->address, sizeof preface->address));
    ENSURE(hello_is_valid(&preface->hello) && address_is_valid(address), STATUS_INVALID);
    struct writer writer = writer_init(memory, PREFACE_MAX_BYTES);
    writer_u8(&writer, PREFACE_LAYOUT);
    writer_u8(&writer, 'P');
    writer_put(&writer, BYTES_ARRAY(preface->fingerprint));
    writer_u8(&writer, (uint8_t)address.len);
    writer_put(&writer, address);
    hello_write(&writer, &preface->hello);
    return writer_end(&writer, out_written);
}

enum status preface_parse(struct bytes from, struct preface *out_preface) {
    struct preface preface = {0};
    struct reader reader = reader_init(from);
    if (reader_u8(&reader) != PREFACE_LAYOUT) reader_fail(&reader, STATUS_VERSION);
    if (reader_u8(&reader) != 'P') reader_fail(&reader, STATUS_MALFORMED);
    reader_copy(&reader, preface.fingerprint, sizeof preface.fingerprint);
    struct bytes address = reader_take(&reader, reader_u8(&reader));
    if (!address_is_valid(address)) reader_fail(&reader, STATUS_MALFORMED);
    preface.hello = hello_read(&reader);
    TRY(reader_end(&reader));
    memcpy(preface.address, address.data, address.len);
    *out_preface = preface;
    return STATUS_OK;
}

void preface_answer_encode(struct preface_answer answer, uint8_t out_bytes[static PREFACE_ANSWER_BYTES]) {
    struct writer writer = writer_init(out_bytes, PREFACE_ANSWER_BYTES);
    writer_u8(&writer, PREFACE_LAYOUT);
    answer_write(&writer, answer);
    writer_must_be_full(&writer);
}

enum status preface_answer_parse(struct bytes from, struct preface_answer *out_answer) {
    struct reader reader = reader_init(from);
    if (reader_u8(&reader) != PREFACE_LAYOUT) reader_fail(&reader, STATUS_VERSION);
    struct preface_answer answer = answer_read(&reader);
    TRY(reader_end(&reader));
    *out_answer = answer;
    return STATUS_OK;
}
