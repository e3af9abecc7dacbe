/* sluss device consents, revoke, suspend, resume, accesses: who may read, ending it, and who did. */
#include <stdio.h>
#include <string.h>

#include "agent/cli/device.h"
#include "base/json.h"

#define AT(type, field) offsetof(struct type, field)

static int usage(const struct cli_verb *verb) {
    (void)fprintf(stderr, "usage: sluss %s %s\n", verb->name, verb->usage);
    return CLI_USAGE;
}

/* ---- consents ---- */

static void print_consents(const json_t *answer) {
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(answer, "consents"), i, item) {
        (void)printf("%s  %-10s %s  %s  %s  until ", device_text(item, "consent"), device_text(item, "state"),
                     device_text(item, "to"), device_text(item, "purpose"), device_text(item, "access"));
        device_print_time(device_number(item, "exp"));
        (void)printf("\n");
    }
}

int device_consents_run(const struct cli_verb *verb, int argc, char **argv) {
    return device_show(verb, argc, argv, "/v1/consents", print_consents);
}

/* ---- revoke, suspend, resume ---- */

struct change_options {
    struct device_options device;
};

static int change(const struct cli_verb *verb, int argc, char **argv, enum statement_type type, const char *done) {
    static const struct cli_option table[] = {DEVICE_ROWS(change_options)};
    struct change_options options = {.device = {NULL, NULL, NULL, {NULL, NULL}, false}};
    struct cli_list rest = {.count = 0};
    struct device device CLEANUP(device_clear) = {.http = NULL};
    struct statement statement = {.type = type};
    json_t *answer CLEANUP(json_cleanup) = NULL;
    int code = cli_parse(verb, table, argc, argv, &options, &rest);
    if (code != CLI_DONE) return code < 0 ? CLI_DONE : code;
    if (rest.count != 1 || ids_from_text(bytes_text(rest.items[0]), &statement.consent) != STATUS_OK)
        return usage(verb);
    code = device_begin(&options.device, DEVICE_OPEN, &device);
    if (code != CLI_DONE) return code;
    const char *path = arena_printf(device.arena, "/v1/consents/%s/%s", rest.items[0], statement_type_name(type));
    code = device_say(&device, &statement, "POST", path, &answer);
    if (code != CLI_DONE) return code;
    if (options.device.json) {
        cli_print_json(answer);
    } else {
        (void)printf("%s\n", done);
    }
    return CLI_DONE;
}

int device_revoke_run(const struct cli_verb *verb, int argc, char **argv) {
    return change(verb, argc, argv, STATEMENT_REVOKE, "ended: nothing more is given out under this consent");
}

int device_suspend_run(const struct cli_verb *verb, int argc, char **argv) {
    return change(verb, argc, argv, STATEMENT_SUSPEND, "suspended: nothing is given out until you resume");
}

int device_resume_run(const struct cli_verb *verb, int argc, char **argv) {
    return change(verb, argc, argv, STATEMENT_RESUME, "resumed");
}

/* ---- accesses ---- */

struct accesses_options {
    struct device_options device;
};

static void print_access(const json_t *item) {
    device_print_time(device_number(item, "time"));
    (void)printf("  leaf %llu  %s  %s", (unsigned long long)device_number(item, "leaf"), device_text(item, "type"),
                 device_text(item, "actor"));
    if (*device_text(item, "official")) (void)printf("  by %s", device_text(item, "official"));
    if (*device_text(item, "purpose")) (void)printf("  for %s", device_text(item, "purpose"));
    size_t count = json_array_size(json_object_get(item, "items"));
    if (count > 0) (void)printf("  %zu fragments", count);
    uint64_t clause = device_number(item, "clause");
    if (clause > 0) (void)printf("  refused by clause %llu", (unsigned long long)clause);
    (void)printf("\n");
}

/* Follows the pages to the end. */
static int list_accesses(struct device *device, json_t *all) {
    json_int_t cursor = -1;
    do {
        json_t *page CLEANUP(json_cleanup) = NULL;
        const char *path =
            cursor < 0 ? "/v1/accesses" : arena_printf(device->arena, "/v1/accesses?cursor=%lld", (long long)cursor);
        int code = device_call(device, "GET", path, NULL, &page, NULL);
        if (code != CLI_DONE) return code;
        (void)json_array_extend(all, json_object_get(page, "accesses"));
        const json_t *next = json_object_get(page, "cursor");
        json_int_t previous = cursor;
        cursor = json_is_integer(next) ? json_integer_value(next) : -1;
        if (cursor >= 0 && cursor == previous) return cli_fail("the portal's cursor stands still", STATUS_MALFORMED);
    } while (cursor >= 0);
    return CLI_DONE;
}

int device_accesses_run(const struct cli_verb *verb, int argc, char **argv) {
    static const struct cli_option table[] = {DEVICE_ROWS(accesses_options)};
    struct accesses_options options = {.device = {NULL, NULL, NULL, {NULL, NULL}, false}};
    struct cli_list rest = {.count = 0};
    struct device device CLEANUP(device_clear) = {.http = NULL};
    json_t *all = json_array();
    json_t *shown CLEANUP(json_cleanup) = json_pack("{s:o}", "accesses", all);
    size_t i;
    json_t *item;
    int code = cli_parse(verb, table, argc, argv, &options, &rest);
    if (code != CLI_DONE) return code < 0 ? CLI_DONE : code;
    code = device_begin(&options.device, DEVICE_OPEN, &device);
    if (code == CLI_DONE) code = list_accesses(&device, all);
    if (code != CLI_DONE) return code;
    if (options.device.json) {
        cli_print_json(shown);
        return CLI_DONE;
    }
    json_array_foreach(all, i, item) { print_access(item); }
    return CLI_DONE;
}
