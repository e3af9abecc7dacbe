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
 * has; logged when it has none). STATUS_NOT_FOUND when a path is missing, STATUS_IO when the kernel refuses; the
 * process then has less than all of this and should end. Main thread, before any other thread. */
enum status sandbox_drop(const struct sandbox_path *paths, size_t count);

enum sandbox_role {
    SANDBOX_NETWORK, /* may make Unix and internet sockets: gate, portal, agent's link */
    SANDBOX_LOCAL,   /* Unix sockets only: core */
    SANDBOX_CLOSED,  /* no new socket at all: keyd */
};

/* Seccomp allow list with TSYNC, for all threads there are; a call outside it kills the process and is logged by the
 * kernel. exec and fork are never on it, nor memory that can be executed. It suffices for glibc's threads and memory,
 * files, LMDB, nng over ipc, libevent and OpenSSL. STATUS_IO when the kernel refuses. Any thread, once. */
enum status sandbox_filter(enum sandbox_role role);

/* 1 in builds with AddressSanitizer or ThreadSanitizer. Their run-time needs a tracer of its own at exit: there the
 * process stays dumpable, may read /proc and its own file, and the filter lets fork, exec and ptrace pass. Such builds
 * are for tests. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANDBOX_SANITIZED 1
#endif
#endif
#ifndef SANDBOX_SANITIZED
#define SANDBOX_SANITIZED 0
#endif

#endif
