/*
 * Persons of a world: a random handle, a device with real keys, and what a device says to the portal. Each person has
 * one owner at a time; different persons may act at once.
 */
#ifndef TESTS_SUPPORT_LINK_WORLD_PERSON_H
#define TESTS_SUPPORT_LINK_WORLD_PERSON_H

#include "proto/internal_msg.h"
#include "proto/statement.h"
#include "support/link/world_receipt.h"

/* The same questions either as a person asks them, or past the portal's process: for many persons in short time. */
enum world_way { WORLD_BY_HTTPS, WORLD_BY_SOCKET };

struct world_person {
    enum world_way way;
    struct hash subject;
    struct sign_private *sign;
    struct seal_private *read;
    struct hash device;
    struct hash statement; /* the device's last */
    bool has_stated;
    char nonce[LIMIT_NONCE_BYTES + 1];
};

/* Keys and a handle. The caller clears. */
enum status world_person_init(struct world_person *person, enum world_way way);
void world_person_clear(struct world_person *person);

struct world_portal_ask {
    enum portal_op op;
    const char *method;
    const char *path;     /* "/v1/devices", ... */
    const char *id;       /* what stands in the path, or "" */
    const char *body;     /* JSON, or "" */
    uint32_t patience_ms; /* asks again, with a new proof, so long while there is no answer or 503 */
};

struct world_portal_answer {
    unsigned status; /* HTTP */
    struct bytes body;
};

/* With the person's DPoP proof; takes a new nonce when asked to. person NULL: without proof, over the socket.
 * STATUS_OK: there is an answer, whatever its status. */
enum status world_portal(struct world *world, struct world_person *person, const struct world_portal_ask *ask,
                         struct arena *arena, struct world_portal_answer *out_answer);

/* The n-th receipt of an answer {"receipts":[...]}, a view in the arena. STATUS_NOT_FOUND, STATUS_MALFORMED. */
enum status world_portal_receipt(struct arena *arena, const struct world_portal_answer *answer, size_t n,
                                 struct bytes *out_receipt);
/* The status that stands for an HTTP status: STATUS_OK for 2xx. */
enum status world_portal_status(unsigned http_status);

/* OPEN_ENROLMENT by unit 0, registration at the portal, ATTEST; over HTTPS the registration is awaited in the member's
 * mailbox. */
enum status world_enrol(struct world *world, struct world_notes *notes, struct world_person *person,
                        uint32_t patience_ms);

/* A statement of the device, following its last; the type's own fields are filled in by the caller. */
enum status world_statement(struct world_person *person, struct statement *statement, struct arena *arena,
                            struct bytes *out_compact);

#endif
