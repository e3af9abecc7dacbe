/*
 * Descriptions come from people: whatever is wrong is said with the name of the member that it stands in.
 */
#include "agent/cli/cli_record_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/json.h"
#include "keys/seal.h"
#include "keys/sign.h"
#include "proto/kind.h"
#include "proto/limits.h"
#include "proto/note.h"

#define KINDS_MAX 16

static enum status wrong(const char *name) {
    (void)fprintf(stderr, "sluss: '%s' is missing or not of the right form\n", name);
    return STATUS_MALFORMED;
}

static enum status get_text(const json_t *in, const char *name, struct arena *arena, const char **out_text) {
    const char *text = json_string_value(json_object_get(in, name));
    if (!text) return wrong(name);
    *out_text = arena_string(arena, text);
    return *out_text ? STATUS_OK : STATUS_MEMORY;
}

static enum status opt_text(const json_t *in, const char *name, struct arena *arena, const char **out_text) {
    *out_text = "";
    return json_object_get(in, name) ? get_text(in, name, arena, out_text) : STATUS_OK;
}

static enum status get_number(const json_t *in, const char *name, uint64_t absent, uint64_t *out_number) {
    const json_t *value = json_object_get(in, name);
    *out_number = absent;
    if (!value) return STATUS_OK;
    if (!json_is_integer(value) || json_integer_value(value) < 0) return wrong(name);
    *out_number = (uint64_t)json_integer_value(value);
    return STATUS_OK;
}

static enum status get_texts(const json_t *in, const char *name, struct arena *arena, const struct text **out_texts,
                             size_t *out_count) {
    json_t *object = json_object_get(in, name);
    size_t count = json_object_size(object);
    if (!json_is_object(object) || count == 0) return wrong(name);
    struct text *texts = ARENA_ARRAY(arena, struct text, count);
    ENSURE(texts, STATUS_MEMORY);
    size_t i = 0;
    const char *lang = NULL;
    json_t *value = NULL;
    json_object_foreach(object, lang, value) {
        if (!json_is_string(value)) return wrong(name);
        texts[i].lang = arena_string(arena, lang);
        texts[i].text = arena_string(arena, json_string_value(value));
        ENSURE(texts[i].lang && texts[i].text, STATUS_MEMORY);
        i++;
    }
    *out_texts = texts;
    *out_count = count;
    return STATUS_OK;
}

static enum status get_list(const json_t *in, const char *name, struct arena *arena, const char *const **out_items,
                            size_t *out_count) {
    const json_t *list = json_object_get(in, name);
    size_t count = json_array_size(list);
    const char **items = ARENA_ARRAY(arena, const char *, count + 1);
    ENSURE(items, STATUS_MEMORY);
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (!text) return wrong(name);
        items[i] = arena_string(arena, text);
        ENSURE(items[i], STATUS_MEMORY);
    }
    *out_items = items;
    *out_count = count;
    return STATUS_OK;
}

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum status get_sorted(const json_t *in, const char *name, struct arena *arena, const char *const **out_items,
                              size_t *out_count) {
    TRY(get_list(in, name, arena, out_items, out_count));
    if (*out_count == 0) return wrong(name);
    qsort((void *)(uintptr_t)*out_items, *out_count, sizeof **out_items, compare_texts);
    return STATUS_OK;
}

static enum status get_kinds(const json_t *in, struct arena *arena, const uint32_t **out_kinds, size_t *out_count) {
    const json_t *list = json_object_get(in, "kinds");
    bool has[KIND_LAST + 1] = {false};
    uint32_t *kinds = ARENA_ARRAY(arena, uint32_t, KINDS_MAX);
    ENSURE(kinds, STATUS_MEMORY);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        enum kind kind = KIND_NONE;
        if (!name || kind_from_name(bytes_text(name), &kind) != STATUS_OK) return wrong("kinds");
        has[kind] = true;
    }
    size_t count = 0;
    for (uint32_t kind = 1; kind <= KIND_LAST; kind++) {
        if (has[kind]) kinds[count++] = kind;
    }
    if (count == 0) return wrong("kinds");
    *out_kinds = kinds;
    *out_count = count;
    return STATUS_OK;
}

static enum status get_duration(const json_t *in, const char *name, uint64_t *out_seconds) {
    const char *text = json_string_value(json_object_get(in, name));
    if (!text || duration_parse(bytes_text(text), out_seconds) != STATUS_OK) return wrong(name);
    return STATUS_OK;
}

