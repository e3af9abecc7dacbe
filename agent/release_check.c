/*
 * Checks of a release. Trusts the directory for keys and the receipt for what was decided. Invariant: no key is opened
 * before everything that the grant is bound to has been compared.
 */
#include "agent/release_check.h"

#include <string.h>

#include "keys/content.h"
#include "proto/ids.h"
#include "proto/key_grant.h"
#include "proto/limits.h"
#include "proto/rule.h"

static bool same_text(const char *a, const char *b) { return strcmp(a, b) == 0; }

enum status release_check_receipt(struct arena *arena, const struct directory *directory,
                                  const struct release_asked *asked, enum leaf_type type, struct bytes text,
                                  struct receipt *out_receipt) {
    struct receipt receipt;
    const struct token *token = asked->token;
    TRY(receipt_open(arena, directory, text, type, &receipt));
    const struct opening *opening = &receipt.opening;
    ENSURE(receipt_says(opening->cause, hash_bytes(&asked->cause)), STATUS_PROOF);
    ENSURE(receipt_says(opening->token, ids_bytes(&token->jti)), STATUS_PROOF);
    ENSURE(same_text(opening->actor, asked->unit) && same_text(opening->purpose, token->purpose), STATUS_PROOF);
    ENSURE(receipt_kinds(opening, asked->kinds, asked->n_kinds), STATUS_PROOF);
    ENSURE(opening->stage == RULE_STAGE_RELEASE, STATUS_PROOF);
    if (type == LEAF_RELEASED) {
        ENSURE(receipt_says(opening->consent, ids_bytes(&token->consent)), STATUS_PROOF);
        ENSURE(receipt_says(opening->subject, hash_bytes(&token->subject)), STATUS_PROOF);
        ENSURE(same_text(opening->recipient, token->to) && same_text(opening->source, token->from), STATUS_PROOF);
    }
    *out_receipt = receipt;
    return STATUS_OK;
}

static bool is_hash_of(struct bytes hash, struct bytes content) {
    struct hash found = hash_sha256(content);
    return bytes_equal(hash, hash_bytes(&found));
}

static enum status check_item(const struct opening_item *named, const struct msg_released_item *item) {
    ENSURE(is_hash_of(hash_bytes(&named->header_hash), item->header), STATUS_PROOF);
    bool granted = item->grant.len == 0 ? named->grant_hash.len == 0 : is_hash_of(named->grant_hash, item->grant);
    ENSURE(granted, STATUS_PROOF);
    bool sealed = item->ciphertext.len == 0 || is_hash_of(hash_bytes(&named->ciphertext_hash), item->ciphertext);
    ENSURE(sealed, STATUS_PROOF);
    return STATUS_OK;
}

enum status release_check_items(struct arena *arena, const struct opening *opening, const struct msg_released *page,
                                const struct opening_item **out_passed) {
    struct opening_item *passed = ARENA_ARRAY(arena, struct opening_item, opening->n_items);
    ENSURE(passed, STATUS_MEMORY);
    size_t count = 0;
    for (size_t i = 0; i < opening->n_items; i++) {
        if (opening->items[i].clause == 0) passed[count++] = opening->items[i];
    }
    ENSURE(count == page->n_items, STATUS_PROOF);
    for (size_t i = 0; i < count; i++) {
        TRY(check_item(&passed[i], &page->items[i]));
    }
    *out_passed = passed;
    return STATUS_OK;
}

static bool has_kind(const struct release_asked *asked, enum kind kind) {
    for (size_t i = 0; i < asked->n_kinds; i++) {
        if (asked->kinds[i] == (uint32_t)kind) return true;
    }
    return false;
}

