#include "support/link/population.h"

#include <stdlib.h>

#include "proto/msg_publish.h"

#define THREADS     16
#define PATIENCE_MS 30000

static struct world_consent *consent_of(const struct population *population, uint64_t fragment) {
    return &population->consents[fragment / POPULATION_FRAGMENTS];
}

static enum status make_person(void *arg, size_t p) {
    struct population *population = arg;
    size_t units = world_unit_count(population->world);
    struct world_person *person = &population->persons[p];
    struct world_consent *consent = &population->consents[p];
    *consent =
        (struct world_consent){.person = person, .wish = {.to = p % units, .from = {(p + 1) % units}, .n_from = 1}};
    TRY(world_person_init(person, WORLD_BY_SOCKET));
    TRY(world_enrol(population->world, population->notes, person, PATIENCE_MS));
    TRY(world_consent(population->world, population->notes, consent, PATIENCE_MS));
    for (size_t i = 0; i < POPULATION_FRAGMENTS; i++) {
        struct world_fragment *fragment = &population->fragments[p * POPULATION_FRAGMENTS + i];
        TRY(world_fragment_init(fragment, consent->wish.from[0], &person->subject, (enum kind)(1 + i % KIND_LAST)));
    }
    return STATUS_OK;
}

enum status population_init(struct population *population, struct world *world, struct world_notes *notes,
                            size_t n_persons, size_t ciphertext_bytes) {
    *population = (struct population){.world = world,
                                      .notes = notes,
                                      .n_persons = n_persons,
                                      .n_fragments = n_persons * POPULATION_FRAGMENTS,
                                      .ciphertext_bytes = ciphertext_bytes};
    population->persons = calloc(n_persons, sizeof *population->persons);
    population->consents = calloc(n_persons, sizeof *population->consents);
    population->fragments = calloc(population->n_fragments, sizeof *population->fragments);
    ENSURE(population->persons && population->consents && population->fragments, STATUS_MEMORY);
    return load_parallel(THREADS, n_persons, make_person, population);
}

void population_clear(struct population *population) {
    for (size_t i = 0; population->fragments && i < population->n_fragments; i++) {
        world_fragment_clear(&population->fragments[i]);
    }
    for (size_t i = 0; population->persons && i < population->n_persons; i++) {
        world_person_clear(&population->persons[i]);
    }
    free(population->fragments);
    free(population->consents);
    free(population->persons);
    *population = (struct population){.world = NULL};
}

/* ---- publication ---- */

/* Neighbouring numbers go to different persons, and so to different members. */
static size_t spread(const struct population *population, uint64_t number) {
    size_t person = number % population->n_persons;
    size_t place = (number / population->n_persons) % POPULATION_FRAGMENTS;
    return person * POPULATION_FRAGMENTS + place;
}

static enum status make_publish(void *arg, uint64_t number, struct arena *arena, struct load_ask *out_ask) {
    struct population *population = arg;
    ENSURE(number < population->n_fragments, STATUS_EXPIRED);
    struct world_fragment *fragment = &population->fragments[spread(population, number)];
    out_ask->unit = fragment->unit;
    out_ask->type = MESSAGE_PUBLISH;
    return world_publish_body(population->world, fragment, population->ciphertext_bytes, arena, &out_ask->body);
}

static enum status check_publish(void *arg, uint64_t number, const struct reply *reply, struct arena *arena) {
    struct population *population = arg;
    struct msg_receipted answer;
    TRY(reply_code_status((enum reply_code)reply->code));
    TRY(msg_receipted_parse(arena, reply->body, &answer));
    return world_publish_check(population->notes, &population->fragments[spread(population, number)], answer.receipt,
                               arena, NULL);
}

enum status population_publish(struct population *population, size_t in_flight, struct load_result *out_result) {
    const struct load_plan plan = {
        .in_flight = in_flight, .make = make_publish, .check = check_publish, .arg = population};
    return load_run(population->world, &plan, out_result);
}

/* ---- grants ---- */

static enum status grant_person(void *arg, size_t p) {
    struct population *population = arg;
    return world_grant(population->world, population->notes, &population->consents[p], 0,
                       &population->fragments[p * POPULATION_FRAGMENTS], POPULATION_FRAGMENTS, PATIENCE_MS);
}

enum status population_grant(struct population *population) {
    return load_parallel(THREADS, population->n_persons, grant_person, population);
}

/* ---- releases ---- */

/* A fixed walk through all fragments that no cache foresees. */
static size_t pick(const struct population *population, uint64_t number) {
    return (size_t)((number + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 11) % population->n_fragments;
}

enum status population_make_release(void *arg, uint64_t number, struct arena *arena, struct load_ask *out_ask) {
    const struct population *population = arg;
    size_t fragment = pick(population, number);
    const struct world_consent *consent = consent_of(population, fragment);
    out_ask->unit = consent->wish.to;
    out_ask->type = MESSAGE_RELEASE;
    return world_release_body(consent, 0, &population->fragments[fragment], arena, &out_ask->body);
}

enum status population_check_release(void *arg, uint64_t number, const struct reply *reply, struct arena *arena) {
    const struct population *population = arg;
    size_t fragment = pick(population, number);
    TRY(reply_code_status((enum reply_code)reply->code));
    return world_release_check(population->notes, consent_of(population, fragment), 0, &population->fragments[fragment],
                               reply, arena, NULL);
}
