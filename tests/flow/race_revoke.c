/*
 * P5: revocation is final and immediate. In each round 32 persons at once: for each, one thread releases and one
 * uploads grants as fast as they can, while a third revokes. Whatever began after the revocation was acknowledged must
 * be refused, and in the log no release and no grant under the token stands behind the revocation. With --kill, core is
 * killed with SIGKILL during each round.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "support/link/flow.h"
#include "support/link/load.h"
#include "support/link/world_fragment.h"

enum { PERSONS = 32, PARTS = 3, MEMBERS = 4, AFTER = 2, KILL_PATIENCE_MS = 60000, TRIES_MAX = 2000, BY_HTTPS = 8 };

struct rival {
    struct world_person person;
    struct world_consent consent;
    struct world_fragment granted; /* is released */
    struct world_fragment later;   /* its grant is uploaded during the race */
    uint8_t state_bytes[LIMIT_STATE_BYTES];
    struct bytes state; /* from before the race */
    atomic_ulong acknowledged_us;
    uint64_t revoked_leaf; /* index + 1; 0: by code, without a receipt */
    uint64_t last_release; /* index + 1 */
    uint64_t last_grant;
    _Atomic bool is_void; /* the revocation failed: nothing follows from it */
};

struct race {
    struct flow flow;
    pthread_barrier_t barrier;
    struct rival rivals[PERSONS];
    uint64_t round;
};

static uint32_t patience(const struct race *race) { return race->flow.kill ? KILL_PATIENCE_MS : 0; }

/* ---- before a round ---- */

static enum status keep_state(const struct race *race, struct rival *rival) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new((size_t)1 << 20);
    struct bytes state;
    ENSURE(arena, STATUS_MEMORY);
    TRY(world_state(race->flow.world, &rival->consent, 0, FLOW_PATIENCE_MS, arena, &state));
    struct writer writer = writer_init(rival->state_bytes, sizeof rival->state_bytes);
    writer_put(&writer, state);
    return writer_end(&writer, &rival->state);
}

static enum status prepare(void *arg, size_t i) {
    struct race *race = arg;
    struct rival *rival = &race->rivals[i];
    struct world *world = race->flow.world;
    size_t source = (i + 1) % MEMBERS;
    rival->consent =
        (struct world_consent){.person = &rival->person, .wish = {.to = i % MEMBERS, .from = {source}, .n_from = 1}};
    atomic_store(&rival->acknowledged_us, 0);
    rival->is_void = false;
    rival->revoked_leaf = rival->last_release = rival->last_grant = 0;
    TRY(world_consent(world, race->flow.notes, &rival->consent, FLOW_PATIENCE_MS));
    TRY(world_grant(world, race->flow.notes, &rival->consent, 0, &rival->granted, 1, FLOW_PATIENCE_MS));
    return keep_state(race, rival);
}

static enum status prepare_once(void *arg, size_t i) {
    struct race *race = arg;
    struct rival *rival = &race->rivals[i];
    size_t source = (i + 1) % MEMBERS;
    TRY(world_person_init(&rival->person, i % BY_HTTPS == 0 ? WORLD_BY_HTTPS : WORLD_BY_SOCKET));
    TRY(world_enrol(race->flow.world, race->flow.notes, &rival->person, FLOW_PATIENCE_MS));
    TRY(world_fragment_init(&rival->granted, source, &rival->person.subject, KIND_GOAL));
    TRY(world_fragment_init(&rival->later, source, &rival->person.subject, KIND_EVENT));
    TRY(world_publish(race->flow.world, race->flow.notes, &rival->granted, 500, FLOW_PATIENCE_MS, NULL));
    return world_publish(race->flow.world, race->flow.notes, &rival->later, 500, FLOW_PATIENCE_MS, NULL);
}

/* ---- the race ---- */

/* Whether a try that began at began_us may no longer succeed; two such tries end a part's work. */
static bool is_late(struct rival *rival, uint64_t began_us) {
    uint64_t acknowledged = atomic_load(&rival->acknowledged_us);
    return acknowledged > 0 && began_us > acknowledged;
}

static void race_release(const struct race *race, struct rival *rival) {
    unsigned late = 0;
    for (unsigned try = 0; late < AFTER && try < TRIES_MAX; try++) {
        uint64_t began = world_clock_us();
        bool began_late = is_late(rival, began);
        enum reply_code code = REPLY_DONE;
        struct world_receipt receipt;
        enum status status = world_release(race->flow.world, race->flow.notes, &rival->consent, 0, &rival->granted,
                                           patience(race), &code, &receipt);
        bool released = status == STATUS_OK && code == REPLY_DONE;
        if (released) rival->last_release = receipt.index + 1;
        if (!began_late) continue;
        late++;
        if (rival->is_void) continue;
        (void)tally_check(!released, "round %llu: a release succeeds after the revocation",
                          (unsigned long long)race->round);
        (void)tally_check(code == REPLY_CONSENT_ENDED && status == STATUS_OK,
                          "round %llu: a late release is answered %s (%s)", (unsigned long long)race->round,
                          reply_code_name(code), status_name(status));
    }
}

