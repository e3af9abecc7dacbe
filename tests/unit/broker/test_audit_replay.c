/*
 * P7, P8: replay of a synthetic log. Misdeeds first: each is one leaf that an honest broker would not have written, or
 * one change under the tree, and must be named by leaf and by clause. Then the honest log, which has no divergence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/alloc_fail.h"
#include "support/broker/replay_outcome.h"
#include "support/scratch.h"

/* ---- misdeeds: each gives the leaf that should be named ---- */

static void flip_cause(struct log_world *world, struct log_world_entry *entry) {
    entry->cause = log_world_flip(world, entry->cause);
}

static uint64_t no_consent(struct log_plot *plot) {
    struct log_token token = *plot->tokens[0];
    token.token.jti = ids_random();
    struct bytes grant = plot->grants[0];
    return log_story_release(
        plot->world,
        &(struct log_release){
            .unit = UNIT_CAREER, .token = &token, .fragments = &plot->goal, .grants = &grant, .n_fragments = 1});
}

static uint64_t after_revocation(struct log_plot *plot) {
    (void)log_story_change(plot->world, plot->tokens, 2, LEAF_CONSENT_REVOKED);
    return log_plot_release(plot, RULE_PASS);
}

static uint64_t while_suspended(struct log_plot *plot) {
    (void)log_story_change(plot->world, plot->tokens, 2, LEAF_CONSENT_SUSPENDED);
    return log_plot_release(plot, RULE_PASS);
}

static uint64_t after_expiry(struct log_plot *plot) {
    log_plot_advance(plot, 3600);
    return log_plot_release(plot, RULE_PASS);
}

static uint64_t release_as(struct log_plot *plot, struct log_release release) {
    release.token = plot->tokens[0];
    if (!release.fragments) {
        release.fragments = &plot->goal;
        release.grants = &plot->grants[0];
    }
    release.n_fragments = 1;
    return log_story_release(plot->world, &release);
}

static uint64_t to_another_unit(struct log_plot *plot) {
    return release_as(plot, (struct log_release){.unit = UNIT_LABOUR});
}

static uint64_t of_another_kind(struct log_plot *plot) {
    static const uint32_t kinds[] = {KIND_GOAL, KIND_DECISION};
    return release_as(plot, (struct log_release){.unit = UNIT_CAREER, .kinds = kinds, .n_kinds = 2});
}

static uint64_t of_a_kind_not_asked(struct log_plot *plot) {
    static const uint32_t kinds[] = {KIND_ACTIVITY};
    return release_as(plot, (struct log_release){.unit = UNIT_CAREER, .kinds = kinds, .n_kinds = 1});
}

static uint64_t for_another_purpose(struct log_plot *plot) {
    return release_as(plot, (struct log_release){.unit = UNIT_CAREER, .purpose = "statistics_free"});
}

static uint64_t of_another_source(struct log_plot *plot) {
    return release_as(
        plot, (struct log_release){.unit = UNIT_CAREER, .fragments = &plot->plan, .grants = &plot->plan_grant[0]});
}

static uint64_t without_grant(struct log_plot *plot) {
    plot->goal = log_story_publish(plot->world, plot->ada, UNIT_EDUCATION, KIND_GOAL, plot->goal, 0);
    return log_plot_release(plot, RULE_PASS);
}

static uint64_t of_what_was_withdrawn(struct log_plot *plot) {
    (void)log_story_withdraw(plot->world, plot->goal);
    return log_plot_release(plot, RULE_PASS);
}

static uint64_t of_what_had_expired(struct log_plot *plot) {
    struct log_fragment *late =
        log_story_publish(plot->world, plot->ada, UNIT_EDUCATION, KIND_GOAL, NULL, plot->world->now_ms + 1000);
    struct bytes grant;
    (void)log_story_upload(
        plot->world, &(struct log_upload){.token = plot->tokens[0], .fragments = &late, .n_fragments = 1}, &grant);
    log_plot_advance(plot, 2);
    return release_as(plot, (struct log_release){.unit = UNIT_CAREER, .fragments = &late, .grants = &grant});
}

