/*
 * What the flow programs have in common: options, and a world with its notes.
 */
#ifndef TESTS_SUPPORT_LINK_FLOW_H
#define TESTS_SUPPORT_LINK_FLOW_H

#include "support/link/tally.h"
#include "support/link/world_log.h"

#define FLOW_PATIENCE_MS 60000

struct flow {
    const char *broker; /* --broker PROGRAM */
    const char *dir;    /* --dir DIR, which is made */
    uint64_t rounds;    /* --rounds N or --kills N */
    bool kill;          /* --kill */
    struct world *world;
    struct world_notes *notes;
};

/* Reads the options; 2 for the exit status of a usage error, 0 when all is well. flow->rounds holds the default. */
int flow_options(int argc, char **argv, struct flow *flow);
/* Starts a world of so many members with one unit each. Counted as a check. */
enum status flow_start(struct flow *flow, size_t members);
/* Reads the whole log and holds it against every checkpoint seen, as checks; out_log may be NULL. Then ends the world
 * and prints the closing line: the program's exit status. */
void flow_check_log(struct flow *flow, struct world_log *out_log);
int flow_end(struct flow *flow);

#endif
