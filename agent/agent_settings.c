/*
 * The agent's settings: the table, and what a table cannot say. Owns nothing; all strings live in the reader's arena.
 */
#include "agent/agent_settings.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "keys/public.h"
#include "proto/ids.h"

#define FIELD(name)        offsetof(struct agent_settings, name)
#define UNIT_FIELD(name)   offsetof(struct agent_settings_unit, name)
#define CLIENT_FIELD(name) offsetof(struct agent_settings_client, name)

static const struct setting unit_table[] = {
    {.key = "seal_keys",
     .type = SETTING_LIST,
     .offset = UNIT_FIELD(seal_keys),
     .help = "Names of the unit's sealing keys in the bundle, the newest first. Default: seal.NAME."},
    {.key = NULL},
};

static const struct setting client_table[] = {
    {.key = "uid",
     .type = SETTING_INTEGER,
     .offset = CLIENT_FIELD(uid),
     .default_text = "-1",
     .min = -1,
     .max = UINT32_MAX,
     .help = "User id of the client's process on the Unix socket; -1 for a client with a token."},
    {.key = "token_file",
     .type = SETTING_PATH,
     .offset = CLIENT_FIELD(token_file),
     .help = "File with the bearer token of a client on the loopback port, mode 0600."},
    {.key = "units",
     .type = SETTING_LIST,
     .flags = SETTING_REQUIRED,
     .offset = CLIENT_FIELD(units),
     .help = "Names of the units that the client may act for."},
    {.key = "may",
     .type = SETTING_LIST,
     .flags = SETTING_REQUIRED,
     .offset = CLIENT_FIELD(may),
     .help = "What the client may do: publish, read, request, enrol, revoke, erase."},
    {.key = NULL},
};

const struct setting agent_settings_table[] = {
    {.key = "federation",
     .type = SETTING_TEXT,
     .flags = SETTING_REQUIRED,
     .offset = FIELD(federation),
     .help = "Name of the federation."},
    {.key = "member",
     .type = SETTING_TEXT,
     .flags = SETTING_REQUIRED,
     .offset = FIELD(member),
     .help = "This member: 0007: and ten digits, or 0192: and nine."},
    {.key = "unit",
     .type = SETTING_SECTION,
     .offset = FIELD(units),
     .section = unit_table,
     .section_size = sizeof(struct agent_settings_unit),
     .help = "One section for each unit; its title is what stands after the slash."},
    {.key = "keys",
     .type = SETTING_PATH,
     .flags = SETTING_REQUIRED,
     .offset = FIELD(keys),
     .help = "Key bundle: sign, witness, pepper-N, seal.UNIT, shred."},
    {.key = "credential",
     .type = SETTING_PATH,
     .flags = SETTING_REQUIRED,
     .offset = FIELD(credential),
     .help = "File with the secret that the bundle is sealed under, 32 bytes or more, mode 0600."},
    {.key = "shred",
     .type = SETTING_PATH,
     .flags = SETTING_REQUIRED,
     .offset = FIELD(shred),
     .help = "Shred file, which holds a key for each person. Never in a backup of the rest."},
    {.key = "store",
     .type = SETTING_PATH,
     .flags = SETTING_REQUIRED,
     .offset = FIELD(store),
     .help = "Directory of the agent's store."},
    {.key = "store_map_bytes",
     .type = SETTING_INTEGER,
     .offset = FIELD(store_map_bytes),
     .default_text = "68719476736",
     .min = 1048576,
     .max = (int64_t)1 << 44,
     .help = "Address space of the store; it cannot grow beyond this."},
    {.key = "gate",
     .type = SETTING_TEXT,
     .flags = SETTING_REQUIRED,
     .offset = FIELD(gate),
     .help = "HOST:PORT of the broker's gate; an IPv6 address in square brackets."},
    {.key = "gate_name",
     .type = SETTING_TEXT,
     .offset = FIELD(gate_name),
     .help = "Name that the gate's certificate must carry. Default: the host."},
    {.key = "gate_ca",
     .type = SETTING_PATH,
     .flags = SETTING_REQUIRED,
     .offset = FIELD(gate_ca),
     .help = "PEM file with the certificate that issued the gate's, or the gate's own."},
    {.key = "link_certificate",
     .type = SETTING_PATH,
     .flags = SETTING_REQUIRED,
     .offset = FIELD(link_certificate),
     .help = "PEM file with this agent's link certificate."},
    {.key = "link_key",
     .type = SETTING_PATH,
     .flags = SETTING_REQUIRED,
     .offset = FIELD(link_key),
     .help = "PEM file with its private key, mode 0600."},
    {.key = "link_socket",
     .type = SETTING_PATH,
     .flags = SETTING_REQUIRED,
     .offset = FIELD(link_socket),
     .help = "Inner socket of the link, in a directory with mode 0700 that nobody else uses."},
    {.key = "public_url",
     .type = SETTING_TEXT,
     .flags = SETTING_REQUIRED,
     .offset = FIELD(public_url),
     .help = "Address of the portal, without a slash at the end; links for enrolment begin with it."},
    {.key = "authority",
     .type = SETTING_LIST,
     .flags = SETTING_REQUIRED,
     .offset = FIELD(authority),
     .help = "The authority's public keys (sluss-sign:...), in the order of the EPOCH entry."},
    {.key = "authority_threshold",
     .type = SETTING_INTEGER,
     .offset = FIELD(authority_threshold),
     .default_text = "1",
     .min = 1,
     .max = LIMIT_AUTHORITY_KEYS,
     .help = "How many of them must sign."},
    {.key = "cosignatures",
     .type = SETTING_INTEGER,
     .offset = FIELD(cosignatures),
     .default_text = "-1",
     .min = -1,
     .max = LIMIT_WITNESSES,
     .help =
         "Cosignatures of other members without which nothing released is opened. -1: as the rules say, at least 1. "
         "0: none."},
    {.key = "pepper_version",
     .type = SETTING_INTEGER,
     .offset = FIELD(pepper_version),
     .default_text = "1",
     .min = 1,
     .max = 1000000,
     .help = "Which pepper of the bundle pseudonyms are made with."},
    {.key = "socket",
     .type = SETTING_PATH,
     .flags = SETTING_REQUIRED,
     .offset = FIELD(socket),
     .help = "Unix socket of the local API."},
    {.key = "port",
     .type = SETTING_INTEGER,
     .offset = FIELD(port),
     .default_text = "0",
     .min = 0,
     .max = 65535,
     .help = "Port of the local API on 127.0.0.1, for clients with a token; 0: none."},
    {.key = "client",
     .type = SETTING_SECTION,
     .offset = FIELD(clients),
     .section = client_table,
     .section_size = sizeof(struct agent_settings_client),
     .help = "One section for each client of the local API."},
    {.key = "log_level",
     .type = SETTING_TEXT,
     .offset = FIELD(log_level),
     .default_text = "\"info\"",
     .help = "error, warn, info or debug."},
    {.key = NULL},
};

