/*
 * The sandbox: what the kernel is asked to refuse this process from now on. Trusts its callers' paths. Nothing here can
 * be taken back. Sources: landlock(7), seccomp(2). The lists hold what glibc, libsodium, LMDB, nng (ipc), libevent and
 * OpenSSL call once they run.
 */
#include "base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"

/* Rights that headers of Linux 6.1 do not name yet. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif

#define RIGHTS_FIRST_ABI (LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1)
#define RIGHTS_READ      (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define RIGHTS_WRITE                                                                                                   \
    (RIGHTS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE | LANDLOCK_ACCESS_FS_REMOVE_FILE |      \
     LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |                       \
     LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REFER)
#define RIGHTS_OF_FILES (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)

static const struct sandbox_path sanitizer_paths[] = {{"/proc", false}, {"/proc/self/exe", false}};

/* All rights that the kernel's version of Landlock can refuse; 0 when it has none. */
static uint64_t known_rights(void) {
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) return 0;
    uint64_t rights = RIGHTS_FIRST_ABI;
    if (abi >= 2) rights |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= 3) rights |= LANDLOCK_ACCESS_FS_TRUNCATE;
    if (abi >= 5) rights |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
    return rights;
}

static enum status allow_path(int ruleset, const struct sandbox_path *path, uint64_t known) {
    int fd CLEANUP(cleanup_fd) = open(path->path, O_PATH | O_CLOEXEC);
    ENSURE(fd >= 0, file_status(errno));
    struct stat info;
    ENSURE(fstat(fd, &info) == 0, file_status(errno));
    uint64_t rights = (path->writable ? RIGHTS_WRITE : RIGHTS_READ) & known;
    if (!S_ISDIR(info.st_mode)) rights &= RIGHTS_OF_FILES;
    struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = fd};
    long failed = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    return failed ? STATUS_IO : STATUS_OK;
}

static enum status restrict_paths(const struct sandbox_path *paths, size_t count) {
    uint64_t known = known_rights();
    if (known == 0) {
        log_line(LOG_LEVEL_WARN, "landlock_absent", "%s", "");
        return STATUS_OK;
    }
    struct landlock_ruleset_attr handled = {.handled_access_fs = known};
    int ruleset CLEANUP(cleanup_fd) = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
    ENSURE(ruleset >= 0, STATUS_IO);
    for (size_t i = 0; i < count; i++) {
        TRY(allow_path(ruleset, &paths[i], known));
    }
    /* The leak check lists the threads, a report reads the symbols. */
    for (size_t i = 0; SANDBOX_SANITIZED && i < sizeof sanitizer_paths / sizeof sanitizer_paths[0]; i++) {
        TRY(allow_path(ruleset, &sanitizer_paths[i], known));
    }
    ENSURE(syscall(SYS_landlock_restrict_self, ruleset, 0) == 0, STATUS_IO);
    return STATUS_OK;
}

enum status sandbox_drop(const struct sandbox_path *paths, size_t count) {
    struct rlimit none = {0, 0};
    ENSURE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, STATUS_IO);
    ENSURE(setrlimit(RLIMIT_CORE, &none) == 0, STATUS_IO);
    if (!SANDBOX_SANITIZED) ENSURE(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0, STATUS_IO);
    return restrict_paths(paths, count);
}

