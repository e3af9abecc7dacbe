/*
 * The directory of a world: made, signed, sent to core, and folded here as every member would.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "keys/public.h"
#include "proto/internal_msg.h"
#include "proto/limits.h"
#include "proto/multi_signed.h"
#include "proto/reply_code.h"
#include "proto/signed.h"
#include "support/link/world_internal.h"

static const uint32_t all_kinds[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

/* Signs the object as the next entry, has core take it, applies it here. */
static enum status admit(struct world *world, enum directory_type type, struct bytes object) {
    const struct directory_entry entry = {.version = 1,
                                          .federation = WORLD_FEDERATION,
                                          .sequence = directory_sequence(world->directory) + 1,
                                          .previous = directory_head(world->directory),
                                          .type = type,
                                          .object = object};
    struct bytes body;
    struct bytes whole;
    struct directory *next = NULL;
    struct operator_reply reply;
    TRY(record_entry_encode(world->arena, &entry, &body));
    TRY(multi_signed_make(world->arena, SIGNED_DIRECTORY, WORLD_FEDERATION, body, world->authority, &whole));
    TRY(directory_copy_with(world->directory, whole, &next));
    directory_unref(world->directory);
    world->directory = next;
    world->entries[world->n_entries++] = whole;
    TRY(world_operator(world, &(struct operator_ask){.verb = OPERATOR_DIRECTORY_ADD, .body = whole}, world->arena,
                       &reply));
    return reply_code_status((enum reply_code)reply.code);
}

/* ---- epoch ---- */

static enum status read_epoch(const struct world *world, const json_t *identity, struct epoch *epoch) {
    const char *vkey = NULL;
    uint64_t version = 0;
    TRY(json_get_u64(identity, "epoch", &epoch->epoch));
    TRY(json_get_text(identity, "log_vkey", &vkey));
    epoch->log_vkey = arena_string(world->arena, vkey);
    ENSURE(epoch->log_vkey, STATUS_MEMORY);
    TRY(json_get_fixed(identity, "status_key", epoch->status_key.b, sizeof epoch->status_key.b));
    TRY(json_get_u64(identity, "pseudonym_version", &version));
    epoch->pseudonym_version = (uint32_t)version;
    return json_get_fixed(identity, "pseudonym_key", epoch->pseudonym_key.b, sizeof epoch->pseudonym_key.b);
}

static enum status admit_epoch(struct world *world) {
    struct operator_reply reply;
    json_t *identity CLEANUP(json_cleanup) = NULL;
    struct sign_public authority = sign_public_of(world->authority);
    struct epoch epoch = {.version = 1,
                          .federation = WORLD_FEDERATION,
                          .authority_threshold = 1,
                          .authority_keys = &authority,
                          .n_authority_keys = 1};
    struct bytes body;
    TRY(world_operator(world, &(struct operator_ask){.verb = OPERATOR_IDENTITY}, world->arena, &reply));
    TRY(reply_code_status((enum reply_code)reply.code));
    TRY(json_read(reply.body, LIMIT_REPLY_BODY_BYTES, &identity));
    TRY(read_epoch(world, identity, &epoch));
    TRY(note_key_parse(bytes_text(epoch.log_vkey), &world->log_key));
    TRY(record_epoch_encode(world->arena, &epoch, &body));
    return admit(world, DIRECTORY_EPOCH, body);
}

/* ---- rules, members, agreement ---- */

static enum status admit_rules(struct world *world) {
    static const struct text texts[] = {{"sv", "Gemensam planering av din väg till arbete"},
                                        {"nb", "Felles planlegging av veien din til arbeid"},
                                        {"en", "Joint planning of your way to work"}};
    static const struct purpose purpose = {WORLD_PURPOSE, texts, 3};
    const struct rules rules = {.version = 1,
                                .federation = WORLD_FEDERATION,
                                .revision = 1,
                                .purposes = &purpose,
                                .n_purposes = 1,
                                .longest_consent_s = 365ULL * 86400,
                                .most_sources = LIMIT_SOURCES,
                                .most_pending = 1000,
                                .cosignatures = 0};
    struct bytes body;
    TRY(record_rules_encode(world->arena, &rules, &body));
    return admit(world, DIRECTORY_RULES, body);
}

