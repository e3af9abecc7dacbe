/*
 * What keyfile.c and keyfile_bundle.c share.
 */
#ifndef KEYS_KEYFILE_INTERNAL_H
#define KEYS_KEYFILE_INTERNAL_H

#include "keys/keyfile.h"

#define KEYFILE_KEY_BYTES 32

/* STATUS_MALFORMED unless the payload has the form of its type. */
enum status keyfile_check_payload(enum keyfile_type type, const struct secret *payload);

#endif
