/*
 * How fast a log is replayed: signatures verified per second by sluss-audit's pipeline, as a share of what libsodium
 * alone verifies on as many cores.
 *
 * usage: bench_replay [PERSONS [RELEASES]] (100 persons with 200 releases each)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "broker/audit/replay.h"
#include "support/log_plot.h"
#include "support/scratch.h"

#define SAMPLE 20000

static double seconds_since(uint64_t started_ms) {
    uint64_t elapsed_ms = clock_boot_ms(clock_system()) - started_ms;
    return (double)(elapsed_ms > 0 ? elapsed_ms : 1) / 1000.0;
}

/* Processor time of all threads: what counts when others use the machine too. */
static double processor_s(void) {
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double verifications_per_s(double *out_per_processor_s) {
    struct sign_private *key CLEANUP(sign_free_cleanup) = NULL;
    uint8_t message[300] = {0};
    assert_int_equal(sign_generate(&key), STATUS_OK);
    struct sign_public public_key = sign_public_of(key);
    struct sign_signature signature = sign_bytes(key, BYTES_ARRAY(message));
    uint64_t started_ms = clock_boot_ms(clock_system());
    double started_s = processor_s();
    for (unsigned i = 0; i < SAMPLE; i++) {
        assert_int_equal(sign_verify(&public_key, BYTES_ARRAY(message), &signature), STATUS_OK);
    }
    *out_per_processor_s = SAMPLE / (processor_s() - started_s);
    return SAMPLE / seconds_since(started_ms);
}

/* One more person with fragments of two sources, a consent and its grants; then releases. */
static void add_person(struct log_plot *plot, unsigned releases) {
    static const enum federation_unit sources[] = {UNIT_EDUCATION, UNIT_LABOUR};
    struct log_world *world = plot->world;
    plot->ada = log_world_person(world);
    plot->device = log_story_enrol(world, plot->ada, UNIT_GUIDANCE);
    plot->goal = log_story_publish(world, plot->ada, UNIT_EDUCATION, KIND_GOAL, NULL, 0);
    plot->activity = log_story_publish(world, plot->ada, UNIT_EDUCATION, KIND_ACTIVITY, NULL, 0);
    struct log_request *request = log_story_request(world, plot->ada, UNIT_CAREER, sources, 2, ACCESS_REPEATED);
    log_story_grant(world, &(struct log_decision){.request = request, .device = plot->device}, plot->tokens);
    struct log_fragment *const fragments[] = {plot->goal, plot->activity};
    (void)log_story_upload(
        world, &(struct log_upload){.token = plot->tokens[0], .fragments = fragments, .n_fragments = 2}, plot->grants);
    for (unsigned i = 0; i < releases; i++) {
        (void)log_plot_release(plot, RULE_PASS);
    }
    log_story_device_free(plot->device);
}

static void build(const char *dir, unsigned persons, unsigned releases) {
    struct log_plot plot;
    log_plot_begin(&plot);
    for (unsigned i = 0; i < persons; i++) {
        add_person(&plot, releases);
    }
    log_world_write(plot.world, dir);
    log_plot_end(&plot);
}

static void replay(const char *dir, struct report *report) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 20);
    struct slot_keys_ring *keys CLEANUP(slot_keys_free_cleanup) = slot_keys_new();
    const struct mirror mirror = {.dir = dir};
    struct mirror_federation federation;
    char path[SCRATCH_PATH_MAX + 8];
    (void)snprintf(path, sizeof path, "%s/keys", dir);
    assert_int_equal(mirror_federation_read(&mirror, arena, &federation), STATUS_OK);
    assert_int_equal(slot_keys_read(keys, path), STATUS_OK);
    const struct replay_options options = {
        .dir = dir, .federation = &federation, .keys = keys, .depth = PREPARE_ALL, .scope = REDUCER_WHOLE};
    report_begin(report, "replay", REPORT_TEXT, stdout, NULL);
    assert_int_equal(replay_run(&options, report), STATUS_OK);
}

int main(int argc, char **argv) {
    unsigned persons = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 100;
    unsigned releases = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 200;
    struct scratch scratch;
    struct report report;
    scratch_init(&scratch);
    build(scratch.path, persons, releases);
    double single_processor = 0;
    double single = verifications_per_s(&single_processor);
    uint64_t started_ms = clock_boot_ms(clock_system());
    double started_s = processor_s();
    replay(scratch.path, &report);
    double rate = (double)report.signatures / seconds_since(started_ms);
    double processor_rate = (double)report.signatures / (processor_s() - started_s);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    bool clean = report_end(&report);
    (void)printf("verify_per_s %.0f\nreplay_signature_per_s %.0f\nof %ld cores %.2f\nof processor time %.2f\n", single,
                 rate, cores, rate / (single * (double)cores), processor_rate / single_processor);
    scratch_clear(&scratch);
    return clean ? 0 : 1;
}
