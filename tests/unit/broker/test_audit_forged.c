/*
 * P8: leaves of every type whose parts do not belong together: what the opening says, what asked for it, who signed,
 * who it is about. Each must be named. No two checks stand for each other here: a case that expects a count fails when
 * one of its findings is not made.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/msg_consent.h"
#include "support/broker/replay_outcome.h"

static const enum federation_unit education = UNIT_EDUCATION;
static const enum federation_unit labour = UNIT_LABOUR;

/* ---- what is forged ---- */

typedef void forge_fn(struct log_world *world, struct log_world_entry *entry);

static void other_event(struct log_world *world, struct log_world_entry *entry) {
    (void)world;
    entry->event = ids_random();
}

/* The whole leaf is about somebody else. */
static void other_person(struct log_world *world, struct log_world_entry *entry) {
    entry->person = log_world_person(world);
}

/* The cause of the leaf before, in place of its own. */
static void cause_before(struct log_world *world, struct log_world_entry *entry) { entry->cause = world->last_cause; }

#define FORGE_OPENING(name, field, value)                                                                              \
    static void name(struct log_world *world, struct log_world_entry *entry) {                                         \
        (void)world;                                                                                                   \
        entry->opening.field = (value);                                                                                \
    }
FORGE_OPENING(other_prior_leaf, prior_leaf, entry->opening.prior_leaf + 1)
FORGE_OPENING(other_number, number, entry->opening.number + 1)
FORGE_OPENING(other_actor, actor, FEDERATION_GUIDANCE)
FORGE_OPENING(other_source, source, FEDERATION_GUIDANCE)
FORGE_OPENING(other_recipient, recipient, FEDERATION_GUIDANCE)
FORGE_OPENING(other_purpose, purpose, "statistics_free")
FORGE_OPENING(stage_of_a_grant, stage, RULE_STAGE_GRANT)
FORGE_OPENING(state_revoked, number, CONSENT_STATE_REVOKED)
FORGE_OPENING(one_item_less, n_items, entry->opening.n_items - 1)

static const uint8_t other_id[32] = {7};
FORGE_OPENING(unknown_token, token, BYTES(other_id, 16))
FORGE_OPENING(unknown_request, request, BYTES(other_id, 16))
FORGE_OPENING(unknown_device, device, BYTES(other_id, 32))

static void other_item(struct log_world *world, struct log_world_entry *entry) {
    struct opening_item *items = ARENA_ARRAY(world->arena, struct opening_item, entry->opening.n_items);
    assert_non_null(items);
    memcpy(items, entry->opening.items, entry->opening.n_items * sizeof *items);
    items[0].ciphertext_hash.b[0] ^= 1;
    items[0].header_hash.b[0] ^= 1;
    entry->opening.items = items;
}

static void resumed_instead(struct log_world *world, struct log_world_entry *entry) {
    (void)world;
    entry->type = LEAF_CONSENT_REVOKED;
    entry->opening.number = CONSENT_STATE_REVOKED;
}

static void later(struct log_world *world, struct log_world_entry *entry) {
    (void)entry;
    world->now_ms += 310 * 1000;
}

/* Another piece of evidence in place of the i-th. */
static void replace_evidence(struct log_world *world, struct log_world_entry *entry, size_t i, struct bytes content) {
    struct bytes *evidence = ARENA_ARRAY(world->arena, struct bytes, entry->n_evidence);
    assert_non_null(evidence);
    memcpy(evidence, entry->evidence, entry->n_evidence * sizeof *evidence);
    evidence[i] = content;
    entry->evidence = evidence;
}

static void other_notice_kept(struct log_world *world, struct log_world_entry *entry) {
    replace_evidence(world, entry, 2, bytes_text("another text\n"));
}

/* ---- the leaves that are forged ---- */

static uint64_t last(const struct log_plot *plot) { return plot->world->n_leaves - 1; }

static uint64_t suspend(struct log_plot *plot, forge_fn *forge) {
    plot->world->forge = forge;
    return log_story_change(plot->world, plot->tokens, 1, LEAF_CONSENT_SUSPENDED);
}

#define FORGED(name, make, forge)                                                                                      \
    static uint64_t name(struct log_plot *plot) { return make(plot, forge); }

