#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "keys/tls.h"
#include "support/scratch.h"

#define DAY_S 86400

/* A federation's certificates, made once: two authorities, a server and clients. */
struct world {
    struct scratch scratch;
    uint64_t now_s;
    char paths[16][SCRATCH_PATH_MAX];
};

enum { CA, OTHER_CA, SERVER, CLIENT, STRANGER, EXPIRED, ALONE, FILES };

static const char *certificate_path(struct world *world, int which) {
    char name[32];
    (void)snprintf(name, sizeof name, "%d.pem", which);
    scratch_path(&world->scratch, name, world->paths[which]);
    return world->paths[which];
}

static const char *key_path(struct world *world, int which) {
    char name[32];
    (void)snprintf(name, sizeof name, "%d.key", which);
    scratch_path(&world->scratch, name, world->paths[FILES + which]);
    return world->paths[FILES + which];
}

static struct tls_identity identity(struct world *world, int which) {
    return (struct tls_identity){certificate_path(world, which), key_path(world, which)};
}

static const char *const server_names[] = {"broker.example", "127.0.0.1", "::1"};

/* from is an index of a CA, -1 for self-signed. */
static void make(struct world *world, int which, enum tls_certificate_kind kind, int from, uint64_t now_s) {
    struct tls_identity issuer = identity(world, from < 0 ? CA : from);
    const struct tls_certificate_request request = {
        .kind = kind,
        .subject = "Sluss test",
        .names = server_names,
        .name_count = which == SERVER ? 3 : 0,
        .now_s = now_s,
        .days = 2,
        .from = from < 0 ? NULL : &issuer,
    };
    assert_int_equal(tls_make_certificate(&request, certificate_path(world, which), key_path(world, which)), STATUS_OK);
}

static int setup(void **state) {
    static struct world world;
    if (secret_setup() != STATUS_OK) return -1;
    scratch_init(&world.scratch);
    world.now_s = (uint64_t)time(NULL);
    make(&world, CA, TLS_CERTIFICATE_CA, -1, world.now_s);
    make(&world, OTHER_CA, TLS_CERTIFICATE_CA, -1, world.now_s);
    make(&world, SERVER, TLS_CERTIFICATE_LEAF, CA, world.now_s);
    make(&world, CLIENT, TLS_CERTIFICATE_LEAF, CA, world.now_s);
    make(&world, STRANGER, TLS_CERTIFICATE_LEAF, OTHER_CA, world.now_s);
    make(&world, EXPIRED, TLS_CERTIFICATE_LEAF, CA, world.now_s - 10 * DAY_S);
    make(&world, ALONE, TLS_CERTIFICATE_LEAF, -1, world.now_s);
    *state = &world;
    return 0;
}

static int teardown(void **state) {
    struct world *world = *state;
    scratch_clear(&world->scratch);
    return 0;
}

/* One connection in memory. */
struct pair {
    SSL *server;
    SSL *client;
};

static void pair_clear(struct pair *pair) {
    SSL_free(pair->server);
    SSL_free(pair->client);
}

