/*
 * P6: nobody is known here. A unit asks for consent alternately for persons that the broker knows well (device,
 * consents, fragments at another member) and for handles that it never saw: the same codes, the same number and types
 * of leaves, and no difference in time (area under the ROC curve between 0.45 and 0.55). The same for the questions
 * that name a subject and write nothing.
 *
 * With 500 calls of each sort chance alone leaves those bounds about once in 150 runs, so a measurement outside them is
 * repeated once with other persons, and all calls are judged together: a difference that is there stays.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/msg_consent.h"
#include "proto/msg_events.h"
#include "support/link/flow.h"
#include "support/link/load.h"
#include "support/link/world_fragment.h"

enum { MEMBERS = 4, ASKER = 3, THREADS = 16, TRIES = 2 };

#define AUC_LEAST 0.45
#define AUC_MOST  0.55

struct sample {
    double ms;
    bool is_known;
};

struct alike {
    struct flow flow;
    size_t half;
    struct world_person *known;
    struct world_person *unknown;
    struct sample *samples; /* of all tries */
    size_t n_samples;
};

/* ---- persons ---- */

static enum status make_known(void *arg, size_t i) {
    struct alike *alike = arg;
    struct world *world = alike->flow.world;
    struct world_person *person = &alike->known[i];
    struct world_consent consent = {.person = person, .wish = {.to = 1, .from = {2}, .n_from = 1}};
    struct world_fragment fragment;
    TRY(world_person_init(person, WORLD_BY_SOCKET));
    TRY(world_enrol(world, alike->flow.notes, person, FLOW_PATIENCE_MS));
    TRY(world_consent(world, alike->flow.notes, &consent, FLOW_PATIENCE_MS));
    TRY(world_fragment_init(&fragment, 2, &person->subject, KIND_GOAL));
    enum status status = world_publish(world, alike->flow.notes, &fragment, 500, FLOW_PATIENCE_MS, NULL);
    world_fragment_clear(&fragment);
    return status;
}

static enum status make_persons(struct alike *alike) {
    for (size_t i = 0; i < alike->half; i++) {
        TRY(world_person_init(&alike->unknown[i], WORLD_BY_SOCKET));
    }
    return load_parallel(THREADS, alike->half, make_known, alike);
}

static void clear_persons(struct alike *alike) {
    for (size_t i = 0; i < alike->half; i++) {
        world_person_clear(&alike->known[i]);
        world_person_clear(&alike->unknown[i]);
    }
}

/* ---- one call of each sort ---- */

static enum status tree_size(const struct alike *alike, uint64_t *out_size) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new((size_t)2 << 20);
    struct operator_reply reply;
    struct export_part part;
    struct world_tree tree;
    ENSURE(arena, STATUS_MEMORY);
    TRY(world_operator(alike->flow.world, &(struct operator_ask){.verb = OPERATOR_EXPORT}, arena, &reply));
    TRY(reply_code_status((enum reply_code)reply.code));
    TRY(internal_export_part_parse(arena, reply.body, &part));
    TRY(world_notes_open(alike->flow.notes, arena, part.checkpoint, &tree));
    *out_size = tree.size;
    return STATUS_OK;
}

/* world_request checks code, leaf type and receipt; the caller counts leaves. */
static void ask_timed(struct alike *alike, struct world_person *person, struct sample *out_sample) {
    struct world_consent consent = {.person = person, .wish = {.to = ASKER, .from = {2}, .n_from = 1}};
    uint64_t began = world_clock_us();
    enum status status = world_request(alike->flow.world, alike->flow.notes, &consent, 0);
    out_sample->ms = (double)(world_clock_us() - began) / 1000.0;
    (void)tally_status(status, "a consent request is taken, whoever it names");
}

static enum status ask_quiet(struct alike *alike, enum message_type type, struct bytes body, struct reply *out_reply,
                             struct arena *arena) {
    const struct world_ask ask = {.unit = ASKER, .type = type, .body = body};
    return world_call(alike->flow.world, &ask, arena, out_reply);
}

/* Questions that name a subject or something of a person, and their answers side by side. */
static enum status compare_quiet(struct alike *alike, struct arena *arena) {
    const struct msg_consents_ask known = {.subject = alike->known[0].subject};
    const struct msg_consents_ask unknown = {.subject = alike->unknown[0].subject};
    struct bytes known_body;
    struct bytes unknown_body;
    struct reply known_reply;
    struct reply unknown_reply;
    TRY(msg_consents_ask_encode(arena, &known, &known_body));
    TRY(msg_consents_ask_encode(arena, &unknown, &unknown_body));
    TRY(ask_quiet(alike, MESSAGE_CONSENTS, known_body, &known_reply, arena));
    TRY(ask_quiet(alike, MESSAGE_CONSENTS, unknown_body, &unknown_reply, arena));
    (void)tally_check(known_reply.code == unknown_reply.code && known_reply.code == REPLY_DONE,
                      "CONSENTS answers %s for a known person and %s for an unknown one",
                      reply_code_name((enum reply_code)known_reply.code),
                      reply_code_name((enum reply_code)unknown_reply.code));
    (void)tally_check(bytes_equal(known_reply.body, unknown_reply.body), "CONSENTS tells known from unknown");
    return STATUS_OK;
}

