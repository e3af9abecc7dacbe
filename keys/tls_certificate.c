/*
 * Makes EC P-256 keys and certificates for them. Trusts OpenSSL's X.509. Invariant: a key file is never left behind
 * without its certificate.
 */
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/file.h"
#include "keys/tls.h"
#include "keys/tls_internal.h"

#define NAME_COUNT_MAX 32
#define NAME_MAX_BYTES 253
#define DAYS_MAX       3650
#define SUBJECT_MAX    64
#define SERIAL_BYTES   16
#define CERTIFICATE_V3 2

CLEANUP_POINTER(X509_EXTENSION, X509_EXTENSION_free)
CLEANUP_POINTER(GENERAL_NAMES, GENERAL_NAMES_free)
CLEANUP_POINTER(GENERAL_NAME, GENERAL_NAME_free)
CLEANUP_POINTER(BIGNUM, BN_free)

/* Own key and certificate under way, and who signs it: itself when there is no issuer. */
struct making {
    X509 *certificate;
    EVP_PKEY *key;
    X509 *issuer;
    EVP_PKEY *issuer_key;
};

static void making_clear(struct making *making) {
    X509_free(making->certificate);
    EVP_PKEY_free(making->key);
    X509_free(making->issuer);
    EVP_PKEY_free(making->issuer_key);
}

static enum status check_request(const struct tls_certificate_request *request) {
    ENSURE(bytes_is_text(bytes_text(request->subject)), STATUS_MALFORMED);
    ENSURE(request->subject[0] && strlen(request->subject) <= SUBJECT_MAX, STATUS_MALFORMED);
    ENSURE(request->days >= 1 && request->days <= DAYS_MAX, STATUS_MALFORMED);
    ENSURE(request->name_count <= NAME_COUNT_MAX, STATUS_MALFORMED);
    for (size_t i = 0; i < request->name_count; i++) {
        size_t len = strlen(request->names[i]);
        ENSURE(len >= 1 && len <= NAME_MAX_BYTES, STATUS_MALFORMED);
        ENSURE(strspn(request->names[i], "abcdefghijklmnopqrstuvwxyz0123456789.-*:ABCDEF") == len, STATUS_MALFORMED);
    }
    return STATUS_OK;
}

static enum status set_serial(X509 *certificate) {
    uint8_t bytes[SERIAL_BYTES];
    secret_random_public(bytes, sizeof bytes);
    bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40);
    BIGNUM *number CLEANUP(BN_free_cleanup) = BN_bin2bn(bytes, sizeof bytes, NULL);
    ENSURE(number, tls_failed());
    ENSURE(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)), tls_failed());
    return STATUS_OK;
}

static enum status set_times(X509 *certificate, const struct tls_certificate_request *request) {
    time_t from = (time_t)request->now_s - 3600;
    time_t to = (time_t)request->now_s + (time_t)request->days * 86400;
    ENSURE(ASN1_TIME_set(X509_getm_notBefore(certificate), from), tls_failed());
    ENSURE(ASN1_TIME_set(X509_getm_notAfter(certificate), to), tls_failed());
    return STATUS_OK;
}

static enum status set_names(struct making *making, const char *subject) {
    X509_NAME *name = X509_get_subject_name(making->certificate);
    const unsigned char *text = (const unsigned char *)subject;
    ENSURE(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, -1, -1, 0) == 1, tls_failed());
    const X509_NAME *issuer = making->issuer ? X509_get_subject_name(making->issuer) : name;
    ENSURE(X509_set_issuer_name(making->certificate, issuer) == 1, tls_failed());
    return STATUS_OK;
}

static enum status add_extension(struct making *making, int nid, const char *value) {
    X509V3_CTX context;
    X509 *issuer = making->issuer ? making->issuer : making->certificate;
    X509V3_set_ctx(&context, issuer, making->certificate, NULL, NULL, 0);
    X509_EXTENSION *extension CLEANUP(X509_EXTENSION_free_cleanup) = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    ENSURE(extension, tls_failed());
    ENSURE(X509_add_ext(making->certificate, extension, -1) == 1, tls_failed());
    return STATUS_OK;
}

