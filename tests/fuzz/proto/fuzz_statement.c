/* Any bytes as a statement. What parses is made again and says the same. */
#include <stdlib.h>

#include "proto/limits.h"
#include "proto/statement.h"

#define FEDERATION "test.sluss.example"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const struct statement *a, const struct statement *b) {
    if (a->type != b->type || a->tell != b->tell || a->since_s != b->since_s || a->iat_s != b->iat_s) abort();
    if (!bytes_equal(a->prev, b->prev) || !hash_equal(&a->other_device, &b->other_device)) abort();
    if (!ids_equal(&a->consent, &b->consent) || !ids_equal(&a->request, &b->request)) abort();
    if (!bytes_equal_text(bytes_text(a->source), b->source)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct sign_private *key;
    if (secret_setup() != STATUS_OK || (!key && sign_generate(&key) != STATUS_OK)) abort();
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 18);
    struct statement statement;
    struct statement again;
    struct bytes compact;
    if (!arena || statement_parse(arena, FEDERATION, BYTES(data, size), &statement) != STATUS_OK) return 0;
    if (statement.type == STATEMENT_NONE || statement.since_s > LIMIT_SECONDS) abort();
    struct sign_public public = sign_public_of(key);
    if (statement_verify(&statement, &public) == STATUS_OK) abort();
    if (statement_make(arena, FEDERATION, &statement, key, &compact) != STATUS_OK) abort();
    if (statement_parse(arena, FEDERATION, compact, &again) != STATUS_OK) abort();
    check_same(&statement, &again);
    return 0;
}
