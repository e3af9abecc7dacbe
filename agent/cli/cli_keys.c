/*
 * sluss keys: private keys in sealed files, their public halves, link certificates.
 */
#include <stdio.h>
#include <string.h>

#include "agent/cli/cli.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/secret.h"
#include "base/text.h"
#include "keys/keyfile.h"
#include "keys/public.h"
#include "keys/seal.h"
#include "keys/tls.h"
#include "proto/note.h"

#define KEYS_ARENA      ((size_t)1 << 18)
#define PEPPER_BYTES    32
#define PEPPER_FILE_MAX 64
#define DAYS_DEFAULT    825
#define DAYS_MAX        3650

#define AT(type, field) offsetof(struct type, field)

/* ---- keys new ---- */

struct new_options {
    const char *kind;
    const char *out;
    const char *pepper;
    struct cli_list units;
    struct cli_lock_options lock;
};

static const struct cli_option new_table[] = {
    {"kind", CLI_TEXT, AT(new_options, kind), true},
    {"out", CLI_TEXT, AT(new_options, out), true},
    {"pepper", CLI_TEXT, AT(new_options, pepper), false},
    {"unit", CLI_LIST, AT(new_options, units), false},
    {"credential", CLI_TEXT, AT(new_options, lock.credential), false},
    {"passphrase-file", CLI_TEXT, AT(new_options, lock.passphrase_file), false},
    {NULL, CLI_FLAG, 0, false},
};

static enum status put_sign(struct keyfile_bundle *bundle, const char *name) {
    struct sign_private *key CLEANUP(sign_free_cleanup) = NULL;
    struct secret *seed CLEANUP(secret_free_cleanup) = NULL;
    TRY(sign_generate(&key));
    TRY(sign_seed(key, &seed));
    return keyfile_bundle_put(bundle, name, KEYFILE_SIGN, seed);
}

static enum status put_seal(struct keyfile_bundle *bundle, struct arena *arena, const char *unit) {
    struct seal_private *key CLEANUP(seal_free_cleanup) = NULL;
    struct secret *scalar CLEANUP(secret_free_cleanup) = NULL;
    const char *name = arena_printf(arena, "seal.%s", unit);
    ENSURE(name, STATUS_MEMORY);
    TRY(seal_generate(&key));
    TRY(seal_secret(key, &scalar));
    return keyfile_bundle_put(bundle, name, KEYFILE_SEAL, scalar);
}

static enum status put_secret(struct keyfile_bundle *bundle, const char *name) {
    struct secret *secret CLEANUP(secret_free_cleanup) = secret_random(PEPPER_BYTES);
    ENSURE(secret, STATUS_MEMORY);
    return keyfile_bundle_put(bundle, name, KEYFILE_SECRET32, secret);
}

/* The pepper is one for all members: they hand it to each other as a file of 32 bytes. */
static enum status put_pepper(struct keyfile_bundle *bundle, const char *path) {
    struct secret *pepper CLEANUP(secret_free_cleanup) = NULL;
    TRY(file_read_secret(path, PEPPER_FILE_MAX, &pepper));
    return keyfile_bundle_put(bundle, "pepper-1", KEYFILE_SECRET32, pepper);
}

static enum status fill_member(struct keyfile_bundle *bundle, const struct new_options *options, struct arena *arena) {
    ENSURE(options->pepper && options->units.count > 0, STATUS_SETTINGS);
    TRY(put_sign(bundle, "sign"));
    TRY(put_sign(bundle, "witness"));
    TRY(put_secret(bundle, "shred"));
    TRY(put_pepper(bundle, options->pepper));
    for (size_t i = 0; i < options->units.count; i++) {
        TRY(put_seal(bundle, arena, options->units.items[i]));
    }
    return STATUS_OK;
}

static enum status make_bundle(const struct new_options *options, struct arena *arena, struct secret **out_payload) {
    struct keyfile_bundle *bundle CLEANUP(keyfile_bundle_free_cleanup) = keyfile_bundle_new();
    ENSURE(bundle, STATUS_MEMORY);
    TRY(fill_member(bundle, options, arena));
    return keyfile_bundle_encode(bundle, out_payload);
}

static enum status make_sign(struct secret **out_payload) {
    struct sign_private *key CLEANUP(sign_free_cleanup) = NULL;
    TRY(sign_generate(&key));
    return sign_seed(key, out_payload);
}

