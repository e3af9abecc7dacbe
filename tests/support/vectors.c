#include "support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

json_t *vectors_load(const char *name) {
    char path[4096];
    assert_true(snprintf(path, sizeof path, "%s/tests/vectors/%s", TEST_SOURCE_DIR, name) < (int)sizeof path);
    json_t *value = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    if (!value) fail_msg("cannot load %s", path);
    return value;
}
