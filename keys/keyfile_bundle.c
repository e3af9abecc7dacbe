/*
 * Owns a set of named keys. Invariants: names are distinct and well-formed, every payload has 32 bytes, a bundle holds
 * no bundle.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "keys/keyfile.h"
#include "keys/keyfile_internal.h"

struct entry {
    char name[KEYFILE_NAME_MAX + 1];
    enum keyfile_type type;
    struct secret *payload;
};

struct keyfile_bundle {
    struct entry entries[KEYFILE_BUNDLE_MAX];
    size_t count;
};

struct keyfile_bundle *keyfile_bundle_new(void) {
    return calloc(1, sizeof(struct keyfile_bundle));
}

void keyfile_bundle_free(struct keyfile_bundle *bundle) {
    if (!bundle) return;
    for (size_t i = 0; i < bundle->count; i++)
        secret_free(bundle->entries[i].payload);
    free(bundle);
}

static bool is_name_byte(char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '.' || byte == '_' || byte == '-';
}

static enum status check_name(const char *name) {
    size_t len = strlen(name);
    ENSURE(len >= 1 && len <= KEYFILE_NAME_MAX, STATUS_MALFORMED);
    for (size_t i = 0; i < len; i++)
        ENSURE(is_name_byte(name[i]), STATUS_MALFORMED);
    return STATUS_OK;
}

static const struct entry *find(const struct keyfile_bundle *bundle, const char *name) {
    for (size_t i = 0; i < bundle->count; i++)
        if (strcmp(bundle->entries[i].name, name) == 0) return &bundle->entries[i];
    return NULL;
}

enum status keyfile_bundle_put(struct keyfile_bundle *bundle, const char *name, enum keyfile_type type,
                               const struct secret *payload) {
    TRY(check_name(name));
    ENSURE(type != KEYFILE_BUNDLE, STATUS_MALFORMED);
    TRY(keyfile_check_payload(type, payload));
    ENSURE(!find(bundle, name), STATUS_CONFLICT);
    ENSURE(bundle->count < KEYFILE_BUNDLE_MAX, STATUS_LIMIT);
    struct secret *copy = secret_from(secret_bytes(payload));
    ENSURE(copy, STATUS_MEMORY);
    struct entry *entry = &bundle->entries[bundle->count++];
    *entry = (struct entry){.type = type, .payload = copy};
    memcpy(entry->name, name, strlen(name));
    return STATUS_OK;
}

enum status keyfile_bundle_get(const struct keyfile_bundle *bundle, const char *name, enum keyfile_type type,
                               const struct secret **out_payload) {
    const struct entry *entry = find(bundle, name);
    ENSURE(entry && entry->type == type, STATUS_NOT_FOUND);
    *out_payload = entry->payload;
    return STATUS_OK;
}

size_t keyfile_bundle_count(const struct keyfile_bundle *bundle) { return bundle->count; }

const char *keyfile_bundle_name(const struct keyfile_bundle *bundle, size_t index, enum keyfile_type *out_type) {
    if (index >= bundle->count) abort();
    *out_type = bundle->entries[index].type;
    return bundle->entries[index].name;
}

static size_t encoded_len(const struct keyfile_bundle *bundle) {
    size_t len = 1;
    for (size_t i = 0; i < bundle->count; i++)
        len += 2 + strlen(bundle->entries[i].name) + KEYFILE_KEY_BYTES;
    return len;
}

enum status keyfile_bundle_encode(const struct keyfile_bundle *bundle, struct secret **out_payload) {
    size_t len = encoded_len(bundle);
    struct secret *payload CLEANUP(secret_free_cleanup) = secret_new(len);
    ENSURE(payload, STATUS_MEMORY);
    struct writer writer = writer_init(secret_data(payload), len);
    writer_u8(&writer, (uint8_t)bundle->count);
    for (size_t i = 0; i < bundle->count; i++) {
        const struct entry *entry = &bundle->entries[i];
        struct bytes name = bytes_text(entry->name);
        writer_u8(&writer, (uint8_t)name.len);
        writer_put(&writer, name);
        writer_u8(&writer, (uint8_t)entry->type);
        writer_put(&writer, secret_bytes(entry->payload));
    }
    struct bytes written;
    TRY(writer_end(&writer, &written));
    *out_payload = MOVE(payload);
    return STATUS_OK;
}

static enum status parse_entry(struct reader *reader, struct keyfile_bundle *bundle) {
    char name[KEYFILE_NAME_MAX + 1] = {0};
    size_t name_len = reader_u8(reader);
    ENSURE(name_len <= KEYFILE_NAME_MAX, STATUS_MALFORMED);
    reader_copy(reader, name, name_len);
    enum keyfile_type type = (enum keyfile_type)reader_u8(reader);
    struct bytes bytes = reader_take(reader, KEYFILE_KEY_BYTES);
    TRY(reader->status);
    ENSURE(strlen(name) == name_len && type < KEYFILE_BUNDLE, STATUS_MALFORMED);
    struct secret *payload CLEANUP(secret_free_cleanup) = secret_from(bytes);
    ENSURE(payload, STATUS_MEMORY);
    enum status status = keyfile_bundle_put(bundle, name, type, payload);
    return status == STATUS_CONFLICT ? STATUS_MALFORMED : status;
}

enum status keyfile_bundle_parse(const struct secret *payload, struct keyfile_bundle **out_bundle) {
    struct keyfile_bundle *bundle CLEANUP(keyfile_bundle_free_cleanup) = keyfile_bundle_new();
    ENSURE(bundle, STATUS_MEMORY);
    struct reader reader = reader_init(secret_bytes(payload));
    size_t count = reader_u8(&reader);
    for (size_t i = 0; i < count; i++)
        TRY(parse_entry(&reader, bundle));
    TRY(reader_end(&reader));
    *out_bundle = MOVE(bundle);
    return STATUS_OK;
}
