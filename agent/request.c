/*
 * Table REQUEST: request id -> what was asked, with the salts of its sources. A row is committed before the request
 * leaves, so that the answer finds it. Invariant: a salt is used for one source of one request.
 */
#include "agent/request.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent_internal.h"
#include "agent/receipt.h"
#include "agent/row.h"
#include "base/json.h"
#include "base/timestamp.h"
#include "proto/consent_request.h"
#include "proto/derive.h"
#include "proto/limits.h"
#include "proto/msg_consent.h"
#include "proto/msg_publish.h"

struct request_row {
    const char *unit;
    struct hash subject;
    uint64_t expires_ms;
    struct bytes request;      /* Signed */
    const struct bytes *salts; /* 32 bytes and the unit's name each */
    size_t n_salts;
};

#define AT(name) offsetof(struct request_row, name)
static const struct row_field fields[] = {
    {ROW_TEXT, AT(unit), 0},
    {ROW_FIXED, AT(subject), sizeof(struct hash)},
    {ROW_U64, AT(expires_ms), 0},
    {ROW_BYTES, AT(request), 0},
    {ROW_LIST, AT(salts), AT(n_salts)},
};
static const struct row_form form = {1, fields, sizeof fields / sizeof fields[0], sizeof(struct request_row)};

enum status request_salt(struct store_txn *txn, struct arena *arena, const struct id16 *request, const char *source,
                         struct bytes *out_salt) {
    struct request_row row;
    TRY(row_get(txn, AGENT_REQUEST, ids_bytes(request), &form, arena, &row));
    for (size_t i = 0; i < row.n_salts; i++) {
        struct reader reader = reader_init(row.salts[i]);
        struct bytes salt = reader_take(&reader, HASH_BYTES);
        if (reader.status != STATUS_OK || !bytes_equal_text(reader.rest, source)) continue;
        *out_salt = salt;
        return STATUS_OK;
    }
    return STATUS_NOT_FOUND;
}

/* One request being made. */
struct making {
    struct agent *agent;
    struct arena *arena;
    const struct agent_caller *caller;
    const struct agent_request *ask;
    struct id16 id;
    struct msg_source_salt *salts;
    struct hash *commitments;
    struct request_row row;
};

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static enum status choose_salts(struct making *making) {
    const struct agent_request *ask = making->ask;
    const char **names = ARENA_ARRAY(making->arena, const char *, ask->n_sources);
    struct bytes *kept = ARENA_ARRAY(making->arena, struct bytes, ask->n_sources);
    making->salts = ARENA_ARRAY(making->arena, struct msg_source_salt, ask->n_sources);
    making->commitments = ARENA_ARRAY(making->arena, struct hash, ask->n_sources);
    ENSURE(names && kept && making->salts && making->commitments, STATUS_MEMORY);
    memcpy(names, ask->sources, ask->n_sources * sizeof *names);
    qsort(names, ask->n_sources, sizeof *names, by_name);
    for (size_t i = 0; i < ask->n_sources; i++) {
        struct msg_source_salt *salt = &making->salts[i];
        salt->unit = names[i];
        secret_random_public(salt->salt.b, sizeof salt->salt.b);
        making->commitments[i] = derive_source_commitment(making->agent->settings->federation, names[i], &salt->salt);
        TRY(row_key(making->arena, hash_bytes(&salt->salt), bytes_text(names[i]), BYTES_EMPTY, &kept[i]));
    }
    making->row.salts = kept;
    making->row.n_salts = ask->n_sources;
    return STATUS_OK;
}

