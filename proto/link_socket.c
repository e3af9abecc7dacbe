/*
 * A definition in the program comes before that of the C library for every shared library too. Trusts nng to hand over
 * a message's body as the last piece, as it does for bodies of any size.
 */
#include "proto/link_socket.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/secret.h"

static pthread_once_t mark_once = PTHREAD_ONCE_INIT;
static uint8_t mark[LINK_SOCKET_MARK_BYTES];

static void make_mark(void) { secret_random_public(mark, sizeof mark); }

void link_socket_use(void) { (void)pthread_once(&mark_once, make_mark); }

struct bytes link_socket_end_mark(void) {
    return BYTES_ARRAY(mark);
}

static int option(int fd, int name) {
    int value = -1;
    socklen_t len = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 ? value : -1;
}

static bool is_unix_stream(int fd) { return option(fd, SO_DOMAIN) == AF_UNIX && option(fd, SO_TYPE) == SOCK_STREAM; }

static ssize_t length_of(const struct msghdr *message) {
    size_t len = 0;
    for (size_t i = 0; i < message->msg_iovlen; i++) {
        len += message->msg_iov[i].iov_len;
    }
    return (ssize_t)len;
}

static bool is_mark(const struct msghdr *message) {
    if (message->msg_iovlen < 2) return false;
    const struct iovec *last = &message->msg_iov[message->msg_iovlen - 1];
    return last->iov_len == sizeof mark && memcmp(last->iov_base, mark, sizeof mark) == 0;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    if (is_mark(message) && is_unix_stream(fd)) {
        (void)shutdown(fd, SHUT_RDWR);
        return length_of(message);
    }
    ssize_t sent = syscall(SYS_sendmsg, fd, message, flags);
    if (sent >= 0 || (errno != EPIPE && errno != ECONNRESET)) return sent;
    int error = errno;
    if (is_unix_stream(fd)) return length_of(message);
    errno = error;
    return -1;
}