static void race_upload(const struct race *race, struct rival *rival) {
    unsigned late = 0;
    for (unsigned try = 0; late < AFTER && try < TRIES_MAX; try++) {
        bool began_late = is_late(rival, world_clock_us());
        struct world_receipt receipt;
        enum status status = world_upload(race->flow.world, race->flow.notes, &rival->consent, 0, rival->state,
                                          &rival->later, 1, patience(race), &receipt);
        if (status == STATUS_OK) rival->last_grant = receipt.index + 1;
        if (!began_late) continue;
        late++;
        if (rival->is_void) continue;
        (void)tally_check(status != STATUS_OK, "round %llu: a grant is kept after the revocation",
                          (unsigned long long)race->round);
    }
}

static void race_revoke(const struct race *race, struct rival *rival, size_t i) {
    static const enum world_revoker ways[] = {WORLD_RECIPIENT, WORLD_PERSON, WORLD_SOURCE, WORLD_CODE};
    enum world_revoker by = ways[(race->round + i) % 4];
    struct world_receipt receipt = {.index = 0};
    /* Not all at the same moment of the others' work. */
    for (size_t n = 0; n < i % 4; n++) {
        enum reply_code code;
        IGNORE(world_release(race->flow.world, race->flow.notes, &rival->consent, 0, &rival->granted, patience(race),
                             &code, NULL));
    }
    enum status status =
        world_revoke(race->flow.world, race->flow.notes, &rival->consent, by, FLOW_PATIENCE_MS, &receipt);
    if (by != WORLD_CODE && status == STATUS_OK) rival->revoked_leaf = receipt.index + 1;
    if (!tally_status(status, "revocation")) rival->is_void = true;
    atomic_store(&rival->acknowledged_us, world_clock_us());
}

static enum status take_part(void *arg, size_t i) {
    struct race *race = arg;
    struct rival *rival = &race->rivals[i / PARTS];
    (void)pthread_barrier_wait(&race->barrier);
    if (i % PARTS == 0) race_release(race, rival);
    if (i % PARTS == 1) race_upload(race, rival);
    if (i % PARTS == 2) race_revoke(race, rival, i / PARTS);
    return STATUS_OK;
}

static void *kill_core(void *arg) {
    struct race *race = arg;
    (void)pthread_barrier_wait(&race->barrier);
    (void)tally_status(world_kill(race->flow.world, WORLD_CORE, SIGKILL), "core is killed");
    return NULL;
}

static void judge(const struct race *race) {
    for (size_t i = 0; i < PERSONS; i++) {
        const struct rival *rival = &race->rivals[i];
        if (rival->revoked_leaf == 0) continue;
        (void)tally_check(rival->last_release < rival->revoked_leaf, "a release stands behind the revocation");
        (void)tally_check(rival->last_grant < rival->revoked_leaf, "a grant stands behind the revocation");
    }
}

static enum status run_round(struct race *race) {
    pthread_t killer;
    size_t parties = PERSONS * PARTS + (race->flow.kill ? 1 : 0);
    enum status status = load_parallel(PERSONS, PERSONS, prepare, race);
    (void)tally_status(status, "consents and grants before the round");
    TRY(status);
    ENSURE(pthread_barrier_init(&race->barrier, NULL, (unsigned)parties) == 0, STATUS_MEMORY);
    if (race->flow.kill) ENSURE(pthread_create(&killer, NULL, kill_core, race) == 0, STATUS_MEMORY);
    status = load_parallel(PERSONS * PARTS, PERSONS * PARTS, take_part, race);
    if (race->flow.kill) (void)pthread_join(killer, NULL);
    (void)pthread_barrier_destroy(&race->barrier);
    TRY(status);
    judge(race);
    return STATUS_OK;
}

static enum status run(struct race *race) {
    TRY(flow_start(&race->flow, MEMBERS));
    enum status status = load_parallel(PERSONS, PERSONS, prepare_once, race);
    (void)tally_status(status, "persons and fragments");
    TRY(status);
    for (race->round = 0; race->round < race->flow.rounds; race->round++) {
        TRY(run_round(race));
    }
    flow_check_log(&race->flow, NULL);
    return STATUS_OK;
}

int main(int argc, char **argv) {
    struct race *race = calloc(1, sizeof *race);
    if (!race) return 1;
    race->flow.rounds = 40;
    int usage = flow_options(argc, argv, &race->flow);
    if (usage) return usage;
    (void)tally_status(run(race), "the races run to their end");
    for (size_t i = 0; i < PERSONS; i++) {
        world_fragment_clear(&race->rivals[i].granted);
        world_fragment_clear(&race->rivals[i].later);
        world_person_clear(&race->rivals[i].person);
    }
    int result = flow_end(&race->flow);
    free(race);
    return result;
}
