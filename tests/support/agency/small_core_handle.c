/* One function a message: what a well-meaning core would answer, without asking whether it should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "keys/jws.h"
#include "proto/attestation.h"
#include "proto/derive.h"
#include "proto/fragment_header.h"
#include "proto/limits.h"
#include "proto/msg_directory.h"
#include "proto/msg_enrol.h"
#include "proto/msg_publish.h"
#include "proto/signed.h"
#include "proto/statement.h"
#include "support/agency/small_core.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

/* One message being answered. */
struct small_call {
    struct small_core *core;
    const char *member;
    const struct envelope *envelope;
    const struct hash *cause;
    struct reply *reply;
};

static struct id16 event_of(const struct small_call *call) {
    return derive_event_id(FEDERATION_NAME, call->envelope->sender, &call->envelope->message, 0);
}

static struct bytes keep(struct small_core *core, const struct hash *hash) {
    struct bytes kept;
    OK(arena_copy(core->arena, hash_bytes(hash), &kept));
    return kept;
}

static void give_receipt(struct small_call *call, uint64_t leaf) {
    const struct msg_receipted receipted = {.receipt = small_core_receipt(call->core, leaf)};
    OK(msg_receipted_encode(call->core->arena, &receipted, &call->reply->body));
}

static void handle_directory(struct small_call *call) {
    struct small_core *core = call->core;
    struct msg_directory_ask ask;
    struct msg_directory_answer answer = {0};
    struct bytes body;
    OK(msg_directory_ask_parse(core->arena, call->envelope->body, &ask));
    struct bytes *receipts = ARENA_ARRAY(core->arena, struct bytes, FEDERATION_ENTRIES_MAX);
    assert_non_null(receipts);
    answer.entries = core->federation->entries + ask.after;
    answer.receipts = receipts;
    for (uint64_t i = ask.after; i < core->federation->n_entries && answer.n_entries < ask.most; i++) {
        receipts[answer.n_entries++] = small_core_receipt(core, core->entry_leaves[i]);
    }
    answer.n_receipts = answer.n_entries;
    const struct directory_head head = {.version = 1,
                                        .federation = FEDERATION_NAME,
                                        .sequence = directory_sequence(core->federation->directory),
                                        .head = directory_head(core->federation->directory),
                                        .time_ms = core->clock.manual_now_ms};
    OK(state_statement_head_encode(core->arena, &head, &body));
    OK(signed_make(core->arena, SIGNED_DIRECTORY_HEAD, FEDERATION_NAME, body, core->federation->status_key,
                   &answer.head));
    OK(msg_directory_answer_encode(core->arena, &answer, &call->reply->body));
}

static struct small_fragment *find_fragment(struct small_core *core, const struct id16 *id, uint32_t revision) {
    for (size_t i = core->n_fragments; i-- > 0;) {
        struct small_fragment *fragment = &core->fragments[i];
        bool same = ids_equal(&fragment->id, id) && (revision == 0 || fragment->revision == revision);
        if (same) return fragment;
    }
    return NULL;
}

static struct opening_item *item_of(struct small_core *core, const struct small_fragment *fragment) {
    struct opening_item *item = ARENA_NEW(core->arena, struct opening_item);
    assert_non_null(item);
    *item = (struct opening_item){.fragment = fragment->id,
                                  .revision = fragment->revision,
                                  .header_hash = hash_sha256(fragment->header),
                                  .ciphertext_hash = hash_sha256(fragment->ciphertext)};
    return item;
}

static void keep_grant(struct small_core *core, struct bytes whole) {
    struct small_grant *kept = &core->grants[core->n_grants++];
    struct signed_object object;
    kept->whole = whole;
    OK(signed_parse(core->arena, whole, &object));
    OK(key_grant_parse(core->arena, FEDERATION_NAME, object.body, &kept->grant));
}

static void publish_new(struct small_call *call, const struct msg_publish *message,
                        const struct fragment_signed *header) {
    struct small_core *core = call->core;
    struct small_fragment *fragment = &core->fragments[core->n_fragments++];
    *fragment = (struct small_fragment){.id = header->core.fragment,
                                        .revision = header->core.revision,
                                        .kind = (uint32_t)header->core.kind,
                                        .subject = header->core.subject,
                                        .source = header->core.source,
                                        .header = message->header,
                                        .ciphertext = message->ciphertext};
    struct hash cause = hash_sha256(message->header);
    struct opening opening = {.actor = fragment->source,
                              .source = fragment->source,
                              .subject = hash_bytes(&fragment->subject),
                              .cause = keep(core, &cause),
                              .kinds = &fragment->kind,
                              .n_kinds = 1,
                              .items = item_of(core, fragment),
                              .n_items = 1};
    fragment->leaf = small_core_append(core, LEAF_PUBLISHED, event_of(call), &opening);
    for (size_t i = 0; i < message->n_grants; i++) {
        keep_grant(core, message->grants[i]);
    }
}

