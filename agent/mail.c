/*
 * Owns the link thread and its parked poll. The poll's answer arrives on nng's thread, which only copies it and wakes
 * this one; the box that it arrives in is counted, because a poll may come back after the thread has ended.
 */
#include "agent/mail.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent_internal.h"
#include "agent/mail_take.h"
#include "agent/outbox.h"
#include "agent/selfread.h"
#include "agent/source.h"
#include "base/clock.h"
#include "base/log.h"
#include "proto/limits.h"

#define POLL_WAIT_MS    30000
#define POLL_TIMEOUT_MS 45000
#define PAUSE_MS        500
#define AGAIN_MS        1000  /* until what failed is tried again */
#define QUIET_MS        60000 /* longer than any poll */
#define HEAD_AGE_MS     ((uint64_t)900000)
#define EVENTS_MOST     32
#define ANSWER_BYTES    ((size_t)64 << 20)

/* What one poll brings back. */
struct box {
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t changed;
    unsigned holders;
    bool out; /* a poll is under way */
    bool kicked;
    bool reconnected;
    bool stopping;
    enum status status;
    uint8_t *answer; /* malloc'ed; NULL when there is none */
    size_t answer_len;
};

struct mail {
    struct agent *agent;
    struct box *box;
    pthread_t thread;
    bool joined;
    bool behind; /* something is left to do: it is tried again after a moment */
};

static void lock(struct box *box) {
    if (pthread_mutex_lock(&box->mutex) != 0) abort();
}

static void unlock(struct box *box) {
    if (pthread_mutex_unlock(&box->mutex) != 0) abort();
}

static struct box *box_new(void) {
    pthread_condattr_t attributes;
    struct box *box = calloc(1, sizeof *box);
    if (!box) return NULL;
    if (pthread_mutex_init(&box->mutex, NULL) != 0) abort();
    if (pthread_condattr_init(&attributes) != 0) abort();
    if (pthread_condattr_setclock(&attributes, CLOCK_WAIT) != 0) abort();
    if (pthread_cond_init(&box->changed, &attributes) != 0) abort();
    (void)pthread_condattr_destroy(&attributes);
    box->holders = 1;
    return box;
}

static void box_leave(struct box *box) {
    lock(box);
    bool last = --box->holders == 0;
    unlock(box);
    if (!last) return;
    (void)pthread_cond_destroy(&box->changed);
    (void)pthread_mutex_destroy(&box->mutex);
    free(box->answer);
    free(box);
}

static void set(struct box *box, bool *flag) {
    lock(box);
    *flag = true;
    (void)pthread_cond_signal(&box->changed);
    unlock(box);
}

void mail_kick(struct mail *mail) { set(mail->box, &mail->box->kicked); }

void mail_reconnected(struct mail *mail) { set(mail->box, &mail->box->reconnected); }

/* nng's thread. */
static void on_answer(void *arg, enum status status, struct bytes answer) {
    struct box *box = arg;
    uint8_t *copy = status == STATUS_OK ? malloc(answer.len ? answer.len : 1) : NULL;
    if (copy && answer.len > 0) memcpy(copy, answer.data, answer.len);
    lock(box);
    box->out = false;
    box->status = status == STATUS_OK && !copy ? STATUS_MEMORY : status;
    box->answer = copy;
    box->answer_len = answer.len;
    (void)pthread_cond_signal(&box->changed);
    unlock(box);
    box_leave(box);
}

static bool is_stopping(struct box *box) {
    lock(box);
    bool stopping = box->stopping;
    unlock(box);
    return stopping;
}

/* After a failure: a moment, or until something changes. */
static void pause_a_moment(struct box *box) {
    struct timespec until = clock_wait_until(PAUSE_MS);
    int failed = 0;
    lock(box);
    while (failed == 0 && !box->stopping && !box->reconnected) {
        failed = pthread_cond_timedwait(&box->changed, &box->mutex, &until);
    }
    unlock(box);
}

/* ---- the poll ---- */

static enum status start_poll(struct mail *mail) {
    struct agent *agent = mail->agent;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(AGENT_SCRATCH_BYTES);
    ENSURE(arena, STATUS_MEMORY);
    struct msg_events message = {.most = EVENTS_MOST, .wait_ms = POLL_WAIT_MS};
    struct bytes body;
    struct bytes envelope;
    message.ready_to_witness = witness_ready(agent);
    if (message.ready_to_witness) message.witnessed = witness_size(agent);
    TRY(mail_take_place(agent, &message.after));
    TRY(msg_events_encode(arena, &message, &body));
    const struct link_ask ask = {.type = MESSAGE_EVENTS, .unit = agent_first_unit(agent), .body = body};
    TRY(link_envelope(&agent->link, arena, &ask, &envelope));
    lock(mail->box);
    mail->box->out = true;
    mail->box->holders++;
    unlock(mail->box);
    enum status status = agent->link.port.start(agent->link.port.arg, envelope, POLL_TIMEOUT_MS, on_answer, mail->box);
    if (status == STATUS_OK) return STATUS_OK;
    lock(mail->box);
    mail->box->out = false;
    unlock(mail->box);
    box_leave(mail->box);
    return status;
}

/* Why the wait ended; more than one may hold. */
struct wake {
    bool answered;
    bool kicked;
    bool reconnected;
    enum status status;
    uint8_t *answer; /* malloc'ed, the caller's */
    size_t answer_len;
};

