/*
 * A hash table of members that were ever seen: never more than the directory has, so that none is removed.
 */
#include "broker/core/mailroom.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MAILROOM_BUCKETS = 1024, MAILROOM_NOTES_MAX = 65535 };

struct mail_member {
    struct mail_member *next;
    char *name;
    uint64_t counter;
    uint64_t handled; /* up to here its events can be removed; 0: nothing new */
    bool noted;       /* mail in the batch in hand */
    bool kept;        /* mail in a batch that stands and is not signed */
    struct call *parked;
    size_t n_parked;
};

struct mailroom {
    pthread_mutex_t mutex; /* guards all below */
    struct mail_member *buckets[MAILROOM_BUCKETS];
    size_t most;
    size_t most_per_member;
    size_t parked;
    uint32_t notes;
    size_t prune_bucket; /* where mailroom_next_handled goes on */
};

struct mailroom *mailroom_new(size_t most, size_t most_per_member) {
    struct mailroom *mailroom = calloc(1, sizeof *mailroom);
    if (!mailroom) return NULL;
    mailroom->most = most;
    mailroom->most_per_member = most_per_member;
    if (pthread_mutex_init(&mailroom->mutex, NULL) != 0) {
        free(mailroom);
        return NULL;
    }
    return mailroom;
}

void mailroom_free(struct mailroom *mailroom) {
    if (!mailroom) return;
    for (size_t b = 0; b < MAILROOM_BUCKETS; b++) {
        while (mailroom->buckets[b]) {
            struct mail_member *next = mailroom->buckets[b]->next;
            free(mailroom->buckets[b]->name);
            free(mailroom->buckets[b]);
            mailroom->buckets[b] = next;
        }
    }
    (void)pthread_mutex_destroy(&mailroom->mutex);
    free(mailroom);
}

static void room_lock(struct mailroom *mailroom) {
    if (pthread_mutex_lock(&mailroom->mutex) != 0) abort();
}

static void room_unlock(struct mailroom *mailroom) {
    if (pthread_mutex_unlock(&mailroom->mutex) != 0) abort();
}

static size_t bucket_of(const char *name) {
    uint32_t sum = 2166136261u;
    for (const char *c = name; *c; c++)
        sum = (sum ^ (uint8_t)*c) * 16777619u;
    return sum % MAILROOM_BUCKETS;
}

/* The mutex is held, here and in all static functions below. NULL when memory is out. */
static struct mail_member *member_of(struct mailroom *mailroom, const char *name) {
    struct mail_member **bucket = &mailroom->buckets[bucket_of(name)];
    for (struct mail_member *member = *bucket; member; member = member->next) {
        if (strcmp(member->name, name) == 0) return member;
    }
    struct mail_member *member = calloc(1, sizeof *member);
    if (!member) return NULL;
    member->name = strdup(name);
    if (!member->name) {
        free(member);
        return NULL;
    }
    member->next = *bucket;
    *bucket = member;
    return member;
}

/* Which of a member's parked calls to take. */
typedef bool take_fn(const struct call *call, const void *arg);

/* Puts the chosen calls of a member in front of a list. */
static void take_chosen(struct mailroom *mailroom, struct mail_member *member, take_fn *chosen, const void *arg,
                        struct call **list) {
    for (struct call **at = &member->parked; *at;) {
        struct call *call = *at;
        if (!chosen(call, arg)) {
            at = &call->next;
            continue;
        }
        *at = call->next;
        call->next = *list;
        *list = call;
        member->n_parked--;
        mailroom->parked--;
    }
}

static struct call *take_everywhere(struct mailroom *mailroom, take_fn *chosen, const void *arg) {
    struct call *list = NULL;
    room_lock(mailroom);
    for (size_t b = 0; b < MAILROOM_BUCKETS && mailroom->parked; b++) {
        for (struct mail_member *member = mailroom->buckets[b]; member; member = member->next)
            take_chosen(mailroom, member, chosen, arg, &list);
    }
    room_unlock(mailroom);
    return list;
}

static bool any(const struct call *call, const void *arg) {
    (void)call;
    (void)arg;
    return true;
}

static bool is_due(const struct call *call, const void *arg) { return call->park.until_ms <= *(const uint64_t *)arg; }

static bool is_of_pipe(const struct call *call, const void *arg) { return call->pipe == *(const uint32_t *)arg; }

uint64_t mailroom_counter(struct mailroom *mailroom, const char *member) {
    room_lock(mailroom);
    const struct mail_member *found = member_of(mailroom, member);
    uint64_t counter = found ? found->counter : 0;
    room_unlock(mailroom);
    return counter;
}

static enum status park(struct mailroom *mailroom, struct mail_member *member, struct call *call) {
    ENSURE(member, STATUS_MEMORY);
    ENSURE(member->counter == call->park.counter, STATUS_RETRY);
    ENSURE(mailroom->parked < mailroom->most && member->n_parked < mailroom->most_per_member, STATUS_LIMIT);
    call->next = member->parked;
    member->parked = call;
    member->n_parked++;
    mailroom->parked++;
    return STATUS_OK;
}

