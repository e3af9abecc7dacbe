/*
 * Parked polls and open offers: which agents wait for something to happen.
 *
 * Owns: for each member its parked EVENTS calls, a counter of what came for it, and how far it has handled its mailbox;
 * the members whose mail the batch in hand touches. The mutex guards all of it. Never takes another lock while it holds
 * its own.
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

/* most: polls that can be parked at once, in all and by one member. NULL when memory is out. */
struct mailroom *mailroom_new(size_t most, size_t most_per_member);
/* Takes NULL. Parked calls are not freed: mailroom_take_all first. */
void mailroom_free(struct mailroom *mailroom);
CLEANUP_POINTER(struct mailroom, mailroom_free)

/* How much has come for the member so far. Any thread. */
uint64_t mailroom_counter(struct mailroom *mailroom, const char *member);

/* Parks a call by its member and call->park: the mailroom owns it until something takes it. STATUS_RETRY when something
 * came since the counter was read (the caller looks again); STATUS_LIMIT when the room, or the member's share of it, is
 * full: the caller answers with nothing. Any thread. */
enum status mailroom_park(struct mailroom *mailroom, struct call *call);

/* The member has handled its events up to here. Any thread. */
void mailroom_handled(struct mailroom *mailroom, const char *member, uint64_t sequence);
/* A member with handled events that were not pruned yet, or false. The name lives as long as the mailroom. Writer. */
bool mailroom_next_handled(struct mailroom *mailroom, const char **out_member, uint64_t *out_sequence);

/* Mail for this member is written in the batch in hand; the sequence of the n-th is (batch number << 16) + n. Writer.
 * STATUS_LIMIT above 65535 in one batch. */
enum status mailroom_note(struct mailroom *mailroom, const char *member, uint32_t *out_n);
/* Forgets the notes: the batch begins again. Writer. */
void mailroom_forget(struct mailroom *mailroom);
/* The batch in hand is signed: the parked calls of all noted members, linked by next, now the caller's. Writer. */
struct call *mailroom_notify_noted(struct mailroom *mailroom);
/* The batch in hand stands but is not signed: its notes are kept for the batch that will be signed with it. Writer. */
void mailroom_keep_notes(struct mailroom *mailroom);

/* Something came for the member: its parked calls, linked by next, now the caller's; NULL when none. Any thread. */
struct call *mailroom_notify(struct mailroom *mailroom, const char *member);

/* A tree of this size was signed: at most `most` calls of parked witnesses that have seen less, linked by next, now the
 * caller's. Any thread. */
struct call *mailroom_take_witnesses(struct mailroom *mailroom, uint64_t size, size_t most);

/* The calls whose time is over, linked by next. Any thread. */
struct call *mailroom_take_due(struct mailroom *mailroom, uint64_t now_ms);
/* Those of a connection that ended, linked by next. Any thread. */
struct call *mailroom_take_pipe(struct mailroom *mailroom, uint32_t pipe);
/* All of them: for the end of the process. */
struct call *mailroom_take_all(struct mailroom *mailroom);

size_t mailroom_parked(struct mailroom *mailroom);

#endif
