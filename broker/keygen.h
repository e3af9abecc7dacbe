/*
 * Makes what a new broker needs: keyd's sealed bundle and the credentials of keyd and core.
 */
#ifndef BROKER_KEYGEN_H
#define BROKER_KEYGEN_H

#include "base/status.h"

/* Writes DIR/keyd.keys, DIR/keyd.credential, DIR/core.credential, all 0600. STATUS_CONFLICT, with nothing overwritten,
 * when one is there already. */
enum status keygen_make(const char *dir);

#endif
