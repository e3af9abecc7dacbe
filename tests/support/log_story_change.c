/*
 * What ends and changes: statements of devices, orders of members, codes, expiries, erasures.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "proto/derive.h"
#include "proto/key_grant.h"
#include "proto/msg_consent.h"
#include "proto/msg_publish.h"
#include "proto/msg_release.h"
#include "proto/signed.h"
#include "support/log_story.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

/* ---- statements ---- */

/* Signs a statement as the device's next. */
static struct bytes state_as(struct log_world *world, struct log_device *device, struct statement *statement) {
    struct bytes compact;
    statement->subject = device->person->handle;
    statement->jti = ids_random();
    statement->iat_s = world->now_ms / 1000;
    statement->prev = device->has_statement ? hash_bytes(&device->last_statement) : BYTES_EMPTY;
    if (!statement->source) statement->source = "";
    OK(statement_make(world->arena, FEDERATION_NAME, statement, device->sign, &compact));
    device->last_statement = hash_sha256(compact);
    device->has_statement = true;
    return compact;
}

static struct opening token_opening(const struct log_token *token, const char *actor, enum consent_state state) {
    return (struct opening){.actor = actor,
                            .consent = ids_bytes(&token->token.consent),
                            .token = ids_bytes(&token->token.jti),
                            .recipient = token->token.to,
                            .source = token->token.from,
                            .number = state,
                            .prior_leaf = token->leaf + 1};
}

uint64_t log_story_change(struct log_world *world, struct log_token *const *tokens, size_t n_tokens,
                          enum leaf_type type) {
    static const enum statement_type types[] = {[LEAF_CONSENT_SUSPENDED] = STATEMENT_SUSPEND,
                                                [LEAF_CONSENT_RESUMED] = STATEMENT_RESUME,
                                                [LEAF_CONSENT_REVOKED] = STATEMENT_REVOKE};
    static const enum consent_state states[] = {[LEAF_CONSENT_SUSPENDED] = CONSENT_STATE_SUSPENDED,
                                                [LEAF_CONSENT_RESUMED] = CONSENT_ACTIVE,
                                                [LEAF_CONSENT_REVOKED] = CONSENT_STATE_REVOKED};
    struct log_device *device = tokens[0]->device;
    struct statement statement = {.type = types[type], .consent = tokens[0]->token.consent};
    struct bytes compact = state_as(world, device, &statement);
    uint64_t first = world->n_leaves;
    for (uint32_t i = 0; i < n_tokens; i++) {
        const struct log_world_entry entry = {.type = type,
                                              .person = device->person,
                                              .event = derive_event_id(FEDERATION_NAME, device->kid, &statement.jti, i),
                                              .opening = token_opening(tokens[i], device->kid, states[type]),
                                              .cause = compact};
        (void)log_world_append(world, &entry);
    }
    return first;
}

uint64_t log_story_revoke_by(struct log_world *world, const struct log_token *token, enum federation_unit unit) {
    struct bytes body;
    OK(msg_revoke_encode(
        world->arena, &(struct msg_revoke){.consent = token->token.consent, .reason = "on the person's word"}, &body));
    struct log_sent sent = log_story_send(world, unit, MESSAGE_REVOKE, body);
    const struct log_world_entry entry = {
        .type = LEAF_CONSENT_REVOKED,
        .person = token->request->person,
        .event = sent.event,
        .opening = token_opening(token, world->federation->units[unit].id, CONSENT_STATE_REVOKED),
        .cause = sent.whole};
    return log_world_append(world, &entry);
}

uint64_t log_story_expire(struct log_world *world, const struct log_token *token) {
    const struct log_world_entry entry = {.type = LEAF_CONSENT_EXPIRED,
                                          .person = token->request->person,
                                          .event = derive_event_id(FEDERATION_NAME, "broker", &token->token.jti, 0),
                                          .opening = token_opening(token, "broker", CONSENT_STATE_EXPIRED)};
    return log_world_append(world, &entry);
}

