/*
 * A small portal over HTTPS for tests of the person's client: one person, one request, one consent. It checks what any
 * portal would (proof, nonce, form and signature of what was signed) and keeps it for the test to look at. One a
 * program; fields are read by the test while no call runs.
 */
#ifndef TESTS_SUPPORT_API_FAKE_PORTAL_H
#define TESTS_SUPPORT_API_FAKE_PORTAL_H

#include <stdbool.h>

#include "base/arena.h"
#include "proto/statement.h"
#include "proto/token.h"
#include "support/scratch.h"

#define PORTAL_FEDERATION "test.example"
#define PORTAL_REQUEST    "BAQEBAQEBAQEBAQEBAQEBA"
#define PORTAL_CONSENT    "BQUFBQUFBQUFBQUFBQUFBQ"
#define PORTAL_TOKENS_MAX 4

struct fake_portal {
    /* What the test sets. */
    const char *federation;
    int64_t clock_s;     /* added to the portal's time */
    unsigned pending;    /* so many registrations are answered "pending" */
    bool loses_answers;  /* a statement is taken, and answered with 503 */
    bool other_person;   /* another handle than before */
    const char *plan;    /* answer of /v1/plan */
    bool plan_on_page_2; /* behind an empty first page */
    struct hash subject;
    uint8_t secret[16]; /* of the enrolment */
    struct id16 enrolment;
    /* What it has seen. */
    bool registered;
    struct registration registration;
    struct token tokens[PORTAL_TOKENS_MAX];
    size_t n_tokens;
    struct statement statement; /* the last */
    unsigned n_statements;
    bool has_last;
    struct hash last_statement;
    char path[200]; /* of the last write */
    unsigned refused;
};

extern struct fake_portal fake_portal;

/* Starts it with a certificate of its own; url and ca live in the arena. Fails the test when it cannot. */
void fake_portal_start(const struct scratch *scratch, struct arena *arena, const char **out_url, const char **out_ca);
void fake_portal_stop(void);

#endif
