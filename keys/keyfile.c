/*
 * Owns the form of key files. Trusts libsodium's Argon2id and XChaCha20-Poly1305. Invariants: the first line is
 * authenticated together with the payload; the cost that a file asks for is bounded before any of it is spent; no key
 * byte leaves secret memory.
 */
#include "keys/keyfile.h"

#include <string.h>

#include <sodium.h>

#include "base/file.h"
#include "base/text.h"
#include "keys/aead.h"
#include "keys/hash.h"
#include "keys/keyfile_internal.h"

#define SALT_BYTES  crypto_pwhash_argon2id_SALTBYTES
#define OPS_MIN     crypto_pwhash_argon2id_OPSLIMIT_INTERACTIVE
#define OPS_MAX     crypto_pwhash_argon2id_OPSLIMIT_SENSITIVE
#define MEMORY_MIN  crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE
#define MEMORY_MAX  crypto_pwhash_argon2id_MEMLIMIT_MODERATE
#define FIELD_COUNT 7
#define ARENA_BYTES ((size_t)4 * KEYFILE_MAX_BYTES)

static const char *const type_names[KEYFILE_TYPE_COUNT] = {
    [KEYFILE_SIGN] = "sign",         [KEYFILE_SEAL] = "seal",     [KEYFILE_VOPRF] = "voprf",
    [KEYFILE_SECRET32] = "secret32", [KEYFILE_BUNDLE] = "bundle",
};

/* How a file's key is derived. */
struct derivation {
    enum keyfile_protection protection;
    uint64_t ops;
    uint64_t memory_bytes;
    uint8_t salt[SALT_BYTES];
};

enum status keyfile_check_payload(enum keyfile_type type, const struct secret *payload) {
    ENSURE(type < KEYFILE_TYPE_COUNT, STATUS_MALFORMED);
    if (type != KEYFILE_BUNDLE) {
        ENSURE(secret_len(payload) == KEYFILE_KEY_BYTES, STATUS_MALFORMED);
        return STATUS_OK;
    }
    struct keyfile_bundle *bundle CLEANUP(keyfile_bundle_free_cleanup) = NULL;
    return keyfile_bundle_parse(payload, &bundle);
}

static struct derivation derivation_new(enum keyfile_protection protection) {
    struct derivation derivation = {.protection = protection};
    if (protection == KEYFILE_PASSPHRASE) {
        derivation.ops = crypto_pwhash_argon2id_OPSLIMIT_MODERATE;
        derivation.memory_bytes = crypto_pwhash_argon2id_MEMLIMIT_MODERATE;
    } else if (protection == KEYFILE_PASSPHRASE_INTERACTIVE) {
        derivation.ops = crypto_pwhash_argon2id_OPSLIMIT_INTERACTIVE;
        derivation.memory_bytes = crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE;
    }
    secret_random_public(derivation.salt, sizeof derivation.salt);
    return derivation;
}

static enum status derive_from_passphrase(const struct derivation *derivation, struct bytes passphrase,
                                          struct secret **out_key) {
    struct secret *key CLEANUP(secret_free_cleanup) = secret_new(AEAD_KEY_BYTES);
    ENSURE(key, STATUS_MEMORY);
    int result = crypto_pwhash_argon2id(secret_data(key), AEAD_KEY_BYTES, (const char *)passphrase.data, passphrase.len,
                                        derivation->salt, derivation->ops, (size_t)derivation->memory_bytes,
                                        crypto_pwhash_argon2id_ALG_ARGON2ID13);
    ENSURE(result == 0, STATUS_MEMORY);
    *out_key = MOVE(key);
    return STATUS_OK;
}

static enum status derive(const struct derivation *derivation, const struct keyfile_lock *lock,
                          struct secret **out_key) {
    struct bytes secret = secret_bytes(lock->secret);
    if (derivation->protection != KEYFILE_CREDENTIAL) return derive_from_passphrase(derivation, secret, out_key);
    ENSURE(secret.len >= KEYFILE_CREDENTIAL_MIN, STATUS_MALFORMED);
    return hash_hkdf_sha256(secret, BYTES_ARRAY(derivation->salt), bytes_text("sluss keyfile v1"), AEAD_KEY_BYTES,
                            out_key);
}

static const char *header_text(struct arena *arena, enum keyfile_type type, const struct derivation *derivation) {
    const char *salt = text_base64url(arena, BYTES_ARRAY(derivation->salt));
    if (!salt) return NULL;
    if (derivation->protection == KEYFILE_CREDENTIAL)
        return arena_printf(arena, "sluss-keyfile v1 %s credential - - %s", type_names[type], salt);
    return arena_printf(arena, "sluss-keyfile v1 %s argon2id %llu %llu %s", type_names[type],
                        (unsigned long long)derivation->ops, (unsigned long long)derivation->memory_bytes, salt);
}

enum status keyfile_encode(enum keyfile_type type, const struct secret *payload, const struct keyfile_lock *lock,
                           struct arena *arena, struct bytes *out_text) {
    TRY(keyfile_check_payload(type, payload));
    struct derivation derivation = derivation_new(lock->protection);
    struct secret *key CLEANUP(secret_free_cleanup) = NULL;
    TRY(derive(&derivation, lock, &key));
    const char *header = header_text(arena, type, &derivation);
    ENSURE(header, STATUS_MEMORY);
    struct bytes sealed;
    TRY(aead_seal(key, bytes_text(header), secret_bytes(payload), arena, &sealed));
    const char *body = text_base64(arena, sealed);
    const char *text = body ? arena_printf(arena, "%s\n%s\n", header, body) : NULL;
    ENSURE(text, STATUS_MEMORY);
    *out_text = bytes_text(text);
    return STATUS_OK;
}