uint64_t log_story_acknowledge(struct log_world *world, const struct log_token *token, enum federation_unit unit,
                               enum consent_state ending) {
    struct bytes body;
    OK(msg_acknowledge_encode(world->arena,
                              &(struct msg_acknowledge){.consent = token->token.consent, .ending = ending, .purged = 3},
                              &body));
    struct log_sent sent = log_story_send(world, unit, MESSAGE_ACKNOWLEDGE, body);
    const struct log_world_entry entry = {.type = LEAF_ACKNOWLEDGED,
                                          .person = token->request->person,
                                          .event = sent.event,
                                          .opening = {.actor = world->federation->units[unit].id,
                                                      .consent = ids_bytes(&token->token.consent),
                                                      .number = ending},
                                          .cause = sent.whole};
    return log_world_append(world, &entry);
}

uint64_t log_story_remove_device(struct log_world *world, struct log_device *by, const struct log_device *device) {
    struct statement statement = {.type = STATEMENT_REMOVE_DEVICE, .other_device = device->thumbprint};
    struct bytes compact = state_as(world, by, &statement);
    const struct log_world_entry entry = {.type = LEAF_DEVICE_REMOVED,
                                          .person = by->person,
                                          .event = derive_event_id(FEDERATION_NAME, by->kid, &statement.jti, 0),
                                          .opening = {.actor = by->kid, .device = hash_bytes(&device->thumbprint)},
                                          .cause = compact};
    return log_world_append(world, &entry);
}

uint64_t log_story_refuse(struct log_world *world, struct log_device *device, const struct log_request *request) {
    struct statement statement = {.type = STATEMENT_REFUSE, .request = request->request.request, .tell = true};
    struct bytes compact = state_as(world, device, &statement);
    const struct log_world_entry entry = {.type = LEAF_CONSENT_REFUSED,
                                          .person = device->person,
                                          .event = derive_event_id(FEDERATION_NAME, device->kid, &statement.jti, 0),
                                          .opening = {.actor = device->kid,
                                                      .request = ids_bytes(&request->request.request),
                                                      .prior_leaf = request->leaf + 1},
                                          .cause = compact};
    return log_world_append(world, &entry);
}

uint64_t log_story_erase(struct log_world *world, const struct log_person *person, uint64_t covered) {
    struct hash slot = derive_slot_commitment(FEDERATION_NAME, person->key);
    const struct log_world_entry entry = {
        .type = LEAF_ERASED,
        .event = ids_random(),
        .opening = {.actor = "authority", .slot_commitment = hash_bytes(&slot), .number = covered}};
    return log_world_append(world, &entry);
}

/* ---- without a device, or for one ---- */

uint64_t log_story_revoke_code(struct log_world *world, const struct log_token *token) {
    const struct log_world_entry entry = {.type = LEAF_CONSENT_REVOKED,
                                          .person = token->request->person,
                                          .event = derive_event_id(FEDERATION_NAME, "code", &token->token.consent, 0),
                                          .opening = token_opening(token, "code", CONSENT_STATE_REVOKED),
                                          .cause = ids_bytes(&token->code)};
    return log_world_append(world, &entry);
}

uint64_t log_story_supersede(struct log_world *world, const struct log_token *earlier, const struct log_token *by) {
    const struct log_world_entry entry = {.type = LEAF_CONSENT_SUPERSEDED,
                                          .person = earlier->request->person,
                                          .event = derive_event_id(FEDERATION_NAME, by->device->kid, &by->token.jti, 1),
                                          .opening = token_opening(earlier, by->device->kid, CONSENT_STATE_SUPERSEDED),
                                          .cause = by->compact};
    return log_world_append(world, &entry);
}

uint64_t log_story_lose_device(struct log_world *world, struct log_device *by, const struct log_device *device,
                               uint64_t since_s, const struct log_token *suspended) {
    struct statement statement = {
        .type = STATEMENT_REMOVE_DEVICE, .other_device = device->thumbprint, .since_s = since_s};
    struct bytes compact = state_as(world, by, &statement);
    struct log_world_entry entry = {.type = LEAF_DEVICE_REMOVED,
                                    .person = by->person,
                                    .event = derive_event_id(FEDERATION_NAME, by->kid, &statement.jti, 0),
                                    .opening = {.actor = by->kid, .device = hash_bytes(&device->thumbprint)},
                                    .cause = compact};
    uint64_t first = log_world_append(world, &entry);
    if (!suspended) return first;
    entry.type = LEAF_CONSENT_SUSPENDED;
    entry.event = derive_event_id(FEDERATION_NAME, by->kid, &statement.jti, 1);
    entry.opening = token_opening(suspended, by->kid, CONSENT_STATE_SUSPENDED);
    (void)log_world_append(world, &entry);
    return first;
}

