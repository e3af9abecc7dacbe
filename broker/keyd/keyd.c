/*
 * Order within a request: check everything, put on disk what must survive, change memory, answer. A failure before the
 * answer leaves memory and disk telling the same story.
 */
#include "broker/keyd/keyd.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"
#include "broker/keyd/keyd_counts.h"
#include "broker/keyd/keyd_directory.h"
#include "broker/keyd/note_slots.h"
#include "keys/keyfile.h"
#include "keys/public.h"
#include "keys/voprf.h"
#include "proto/checkpoint.h"
#include "proto/envelope.h"
#include "proto/merkle.h"
#include "proto/msg_enrol.h"
#include "proto/reply_code.h"
#include "proto/signed.h"
#include "proto/state_statement.h"

#define WIRE_VERSION     1
#define REQUEST_ARENA    ((size_t)1 << 20)
#define DAY_MS           86400000U
#define CREDENTIAL_MAX   4096
#define AUTHORITY_MAX    16
#define HEAD_INTERVAL_MS 600000U
#define STATE_CLOCK_MS   5000U

struct keyd {
    const struct keyd_settings *settings;
    struct arena *own;   /* origin text and the like */
    struct arena *arena; /* of one request */
    struct sign_private *log_key;
    struct sign_private *status_key;
    struct voprf_secret *pseudonym_key;
    const char *origin;
    const char *log_vkey;
    struct note_slots slots;
    uint64_t signed_size;
    struct hash signed_root;
    struct keyd_directory *directory;
    struct keyd_counts *counts;
    struct bytes head; /* last DirectoryHead, in head_arena */
    struct arena *head_arena;
    uint64_t head_ms;
    uint64_t head_sequence;
};

/* ---- opening ---- */

static enum status bundle_secret(const struct keyfile_bundle *bundle, const char *name, enum keyfile_type type,
                                 const struct secret **out_secret) {
    enum status status = keyfile_bundle_get(bundle, name, type, out_secret);
    if (status != STATUS_OK) log_line(LOG_LEVEL_ERROR, "key_missing", "name=%s", name);
    return status;
}

static enum status take_keys(struct keyd *keyd, const struct keyfile_bundle *bundle) {
    const struct secret *secret = NULL;
    TRY(bundle_secret(bundle, "log", KEYFILE_SIGN, &secret));
    TRY(sign_from_seed(secret, &keyd->log_key));
    TRY(bundle_secret(bundle, "status", KEYFILE_SIGN, &secret));
    TRY(sign_from_seed(secret, &keyd->status_key));
    TRY(bundle_secret(bundle, "pseudonym", KEYFILE_VOPRF, &secret));
    return voprf_from_scalar(secret, &keyd->pseudonym_key);
}

static enum status open_keys(struct keyd *keyd) {
    struct secret *credential CLEANUP(secret_free_cleanup) = NULL;
    TRY(file_read_secret(keyd->settings->credential, CREDENTIAL_MAX, &credential));
    struct keyfile_lock lock = {.protection = KEYFILE_CREDENTIAL, .secret = credential};
    struct secret *payload CLEANUP(secret_free_cleanup) = NULL;
    TRY(keyfile_read(keyd->settings->keys, KEYFILE_BUNDLE, &lock, &payload));
    struct keyfile_bundle *bundle CLEANUP(keyfile_bundle_free_cleanup) = NULL;
    TRY(keyfile_bundle_parse(payload, &bundle));
    return take_keys(keyd, bundle);
}

static enum status name_log(struct keyd *keyd) {
    keyd->origin = checkpoint_origin(keyd->own, keyd->settings->federation, (uint64_t)keyd->settings->epoch);
    ENSURE(keyd->origin, STATUS_MEMORY);
    struct sign_public key = sign_public_of(keyd->log_key);
    struct note_key note_key;
    TRY(note_key_make(bytes_text(keyd->origin), NOTE_ED25519, &key, &note_key));
    keyd->log_vkey = note_key_format(keyd->own, &note_key);
    return keyd->log_vkey ? STATUS_OK : STATUS_MEMORY;
}

/* What was signed last, from its own file: verified with the own key, so that a damaged file stops keyd. */
static enum status read_last_note(struct keyd *keyd) {
    struct bytes note;
    TRY(note_slots_read(&keyd->slots, keyd->own, &note));
    if (note.len == 0) {
        keyd->signed_root = merkle_empty_root();
        return STATUS_OK;
    }
    struct note_key key;
    TRY(note_key_parse(bytes_text(keyd->log_vkey), &key));
    struct checkpoint checkpoint;
    struct note_result result;
    ENSURE(checkpoint_open(keyd->own, note, &key, 1, &checkpoint, &result) == STATUS_OK, STATUS_INTEGRITY);
    keyd->signed_size = checkpoint.size;
    keyd->signed_root = checkpoint.root;
    return STATUS_OK;
}

