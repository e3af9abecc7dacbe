/*
 * Keys are fresh for each fixture, so that no test can lean on a constant.
 */
#include "support/federation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/secret.h"
#include "proto/checkpoint.h"
#include "proto/envelope.h"
#include "proto/multi_signed.h"
#include "proto/note.h"
#include "proto/signed.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

#define FIXTURE_ARENA ((size_t)8 << 20)

static const uint32_t all_kinds[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

static const char *make_vkey(struct federation *f, const char *name, enum note_type type,
                             const struct sign_private *private_key) {
    struct sign_public key = sign_public_of(private_key);
    struct note_key note_key;
    OK(note_key_make(bytes_text(name), type, &key, &note_key));
    const char *vkey = note_key_format(f->arena, &note_key);
    assert_non_null(vkey);
    return vkey;
}

static void make_members(struct federation *f) {
    static const char *const ids[FEDERATION_MEMBERS] = {FEDERATION_SERVICE, FEDERATION_CITY, FEDERATION_COUNTY};
    static const char *const names[FEDERATION_MEMBERS] = {"service.example", "city.example", "county.example"};
    for (size_t i = 0; i < FEDERATION_MEMBERS; i++) {
        struct federation_member_keys *member = &f->members[i];
        member->id = ids[i];
        OK(sign_generate(&member->sign));
        OK(sign_generate(&member->witness));
        secret_random_public(member->certificate.b, sizeof member->certificate.b);
        member->witness_vkey = make_vkey(f, names[i], NOTE_COSIGNATURE, member->witness);
    }
}

static void make_units(struct federation *f) {
    static const struct federation_unit_keys units[FEDERATION_UNITS] = {
        {FEDERATION_GUIDANCE, MEMBER_SERVICE, NULL},
        {FEDERATION_EDUCATION, MEMBER_CITY, NULL},
        {FEDERATION_LABOUR, MEMBER_CITY, NULL},
        {FEDERATION_CAREER, MEMBER_COUNTY, NULL},
    };
    for (size_t i = 0; i < FEDERATION_UNITS; i++) {
        f->units[i] = units[i];
        OK(seal_generate(&f->units[i].seal));
    }
}

static void make_keys(struct federation *f) {
    for (size_t i = 0; i < 3; i++) {
        OK(sign_generate(&f->authority[i]));
        f->authority_keys[i] = sign_public_of(f->authority[i]);
    }
    OK(sign_generate(&f->log_key));
    OK(sign_generate(&f->status_key));
    OK(voprf_generate(&f->pseudonym_key));
    f->origin = checkpoint_origin(f->arena, FEDERATION_NAME, 1);
    f->log_vkey = make_vkey(f, f->origin, NOTE_ED25519, f->log_key);
    make_members(f);
    make_units(f);
}

struct bytes federation_entry(struct federation *f, enum directory_type type, struct bytes object, uint64_t sequence,
                              struct hash previous, size_t signers) {
    const struct directory_entry entry = {.version = 1,
                                          .federation = FEDERATION_NAME,
                                          .sequence = sequence,
                                          .previous = previous,
                                          .type = type,
                                          .object = object};
    struct bytes body;
    struct bytes whole;
    OK(record_entry_encode(f->arena, &entry, &body));
    OK(multi_signed_make(f->arena, SIGNED_DIRECTORY, FEDERATION_NAME, body, f->authority[0], &whole));
    for (size_t i = 1; i < signers; i++) {
        struct multi_signed parsed;
        OK(multi_signed_parse(f->arena, whole, &parsed));
        OK(multi_signed_add(f->arena, SIGNED_DIRECTORY, FEDERATION_NAME, &parsed, f->authority[i], &whole));
    }
    return whole;
}

struct bytes federation_admit(struct federation *f, enum directory_type type, struct bytes object) {
    assert_true(f->n_entries < FEDERATION_ENTRIES_MAX);
    struct bytes entry =
        federation_entry(f, type, object, directory_sequence(f->directory) + 1, directory_head(f->directory), 2);
    struct directory *next = NULL;
    OK(directory_copy_with(f->directory, entry, &next));
    directory_unref(f->directory);
    f->directory = next;
    f->entries[f->n_entries++] = entry;
    return entry;
}

static void admit_epoch(struct federation *f) {
    const struct epoch epoch = {.version = 1,
                                .federation = FEDERATION_NAME,
                                .epoch = 1,
                                .log_vkey = f->log_vkey,
                                .status_key = sign_public_of(f->status_key),
                                .pseudonym_version = 1,
                                .pseudonym_key = voprf_public_of(f->pseudonym_key),
                                .authority_threshold = 2,
                                .authority_keys = f->authority_keys,
                                .n_authority_keys = 3};
    struct bytes body;
    OK(record_epoch_encode(f->arena, &epoch, &body));
    (void)federation_admit(f, DIRECTORY_EPOCH, body);
}

struct rules federation_rules(struct federation *f, uint64_t revision) {
    static const struct text texts[] = {
        {"sv", "Gemensam planering av din väg till arbete"},
        {"nb", "Felles planlegging av veien din til arbeid"},
        {"en", "Joint planning of your way to work"},
    };
    static const struct purpose purposes[] = {{FEDERATION_PURPOSE, texts, 3}, {"statistics_free", texts, 3}};
    (void)f;
    return (struct rules){.version = 1,
                          .federation = FEDERATION_NAME,
                          .revision = revision,
                          .purposes = purposes,
                          .n_purposes = 2,
                          .longest_consent_s = 365ULL * 86400,
                          .most_sources = 8,
                          .most_pending = 16,
                          .cosignatures = 1};
}

struct member_record federation_member_record(struct federation *f, enum federation_member member, uint64_t revision) {
    static const struct text names[FEDERATION_MEMBERS][2] = {
        {{"sv", "Statens arbetsservice"}, {"en", "State employment service"}},
        {{"sv", "Kommunen"}, {"en", "The municipality"}},
        {{"nb", "Fylkeskommunen"}, {"en", "The county"}},
    };
    struct unit *units = ARENA_ARRAY(f->arena, struct unit, FEDERATION_UNITS);
    struct sign_key *keys = ARENA_NEW(f->arena, struct sign_key);
    size_t n_units = 0;
    for (size_t i = 0; i < FEDERATION_UNITS; i++) {
        if (f->units[i].member != member) continue;
        units[n_units++] = (struct unit){
            .id = f->units[i].id, .names = names[member], .n_names = 2, .seal_key = seal_public_of(f->units[i].seal)};
    }
    *keys = (struct sign_key){.key = sign_public_of(f->members[member].sign), .state = KEY_ACTIVE};
    return (struct member_record){.version = 1,
                                  .federation = FEDERATION_NAME,
                                  .member = f->members[member].id,
                                  .revision = revision,
                                  .names = names[member],
                                  .n_names = 2,
                                  .units = units,
                                  .n_units = n_units,
                                  .sign_keys = keys,
                                  .n_sign_keys = 1,
                                  .link_certs = &f->members[member].certificate,
                                  .n_link_certs = 1,
                                  .witness = f->members[member].witness_vkey,
                                  .identifies_people = member == MEMBER_SERVICE,
                                  .contact = "drift@example.org"};
}

struct bytes federation_sign_member(struct federation *f, const struct member_record *record,
                                    enum federation_member signer) {
    struct bytes body;
    struct bytes whole;
    OK(record_member_encode(f->arena, record, &body));
    OK(multi_signed_make(f->arena, SIGNED_MEMBER, FEDERATION_NAME, body, f->members[signer].sign, &whole));
    return whole;
}

struct agreement federation_agreement(struct federation *f, uint64_t revision) {
    static const char *const units[] = {FEDERATION_GUIDANCE, FEDERATION_EDUCATION, FEDERATION_LABOUR,
                                        FEDERATION_CAREER};
    static const char *const purposes[] = {FEDERATION_PURPOSE};
    static const char *const attesters[] = {FEDERATION_SERVICE};
    return (struct agreement){.version = 1,
                              .federation = FEDERATION_NAME,
                              .id = f->agreement,
                              .revision = revision,
                              .units = units,
                              .n_units = 4,
                              .kinds = all_kinds,
                              .n_kinds = 9,
                              .purposes = purposes,
                              .n_purposes = 1,
                              .longest_consent_s = 180ULL * 86400,
                              .attesters = attesters,
                              .n_attesters = 1,
                              .self_read_attesters = attesters,
                              .n_self_read_attesters = 1,
                              .legal_note = "",
                              .valid_from_ms = 1};
}

struct bytes federation_sign_agreement(struct federation *f, const struct agreement *agreement) {
    struct bytes body;
    struct bytes whole;
    OK(record_agreement_encode(f->arena, agreement, &body));
    OK(multi_signed_make(f->arena, SIGNED_AGREEMENT, FEDERATION_NAME, body, f->members[0].sign, &whole));
    for (size_t i = 1; i < FEDERATION_MEMBERS; i++) {
        struct multi_signed parsed;
        OK(multi_signed_parse(f->arena, whole, &parsed));
        OK(multi_signed_add(f->arena, SIGNED_AGREEMENT, FEDERATION_NAME, &parsed, f->members[i].sign, &whole));
    }
    return whole;
}

static void admit_all(struct federation *f) {
    admit_epoch(f);
    struct rules rules = federation_rules(f, 1);
    struct bytes body;
    OK(record_rules_encode(f->arena, &rules, &body));
    (void)federation_admit(f, DIRECTORY_RULES, body);
    for (size_t i = 0; i < FEDERATION_MEMBERS; i++) {
        struct member_record record = federation_member_record(f, (enum federation_member)i, 1);
        struct bytes member = federation_sign_member(f, &record, (enum federation_member)i);
        (void)federation_admit(f, DIRECTORY_MEMBER, member);
    }
    struct agreement agreement = federation_agreement(f, 1);
    (void)federation_admit(f, DIRECTORY_AGREEMENT, federation_sign_agreement(f, &agreement));
}

struct directory *federation_empty_directory(const struct federation *f) {
    struct directory *directory = directory_new(FEDERATION_NAME, f->authority_keys, 3, 2);
    assert_non_null(directory);
    return directory;
}

struct federation *federation_new(void) {
    OK(secret_setup());
    struct federation *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->arena = arena_new(FIXTURE_ARENA);
    assert_non_null(f->arena);
    f->agreement = ids_random();
    make_keys(f);
    f->directory = federation_empty_directory(f);
    admit_all(f);
    return f;
}

void federation_free(struct federation *f) {
    if (!f) return;
    for (size_t i = 0; i < 3; i++) {
        sign_free(f->authority[i]);
        sign_free(f->members[i].sign);
        sign_free(f->members[i].witness);
    }
    for (size_t i = 0; i < FEDERATION_UNITS; i++) {
        seal_free(f->units[i].seal);
    }
    sign_free(f->log_key);
    sign_free(f->status_key);
    voprf_free(f->pseudonym_key);
    directory_unref(f->directory);
    arena_free(f->arena);
    free(f);
}

struct bytes federation_envelope(struct federation *f, enum federation_unit unit, uint32_t type, struct bytes body,
                                 uint64_t time_ms, struct arena *arena) {
    const struct envelope envelope = {.version = 1,
                                      .federation = FEDERATION_NAME,
                                      .type = (enum message_type)type,
                                      .sender = f->units[unit].id,
                                      .official = "",
                                      .message = ids_random(),
                                      .time_ms = time_ms,
                                      .body = body};
    struct bytes whole;
    OK(envelope_sign(arena, &envelope, f->members[f->units[unit].member].sign, &whole));
    return whole;
}
