/* The decision who may call. Trusts the kernel for the uid and nothing the caller says but the token. */
#include "agent/api/api_auth.h"

#include <string.h>
#include <strings.h>

#include "proto/limits.h"

#define BEARER "Bearer "

static enum api_problem find_by_uid(const struct api_clients *clients, uid_t uid,
                                    const struct api_client **out_client) {
    for (size_t i = 0; i < clients->count; i++) {
        if (!clients->items[i].has_uid || clients->items[i].uid != uid) continue;
        *out_client = &clients->items[i];
        return API_PROBLEM_NONE;
    }
    return API_PROBLEM_UNKNOWN_CLIENT;
}

/* Hashes are compared: how long it takes says nothing about the token. */
static enum api_problem find_by_token(const struct api_clients *clients, const char *authorization,
                                      const struct api_client **out_client) {
    size_t scheme = strlen(BEARER);
    if (!authorization || strncasecmp(authorization, BEARER, scheme) != 0) return API_PROBLEM_TOKEN;
    struct hash token = hash_sha256(bytes_text(authorization + scheme));
    for (size_t i = 0; i < clients->count; i++) {
        if (!clients->items[i].has_token || !hash_equal(&clients->items[i].token, &token)) continue;
        *out_client = &clients->items[i];
        return API_PROBLEM_NONE;
    }
    return API_PROBLEM_TOKEN;
}

enum api_problem api_auth_client(const struct api_clients *clients, const struct api_asking *asking,
                                 const struct api_client **out_client) {
    if (asking->is_local) return find_by_uid(clients, asking->uid, out_client);
    return find_by_token(clients, asking->authorization, out_client);
}

enum api_problem api_auth_right(const struct api_client *client, unsigned rights) {
    return (client->may & rights) != 0 ? API_PROBLEM_NONE : API_PROBLEM_RIGHT;
}

bool api_auth_has_unit(const struct api_client *client, const char *unit) {
    for (size_t i = 0; i < client->n_units; i++) {
        if (strcmp(client->units[i], unit) == 0) return true;
    }
    return false;
}

bool api_auth_is_official(const char *official) {
    struct bytes text = bytes_text(official);
    return text.len <= LIMIT_OFFICIAL_BYTES && bytes_is_text(text);
}

enum api_problem api_auth_caller(const struct api_client *client, const struct api_asking *asking,
                                 enum api_unit_need need, struct agent_caller *out_caller) {
    const char *unit = asking->unit;
    if (unit && !api_auth_has_unit(client, unit)) return API_PROBLEM_UNIT;
    if (!unit && client->n_units == 1) unit = client->units[0];
    if (!unit && need == API_UNIT_NEEDED) return API_PROBLEM_UNIT_NEEDED;
    const char *official = asking->official ? asking->official : "";
    if (!api_auth_is_official(official)) return API_PROBLEM_OFFICIAL;
    *out_caller = (struct agent_caller){.unit = unit, .official = official};
    return API_PROBLEM_NONE;
}
