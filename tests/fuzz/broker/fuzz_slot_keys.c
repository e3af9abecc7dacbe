/*
 * A file of slot keys, read in pieces: the same verdict as reading it whole.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/audit/slot_keys.h"

#define REQUIRE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

/* What a file of this content gives. */
static enum status read_file(struct slot_keys_ring *ring, const unsigned char *data, size_t size) {
    char path[64];
    int fd CLEANUP(cleanup_fd) = memfd_create("keys", MFD_CLOEXEC);
    REQUIRE(fd >= 0 && fchmod(fd, 0600) == 0);
    REQUIRE(write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return slot_keys_read(ring, path);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    REQUIRE(secret_setup() == STATUS_OK);
    struct slot_keys_ring *whole CLEANUP(slot_keys_free_cleanup) = slot_keys_new();
    struct slot_keys_ring *pieces CLEANUP(slot_keys_free_cleanup) = slot_keys_new();
    REQUIRE(whole && pieces);
    enum status status = slot_keys_add(whole, BYTES(data, size));
    enum status in_pieces = read_file(pieces, data, size);
    REQUIRE((status == STATUS_OK) == (in_pieces == STATUS_OK));
    const struct secret *key = slot_keys_get(whole, 0);
    REQUIRE(status != STATUS_OK || (key != NULL) == (slot_keys_get(pieces, 0) != NULL));
    return 0;
}
