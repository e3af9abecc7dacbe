/*
 * Between the ledger and keyd: has the committed tree signed, and holds keyd's last word against the tree.
 */
#ifndef BROKER_CORE_SIGNING_H
#define BROKER_CORE_SIGNING_H

#include "broker/core/core.h"

struct keyd_client;

/* Start-up: takes keyd's last note as the signed tree. STATUS_FORK when keyd has signed more than there is, or another
 * root; errors of keyd_client. */
enum status signing_resume(struct core *core, struct keyd_client *keyd);

/* Has the committed tree signed, if it is not. After a failure it begins with keyd's last note, for keyd may have
 * signed and not been heard. STATUS_FORK when keyd's word contradicts the tree; errors of keyd_client. Writer and
 * start-up. */
enum status signing_sign(struct core *core, struct keyd_client *keyd);

#endif
