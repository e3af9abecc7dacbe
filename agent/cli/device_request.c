/* From the portal's JSON to what is shown and signed. Trusts nothing about the JSON's form; what it says is shown. */
#include "agent/cli/device_request.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "proto/derive.h"
#include "proto/limits.h"

static enum status copy_text(struct arena *arena, const json_t *object, const char *name, size_t max,
                             const char **out_text) {
    const char *text = NULL;
    TRY(json_get_text(object, name, &text));
    ENSURE(bytes_is_text(bytes_text(text)), STATUS_MALFORMED);
    ENSURE(strlen(text) <= max, STATUS_TOO_LARGE);
    *out_text = arena_string(arena, text);
    ENSURE(*out_text, STATUS_MEMORY);
    return STATUS_OK;
}

static enum status copy_unit(struct arena *arena, const json_t *object, const char *name, const char **out_unit) {
    TRY(copy_text(arena, object, name, LIMIT_UNIT_BYTES, out_unit));
    ENSURE(ids_is_unit(bytes_text(*out_unit)), STATUS_MALFORMED);
    return STATUS_OK;
}

/* {LANG: TEXT}. */
static enum status parse_texts(struct arena *arena, const json_t *from, struct device_texts *out) {
    size_t count = json_object_size(from);
    struct text *items = ARENA_ARRAY(arena, struct text, count);
    ENSURE(json_is_object(from), STATUS_MALFORMED);
    ENSURE(count <= LIMIT_LANGUAGES, STATUS_TOO_LARGE);
    ENSURE(items, STATUS_MEMORY);
    size_t i = 0;
    /* jansson's iterators take a json_t * but do not change it. */
    json_t *members = (json_t *)(uintptr_t)from;
    for (void *iter = json_object_iter(members); iter; iter = json_object_iter_next(members, iter)) {
        const char *lang = json_object_iter_key(iter);
        ENSURE(strlen(lang) <= LIMIT_LANG_BYTES, STATUS_TOO_LARGE);
        items[i].lang = arena_string(arena, lang);
        ENSURE(items[i].lang, STATUS_MEMORY);
        TRY(copy_text(arena, from, lang, LIMIT_TEXT_BYTES, &items[i].text));
        i++;
    }
    *out = (struct device_texts){items, count};
    return STATUS_OK;
}

static int compare_kinds(const void *a, const void *b) {
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static enum status parse_kinds(const json_t *from, struct device_request *request) {
    size_t count = json_array_size(from);
    ENSURE(count > 0 && count <= LIMIT_KINDS, STATUS_MALFORMED);
    for (size_t i = 0; i < count; i++) {
        enum kind kind = KIND_NONE;
        const char *name = json_string_value(json_array_get(from, i));
        ENSURE(name, STATUS_MALFORMED);
        TRY(kind_from_name(bytes_text(name), &kind));
        request->kinds[i] = (uint32_t)kind;
    }
    qsort(request->kinds, count, sizeof *request->kinds, compare_kinds);
    for (size_t i = 1; i < count; i++) {
        ENSURE(request->kinds[i] != request->kinds[i - 1], STATUS_MALFORMED);
    }
    request->n_kinds = count;
    return STATUS_OK;
}

static int compare_sources(const void *a, const void *b) {
    return strcmp(((const struct device_source *)a)->unit, ((const struct device_source *)b)->unit);
}

static enum status parse_sources(struct arena *arena, const json_t *from, struct device_request *request) {
    size_t count = json_array_size(from);
    ENSURE(count > 0 && count <= LIMIT_SOURCES, STATUS_MALFORMED);
    request->sources = ARENA_ARRAY(arena, struct device_source, count);
    ENSURE(request->sources, STATUS_MEMORY);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(from, i);
        struct device_source *source = &request->sources[i];
        TRY(copy_unit(arena, item, "unit", &source->unit));
        TRY(parse_texts(arena, json_object_get(item, "names"), &source->names));
        TRY(parse_texts(arena, json_object_get(item, "member_names"), &source->member_names));
    }
    qsort(request->sources, count, sizeof *request->sources, compare_sources);
    for (size_t i = 1; i < count; i++) {
        ENSURE(compare_sources(&request->sources[i], &request->sources[i - 1]) != 0, STATUS_MALFORMED);
    }
    request->n_sources = count;
    return STATUS_OK;
}

static enum status parse_terms(const json_t *from, struct device_request *request) {
    const char *access = NULL;
    const char *basis = NULL;
    TRY(json_get_text(from, "access", &access));
    TRY(json_get_text(from, "basis", &basis));
    TRY(consent_request_access_from(bytes_text(access), &request->access));
    TRY(consent_request_basis_from(bytes_text(basis), &request->basis));
    TRY(json_get_u64(from, "duration_s", &request->duration_s));
    ENSURE(request->duration_s > 0 && request->duration_s <= LIMIT_SECONDS, STATUS_MALFORMED);
    return STATUS_OK;
}

static enum status parse_names(struct arena *arena, const json_t *from, struct device_request *request) {
    TRY(copy_unit(arena, from, "recipient", &request->recipient));
    TRY(copy_text(arena, from, "purpose", LIMIT_CODE_BYTES, &request->purpose));
    ENSURE(ids_is_code(bytes_text(request->purpose)), STATUS_MALFORMED);
    TRY(parse_texts(arena, json_object_get(from, "recipient_names"), &request->recipient_names));
    TRY(parse_texts(arena, json_object_get(from, "member_names"), &request->member_names));
    return parse_texts(arena, json_object_get(from, "purpose_texts"), &request->purpose_texts);
}