static uint64_t after_the_agreement(struct log_plot *plot) {
    struct federation *f = plot->world->federation;
    struct agreement agreement = federation_agreement(f, 2);
    agreement.valid_until_ms = plot->world->now_ms;
    (void)log_world_admit(plot->world, DIRECTORY_AGREEMENT, federation_sign_agreement(f, &agreement));
    log_plot_advance(plot, 1);
    return log_plot_release(plot, RULE_PASS);
}

static uint64_t under_an_old_directory(struct log_plot *plot) {
    struct federation *f = plot->world->federation;
    struct agreement agreement = federation_agreement(f, 2);
    agreement.valid_until_ms = plot->world->now_ms;
    (void)log_world_admit(plot->world, DIRECTORY_AGREEMENT, federation_sign_agreement(f, &agreement));
    log_plot_advance(plot, 1);
    f->n_entries--;
    uint64_t leaf = log_plot_release(plot, RULE_PASS);
    f->n_entries++;
    return leaf;
}

static uint64_t once_used_twice(struct log_plot *plot) {
    static const enum federation_unit source = UNIT_LABOUR;
    struct log_token *once[1];
    struct log_request *request = log_story_request(plot->world, plot->ada, UNIT_CAREER, &source, 1, ACCESS_ONCE);
    log_story_grant(plot->world, &(struct log_decision){.request = request, .device = plot->device}, once);
    const struct log_release release = {
        .unit = UNIT_CAREER, .token = once[0], .fragments = &plot->plan, .n_fragments = 1};
    (void)log_story_release(plot->world, &release);
    return log_story_release(plot->world, &release);
}

static uint64_t consent_by(struct log_plot *plot, struct log_device *device) {
    struct log_token *tokens[2];
    static const enum federation_unit source = UNIT_LABOUR;
    struct log_request *request = log_story_request(plot->world, plot->ada, UNIT_CAREER, &source, 1, ACCESS_REPEATED);
    log_story_grant(plot->world, &(struct log_decision){.request = request, .device = device}, tokens);
    return tokens[0]->leaf;
}

static uint64_t by_a_device_not_attested(struct log_plot *plot) {
    struct log_person *other = log_world_person(plot->world);
    struct log_device *device = log_plot_enrol(plot, other, UNIT_GUIDANCE);
    return consent_by(plot, device);
}

static uint64_t by_an_attester_not_accepted(struct log_plot *plot) {
    struct federation *f = plot->world->federation;
    struct member_record record = federation_member_record(f, MEMBER_CITY, 2);
    record.identifies_people = true;
    (void)log_world_admit(plot->world, DIRECTORY_MEMBER, federation_sign_member(f, &record, MEMBER_CITY));
    return consent_by(plot, log_plot_enrol(plot, plot->ada, UNIT_EDUCATION));
}

static uint64_t by_a_member_that_identifies_nobody(struct log_plot *plot) {
    return log_plot_enrol(plot, plot->ada, UNIT_EDUCATION)->leaf;
}

static uint64_t by_a_removed_device(struct log_plot *plot) {
    struct log_device *second = log_plot_enrol(plot, plot->ada, UNIT_GUIDANCE);
    (void)log_story_remove_device(plot->world, plot->device, second);
    return consent_by(plot, second);
}

/* A token of which one byte was changed after signing. */
static uint64_t token_altered(struct log_plot *plot) {
    struct log_token *tokens[1];
    static const enum federation_unit source = UNIT_EDUCATION;
    struct log_request *request = log_story_request(plot->world, plot->ada, UNIT_CAREER, &source, 1, ACCESS_REPEATED);
    plot->world->forge = flip_cause;
    log_story_grant(plot->world, &(struct log_decision){.request = request, .device = plot->device}, tokens);
    return tokens[0]->leaf;
}

static uint64_t decide(struct log_plot *plot, void (*change)(struct token *), struct bytes notice, uint64_t seconds) {
    struct log_token *tokens[2];
    static const enum federation_unit source = UNIT_LABOUR;
    struct log_request *request = log_story_request(plot->world, plot->ada, UNIT_CAREER, &source, 1, ACCESS_REPEATED);
    log_story_grant(
        plot->world,
        &(struct log_decision){
            .request = request, .device = plot->device, .change = change, .notice = notice, .seconds = seconds},
        tokens);
    return tokens[0]->leaf;
}

