/* The agent's tables as the store wants them, in the order of enum agent_table. */
#include "agent/agent_table.h"

static const struct store_form forms[AGENT_TABLE_COUNT] = {
#define X(row, text, format, grows) {.name = (text), .version = (format), .growth = (grows)},
    AGENT_TABLES(X)
#undef X
};

_Static_assert(AGENT_TABLE_COUNT <= STORE_TABLES_MAX, "more tables than a store can have");

const struct store_tables agent_tables = {.items = forms, .count = AGENT_TABLE_COUNT};
