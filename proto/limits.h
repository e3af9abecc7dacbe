/*
 * Every bound of the protocol, one line of reason each. The bounds that stand in the .proto files are the same numbers:
 * a change here is a change of the protocol (docs/protocol.md). Sizes are bytes, counts are elements.
 */
#ifndef PROTO_LIMITS_H
#define PROTO_LIMITS_H

/* ---- the link ---- */
#define LIMIT_FRAME_BYTES         2097152  /* nng's RECVMAXSZ both ways: a publication of 1 MiB with its envelope */
#define LIMIT_SIGNED_BODY_BYTES   1500000  /* the largest envelope: its body and 250 bytes of fields, rounded up */
#define LIMIT_ENVELOPE_BODY_BYTES 1400000  /* the largest message: PUBLISH with ciphertext and 64 grants */
#define LIMIT_REPLY_BODY_BYTES    2000000  /* what a frame holds, with room for the other fields of a Reply */
#define LIMIT_REPLY_TEXT_BYTES    300      /* one sentence */
#define LIMIT_RETRY_AFTER_MS      86400000 /* nobody is asked to wait longer than a day */
#define LIMIT_CLAUSE              17       /* the release rule has 17 clauses */
#define LIMIT_STAGE               2        /* 1 at the source before a grant, 2 at core for a release */
#define LIMIT_ENVELOPE_WINDOW_MS  120000   /* clocks of members and broker agree to two minutes */
#define LIMIT_IDEMPOTENCY_MS      240000   /* twice the window: no message can come back after its row is gone */

/* ---- names ---- */
#define LIMIT_FEDERATION_BYTES 253  /* a DNS name */
#define LIMIT_MEMBER_BYTES     40   /* ISO 6523: scheme and number */
#define LIMIT_UNIT_BYTES       80   /* member, a slash, 32 characters, rounded up */
#define LIMIT_UNIT_NAME_BYTES  32   /* what stands after the slash */
#define LIMIT_CODE_BYTES       40   /* codes of purposes */
#define LIMIT_OFFICIAL_BYTES   100  /* pseudonym that a case system chooses */
#define LIMIT_REASON_BYTES     300  /* one sentence */
#define LIMIT_CONTACT_BYTES    300  /* one line */
#define LIMIT_VKEY_BYTES       300  /* C2SP verifier key: DNS name, key id, 44 digits */
#define LIMIT_LANG_BYTES       35   /* RFC 5646 section 4.4.1 */
#define LIMIT_TEXT_BYTES       4000 /* a paragraph that a person is shown */
#define LIMIT_LANGUAGES        16   /* texts of one thing, one a language */

/* ---- directory ---- */
#define LIMIT_MULTI_SIGNED_BODY_BYTES 262144   /* a directory entry around its object */
#define LIMIT_MULTI_SIGNED_BYTES      270336   /* that body and 64 signatures of 102 bytes */
#define LIMIT_SIGNATURES              64       /* parties of one agreement */
#define LIMIT_DIRECTORY_OBJECT_BYTES  200000   /* a member record with 64 units in several languages */
#define LIMIT_UNITS                   64       /* of one member, or in one agreement */
#define LIMIT_SIGN_KEYS               16       /* of one member, retired ones included */
#define LIMIT_LINK_CERTS              8        /* one active, others in rotation */
#define LIMIT_ATTESTERS               16       /* members that identify people for one agreement */
#define LIMIT_PURPOSES                32       /* of a federation */
#define LIMIT_WITNESSES               32       /* outside witnesses */
#define LIMIT_AUTHORITY_KEYS          16       /* n of k of n */
#define LIMIT_DIRECTORY_HEAD_AGE_MS   86400000 /* an agent with an older head stops granting */

