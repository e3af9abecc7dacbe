/*
 * The link thread: keeps one poll for mailbox events parked at core, takes what comes, cosigns what is offered, keeps
 * the directory, drains the outbox, and makes the grants that are due; all of it anew after each reconnect.
 */
#ifndef AGENT_MAIL_H
#define AGENT_MAIL_H

#include "base/status.h"

struct agent;
struct mail;

/* Starts the thread. STATUS_MEMORY, STATUS_LIMIT. */
enum status mail_start(struct agent *agent, struct mail **out_mail);
/* Ends it and waits for it. Fine when it has ended, and for NULL. */
void mail_stop(struct mail *mail);
/* After mail_stop. Takes NULL. */
void mail_free(struct mail *mail);

/* Something was put into the outbox. Any thread; does not block. */
void mail_kick(struct mail *mail);
/* The connection stands anew: everything that may be due is looked for again. Any thread; does not block. */
void mail_reconnected(struct mail *mail);

#endif
