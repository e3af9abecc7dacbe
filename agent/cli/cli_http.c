/* libcurl, with everything off that a command line does not need. Trusts OpenSSL's store or the given one, nothing that
 * the server says about itself. */
#include "agent/cli/cli_http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { CONNECT_S = 10, FIELD_BYTES_MAX = 8192 };
#define ANSWER_BYTES_MAX ((size_t)32 << 20)

struct cli_http {
    CURL *curl;
    struct cli_http_target target;
    char reason[CURL_ERROR_SIZE];
};

/* One answer on its way in. */
struct intake {
    char *data;
    size_t len;
    size_t cap;
    char nonce[256];
    char content_type[128];
    enum status status;
};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;

static void global_init(void) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) abort();
}

enum status cli_http_new(const struct cli_http_target *target, struct cli_http **out_http) {
    (void)pthread_once(&global_once, global_init);
    struct cli_http *http CLEANUP(cli_http_free_cleanup) = calloc(1, sizeof *http);
    ENSURE(http, STATUS_MEMORY);
    http->curl = curl_easy_init();
    ENSURE(http->curl, STATUS_MEMORY);
    http->target = *target;
    *out_http = MOVE(http);
    return STATUS_OK;
}

void cli_http_free(struct cli_http *http) {
    if (!http) return;
    if (http->curl) curl_easy_cleanup(http->curl);
    free(http);
}

static bool grow(struct intake *intake, size_t more) {
    if (more > ANSWER_BYTES_MAX - intake->len) {
        intake->status = STATUS_TOO_LARGE;
        return false;
    }
    size_t cap = intake->cap ? intake->cap : 16384;
    while (cap < intake->len + more) {
        cap *= 2;
    }
    char *data = cap == intake->cap ? intake->data : realloc(intake->data, cap);
    if (!data) {
        intake->status = STATUS_MEMORY;
        return false;
    }
    intake->data = data;
    intake->cap = cap;
    return true;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg) {
    struct intake *intake = arg;
    size_t len = size * count;
    if (!grow(intake, len)) return 0;
    memcpy(intake->data + intake->len, data, len);
    intake->len += len;
    return len;
}

/* Copies the value of one field, when it is this one and fits. */
static void keep_field(const char *line, size_t len, const char *name, char *out, size_t cap) {
    size_t name_len = strlen(name);
    if (len <= name_len || strncasecmp(line, name, name_len) != 0 || line[name_len] != ':') return;
    const char *value = line + name_len + 1;
    size_t value_len = len - name_len - 1;
    for (; value_len > 0 && *value == ' '; value++) {
        value_len--;
    }
    while (value_len > 0 && (unsigned char)value[value_len - 1] <= ' ') {
        value_len--;
    }
    if (value_len >= cap) return;
    memcpy(out, value, value_len);
    out[value_len] = '\0';
}

static size_t on_header(char *line, size_t size, size_t count, void *arg) {
    struct intake *intake = arg;
    keep_field(line, size * count, "DPoP-Nonce", intake->nonce, sizeof intake->nonce);
    keep_field(line, size * count, "Content-Type", intake->content_type, sizeof intake->content_type);
    return size * count;
}

static void free_fields(struct curl_slist **fields) { curl_slist_free_all(*fields); }

static enum status add_field(struct arena *arena, struct curl_slist **fields, const char *name, const char *value) {
    ENSURE(bytes_is_text(bytes_text(value)) && strlen(value) <= FIELD_BYTES_MAX, STATUS_MALFORMED);
    const char *line = arena_printf(arena, "%s: %s", name, value);
    struct curl_slist *longer = line ? curl_slist_append(*fields, line) : NULL;
    ENSURE(longer, STATUS_MEMORY);
    *fields = longer;
    return STATUS_OK;
}

static enum status add_fields(struct arena *arena, const struct cli_http_ask *ask, struct curl_slist **fields) {
    for (size_t i = 0; i < CLI_HTTP_FIELDS_MAX; i++) {
        const struct cli_http_field *field = &ask->fields[i];
        if (field->name && field->value) TRY(add_field(arena, fields, field->name, field->value));
    }
    if (ask->content_type) TRY(add_field(arena, fields, "Content-Type", ask->content_type));
    /* curl would otherwise wait for a "100 Continue" that nobody sends. */
    return add_field(arena, fields, "Expect", "");
}

