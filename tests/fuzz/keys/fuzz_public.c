/* Public keys as text: what parses is printed the same again, and as one kind only. */
#include <stdlib.h>

#include "keys/public.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_same(struct bytes text, const char *again) {
    if (!again || !bytes_equal_text(text, again)) abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1024);
    if (!arena) return 0;
    struct bytes text = {data, size};
    struct sign_public sign;
    struct seal_public seal;
    struct voprf_public voprf;
    int kinds = 0;
    if (public_sign_parse(text, &sign) == STATUS_OK) {
        check_same(text, public_sign_text(arena, &sign));
        kinds++;
    }
    if (public_seal_parse(text, &seal) == STATUS_OK) {
        check_same(text, public_seal_text(arena, &seal));
        kinds++;
    }
    if (public_voprf_parse(text, &voprf) == STATUS_OK) {
        check_same(text, public_voprf_text(arena, &voprf));
        kinds++;
    }
    if (kinds > 1) abort();
    return 0;
}
