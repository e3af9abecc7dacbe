#include "support/link/flow.h"

#include <getopt.h>
#include <stdio.h>

#include "base/text.h"

int flow_options(int argc, char **argv, struct flow *flow) {
    static const struct option known[] = {
        {"broker", required_argument, NULL, 'b'}, {"dir", required_argument, NULL, 'd'},
        {"rounds", required_argument, NULL, 'r'}, {"kills", required_argument, NULL, 'r'},
        {"kill", no_argument, NULL, 'k'},         {NULL, 0, NULL, 0}};
    bool fine = true;
    for (int found = getopt_long(argc, argv, "", known, NULL); fine && found != -1;
         found = getopt_long(argc, argv, "", known, NULL)) {
        if (found == 'b') flow->broker = optarg;
        if (found == 'd') flow->dir = optarg;
        if (found == 'k') flow->kill = true;
        if (found == 'r') fine = text_to_u64(bytes_text(optarg), &flow->rounds) == STATUS_OK;
        if (found == '?') fine = false;
    }
    if (fine && flow->broker && flow->dir && flow->rounds > 0) return 0;
    (void)fprintf(stderr, "usage: %s --broker PROGRAM --dir DIR [--rounds N | --kills N] [--kill]\n", argv[0]);
    return 2;
}

enum status flow_start(struct flow *flow, size_t members) {
    const struct world_options options = {.broker = flow->broker, .dir = flow->dir, .members = members, .units = 1};
    enum status status = world_start(&options, &flow->world);
    (void)tally_status(status, "the broker starts and takes the directory");
    TRY(status);
    flow->notes = world_notes_new(world_log_key(flow->world));
    return flow->notes ? STATUS_OK : STATUS_MEMORY;
}

void flow_check_log(struct flow *flow, struct world_log *out_log) {
    struct world_log log = {.size = 0};
    if (!tally_status(world_log_read(flow->world, flow->notes, &log),
                      "the log is the tree that its checkpoint signs")) {
        return;
    }
    (void)tally_status(world_log_holds_trees(&log, flow->notes), "every checkpoint seen is a beginning of the log");
    if (out_log) {
        *out_log = log;
    } else {
        world_log_clear(&log);
    }
}

int flow_end(struct flow *flow) {
    world_notes_free(flow->notes);
    world_stop(flow->world);
    return tally_end();
}