static int step(SSL *connection) {
    ERR_clear_error();
    int result = SSL_do_handshake(connection);
    if (result == 1) return 1;
    int error = SSL_get_error(connection, result);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

/* Shakes hands, then moves one byte each way, since under TLS 1.3 a refused client sees its own side succeed. */
static enum status talk(struct pair *pair) {
    int server = 0;
    int client = 0;
    for (int i = 0; i < 20 && (server == 0 || client == 0); i++) {
        if (client == 0) client = step(pair->client);
        if (server == 0) server = step(pair->server);
        if (server < 0 || client < 0) return STATUS_REFUSED;
    }
    char byte = 'x';
    ERR_clear_error();
    ENSURE(SSL_write(pair->server, &byte, 1) == 1 && SSL_read(pair->client, &byte, 1) == 1, STATUS_REFUSED);
    ENSURE(SSL_write(pair->client, &byte, 1) == 1 && SSL_read(pair->server, &byte, 1) == 1, STATUS_REFUSED);
    return STATUS_OK;
}

static struct pair pair_new(SSL_CTX *server, SSL_CTX *client) {
    struct pair pair = {SSL_new(server), SSL_new(client)};
    BIO *near = NULL;
    BIO *far = NULL;
    assert_int_equal(BIO_new_bio_pair(&near, 0, &far, 0), 1);
    SSL_set_bio(pair.server, near, near);
    SSL_set_bio(pair.client, far, far);
    SSL_set_accept_state(pair.server);
    SSL_set_connect_state(pair.client);
    return pair;
}

/* Connects a client with an identity (or none, -1) that expects host from the server; ends both contexts' use. */
static enum status connect_as(struct world *world, SSL_CTX *server, int who, int anchor, const char *host) {
    struct tls_identity own = identity(world, who < 0 ? CLIENT : who);
    SSL_CTX *client CLEANUP(SSL_CTX_free_cleanup) = NULL;
    assert_int_equal(tls_client(who < 0 ? NULL : &own, certificate_path(world, anchor), &client), STATUS_OK);
    struct pair pair CLEANUP(pair_clear) = pair_new(server, client);
    assert_int_equal(tls_expect_server(pair.client, host), STATUS_OK);
    TRY(talk(&pair));
    struct hash seen;
    struct hash expected;
    if (who < 0) {
        assert_int_equal(tls_peer_fingerprint(pair.server, &seen), STATUS_NOT_FOUND);
        return STATUS_OK;
    }
    assert_int_equal(tls_peer_fingerprint(pair.server, &seen), STATUS_OK);
    assert_int_equal(tls_file_fingerprint(certificate_path(world, who), &expected), STATUS_OK);
    assert_true(hash_equal(&seen, &expected));
    assert_int_equal(SSL_version(pair.server), TLS1_3_VERSION);
    assert_int_equal(SSL_session_reused(pair.client), 0);
    return STATUS_OK;
}

static void test_mutual(void **state) {
    struct world *world = *state;
    struct tls_identity own = identity(world, SERVER);
    SSL_CTX *server CLEANUP(SSL_CTX_free_cleanup) = NULL;
    assert_int_equal(tls_server_mutual(&own, certificate_path(world, CA), &server), STATUS_OK);
    assert_int_equal(connect_as(world, server, -1, CA, "broker.example"), STATUS_REFUSED);
    assert_int_equal(connect_as(world, server, STRANGER, CA, "broker.example"), STATUS_REFUSED);
    assert_int_equal(connect_as(world, server, EXPIRED, CA, "broker.example"), STATUS_REFUSED);
    assert_int_equal(connect_as(world, server, ALONE, CA, "broker.example"), STATUS_REFUSED);
    assert_int_equal(connect_as(world, server, CLIENT, CA, "broker.example"), STATUS_OK);
}

static void test_client_checks_the_server(void **state) {
    struct world *world = *state;
    struct tls_identity own = identity(world, SERVER);
    SSL_CTX *server CLEANUP(SSL_CTX_free_cleanup) = NULL;
    assert_int_equal(tls_server_mutual(&own, certificate_path(world, CA), &server), STATUS_OK);
    assert_int_equal(connect_as(world, server, CLIENT, OTHER_CA, "broker.example"), STATUS_REFUSED);
    assert_int_equal(connect_as(world, server, CLIENT, CLIENT, "broker.example"), STATUS_REFUSED);
    assert_int_equal(connect_as(world, server, CLIENT, CA, "other.example"), STATUS_REFUSED);
    assert_int_equal(connect_as(world, server, CLIENT, CA, "127.0.0.2"), STATUS_REFUSED);
    assert_int_equal(connect_as(world, server, CLIENT, CA, "127.0.0.1"), STATUS_OK);
    assert_int_equal(connect_as(world, server, CLIENT, CA, "::1"), STATUS_OK);
    assert_int_equal(connect_as(world, server, CLIENT, SERVER, "broker.example"), STATUS_OK);
}

struct listed {
    struct hash fingerprint;
    unsigned asked;
};

static enum status accept_listed(void *arg, const struct hash *fingerprint) {
    struct listed *listed = arg;
    listed->asked++;
    return hash_equal(&listed->fingerprint, fingerprint) ? STATUS_OK : STATUS_DENIED;
}

/* The fingerprint decides alone: a self-signed certificate passes when listed, an issued one does not when it is not.
 */
static void test_fingerprint(void **state) {
    struct world *world = *state;
    struct tls_identity own = identity(world, SERVER);
    struct listed listed = {0};
    SSL_CTX *server CLEANUP(SSL_CTX_free_cleanup) = NULL;
    assert_int_equal(tls_server_fingerprint(&own, accept_listed, &listed, &server), STATUS_OK);
    assert_int_equal(tls_file_fingerprint(certificate_path(world, EXPIRED), &listed.fingerprint), STATUS_OK);
    assert_int_equal(connect_as(world, server, EXPIRED, CA, "broker.example"), STATUS_REFUSED);
    assert_int_equal(connect_as(world, server, -1, CA, "broker.example"), STATUS_REFUSED);
    assert_int_equal(listed.asked, 0);
    assert_int_equal(tls_file_fingerprint(certificate_path(world, ALONE), &listed.fingerprint), STATUS_OK);
    assert_int_equal(connect_as(world, server, CLIENT, CA, "broker.example"), STATUS_REFUSED);
    assert_int_equal(connect_as(world, server, ALONE, CA, "broker.example"), STATUS_OK);
    assert_int_equal(listed.asked, 2);
}

/* With a certificate that the link accepts, so that only the version can be the reason. */
static enum status connect_version(struct world *world, SSL_CTX *server, int version) {
    SSL_CTX *client CLEANUP(SSL_CTX_free_cleanup) = SSL_CTX_new(TLS_client_method());
    assert_int_equal(SSL_CTX_use_certificate_file(client, certificate_path(world, CLIENT), SSL_FILETYPE_PEM), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(client, key_path(world, CLIENT), SSL_FILETYPE_PEM), 1);
    /* Level 0, or the library itself would refuse to offer the old versions. */
    SSL_CTX_set_security_level(client, 0);
    assert_int_equal(SSL_CTX_set_min_proto_version(client, version), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(client, version), 1);
    struct pair pair CLEANUP(pair_clear) = pair_new(server, client);
    return talk(&pair);
}

static void test_versions(void **state) {
    struct world *world = *state;
    struct tls_identity own = identity(world, SERVER);
    SSL_CTX *mutual CLEANUP(SSL_CTX_free_cleanup) = NULL;
    SSL_CTX *public CLEANUP(SSL_CTX_free_cleanup) = NULL;
    assert_int_equal(tls_server_mutual(&own, certificate_path(world, CA), &mutual), STATUS_OK);
    assert_int_equal(tls_server_public(&own, &public), STATUS_OK);
    assert_int_equal(connect_version(world, mutual, TLS1_2_VERSION), STATUS_REFUSED);
    assert_int_equal(connect_version(world, mutual, TLS1_3_VERSION), STATUS_OK);
    assert_int_equal(connect_version(world, public, TLS1_1_VERSION), STATUS_REFUSED);
    assert_int_equal(connect_version(world, public, TLS1_2_VERSION), STATUS_OK);
    assert_int_equal(connect_version(world, public, TLS1_3_VERSION), STATUS_OK);
    assert_int_equal(connect_as(world, public, -1, CA, "broker.example"), STATUS_OK);
}

static void write_encrypted_key(const char *path) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    char word[] = "word";
    assert_int_equal(PEM_write_PrivateKey(file, key, EVP_aes_256_cbc(), (unsigned char *)word, 4, NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
    EVP_PKEY_free(key);
}

static void test_bad_files(void **state) {
    struct world *world = *state;
    char missing[SCRATCH_PATH_MAX];
    char garbage[SCRATCH_PATH_MAX];
    char encrypted[SCRATCH_PATH_MAX];
    char loose[SCRATCH_PATH_MAX];
    scratch_path(&world->scratch, "missing", missing);
    scratch_path(&world->scratch, "garbage", garbage);
    scratch_path(&world->scratch, "encrypted", encrypted);
    scratch_path(&world->scratch, "loose", loose);
    assert_int_equal(file_create(garbage, bytes_text("no PEM\n"), 0600), STATUS_OK);
    assert_int_equal(file_create(loose, bytes_text("no PEM\n"), 0644), STATUS_OK);
    write_encrypted_key(encrypted);
    const char *certificate = certificate_path(world, SERVER);
    const struct {
        const char *name;
        struct tls_identity identity;
        enum status expected;
    } cases[] = {
        {"no certificate", {missing, key_path(world, SERVER)}, STATUS_NOT_FOUND},
        {"no key", {certificate, missing}, STATUS_NOT_FOUND},
        {"garbage for a certificate", {garbage, key_path(world, SERVER)}, STATUS_MALFORMED},
        {"garbage for a key", {certificate, garbage}, STATUS_MALFORMED},
        {"a key that others may read", {certificate, loose}, STATUS_PERMISSION},
        {"a key under a passphrase", {certificate, encrypted}, STATUS_MALFORMED},
        {"a key of another certificate", {certificate, key_path(world, CLIENT)}, STATUS_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        SSL_CTX *context = NULL;
        enum status status = tls_server_public(&cases[i].identity, &context);
        if (status != cases[i].expected) fail_msg("%s: %s", cases[i].name, status_name(status));
        assert_null(context);
        assert_int_equal(ERR_peek_error(), 0);
    }
}

static void test_requests_refused(void **state) {
    struct world *world = *state;
    static const char long_name[] = "12345678901234567890123456789012345678901234567890123456789012345";
    static const char *const bad_name[] = {"broker.example,DNS:other.example"};
    struct tls_identity no_ca = {certificate_path(world, CA), key_path(world, CLIENT)};
    const struct {
        const char *name;
        struct tls_certificate_request request;
        enum status expected;
    } cases[] = {
        {"empty subject", {.subject = "", .days = 1}, STATUS_MALFORMED},
        {"long subject", {.subject = long_name, .days = 1}, STATUS_MALFORMED},
        {"control character", {.subject = "a\nb", .days = 1}, STATUS_MALFORMED},
        {"no days", {.subject = "a", .days = 0}, STATUS_MALFORMED},
        {"too many days", {.subject = "a", .days = 3651}, STATUS_MALFORMED},
        {"two names in one", {.subject = "a", .days = 1, .names = bad_name, .name_count = 1}, STATUS_MALFORMED},
        {"issuer without its key", {.subject = "a", .days = 1, .from = &no_ca}, STATUS_CRYPTO},
    };
    char certificate[SCRATCH_PATH_MAX];
    char key[SCRATCH_PATH_MAX];
    scratch_path(&world->scratch, "refused.pem", certificate);
    scratch_path(&world->scratch, "refused.key", key);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum status status = tls_make_certificate(&cases[i].request, certificate, key);
        if (status != cases[i].expected) fail_msg("%s: %s", cases[i].name, status_name(status));
    }
    struct tls_certificate_request request = {.subject = "a", .days = 1, .now_s = world->now_s};
    assert_int_equal(tls_make_certificate(&request, certificate, key_path(world, CA)), STATUS_CONFLICT);
    assert_int_equal(tls_make_certificate(&request, certificate_path(world, CA), key), STATUS_CONFLICT);
    struct stat found;
    assert_int_not_equal(stat(key, &found), 0);
    assert_int_not_equal(stat(certificate, &found), 0);
    assert_int_equal(stat(key_path(world, CA), &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mutual),      cmocka_unit_test(test_client_checks_the_server),
        cmocka_unit_test(test_fingerprint), cmocka_unit_test(test_versions),
        cmocka_unit_test(test_bad_files),   cmocka_unit_test(test_requests_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
