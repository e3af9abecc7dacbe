/*
 * The agent's settings: which member it is, where its keys, files and sockets lie, whom it trusts, who may ask it.
 * Read once at start on the main thread; immutable afterwards, any thread may read.
 */
#ifndef AGENT_AGENT_SETTINGS_H
#define AGENT_AGENT_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/settings.h"
#include "base/status.h"
#include "keys/sign.h"
#include "proto/limits.h"

/* Section `unit "guidance" { }`: one of this member's units. */
struct agent_settings_unit {
    const char *name;              /* what stands after the slash */
    struct setting_list seal_keys; /* names in the bundle, newest first; empty: "seal.NAME" */
    const char *id;                /* MEMBER/NAME; set when read */
};

/* What a client of the local API may do; one bit each. */
enum agent_right {
    AGENT_MAY_PUBLISH = 1,
    AGENT_MAY_READ = 2,
    AGENT_MAY_REQUEST = 4,
    AGENT_MAY_ENROL = 8,
    AGENT_MAY_REVOKE = 16,
    AGENT_MAY_ERASE = 32,
};

/* Section `client "case-system" { }`. Exactly one of uid and token_file is set. */
struct agent_settings_client {
    const char *name;
    int64_t uid;               /* of the peer on the Unix socket; -1: none */
    const char *token_file;    /* for the loopback port; NULL: none */
    struct setting_list units; /* names of unit sections; at least one */
    struct setting_list may;   /* "publish", "read", "request", "enrol", "revoke", "erase" */
    const char **unit_ids;     /* units.count of them, full; set when read */
    unsigned rights;           /* of enum agent_right; set when read */
};

struct agent_settings {
    const char *federation;
    const char *member;
    struct setting_sections units; /* struct agent_settings_unit */
    const char *keys;              /* key bundle */
    const char *credential;        /* that the bundle is sealed under */
    const char *shred;             /* shred file; made when missing */
    const char *store;             /* directory of the store; made when missing */
    int64_t store_map_bytes;
    const char *gate; /* HOST:PORT */
    const char *gate_name;
    const char *gate_ca;
    const char *link_certificate;
    const char *link_key;
    const char *link_socket; /* nng's, in a directory of its own with mode 0700 */
    const char *public_url;  /* of the portal */
    struct setting_list authority;
    int64_t authority_threshold;
    int64_t cosignatures;            /* K; -1: as the rules say, and at least 1 */
    int64_t pepper_version;          /* which "pepper-N" of the bundle */
    const char *socket;              /* of the local API */
    int64_t port;                    /* loopback port of the local API; 0: none */
    struct setting_sections clients; /* struct agent_settings_client */
    const char *log_level;
    /* Set when read. */
    const char *gate_host;
    const char *gate_port;
    struct sign_public authority_keys[LIMIT_AUTHORITY_KEYS];
    size_t n_authority_keys;
};

extern const struct setting agent_settings_table[];

/* Reads and checks. On failure a sentence is in error. Errors of settings_read; STATUS_SETTINGS for what the table
 * cannot say. Main thread. */
enum status agent_settings_read(const char *path, struct arena *arena, struct agent_settings *out, char *error,
                                size_t error_cap);

/* What agent_settings_read does after settings_read, for settings that were filled in otherwise. */
enum status agent_settings_check(struct arena *arena, struct agent_settings *settings, char *error, size_t error_cap);

size_t agent_settings_unit_count(const struct agent_settings *settings);
/* index below the count. */
const struct agent_settings_unit *agent_settings_unit(const struct agent_settings *settings, size_t index);
/* By full id; NULL when it is none of this agent's. */
const struct agent_settings_unit *agent_settings_find_unit(const struct agent_settings *settings, const char *unit);
const struct agent_settings_client *agent_settings_client(const struct agent_settings *settings, size_t index);

#endif
