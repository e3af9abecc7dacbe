/*
 * A gate in a thread of its own, with certificates and a place to write, and what a test needs to be its peer.
 * One owner: the test's thread.
 */
#ifndef TESTS_SUPPORT_LINK_GATE_BENCH_H
#define TESTS_SUPPORT_LINK_GATE_BENCH_H

#include <openssl/ssl.h>
#include <pthread.h>

#include "broker/gate/gate.h"
#include "support/scratch.h"

enum { GATE_BENCH_WAIT_MS = 10000 };

struct gate_bench {
    struct scratch scratch;
    char ca[SCRATCH_PATH_MAX];
    char ca_key[SCRATCH_PATH_MAX];
    char core_path[SCRATCH_PATH_MAX];
    char ipc_path[SCRATCH_PATH_MAX]; /* for a tunnel */
    char certificate[SCRATCH_PATH_MAX];
    char key[SCRATCH_PATH_MAX];
    const char *listen[1];
    struct gate_settings settings; /* may be changed before gate_bench_start */
    SSL_CTX *member;               /* a client context with a certificate of its own, as is `other` */
    SSL_CTX *other;
    SSL_CTX *anonymous; /* without certificate */
    uint16_t port;
    struct event_base *base;
    struct gate *gate;
    struct event *wake;
    int wake_fd;
    pthread_t thread;
    /* The call that the gate's thread makes next for the test, which waits for it. */
    void (*call)(struct gate_bench *bench, void *arg);
    void *call_arg;
    int done_fd;
};

/* Certificates, paths, settings. Fails the running test when something is missing, as does all below. */
void gate_bench_init(struct gate_bench *bench);
void gate_bench_start(struct gate_bench *bench);
/* Ends the gate's thread, if it runs, closes every connection, removes everything. */
void gate_bench_clear(struct gate_bench *bench);

/* Puts another certificate and key in the place of the gate's. */
void gate_bench_renew(struct gate_bench *bench);

/* Runs in the gate's thread, and waits until it has. */
void gate_bench_call(struct gate_bench *bench, void (*call)(struct gate_bench *bench, void *arg), void *arg);
struct gate_metrics gate_bench_metrics(struct gate_bench *bench);

/* Waits until the condition holds of the metrics; false after GATE_BENCH_WAIT_MS. */
bool gate_bench_wait(struct gate_bench *bench, bool (*holds)(const struct gate_metrics *metrics, size_t value),
                     size_t value);
bool gate_bench_admitted_is(const struct gate_metrics *metrics, size_t value);
bool gate_bench_pending_is(const struct gate_metrics *metrics, size_t value);

/* Milliseconds of a clock that only goes forward. */
uint64_t gate_bench_now_ms(void);

#endif
