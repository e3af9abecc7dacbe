/*
 * What the files of world.h share.
 */
#ifndef TESTS_SUPPORT_LINK_WORLD_INTERNAL_H
#define TESTS_SUPPORT_LINK_WORLD_INTERNAL_H

#include <pthread.h>

#include "agent/link_tunnel.h"
#include "support/link/world.h"

/* Longest back-off of roles and lines: tests that kill do not wait as an operator would. */
#define WORLD_RETRY_MS 400

struct world_line {
    struct link_tunnel *tunnel;
    struct link_client *client;
};

struct world {
    struct world_options options;
    struct arena *arena; /* what lives as long as the world; world_start only */
    const char *dir;
    const char *ca;
    const char *portal_url;
    uint16_t gate_port;
    uint16_t portal_port;
    struct sign_private *authority;
    struct world_member *members;
    struct world_unit *units;
    size_t n_units;
    struct directory *directory;
    struct bytes *entries;
    size_t n_entries;
    struct note_key log_key;
    pid_t broker;
    int ready_fd;
    struct link_client *operator_client;
    struct link_client *portal_client;
    pthread_mutex_t mutex;    /* guards lines */
    struct world_line *lines; /* one for each member */
};

/* Says what failed; the status itself for convenience. */
enum status world_failed(const char *what, enum status status);

/* Keys, certificates, settings files. */
enum status world_make_files(struct world *world);
/* Epoch, rules, members, agreement, through the operator's socket. */
enum status world_admit_all(struct world *world);

#define WORLD_TRY(what, call)                                                                                          \
    do {                                                                                                               \
        enum status world_status = (call);                                                                             \
        if (world_status != STATUS_OK) return world_failed((what), world_status);                                      \
    } while (0)

#endif