FORGED(change_of_no_token, suspend, unknown_token)
FORGED(change_with_other_source, suspend, other_source)
FORGED(change_of_another_person, suspend, other_person)
FORGED(change_with_other_prior, suspend, other_prior_leaf)
FORGED(change_with_other_state, suspend, other_number)
FORGED(change_not_asked_for, suspend, resumed_instead)
FORGED(change_long_after, suspend, later)
FORGED(change_with_other_event, suspend, other_event)

static uint64_t resume_what_is_active(struct log_plot *plot) {
    return log_story_change(plot->world, plot->tokens, 1, LEAF_CONSENT_RESUMED);
}

static uint64_t code(struct log_plot *plot, forge_fn *forge) {
    plot->world->forge = forge;
    return log_story_revoke_code(plot->world, plot->tokens[0]);
}
FORGED(code_with_other_event, code, other_event)

static uint64_t expire(struct log_plot *plot, forge_fn *forge) {
    log_plot_advance(plot, 3600);
    plot->world->forge = forge;
    return log_story_expire(plot->world, plot->tokens[0]);
}
FORGED(expiry_by_a_member, expire, other_actor)
FORGED(expiry_with_other_event, expire, other_event)

/* The member asked to revoke one consent, the leaf revokes another. */
static uint64_t member_revoked_another(struct log_plot *plot) {
    struct log_token asked = *plot->tokens[1];
    struct log_token *other[1];
    struct log_request *request = log_story_request(plot->world, plot->ada, UNIT_CAREER, &labour, 1, ACCESS_REPEATED);
    log_story_grant(plot->world, &(struct log_decision){.request = request, .device = plot->device}, other);
    (void)log_story_revoke_by(plot->world, other[0], UNIT_LABOUR);
    plot->world->forge = cause_before;
    return log_story_revoke_by(plot->world, &asked, UNIT_LABOUR);
}

static uint64_t superseded_by_another_person(struct log_plot *plot) {
    struct log_person *other = log_world_person(plot->world);
    struct log_device *device = log_plot_enrol(plot, other, UNIT_GUIDANCE);
    struct log_token *theirs[1];
    struct log_request *request = log_story_request(plot->world, other, UNIT_CAREER, &education, 1, ACCESS_REPEATED);
    log_story_grant(plot->world, &(struct log_decision){.request = request, .device = device}, theirs);
    return log_story_supersede(plot->world, plot->tokens[0], theirs[0]);
}

static uint64_t acknowledge(struct log_plot *plot, enum federation_unit unit, enum consent_state ending,
                            forge_fn *forge) {
    (void)log_story_change(plot->world, plot->tokens, 2, LEAF_CONSENT_REVOKED);
    plot->world->forge = forge;
    return log_story_acknowledge(plot->world, plot->tokens[0], unit, ending);
}

static uint64_t acknowledged_by_a_stranger(struct log_plot *plot) {
    return acknowledge(plot, UNIT_GUIDANCE, CONSENT_STATE_REVOKED, NULL);
}
static uint64_t acknowledged_otherwise(struct log_plot *plot) {
    return acknowledge(plot, UNIT_CAREER, CONSENT_STATE_EXPIRED, state_revoked);
}

static uint64_t change_by_no_device(struct log_plot *plot) {
    struct log_device *second = log_plot_enrol(plot, plot->ada, UNIT_GUIDANCE);
    plot->world->n_leaves--;
    return log_story_remove_device(plot->world, second, plot->device);
}

static uint64_t change_by_a_removed_device(struct log_plot *plot) {
    struct log_device *second = log_plot_enrol(plot, plot->ada, UNIT_GUIDANCE);
    (void)log_story_remove_device(plot->world, second, plot->device);
    return log_story_change(plot->world, plot->tokens, 1, LEAF_CONSENT_SUSPENDED);
}

/* ---- requests ---- */

static uint64_t request(struct log_plot *plot, forge_fn *forge) {
    (void)log_story_request(plot->world, plot->ada, UNIT_CAREER, &labour, 1, ACCESS_REPEATED);
    plot->world->forge = forge;
    return log_story_request(plot->world, plot->ada, UNIT_CAREER, &labour, 1, ACCESS_REPEATED)->leaf;
}
FORGED(request_said_otherwise, request, other_purpose)
FORGED(request_by_another_unit, request, other_actor)
FORGED(request_asked_for_another, request, cause_before)