/* Cuts text at the first end byte, which must be there; rest moves behind it. */
static enum status cut(struct bytes *rest, uint8_t end, struct bytes *out_part) {
    const uint8_t *found = rest->len > 0 ? memchr(rest->data, end, rest->len) : NULL;
    ENSURE(found, STATUS_MALFORMED);
    size_t len = (size_t)(found - rest->data);
    *out_part = BYTES(rest->data, len);
    *rest = BYTES(found + 1, rest->len - len - 1);
    return STATUS_OK;
}

static enum status parse_cost(const struct bytes *fields, struct derivation *out_derivation) {
    if (bytes_equal_text(fields[3], "credential")) {
        out_derivation->protection = KEYFILE_CREDENTIAL;
        ENSURE(bytes_equal_text(fields[4], "-") && bytes_equal_text(fields[5], "-"), STATUS_MALFORMED);
        return STATUS_OK;
    }
    ENSURE(bytes_equal_text(fields[3], "argon2id"), STATUS_MALFORMED);
    out_derivation->protection = KEYFILE_PASSPHRASE;
    TRY(text_to_u64(fields[4], &out_derivation->ops));
    TRY(text_to_u64(fields[5], &out_derivation->memory_bytes));
    ENSURE(out_derivation->ops >= OPS_MIN && out_derivation->ops <= OPS_MAX, STATUS_LIMIT);
    ENSURE(out_derivation->memory_bytes >= MEMORY_MIN && out_derivation->memory_bytes <= MEMORY_MAX, STATUS_LIMIT);
    return STATUS_OK;
}

static enum status parse_header(struct bytes header, enum keyfile_type type, struct derivation *out_derivation) {
    struct bytes fields[FIELD_COUNT];
    for (size_t i = 0; i + 1 < FIELD_COUNT; i++)
        TRY(cut(&header, ' ', &fields[i]));
    fields[FIELD_COUNT - 1] = header;
    ENSURE(bytes_equal_text(fields[0], "sluss-keyfile"), STATUS_MALFORMED);
    ENSURE(bytes_equal_text(fields[1], "v1"), STATUS_VERSION);
    ENSURE(bytes_equal_text(fields[2], type_names[type]), STATUS_MALFORMED);
    TRY(parse_cost(fields, out_derivation));
    return text_fixed_base64url(fields[6], out_derivation->salt, SALT_BYTES);
}

static enum status open_body(struct bytes header, struct bytes body, const struct derivation *derivation,
                             const struct keyfile_lock *lock, struct secret **out_payload) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(ARENA_BYTES);
    ENSURE(arena, STATUS_MEMORY);
    struct bytes sealed;
    TRY(text_from_base64(arena, body, &sealed));
    struct secret *key CLEANUP(secret_free_cleanup) = NULL;
    TRY(derive(derivation, lock, &key));
    return aead_open_secret(key, header, sealed, out_payload);
}

enum status keyfile_parse(struct bytes text, enum keyfile_type type, const struct keyfile_lock *lock,
                          struct secret **out_payload) {
    ENSURE(type < KEYFILE_TYPE_COUNT && text.len <= KEYFILE_MAX_BYTES, STATUS_MALFORMED);
    struct bytes header;
    struct bytes body;
    TRY(cut(&text, '\n', &header));
    TRY(cut(&text, '\n', &body));
    ENSURE(text.len == 0, STATUS_MALFORMED);
    struct derivation derivation = {0};
    TRY(parse_header(header, type, &derivation));
    ENSURE((derivation.protection == KEYFILE_CREDENTIAL) == (lock->protection == KEYFILE_CREDENTIAL), STATUS_MALFORMED);
    struct secret *payload CLEANUP(secret_free_cleanup) = NULL;
    TRY(open_body(header, body, &derivation, lock, &payload));
    TRY(keyfile_check_payload(type, payload));
    *out_payload = MOVE(payload);
    return STATUS_OK;
}

typedef enum status put_fn(const char *path, struct bytes content, mode_t mode);

static enum status put(put_fn *to, const char *path, enum keyfile_type type, const struct secret *payload,
                       const struct keyfile_lock *lock) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(ARENA_BYTES);
    ENSURE(arena, STATUS_MEMORY);
    struct bytes text;
    TRY(keyfile_encode(type, payload, lock, arena, &text));
    return to(path, text, 0600);
}

enum status keyfile_create(const char *path, enum keyfile_type type, const struct secret *payload,
                           const struct keyfile_lock *lock) {
    return put(file_create, path, type, payload, lock);
}

enum status keyfile_replace(const char *path, enum keyfile_type type, const struct secret *payload,
                            const struct keyfile_lock *lock) {
    return put(file_replace, path, type, payload, lock);
}

enum status keyfile_read(const char *path, enum keyfile_type type, const struct keyfile_lock *lock,
                         struct secret **out_payload) {
    struct secret *text CLEANUP(secret_free_cleanup) = NULL;
    TRY(file_read_secret(path, KEYFILE_MAX_BYTES, &text));
    return keyfile_parse(secret_bytes(text), type, lock, out_payload);
}
