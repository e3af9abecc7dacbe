/*
 * What an agency's systems can ask of the agent, without the HTTP around it: the boundary between the local API
 * (agent/api) and the parts that hold keys, store and link.
 *
 * Every function here may block on disk, on the link (up to its deadline) or on other callers; they run on the agent's
 * workers, never on the API's loop thread. All results live in the caller's arena. `unit` is one of this member's units
 * and the caller's right to act as it has been checked; `official` is a pseudonym that the case system chose.
 *
 * Errors, besides those named: STATUS_UNREACHABLE and STATUS_TIMEOUT (broker away; nothing changed unless said
 * otherwise), STATUS_LIMIT, STATUS_RETRY, STATUS_DISK_FULL, STATUS_IO, STATUS_MEMORY.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/agent_settings.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "keys/hash.h"
#include "proto/directory.h"
#include "proto/fragment_schema.h"
#include "proto/ids.h"
#include "proto/token.h"

struct agent;

/* Reads keys, opens store and shred file (made when missing), loads the directory that stands there. Settings and clock
 * must outlive the agent. Only one agent at a time has a store open. STATUS_NOT_FOUND (a key or file), STATUS_PROOF
 * (wrong credential), STATUS_CONFLICT (another agent runs), STATUS_INTEGRITY. The caller closes. */
enum status agent_open(const struct agent_settings *settings, const struct clock *clock, struct agent **out_agent);
/* Starts tunnel and link thread. Once. */
enum status agent_start(struct agent *agent);
/* Ends the link thread and the tunnel; calls that wait come back with STATUS_UNREACHABLE or STATUS_TIMEOUT. Fine when
 * it was not started. */
void agent_stop(struct agent *agent);
/* Stops, wipes, frees. No call may be running. Takes NULL. */
void agent_close(struct agent *agent);
CLEANUP_POINTER(struct agent, agent_close)

struct agent_caller {
    const char *unit;
    const char *official; /* may be "" */
};

/* The handle of a person, by the VOPRF. STATUS_INVALID for a number that is none (reason names the rule, never the
 * number). */
enum status agent_subject(struct agent *agent, struct arena *arena, const char *national_id, struct hash *out_handle,
                          const char **out_reason);

/* ---- fragments ---- */

enum fragment_place {
    FRAGMENT_STORED, /* the broker has it: receipt is set */
    FRAGMENT_QUEUED, /* sealed and durable here, goes out when the broker can be reached */
};

struct agent_publish {
    struct hash subject;
    uint32_t kind;
    const json_t *content;       /* validated here against the fragment schema; id and revision may be left out */
    uint64_t expires_ms;         /* 0: none */
    const struct id16 *replaces; /* NULL, or one's own fragment */
};

struct agent_published {
    struct id16 fragment;
    uint32_t revision;
    enum fragment_place place;
    struct bytes receipt; /* empty when queued */
};

/* STATUS_INVALID with problems filled in when the content breaks the schema; STATUS_NOT_FOUND, STATUS_CONFLICT for
 * replaces. Durable here before it returns. */
enum status agent_publish(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                          const struct agent_publish *ask, struct agent_published *out_published,
                          struct fragment_problems *out_problems);

/* Withdraws one's own. Durable here before it returns; out_receipt is empty when the broker is away, and the withdrawal
 * goes out later. STATUS_NOT_FOUND, STATUS_DENIED (another unit's). */
enum status agent_withdraw(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                           const struct id16 *fragment, struct bytes *out_receipt);

/* A fragment of one's own, or one that was released to this unit and is still under an active consent, opened:
 * {"id","revision","kind","source","subject","content","state","receipt"}. The caller owns *out. STATUS_NOT_FOUND. */
enum status agent_fragment(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                           const struct id16 *fragment, json_t **out);

/* ---- consent ---- */

struct agent_request {
    struct hash subject;
    const char *purpose;
    const uint32_t *kinds; /* ascending */
    size_t n_kinds;
    const char *const *sources; /* units */
    size_t n_sources;
    uint64_t duration_s;
    uint32_t access; /* enum access */
    uint32_t basis;  /* enum basis */
    uint64_t expires_ms;
    struct bytes group; /* 16 bytes or empty */
};

