/* Every function of agent/agent.h, answering the same thing whatever it is asked. */
#include "support/api/fake_agent.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_agent fake_agent;

void fake_agent_reset(void) { fake_agent = (struct fake_agent){.calls = 0}; }

/* Guards what is kept of a call: workers call at once. */
static pthread_mutex_t keeping = PTHREAD_MUTEX_INITIALIZER;

static enum status asked(const struct agent_caller *caller) {
    atomic_fetch_add(&fake_agent.calls, 1);
    if (caller) {
        if (pthread_mutex_lock(&keeping) != 0) abort();
        (void)snprintf(fake_agent.unit, sizeof fake_agent.unit, "%s", caller->unit);
        (void)snprintf(fake_agent.official, sizeof fake_agent.official, "%s", caller->official);
        if (pthread_mutex_unlock(&keeping) != 0) abort();
    }
    return fake_agent.answer;
}

static struct bytes fake_receipt(void) { return bytes_text("receipt"); }

enum status agent_subject(struct agent *agent, struct arena *arena, const char *national_id, struct hash *out_handle,
                          const char **out_reason) {
    (void)agent;
    (void)arena;
    TRY(asked(NULL));
    if (strcmp(national_id, NUMBER) != 0) {
        *out_reason = "has a wrong check digit";
        return STATUS_INVALID;
    }
    memset(out_handle->b, 1, sizeof out_handle->b);
    return STATUS_OK;
}

enum status agent_publish(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                          const struct agent_publish *ask, struct agent_published *out_published,
                          struct fragment_problems *out_problems) {
    (void)agent;
    (void)arena;
    TRY(asked(caller));
    if (json_object_get(ask->content, "bad")) {
        out_problems->items[0] = (struct fragment_problem){"/bad", "is not known"};
        out_problems->count = 1;
        return STATUS_INVALID;
    }
    fake_agent.publish = *ask;
    bool queued = json_object_get(ask->content, "queued") != NULL;
    *out_published = (struct agent_published){.revision = ask->replaces ? 2 : 1,
                                              .place = queued ? FRAGMENT_QUEUED : FRAGMENT_STORED,
                                              .receipt = queued ? BYTES_EMPTY : fake_receipt()};
    memset(out_published->fragment.b, 2, sizeof out_published->fragment.b);
    return STATUS_OK;
}

enum status agent_withdraw(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                           const struct id16 *fragment, struct bytes *out_receipt) {
    (void)agent;
    (void)arena;
    (void)fragment;
    TRY(asked(caller));
    atomic_fetch_add(&fake_agent.waiting, 1);
    while (atomic_load(&fake_agent.slow)) {
        (void)poll(NULL, 0, 1);
    }
    *out_receipt = fake_receipt();
    return STATUS_OK;
}

enum status agent_fragment(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                           const struct id16 *fragment, json_t **out) {
    (void)agent;
    TRY(asked(caller));
    *out =
        json_pack("{s:s, s:i, s:s, s:s, s:s, s:{}, s:s, s:s}", "id", ids_text(arena, fragment), "revision", 1, "kind",
                  "goal", "source", NORTH, "subject", HANDLE, "content", "state", "own", "receipt", "cmVjZWlwdA");
    return STATUS_OK;
}

enum status agent_request_consent(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                                  const struct agent_request *ask, struct id16 *out_request, struct bytes *out_receipt,
                                  const char **out_reason) {
    (void)agent;
    (void)arena;
    TRY(asked(caller));
    if (strcmp(ask->purpose, "not_agreed") == 0) {
        *out_reason = "no agreement covers the purpose";
        return STATUS_INVALID;
    }
    if (strcmp(caller->unit, SOUTH) == 0 && strcmp(ask->purpose, "not_south") == 0) return STATUS_UNREACHABLE;
    fake_agent.request = *ask;
    (void)snprintf(fake_agent.purpose, sizeof fake_agent.purpose, "%s", ask->purpose);
    if (ask->group.len == sizeof fake_agent.group.b)
        memcpy(fake_agent.group.b, ask->group.data, sizeof fake_agent.group.b);
    memset(out_request->b, 2, sizeof out_request->b);
    *out_receipt = fake_receipt();
    return STATUS_OK;
}

enum status agent_request_state(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                                const struct id16 *request, json_t **out) {
    (void)agent;
    TRY(asked(caller));
    *out = json_pack("{s:s, s:s}", "id", ids_text(arena, request), "state", "pending");
    return STATUS_OK;
}