/* clang-format off */
/* Calls that every role may make whatever their arguments are. */
static const int common_calls[] = {
    /* memory; mmap, mprotect and pkey_mprotect have rules of their own */
    SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(mlock), SCMP_SYS(mremap), SCMP_SYS(msync), SCMP_SYS(munlock),
    SCMP_SYS(munmap),
    /* threads and signals; clone and tgkill have rules of their own */
    SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(futex), SCMP_SYS(get_robust_list), SCMP_SYS(getcpu),
    SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(gettid), SCMP_SYS(membarrier), SCMP_SYS(restart_syscall),
    SCMP_SYS(rseq), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigpending), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigsuspend), SCMP_SYS(rt_sigtimedwait), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_getparam),
    SCMP_SYS(sched_getscheduler), SCMP_SYS(sched_yield), SCMP_SYS(set_robust_list), SCMP_SYS(set_tid_address),
    SCMP_SYS(sigaltstack),
    /* time and facts */
    SCMP_SYS(clock_getres), SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(getrandom), SCMP_SYS(getegid),
    SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getrlimit), SCMP_SYS(getrusage), SCMP_SYS(gettimeofday),
    SCMP_SYS(getuid), SCMP_SYS(nanosleep), SCMP_SYS(sysinfo), SCMP_SYS(time), SCMP_SYS(times), SCMP_SYS(uname),
    /* files, within what Landlock leaves */
    SCMP_SYS(access), SCMP_SYS(chmod), SCMP_SYS(close), SCMP_SYS(close_range), SCMP_SYS(copy_file_range), SCMP_SYS(dup),
    SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(fadvise64), SCMP_SYS(fallocate),
    SCMP_SYS(fchmod), SCMP_SYS(fchmodat), SCMP_SYS(fcntl), SCMP_SYS(fdatasync), SCMP_SYS(flock), SCMP_SYS(fstat),
    SCMP_SYS(fstatfs), SCMP_SYS(fsync), SCMP_SYS(ftruncate), SCMP_SYS(getcwd), SCMP_SYS(getdents64), SCMP_SYS(link),
    SCMP_SYS(linkat), SCMP_SYS(lseek), SCMP_SYS(lstat), SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(newfstatat),
    SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(pipe), SCMP_SYS(pipe2), SCMP_SYS(pread64), SCMP_SYS(preadv),
    SCMP_SYS(pwrite64), SCMP_SYS(pwritev), SCMP_SYS(read), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(readv),
    SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(rmdir), SCMP_SYS(sendfile), SCMP_SYS(stat),
    SCMP_SYS(statfs), SCMP_SYS(statx), SCMP_SYS(sync_file_range), SCMP_SYS(umask), SCMP_SYS(unlink), SCMP_SYS(unlinkat),
    SCMP_SYS(write), SCMP_SYS(writev),
    /* waiting */
    SCMP_SYS(epoll_create), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_wait),
    SCMP_SYS(eventfd2), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(pselect6), SCMP_SYS(select), SCMP_SYS(signalfd4),
    SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_gettime), SCMP_SYS(timerfd_settime),
    /* sockets that there are already; new ones have rules of their own */
    SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(getpeername), SCMP_SYS(getsockname), SCMP_SYS(getsockopt),
    SCMP_SYS(listen), SCMP_SYS(recvfrom), SCMP_SYS(recvmmsg), SCMP_SYS(recvmsg), SCMP_SYS(sendmmsg), SCMP_SYS(sendmsg),
    SCMP_SYS(sendto), SCMP_SYS(setsockopt), SCMP_SYS(shutdown),
};

/* What roles that may make sockets do with them. */
static const int socket_calls[] = {SCMP_SYS(bind), SCMP_SYS(connect)};

/* What the sanitizers' run-time does beyond: see SANDBOX_SANITIZED. */
static const int sanitizer_calls[] = {
    SCMP_SYS(arch_prctl), SCMP_SYS(clone), SCMP_SYS(clone3), SCMP_SYS(execve), SCMP_SYS(fork), SCMP_SYS(getdents),
    SCMP_SYS(kill), SCMP_SYS(mincore), SCMP_SYS(mmap), SCMP_SYS(mprotect), SCMP_SYS(personality), SCMP_SYS(prctl), SCMP_SYS(prlimit64),
    SCMP_SYS(process_vm_readv), SCMP_SYS(ptrace), SCMP_SYS(tgkill), SCMP_SYS(vfork), SCMP_SYS(wait4),
};
/* clang-format on */

static void filter_cleanup(scmp_filter_ctx *filter) {
    if (*filter) seccomp_release(*filter);
}