/* A token that stands, of others, and one that never was. */
static enum status compare_release(struct alike *alike, struct arena *arena) {
    struct world_person *person = &alike->known[0];
    struct world_consent consent = {.person = person, .wish = {.to = 1, .from = {2}, .n_from = 1}};
    struct world_fragment fragment;
    enum reply_code codes[2] = {REPLY_DONE, REPLY_DONE};
    struct world_receipt receipt;
    (void)arena;
    TRY(world_consent(alike->flow.world, alike->flow.notes, &consent, FLOW_PATIENCE_MS));
    TRY(world_fragment_init(&fragment, 2, &person->subject, KIND_GOAL));
    consent.wish.to = ASKER;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < 2 && status == STATUS_OK; i++) {
        status = world_release(alike->flow.world, alike->flow.notes, &consent, 0, &fragment, 0, &codes[i], &receipt);
        consent.tokens[0].jti = ids_random();
    }
    world_fragment_clear(&fragment);
    TRY(status);
    (void)tally_check(codes[0] == codes[1] && codes[0] == REPLY_CONSENT_REQUIRED,
                      "a token of others is answered %s, one that never was %s", reply_code_name(codes[0]),
                      reply_code_name(codes[1]));
    return STATUS_OK;
}

/* ---- time ---- */

static int by_time(const void *a, const void *b) {
    double x = ((const struct sample *)a)->ms;
    double y = ((const struct sample *)b)->ms;
    return (x > y) - (x < y);
}

/* Mann and Whitney's U over n1 n2: the chance that a known person's call took longer. Ties count half. */
static double area(struct sample *samples, size_t count) {
    double rank_sum = 0;
    double known = 0;
    qsort(samples, count, sizeof *samples, by_time);
    for (size_t i = 0; i < count;) {
        size_t end = i;
        while (end < count && samples[end].ms <= samples[i].ms) {
            end++;
        }
        double rank = ((double)i + 1 + (double)end) / 2;
        for (; i < end; i++) {
            if (!samples[i].is_known) continue;
            rank_sum += rank;
            known += 1;
        }
    }
    double unknown = (double)count - known;
    return (rank_sum - known * (known + 1) / 2) / (known * unknown);
}

/* Alternating, each first as often as the other. */
static enum status measure(struct alike *alike, double *out_area) {
    uint64_t before = 0;
    uint64_t after = 0;
    TRY(tree_size(alike, &before));
    for (size_t i = 0; i < 2 * alike->half; i++) {
        bool is_known = ((i + i / 2) % 2) == 0;
        struct sample *sample = &alike->samples[alike->n_samples++];
        sample->is_known = is_known;
        ask_timed(alike, is_known ? &alike->known[i / 2] : &alike->unknown[i / 2], sample);
    }
    TRY(tree_size(alike, &after));
    (void)tally_check(after - before == 2 * alike->half, "%llu requests left %llu leaves",
                      (unsigned long long)(2 * alike->half), (unsigned long long)(after - before));
    *out_area = area(alike->samples, alike->n_samples);
    return STATUS_OK;
}

static enum status try_once(struct alike *alike, double *out_area) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new((size_t)4 << 20);
    ENSURE(arena, STATUS_MEMORY);
    TRY(make_persons(alike));
    TRY(compare_quiet(alike, arena));
    TRY(compare_release(alike, arena));
    return measure(alike, out_area);
}

static enum status run(struct alike *alike) {
    double found = 0;
    bool fits = false;
    TRY(flow_start(&alike->flow, MEMBERS));
    for (int i = 0; i < TRIES && !fits; i++) {
        enum status status = try_once(alike, &found);
        clear_persons(alike);
        TRY(status);
        fits = found >= AUC_LEAST && found <= AUC_MOST;
        (void)printf("known against unknown in time: area %.3f over %zu calls\n", found, alike->n_samples);
    }
    (void)tally_check(fits, "time tells known from unknown: area %.3f", found);
    flow_check_log(&alike->flow, NULL);
    return STATUS_OK;
}

int main(int argc, char **argv) {
    struct alike alike = {.flow = {.rounds = 1000}};
    int usage = flow_options(argc, argv, &alike.flow);
    if (usage) return usage;
    alike.half = alike.flow.rounds / 2;
    alike.known = calloc(alike.half, sizeof *alike.known);
    alike.unknown = calloc(alike.half, sizeof *alike.unknown);
    alike.samples = calloc(2 * TRIES * alike.half, sizeof *alike.samples);
    if (!alike.known || !alike.unknown || !alike.samples) return 1;
    (void)tally_status(run(&alike), "the comparison runs to its end");
    free(alike.samples);
    free(alike.unknown);
    free(alike.known);
    return flow_end(&alike.flow);
}
