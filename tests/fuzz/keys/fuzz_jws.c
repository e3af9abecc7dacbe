/* Compact JWS: what splits is canonical, so the parts join to the same text; the algorithm is one of two names. */
#include <stdlib.h>

#include "base/text.h"
#include "keys/jws.h"

#define TEXT_MAX_BYTES 4096

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_joined(struct arena *arena, struct bytes text, const struct jws *jws) {
    const char *header = text_base64url(arena, jws->header);
    const char *payload = text_base64url(arena, jws->payload);
    const char *signature = text_base64url(arena, BYTES_ARRAY(jws->signature.b));
    if (!header || !payload || !signature) abort();
    const char *joined = arena_printf(arena, "%s.%s.%s", header, payload, signature);
    if (!joined || !bytes_equal_text(text, joined)) abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    if (secret_setup() != STATUS_OK) return 0;
    static const struct sign_public key = {{9}};
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new((size_t)8 * TEXT_MAX_BYTES);
    struct jws jws;
    if (!arena || jws_split(BYTES(data, size), TEXT_MAX_BYTES, arena, &jws) != STATUS_OK) return 0;
    check_joined(arena, BYTES(data, size), &jws);
    if (jws_verify(&jws, &key) == STATUS_OK) abort();
    return 0;
}
