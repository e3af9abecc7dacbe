/*
 * sandbox: each case runs in a child of its own, because nothing can be taken back. A child that makes a forbidden call
 * ends by SIGSYS; one that may do what it did ends with 0.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/http.h"
#include "base/http_reply.h"
#include "base/sandbox.h"
#include "base/secret.h"
#include "base/service.h"

static char dir[] = "/tmp/sluss-sandbox-XXXXXX";

static const char *in_dir(const char *name) {
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static int make_dirs(void **state) {
    (void)state;
    if (!mkdtemp(dir) || secret_setup() != STATUS_OK) return -1;
    if (mkdir(in_dir("open"), 0700) != 0 || mkdir(in_dir("shut"), 0700) != 0) return -1;
    return mkdir(in_dir("read"), 0700);
}

static int remove_dirs(void **state) {
    (void)state;
    return rmdir(in_dir("open")) || rmdir(in_dir("shut")) || rmdir(in_dir("read")) || rmdir(dir);
}

/* How a child ended that ran fn: its exit status, or 1000 + the signal. */
static int in_child(int (*fn)(int), int arg) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) _exit(fn(arg));
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) return __LINE__ % 200 + 10;                                                                  \
    } while (0)

/* ---- sandbox_drop ---- */

static int missing_path(int arg) {
    (void)arg;
    struct sandbox_path path = {"/nonexistent", false};
    CHECK(sandbox_drop(&path, 1) == STATUS_NOT_FOUND);
    return 0;
}

static int drop(void) {
    char open_path[128];
    char read_path[128];
    (void)snprintf(open_path, sizeof open_path, "%s", in_dir("open"));
    (void)snprintf(read_path, sizeof read_path, "%s", in_dir("read"));
    const struct sandbox_path paths[] = {{open_path, true}, {read_path, false}, {"/dev/null", true}};
    return sandbox_drop(paths, 3) == STATUS_OK ? 0 : -1;
}

static bool has_landlock(void) { return syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= 1; }

