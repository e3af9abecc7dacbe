/*
 * Writes as it goes, so that a log with a million findings takes no memory.
 */
#include "broker/audit/report.h"

#include <inttypes.h>

#include "base/clock.h"

#define BAR_WIDTH 40

void report_begin(struct report *report, const char *verb, enum report_form form, FILE *out, FILE *progress) {
    *report = (struct report){.out = out, .progress = progress, .form = form, .verb = verb, .percent = 101};
    report->started_ms = clock_boot_ms(clock_system());
    if (form == REPORT_JSON) (void)fprintf(out, "{\"verb\":\"%s\",\"findings\":[", verb);
}

static void clear_bar(struct report *report) {
    if (!report->progress || report->percent > 100) return;
    (void)fputs("\r\033[K", report->progress);
    (void)fflush(report->progress);
    report->percent = 101;
}

void report_finding(void *context, uint64_t leaf, const char *name, const char *text) {
    struct report *report = context;
    clear_bar(report);
    if (report->form == REPORT_JSON) {
        (void)fputs(report->divergences ? ",\n" : "\n", report->out);
        if (leaf == FINDING_LOG) {
            (void)fputs("{\"leaf\":null,", report->out);
        } else {
            (void)fprintf(report->out, "{\"leaf\":%" PRIu64 ",", leaf);
        }
        (void)fprintf(report->out, "\"name\":\"%s\",\"text\":\"%s\"}", name, text);
    } else if (leaf == FINDING_LOG) {
        (void)fprintf(report->out, "log: %s: %s\n", name, text);
    } else {
        (void)fprintf(report->out, "leaf %" PRIu64 ": %s: %s\n", leaf, name, text);
    }
    report->divergences++;
}

void report_note(struct report *report, const char *text) {
    clear_bar(report);
    if (report->form == REPORT_TEXT) (void)fprintf(report->out, "note: %s\n", text);
}

void report_progress(struct report *report, uint64_t done, uint64_t all) {
    if (!report->progress || all == 0) return;
    unsigned percent = (unsigned)(done * 100 / all);
    if (percent == report->percent) return;
    report->percent = percent;
    char bar[BAR_WIDTH + 1] = {0};
    for (unsigned i = 0; i < BAR_WIDTH; i++) {
        bar[i] = i < percent * BAR_WIDTH / 100 ? '#' : '.';
    }
    (void)fprintf(report->progress, "\r%s [%s] %3u%%  %" PRIu64 " of %" PRIu64 " leaves", report->verb, bar, percent,
                  done, all);
    (void)fflush(report->progress);
}

bool report_end(struct report *report) {
    clear_bar(report);
    uint64_t elapsed_ms = clock_boot_ms(clock_system()) - report->started_ms;
    double seconds = (double)(elapsed_ms > 0 ? elapsed_ms : 1) / 1000.0;
    double leaf_rate = (double)report->leaves / seconds;
    double signature_rate = (double)report->signatures / seconds;
    if (report->form == REPORT_JSON) {
        (void)fprintf(report->out,
                      "%s],\n\"leaves\":%" PRIu64 ",\"openings\":%" PRIu64 ",\"signatures\":%" PRIu64
                      ",\"divergences\":%" PRIu64
                      ",\"seconds\":%.3f,\"leaves_per_s\":%.0f,\"signatures_per_s\":%.0f}\n",
                      report->divergences ? "\n" : "", report->leaves, report->openings, report->signatures,
                      report->divergences, seconds, leaf_rate, signature_rate);
    } else {
        (void)fprintf(report->out,
                      "%s: %" PRIu64 " leaves, %" PRIu64 " openings, %" PRIu64 " signatures, %" PRIu64
                      " divergences, %.1f s (%.0f leaves/s, %.0f signatures/s)\n",
                      report->verb, report->leaves, report->openings, report->signatures, report->divergences, seconds,
                      leaf_rate, signature_rate);
    }
    (void)fflush(report->out);
    return report->divergences == 0;
}