static uint64_t request_twice(struct log_plot *plot) {
    (void)log_story_request(plot->world, plot->ada, UNIT_CAREER, &labour, 1, ACCESS_REPEATED);
    return log_world_repeat(plot->world);
}

static void swap_keys(struct log_plot *plot, enum federation_member a, enum federation_member b) {
    struct federation_member_keys *members = plot->world->federation->members;
    struct sign_private *key = members[a].sign;
    members[a].sign = members[b].sign;
    members[b].sign = key;
}

static uint64_t request_signed_by_another(struct log_plot *plot) {
    swap_keys(plot, MEMBER_COUNTY, MEMBER_CITY);
    uint64_t leaf = log_story_request(plot->world, plot->ada, UNIT_CAREER, &labour, 1, ACCESS_REPEATED)->leaf;
    swap_keys(plot, MEMBER_COUNTY, MEMBER_CITY);
    return leaf;
}

/* ---- decisions ---- */

static struct log_request *ask(struct log_plot *plot) {
    return log_story_request(plot->world, plot->ada, UNIT_CAREER, &labour, 1, ACCESS_REPEATED);
}

static uint64_t refuse(struct log_plot *plot, forge_fn *forge) {
    struct log_request *asked = ask(plot);
    plot->world->forge = forge;
    return log_story_refuse(plot->world, plot->device, asked);
}
FORGED(refusal_of_nothing, refuse, unknown_request)
FORGED(refusal_with_other_prior, refuse, other_prior_leaf)
FORGED(refusal_by_another_person, refuse, other_person)

static uint64_t refusal_not_asked_for(struct log_plot *plot) {
    struct log_request *asked = ask(plot);
    struct log_request *other = ask(plot);
    (void)log_story_refuse(plot->world, plot->device, other);
    plot->world->forge = cause_before;
    return log_story_refuse(plot->world, plot->device, asked);
}

static uint64_t refused_twice(struct log_plot *plot) {
    struct log_request *asked = ask(plot);
    (void)log_story_refuse(plot->world, plot->device, asked);
    return log_story_refuse(plot->world, plot->device, asked);
}

static uint64_t refused_too_late(struct log_plot *plot) {
    struct log_request *asked = ask(plot);
    log_plot_advance(plot, 14 * 86400);
    return log_story_refuse(plot->world, plot->device, asked);
}

static uint64_t grant_to(struct log_plot *plot, struct log_request *asked, forge_fn *forge) {
    struct log_token *tokens[2];
    plot->world->forge = forge;
    log_story_grant(plot->world, &(struct log_decision){.request = asked, .device = plot->device}, tokens);
    return tokens[0]->leaf;
}

static uint64_t grant(struct log_plot *plot, forge_fn *forge) { return grant_to(plot, ask(plot), forge); }
FORGED(grant_said_otherwise, grant, other_purpose)
FORGED(grant_with_other_event, grant, other_event)
FORGED(grant_with_another_notice, grant, other_notice_kept)
FORGED(grant_with_other_prior, grant, other_prior_leaf)

static uint64_t granted_after_refusal(struct log_plot *plot) {
    struct log_request *asked = ask(plot);
    (void)log_story_refuse(plot->world, plot->device, asked);
    return grant_to(plot, asked, NULL);
}

static uint64_t granted_twice(struct log_plot *plot) {
    (void)grant(plot, NULL);
    return log_world_repeat(plot->world);
}

/* The opening names a request, the evidence is another. */
static uint64_t granted_on_another_request(struct log_plot *plot) {
    struct log_request *asked = ask(plot);
    struct log_request mixed = *ask(plot);
    mixed.request.request = asked->request.request;
    mixed.leaf = asked->leaf;
    return grant_to(plot, &mixed, NULL);
}

static uint64_t with_another_attestation(struct log_plot *plot) {
    struct log_device mixed = *plot->device;
    struct log_token *tokens[2];
    mixed.attestation = log_plot_enrol(plot, plot->ada, UNIT_GUIDANCE)->attestation;
    log_story_grant(plot->world, &(struct log_decision){.request = ask(plot), .device = &mixed}, tokens);
    return tokens[0]->leaf;
}

static unsigned tokens_made;
static void second_is_once(struct token *token) {
    if (tokens_made++ == 1) token->access = ACCESS_ONCE;
}

