/*
 * sluss authority: directory entries, signed by k of the authority's n keys, one key a call, on a machine that needs no
 * network. docs/protocol.md section 12.
 */
#include <stdio.h>
#include <string.h>

#include "agent/cli/cli.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "keys/public.h"
#include "proto/multi_signed.h"
#include "proto/record.h"
#include "proto/signed.h"

#define AUTHORITY_ARENA ((size_t)4 << 20)
#define OBJECT_MAX      ((size_t)512 << 10)

#define AT(type, field) offsetof(struct type, field)

static const char *const type_names[] = {NULL,        "epoch",           "member", "member-removed",
                                         "agreement", "agreement-ended", "rules"};

/* ---- authority epoch ---- */

struct epoch_options {
    const char *identity;
    const char *threshold;
    const char *out;
    struct cli_list authority;
    bool dry_run;
};

static const struct cli_option epoch_table[] = {
    {"identity", CLI_TEXT, AT(epoch_options, identity), true},
    {"authority", CLI_LIST, AT(epoch_options, authority), true},
    {"threshold", CLI_TEXT, AT(epoch_options, threshold), false},
    {"out", CLI_TEXT, AT(epoch_options, out), true},
    {"dry-run", CLI_FLAG, AT(epoch_options, dry_run), false},
    {NULL, CLI_FLAG, 0, false},
};

static enum status read_authority(const struct cli_list *list, struct arena *arena, struct epoch *epoch) {
    struct sign_public *keys = ARENA_ARRAY(arena, struct sign_public, list->count);
    ENSURE(keys, STATUS_MEMORY);
    for (size_t i = 0; i < list->count; i++) {
        TRY(public_sign_parse(bytes_text(list->items[i]), &keys[i]));
    }
    epoch->authority_keys = keys;
    epoch->n_authority_keys = list->count;
    return STATUS_OK;
}

/* What `sluss-broker identity` printed. */
static enum status read_identity(const json_t *in, struct arena *arena, struct epoch *epoch) {
    const char *text = NULL;
    uint64_t version = 0;
    TRY(json_get_text(in, "federation", &text));
    epoch->federation = arena_string(arena, text);
    TRY(json_get_u64(in, "epoch", &epoch->epoch));
    TRY(json_get_text(in, "log_vkey", &text));
    epoch->log_vkey = arena_string(arena, text);
    TRY(json_get_fixed(in, "status_key", epoch->status_key.b, sizeof epoch->status_key.b));
    TRY(json_get_u64(in, "pseudonym_version", &version));
    epoch->pseudonym_version = (uint32_t)version;
    TRY(json_get_fixed(in, "pseudonym_key", epoch->pseudonym_key.b, sizeof epoch->pseudonym_key.b));
    return epoch->federation && epoch->log_vkey ? STATUS_OK : STATUS_MEMORY;
}

static enum status make_epoch(const struct epoch_options *options, const json_t *identity, struct arena *arena) {
    struct epoch epoch = {.version = 1};
    uint64_t threshold = options->authority.count;
    if (options->threshold) TRY(text_to_u64(bytes_text(options->threshold), &threshold));
    ENSURE(threshold > 0 && threshold <= options->authority.count, STATUS_INVALID);
    epoch.authority_threshold = (uint32_t)threshold;
    TRY(read_identity(identity, arena, &epoch));
    TRY(read_authority(&options->authority, arena, &epoch));
    struct bytes body;
    TRY(record_epoch_encode(arena, &epoch, &body));
    if (options->dry_run) {
        cli_print_json(identity);
        return STATUS_OK;
    }
    return file_replace(options->out, body, 0644);
}

static int run_epoch(const struct cli_verb *verb, int argc, char **argv) {
    struct epoch_options options = {0};
    struct cli_list rest = {0};
    int code = cli_parse(verb, epoch_table, argc, argv, &options, &rest);
    if (code != CLI_DONE || rest.count > 0) return code < 0 ? CLI_DONE : CLI_USAGE;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(AUTHORITY_ARENA);
    json_t *identity CLEANUP(json_cleanup) = NULL;
    if (!arena) return cli_fail("start", STATUS_MEMORY);
    if (cli_read_json(options.identity, arena, &identity) != STATUS_OK) return CLI_REFUSED;
    enum status status = make_epoch(&options, identity, arena);
    return status == STATUS_OK ? CLI_DONE : cli_fail(options.identity, status);
}

/* ---- authority admit ---- */

struct admit_options {
    const char *type;
    const char *object;
    const char *federation;
    const char *head;
    const char *key;
    const char *out;
    bool dry_run;
    struct cli_lock_options lock;
};

static const struct cli_option admit_table[] = {
    {"type", CLI_TEXT, AT(admit_options, type), true},
    {"object", CLI_TEXT, AT(admit_options, object), true},
    {"federation", CLI_TEXT, AT(admit_options, federation), true},
    {"head", CLI_TEXT, AT(admit_options, head), true},
    {"key", CLI_TEXT, AT(admit_options, key), true},
    {"out", CLI_TEXT, AT(admit_options, out), true},
    {"dry-run", CLI_FLAG, AT(admit_options, dry_run), false},
    {"credential", CLI_TEXT, AT(admit_options, lock.credential), false},
    {"passphrase-file", CLI_TEXT, AT(admit_options, lock.passphrase_file), false},
    {NULL, CLI_FLAG, 0, false},
};

