/*
 * Keys are made in secret memory and leave it only sealed; credentials are random bytes that a service manager would
 * keep.
 */
#include "broker/keygen.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/secret.h"
#include "keys/keyfile.h"
#include "keys/sign.h"
#include "keys/voprf.h"

#define CREDENTIAL_BYTES 64
#define CORE_BYTES       32

static enum status put_sign_key(struct keyfile_bundle *bundle, const char *name) {
    struct sign_private *key CLEANUP(sign_free_cleanup) = NULL;
    struct secret *seed CLEANUP(secret_free_cleanup) = NULL;
    TRY(sign_generate(&key));
    TRY(sign_seed(key, &seed));
    return keyfile_bundle_put(bundle, name, KEYFILE_SIGN, seed);
}

static enum status put_pseudonym_key(struct keyfile_bundle *bundle) {
    struct voprf_secret *key CLEANUP(voprf_free_cleanup) = NULL;
    struct secret *scalar CLEANUP(secret_free_cleanup) = NULL;
    TRY(voprf_generate(&key));
    TRY(voprf_scalar(key, &scalar));
    return keyfile_bundle_put(bundle, "pseudonym", KEYFILE_VOPRF, scalar);
}

static enum status write_bundle(const char *path, const struct secret *credential) {
    struct keyfile_bundle *bundle CLEANUP(keyfile_bundle_free_cleanup) = keyfile_bundle_new();
    ENSURE(bundle, STATUS_MEMORY);
    TRY(put_sign_key(bundle, "log"));
    TRY(put_sign_key(bundle, "status"));
    TRY(put_pseudonym_key(bundle));
    struct secret *payload CLEANUP(secret_free_cleanup) = NULL;
    TRY(keyfile_bundle_encode(bundle, &payload));
    struct keyfile_lock lock = {.protection = KEYFILE_CREDENTIAL, .secret = credential};
    return keyfile_create(path, KEYFILE_BUNDLE, payload, &lock);
}

/* Nothing may be there before anything is written, so that a refusal leaves no half of a set behind. */
static enum status check_free(const char *const *paths, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct stat found;
        ENSURE(lstat(paths[i], &found) != 0, STATUS_CONFLICT);
        ENSURE(errno == ENOENT, file_status(errno));
    }
    return STATUS_OK;
}

enum status keygen_make(const char *dir) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(16384);
    struct secret *keyd CLEANUP(secret_free_cleanup) = secret_random(CREDENTIAL_BYTES);
    struct secret *core CLEANUP(secret_free_cleanup) = secret_random(CORE_BYTES);
    ENSURE(arena && keyd && core, STATUS_MEMORY);
    const char *keyd_path = arena_printf(arena, "%s/keyd.credential", dir);
    const char *core_path = arena_printf(arena, "%s/core.credential", dir);
    const char *bundle_path = arena_printf(arena, "%s/keyd.keys", dir);
    ENSURE(keyd_path && core_path && bundle_path, STATUS_MEMORY);
    TRY(file_make_dir(dir, 0700));
    TRY(check_free((const char *const[]){keyd_path, core_path, bundle_path}, 3));
    TRY(file_create(keyd_path, secret_bytes(keyd), 0600));
    TRY(file_create(core_path, secret_bytes(core), 0600));
    return write_bundle(bundle_path, keyd);
}
