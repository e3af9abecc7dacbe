#include "support/link/world_park.h"

#include <poll.h>
#include <stdlib.h>

#include "keys/tls.h"
#include "proto/msg_events.h"
#include "support/link/world_internal.h"
#include "support/link/world_tls.h"

#define PARK_ARENA   65536
#define PARK_WAIT_MS 55000
#define AFTER_ALL    (UINT64_C(1) << 40)

struct world_parked {
    size_t count;
    struct world_tls *agents;
};

static enum status send_poll(const struct world *world, size_t member, struct world_tls *agent) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(PARK_ARENA);
    const struct msg_events message = {.after = AFTER_ALL, .most = 1, .wait_ms = PARK_WAIT_MS};
    uint8_t head[WORLD_FRAME_HEAD];
    struct bytes body;
    struct bytes whole;
    ENSURE(arena, STATUS_MEMORY);
    TRY(msg_events_encode(arena, &message, &body));
    TRY(world_envelope(world, member * world->options.units, MESSAGE_EVENTS, body, NULL, arena, &whole));
    world_tls_frame(1, whole.len, head);
    TRY(world_tls_put(agent, head, sizeof head));
    return world_tls_put(agent, whole.data, whole.len);
}

static enum status park_member(const struct world *world, size_t member, struct world_parked *parked) {
    SSL_CTX *context CLEANUP(SSL_CTX_free_cleanup) = NULL;
    TRY(world_tls_context(world, member, &context));
    for (size_t i = member; i < parked->count; i += world->options.members) {
        TRY(world_tls_open(world, member, context, &parked->agents[i]));
        TRY(send_poll(world, member, &parked->agents[i]));
    }
    return STATUS_OK;
}

enum status world_park(struct world *world, size_t count, struct world_parked **out_parked) {
    struct world_parked *parked CLEANUP(world_parked_free_cleanup) = calloc(1, sizeof *parked);
    ENSURE(parked, STATUS_MEMORY);
    parked->agents = calloc(count, sizeof *parked->agents);
    ENSURE(parked->agents, STATUS_MEMORY);
    parked->count = count;
    for (size_t i = 0; i < count; i++) {
        parked->agents[i].fd = -1;
    }
    for (size_t member = 0; member < world->options.members; member++) {
        WORLD_TRY("park", park_member(world, member, parked));
    }
    *out_parked = MOVE(parked);
    return STATUS_OK;
}

size_t world_parked_count(const struct world_parked *parked) {
    size_t count = 0;
    for (size_t i = 0; i < parked->count; i++) {
        struct pollfd fd = {.fd = parked->agents[i].fd, .events = POLLIN};
        if (poll(&fd, 1, 0) == 0) count++;
    }
    return count;
}

void world_parked_free(struct world_parked *parked) {
    if (!parked) return;
    for (size_t i = 0; parked->agents && i < parked->count; i++) {
        world_tls_clear(&parked->agents[i]);
    }
    free(parked->agents);
    free(parked);
}