/* ---- member ---- */

static enum status read_unit(const json_t *in, const char *member, const struct keyfile_bundle *bundle,
                             struct arena *arena, struct unit *unit) {
    const char *name = NULL;
    TRY(get_text(in, "id", arena, &name));
    TRY(get_texts(in, "names", arena, &unit->names, &unit->n_names));
    unit->id = arena_printf(arena, "%s/%s", member, name);
    const char *entry = arena_printf(arena, "seal.%s", name);
    ENSURE(unit->id && entry, STATUS_MEMORY);
    const struct secret *scalar = NULL;
    struct seal_private *key CLEANUP(seal_free_cleanup) = NULL;
    TRY(keyfile_bundle_get(bundle, entry, KEYFILE_SEAL, &scalar));
    TRY(seal_from_secret(scalar, &key));
    unit->seal_key = seal_public_of(key);
    return STATUS_OK;
}

static enum status read_units(const json_t *in, const struct keyfile_bundle *bundle, struct arena *arena,
                              struct member_record *record) {
    const json_t *list = json_object_get(in, "units");
    size_t count = json_array_size(list);
    if (count == 0) return wrong("units");
    struct unit *units = ARENA_ARRAY(arena, struct unit, count);
    ENSURE(units, STATUS_MEMORY);
    for (size_t i = 0; i < count; i++) {
        TRY(read_unit(json_array_get(list, i), record->member, bundle, arena, &units[i]));
    }
    record->units = units;
    record->n_units = count;
    return STATUS_OK;
}

static enum status bundle_public(const struct keyfile_bundle *bundle, const char *name, struct sign_public *out_key) {
    struct sign_private *key CLEANUP(sign_free_cleanup) = NULL;
    const struct secret *seed = NULL;
    TRY(keyfile_bundle_get(bundle, name, KEYFILE_SIGN, &seed));
    TRY(sign_from_seed(seed, &key));
    *out_key = sign_public_of(key);
    return STATUS_OK;
}

static enum status read_keys(const json_t *in, const struct keyfile_bundle *bundle, struct arena *arena,
                             struct member_record *record) {
    struct sign_key *key = ARENA_NEW(arena, struct sign_key);
    ENSURE(key, STATUS_MEMORY);
    key->state = KEY_ACTIVE;
    TRY(bundle_public(bundle, "sign", &key->key));
    record->sign_keys = key;
    record->n_sign_keys = 1;
    const char *name = NULL;
    TRY(opt_text(in, "witness", arena, &name));
    record->witness = "";
    if (*name == '\0') return STATUS_OK;
    struct sign_public witness;
    struct note_key note_key;
    TRY(bundle_public(bundle, "witness", &witness));
    TRY(note_key_make(bytes_text(name), NOTE_COSIGNATURE, &witness, &note_key));
    record->witness = note_key_format(arena, &note_key);
    return record->witness ? STATUS_OK : STATUS_MEMORY;
}

enum status cli_record_member(const json_t *in, const struct keyfile_bundle *bundle, struct arena *arena,
                              struct member_record *record) {
    TRY(get_text(in, "federation", arena, &record->federation));
    TRY(get_text(in, "member", arena, &record->member));
    TRY(get_number(in, "revision", 1, &record->revision));
    TRY(get_texts(in, "names", arena, &record->names, &record->n_names));
    TRY(read_units(in, bundle, arena, record));
    TRY(read_keys(in, bundle, arena, record));
    record->identifies_people = json_is_true(json_object_get(in, "identifies_people"));
    return opt_text(in, "contact", arena, &record->contact);
}

/* ---- agreement ---- */

static enum status read_parties(const json_t *in, struct arena *arena, struct agreement *agreement) {
    TRY(get_sorted(in, "units", arena, &agreement->units, &agreement->n_units));
    TRY(get_kinds(in, arena, &agreement->kinds, &agreement->n_kinds));
    TRY(get_sorted(in, "purposes", arena, &agreement->purposes, &agreement->n_purposes));
    TRY(get_sorted(in, "attesters", arena, &agreement->attesters, &agreement->n_attesters));
    TRY(get_list(in, "self_read_attesters", arena, &agreement->self_read_attesters, &agreement->n_self_read_attesters));
    agreement->recipient_may_attest = json_is_true(json_object_get(in, "recipient_may_attest"));
    return opt_text(in, "legal_note", arena, &agreement->legal_note);
}