static GENERAL_NAME *general_name(const char *text) {
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(text);
    GENERAL_NAME *name = GENERAL_NAME_new();
    if (name && address) {
        GENERAL_NAME_set0_value(name, GEN_IPADD, address);
        return name;
    }
    ASN1_OCTET_STRING_free(address);
    ASN1_IA5STRING *dns = name ? ASN1_IA5STRING_new() : NULL;
    if (!dns || ASN1_STRING_set(dns, text, -1) != 1) {
        ASN1_IA5STRING_free(dns);
        GENERAL_NAME_free(name);
        return NULL;
    }
    GENERAL_NAME_set0_value(name, GEN_DNS, dns);
    return name;
}

static enum status add_alternative_names(X509 *certificate, const struct tls_certificate_request *request) {
    if (request->name_count == 0) return STATUS_OK;
    GENERAL_NAMES *names CLEANUP(GENERAL_NAMES_free_cleanup) = GENERAL_NAMES_new();
    ENSURE(names, tls_failed());
    for (size_t i = 0; i < request->name_count; i++) {
        GENERAL_NAME *name CLEANUP(GENERAL_NAME_free_cleanup) = general_name(request->names[i]);
        ENSURE(name && sk_GENERAL_NAME_push(names, name) > 0, tls_failed());
        name = NULL;
    }
    ENSURE(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1, tls_failed());
    return STATUS_OK;
}

static enum status add_extensions(struct making *making, const struct tls_certificate_request *request) {
    TRY(add_extension(making, NID_subject_key_identifier, "hash"));
    if (making->issuer) TRY(add_extension(making, NID_authority_key_identifier, "keyid:always"));
    if (request->kind == TLS_CERTIFICATE_CA) {
        TRY(add_extension(making, NID_basic_constraints, "critical,CA:TRUE,pathlen:0"));
        TRY(add_extension(making, NID_key_usage, "critical,keyCertSign,cRLSign"));
    } else {
        TRY(add_extension(making, NID_basic_constraints, "critical,CA:FALSE"));
        TRY(add_extension(making, NID_key_usage, "critical,digitalSignature"));
        TRY(add_extension(making, NID_ext_key_usage, "serverAuth,clientAuth"));
    }
    return add_alternative_names(making->certificate, request);
}

static enum status make(struct making *making, const struct tls_certificate_request *request) {
    if (request->from) {
        TRY(tls_load_certificate(request->from->certificate_path, &making->issuer));
        TRY(tls_load_key(request->from->key_path, &making->issuer_key));
        ENSURE(X509_check_private_key(making->issuer, making->issuer_key) == 1, tls_failed());
    }
    making->key = EVP_EC_gen("P-256");
    making->certificate = X509_new();
    ENSURE(making->key && making->certificate, tls_failed());
    ENSURE(X509_set_version(making->certificate, CERTIFICATE_V3) == 1, tls_failed());
    ENSURE(X509_set_pubkey(making->certificate, making->key) == 1, tls_failed());
    TRY(set_serial(making->certificate));
    TRY(set_times(making->certificate, request));
    TRY(set_names(making, request->subject));
    TRY(add_extensions(making, request));
    EVP_PKEY *signer = making->issuer_key ? making->issuer_key : making->key;
    ENSURE(X509_sign(making->certificate, signer, EVP_sha256()) > 0, tls_failed());
    return STATUS_OK;
}

static enum status write_memory(BIO *bio, const char *path, mode_t mode) {
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);
    ENSURE(data && len > 0, tls_failed());
    return file_create(path, BYTES(data, (size_t)len), mode);
}

static enum status write_key(EVP_PKEY *key, const char *path) {
    BIO *bio CLEANUP(BIO_free_all_cleanup) = BIO_new(BIO_s_secmem());
    ENSURE(bio, tls_failed());
    ENSURE(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1, tls_failed());
    return write_memory(bio, path, 0600);
}

static enum status write_certificate(X509 *certificate, const char *path) {
    BIO *bio CLEANUP(BIO_free_all_cleanup) = BIO_new(BIO_s_mem());
    ENSURE(bio, tls_failed());
    ENSURE(PEM_write_bio_X509(bio, certificate) == 1, tls_failed());
    return write_memory(bio, path, 0644);
}

enum status tls_make_certificate(const struct tls_certificate_request *request, const char *certificate_path,
                                 const char *key_path) {
    TRY(check_request(request));
    struct making making CLEANUP(making_clear) = {0};
    enum status made = make(&making, request);
    /* Trying a name as an address leaves errors behind. */
    ERR_clear_error();
    TRY(made);
    TRY(write_key(making.key, key_path));
    enum status status = write_certificate(making.certificate, certificate_path);
    if (status != STATUS_OK) (void)unlink(key_path);
    return status;
}
