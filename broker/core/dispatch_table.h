/*
 * The rows of the dispatch table, ended by one without a name. Constant; any thread.
 */
#ifndef BROKER_CORE_DISPATCH_TABLE_H
#define BROKER_CORE_DISPATCH_TABLE_H

#include "broker/core/call.h"

extern const struct handler dispatch_rows[];

#endif
