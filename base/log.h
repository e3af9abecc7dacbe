/*
 * Log lines: one event, key=value, to stderr, one write(2) a line.
 *
 * No personal data, no key, no payload, no token: what a peer sent is never a format argument, only its length or the
 * name of the error. Low layers return a status; boundaries log once. Lines that a peer can cause go through
 * log_limited. Any thread.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* program is shown on each line ("core", "gate", "agent"); not copied, must live for ever. */
void log_setup(const char *program, enum log_level level);
void log_set_level(enum log_level level);
/* "error", "warn", "info", "debug" -> level; returns -1 for anything else. */
int log_level_parse(const char *name);

/* log_line(LOG_LEVEL_INFO, "link_up", "member=%s size=%llu", ...): event is snake_case; format may be "". The line
 * becomes `<N>role event=link_up member=... size=...`, with the journal's priority prefix. Control characters in
 * values are replaced by '?'. */
void log_line(enum log_level level, const char *event, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* As log_line, at most 10 a minute for each call site; the next line that passes says how many were left out. */
struct log_site {
    uint64_t window_start_ms;
    uint32_t passed;
    uint32_t dropped;
};
void log_limited_at(struct log_site *site, enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#define log_limited(level, event, ...)                                                                                 \
    do {                                                                                                               \
        static struct log_site log_site_here;                                                                          \
        log_limited_at(&log_site_here, (level), (event), __VA_ARGS__);                                                 \
    } while (0)

#endif
