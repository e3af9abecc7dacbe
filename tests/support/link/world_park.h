/*
 * Idle agents: connections to the gate that each park one poll for events and then do nothing. They are made by hand
 * over TLS, so that a thousand of them cost this process no threads; each is a connection of a member of the world,
 * with the certificate and the instance of that member's own line, so that core counts and binds them as it would real
 * ones.
 */
#ifndef TESTS_SUPPORT_LINK_WORLD_PARK_H
#define TESTS_SUPPORT_LINK_WORLD_PARK_H

#include "support/link/world.h"

struct world_parked;

/* count connections, spread over the members; every poll is sent when this returns. after: the sequence behind which
 * the members have no mail (UINT32_MAX does). The world's options must allow as many. */
enum status world_park(struct world *world, size_t count, struct world_parked **out_parked);
/* How many are still connected and unanswered. */
size_t world_parked_count(const struct world_parked *parked);
void world_parked_free(struct world_parked *parked);
CLEANUP_POINTER(struct world_parked, world_parked_free)

#endif
