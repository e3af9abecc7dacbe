/*
 * The verified directory: members, agreements and rules, folded from signed entries in sequence. docs/protocol.md
 * section 12. The same code runs in core, keyd's checks, agents, the person's client and replay, so that none of them
 * believes another.
 *
 * A directory is built by one owner and immutable once shared: directory_copy_with() makes the next version, readers
 * keep the one they hold (directory_ref/unref; any thread).
 */
#ifndef PROTO_DIRECTORY_H
#define PROTO_DIRECTORY_H

#include "base/arena.h"
#include "keys/hash.h"
#include "keys/seal.h"
#include "keys/sign.h"
#include "proto/record.h"

struct directory;

/* The empty directory. authority: pinned keys (copied); threshold k of them must sign. NULL when memory is out. */
struct directory *directory_new(const char *federation, const struct sign_public *authority, size_t n_authority,
                                uint32_t threshold);
struct directory *directory_ref(struct directory *directory);
void directory_unref(struct directory *directory);
CLEANUP_POINTER(struct directory, directory_unref)

/* A new directory with one entry more. Verifies sequence, previous, the authority's signatures, the inner object's
 * signatures and its fit to what stands (revision one more, parties admitted, ...). `entry` is the encoded MultiSigned
 * DirectoryEntry (copied). STATUS_SIGNATURE, STATUS_CONFLICT (sequence or previous), STATUS_INVALID, STATUS_MALFORMED,
 * STATUS_FEDERATION. The old directory stays as it was. */
enum status directory_copy_with(const struct directory *directory, struct bytes entry, struct directory **out_next);

/* The directory as it was with this sequence number, 0 for the empty one: what stood when something was signed. Lives
 * as long as the directory given. NULL when it is newer than that. */
const struct directory *directory_at(const struct directory *directory, uint64_t sequence);

const char *directory_federation(const struct directory *directory);
uint64_t directory_sequence(const struct directory *directory);
/* SHA-256 of the newest entry's body; zeros when empty. */
struct hash directory_head(const struct directory *directory);
/* Type and object of the newest entry, for whoever turns it into a leaf. NULL when empty. */
const struct directory_entry *directory_newest(const struct directory *directory);

/* NULL when unknown. Removed members are not found. Results live as long as the directory. */
const struct epoch *directory_epoch(const struct directory *directory);
const struct rules *directory_rules(const struct directory *directory);
const struct member_record *directory_member(const struct directory *directory, const char *member);
/* The member of a unit, and the unit. NULL when either is unknown. */
const struct unit *directory_unit(const struct directory *directory, const char *unit,
                                  const struct member_record **out_member);
const struct member_record *directory_member_by_cert(const struct directory *directory, const uint8_t fingerprint[32]);
size_t directory_member_count(const struct directory *directory);
const struct member_record *directory_member_at(const struct directory *directory, size_t i);
size_t directory_agreement_count(const struct directory *directory);
const struct agreement *directory_agreement_at(const struct directory *directory, size_t i);

/* The key of a member with this key id, active in this directory. STATUS_NOT_FOUND, STATUS_DENIED (retired, revoked).
 */
enum status directory_sign_key(const struct directory *directory, const char *member, const uint8_t key_id[32],
                               struct sign_public *out_key);
/* The same without knowing whose: out_member lives as long as the directory. */
enum status directory_find_key(const struct directory *directory, const struct hash *key_id,
                               struct sign_public *out_key, const char **out_member);
/* The unit's sealing key and its key id. */
enum status directory_seal_key(const struct directory *directory, const char *unit, struct seal_public *out_key,
                               struct hash *out_key_id);

struct directory_ask {
    const char *to;   /* unit */
    const char *from; /* unit */
    const char *purpose;
    const uint32_t *kinds;
    size_t n_kinds;
    uint64_t duration_s;
    const char *attester; /* member, or NULL: not asked */
    uint64_t at_ms;
};

/* An agreement in force that covers all of it, attester included (never the recipient's own member unless it says so).
 * NULL when there is none. */
const struct agreement *directory_covering(const struct directory *directory, const struct directory_ask *ask);

/* Whether a source accepts this member's attestations for a person's own reading: itself, or named for self_read by an
 * agreement in force that the source's unit is party to. */
bool directory_accepts_self_read(const struct directory *directory, const char *source_unit, const char *attester,
                                 uint64_t at_ms);

/* The text in the language; NULL when there is none. */
const char *directory_text(const struct text *texts, size_t n_texts, const char *lang);
const struct purpose *directory_purpose(const struct directory *directory, const char *code);

#endif
