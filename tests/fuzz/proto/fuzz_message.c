/* Name of a message, a newline, then any bytes as that message: what is accepted is written again byte for byte. */
#include <stdlib.h>
#include <string.h>

#include "proto/codec.h"
#include "proto/codec_table.h"
#include "support/codecs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct codec *codec_named(struct bytes name) {
    for (size_t i = 0; i < codecs_count; i++) {
        if (bytes_equal_text(name, codecs_all[i]->name)) return codecs_all[i];
    }
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *newline = size ? memchr(data, '\n', size) : NULL;
    if (!newline) return 0;
    size_t name_len = (size_t)(newline - data);
    const struct codec *codec = codec_named(BYTES(data, name_len));
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(32 << 20);
    if (!codec || !arena) return 0;
    struct bytes wire = BYTES(newline + 1, size - name_len - 1);
    struct bytes again;
    void *out = arena_alloc(arena, codec->size);
    if (codec_parse(codec, arena, CODECS_FEDERATION, wire, out) != STATUS_OK) return 0;
    if (codec_encode(codec, arena, out, &again) != STATUS_OK || !bytes_equal(again, wire)) abort();
    return 0;
}
