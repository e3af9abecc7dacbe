/*
 * Calls over the link. Trusts nothing that comes back: a reply is parsed and says what core claims; what matters is in
 * receipts (agent/receipt.h). Invariant: one question is sent in one form only, so that core knows a repetition.
 */
#include "agent/link.h"

#include <poll.h>

#define PAUSE_MS 50

static enum status client_call(void *arg, struct bytes request, uint32_t timeout_ms, struct arena *arena,
                               struct bytes *out_answer) {
    return link_client_call(arg, request, timeout_ms, arena, out_answer);
}

static enum status client_start(void *arg, struct bytes request, uint32_t timeout_ms, link_done_fn *done,
                                void *done_arg) {
    return link_client_start(arg, request, timeout_ms, done, done_arg);
}

struct link_port link_client_port(struct link_client *client) {
    return (struct link_port){.call = client_call, .start = client_start, .arg = client};
}

enum status link_envelope(const struct link *link, struct arena *arena, const struct link_ask *ask,
                          struct bytes *out_envelope) {
    const struct envelope envelope = {
        .version = 1,
        .federation = link->federation,
        .type = ask->type,
        .sender = ask->unit,
        .official = ask->official ? ask->official : "",
        .message = ask->message ? *ask->message : ids_random(),
        .time_ms = ask->time_ms ? ask->time_ms : clock_now_ms(link->clock),
        .body = ask->body,
    };
    return envelope_sign(arena, &envelope, link->key, out_envelope);
}

static bool is_set(const atomic_bool *flag, bool otherwise) { return flag ? atomic_load(flag) : otherwise; }

/* The same bytes again and again until something answers or the time is up. */
static enum status send_until(const struct link *link, struct arena *arena, struct bytes envelope, uint32_t deadline_ms,
                              struct bytes *out_answer) {
    uint64_t began = clock_boot_ms(link->clock);
    uint64_t until = began + deadline_ms;
    uint64_t patience = began + (deadline_ms < LINK_PATIENCE_MS ? deadline_ms : LINK_PATIENCE_MS);
    enum status status = STATUS_UNREACHABLE;
    for (uint64_t now = began; now < until && !is_set(link->closing, false); now = clock_boot_ms(link->clock)) {
        if (is_set(link->up, true)) {
            patience = until;
            status = link->port.call(link->port.arg, envelope, (uint32_t)(until - now), arena, out_answer);
            if (status != STATUS_UNREACHABLE && status != STATUS_LIMIT) return status;
        }
        if (now >= patience) return STATUS_UNREACHABLE;
        (void)poll(NULL, 0, PAUSE_MS);
    }
    return status;
}

enum status link_ask(const struct link *link, struct arena *arena, const struct link_ask *ask,
                     struct link_answer *out_answer) {
    uint32_t deadline_ms = ask->deadline_ms ? ask->deadline_ms : LINK_ASK_MS;
    if (deadline_ms > LINK_REPEAT_MS) deadline_ms = LINK_REPEAT_MS;
    struct bytes envelope;
    struct bytes came;
    struct link_answer answer;
    TRY(link_envelope(link, arena, ask, &envelope));
    TRY(send_until(link, arena, envelope, deadline_ms, &came));
    TRY(reply_parse(arena, came, &answer.reply));
    answer.cause = hash_sha256(envelope);
    *out_answer = answer;
    return STATUS_OK;
}

enum status link_status(const struct link_answer *answer) {
    return reply_code_status((enum reply_code)answer->reply.code);
}

enum status link_ask_done(const struct link *link, struct arena *arena, const struct link_ask *ask,
                          struct link_answer *out_answer) {
    struct link_answer answer;
    TRY(link_ask(link, arena, ask, &answer));
    TRY(link_status(&answer));
    *out_answer = answer;
    return STATUS_OK;
}
