/* The person's keys and memory on disk. Trusts the seal; a state of another device's keys does not open. */
#include "agent/cli/device_state.h"

#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "keys/aead.h"
#include "keys/jws.h"

enum { STATE_BYTES_MAX = 65536 };

void device_state_clear(struct device_state *state) {
    sign_free(state->sign);
    seal_free(state->read);
    secret_free(state->state_key);
    state->sign = NULL;
    state->read = NULL;
    state->state_key = NULL;
}

static void set_publics(struct device_state *state) {
    state->sign_public = sign_public_of(state->sign);
    state->read_public = seal_public_of(state->read);
    state->kid = jws_thumbprint(&state->sign_public);
    state->federation = "";
    state->portal = "";
    state->nonce = "";
}

/* ---- keys ---- */

static enum status put_keys(const struct device_state *state, struct keyfile_bundle *bundle) {
    struct secret *seed CLEANUP(secret_free_cleanup) = NULL;
    struct secret *scalar CLEANUP(secret_free_cleanup) = NULL;
    TRY(sign_seed(state->sign, &seed));
    TRY(seal_secret(state->read, &scalar));
    TRY(keyfile_bundle_put(bundle, "sign", KEYFILE_SIGN, seed));
    TRY(keyfile_bundle_put(bundle, "read", KEYFILE_SEAL, scalar));
    return keyfile_bundle_put(bundle, "state", KEYFILE_SECRET32, state->state_key);
}

static enum status make_keys(struct device_state *state) {
    TRY(sign_generate(&state->sign));
    TRY(seal_generate(&state->read));
    state->state_key = secret_random(AEAD_KEY_BYTES);
    ENSURE(state->state_key, STATUS_MEMORY);
    set_publics(state);
    return STATUS_OK;
}

static enum status write_keys(const char *path, const struct keyfile_lock *lock, const struct device_state *state) {
    struct keyfile_bundle *bundle CLEANUP(keyfile_bundle_free_cleanup) = keyfile_bundle_new();
    struct secret *payload CLEANUP(secret_free_cleanup) = NULL;
    ENSURE(bundle, STATUS_MEMORY);
    TRY(put_keys(state, bundle));
    TRY(keyfile_bundle_encode(bundle, &payload));
    return keyfile_create(path, KEYFILE_BUNDLE, payload, lock);
}

enum status device_state_create(const char *path, const struct keyfile_lock *lock, struct arena *arena,
                                struct device_state *out_state) {
    struct device_state state CLEANUP(device_state_clear) = {.sign = NULL};
    TRY(make_keys(&state));
    TRY(write_keys(path, lock, &state));
    TRY(device_state_save(path, arena, &state));
    *out_state = state;
    state = (struct device_state){.sign = NULL};
    return STATUS_OK;
}

static enum status get_keys(const struct keyfile_bundle *bundle, struct device_state *state) {
    const struct secret *seed = NULL;
    const struct secret *scalar = NULL;
    const struct secret *key = NULL;
    TRY(keyfile_bundle_get(bundle, "sign", KEYFILE_SIGN, &seed));
    TRY(keyfile_bundle_get(bundle, "read", KEYFILE_SEAL, &scalar));
    TRY(keyfile_bundle_get(bundle, "state", KEYFILE_SECRET32, &key));
    TRY(sign_from_seed(seed, &state->sign));
    TRY(seal_from_secret(scalar, &state->read));
    state->state_key = secret_from(secret_bytes(key));
    ENSURE(state->state_key, STATUS_MEMORY);
    set_publics(state);
    return STATUS_OK;
}

static enum status read_keys(const char *path, const struct keyfile_lock *lock, struct device_state *state) {
    struct secret *payload CLEANUP(secret_free_cleanup) = NULL;
    struct keyfile_bundle *bundle CLEANUP(keyfile_bundle_free_cleanup) = NULL;
    TRY(keyfile_read(path, KEYFILE_BUNDLE, lock, &payload));
    TRY(keyfile_bundle_parse(payload, &bundle));
    return get_keys(bundle, state);
}

/* ---- memory ---- */

static const char *state_path(struct arena *arena, const char *path) { return arena_printf(arena, "%s.state", path); }

static enum status copy_text(struct arena *arena, const json_t *object, const char *name, const char **out_text) {
    const char *text = NULL;
    TRY(json_get_text(object, name, &text));
    *out_text = arena_string(arena, text);
    ENSURE(*out_text, STATUS_MEMORY);
    return STATUS_OK;
}

static enum status take_hash(const json_t *object, const char *name, bool *out_has, struct hash *out_hash) {
    *out_has = json_object_get(object, name) != NULL;
    return *out_has ? json_get_fixed(object, name, out_hash->b, sizeof out_hash->b) : STATUS_OK;
}

static enum status take_fields(struct arena *arena, const json_t *object, struct device_state *state) {
    TRY(copy_text(arena, object, "federation", &state->federation));
    TRY(copy_text(arena, object, "portal", &state->portal));
    TRY(copy_text(arena, object, "nonce", &state->nonce));
    TRY(take_hash(object, "subject", &state->has_subject, &state->subject));
    TRY(take_hash(object, "prev", &state->has_prev, &state->prev));
    return take_hash(object, "pending", &state->has_pending, &state->pending);
}

static enum status read_memory(const char *path, struct arena *arena, struct device_state *state) {
    json_t *object CLEANUP(json_cleanup) = NULL;
    struct bytes sealed;
    struct bytes text;
    const char *name = state_path(arena, path);
    ENSURE(name, STATUS_MEMORY);
    TRY(file_read(name, STATE_BYTES_MAX, arena, &sealed));
    enum status status = aead_open(state->state_key, hash_bytes(&state->kid), sealed, arena, &text);
    ENSURE(status == STATUS_OK || status == STATUS_MEMORY, STATUS_INTEGRITY);
    TRY(status);
    ENSURE(json_read(text, STATE_BYTES_MAX, &object) == STATUS_OK, STATUS_INTEGRITY);
    return take_fields(arena, object, state);
}

enum status device_state_open(const char *path, const struct keyfile_lock *lock, struct arena *arena,
                              struct device_state *out_state) {
    struct device_state state CLEANUP(device_state_clear) = {.sign = NULL};
    TRY(read_keys(path, lock, &state));
    TRY(read_memory(path, arena, &state));
    *out_state = state;
    state = (struct device_state){.sign = NULL};
    return STATUS_OK;
}

static enum status put_hash(json_t *object, const char *name, bool has, const struct hash *hash) {
    return has ? json_set_bytes(object, name, hash_bytes(hash)) : STATUS_OK;
}

enum status device_state_save(const char *path, struct arena *arena, const struct device_state *state) {
    json_t *object CLEANUP(json_cleanup) =
        json_pack("{s:s, s:s, s:s}", "federation", state->federation, "portal", state->portal, "nonce", state->nonce);
    struct bytes sealed;
    ENSURE(object, STATUS_MEMORY);
    TRY(put_hash(object, "subject", state->has_subject, &state->subject));
    TRY(put_hash(object, "prev", state->has_prev, &state->prev));
    TRY(put_hash(object, "pending", state->has_pending, &state->pending));
    const char *text = json_canonical(arena, object);
    const char *name = state_path(arena, path);
    ENSURE(text && name, STATUS_MEMORY);
    TRY(aead_seal(state->state_key, hash_bytes(&state->kid), bytes_text(text), arena, &sealed));
    return file_replace(name, sealed, 0600);
}
