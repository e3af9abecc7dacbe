/*
 * sluss member, agreement, rules: records from short JSON descriptions, signed by whom the protocol asks for. The files
 * that are written are the encoded objects; docs/protocol.md sections 1 and 12.
 */
#include <stdio.h>
#include <string.h>

#include "agent/cli/cli.h"
#include "agent/cli/cli_record_json.h"
#include "base/file.h"
#include "base/json.h"
#include "keys/tls.h"
#include "proto/multi_signed.h"
#include "proto/signed.h"

#define RECORDS_ARENA ((size_t)8 << 20)
#define OBJECT_MAX    ((size_t)512 << 10)

#define AT(type, field) offsetof(struct type, field)

struct record_options {
    const char *in;
    const char *out;
    const char *keys;
    struct cli_list certificates;
    bool dry_run;
    struct cli_lock_options lock;
};

static const struct cli_option member_table[] = {
    {"in", CLI_TEXT, AT(record_options, in), true},
    {"out", CLI_TEXT, AT(record_options, out), true},
    {"keys", CLI_TEXT, AT(record_options, keys), true},
    {"certificate", CLI_LIST, AT(record_options, certificates), true},
    {"dry-run", CLI_FLAG, AT(record_options, dry_run), false},
    {"credential", CLI_TEXT, AT(record_options, lock.credential), false},
    {"passphrase-file", CLI_TEXT, AT(record_options, lock.passphrase_file), false},
    {NULL, CLI_FLAG, 0, false},
};

static const struct cli_option signed_table[] = {
    {"in", CLI_TEXT, AT(record_options, in), true},
    {"out", CLI_TEXT, AT(record_options, out), true},
    {"keys", CLI_TEXT, AT(record_options, keys), true},
    {"dry-run", CLI_FLAG, AT(record_options, dry_run), false},
    {"credential", CLI_TEXT, AT(record_options, lock.credential), false},
    {"passphrase-file", CLI_TEXT, AT(record_options, lock.passphrase_file), false},
    {NULL, CLI_FLAG, 0, false},
};

static const struct cli_option rules_table[] = {
    {"in", CLI_TEXT, AT(record_options, in), true},
    {"out", CLI_TEXT, AT(record_options, out), true},
    {"dry-run", CLI_FLAG, AT(record_options, dry_run), false},
    {NULL, CLI_FLAG, 0, false},
};

/* Writes the object, or with --dry-run prints what would be signed. */
static enum status write_object(const struct record_options *options, const json_t *description, struct bytes object) {
    if (options->dry_run) {
        cli_print_json(description);
        return STATUS_OK;
    }
    return file_replace(options->out, object, 0644);
}

/* ---- member ---- */

static enum status read_certificates(const struct record_options *options, struct arena *arena,
                                     struct member_record *record) {
    struct hash *prints = ARENA_ARRAY(arena, struct hash, options->certificates.count);
    ENSURE(prints, STATUS_MEMORY);
    for (size_t i = 0; i < options->certificates.count; i++) {
        TRY(tls_file_fingerprint(options->certificates.items[i], &prints[i]));
    }
    record->link_certs = prints;
    record->n_link_certs = options->certificates.count;
    return STATUS_OK;
}

static enum status open_bundle(const struct record_options *options, struct keyfile_bundle **out_bundle) {
    struct secret *secret CLEANUP(secret_free_cleanup) = NULL;
    struct secret *payload CLEANUP(secret_free_cleanup) = NULL;
    struct keyfile_lock lock;
    TRY(cli_lock(&options->lock, CLI_LOCK_OPEN, &secret, &lock));
    TRY(keyfile_read(options->keys, KEYFILE_BUNDLE, &lock, &payload));
    return keyfile_bundle_parse(payload, out_bundle);
}

static enum status make_member(const struct record_options *options, const json_t *in, struct arena *arena) {
    struct keyfile_bundle *bundle CLEANUP(keyfile_bundle_free_cleanup) = NULL;
    struct sign_private *key CLEANUP(sign_free_cleanup) = NULL;
    const struct secret *seed = NULL;
    struct member_record record = {.version = 1};
    TRY(open_bundle(options, &bundle));
    TRY(keyfile_bundle_get(bundle, "sign", KEYFILE_SIGN, &seed));
    TRY(sign_from_seed(seed, &key));
    TRY(cli_record_member(in, bundle, arena, &record));
    TRY(read_certificates(options, arena, &record));
    struct bytes body;
    struct bytes whole;
    TRY(record_member_encode(arena, &record, &body));
    TRY(multi_signed_make(arena, SIGNED_MEMBER, record.federation, body, key, &whole));
    return write_object(options, in, whole);
}

/* ---- agreement, rules ---- */

