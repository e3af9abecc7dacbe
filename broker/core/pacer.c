/*
 * The boundaries are those of the system's time since boot, whatever clock core was given: they are about real time.
 */
#include "broker/core/pacer.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "broker/core/face.h"

struct pacer {
    pthread_t thread;
    pthread_mutex_t mutex; /* guards the three below */
    pthread_cond_t changed;
    struct call *first;
    struct call **last;
    bool stopping;
};

static void pacer_lock(struct pacer *pacer) {
    if (pthread_mutex_lock(&pacer->mutex) != 0) abort();
}

static void pacer_unlock(struct pacer *pacer) {
    if (pthread_mutex_unlock(&pacer->mutex) != 0) abort();
}

static void sleep_to_boundary(void) {
    uint64_t left_ms = PACER_BOUNDARY_MS - clock_boot_ms(clock_system()) % PACER_BOUNDARY_MS;
    struct timespec left = {.tv_nsec = (long)left_ms * 1000000};
    while (nanosleep(&left, &left) != 0)
        continue;
}

/* Waits until something is held; false when it is time to end. */
static bool wait_for_calls(struct pacer *pacer) {
    pacer_lock(pacer);
    while (!pacer->first && !pacer->stopping) {
        if (pthread_cond_wait(&pacer->changed, &pacer->mutex) != 0) abort();
    }
    bool go_on = !pacer->stopping;
    pacer_unlock(pacer);
    return go_on;
}

static struct call *take_held(struct pacer *pacer) {
    pacer_lock(pacer);
    struct call *call = pacer->first;
    pacer->first = NULL;
    pacer->last = &pacer->first;
    pacer_unlock(pacer);
    return call;
}

/* A call that was applied leaves behind all answers of earlier states; else it waits for the next boundary. */
static void send_due(struct pacer *pacer) {
    struct call *call = take_held(pacer);
    while (call) {
        struct call *next = call->next;
        if (call->batch && !order_is_first(call->core->order, call->batch)) {
            pacer_hold(pacer, call);
        } else {
            call_send(call);
        }
        call = next;
    }
}

static void send_all(struct pacer *pacer) {
    struct call *call = take_held(pacer);
    while (call) {
        struct call *next = call->next;
        call_send(call);
        call = next;
    }
}

static void *pacer_run(void *arg) {
    struct pacer *pacer = arg;
    while (wait_for_calls(pacer)) {
        sleep_to_boundary();
        send_due(pacer);
    }
    return NULL;
}

enum status pacer_start(struct pacer **out_pacer) {
    struct pacer *pacer = calloc(1, sizeof *pacer);
    ENSURE(pacer, STATUS_MEMORY);
    pacer->last = &pacer->first;
    if (pthread_mutex_init(&pacer->mutex, NULL) != 0) goto no_mutex;
    if (pthread_cond_init(&pacer->changed, NULL) != 0) goto no_cond;
    if (pthread_create(&pacer->thread, NULL, pacer_run, pacer) != 0) goto no_thread;
    *out_pacer = pacer;
    return STATUS_OK;
no_thread:
    (void)pthread_cond_destroy(&pacer->changed);
no_cond:
    (void)pthread_mutex_destroy(&pacer->mutex);
no_mutex:
    free(pacer);
    return STATUS_MEMORY;
}

void pacer_stop(struct pacer *pacer) {
    if (!pacer) return;
    pacer_lock(pacer);
    pacer->stopping = true;
    (void)pthread_cond_signal(&pacer->changed);
    pacer_unlock(pacer);
    (void)pthread_join(pacer->thread, NULL);
    send_all(pacer);
    (void)pthread_cond_destroy(&pacer->changed);
    (void)pthread_mutex_destroy(&pacer->mutex);
    free(pacer);
}

void pacer_hold(struct pacer *pacer, struct call *call) {
    call->next = NULL;
    pacer_lock(pacer);
    *pacer->last = call;
    pacer->last = &call->next;
    (void)pthread_cond_signal(&pacer->changed);
    pacer_unlock(pacer);
}