static enum status sign_request(struct making *making) {
    const struct agent_request *ask = making->ask;
    const char *federation = making->agent->settings->federation;
    const struct consent_request request = {.version = 1,
                                            .federation = federation,
                                            .request = making->id,
                                            .subject = ask->subject,
                                            .recipient = making->caller->unit,
                                            .purpose = ask->purpose,
                                            .kinds = ask->kinds,
                                            .n_kinds = ask->n_kinds,
                                            .sources = making->commitments,
                                            .n_sources = ask->n_sources,
                                            .duration_s = ask->duration_s,
                                            .access = (enum access)ask->access,
                                            .basis = (enum basis)ask->basis,
                                            .created_ms = agent_now_ms(making->agent),
                                            .expires_ms = ask->expires_ms,
                                            .group = ask->group};
    struct bytes body;
    TRY(consent_request_encode(making->arena, &request, &body));
    return signed_make(making->arena, SIGNED_REQUEST, federation, body, keystore_sign(making->agent->keystore),
                       &making->row.request);
}

/* What core would refuse, said beforehand and with a reason. */
static enum status check_allowed(const struct making *making, const struct directory *directory,
                                 const char **out_reason) {
    const struct agent_request *ask = making->ask;
    const struct rules *rules = directory_rules(directory);
    *out_reason = "the rules do not know this purpose";
    ENSURE(rules && directory_purpose(directory, ask->purpose), STATUS_INVALID);
    *out_reason = "the rules do not allow so many sources, or none is named";
    ENSURE(ask->n_sources >= 1 && ask->n_sources <= rules->most_sources && ask->n_sources <= LIMIT_SOURCES,
           STATUS_INVALID);
    *out_reason = "the rules do not allow so long a consent";
    ENSURE(ask->duration_s >= 1 && ask->duration_s <= rules->longest_consent_s, STATUS_INVALID);
    *out_reason = "the time until which it can be decided has passed";
    ENSURE(ask->expires_ms > agent_now_ms(making->agent), STATUS_INVALID);
    for (size_t i = 0; i < ask->n_sources; i++) {
        const struct directory_ask question = {.to = making->caller->unit,
                                               .from = ask->sources[i],
                                               .purpose = ask->purpose,
                                               .kinds = ask->kinds,
                                               .n_kinds = ask->n_kinds,
                                               .duration_s = ask->duration_s,
                                               .at_ms = agent_now_ms(making->agent)};
        *out_reason = "no agreement in force covers this with every source named";
        ENSURE(directory_covering(directory, &question), STATUS_INVALID);
    }
    *out_reason = "";
    return STATUS_OK;
}

static enum status put_row(struct store_txn *txn, void *arg) {
    const struct making *making = arg;
    return row_put(txn, AGENT_REQUEST, ids_bytes(&making->id), &form, making->arena, &making->row);
}

static enum status drop_row(struct store_txn *txn, void *arg) {
    const struct making *making = arg;
    return store_delete(txn, AGENT_REQUEST, ids_bytes(&making->id));
}

static enum status check_receipt(const struct making *making, const struct directory *directory, struct bytes text,
                                 struct receipt *out_receipt) {
    struct receipt receipt;
    TRY(receipt_open(making->arena, directory, text, LEAF_CONSENT_REQUESTED, &receipt));
    const struct opening *opening = &receipt.opening;
    ENSURE(receipt_evidence(opening, 0, making->row.request), STATUS_PROOF);
    ENSURE(receipt_says(opening->request, ids_bytes(&making->id)), STATUS_PROOF);
    ENSURE(receipt_says(opening->subject, hash_bytes(&making->ask->subject)), STATUS_PROOF);
    *out_receipt = receipt;
    return STATUS_OK;
}

static enum status send_request(struct making *making, const struct directory *directory, struct bytes *out_receipt) {
    const struct msg_request_consent message = {
        .request = making->row.request, .sources = making->salts, .n_sources = making->ask->n_sources};
    struct bytes body;
    struct link_answer came;
    struct msg_receipted receipted;
    struct receipt receipt;
    TRY(msg_request_consent_encode(making->arena, &message, &body));
    const struct link_ask ask = {.type = MESSAGE_REQUEST_CONSENT,
                                 .unit = making->caller->unit,
                                 .official = making->caller->official,
                                 .body = body};
    TRY(link_ask(&making->agent->link, making->arena, &ask, &came));
    enum status said = link_status(&came);
    /* Core said no: nobody will answer it. When nothing was said, the request may stand. */
    if (said != STATUS_OK) TRY(store_write(making->agent->store, drop_row, making));
    TRY(said);
    TRY(msg_receipted_parse(making->arena, came.reply.body, &receipted));
    TRY(check_receipt(making, directory, receipted.receipt, &receipt));
    agent_saw_size(making->agent, receipt.size);
    *out_receipt = receipt.text;
    return STATUS_OK;
}