static enum status new_keys(const struct new_options *options, struct arena *arena) {
    struct secret *payload CLEANUP(secret_free_cleanup) = NULL;
    struct secret *secret CLEANUP(secret_free_cleanup) = NULL;
    struct keyfile_lock lock;
    bool is_member = strcmp(options->kind, "member") == 0;
    if (strcmp(options->kind, "pepper") == 0) {
        payload = secret_random(PEPPER_BYTES);
        ENSURE(payload, STATUS_MEMORY);
        return file_create(options->out, secret_bytes(payload), 0600);
    }
    ENSURE(is_member || strcmp(options->kind, "authority") == 0, STATUS_UNSUPPORTED);
    TRY(is_member ? make_bundle(options, arena, &payload) : make_sign(&payload));
    TRY(cli_lock(&options->lock, CLI_LOCK_NEW, &secret, &lock));
    return keyfile_create(options->out, is_member ? KEYFILE_BUNDLE : KEYFILE_SIGN, payload, &lock);
}

static int run_new(const struct cli_verb *verb, int argc, char **argv) {
    struct new_options options = {0};
    struct cli_list rest = {0};
    int code = cli_parse(verb, new_table, argc, argv, &options, &rest);
    if (code != CLI_DONE || rest.count > 0) return code < 0 ? CLI_DONE : CLI_USAGE;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(KEYS_ARENA);
    enum status status = arena ? new_keys(&options, arena) : STATUS_MEMORY;
    return status == STATUS_OK ? CLI_DONE : cli_fail(options.out, status);
}

/* ---- keys show ---- */

struct show_options {
    const char *name;
    struct cli_lock_options lock;
};

static const struct cli_option show_table[] = {
    {"name", CLI_TEXT, AT(show_options, name), false},
    {"credential", CLI_TEXT, AT(show_options, lock.credential), false},
    {"passphrase-file", CLI_TEXT, AT(show_options, lock.passphrase_file), false},
    {NULL, CLI_FLAG, 0, false},
};

static enum status public_text(struct arena *arena, enum keyfile_type type, const struct secret *payload,
                               const char **out_text) {
    if (type == KEYFILE_SIGN) {
        struct sign_private *key CLEANUP(sign_free_cleanup) = NULL;
        TRY(sign_from_seed(payload, &key));
        struct sign_public public_key = sign_public_of(key);
        *out_text = public_sign_text(arena, &public_key);
    } else if (type == KEYFILE_SEAL) {
        struct seal_private *key CLEANUP(seal_free_cleanup) = NULL;
        TRY(seal_from_secret(payload, &key));
        struct seal_public public_key = seal_public_of(key);
        *out_text = public_seal_text(arena, &public_key);
    }
    return STATUS_OK;
}

static enum status show_bundle(struct arena *arena, const struct secret *payload, json_t *out) {
    struct keyfile_bundle *bundle CLEANUP(keyfile_bundle_free_cleanup) = NULL;
    TRY(keyfile_bundle_parse(payload, &bundle));
    for (size_t i = 0; i < keyfile_bundle_count(bundle); i++) {
        enum keyfile_type type;
        const struct secret *key = NULL;
        const char *text = NULL;
        const char *name = keyfile_bundle_name(bundle, i, &type);
        TRY(keyfile_bundle_get(bundle, name, type, &key));
        TRY(public_text(arena, type, key, &text));
        if (text) (void)json_object_set_new(out, name, json_string(text));
    }
    return STATUS_OK;
}

static enum status show_keys(const char *path, const struct show_options *options, struct arena *arena, json_t *out) {
    struct secret *payload CLEANUP(secret_free_cleanup) = NULL;
    struct secret *secret CLEANUP(secret_free_cleanup) = NULL;
    struct keyfile_lock lock;
    TRY(cli_lock(&options->lock, CLI_LOCK_OPEN, &secret, &lock));
    if (keyfile_read(path, KEYFILE_BUNDLE, &lock, &payload) == STATUS_OK) return show_bundle(arena, payload, out);
    const char *text = NULL;
    TRY(keyfile_read(path, KEYFILE_SIGN, &lock, &payload));
    TRY(public_text(arena, KEYFILE_SIGN, payload, &text));
    (void)json_object_set_new(out, "sign", json_string(text));
    return STATUS_OK;
}

