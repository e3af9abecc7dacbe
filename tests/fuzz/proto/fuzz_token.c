/* Any bytes as a consent token. What parses is within the bounds that others rely on, and is made again by token_make.
 */
#include <stdlib.h>

#include "proto/limits.h"
#include "proto/token.h"

#define FEDERATION "test.sluss.example"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct token *token, struct bytes input) {
    if (!bytes_equal(token->compact, input) || input.len > TOKEN_MAX_BYTES) abort();
    if (token->n_kinds == 0 || token->n_kinds > KIND_LAST || token->nbf_s >= token->exp_s) abort();
    if (token->iat_s > LIMIT_SECONDS || token->exp_s > LIMIT_SECONDS) abort();
    if (!ids_is_unit(bytes_text(token->to)) || !ids_is_unit(bytes_text(token->from))) abort();
    if (!token_same_decision(token, token)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct sign_private *key;
    if (secret_setup() != STATUS_OK || (!key && sign_generate(&key) != STATUS_OK)) abort();
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 18);
    struct token token;
    struct token again;
    struct bytes compact;
    if (!arena || token_parse(arena, FEDERATION, BYTES(data, size), &token) != STATUS_OK) return 0;
    check(&token, BYTES(data, size));
    struct sign_public public = sign_public_of(key);
    if (token_verify(&token, &public) == STATUS_OK) abort();
    /* White space and escapes of the input are gone; names and numbers stand. */
    if (token_make(arena, FEDERATION, &token, key, &compact) != STATUS_OK) abort();
    if (token_parse(arena, FEDERATION, compact, &again) != STATUS_OK) abort();
    again.device = token.device;
    if (!token_same_decision(&token, &again)) abort();
    return 0;
}
