/*
 * Results of calls: one must-use type for everything that can fail.
 *
 * The class of a status decides the reaction, so a caller never switches over single values to find out what to
 * do: caller's bug (abort), peer's fault (answer, perhaps close), refused (answer), limit (answer, back off), local
 * fault (retry, alarm), integrity (stop the role). A refusal of a release is a verdict (proto/rule.h), not a status.
 */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#ifdef __cppcheck__
#define STATUS_MUST_USE
#elif defined(__clang__)
#define STATUS_MUST_USE __attribute__((warn_unused_result))
#else
#define STATUS_MUST_USE [[nodiscard]]
#endif

/* One row for each status: X(name, class, text). The text is what a log line or an error answer may show. */
#define STATUS_TABLE(X)                                                                                                \
    X(OK, FINE, "done")                                                                                                \
    X(MALFORMED, PEER, "the bytes do not have the required form")                                                      \
    X(VERSION, PEER, "the version is not known")                                                                       \
    X(FEDERATION, PEER, "made for another federation")                                                                 \
    X(SIGNATURE, PEER, "the signature does not verify")                                                                \
    X(TOO_LARGE, PEER, "larger than the documented bound")                                                             \
    X(TIME, PEER, "the time is outside the accepted window")                                                           \
    X(PROOF, PEER, "the proof does not hold")                                                                          \
    X(UNSUPPORTED, PEER, "not supported")                                                                              \
    X(INVALID, PEER, "the content breaks a documented rule")                                                           \
    X(REFUSED, REFUSED, "refused")                                                                                     \
    X(NOT_FOUND, REFUSED, "not found")                                                                                 \
    X(CONFLICT, REFUSED, "the same id stands already with other content")                                              \
    X(EXPIRED, REFUSED, "expired")                                                                                     \
    X(DENIED, REFUSED, "not allowed for this caller")                                                                  \
    X(LIMIT, LIMIT, "a limit is reached")                                                                              \
    X(TIMEOUT, LIMIT, "no answer in time")                                                                             \
    X(RETRY, LIMIT, "not now, the same call may succeed later")                                                        \
    X(MEMORY, LOCAL, "out of memory")                                                                                  \
    X(IO, LOCAL, "an input or output operation failed")                                                                \
    X(DISK_FULL, LOCAL, "the disk is full")                                                                            \
    X(UNREACHABLE, LOCAL, "the other side cannot be reached")                                                          \
    X(SETTINGS, LOCAL, "the settings are wrong")                                                                       \
    X(PERMISSION, LOCAL, "permissions do not allow it")                                                                \
    X(CRYPTO, LOCAL, "a cryptographic library call failed")                                                            \
    X(CLOCK, LOCAL, "the clock cannot be trusted")                                                                     \
    X(UNKNOWN, LOCAL, "whether it was done is not known")                                                              \
    X(FENCED, INTEGRITY, "another process has taken over")                                                             \
    X(INTEGRITY, INTEGRITY, "stored data contradict each other")                                                       \
    X(FORK, INTEGRITY, "the log contradicts what was signed or witnessed")

enum STATUS_MUST_USE status {
#define X(name, class, text) STATUS_##name,
    STATUS_TABLE(X)
#undef X
        STATUS_COUNT
};

enum status_class {
    CLASS_FINE,
    CLASS_PEER,
    CLASS_REFUSED,
    CLASS_LIMIT,
    CLASS_LOCAL,
    CLASS_INTEGRITY,
};

/* Lower-case name as it stands in logs and answers, e.g. "too_large". Any thread. */
const char *status_name(enum status status);

/* One clear sentence without a final stop. Any thread. */
const char *status_text(enum status status);

/* The class that decides the reaction. Any thread. */
enum status_class status_class(enum status status);

/* Returns early with the status of a call that failed. */
#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        enum status try_status = (call);                                                                               \
        if (try_status != STATUS_OK) return try_status;                                                                \
    } while (0)

/* Returns early with a status unless a condition holds. */
#define ENSURE(condition, status)                                                                                      \
    do {                                                                                                               \
        if (!(condition)) return (status);                                                                             \
    } while (0)

/* Says in the code that a failure is deliberately without consequence here. */
#define IGNORE(call)                                                                                                   \
    do {                                                                                                               \
        enum status ignored_status = (call);                                                                           \
        (void)ignored_status;                                                                                          \
    } while (0)

#endif