static int run_show(const struct cli_verb *verb, int argc, char **argv) {
    struct show_options options = {0};
    struct cli_list rest = {0};
    int code = cli_parse(verb, show_table, argc, argv, &options, &rest);
    if (code != CLI_DONE || rest.count != 1) return code < 0 ? CLI_DONE : CLI_USAGE;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(KEYS_ARENA);
    json_t *out = json_object();
    enum status status = arena && out ? show_keys(rest.items[0], &options, arena, out) : STATUS_MEMORY;
    if (status == STATUS_OK && options.name) {
        const char *text = json_string_value(json_object_get(out, options.name));
        if (text) (void)puts(text);
        if (!text) status = STATUS_NOT_FOUND;
    } else if (status == STATUS_OK) {
        cli_print_json(out);
    }
    json_decref(out);
    return status == STATUS_OK ? CLI_DONE : cli_fail(rest.items[0], status);
}

/* ---- keys certificate ---- */

struct certificate_options {
    const char *subject;
    const char *certificate;
    const char *key;
    const char *ca_certificate;
    const char *ca_key;
    const char *days;
    bool is_ca;
    struct cli_list names;
};

static const struct cli_option certificate_table[] = {
    {"subject", CLI_TEXT, AT(certificate_options, subject), true},
    {"out-certificate", CLI_TEXT, AT(certificate_options, certificate), true},
    {"out-key", CLI_TEXT, AT(certificate_options, key), true},
    {"ca-certificate", CLI_TEXT, AT(certificate_options, ca_certificate), false},
    {"ca-key", CLI_TEXT, AT(certificate_options, ca_key), false},
    {"days", CLI_TEXT, AT(certificate_options, days), false},
    {"ca", CLI_FLAG, AT(certificate_options, is_ca), false},
    {"name", CLI_LIST, AT(certificate_options, names), false},
    {NULL, CLI_FLAG, 0, false},
};

static enum status make_certificate(const struct certificate_options *options) {
    uint64_t days = DAYS_DEFAULT;
    if (options->days) TRY(text_to_u64(bytes_text(options->days), &days));
    ENSURE(days > 0 && days <= DAYS_MAX, STATUS_INVALID);
    ENSURE(!options->ca_certificate == !options->ca_key, STATUS_SETTINGS);
    const struct tls_identity ca = {.certificate_path = options->ca_certificate, .key_path = options->ca_key};
    const struct tls_certificate_request request = {
        .kind = options->is_ca ? TLS_CERTIFICATE_CA : TLS_CERTIFICATE_LEAF,
        .subject = options->subject,
        .names = options->names.items,
        .name_count = options->names.count,
        .now_s = clock_now_ms(clock_system()) / 1000,
        .days = (uint32_t)days,
        .from = options->ca_certificate ? &ca : NULL,
    };
    return tls_make_certificate(&request, options->certificate, options->key);
}

static int run_certificate(const struct cli_verb *verb, int argc, char **argv) {
    struct certificate_options options = {0};
    struct cli_list rest = {0};
    int code = cli_parse(verb, certificate_table, argc, argv, &options, &rest);
    if (code != CLI_DONE || rest.count > 0) return code < 0 ? CLI_DONE : CLI_USAGE;
    enum status status = make_certificate(&options);
    return status == STATUS_OK ? CLI_DONE : cli_fail(options.certificate, status);
}

const struct cli_verb cli_keys_verbs[] = {
    {"keys new", run_new,
     "--kind member|authority|pepper --out FILE [--unit NAME]... [--pepper FILE] [--credential FILE | "
     "--passphrase-file FILE]",
     "Makes private keys in a sealed file: a member's bundle (signing, witness, sealing key of each unit), an\n"
     "authority's signing key, or the pepper that all members share.",
     "keys new --kind member --unit guidance --pepper pepper --credential cred --out member.keys"},
    {"keys show", run_show, "FILE [--name NAME] [--credential FILE | --passphrase-file FILE]",
     "Prints the public halves of the keys in a file, or of one of them.", "keys show member.keys --credential cred"},
    {"keys certificate", run_certificate,
     "--subject NAME --out-certificate FILE --out-key FILE [--name DNS|IP]... [--ca] [--ca-certificate FILE --ca-key "
     "FILE] [--days N]",
     "Makes a TLS key and a certificate for it, self-signed or by a CA.",
     "keys certificate --subject agent --out-certificate link.crt --out-key link.key"},
    {NULL, NULL, NULL, NULL, NULL},
};
