/*
 * keyd in the test's own process, with the keys of a federation fixture and files of its own, spoken to over the wire
 * form of docs/protocol.md section 13. Any failure of the bench itself fails the running test.
 */
#ifndef TESTS_SUPPORT_BROKER_KEYD_BENCH_H
#define TESTS_SUPPORT_BROKER_KEYD_BENCH_H

#include "broker/keyd/keyd.h"
#include "proto/reply_code.h"
#include "proto/tree_store.h"
#include "support/federation.h"
#include "support/scratch.h"

#define KEYD_BENCH_NOW_MS 1795315395123ULL
#define KEYD_BENCH_DAILY  100

struct keyd_bench {
    struct federation *federation;
    struct scratch scratch;
    struct arena *arena;
    struct keyd_settings settings;
    struct keyd *keyd; /* NULL while closed */
    uint64_t now_ms;
    uint8_t memory[KEYD_PACKET_MAX];
};

/* Files and keys; the federation's directory is not told to keyd yet. Open. */
void keyd_bench_init(struct keyd_bench *bench);
void keyd_bench_clear(struct keyd_bench *bench);

/* Ends keyd and starts it again on the same files: what keyd_open says. On failure it stays closed. */
enum status keyd_bench_restart(struct keyd_bench *bench);

/* Path of one of keyd's own files: "note", "directory", "counts"; in the arena. */
const char *keyd_bench_file(struct keyd_bench *bench, const char *name);

/* Sends exactly these bytes; checks the form of the reply. The body is a view of the bench's memory. */
enum reply_code keyd_bench_send(struct keyd_bench *bench, struct bytes packet, struct bytes *out_body);
/* A request with this body. out_body may be NULL. */
enum reply_code keyd_bench_ask(struct keyd_bench *bench, enum keyd_type type, struct bytes body,
                               struct bytes *out_body);
/* The one vector that a reply body is. */
struct bytes keyd_bench_vector(struct bytes body);
/* A body that is one vector; in the arena. */
struct bytes keyd_bench_as_vector(struct keyd_bench *bench, struct bytes content);

/* The body that asks for a signature on `size` entries of the tree, with the proof from old_size; in the arena. */
struct bytes keyd_bench_sign_body(struct keyd_bench *bench, struct tree_store *tree, uint64_t old_size, uint64_t size);
/* Asks for it. */
enum reply_code keyd_bench_sign(struct keyd_bench *bench, struct tree_store *tree, uint64_t old_size, uint64_t size);

/* Tells keyd the first n entries of the federation's directory; all must be accepted. */
void keyd_bench_tell_directory(struct keyd_bench *bench, size_t n);

/* The settings as a file for keyd_run, with the socket at PATH/keyd.socket; returns its path, in the arena. more is
 * appended as it stands. */
const char *keyd_bench_settings_file(struct keyd_bench *bench, const char *more);

#endif