static void handle_publish(struct small_call *call) {
    struct small_core *core = call->core;
    struct msg_publish message;
    struct fragment_signed header;
    OK(msg_publish_parse(core->arena, call->envelope->body, &message));
    OK(fragment_header_split(core->arena, message.header, &header));
    struct small_fragment *stands = find_fragment(core, &header.core.fragment, header.core.revision);
    if (stands && !bytes_equal(stands->header, message.header)) {
        call->reply->code = REPLY_CONFLICT;
        return;
    }
    if (!stands) publish_new(call, &message, &header);
    give_receipt(call, find_fragment(core, &header.core.fragment, header.core.revision)->leaf);
}

static void handle_withdraw(struct small_call *call) {
    struct small_core *core = call->core;
    struct msg_withdraw message;
    OK(msg_withdraw_parse(core->arena, call->envelope->body, &message));
    struct small_fragment *fragment = find_fragment(core, &message.fragment, 0);
    assert_non_null(fragment);
    struct opening opening = {.actor = fragment->source,
                              .source = fragment->source,
                              .subject = hash_bytes(&fragment->subject),
                              .cause = keep(core, call->cause),
                              .items = item_of(core, fragment),
                              .n_items = 1};
    give_receipt(call, small_core_append(core, LEAF_WITHDRAWN, event_of(call), &opening));
}

static struct small_token *find_token(struct small_core *core, const struct id16 *token) {
    for (size_t i = 0; i < core->n_tokens; i++) {
        if (ids_equal(&core->tokens[i].token.jti, token)) return &core->tokens[i];
    }
    return NULL;
}

struct bytes small_core_state(struct small_core *core, const struct id16 *token, enum consent_state state,
                              uint64_t time_ms) {
    const struct state_statement statement = {.version = 1,
                                              .federation = FEDERATION_NAME,
                                              .token = *token,
                                              .state = state,
                                              .tree_size = tree_store_size(core->tree),
                                              .time_ms = time_ms};
    struct bytes body;
    struct bytes whole;
    OK(state_statement_encode(core->arena, &statement, &body));
    OK(signed_make(core->arena, SIGNED_STATE, FEDERATION_NAME, body, core->federation->status_key, &whole));
    return whole;
}

static void handle_state(struct small_call *call) {
    struct small_core *core = call->core;
    struct msg_state message;
    OK(msg_state_parse(core->arena, call->envelope->body, &message));
    const struct small_token *token = find_token(core, &message.token);
    assert_non_null(token);
    const struct msg_state_answer answer = {
        .state = small_core_state(core, &message.token, token->state, core->clock.manual_now_ms - core->state_age_ms)};
    OK(msg_state_answer_encode(core->arena, &answer, &call->reply->body));
}

static void handle_upload(struct small_call *call) {
    struct small_core *core = call->core;
    struct msg_upload_grants message;
    OK(msg_upload_grants_parse(core->arena, call->envelope->body, &message));
    struct opening_item *items = ARENA_ARRAY(core->arena, struct opening_item, message.n_grants);
    uint32_t *clauses = ARENA_ARRAY(core->arena, uint32_t, message.n_grants);
    assert_non_null(items);
    assert_non_null(clauses);
    struct bytes device = BYTES_EMPTY;
    struct bytes token = BYTES_EMPTY;
    for (size_t i = 0; i < message.n_grants; i++) {
        keep_grant(core, message.grants[i]);
        const struct key_grant *grant = &core->grants[core->n_grants - 1].grant;
        struct hash hash = hash_sha256(message.grants[i]);
        items[i] = *item_of(core, find_fragment(core, &grant->fragment, grant->revision));
        items[i].grant_hash = keep(core, &hash);
        token = grant->token;
        for (size_t d = 0; grant->token.len == 0 && d < core->n_devices; d++) {
            device = hash_bytes(&core->devices[d].thumbprint);
        }
    }
    struct opening opening = {.actor = call->envelope->sender,
                              .source = call->envelope->sender,
                              .cause = keep(core, call->cause),
                              .token = token,
                              .device = device,
                              .items = items,
                              .n_items = message.n_grants};
    uint64_t leaf = small_core_append(core, LEAF_GRANTED_KEY, event_of(call), &opening);
    const struct msg_uploaded_grants answer = {
        .receipt = small_core_receipt(core, leaf), .clauses = clauses, .n_clauses = message.n_grants};
    OK(msg_uploaded_grants_encode(core->arena, &answer, &call->reply->body));
}