static void widen_kinds(struct token *token) { token->kinds[token->n_kinds++] = KIND_DECISION; }
static uint64_t beyond_the_request(struct log_plot *plot) { return decide(plot, widen_kinds, BYTES_EMPTY, 0); }

static void other_basis(struct token *token) { token->basis = BASIS_BOTH; }
static uint64_t on_another_basis(struct log_plot *plot) { return decide(plot, other_basis, BYTES_EMPTY, 0); }

static void long_ago(struct token *token) {
    token->iat_s -= 400;
    token->nbf_s -= 400;
}
static uint64_t signed_long_ago(struct log_plot *plot) { return decide(plot, long_ago, BYTES_EMPTY, 0); }

static uint64_t other_notice(struct log_plot *plot) {
    return decide(plot, NULL, bytes_text("You agree to everything.\n"), 0);
}

static uint64_t longer_than_the_agreement(struct log_plot *plot) {
    struct federation *f = plot->world->federation;
    struct agreement agreement = federation_agreement(f, 2);
    agreement.longest_consent_s = 60;
    (void)log_world_admit(plot->world, DIRECTORY_AGREEMENT, federation_sign_agreement(f, &agreement));
    return decide(plot, NULL, BYTES_EMPTY, 3600);
}

static uint64_t statement_out_of_chain(struct log_plot *plot) {
    (void)log_story_change(plot->world, plot->tokens, 2, LEAF_CONSENT_SUSPENDED);
    plot->device->last_statement.b[0] ^= 1;
    return log_story_change(plot->world, plot->tokens, 2, LEAF_CONSENT_RESUMED);
}

static uint64_t revoked_by_a_stranger(struct log_plot *plot) {
    struct log_token *tokens[1];
    static const enum federation_unit source = UNIT_EDUCATION;
    struct log_request *request = log_story_request(plot->world, plot->ada, UNIT_LABOUR, &source, 1, ACCESS_REPEATED);
    log_story_grant(plot->world, &(struct log_decision){.request = request, .device = plot->device}, tokens);
    return log_story_revoke_by(plot->world, tokens[0], UNIT_CAREER);
}

static uint64_t revoked_by_another_code(struct log_plot *plot) {
    struct log_token *tokens[1];
    static const enum federation_unit source = UNIT_EDUCATION;
    struct log_request *request = log_story_request(plot->world, plot->ada, UNIT_LABOUR, &source, 1, ACCESS_REPEATED);
    log_story_grant(plot->world, &(struct log_decision){.request = request, .device = plot->device}, tokens);
    tokens[0]->code = ids_random();
    return log_story_revoke_code(plot->world, tokens[0]);
}

static uint64_t superseded_by_other_terms(struct log_plot *plot) {
    struct log_token *tokens[1];
    static const enum federation_unit source = UNIT_EDUCATION;
    struct log_request *request = log_story_request(plot->world, plot->ada, UNIT_CAREER, &source, 1, ACCESS_REPEATED);
    log_story_grant(plot->world, &(struct log_decision){.request = request, .device = plot->device}, tokens);
    return log_story_supersede(plot->world, plot->tokens[0], tokens[0]);
}

static uint64_t superseded_by_nothing(struct log_plot *plot) {
    struct log_token by = *plot->tokens[0];
    (void)log_plot_release(plot, RULE_PASS);
    return log_story_supersede(plot->world, plot->tokens[1], &by);
}

/* A statement of which one byte was changed after signing. */
static uint64_t statement_altered(struct log_plot *plot) {
    plot->world->forge = flip_cause;
    return log_story_change(plot->world, plot->tokens, 1, LEAF_CONSENT_SUSPENDED);
}

static uint64_t removed_by_another_person(struct log_plot *plot) {
    struct log_person *other = log_world_person(plot->world);
    struct log_device *device = log_plot_enrol(plot, other, UNIT_GUIDANCE);
    return log_story_remove_device(plot->world, device, plot->device);
}

static uint64_t own_key_not_asked_for(struct log_plot *plot) {
    return log_story_grant_own(plot->world, plot->device, plot->plan);
}

static uint64_t own_key_to_a_removed_device(struct log_plot *plot) {
    struct log_device *second = log_plot_enrol(plot, plot->ada, UNIT_GUIDANCE);
    (void)log_story_read(plot->world, second, UNIT_LABOUR);
    (void)log_story_remove_device(plot->world, plot->device, second);
    return log_story_grant_own(plot->world, second, plot->plan);
}