static enum status type_from_name(const char *name, enum directory_type *out_type) {
    for (size_t i = 1; i < sizeof type_names / sizeof type_names[0]; i++) {
        if (strcmp(type_names[i], name) != 0) continue;
        *out_type = (enum directory_type)i;
        return STATUS_OK;
    }
    return STATUS_UNSUPPORTED;
}

/* What `sluss-broker directory-head` printed: {"sequence":N,"head":TEXT}. */
static enum status read_head(const char *path, struct arena *arena, struct directory_entry *entry) {
    json_t *head CLEANUP(json_cleanup) = NULL;
    TRY(cli_read_json(path, arena, &head));
    TRY(json_get_u64(head, "sequence", &entry->sequence));
    TRY(json_get_fixed(head, "head", entry->previous.b, sizeof entry->previous.b));
    entry->sequence++;
    return STATUS_OK;
}

static void show_entry(const struct directory_entry *entry) {
    (void)printf("federation %s\nsequence %llu\ntype %s\nobject %zu bytes\n", entry->federation,
                 (unsigned long long)entry->sequence, type_names[entry->type], entry->object.len);
}

static enum status admit(const struct admit_options *options, struct arena *arena) {
    struct sign_private *key CLEANUP(sign_free_cleanup) = NULL;
    struct directory_entry entry = {.version = 1, .federation = options->federation};
    TRY(type_from_name(options->type, &entry.type));
    TRY(read_head(options->head, arena, &entry));
    TRY(file_read(options->object, OBJECT_MAX, arena, &entry.object));
    if (options->dry_run) {
        show_entry(&entry);
        return STATUS_OK;
    }
    struct bytes body;
    struct bytes whole;
    TRY(cli_sign_key(options->key, &options->lock, &key));
    TRY(record_entry_encode(arena, &entry, &body));
    TRY(multi_signed_make(arena, SIGNED_DIRECTORY, options->federation, body, key, &whole));
    return file_replace(options->out, whole, 0644);
}

static int run_admit(const struct cli_verb *verb, int argc, char **argv) {
    struct admit_options options = {0};
    struct cli_list rest = {0};
    int code = cli_parse(verb, admit_table, argc, argv, &options, &rest);
    if (code != CLI_DONE || rest.count > 0) return code < 0 ? CLI_DONE : CLI_USAGE;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(AUTHORITY_ARENA);
    enum status status = arena ? admit(&options, arena) : STATUS_MEMORY;
    return status == STATUS_OK ? CLI_DONE : cli_fail(options.object, status);
}

/* ---- authority sign ---- */

struct sign_options {
    const char *key;
    const char *out;
    bool dry_run;
    struct cli_lock_options lock;
};

static const struct cli_option sign_table[] = {
    {"key", CLI_TEXT, AT(sign_options, key), true},
    {"out", CLI_TEXT, AT(sign_options, out), true},
    {"dry-run", CLI_FLAG, AT(sign_options, dry_run), false},
    {"credential", CLI_TEXT, AT(sign_options, lock.credential), false},
    {"passphrase-file", CLI_TEXT, AT(sign_options, lock.passphrase_file), false},
    {NULL, CLI_FLAG, 0, false},
};

static enum status sign_entry(const char *path, const struct sign_options *options, struct arena *arena) {
    struct sign_private *key CLEANUP(sign_free_cleanup) = NULL;
    struct bytes text;
    struct multi_signed object;
    struct directory_entry entry;
    TRY(file_read(path, OBJECT_MAX, arena, &text));
    TRY(multi_signed_parse(arena, text, &object));
    TRY(codec_parse(&record_entry_codec, arena, NULL, object.body, &entry));
    if (options->dry_run) {
        show_entry(&entry);
        return STATUS_OK;
    }
    struct bytes whole;
    TRY(cli_sign_key(options->key, &options->lock, &key));
    TRY(multi_signed_add(arena, SIGNED_DIRECTORY, entry.federation, &object, key, &whole));
    return file_replace(options->out, whole, 0644);
}

static int run_sign(const struct cli_verb *verb, int argc, char **argv) {
    struct sign_options options = {0};
    struct cli_list rest = {0};
    int code = cli_parse(verb, sign_table, argc, argv, &options, &rest);
    if (code != CLI_DONE || rest.count != 1) return code < 0 ? CLI_DONE : CLI_USAGE;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(AUTHORITY_ARENA);
    enum status status = arena ? sign_entry(rest.items[0], &options, arena) : STATUS_MEMORY;
    return status == STATUS_OK ? CLI_DONE : cli_fail(rest.items[0], status);
}

const struct cli_verb cli_authority_verbs[] = {
    {"authority epoch", run_epoch, "--identity FILE.json --authority KEY... [--threshold K] --out FILE [--dry-run]",
     "Makes the object of an epoch entry from the broker's identity and the authority's public keys.",
     "authority epoch --identity identity.json --authority sluss-sign:... --out epoch.record"},
    {"authority admit", run_admit,
     "--type TYPE --object FILE --federation NAME --head FILE.json --key FILE --out FILE [--dry-run] [--credential "
     "FILE | --passphrase-file FILE]",
     "Makes a directory entry around an object and signs it with one key of the authority. Types: epoch, member,\n"
     "member-removed, agreement, agreement-ended, rules.",
     "authority admit --type member --object city.record --federation f.example --head head.json --key a1.key --out "
     "e3.entry"},
    {"authority sign", run_sign, "ENTRY --key FILE --out FILE [--dry-run] [--credential FILE | --passphrase-file FILE]",
     "Adds the signature of another key of the authority.", "authority sign e3.entry --key a2.key --out e3.entry"},
    {NULL, NULL, NULL, NULL, NULL},
};