static struct small_grant *find_grant(struct small_core *core, const struct small_token *token,
                                      const struct small_fragment *fragment, struct bytes event) {
    for (size_t i = core->n_grants; i-- > 0;) {
        const struct key_grant *grant = &core->grants[i].grant;
        bool of_token = bytes_equal(grant->token, ids_bytes(&token->token.jti));
        bool same = ids_equal(&grant->fragment, &fragment->id) && grant->revision == fragment->revision;
        if (of_token && same && bytes_equal(grant->release_event, event)) return &core->grants[i];
    }
    return NULL;
}

static bool is_covered(const struct small_token *token, const struct small_fragment *fragment) {
    bool right = strcmp(token->token.from, fragment->source) == 0;
    right = right && hash_equal(&token->token.subject, &fragment->subject);
    for (size_t i = 0; right && i < token->token.n_kinds; i++) {
        if (token->token.kinds[i] == fragment->kind) return true;
    }
    return false;
}

/* Fills in one item of an answer, unless there is no grant for it. */
static bool take_item(struct small_core *core, const struct small_token *token, struct small_fragment *fragment,
                      struct msg_released_item *item, struct opening_item *named) {
    bool once = token->token.access == ACCESS_ONCE;
    struct small_grant *grant = once ? NULL : find_grant(core, token, fragment, BYTES_EMPTY);
    if (!is_covered(token, fragment) || (!once && !grant)) return false;
    *named = *item_of(core, fragment);
    *item = (struct msg_released_item){.header = fragment->header};
    if (!core->no_grants_inline) item->ciphertext = fragment->ciphertext;
    if (!grant) return true;
    struct hash hash = hash_sha256(grant->whole);
    item->grant = grant->whole;
    named->grant_hash = keep(core, &hash);
    return true;
}

static void tell_used(struct small_core *core, struct small_token *token, uint64_t leaf) {
    struct bytes *receipt = ARENA_NEW(core->arena, struct bytes);
    assert_non_null(receipt);
    token->used = leaf + 1;
    *receipt = small_core_receipt(core, leaf);
    const struct msg_mail_event event = {.type = EVENT_USED_ONCE,
                                         .subject = hash_bytes(&token->token.subject),
                                         .receipts = receipt,
                                         .n_receipts = 1,
                                         .consent = ids_bytes(&token->token.consent),
                                         .token = token->compact,
                                         .release_event = ids_bytes(&core->leaves[leaf].event)};
    small_core_mail(core, token->token.from, &event);
}

static void handle_release(struct small_call *call) {
    struct small_core *core = call->core;
    struct msg_release message;
    OK(msg_release_parse(core->arena, call->envelope->body, &message));
    struct small_token *token = find_token(core, &message.token);
    assert_non_null(token);
    struct msg_released_item *items = ARENA_ARRAY(core->arena, struct msg_released_item, SMALL_CORE_MAX);
    struct opening_item *named = ARENA_ARRAY(core->arena, struct opening_item, SMALL_CORE_MAX);
    assert_non_null(items);
    assert_non_null(named);
    size_t count = 0;
    bool open = token->state == CONSENT_ACTIVE;
    for (size_t i = 0; open && i < core->n_fragments; i++) {
        if (take_item(core, token, &core->fragments[i], &items[count], &named[count])) count++;
    }
    struct opening opening = {.actor = call->envelope->sender,
                              .cause = keep(core, call->cause),
                              .subject = hash_bytes(&token->token.subject),
                              .consent = ids_bytes(&token->token.consent),
                              .token = ids_bytes(&token->token.jti),
                              .recipient = token->token.to,
                              .source = token->token.from,
                              .purpose = message.purpose,
                              .kinds = message.kinds,
                              .n_kinds = message.n_kinds,
                              .items = named,
                              .n_items = count,
                              .stage = 2,
                              .clause = count  ? 0
                                        : open ? 17
                                               : 6,
                              .prior_leaf = token->leaf + 1};
    uint64_t leaf = small_core_append(core, count ? LEAF_RELEASED : LEAF_REFUSED, event_of(call), &opening);
    if (count && token->token.access == ACCESS_ONCE) tell_used(core, token, leaf);
    const struct msg_released answer = {.receipt = small_core_receipt(core, leaf), .items = items, .n_items = count};
    if (count == 0) call->reply->code = open ? REPLY_NOT_AVAILABLE : REPLY_CONSENT_ENDED;
    OK(msg_released_encode(core->arena, &answer, &call->reply->body));
}