static enum status make_agreement(const struct record_options *options, const json_t *in, struct arena *arena) {
    struct sign_private *key CLEANUP(sign_free_cleanup) = NULL;
    struct agreement agreement = {.version = 1};
    TRY(cli_sign_key(options->keys, &options->lock, &key));
    TRY(cli_record_agreement(in, arena, &agreement));
    struct bytes body;
    struct bytes whole;
    TRY(record_agreement_encode(arena, &agreement, &body));
    TRY(multi_signed_make(arena, SIGNED_AGREEMENT, agreement.federation, body, key, &whole));
    return write_object(options, in, whole);
}

static enum status make_rules(const struct record_options *options, const json_t *in, struct arena *arena) {
    struct rules rules = {.version = 1};
    struct bytes body;
    TRY(cli_record_rules(in, arena, &rules));
    TRY(record_rules_encode(arena, &rules, &body));
    return write_object(options, in, body);
}

static int run_make(const struct cli_verb *verb, const struct cli_option *table, int argc, char **argv,
                    enum status (*make)(const struct record_options *, const json_t *, struct arena *)) {
    struct record_options options = {0};
    struct cli_list rest = {0};
    int code = cli_parse(verb, table, argc, argv, &options, &rest);
    if (code != CLI_DONE || rest.count > 0) return code < 0 ? CLI_DONE : CLI_USAGE;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(RECORDS_ARENA);
    json_t *in CLEANUP(json_cleanup) = NULL;
    if (!arena) return cli_fail("start", STATUS_MEMORY);
    if (cli_read_json(options.in, arena, &in) != STATUS_OK) return CLI_REFUSED;
    enum status status = make(&options, in, arena);
    return status == STATUS_OK ? CLI_DONE : cli_fail(options.in, status);
}

static int run_member(const struct cli_verb *verb, int argc, char **argv) {
    return run_make(verb, member_table, argc, argv, make_member);
}

static int run_agreement(const struct cli_verb *verb, int argc, char **argv) {
    return run_make(verb, signed_table, argc, argv, make_agreement);
}

static int run_rules(const struct cli_verb *verb, int argc, char **argv) {
    return run_make(verb, rules_table, argc, argv, make_rules);
}

/* ---- agreement sign ---- */

static enum status add_signature(const struct record_options *options, struct arena *arena) {
    struct sign_private *key CLEANUP(sign_free_cleanup) = NULL;
    struct bytes text;
    struct multi_signed object;
    struct agreement agreement;
    TRY(file_read(options->in, OBJECT_MAX, arena, &text));
    TRY(multi_signed_parse(arena, text, &object));
    TRY(codec_parse(&record_agreement_codec, arena, NULL, object.body, &agreement));
    json_t *shown CLEANUP(json_cleanup) = cli_record_agreement_json(&agreement);
    ENSURE(shown, STATUS_MEMORY);
    if (options->dry_run) {
        cli_print_json(shown);
        return STATUS_OK;
    }
    struct bytes whole;
    TRY(cli_sign_key(options->keys, &options->lock, &key));
    TRY(multi_signed_add(arena, SIGNED_AGREEMENT, agreement.federation, &object, key, &whole));
    return file_replace(options->out, whole, 0644);
}

static int run_agreement_sign(const struct cli_verb *verb, int argc, char **argv) {
    struct record_options options = {0};
    struct cli_list rest = {0};
    int code = cli_parse(verb, signed_table, argc, argv, &options, &rest);
    if (code != CLI_DONE || rest.count > 0) return code < 0 ? CLI_DONE : CLI_USAGE;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(RECORDS_ARENA);
    enum status status = arena ? add_signature(&options, arena) : STATUS_MEMORY;
    return status == STATUS_OK ? CLI_DONE : cli_fail(options.in, status);
}

const struct cli_verb cli_record_verbs[] = {
    {"member make", run_member,
     "--in FILE.json --keys FILE --certificate FILE... --out FILE [--dry-run] [--credential FILE | --passphrase-file "
     "FILE]",
     "Makes a member record from a description and the member's keys, and signs it with the member's key.",
     "member make --in member.json --keys member.keys --certificate link.crt --credential cred --out member.record"},
    {"agreement make", run_agreement,
     "--in FILE.json --keys FILE --out FILE [--dry-run] [--credential FILE | --passphrase-file FILE]",
     "Makes an agreement from a description with the first party's signature.",
     "agreement make --in agreement.json --keys member.keys --credential cred --out agreement.record"},
    {"agreement sign", run_agreement_sign,
     "--in FILE --keys FILE --out FILE [--dry-run] [--credential FILE | --passphrase-file FILE]",
     "Adds a party's signature to an agreement; --dry-run shows what would be signed.",
     "agreement sign --in agreement.record --keys member.keys --credential cred --out agreement.record"},
    {"rules make", run_rules, "--in FILE.json --out FILE [--dry-run]",
     "Makes rules from a description; the authority signs them when it admits them.",
     "rules make --in rules.json --out rules.record"},
    {NULL, NULL, NULL, NULL, NULL},
};
