/*
 * Idempotency keys over agent_repeat_find and agent_repeat_keep. What is kept under a key: u8 1, u8 state, 16-byte
 * instance of the process that wrote it; when done, u16 code, vector location, vector body.
 *
 * The mutex makes looking and writing down one step, so that of two calls with one key only one is first.
 */
#include "agent/api/api_idem.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { FORM_VERSION = 1, STATE_BEGUN = 1, STATE_DONE = 2, STATE_FAILED = 3, HEAD_BYTES = 18, FRAME_BYTES = 28 };
#define ANSWER_MAX_BYTES ((size_t)60000)

struct api_idem {
    struct agent *agent;
    struct id16 instance;  /* tells calls of this process from those of an earlier one */
    pthread_mutex_t mutex; /* guards no field: the step from find to keep */
};

enum status api_idem_new(struct agent *agent, struct api_idem **out_idem) {
    struct api_idem *idem = calloc(1, sizeof *idem);
    ENSURE(idem, STATUS_MEMORY);
    if (pthread_mutex_init(&idem->mutex, NULL) != 0) abort();
    idem->agent = agent;
    idem->instance = ids_random();
    *out_idem = idem;
    return STATUS_OK;
}

void api_idem_free(struct api_idem *idem) {
    if (!idem) return;
    (void)pthread_mutex_destroy(&idem->mutex);
    free(idem);
}

bool api_idem_is_key(const char *key) {
    size_t len = strlen(key);
    for (size_t i = 0; i < len; i++) {
        if (key[i] <= ' ' || key[i] > '~') return false;
    }
    return len > 0 && len <= API_IDEM_KEY_MAX_BYTES;
}

struct hash api_idem_request(const char *unit, const char *path, struct bytes body) {
    struct hash_state state;
    hash_init(&state);
    hash_update(&state, bytes_text(unit ? unit : ""));
    hash_update(&state, bytes_text("\n"));
    hash_update(&state, bytes_text(path));
    hash_update(&state, bytes_text("\n"));
    hash_update(&state, body);
    return hash_final(&state);
}

static void write_head(struct writer *writer, const struct api_idem *idem, uint8_t state) {
    writer_u8(writer, FORM_VERSION);
    writer_u8(writer, state);
    writer_put(writer, ids_bytes(&idem->instance));
}

static enum status keep_state(struct api_idem *idem, const struct api_idem_ask *ask, uint8_t state) {
    uint8_t memory[HEAD_BYTES];
    struct writer writer = writer_init(memory, sizeof memory);
    struct bytes kept;
    write_head(&writer, idem, state);
    TRY(writer_end(&writer, &kept));
    return agent_repeat_keep(idem->agent, ask->client, ask->key, &ask->request, kept);
}

static enum status read_answer(struct arena *arena, struct reader *reader, struct api_idem_answer *out_answer) {
    struct api_idem_answer answer = {.code = reader_u16(reader)};
    struct bytes location = reader_vector(reader, ANSWER_MAX_BYTES);
    answer.body = reader_vector(reader, ANSWER_MAX_BYTES);
    ENSURE(reader_end(reader) == STATUS_OK, STATUS_INTEGRITY);
    if (location.len > 0) TRY(arena_text(arena, location, &answer.location));
    *out_answer = answer;
    return STATUS_OK;
}

static enum status judge(const struct api_idem *idem, struct arena *arena, struct bytes kept,
                         enum api_idem_verdict *verdict, struct api_idem_answer *out_answer) {
    struct reader reader = reader_init(kept);
    struct id16 instance;
    uint8_t version = reader_u8(&reader);
    uint8_t state = reader_u8(&reader);
    reader_copy(&reader, instance.b, sizeof instance.b);
    ENSURE(version == FORM_VERSION, STATUS_INTEGRITY);
    if (state == STATE_DONE) {
        *verdict = API_IDEM_REPEATED;
        return read_answer(arena, &reader, out_answer);
    }
    ENSURE(reader_end(&reader) == STATUS_OK && (state == STATE_BEGUN || state == STATE_FAILED), STATUS_INTEGRITY);
    bool is_ours = ids_equal(&instance, &idem->instance);
    *verdict = state == STATE_FAILED ? API_IDEM_FIRST : is_ours ? API_IDEM_BUSY : API_IDEM_UNKNOWN;
    return STATUS_OK;
}

static enum status begin(struct api_idem *idem, struct arena *arena, const struct api_idem_ask *ask,
                         enum api_idem_verdict *out_verdict, struct api_idem_answer *out_answer) {
    enum api_idem_verdict verdict = API_IDEM_FIRST;
    struct bytes kept;
    enum status status = agent_repeat_find(idem->agent, arena, ask->client, ask->key, &ask->request, &kept);
    if (status == STATUS_CONFLICT) {
        *out_verdict = API_IDEM_MISMATCH;
        return STATUS_OK;
    }
    ENSURE(status == STATUS_OK || status == STATUS_NOT_FOUND, status);
    if (status == STATUS_OK) TRY(judge(idem, arena, kept, &verdict, out_answer));
    if (verdict == API_IDEM_FIRST) TRY(keep_state(idem, ask, STATE_BEGUN));
    *out_verdict = verdict;
    return STATUS_OK;
}

enum status api_idem_begin(struct api_idem *idem, struct arena *arena, const struct api_idem_ask *ask,
                           enum api_idem_verdict *out_verdict, struct api_idem_answer *out_answer) {
    if (pthread_mutex_lock(&idem->mutex) != 0) abort();
    enum status status = begin(idem, arena, ask, out_verdict, out_answer);
    if (pthread_mutex_unlock(&idem->mutex) != 0) abort();
    return status;
}

enum status api_idem_done(struct api_idem *idem, struct arena *arena, const struct api_idem_ask *ask,
                          const struct api_idem_answer *answer) {
    struct bytes location = bytes_text(answer->location ? answer->location : "");
    ENSURE(answer->body.len + location.len <= ANSWER_MAX_BYTES, STATUS_TOO_LARGE);
    size_t cap = FRAME_BYTES + location.len + answer->body.len;
    uint8_t *memory = arena_alloc(arena, cap);
    ENSURE(memory, STATUS_MEMORY);
    struct writer writer = writer_init(memory, cap);
    struct bytes kept;
    write_head(&writer, idem, STATE_DONE);
    writer_u16(&writer, (uint16_t)answer->code);
    writer_vector(&writer, location);
    writer_vector(&writer, answer->body);
    TRY(writer_end(&writer, &kept));
    return agent_repeat_keep(idem->agent, ask->client, ask->key, &ask->request, kept);
}

enum status api_idem_failed(struct api_idem *idem, const struct api_idem_ask *ask) {
    return keep_state(idem, ask, STATE_FAILED);
}