static enum status allow_all(scmp_filter_ctx filter, const int *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        ENSURE(seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0) == 0, STATUS_IO);
    }
    return STATUS_OK;
}
#define ALLOW_ALL(filter, calls) allow_all((filter), (calls), sizeof(calls) / sizeof((calls)[0]))

/* One rule with one condition on an argument. */
static enum status rule(scmp_filter_ctx filter, uint32_t action, int call, struct scmp_arg_cmp condition) {
    return seccomp_rule_add(filter, action, call, 1, condition) == 0 ? STATUS_OK : STATUS_IO;
}

static struct scmp_arg_cmp equals(unsigned argument, scmp_datum_t value) {
    return (struct scmp_arg_cmp){.arg = argument, .op = SCMP_CMP_EQ, .datum_a = value};
}

/* The bits of mask have this value. */
static struct scmp_arg_cmp masked(unsigned argument, scmp_datum_t mask, scmp_datum_t value) {
    return (struct scmp_arg_cmp){.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

/* Memory is never writable and executable, nor becomes executable: what asks for it (a library loaded late, say) gets
 * an error that it can handle. */
static enum status forbid_new_code(scmp_filter_ctx filter) {
    static const int calls[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect), SCMP_SYS(pkey_mprotect)};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        TRY(rule(filter, SCMP_ACT_ALLOW, calls[i], masked(2, PROT_EXEC, 0)));
        TRY(rule(filter, SCMP_ACT_ERRNO(EACCES), calls[i], masked(2, PROT_EXEC, PROT_EXEC)));
    }
    return STATUS_OK;
}

/* Threads, but no processes. clone3 has its flags in memory, where a filter cannot look; glibc falls back to clone. */
static enum status allow_threads(scmp_filter_ctx filter) {
    TRY(rule(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), masked(0, CLONE_THREAD, CLONE_THREAD)));
    ENSURE(seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0, STATUS_IO);
    TRY(rule(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), equals(0, (scmp_datum_t)getpid())));
    TRY(rule(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), equals(0, PR_SET_NAME)));
    /* Limits may be read, not set. */
    return rule(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), equals(2, 0));
}

static enum status allow_ioctls(scmp_filter_ctx filter) {
    static const unsigned requests[] = {FIONREAD, FIONBIO, TCGETS};
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        TRY(rule(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), masked(1, UINT32_MAX, requests[i])));
    }
    return STATUS_OK;
}

static enum status allow_domain(scmp_filter_ctx filter, int domain) {
    TRY(rule(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), equals(0, (scmp_datum_t)domain)));
    return rule(filter, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), equals(0, (scmp_datum_t)domain));
}

static enum status allow_sockets(scmp_filter_ctx filter, enum sandbox_role role) {
    if (role == SANDBOX_CLOSED) return STATUS_OK;
    TRY(ALLOW_ALL(filter, socket_calls));
    TRY(allow_domain(filter, AF_UNIX));
    if (role == SANDBOX_LOCAL) return STATUS_OK;
    TRY(allow_domain(filter, AF_INET));
    TRY(allow_domain(filter, AF_INET6));
    /* The resolver asks for the machine's addresses, and does without. */
    return rule(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), equals(0, AF_NETLINK));
}

enum status sandbox_filter(enum sandbox_role role) {
    scmp_filter_ctx filter CLEANUP(filter_cleanup) = seccomp_init(SCMP_ACT_KILL_PROCESS);
    ENSURE(filter, STATUS_MEMORY);
    ENSURE(seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) == 0, STATUS_IO);
    ENSURE(seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) == 0, STATUS_IO);
    /* A tree instead of a list: a handful of comparisons for each call. */
    ENSURE(seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0, STATUS_IO);
    TRY(ALLOW_ALL(filter, common_calls));
    TRY(allow_ioctls(filter));
    TRY(allow_sockets(filter, role));
    if (SANDBOX_SANITIZED) {
        TRY(ALLOW_ALL(filter, sanitizer_calls));
    } else {
        TRY(forbid_new_code(filter));
        TRY(allow_threads(filter));
    }
    return seccomp_load(filter) == 0 ? STATUS_OK : STATUS_IO;
}
