/*
 * The load generator: a broker of four roles, eight members with their own end of the link, 128 requests in flight.
 * Signs every request, checks every answer's receipt, opens no content. Writes the figures as JSON to stdout (numbers
 * per second unless the name says otherwise) and what it is doing to stderr.
 *
 *   bench_load --broker PROGRAM --dir DIR [--fragments N] [--seconds S] [--consents N] [--idle N] [--export DIR]
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "broker/operator_export.h"
#include "proto/checkpoint.h"
#include "proto/msg_directory.h"
#include "proto/msg_publish.h"
#include "support/link/population.h"
#include "support/link/primitives.h"
#include "support/link/world_park.h"

#define MEMBERS          8
#define IN_FLIGHT        128
#define CIPHERTEXT_BYTES 2048
#define OPEN_RATE        1000.0
#define THREADS          16
#define PATIENCE_MS      30000
#define WARM_US          1000000
#define PRIMITIVES_MS    700

struct options {
    const char *broker;
    const char *dir;
    const char *export_dir;
    uint64_t fragments;
    uint64_t seconds;
    uint64_t consents;
    uint64_t idle;
};

struct bench {
    struct options options;
    struct world *world;
    struct world_notes *notes;
    struct population population;
    struct world_consent *consents; /* to be revoked; persons are the population's */
    struct primitives primitives;
    json_t *figures;
    double best_leaf_per_s;
};

#define STEP(what, call)                                                                                               \
    do {                                                                                                               \
        enum status step_status = (call);                                                                              \
        if (step_status != STATUS_OK) {                                                                                \
            (void)fprintf(stderr, "bench_load: %s: %s\n", (what), status_text(step_status));                           \
            return step_status;                                                                                        \
        }                                                                                                              \
    } while (0)

static void put(struct bench *bench, const char *name, double value) {
    (void)json_object_set_new(bench->figures, name, json_real(value));
}

/* ---- one phase: its rate, its processes' time ---- */

struct usage {
    double cpu_s[WORLD_ROLES];
    uint64_t at_us;
};

static struct usage usage_now(const struct bench *bench) {
    struct usage usage = {.at_us = world_clock_us()};
    for (int role = 0; role < WORLD_ROLES; role++) {
        usage.cpu_s[role] = load_process_cpu_s(world_role_pid(bench->world, (enum world_role)role));
    }
    return usage;
}

static void report(struct bench *bench, const char *phase, const struct load_result *result,
                   const struct usage *before) {
    struct usage now = usage_now(bench);
    double wall = (double)(now.at_us - before->at_us) / 1e6;
    (void)fprintf(stderr, "%-9s %8.0f/s  p50 %6.2f  p95 %6.2f  p99 %6.2f ms  cores: generator %.2f", phase,
                  (double)result->done / result->seconds, result->p50_ms, result->p95_ms, result->p99_ms,
                  result->own_cpu_s / wall);
    json_t *cpu = json_pack("{s:f}", "generator", result->own_cpu_s / wall);
    for (int role = 0; role < WORLD_ROLES; role++) {
        double cores = (now.cpu_s[role] - before->cpu_s[role]) / wall;
        (void)fprintf(stderr, " %s %.2f", world_role_name((enum world_role)role), cores);
        (void)json_object_set_new(cpu, world_role_name((enum world_role)role), json_real(cores));
    }
    (void)fprintf(stderr, "%s\n", result->failed ? "  FAILED REQUESTS" : "");
    (void)json_object_set_new(json_object_get(bench->figures, "cores"), phase, cpu);
}

/* No request of a measurement may fail. */
static enum status must_all_pass(const struct load_result *result) {
    if (result->failed == 0) return STATUS_OK;
    (void)fprintf(stderr, "bench_load: %llu requests failed, the first: %s\n", (unsigned long long)result->failed,
                  status_text(result->first_failure));
    return result->first_failure;
}

static enum status run_phase(struct bench *bench, const char *phase, const struct load_plan *plan,
                             struct load_result *out_result) {
    struct usage before = usage_now(bench);
    TRY(load_run(bench->world, plan, out_result));
    report(bench, phase, out_result, &before);
    double per_s = (double)out_result->done / out_result->seconds;
    if (per_s > bench->best_leaf_per_s) bench->best_leaf_per_s = per_s;
    return must_all_pass(out_result);
}

/* ---- phases ---- */

/* Before and after the load, and the better of both counts: other work on the machine must not flatter the ratios. */
static enum status measure_primitives(struct bench *bench) {
    struct primitives now;
    struct primitives *best = &bench->primitives;
    TRY(primitives_measure(bench->options.dir, PRIMITIVES_MS, &now));
    if (now.verify_per_s > best->verify_per_s) best->verify_per_s = now.verify_per_s;
    if (now.sign_per_s > best->sign_per_s) best->sign_per_s = now.sign_per_s;
    if (now.commit_per_s > best->commit_per_s) best->commit_per_s = now.commit_per_s;
    put(bench, "verify_per_s", best->verify_per_s);
    put(bench, "sign_per_s", best->sign_per_s);
    put(bench, "commit_per_s", best->commit_per_s);
    return STATUS_OK;
}

