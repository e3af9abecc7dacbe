/*
 * Counts what a flow program checks and prints the closing line that the runners read: "N passed, N failed". Any
 * thread.
 */
#ifndef TESTS_SUPPORT_LINK_TALLY_H
#define TESTS_SUPPORT_LINK_TALLY_H

#include <stdbool.h>

#include "base/status.h"

/* Counts one check; says on stderr what failed. Returns holds. */
bool tally_check(bool holds, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for a call: only STATUS_OK passes. */
bool tally_status(enum status status, const char *what);
/* Prints the line; the program's exit status: 0 when nothing failed. */
int tally_end(void);

#endif