static uint64_t released_after_a_member_erased(struct log_plot *plot) {
    (void)log_story_erase_own(plot->world, plot->ada, UNIT_EDUCATION, 3);
    return log_plot_release(plot, RULE_PASS);
}

static uint64_t other_persons_fragment(struct log_plot *plot) {
    struct log_person *other = log_world_person(plot->world);
    struct log_fragment *theirs = log_story_publish(plot->world, other, UNIT_EDUCATION, KIND_GOAL, NULL, 0);
    struct bytes grant = plot->grants[0];
    return release_as(plot, (struct log_release){.unit = UNIT_CAREER, .fragments = &theirs, .grants = &grant});
}

static uint64_t expired_too_early(struct log_plot *plot) { return log_story_expire(plot->world, plot->tokens[0]); }

static uint64_t upload(struct log_plot *plot, struct bytes state) {
    struct bytes grant;
    return log_story_upload(
        plot->world,
        &(struct log_upload){.token = plot->tokens[0], .fragments = &plot->goal, .n_fragments = 1, .state = state},
        &grant);
}

static uint64_t on_an_old_state(struct log_plot *plot) {
    struct bytes state = log_story_state(plot->world, &plot->tokens[0]->token.jti, CONSENT_ACTIVE,
                                         plot->world->n_leaves, plot->world->now_ms);
    log_plot_advance(plot, 601);
    return upload(plot, state);
}

/* The status key said active at a size and time at which the log said suspended. */
static uint64_t on_a_false_state(struct log_plot *plot) {
    uint64_t before = plot->world->n_leaves;
    (void)log_story_change(plot->world, plot->tokens, 2, LEAF_CONSENT_SUSPENDED);
    log_plot_advance(plot, 60);
    struct bytes state =
        log_story_state(plot->world, &plot->tokens[0]->token.jti, CONSENT_ACTIVE, before, plot->world->now_ms);
    (void)log_story_change(plot->world, plot->tokens, 2, LEAF_CONSENT_RESUMED);
    return upload(plot, state);
}

static uint64_t granted_after_revocation(struct log_plot *plot) {
    (void)log_story_change(plot->world, plot->tokens, 2, LEAF_CONSENT_REVOKED);
    return upload(plot, BYTES_EMPTY);
}

static uint64_t refused_wrongly(struct log_plot *plot) { return log_plot_release(plot, RULE_CONSENT_ACTIVE); }

static uint64_t refused_under_another_clause(struct log_plot *plot) {
    (void)log_story_change(plot->world, plot->tokens, 2, LEAF_CONSENT_REVOKED);
    return log_plot_release(plot, RULE_NOT_EXPIRED);
}

static uint64_t stranger_refused_as_ended(struct log_plot *plot) {
    return log_story_release(plot->world, &(struct log_release){.unit = UNIT_LABOUR,
                                                                .token = plot->tokens[0],
                                                                .clause = RULE_CONSENT_ACTIVE,
                                                                .stranger = true});
}

static uint64_t withheld(struct log_plot *plot) { return release_as(plot, (struct log_release){.unit = UNIT_CAREER}); }

static uint64_t another_revision_first(struct log_plot *plot) {
    struct log_fragment skipped = *plot->goal;
    skipped.core.revision = 5;
    (void)log_story_publish(plot->world, plot->ada, UNIT_EDUCATION, KIND_GOAL, &skipped, 0);
    return plot->world->n_leaves - 1;
}

static uint64_t acknowledged_too_early(struct log_plot *plot) {
    return log_story_acknowledge(plot->world, plot->tokens[0], UNIT_CAREER, CONSENT_STATE_REVOKED);
}

static void another_prior_leaf(struct opening *opening, void *context) {
    (void)context;
    opening->prior_leaf++;
}

static uint64_t prior_leaf_wrong(struct log_plot *plot) {
    plot->world->tweak = another_prior_leaf;
    return log_plot_release(plot, RULE_PASS);
}

static void another_time(struct opening *opening, void *context) {
    (void)context;
    opening->now_ms -= 1000;
}