static enum status admit_member(struct world *world, size_t index) {
    static const struct text names[] = {{"sv", "Kommunen"}, {"en", "The municipality"}};
    const struct world_member *member = &world->members[index];
    const size_t count = world->options.units;
    const struct sign_key key = {.key = sign_public_of(member->sign), .state = KEY_ACTIVE};
    struct unit *units = ARENA_ARRAY(world->arena, struct unit, count);
    ENSURE(units, STATUS_MEMORY);
    for (size_t i = 0; i < count; i++) {
        const struct world_unit *unit = &world->units[index * count + i];
        units[i] = (struct unit){.id = unit->id, .names = names, .n_names = 2, .seal_key = seal_public_of(unit->seal)};
    }
    const struct member_record record = {.version = 1,
                                         .federation = WORLD_FEDERATION,
                                         .member = member->id,
                                         .revision = 1,
                                         .names = names,
                                         .n_names = 2,
                                         .units = units,
                                         .n_units = count,
                                         .sign_keys = &key,
                                         .n_sign_keys = 1,
                                         .link_certs = &member->fingerprint,
                                         .n_link_certs = 1,
                                         .witness = "",
                                         .identifies_people = index == 0,
                                         .contact = "drift@example.org"};
    struct bytes body;
    struct bytes whole;
    TRY(record_member_encode(world->arena, &record, &body));
    TRY(multi_signed_make(world->arena, SIGNED_MEMBER, WORLD_FEDERATION, body, member->sign, &whole));
    return admit(world, DIRECTORY_MEMBER, whole);
}

static enum status sign_agreement(struct world *world, struct bytes body, struct bytes *out_whole) {
    struct bytes whole;
    TRY(multi_signed_make(world->arena, SIGNED_AGREEMENT, WORLD_FEDERATION, body, world->members[0].sign, &whole));
    for (size_t i = 1; i < world->options.members; i++) {
        struct multi_signed parsed;
        TRY(multi_signed_parse(world->arena, whole, &parsed));
        TRY(multi_signed_add(world->arena, SIGNED_AGREEMENT, WORLD_FEDERATION, &parsed, world->members[i].sign,
                             &whole));
    }
    *out_whole = whole;
    return STATUS_OK;
}

static enum status admit_agreement(struct world *world) {
    static const char *const purposes[] = {WORLD_PURPOSE};
    const char **units = ARENA_ARRAY(world->arena, const char *, world->n_units);
    ENSURE(units, STATUS_MEMORY);
    for (size_t i = 0; i < world->n_units; i++) {
        units[i] = world->units[i].id;
    }
    const struct agreement agreement = {.version = 1,
                                        .federation = WORLD_FEDERATION,
                                        .id = ids_random(),
                                        .revision = 1,
                                        .units = units,
                                        .n_units = world->n_units,
                                        .kinds = all_kinds,
                                        .n_kinds = 9,
                                        .purposes = purposes,
                                        .n_purposes = 1,
                                        .longest_consent_s = 180ULL * 86400,
                                        .attesters = &world->members[0].id,
                                        .n_attesters = 1,
                                        .self_read_attesters = &world->members[0].id,
                                        .n_self_read_attesters = 1,
                                        .recipient_may_attest = true,
                                        .legal_note = "",
                                        .valid_from_ms = 1};
    struct bytes body;
    struct bytes whole;
    TRY(record_agreement_encode(world->arena, &agreement, &body));
    TRY(sign_agreement(world, body, &whole));
    return admit(world, DIRECTORY_AGREEMENT, whole);
}

enum status world_admit_all(struct world *world) {
    struct sign_public authority = sign_public_of(world->authority);
    world->entries = ARENA_ARRAY(world->arena, struct bytes, world->options.members + 3);
    world->directory = directory_new(WORLD_FEDERATION, &authority, 1, 1);
    ENSURE(world->entries && world->directory, STATUS_MEMORY);
    WORLD_TRY("epoch", admit_epoch(world));
    WORLD_TRY("rules", admit_rules(world));
    for (size_t i = 0; i < world->options.members; i++) {
        WORLD_TRY(world->members[i].id, admit_member(world, i));
    }
    if (world->n_units > 1) WORLD_TRY("agreement", admit_agreement(world));
    return STATUS_OK;
}
