/*
 * Files of a world: DIR/keys (broker/keygen.h), DIR/tls, DIR/conf, DIR/s (sockets), DIR/core, DIR/keyd.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "broker/keygen.h"
#include "keys/public.h"
#include "keys/tls.h"
#include "support/link/world_internal.h"

#define CERTIFICATE_DAYS 2
#define MEMBER_NUMBER    2020000000UL

/* ---- keys and certificates ---- */

static enum status make_certificate(struct world *world, const char *name, enum tls_certificate_kind kind,
                                    const struct tls_identity *from, struct tls_identity *out_identity) {
    static const char *const names[] = {"localhost", "127.0.0.1"};
    const struct tls_certificate_request request = {.kind = kind,
                                                    .subject = name,
                                                    .names = names,
                                                    .name_count = kind == TLS_CERTIFICATE_LEAF ? 2 : 0,
                                                    .now_s = (uint64_t)time(NULL),
                                                    .days = CERTIFICATE_DAYS,
                                                    .from = from};
    struct tls_identity identity = {.certificate_path = arena_printf(world->arena, "%s/tls/%s.pem", world->dir, name),
                                    .key_path = arena_printf(world->arena, "%s/tls/%s.key", world->dir, name)};
    ENSURE(identity.certificate_path && identity.key_path, STATUS_MEMORY);
    TRY(tls_make_certificate(&request, identity.certificate_path, identity.key_path));
    *out_identity = identity;
    return STATUS_OK;
}

static enum status make_member(struct world *world, size_t index) {
    struct world_member *member = &world->members[index];
    struct tls_identity identity;
    char name[32];
    (void)snprintf(name, sizeof name, "member%zu", index);
    member->id = arena_printf(world->arena, "0007:%lu", MEMBER_NUMBER + (unsigned long)index);
    ENSURE(member->id, STATUS_MEMORY);
    TRY(sign_generate(&member->sign));
    TRY(make_certificate(world, name, TLS_CERTIFICATE_LEAF, NULL, &identity));
    member->certificate = identity.certificate_path;
    member->key = identity.key_path;
    member->instance = ids_random();
    return tls_file_fingerprint(member->certificate, &member->fingerprint);
}

static enum status make_unit(struct world *world, size_t index) {
    struct world_unit *unit = &world->units[index];
    unit->member = index / world->options.units;
    unit->id =
        arena_printf(world->arena, "%s/unit-%02zu", world->members[unit->member].id, index % world->options.units);
    ENSURE(unit->id, STATUS_MEMORY);
    return seal_generate(&unit->seal);
}

static enum status make_keys(struct world *world) {
    struct tls_identity ca;
    struct tls_identity gate;
    struct tls_identity portal;
    WORLD_TRY("keygen", keygen_make(arena_printf(world->arena, "%s/keys", world->dir)));
    WORLD_TRY("authority", sign_generate(&world->authority));
    WORLD_TRY("CA", make_certificate(world, "ca", TLS_CERTIFICATE_CA, NULL, &ca));
    WORLD_TRY("gate certificate", make_certificate(world, "gate", TLS_CERTIFICATE_LEAF, &ca, &gate));
    WORLD_TRY("portal certificate", make_certificate(world, "portal", TLS_CERTIFICATE_LEAF, &ca, &portal));
    world->ca = ca.certificate_path;
    for (size_t i = 0; i < world->options.members; i++) {
        WORLD_TRY("member", make_member(world, i));
    }
    for (size_t i = 0; i < world->n_units; i++) {
        WORLD_TRY("unit", make_unit(world, i));
    }
    return STATUS_OK;
}

/* ---- settings ---- */

static enum status free_port(uint16_t *out_port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    int fd CLEANUP(cleanup_fd) = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ENSURE(fd >= 0, STATUS_IO);
    ENSURE(bind(fd, (const struct sockaddr *)&address, len) == 0, STATUS_IO);
    ENSURE(getsockname(fd, (struct sockaddr *)&address, &len) == 0, STATUS_IO);
    *out_port = ntohs(address.sin_port);
    return STATUS_OK;
}

static enum status write_settings(const struct world *world, const char *name, const char *text) {
    const char *path = arena_printf(world->arena, "%s/conf/%s.conf", world->dir, name);
    ENSURE(path && text, STATUS_MEMORY);
    return file_create(path, bytes_text(text), 0600);
}

