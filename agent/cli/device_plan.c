/*
 * sluss device plan: asks sources for one's own plan and opens what they have granted to this device. A fragment is
 * shown only when every binding of its grant holds and the content key is the one that the header committed to.
 */
#include <stdio.h>
#include <string.h>

#include "agent/cli/device.h"
#include "agent/plan.h"
#include "base/json.h"
#include "base/text.h"
#include "keys/content.h"
#include "proto/fragment_header.h"
#include "proto/key_grant.h"
#include "proto/limits.h"

#define AT(type, field) offsetof(struct type, field)

/* A page holds one fragment at least. */
#define PAGES_MAX PLAN_FRAGMENTS_MAX

struct plan_options {
    struct device_options device;
    struct cli_list ask;
};

/* ---- opening ---- */

/* The three parts of an item, decoded. */
struct item {
    struct bytes header;
    struct bytes grant;
    struct bytes ciphertext;
};

static enum status take_bytes(struct arena *arena, const json_t *object, const char *name, struct bytes *out) {
    const char *text = NULL;
    TRY(json_get_text(object, name, &text));
    return text_from_base64url(arena, bytes_text(text), out);
}

/* All that the grant names must be this header, this device and its key. */
static enum status check_bindings(struct device *device, const struct fragment_signed *header,
                                  const struct key_grant *grant) {
    const struct device_state *state = &device->state;
    const char *kid = text_base64url(device->arena, hash_bytes(&state->kid));
    struct hash key_id = seal_key_id(state->federation, &state->read_public);
    ENSURE(kid, STATUS_MEMORY);
    ENSURE(hash_equal(&grant->header_hash, &header->hash), STATUS_PROOF);
    ENSURE(ids_equal(&grant->fragment, &header->core.fragment), STATUS_PROOF);
    ENSURE(grant->revision == header->core.revision && grant->kind == header->core.kind, STATUS_PROOF);
    ENSURE(strcmp(grant->recipient, kid) == 0 && hash_equal(&grant->recipient_key_id, &key_id), STATUS_PROOF);
    ENSURE(hash_equal(&header->core.subject, &state->subject), STATUS_PROOF);
    return STATUS_OK;
}

static enum status open_key(struct device *device, const struct key_grant *grant, struct secret **out_key) {
    uint8_t sealed[SEAL_ENC_BYTES + KEY_GRANT_SEALED_BYTES];
    struct bytes info;
    TRY(key_grant_info(device->arena, grant, &info));
    memcpy(sealed, grant->enc, sizeof grant->enc);
    memcpy(sealed + sizeof grant->enc, grant->sealed, sizeof grant->sealed);
    return seal_open_secret(device->state.read, info, hash_bytes(&grant->header_hash), BYTES_ARRAY(sealed), out_key);
}

static enum status open_content(struct device *device, const struct item *item, const struct fragment_signed *header,
                                const struct secret *key, json_t **out_content) {
    struct bytes plain;
    struct hash hash = hash_sha256(item->ciphertext);
    ENSURE(hash_equal(&hash, &header->header.ciphertext_hash), STATUS_PROOF);
    TRY(content_open(key, device->state.federation, &header->header.commitment, header->header.core, item->ciphertext,
                     LIMIT_CONTENT_BYTES, device->arena, &plain));
    return json_read(plain, LIMIT_CONTENT_BYTES, out_content);
}

static enum status open_item(struct device *device, const json_t *from, struct fragment_signed *out_header,
                             json_t **out_content) {
    struct secret *key CLEANUP(secret_free_cleanup) = NULL;
    struct item item;
    struct signed_object object;
    struct key_grant grant;
    TRY(take_bytes(device->arena, from, "header", &item.header));
    TRY(take_bytes(device->arena, from, "grant", &item.grant));
    TRY(take_bytes(device->arena, from, "ciphertext", &item.ciphertext));
    TRY(fragment_header_split(device->arena, item.header, out_header));
    TRY(signed_parse(device->arena, item.grant, &object));
    TRY(key_grant_parse(device->arena, device->state.federation, object.body, &grant));
    TRY(check_bindings(device, out_header, &grant));
    TRY(open_key(device, &grant, &key));
    return open_content(device, &item, out_header, key, out_content);
}

/* ---- joining ---- */

static void count_unopened(size_t *unopened, enum status status) {
    (void)fprintf(stderr, "sluss: a fragment was not opened: %s\n", status_text(status));
    (*unopened)++;
}

/* Opened contents stay in `contents`, which keeps them alive. */
static size_t open_all(struct device *device, const json_t *items, json_t *contents, struct plan_fragment *fragments,
                       size_t *unopened) {
    size_t count = 0;
    size_t i;
    json_t *item;
    json_array_foreach(items, i, item) {
        struct fragment_signed header;
        json_t *content = NULL;
        enum status status = i < PLAN_FRAGMENTS_MAX ? open_item(device, item, &header, &content) : STATUS_TOO_LARGE;
        if (status != STATUS_OK || json_array_append_new(contents, content) != 0) {
            count_unopened(unopened, status);
            continue;
        }
        fragments[count++] = (struct plan_fragment){.content = content,
                                                    .unit = header.core.source,
                                                    .id = ids_text(device->arena, &header.core.fragment),
                                                    .revision = header.core.revision,
                                                    .state = PLAN_STATE_RELEASED};
    }
    return count;
}

