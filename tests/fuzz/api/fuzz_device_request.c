/*
 * A request as the portal shows it to the person's client. Whatever the portal says: what is accepted has the form that
 * notice and tokens ask for, and the notice of an accepted request names every source.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/cli/device_request.h"
#include "base/cleanup.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_form(const struct device_request *request) {
    if (request->n_kinds == 0 || request->n_sources == 0 || request->duration_s == 0) abort();
    for (size_t i = 1; i < request->n_kinds; i++) {
        if (request->kinds[i - 1] >= request->kinds[i]) abort();
    }
    for (size_t i = 1; i < request->n_sources; i++) {
        if (strcmp(request->sources[i - 1].unit, request->sources[i].unit) >= 0) abort();
    }
}

static size_t count_lines(struct bytes text) {
    size_t lines = 0;
    for (size_t i = 0; i < text.len; i++) {
        lines += text.data[i] == '\n';
    }
    return lines;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    json_t *value CLEANUP(json_cleanup) = NULL;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 22);
    struct device_request request;
    struct bytes notice;
    if (!arena || json_read(BYTES(data, size), 1 << 16, &value) != STATUS_OK) return 0;
    if (device_request_parse(arena, value, &request) != STATUS_OK) return 0;
    check_form(&request);
    if (device_request_notice(arena, &request, "sv", 1795315395, &notice) != STATUS_OK) return 0;
    /* Title, recipient, two headings, and seven lines after the lists. */
    if (count_lines(notice) != 10 + request.n_kinds + request.n_sources) abort();
    return 0;
}
