/*
 * Any bytes as an identity number: what is accepted reads the same in its normal form, at the same time.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/natid.h"

/* 2024-03-01T12:00:00Z */
#define NOW_MS 1709294400000u

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    enum natid_fault fault;
    struct natid id;
    if (natid_parse(BYTES(data, size), NOW_MS, &fault, &id) != STATUS_OK) {
        if (fault == NATID_FAULT_NONE) abort();
        return 0;
    }
    struct natid again;
    if (natid_parse(bytes_text(id.text), NOW_MS, &fault, &again) != STATUS_OK) abort();
    if (strcmp(id.text, again.text) != 0 || id.kind != again.kind || id.origin != again.origin) abort();
    return 0;
}