static uint64_t opening_of_another_time(struct log_plot *plot) {
    plot->world->tweak = another_time;
    return log_plot_release(plot, RULE_PASS);
}

static uint64_t rules_without_authority(struct log_plot *plot) {
    struct federation *f = plot->world->federation;
    struct rules rules = federation_rules(f, 2);
    struct bytes body;
    rules.longest_consent_s = 99;
    assert_int_equal(record_rules_encode(f->arena, &rules, &body), STATUS_OK);
    uint64_t sequence = f->n_entries + 1;
    struct bytes entry = federation_entry(f, DIRECTORY_RULES, body, sequence, directory_head(f->directory), 1);
    f->entries[f->n_entries++] = entry;
    return log_world_directory(plot->world);
}

static uint64_t directory_gap(struct log_plot *plot) {
    struct federation *f = plot->world->federation;
    struct rules rules = federation_rules(f, 2);
    struct bytes body;
    assert_int_equal(record_rules_encode(f->arena, &rules, &body), STATUS_OK);
    (void)federation_admit(f, DIRECTORY_RULES, body);
    rules.revision = 3;
    assert_int_equal(record_rules_encode(f->arena, &rules, &body), STATUS_OK);
    return log_world_admit(plot->world, DIRECTORY_RULES, body);
}

static uint64_t time_runs_back(struct log_plot *plot) {
    (void)log_plot_release(plot, RULE_PASS);
    plot->world->now_ms -= 1;
    plot->world->cosign_ms = plot->world->now_ms + 1;
    return log_plot_release(plot, RULE_PASS);
}

static uint64_t opening_replaced(struct log_plot *plot) {
    uint64_t leaf = log_plot_release(plot, RULE_PASS);
    (void)log_plot_release(plot, RULE_PASS);
    plot->world->leaves[leaf]->exported.opening = plot->world->leaves[leaf + 1]->exported.opening;
    return leaf;
}

static uint64_t opening_in_clear_replaced(struct log_plot *plot) {
    plot->world->leaves[2]->exported.opening = plot->world->leaves[3]->exported.opening;
    return 2;
}

static uint64_t opening_missing(struct log_plot *plot) {
    uint64_t leaf = log_plot_release(plot, RULE_PASS);
    plot->world->leaves[leaf]->exported.opening = BYTES_EMPTY;
    return leaf;
}

static uint64_t evidence_missing(struct log_plot *plot) {
    uint64_t leaf = log_plot_release(plot, RULE_PASS);
    plot->world->leaves[leaf]->n_evidence = 0;
    return leaf;
}

static uint64_t evidence_altered(struct log_plot *plot) {
    uint64_t leaf = log_plot_release(plot, RULE_PASS);
    uint8_t *content = (uint8_t *)(uintptr_t)plot->world->leaves[leaf]->evidence[0].content.data;
    content[40] ^= 1;
    return leaf;
}

static uint64_t leaf_altered(struct log_plot *plot) {
    struct log_world *world = plot->world;
    uint64_t leaf = log_plot_release(plot, RULE_PASS);
    assert_int_equal(arena_copy(world->arena, world->leaves[leaf]->entry, &world->leaves[leaf]->entry), STATUS_OK);
    uint8_t *bytes = (uint8_t *)(uintptr_t)world->leaves[leaf]->entry.data;
    bytes[world->leaves[leaf]->entry.len - 1] ^= 1;
    return leaf;
}

static uint64_t leaves_reordered(struct log_plot *plot) {
    struct log_world *world = plot->world;
    uint64_t leaf = log_plot_release(plot, RULE_PASS);
    (void)log_plot_release(plot, RULE_PASS);
    struct bytes entry = world->leaves[leaf]->entry;
    world->leaves[leaf]->entry = world->leaves[leaf + 1]->entry;
    world->leaves[leaf + 1]->entry = entry;
    return leaf;
}

static uint64_t leaf_removed(struct log_plot *plot) {
    struct log_world *world = plot->world;
    uint64_t leaf = log_plot_release(plot, RULE_PASS);
    (void)log_plot_release(plot, RULE_PASS);
    world->leaves[leaf]->entry = world->leaves[leaf + 1]->entry;
    return leaf;
}

