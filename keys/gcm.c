/*
 * Owns one fetched cipher for the life of the process. Trusts OpenSSL's AES-GCM. Invariant: plaintext that did not
 * authenticate never stays in the caller's memory.
 */
#include "keys/gcm.h"

#include <limits.h>
#include <pthread.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/secret.h"

static pthread_once_t cipher_once = PTHREAD_ONCE_INIT;
static EVP_CIPHER *cipher;

static void cipher_free(void) { EVP_CIPHER_free(cipher); }

static void cipher_fetch(void) {
    cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    if (cipher) (void)OPENSSL_atexit(cipher_free);
}

static enum status failed(void) {
    ERR_clear_error();
    return STATUS_CRYPTO;
}

enum status gcm_init(struct gcm *gcm, enum gcm_direction direction, const uint8_t *key) {
    (void)pthread_once(&cipher_once, cipher_fetch);
    ENSURE(cipher, failed());
    gcm->direction = direction;
    gcm->context = EVP_CIPHER_CTX_new();
    ENSURE(gcm->context, failed());
    int enc = direction == GCM_SEAL ? 1 : 0;
    ENSURE(EVP_CipherInit_ex2(gcm->context, cipher, key, NULL, enc, NULL) == 1, failed());
    return STATUS_OK;
}

void gcm_clear(struct gcm *gcm) {
    EVP_CIPHER_CTX_free(gcm->context);
    gcm->context = NULL;
}

/* Nonce, additional data and text; the tag is the caller's. */
static enum status run(struct gcm *gcm, const uint8_t *nonce, struct bytes aad, struct bytes text, uint8_t *out) {
    ENSURE(aad.len <= INT_MAX && text.len <= INT_MAX, STATUS_TOO_LARGE);
    int len = 0;
    ENSURE(EVP_CipherInit_ex2(gcm->context, NULL, NULL, nonce, -1, NULL) == 1, failed());
    if (aad.len > 0) ENSURE(EVP_CipherUpdate(gcm->context, NULL, &len, aad.data, (int)aad.len) == 1, failed());
    if (text.len > 0) ENSURE(EVP_CipherUpdate(gcm->context, out, &len, text.data, (int)text.len) == 1, failed());
    return STATUS_OK;
}

enum status gcm_seal(struct gcm *gcm, const uint8_t nonce[GCM_NONCE_BYTES], struct bytes aad, struct bytes plaintext,
                     uint8_t *out) {
    TRY(run(gcm, nonce, aad, plaintext, out));
    int len = 0;
    uint8_t *tag = out + plaintext.len;
    ENSURE(EVP_CipherFinal_ex(gcm->context, tag, &len) == 1, failed());
    ENSURE(EVP_CIPHER_CTX_ctrl(gcm->context, EVP_CTRL_GCM_GET_TAG, GCM_TAG_BYTES, tag) == 1, failed());
    return STATUS_OK;
}

static enum status open_checked(struct gcm *gcm, const uint8_t *nonce, struct bytes aad, struct bytes sealed,
                                uint8_t *out) {
    uint8_t tag[GCM_TAG_BYTES];
    struct bytes text = {sealed.data, sealed.len - GCM_TAG_BYTES};
    struct reader reader = reader_init(BYTES(sealed.data + text.len, GCM_TAG_BYTES));
    reader_copy(&reader, tag, sizeof tag);
    TRY(run(gcm, nonce, aad, text, out));
    int len = 0;
    ENSURE(EVP_CIPHER_CTX_ctrl(gcm->context, EVP_CTRL_GCM_SET_TAG, GCM_TAG_BYTES, tag) == 1, failed());
    uint8_t none[1];
    if (EVP_CipherFinal_ex(gcm->context, none, &len) == 1) return STATUS_OK;
    ERR_clear_error();
    return STATUS_PROOF;
}

enum status gcm_open(struct gcm *gcm, const uint8_t nonce[GCM_NONCE_BYTES], struct bytes aad, struct bytes sealed,
                     uint8_t *out) {
    ENSURE(sealed.len >= GCM_TAG_BYTES, STATUS_MALFORMED);
    enum status status = open_checked(gcm, nonce, aad, sealed, out);
    if (status != STATUS_OK) secret_wipe(out, sealed.len - GCM_TAG_BYTES);
    return status;
}