static uint64_t two_decisions_as_one(struct log_plot *plot) {
    static const enum federation_unit sources[] = {UNIT_EDUCATION, UNIT_LABOUR};
    struct log_token *tokens[2];
    struct log_request *asked = log_story_request(plot->world, plot->ada, UNIT_CAREER, sources, 2, ACCESS_REPEATED);
    tokens_made = 0;
    log_story_grant(plot->world,
                    &(struct log_decision){.request = asked, .device = plot->device, .change = second_is_once}, tokens);
    return tokens[1]->leaf;
}

static uint64_t more_sources_than_allowed(struct log_plot *plot) {
    static const enum federation_unit sources[] = {UNIT_EDUCATION, UNIT_LABOUR};
    struct federation *f = plot->world->federation;
    struct rules rules = federation_rules(f, 2);
    struct bytes body;
    rules.most_sources = 1;
    assert_int_equal(record_rules_encode(f->arena, &rules, &body), STATUS_OK);
    (void)log_world_admit(plot->world, DIRECTORY_RULES, body);
    return grant_to(plot, log_story_request(plot->world, plot->ada, UNIT_CAREER, sources, 2, ACCESS_REPEATED), NULL);
}

/* ---- devices ---- */

static uint64_t enrol(struct log_plot *plot, forge_fn *forge) {
    plot->world->forge = forge;
    return log_plot_enrol(plot, plot->ada, UNIT_GUIDANCE)->leaf;
}
FORGED(enrolled_as_another_device, enrol, unknown_device)

static void earlier_registration(struct log_world *world, struct log_world_entry *entry) {
    (void)world;
    replace_evidence(world, entry, 1, world->federation->entries[0]);
}

static struct bytes kept_registration;
static void keep_registration(struct log_world *world, struct log_world_entry *entry) {
    (void)world;
    assert_int_equal(arena_copy(world->arena, entry->evidence[1], &kept_registration), STATUS_OK);
}
static void use_registration(struct log_world *world, struct log_world_entry *entry) {
    replace_evidence(world, entry, 1, kept_registration);
}

static uint64_t attested_to_another_registration(struct log_plot *plot) {
    (void)enrol(plot, keep_registration);
    return enrol(plot, use_registration);
}

static uint64_t registration_that_is_none(struct log_plot *plot) { return enrol(plot, earlier_registration); }

static uint64_t message_with_another_attestation(struct log_plot *plot) {
    (void)enrol(plot, NULL);
    return enrol(plot, cause_before);
}

static uint64_t enrolled_twice(struct log_plot *plot) {
    (void)enrol(plot, NULL);
    return log_world_repeat(plot->world);
}

static uint64_t attested_with_another_key(struct log_plot *plot) {
    swap_keys(plot, MEMBER_SERVICE, MEMBER_CITY);
    uint64_t leaf = enrol(plot, NULL);
    swap_keys(plot, MEMBER_SERVICE, MEMBER_CITY);
    return leaf;
}

static uint64_t removed_another_than_asked(struct log_plot *plot) {
    struct log_device *second = log_plot_enrol(plot, plot->ada, UNIT_GUIDANCE);
    struct log_device *third = log_plot_enrol(plot, plot->ada, UNIT_GUIDANCE);
    (void)log_story_remove_device(plot->world, plot->device, second);
    plot->world->forge = cause_before;
    return log_story_remove_device(plot->world, plot->device, third);
}

static uint64_t read_from_another_source(struct log_plot *plot) {
    plot->world->forge = other_source;
    return log_story_read(plot->world, plot->device, UNIT_LABOUR);
}

/* ---- fragments ---- */

static uint64_t publish(struct log_plot *plot, forge_fn *forge) {
    plot->world->forge = forge;
    (void)log_story_publish(plot->world, plot->ada, UNIT_EDUCATION, KIND_GOAL, NULL, 0);
    return last(plot);
}
FORGED(header_said_otherwise, publish, other_item)

static uint64_t header_signed_by_another(struct log_plot *plot) {
    swap_keys(plot, MEMBER_COUNTY, MEMBER_CITY);
    uint64_t leaf = publish(plot, NULL);
    swap_keys(plot, MEMBER_COUNTY, MEMBER_CITY);
    return leaf;
}

