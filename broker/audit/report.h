/*
 * What an audit says: one line for each finding (or one JSON document), a summary at the end, and a progress bar while
 * it lasts. Main thread.
 */
#ifndef BROKER_AUDIT_REPORT_H
#define BROKER_AUDIT_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "broker/audit/finding.h"

enum report_form { REPORT_TEXT, REPORT_JSON };

struct report {
    FILE *out;
    FILE *progress; /* NULL: none is shown */
    enum report_form form;
    const char *verb;
    /* Counted by whoever runs the audit. */
    uint64_t leaves;
    uint64_t openings;
    uint64_t signatures;
    /* Counted here. */
    uint64_t divergences;
    uint64_t started_ms; /* boot time */
    unsigned percent;    /* shown last */
};

/* Begins: takes the time. progress may be NULL. */
void report_begin(struct report *report, const char *verb, enum report_form form, FILE *out, FILE *progress);

/* A finding_fn; context is the report. Texts hold no control characters. */
void report_finding(void *report, uint64_t leaf, const char *name, const char *text);

/* A remark that is no divergence. */
void report_note(struct report *report, const char *text);

/* done of all leaves are through. */
void report_progress(struct report *report, uint64_t done, uint64_t all);

/* The summary; true when nothing was found. */
bool report_end(struct report *report);

#endif
