/* The list of clients, made from the settings. Of a token only its hash is kept. */
#include "agent/api/api_client.h"

#include <stdio.h>

#include "base/file.h"

enum { TOKEN_MIN_BYTES = 32, TOKEN_MAX_BYTES = 1024 };

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

static enum status read_token(const struct agent_settings_client *from, const struct report *report,
                              struct api_client *client) {
    struct secret *content CLEANUP(secret_free_cleanup) = NULL;
    enum status status = file_read_secret(from->token_file, TOKEN_MAX_BYTES, &content);
    if (status != STATUS_OK) return wrong(report, from->name, status_text(status), from->token_file);
    struct bytes token = trim_line(secret_bytes(content));
    if (token.len < TOKEN_MIN_BYTES) {
        return wrong(report, from->name, "a token has 32 characters or more:", from->token_file);
    }
    client->token = hash_sha256(token);
    client->has_token = true;
    return STATUS_OK;
}

static enum status read_client(const struct agent_settings_client *from, const struct report *report,
                               struct api_client *client) {
    *client = (struct api_client){.name = from->name,
                                  .has_uid = from->uid >= 0,
                                  .uid = from->uid >= 0 ? (uid_t)from->uid : 0,
                                  .units = from->unit_ids,
                                  .n_units = from->units.count,
                                  .may = from->rights};
    if (client->may == 0) return wrong(report, from->name, "may do nothing", NULL);
    if (from->token_file) TRY(read_token(from, report, client));
    return STATUS_OK;
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

enum status api_client_list(const struct agent_settings *settings, struct arena *arena, struct api_clients *out_clients,
                            char *error, size_t error_cap) {
    const struct report report = {error, error_cap};
    size_t count = settings->clients.count;
    struct api_client *clients = ARENA_ARRAY(arena, struct api_client, count);
    ENSURE(clients, STATUS_MEMORY);
    for (size_t i = 0; i < count; i++) {
        TRY(read_client(agent_settings_client(settings, i), &report, &clients[i]));
        TRY(check_distinct(clients, i + 1, &report));
    }
    *out_clients = (struct api_clients){clients, count};
    return STATUS_OK;
}
