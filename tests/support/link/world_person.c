/*
 * DPoP after RFC 9449: each try carries a proof of its own, with the nonce that the portal gave last.
 */
#include "support/link/world_person.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "keys/jws.h"
#include "proto/attestation.h"
#include "proto/limits.h"
#include "proto/msg_enrol.h"
#include "proto/msg_events.h"
#include "proto/msg_publish.h"
#include "proto/signed.h"
#include "support/link/world_https.h"
#include "support/link/world_internal.h"

#define PORTAL_MS    20000
#define PERSON_ARENA ((size_t)2 << 20)
#define POLL_MS      2000
#define MAIL_MS      20000
#define PAUSE_MS     20
#define ENROLMENT_MS 600000
#define NONCE_ROUNDS 2

enum status world_person_init(struct world_person *person, enum world_way way) {
    *person = (struct world_person){.way = way};
    secret_random_public(person->subject.b, sizeof person->subject.b);
    TRY(sign_generate(&person->sign));
    TRY(seal_generate(&person->read));
    struct sign_public key = sign_public_of(person->sign);
    person->device = jws_thumbprint(&key);
    return STATUS_OK;
}

void world_person_clear(struct world_person *person) {
    sign_free(person->sign);
    seal_free(person->read);
    *person = (struct world_person){.sign = NULL};
}

/* ---- proofs ---- */

static enum status make_proof(const struct world_person *person, const char *method, const char *url,
                              struct arena *arena, const char **out_proof) {
    const struct sign_public key = sign_public_of(person->sign);
    const struct id16 jti = ids_random();
    const char *header = arena_printf(
        arena, "{\"alg\":\"EdDSA\",\"jwk\":{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"},\"typ\":\"dpop+jwt\"}",
        text_base64url(arena, BYTES_ARRAY(key.b)));
    const char *nonce = person->nonce[0] ? arena_printf(arena, ",\"nonce\":\"%s\"", person->nonce) : "";
    const char *payload = arena_printf(arena, "{\"htm\":\"%s\",\"htu\":\"%s\",\"iat\":%llu,\"jti\":\"%s\"%s}", method,
                                       url, (unsigned long long)(world_now_ms() / 1000), ids_text(arena, &jti), nonce);
    ENSURE(header && payload, STATUS_MEMORY);
    return jws_sign(person->sign, header, bytes_text(payload), arena, out_proof);
}

static void keep_nonce(struct world_person *person, struct bytes nonce) {
    if (nonce.len == 0 || nonce.len >= sizeof person->nonce) return;
    memcpy(person->nonce, nonce.data, nonce.len);
    person->nonce[nonce.len] = '\0';
}

/* ---- questions ---- */

static enum status ask_socket(struct world *world, const struct world_portal_ask *ask, const char *url,
                              const char *proof, struct arena *arena, struct portal_reply *out_reply) {
    const struct portal_ask question = {.op = ask->op,
                                        .method = ask->method,
                                        .url = url,
                                        .proof = bytes_text(proof),
                                        .id = bytes_text(ask->id),
                                        .body = bytes_text(ask->body),
                                        .b = LIMIT_ITEMS};
    struct bytes request;
    struct bytes answer;
    TRY(internal_portal_ask_encode(arena, &question, &request));
    TRY(link_client_call(world_portal_client(world), request, PORTAL_MS, arena, &answer));
    return internal_portal_reply_parse(arena, answer, out_reply);
}

static enum status ask_once(struct world *world, struct world_person *person, const struct world_portal_ask *ask,
                            struct arena *arena, struct portal_reply *out_reply) {
    const char *url = arena_printf(arena, "%s%s", world_portal_url(world), ask->path);
    const char *proof = "";
    ENSURE(url, STATUS_MEMORY);
    if (!person) return ask_socket(world, ask, url, proof, arena, out_reply);
    TRY(make_proof(person, ask->method, url, arena, &proof));
    if (person->way == WORLD_BY_SOCKET) {
        TRY(ask_socket(world, ask, url, proof, arena, out_reply));
    } else {
        TRY(world_https(world_ca(world), ask->method, url, proof, ask->body, arena, out_reply));
    }
    keep_nonce(person, out_reply->nonce);
    return STATUS_OK;
}