static uint64_t published_by_no_unit(struct log_plot *plot) {
    struct federation *f = plot->world->federation;
    f->units[UNIT_EDUCATION].id = FEDERATION_CITY "/closed";
    uint64_t leaf = publish(plot, NULL);
    f->units[UNIT_EDUCATION].id = FEDERATION_EDUCATION;
    return leaf;
}

static uint64_t withdrew_another(struct log_plot *plot) {
    (void)log_story_withdraw(plot->world, plot->goal);
    plot->world->forge = cause_before;
    return log_story_withdraw(plot->world, plot->activity);
}

static uint64_t withdrawn_twice(struct log_plot *plot) {
    (void)log_story_withdraw(plot->world, plot->goal);
    return log_story_withdraw(plot->world, plot->goal);
}

static uint64_t withdrawn_by_another_unit(struct log_plot *plot) {
    struct log_fragment theirs = *plot->goal;
    theirs.source = UNIT_LABOUR;
    theirs.core.source = FEDERATION_LABOUR;
    return log_story_withdraw(plot->world, &theirs);
}

/* ---- grants ---- */

static uint64_t upload_as(struct log_plot *plot, struct log_token *token, struct log_fragment *fragment,
                          struct bytes state, forge_fn *forge) {
    struct bytes made;
    plot->world->forge = forge;
    return log_story_upload(
        plot->world, &(struct log_upload){.token = token, .fragments = &fragment, .n_fragments = 1, .state = state},
        &made);
}

static uint64_t upload(struct log_plot *plot, forge_fn *forge) {
    return upload_as(plot, plot->tokens[0], plot->goal, BYTES_EMPTY, forge);
}
FORGED(grant_of_another_item, upload, other_item)
FORGED(grant_without_item, upload, one_item_less)
FORGED(grant_for_another_recipient, upload, other_recipient)
FORGED(grant_for_no_token, upload, unknown_token)

static uint64_t grant_not_in_the_message(struct log_plot *plot) {
    (void)upload(plot, NULL);
    return upload(plot, cause_before);
}

static uint64_t grant_signed_by_another(struct log_plot *plot) {
    swap_keys(plot, MEMBER_COUNTY, MEMBER_CITY);
    uint64_t leaf = upload(plot, NULL);
    swap_keys(plot, MEMBER_COUNTY, MEMBER_CITY);
    return leaf;
}

static uint64_t state_of_another_token(struct log_plot *plot) {
    struct log_world *world = plot->world;
    struct bytes state =
        log_story_state(world, &plot->tokens[1]->token.jti, CONSENT_ACTIVE, world->n_leaves, world->now_ms);
    return upload_as(plot, plot->tokens[0], plot->goal, state, NULL);
}

static uint64_t state_signed_by_another(struct log_plot *plot) {
    struct log_world *world = plot->world;
    struct sign_private *key = world->federation->status_key;
    world->federation->status_key = world->federation->log_key;
    struct bytes state =
        log_story_state(world, &plot->tokens[0]->token.jti, CONSENT_ACTIVE, world->n_leaves, world->now_ms);
    world->federation->status_key = key;
    return upload_as(plot, plot->tokens[0], plot->goal, state, NULL);
}

static uint64_t state_of_a_tree_to_come(struct log_plot *plot) {
    struct log_world *world = plot->world;
    struct bytes state =
        log_story_state(world, &plot->tokens[0]->token.jti, CONSENT_ACTIVE, world->n_leaves + 1, world->now_ms);
    return upload_as(plot, plot->tokens[0], plot->goal, state, NULL);
}

static uint64_t grant_of_another_header(struct log_plot *plot) {
    struct log_fragment mixed = *plot->goal;
    mixed.header_hash = plot->activity->header_hash;
    return upload_as(plot, plot->tokens[0], &mixed, BYTES_EMPTY, NULL);
}

/* Sealed to a key that the recipient does not have now. */
static uint64_t grant_to_another_key(struct log_plot *plot) {
    struct log_token mixed = *plot->tokens[0];
    mixed.token.to = FEDERATION_GUIDANCE;
    return upload_as(plot, &mixed, plot->goal, BYTES_EMPTY, NULL);
}