static int dropped_rights(int arg) {
    (void)arg;
    CHECK(drop() == 0);
    struct rlimit core;
    CHECK(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 && core.rlim_max == 0);
    CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    CHECK(SANDBOX_SANITIZED || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
    return 0;
}

static int refused_paths(int arg) {
    (void)arg;
    CHECK(drop() == 0);
    CHECK(open("/etc/passwd", O_RDONLY | O_CLOEXEC) == -1 && errno == EACCES);
    CHECK(open(in_dir("shut/x"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600) == -1 && errno == EACCES);
    CHECK(open(in_dir("read/x"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600) == -1 && errno == EACCES);
    CHECK(mkdir(in_dir("read/x"), 0700) == -1 && errno == EACCES);
    CHECK(symlink("/etc", in_dir("open/x")) == -1 && errno == EACCES);
    CHECK(execl("/bin/true", "true", (char *)NULL) == -1 && errno == EACCES);
    return 0;
}

static int allowed_paths(int arg) {
    (void)arg;
    CHECK(drop() == 0);
    int fd = open(in_dir("read"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(fd >= 0 && close(fd) == 0);
    fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0 && close(fd) == 0);
    CHECK(file_replace(in_dir("open/a"), bytes_text("x"), 0600) == STATUS_OK);
    CHECK(mkdir(in_dir("open/d"), 0700) == 0);
    char from[128];
    (void)snprintf(from, sizeof from, "%s", in_dir("open/a"));
    CHECK(rename(from, in_dir("open/d/b")) == 0);
    CHECK(truncate(in_dir("open/d/b"), 0) == 0);
    CHECK(unlink(in_dir("open/d/b")) == 0 && rmdir(in_dir("open/d")) == 0);
    int listener = -1;
    CHECK(service_listen(in_dir("open/s"), SOCK_STREAM, 0600, 1, &listener) == STATUS_OK);
    CHECK(unlink(in_dir("open/s")) == 0);
    return 0;
}

static void paths_are_kept(void **state) {
    (void)state;
    if (!has_landlock()) skip();
    assert_int_equal(in_child(missing_path, 0), 0);
    assert_int_equal(in_child(refused_paths, 0), 0);
    assert_int_equal(in_child(allowed_paths, 0), 0);
}

static void rights_are_dropped(void **state) {
    (void)state;
    assert_int_equal(in_child(dropped_rights, 0), 0);
}

/* ---- sandbox_filter: what it kills ---- */

static int call_mount(int role) {
    if (sandbox_filter((enum sandbox_role)role) != STATUS_OK) return 1;
    return (int)syscall(SYS_mount, "a", "b", "c", 0, NULL) ? 2 : 3;
}

static int call_bpf(int role) {
    if (sandbox_filter((enum sandbox_role)role) != STATUS_OK) return 1;
    return (int)syscall(SYS_bpf, 0, NULL, 0) ? 2 : 3;
}

static int call_ioctl(int role) {
    if (sandbox_filter((enum sandbox_role)role) != STATUS_OK) return 1;
    return (int)syscall(SYS_ioctl, 0, TIOCSTI, "x") ? 2 : 3;
}

static int call_fork(int role) {
    if (sandbox_filter((enum sandbox_role)role) != STATUS_OK) return 1;
    return fork() ? 2 : 3;
}

static int call_exec(int role) {
    if (sandbox_filter((enum sandbox_role)role) != STATUS_OK) return 1;
    return execl("/bin/true", "true", (char *)NULL) ? 2 : 3;
}

static int call_ptrace(int role) {
    if (sandbox_filter((enum sandbox_role)role) != STATUS_OK) return 1;
    return (int)syscall(SYS_ptrace, 0, 0, 0, 0) ? 2 : 3;
}

static int call_kill(int role) {
    if (sandbox_filter((enum sandbox_role)role) != STATUS_OK) return 1;
    return kill(getppid(), 0) ? 2 : 3;
}

static int set_limit(int role) {
    if (sandbox_filter((enum sandbox_role)role) != STATUS_OK) return 1;
    struct rlimit limit = {1, 1};
    return setrlimit(RLIMIT_NPROC, &limit) ? 2 : 3;
}

static int make_socket(int role_and_domain) {
    if (sandbox_filter((enum sandbox_role)(role_and_domain / 100)) != STATUS_OK) return 1;
    int fd = socket(role_and_domain % 100, SOCK_STREAM, 0);
    return fd >= 0 ? 0 : 2;
}

static void forbidden_calls(void **state) {
    (void)state;
    enum { KILLED = 1000 + SIGSYS };
    for (int role = SANDBOX_NETWORK; role <= SANDBOX_CLOSED; role++) {
        assert_int_equal(in_child(call_mount, role), KILLED);
        assert_int_equal(in_child(call_bpf, role), KILLED);
        assert_int_equal(in_child(call_ioctl, role), KILLED);
        assert_int_equal(in_child(make_socket, role * 100 + AF_PACKET), KILLED);
        if (SANDBOX_SANITIZED) continue;
        assert_int_equal(in_child(call_fork, role), KILLED);
        assert_int_equal(in_child(call_exec, role), KILLED);
        assert_int_equal(in_child(call_ptrace, role), KILLED);
        assert_int_equal(in_child(call_kill, role), KILLED);
        assert_int_equal(in_child(set_limit, role), KILLED);
    }
}

static void socket_domains(void **state) {
    (void)state;
    static const struct {
        const char *name;
        enum sandbox_role role;
        int domain;
        int end;
    } cases[] = {
        {"closed, unix", SANDBOX_CLOSED, AF_UNIX, 1000 + SIGSYS},
        {"closed, inet", SANDBOX_CLOSED, AF_INET, 1000 + SIGSYS},
        {"local, inet", SANDBOX_LOCAL, AF_INET, 1000 + SIGSYS},
        {"local, inet6", SANDBOX_LOCAL, AF_INET6, 1000 + SIGSYS},
        {"local, netlink", SANDBOX_LOCAL, AF_NETLINK, 1000 + SIGSYS},
        {"network, netlink is an error only", SANDBOX_NETWORK, AF_NETLINK, 2},
        {"local, unix", SANDBOX_LOCAL, AF_UNIX, 0},
        {"network, unix", SANDBOX_NETWORK, AF_UNIX, 0},
        {"network, inet", SANDBOX_NETWORK, AF_INET, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("  %s\n", cases[i].name);
        assert_int_equal(in_child(make_socket, (int)cases[i].role * 100 + cases[i].domain), cases[i].end);
    }
}

static void *call_when_told(void *arg) {
    uint64_t value = 0;
    if (read(*(int *)arg, &value, sizeof value) == sizeof value) (void)syscall(SYS_bpf, 0, NULL, 0);
    return NULL;
}

/* The filter holds for threads that run already. */
static int older_thread(int role) {
    int fd = eventfd(0, EFD_CLOEXEC);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, call_when_told, &fd) == 0);
    CHECK(sandbox_filter((enum sandbox_role)role) == STATUS_OK);
    uint64_t one = 1;
    CHECK(write(fd, &one, sizeof one) == sizeof one);
    (void)pthread_join(thread, NULL);
    return 0;
}

static void older_threads_too(void **state) {
    (void)state;
    assert_int_equal(in_child(older_thread, SANDBOX_CLOSED), 1000 + SIGSYS);
}

static int new_code(int role) {
    CHECK(sandbox_filter((enum sandbox_role)role) == STATUS_OK);
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
    CHECK(errno == EACCES);
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    CHECK(mprotect(page, 4096, PROT_READ | PROT_EXEC) == -1 && errno == EACCES);
    return 0;
}

static void no_new_code(void **state) {
    (void)state;
    if (SANDBOX_SANITIZED) skip();
    assert_int_equal(in_child(new_code, SANDBOX_NETWORK), 0);
}

/* ---- sandbox_filter: what goes on ---- */

static void *use_memory(void *arg) {
    for (size_t size = 16; size <= 1 << 22; size *= 4) {
        char *memory = malloc(size);
        if (!memory) return NULL;
        memset(memory, 1, size);
        memory = realloc(memory, size * 2);
        free(memory);
    }
    struct secret *secret = secret_random(5000);
    if (!secret) return NULL;
    secret_free(secret);
    return arg;
}

static int ordinary_work(int role) {
    CHECK(sandbox_filter((enum sandbox_role)role) == STATUS_OK);
    pthread_t threads[4];
    int mark = 1;
    for (size_t i = 0; i < 4; i++) {
        CHECK(pthread_create(&threads[i], NULL, use_memory, &mark) == 0);
        (void)pthread_setname_np(threads[i], "worker");
    }
    for (size_t i = 0; i < 4; i++) {
        void *result = NULL;
        CHECK(pthread_join(threads[i], &result) == 0 && result == &mark);
    }
    CHECK(file_replace(in_dir("open/f"), bytes_text("x"), 0600) == STATUS_OK);
    CHECK(unlink(in_dir("open/f")) == 0);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int event = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event wait = {.events = EPOLLIN};
    CHECK(epoll >= 0 && event >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, event, &wait) == 0);
    CHECK(epoll_wait(epoll, &wait, 1, 1000) == 1);
    service_notify("READY=1");
    return 0;
}

static void ordinary_work_goes_on(void **state) {
    (void)state;
    for (int role = SANDBOX_NETWORK; role <= SANDBOX_CLOSED; role++) {
        assert_int_equal(in_child(ordinary_work, role), 0);
    }
}

static void handle_end(struct http_request *request, void *arg) {
    struct http_server *const *server = arg;
    http_reply(request, 200, "text/plain", bytes_text("bye"));
    http_server_stop(*server);
}

static void *visit(void *arg) {
    (void)arg;
    int fd = -1;
    char text[4096];
    if (service_connect(in_dir("open/http"), SOCK_STREAM, &fd) != STATUS_OK) return NULL;
    static const char ask[] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    ssize_t len = write(fd, ask, sizeof ask - 1) > 0 ? read(fd, text, sizeof text) : -1;
    (void)close(fd);
    return len > 0 && strncmp(text, "HTTP/1.1 200", 12) == 0 ? arg : NULL;
}

static int serve_http(int role) {
    struct http_server *server = NULL;
    const struct http_route routes[] = {{HTTP_GET, "/", handle_end, &server}, {0}};
    struct http_options options = {.max_head_bytes = 4096, .deadline_ms = 5000, .max_connections = 4, .routes = routes};
    CHECK(drop() == 0);
    CHECK(service_listen(in_dir("open/http"), SOCK_STREAM, 0600, 8, &options.listen_fd) == STATUS_OK);
    CHECK(http_server_new(&options, &server) == STATUS_OK);
    CHECK(sandbox_filter((enum sandbox_role)role) == STATUS_OK);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, visit, &server) == 0);
    CHECK(http_server_run(server) == STATUS_OK);
    void *result = NULL;
    CHECK(pthread_join(thread, &result) == 0 && result == &server);
    http_server_free(server);
    CHECK(unlink(in_dir("open/http")) == 0);
    return 0;
}

static void http_goes_on(void **state) {
    (void)state;
    assert_int_equal(in_child(serve_http, SANDBOX_NETWORK), 0);
    assert_int_equal(in_child(serve_http, SANDBOX_LOCAL), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_kept),        cmocka_unit_test(rights_are_dropped),
        cmocka_unit_test(forbidden_calls),       cmocka_unit_test(socket_domains),
        cmocka_unit_test(older_threads_too),     cmocka_unit_test(no_new_code),
        cmocka_unit_test(ordinary_work_goes_on), cmocka_unit_test(http_goes_on),
    };
    return cmocka_run_group_tests(tests, make_dirs, remove_dirs);
}
