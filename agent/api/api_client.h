/*
 * The clients of the local API: who they are (a uid or a token), as which units they may act, and what they may do
 * (agent/agent_settings.h, enum agent_right). Made once at start; immutable, any thread.
 */
#ifndef AGENT_API_API_CLIENT_H
#define AGENT_API_API_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "agent/agent_settings.h"
#include "base/arena.h"
#include "keys/hash.h"

#define API_ANY_RIGHT                                                                                                  \
    ((unsigned)(AGENT_MAY_PUBLISH | AGENT_MAY_READ | AGENT_MAY_REQUEST | AGENT_MAY_ENROL | AGENT_MAY_REVOKE |          \
                AGENT_MAY_ERASE))

struct api_client {
    const char *name;
    bool has_uid;
    uid_t uid;
    bool has_token;
    struct hash token; /* SHA-256 of the token */
    const char *const *units;
    size_t n_units;
    unsigned may; /* of enum agent_right */
};

struct api_clients {
    const struct api_client *items;
    size_t count;
};

/* From settings that were checked; token files are read here. Everything lies in the arena or is the settings' own.
 * STATUS_SETTINGS with a sentence in error (always ended), STATUS_MEMORY. Before rights are dropped. */
enum status api_client_list(const struct agent_settings *settings, struct arena *arena, struct api_clients *out_clients,
                            char *error, size_t error_cap);

#endif
