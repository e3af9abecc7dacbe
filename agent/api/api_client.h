/*
 * The local API's settings and the clients that they list: who they are (a uid, a token, or both), as which units they
 * may act, and what they may do. Made once at start; immutable, any thread.
 */
#ifndef AGENT_API_API_CLIENT_H
#define AGENT_API_API_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/settings.h"
#include "keys/hash.h"

/* What a client may do, as bits. */
enum api_right {
    API_PUBLISH = 1,
    API_READ = 2,
    API_REQUEST = 4,
    API_ENROL = 8,
    API_REVOKE = 16,
    API_ERASE = 32,
};
#define API_ANY_RIGHT 63u

/* As the settings have it. */
struct api_client_settings {
    const char *name;
    int64_t uid; /* -1: none */
    const char *token_file;
    struct setting_list units;
    struct setting_list may;
};

struct api_settings {
    const char *socket;
    int64_t port; /* 0: no TCP */
    int64_t workers;
    struct setting_sections clients; /* struct api_client_settings */
};

extern const struct setting api_settings_table[];

struct api_client {
    const char *name;
    bool has_uid;
    uid_t uid;
    bool has_token;
    struct hash token; /* SHA-256 of the token */
    const char *const *units;
    size_t n_units;
    unsigned may;
};

struct api_clients {
    const struct api_client *items;
    size_t count;
};

/* "publish" and the like; 0 for another name. */
unsigned api_client_right(const char *name);

/* Checks and resolves the settings: token files are read here. Everything lies in the arena or is the settings' own.
 * STATUS_SETTINGS with a sentence in error (always ended), STATUS_MEMORY. Before rights are dropped. */
enum status api_client_list(const struct api_settings *settings, const char *member, struct arena *arena,
                            struct api_clients *out_clients, char *error, size_t error_cap);

#endif
