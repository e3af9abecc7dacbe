/*
 * A federation of real processes: `sluss-broker run` with its four roles, members with keys and certificates, one
 * agreement between all units, and for each member the agent's own end of the link (tunnel and client). For flow, fault
 * and bench programs: nothing here needs cmocka. What fails says why on stderr.
 *
 * Members are numbered from 0; member 0 identifies people. Units are numbered through: unit u belongs to member
 * u / units. After world_start everything but the lines is constant, and every function may be called from any thread.
 * One world for each process: its children end with the thread that started it.
 */
#ifndef TESTS_SUPPORT_LINK_WORLD_H
#define TESTS_SUPPORT_LINK_WORLD_H

#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/status.h"
#include "keys/seal.h"
#include "keys/sign.h"
#include "proto/directory.h"
#include "proto/envelope.h"
#include "proto/internal_msg.h"
#include "proto/link_client.h"
#include "proto/note.h"
#include "proto/reply.h"

#define WORLD_FEDERATION  "world.sluss.example"
#define WORLD_PURPOSE     "joint_plan"
#define WORLD_MEMBERS_MAX 64
#define WORLD_UNITS_MAX   64 /* in all: those of one agreement */
#define WORLD_DIR_MAX     60 /* of a directory for sockets: a socket's path has at most 107 bytes */
#define WORLD_CONTEXTS    192

struct world_options {
    const char *broker; /* the program sluss-broker */
    const char *dir;    /* is made; at most WORLD_DIR_MAX bytes */
    size_t members;     /* 1 to WORLD_MEMBERS_MAX */
    size_t units;       /* of each member */
    /* What core and gate allow one member; 0: 128. */
    size_t connections_per_member;
    size_t parked_per_member;
    size_t calls_per_member;
};

struct world_unit {
    const char *id;
    size_t member;
    struct seal_private *seal;
};

struct world_member {
    const char *id;
    struct sign_private *sign;
    const char *certificate; /* paths */
    const char *key;
    struct hash fingerprint;
    struct id16 instance; /* that its connections name in the hello */
};

struct world;

/* Makes keys, certificates, settings; starts the broker, waits until it is ready, admits epoch, rules, members and the
 * agreement. The caller stops. */
enum status world_start(const struct world_options *options, struct world **out_world);
/* Ends the broker (SIGTERM, then SIGKILL) and closes the lines; the directory stays. Takes NULL. */
void world_stop(struct world *world);
CLEANUP_POINTER(struct world, world_stop)

size_t world_member_count(const struct world *world);
size_t world_unit_count(const struct world *world);
const struct world_member *world_member(const struct world *world, size_t member);
const struct world_unit *world_unit(const struct world *world, size_t unit);
/* As all its members have it. */
const struct directory *world_directory(const struct world *world);
const struct note_key *world_log_key(const struct world *world);
const char *world_dir(const struct world *world);
const char *world_portal_url(const struct world *world);
const char *world_ca(const struct world *world);
uint16_t world_gate_port(const struct world *world);
/* Encoded directory entries in sequence. */
size_t world_entries(const struct world *world, const struct bytes **out_entries);

/* ---- processes ---- */

enum world_role { WORLD_KEYD, WORLD_CORE, WORLD_GATE, WORLD_PORTAL, WORLD_ROLES };

const char *world_role_name(enum world_role role);
/* Of the role's process now; 0 when it does not run. */
pid_t world_role_pid(const struct world *world, enum world_role role);
/* Sends a signal. STATUS_NOT_FOUND when the role does not run. */
enum status world_kill(const struct world *world, enum world_role role, int signal);
/* Until every role runs and core has signed and answers; STATUS_TIMEOUT. */
enum status world_wait_ready(struct world *world, uint32_t timeout_ms);

/* ---- calls ---- */

/* One question over core's operator socket or core's portal socket; the answer is in the arena. */
enum status world_operator(struct world *world, const struct operator_ask *ask, struct arena *arena,
                           struct operator_reply *out_reply);
struct link_client *world_operator_client(struct world *world);
struct link_client *world_portal_client(struct world *world);
/* The member's end of the link, opened when first asked for. */
enum status world_client(struct world *world, size_t member, struct link_client **out_client);

/* A signed envelope of a unit, at the time now. message NULL: a fresh one. */
enum status world_envelope(const struct world *world, size_t unit, enum message_type type, struct bytes body,
                           const struct id16 *message, struct arena *arena, struct bytes *out_whole);

struct world_ask {
    size_t unit;
    enum message_type type;
    struct bytes body;
    uint32_t timeout_ms;  /* of one try; 0: 20 s */
    uint32_t patience_ms; /* repeats the same bytes so long while the broker cannot be reached or asks to wait */
};

/* Over tunnel, TLS, gate, core. STATUS_OK: there is a reply, whatever its code. */
enum status world_call(struct world *world, const struct world_ask *ask, struct arena *arena, struct reply *out_reply);

/* Now, in milliseconds: wall clock, and one that only goes forward. */
uint64_t world_now_ms(void);
uint64_t world_clock_us(void);

#endif
