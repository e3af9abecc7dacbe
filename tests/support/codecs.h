/*
 * Every codec of proto/ that stands by itself, for tests that go over all messages. Those of nested messages are found
 * through the rows.
 */
#ifndef TESTS_SUPPORT_CODECS_H
#define TESTS_SUPPORT_CODECS_H

#include <stddef.h>

struct codec;

extern const struct codec *const codecs_all[];
extern const size_t codecs_count;

/* The federation that tests use. */
#define CODECS_FEDERATION "test.sluss.example"

#endif