static uint64_t cosigned_later(struct log_plot *plot) {
    (void)log_plot_release(plot, RULE_PASS);
    plot->world->cosign_ms = plot->world->now_ms + 121000;
    return REPLAY_OUTCOME_LOG;
}

static uint64_t erased_without_a_leaf(struct log_plot *plot) {
    struct log_person *gone = log_world_person(plot->world);
    (void)log_story_publish(plot->world, gone, UNIT_EDUCATION, KIND_GOAL, NULL, 0);
    gone->keys_withheld = true;
    return plot->world->n_leaves - 1;
}

static uint64_t erased_with_too_few(struct log_plot *plot) {
    struct log_person *gone = log_world_person(plot->world);
    (void)log_story_publish(plot->world, gone, UNIT_EDUCATION, KIND_GOAL, NULL, 0);
    (void)log_story_publish(plot->world, gone, UNIT_EDUCATION, KIND_GOAL, NULL, 0);
    gone->keys_withheld = true;
    (void)log_story_erase(plot->world, gone, 1);
    return plot->world->n_leaves - 2;
}

static const struct replay_misdeed misdeeds[] = {
    {"a release without consent", no_consent, "consent_known", 1},
    {"a release after revocation", after_revocation, "consent_active", 1},
    {"a release while suspended", while_suspended, "consent_active", 1},
    {"a release after expiry", after_expiry, "not_expired", 1},
    {"a release to another unit", to_another_unit, "recipient", 1},
    {"a release of a kind that the token does not name", of_another_kind, "kind", 1},
    {"a release of a kind that was not asked for", of_a_kind_not_asked, "kind", 2},
    {"a release for another purpose", for_another_purpose, "purpose", 1},
    {"a release from another source", of_another_source, "source", 2},
    {"a release without a grant for the revision", without_grant, "grant", 1},
    {"a release of a withdrawn fragment", of_what_was_withdrawn, "fragment", 1},
    {"a release of an expired fragment", of_what_had_expired, "fragment", 2},
    {"a release after the agreement", after_the_agreement, "agreement", 1},
    {"a release under a directory that is past", under_an_old_directory, "directory_sequence", 2},
    {"a once consent used twice", once_used_twice, "unused", 1},
    {"a consent by another person's device", by_a_device_not_attested, "device", 1},
    {"a consent by a device with an attester that nobody accepts", by_an_attester_not_accepted, "device", 1},
    {"a device attested by who identifies nobody", by_a_member_that_identifies_nobody, "attestation", 1},
    {"a consent by a removed device", by_a_removed_device, "device", 1},
    {"an altered token", token_altered, "token", 1},
    {"a token beyond its request", beyond_the_request, "within", 2},
    {"a token on another basis", on_another_basis, "within", 2},
    {"a token signed long ago", signed_long_ago, "token_time", 1},
    {"a notice that says something else", other_notice, "notice", 1},
    {"a consent longer than the agreement", longer_than_the_agreement, "agreement", 1},
    {"a statement out of its chain", statement_out_of_chain, "statement_chain", 1},
    {"a revocation by a stranger", revoked_by_a_stranger, "denied", 1},
    {"a revocation by another code", revoked_by_another_code, "denied", 1},
    {"superseded by a consent on other terms", superseded_by_other_terms, "decision", 1},
    {"superseded by no consent", superseded_by_nothing, "decision", 1},
    {"an altered statement", statement_altered, "signature", 1},
    {"a device removed by another person", removed_by_another_person, "device_state", 1},
    {"an own key that the device did not ask for", own_key_not_asked_for, "key_grant", 1},
    {"an own key to a removed device", own_key_to_a_removed_device, "device", 1},
    {"a release after a member took its fragments back", released_after_a_member_erased, "fragment", 2},
    {"a release of another person's fragment", other_persons_fragment, "source", 2},
    {"an expiry before its time", expired_too_early, "state_change", 1},
    {"a grant on a state that is old", on_an_old_state, "stale_state", 1},
    {"a grant on a state that was never so", on_a_false_state, "stale_state", 1},
    {"a grant after revocation", granted_after_revocation, "consent_active", 2},
    {"a release refused wrongly", refused_wrongly, "refused_wrongly", 1},
    {"a release refused under another clause", refused_under_another_clause, "clause", 1},
    {"a stranger refused as if it had a consent", stranger_refused_as_ended, "clause", 1},
    {"a fragment withheld", withheld, "withheld", 1},
    {"a revision that skips some", another_revision_first, "revision", 1},
    {"an acknowledgement of what did not end", acknowledged_too_early, "acknowledgement", 1},
    {"a decision on another leaf", prior_leaf_wrong, "prior_leaf", 1},
    {"an opening of another time", opening_of_another_time, "opening_time", 1},
    {"rules without the authority", rules_without_authority, "directory", 1},
    {"a gap in the directory", directory_gap, "directory_gap", 1},
    {"time that runs back", time_runs_back, "leaf_time", 1},
    {"an opening replaced by another", opening_replaced, "opening_seal", 1},
    {"an opening in clear replaced by another", opening_in_clear_replaced, "commitment", 0},
    {"an opening that is gone", opening_missing, "opening_missing", 1},
    {"evidence that is gone", evidence_missing, "evidence_missing", 1},
    {"evidence that was altered", evidence_altered, "evidence_altered", 1},
    {"one byte of a leaf altered", leaf_altered, "leaf_hash", 2},
    {"two leaves in another order", leaves_reordered, "leaf_hash", 4},
    {"a leaf removed, another in its place", leaf_removed, "leaf_hash", 2},
    {"a cosignature of another time", cosigned_later, "cosignature_time", 1},
    {"an erasure without a leaf", erased_without_a_leaf, "opening_missing", 1},
    {"an erasure of more than its leaf says", erased_with_too_few, "opening_missing", 2},
};

