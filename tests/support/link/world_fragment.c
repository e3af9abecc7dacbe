#include "support/link/world_fragment.h"

#include "keys/content.h"
#include "proto/key_grant.h"
#include "proto/limits.h"
#include "proto/msg_consent.h"
#include "proto/msg_publish.h"
#include "proto/signed.h"

#define FRAGMENT_ARENA ((size_t)8 << 20)
#define MEDIA_TYPE     "application/vnd.sluss.fragment+json"

enum status world_fragment_init(struct world_fragment *fragment, size_t unit, const struct hash *subject,
                                enum kind kind) {
    *fragment =
        (struct world_fragment){.unit = unit, .subject = *subject, .kind = kind, .revision = 1, .id = ids_random()};
    fragment->key = secret_random(CONTENT_KEY_BYTES);
    return fragment->key ? STATUS_OK : STATUS_MEMORY;
}

void world_fragment_clear(struct world_fragment *fragment) {
    secret_free(fragment->key);
    fragment->key = NULL;
}

/* ---- publication ---- */

static enum status make_core(const struct world *world, const struct world_fragment *fragment, struct arena *arena,
                             struct bytes *out_core) {
    struct fragment_core core = {.version = 1,
                                 .fragment = fragment->id,
                                 .revision = fragment->revision,
                                 .replaces = fragment->revision > 1 ? hash_bytes(&fragment->header_hash) : BYTES_EMPTY,
                                 .subject = fragment->subject,
                                 .source = world_unit(world, fragment->unit)->id,
                                 .kind = fragment->kind,
                                 .created_ms = world_now_ms(),
                                 .media_type = MEDIA_TYPE,
                                 .schema = 1};
    secret_random_public(core.random, sizeof core.random);
    return fragment_header_core_encode(arena, &core, out_core);
}

enum status world_publish_body(const struct world *world, struct world_fragment *fragment, size_t ciphertext_bytes,
                               struct arena *arena, struct bytes *out_body) {
    const struct world_unit *unit = world_unit(world, fragment->unit);
    uint8_t *ciphertext = arena_alloc(arena, ciphertext_bytes);
    ENSURE(ciphertext, STATUS_MEMORY);
    secret_random_public(ciphertext, ciphertext_bytes);
    struct fragment_header header = {.ciphertext_len = ciphertext_bytes,
                                     .ciphertext_hash = hash_sha256(BYTES(ciphertext, ciphertext_bytes)),
                                     .commitment = content_commitment(WORLD_FEDERATION, fragment->key)};
    struct msg_publish message = {.ciphertext = BYTES(ciphertext, ciphertext_bytes)};
    struct bytes encoded;
    TRY(make_core(world, fragment, arena, &header.core));
    TRY(fragment_header_encode(arena, &header, &encoded));
    TRY(signed_make(arena, SIGNED_HEADER, WORLD_FEDERATION, encoded, world_member(world, unit->member)->sign,
                    &message.header));
    TRY(msg_publish_encode(arena, &message, out_body));
    fragment->ciphertext_hash = header.ciphertext_hash;
    fragment->header_hash = hash_sha256(message.header);
    return STATUS_OK;
}

static bool item_is(const struct opening *opening, const struct world_fragment *fragment) {
    return opening->n_items == 1 && ids_equal(&opening->items[0].fragment, &fragment->id) &&
           opening->items[0].revision == fragment->revision &&
           hash_equal(&opening->items[0].header_hash, &fragment->header_hash) &&
           hash_equal(&opening->items[0].ciphertext_hash, &fragment->ciphertext_hash);
}

enum status world_publish_check(struct world_notes *notes, const struct world_fragment *fragment, struct bytes text,
                                struct arena *arena, struct world_receipt *out_receipt) {
    struct world_receipt receipt;
    TRY(world_receipt_open(notes, arena, text, LEAF_PUBLISHED, &receipt));
    ENSURE(item_is(&receipt.opening, fragment), STATUS_PROOF);
    if (out_receipt) *out_receipt = receipt;
    return STATUS_OK;
}

enum status world_publish(struct world *world, struct world_notes *notes, struct world_fragment *fragment,
                          size_t ciphertext_bytes, uint32_t patience_ms, struct world_receipt *out_receipt) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(FRAGMENT_ARENA);
    struct world_ask ask = {.unit = fragment->unit, .type = MESSAGE_PUBLISH, .patience_ms = patience_ms};
    struct msg_receipted answer;
    struct reply reply;
    ENSURE(arena, STATUS_MEMORY);
    TRY(world_publish_body(world, fragment, ciphertext_bytes, arena, &ask.body));
    TRY(world_call(world, &ask, arena, &reply));
    TRY(reply_code_status((enum reply_code)reply.code));
    TRY(msg_receipted_parse(arena, reply.body, &answer));
    return world_publish_check(notes, fragment, answer.receipt, arena, out_receipt);
}

