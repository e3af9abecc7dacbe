/* FETCH, and table RELEASE: token -> the answer of a release that can be asked for only once. */
#include "agent/fetch.h"

#include <poll.h>
#include <string.h>

#include "agent/agent_internal.h"
#include "agent/row.h"
#include "proto/limits.h"
#include "proto/msg_release.h"

#define FETCH_MS 15000
#define PAUSE_MS 100

struct release_row {
    struct hash cause;
    struct bytes body;
};
static const struct row_field release_fields[] = {
    {ROW_FIXED, offsetof(struct release_row, cause), sizeof(struct hash)},
    {ROW_BYTES, offsetof(struct release_row, body), 0},
};
static const struct row_form release_form = {1, release_fields, 2, sizeof(struct release_row)};

struct once {
    struct arena *arena;
    const struct id16 *token;
    struct release_row row;
};

static enum status write_once(struct store_txn *txn, void *arg) {
    const struct once *once = arg;
    return row_put(txn, AGENT_RELEASE, ids_bytes(once->token), &release_form, once->arena, &once->row);
}

static enum status read_once(struct store_txn *txn, void *arg) {
    struct once *once = arg;
    return row_get(txn, AGENT_RELEASE, ids_bytes(once->token), &release_form, once->arena, &once->row);
}

enum status fetch_keep_once(struct agent *agent, struct arena *arena, const struct id16 *token,
                            const struct hash *cause, struct bytes body) {
    struct once once = {.arena = arena, .token = token, .row = {.cause = *cause, .body = body}};
    return store_write(agent->store, write_once, &once);
}

enum status fetch_once(struct agent *agent, struct arena *arena, const struct id16 *token, struct hash *out_cause,
                       struct bytes *out_body) {
    struct once once = {.arena = arena, .token = token};
    TRY(store_read(agent->store, read_once, &once));
    *out_cause = once.row.cause;
    *out_body = once.row.body;
    return STATUS_OK;
}

static enum status fetch_piece(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                               const struct msg_fetch *message, struct msg_fetched *out_fetched) {
    struct bytes body;
    struct link_answer came;
    TRY(msg_fetch_encode(arena, message, &body));
    const struct link_ask ask = {.type = MESSAGE_FETCH,
                                 .unit = caller->unit,
                                 .official = caller->official,
                                 .body = body,
                                 .deadline_ms = FETCH_MS};
    TRY(link_ask_done(&agent->link, arena, &ask, &came));
    return msg_fetched_parse(arena, came.reply.body, out_fetched);
}

/* The first piece, again until it brings the grant that is still to be made. */
static enum status fetch_first(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                               const struct msg_fetch *message, struct bytes had_grant, struct msg_fetched *out) {
    uint64_t until = clock_boot_ms(agent->clock) + FETCH_GRANT_WAIT_MS;
    enum status status = fetch_piece(agent, arena, caller, message, out);
    bool waits = had_grant.len == 0 && (status == STATUS_RETRY || (status == STATUS_OK && out->grant.len == 0));
    while (waits && clock_boot_ms(agent->clock) < until) {
        (void)poll(NULL, 0, PAUSE_MS);
        status = fetch_piece(agent, arena, caller, message, out);
        waits = status == STATUS_RETRY || (status == STATUS_OK && out->grant.len == 0);
    }
    return waits ? STATUS_RETRY : status;
}

enum status fetch_missing(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                          const struct id16 *event, const struct fragment_signed *header, struct release_item *item) {
    uint64_t length = header->header.ciphertext_len;
    if (item->ciphertext.len > 0 && item->grant.len > 0) return STATUS_OK;
    ENSURE(length <= LIMIT_CIPHERTEXT_BYTES, STATUS_TOO_LARGE);
    uint8_t *whole = arena_alloc(arena, (size_t)length);
    ENSURE(whole, STATUS_MEMORY);
    struct msg_fetch message = {.event = *event, .fragment = header->core.fragment, .length = LIMIT_FETCH_BYTES};
    uint64_t got = 0;
    while (got < length) {
        struct msg_fetched piece;
        message.offset = got;
        TRY(got == 0 ? fetch_first(agent, arena, caller, &message, item->grant, &piece)
                     : fetch_piece(agent, arena, caller, &message, &piece));
        ENSURE(piece.ciphertext.len > 0 && piece.ciphertext.len <= length - got, STATUS_PROOF);
        memcpy(whole + got, piece.ciphertext.data, piece.ciphertext.len);
        if (got == 0 && item->grant.len == 0) item->grant = piece.grant;
        got += piece.ciphertext.len;
    }
    item->ciphertext = BYTES(whole, (size_t)length);
    return STATUS_OK;
}