static enum status bench_publish(struct bench *bench) {
    struct load_result result;
    struct usage before = usage_now(bench);
    TRY(population_publish(&bench->population, IN_FLIGHT, &result));
    report(bench, "publish", &result, &before);
    double per_s = (double)result.done / result.seconds;
    if (per_s > bench->best_leaf_per_s) bench->best_leaf_per_s = per_s;
    put(bench, "publish_per_s", per_s);
    return must_all_pass(&result);
}

static enum status bench_release(struct bench *bench, const char *phase, const char *figure) {
    struct load_result result;
    struct load_plan plan = {.in_flight = IN_FLIGHT,
                             .duration_us = WARM_US,
                             .make = population_make_release,
                             .check = population_check_release,
                             .arg = &bench->population};
    TRY(run_phase(bench, "warm", &plan, &result));
    plan.duration_us = bench->options.seconds * 1000000;
    TRY(run_phase(bench, phase, &plan, &result));
    put(bench, figure, (double)result.done / result.seconds);
    return STATUS_OK;
}

static enum status bench_latency(struct bench *bench) {
    struct load_result result;
    const struct load_plan plan = {.in_flight = LOAD_IN_FLIGHT_MAX,
                                   .rate_per_s = OPEN_RATE,
                                   .duration_us = bench->options.seconds * 1000000,
                                   .make = population_make_release,
                                   .check = population_check_release,
                                   .arg = &bench->population};
    TRY(run_phase(bench, "open", &plan, &result));
    put(bench, "p50_ms", result.p50_ms);
    put(bench, "p95_ms", result.p95_ms);
    put(bench, "p99_ms", result.p99_ms);
    return STATUS_OK;
}

/* Consents i of person i % persons, one at a time, each between another pair of units: a second one between the same
 * would supersede the first. Pairs of neighbours are the population's. */
static enum status make_consents_of(void *arg, size_t p) {
    struct bench *bench = arg;
    const size_t units = world_unit_count(bench->world);
    const size_t persons = bench->population.n_persons;
    for (size_t i = p; i < bench->options.consents; i += persons) {
        size_t pair = i / persons;
        size_t to = (p + pair) % units;
        size_t from = (to + 2 + pair / units) % units;
        ENSURE(2 + pair / units < units, STATUS_LIMIT);
        bench->consents[i] = (struct world_consent){.person = &bench->population.persons[p],
                                                    .wish = {.to = to, .from = {from}, .n_from = 1}};
        TRY(world_consent(bench->world, bench->notes, &bench->consents[i], PATIENCE_MS));
    }
    return STATUS_OK;
}

static enum status make_revoke(void *arg, uint64_t number, struct arena *arena, struct load_ask *out_ask) {
    const struct bench *bench = arg;
    ENSURE(number < bench->options.consents, STATUS_EXPIRED);
    const struct world_consent *consent = &bench->consents[number];
    out_ask->unit = consent->wish.to;
    out_ask->type = MESSAGE_REVOKE;
    return world_revoke_body(consent, arena, &out_ask->body);
}

static enum status check_revoke(void *arg, uint64_t number, const struct reply *reply, struct arena *arena) {
    const struct bench *bench = arg;
    struct msg_receipted answer;
    TRY(reply_code_status((enum reply_code)reply->code));
    TRY(msg_receipted_parse(arena, reply->body, &answer));
    return world_revoke_check(bench->notes, &bench->consents[number], answer.receipt, arena, NULL);
}

static enum status bench_revoke(struct bench *bench) {
    struct load_result result;
    const struct load_plan plan = {.in_flight = IN_FLIGHT, .make = make_revoke, .check = check_revoke, .arg = bench};
    bench->consents = calloc(bench->options.consents, sizeof *bench->consents);
    ENSURE(bench->consents, STATUS_MEMORY);
    STEP("consents", load_parallel(THREADS, bench->population.n_persons, make_consents_of, bench));
    TRY(run_phase(bench, "revoke", &plan, &result));
    put(bench, "revoke_per_s", (double)result.done / result.seconds);
    return STATUS_OK;
}

static void put_memory(struct bench *bench, const char *name) {
    json_t *memory = json_object();
    for (int role = 0; role < WORLD_ROLES; role++) {
        double mb = load_process_anon_mb(world_role_pid(bench->world, (enum world_role)role));
        (void)json_object_set_new(memory, world_role_name((enum world_role)role), json_real(mb));
    }
    (void)json_object_set_new(bench->figures, name, memory);
}

