/* What the gate counts since it started. Written in the gate's thread only. */
#ifndef BROKER_GATE_GATE_METRICS_H
#define BROKER_GATE_GATE_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/preface.h"
#include "proto/splice.h"

struct gate_metrics {
    uint64_t accepted;
    uint64_t crowded_out;       /* closed because connections_total was reached */
    uint64_t handshakes_failed; /* TLS, or the peer left before admission */
    uint64_t handshakes_late;   /* not admitted in handshake_ms */
    uint64_t hellos_malformed;
    uint64_t core_unreachable;
    uint64_t verdicts[PREFACE_VERDICT_COUNT]; /* sent to peers */
    uint64_t reloads;
    size_t pending;  /* connections now, before admission or refused and not yet closed */
    size_t admitted; /* connections now, being passed through */
    struct splice_totals passed;
};

#endif