/* The flags are taken; the poll goes on unless it is what ended the wait. */
static struct wake wait_for(struct box *box, uint32_t most_ms) {
    struct timespec until = clock_wait_until(most_ms);
    int failed = 0;
    lock(box);
    while (failed == 0 && box->out && !box->kicked && !box->reconnected && !box->stopping) {
        failed = pthread_cond_timedwait(&box->changed, &box->mutex, &until);
    }
    struct wake wake = {.answered = !box->out, .kicked = box->kicked, .reconnected = box->reconnected};
    box->kicked = false;
    box->reconnected = false;
    if (wake.answered) {
        wake.status = box->status;
        wake.answer = MOVE(box->answer);
        wake.answer_len = box->answer_len;
    }
    unlock(box);
    return wake;
}

/* ---- what is due ---- */

static void report(const char *what, enum status status) {
    bool away = status == STATUS_UNREACHABLE || status == STATUS_TIMEOUT || status == STATUS_RETRY;
    if (status == STATUS_OK || away) return;
    log_limited(LOG_LEVEL_WARN, "link_task_failed", "task=%s reason=%s", what, status_name(status));
}

static void drain(struct mail *mail) {
    enum status status = outbox_drain(mail->agent);
    report("outbox", status);
    if (status != STATUS_OK) mail->behind = true;
}

static void serve_due(struct mail *mail) {
    enum status source = source_serve_all(mail->agent);
    enum status readers = selfread_serve_all(mail->agent);
    report("grants", source);
    report("own_reading", readers);
    if (source != STATUS_OK || readers != STATUS_OK) mail->behind = true;
}

/* Directory, outbox, grants: in this order, since grants need the first and what was published needs the second. */
static void catch_up(struct mail *mail) {
    enum status status = dirsync_run(mail->agent);
    report("directory", status);
    mail->behind = status != STATUS_OK;
    if (mail->behind) return;
    drain(mail);
    serve_due(mail);
}

/* ---- an answer ---- */

static void take_offer(struct mail *mail, struct arena *arena, const struct msg_events_answer *answer) {
    if (answer->offer.len == 0) return;
    enum status status = witness_offered(mail->agent, arena, answer->offer, answer->consistency, answer->n_consistency);
    if (status != STATUS_REFUSED) report("witness", status);
}

static void refresh_directory(struct mail *mail, uint64_t sequence) {
    struct directory *directory CLEANUP(directory_unref_cleanup) = dirsync_directory(mail->agent);
    bool behind = sequence > directory_sequence(directory);
    if (behind || dirsync_head_age_ms(mail->agent) > HEAD_AGE_MS) report("directory", dirsync_run(mail->agent));
}

static enum status take_events(struct mail *mail, const struct msg_events_answer *answer) {
    struct mail_due due = {0};
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < answer->n_events; i++) {
        status = mail_take(mail->agent, &answer->events[i], &due);
    }
    if (due.outbox) drain(mail);
    if (due.serve) serve_due(mail);
    return status;
}

static enum status take_answer(struct mail *mail, struct bytes text) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(ANSWER_BYTES);
    ENSURE(arena, STATUS_MEMORY);
    struct reply reply;
    struct msg_events_answer answer;
    TRY(reply_parse(arena, text, &reply));
    TRY(reply_code_status((enum reply_code)reply.code));
    TRY(msg_events_answer_parse(arena, reply.body, &answer));
    take_offer(mail, arena, &answer);
    refresh_directory(mail, answer.directory_sequence);
    return take_events(mail, &answer);
}

/* ---- the thread ---- */

static void handle(struct mail *mail, struct wake *wake) {
    uint8_t *answer CLEANUP(cleanup_free) = wake->answer;
    enum status status = wake->answered ? wake->status : STATUS_OK;
    if (wake->answered && status == STATUS_OK) status = take_answer(mail, BYTES(answer, wake->answer_len));
    if (wake->reconnected || mail->behind) {
        catch_up(mail);
    } else if (wake->kicked) {
        drain(mail);
    }
    report("events", status);
    if (status != STATUS_OK) pause_a_moment(mail->box);
}

static void *run(void *arg) {
    struct mail *mail = arg;
    bool out = false;
    catch_up(mail);
    while (!is_stopping(mail->box)) {
        enum status status = out ? STATUS_OK : start_poll(mail);
        if (status != STATUS_OK) {
            report("events", status);
            pause_a_moment(mail->box);
            continue;
        }
        struct wake wake = wait_for(mail->box, mail->behind ? AGAIN_MS : QUIET_MS);
        out = !wake.answered;
        handle(mail, &wake);
    }
    return NULL;
}

enum status mail_start(struct agent *agent, struct mail **out_mail) {
    struct mail *mail = calloc(1, sizeof *mail);
    ENSURE(mail, STATUS_MEMORY);
    mail->agent = agent;
    mail->box = box_new();
    if (!mail->box || pthread_create(&mail->thread, NULL, run, mail) != 0) {
        if (mail->box) box_leave(mail->box);
        free(mail);
        return STATUS_LIMIT;
    }
    *out_mail = mail;
    return STATUS_OK;
}

void mail_stop(struct mail *mail) {
    if (!mail || mail->joined) return;
    set(mail->box, &mail->box->stopping);
    (void)pthread_join(mail->thread, NULL);
    mail->joined = true;
}

void mail_free(struct mail *mail) {
    if (!mail) return;
    box_leave(mail->box);
    free(mail);
}