static enum status bench_idle(struct bench *bench) {
    struct world_parked *parked CLEANUP(world_parked_free_cleanup) = NULL;
    STEP("idle agents", world_park(bench->world, bench->options.idle, &parked));
    TRY(bench_release(bench, "idle", "idle_release_per_s"));
    put(bench, "idle_agents", (double)world_parked_count(parked));
    put_memory(bench, "idle_anon_mb");
    return STATUS_OK;
}

static enum status run_phases(struct bench *bench) {
    STEP("publish", bench_publish(bench));
    STEP("grants", population_grant(&bench->population));
    STEP("release", bench_release(bench, "release", "release_per_s"));
    STEP("open loop", bench_latency(bench));
    if (bench->options.consents > 0) STEP("revoke", bench_revoke(bench));
    put_memory(bench, "anon_mb");
    if (bench->options.idle > 0) STEP("idle", bench_idle(bench));
    STEP("primitives", measure_primitives(bench));
    put(bench, "leaf_per_s", bench->best_leaf_per_s);
    if (!bench->options.export_dir) return STATUS_OK;
    STEP("export",
         operator_export_run(world_operator_client(bench->world), bench->options.export_dir, EXPORT_WITH_KEYS, NULL));
    return STATUS_OK;
}

/* ---- the whole ---- */

static enum status prepare(struct bench *bench) {
    const struct world_options options = {.broker = bench->options.broker,
                                          .dir = bench->options.dir,
                                          .members = MEMBERS,
                                          .units = 1,
                                          .connections_per_member = 1 + bench->options.idle / MEMBERS + 8,
                                          .parked_per_member = 1 + bench->options.idle / MEMBERS + 8,
                                          .calls_per_member = 512 + bench->options.idle / MEMBERS};
    size_t persons = (bench->options.fragments + POPULATION_FRAGMENTS - 1) / POPULATION_FRAGMENTS;
    TRY(world_start(&options, &bench->world));
    STEP("primitives", measure_primitives(bench));
    bench->notes = world_notes_new(world_log_key(bench->world));
    ENSURE(bench->notes, STATUS_MEMORY);
    STEP("persons", population_init(&bench->population, bench->world, bench->notes, persons, CIPHERTEXT_BYTES));
    put(bench, "fragments", (double)bench->population.n_fragments);
    return STATUS_OK;
}

static void clear(struct bench *bench) {
    population_clear(&bench->population);
    world_notes_free(bench->notes);
    world_stop(bench->world);
    free(bench->consents);
    json_decref(bench->figures);
}

static bool take_number(const char *text, uint64_t *out) { return text_to_u64(bytes_text(text), out) == STATUS_OK; }

static bool parse_options(int argc, char **argv, struct options *options) {
    static const struct option known[] = {
        {"broker", required_argument, NULL, 'b'},    {"dir", required_argument, NULL, 'd'},
        {"fragments", required_argument, NULL, 'f'}, {"seconds", required_argument, NULL, 's'},
        {"consents", required_argument, NULL, 'c'},  {"idle", required_argument, NULL, 'i'},
        {"export", required_argument, NULL, 'e'},    {NULL, 0, NULL, 0}};
    bool fine = true;
    for (int found = getopt_long(argc, argv, "", known, NULL); fine && found != -1;
         found = getopt_long(argc, argv, "", known, NULL)) {
        if (found == 'b') options->broker = optarg;
        if (found == 'd') options->dir = optarg;
        if (found == 'e') options->export_dir = optarg;
        if (found == 'f') fine = take_number(optarg, &options->fragments);
        if (found == 's') fine = take_number(optarg, &options->seconds);
        if (found == 'c') fine = take_number(optarg, &options->consents);
        if (found == 'i') fine = take_number(optarg, &options->idle);
        if (found == '?') fine = false;
    }
    return fine && options->broker && options->dir && options->fragments > 0 && options->seconds > 0;
}

int main(int argc, char **argv) {
    struct bench bench = {.options = {.fragments = 10000, .seconds = 5, .consents = 2000}};
    if (!parse_options(argc, argv, &bench.options)) {
        (void)fprintf(stderr, "usage: bench_load --broker PROGRAM --dir DIR [--fragments N] [--seconds S] "
                              "[--consents N] [--idle N] [--export DIR]\n");
        return 2;
    }
    bench.figures = json_pack("{s:{}}", "cores");
    enum status status = prepare(&bench);
    if (status == STATUS_OK) status = run_phases(&bench);
    if (status == STATUS_OK) (void)json_dumpf(bench.figures, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    (void)fputc('\n', stdout);
    clear(&bench);
    return status == STATUS_OK ? 0 : 1;
}