/* True when all of it took. */
static bool set_target(struct cli_http *http, const char *url) {
    CURL *curl = http->curl;
    const struct cli_http_target *target = &http->target;
    bool fine = curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK;
    if (target->socket) fine &= curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, target->socket) == CURLE_OK;
    if (target->ca) {
        fine &= curl_easy_setopt(curl, CURLOPT_CAINFO, target->ca) == CURLE_OK;
        fine &= curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) == CURLE_OK;
    }
    fine &= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, target->socket ? "http" : "https") == CURLE_OK;
    fine &= curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
    fine &= curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
    fine &= curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK;
    fine &= curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    return fine;
}

static bool set_ask(struct cli_http *http, const struct cli_http_ask *ask, struct curl_slist *fields,
                    struct intake *intake) {
    CURL *curl = http->curl;
    bool fine = curl_easy_setopt(curl, CURLOPT_HTTPHEADER, fields) == CURLE_OK;
    fine &= curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S) == CURLE_OK;
    fine &= curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)ask->timeout_s) == CURLE_OK;
    fine &= curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, http->reason) == CURLE_OK;
    fine &= curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
    fine &= curl_easy_setopt(curl, CURLOPT_WRITEDATA, intake) == CURLE_OK;
    fine &= curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK;
    fine &= curl_easy_setopt(curl, CURLOPT_HEADERDATA, intake) == CURLE_OK;
    if (ask->content_type) {
        fine &= curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)ask->body.len) == CURLE_OK;
        fine &=
            curl_easy_setopt(curl, CURLOPT_POSTFIELDS, ask->body.data ? (const char *)ask->body.data : "") == CURLE_OK;
    }
    fine &= curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, ask->method) == CURLE_OK;
    return fine;
}

static enum status status_of(CURLcode code) {
    switch (code) {
    case CURLE_OK:
        return STATUS_OK;
    case CURLE_OPERATION_TIMEDOUT:
        return STATUS_TIMEOUT;
    case CURLE_OUT_OF_MEMORY:
        return STATUS_MEMORY;
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return STATUS_UNREACHABLE;
    default:
        return STATUS_IO;
    }
}

static enum status take_answer(struct cli_http *http, struct arena *arena, const struct intake *intake,
                               struct cli_http_answer *out_answer) {
    struct cli_http_answer answer = {.body = BYTES_EMPTY};
    long code = 0;
    char *body = arena_alloc(arena, intake->len + 1);
    ENSURE(body, STATUS_TOO_LARGE);
    if (intake->len > 0) memcpy(body, intake->data, intake->len);
    answer.body = BYTES(body, intake->len);
    answer.content_type = arena_string(arena, intake->content_type);
    if (intake->nonce[0] != '\0') answer.dpop_nonce = arena_string(arena, intake->nonce);
    ENSURE(answer.content_type, STATUS_MEMORY);
    ENSURE(curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &code) == CURLE_OK, STATUS_IO);
    answer.code = (int)code;
    *out_answer = answer;
    return STATUS_OK;
}

static void intake_clear(struct intake *intake) { free(intake->data); }

enum status cli_http_send(struct cli_http *http, struct arena *arena, const struct cli_http_ask *ask,
                          struct cli_http_answer *out_answer) {
    struct curl_slist *fields CLEANUP(free_fields) = NULL;
    struct intake intake CLEANUP(intake_clear) = {.status = STATUS_OK};
    const char *url = arena_printf(arena, "%s%s", http->target.url, ask->path);
    ENSURE(url, STATUS_MEMORY);
    http->reason[0] = '\0';
    curl_easy_reset(http->curl);
    TRY(add_fields(arena, ask, &fields));
    ENSURE(set_target(http, url) && set_ask(http, ask, fields, &intake), STATUS_MEMORY);
    CURLcode code = curl_easy_perform(http->curl);
    TRY(intake.status);
    if (code != CURLE_OK && http->reason[0] == '\0') {
        (void)strncpy(http->reason, curl_easy_strerror(code), sizeof http->reason - 1);
    }
    TRY(status_of(code));
    return take_answer(http, arena, &intake, out_answer);
}

const char *cli_http_reason(const struct cli_http *http) { return http->reason; }

const char *cli_http_escape(struct arena *arena, const char *text) {
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    static const char digits[] = "0123456789ABCDEF";
    size_t len = strlen(text);
    char *out = arena_alloc(arena, 3 * len + 1);
    char *at = out;
    if (!out) return NULL;
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (strchr(unreserved, byte)) {
            *at++ = (char)byte;
            continue;
        }
        *at++ = '%';
        *at++ = digits[byte >> 4];
        *at++ = digits[byte & 15];
    }
    return out;
}
