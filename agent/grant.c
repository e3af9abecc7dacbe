/* Trusts its caller for the decision. Invariant: a grant seals only the key that the fragment's header commits to. */
#include "agent/grant.h"

#include <string.h>

#include "keys/content.h"
#include "proto/fragment_header.h"
#include "proto/key_grant.h"
#include "proto/signed.h"

enum status grant_content_key(struct arena *arena, const char *federation, const struct secret *subject_key,
                              const struct fragment_row *row, struct secret **out_key) {
    struct fragment_core core;
    struct secret *key CLEANUP(secret_free_cleanup) = NULL;
    TRY(fragment_header_core_parse(arena, row->core, &core));
    TRY(content_derive_key(subject_key, federation, ids_bytes(&core.fragment), core.revision, BYTES_ARRAY(core.random),
                           &key));
    struct hash commitment = content_commitment(federation, key);
    ENSURE(hash_equal(&commitment, &row->commitment), STATUS_INTEGRITY);
    *out_key = MOVE(key);
    return STATUS_OK;
}

/* Seals the content key into the grant: what HPKE gives is enc, then ciphertext and tag. */
static enum status seal_key(struct arena *arena, const struct secret *content_key, const struct seal_public *to,
                            struct key_grant *grant) {
    struct bytes info;
    struct bytes sealed;
    TRY(key_grant_info(arena, grant, &info));
    TRY(seal_bytes(to, info, hash_bytes(&grant->header_hash), secret_bytes(content_key), arena, &sealed));
    ENSURE(sealed.len == SEAL_ENC_BYTES + KEY_GRANT_SEALED_BYTES, STATUS_CRYPTO);
    memcpy(grant->enc, sealed.data, SEAL_ENC_BYTES);
    memcpy(grant->sealed, sealed.data + SEAL_ENC_BYTES, KEY_GRANT_SEALED_BYTES);
    return STATUS_OK;
}

enum status grant_make(struct arena *arena, const char *federation, const struct sign_private *sign_key,
                       const struct secret *subject_key, const struct fragment_row *row,
                       const struct grant_target *target, struct bytes *out_grant) {
    struct secret *content_key CLEANUP(secret_free_cleanup) = NULL;
    struct bytes body;
    TRY(grant_content_key(arena, federation, subject_key, row, &content_key));
    struct key_grant grant = {.version = 1,
                              .federation = federation,
                              .token = target->token,
                              .fragment = row->fragment,
                              .revision = row->revision,
                              .kind = (enum kind)row->kind,
                              .purpose = target->purpose,
                              .header_hash = hash_sha256(row->header),
                              .recipient = target->recipient,
                              .recipient_key_id = seal_key_id(federation, &target->key),
                              .state = target->state,
                              .release_event = target->release_event};
    TRY(seal_key(arena, content_key, &target->key, &grant));
    TRY(key_grant_encode(arena, &grant, &body));
    return signed_make(arena, SIGNED_GRANT, federation, body, sign_key, out_grant);
}