/* Where the checks say what is wrong. */
struct report {
    char *text;
    size_t cap;
};

static enum status wrong(const struct report *report, const char *what, const char *which) {
    (void)snprintf(report->text, report->cap, "%s%s%s", what, which ? ": " : "", which ? which : "");
    return STATUS_SETTINGS;
}

size_t agent_settings_unit_count(const struct agent_settings *settings) { return settings->units.count; }

const struct agent_settings_unit *agent_settings_unit(const struct agent_settings *settings, size_t index) {
    return (const struct agent_settings_unit *)settings->units.items + index;
}

const struct agent_settings_client *agent_settings_client(const struct agent_settings *settings, size_t index) {
    return (const struct agent_settings_client *)settings->clients.items + index;
}

const struct agent_settings_unit *agent_settings_find_unit(const struct agent_settings *settings, const char *unit) {
    for (size_t i = 0; i < settings->units.count; i++) {
        const struct agent_settings_unit *found = agent_settings_unit(settings, i);
        if (strcmp(found->id, unit) == 0) return found;
    }
    return NULL;
}

static enum status check_names(const struct agent_settings *settings, const struct report *report) {
    if (!ids_is_federation(bytes_text(settings->federation)))
        return wrong(report, "'federation' is no such name", NULL);
    if (!ids_is_member(bytes_text(settings->member))) return wrong(report, "'member' is no member's id", NULL);
    if (settings->units.count == 0) return wrong(report, "there is no 'unit' section", NULL);
    if (settings->units.count > LIMIT_UNITS) return wrong(report, "there are too many 'unit' sections", NULL);
    if (log_level_parse(settings->log_level) < 0) return wrong(report, "'log_level' is unknown", settings->log_level);
    return STATUS_OK;
}

/* The id of each unit, and the name of its sealing key where none is given. */
static enum status check_unit(struct arena *arena, const struct agent_settings *settings,
                              struct agent_settings_unit *unit, const struct report *report) {
    unit->id = arena_printf(arena, "%s/%s", settings->member, unit->name);
    ENSURE(unit->id, STATUS_MEMORY);
    if (!ids_is_unit(bytes_text(unit->id))) return wrong(report, "a unit's name has another form", unit->name);
    if (unit->seal_keys.count > 0) return STATUS_OK;
    const char **names = ARENA_ARRAY(arena, const char *, 1);
    ENSURE(names, STATUS_MEMORY);
    names[0] = arena_printf(arena, "seal.%s", unit->name);
    ENSURE(names[0], STATUS_MEMORY);
    unit->seal_keys = (struct setting_list){.items = names, .count = 1};
    return STATUS_OK;
}

