/*
 * Two hash tables: connections by nng's id, members by name. Members stay for good: there are never more than the
 * directory has had.
 */
#include "broker/core/gate_pipes.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { PIPES_BUCKETS = 4096, PIPES_LOSERS = 4 };

enum pipe_state { PIPE_OPENED, PIPE_GREETING, PIPE_BOUND, PIPE_REFUSED };

struct gate_member {
    struct gate_member *next;
    char *name;
    size_t calls;
    size_t pipes;
    uint64_t epoch;
    uint8_t instance[PREFACE_INSTANCE_BYTES];
    uint8_t losers[PIPES_LOSERS][PREFACE_INSTANCE_BYTES];
    size_t n_losers;
};

struct gate_pipe {
    struct gate_pipe *next;
    uint32_t id;
    enum pipe_state state;
    struct gate_member *member; /* NULL until bound */
    size_t calls;
    bool closed;
};

struct gate_pipes {
    pthread_mutex_t mutex; /* guards all below */
    struct gate_pipe *pipes[PIPES_BUCKETS];
    struct gate_member *members[PIPES_BUCKETS];
    size_t calls_per_pipe;
    size_t calls_per_member;
    size_t pipes_per_member;
    size_t bound;
};

struct gate_pipes *gate_pipes_new(size_t calls_per_pipe, size_t calls_per_member, size_t pipes_per_member) {
    struct gate_pipes *pipes = calloc(1, sizeof *pipes);
    if (!pipes) return NULL;
    pipes->calls_per_pipe = calls_per_pipe;
    pipes->calls_per_member = calls_per_member;
    pipes->pipes_per_member = pipes_per_member;
    if (pthread_mutex_init(&pipes->mutex, NULL) != 0) {
        free(pipes);
        return NULL;
    }
    return pipes;
}

void gate_pipes_free(struct gate_pipes *pipes) {
    if (!pipes) return;
    for (size_t b = 0; b < PIPES_BUCKETS; b++) {
        while (pipes->pipes[b]) {
            struct gate_pipe *next = pipes->pipes[b]->next;
            free(pipes->pipes[b]);
            pipes->pipes[b] = next;
        }
        while (pipes->members[b]) {
            struct gate_member *next = pipes->members[b]->next;
            free(pipes->members[b]->name);
            free(pipes->members[b]);
            pipes->members[b] = next;
        }
    }
    (void)pthread_mutex_destroy(&pipes->mutex);
    free(pipes);
}

static void pipes_lock(struct gate_pipes *pipes) {
    if (pthread_mutex_lock(&pipes->mutex) != 0) abort();
}

static void pipes_unlock(struct gate_pipes *pipes) {
    if (pthread_mutex_unlock(&pipes->mutex) != 0) abort();
}

/* The mutex is held, here and in all static functions below. */
static struct gate_pipe *find_pipe(struct gate_pipes *pipes, uint32_t id) {
    struct gate_pipe *pipe = pipes->pipes[id % PIPES_BUCKETS];
    while (pipe && pipe->id != id)
        pipe = pipe->next;
    return pipe;
}

static void add_pipe(struct gate_pipes *pipes, uint32_t id) {
    struct gate_pipe *pipe = calloc(1, sizeof *pipe);
    if (!pipe) return;
    pipe->id = id;
    pipe->next = pipes->pipes[id % PIPES_BUCKETS];
    pipes->pipes[id % PIPES_BUCKETS] = pipe;
}

static void remove_pipe(struct gate_pipes *pipes, struct gate_pipe *pipe) {
    struct gate_pipe **at = &pipes->pipes[pipe->id % PIPES_BUCKETS];
    while (*at != pipe)
        at = &(*at)->next;
    *at = pipe->next;
    free(pipe);
}

static struct gate_member *member_of(struct gate_pipes *pipes, const char *name) {
    uint32_t sum = 2166136261u;
    for (const char *c = name; *c; c++)
        sum = (sum ^ (uint8_t)*c) * 16777619u;
    struct gate_member **bucket = &pipes->members[sum % PIPES_BUCKETS];
    for (struct gate_member *member = *bucket; member; member = member->next) {
        if (strcmp(member->name, name) == 0) return member;
    }
    struct gate_member *member = calloc(1, sizeof *member);
    if (!member) return NULL;
    member->name = strdup(name);
    if (!member->name) {
        free(member);
        return NULL;
    }
    member->next = *bucket;
    *bucket = member;
    return member;
}

static enum gate_entry enter(struct gate_pipes *pipes, uint32_t id) {
    struct gate_pipe *pipe = find_pipe(pipes, id);
    if (pipe && pipe->state == PIPE_OPENED) {
        pipe->state = PIPE_GREETING;
        return GATE_PREFACE;
    }
    if (!pipe || pipe->state != PIPE_BOUND) return GATE_UNBOUND;
    bool full = pipe->calls >= pipes->calls_per_pipe || pipe->member->calls >= pipes->calls_per_member;
    if (full) return GATE_LIMIT;
    pipe->calls++;
    pipe->member->calls++;
    return GATE_CALL;
}

