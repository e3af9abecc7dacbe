/*
 * Names, texts and classes of every status, from the one table in status.h. Owns nothing. A value outside the table is
 * a caller's bug and stops the process.
 */
#include "base/status.h"

#include <stdlib.h>

struct status_row {
    const char *text;
    const char *upper_name;
    enum status_class class;
};

#define X(name, class, text) {text, #name, CLASS_##class},
static const struct status_row status_rows[STATUS_COUNT] = {STATUS_TABLE(X)};
#undef X

enum { STATUS_NAME_MAX = 16 };

static char status_lower_names[STATUS_COUNT][STATUS_NAME_MAX];

/* Before main, so that status_name is a plain look-up in every thread. */
__attribute__((constructor)) static void status_fill_names(void) {
    for (unsigned i = 0; i < STATUS_COUNT; i++) {
        const char *from = status_rows[i].upper_name;
        for (unsigned j = 0; from[j] && j + 1 < STATUS_NAME_MAX; j++) {
            status_lower_names[i][j] = (char)(from[j] == '_' ? '_' : from[j] | 0x20);
        }
    }
}

static unsigned status_index(enum status status) {
    if ((unsigned)status >= STATUS_COUNT) abort();
    return (unsigned)status;
}

const char *status_name(enum status status) { return status_lower_names[status_index(status)]; }

const char *status_text(enum status status) { return status_rows[status_index(status)].text; }

enum status_class status_class(enum status status) { return status_rows[status_index(status)].class; }
