/*
 * Parked polls and open offers: which agents wait for something to happen.
 *
 * Owns: for each member its parked EVENTS calls, a counter of what came for it, how far it has handled its mailbox, and
 * the checkpoint offered to it as a witness. The mutex guards all of it. Never takes another lock while it holds its
 * own.
 *
 * A poll that finds nothing parks with the counter that it had read before it looked: if something came meanwhile,
 * parking is refused and it looks again. Nothing is missed, nobody asks twice.
 */
#ifndef BROKER_CORE_MAILROOM_H
#define BROKER_CORE_MAILROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/status.h"
#include "broker/core/call.h"

struct mailroom;

/* most: polls that can be parked at once. NULL when memory is out. */
struct mailroom *mailroom_new(size_t most);
/* Takes NULL. Parked calls are not freed: mailroom_take_all first. */
void mailroom_free(struct mailroom *mailroom);
CLEANUP_POINTER(struct mailroom, mailroom_free)

/* How much has come for the member so far. Any thread. */
uint64_t mailroom_counter(struct mailroom *mailroom, const char *member);

struct mailroom_poll {
    const char *member; /* must live as long as the call */
    uint64_t counter;   /* as read before looking */
    uint64_t until_ms;  /* boot time */
    bool witness;       /* ready to cosign */
    uint64_t witnessed; /* size cosigned last */
};

/* Parks a call: the mailroom owns it until something takes it. STATUS_RETRY when something came since the counter was
 * read, or an offer is due (the caller looks again); STATUS_LIMIT when the room is full: the caller answers with
 * nothing. Any thread. */
enum status mailroom_park(struct mailroom *mailroom, const struct mailroom_poll *poll, struct call *call);

/* The member has handled its events up to here. Any thread. */
void mailroom_handled(struct mailroom *mailroom, const char *member, uint64_t sequence);
/* A member with handled events that were not pruned yet, or false. The name lives as long as the mailroom. Writer. */
bool mailroom_next_handled(struct mailroom *mailroom, const char **out_member, uint64_t *out_sequence);

/* Something came for the member: its parked calls, linked by next, now the caller's; NULL when none. Any thread. */
struct call *mailroom_notify(struct mailroom *mailroom, const char *member);

/* A tree of this size was signed: at most `most` parked witnesses that have not seen it and hold no offer, as calls
 * linked by next; each holds an offer from now on. Any thread. */
struct call *mailroom_offer(struct mailroom *mailroom, uint64_t size, size_t most, uint64_t now_ms);
/* Whether this member gets the offer now: it is a witness, has seen less, and holds none that is younger than two
 * seconds. Notes the offer. Any thread. */
bool mailroom_take_offer(struct mailroom *mailroom, const char *member, uint64_t witnessed, uint64_t size,
                         uint64_t now_ms);
/* The member has cosigned, or said no. Any thread. */
void mailroom_offer_done(struct mailroom *mailroom, const char *member);

/* The calls whose time is over, linked by next. Any thread. */
struct call *mailroom_take_due(struct mailroom *mailroom, uint64_t now_ms);
/* All of them: for the end of the process, and for pipes that closed. */
struct call *mailroom_take_all(struct mailroom *mailroom);

size_t mailroom_parked(struct mailroom *mailroom);

#endif
