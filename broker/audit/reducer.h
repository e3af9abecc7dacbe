/*
 * The one reducer of a replay: folds leaves in order into what stands after them (devices, requests, consents with
 * their tokens, fragments, grants), and judges each leaf against what stood before it. Where a leaf is a decision, the
 * decision is made again with the recorded stage and time; where it is not, what asked for it must be signed by whoever
 * may ask.
 *
 * State only: no input, no output, no clock, no signature is verified here. It takes the log's word for what a leaf did
 * even when it finds it wanting, so that one wrong leaf is one finding. Memory grows with what stands, not with the
 * length of the log: about 200 bytes for a fragment, as much for a grant or a token.
 *
 * One owner at a time.
 */
#ifndef BROKER_AUDIT_REDUCER_H
#define BROKER_AUDIT_REDUCER_H

#include "base/cleanup.h"
#include "base/status.h"
#include "broker/audit/audit_leaf.h"
#include "broker/audit/finding.h"

struct reducer;

/* Whether openings without a key are to be accounted for. */
enum reducer_scope {
    REDUCER_WHOLE,  /* an opening that is gone is a divergence unless an ERASED covers it */
    REDUCER_SCOPED, /* keys were given for some persons only: the others are not judged */
};

/* federation is not copied. NULL when memory is out. report is called with each divergence of the leaf that is being
 * folded, or of an earlier one that only now could be judged. */
struct reducer *reducer_new(const char *federation, enum reducer_scope scope, finding_fn *report, void *context);
/* Takes NULL. */
void reducer_free(struct reducer *reducer);
CLEANUP_POINTER(struct reducer, reducer_free)

/* The next leaf, with its verdicts. STATUS_MEMORY. */
enum status reducer_fold(struct reducer *reducer, const struct audit_leaf *leaf);

/* After the last leaf: what had to wait for the end. STATUS_MEMORY. */
enum status reducer_end(struct reducer *reducer);

#endif