static enum status parse_authority(const struct keyd_settings *settings, struct sign_public *keys, size_t *out_count) {
    ENSURE(settings->authority.count > 0 && settings->authority.count <= AUTHORITY_MAX, STATUS_SETTINGS);
    for (size_t i = 0; i < settings->authority.count; i++) {
        ENSURE(public_sign_parse(bytes_text(settings->authority.items[i]), &keys[i]) == STATUS_OK, STATUS_SETTINGS);
    }
    *out_count = settings->authority.count;
    return STATUS_OK;
}

static const char *state_path(struct keyd *keyd, const char *name) {
    return arena_printf(keyd->own, "%s/%s", keyd->settings->state_dir, name);
}

static enum status open_state(struct keyd *keyd) {
    struct sign_public authority[AUTHORITY_MAX];
    size_t count = 0;
    TRY(parse_authority(keyd->settings, authority, &count));
    TRY(file_make_dir(keyd->settings->state_dir, 0700));
    const char *notes = state_path(keyd, "note");
    const char *entries = state_path(keyd, "directory");
    const char *counts = state_path(keyd, "counts");
    ENSURE(notes && entries && counts, STATUS_MEMORY);
    TRY(note_slots_open(notes, &keyd->slots));
    TRY(read_last_note(keyd));
    TRY(keyd_directory_open(entries, keyd->settings->federation, authority, count,
                            (uint32_t)keyd->settings->authority_threshold, &keyd->directory));
    TRY(keyd_counts_open(counts, &keyd->counts));
    return file_sync_dir(keyd->settings->state_dir);
}

static enum status open_parts(struct keyd *keyd) {
    keyd->own = arena_new((size_t)1 << 16);
    keyd->arena = arena_new(REQUEST_ARENA);
    keyd->head_arena = arena_new(4096);
    ENSURE(keyd->own && keyd->arena && keyd->head_arena, STATUS_MEMORY);
    TRY(open_keys(keyd));
    TRY(name_log(keyd));
    return open_state(keyd);
}

enum status keyd_open(const struct keyd_settings *settings, struct keyd **out_keyd) {
    struct keyd *keyd CLEANUP(keyd_close_cleanup) = calloc(1, sizeof *keyd);
    ENSURE(keyd, STATUS_MEMORY);
    keyd->settings = settings;
    keyd->slots.fd = -1;
    TRY(open_parts(keyd));
    *out_keyd = MOVE(keyd);
    return STATUS_OK;
}

void keyd_close(struct keyd *keyd) {
    if (!keyd) return;
    sign_free(keyd->log_key);
    sign_free(keyd->status_key);
    voprf_free(keyd->pseudonym_key);
    cleanup_fd(&keyd->slots.fd);
    keyd_directory_close(keyd->directory);
    keyd_counts_close(keyd->counts);
    arena_free(keyd->own);
    arena_free(keyd->arena);
    arena_free(keyd->head_arena);
    free(keyd);
}

/* ---- requests: body in, reply body out ---- */

static enum status answer_identity(struct keyd *keyd, struct reader *body, uint64_t now_ms, struct writer *out) {
    (void)now_ms;
    TRY(reader_end(body));
    struct sign_public status_key = sign_public_of(keyd->status_key);
    struct voprf_public pseudonym_key = voprf_public_of(keyd->pseudonym_key);
    writer_u64(out, (uint64_t)keyd->settings->epoch);
    writer_vector(out, bytes_text(keyd->log_vkey));
    writer_put(out, BYTES_ARRAY(status_key.b));
    writer_u32(out, (uint32_t)keyd->settings->pseudonym_version);
    writer_put(out, BYTES_ARRAY(pseudonym_key.b));
    return STATUS_OK;
}

static enum status read_hashes(struct reader *body, struct merkle_proof *out_proof) {
    size_t count = reader_u8(body);
    if (count > MERKLE_PROOF_MAX) reader_fail(body, STATUS_TOO_LARGE);
    out_proof->count = body->status == STATUS_OK ? count : 0;
    for (size_t i = 0; i < out_proof->count; i++) {
        reader_copy(body, out_proof->hashes[i].b, sizeof out_proof->hashes[i].b);
    }
    return reader_end(body);
}

