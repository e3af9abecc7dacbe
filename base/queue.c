/*
 * The bounded queue: a ring under one mutex. The condition waits on CLOCK_MONOTONIC, so that a set clock changes no
 * deadline. The eventfd is written only once somebody asked for it: workers that wait on the condition pay no system
 * call.
 *
 * Invariants: count <= capacity; once asked for, the eventfd is readable exactly when items wait or the queue is
 * closed.
 */
#include "base/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct queue {
    pthread_mutex_t mutex; /* guards all below but capacity and event_fd, which never change */
    pthread_cond_t changed;
    size_t capacity;
    size_t first;
    size_t count;
    size_t waiting; /* threads in queue_wait */
    int event_fd;
    bool event_wanted;
    bool event_set;
    bool closed;
    void *items[];
};

static void queue_lock(struct queue *queue) {
    if (pthread_mutex_lock(&queue->mutex) != 0) abort();
}

static void queue_unlock(struct queue *queue) {
    if (pthread_mutex_unlock(&queue->mutex) != 0) abort();
}

static int queue_init_cond(pthread_cond_t *cond) {
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0) return -1;
    int failed = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (failed == 0) failed = pthread_cond_init(cond, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return failed;
}

struct queue *queue_new(size_t capacity) {
    if (capacity == 0 || capacity > (SIZE_MAX - sizeof(struct queue)) / sizeof(void *)) return NULL;
    struct queue *queue = calloc(1, sizeof *queue + capacity * sizeof(void *));
    if (!queue) return NULL;
    queue->capacity = capacity;
    queue->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (queue->event_fd < 0) goto no_event;
    if (pthread_mutex_init(&queue->mutex, NULL) != 0) goto no_mutex;
    if (queue_init_cond(&queue->changed) != 0) goto no_cond;
    return queue;
no_cond:
    (void)pthread_mutex_destroy(&queue->mutex);
no_mutex:
    (void)close(queue->event_fd);
no_event:
    free(queue);
    return NULL;
}

void queue_free(struct queue *queue) {
    if (!queue) return;
    (void)pthread_cond_destroy(&queue->changed);
    (void)pthread_mutex_destroy(&queue->mutex);
    (void)close(queue->event_fd);
    free(queue);
}

/* Brings the eventfd into line with the state; the mutex is held. Neither call can fail on a counter of 0 or 1. */
static void queue_update_event(struct queue *queue) {
    bool due = queue->event_wanted && (queue->count > 0 || queue->closed);
    if (due == queue->event_set) return;
    eventfd_t ignored = 0;
    int failed = due ? eventfd_write(queue->event_fd, 1) : eventfd_read(queue->event_fd, &ignored);
    if (failed == 0) queue->event_set = due;
}

static enum status queue_put(struct queue *queue, void *item) {
    ENSURE(!queue->closed, STATUS_REFUSED);
    ENSURE(queue->count < queue->capacity, STATUS_LIMIT);
    queue->items[(queue->first + queue->count) % queue->capacity] = item;
    queue->count++;
    queue_update_event(queue);
    return STATUS_OK;
}

enum status queue_push(struct queue *queue, void *item) {
    queue_lock(queue);
    enum status put = queue_put(queue, item);
    bool wake = put == STATUS_OK && queue->waiting > 0;
    queue_unlock(queue);
    /* Outside the mutex, so that who wakes does not run into it. */
    if (wake) (void)pthread_cond_signal(&queue->changed);
    return put;
}

static struct timespec queue_deadline(uint32_t timeout_ms) {
    struct timespec at;
    if (clock_gettime(CLOCK_MONOTONIC, &at) != 0) abort();
    at.tv_sec += timeout_ms / 1000;
    at.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

/* Until an item is there, the queue is closed or the time is out; the mutex is held. */
static void queue_wait(struct queue *queue, uint32_t timeout_ms) {
    if (queue->count > 0 || queue->closed || timeout_ms == 0) return;
    struct timespec deadline = queue_deadline(timeout_ms);
    queue->waiting++;
    int waited = 0;
    while (queue->count == 0 && !queue->closed && waited != ETIMEDOUT)
        waited = pthread_cond_timedwait(&queue->changed, &queue->mutex, &deadline);
    queue->waiting--;
}

static enum status queue_take_waiting(struct queue *queue, void **out_items, size_t max, size_t *out_count) {
    ENSURE(queue->count > 0 || !queue->closed, STATUS_EXPIRED);
    size_t count = queue->count < max ? queue->count : max;
    for (size_t i = 0; i < count; i++) {
        out_items[i] = queue->items[queue->first];
        queue->first = (queue->first + 1) % queue->capacity;
    }
    queue->count -= count;
    queue_update_event(queue);
    *out_count = count;
    return STATUS_OK;
}

enum status queue_take(struct queue *queue, uint32_t timeout_ms, void **out_items, size_t max, size_t *out_count) {
    queue_lock(queue);
    queue_wait(queue, timeout_ms);
    enum status taken = queue_take_waiting(queue, out_items, max, out_count);
    queue_unlock(queue);
    return taken;
}

int queue_event_fd(struct queue *queue) {
    queue_lock(queue);
    queue->event_wanted = true;
    queue_update_event(queue);
    queue_unlock(queue);
    return queue->event_fd;
}

size_t queue_depth(struct queue *queue) {
    queue_lock(queue);
    size_t count = queue->count;
    queue_unlock(queue);
    return count;
}

void queue_close(struct queue *queue) {
    queue_lock(queue);
    queue->closed = true;
    queue_update_event(queue);
    (void)pthread_cond_broadcast(&queue->changed);
    queue_unlock(queue);
}
