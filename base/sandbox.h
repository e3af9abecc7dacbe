/*
 * Rights that a role gives up while it is still single-threaded, and the system calls it gives up once it is ready.
 *
 * Order inside a role: read settings, certificates, credentials; sandbox_drop() (no-new-privileges, no core dumps,
 * Landlock); then nng, LMDB, listeners and threads; then sandbox_filter() with TSYNC; then ready. Landlock set later
 * would leave threads that run already outside it. Landlock does not stop connect() to a Unix path.
 */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

struct sandbox_path {
    const char *path; /* a directory or file that exists */
    bool writable;    /* read, write, create, remove below it; otherwise read only */
};

/* No new privileges, RLIMIT_CORE 0, PR_SET_DUMPABLE 0, then Landlock with just these paths (whatever ABI the kernel
 * has; logged when it has none). STATUS_IO when the kernel refuses. Main thread, before any other thread. */
enum status sandbox_drop(const struct sandbox_path *paths, size_t count);

enum sandbox_role {
    SANDBOX_NETWORK, /* may make Unix and internet sockets: gate, portal, agent's link */
    SANDBOX_LOCAL,   /* Unix sockets only: core */
    SANDBOX_CLOSED,  /* no new socket at all: keyd */
};

/* Seccomp allow list with TSYNC; a call outside it kills the process. exec and fork are never on it. */
enum status sandbox_filter(enum sandbox_role role);

#endif
