/*
 * Bounded queue of pointers between threads, with an eventfd for event loops. Policy when full: push returns
 * STATUS_LIMIT and the caller keeps ownership. Any thread. The mutex guards every field.
 */
#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/status.h"

struct queue;

/* NULL when capacity is 0, or memory or descriptors are out. */
struct queue *queue_new(size_t capacity);
/* The queue must be empty or its items be owned elsewhere; no call may be running in any thread. Takes NULL. */
void queue_free(struct queue *queue);
CLEANUP_POINTER(struct queue, queue_free)

/* STATUS_LIMIT when full, STATUS_REFUSED after queue_close. */
enum status queue_push(struct queue *queue, void *item);

/* Waits up to timeout_ms for at least one item, then takes at most max without waiting for more. *out_count 0 means
 * the time ran out. STATUS_EXPIRED when closed and empty. */
enum status queue_take(struct queue *queue, uint32_t timeout_ms, void **out_items, size_t max, size_t *out_count);

/* Readable while items wait or the queue is closed; for event loops, which then call queue_take with timeout 0 and
 * never read the descriptor themselves. Owned by the queue. */
int queue_event_fd(struct queue *queue);

size_t queue_depth(struct queue *queue);

/* Wakes all waiters; later pushes are refused, what is queued can still be taken. */
void queue_close(struct queue *queue);

#endif