enum status mailroom_park(struct mailroom *mailroom, struct call *call) {
    room_lock(mailroom);
    enum status parked = park(mailroom, member_of(mailroom, call->member), call);
    room_unlock(mailroom);
    return parked;
}

void mailroom_handled(struct mailroom *mailroom, const char *member, uint64_t sequence) {
    room_lock(mailroom);
    struct mail_member *found = member_of(mailroom, member);
    if (found && found->handled < sequence) found->handled = sequence;
    room_unlock(mailroom);
}

static struct mail_member *next_handled(struct mailroom *mailroom) {
    for (size_t i = 0; i < MAILROOM_BUCKETS; i++) {
        size_t bucket = (mailroom->prune_bucket + i) % MAILROOM_BUCKETS;
        for (struct mail_member *member = mailroom->buckets[bucket]; member; member = member->next) {
            if (member->handled == 0) continue;
            mailroom->prune_bucket = bucket + 1;
            return member;
        }
    }
    return NULL;
}

bool mailroom_next_handled(struct mailroom *mailroom, const char **out_member, uint64_t *out_sequence) {
    room_lock(mailroom);
    struct mail_member *member = next_handled(mailroom);
    if (member) {
        *out_member = member->name;
        *out_sequence = member->handled;
        member->handled = 0;
    }
    room_unlock(mailroom);
    return member != NULL;
}

static enum status note(struct mailroom *mailroom, const char *name, uint32_t *out_n) {
    struct mail_member *member = member_of(mailroom, name);
    ENSURE(member, STATUS_MEMORY);
    ENSURE(mailroom->notes < MAILROOM_NOTES_MAX, STATUS_LIMIT);
    member->noted = true;
    *out_n = mailroom->notes++;
    return STATUS_OK;
}

enum status mailroom_note(struct mailroom *mailroom, const char *member, uint32_t *out_n) {
    room_lock(mailroom);
    enum status noted = note(mailroom, member, out_n);
    room_unlock(mailroom);
    return noted;
}

/* Ends the notes of the batch in hand. */
enum notes_end { NOTES_FORGOTTEN, NOTES_KEPT };

static void end_notes(struct mailroom *mailroom, enum notes_end end) {
    room_lock(mailroom);
    for (size_t b = 0; b < MAILROOM_BUCKETS && mailroom->notes; b++) {
        for (struct mail_member *member = mailroom->buckets[b]; member; member = member->next) {
            if (end == NOTES_KEPT) member->kept = member->kept || member->noted;
            member->noted = false;
        }
    }
    mailroom->notes = 0;
    room_unlock(mailroom);
}

void mailroom_forget(struct mailroom *mailroom) { end_notes(mailroom, NOTES_FORGOTTEN); }

void mailroom_keep_notes(struct mailroom *mailroom) { end_notes(mailroom, NOTES_KEPT); }

struct call *mailroom_notify_noted(struct mailroom *mailroom) {
    struct call *list = NULL;
    mailroom_keep_notes(mailroom);
    room_lock(mailroom);
    for (size_t b = 0; b < MAILROOM_BUCKETS; b++) {
        for (struct mail_member *member = mailroom->buckets[b]; member; member = member->next) {
            if (!member->kept) continue;
            member->kept = false;
            member->counter++;
            take_chosen(mailroom, member, any, NULL, &list);
        }
    }
    room_unlock(mailroom);
    return list;
}

struct call *mailroom_notify(struct mailroom *mailroom, const char *name) {
    struct call *list = NULL;
    room_lock(mailroom);
    struct mail_member *member = member_of(mailroom, name);
    if (member) {
        member->counter++;
        take_chosen(mailroom, member, any, NULL, &list);
    }
    room_unlock(mailroom);
    return list;
}

/* Witnesses that have seen less than size, as long as some may be taken. */
struct witness_choice {
    uint64_t size;
    size_t *left;
};

static bool is_witness(const struct call *call, const void *arg) {
    const struct witness_choice *choice = arg;
    if (!call->park.witness || call->park.witnessed >= choice->size || *choice->left == 0) return false;
    (*choice->left)--;
    return true;
}

struct call *mailroom_take_witnesses(struct mailroom *mailroom, uint64_t size, size_t most) {
    size_t left = most;
    struct witness_choice choice = {.size = size, .left = &left};
    return most ? take_everywhere(mailroom, is_witness, &choice) : NULL;
}

struct call *mailroom_take_due(struct mailroom *mailroom, uint64_t now_ms) {
    return take_everywhere(mailroom, is_due, &now_ms);
}

struct call *mailroom_take_pipe(struct mailroom *mailroom, uint32_t pipe) {
    return take_everywhere(mailroom, is_of_pipe, &pipe);
}

struct call *mailroom_take_all(struct mailroom *mailroom) {
    return take_everywhere(mailroom, any, NULL);
}

size_t mailroom_parked(struct mailroom *mailroom) {
    room_lock(mailroom);
    size_t parked = mailroom->parked;
    room_unlock(mailroom);
    return parked;
}