void gate_pipes_opened(struct gate_pipes *pipes, uint32_t pipe) {
    pipes_lock(pipes);
    if (!find_pipe(pipes, pipe)) add_pipe(pipes, pipe);
    pipes_unlock(pipes);
}

enum gate_entry gate_pipes_enter(struct gate_pipes *pipes, uint32_t pipe) {
    pipes_lock(pipes);
    enum gate_entry entry = enter(pipes, pipe);
    pipes_unlock(pipes);
    return entry;
}

void gate_pipes_leave(struct gate_pipes *pipes, uint32_t id) {
    pipes_lock(pipes);
    struct gate_pipe *pipe = find_pipe(pipes, id);
    if (pipe && pipe->calls > 0) {
        pipe->calls--;
        pipe->member->calls--;
        if (pipe->closed && pipe->calls == 0) remove_pipe(pipes, pipe);
    }
    pipes_unlock(pipes);
}

static void unbind(struct gate_pipes *pipes, struct gate_pipe *pipe) {
    if (pipe->state == PIPE_BOUND) {
        pipe->member->pipes--;
        pipes->bound--;
    }
    pipe->state = PIPE_REFUSED;
}

static bool has_lost(const struct gate_member *member, const uint8_t instance[PREFACE_INSTANCE_BYTES]) {
    for (size_t i = 0; i < member->n_losers; i++) {
        if (memcmp(member->losers[i], instance, PREFACE_INSTANCE_BYTES) == 0) return true;
    }
    return false;
}

static void displace(struct gate_pipes *pipes, struct gate_member *member) {
    size_t place = member->n_losers < PIPES_LOSERS ? member->n_losers++ : 0;
    memcpy(member->losers[place], member->instance, PREFACE_INSTANCE_BYTES);
    for (size_t b = 0; b < PIPES_BUCKETS; b++) {
        for (struct gate_pipe *pipe = pipes->pipes[b]; pipe; pipe = pipe->next) {
            if (pipe->member == member) unbind(pipes, pipe);
        }
    }
}

/* Whether this instance is, or becomes, the member's newest. */
static bool wins(struct gate_pipes *pipes, struct gate_member *member, const struct preface_hello *hello,
                 bool *out_displaced) {
    bool same = memcmp(member->instance, hello->instance, PREFACE_INSTANCE_BYTES) == 0;
    if (member->pipes > 0) {
        if (hello->epoch < member->epoch) return false;
        if (!same && hello->epoch == member->epoch && has_lost(member, hello->instance)) return false;
        if (!same) {
            displace(pipes, member);
            *out_displaced = true;
        }
    } else {
        member->n_losers = 0;
    }
    memcpy(member->instance, hello->instance, PREFACE_INSTANCE_BYTES);
    member->epoch = hello->epoch;
    return true;
}

static enum preface_verdict bind_pipe(struct gate_pipes *pipes, struct gate_pipe *pipe, const char *name,
                                      const struct preface_hello *hello, bool *out_displaced) {
    struct gate_member *member = member_of(pipes, name);
    if (!member || !pipe || pipe->state != PIPE_GREETING) return PREFACE_NOT_NOW;
    if (!wins(pipes, member, hello, out_displaced)) return PREFACE_OLDER_INSTANCE;
    if (member->pipes >= pipes->pipes_per_member) return PREFACE_TOO_MANY;
    pipe->member = member;
    pipe->state = PIPE_BOUND;
    member->pipes++;
    pipes->bound++;
    return PREFACE_ADMITTED;
}

enum preface_verdict gate_pipes_bind(struct gate_pipes *pipes, uint32_t id, const char *member,
                                     const struct preface_hello *hello, bool *out_displaced) {
    bool displaced = false;
    pipes_lock(pipes);
    enum preface_verdict verdict = bind_pipe(pipes, find_pipe(pipes, id), member, hello, &displaced);
    pipes_unlock(pipes);
    *out_displaced = displaced;
    return verdict;
}

enum status gate_pipes_member(struct gate_pipes *pipes, uint32_t id, struct arena *arena, const char **out_member) {
    const char *name = NULL;
    pipes_lock(pipes);
    const struct gate_pipe *pipe = find_pipe(pipes, id);
    bool bound = pipe && pipe->state == PIPE_BOUND;
    if (bound) name = arena_string(arena, pipe->member->name);
    pipes_unlock(pipes);
    ENSURE(bound, STATUS_DENIED);
    ENSURE(name, STATUS_MEMORY);
    *out_member = name;
    return STATUS_OK;
}

void gate_pipes_closed(struct gate_pipes *pipes, uint32_t id) {
    pipes_lock(pipes);
    struct gate_pipe *pipe = find_pipe(pipes, id);
    if (pipe) {
        unbind(pipes, pipe);
        pipe->closed = true;
        if (pipe->calls == 0) remove_pipe(pipes, pipe);
    }
    pipes_unlock(pipes);
}

size_t gate_pipes_bound(struct gate_pipes *pipes) {
    pipes_lock(pipes);
    size_t bound = pipes->bound;
    pipes_unlock(pipes);
    return bound;
}
