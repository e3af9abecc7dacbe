/* sluss events, agreements, members, health: what the agent knows, over its local API. */
#include <stdio.h>
#include <string.h>

#include "agent/cli/cli_local.h"
#include "base/json.h"

#define AT(type, field) offsetof(struct type, field)

/* ---- events ---- */

struct events_options {
    struct cli_local_options local;
    const char *after;
    const char *wait;
    bool follow;
};

static void print_event(const struct cli_local *local, const json_t *event) {
    if (local->options->json) {
        (void)json_dumpf(event, stdout, JSON_COMPACT);
        (void)fputc('\n', stdout);
        return;
    }
    cli_local_print(local, event);
    (void)fputc('\n', stdout);
}

/* One page; *after moves on. */
static int read_events(struct cli_local *local, const char *wait, json_int_t *after) {
    json_t *page CLEANUP(json_cleanup) = NULL;
    size_t i;
    json_t *event;
    const char *path = arena_printf(local->arena, "/v1/events?after=%lld&wait=%s", (long long)*after,
                                    cli_http_escape(local->arena, wait));
    int code = cli_local_call(local, "GET", path, NULL, &page);
    if (code != CLI_DONE) return code;
    json_array_foreach(json_object_get(page, "events"), i, event) { print_event(local, event); }
    if (fflush(stdout) != 0) return CLI_REFUSED;
    *after = json_integer_value(json_object_get(page, "next"));
    return CLI_DONE;
}

static int events_run(const struct cli_verb *verb, int argc, char **argv) {
    static const struct cli_option table[] = {{"after", CLI_TEXT, AT(events_options, after), false},
                                              {"wait", CLI_TEXT, AT(events_options, wait), false},
                                              {"follow", CLI_FLAG, AT(events_options, follow), false},
                                              CLI_LOCAL_ROWS(events_options)};
    struct events_options options = {.after = NULL};
    struct cli_list rest = {.count = 0};
    struct cli_local local CLEANUP(cli_local_clear) = {.http = NULL};
    json_t *number CLEANUP(json_cleanup) = NULL;
    int code = cli_parse(verb, table, argc, argv, &options, &rest);
    if (code != CLI_DONE) return code < 0 ? CLI_DONE : code;
    if (options.after) number = json_loads(options.after, JSON_DECODE_ANY, NULL);
    if (rest.count > 0 || (options.after && !json_is_integer(number))) {
        (void)fprintf(stderr, "usage: sluss %s %s\n", verb->name, verb->usage);
        return CLI_USAGE;
    }
    json_int_t after = json_integer_value(number);
    const char *wait = options.wait ? options.wait : options.follow ? "50" : "0";
    code = cli_local_open(&options.local, &local);
    while (code == CLI_DONE) {
        code = read_events(&local, wait, &after);
        arena_reset(local.arena);
        if (!options.follow) break;
    }
    return code;
}

/* ---- agreements, members, health: one GET ---- */

struct plain_options {
    struct cli_local_options local;
};

static int plain(const struct cli_verb *verb, int argc, char **argv, const char *path) {
    static const struct cli_option table[] = {CLI_LOCAL_ROWS(plain_options)};
    struct plain_options options = {.local = {NULL, NULL, NULL, NULL, false}};
    struct cli_list rest = {.count = 0};
    int code = cli_parse(verb, table, argc, argv, &options, &rest);
    if (code != CLI_DONE) return code < 0 ? CLI_DONE : code;
    if (rest.count > 0) {
        (void)fprintf(stderr, "usage: sluss %s %s\n", verb->name, verb->usage);
        return CLI_USAGE;
    }
    return cli_local_run(&options.local, "GET", path, NULL);
}

static int agreements_run(const struct cli_verb *verb, int argc, char **argv) {
    return plain(verb, argc, argv, "/v1/agreements?limit=200");
}

static int members_run(const struct cli_verb *verb, int argc, char **argv) {
    return plain(verb, argc, argv, "/v1/members?limit=200");
}

static int health_run(const struct cli_verb *verb, int argc, char **argv) {
    return plain(verb, argc, argv, "/healthz");
}

const struct cli_verb cli_agent_verbs[] = {
    {"events", events_run, "[--after NUMBER] [--wait SECONDS] [--follow] " CLI_LOCAL_USAGE,
     "What happened: consents, releases, devices.\nWith --json one line for each event; --follow goes on until it is "
     "interrupted.",
     "events --after 120 --follow --json"},
    {"agreements", agreements_run, CLI_LOCAL_USAGE, "Agreements in the directory that the agent has verified.",
     "agreements --json"},
    {"members", members_run, CLI_LOCAL_USAGE, "Members in the directory that the agent has verified.",
     "members --json"},
    {"health", health_run, CLI_LOCAL_USAGE, "State of the agent: link, outbox, log, witnesses.", "health"},
    {NULL, NULL, NULL, NULL, NULL},
};
