/*
 * One thread: signs, sends, reads, checks. A slot is a request under way; its index is the request's id on the line.
 */
#include "support/link/load.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support/link/load_line.h"

#define SLOT_ARENA ((size_t)8 << 20)
#define CALL_US    UINT64_C(20000000)
#define IDLE_US    100000

struct slot {
    struct arena *arena;
    uint64_t number;
    uint64_t began_us;
    bool under_way;
    struct slot *next;
};

struct load {
    struct world *world;
    const struct load_plan *plan;
    struct load_line *lines[WORLD_MEMBERS_MAX];
    struct slot *slots;
    struct slot *free;
    size_t under_way;
    uint64_t began_us;
    uint64_t answered_us; /* when the last answer came */
    uint64_t number;
    bool over;
    uint32_t *latency_us;
    size_t cap;
    struct load_result result;
};

/* ---- latencies ---- */

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double percentile_ms(const struct load *load, unsigned percent) {
    if (load->result.done == 0) return 0;
    size_t at = (size_t)((load->result.done - 1) * percent / 100);
    return load->latency_us[at] / 1000.0;
}

static enum status keep_latency(struct load *load, uint64_t latency_us) {
    if (load->result.done == load->cap) {
        size_t cap = load->cap ? 2 * load->cap : 4096;
        uint32_t *grown = reallocarray(load->latency_us, cap, sizeof *grown);
        ENSURE(grown, STATUS_MEMORY);
        load->latency_us = grown;
        load->cap = cap;
    }
    load->latency_us[load->result.done++] = (uint32_t)latency_us;
    return STATUS_OK;
}

/* ---- one request ---- */

static enum status line_of(struct load *load, size_t member, struct load_line **out_line) {
    if (!load->lines[member]) TRY(load_line_open(load->world, member, &load->lines[member]));
    *out_line = load->lines[member];
    return STATUS_OK;
}

static enum status send_request(struct load *load, struct slot *slot) {
    struct load_ask ask;
    struct bytes whole;
    struct load_line *line = NULL;
    TRY(load->plan->make(load->plan->arg, slot->number, slot->arena, &ask));
    TRY(line_of(load, world_unit(load->world, ask.unit)->member, &line));
    TRY(world_envelope(load->world, ask.unit, ask.type, ask.body, NULL, slot->arena, &whole));
    return load_line_put(line, (uint32_t)(slot - load->slots), whole);
}

static enum status begin(struct load *load, uint64_t planned_us) {
    struct slot *slot = load->free;
    arena_reset(slot->arena);
    slot->number = load->number++;
    slot->began_us = planned_us;
    enum status status = send_request(load, slot);
    if (status == STATUS_EXPIRED) {
        load->over = true;
        return STATUS_OK;
    }
    TRY(status);
    load->free = slot->next;
    slot->under_way = true;
    load->under_way++;
    return STATUS_OK;
}

static enum status judge(struct load *load, struct slot *slot, struct bytes answer) {
    struct reply reply;
    arena_reset(slot->arena);
    TRY(reply_parse(slot->arena, answer, &reply));
    return load->plan->check(load->plan->arg, slot->number, &reply, slot->arena);
}

static enum status on_answer(void *arg, uint32_t id, struct bytes answer) {
    struct load *load = arg;
    ENSURE(id < load->plan->in_flight && load->slots[id].under_way, STATUS_MALFORMED);
    struct slot *slot = &load->slots[id];
    load->answered_us = world_clock_us();
    uint64_t latency_us = load->answered_us - slot->began_us;
    enum status status = judge(load, slot, answer);
    slot->under_way = false;
    slot->next = load->free;
    load->free = slot;
    load->under_way--;
    if (status == STATUS_OK) return keep_latency(load, latency_us);
    if (load->result.failed++ == 0) load->result.first_failure = status;
    return STATUS_OK;
}

/* ---- the loop ---- */

/* When the next request is to begin. */
static uint64_t due_us(const struct load *load) {
    if (load->plan->rate_per_s <= 0) return load->began_us;
    return load->began_us + (uint64_t)((double)load->number * 1e6 / load->plan->rate_per_s);
}

static enum status begin_due(struct load *load) {
    while (load->free && !load->over) {
        uint64_t now = world_clock_us();
        uint64_t due = due_us(load);
        if (load->plan->duration_us > 0 && now - load->began_us >= load->plan->duration_us) load->over = true;
        if (load->over || due > now) break;
        TRY(begin(load, load->plan->rate_per_s > 0 ? due : now));
    }
    for (size_t i = 0; i < WORLD_MEMBERS_MAX; i++) {
        if (load->lines[i]) TRY(load_line_flush(load->lines[i]));
    }
    return STATUS_OK;
}

/* Waits for an answer, for room to send, or for the next request to be due. */
static size_t wait_for_work(const struct load *load, struct pollfd *fds, size_t *members) {
    uint64_t now = world_clock_us();
    uint64_t until = now + IDLE_US;
    size_t count = 0;
    if (!load->over && load->free && due_us(load) < until) until = due_us(load);
    const struct timespec wait = {.tv_nsec = until > now ? (long)(until - now) * 1000 : 0};
    for (size_t i = 0; i < WORLD_MEMBERS_MAX; i++) {
        if (!load->lines[i]) continue;
        short events = load_line_blocked(load->lines[i]) ? POLLIN | POLLOUT : POLLIN;
        fds[count] = (struct pollfd){.fd = load_line_fd(load->lines[i]), .events = events};
        members[count++] = i;
    }
    (void)ppoll(fds, count, &wait, NULL);
    return count;
}

