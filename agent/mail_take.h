/*
 * Taking one mailbox event: verify, change the store together with the place in the mailbox, tell the agency's systems.
 * agent/mail.c is the only user; the link thread's.
 */
#ifndef AGENT_MAIL_TAKE_H
#define AGENT_MAIL_TAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "proto/msg_events.h"

struct agent;

/* What is to be done on the link after an event was taken. */
struct mail_due {
    bool serve;  /* grants may be due: source and reader */
    bool outbox; /* something was put there */
};

/* STATUS_OK when the event is dealt with for good: taken, or refused, counted and passed over, because it does not
 * verify. Anything else: nothing changed, it comes again. */
enum status mail_take(struct agent *agent, const struct msg_mail_event *event, struct mail_due *due);

/* The sequence number of the event that was dealt with last; 0: none. */
enum status mail_take_place(struct agent *agent, uint64_t *out_sequence);

#endif