enum status agent_consents(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                           const struct hash *subject, json_t **out) {
    (void)agent;
    (void)subject;
    TRY(asked(caller));
    *out = json_array();
    for (int i = 4; i >= 0; i--) {
        const char *token = arena_printf(arena, "token-%d", i);
        (void)json_array_append_new(*out, json_pack("{s:s, s:s, s:s, s:s, s:s}", "consent", "same", "token", token,
                                                    "state", "active", "to", NORTH, "from", FOREIGN));
    }
    return STATUS_OK;
}

enum status agent_revoke(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                         const struct id16 *consent, const char *reason, struct bytes *out_receipt) {
    (void)agent;
    (void)arena;
    (void)consent;
    TRY(asked(caller));
    (void)snprintf(fake_agent.reason, sizeof fake_agent.reason, "%s", reason);
    *out_receipt = fake_receipt();
    return STATUS_OK;
}

enum status agent_plan(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                       const struct hash *subject, const char *purpose, json_t **out) {
    (void)agent;
    (void)arena;
    (void)subject;
    TRY(asked(caller));
    *out = json_pack("{s:s}", "purpose", purpose);
    return STATUS_OK;
}

enum status agent_enrol(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                        const struct hash *subject, uint32_t assurance, const char *how, bool others_lost,
                        struct agent_enrolment *out_enrolment) {
    (void)agent;
    (void)arena;
    (void)subject;
    (void)how;
    TRY(asked(caller));
    fake_agent.assurance = assurance;
    fake_agent.others_lost = others_lost;
    *out_enrolment = (struct agent_enrolment){"code", "https://portal.example/#code", 1795315395000};
    return STATUS_OK;
}

enum status agent_events(struct agent *agent, struct arena *arena, const char *const *units, size_t n_units,
                         uint64_t after, size_t most, uint32_t wait_ms, json_t **out) {
    (void)agent;
    (void)arena;
    TRY(fake_agent.answer);
    *out = json_array();
    int newest = atomic_load(&fake_agent.event_number);
    /* Event n belongs to the north when n is odd, otherwise to the south. */
    for (int n = (int)after + 1; n <= newest && json_array_size(*out) < most; n++) {
        const char *unit = n % 2 ? NORTH : SOUTH;
        for (size_t i = 0; i < n_units; i++) {
            if (strcmp(units[i], unit) != 0) continue;
            (void)json_array_append_new(*out,
                                        json_pack("{s:i, s:s, s:s}", "sequence", n, "type", "test", "unit", unit));
        }
    }
    if (json_array_size(*out) == 0 && wait_ms > 0) (void)poll(NULL, 0, 5);
    return STATUS_OK;
}

enum status agent_erase(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                        const struct hash *subject, const char *reason, struct bytes *out_receipt) {
    (void)agent;
    (void)arena;
    (void)subject;
    (void)reason;
    TRY(asked(caller));
    *out_receipt = fake_agent.away ? BYTES_EMPTY : fake_receipt();
    return STATUS_OK;
}

/* One row is enough for a test. */
enum status agent_repeat_find(struct agent *agent, struct arena *arena, const char *client, const char *key,
                              const struct hash *request, struct bytes *out_answer) {
    (void)agent;
    bool found = strcmp(client, fake_agent.repeat_client) == 0 && strcmp(key, fake_agent.repeat_key) == 0;
    ENSURE(found, STATUS_NOT_FOUND);
    ENSURE(hash_equal(request, &fake_agent.repeat_request), STATUS_CONFLICT);
    return arena_copy(arena, BYTES(fake_agent.repeat_answer, fake_agent.repeat_len), out_answer);
}

enum status agent_repeat_keep(struct agent *agent, const char *client, const char *key, const struct hash *request,
                              struct bytes answer) {
    (void)agent;
    TRY(fake_agent.keep);
    ENSURE(answer.len <= sizeof fake_agent.repeat_answer, STATUS_TOO_LARGE);
    (void)snprintf(fake_agent.repeat_client, sizeof fake_agent.repeat_client, "%s", client);
    (void)snprintf(fake_agent.repeat_key, sizeof fake_agent.repeat_key, "%s", key);
    fake_agent.repeat_request = *request;
    if (answer.len > 0) memcpy(fake_agent.repeat_answer, answer.data, answer.len);
    fake_agent.repeat_len = answer.len;
    return STATUS_OK;
}

void agent_health(struct agent *agent, struct agent_health *out_health) {
    (void)agent;
    *out_health = (struct agent_health){.link_up = true,
                                        .link_verdict = "",
                                        .log_size = 10,
                                        .witnessed_size = 8,
                                        .cosigned_size = 7,
                                        .outbox_depth = 3};
}

struct directory *agent_directory(struct agent *agent) {
    (void)agent;
    const struct sign_public key = {{1}};
    return directory_new("test.example", &key, 1, 1);
}

const char *agent_member(const struct agent *agent) {
    (void)agent;
    return MEMBER;
}
