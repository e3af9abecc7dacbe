/* Getters over a JSON object. Trusts nothing about it; what they give is of the form that agent/agent.h asks for. */
#include "agent/api/api_input.h"

#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/json.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "proto/kind.h"

enum { NATIONAL_ID_BYTES = 32, SHORT_TEXT_BYTES = 64, NAME_SHOWN_BYTES = 40 };

void api_input_fault(struct api_input *input, const char *pointer, const char *text) {
    struct api_faults *faults = input->faults;
    if (faults->count == API_FAULTS_MAX) return;
    faults->items[faults->count++] = (struct http_fault){.pointer = pointer, .text = text};
}

/* Names of members are ours or look like a programmer's: no escaping is needed. */
static const char *pointer_to(struct api_input *input, const char *name) {
    const char *pointer = arena_printf(input->arena, "/%s", name);
    return pointer ? pointer : "";
}

static void fault_at(struct api_input *input, const char *name, const char *text) {
    api_input_fault(input, pointer_to(input, name), text);
}

/* What a caller sends as a name may be anything, a person's number too: only a programmer's name is repeated. */
static bool may_show(const char *name) {
    size_t len = strlen(name);
    return len <= NAME_SHOWN_BYTES && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-$") == len;
}

static bool is_listed(const char *name, const char *const *names) {
    for (; *names; names++) {
        if (strcmp(*names, name) == 0) return true;
    }
    return false;
}

void api_input_only(struct api_input *input, const char *const *names) {
    /* jansson's iterators take a json_t * but do not change it. */
    json_t *members = (json_t *)(uintptr_t)input->object;
    for (void *iter = json_object_iter(members); iter; iter = json_object_iter_next(members, iter)) {
        const char *name = json_object_iter_key(iter);
        if (is_listed(name, names)) continue;
        if (may_show(name)) {
            fault_at(input, name, "is not known");
        } else {
            api_input_fault(input, "", "has a member that is not known");
        }
    }
}

/* The member, or NULL with a fault when it is required. */
static const json_t *find(struct api_input *input, const char *name, enum api_need need) {
    const json_t *member = json_object_get(input->object, name);
    if (!member && need == API_REQUIRED) fault_at(input, name, "is required");
    return member;
}

static struct bytes text_of(const json_t *member) {
    return BYTES(json_string_value(member), json_string_length(member));
}

const char *api_input_text(struct api_input *input, const char *name, enum api_need need, size_t max_bytes) {
    const json_t *member = find(input, name, need);
    if (!member) return NULL;
    struct bytes text = text_of(member);
    if (!json_is_string(member) || text.len == 0 || !bytes_is_text(text)) {
        fault_at(input, name, "must be text without control characters");
        return NULL;
    }
    if (text.len > max_bytes) {
        fault_at(input, name, "is too long");
        return NULL;
    }
    return json_string_value(member);
}

bool api_input_bool(struct api_input *input, const char *name) {
    const json_t *member = find(input, name, API_OPTIONAL);
    if (member && !json_is_boolean(member)) fault_at(input, name, "must be true or false");
    return json_is_true(member);
}

const json_t *api_input_object(struct api_input *input, const char *name, enum api_need need) {
    const json_t *member = find(input, name, need);
    if (!member || json_is_object(member)) return member;
    fault_at(input, name, "must be an object");
    return NULL;
}

bool api_input_id(struct api_input *input, const char *name, enum api_need need, struct id16 *out_id) {
    const json_t *member = find(input, name, need);
    if (!member) return false;
    struct id16 id;
    if (!json_is_string(member) || ids_from_text(text_of(member), &id) != STATUS_OK) {
        fault_at(input, name, "must be an id: 22 characters of base64url");
        return false;
    }
    *out_id = id;
    return true;
}

uint64_t api_input_time(struct api_input *input, const char *name, enum api_need need) {
    const char *text = api_input_text(input, name, need, SHORT_TEXT_BYTES);
    uint64_t time_ms = 0;
    if (text && timestamp_parse(bytes_text(text), &time_ms) != STATUS_OK) {
        fault_at(input, name, "must be a point in time as 2026-11-22T02:43:15Z");
    }
    return time_ms;
}

