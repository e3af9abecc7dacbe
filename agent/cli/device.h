/*
 * One call of `sluss device`: the person's file opened, the portal at hand, requests proved by DPoP (RFC 9449), time
 * taken from the portal, statements in their chain. docs/protocol.md sections 6 and 11. One owner.
 */
#ifndef AGENT_CLI_DEVICE_H
#define AGENT_CLI_DEVICE_H

#include <jansson.h>

#include "agent/cli/cli.h"
#include "agent/cli/cli_http.h"
#include "agent/cli/device_state.h"
#include "proto/statement.h"

struct device_options {
    const char *file;
    const char *portal; /* NULL: as remembered */
    const char *ca;
    struct cli_lock_options lock;
    bool json;
};

/* Rows of a verb's option table, for a struct with a member `device`. */
#define DEVICE_ROWS(type)                                                                                              \
    {"file", CLI_TEXT, offsetof(struct type, device.file), true},                                                      \
        {"portal", CLI_TEXT, offsetof(struct type, device.portal), false},                                             \
        {"ca", CLI_TEXT, offsetof(struct type, device.ca), false},                                                     \
        {"credential", CLI_TEXT, offsetof(struct type, device.lock.credential), false},                                \
        {"passphrase-file", CLI_TEXT, offsetof(struct type, device.lock.passphrase_file), false},                      \
        {"json", CLI_FLAG, offsetof(struct type, device.json), false}, {                                               \
        NULL, CLI_FLAG, 0, false                                                                                       \
    }

#define DEVICE_USAGE "--file FILE [--portal URL] [--ca FILE] [--credential FILE | --passphrase-file FILE] [--json]"

struct device {
    const struct device_options *options;
    struct arena *arena;
    struct cli_http *http;
    struct device_state state;
    int64_t clock_offset_s; /* the portal's time minus ours */
};

enum device_begin { DEVICE_OPEN, DEVICE_OPEN_OR_CREATE };

/* Opens file and portal, asks the portal's time. What goes wrong is said on stderr; an exit code. The caller clears. */
int device_begin(const struct device_options *options, enum device_begin how, struct device *device);
void device_clear(struct device *device);

/* Portal time, seconds. */
uint64_t device_now_s(const struct device *device);

/* One request with its proof, repeated once with the nonce that the portal asks for. body NULL: none; it stays the
 * caller's. What goes wrong is said on stderr; an exit code. *out_answer is the caller's; *out_code (may be NULL) is
 * the HTTP status. */
int device_call(struct device *device, const char *method, const char *path, const json_t *body, json_t **out_answer,
                int *out_code);

/* Signs a statement behind the last one, sends {"statement":...}, keeps its hash once it is acknowledged. subject, jti,
 * iat and prev are filled in. Refuses when the portal knows another last statement than this file: then somebody else
 * has signed with these keys. An exit code; *out_answer is the caller's. */
int device_say(struct device *device, struct statement *statement, const char *method, const char *path,
               json_t **out_answer);

/* Who this is to the federation, as the portal has it: fetched once, then only compared. An exit code. */
int device_learn_subject(struct device *device);

/* GET path; the answer is printed as JSON or by `print`. */
int device_show(const struct cli_verb *verb, int argc, char **argv, const char *path, void (*print)(const json_t *));

/* One line on stderr; CLI_REFUSED. */
int device_fail(const char *why);

/* Members of a portal's answer; "" and 0 when they are not there. */
const char *device_text(const json_t *object, const char *name);
uint64_t device_number(const json_t *object, const char *name);
/* Seconds as RFC 3339 in the device's arena or "-". */
void device_print_time(uint64_t seconds);

extern const struct cli_verb device_verbs[];

/* Rows of device_verbs, one file each group. */
int device_enrol_run(const struct cli_verb *verb, int argc, char **argv);
int device_requests_run(const struct cli_verb *verb, int argc, char **argv);
int device_read_run(const struct cli_verb *verb, int argc, char **argv);
int device_sign_run(const struct cli_verb *verb, int argc, char **argv);
int device_refuse_run(const struct cli_verb *verb, int argc, char **argv);
int device_consents_run(const struct cli_verb *verb, int argc, char **argv);
int device_revoke_run(const struct cli_verb *verb, int argc, char **argv);
int device_suspend_run(const struct cli_verb *verb, int argc, char **argv);
int device_resume_run(const struct cli_verb *verb, int argc, char **argv);
int device_plan_run(const struct cli_verb *verb, int argc, char **argv);
int device_accesses_run(const struct cli_verb *verb, int argc, char **argv);
int device_devices_run(const struct cli_verb *verb, int argc, char **argv);
int device_countersign_run(const struct cli_verb *verb, int argc, char **argv);
int device_remove_run(const struct cli_verb *verb, int argc, char **argv);

#endif
