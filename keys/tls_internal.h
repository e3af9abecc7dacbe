/*
 * What tls.c and tls_certificate.c share: certificates and keys from PEM files.
 */
#ifndef KEYS_TLS_INTERNAL_H
#define KEYS_TLS_INTERNAL_H

#include <openssl/bio.h>
#include <openssl/evp.h>

#include "base/arena.h"
#include "keys/tls.h"

#define TLS_PEM_MAX_BYTES 65536

CLEANUP_POINTER(EVP_PKEY, EVP_PKEY_free)
CLEANUP_POINTER(BIO, BIO_free_all)

/* Empties OpenSSL's error queue. */
enum status tls_failed(void);

/* A reader over the file's bytes, which lie in the arena. */
enum status tls_open_pem(const char *path, struct arena *arena, BIO **out_bio);
/* The first certificate. STATUS_MALFORMED when there is none. */
enum status tls_load_certificate(const char *path, X509 **out_certificate);
/* An unencrypted private key from a file that is 0600 or tighter. */
enum status tls_load_key(const char *path, EVP_PKEY **out_key);

#endif