/* ---- fragments ---- */
#define LIMIT_KINDS                16      /* kinds in one list; 9 are defined */
#define LIMIT_CONTENT_BYTES        1048576 /* plaintext of a fragment */
#define LIMIT_CIPHERTEXT_BYTES     1200000 /* 1 MiB sealed in segments, rounded up */
#define LIMIT_CIPHERTEXT_MIN_BYTES 16      /* empty content is one tag */
#define LIMIT_CORE_BYTES           1024    /* FragmentCore: about 300 */
#define LIMIT_HEADER_BYTES         2048    /* Signed FragmentHeader */
#define LIMIT_MEDIA_TYPE_BYTES     100     /* RFC 6838 names are shorter */
#define LIMIT_GRANT_BYTES          3072    /* Signed KeyGrant with the state statement in it */
#define LIMIT_GRANTS               64      /* in one message: one page of a release */
#define LIMIT_ITEMS                64      /* fragments in one answer */
#define LIMIT_INLINE_BYTES         262144  /* ciphertext in one answer to RELEASE; the rest by FETCH */
#define LIMIT_FETCH_BYTES          524288  /* one piece of ciphertext */
#define LIMIT_CURSOR_BYTES         64      /* opaque */

/* ---- consent ---- */
#define LIMIT_REQUEST_BYTES     8192   /* Signed ConsentRequest: 32 sources of 34 bytes and the rest */
#define LIMIT_SOURCES           32     /* of one request */
#define LIMIT_TOKENS            32     /* of one decision: one for each source */
#define LIMIT_JWS_BYTES         4096   /* token, statement, registration, proof */
#define LIMIT_ATTESTATION_BYTES 2048   /* Signed Attestation */
#define LIMIT_HOW_BYTES         100    /* how the person was identified */
#define LIMIT_STATE_BYTES       1024   /* Signed StateStatement */
#define LIMIT_STATE_AGE_MS      600000 /* a source relies on a state for ten minutes */
#define LIMIT_IAT_SKEW_S        300    /* |iat - leaf time|, and nbf before iat */
#define LIMIT_EVALUATE_BATCH    64     /* one VOPRF proof covers them */
#define LIMIT_EVENTS            64     /* of one answer */
#define LIMIT_EVENT_RECEIPTS    4      /* the leaf of an event and those it relies on */
#define LIMIT_WAIT_MS           55000  /* a parked poll ends before the link's 60 s */

/* ---- log ---- */
#define LIMIT_LEAF_BYTES           256    /* a leaf has about 90 */
#define LIMIT_OPENING_BYTES        16384  /* 64 items of 135 bytes, 64 hashes, and the fields */
#define LIMIT_SEALED_OPENING_BYTES 16512  /* nonce, cipher nonce and tag besides */
#define LIMIT_RECEIPT_BYTES        65536  /* base64 of leaf and opening, 64 hashes, the checkpoint */
#define LIMIT_CHECKPOINT_BYTES     8192   /* a note with 32 cosignatures */
#define LIMIT_OLD_CHECKPOINT_BYTES 4096   /* the last note of the epoch before, in an Epoch */
#define LIMIT_PROOF_HASHES         64     /* consistency between sizes below 2^63 */
#define LIMIT_EVIDENCE             64     /* hashes in one opening */
#define LIMIT_EVIDENCE_BYTES       300000 /* the largest: a MultiSigned directory entry */

/* ---- inside the broker ---- */
#define LIMIT_PORTAL_BODY_BYTES 262144       /* JSON with 32 tokens is half of that */
#define LIMIT_METHOD_BYTES      8            /* DELETE */
#define LIMIT_URL_BYTES         1024         /* public_url and path */
#define LIMIT_PATH_ID_BYTES     64           /* text form of a hash is 43 */
#define LIMIT_NONCE_BYTES       64           /* DPoP nonce: text form of 24 */
#define LIMIT_MAX_AGE_S         31536000     /* a full tile may be kept for a year */
#define LIMIT_TILE_WIDTH        256          /* hashes in a full tile; entries in an export part */
#define LIMIT_EVIDENCE_ITEMS    16896        /* 256 leaves with a cause, 64 hashes and one more each */
#define LIMIT_SLOT_KEYS         65536        /* of one run of an audit */
#define LIMIT_SECONDS           253402300799 /* 9999-12-31: the last time that JSON and calendars can show */
#define LIMIT_TIME_MS           253402300799999

#endif
