/*
 * Table ENROLMENT: the codes that were given out. The secret half of a code is sealed under the agent's own slot; it
 * goes to the identified person and nowhere else. Invariant: a code attests at most one device.
 */
#include "agent/enrol.h"

#include <string.h>

#include "agent/agent_internal.h"
#include "agent/outbox.h"
#include "agent/row.h"
#include "base/text.h"
#include "keys/aead.h"
#include "proto/attestation.h"
#include "proto/limits.h"
#include "proto/msg_enrol.h"
#include "proto/statement.h"

#define SECRET_BYTES 16

struct enrolment_row {
    const char *unit;
    const char *official;
    struct hash subject;
    uint32_t assurance;
    uint32_t others_lost;
    const char *how;
    uint64_t expires_ms;
    struct bytes secret; /* sealed */
};

#define AT(name) offsetof(struct enrolment_row, name)
static const struct row_field fields[] = {
    {ROW_TEXT, AT(unit), 0},      {ROW_TEXT, AT(official), 0},   {ROW_FIXED, AT(subject), sizeof(struct hash)},
    {ROW_U32, AT(assurance), 0},  {ROW_U32, AT(others_lost), 0}, {ROW_TEXT, AT(how), 0},
    {ROW_U64, AT(expires_ms), 0}, {ROW_BYTES, AT(secret), 0},
};
static const struct row_form form = {1, fields, sizeof fields / sizeof fields[0], sizeof(struct enrolment_row)};

struct opening_code {
    struct arena *arena;
    struct id16 id;
    struct enrolment_row row;
};

static enum status put_row(struct store_txn *txn, void *arg) {
    const struct opening_code *code = arg;
    return row_put(txn, AGENT_ENROLMENT, ids_bytes(&code->id), &form, code->arena, &code->row);
}

/* Id and secret as they are shown. */
static enum status show_code(struct agent *agent, struct arena *arena, const struct id16 *id, const uint8_t *secret,
                             struct agent_enrolment *out_enrolment) {
    uint8_t both[IDS_ID16_BYTES + SECRET_BYTES];
    memcpy(both, id->b, IDS_ID16_BYTES);
    memcpy(both + IDS_ID16_BYTES, secret, SECRET_BYTES);
    out_enrolment->code = text_base64url(arena, BYTES_ARRAY(both));
    secret_wipe(both, sizeof both);
    ENSURE(out_enrolment->code, STATUS_MEMORY);
    out_enrolment->link = arena_printf(arena, "%s/#%s", agent->settings->public_url, out_enrolment->code);
    return out_enrolment->link ? STATUS_OK : STATUS_MEMORY;
}

static enum status seal_code(struct agent *agent, struct arena *arena, const struct id16 *id, const uint8_t *secret,
                             struct bytes *out_sealed) {
    struct secret *own CLEANUP(secret_free_cleanup) = NULL;
    TRY(vault_own_key(agent->vault, &own));
    return aead_seal(own, ids_bytes(id), BYTES(secret, SECRET_BYTES), arena, out_sealed);
}

static enum status announce(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                            const struct opening_code *code) {
    const struct msg_open_enrolment message = {.enrolment = code->id, .expires_ms = code->row.expires_ms};
    struct bytes body;
    struct link_answer came;
    TRY(msg_open_enrolment_encode(arena, &message, &body));
    const struct link_ask ask = {
        .type = MESSAGE_OPEN_ENROLMENT, .unit = caller->unit, .official = caller->official, .body = body};
    return link_ask_done(&agent->link, arena, &ask, &came);
}