enum status device_request_parse(struct arena *arena, const json_t *from, struct device_request *out) {
    struct device_request request = {.n_kinds = 0};
    ENSURE(json_is_object(from), STATUS_MALFORMED);
    TRY(json_get_fixed(from, "id", request.id.b, sizeof request.id.b));
    TRY(json_get_fixed(from, "request", request.request.b, sizeof request.request.b));
    TRY(json_get_fixed(from, "subject", request.subject.b, sizeof request.subject.b));
    TRY(parse_names(arena, from, &request));
    TRY(parse_terms(from, &request));
    TRY(parse_kinds(json_object_get(from, "kinds"), &request));
    TRY(parse_sources(arena, json_object_get(from, "sources"), &request));
    *out = request;
    return STATUS_OK;
}

/* ---- choice ---- */

static enum status drop_kind(struct device_request *request, const char *name) {
    enum kind kind = KIND_NONE;
    ENSURE(kind_from_name(bytes_text(name), &kind) == STATUS_OK, STATUS_NOT_FOUND);
    size_t kept = 0;
    for (size_t i = 0; i < request->n_kinds; i++) {
        if (request->kinds[i] != (uint32_t)kind) request->kinds[kept++] = request->kinds[i];
    }
    ENSURE(kept < request->n_kinds, STATUS_NOT_FOUND);
    request->n_kinds = kept;
    return STATUS_OK;
}

static bool is_chosen(const struct device_choice *choice, const char *unit) {
    for (size_t i = 0; i < choice->n_from; i++) {
        if (strcmp(choice->from[i], unit) == 0) return true;
    }
    return false;
}

static bool is_asked(const struct device_request *request, const char *unit) {
    for (size_t i = 0; i < request->n_sources; i++) {
        if (strcmp(request->sources[i].unit, unit) == 0) return true;
    }
    return false;
}

static enum status keep_sources(struct device_request *request, const struct device_choice *choice) {
    for (size_t i = 0; i < choice->n_from; i++) {
        ENSURE(is_asked(request, choice->from[i]), STATUS_NOT_FOUND);
    }
    size_t kept = 0;
    for (size_t i = 0; i < request->n_sources; i++) {
        if (is_chosen(choice, request->sources[i].unit)) request->sources[kept++] = request->sources[i];
    }
    request->n_sources = kept;
    return STATUS_OK;
}

enum status device_request_narrow(struct device_request *request, const struct device_choice *choice) {
    for (size_t i = 0; i < choice->n_without; i++) {
        TRY(drop_kind(request, choice->without[i]));
    }
    if (choice->n_from > 0) TRY(keep_sources(request, choice));
    ENSURE(choice->duration_s <= request->duration_s, STATUS_INVALID);
    if (choice->duration_s > 0) request->duration_s = choice->duration_s;
    if (choice->once) request->access = ACCESS_ONCE;
    ENSURE(request->n_kinds > 0 && request->n_sources > 0, STATUS_INVALID);
    return STATUS_OK;
}

/* ---- notice ---- */

static enum status make_party(const struct device_texts *names, const struct device_texts *member_names,
                              const char *lang, struct notice_party *out_party) {
    struct notice_party party = {.unit_name = notice_name(names->items, names->count, lang),
                                 .member_name = notice_name(member_names->items, member_names->count, lang)};
    ENSURE(party.unit_name && party.member_name, STATUS_NOT_FOUND);
    *out_party = party;
    return STATUS_OK;
}

enum status device_request_notice(struct arena *arena, const struct device_request *request, const char *lang,
                                  uint64_t exp_s, struct bytes *out_notice) {
    struct notice_party *from = ARENA_ARRAY(arena, struct notice_party, request->n_sources);
    struct notice_facts facts = {.from = from,
                                 .n_from = request->n_sources,
                                 .kinds = request->kinds,
                                 .n_kinds = request->n_kinds,
                                 .exp_s = exp_s,
                                 .access = request->access,
                                 .basis = request->basis};
    ENSURE(from, STATUS_MEMORY);
    TRY(make_party(&request->recipient_names, &request->member_names, lang, &facts.to));
    for (size_t i = 0; i < request->n_sources; i++) {
        TRY(make_party(&request->sources[i].names, &request->sources[i].member_names, lang, &from[i]));
    }
    facts.purpose_text = directory_text(request->purpose_texts.items, request->purpose_texts.count, lang);
    ENSURE(facts.purpose_text, STATUS_NOT_FOUND);
    return notice_write(arena, lang, &facts, out_notice);
}

/* ---- tokens ---- */

enum status device_request_tokens(struct arena *arena, const struct device_request *request,
                                  const struct device_signing *signing, struct bytes *out_tokens) {
    struct token token = {.subject = request->subject,
                          .consent = signing->consent,
                          .iat_s = signing->now_s,
                          .nbf_s = signing->now_s,
                          .exp_s = signing->now_s + request->duration_s,
                          .to = request->recipient,
                          .n_kinds = request->n_kinds,
                          .purpose = request->purpose,
                          .access = request->access,
                          .basis = request->basis,
                          .request = request->request,
                          .notice_lang = signing->lang,
                          .notice = hash_sha256(signing->notice),
                          .rev = derive_code_hash(signing->federation, &signing->code)};
    memcpy(token.kinds, request->kinds, request->n_kinds * sizeof *request->kinds);
    for (size_t i = 0; i < request->n_sources; i++) {
        token.jti = ids_random();
        token.from = request->sources[i].unit;
        TRY(token_make(arena, signing->federation, &token, signing->key, &out_tokens[i]));
    }
    return STATUS_OK;
}
