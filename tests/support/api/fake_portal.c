/* The portal's routes. Everything runs in its loop thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/http.h"
#include "base/http_reply.h"
#include "base/json.h"
#include "base/text.h"
#include "keys/jws.h"
#include "keys/tls.h"
#include "support/api/fake_agent.h"
#include "support/api/fake_portal.h"

#define NONCE      "nonce-of-the-test"
#define BODY_BYTES (1 << 20)

struct fake_portal fake_portal;

static struct {
    struct http_server *server;
    SSL_CTX *tls;
    pthread_t thread;
    struct arena *arena; /* of all that is kept */
    const char *url;
} own;

static uint64_t now_s(void) { return (uint64_t)((int64_t)(clock_now_ms(clock_system()) / 1000) + fake_portal.clock_s); }

static void refuse(struct http_request *request, int code, const char *why) {
    fake_portal.refused++;
    http_reply_problem(request, &(struct http_problem){.code = code, .detail = why});
}

/* ---- proof ---- */

static const char *claim(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static bool fits_request(struct http_request *request, const json_t *claims, const char *method) {
    const char *url = arena_printf(own.arena, "%s%s", own.url, http_request_view(request)->path);
    int64_t iat = json_integer_value(json_object_get(claims, "iat"));
    int64_t away = iat - (int64_t)now_s();
    return strcmp(claim(claims, "htu"), url) == 0 && strcmp(claim(claims, "htm"), method) == 0 && away <= 5 &&
           away >= -5 && strlen(claim(claims, "jti")) == 22;
}

/* True with the key that made the proof. Otherwise the request is answered. */
static bool check_proof(struct http_request *request, const char *method, struct sign_public *out_key) {
    const char *proof = http_request_header(request, "dpop");
    struct jws jws;
    json_t *header CLEANUP(json_cleanup) = NULL;
    json_t *claims CLEANUP(json_cleanup) = NULL;
    bool fine = proof && jws_split(bytes_text(proof), 4096, own.arena, &jws) == STATUS_OK &&
                json_read(jws.header, 4096, &header) == STATUS_OK &&
                json_read(jws.payload, 4096, &claims) == STATUS_OK &&
                json_get_fixed(json_object_get(header, "jwk"), "x", out_key->b, sizeof out_key->b) == STATUS_OK &&
                jws_verify(&jws, out_key) == STATUS_OK && strcmp(claim(header, "typ"), "dpop+jwt") == 0 &&
                fits_request(request, claims, method);
    if (!fine) {
        refuse(request, 400, "the proof is none for this request");
        return false;
    }
    if (strcmp(claim(claims, "nonce"), NONCE) == 0) return true;
    json_t *body CLEANUP(json_cleanup) = json_pack("{s:s}", "error", "use_dpop_nonce");
    if (http_reply_header(request, "DPoP-Nonce", NONCE) != STATUS_OK) abort();
    http_reply_json(request, 401, body);
    return false;
}

/* The registered device only. */
static bool check_device(struct http_request *request, const char *method) {
    struct sign_public key;
    if (!check_proof(request, method, &key)) return false;
    if (fake_portal.registered && memcmp(key.b, fake_portal.registration.sign_key.b, sizeof key.b) == 0) return true;
    refuse(request, 403, "not a device");
    return false;
}

/* ---- routes ---- */

static void reply(struct http_request *request, int code, json_t *value) {
    json_t *owned CLEANUP(json_cleanup) = value;
    if (!owned) abort();
    http_reply_json(request, code, owned);
}

static void get_time(struct http_request *request, void *arg) {
    (void)arg;
    reply(
        request, 200,
        json_pack("{s:I, s:s, s:s}", "now", (json_int_t)now_s(), "federation", fake_portal.federation, "nonce", NONCE));
}

static void post_devices(struct http_request *request, void *arg) {
    (void)arg;
    struct sign_public key;
    struct registration registration;
    json_t *body CLEANUP(json_cleanup) = NULL;
    if (!check_proof(request, "POST", &key)) return;
    bool fine = json_read(http_request_view(request)->body, BODY_BYTES, &body) == STATUS_OK &&
                registration_parse(own.arena, PORTAL_FEDERATION, bytes_text(claim(body, "registration")),
                                   &registration) == STATUS_OK &&
                memcmp(key.b, registration.sign_key.b, sizeof key.b) == 0 &&
                registration_check(PORTAL_FEDERATION, &registration, fake_portal.secret) == STATUS_OK &&
                ids_equal(&registration.enrolment, &fake_portal.enrolment);
    if (!fine) {
        refuse(request, 403, "no such enrolment");
        return;
    }
    bool pending = fake_portal.pending > 0;
    if (pending) fake_portal.pending--;
    fake_portal.registration = registration;
    fake_portal.registered = !pending;
    reply(request, pending ? 202 : 200,
          json_pack("{s:s, s:s}", "kid", text_base64url(own.arena, hash_bytes(&registration.device)), "state",
                    pending ? "pending" : "active"));
}

static void get_devices(struct http_request *request, void *arg) {
    (void)arg;
    if (!check_device(request, "GET")) return;
    json_t *device = json_pack("{s:s, s:s, s:s, s:i, s:I}", "kid",
                               text_base64url(own.arena, hash_bytes(&fake_portal.registration.device)), "state",
                               "active", "attester", MEMBER, "assurance", 2, "since", (json_int_t)now_s());
    json_t *root = json_pack("{s:[o]}", "devices", device);
    struct hash subject = fake_portal.subject;
    if (fake_portal.other_person) subject.b[0] ^= 1;
    if (json_set_bytes(root, "subject", hash_bytes(&subject)) != STATUS_OK) abort();
    if (fake_portal.has_last &&
        json_set_bytes(device, "last_statement", hash_bytes(&fake_portal.last_statement)) != STATUS_OK) {
        abort();
    }
    reply(request, 200, root);
}

static json_t *names(const char *sv, const char *en) { return json_pack("{s:s, s:s}", "sv", sv, "en", en); }

static void get_requests(struct http_request *request, void *arg) {
    (void)arg;
    if (!check_device(request, "GET")) return;
    static const uint8_t zero[32];
    json_t *sources = json_array();
    for (int i = 0; i < 2; i++) {
        json_t *source = json_pack("{s:s, s:o, s:o}", "unit", i ? NORTH : SOUTH, "names",
                                   names(i ? "Norr" : "Söder", i ? "North" : "South"), "member_names",
                                   names("Kommunen", "The municipality"));
        if (json_set_bytes(source, "salt", BYTES_ARRAY(zero)) != STATUS_OK) abort();
        (void)json_array_append_new(sources, source);
    }
    json_t *item =
        json_pack("{s:s, s:o, s:s, s:o, s:o, s:s, s:o, s:[s,s,s], s:i, s:s, s:s, s:I, s:I, s:s}", "id", PORTAL_REQUEST,
                  "sources", sources, "recipient", FOREIGN, "recipient_names", names("Karriärcentrum", "Career centre"),
                  "member_names", names("Regionen", "The county"), "purpose", "joint_plan", "purpose_texts",
                  names("Gemensam planering", "A joint plan"), "kinds", "goal", "decision", "activity", "duration_s",
                  2592000, "access", "repeated", "basis", "secrecy_waiver", "created", (json_int_t)now_s(), "expires",
                  (json_int_t)now_s() + 86400, "state", "pending");
    if (json_set_bytes(item, "request", BYTES_ARRAY(zero)) != STATUS_OK) abort();
    if (json_set_bytes(item, "subject", hash_bytes(&fake_portal.subject)) != STATUS_OK) abort();
    reply(request, 200, json_pack("{s:[o]}", "requests", item));
}

static bool take_tokens(const json_t *list) {
    fake_portal.n_tokens = 0;
    for (size_t i = 0; i < json_array_size(list) && i < PORTAL_TOKENS_MAX; i++) {
        const char *compact = json_string_value(json_array_get(list, i));
        struct token *token = &fake_portal.tokens[i];
        if (token_parse(own.arena, PORTAL_FEDERATION, bytes_text(compact), token) != STATUS_OK) return false;
        if (token_verify(token, &fake_portal.registration.sign_key) != STATUS_OK) return false;
        fake_portal.n_tokens++;
    }
    return true;
}

static bool take_statement(const json_t *body) {
    struct statement statement;
    const char *compact = arena_string(own.arena, claim(body, "statement"));
    if (statement_parse(own.arena, PORTAL_FEDERATION, bytes_text(compact), &statement) != STATUS_OK) return false;
    if (statement_verify(&statement, &fake_portal.registration.sign_key) != STATUS_OK) return false;
    if (statement_fresh(&statement, now_s() * 1000) != STATUS_OK) return false;
    struct hash hash = hash_sha256(statement.compact);
    bool again = fake_portal.has_last && hash_equal(&hash, &fake_portal.last_statement);
    struct bytes last = fake_portal.has_last ? hash_bytes(&fake_portal.last_statement) : BYTES_EMPTY;
    if (!again && !bytes_equal(statement.prev, last)) return false;
    fake_portal.statement = statement;
    fake_portal.n_statements += again ? 0 : 1;
    fake_portal.has_last = true;
    fake_portal.last_statement = hash;
    return true;
}

static void write_anything(struct http_request *request, void *arg) {
    json_t *body CLEANUP(json_cleanup) = NULL;
    const struct http_view *view = http_request_view(request);
    if (!check_device(request, arg)) return;
    if (json_read(view->body, BODY_BYTES, &body) != STATUS_OK) {
        refuse(request, 400, "no JSON");
        return;
    }
    (void)snprintf(fake_portal.path, sizeof fake_portal.path, "%s", view->path);
    const json_t *tokens = json_object_get(body, "tokens");
    if (!(tokens ? take_tokens(tokens) : take_statement(body))) {
        refuse(request, 400, "what was signed is not accepted");
        return;
    }
    if (fake_portal.loses_answers) {
        refuse(request, 503, "the answer is lost");
        return;
    }
    reply(request, 200, json_pack("{s:[s]}", "receipts", "cmVjZWlwdA"));
}

static void get_consents(struct http_request *request, void *arg) {
    (void)arg;
    if (!check_device(request, "GET")) return;
    reply(request, 200,
          json_pack("{s:[{s:s, s:s, s:s, s:s, s:[s], s:I, s:s, s:[]}]}", "consents", "consent", PORTAL_CONSENT, "state",
                    "active", "to", FOREIGN, "purpose", "joint_plan", "kinds", "goal", "exp", (json_int_t)1795315395,
                    "access", "once", "tokens"));
}

/* Two pages. */
static void get_accesses(struct http_request *request, void *arg) {
    (void)arg;
    if (!check_device(request, "GET")) return;
    bool second = http_request_query(request, "cursor") != NULL;
    reply(request, 200,
          json_pack("{s:[{s:i, s:s, s:I, s:s, s:s, s:s, s:i, s:[]}], s:o}", "accesses", "leaf", second ? 8 : 7, "type",
                    second ? "REFUSED" : "RELEASED", "time", (json_int_t)1795315395, "actor", FOREIGN, "official",
                    "g-17", "purpose", "joint_plan", "clause", second ? 6 : 0, "items", "cursor",
                    second ? json_null() : json_integer(8)));
}

static void get_plan(struct http_request *request, void *arg) {
    (void)arg;
    if (!check_device(request, "GET")) return;
    bool second = http_request_query(request, "cursor") != NULL;
    const char *plan = fake_portal.plan;
    if (fake_portal.plan_on_page_2 && !second) plan = "{\"items\":[],\"waiting\":[],\"cursor\":1}";
    http_reply(request, 200, "application/json", bytes_text(plan));
}

static const struct http_route routes[] = {
    {HTTP_GET, "/v1/time", get_time, NULL},
    {HTTP_POST, "/v1/devices", post_devices, NULL},
    {HTTP_GET, "/v1/devices", get_devices, NULL},
    {HTTP_DELETE, "/v1/devices/{kid}", write_anything, "DELETE"},
    {HTTP_GET, "/v1/requests", get_requests, NULL},
    {HTTP_POST, "/v1/requests/{id}/decision", write_anything, "POST"},
    {HTTP_GET, "/v1/consents", get_consents, NULL},
    {HTTP_POST, "/v1/consents/{id}/{verb}", write_anything, "POST"},
    {HTTP_POST, "/v1/read-requests", write_anything, "POST"},
    {HTTP_GET, "/v1/accesses", get_accesses, NULL},
    {HTTP_GET, "/v1/plan", get_plan, NULL},
    {HTTP_GET, NULL, NULL, NULL},
};

/* ---- life ---- */

static void *serve(void *arg) {
    (void)arg;
    if (http_server_run(own.server) != STATUS_OK) abort();
    return NULL;
}

static int listen_loopback(uint16_t *out_port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *out_port = ntohs(address.sin_port);
    return fd;
}

void fake_portal_start(const struct scratch *scratch, struct arena *arena, const char **out_url, const char **out_ca) {
    char certificate[SCRATCH_PATH_MAX];
    char key[SCRATCH_PATH_MAX];
    uint16_t port = 0;
    static const char *const names_of_it[] = {"127.0.0.1"};
    const struct tls_certificate_request request = {.kind = TLS_CERTIFICATE_LEAF,
                                                    .subject = "portal",
                                                    .names = names_of_it,
                                                    .name_count = 1,
                                                    .now_s = clock_now_ms(clock_system()) / 1000,
                                                    .days = 1};
    fake_portal = (struct fake_portal){
        .federation = PORTAL_FEDERATION, .plan = "{\"items\":[],\"waiting\":[]}", .subject = {{9}}, .secret = {7}};
    fake_portal.enrolment = (struct id16){{6}};
    scratch_path(scratch, "portal.crt", certificate);
    scratch_path(scratch, "portal.key", key);
    assert_int_equal(tls_make_certificate(&request, certificate, key), STATUS_OK);
    assert_int_equal(tls_server_public(&(struct tls_identity){certificate, key}, &own.tls), STATUS_OK);
    own.arena = arena_new(64 << 20);
    const struct http_options options = {.listen_fd = listen_loopback(&port),
                                         .tls = own.tls,
                                         .max_head_bytes = 16384,
                                         .max_body_bytes = BODY_BYTES,
                                         .deadline_ms = 20000,
                                         .max_connections = 16,
                                         .routes = routes};
    own.url = arena_printf(own.arena, "https://127.0.0.1:%u", (unsigned)port);
    assert_int_equal(http_server_new(&options, &own.server), STATUS_OK);
    assert_int_equal(pthread_create(&own.thread, NULL, serve, NULL), 0);
    *out_url = arena_string(arena, own.url);
    *out_ca = arena_string(arena, certificate);
}

void fake_portal_stop(void) {
    http_server_stop(own.server);
    assert_int_equal(pthread_join(own.thread, NULL), 0);
    http_server_free(own.server);
    SSL_CTX_free(own.tls);
    arena_free(own.arena);
}