enum status enrol_open(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                       const struct hash *subject, uint32_t assurance, const char *how, bool others_lost,
                       struct agent_enrolment *out_enrolment) {
    struct directory *directory CLEANUP(directory_unref_cleanup) = dirsync_directory(agent);
    const struct member_record *own = directory_member(directory, agent->settings->member);
    uint8_t secret[SECRET_BYTES];
    struct agent_enrolment enrolment = {.expires_ms = agent_now_ms(agent) + ENROL_VALID_MS};
    struct opening_code code = {.arena = arena,
                                .id = ids_random(),
                                .row = {.unit = caller->unit,
                                        .official = caller->official,
                                        .subject = *subject,
                                        .assurance = assurance,
                                        .others_lost = others_lost ? 1 : 0,
                                        .how = how,
                                        .expires_ms = enrolment.expires_ms}};
    ENSURE(own && own->identifies_people, STATUS_DENIED);
    ENSURE(assurance >= ASSURANCE_LOW && assurance <= ASSURANCE_HIGH, STATUS_INVALID);
    ENSURE(strlen(how) <= LIMIT_HOW_BYTES && bytes_is_text(bytes_text(how)), STATUS_INVALID);
    secret_random_public(secret, sizeof secret);
    enum status status = seal_code(agent, arena, &code.id, secret, &code.row.secret);
    if (status == STATUS_OK) status = show_code(agent, arena, &code.id, secret, &enrolment);
    secret_wipe(secret, sizeof secret);
    TRY(status);
    TRY(store_write(agent->store, put_row, &code));
    TRY(announce(agent, arena, caller, &code));
    *out_enrolment = enrolment;
    return STATUS_OK;
}

/* ---- the device that came ---- */

static enum status check_code(struct agent *agent, const struct registration *registration,
                              const struct enrolment_row *row) {
    struct secret *own CLEANUP(secret_free_cleanup) = NULL;
    struct secret *secret CLEANUP(secret_free_cleanup) = NULL;
    ENSURE(agent_now_ms(agent) <= row->expires_ms, STATUS_EXPIRED);
    TRY(vault_own_key(agent->vault, &own));
    TRY(aead_open_secret(own, ids_bytes(&registration->enrolment), row->secret, &secret));
    ENSURE(secret_len(secret) == SECRET_BYTES, STATUS_INTEGRITY);
    return registration_check(agent->settings->federation, registration, secret_bytes(secret).data);
}

static enum status sign_attestation(struct agent *agent, struct arena *arena, const struct registration *registration,
                                    const struct enrolment_row *row, struct bytes *out_body) {
    const struct attestation attestation = {.version = 1,
                                            .federation = agent->settings->federation,
                                            .member = agent->settings->member,
                                            .subject = row->subject,
                                            .sign_key = registration->sign_key,
                                            .read_key = registration->read_key,
                                            .assurance = row->assurance,
                                            .how = row->how,
                                            .enrolment = registration->enrolment,
                                            .registration_hash = hash_sha256(registration->compact),
                                            .time_ms = agent_now_ms(agent),
                                            .others_lost = row->others_lost != 0};
    struct msg_attest message;
    struct bytes body;
    TRY(attestation_encode(arena, &attestation, &body));
    TRY(signed_make(arena, SIGNED_ATTESTATION, agent->settings->federation, body, keystore_sign(agent->keystore),
                    &message.attestation));
    return msg_attest_encode(arena, &message, out_body);
}

enum status enrol_registered(struct agent *agent, struct store_txn *txn, struct arena *arena, struct bytes compact) {
    struct registration registration;
    struct enrolment_row row;
    uint64_t order = 0;
    TRY(registration_parse(arena, agent->settings->federation, compact, &registration));
    TRY(row_get(txn, AGENT_ENROLMENT, ids_bytes(&registration.enrolment), &form, arena, &row));
    TRY(check_code(agent, &registration, &row));
    struct outbox_row out = {.type = MESSAGE_ATTEST, .unit = row.unit, .official = row.official};
    TRY(sign_attestation(agent, arena, &registration, &row, &out.body));
    TRY(store_delete(txn, AGENT_ENROLMENT, ids_bytes(&registration.enrolment)));
    return outbox_add(txn, arena, &out, &order);
}
