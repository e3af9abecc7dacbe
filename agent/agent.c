/*
 * Owns the agent's parts, brings them up and down, and is the door to them. Invariant: a call of the boundary changes
 * nothing that it does not say.
 */
#include "agent/agent.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "agent/agent_internal.h"
#include "agent/agent_table.h"
#include "agent/consents.h"
#include "agent/enrol.h"
#include "agent/joint.h"
#include "agent/mail.h"
#include "agent/outbox.h"
#include "agent/publish.h"
#include "agent/repeat.h"
#include "agent/request.h"
#include "agent/subject.h"
#include "base/log.h"
#include "base/store_lmdb.h"
#include "keys/tls.h"
#include "proto/limits.h"

#define LINK_CONTEXTS   8
#define LOWEST_VERSION  1
#define HIGHEST_VERSION 1

/* ---- for the parts ---- */

const char *agent_first_unit(const struct agent *agent) { return agent_settings_unit(agent->settings, 0)->id; }

uint64_t agent_now_ms(const struct agent *agent) { return clock_now_ms(agent->clock); }

void agent_wake(struct agent *agent) {
    if (agent->mail) mail_kick(agent->mail);
}

void agent_saw_size(struct agent *agent, uint64_t size) {
    uint64_t known = atomic_load(&agent->tally.log_size);
    while (size > known && !atomic_compare_exchange_weak(&agent->tally.log_size, &known, size)) {
        /* known was read again */
    }
}

void agent_refused_event(struct agent *agent, const char *what, enum status status) {
    atomic_fetch_add(&agent->tally.refused_events, 1);
    log_limited(LOG_LEVEL_WARN, "proof_refused", "what=%s reason=%s", what, status_name(status));
}

/* ---- opening ---- */

static enum status open_keys_and_store(struct agent *agent) {
    const struct agent_settings *settings = agent->settings;
    const struct store_lmdb_settings store = {.path = settings->store,
                                              .federation = settings->federation,
                                              .map_bytes = (uint64_t)settings->store_map_bytes,
                                              .tables = agent_tables};
    TRY(keystore_open(settings, &agent->keystore));
    return store_lmdb_open(&store, &agent->store);
}

static enum status open_rest(struct agent *agent) {
    const struct agent_settings *settings = agent->settings;
    TRY(vault_open(settings->shred, settings->federation, keystore_shred(agent->keystore), agent->store,
                   &agent->vault));
    /* What a kill left half done. */
    TRY(vault_bury(agent->vault));
    TRY(vault_reserve(agent->vault));
    TRY(fragment_schema_load(&agent->schema));
    agent->link.federation = settings->federation;
    agent->link.key = keystore_sign(agent->keystore);
    agent->link.clock = agent->clock;
    agent->link.up = &agent->tally.link_up;
    agent->link.closing = &agent->tally.closing;
    TRY(dirsync_open(agent));
    TRY(events_open(agent));
    return witness_open(agent);
}

static struct agent *agent_make(const struct agent_settings *settings, const struct clock *clock) {
    struct agent *agent = calloc(1, sizeof *agent);
    if (!agent) return NULL;
    if (pthread_mutex_init(&agent->outbox_mutex, NULL) != 0) abort();
    agent->settings = settings;
    agent->clock = clock;
    return agent;
}

enum status agent_open(const struct agent_settings *settings, const struct clock *clock, struct agent **out_agent) {
    struct agent *agent CLEANUP(agent_close_cleanup) = agent_make(settings, clock);
    ENSURE(agent, STATUS_MEMORY);
    TRY(open_keys_and_store(agent));
    TRY(open_rest(agent));
    *out_agent = MOVE(agent);
    return STATUS_OK;
}

enum status agent_open_parts(const struct agent_settings *settings, const struct clock *clock,
                             struct keystore *keystore, struct store *store, struct link_port port,
                             struct agent **out_agent) {
    struct agent *agent CLEANUP(agent_close_cleanup) = agent_make(settings, clock);
    if (!agent) {
        keystore_free(keystore);
        store_close(store);
        return STATUS_MEMORY;
    }
    agent->keystore = keystore;
    agent->store = store;
    agent->link.port = port;
    atomic_store(&agent->tally.link_up, true);
    TRY(open_rest(agent));
    *out_agent = MOVE(agent);
    return STATUS_OK;
}

/* ---- the link ---- */

/* The tunnel's thread. */
static void on_report(void *arg, const struct link_tunnel_report *report) {
    struct agent *agent = arg;
    bool up = report->state == LINK_TUNNEL_UP;
    bool was = atomic_exchange(&agent->tally.link_up, up);
    if (report->state == LINK_TUNNEL_REFUSED) atomic_store(&agent->tally.link_verdict, (int)report->verdict);
    if (up) atomic_store(&agent->tally.link_verdict, (int)PREFACE_ADMITTED);
    if (up == was) return;
    log_line(LOG_LEVEL_INFO, up ? "link_up" : "link_down", "");
    if (up) mail_reconnected(agent->mail);
}

/* A member's key store of a later date wins over an older one that is still running. */
static uint64_t key_store_epoch(const struct agent *agent) {
    struct stat found;
    return stat(agent->settings->keys, &found) == 0 ? (uint64_t)found.st_mtim.tv_sec : 0;
}

