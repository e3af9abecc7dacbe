/*
 * TCP listeners of services: numeric addresses only, so that starting needs no resolver.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/service.h"

static void free_addresses(struct addrinfo **addresses) {
    if (*addresses) freeaddrinfo(*addresses);
}

static enum status set_options(int fd) {
    const int on = 1;
    ENSURE(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0, STATUS_IO);
    ENSURE(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, STATUS_IO);
    return STATUS_OK;
}

enum status service_listen_tcp(const char *address, uint16_t port, int backlog, int *out_fd) {
    char service[8];
    (void)snprintf(service, sizeof service, "%u", (unsigned)port);
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                                   .ai_socktype = SOCK_STREAM};
    struct addrinfo *found CLEANUP(free_addresses) = NULL;
    ENSURE(getaddrinfo(address, service, &hints, &found) == 0, STATUS_MALFORMED);
    int fd CLEANUP(cleanup_fd) = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return file_status(errno);
    TRY(set_options(fd));
    if (bind(fd, found->ai_addr, found->ai_addrlen) != 0) {
        return errno == EADDRINUSE ? STATUS_CONFLICT : file_status(errno);
    }
    if (listen(fd, backlog) != 0) return errno == EADDRINUSE ? STATUS_CONFLICT : file_status(errno);
    *out_fd = fd;
    fd = -1;
    return STATUS_OK;
}
