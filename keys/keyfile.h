/*
 * Private key files, sealed at rest. A key file is two lines of text:
 *
 *   sluss-keyfile v1 TYPE argon2id OPS MEMORY_BYTES SALT       (passphrase: Argon2id, RFC 9106)
 *   sluss-keyfile v1 TYPE credential - - SALT                  (32 random bytes or more: HKDF-SHA256)
 *   BASE64 of XChaCha20-Poly1305 under the derived key, the exact first line being the additional data
 *
 * Costs are bounded when read, so that a file cannot ask for unlimited work. Payloads: sign (32-byte seed), seal
 * (32-byte X25519 key), voprf (32-byte scalar), secret32 (32 bytes), bundle (several of these by name). Files are
 * written 0600 and refused when looser (base/file.h). Any thread.
 */
#ifndef KEYS_KEYFILE_H
#define KEYS_KEYFILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/secret.h"
#include "base/status.h"

enum keyfile_type { KEYFILE_SIGN, KEYFILE_SEAL, KEYFILE_VOPRF, KEYFILE_SECRET32, KEYFILE_BUNDLE, KEYFILE_TYPE_COUNT };

enum keyfile_protection {
    KEYFILE_PASSPHRASE_INTERACTIVE, /* Argon2id, libsodium's INTERACTIVE cost: for tests and frequent use */
    KEYFILE_PASSPHRASE,             /* Argon2id, libsodium's MODERATE cost */
    KEYFILE_CREDENTIAL,             /* at least 32 bytes from the service manager */
};

/* What a file is opened with. Opening accepts either passphrase cost. secret is not owned. */
struct keyfile_lock {
    enum keyfile_protection protection;
    const struct secret *secret;
};

#define KEYFILE_MAX_BYTES      65536
#define KEYFILE_NAME_MAX       32
#define KEYFILE_BUNDLE_MAX     64
#define KEYFILE_CREDENTIAL_MIN 32

/* The text of a key file. STATUS_MALFORMED when the payload does not have its type's form or the credential is shorter
 * than 32 bytes, STATUS_MEMORY. */
enum status keyfile_encode(enum keyfile_type type, const struct secret *payload, const struct keyfile_lock *lock,
                           struct arena *arena, struct bytes *out_text);

/* STATUS_MALFORMED for anything but the form above (another type too), STATUS_LIMIT when the costs are out of bounds,
 * STATUS_PROOF for a wrong passphrase or credential or a changed file, STATUS_MEMORY. The caller frees. */
enum status keyfile_parse(struct bytes text, enum keyfile_type type, const struct keyfile_lock *lock,
                          struct secret **out_payload);

/* As above from and to files; STATUS_CONFLICT when a new file exists already. Errors of base/file.h. */
enum status keyfile_create(const char *path, enum keyfile_type type, const struct secret *payload,
                           const struct keyfile_lock *lock);
enum status keyfile_replace(const char *path, enum keyfile_type type, const struct secret *payload,
                            const struct keyfile_lock *lock);
enum status keyfile_read(const char *path, enum keyfile_type type, const struct keyfile_lock *lock,
                         struct secret **out_payload);

/* Several named keys in one payload. Names: [a-z0-9._-]{1,32}, no repeats. */
struct keyfile_bundle;

/* Empty. NULL when memory is out. */
struct keyfile_bundle *keyfile_bundle_new(void);
/* Wipes. Takes NULL. */
void keyfile_bundle_free(struct keyfile_bundle *bundle);
CLEANUP_POINTER(struct keyfile_bundle, keyfile_bundle_free)
/* Copies the key in. STATUS_CONFLICT when the name is there, STATUS_LIMIT when full, STATUS_MALFORMED for a name or
 * payload of another form, STATUS_MEMORY. */
enum status keyfile_bundle_put(struct keyfile_bundle *bundle, const char *name, enum keyfile_type type,
                               const struct secret *payload);
/* A view of the key, valid as long as the bundle; STATUS_NOT_FOUND by name and type. */
enum status keyfile_bundle_get(const struct keyfile_bundle *bundle, const char *name, enum keyfile_type type,
                               const struct secret **out_payload);
size_t keyfile_bundle_count(const struct keyfile_bundle *bundle);
/* Name and type of the index-th key; index below the count. */
const char *keyfile_bundle_name(const struct keyfile_bundle *bundle, size_t index, enum keyfile_type *out_type);
/* The payload of a KEYFILE_BUNDLE: u8 count, then for each key u8 name length, name, u8 type, 32 bytes.
 * STATUS_MALFORMED, STATUS_LIMIT, STATUS_MEMORY. The caller frees. */
enum status keyfile_bundle_encode(const struct keyfile_bundle *bundle, struct secret **out_payload);
enum status keyfile_bundle_parse(const struct secret *payload, struct keyfile_bundle **out_bundle);

#endif