/* STATUS_INVALID when no agreement or rule would allow it (reason says which). */
enum status agent_request_consent(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                                  const struct agent_request *ask, struct id16 *out_request, struct bytes *out_receipt,
                                  const char **out_reason);

/* {"id","state","expires","consents":[...]}: as far as the requester may know. STATUS_NOT_FOUND. */
enum status agent_request_state(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                                const struct id16 *request, json_t **out);

/* Consents to or from this unit about a person: [{"consent","token","state","to","from","kinds","purpose","access",
 * "nbf","exp"}]. */
enum status agent_consents(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                           const struct hash *subject, json_t **out);

/* On the person's spoken word. STATUS_NOT_FOUND. */
enum status agent_revoke(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                         const struct id16 *consent, const char *reason, struct bytes *out_receipt);

/* ---- the joint plan ---- */

/* Asks for what active consents to this unit release for the purpose, verifies, opens, and joins it with this unit's
 * own fragments (agent/plan.h). A source that does not answer or refuses is named in the result, with the outward code
 * (consent_required, consent_ended, try_later, not_available) and, for refusals, the receipt. */
enum status agent_plan(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                       const struct hash *subject, const char *purpose, json_t **out);

/* ---- devices ---- */

struct agent_enrolment {
    const char *code; /* text form of id and secret: given only to the identified person */
    const char *link; /* public URL of the portal with the code behind '#' */
    uint64_t expires_ms;
};

/* STATUS_DENIED unless this member identifies people. assurance: 1 low, 2 substantial, 3 high. */
enum status agent_enrol(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                        const struct hash *subject, uint32_t assurance, const char *how, bool others_lost,
                        struct agent_enrolment *out_enrolment);

/* ---- events ---- */

/* Events for these units after a sequence number, at most `most`; waits up to wait_ms for the first. Each is
 * {"sequence","type","time","unit",...}. *out is an array, perhaps empty. */
enum status agent_events(struct agent *agent, struct arena *arena, const char *const *units, size_t n_units,
                         uint64_t after, size_t most, uint32_t wait_ms, json_t **out);

/* ---- erasure ---- */

/* Destroys this member's key for the person and asks the broker to erase its fragments. Durable here before it returns;
 * out_receipt is empty when the broker is away, and the request goes out later. */
enum status agent_erase(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                        const struct hash *subject, const char *reason, struct bytes *out_receipt);

/* ---- idempotency of the local API ---- */

/* What a POST with this Idempotency-Key was answered: STATUS_NOT_FOUND when there is none, STATUS_CONFLICT when the
 * request was another. `request` is a hash over all that makes the request what it is. Kept for 24 hours. */
enum status agent_repeat_find(struct agent *agent, struct arena *arena, const char *client, const char *key,
                              const struct hash *request, struct bytes *out_answer);
/* Keeps an answer (at most 64 KiB), sealed at rest. */
enum status agent_repeat_keep(struct agent *agent, const char *client, const char *key, const struct hash *request,
                              struct bytes answer);

/* ---- the agent itself ---- */

struct agent_health {
    bool link_up;
    const char *link_verdict; /* why not, or "" */
    uint64_t outbox_depth;
    uint64_t log_size;       /* newest checkpoint seen */
    uint64_t witnessed_size; /* newest cosigned by this agent */
    uint64_t cosigned_size;  /* newest with K cosignatures seen */
    uint64_t directory_sequence;
    uint64_t refused_events;   /* consents that did not verify, and the like */
    uint64_t refused_releases; /* answers that were not opened because a proof, a signature or a binding did not hold */
    uint64_t grants_made;
    uint64_t head_age_ms; /* of the newest statement about the directory; UINT64_MAX: none */
};

/* Any thread, does not block. */
void agent_health(struct agent *agent, struct agent_health *out_health);

/* A reference on the verified directory, to be unref'ed. Any thread. */
struct directory *agent_directory(struct agent *agent);
const char *agent_member(const struct agent *agent);
const struct agent_settings *agent_settings_of(const struct agent *agent);

#endif