static uint64_t own_grant_of_another_person(struct log_plot *plot) {
    struct log_person *other = log_world_person(plot->world);
    struct log_fragment *theirs = log_story_publish(plot->world, other, UNIT_LABOUR, KIND_GOAL, NULL, 0);
    (void)log_story_read(plot->world, plot->device, UNIT_LABOUR);
    return log_story_grant_own(plot->world, plot->device, theirs);
}

/* ---- releases ---- */

static uint64_t release(struct log_plot *plot, forge_fn *forge) {
    plot->world->forge = forge;
    return log_plot_release(plot, RULE_PASS);
}
FORGED(release_of_another_item, release, other_item)
FORGED(release_said_otherwise, release, other_source)
FORGED(release_of_another_person, release, other_person)
FORGED(release_at_another_stage, release, stage_of_a_grant)
FORGED(release_with_other_event, release, other_event)
FORGED(release_by_another_unit, release, other_actor)
FORGED(release_not_asked_for, release, other_purpose)

static uint64_t release_asked_long_ago(struct log_plot *plot) {
    plot->world->forge = later;
    return log_plot_release(plot, RULE_PASS);
}

static uint64_t release_signed_by_another(struct log_plot *plot) {
    swap_keys(plot, MEMBER_COUNTY, MEMBER_CITY);
    uint64_t leaf = log_plot_release(plot, RULE_PASS);
    swap_keys(plot, MEMBER_COUNTY, MEMBER_CITY);
    return leaf;
}

static uint64_t item_refused_wrongly(struct log_plot *plot) {
    static const enum rule_clause clauses[] = {RULE_PASS, RULE_GRANT};
    struct log_fragment *const fragments[] = {plot->activity, plot->goal};
    const struct bytes grants[] = {plot->grants[1], plot->grants[0]};
    return log_story_release(plot->world, &(struct log_release){.unit = UNIT_CAREER,
                                                                .token = plot->tokens[0],
                                                                .fragments = fragments,
                                                                .grants = grants,
                                                                .clauses = clauses,
                                                                .n_fragments = 2});
}

/* The same handle under another slot, as if the person were two. */
static void other_slot(struct log_world *world, struct log_world_entry *entry) {
    struct log_person *twin = log_world_person(world);
    twin->handle = entry->person->handle;
    entry->person = twin;
}
FORGED(release_under_another_slot, release, other_slot)

static uint64_t release_by_another_type(struct log_plot *plot) {
    (void)log_story_withdraw(plot->world, plot->plan);
    return release(plot, cause_before);
}

/* ---- erasures ---- */

static uint64_t erased_on_another_statement(struct log_plot *plot) {
    (void)log_story_change(plot->world, plot->tokens, 2, LEAF_CONSENT_SUSPENDED);
    plot->world->forge = cause_before;
    return log_story_erase(plot->world, plot->ada, 0);
}

