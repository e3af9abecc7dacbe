/*
 * Any bytes as a fragment's content: parsing and validation neither crash nor disagree with themselves.
 */
#include <stdlib.h>

#include "base/json.h"
#include "proto/fragment_schema.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    static struct fragment_schema *schema;
    if (!schema && fragment_schema_load(&schema) != STATUS_OK) abort();
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(256u << 10);
    json_t *content CLEANUP(json_cleanup) = NULL;
    if (!arena || json_read(BYTES(data, size), 1u << 20, &content) != STATUS_OK) return 0;
    struct fragment_problems problems = {.count = 0};
    enum status status = fragment_schema_check(schema, content, arena, &problems);
    if ((status == STATUS_INVALID) != (problems.count > 0)) abort();
    if (problems.count > FRAGMENT_PROBLEMS_MAX) abort();
    return 0;
}
