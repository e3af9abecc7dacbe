/*
 * The audits of a mirror directory: of its form and signatures alone (verify), or of every decision in it (replay).
 *
 * A pipeline over bundles of 256 leaves: read and parse, open, key (in order), verify signatures, fold (in order).
 * Steps without order run on all cores, and several bundles are under way at once; memory does not grow with the length
 * of the log but for what the reducer keeps.
 */
#ifndef BROKER_AUDIT_REPLAY_H
#define BROKER_AUDIT_REPLAY_H

#include "broker/audit/mirror.h"
#include "broker/audit/prepare.h"
#include "broker/audit/reducer.h"
#include "broker/audit/report.h"

struct replay_options {
    const char *dir;
    const struct mirror_federation *federation; /* with the authority keys to trust */
    const struct slot_keys_ring *keys;          /* may be empty */
    enum prepare_depth depth;                   /* PREPARE_DIRECTORY: verify */
    enum reducer_scope scope;
};

/* Findings, counts and progress go to the report. Fails for what is no finding: the mirror cannot be read (STATUS_IO,
 * STATUS_PERMISSION, STATUS_NOT_FOUND for a missing checkpoint), memory is out. */
enum status replay_run(const struct replay_options *options, struct report *report);

#endif