static void test_each_misdeed_is_named(void **state) {
    (void)state;
    replay_outcome_expect(misdeeds, sizeof misdeeds / sizeof misdeeds[0]);
}

static void test_an_honest_log_has_no_divergence(void **state) {
    (void)state;
    struct log_plot plot;
    struct replay_outcome outcome CLEANUP(replay_outcome_clear) = {.text = NULL};
    log_plot_begin(&plot);
    log_plot_live(&plot);
    struct log_person *gone = log_world_person(plot.world);
    (void)log_story_publish(plot.world, gone, UNIT_EDUCATION, KIND_GOAL, NULL, 0);
    (void)log_story_publish(plot.world, gone, UNIT_LABOUR, KIND_EVENT, NULL, 0);
    gone->keys_withheld = true;
    (void)log_story_erase(plot.world, gone, 2);
    replay_outcome_of(&plot, PREPARE_ALL, &outcome);
    if (outcome.report.divergences) print_error("%s", outcome.text);
    assert_int_equal(outcome.status, STATUS_OK);
    assert_int_equal(outcome.report.divergences, 0);
    assert_int_equal(outcome.report.leaves, plot.world->n_leaves);
    assert_int_equal(outcome.report.openings, plot.world->n_leaves - 2);
    assert_true(outcome.report.signatures > plot.world->n_leaves);
    log_plot_end(&plot);
}

/* Verify needs no keys, and sees what is in clear: form, tree, directory. */
static void test_verify_needs_no_keys(void **state) {
    (void)state;
    struct log_plot plot;
    struct replay_outcome outcome CLEANUP(replay_outcome_clear) = {.text = NULL};
    log_plot_begin(&plot);
    plot.ada->keys_withheld = true;
    (void)after_revocation(&plot);
    replay_outcome_of(&plot, PREPARE_DIRECTORY, &outcome);
    if (outcome.report.divergences) print_error("%s", outcome.text);
    assert_int_equal(outcome.status, STATUS_OK);
    assert_int_equal(outcome.report.divergences, 0);
    log_plot_end(&plot);
}

static void flip_file(const char *path, long offset) {
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    assert_int_not_equal(fputc(byte ^ 1, file), EOF);
    assert_int_equal(fclose(file), 0);
}

