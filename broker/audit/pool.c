/*
 * Owns the threads and the list of jobs that have pieces to give out. The mutex guards the list, every job's counters
 * and `stopping`.
 */
#include "broker/audit/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS_MAX 64

struct pool {
    pthread_mutex_t mutex;
    pthread_cond_t work;   /* a piece can be had, or the end has come */
    pthread_cond_t finish; /* the last piece of a job was run */
    struct pool_job *first;
    struct pool_job *last;
    bool stopping;
    pthread_t threads[THREADS_MAX];
    size_t thread_count;
};

/* Takes a piece of the oldest job; NULL when there is none. Under the mutex. */
static struct pool_job *take_piece(struct pool *pool, size_t *out_piece) {
    struct pool_job *job = pool->first;
    if (!job) return NULL;
    *out_piece = job->next++;
    if (job->next == job->pieces) {
        pool->first = job->link;
        if (!pool->first) pool->last = NULL;
    }
    return job;
}

/* Runs a piece outside the mutex, and counts it under it. */
static void run_piece(struct pool *pool, struct pool_job *job, size_t piece) {
    (void)pthread_mutex_unlock(&pool->mutex);
    job->run(job->arg, piece);
    (void)pthread_mutex_lock(&pool->mutex);
    if (--job->left == 0) (void)pthread_cond_broadcast(&pool->finish);
}

static void *work(void *context) {
    struct pool *pool = context;
    (void)pthread_mutex_lock(&pool->mutex);
    while (!pool->stopping) {
        size_t piece = 0;
        struct pool_job *job = take_piece(pool, &piece);
        if (job) {
            run_piece(pool, job, piece);
        } else {
            (void)pthread_cond_wait(&pool->work, &pool->mutex);
        }
    }
    (void)pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

struct pool *pool_new(void) {
    struct pool *pool = calloc(1, sizeof *pool);
    if (!pool) return NULL;
    (void)pthread_mutex_init(&pool->mutex, NULL);
    (void)pthread_cond_init(&pool->work, NULL);
    (void)pthread_cond_init(&pool->finish, NULL);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    while ((long)pool->thread_count + 1 < cores && pool->thread_count < THREADS_MAX) {
        if (pthread_create(&pool->threads[pool->thread_count], NULL, work, pool) != 0) break;
        pool->thread_count++;
    }
    return pool;
}

void pool_free(struct pool *pool) {
    if (!pool) return;
    (void)pthread_mutex_lock(&pool->mutex);
    pool->stopping = true;
    (void)pthread_cond_broadcast(&pool->work);
    (void)pthread_mutex_unlock(&pool->mutex);
    for (size_t i = 0; i < pool->thread_count; i++) {
        (void)pthread_join(pool->threads[i], NULL);
    }
    (void)pthread_cond_destroy(&pool->finish);
    (void)pthread_cond_destroy(&pool->work);
    (void)pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

void pool_submit(struct pool *pool, struct pool_job *job) {
    job->next = 0;
    job->left = job->pieces;
    job->link = NULL;
    if (job->pieces == 0) return;
    (void)pthread_mutex_lock(&pool->mutex);
    if (pool->last) {
        pool->last->link = job;
    } else {
        pool->first = job;
    }
    pool->last = job;
    (void)pthread_cond_broadcast(&pool->work);
    (void)pthread_mutex_unlock(&pool->mutex);
}

bool pool_done(struct pool *pool, const struct pool_job *job) {
    (void)pthread_mutex_lock(&pool->mutex);
    bool done = job->left == 0;
    (void)pthread_mutex_unlock(&pool->mutex);
    return done;
}

void pool_finish(struct pool *pool, const struct pool_job *job) {
    (void)pthread_mutex_lock(&pool->mutex);
    while (job->left > 0) {
        size_t piece = 0;
        struct pool_job *taken = take_piece(pool, &piece);
        if (taken) {
            run_piece(pool, taken, piece);
        } else {
            (void)pthread_cond_wait(&pool->finish, &pool->mutex);
        }
    }
    (void)pthread_mutex_unlock(&pool->mutex);
}

size_t pool_cores(const struct pool *pool) { return pool->thread_count + 1; }
