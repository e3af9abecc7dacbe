/*
 * Own fragments on their way out. Owns nothing; what it makes is committed in one transaction: the person's key slot,
 * the sealed content, the row and its place in the outbox. Invariant: what was answered survives kill -9 from then on.
 */
#include "agent/publish.h"

#include <string.h>

#include "agent/agent_internal.h"
#include "agent/grant.h"
#include "agent/outbox.h"
#include "agent/row.h"
#include "agent/subject.h"
#include "base/json.h"
#include "keys/content.h"
#include "proto/fragment_header.h"
#include "proto/limits.h"
#include "proto/msg_publish.h"

#define MEDIA_TYPE     "application/json"
#define SCHEMA_VERSION 1
#define SEND_MS        5000

/* One publication being made. */
struct publication {
    struct agent *agent;
    struct arena *arena;
    const struct agent_caller *caller;
    const struct agent_publish *ask;
    const char *text; /* the content, canonical */
    struct id16 fragment;
    uint32_t revision;
    uint8_t random[CONTENT_RANDOM_BYTES];
    uint64_t now_ms;
    struct fragment_row row;
    uint64_t order;
};

static enum status problem(struct fragment_problems *problems, const char *pointer, const char *text) {
    problems->count = 1;
    problems->items[0] = (struct fragment_problem){.pointer = pointer, .text = text};
    return STATUS_INVALID;
}

/* Which fragment and revision the content is to be: for a new one as the content says, or a fresh id. */
static enum status choose_id(struct publication *publication, const struct fragment_row *before,
                             struct fragment_problems *problems) {
    const char *id = json_string_value(json_object_get(publication->ask->content, "id"));
    publication->revision = 1;
    if (before) {
        publication->fragment = before->fragment;
        publication->revision = before->revision + 1;
        return STATUS_OK;
    }
    publication->fragment = ids_random();
    bool usable = !id || ids_from_text(bytes_text(id), &publication->fragment) == STATUS_OK;
    return usable ? STATUS_OK : problem(problems, "/id", "must be 16 bytes in base64url");
}

/* The content as it is sealed: id and revision are the header's. */
static enum status complete_content(struct publication *publication, json_t **out_content) {
    json_t *content CLEANUP(json_cleanup) = json_deep_copy(publication->ask->content);
    const char *id = ids_text(publication->arena, &publication->fragment);
    ENSURE(content && json_is_object(content) && id, STATUS_INVALID);
    json_t *own CLEANUP(json_cleanup) = json_pack("{s:s,s:I}", "id", id, "revision", (json_int_t)publication->revision);
    ENSURE(own && json_object_update_missing(content, own) == 0, STATUS_MEMORY);
    *out_content = MOVE(content);
    return STATUS_OK;
}

static enum status check_names(const struct publication *publication, const json_t *content,
                               struct fragment_problems *problems) {
    const char *kind = json_string_value(json_object_get(content, "kind"));
    const char *id = json_string_value(json_object_get(content, "id"));
    json_int_t revision = json_integer_value(json_object_get(content, "revision"));
    struct id16 named;
    if (!kind || strcmp(kind, kind_name((enum kind)publication->ask->kind)) != 0) {
        return problem(problems, "/kind", "must be the kind that is published");
    }
    bool same = id && ids_from_text(bytes_text(id), &named) == STATUS_OK && ids_equal(&named, &publication->fragment);
    if (!same) return problem(problems, "/id", "must be the id of the fragment that is replaced");
    if (revision != (json_int_t)publication->revision) {
        return problem(problems, "/revision", "must be one more than that of the revision before, and 1 for the first");
    }
    return STATUS_OK;
}

static enum status check_content(struct publication *publication, struct fragment_problems *out_problems) {
    json_t *content CLEANUP(json_cleanup) = NULL;
    uint32_t kind = publication->ask->kind;
    if (kind == KIND_NONE || kind > KIND_LAST) return problem(out_problems, "/kind", "must be a kind of fragment");
    TRY(complete_content(publication, &content));
    TRY(fragment_schema_check(publication->agent->schema, content, publication->arena, out_problems));
    TRY(check_names(publication, content, out_problems));
    publication->text = json_canonical(publication->arena, content);
    ENSURE(publication->text, STATUS_MEMORY);
    return strlen(publication->text) <= LIMIT_CONTENT_BYTES ? STATUS_OK : STATUS_TOO_LARGE;
}

