/*
 * TLS set-up by OpenSSL: contexts for the link (TLS 1.3 only, both sides with certificates), the portal (TLS 1.2 and
 * 1.3) and the link's client, fingerprints, and self-made certificates.
 *
 * A certificate on the link is identified by its fingerprint, the SHA-256 of its DER form: names in it mean nothing.
 * Sessions are never resumed on the link, so that a removed certificate ends with its connection. Private keys are PEM
 * files, refused when looser than 0600. Making contexts: any thread; a context is shared by all. ERR_clear_error() is
 * the caller's before each SSL call of its own.
 */
#ifndef KEYS_TLS_H
#define KEYS_TLS_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/status.h"
#include "keys/hash.h"

CLEANUP_POINTER(SSL_CTX, SSL_CTX_free)
CLEANUP_POINTER(SSL, SSL_free)
CLEANUP_POINTER(X509, X509_free)

/* Own certificate (chain) and key, both PEM. */
struct tls_identity {
    const char *certificate_path;
    const char *key_path;
};

/* Decides about a peer's certificate during the handshake, on the thread that runs it; must not block. Anything but
 * STATUS_OK ends the handshake with an alert. */
typedef enum status tls_accept(void *arg, const struct hash *fingerprint);

/* All: STATUS_NOT_FOUND, STATUS_PERMISSION, STATUS_MALFORMED for files, STATUS_CRYPTO; the caller frees the context. */

/* Server, TLS 1.3, client certificate required and issued by the CA in ca_path. */
enum status tls_server_mutual(const struct tls_identity *identity, const char *ca_path, SSL_CTX **out_context);
/* Server, TLS 1.3, client certificate required; its fingerprint decides alone: accept is asked for it. Dates are
 * checked, issuers are not. */
enum status tls_server_fingerprint(const struct tls_identity *identity, tls_accept *accept, void *arg,
                                   SSL_CTX **out_context);
/* Client, TLS 1.3, with a certificate of its own (identity NULL: without); the server's must come from the CA in
 * ca_path, or be that very certificate. Name each connection's server by tls_expect_server. */
enum status tls_client(const struct tls_identity *identity, const char *ca_path, SSL_CTX **out_context);
/* Server, TLS 1.2 (ECDHE with AEAD) and 1.3, no client certificate, stateless tickets. */
enum status tls_server_public(const struct tls_identity *identity, SSL_CTX **out_context);

/* Sets the name that the server's certificate must carry (DNS name or IP address), and SNI for names. Before the
 * handshake. STATUS_CRYPTO. */
enum status tls_expect_server(SSL *connection, const char *host);

/* SHA-256 of the DER form. STATUS_CRYPTO. */
enum status tls_fingerprint(const X509 *certificate, struct hash *out_fingerprint);
/* Of the peer; STATUS_NOT_FOUND when it showed none. */
enum status tls_peer_fingerprint(const SSL *connection, struct hash *out_fingerprint);
/* Of the first certificate of a PEM file. */
enum status tls_file_fingerprint(const char *path, struct hash *out_fingerprint);

enum tls_certificate_kind { TLS_CERTIFICATE_CA, TLS_CERTIFICATE_LEAF };

struct tls_certificate_request {
    enum tls_certificate_kind kind;
    const char *subject;             /* common name, 1 to 64 bytes */
    const char *const *names;        /* subject alternative names: DNS names and IP addresses */
    size_t name_count;               /* at most 32; 0 is fine */
    uint64_t now_s;                  /* valid from an hour before */
    uint32_t days;                   /* 1 to 3650 */
    const struct tls_identity *from; /* the issuing CA; NULL makes it self-signed */
};

/* Makes an EC P-256 key and a certificate for it; writes both as PEM (key 0600, certificate 0644). STATUS_CONFLICT when
 * a file exists, STATUS_MALFORMED for a request outside the bounds above, STATUS_CRYPTO, errors of base/file.h. */
enum status tls_make_certificate(const struct tls_certificate_request *request, const char *certificate_path,
                                 const char *key_path);

#endif