void log_story_countersign(struct log_world *world, struct log_device *by, const struct log_device *device) {
    struct statement statement = {.type = STATEMENT_COUNTERSIGN, .other_device = device->thumbprint};
    (void)state_as(world, by, &statement);
}

uint64_t log_story_read(struct log_world *world, struct log_device *device, enum federation_unit source) {
    struct statement statement = {.type = STATEMENT_READ, .source = world->federation->units[source].id};
    struct bytes compact = state_as(world, device, &statement);
    const struct log_world_entry entry = {.type = LEAF_READ_REQUESTED,
                                          .person = device->person,
                                          .event = derive_event_id(FEDERATION_NAME, device->kid, &statement.jti, 0),
                                          .opening = {.actor = device->kid,
                                                      .device = hash_bytes(&device->thumbprint),
                                                      .source = statement.source,
                                                      .prior_leaf = device->leaf + 1},
                                          .cause = compact};
    return log_world_append(world, &entry);
}

static struct bytes own_grant(struct log_world *world, const struct log_device *device,
                              const struct log_fragment *fragment) {
    struct seal_public key = seal_public_of(device->read);
    struct key_grant grant = {.version = 1,
                              .federation = FEDERATION_NAME,
                              .fragment = fragment->core.fragment,
                              .revision = fragment->core.revision,
                              .kind = fragment->core.kind,
                              .purpose = "",
                              .header_hash = fragment->header_hash,
                              .recipient = device->kid,
                              .recipient_key_id = seal_key_id(FEDERATION_NAME, &key)};
    secret_random_public(grant.enc, sizeof grant.enc);
    secret_random_public(grant.sealed, sizeof grant.sealed);
    struct bytes body;
    struct bytes whole;
    enum federation_member member = world->federation->units[fragment->source].member;
    OK(key_grant_encode(world->arena, &grant, &body));
    OK(signed_make(world->arena, SIGNED_GRANT, FEDERATION_NAME, body, world->federation->members[member].sign, &whole));
    return whole;
}

uint64_t log_story_grant_own(struct log_world *world, const struct log_device *device,
                             const struct log_fragment *fragment) {
    struct bytes whole = own_grant(world, device, fragment);
    struct hash hash = hash_sha256(whole);
    struct opening_item item = {.fragment = fragment->core.fragment,
                                .revision = fragment->core.revision,
                                .header_hash = fragment->header_hash,
                                .ciphertext_hash = fragment->ciphertext_hash,
                                .grant_hash = hash_bytes(&hash)};
    struct bytes body;
    OK(msg_upload_grants_encode(world->arena, &(struct msg_upload_grants){&whole, 1}, &body));
    struct log_sent sent = log_story_send(world, fragment->source, MESSAGE_UPLOAD_GRANTS, body);
    const struct log_world_entry entry = {.type = LEAF_GRANTED_KEY,
                                          .person = fragment->person,
                                          .event = sent.event,
                                          .opening = {.actor = fragment->core.source,
                                                      .source = fragment->core.source,
                                                      .device = hash_bytes(&device->thumbprint),
                                                      .recipient = device->kid,
                                                      .items = &item,
                                                      .n_items = 1},
                                          .cause = sent.whole,
                                          .evidence = &whole,
                                          .n_evidence = 1};
    return log_world_append(world, &entry);
}

uint64_t log_story_erase_own(struct log_world *world, struct log_person *person, enum federation_unit unit,
                             uint64_t covered) {
    struct bytes body;
    OK(msg_erase_encode(world->arena, &(struct msg_erase){.subject = person->handle, .reason = "asked for"}, &body));
    struct log_sent sent = log_story_send(world, unit, MESSAGE_ERASE, body);
    const struct log_world_entry entry = {.type = LEAF_ERASED,
                                          .person = person,
                                          .nameless = true,
                                          .event = sent.event,
                                          .opening = {.actor = world->federation->units[unit].id, .number = covered},
                                          .cause = sent.whole};
    return log_world_append(world, &entry);
}