enum status cli_record_agreement(const json_t *in, struct arena *arena, struct agreement *agreement) {
    const char *id = NULL;
    uint64_t from_s = 0;
    uint64_t until_s = 0;
    TRY(get_text(in, "federation", arena, &agreement->federation));
    TRY(opt_text(in, "id", arena, &id));
    agreement->id = ids_random();
    if (*id && ids_from_text(bytes_text(id), &agreement->id) != STATUS_OK) return wrong("id");
    TRY(get_number(in, "revision", 1, &agreement->revision));
    TRY(get_duration(in, "longest_consent", &agreement->longest_consent_s));
    TRY(get_number(in, "valid_from", 0, &from_s));
    TRY(get_number(in, "valid_until", 0, &until_s));
    if (from_s > UINT64_MAX / 1000 || until_s > UINT64_MAX / 1000) return wrong("valid_until");
    agreement->valid_from_ms = from_s * 1000;
    agreement->valid_until_ms = until_s * 1000;
    return read_parties(in, arena, agreement);
}

static json_t *list_json(const char *const *items, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < count; i++) {
        (void)json_array_append_new(list, json_string(items[i]));
    }
    return list;
}

static json_t *kinds_json(const uint32_t *kinds, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < count; i++) {
        (void)json_array_append_new(list, json_string(kind_name((enum kind)kinds[i])));
    }
    return list;
}

json_t *cli_record_agreement_json(const struct agreement *agreement) {
    return json_pack(
        "{s:s, s:I, s:o, s:o, s:o, s:I, s:o, s:o, s:b, s:s}", "federation", agreement->federation, "revision",
        (json_int_t)agreement->revision, "units", list_json(agreement->units, agreement->n_units), "kinds",
        kinds_json(agreement->kinds, agreement->n_kinds), "purposes",
        list_json(agreement->purposes, agreement->n_purposes), "longest_consent_s",
        (json_int_t)agreement->longest_consent_s, "attesters", list_json(agreement->attesters, agreement->n_attesters),
        "self_read_attesters", list_json(agreement->self_read_attesters, agreement->n_self_read_attesters),
        "recipient_may_attest", (int)agreement->recipient_may_attest, "legal_note", agreement->legal_note);
}

/* ---- rules ---- */

static enum status read_purposes(const json_t *in, struct arena *arena, struct rules *rules) {
    json_t *object = json_object_get(in, "purposes");
    size_t count = json_object_size(object);
    if (count == 0) return wrong("purposes");
    struct purpose *purposes = ARENA_ARRAY(arena, struct purpose, count);
    ENSURE(purposes, STATUS_MEMORY);
    size_t i = 0;
    const char *code = NULL;
    json_t *texts = NULL;
    json_object_foreach(object, code, texts) {
        (void)texts;
        purposes[i].code = arena_string(arena, code);
        ENSURE(purposes[i].code, STATUS_MEMORY);
        TRY(get_texts(object, code, arena, &purposes[i].texts, &purposes[i].n_texts));
        i++;
    }
    rules->purposes = purposes;
    rules->n_purposes = count;
    return STATUS_OK;
}

static enum status get_u32(const json_t *in, const char *name, uint64_t absent, uint32_t *out_number) {
    uint64_t number = 0;
    TRY(get_number(in, name, absent, &number));
    if (number > UINT32_MAX) return wrong(name);
    *out_number = (uint32_t)number;
    return STATUS_OK;
}

enum status cli_record_rules(const json_t *in, struct arena *arena, struct rules *rules) {
    TRY(get_text(in, "federation", arena, &rules->federation));
    TRY(get_number(in, "revision", 1, &rules->revision));
    TRY(read_purposes(in, arena, rules));
    TRY(get_duration(in, "longest_consent", &rules->longest_consent_s));
    TRY(get_u32(in, "most_sources", 8, &rules->most_sources));
    TRY(get_u32(in, "most_pending", 16, &rules->most_pending));
    TRY(get_u32(in, "cosignatures", 1, &rules->cosignatures));
    return get_list(in, "witnesses", arena, &rules->witnesses, &rules->n_witnesses);
}