static enum status assemble(struct device *device, const json_t *answer, json_t *contents, json_t **out_plan,
                            size_t *unopened) {
    const json_t *items = json_object_get(answer, "items");
    const json_t *waiting = json_object_get(answer, "waiting");
    size_t n_waiting = json_array_size(waiting);
    struct plan_fragment *fragments = ARENA_ARRAY(device->arena, struct plan_fragment, json_array_size(items));
    struct plan_gap *gaps = ARENA_ARRAY(device->arena, struct plan_gap, n_waiting);
    ENSURE(fragments && gaps, STATUS_MEMORY);
    for (size_t i = 0; i < n_waiting; i++) {
        const char *unit = json_string_value(json_array_get(waiting, i));
        ENSURE(unit, STATUS_MALFORMED);
        gaps[i] = (struct plan_gap){.unit = unit, .reason = PLAN_REASON_TRY_LATER};
    }
    const struct plan_input input = {.fragments = fragments,
                                     .fragment_count = open_all(device, items, contents, fragments, unopened),
                                     .gaps = gaps,
                                     .gap_count = n_waiting};
    return plan_assemble(&input, device->arena, out_plan);
}

static void print_plan(const json_t *plan) {
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(plan, "items"), i, item) {
        const json_t *content = json_object_get(item, "content");
        (void)printf("%-9s %-16s %-11s %s (%s)\n", device_text(item, "phase"), device_text(item, "time"),
                     device_text(item, "kind"), device_text(content, "title"), device_text(item, "source"));
    }
    json_array_foreach(json_object_get(plan, "missing"), i, item) {
        (void)printf("missing   %s %s: %s\n", device_text(item, "source"), device_text(item, "fragment"),
                     device_text(item, "reason"));
    }
}

/* ---- asking ---- */

static int ask_sources(struct device *device, const struct cli_list *units) {
    for (size_t i = 0; i < units->count; i++) {
        json_t *answer CLEANUP(json_cleanup) = NULL;
        struct statement statement = {.type = STATEMENT_READ, .source = units->items[i]};
        int code = device_say(device, &statement, "POST", "/v1/read-requests", &answer);
        if (code != CLI_DONE) return code;
    }
    return CLI_DONE;
}

/* All pages as one answer: a member that a page lacks adds nothing. */
static int fetch_plan(struct device *device, json_t *answer) {
    const char *path = "/v1/plan";
    for (size_t pages = 0; path; pages++) {
        json_t *page CLEANUP(json_cleanup) = NULL;
        int code = device_call(device, "GET", path, NULL, &page, NULL);
        if (code != CLI_DONE) return code;
        (void)json_array_extend(json_object_get(answer, "items"), json_object_get(page, "items"));
        (void)json_object_set(answer, "waiting", json_object_get(page, "waiting"));
        if (pages == PAGES_MAX) return cli_fail("the portal's pages do not end", STATUS_TOO_LARGE);
        const json_t *cursor = json_object_get(page, "cursor");
        path = json_is_integer(cursor)
                   ? arena_printf(device->arena, "/v1/plan?cursor=%lld", (long long)json_integer_value(cursor))
                   : NULL;
    }
    return CLI_DONE;
}

static int show_plan(struct device *device) {
    json_t *answer CLEANUP(json_cleanup) = json_pack("{s:[]}", "items");
    json_t *plan CLEANUP(json_cleanup) = NULL;
    json_t *contents CLEANUP(json_cleanup) = json_array();
    size_t unopened = 0;
    int code = answer ? fetch_plan(device, answer) : cli_fail("the plan", STATUS_MEMORY);
    if (code != CLI_DONE) return code;
    enum status status = assemble(device, answer, contents, &plan, &unopened);
    if (status != STATUS_OK) return cli_fail("the plan", status);
    if (device->options->json) {
        cli_print_json(plan);
    } else {
        print_plan(plan);
    }
    return unopened == 0 ? CLI_DONE : CLI_REFUSED;
}

int device_plan_run(const struct cli_verb *verb, int argc, char **argv) {
    static const struct cli_option table[] = {{"ask", CLI_LIST, AT(plan_options, ask), false},
                                              DEVICE_ROWS(plan_options)};
    struct plan_options options = {.ask = {.count = 0}};
    struct cli_list rest = {.count = 0};
    struct device device CLEANUP(device_clear) = {.http = NULL};
    int code = cli_parse(verb, table, argc, argv, &options, &rest);
    if (code != CLI_DONE) return code < 0 ? CLI_DONE : code;
    if (rest.count > 0) {
        (void)fprintf(stderr, "usage: sluss %s %s\n", verb->name, verb->usage);
        return CLI_USAGE;
    }
    code = device_begin(&options.device, DEVICE_OPEN, &device);
    if (code == CLI_DONE && !device.state.has_subject) code = device_learn_subject(&device);
    if (code == CLI_DONE) code = ask_sources(&device, &options.ask);
    return code == CLI_DONE ? show_plan(&device) : code;
}
