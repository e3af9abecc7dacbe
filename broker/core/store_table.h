/*
 * The tables of core's store: one row each, X(NAME, "name on disk", format version, growth).
 *
 * Adding a table is one line at the end: an older store gets it, empty, when it is opened. Changing what a table's
 * values look like raises its format version and takes a migration. Keys are big-endian, so that byte order is number
 * order; the first byte of every value is the version of its form.
 */
#ifndef BROKER_CORE_STORE_TABLE_H
#define BROKER_CORE_STORE_TABLE_H

#define CORE_TABLES(X)                                                                                                 \
    X(META, "meta", 1, STORE_SCATTERED)                   /* the store about itself, and what has one row only */      \
    X(DIRECTORY, "directory", 1, STORE_GROWS)             /* sequence u64 -> leaf, signed entry */                     \
    X(DEVICE, "device", 1, STORE_SCATTERED)               /* slot u64, thumbprint 32 -> device */                      \
    X(SUBJECT_INDEX, "subject_index", 1, STORE_SCATTERED) /* HMAC of the handle 16 -> slot u32 */                      \
    X(FRAGMENT, "fragment", 1, STORE_SCATTERED)           /* fragment id 16, revision u32 -> header and state */       \
    X(FRAGMENT_BY_SLOT, "fragment_by_slot", 1, STORE_SCATTERED) /* slot u64, fragment id 16 -> newest revision */      \
    X(CIPHERTEXT, "ciphertext", 1, STORE_SCATTERED)             /* fragment id 16, revision u32, piece u32 -> bytes */ \
    X(GRANT, "grant", 1, STORE_SCATTERED)         /* token, fragment, revision, recipient -> sealed grant */           \
    X(REQUEST, "request", 1, STORE_SCATTERED)     /* request -> consent request and its state */                       \
    X(CONSENT, "consent", 1, STORE_SCATTERED)     /* consent -> state, slot, tokens */                                 \
    X(TOKEN, "token", 1, STORE_SCATTERED)         /* token -> consent and sealed token */                              \
    X(INDEX, "index", 1, STORE_SCATTERED)         /* HMAC of a name 16 -> slot u32 */                                  \
    X(MAILBOX, "mailbox", 1, STORE_SCATTERED)     /* member, sequence u64 -> event */                                  \
    X(SCHEDULE, "schedule", 1, STORE_SCATTERED)   /* due u64 (ms), HMAC 16 -> what falls due */                        \
    X(LEAF, "leaf", 1, STORE_GROWS)               /* index u64 -> slot, leaf, sealed opening and cause */              \
    X(NODE, "node", 1, STORE_SCATTERED)           /* tile level u8, tile number u64 -> its hashes */                   \
    X(EVENT, "event", 1, STORE_SCATTERED)         /* event id 16 -> leaf index u64, request hash 32 */                 \
    X(EVIDENCE, "evidence", 1, STORE_SCATTERED)   /* slot u32, SHA-256 32 -> input of a decision, sealed */            \
    X(ACCESS, "access", 1, STORE_SCATTERED)       /* slot u32, leaf index u64 -> nothing more */                       \
    X(ENROLMENT, "enrolment", 1, STORE_SCATTERED) /* HMAC of an enrolment's id 16 -> who opened it */

enum store_table {
#define X(name, text, version, growth) STORE_##name,
    CORE_TABLES(X)
#undef X
        STORE_TABLE_COUNT
};

#endif