static enum status write_keyd(const struct world *world, const char *authority) {
    return write_settings(world, "keyd",
                          arena_printf(world->arena,
                                       "federation = \"" WORLD_FEDERATION "\"\n"
                                       "keys = \"%s/keys/keyd.keys\"\n"
                                       "credential = \"%s/keys/keyd.credential\"\n"
                                       "state_dir = \"%s/keyd\"\n"
                                       "socket = \"%s/s/keyd\"\n"
                                       "authority = {\"%s\"}\n"
                                       "log_level = \"warn\"\n",
                                       world->dir, world->dir, world->dir, world->dir, authority));
}

static size_t or_default(size_t asked) { return asked ? asked : 128; }

static enum status write_core(const struct world *world, const char *authority) {
    const struct world_options *options = &world->options;
    return write_settings(world, "core",
                          arena_printf(world->arena,
                                       "federation = \"" WORLD_FEDERATION "\"\n"
                                       "store_dir = \"%s/core\"\n"
                                       "shred_file = \"%s/shred\"\n"
                                       "credential = \"%s/keys/core.credential\"\n"
                                       "keyd_socket = \"%s/s/keyd\"\n"
                                       "gate_socket = \"%s/s/gate\"\n"
                                       "portal_socket = \"%s/s/portal\"\n"
                                       "operator_socket = \"%s/s/operator\"\n"
                                       "authority = {\"%s\"}\n"
                                       "pipes_per_member = %zu\n"
                                       "calls_per_pipe = %zu\n"
                                       "calls_per_member = %zu\n"
                                       "parked_per_member = %zu\n"
                                       "log_level = \"warn\"\n",
                                       world->dir, world->dir, world->dir, world->dir, world->dir, world->dir,
                                       world->dir, authority, or_default(options->connections_per_member),
                                       or_default(options->calls_per_member), or_default(options->calls_per_member),
                                       or_default(options->parked_per_member)));
}

static enum status write_gate(const struct world *world) {
    return write_settings(world, "gate",
                          arena_printf(world->arena,
                                       "listen = {\"127.0.0.1\"}\n"
                                       "port = %u\n"
                                       "certificate = \"%s/tls/gate.pem\"\n"
                                       "private_key = \"%s/tls/gate.key\"\n"
                                       "core_socket = \"%s/s/gate\"\n"
                                       "connections_per_member = %zu\n"
                                       "max_unanswered = 256\n"
                                       "log_level = \"warn\"\n",
                                       world->gate_port, world->dir, world->dir, world->dir,
                                       or_default(world->options.connections_per_member)));
}

static enum status write_portal(const struct world *world) {
    return write_settings(world, "portal",
                          arena_printf(world->arena,
                                       "port = %u\n"
                                       "public_url = \"%s\"\n"
                                       "certificate = \"%s/tls/portal.pem\"\n"
                                       "private_key = \"%s/tls/portal.key\"\n"
                                       "core_socket = \"%s/s/portal\"\n"
                                       "log_level = \"warn\"\n",
                                       world->portal_port, world->portal_url, world->dir, world->dir, world->dir));
}

static enum status write_run(const struct world *world) {
    return write_settings(world, "run",
                          arena_printf(world->arena,
                                       "keyd = \"%s/conf/keyd.conf\"\n"
                                       "core = \"%s/conf/core.conf\"\n"
                                       "gate = \"%s/conf/gate.conf\"\n"
                                       "portal = \"%s/conf/portal.conf\"\n"
                                       "operator_socket = \"%s/s/operator\"\n"
                                       "restart_most_ms = %d\n",
                                       world->dir, world->dir, world->dir, world->dir, world->dir, WORLD_RETRY_MS));
}

static enum status make_settings(struct world *world) {
    struct sign_public key = sign_public_of(world->authority);
    const char *authority = public_sign_text(world->arena, &key);
    ENSURE(authority, STATUS_MEMORY);
    WORLD_TRY("port", free_port(&world->gate_port));
    WORLD_TRY("port", free_port(&world->portal_port));
    world->portal_url = arena_printf(world->arena, "https://127.0.0.1:%u", world->portal_port);
    ENSURE(world->portal_url, STATUS_MEMORY);
    WORLD_TRY("keyd.conf", write_keyd(world, authority));
    WORLD_TRY("core.conf", write_core(world, authority));
    WORLD_TRY("gate.conf", write_gate(world));
    WORLD_TRY("portal.conf", write_portal(world));
    WORLD_TRY("run.conf", write_run(world));
    return STATUS_OK;
}

enum status world_make_files(struct world *world) {
    static const char *const dirs[] = {"", "/tls", "/conf", "/s", "/keyd", "/core"};
    for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++) {
        WORLD_TRY(world->dir, file_make_dir(arena_printf(world->arena, "%s%s", world->dir, dirs[i]), 0700));
    }
    TRY(make_keys(world));
    return make_settings(world);
}
