/*
 * Memory runs out on purpose: the nth allocation made by our own code (and by libsodium's guarded allocator) fails.
 * Each unit test program is linked so that malloc, calloc, realloc, strdup, strndup and sodium_malloc of the project's
 * objects come here first; allocations inside shared libraries do not. Counts for each thread.
 */
#ifndef TESTS_SUPPORT_ALLOC_FAIL_H
#define TESTS_SUPPORT_ALLOC_FAIL_H

/* From now on the nth allocation (1 is the next) fails and those after it succeed again. 0: none fails. */
void alloc_fail_at(unsigned nth);

/* Whether the failure asked for has happened; a loop over n ends at the first n that was not reached. */
int alloc_fail_happened(void);

#endif
