/* sluss device devices, countersign, remove: the person's keys among themselves. */
#include <stdio.h>
#include <string.h>

#include "agent/cli/device.h"
#include "base/json.h"
#include "base/text.h"
#include "base/timestamp.h"

#define AT(type, field) offsetof(struct type, field)

static int usage(const struct cli_verb *verb) {
    (void)fprintf(stderr, "usage: sluss %s %s\n", verb->name, verb->usage);
    return CLI_USAGE;
}

static void print_devices(const json_t *answer) {
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(answer, "devices"), i, item) {
        (void)printf("%s  %-9s attested by %s  since ", device_text(item, "kid"), device_text(item, "state"),
                     device_text(item, "attester"));
        device_print_time(device_number(item, "since"));
        (void)printf("\n");
    }
}

int device_devices_run(const struct cli_verb *verb, int argc, char **argv) {
    return device_show(verb, argc, argv, "/v1/devices", print_devices);
}

/* ---- statements about another device ---- */

struct other_options {
    struct device_options device;
    const char *since;
};

static enum status parse_other(const struct cli_list *rest, struct hash *out_device) {
    ENSURE(rest->count == 1, STATUS_MALFORMED);
    return text_fixed_base64url(bytes_text(rest->items[0]), out_device->b, sizeof out_device->b);
}

static int say_about(const struct other_options *options, struct statement *statement, const char *method,
                     const char *path, const char *done) {
    struct device device CLEANUP(device_clear) = {.http = NULL};
    json_t *answer CLEANUP(json_cleanup) = NULL;
    int code = device_begin(&options->device, DEVICE_OPEN, &device);
    if (code == CLI_DONE) code = device_say(&device, statement, method, path, &answer);
    if (code != CLI_DONE) return code;
    if (options->device.json) {
        cli_print_json(answer);
    } else {
        (void)printf("%s\n", done);
    }
    return CLI_DONE;
}

int device_countersign_run(const struct cli_verb *verb, int argc, char **argv) {
    static const struct cli_option table[] = {DEVICE_ROWS(other_options)};
    struct other_options options = {.since = NULL};
    struct cli_list rest = {.count = 0};
    struct statement statement = {.type = STATEMENT_COUNTERSIGN};
    int code = cli_parse(verb, table, argc, argv, &options, &rest);
    if (code != CLI_DONE) return code < 0 ? CLI_DONE : code;
    if (parse_other(&rest, &statement.other_device) != STATUS_OK) return usage(verb);
    return say_about(&options, &statement, "POST", "/v1/read-requests", "countersigned");
}

int device_remove_run(const struct cli_verb *verb, int argc, char **argv) {
    static const struct cli_option table[] = {{"since", CLI_TEXT, AT(other_options, since), false},
                                              DEVICE_ROWS(other_options)};
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(4096);
    struct other_options options = {.since = NULL};
    struct cli_list rest = {.count = 0};
    struct statement statement = {.type = STATEMENT_REMOVE_DEVICE};
    uint64_t since_ms = 0;
    int code = cli_parse(verb, table, argc, argv, &options, &rest);
    if (code != CLI_DONE) return code < 0 ? CLI_DONE : code;
    bool fits = arena && parse_other(&rest, &statement.other_device) == STATUS_OK;
    if (fits && options.since) fits = timestamp_parse(bytes_text(options.since), &since_ms) == STATUS_OK;
    if (!fits) return usage(verb);
    statement.since_s = since_ms / 1000;
    return say_about(&options, &statement, "DELETE", arena_printf(arena, "/v1/devices/%s", rest.items[0]), "removed");
}