/* Over several bundles, with every leaf altered in turn: each copy names its leaf. */
static void test_a_leaf_of_any_bundle_is_named(void **state) {
    (void)state;
    struct log_plot plot;
    log_plot_begin(&plot);
    while (plot.world->n_leaves < 3 * TILE_WIDTH + 7) {
        (void)log_plot_release(&plot, RULE_PASS);
    }
    static const uint64_t places[] = {0, 255, 256, 600, 767, 768, 774};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct replay_outcome outcome CLEANUP(replay_outcome_clear) = {.text = NULL};
        struct log_world_leaf *leaf = plot.world->leaves[places[i]];
        struct bytes honest = leaf->entry;
        assert_int_equal(arena_copy(plot.world->arena, honest, &leaf->entry), STATUS_OK);
        ((uint8_t *)(uintptr_t)leaf->entry.data)[10] ^= 0x20;
        replay_outcome_of(&plot, PREPARE_ALL, &outcome);
        leaf->entry = honest;
        assert_true(replay_outcome_names(&outcome, places[i], "leaf_hash"));
        assert_int_equal(outcome.report.divergences, 2);
    }
    log_plot_end(&plot);
}

/* Any one byte of the entries, also of the lengths between them: verify names the leaf without any key. */
static void test_every_byte_of_the_entries_counts(void **state) {
    (void)state;
    struct log_plot plot;
    struct scratch scratch;
    char path[SCRATCH_PATH_MAX + 32];
    scratch_init(&scratch);
    log_plot_begin(&plot);
    log_world_write(plot.world, scratch.path);
    (void)snprintf(path, sizeof path, "%s/tile/entries/000.p/%zu", scratch.path, plot.world->n_leaves);
    long at = 0;
    for (uint64_t leaf = 0; leaf < plot.world->n_leaves; leaf++) {
        size_t len = plot.world->leaves[leaf]->entry.len + 2;
        for (size_t i = 0; i < len; i += i < 4 ? 1 : 17) {
            struct replay_outcome outcome CLEANUP(replay_outcome_clear) = {.text = NULL};
            flip_file(path, at + (long)i);
            replay_outcome_of_dir(scratch.path, PREPARE_DIRECTORY, &outcome);
            flip_file(path, at + (long)i);
            if (!replay_outcome_names(&outcome, leaf, "leaf_hash"))
                fail_msg("leaf %d byte %d: %s", (int)leaf, (int)i, outcome.text);
        }
        at += (long)len;
    }
    log_plot_end(&plot);
    scratch_clear(&scratch);
}

/* Memory runs out at any point of the main thread: the audit ends and says so, or needs none of it. */
static void test_memory_may_run_out(void **state) {
    (void)state;
    struct log_plot plot;
    struct scratch scratch;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 20);
    struct slot_keys_ring *keys CLEANUP(slot_keys_free_cleanup) = slot_keys_new();
    struct mirror_federation federation;
    char path[SCRATCH_PATH_MAX];
    scratch_init(&scratch);
    log_plot_begin(&plot);
    log_plot_live(&plot);
    log_world_write(plot.world, scratch.path);
    const struct mirror mirror = {.dir = scratch.path};
    scratch_path(&scratch, "keys", path);
    assert_int_equal(mirror_federation_read(&mirror, arena, &federation), STATUS_OK);
    assert_int_equal(slot_keys_read(keys, path), STATUS_OK);
    const struct replay_options options = {
        .dir = scratch.path, .federation = &federation, .keys = keys, .depth = PREPARE_ALL, .scope = REDUCER_WHOLE};
    FILE *nowhere = fopen("/dev/null", "w");
    assert_non_null(nowhere);
    unsigned failed = 0;
    for (unsigned nth = 1;; nth += nth < 100 ? 1 : 3) {
        struct report report;
        report_begin(&report, "replay", REPORT_TEXT, nowhere, NULL);
        alloc_fail_at(nth);
        enum status status = replay_run(&options, &report);
        int happened = alloc_fail_happened();
        alloc_fail_at(0);
        if (!happened) break;
        if (status == STATUS_OK) continue;
        assert_int_equal(status, STATUS_MEMORY);
        failed++;
    }
    assert_true(failed > 20);
    assert_int_equal(fclose(nowhere), 0);
    log_plot_end(&plot);
    scratch_clear(&scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_misdeed_is_named),
        cmocka_unit_test(test_an_honest_log_has_no_divergence),
        cmocka_unit_test(test_verify_needs_no_keys),
        cmocka_unit_test(test_a_leaf_of_any_bundle_is_named),
        cmocka_unit_test(test_every_byte_of_the_entries_counts),
        cmocka_unit_test(test_memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
