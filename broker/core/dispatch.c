/*
 * Finds rows of the dispatch table.
 */
#include "broker/core/dispatch_table.h"

const struct handler *dispatch_find(enum face face, unsigned type) {
    for (const struct handler *row = dispatch_rows; row->name; row++) {
        if ((row->faces & face) && row->type == type) return row;
    }
    return NULL;
}
