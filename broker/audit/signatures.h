/*
 * Checks every signature of a leaf that a key can be known for before its turn: envelopes, headers, requests,
 * attestations and grants under the directory of the decision, tokens and statements under the devices' keys, state
 * statements under the status key. What they mean is the reducer's to judge. Any thread.
 */
#ifndef BROKER_AUDIT_SIGNATURES_H
#define BROKER_AUDIT_SIGNATURES_H

#include "broker/audit/audit_leaf.h"

/* Fills the verdicts and counts what was verified. STATUS_MEMORY. */
enum status signatures_check(const char *federation, struct audit_leaf *leaf);

#endif
