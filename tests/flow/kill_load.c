/*
 * P10: nothing lost. Threads publish, grant, release and revoke without a pause, repeating what gets no answer, while
 * core, keyd and gate are killed with SIGKILL at random. Afterwards every acknowledged leaf stands in the log where its
 * receipt says, every checkpoint seen is a beginning of the log, what was granted and not revoked is still released,
 * and what was revoked is refused.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/link/flow.h"
#include "support/link/load.h"
#include "support/link/world_fragment.h"

enum { MEMBERS = 4, WORKERS = 12, READY_MS = 60000, PAUSE_LEAST_MS = 30, PAUSE_SPAN_MS = 400 };

/* What one worker did last and what was acknowledged. */
struct life {
    struct world_person person;
    struct world_consent consent;
    struct world_fragment fragment;
    bool is_revoked;
    struct life *next;
};

struct worker {
    struct killing *killing;
    size_t number;
    struct life *lives;
    struct world_receipt *receipts;
    size_t n_receipts;
    size_t cap;
};

struct killing {
    struct flow flow;
    atomic_bool over;
    struct worker workers[WORKERS];
};

/* ---- load ---- */

static void keep(struct worker *worker, const struct world_receipt *receipt) {
    if (worker->n_receipts == worker->cap) {
        size_t cap = worker->cap ? 2 * worker->cap : 256;
        struct world_receipt *grown = reallocarray(worker->receipts, cap, sizeof *grown);
        if (!tally_check(grown != NULL, "memory for receipts")) return;
        worker->receipts = grown;
        worker->cap = cap;
    }
    worker->receipts[worker->n_receipts++] = *receipt;
}

static enum status live(struct worker *worker, struct life *life) {
    struct world *world = worker->killing->flow.world;
    struct world_notes *notes = worker->killing->flow.notes;
    struct world_receipt receipt;
    enum reply_code code = REPLY_DONE;
    size_t source = (worker->number + 1) % MEMBERS;
    life->consent = (struct world_consent){.person = &life->person,
                                           .wish = {.to = worker->number % MEMBERS, .from = {source}, .n_from = 1}};
    TRY(world_person_init(&life->person, WORLD_BY_SOCKET));
    TRY(world_enrol(world, notes, &life->person, FLOW_PATIENCE_MS));
    TRY(world_fragment_init(&life->fragment, source, &life->person.subject, KIND_ACTIVITY));
    TRY(world_publish(world, notes, &life->fragment, 2048, FLOW_PATIENCE_MS, &receipt));
    keep(worker, &receipt);
    TRY(world_consent(world, notes, &life->consent, FLOW_PATIENCE_MS));
    TRY(world_grant(world, notes, &life->consent, 0, &life->fragment, 1, FLOW_PATIENCE_MS));
    TRY(world_release(world, notes, &life->consent, 0, &life->fragment, FLOW_PATIENCE_MS, &code, &receipt));
    keep(worker, &receipt);
    (void)tally_check(code == REPLY_DONE, "a granted fragment is answered %s", reply_code_name(code));
    if (worker->n_receipts % 4 < 2) return STATUS_OK;
    enum world_revoker by = worker->n_receipts % 8 < 4 ? WORLD_RECIPIENT : WORLD_PERSON;
    TRY(world_revoke(world, notes, &life->consent, by, FLOW_PATIENCE_MS, &receipt));
    keep(worker, &receipt);
    life->is_revoked = true;
    return STATUS_OK;
}

static void *work(void *arg) {
    struct worker *worker = arg;
    while (!atomic_load(&worker->killing->over)) {
        struct life *life = calloc(1, sizeof *life);
        if (!life) break;
        life->next = worker->lives;
        worker->lives = life;
        if (!tally_status(live(worker, life), "work under kills")) break;
    }
    return NULL;
}

/* ---- kills ---- */

static uint32_t random_below(uint32_t bound) {
    uint32_t value = 0;
    secret_random_public(&value, sizeof value);
    return value % bound;
}

