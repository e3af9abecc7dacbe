#include "support/link/world_https.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define HTTPS_MS       20000L
#define HTTPS_BODY_MAX ((size_t)4 << 20)

CLEANUP_POINTER(CURL, curl_easy_cleanup)
CLEANUP_POINTER(struct curl_slist, curl_slist_free_all)

struct received {
    char *data;
    size_t len;
};

static size_t on_data(char *data, size_t size, size_t count, void *arg) {
    struct received *received = arg;
    size_t len = size * count;
    if (len > HTTPS_BODY_MAX - received->len) return 0;
    char *grown = realloc(received->data, received->len + len + 1);
    if (!grown) return 0;
    received->data = grown;
    memcpy(grown + received->len, data, len);
    received->len += len;
    return len;
}

static enum status make_headers(const char *proof, struct arena *arena, struct curl_slist **out_list) {
    const char *line = arena_printf(arena, "DPoP: %s", proof);
    ENSURE(line, STATUS_MEMORY);
    struct curl_slist *list CLEANUP(curl_slist_free_all_cleanup) = curl_slist_append(NULL, line);
    ENSURE(list && curl_slist_append(list, "Content-Type: application/json"), STATUS_MEMORY);
    *out_list = MOVE(list);
    return STATUS_OK;
}

static enum status status_of(CURLcode code) {
    if (code == CURLE_OK) return STATUS_OK;
    if (code == CURLE_OPERATION_TIMEDOUT) return STATUS_TIMEOUT;
    return code == CURLE_WRITE_ERROR ? STATUS_TOO_LARGE : STATUS_UNREACHABLE;
}

static enum status perform(CURL *curl, const struct received *received, struct arena *arena,
                           struct portal_reply *out_reply) {
    struct portal_reply reply = {.content_type = ""};
    struct curl_header *nonce = NULL;
    long code = 0;
    TRY(status_of(curl_easy_perform(curl)));
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    reply.status = (uint32_t)code;
    TRY(arena_copy(arena, BYTES(received->data, received->len), &reply.body));
    if (curl_easy_header(curl, "DPoP-Nonce", 0, CURLH_HEADER, -1, &nonce) == CURLHE_OK) {
        TRY(arena_copy(arena, bytes_text(nonce->value), &reply.nonce));
    }
    *out_reply = reply;
    return STATUS_OK;
}

enum status world_https(const char *ca, const char *method, const char *url, const char *proof, const char *body,
                        struct arena *arena, struct portal_reply *out_reply) {
    CURL *curl CLEANUP(curl_easy_cleanup_cleanup) = curl_easy_init();
    struct curl_slist *headers CLEANUP(curl_slist_free_all_cleanup) = NULL;
    struct received received = {.data = NULL};
    ENSURE(curl, STATUS_MEMORY);
    TRY(make_headers(proof, arena, &headers));
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_CAINFO, ca);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, HTTPS_MS);
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (body[0]) (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &received);
    enum status status = perform(curl, &received, arena, out_reply);
    free(received.data);
    return status;
}
