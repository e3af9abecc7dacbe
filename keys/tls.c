/*
 * Owns contexts until they are handed out. Trusts OpenSSL's TLS and X.509. Invariants: on the link no version below
 * 1.3, no resumption, never a connection without a checked peer certificate; no context asks anyone for a passphrase.
 */
#include "keys/tls.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/file.h"
#include "keys/tls_internal.h"

enum status tls_failed(void) {
    ERR_clear_error();
    return STATUS_CRYPTO;
}

/* What OpenSSL could not parse or use. */
static enum status malformed(void) {
    ERR_clear_error();
    return STATUS_MALFORMED;
}

/* OpenSSL would ask on the terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *arg) {
    (void)buffer, (void)size, (void)writing, (void)arg;
    return -1;
}

enum status tls_open_pem(const char *path, struct arena *arena, BIO **out_bio) {
    struct bytes content;
    TRY(file_read(path, TLS_PEM_MAX_BYTES, arena, &content));
    BIO *bio = BIO_new_mem_buf(content.data, (int)content.len);
    ENSURE(bio, tls_failed());
    *out_bio = bio;
    return STATUS_OK;
}

enum status tls_load_certificate(const char *path, X509 **out_certificate) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new((size_t)2 * TLS_PEM_MAX_BYTES);
    ENSURE(arena, STATUS_MEMORY);
    BIO *bio CLEANUP(BIO_free_all_cleanup) = NULL;
    TRY(tls_open_pem(path, arena, &bio));
    X509 *certificate = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
    ENSURE(certificate, malformed());
    *out_certificate = certificate;
    return STATUS_OK;
}

enum status tls_load_key(const char *path, EVP_PKEY **out_key) {
    struct secret *content CLEANUP(secret_free_cleanup) = NULL;
    TRY(file_read_secret(path, TLS_PEM_MAX_BYTES, &content));
    BIO *bio CLEANUP(BIO_free_all_cleanup) = BIO_new_mem_buf(secret_bytes(content).data, (int)secret_len(content));
    ENSURE(bio, tls_failed());
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    ENSURE(key, malformed());
    *out_key = key;
    return STATUS_OK;
}

/* The certificate and what follows it in the file. */
static enum status use_chain(SSL_CTX *context, const char *path) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new((size_t)2 * TLS_PEM_MAX_BYTES);
    ENSURE(arena, STATUS_MEMORY);
    BIO *bio CLEANUP(BIO_free_all_cleanup) = NULL;
    TRY(tls_open_pem(path, arena, &bio));
    X509 *own CLEANUP(X509_free_cleanup) = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
    ENSURE(own && SSL_CTX_use_certificate(context, own) == 1, malformed());
    for (;;) {
        X509 *next CLEANUP(X509_free_cleanup) = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
        if (!next) break;
        ENSURE(SSL_CTX_add1_chain_cert(context, next) == 1, tls_failed());
    }
    /* The end of the file is the expected error; anything else means a damaged certificate. */
    unsigned long error = ERR_peek_last_error();
    ENSURE(ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE, malformed());
    ERR_clear_error();
    return STATUS_OK;
}

static enum status use_identity(SSL_CTX *context, const struct tls_identity *identity) {
    TRY(use_chain(context, identity->certificate_path));
    EVP_PKEY *key CLEANUP(EVP_PKEY_free_cleanup) = NULL;
    TRY(tls_load_key(identity->key_path, &key));
    ENSURE(SSL_CTX_use_PrivateKey(context, key) == 1, malformed());
    ENSURE(SSL_CTX_check_private_key(context) == 1, malformed());
    return STATUS_OK;
}

/* Any certificate in the file is an anchor, a self-signed or issued one alike. */
static enum status use_anchors(SSL_CTX *context, const char *path) {
    X509 *anchor CLEANUP(X509_free_cleanup) = NULL;
    TRY(tls_load_certificate(path, &anchor));
    X509_STORE *store = SSL_CTX_get_cert_store(context);
    ENSURE(X509_STORE_add_cert(store, anchor) == 1, tls_failed());
    ENSURE(X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1, tls_failed());
    return STATUS_OK;
}

static enum status context_new(const SSL_METHOD *method, int least_version, SSL_CTX **out_context) {
    ERR_clear_error();
    SSL_CTX *context CLEANUP(SSL_CTX_free_cleanup) = SSL_CTX_new(method);
    ENSURE(context, tls_failed());
    ENSURE(SSL_CTX_set_min_proto_version(context, least_version) == 1, tls_failed());
    ENSURE(SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1, tls_failed());
    (void)SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    (void)SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    *out_context = MOVE(context);
    return STATUS_OK;
}

/* No tickets: a connection of the link is always a full handshake with both certificates. */
static enum status link_context(const SSL_METHOD *method, SSL_CTX **out_context) {
    TRY(context_new(method, TLS1_3_VERSION, out_context));
    (void)SSL_CTX_set_options(*out_context, SSL_OP_NO_TICKET);
    (void)SSL_CTX_set_num_tickets(*out_context, 0);
    return STATUS_OK;
}

