/*
 * What this machine does bare, measured in the same run as the broker: the yardsticks of tests/bench.
 */
#ifndef TESTS_SUPPORT_LINK_PRIMITIVES_H
#define TESTS_SUPPORT_LINK_PRIMITIVES_H

#include <stdint.h>

#include "base/status.h"

struct primitives {
    double verify_per_s; /* libsodium Ed25519 over 300 bytes, one core */
    double sign_per_s;
    double commit_per_s; /* LMDB, one put a durable commit, in the directory given */
};

/* About 3 x duration_ms. Leaves nothing in dir. */
enum status primitives_measure(const char *dir, uint32_t duration_ms, struct primitives *out_primitives);

#endif