/* The new tree must be the signed one, or extend it. */
static enum status check_extends(const struct keyd *keyd, uint64_t size, const struct hash *root,
                                 const struct merkle_proof *proof) {
    ENSURE(size >= keyd->signed_size, STATUS_CONFLICT);
    return merkle_check_consistency(keyd->signed_size, size, &keyd->signed_root, root, proof->hashes, proof->count);
}

static enum status answer_sign(struct keyd *keyd, struct reader *body, uint64_t now_ms, struct writer *out) {
    (void)now_ms;
    uint64_t size = reader_u64(body);
    struct hash root;
    struct merkle_proof proof;
    reader_copy(body, root.b, sizeof root.b);
    TRY(read_hashes(body, &proof));
    TRY(check_extends(keyd, size, &root, &proof));
    struct checkpoint checkpoint = {
        .origin = bytes_text(keyd->origin), .size = size, .root = root, .extensions = BYTES_EMPTY};
    struct bytes note;
    TRY(checkpoint_sign(keyd->arena, &checkpoint, keyd->log_key, &note));
    TRY(note_slots_write(&keyd->slots, note));
    keyd->signed_size = size;
    keyd->signed_root = root;
    writer_vector(out, note);
    return STATUS_OK;
}

static enum status answer_last_note(struct keyd *keyd, struct reader *body, uint64_t now_ms, struct writer *out) {
    (void)now_ms;
    TRY(reader_end(body));
    struct bytes note;
    TRY(note_slots_read(&keyd->slots, keyd->arena, &note));
    writer_vector(out, note);
    return STATUS_OK;
}

/* core says what the state is; the time is held against keyd's own clock. */
static enum status answer_state(struct keyd *keyd, struct reader *body, uint64_t now_ms, struct writer *out) {
    struct state_statement statement = {.version = 1, .federation = keyd->settings->federation};
    reader_copy(body, statement.token.b, sizeof statement.token.b);
    statement.state = (enum consent_state)reader_u8(body);
    statement.tree_size = reader_u64(body);
    statement.time_ms = reader_u64(body);
    TRY(reader_end(body));
    ENSURE(statement.state != CONSENT_STATE_NONE && statement.state <= CONSENT_STATE_LAST, STATUS_INVALID);
    ENSURE(statement.tree_size <= keyd->signed_size, STATUS_INVALID);
    ENSURE(statement.time_ms <= now_ms + STATE_CLOCK_MS && now_ms <= statement.time_ms + STATE_CLOCK_MS, STATUS_TIME);
    struct bytes encoded;
    struct bytes whole;
    TRY(state_statement_encode(keyd->arena, &statement, &encoded));
    TRY(signed_make(keyd->arena, SIGNED_STATE, keyd->settings->federation, encoded, keyd->status_key, &whole));
    writer_vector(out, whole);
    return STATUS_OK;
}

static enum status answer_directory_add(struct keyd *keyd, struct reader *body, uint64_t now_ms, struct writer *out) {
    (void)now_ms;
    (void)out;
    struct bytes entry = reader_vector(body, KEYD_PACKET_MAX);
    TRY(reader_end(body));
    return keyd_directory_add(keyd->directory, entry);
}

static enum status sign_head(struct keyd *keyd, uint64_t now_ms) {
    const struct directory *directory = keyd_directory_get(keyd->directory);
    struct directory_head head = {.version = 1,
                                  .federation = keyd->settings->federation,
                                  .sequence = directory_sequence(directory),
                                  .head = directory_head(directory),
                                  .time_ms = now_ms};
    struct bytes encoded;
    arena_reset(keyd->head_arena);
    keyd->head = BYTES_EMPTY;
    TRY(state_statement_head_encode(keyd->arena, &head, &encoded));
    TRY(signed_make(keyd->head_arena, SIGNED_DIRECTORY_HEAD, keyd->settings->federation, encoded, keyd->status_key,
                    &keyd->head));
    keyd->head_ms = now_ms;
    keyd->head_sequence = head.sequence;
    return STATUS_OK;
}

/* The same statement for ten minutes, unless the directory changed. */
static enum status answer_head(struct keyd *keyd, struct reader *body, uint64_t now_ms, struct writer *out) {
    (void)reader_u64(body);
    TRY(reader_end(body));
    uint64_t sequence = directory_sequence(keyd_directory_get(keyd->directory));
    ENSURE(sequence > 0, STATUS_NOT_FOUND);
    bool fresh = keyd->head.len > 0 && keyd->head_sequence == sequence && now_ms >= keyd->head_ms &&
                 now_ms - keyd->head_ms < HEAD_INTERVAL_MS;
    if (!fresh) TRY(sign_head(keyd, now_ms));
    writer_vector(out, keyd->head);
    return STATUS_OK;
}

