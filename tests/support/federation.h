/*
 * A small federation with real keys, for tests: an authority (2 of 3), three members with four units, rules, one
 * agreement between all units, and the directory folded from their signed entries. Any failure fails the running test.
 */
#ifndef TESTS_SUPPORT_FEDERATION_H
#define TESTS_SUPPORT_FEDERATION_H

#include "base/arena.h"
#include "keys/seal.h"
#include "keys/sign.h"
#include "keys/voprf.h"
#include "proto/directory.h"
#include "proto/record.h"

#define FEDERATION_NAME        "test.sluss.example"
#define FEDERATION_SERVICE     "0007:2029990005" /* identifies people */
#define FEDERATION_CITY        "0007:2129990004"
#define FEDERATION_COUNTY      "0192:310999008"
#define FEDERATION_GUIDANCE    FEDERATION_SERVICE "/guidance"
#define FEDERATION_EDUCATION   FEDERATION_CITY "/adult-education"
#define FEDERATION_LABOUR      FEDERATION_CITY "/labour-market"
#define FEDERATION_CAREER      FEDERATION_COUNTY "/career"
#define FEDERATION_PURPOSE     "joint_plan"
#define FEDERATION_ENTRIES_MAX 32

enum federation_member { MEMBER_SERVICE, MEMBER_CITY, MEMBER_COUNTY, FEDERATION_MEMBERS };
enum federation_unit { UNIT_GUIDANCE, UNIT_EDUCATION, UNIT_LABOUR, UNIT_CAREER, FEDERATION_UNITS };

struct federation_unit_keys {
    const char *id;
    enum federation_member member;
    struct seal_private *seal;
};

struct federation_member_keys {
    const char *id;
    struct sign_private *sign;
    struct sign_private *witness;
    struct hash certificate; /* fingerprint of its link certificate */
    const char *witness_vkey;
};

struct federation {
    struct arena *arena;
    struct sign_private *authority[3];
    struct sign_public authority_keys[3];
    struct sign_private *log_key;
    struct sign_private *status_key;
    struct voprf_secret *pseudonym_key;
    const char *origin;
    const char *log_vkey;
    struct federation_member_keys members[FEDERATION_MEMBERS];
    struct federation_unit_keys units[FEDERATION_UNITS];
    struct id16 agreement;
    struct bytes entries[FEDERATION_ENTRIES_MAX]; /* encoded MultiSigned DirectoryEntry, in sequence */
    size_t n_entries;
    struct directory *directory;
};

/* Epoch, rules, members, agreement: entries 1 to 6, all applied. */
struct federation *federation_new(void);
void federation_free(struct federation *federation);

/* An empty directory with the pinned authority: for whoever reads the entries anew. */
struct directory *federation_empty_directory(const struct federation *federation);

/* Signs an entry of the type around the object at the current head with authority keys 0 and 1, applies it, appends it.
 * Fails the test when it is refused. Returns the encoded entry. */
struct bytes federation_admit(struct federation *federation, enum directory_type type, struct bytes object);
/* The same without applying: for entries that should be refused. signers: how many of the authority sign. */
struct bytes federation_entry(struct federation *federation, enum directory_type type, struct bytes object,
                              uint64_t sequence, struct hash previous, size_t signers);

/* Records as the fixture makes them, to be changed by a test before it signs them. */
struct member_record federation_member_record(struct federation *federation, enum federation_member member,
                                              uint64_t revision);
struct agreement federation_agreement(struct federation *federation, uint64_t revision);
struct rules federation_rules(struct federation *federation, uint64_t revision);

/* Encoded and signed by whom the protocol asks for. */
struct bytes federation_sign_member(struct federation *federation, const struct member_record *record,
                                    enum federation_member signer);
struct bytes federation_sign_agreement(struct federation *federation, const struct agreement *agreement);

/* A signed envelope of a unit. */
struct bytes federation_envelope(struct federation *federation, enum federation_unit unit, uint32_t type,
                                 struct bytes body, uint64_t time_ms, struct arena *arena);

#endif
