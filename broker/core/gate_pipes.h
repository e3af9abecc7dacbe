/*
 * The gate's connections as core knows them: which member each is bound to, how many requests are under way, and which
 * instance of a member's agent is the newest.
 *
 * A connection's first request must be the preface; it is bound by it, or refused. Of two instances of one member the
 * one with the higher key-store epoch wins, then the one that came later; the other's connections are let go, and it is
 * refused as long as the winner is connected. The mutex guards all. Any thread, nng's too: nothing here waits.
 */
#ifndef BROKER_CORE_GATE_PIPES_H
#define BROKER_CORE_GATE_PIPES_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "proto/preface.h"

struct gate_pipes;

/* Bounds on requests under way; pipes of one member. NULL when memory is out. */
struct gate_pipes *gate_pipes_new(size_t calls_per_pipe, size_t calls_per_member, size_t pipes_per_member);
/* Takes NULL. */
void gate_pipes_free(struct gate_pipes *pipes);
CLEANUP_POINTER(struct gate_pipes, gate_pipes_free)

/* The connection began. Only such a one is known, and only until it ends: nng may bring a request of a connection after
 * its end, which must not be taken for the first of a new one. Without memory it stays unknown. */
void gate_pipes_opened(struct gate_pipes *pipes, uint32_t pipe);

/* What is to be done with a request that came. */
enum gate_entry {
    GATE_PREFACE, /* the first of its connection */
    GATE_CALL,    /* counted until gate_pipes_leave */
    GATE_LIMIT,   /* too many under way */
    GATE_UNBOUND, /* of a connection that has ended, was refused, or displaced, or has not been answered its preface */
};
enum gate_entry gate_pipes_enter(struct gate_pipes *pipes, uint32_t pipe);
/* A request that gate_pipes_enter counted is answered. */
void gate_pipes_leave(struct gate_pipes *pipes, uint32_t pipe);

/* Binds the connection to a member. out_displaced: whether an older instance's connections were let go. */
enum preface_verdict gate_pipes_bind(struct gate_pipes *pipes, uint32_t pipe, const char *member,
                                     const struct preface_hello *hello, bool *out_displaced);
/* The member that a connection is bound to, in the arena. STATUS_DENIED when none, STATUS_MEMORY. */
enum status gate_pipes_member(struct gate_pipes *pipes, uint32_t pipe, struct arena *arena, const char **out_member);

/* The connection ended. */
void gate_pipes_closed(struct gate_pipes *pipes, uint32_t pipe);

/* Connections that are bound. */
size_t gate_pipes_bound(struct gate_pipes *pipes);

#endif
