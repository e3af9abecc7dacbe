/* The table of problems and its look-ups. */
#include "agent/api/api_problem.h"

#include <assert.h>
#include <stddef.h>

static const struct row {
    int code;
    const char *type;
    const char *title;
} rows[API_PROBLEM_COUNT] = {
#define X(name, code, type, title) [API_PROBLEM_##name] = {code, API_PROBLEM_URN type, title},
    API_PROBLEM_TABLE(X)
#undef X
};

static const struct row *find(enum api_problem problem) {
    assert(problem > API_PROBLEM_NONE && problem < API_PROBLEM_COUNT);
    return &rows[problem];
}

int api_problem_code(enum api_problem problem) { return find(problem)->code; }

const char *api_problem_type(enum api_problem problem) { return find(problem)->type; }

const char *api_problem_title(enum api_problem problem) { return find(problem)->title; }

static const struct meaning {
    enum status status;
    enum api_problem problem;
} meanings[] = {
    {STATUS_OK, API_PROBLEM_NONE},
    {STATUS_INVALID, API_PROBLEM_CONTENT},
    {STATUS_TOO_LARGE, API_PROBLEM_CONTENT},
    {STATUS_NOT_FOUND, API_PROBLEM_NOT_FOUND},
    {STATUS_CONFLICT, API_PROBLEM_CONFLICT},
    {STATUS_DENIED, API_PROBLEM_DENIED},
    {STATUS_EXPIRED, API_PROBLEM_EXPIRED},
    {STATUS_REFUSED, API_PROBLEM_REFUSED},
    {STATUS_LIMIT, API_PROBLEM_LIMIT},
    {STATUS_RETRY, API_PROBLEM_TRY_LATER},
    {STATUS_TIMEOUT, API_PROBLEM_TIMEOUT},
    {STATUS_UNREACHABLE, API_PROBLEM_BROKER_AWAY},
    {STATUS_DISK_FULL, API_PROBLEM_DISK_FULL},
};

/* What the caller gave was checked before; other faults of a peer are the broker's or another member's. */
static enum api_problem problem_of_class(enum status status) {
    switch (status_class(status)) {
    case CLASS_PEER:
        return API_PROBLEM_BROKER_FAULT;
    case CLASS_REFUSED:
        return API_PROBLEM_REFUSED;
    case CLASS_LIMIT:
        return API_PROBLEM_LIMIT;
    case CLASS_INTEGRITY:
        return API_PROBLEM_INTEGRITY;
    default:
        return API_PROBLEM_LOCAL;
    }
}

enum api_problem api_problem_of(enum status status) {
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        if (meanings[i].status == status) return meanings[i].problem;
    }
    return problem_of_class(status);
}

bool api_problem_passes(enum api_problem problem) {
    switch (problem) {
    case API_PROBLEM_BUSY:
    case API_PROBLEM_LIMIT:
    case API_PROBLEM_TRY_LATER:
    case API_PROBLEM_BROKER_AWAY:
    case API_PROBLEM_TIMEOUT:
    case API_PROBLEM_DISK_FULL:
        return true;
    default:
        return false;
    }
}
