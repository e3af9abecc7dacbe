/* Preface, hello and answers: what a parser takes, its encoder writes back to the byte. Guards P11. */
#include <stdlib.h>
#include <string.h>

#include "proto/preface.h"

static void must_equal(struct bytes a, struct bytes b) {
    if (!bytes_equal(a, b)) abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    struct bytes from = BYTES(data, size);
    uint8_t memory[PREFACE_MAX_BYTES];
    struct bytes written = BYTES_EMPTY;
    struct preface preface;
    struct preface_hello hello;
    struct preface_answer answer;
    if (preface_parse(from, &preface) == STATUS_OK) {
        if (preface_encode(&preface, memory, &written) != STATUS_OK) abort();
        must_equal(written, from);
    }
    if (preface_hello_parse(from, &hello) == STATUS_OK) {
        preface_hello_encode(&hello, memory);
        must_equal(BYTES(memory, PREFACE_HELLO_BYTES), from);
    }
    if (preface_hello_answer_parse(from, &answer) == STATUS_OK) {
        preface_hello_answer_encode(answer, memory);
        must_equal(BYTES(memory, PREFACE_HELLO_ANSWER_BYTES), from);
    }
    if (preface_answer_parse(from, &answer) == STATUS_OK) {
        preface_answer_encode(answer, memory);
        must_equal(BYTES(memory, PREFACE_ANSWER_BYTES), from);
    }
    return 0;
}
