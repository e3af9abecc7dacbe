/*
 * Owns the member's private keys. Trusts the bundle's seal. Invariant: every unit of the settings has at least one
 * sealing key.
 */
#include "agent/keystore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define CREDENTIAL_MAX_BYTES 4096

struct unit_key {
    const char *unit; /* the settings' */
    struct hash id;
    struct seal_private *key;
};

struct keystore {
    struct sign_private *sign;
    struct sign_private *witness;
    struct secret *pepper;
    struct secret *shred;
    struct unit_key *units;
    size_t n_units;
};

void keystore_free(struct keystore *keystore) {
    if (!keystore) return;
    sign_free(keystore->sign);
    sign_free(keystore->witness);
    secret_free(keystore->pepper);
    secret_free(keystore->shred);
    for (size_t i = 0; i < keystore->n_units; i++) {
        seal_free(keystore->units[i].key);
    }
    free(keystore->units);
    free(keystore);
}

static enum status take_sign(const struct keyfile_bundle *bundle, const char *name, struct sign_private **out_key) {
    const struct secret *seed;
    TRY(keyfile_bundle_get(bundle, name, KEYFILE_SIGN, &seed));
    return sign_from_seed(seed, out_key);
}

static enum status take_secret(const struct keyfile_bundle *bundle, const char *name, struct secret **out_secret) {
    const struct secret *found;
    TRY(keyfile_bundle_get(bundle, name, KEYFILE_SECRET32, &found));
    *out_secret = secret_from(secret_bytes(found));
    return *out_secret ? STATUS_OK : STATUS_MEMORY;
}

static enum status take_member_keys(struct keystore *keystore, const struct agent_settings *settings,
                                    const struct keyfile_bundle *bundle) {
    char pepper[KEYFILE_NAME_MAX + 1];
    (void)snprintf(pepper, sizeof pepper, "pepper-%lld", (long long)settings->pepper_version);
    TRY(take_sign(bundle, "sign", &keystore->sign));
    TRY(take_secret(bundle, pepper, &keystore->pepper));
    TRY(take_secret(bundle, "shred", &keystore->shred));
    enum status status = take_sign(bundle, "witness", &keystore->witness);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status take_unit_key(struct keystore *keystore, const char *federation, const char *unit,
                                 const struct keyfile_bundle *bundle, const char *name) {
    const struct secret *scalar;
    TRY(keyfile_bundle_get(bundle, name, KEYFILE_SEAL, &scalar));
    struct unit_key *row = &keystore->units[keystore->n_units];
    TRY(seal_from_secret(scalar, &row->key));
    struct seal_public public = seal_public_of(row->key);
    row->unit = unit;
    row->id = seal_key_id(federation, &public);
    keystore->n_units++;
    return STATUS_OK;
}

static enum status take_unit_keys(struct keystore *keystore, const struct agent_settings *settings,
                                  const struct keyfile_bundle *bundle) {
    size_t count = 0;
    for (size_t i = 0; i < agent_settings_unit_count(settings); i++) {
        count += agent_settings_unit(settings, i)->seal_keys.count;
    }
    keystore->units = calloc(count, sizeof *keystore->units);
    ENSURE(keystore->units, STATUS_MEMORY);
    for (size_t i = 0; i < agent_settings_unit_count(settings); i++) {
        const struct agent_settings_unit *unit = agent_settings_unit(settings, i);
        for (size_t k = 0; k < unit->seal_keys.count; k++) {
            TRY(take_unit_key(keystore, settings->federation, unit->id, bundle, unit->seal_keys.items[k]));
        }
    }
    return STATUS_OK;
}

enum status keystore_from(const struct agent_settings *settings, const struct keyfile_bundle *bundle,
                          struct keystore **out_keystore) {
    struct keystore *keystore CLEANUP(keystore_free_cleanup) = calloc(1, sizeof *keystore);
    ENSURE(keystore, STATUS_MEMORY);
    TRY(take_member_keys(keystore, settings, bundle));
    TRY(take_unit_keys(keystore, settings, bundle));
    *out_keystore = MOVE(keystore);
    return STATUS_OK;
}

enum status keystore_open(const struct agent_settings *settings, struct keystore **out_keystore) {
    struct secret *credential CLEANUP(secret_free_cleanup) = NULL;
    struct secret *payload CLEANUP(secret_free_cleanup) = NULL;
    struct keyfile_bundle *bundle CLEANUP(keyfile_bundle_free_cleanup) = NULL;
    TRY(file_read_secret(settings->credential, CREDENTIAL_MAX_BYTES, &credential));
    const struct keyfile_lock lock = {.protection = KEYFILE_CREDENTIAL, .secret = credential};
    TRY(keyfile_read(settings->keys, KEYFILE_BUNDLE, &lock, &payload));
    TRY(keyfile_bundle_parse(payload, &bundle));
    return keystore_from(settings, bundle, out_keystore);
}

const struct sign_private *keystore_sign(const struct keystore *keystore) { return keystore->sign; }

const struct sign_private *keystore_witness(const struct keystore *keystore) { return keystore->witness; }

const struct secret *keystore_pepper(const struct keystore *keystore) { return keystore->pepper; }

const struct secret *keystore_shred(const struct keystore *keystore) { return keystore->shred; }

enum status keystore_seal(const struct keystore *keystore, const char *unit, const struct hash *key_id,
                          const struct seal_private **out_key) {
    for (size_t i = 0; i < keystore->n_units; i++) {
        const struct unit_key *row = &keystore->units[i];
        if (strcmp(row->unit, unit) != 0 || !hash_equal(&row->id, key_id)) continue;
        *out_key = row->key;
        return STATUS_OK;
    }
    return STATUS_NOT_FOUND;
}
