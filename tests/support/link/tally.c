#include "support/link/tally.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#define SAID_MAX 20

static atomic_uint passed;
static atomic_uint failed;

bool tally_check(bool holds, const char *format, ...) {
    if (holds) {
        atomic_fetch_add(&passed, 1);
        return true;
    }
    if (atomic_fetch_add(&failed, 1) >= SAID_MAX) return false;
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)fprintf(stderr, "FAILED: %s\n", text);
    return false;
}

bool tally_status(enum status status, const char *what) {
    return tally_check(status == STATUS_OK, "%s: %s (%s)", what, status_text(status), status_name(status));
}

int tally_end(void) {
    unsigned bad = atomic_load(&failed);
    (void)printf("%u passed, %u failed\n", atomic_load(&passed), bad);
    return bad == 0 ? 0 : 1;
}