enum status tls_server_mutual(const struct tls_identity *identity, const char *ca_path, SSL_CTX **out_context) {
    SSL_CTX *context CLEANUP(SSL_CTX_free_cleanup) = NULL;
    TRY(link_context(TLS_server_method(), &context));
    TRY(use_identity(context, identity));
    TRY(use_anchors(context, ca_path));
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    *out_context = MOVE(context);
    return STATUS_OK;
}

enum status tls_client(const struct tls_identity *identity, const char *ca_path, SSL_CTX **out_context) {
    SSL_CTX *context CLEANUP(SSL_CTX_free_cleanup) = NULL;
    TRY(link_context(TLS_client_method(), &context));
    if (identity) TRY(use_identity(context, identity));
    TRY(use_anchors(context, ca_path));
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    *out_context = MOVE(context);
    return STATUS_OK;
}

enum status tls_server_public(const struct tls_identity *identity, SSL_CTX **out_context) {
    SSL_CTX *context CLEANUP(SSL_CTX_free_cleanup) = NULL;
    TRY(context_new(TLS_server_method(), TLS1_2_VERSION, &context));
    TRY(use_identity(context, identity));
    *out_context = MOVE(context);
    return STATUS_OK;
}

/* Who decides about fingerprints; owned by its context. */
struct acceptor {
    tls_accept *accept;
    void *arg;
};

static pthread_once_t acceptor_once = PTHREAD_ONCE_INIT;
static int acceptor_index = -1;

static void acceptor_free(void *parent, void *acceptor, CRYPTO_EX_DATA *data, int index, long argl, void *argp) {
    (void)parent, (void)data, (void)index, (void)argl, (void)argp;
    free(acceptor);
}

static void acceptor_register(void) { acceptor_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, acceptor_free); }

static enum status decide(const X509 *certificate, const struct acceptor *acceptor) {
    ENSURE(X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0, STATUS_TIME);
    ENSURE(X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0, STATUS_TIME);
    struct hash fingerprint;
    TRY(tls_fingerprint(certificate, &fingerprint));
    return acceptor->accept(acceptor->arg, &fingerprint);
}

/* Takes the place of chain building. OpenSSL itself checks that the peer holds the certificate's key. */
static int verify_fingerprint(X509_STORE_CTX *store_context, void *arg) {
    const X509 *certificate = X509_STORE_CTX_get0_cert(store_context);
    if (certificate && decide(certificate, arg) == STATUS_OK) {
        X509_STORE_CTX_set_error(store_context, X509_V_OK);
        return 1;
    }
    X509_STORE_CTX_set_error(store_context, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

static enum status use_acceptor(SSL_CTX *context, tls_accept *accept, void *arg) {
    (void)pthread_once(&acceptor_once, acceptor_register);
    struct acceptor *acceptor CLEANUP(cleanup_free) = malloc(sizeof *acceptor);
    ENSURE(acceptor, STATUS_MEMORY);
    *acceptor = (struct acceptor){accept, arg};
    ENSURE(SSL_CTX_set_ex_data(context, acceptor_index, acceptor) == 1, tls_failed());
    SSL_CTX_set_cert_verify_callback(context, verify_fingerprint, MOVE(acceptor));
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return STATUS_OK;
}

enum status tls_server_fingerprint(const struct tls_identity *identity, tls_accept *accept, void *arg,
                                   SSL_CTX **out_context) {
    SSL_CTX *context CLEANUP(SSL_CTX_free_cleanup) = NULL;
    TRY(link_context(TLS_server_method(), &context));
    TRY(use_identity(context, identity));
    TRY(use_acceptor(context, accept, arg));
    *out_context = MOVE(context);
    return STATUS_OK;
}

enum status tls_expect_server(SSL *connection, const char *host) {
    uint8_t address[sizeof(struct in6_addr)];
    ERR_clear_error();
    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1) {
        ENSURE(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(connection), host) == 1, tls_failed());
        return STATUS_OK;
    }
    SSL_set_hostflags(connection, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    ENSURE(SSL_set1_host(connection, host) == 1, tls_failed());
    ENSURE(SSL_set_tlsext_host_name(connection, host) == 1, tls_failed());
    return STATUS_OK;
}

enum status tls_fingerprint(const X509 *certificate, struct hash *out_fingerprint) {
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);
    ENSURE(len > 0, tls_failed());
    *out_fingerprint = hash_sha256(BYTES(der, (size_t)len));
    OPENSSL_free(der);
    return STATUS_OK;
}

enum status tls_peer_fingerprint(const SSL *connection, struct hash *out_fingerprint) {
    const X509 *certificate = SSL_get0_peer_certificate(connection);
    ENSURE(certificate, STATUS_NOT_FOUND);
    return tls_fingerprint(certificate, out_fingerprint);
}

enum status tls_file_fingerprint(const char *path, struct hash *out_fingerprint) {
    X509 *certificate CLEANUP(X509_free_cleanup) = NULL;
    TRY(tls_load_certificate(path, &certificate));
    return tls_fingerprint(certificate, out_fingerprint);
}
