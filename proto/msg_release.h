/*
 * Messages about release: RELEASE, FETCH, and the grants that a source uploads before (UPLOAD_GRANTS), with their
 * answers.
 */
#ifndef PROTO_MSG_RELEASE_H
#define PROTO_MSG_RELEASE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "proto/codec.h"
#include "proto/ids.h"

struct msg_release {
    struct id16 token;
    const char *purpose;
    const uint32_t *kinds; /* enum kind, ascending */
    size_t n_kinds;
    struct bytes fragment; /* 16 bytes: only this one; or empty: all */
    struct bytes cursor;   /* from the answer before, or empty */
    uint32_t most;         /* items */
};

struct msg_released_item {
    struct bytes header;     /* Signed FragmentHeader */
    struct bytes grant;      /* Signed KeyGrant; empty for access once */
    struct bytes ciphertext; /* empty when not inline */
};

/* Also the body of a refusal: the receipt of the REFUSED leaf and no item. */
struct msg_released {
    struct bytes receipt;
    const struct msg_released_item *items;
    size_t n_items;
    struct bytes cursor; /* empty: nothing more */
};

struct msg_fetch {
    struct id16 event; /* a RELEASED event of the sender's */
    struct id16 fragment;
    uint64_t offset;
    uint32_t length;
};

struct msg_fetched {
    struct bytes ciphertext;
    struct bytes grant; /* with offset 0 */
};

struct msg_upload_grants {
    const struct bytes *grants; /* Signed KeyGrant each, all for one token or one device */
    size_t n_grants;
};

struct msg_uploaded_grants {
    struct bytes receipt;    /* empty when no grant was kept */
    const uint32_t *clauses; /* for each grant: 0 kept, else why it was discarded */
    size_t n_clauses;
};

CODEC_DECLARE(msg_release, msg_release)
CODEC_DECLARE(msg_released, msg_released)
CODEC_DECLARE(msg_fetch, msg_fetch)
CODEC_DECLARE(msg_fetched, msg_fetched)
CODEC_DECLARE(msg_upload_grants, msg_upload_grants)
CODEC_DECLARE(msg_uploaded_grants, msg_uploaded_grants)

#endif