/* A replacement: same unit, person and kind, one revision more; it names the signed header before it. */
static enum status follow_up(struct store_txn *txn, struct publication *publication, struct fragment_core *core) {
    const struct agent *agent = publication->agent;
    struct fragment_row before;
    TRY(fragment_store_newest(txn, publication->arena, publication->ask->replaces, &before));
    ENSURE(strcmp(before.unit, core->source) == 0, STATUS_NOT_FOUND);
    ENSURE(hash_equal(&before.subject, &core->subject) && before.kind == (uint32_t)core->kind, STATUS_CONFLICT);
    bool stands = before.state == FRAGMENT_STATE_STORED || before.state == FRAGMENT_STATE_QUEUED;
    ENSURE(stands && before.revision + 1 == publication->revision, STATUS_CONFLICT);
    if (before.header.len == 0) {
        TRY(fragment_store_sign(publication->arena, agent->settings->federation, keystore_sign(agent->keystore),
                                &before));
        TRY(fragment_store_put(txn, publication->arena, &before));
    }
    struct hash header = hash_sha256(before.header);
    TRY(arena_copy(publication->arena, hash_bytes(&header), &core->replaces));
    return STATUS_OK;
}

static enum status check_new(struct store_txn *txn, struct publication *publication) {
    struct fragment_row other;
    enum status status = fragment_store_newest(txn, publication->arena, &publication->fragment, &other);
    if (status == STATUS_NOT_FOUND) return STATUS_OK;
    TRY(status);
    return STATUS_CONFLICT;
}

static enum status make_core(struct store_txn *txn, struct publication *publication, struct fragment_core *out_core) {
    const struct agent_publish *ask = publication->ask;
    struct fragment_core core = {.version = 1,
                                 .fragment = publication->fragment,
                                 .revision = publication->revision,
                                 .subject = ask->subject,
                                 .source = publication->caller->unit,
                                 .kind = (enum kind)ask->kind,
                                 .created_ms = publication->now_ms,
                                 .expires_ms = ask->expires_ms,
                                 .media_type = MEDIA_TYPE,
                                 .schema = SCHEMA_VERSION};
    memcpy(core.random, publication->random, sizeof core.random);
    TRY(ask->replaces ? follow_up(txn, publication, &core) : check_new(txn, publication));
    *out_core = core;
    return STATUS_OK;
}

/* Seals the content and fills in the row. */
static enum status seal_content(struct publication *publication, const struct fragment_core *core, uint32_t slot,
                                struct bytes *out_ciphertext) {
    struct secret *subject_key CLEANUP(secret_free_cleanup) = NULL;
    struct secret *content_key CLEANUP(secret_free_cleanup) = NULL;
    const char *federation = publication->agent->settings->federation;
    struct fragment_row *row = &publication->row;
    *row = (struct fragment_row){.fragment = core->fragment,
                                 .revision = core->revision,
                                 .state = FRAGMENT_STATE_QUEUED,
                                 .kind = (uint32_t)core->kind,
                                 .subject = core->subject,
                                 .unit = core->source,
                                 .created_ms = core->created_ms,
                                 .expires_ms = core->expires_ms,
                                 .slot = slot};
    TRY(vault_key(publication->agent->vault, slot, &subject_key));
    TRY(content_derive_key(subject_key, federation, ids_bytes(&core->fragment), core->revision,
                           BYTES_ARRAY(core->random), &content_key));
    TRY(fragment_header_core_encode(publication->arena, core, &row->core));
    TRY(content_seal(content_key, federation, row->core, bytes_text(publication->text), publication->arena,
                     out_ciphertext));
    row->ciphertext_len = out_ciphertext->len;
    row->ciphertext_hash = hash_sha256(*out_ciphertext);
    row->commitment = content_commitment(federation, content_key);
    return STATUS_OK;
}

static enum status commit_publication(struct store_txn *txn, void *arg) {
    struct publication *publication = arg;
    struct fragment_core core;
    struct bytes ciphertext;
    uint32_t slot = 0;
    TRY(make_core(txn, publication, &core));
    TRY(subject_slot(publication->agent, txn, publication->arena, &core.subject, &slot));
    TRY(seal_content(publication, &core, slot, &ciphertext));
    const struct outbox_row row = {.type = MESSAGE_PUBLISH,
                                   .unit = publication->caller->unit,
                                   .official = publication->caller->official,
                                   .fragment = core.fragment,
                                   .revision = core.revision};
    TRY(fragment_store_put(txn, publication->arena, &publication->row));
    TRY(fragment_store_put_ciphertext(txn, publication->arena, &core.fragment, core.revision, ciphertext));
    return outbox_add(txn, publication->arena, &row, &publication->order);
}

struct before_ask {
    struct publication *publication;
    struct fragment_row row;
};

static enum status read_before(struct store_txn *txn, void *arg) {
    struct before_ask *ask = arg;
    return fragment_store_newest(txn, ask->publication->arena, ask->publication->ask->replaces, &ask->row);
}

static enum status plan_revision(struct publication *publication, struct fragment_problems *problems) {
    struct before_ask ask = {.publication = publication};
    if (!publication->ask->replaces) return choose_id(publication, NULL, problems);
    TRY(store_read(publication->agent->store, read_before, &ask));
    return choose_id(publication, &ask.row, problems);
}