static enum status find_member_key(void *arg, const struct hash *key_id, struct envelope_key *out_key) {
    const struct keyd *keyd = arg;
    return directory_find_key(keyd_directory_get(keyd->directory), key_id, &out_key->key, &out_key->member);
}

static enum status evaluate(struct keyd *keyd, const struct msg_evaluate *ask, struct writer *out) {
    struct voprf_element evaluated[VOPRF_BATCH_MAX];
    struct msg_evaluated answer = {.evaluated = evaluated, .n_evaluated = ask->n_blinded};
    TRY(voprf_evaluate(keyd->pseudonym_key, ask->blinded, ask->n_blinded, evaluated, &answer.proof));
    struct bytes encoded;
    TRY(msg_evaluated_encode(keyd->arena, &answer, &encoded));
    writer_vector(out, encoded);
    return STATUS_OK;
}

static enum status answer_evaluate(struct keyd *keyd, struct reader *body, uint64_t now_ms, struct writer *out) {
    struct bytes whole = reader_vector(body, KEYD_PACKET_MAX);
    TRY(reader_end(body));
    struct envelope_opened opened;
    TRY(envelope_open(keyd->arena, keyd->settings->federation, whole, find_member_key, keyd, &opened));
    ENSURE(opened.envelope.type == MESSAGE_EVALUATE, STATUS_UNSUPPORTED);
    TRY(envelope_check_time(&opened.envelope, now_ms));
    struct msg_evaluate ask;
    TRY(msg_evaluate_parse(keyd->arena, opened.envelope.body, &ask));
    ENSURE(ask.key_version == (uint32_t)keyd->settings->pseudonym_version, STATUS_VERSION);
    TRY(keyd_counts_add(keyd->counts, opened.member, (uint32_t)(now_ms / DAY_MS), (uint32_t)ask.n_blinded,
                        (uint32_t)keyd->settings->evaluations_a_day));
    return evaluate(keyd, &ask, out);
}

static enum status answer_counts(struct keyd *keyd, struct reader *body, uint64_t now_ms, struct writer *out) {
    (void)now_ms;
    uint32_t day = reader_u32(body);
    TRY(reader_end(body));
    writer_u64(out, keyd_counts_total(keyd->counts, day));
    return STATUS_OK;
}

typedef enum status answer_fn(struct keyd *keyd, struct reader *body, uint64_t now_ms, struct writer *out);

static answer_fn *const answers[] = {
    [KEYD_IDENTITY] = answer_identity,           [KEYD_SIGN_CHECKPOINT] = answer_sign,
    [KEYD_LAST_NOTE] = answer_last_note,         [KEYD_STATE] = answer_state,
    [KEYD_DIRECTORY_ADD] = answer_directory_add, [KEYD_DIRECTORY_HEAD] = answer_head,
    [KEYD_EVALUATE] = answer_evaluate,           [KEYD_COUNTS] = answer_counts,
};

static enum status answer_body(struct keyd *keyd, struct reader *request, uint8_t type, uint64_t now_ms,
                               struct writer *out) {
    TRY(request->status);
    ENSURE(type < sizeof answers / sizeof answers[0] && answers[type], STATUS_UNSUPPORTED);
    TRY(answers[type](keyd, request, now_ms, out));
    return out->status;
}

enum status keyd_answer(struct keyd *keyd, struct bytes request, uint64_t now_ms, uint8_t *memory,
                        struct bytes *out_reply) {
    arena_reset(keyd->arena);
    struct reader reader = reader_init(request);
    uint8_t version = reader_u8(&reader);
    uint8_t type = reader_u8(&reader);
    if (version != WIRE_VERSION) reader_fail(&reader, STATUS_VERSION);
    struct writer writer = writer_init(memory, KEYD_PACKET_MAX);
    writer_u8(&writer, WIRE_VERSION);
    writer_u8(&writer, type);
    writer_u8(&writer, REPLY_DONE);
    enum status status = answer_body(keyd, &reader, type, now_ms, &writer);
    if (status != STATUS_OK) {
        log_limited(LOG_LEVEL_WARN, "request_refused", "type=%u status=%s", (unsigned)type, status_name(status));
        memory[2] = (uint8_t)reply_code_of(status);
        writer.len = 3;
    }
    *out_reply = BYTES(memory, writer.len);
    return status_class(status) == CLASS_INTEGRITY ? status : STATUS_OK;
}