static enum status check_authority(struct agent_settings *settings, const struct report *report) {
    size_t count = settings->authority.count;
    if (count == 0 || count > LIMIT_AUTHORITY_KEYS) return wrong(report, "'authority' names no key, or too many", NULL);
    for (size_t i = 0; i < count; i++) {
        const char *text = settings->authority.items[i];
        enum status status = public_sign_parse(bytes_text(text), &settings->authority_keys[i]);
        if (status != STATUS_OK) return wrong(report, "'authority' holds what is no public key", text);
    }
    settings->n_authority_keys = count;
    if ((size_t)settings->authority_threshold > count) {
        return wrong(report, "'authority_threshold' is more than there are keys", NULL);
    }
    return STATUS_OK;
}

static unsigned right_of(const char *name) {
    static const struct {
        const char *name;
        enum agent_right right;
    } rights[] = {
        {"publish", AGENT_MAY_PUBLISH}, {"read", AGENT_MAY_READ},     {"request", AGENT_MAY_REQUEST},
        {"enrol", AGENT_MAY_ENROL},     {"revoke", AGENT_MAY_REVOKE}, {"erase", AGENT_MAY_ERASE},
    };
    for (size_t i = 0; i < sizeof rights / sizeof rights[0]; i++) {
        if (strcmp(rights[i].name, name) == 0) return rights[i].right;
    }
    return 0;
}

static const char *unit_id_of(const struct agent_settings *settings, const char *name) {
    for (size_t i = 0; i < settings->units.count; i++) {
        const struct agent_settings_unit *unit = agent_settings_unit(settings, i);
        if (strcmp(unit->name, name) == 0) return unit->id;
    }
    return NULL;
}

static enum status check_client(struct arena *arena, const struct agent_settings *settings,
                                struct agent_settings_client *client, const struct report *report) {
    if ((client->uid >= 0) == (client->token_file != NULL)) {
        return wrong(report, "a client has either 'uid' or 'token_file'", client->name);
    }
    if (client->units.count == 0) return wrong(report, "a client has no unit", client->name);
    client->unit_ids = ARENA_ARRAY(arena, const char *, client->units.count);
    ENSURE(client->unit_ids, STATUS_MEMORY);
    for (size_t i = 0; i < client->units.count; i++) {
        client->unit_ids[i] = unit_id_of(settings, client->units.items[i]);
        if (!client->unit_ids[i]) return wrong(report, "a client names an unknown unit", client->units.items[i]);
    }
    client->rights = 0;
    for (size_t i = 0; i < client->may.count; i++) {
        unsigned right = right_of(client->may.items[i]);
        if (right == 0) return wrong(report, "'may' holds an unknown word", client->may.items[i]);
        client->rights |= right;
    }
    return STATUS_OK;
}

/* HOST:PORT, or [ADDRESS]:PORT. */
static enum status check_gate(struct arena *arena, struct agent_settings *settings, const struct report *report) {
    char *host = arena_string(arena, settings->gate);
    ENSURE(host, STATUS_MEMORY);
    char *colon = strrchr(host, ':');
    if (!colon || colon == host || !colon[1]) return wrong(report, "'gate' is not HOST:PORT", settings->gate);
    *colon = '\0';
    settings->gate_port = colon + 1;
    if (host[0] == '[' && colon[-1] == ']') {
        colon[-1] = '\0';
        host++;
    }
    settings->gate_host = host;
    return STATUS_OK;
}

enum status agent_settings_check(struct arena *arena, struct agent_settings *settings, char *error, size_t error_cap) {
    const struct report report = {.text = error, .cap = error_cap};
    TRY(check_names(settings, &report));
    struct agent_settings_unit *units = settings->units.items;
    for (size_t i = 0; i < settings->units.count; i++) {
        TRY(check_unit(arena, settings, &units[i], &report));
    }
    TRY(check_authority(settings, &report));
    TRY(check_gate(arena, settings, &report));
    struct agent_settings_client *clients = settings->clients.items;
    for (size_t i = 0; i < settings->clients.count; i++) {
        TRY(check_client(arena, settings, &clients[i], &report));
    }
    return STATUS_OK;
}

enum status agent_settings_read(const char *path, struct arena *arena, struct agent_settings *out, char *error,
                                size_t error_cap) {
    struct agent_settings settings = {0};
    TRY(settings_read(path, agent_settings_table, arena, &settings, error, error_cap));
    TRY(agent_settings_check(arena, &settings, error, error_cap));
    *out = settings;
    return STATUS_OK;
}