/* ---- grants ---- */

enum status world_state(struct world *world, const struct world_consent *consent, size_t source, uint32_t patience_ms,
                        struct arena *arena, struct bytes *out_state) {
    const struct msg_state message = {.token = consent->tokens[source].jti};
    struct world_ask ask = {.unit = consent->wish.from[source], .type = MESSAGE_STATE, .patience_ms = patience_ms};
    struct msg_state_answer answer;
    struct reply reply;
    TRY(msg_state_encode(arena, &message, &ask.body));
    TRY(world_call(world, &ask, arena, &reply));
    TRY(reply_code_status((enum reply_code)reply.code));
    TRY(msg_state_answer_parse(arena, reply.body, &answer));
    *out_state = answer.state;
    return STATUS_OK;
}

static enum status seal_key(const struct world_fragment *fragment, const struct seal_public *to, struct arena *arena,
                            struct key_grant *grant) {
    struct bytes info;
    struct bytes sealed;
    TRY(key_grant_info(arena, grant, &info));
    TRY(seal_bytes(to, info, hash_bytes(&fragment->header_hash), secret_bytes(fragment->key), arena, &sealed));
    struct reader reader = reader_init(sealed);
    reader_copy(&reader, grant->enc, sizeof grant->enc);
    reader_copy(&reader, grant->sealed, sizeof grant->sealed);
    return reader_end(&reader);
}

enum status world_grant_make(const struct world *world, const struct world_fragment *fragment,
                             const struct world_consent *consent, size_t source, struct bytes state,
                             struct arena *arena, struct bytes *out_grant) {
    const struct world_unit *to = world_unit(world, consent->wish.to);
    const struct world_unit *unit = world_unit(world, fragment->unit);
    const struct seal_public key = seal_public_of(to->seal);
    struct key_grant grant = {.version = 1,
                              .federation = WORLD_FEDERATION,
                              .token = ids_bytes(&consent->tokens[source].jti),
                              .fragment = fragment->id,
                              .revision = fragment->revision,
                              .kind = fragment->kind,
                              .purpose = WORLD_PURPOSE,
                              .header_hash = fragment->header_hash,
                              .recipient = to->id,
                              .recipient_key_id = seal_key_id(WORLD_FEDERATION, &key),
                              .state = state};
    struct bytes body;
    TRY(seal_key(fragment, &key, arena, &grant));
    TRY(key_grant_encode(arena, &grant, &body));
    return signed_make(arena, SIGNED_GRANT, WORLD_FEDERATION, body, world_member(world, unit->member)->sign, out_grant);
}

static enum status make_grants(const struct world *world, const struct world_consent *consent, size_t source,
                               const struct world_fragment *fragments, size_t count, struct bytes state,
                               struct arena *arena, struct bytes *out_body) {
    struct bytes *grants = ARENA_ARRAY(arena, struct bytes, count);
    ENSURE(grants, STATUS_MEMORY);
    for (size_t i = 0; i < count; i++) {
        TRY(world_grant_make(world, &fragments[i], consent, source, state, arena, &grants[i]));
    }
    const struct msg_upload_grants message = {.grants = grants, .n_grants = count};
    return msg_upload_grants_encode(arena, &message, out_body);
}

static enum status check_upload(struct world_notes *notes, const struct world_consent *consent, size_t source,
                                const struct reply *reply, size_t count, struct arena *arena,
                                struct world_receipt *out_receipt) {
    struct msg_uploaded_grants answer;
    struct world_receipt receipt;
    TRY(msg_uploaded_grants_parse(arena, reply->body, &answer));
    ENSURE(answer.n_clauses == count, STATUS_PROOF);
    for (size_t i = 0; i < count; i++) {
        ENSURE(answer.clauses[i] == 0, STATUS_REFUSED);
    }
    TRY(world_receipt_open(notes, arena, answer.receipt, LEAF_GRANTED_KEY, &receipt));
    ENSURE(world_receipt_names(receipt.opening.token, &consent->tokens[source].jti), STATUS_PROOF);
    ENSURE(receipt.opening.n_items == count, STATUS_PROOF);
    if (out_receipt) *out_receipt = receipt;
    return STATUS_OK;
}