static const struct replay_misdeed forged[] = {
    {"a change of no token", change_of_no_token, "state_change", 1},
    {"a change with another source", change_with_other_source, "state_change", 1},
    {"a change of another person", change_of_another_person, "subject", 2},
    {"a change with another prior leaf", change_with_other_prior, "prior_leaf", 1},
    {"a change with another state", change_with_other_state, "state_change", 1},
    {"a change that nobody asked for", change_not_asked_for, "statement", 1},
    {"a change long after its statement", change_long_after, "statement", 0},
    {"a change under another event", change_with_other_event, "event", 1},
    {"a resumption of what is active", resume_what_is_active, "state_change", 1},
    {"a code under another event", code_with_other_event, "event", 1},
    {"an expiry by a member", expiry_by_a_member, "cause", 1},
    {"an expiry under another event", expiry_with_other_event, "event", 1},
    {"a revocation of another consent", member_revoked_another, "cause", 2},
    {"superseded by another person", superseded_by_another_person, "token", 2},
    {"an acknowledgement by a stranger", acknowledged_by_a_stranger, "denied", 1},
    {"an acknowledgement of another end", acknowledged_otherwise, "cause", 1},
    {"a statement by no device", change_by_no_device, "device_state", 1},
    {"a statement by a removed device", change_by_a_removed_device, "device_state", 1},
    {"a request said otherwise", request_said_otherwise, "request", 1},
    {"a request by another unit", request_by_another_unit, "request", 2},
    {"a request that the message does not carry", request_asked_for_another, "cause", 3},
    {"a request with other sources than the message", request_asked_for_another, "request", 3},
    {"a request twice", request_twice, "request", 1},
    {"a request signed by another", request_signed_by_another, "signature", 2},
    {"a refusal of nothing", refusal_of_nothing, "request", 1},
    {"a refusal with another prior leaf", refusal_with_other_prior, "prior_leaf", 1},
    {"a refusal by another person", refusal_by_another_person, "subject", 2},
    {"a refusal that the statement does not say", refusal_not_asked_for, "statement", 2},
    {"a refusal twice", refused_twice, "request", 1},
    {"a refusal too late", refused_too_late, "request", 1},
    {"a grant said otherwise", grant_said_otherwise, "token", 1},
    {"a grant under another event", grant_with_other_event, "event", 1},
    {"a grant with another notice", grant_with_another_notice, "notice", 1},
    {"a grant with another prior leaf", grant_with_other_prior, "prior_leaf", 1},
    {"a consent after its refusal", granted_after_refusal, "request", 1},
    {"a consent twice", granted_twice, "token", 1},
    {"a consent to another request", granted_on_another_request, "request", 1},
    {"a consent with another attestation", with_another_attestation, "attestation", 1},
    {"two decisions as one", two_decisions_as_one, "decision", 0},
    {"more sources than the rules allow", more_sources_than_allowed, "caps", 1},
    {"enrolled as another device", enrolled_as_another_device, "attestation", 1},
    {"attested to another registration", attested_to_another_registration, "registration", 1},
    {"a registration that is none", registration_that_is_none, "evidence_form", 1},
    {"a message with another attestation", message_with_another_attestation, "cause", 2},
    {"enrolled twice", enrolled_twice, "device_state", 1},
    {"attested with another key", attested_with_another_key, "attestation", 2},
    {"removed another than asked", removed_another_than_asked, "statement", 2},
    {"a reading from another source", read_from_another_source, "statement", 1},
    {"a header said otherwise", header_said_otherwise, "header", 1},
    {"a header signed by another", header_signed_by_another, "signature", 1},
    {"published by no unit", published_by_no_unit, "unit_listed", 1},
    {"withdrew another", withdrew_another, "cause", 2},
    {"withdrawn twice", withdrawn_twice, "revision", 1},
    {"withdrawn by another unit", withdrawn_by_another_unit, "denied", 1},
    {"a key grant of another item", grant_of_another_item, "item", 1},
    {"a key grant without item", grant_without_item, "item", 1},
    {"a key grant for another recipient", grant_for_another_recipient, "item", 1},
    {"a key grant for no token", grant_for_no_token, "consent_known", 2},
    {"a key grant that the message does not carry", grant_not_in_the_message, "cause", 2},
    {"a key grant signed by another", grant_signed_by_another, "signature", 2},
    {"a state of another token", state_of_another_token, "key_grant", 1},
    {"a state signed by another", state_signed_by_another, "key_grant", 1},
    {"a state of a tree to come", state_of_a_tree_to_come, "stale_state", 1},
    {"a key grant of another header", grant_of_another_header, "key_grant", 1},
    {"a key grant to another key", grant_to_another_key, "recipient", 2},
    {"an own key of another person's fragment", own_grant_of_another_person, "key_grant", 1},
    {"a release of another item", release_of_another_item, "item", 1},
    {"a release said otherwise", release_said_otherwise, "token", 1},
    {"a release about another person", release_of_another_person, "subject", 1},
    {"a release at another stage", release_at_another_stage, "clause", 1},
    {"a release under another event", release_with_other_event, "event", 1},
    {"a release by another unit", release_by_another_unit, "cause", 0},
    {"a release that was not asked for", release_not_asked_for, "cause", 2},
    {"a release asked for long ago", release_asked_long_ago, "cause", 0},
    {"a release by another message", release_by_another_type, "cause", 1},
    {"a release signed by another", release_signed_by_another, "signature", 1},
    {"an item refused wrongly", item_refused_wrongly, "refused_wrongly", 1},
    {"a release under another slot", release_under_another_slot, "slot", 1},
    {"an erasure on another statement", erased_on_another_statement, "erasure", 1},
};

static void test_each_forgery_is_named(void **state) {
    (void)state;
    replay_outcome_expect(forged, sizeof forged / sizeof forged[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_forgery_is_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