static void handle_fetch(struct small_call *call) {
    struct small_core *core = call->core;
    struct msg_fetch message;
    OK(msg_fetch_parse(core->arena, call->envelope->body, &message));
    const struct small_fragment *fragment = find_fragment(core, &message.fragment, 0);
    assert_non_null(fragment);
    assert_true(message.offset < fragment->ciphertext.len);
    size_t rest = fragment->ciphertext.len - (size_t)message.offset;
    struct msg_fetched answer = {
        .ciphertext = BYTES(fragment->ciphertext.data + message.offset, rest < message.length ? rest : message.length)};
    for (size_t i = 0; message.offset == 0 && i < core->n_tokens; i++) {
        struct small_grant *grant = find_grant(core, &core->tokens[i], fragment, ids_bytes(&message.event));
        if (grant) answer.grant = grant->whole;
    }
    OK(msg_fetched_encode(core->arena, &answer, &call->reply->body));
}

static void handle_checkpoint(struct small_call *call) {
    struct small_core *core = call->core;
    struct msg_checkpoint_ask ask;
    OK(msg_checkpoint_ask_parse(core->arena, call->envelope->body, &ask));
    struct merkle_proof proof = {0};
    struct msg_checkpoint_answer answer = {.checkpoint = ask.cosigned ? core->cosigned : small_core_note(core)};
    uint64_t size = ask.cosigned ? core->cosigned_size : tree_store_size(core->tree);
    if (ask.have <= size) {
        OK(merkle_prove_consistency(tree_store_read, core->tree, ask.have, size, &proof));
        answer.consistency = proof.hashes;
        answer.n_consistency = proof.count;
    }
    if (answer.checkpoint.len == 0) {
        call->reply->code = REPLY_NOT_FOUND;
        return;
    }
    OK(msg_checkpoint_answer_encode(core->arena, &answer, &call->reply->body));
}

static void handle_cosign(struct small_call *call) {
    struct msg_cosign message;
    OK(msg_cosign_parse(call->core->arena, call->envelope->body, &message));
    call->core->cosigned = message.cosigned;
    call->core->cosigned_size = tree_store_size(call->core->tree);
}

static void handle_events(struct small_call *call) {
    struct small_core *core = call->core;
    struct msg_events message;
    OK(msg_events_parse(core->arena, call->envelope->body, &message));
    struct msg_mail_event *events = ARENA_ARRAY(core->arena, struct msg_mail_event, LIMIT_EVENTS);
    assert_non_null(events);
    struct msg_events_answer answer = {.events = events, .directory_sequence = core->n_entry_leaves};
    for (size_t i = 0; i < core->n_mails && answer.n_events < message.most; i++) {
        const struct small_mail *mail = &core->mails[i];
        bool wanted = mail->event.sequence > message.after && strcmp(mail->member, call->member) == 0;
        if (wanted) events[answer.n_events++] = mail->event;
    }
    OK(msg_events_answer_encode(core->arena, &answer, &call->reply->body));
}

static void handle_evaluate(struct small_call *call) {
    struct small_core *core = call->core;
    struct msg_evaluate message;
    struct voprf_element evaluated;
    struct msg_evaluated answer = {.evaluated = &evaluated, .n_evaluated = 1};
    OK(msg_evaluate_parse(core->arena, call->envelope->body, &message));
    OK(voprf_evaluate(core->federation->pseudonym_key, message.blinded, 1, &evaluated, &answer.proof));
    OK(msg_evaluated_encode(core->arena, &answer, &call->reply->body));
}

static void handle_request(struct small_call *call) {
    struct small_core *core = call->core;
    struct msg_request_consent message;
    struct small_request *kept = &core->requests[core->n_requests++];
    struct signed_object object;
    OK(msg_request_consent_parse(core->arena, call->envelope->body, &message));
    OK(signed_parse(core->arena, message.request, &object));
    OK(consent_request_parse(core->arena, FEDERATION_NAME, object.body, &kept->request));
    kept->whole = message.request;
    kept->salts = message.sources;
    kept->n_salts = message.n_sources;
    struct hash *evidence = ARENA_NEW(core->arena, struct hash);
    assert_non_null(evidence);
    *evidence = hash_sha256(message.request);
    struct opening opening = {.actor = call->envelope->sender,
                              .recipient = call->envelope->sender,
                              .cause = keep(core, call->cause),
                              .subject = hash_bytes(&kept->request.subject),
                              .request = ids_bytes(&kept->request.request),
                              .purpose = kept->request.purpose,
                              .kinds = kept->request.kinds,
                              .n_kinds = kept->request.n_kinds,
                              .evidence = evidence,
                              .n_evidence = 1};
    kept->leaf = small_core_append(core, LEAF_CONSENT_REQUESTED, event_of(call), &opening);
    give_receipt(call, kept->leaf);
}