/* Once more when the portal only wanted a newer nonce. */
static enum status ask_with_nonce(struct world *world, struct world_person *person, const struct world_portal_ask *ask,
                                  struct arena *arena, struct portal_reply *out_reply) {
    for (int round = 0; round < NONCE_ROUNDS; round++) {
        TRY(ask_once(world, person, ask, arena, out_reply));
        if (out_reply->status != 401 || out_reply->nonce.len == 0) break;
    }
    return STATUS_OK;
}

enum status world_portal(struct world *world, struct world_person *person, const struct world_portal_ask *ask,
                         struct arena *arena, struct world_portal_answer *out_answer) {
    struct portal_reply reply = {.status = 0};
    uint64_t until = world_clock_us() / 1000 + ask->patience_ms;
    enum status status = ask_with_nonce(world, person, ask, arena, &reply);
    while ((status == STATUS_UNREACHABLE || status == STATUS_TIMEOUT || reply.status == 503) &&
           world_clock_us() / 1000 < until) {
        (void)poll(NULL, 0, PAUSE_MS);
        status = ask_with_nonce(world, person, ask, arena, &reply);
    }
    TRY(status);
    if (reply.status >= 400) {
        (void)fprintf(stderr, "world: %s %s: %u %.*s\n", ask->method, ask->path, reply.status, (int)reply.body.len,
                      (const char *)reply.body.data);
    }
    *out_answer = (struct world_portal_answer){.status = reply.status, .body = reply.body};
    return STATUS_OK;
}

enum status world_portal_status(unsigned http_status) {
    if (http_status >= 200 && http_status < 300) return STATUS_OK;
    switch (http_status) {
    case 404:
        return STATUS_NOT_FOUND;
    case 409:
        return STATUS_CONFLICT;
    case 429:
        return STATUS_LIMIT;
    case 503:
        return STATUS_RETRY;
    default:
        return STATUS_REFUSED;
    }
}

enum status world_portal_receipt(struct arena *arena, const struct world_portal_answer *answer, size_t n,
                                 struct bytes *out_receipt) {
    json_t *root CLEANUP(json_cleanup) = NULL;
    TRY(json_read(answer->body, LIMIT_REPLY_BODY_BYTES, &root));
    const json_t *list = json_object_get(root, "receipts");
    ENSURE(json_is_array(list), STATUS_MALFORMED);
    const char *text = json_string_value(json_array_get(list, n));
    ENSURE(text, STATUS_NOT_FOUND);
    return text_from_base64url(arena, bytes_text(text), out_receipt);
}

/* ---- statements ---- */

enum status world_statement(struct world_person *person, struct statement *statement, struct arena *arena,
                            struct bytes *out_compact) {
    statement->subject = person->subject;
    statement->jti = ids_random();
    statement->iat_s = world_now_ms() / 1000;
    statement->prev = person->has_stated ? hash_bytes(&person->statement) : BYTES_EMPTY;
    if (!statement->source) statement->source = "";
    TRY(statement_make(arena, WORLD_FEDERATION, statement, person->sign, out_compact));
    person->statement = hash_sha256(*out_compact);
    person->has_stated = true;
    return STATUS_OK;
}

/* ---- enrolment ---- */

struct enrolment {
    struct id16 id;
    uint8_t secret[16];
    struct seal_public read_key;
    struct bytes registration;
};

static enum status open_enrolment(struct world *world, const struct enrolment *enrolment, uint32_t patience_ms,
                                  struct arena *arena) {
    const struct msg_open_enrolment message = {.enrolment = enrolment->id, .expires_ms = world_now_ms() + ENROLMENT_MS};
    struct world_ask ask = {.unit = 0, .type = MESSAGE_OPEN_ENROLMENT, .patience_ms = patience_ms};
    struct reply reply;
    TRY(msg_open_enrolment_encode(arena, &message, &ask.body));
    TRY(world_call(world, &ask, arena, &reply));
    return reply_code_status((enum reply_code)reply.code);
}

static enum status register_device(struct world *world, struct world_person *person, struct enrolment *enrolment,
                                   uint32_t patience_ms, struct arena *arena) {
    struct world_portal_answer answer;
    TRY(registration_make(arena, WORLD_FEDERATION, &enrolment->id, enrolment->secret, person->sign,
                          &enrolment->read_key, world_now_ms(), &enrolment->registration));
    const struct world_portal_ask ask = {.op = PORTAL_DEVICES_POST,
                                         .method = "POST",
                                         .path = "/v1/devices",
                                         .id = "",
                                         .body = arena_printf(arena, "{\"registration\":\"%.*s\"}",
                                                              (int)enrolment->registration.len,
                                                              (const char *)enrolment->registration.data),
                                         .patience_ms = patience_ms};
    ENSURE(ask.body, STATUS_MEMORY);
    TRY(world_portal(world, person, &ask, arena, &answer));
    return world_portal_status(answer.status);
}