static enum status run_loop(struct load *load) {
    load->began_us = load->answered_us = world_clock_us();
    while (!load->over || load->under_way > 0) {
        struct pollfd fds[WORLD_MEMBERS_MAX];
        size_t members[WORLD_MEMBERS_MAX];
        TRY(begin_due(load));
        size_t count = wait_for_work(load, fds, members);
        for (size_t i = 0; i < count; i++) {
            if (fds[i].revents & (POLLIN | POLLHUP | POLLERR)) {
                TRY(load_line_read(load->lines[members[i]], on_answer, load));
            }
        }
        ENSURE(load->under_way == 0 || world_clock_us() - load->answered_us < CALL_US, STATUS_TIMEOUT);
    }
    return STATUS_OK;
}

/* ---- a run ---- */

static double own_cpu_s(void) {
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static enum status make_slots(struct load *load) {
    load->slots = calloc(load->plan->in_flight, sizeof *load->slots);
    ENSURE(load->slots, STATUS_MEMORY);
    for (size_t i = 0; i < load->plan->in_flight; i++) {
        struct slot *slot = &load->slots[i];
        slot->arena = arena_new(SLOT_ARENA);
        ENSURE(slot->arena, STATUS_MEMORY);
        slot->next = load->free;
        load->free = slot;
    }
    return STATUS_OK;
}

static void clear(struct load *load) {
    for (size_t i = 0; load->slots && i < load->plan->in_flight; i++) {
        arena_free(load->slots[i].arena);
    }
    for (size_t i = 0; i < WORLD_MEMBERS_MAX; i++) {
        load_line_free(load->lines[i]);
    }
    free(load->slots);
    free(load->latency_us);
}

static void finish(struct load *load, double cpu_before) {
    struct load_result *result = &load->result;
    result->seconds = (double)(load->answered_us - load->began_us) / 1e6;
    result->own_cpu_s = own_cpu_s() - cpu_before;
    if (result->done == 0) return;
    qsort(load->latency_us, result->done, sizeof *load->latency_us, compare);
    result->p50_ms = percentile_ms(load, 50);
    result->p95_ms = percentile_ms(load, 95);
    result->p99_ms = percentile_ms(load, 99);
}

enum status load_run(struct world *world, const struct load_plan *plan, struct load_result *out_result) {
    ENSURE(plan->in_flight > 0 && plan->in_flight <= LOAD_IN_FLIGHT_MAX, STATUS_LIMIT);
    struct load load = {.world = world, .plan = plan};
    double cpu = own_cpu_s();
    enum status status = make_slots(&load);
    if (status == STATUS_OK) status = run_loop(&load);
    if (status == STATUS_OK) {
        finish(&load, cpu);
        *out_result = load.result;
    }
    clear(&load);
    return status;
}

/* ---- many at once ---- */

struct parallel {
    atomic_size_t next;
    size_t count;
    enum status (*fn)(void *arg, size_t i);
    void *arg;
    atomic_int failure; /* enum status */
};

static void *parallel_thread(void *arg) {
    struct parallel *parallel = arg;
    while (atomic_load(&parallel->failure) == STATUS_OK) {
        size_t i = atomic_fetch_add(&parallel->next, 1);
        if (i >= parallel->count) break;
        enum status status = parallel->fn(parallel->arg, i);
        if (status != STATUS_OK) atomic_store(&parallel->failure, (int)status);
    }
    return NULL;
}

enum status load_parallel(size_t threads, size_t count, enum status (*fn)(void *arg, size_t i), void *arg) {
    struct parallel parallel = {.count = count, .fn = fn, .arg = arg};
    pthread_t *ids CLEANUP(cleanup_free) = calloc(threads, sizeof *ids);
    size_t started = 0;
    ENSURE(ids, STATUS_MEMORY);
    while (started < threads && pthread_create(&ids[started], NULL, parallel_thread, &parallel) == 0) {
        started++;
    }
    for (size_t i = 0; i < started; i++) {
        (void)pthread_join(ids[i], NULL);
    }
    ENSURE(started > 0, STATUS_MEMORY);
    return (enum status)atomic_load(&parallel.failure);
}

/* ---- other processes ---- */

double load_process_cpu_s(pid_t pid) {
    char path[64];
    char line[1024] = "";
    unsigned long user = 0;
    unsigned long system = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    const char *read = fgets(line, sizeof line, file);
    (void)fclose(file);
    /* The second field is the name in brackets; user and system time are fields 14 and 15. */
    const char *rest = read ? strrchr(line, ')') : NULL;
    if (!rest) return 0;
    int found = sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
    return found == 2 ? (double)(user + system) / (double)sysconf(_SC_CLK_TCK) : 0;
}

double load_process_anon_mb(pid_t pid) {
    char path[64];
    char line[256];
    unsigned long kib = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "Anonymous: %lu kB", &kib) == 1) break;
    }
    (void)fclose(file);
    return (double)kib / 1024.0;
}
