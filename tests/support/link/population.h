/*
 * Many persons with fragments and consents, made through a world in parallel: what load runs on.
 *
 * Person p is known to one source unit and has consented to one recipient unit, of another member where there is one:
 * p % units asks, (p + 1) % units is the source.
 */
#ifndef TESTS_SUPPORT_LINK_POPULATION_H
#define TESTS_SUPPORT_LINK_POPULATION_H

#include "support/link/load.h"
#include "support/link/world_fragment.h"

#define POPULATION_FRAGMENTS 64 /* of one person: one upload of grants */

struct population {
    struct world *world;
    struct world_notes *notes;
    size_t n_persons;
    size_t n_fragments; /* persons x POPULATION_FRAGMENTS */
    size_t ciphertext_bytes;
    struct world_person *persons;
    struct world_consent *consents;
    struct world_fragment *fragments; /* of person p: from p * POPULATION_FRAGMENTS */
};

/* Enrols the persons and makes their consents. */
enum status population_init(struct population *population, struct world *world, struct world_notes *notes,
                            size_t n_persons, size_t ciphertext_bytes);
void population_clear(struct population *population);

/* Publishes every fragment, closed loop with this many in flight. */
enum status population_publish(struct population *population, size_t in_flight, struct load_result *out_result);
/* Grants every fragment to its consent's recipient. */
enum status population_grant(struct population *population);

/* For load plans, arg is the population: releases of fragments that the number picks, evenly spread; never ends. */
enum status population_make_release(void *arg, uint64_t number, struct arena *arena, struct load_ask *out_ask);
enum status population_check_release(void *arg, uint64_t number, const struct reply *reply, struct arena *arena);

#endif