enum status request_consent(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                            const struct agent_request *ask, struct id16 *out_request, struct bytes *out_receipt,
                            const char **out_reason) {
    struct directory *directory CLEANUP(directory_unref_cleanup) = dirsync_directory(agent);
    struct making making = {.agent = agent,
                            .arena = arena,
                            .caller = caller,
                            .ask = ask,
                            .id = ids_random(),
                            .row = {.unit = caller->unit, .subject = ask->subject, .expires_ms = ask->expires_ms}};
    TRY(check_allowed(&making, directory, out_reason));
    TRY(choose_salts(&making));
    TRY(sign_request(&making));
    TRY(store_write(agent->store, put_row, &making));
    TRY(send_request(&making, directory, out_receipt));
    *out_request = making.id;
    return STATUS_OK;
}

/* ---- what became of it ---- */

struct asking {
    struct arena *arena;
    const struct id16 *request;
    struct request_row row;
};

static enum status get_row(struct store_txn *txn, void *arg) {
    struct asking *asking = arg;
    return row_get(txn, AGENT_REQUEST, ids_bytes(asking->request), &form, asking->arena, &asking->row);
}

static const char *state_name(uint32_t state) {
    static const char *const names[] = {[REQUEST_PENDING] = "pending",
                                        [REQUEST_GRANTED] = "granted",
                                        [REQUEST_EXPIRED] = "expired",
                                        [REQUEST_REFUSED] = "refused"};
    return state < sizeof names / sizeof names[0] ? names[state] : NULL;
}

/* The consents that tokens belong to, each once. */
static enum status list_consents(struct agent *agent, struct arena *arena,
                                 const struct msg_request_state_answer *answer, json_t *into) {
    const char *last = "";
    for (size_t i = 0; i < answer->n_tokens; i++) {
        struct token token;
        TRY(token_parse(arena, agent->settings->federation, answer->tokens[i], &token));
        const char *consent = ids_text(arena, &token.consent);
        ENSURE(consent, STATUS_MEMORY);
        if (strcmp(consent, last) != 0) ENSURE(json_array_append_new(into, json_string(consent)) == 0, STATUS_MEMORY);
        last = consent;
    }
    return STATUS_OK;
}

enum status request_state(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                          const struct id16 *request, json_t **out) {
    struct asking asking = {.arena = arena, .request = request};
    TRY(store_read(agent->store, get_row, &asking));
    ENSURE(strcmp(asking.row.unit, caller->unit) == 0, STATUS_NOT_FOUND);
    const struct msg_request_state_ask message = {.request = *request};
    struct bytes body;
    struct link_answer came;
    struct msg_request_state_answer answer;
    TRY(msg_request_state_ask_encode(arena, &message, &body));
    const struct link_ask ask = {
        .type = MESSAGE_REQUEST_STATE, .unit = caller->unit, .official = caller->official, .body = body};
    TRY(link_ask_done(&agent->link, arena, &ask, &came));
    TRY(msg_request_state_answer_parse(arena, came.reply.body, &answer));
    const char *state = state_name(answer.state);
    ENSURE(state, STATUS_MALFORMED);
    json_t *consents CLEANUP(json_cleanup) = json_array();
    ENSURE(consents, STATUS_MEMORY);
    TRY(list_consents(agent, arena, &answer, consents));
    json_t *found = json_pack("{s:s,s:s,s:s,s:O}", "id", ids_text(arena, request), "state", state, "expires",
                              timestamp_text(arena, asking.row.expires_ms), "consents", consents);
    ENSURE(found, STATUS_MEMORY);
    *out = found;
    return STATUS_OK;
}
