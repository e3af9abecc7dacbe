/*
 * Log lines. Owns the program's name and level, set in main. A line is built on the stack and leaves in one write(2),
 * so that lines of several threads and processes do not mix; what is longer is cut. Keeps errno.
 */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum { LOG_LINE_BYTES = 1024, LOG_WINDOW_MS = 60000, LOG_WINDOW_LINES = 10 };

static const struct {
    const char *name;
    int priority; /* as syslog numbers them */
} log_levels[] = {
    [LOG_LEVEL_ERROR] = {"error", 3},
    [LOG_LEVEL_WARN] = {"warn", 4},
    [LOG_LEVEL_INFO] = {"info", 6},
    [LOG_LEVEL_DEBUG] = {"debug", 7},
};

static _Atomic(const char *) log_program = "sluss";
static atomic_int log_threshold = LOG_LEVEL_INFO;
/* Guards every log_site. */
static pthread_mutex_t log_mutex = PTHREAD_MUTEX_INITIALIZER;

void log_setup(const char *program, enum log_level level) {
    atomic_store(&log_program, program);
    log_set_level(level);
}

void log_set_level(enum log_level level) { atomic_store(&log_threshold, (int)level); }

int log_level_parse(const char *name) {
    for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
        if (strcmp(name, log_levels[level].name) == 0) return level;
    }
    return -1;
}

static bool log_is_shown(enum log_level level) { return (int)level <= atomic_load(&log_threshold); }

/* The line while it is built: never more than LOG_LINE_BYTES - 1, the last byte is the newline's. */
struct log_buffer {
    char text[LOG_LINE_BYTES];
    size_t len;
};

__attribute__((format(printf, 2, 0))) static void log_append_values(struct log_buffer *line, const char *format,
                                                                    va_list values) {
    size_t room = sizeof line->text - 1 - line->len;
    int len = vsnprintf(line->text + line->len, room, format, values);
    if (len <= 0 || room == 0) return;
    line->len += (size_t)len < room ? (size_t)len : room - 1;
}

__attribute__((format(printf, 2, 3))) static void log_append(struct log_buffer *line, const char *format, ...) {
    va_list values;
    va_start(values, format);
    log_append_values(line, format, values);
    va_end(values);
}

/* C0 and DEL, and the C1 controls in their UTF-8 form: a terminal or the journal would act on them. */
static void log_mask_controls(struct log_buffer *line) {
    for (size_t i = 0; i < line->len; i++) {
        uint8_t byte = (uint8_t)line->text[i];
        bool is_c1 = byte >= 0x80 && byte <= 0x9f && i > 0 && (uint8_t)line->text[i - 1] == 0xc2;
        if (byte < 0x20 || byte == 0x7f || is_c1) line->text[i] = '?';
        if (is_c1) line->text[i - 1] = '?';
    }
}

static void log_write(const struct log_buffer *line) {
    ssize_t written = 0;
    do {
        written = write(STDERR_FILENO, line->text, line->len);
    } while (written < 0 && errno == EINTR);
}

__attribute__((format(printf, 4, 0))) static void log_emit(enum log_level level, uint32_t left_out, const char *event,
                                                           const char *format, va_list values) {
    int saved = errno;
    struct log_buffer line = {.len = 0};
    log_append(&line, "<%d>%s event=%s", log_levels[level].priority, atomic_load(&log_program), event);
    if (left_out > 0) log_append(&line, " left_out=%u", left_out);
    if (format[0]) {
        log_append(&line, " ");
        log_append_values(&line, format, values);
    }
    log_mask_controls(&line);
    line.text[line.len++] = '\n';
    log_write(&line);
    errno = saved;
}

void log_line(enum log_level level, const char *event, const char *format, ...) {
    if (!log_is_shown(level)) return;
    va_list values;
    va_start(values, format);
    log_emit(level, 0, event, format, values);
    va_end(values);
}

/* Whether a line may pass now; if so, how many were left out since the last that did. */
static bool log_site_passes(struct log_site *site, uint64_t now_ms, uint32_t *out_left_out) {
    if (site->passed == 0 || now_ms - site->window_start_ms >= LOG_WINDOW_MS) {
        site->window_start_ms = now_ms;
        site->passed = 0;
    }
    if (site->passed >= LOG_WINDOW_LINES) {
        if (site->dropped < UINT32_MAX) site->dropped++;
        return false;
    }
    site->passed++;
    *out_left_out = site->dropped;
    site->dropped = 0;
    return true;
}

void log_limited_at(struct log_site *site, enum log_level level, const char *event, const char *format, ...) {
    if (!log_is_shown(level)) return;
    uint32_t left_out = 0;
    if (pthread_mutex_lock(&log_mutex) != 0) abort();
    bool passes = log_site_passes(site, clock_boot_ms(clock_system()), &left_out);
    (void)pthread_mutex_unlock(&log_mutex);
    if (!passes) return;
    va_list values;
    va_start(values, format);
    log_emit(level, left_out, event, format, values);
    va_end(values);
}