enum status publish_commit(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                           const struct agent_publish *ask, struct fragment_row *out_row, uint64_t *out_order,
                           struct fragment_problems *out_problems) {
    struct publication publication = {
        .agent = agent, .arena = arena, .caller = caller, .ask = ask, .now_ms = agent_now_ms(agent)};
    secret_random_public(publication.random, sizeof publication.random);
    out_problems->count = 0;
    TRY(plan_revision(&publication, out_problems));
    TRY(check_content(&publication, out_problems));
    ENSURE(ask->expires_ms == 0 || ask->expires_ms > publication.now_ms, STATUS_INVALID);
    TRY(vault_reserve(agent->vault));
    TRY(store_write(agent->store, commit_publication, &publication));
    *out_row = publication.row;
    *out_order = publication.order;
    return STATUS_OK;
}

enum status publish_fragment(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                             const struct agent_publish *ask, struct agent_published *out_published,
                             struct fragment_problems *out_problems) {
    struct fragment_row row;
    uint64_t order = 0;
    struct outbox_outcome outcome = {.status = STATUS_RETRY};
    TRY(publish_commit(agent, arena, caller, ask, &row, &order, out_problems));
    bool up = atomic_load(&agent->tally.link_up);
    if (up) TRY(outbox_send(agent, arena, order, SEND_MS, &outcome));
    agent_wake(agent);
    struct agent_published published = {.fragment = row.fragment, .revision = row.revision, .place = FRAGMENT_QUEUED};
    if (outcome.status == STATUS_OK) {
        published.place = FRAGMENT_STORED;
        published.receipt = outcome.receipt;
    } else if (outcome.status != STATUS_RETRY) {
        return outcome.status;
    }
    *out_published = published;
    return STATUS_OK;
}

/* ---- withdrawing ---- */

struct withdrawal {
    struct arena *arena;
    const struct agent_caller *caller;
    const struct id16 *fragment;
    uint64_t order;
};

static enum status commit_withdrawal(struct store_txn *txn, void *arg) {
    struct withdrawal *withdrawal = arg;
    struct fragment_row row;
    const struct msg_withdraw message = {.fragment = *withdrawal->fragment};
    TRY(fragment_store_newest(txn, withdrawal->arena, withdrawal->fragment, &row));
    ENSURE(strcmp(row.unit, withdrawal->caller->unit) == 0, STATUS_DENIED);
    ENSURE(row.state != FRAGMENT_STATE_REFUSED, STATUS_NOT_FOUND);
    row.state = FRAGMENT_STATE_WITHDRAWN;
    struct outbox_row out = {.type = MESSAGE_WITHDRAW,
                             .unit = withdrawal->caller->unit,
                             .official = withdrawal->caller->official,
                             .fragment = *withdrawal->fragment};
    TRY(msg_withdraw_encode(withdrawal->arena, &message, &out.body));
    TRY(fragment_store_put(txn, withdrawal->arena, &row));
    return outbox_add(txn, withdrawal->arena, &out, &withdrawal->order);
}

enum status publish_withdraw(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                             const struct id16 *fragment, struct bytes *out_receipt) {
    struct withdrawal withdrawal = {.arena = arena, .caller = caller, .fragment = fragment};
    struct outbox_outcome outcome = {.status = STATUS_RETRY};
    TRY(store_write(agent->store, commit_withdrawal, &withdrawal));
    if (atomic_load(&agent->tally.link_up)) TRY(outbox_send(agent, arena, withdrawal.order, SEND_MS, &outcome));
    agent_wake(agent);
    ENSURE(outcome.status == STATUS_OK || outcome.status == STATUS_RETRY, outcome.status);
    *out_receipt = outcome.status == STATUS_OK ? outcome.receipt : BYTES_EMPTY;
    return STATUS_OK;
}

/* ---- reading ---- */

struct ciphertext_ask {
    struct arena *arena;
    const struct fragment_row *row;
    struct bytes ciphertext;
};

static enum status read_ciphertext(struct store_txn *txn, void *arg) {
    struct ciphertext_ask *ask = arg;
    return fragment_store_ciphertext(txn, ask->arena, &ask->row->fragment, ask->row->revision, &ask->ciphertext);
}

enum status publish_open(struct agent *agent, struct arena *arena, const struct fragment_row *row,
                         json_t **out_content) {
    struct secret *subject_key CLEANUP(secret_free_cleanup) = NULL;
    struct secret *content_key CLEANUP(secret_free_cleanup) = NULL;
    const char *federation = agent->settings->federation;
    struct ciphertext_ask ask = {.arena = arena, .row = row};
    struct bytes plaintext;
    TRY(store_read(agent->store, read_ciphertext, &ask));
    TRY(vault_key(agent->vault, row->slot, &subject_key));
    TRY(grant_content_key(arena, federation, subject_key, row, &content_key));
    TRY(content_open(content_key, federation, &row->commitment, row->core, ask.ciphertext, LIMIT_CONTENT_BYTES, arena,
                     &plaintext));
    return json_read(plaintext, LIMIT_CONTENT_BYTES, out_content);
}
