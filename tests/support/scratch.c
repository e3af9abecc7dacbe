#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

void scratch_init(struct scratch *scratch) {
    *scratch = (struct scratch){0};
    const char *base = getenv("TMPDIR");
    int len = snprintf(scratch->path, sizeof scratch->path, "%s/sluss-test-XXXXXX", base ? base : "/tmp");
    assert_in_range(len, 1, SCRATCH_PATH_MAX - 1);
    if (!mkdtemp(scratch->path)) fail_msg("cannot make %s", scratch->path);
}

bool scratch_init_small(struct scratch *scratch, uint64_t size_bytes) {
    scratch_init(scratch);
    char options[64];
    (void)snprintf(options, sizeof options, "size=%llu,mode=0700", (unsigned long long)size_bytes);
    scratch->mounted = mount("sluss-test", scratch->path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options) == 0;
    if (!scratch->mounted) scratch_clear(scratch);
    return scratch->mounted;
}

static int remove_entry(const char *path, const struct stat *found, int type, struct FTW *walk) {
    (void)found;
    (void)type;
    (void)walk;
    return remove(path);
}

void scratch_clear(struct scratch *scratch) {
    if (scratch->path[0] == '\0') return;
    if (scratch->mounted) (void)umount2(scratch->path, MNT_DETACH);
    (void)nftw(scratch->path, remove_entry, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    *scratch = (struct scratch){0};
}

void scratch_path(const struct scratch *scratch, const char *name, char out_path[static SCRATCH_PATH_MAX]) {
    int len = snprintf(out_path, SCRATCH_PATH_MAX, "%s/%s", scratch->path, name);
    assert_in_range(len, 1, SCRATCH_PATH_MAX - 1);
}