/* Acknowledgements, revocations, attestations, erasures: a leaf that names what it is about. */
static void handle_acknowledge(struct small_call *call) {
    struct msg_acknowledge *message = ARENA_NEW(call->core->arena, struct msg_acknowledge);
    assert_non_null(message);
    OK(msg_acknowledge_parse(call->core->arena, call->envelope->body, message));
    struct opening opening = {.actor = call->envelope->sender,
                              .cause = keep(call->core, call->cause),
                              .consent = ids_bytes(&message->consent),
                              .number = message->ending};
    give_receipt(call, small_core_append(call->core, LEAF_ACKNOWLEDGED, event_of(call), &opening));
}

static void handle_revoke(struct small_call *call) {
    struct msg_revoke *message = ARENA_NEW(call->core->arena, struct msg_revoke);
    assert_non_null(message);
    OK(msg_revoke_parse(call->core->arena, call->envelope->body, message));
    for (size_t i = 0; i < call->core->n_tokens; i++) {
        if (ids_equal(&call->core->tokens[i].token.consent, &message->consent)) {
            small_core_change(call->core, i, CONSENT_STATE_REVOKED);
            give_receipt(call, tree_store_size(call->core->tree) - 1);
            return;
        }
    }
    call->reply->code = REPLY_NOT_FOUND;
}

static void handle_attest(struct small_call *call) {
    struct small_core *core = call->core;
    struct msg_attest message;
    struct signed_object object;
    struct attestation *attestation = ARENA_NEW(core->arena, struct attestation);
    struct hash *hashes = ARENA_ARRAY(core->arena, struct hash, 3);
    assert_non_null(attestation);
    assert_non_null(hashes);
    OK(msg_attest_parse(core->arena, call->envelope->body, &message));
    OK(signed_parse(core->arena, message.attestation, &object));
    OK(attestation_parse(core->arena, FEDERATION_NAME, object.body, attestation));
    hashes[0] = hash_sha256(message.attestation);
    hashes[1] = attestation->registration_hash;
    hashes[2] = jws_thumbprint(&attestation->sign_key);
    struct opening opening = {.actor = call->envelope->sender,
                              .cause = keep(core, call->cause),
                              .subject = hash_bytes(&attestation->subject),
                              .device = hash_bytes(&hashes[2]),
                              .evidence = hashes,
                              .n_evidence = 2};
    give_receipt(call, small_core_append(core, LEAF_DEVICE_ENROLLED, event_of(call), &opening));
}

static void handle_erase(struct small_call *call) {
    struct opening opening = {.actor = call->envelope->sender, .cause = keep(call->core, call->cause), .number = 1};
    give_receipt(call, small_core_append(call->core, LEAF_ERASED, event_of(call), &opening));
}

static void handle_nothing(struct small_call *call) { (void)call; }

void small_core_handle(struct small_core *core, const char *member, const struct envelope *envelope,
                       const struct hash *cause, struct reply *out) {
    static void (*const handlers[MESSAGE_LAST + 1])(struct small_call *) = {
        [MESSAGE_PUBLISH] = handle_publish,
        [MESSAGE_WITHDRAW] = handle_withdraw,
        [MESSAGE_REQUEST_CONSENT] = handle_request,
        [MESSAGE_RELEASE] = handle_release,
        [MESSAGE_FETCH] = handle_fetch,
        [MESSAGE_UPLOAD_GRANTS] = handle_upload,
        [MESSAGE_STATE] = handle_state,
        [MESSAGE_REVOKE] = handle_revoke,
        [MESSAGE_ACKNOWLEDGE] = handle_acknowledge,
        [MESSAGE_EVENTS] = handle_events,
        [MESSAGE_EVALUATE] = handle_evaluate,
        [MESSAGE_OPEN_ENROLMENT] = handle_nothing,
        [MESSAGE_ATTEST] = handle_attest,
        [MESSAGE_CHECKPOINT] = handle_checkpoint,
        [MESSAGE_COSIGN] = handle_cosign,
        [MESSAGE_DIRECTORY] = handle_directory,
        [MESSAGE_ERASE] = handle_erase,
    };
    struct small_call call = {.core = core, .member = member, .envelope = envelope, .cause = cause, .reply = out};
    assert_non_null(handlers[envelope->type]);
    handlers[envelope->type](&call);
}