static enum status start_tunnel(struct agent *agent) {
    const struct agent_settings *settings = agent->settings;
    const struct tls_identity identity = {.certificate_path = settings->link_certificate,
                                          .key_path = settings->link_key};
    SSL_CTX *context CLEANUP(SSL_CTX_free_cleanup) = NULL;
    TRY(tls_client(&identity, settings->gate_ca, &context));
    struct link_tunnel_config config = {.ipc_path = settings->link_socket,
                                        .gate_host = settings->gate_host,
                                        .gate_port = settings->gate_port,
                                        .gate_name = settings->gate_name,
                                        .context = context,
                                        .hello = {.lowest_version = LOWEST_VERSION,
                                                  .highest_version = HIGHEST_VERSION,
                                                  .epoch = key_store_epoch(agent)},
                                        .report = on_report,
                                        .arg = agent};
    secret_random_public(config.hello.instance, sizeof config.hello.instance);
    return link_tunnel_start(&config, &agent->tunnel);
}

enum status agent_start(struct agent *agent) {
    struct link_client *client = NULL;
    bool tunnelled = !agent->link.port.call;
    if (tunnelled) {
        TRY(link_client_open(agent->settings->link_socket, LINK_CONTEXTS, LIMIT_FRAME_BYTES, &client));
        agent->link.port = link_client_port(client);
    }
    TRY(mail_start(agent, &agent->mail));
    return tunnelled ? start_tunnel(agent) : STATUS_OK;
}

void agent_stop(struct agent *agent) {
    atomic_store(&agent->tally.closing, true);
    if (agent->schema) events_wake_all(agent);
    link_tunnel_stop(MOVE(agent->tunnel));
    mail_stop(agent->mail);
}

void agent_close(struct agent *agent) {
    if (!agent) return;
    agent_stop(agent);
    mail_free(agent->mail);
    witness_close(agent);
    events_close(agent);
    dirsync_close(agent);
    fragment_schema_free(agent->schema);
    vault_close(agent->vault);
    store_close(agent->store);
    keystore_free(agent->keystore);
    (void)pthread_mutex_destroy(&agent->outbox_mutex);
    free(agent);
}

/* ---- the door ---- */

enum status agent_subject(struct agent *agent, struct arena *arena, const char *national_id, struct hash *out_handle,
                          const char **out_reason) {
    return subject_handle(agent, arena, national_id, out_handle, out_reason);
}

enum status agent_publish(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                          const struct agent_publish *ask, struct agent_published *out_published,
                          struct fragment_problems *out_problems) {
    return publish_fragment(agent, arena, caller, ask, out_published, out_problems);
}

enum status agent_withdraw(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                           const struct id16 *fragment, struct bytes *out_receipt) {
    return publish_withdraw(agent, arena, caller, fragment, out_receipt);
}

enum status agent_fragment(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                           const struct id16 *fragment, json_t **out) {
    return joint_fragment(agent, arena, caller, fragment, out);
}

enum status agent_request_consent(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                                  const struct agent_request *ask, struct id16 *out_request, struct bytes *out_receipt,
                                  const char **out_reason) {
    return request_consent(agent, arena, caller, ask, out_request, out_receipt, out_reason);
}

enum status agent_request_state(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                                const struct id16 *request, json_t **out) {
    return request_state(agent, arena, caller, request, out);
}

enum status agent_consents(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                           const struct hash *subject, json_t **out) {
    return consents_list(agent, arena, caller, subject, out);
}

enum status agent_revoke(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                         const struct id16 *consent, const char *reason, struct bytes *out_receipt) {
    return consents_revoke(agent, arena, caller, consent, reason, out_receipt);
}

enum status agent_plan(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                       const struct hash *subject, const char *purpose, json_t **out) {
    return joint_plan(agent, arena, caller, subject, purpose, out);
}

enum status agent_enrol(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                        const struct hash *subject, uint32_t assurance, const char *how, bool others_lost,
                        struct agent_enrolment *out_enrolment) {
    return enrol_open(agent, arena, caller, subject, assurance, how, others_lost, out_enrolment);
}

enum status agent_events(struct agent *agent, struct arena *arena, const char *const *units, size_t n_units,
                         uint64_t after, size_t most, uint32_t wait_ms, json_t **out) {
    (void)arena;
    return events_read(agent, units, n_units, after, most, wait_ms, out);
}

enum status agent_erase(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                        const struct hash *subject, const char *reason, struct bytes *out_receipt) {
    return consents_erase(agent, arena, caller, subject, reason, out_receipt);
}

enum status agent_repeat_find(struct agent *agent, struct arena *arena, const char *client, const char *key,
                              const struct hash *request, struct bytes *out_answer) {
    return repeat_find(agent, arena, client, key, request, out_answer);
}

enum status agent_repeat_keep(struct agent *agent, const char *client, const char *key, const struct hash *request,
                              struct bytes answer) {
    return repeat_keep(agent, client, key, request, answer);
}

/* ---- the agent itself ---- */

void agent_health(struct agent *agent, struct agent_health *out_health) {
    struct directory *directory CLEANUP(directory_unref_cleanup) = dirsync_directory(agent);
    struct agent_tally *tally = &agent->tally;
    enum preface_verdict verdict = (enum preface_verdict)atomic_load(&tally->link_verdict);
    *out_health = (struct agent_health){
        .link_up = atomic_load(&tally->link_up),
        .link_verdict = verdict == PREFACE_ADMITTED ? "" : preface_verdict_name(verdict),
        .outbox_depth = outbox_depth(agent),
        .log_size = atomic_load(&tally->log_size),
        .witnessed_size = witness_size(agent),
        .cosigned_size = witness_covered(agent),
        .directory_sequence = directory_sequence(directory),
        .refused_events = atomic_load(&tally->refused_events),
        .refused_releases = atomic_load(&tally->refused_releases),
        .grants_made = atomic_load(&tally->grants_made),
        .head_age_ms = dirsync_head_age_ms(agent),
    };
}

struct directory *agent_directory(struct agent *agent) {
    return dirsync_directory(agent);
}

const char *agent_member(const struct agent *agent) { return agent->settings->member; }

const struct agent_settings *agent_settings_of(const struct agent *agent) { return agent->settings; }