enum status world_upload(struct world *world, struct world_notes *notes, const struct world_consent *consent,
                         size_t source, struct bytes state, const struct world_fragment *fragments, size_t count,
                         uint32_t patience_ms, struct world_receipt *out_receipt) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(FRAGMENT_ARENA);
    struct world_ask ask = {
        .unit = consent->wish.from[source], .type = MESSAGE_UPLOAD_GRANTS, .patience_ms = patience_ms};
    struct reply reply;
    ENSURE(arena, STATUS_MEMORY);
    TRY(make_grants(world, consent, source, fragments, count, state, arena, &ask.body));
    TRY(world_call(world, &ask, arena, &reply));
    TRY(reply_code_status((enum reply_code)reply.code));
    return check_upload(notes, consent, source, &reply, count, arena, out_receipt);
}

enum status world_grant(struct world *world, struct world_notes *notes, const struct world_consent *consent,
                        size_t source, const struct world_fragment *fragments, size_t count, uint32_t patience_ms) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(FRAGMENT_ARENA);
    struct bytes state;
    ENSURE(arena, STATUS_MEMORY);
    TRY(world_state(world, consent, source, patience_ms, arena, &state));
    return world_upload(world, notes, consent, source, state, fragments, count, patience_ms, NULL);
}

/* ---- release ---- */

enum status world_release_body(const struct world_consent *consent, size_t source,
                               const struct world_fragment *fragment, struct arena *arena, struct bytes *out_body) {
    const uint32_t kind = fragment->kind;
    const struct msg_release message = {.token = consent->tokens[source].jti,
                                        .purpose = WORLD_PURPOSE,
                                        .kinds = &kind,
                                        .n_kinds = 1,
                                        .fragment = ids_bytes(&fragment->id),
                                        .most = 1};
    return msg_release_encode(arena, &message, out_body);
}

static enum status check_item(const struct world_fragment *fragment, const struct msg_released *released) {
    ENSURE(released->n_items == 1, STATUS_PROOF);
    const struct msg_released_item *item = &released->items[0];
    const struct hash header = hash_sha256(item->header);
    const struct hash ciphertext = hash_sha256(item->ciphertext);
    ENSURE(hash_equal(&header, &fragment->header_hash), STATUS_PROOF);
    ENSURE(hash_equal(&ciphertext, &fragment->ciphertext_hash), STATUS_PROOF);
    return item->grant.len > 0 ? STATUS_OK : STATUS_PROOF;
}

enum status world_release_check(struct world_notes *notes, const struct world_consent *consent, size_t source,
                                const struct world_fragment *fragment, const struct reply *reply, struct arena *arena,
                                struct world_receipt *out_receipt) {
    const bool is_released = reply->code == REPLY_DONE;
    struct msg_released released;
    struct world_receipt receipt;
    TRY(msg_released_parse(arena, reply->body, &released));
    TRY(world_receipt_open(notes, arena, released.receipt, is_released ? LEAF_RELEASED : LEAF_REFUSED, &receipt));
    ENSURE(world_receipt_names(receipt.opening.token, &consent->tokens[source].jti), STATUS_PROOF);
    if (is_released) {
        ENSURE(item_is(&receipt.opening, fragment), STATUS_PROOF);
        TRY(check_item(fragment, &released));
    }
    if (out_receipt) *out_receipt = receipt;
    return STATUS_OK;
}

enum status world_release(struct world *world, struct world_notes *notes, const struct world_consent *consent,
                          size_t source, const struct world_fragment *fragment, uint32_t patience_ms,
                          enum reply_code *out_code, struct world_receipt *out_receipt) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(FRAGMENT_ARENA);
    struct world_ask ask = {.unit = consent->wish.to, .type = MESSAGE_RELEASE, .patience_ms = patience_ms};
    struct reply reply;
    ENSURE(arena, STATUS_MEMORY);
    TRY(world_release_body(consent, source, fragment, arena, &ask.body));
    TRY(world_call(world, &ask, arena, &reply));
    *out_code = (enum reply_code)reply.code;
    bool decided = reply.code == REPLY_DONE ||
                   (reply.code >= REPLY_NOT_AVAILABLE && reply.code <= REPLY_TRY_LATER && reply.body.len > 0);
    if (!decided) return reply_code_status(*out_code);
    return world_release_check(notes, consent, source, fragment, &reply, arena, out_receipt);
}
