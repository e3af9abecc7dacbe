/*
 * Places for tests to write: a directory of its own, or a small file system that really fills up.
 * Any thread; one owner a place.
 */
#ifndef TESTS_SUPPORT_SCRATCH_H
#define TESTS_SUPPORT_SCRATCH_H

#include <stdbool.h>
#include <stdint.h>

#define SCRATCH_PATH_MAX 256

struct scratch {
    char path[SCRATCH_PATH_MAX];
    bool mounted;
};

/* Makes an empty directory with mode 0700 under TMPDIR or /tmp; fails the running test when it cannot. */
void scratch_init(struct scratch *scratch);

/* As scratch_init, with a tmpfs of this size mounted on it. False, with nothing made, when this process may not mount
 * (it takes CAP_SYS_ADMIN): the test should then skip() with a message. */
bool scratch_init_small(struct scratch *scratch, uint64_t size_bytes);

/* Unmounts and removes everything. Fine on a zeroed struct and when called twice. */
void scratch_clear(struct scratch *scratch);

/* PATH/name in memory of SCRATCH_PATH_MAX bytes. */
void scratch_path(const struct scratch *scratch, const char *name, char out_path[static SCRATCH_PATH_MAX]);

#endif
