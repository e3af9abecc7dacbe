/*
 * Witnesses among the members: who must speak before core goes on at start, to whom the newest checkpoint is offered,
 * and which checkpoint is cosigned by K of them (K stands in the rules).
 *
 * At start nothing but checkpoints is answered until the members that witness have said what they saw last, or an
 * operator says to go on. One that has seen more than there is means that this log is an old one: STATUS_FORK.
 * The mutex guards all. Any thread.
 */
#ifndef BROKER_CORE_WITNESSES_H
#define BROKER_CORE_WITNESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "broker/core/core.h"

struct witnesses;

/* at_least: how many of those that witness must speak at start; 0: all. NULL when memory is out. */
struct witnesses *witnesses_new(struct core *core, size_t at_least);
/* Takes NULL. */
void witnesses_free(struct witnesses *witnesses);
CLEANUP_POINTER(struct witnesses, witnesses_free)

/* Start-up: goes on at once when the log is empty or nobody witnesses. */
void witnesses_begin(struct witnesses *witnesses, const struct directory *directory, uint64_t size);
/* Whether core goes on. */
bool witnesses_passed(struct witnesses *witnesses);
/* An operator says to go on without their last word. */
void witnesses_go_on(struct witnesses *witnesses);
/* A member that witnesses says which size it cosigned last. STATUS_FORK at start when that is more than `size`. */
enum status witnesses_spoke(struct witnesses *witnesses, const struct directory *directory, const char *member,
                            uint64_t witnessed, uint64_t size);

/* Whether this member, which has witnessed less than `size`, is to get an offer of it now: at most 2K members at a
 * time, none that holds an offer younger than two seconds. Notes the offer. */
bool witnesses_take_offer(struct witnesses *witnesses, const struct directory *directory, const char *member,
                          uint64_t witnessed, uint64_t size);
/* How many more members the checkpoint of this size could be offered to now. */
size_t witnesses_wanted(struct witnesses *witnesses, const struct directory *directory, uint64_t size);

/* A note with the member's cosignature: verified and counted. STATUS_SIGNATURE, STATUS_MALFORMED; STATUS_DENIED when
 * the member does not witness; STATUS_INVALID for a tree that was never signed here. */
enum status witnesses_cosign(struct witnesses *witnesses, const struct directory *directory, const char *member,
                             struct bytes note, struct arena *arena);
/* The newest note with at least K cosignatures, and its size. STATUS_NOT_FOUND when there is none. */
enum status witnesses_cosigned(struct witnesses *witnesses, const struct directory *directory, struct arena *arena,
                               struct bytes *out_note, uint64_t *out_size);

#endif