/* One page of member 0's mailbox. */
static enum status read_mail(struct world *world, uint64_t after, struct arena *arena,
                             struct msg_events_answer *out_page) {
    const struct msg_events message = {.after = after, .most = LIMIT_EVENTS, .wait_ms = POLL_MS};
    struct world_ask ask = {.unit = 0, .type = MESSAGE_EVENTS};
    struct reply reply;
    TRY(msg_events_encode(arena, &message, &ask.body));
    TRY(world_call(world, &ask, arena, &reply));
    TRY(reply_code_status((enum reply_code)reply.code));
    return msg_events_answer_parse(arena, reply.body, out_page);
}

static bool brings(const struct msg_events_answer *page, struct bytes registration) {
    for (size_t i = 0; i < page->n_events; i++) {
        if (page->events[i].type == EVENT_REGISTRATION && bytes_equal(page->events[i].statement, registration)) {
            return true;
        }
    }
    return false;
}

static enum status await_registration(struct world *world, struct bytes registration) {
    uint64_t after = 0;
    uint64_t until = world_clock_us() / 1000 + MAIL_MS;
    while (world_clock_us() / 1000 < until) {
        struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(PERSON_ARENA);
        struct msg_events_answer page;
        ENSURE(arena, STATUS_MEMORY);
        TRY(read_mail(world, after, arena, &page));
        if (brings(&page, registration)) return STATUS_OK;
        if (page.n_events > 0) after = page.events[page.n_events - 1].sequence;
    }
    return STATUS_TIMEOUT;
}

static enum status attest(struct world *world, struct world_notes *notes, const struct world_person *person,
                          const struct enrolment *enrolment, uint32_t patience_ms, struct arena *arena) {
    const struct attestation attestation = {.version = 1,
                                            .federation = WORLD_FEDERATION,
                                            .member = world_member(world, 0)->id,
                                            .subject = person->subject,
                                            .sign_key = sign_public_of(person->sign),
                                            .read_key = enrolment->read_key,
                                            .assurance = ASSURANCE_HIGH,
                                            .how = "in person",
                                            .enrolment = enrolment->id,
                                            .registration_hash = hash_sha256(enrolment->registration),
                                            .time_ms = world_now_ms()};
    struct world_ask ask = {.unit = 0, .type = MESSAGE_ATTEST, .patience_ms = patience_ms};
    struct msg_attest message;
    struct msg_receipted answer;
    struct world_receipt receipt;
    struct bytes body;
    struct reply reply;
    TRY(attestation_encode(arena, &attestation, &body));
    TRY(signed_make(arena, SIGNED_ATTESTATION, WORLD_FEDERATION, body, world_member(world, 0)->sign,
                    &message.attestation));
    TRY(msg_attest_encode(arena, &message, &ask.body));
    TRY(world_call(world, &ask, arena, &reply));
    TRY(reply_code_status((enum reply_code)reply.code));
    TRY(msg_receipted_parse(arena, reply.body, &answer));
    return world_receipt_open(notes, arena, answer.receipt, LEAF_DEVICE_ENROLLED, &receipt);
}

enum status world_enrol(struct world *world, struct world_notes *notes, struct world_person *person,
                        uint32_t patience_ms) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(PERSON_ARENA);
    ENSURE(arena, STATUS_MEMORY);
    struct enrolment enrolment = {.id = ids_random(), .read_key = seal_public_of(person->read)};
    secret_random_public(enrolment.secret, sizeof enrolment.secret);
    WORLD_TRY("OPEN_ENROLMENT", open_enrolment(world, &enrolment, patience_ms, arena));
    WORLD_TRY("registration", register_device(world, person, &enrolment, patience_ms, arena));
    if (person->way == WORLD_BY_HTTPS) WORLD_TRY("mail", await_registration(world, enrolment.registration));
    WORLD_TRY("ATTEST", attest(world, notes, person, &enrolment, patience_ms, arena));
    return STATUS_OK;
}
