/* The API's settings table, and the list of clients made from it. Trusts nothing in the settings. */
#include "agent/api/api_client.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "proto/ids.h"

#define SETTING_OF(name) offsetof(struct api_settings, name)
#define CLIENT_OF(name)  offsetof(struct api_client_settings, name)

enum { TOKEN_MIN_BYTES = 32, TOKEN_MAX_BYTES = 1024 };

static const struct setting client_table[] = {
    {.key = "uid",
     .type = SETTING_INTEGER,
     .offset = CLIENT_OF(uid),
     .default_text = "-1",
     .min = -1,
     .max = 4294967294,
     .help = "User id of the client on the Unix socket; -1: none."},
    {.key = "token_file",
     .type = SETTING_PATH,
     .offset = CLIENT_OF(token_file),
     .help = "File with the client's bearer token for the TCP port, 32 characters or more, mode 0600."},
    {.key = "units",
     .type = SETTING_LIST,
     .flags = SETTING_REQUIRED,
     .offset = CLIENT_OF(units),
     .help = "Units that the client may act as."},
    {.key = "may",
     .type = SETTING_LIST,
     .flags = SETTING_REQUIRED,
     .offset = CLIENT_OF(may),
     .help = "What it may do: publish, read, request, enrol, revoke, erase."},
    {.key = NULL},
};

const struct setting api_settings_table[] = {
    {.key = "api_socket",
     .type = SETTING_PATH,
     .flags = SETTING_REQUIRED,
     .offset = SETTING_OF(socket),
     .help = "Unix socket of the local API. Who may connect is decided by its directory, who is served by the clients "
             "below."},
    {.key = "api_port",
     .type = SETTING_INTEGER,
     .offset = SETTING_OF(port),
     .default_text = "0",
     .min = 0,
     .max = 65535,
     .help = "TCP port of the local API on the loopback address, for clients with a token; 0: none."},
    {.key = "api_workers",
     .type = SETTING_INTEGER,
     .offset = SETTING_OF(workers),
     .default_text = "2",
     .min = 1,
     .max = 64,
     .help = "Threads that do the work of the local API."},
    {.key = "client",
     .type = SETTING_SECTION,
     .offset = SETTING_OF(clients),
     .help = "A system that may use the local API.",
     .section = client_table,
     .section_size = sizeof(struct api_client_settings)},
    {.key = NULL},
};

static const struct {
    const char *name;
    enum api_right right;
} rights[] = {
    {"publish", API_PUBLISH}, {"read", API_READ},     {"request", API_REQUEST},
    {"enrol", API_ENROL},     {"revoke", API_REVOKE}, {"erase", API_ERASE},
};

unsigned api_client_right(const char *name) {
    for (size_t i = 0; i < sizeof rights / sizeof *rights; i++) {
        if (strcmp(rights[i].name, name) == 0) return rights[i].right;
    }
    return 0;
}

/* Where a sentence about what is wrong goes. */
struct report {
    char *text;
    size_t cap;
};

static enum status wrong(const struct report *report, const char *client, const char *what, const char *value) {
    (void)snprintf(report->text, report->cap, "client '%s': %s%s%s%s", client, what, value ? " '" : "",
                   value ? value : "", value ? "'" : "");
    return STATUS_SETTINGS;
}

/* Without the newline that editors add. */
static struct bytes trim_line(struct bytes text) {
    while (text.len > 0 && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\r')) {
        text.len--;
    }
    return text;
}

static enum status read_token(const struct api_client_settings *from, const struct report *report,
                              struct api_client *client) {
    struct secret *content CLEANUP(secret_free_cleanup) = NULL;
    enum status status = file_read_secret(from->token_file, TOKEN_MAX_BYTES, &content);
    if (status != STATUS_OK) return wrong(report, from->name, status_text(status), from->token_file);
    struct bytes token = trim_line(secret_bytes(content));
    if (token.len < TOKEN_MIN_BYTES)
        return wrong(report, from->name, "token shorter than 32 characters in", from->token_file);
    client->token = hash_sha256(token);
    client->has_token = true;
    return STATUS_OK;
}

static enum status read_rights(const struct api_client_settings *from, const struct report *report,
                               struct api_client *client) {
    for (size_t i = 0; i < from->may.count; i++) {
        unsigned right = api_client_right(from->may.items[i]);
        if (right == 0) return wrong(report, from->name, "there is no right", from->may.items[i]);
        client->may |= right;
    }
    if (client->may == 0) return wrong(report, from->name, "may do nothing", NULL);
    return STATUS_OK;
}

static enum status read_units(const struct api_client_settings *from, const char *member, const struct report *report,
                              struct api_client *client) {
    for (size_t i = 0; i < from->units.count; i++) {
        const char *unit = from->units.items[i];
        if (!ids_unit_belongs(unit, member)) return wrong(report, from->name, "no unit of this member:", unit);
    }
    if (from->units.count == 0) return wrong(report, from->name, "has no unit", NULL);
    client->units = from->units.items;
    client->n_units = from->units.count;
    return STATUS_OK;
}

static enum status read_client(const struct api_client_settings *from, const char *member, const struct report *report,
                               struct api_client *client) {
    client->name = from->name;
    client->has_uid = from->uid >= 0;
    client->uid = client->has_uid ? (uid_t)from->uid : 0;
    if (!client->has_uid && !from->token_file) return wrong(report, from->name, "has neither uid nor token_file", NULL);
    if (from->token_file) TRY(read_token(from, report, client));
    TRY(read_rights(from, report, client));
    return read_units(from, member, report, client);
}

/* Who is asking must never be open to doubt. */
static enum status check_distinct(const struct api_client *clients, size_t count, const struct report *report) {
    const struct api_client *last = &clients[count - 1];
    for (size_t i = 0; i + 1 < count; i++) {
        const struct api_client *other = &clients[i];
        if (last->has_uid && other->has_uid && last->uid == other->uid) {
            return wrong(report, last->name, "has the uid of", other->name);
        }
        if (last->has_token && other->has_token && hash_equal(&last->token, &other->token)) {
            return wrong(report, last->name, "has the token of", other->name);
        }
    }
    return STATUS_OK;
}

enum status api_client_list(const struct api_settings *settings, const char *member, struct arena *arena,
                            struct api_clients *out_clients, char *error, size_t error_cap) {
    const struct report report = {error, error_cap};
    const struct api_client_settings *from = settings->clients.items;
    size_t count = settings->clients.count;
    struct api_client *clients = ARENA_ARRAY(arena, struct api_client, count);
    ENSURE(clients, STATUS_MEMORY);
    for (size_t i = 0; i < count; i++) {
        TRY(read_client(&from[i], member, &report, &clients[i]));
        TRY(check_distinct(clients, i + 1, &report));
    }
    *out_clients = (struct api_clients){clients, count};
    return STATUS_OK;
}
