/*
 * The member's private keys in this process, from a sealed bundle (keys/keyfile.h): "sign", "witness" (may be missing),
 * "pepper-N", one sealing key or more for each unit, "shred". Nothing but this file and its callers' primitives sees
 * them. Immutable once open: any thread.
 */
#ifndef AGENT_KEYSTORE_H
#define AGENT_KEYSTORE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/agent_settings.h"
#include "base/cleanup.h"
#include "base/secret.h"
#include "base/status.h"
#include "keys/keyfile.h"
#include "keys/seal.h"
#include "keys/sign.h"

struct keystore;

/* Reads credential and bundle of the settings. STATUS_NOT_FOUND for a missing file or key, errors of keyfile_read. The
 * caller frees. */
enum status keystore_open(const struct agent_settings *settings, struct keystore **out_keystore);
/* The same from a bundle at hand. */
enum status keystore_from(const struct agent_settings *settings, const struct keyfile_bundle *bundle,
                          struct keystore **out_keystore);
/* Wipes. Takes NULL. */
void keystore_free(struct keystore *keystore);
CLEANUP_POINTER(struct keystore, keystore_free)

/* All views live as long as the keystore. */
const struct sign_private *keystore_sign(const struct keystore *keystore);
/* NULL when this member does not witness. */
const struct sign_private *keystore_witness(const struct keystore *keystore);
const struct secret *keystore_pepper(const struct keystore *keystore);
/* Key-encryption key of the shred file. */
const struct secret *keystore_shred(const struct keystore *keystore);
/* The unit's key with this key id (seal_key_id). STATUS_NOT_FOUND. */
enum status keystore_seal(const struct keystore *keystore, const char *unit, const struct hash *key_id,
                          const struct seal_private **out_key);

#endif