/* A role that is just down is passed over: it is being started again. */
static void kill_one(struct killing *killing) {
    static const enum world_role roles[] = {WORLD_CORE, WORLD_CORE, WORLD_KEYD, WORLD_GATE};
    enum world_role role = roles[random_below(4)];
    (void)poll(NULL, 0, PAUSE_LEAST_MS + (int)random_below(PAUSE_SPAN_MS));
    enum status status = world_kill(killing->flow.world, role, SIGKILL);
    (void)tally_check(status == STATUS_OK || status == STATUS_NOT_FOUND, "kill of %s", world_role_name(role));
    (void)tally_status(world_wait_ready(killing->flow.world, READY_MS), "ready again after a kill");
}

static enum status kill_under_load(struct killing *killing) {
    pthread_t threads[WORKERS];
    size_t started = 0;
    for (; started < WORKERS; started++) {
        killing->workers[started] = (struct worker){.killing = killing, .number = started};
        if (pthread_create(&threads[started], NULL, work, &killing->workers[started]) != 0) break;
    }
    for (uint64_t i = 0; i < killing->flow.rounds; i++) {
        kill_one(killing);
    }
    atomic_store(&killing->over, true);
    for (size_t i = 0; i < started; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    return started == WORKERS ? STATUS_OK : STATUS_MEMORY;
}

/* ---- afterwards ---- */

static void check_receipts(const struct killing *killing, const struct world_log *log) {
    size_t count = 0;
    for (size_t w = 0; w < WORKERS; w++) {
        const struct worker *worker = &killing->workers[w];
        for (size_t i = 0; i < worker->n_receipts; i++, count++) {
            (void)tally_check(world_log_holds(log, &worker->receipts[i]), "leaf %llu was acknowledged and is not there",
                              (unsigned long long)worker->receipts[i].index);
        }
    }
    (void)printf("%zu acknowledged leaves in a log of %llu\n", count, (unsigned long long)log->size);
    (void)tally_check(count > 0, "nothing was acknowledged");
}

/* Only lives that came to their end have a consent that is granted or revoked for certain. */
static enum status check_lives(void *arg, size_t w) {
    struct killing *killing = arg;
    for (const struct life *life = killing->workers[w].lives; life; life = life->next) {
        enum reply_code code = REPLY_DONE;
        TRY(world_release(killing->flow.world, killing->flow.notes, &life->consent, 0, &life->fragment,
                          FLOW_PATIENCE_MS, &code, NULL));
        enum reply_code expected = life->is_revoked ? REPLY_CONSENT_ENDED : REPLY_DONE;
        (void)tally_check(code == expected, "a release afterwards is answered %s instead of %s", reply_code_name(code),
                          reply_code_name(expected));
    }
    return STATUS_OK;
}

static enum status run(struct killing *killing) {
    struct world_log log = {.size = 0};
    TRY(flow_start(&killing->flow, MEMBERS));
    TRY(kill_under_load(killing));
    TRY(world_wait_ready(killing->flow.world, READY_MS));
    enum status status = load_parallel(WORKERS, WORKERS, check_lives, killing);
    flow_check_log(&killing->flow, &log);
    check_receipts(killing, &log);
    world_log_clear(&log);
    return status;
}

static void clear(struct killing *killing) {
    for (size_t w = 0; w < WORKERS; w++) {
        struct worker *worker = &killing->workers[w];
        for (struct life *life = worker->lives; life; life = worker->lives) {
            worker->lives = life->next;
            world_fragment_clear(&life->fragment);
            world_person_clear(&life->person);
            free(life);
        }
        free(worker->receipts);
    }
}

int main(int argc, char **argv) {
    struct killing killing = {.flow = {.rounds = 40}};
    int usage = flow_options(argc, argv, &killing.flow);
    if (usage) return usage;
    (void)tally_status(run(&killing), "the kills run to their end");
    clear(&killing);
    return flow_end(&killing.flow);
}