uint64_t api_input_duration(struct api_input *input, const char *name, enum api_need need) {
    const char *text = api_input_text(input, name, need, SHORT_TEXT_BYTES);
    uint64_t seconds = 0;
    if (!text) return 0;
    if (duration_parse(bytes_text(text), &seconds) != STATUS_OK || seconds == 0) {
        fault_at(input, name, "must be a duration as PT2H or P30D");
        return 0;
    }
    return seconds;
}

uint32_t api_input_choice(struct api_input *input, const char *name, enum api_need need, const char *const *names) {
    const char *text = api_input_text(input, name, need, SHORT_TEXT_BYTES);
    if (!text) return 0;
    for (uint32_t i = 0; names[i]; i++) {
        if (strcmp(names[i], text) == 0) return i + 1;
    }
    fault_at(input, name, "must be one of the documented values");
    return 0;
}

uint32_t api_input_kind(struct api_input *input, const char *name) {
    const char *text = api_input_text(input, name, API_REQUIRED, SHORT_TEXT_BYTES);
    enum kind kind = KIND_NONE;
    if (text && kind_from_name(bytes_text(text), &kind) != STATUS_OK)
        fault_at(input, name, "must be a kind of fragment");
    return (uint32_t)kind;
}

/* An array of 1 to max texts; NULL otherwise. */
static const json_t *find_list(struct api_input *input, const char *name, enum api_need need, size_t max) {
    const json_t *member = find(input, name, need);
    if (!member) return NULL;
    size_t count = json_array_size(member);
    if (json_is_array(member) && count > 0 && count <= max) return member;
    fault_at(input, name, "must be a list that is neither empty nor too long");
    return NULL;
}

static void fault_at_index(struct api_input *input, const char *name, size_t i, const char *text) {
    const char *pointer = arena_printf(input->arena, "/%s/%zu", name, i);
    api_input_fault(input, pointer ? pointer : "", text);
}

static int compare_kinds(const void *a, const void *b) {
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

void api_input_kinds(struct api_input *input, const char *name, struct api_kinds *out_kinds) {
    const json_t *list = find_list(input, name, API_REQUIRED, LIMIT_KINDS);
    struct api_kinds kinds = {.count = 0};
    for (size_t i = 0; list && i < json_array_size(list); i++) {
        enum kind kind = KIND_NONE;
        const json_t *item = json_array_get(list, i);
        if (!json_is_string(item) || kind_from_name(text_of(item), &kind) != STATUS_OK) {
            fault_at_index(input, name, i, "must be a kind of fragment");
            continue;
        }
        kinds.items[kinds.count++] = (uint32_t)kind;
    }
    qsort(kinds.items, kinds.count, sizeof *kinds.items, compare_kinds);
    for (size_t i = 1; i < kinds.count; i++) {
        if (kinds.items[i] == kinds.items[i - 1]) fault_at(input, name, "must not repeat a kind");
    }
    *out_kinds = kinds;
}

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void api_input_units(struct api_input *input, const char *name, enum api_need need, struct api_units *out_units) {
    const json_t *list = find_list(input, name, need, LIMIT_SOURCES);
    struct api_units units = {.count = 0};
    for (size_t i = 0; list && i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        if (!json_is_string(item) || !ids_is_unit(text_of(item))) {
            fault_at_index(input, name, i, "must be a unit");
            continue;
        }
        units.items[units.count++] = json_string_value(item);
    }
    qsort(units.items, units.count, sizeof *units.items, compare_texts);
    for (size_t i = 1; i < units.count; i++) {
        if (strcmp(units.items[i], units.items[i - 1]) == 0) fault_at(input, name, "must not repeat a unit");
    }
    *out_units = units;
}

const char *api_input_national_id(struct api_input *input) {
    return api_input_text(input, "national_id", API_REQUIRED, NATIONAL_ID_BYTES);
}

void api_input_person(struct api_input *input, struct api_person *out_person) {
    struct api_person person = {.has_subject = json_object_get(input->object, "subject") != NULL};
    bool has_number = json_object_get(input->object, "national_id") != NULL;
    if (person.has_subject == has_number) {
        api_input_fault(input, "", "must have either subject or national_id");
    } else if (has_number) {
        person.national_id = api_input_national_id(input);
    } else if (json_get_fixed(input->object, "subject", person.subject.b, sizeof person.subject.b) != STATUS_OK) {
        fault_at(input, "subject", "must be a handle: 43 characters of base64url");
    }
    *out_person = person;
}

enum status api_input_end(const struct api_input *input) {
    return input->faults->count == 0 ? STATUS_OK : STATUS_INVALID;
}
