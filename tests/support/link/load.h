/*
 * Load on a world: one thread signs requests and checks answers, with a fixed number of requests in flight over one
 * connection for each member. The connections speak the link's protocol to the byte, but without nng and without a
 * tunnel's thread, so that the generator takes little of what it shares with the broker. Closed loop: a new request as
 * soon as one is answered. Open loop: requests begin at fixed times whatever the answers do, and latency counts from
 * the time planned.
 */
#ifndef TESTS_SUPPORT_LINK_LOAD_H
#define TESTS_SUPPORT_LINK_LOAD_H

#include "support/link/world.h"

#define LOAD_IN_FLIGHT_MAX 1024

struct load_ask {
    size_t unit;
    enum message_type type;
    struct bytes body;
};

/* The number-th request, in the slot's arena. STATUS_EXPIRED: there are no more. */
typedef enum status load_make_fn(void *arg, uint64_t number, struct arena *arena, struct load_ask *out_ask);
/* Judges its answer. */
typedef enum status load_check_fn(void *arg, uint64_t number, const struct reply *reply, struct arena *arena);

struct load_plan {
    size_t in_flight;
    double rate_per_s;    /* 0: closed loop */
    uint64_t duration_us; /* no new request after this; 0: until make has no more */
    load_make_fn *make;
    load_check_fn *check;
    void *arg;
};

struct load_result {
    uint64_t done;
    uint64_t failed;
    enum status first_failure;
    double seconds;
    double own_cpu_s; /* of this process: signing, checking, TLS */
    double p50_ms;
    double p95_ms;
    double p99_ms;
};

/* Runs in the caller's thread. STATUS_OK also when requests failed. */
enum status load_run(struct world *world, const struct load_plan *plan, struct load_result *out_result);

/* Runs fn(arg, i) for each i below count in so many threads; the first failure ends it all. */
enum status load_parallel(size_t threads, size_t count, enum status (*fn)(void *arg, size_t i), void *arg);

/* Of a process: user and system time in seconds; anonymous memory in MiB. 0 when there is no such process. */
double load_process_cpu_s(pid_t pid);
double load_process_anon_mb(pid_t pid);

#endif
