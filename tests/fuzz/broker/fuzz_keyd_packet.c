/*
 * Any bytes as a packet to keyd, which is open with fresh keys and empty files: always a whole reply, never an
 * integrity stop, and no checkpoint but one that extends the one before.
 */
#include <stdlib.h>

#include "base/log.h"
#include "support/broker/keyd_bench.h"

#define PACKETS_A_BENCH 2000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct keyd_bench *bench;
static unsigned packets;

static void drop_bench(void) {
    if (bench) keyd_bench_clear(bench);
    free(bench);
    bench = NULL;
}

/* What keyd learned from packets ends with the bench, so that a crash does not need thousands of packets before it. */
static void fresh_bench(void) {
    if (!bench) (void)atexit(drop_bench);
    drop_bench();
    bench = calloc(1, sizeof *bench);
    if (!bench) abort();
    keyd_bench_init(bench);
    keyd_bench_tell_directory(bench, 3);
    packets = 0;
}

static void check_form(struct bytes packet, struct bytes reply) {
    if (reply.len < 3 || reply.len > KEYD_PACKET_MAX || reply.data[0] != 1) abort();
    if (packet.len >= 2 && reply.data[1] != packet.data[1]) abort();
    if (reply.data[2] != REPLY_DONE && reply.len != 3) abort();
    if (reply.data[2] == REPLY_INTEGRITY) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    log_set_level(LOG_LEVEL_ERROR);
    if (!bench || packets++ > PACKETS_A_BENCH) fresh_bench();
    struct bytes reply;
    if (size > KEYD_PACKET_MAX) return 0;
    if (keyd_answer(bench->keyd, BYTES(data, size), bench->now_ms, bench->memory, &reply) != STATUS_OK) abort();
    check_form(BYTES(data, size), reply);
    return 0;
}
