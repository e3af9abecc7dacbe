/*
 * The verbs of an agency's operators and systems speak to the agent's local API through this: the socket, who acts, and
 * what is printed. One call at a time.
 */
#ifndef AGENT_CLI_CLI_LOCAL_H
#define AGENT_CLI_CLI_LOCAL_H

#include <jansson.h>

#include "agent/cli/cli.h"
#include "agent/cli/cli_http.h"
#include "base/arena.h"
#include "base/cleanup.h"

#define CLI_LOCAL_SOCKET "/run/sluss-agent/api.sock"

struct cli_local_options {
    const char *socket; /* NULL: $SLUSS_SOCKET, or CLI_LOCAL_SOCKET */
    const char *unit;
    const char *official;
    const char *key; /* idempotency key; NULL: a random one for each POST */
    bool json;
};

/* Rows of a verb's option table, for a struct with a member `local`. */
#define CLI_LOCAL_ROWS(type)                                                                                           \
    {"socket", CLI_TEXT, offsetof(struct type, local.socket), false},                                                  \
        {"unit", CLI_TEXT, offsetof(struct type, local.unit), false},                                                  \
        {"official", CLI_TEXT, offsetof(struct type, local.official), false},                                          \
        {"idempotency-key", CLI_TEXT, offsetof(struct type, local.key), false},                                        \
        {"json", CLI_FLAG, offsetof(struct type, local.json), false}, {                                                \
        NULL, CLI_FLAG, 0, false                                                                                       \
    }

/* What every usage line ends with. */
#define CLI_LOCAL_USAGE "[--socket PATH] [--unit UNIT] [--official PSEUDONYM] [--json]"

struct cli_local {
    const struct cli_local_options *options;
    struct arena *arena;
    struct cli_http *http;
};

/* Options of a verb, then an open connection. An exit code: CLI_DONE, otherwise what the verb ends with; -1 after
 * --help. The caller clears. */
int cli_local_open(const struct cli_local_options *options, struct cli_local *local);
void cli_local_clear(struct cli_local *local);

/* Calls; body may be NULL and stays the caller's. On CLI_DONE *out_answer is the caller's; otherwise what was wrong is
 * on stderr: CLI_REFUSED, CLI_NOT_REACHABLE. */
int cli_local_call(struct cli_local *local, const char *method, const char *path, const json_t *body,
                   json_t **out_answer);

/* The answer as --json asks, or as lines "name: value". */
void cli_local_print(const struct cli_local *local, const json_t *answer);

/* One call whose answer is printed: what most verbs are. Takes body over, NULL is a failure unless method is GET or
 * DELETE. */
int cli_local_run(const struct cli_local_options *options, const char *method, const char *path, json_t *body);

/* Whom it is about: --subject, or a national identity number, which never stands on a command line: from the first line
 * of a file, "-" for standard input. Sets a member of the body. Says what is wrong on stderr. */
struct cli_person_options {
    const char *subject;
    const char *id_file;
};
#define CLI_PERSON_ROWS(type)                                                                                          \
    {"subject", CLI_TEXT, offsetof(struct type, person.subject), false}, {                                             \
        "id-file", CLI_TEXT, offsetof(struct type, person.id_file), false                                              \
    }
#define CLI_PERSON_USAGE "(--subject HANDLE | --id-file FILE)"
enum status cli_local_person(const struct cli_person_options *person, json_t *body);

extern const struct cli_verb cli_people_verbs[];
extern const struct cli_verb cli_consent_verbs[];
extern const struct cli_verb cli_agent_verbs[];

#endif