enum status release_check_header(struct arena *arena, const struct directory *directory,
                                 const struct release_asked *asked, const struct opening_item *named,
                                 struct bytes whole, struct fragment_signed *out_header) {
    struct fragment_signed header;
    struct signed_object object;
    const struct token *token = asked->token;
    const char *member = ids_member_text(arena, token->from);
    ENSURE(member, STATUS_MEMORY);
    TRY(ground_open_standing(arena, directory, SIGNED_HEADER, member, whole, &object));
    TRY(fragment_header_split(arena, whole, &header));
    ENSURE(hash_equal(&header.hash, &named->header_hash), STATUS_PROOF);
    ENSURE(ids_equal(&header.core.fragment, &named->fragment), STATUS_PROOF);
    ENSURE(header.core.revision == named->revision, STATUS_PROOF);
    ENSURE(hash_equal(&header.core.subject, &token->subject), STATUS_PROOF);
    ENSURE(same_text(header.core.source, token->from) && has_kind(asked, header.core.kind), STATUS_PROOF);
    ENSURE(hash_equal(&header.header.ciphertext_hash, &named->ciphertext_hash), STATUS_PROOF);
    *out_header = header;
    return STATUS_OK;
}

/* Every field that the grant is bound to, against what was asked and what came. */
static enum status check_bound(const struct release_asked *asked, const struct release_item *item,
                               const struct fragment_signed *header, const struct key_grant *grant) {
    const struct token *token = asked->token;
    ENSURE(hash_equal(&grant->header_hash, &header->hash), STATUS_PROOF);
    ENSURE(receipt_says(grant->token, ids_bytes(&token->jti)), STATUS_PROOF);
    ENSURE(ids_equal(&grant->fragment, &header->core.fragment), STATUS_PROOF);
    ENSURE(grant->revision == header->core.revision && grant->kind == header->core.kind, STATUS_PROOF);
    ENSURE(same_text(grant->purpose, token->purpose) && same_text(grant->recipient, asked->unit), STATUS_PROOF);
    ENSURE(bytes_equal(grant->release_event, item->release_event), STATUS_PROOF);
    return STATUS_OK;
}

static enum status open_key(struct arena *arena, const struct keystore *keystore, const struct key_grant *grant,
                            const struct fragment_signed *header, struct secret **out_key) {
    uint8_t sealed[SEAL_ENC_BYTES + KEY_GRANT_SEALED_BYTES];
    const struct seal_private *own;
    struct bytes info;
    TRY(keystore_seal(keystore, grant->recipient, &grant->recipient_key_id, &own));
    TRY(key_grant_info(arena, grant, &info));
    memcpy(sealed, grant->enc, SEAL_ENC_BYTES);
    memcpy(sealed + SEAL_ENC_BYTES, grant->sealed, KEY_GRANT_SEALED_BYTES);
    return seal_open_secret(own, info, hash_bytes(&header->hash), BYTES_ARRAY(sealed), out_key);
}

enum status release_open(struct arena *arena, const struct directory *directory, const struct keystore *keystore,
                         const struct release_asked *asked, const struct release_item *item,
                         struct fragment_signed *out_header, struct bytes *out_content) {
    struct secret *key CLEANUP(secret_free_cleanup) = NULL;
    const char *federation = directory_federation(directory);
    struct fragment_signed header;
    struct signed_object object;
    struct key_grant grant;
    const char *member = ids_member_text(arena, asked->token->from);
    ENSURE(member, STATUS_MEMORY);
    TRY(release_check_header(arena, directory, asked, item->named, item->header, &header));
    TRY(ground_open_standing(arena, directory, SIGNED_GRANT, member, item->grant, &object));
    TRY(key_grant_parse(arena, federation, object.body, &grant));
    TRY(check_bound(asked, item, &header, &grant));
    ENSURE(item->ciphertext.len == header.header.ciphertext_len, STATUS_PROOF);
    ENSURE(is_hash_of(hash_bytes(&header.header.ciphertext_hash), item->ciphertext), STATUS_PROOF);
    TRY(open_key(arena, keystore, &grant, &header, &key));
    TRY(content_open(key, federation, &header.header.commitment, header.header.core, item->ciphertext,
                     LIMIT_CONTENT_BYTES, arena, out_content));
    *out_header = header;
    return STATUS_OK;
}
