/*
 * A consent request as the portal shows it to a person, what the person chose of it, the notice that says so, and the
 * tokens that are signed. Pure; everything lies in the arena.
 */
#ifndef AGENT_CLI_DEVICE_REQUEST_H
#define AGENT_CLI_DEVICE_REQUEST_H

#include <jansson.h>

#include "base/arena.h"
#include "proto/limits.h"
#include "proto/notice.h"
#include "proto/token.h"

struct device_texts {
    const struct text *items;
    size_t count;
};

struct device_source {
    const char *unit;
    struct device_texts names;
    struct device_texts member_names;
};

struct device_request {
    struct id16 id;
    struct hash request; /* SHA-256 of the Signed ConsentRequest */
    struct hash subject;
    const char *recipient;
    struct device_texts recipient_names;
    struct device_texts member_names;
    const char *purpose;
    struct device_texts purpose_texts;
    uint32_t kinds[LIMIT_KINDS]; /* ascending */
    size_t n_kinds;
    uint64_t duration_s;
    enum access access;
    enum basis basis;
    struct device_source *sources; /* ascending by unit */
    size_t n_sources;
};

/* An element of the portal's {"requests":[...]}. STATUS_MALFORMED when something is missing or of another form,
 * STATUS_TOO_LARGE, STATUS_MEMORY. */
enum status device_request_parse(struct arena *arena, const json_t *from, struct device_request *out);

/* What the person chose. Zeroes choose all that was asked. */
struct device_choice {
    const char *lang;
    const char *const *without; /* names of kinds */
    size_t n_without;
    const char *const *from; /* units */
    size_t n_from;
    uint64_t duration_s; /* 0: as asked */
    bool once;
};

/* Narrows the request in place. STATUS_NOT_FOUND for a kind or source that was not asked for, STATUS_INVALID when
 * nothing is left or the time would be longer than asked. */
enum status device_request_narrow(struct device_request *request, const struct device_choice *choice);

/* The text for what the (narrowed) request now says, valid until exp_s. Errors of notice_write; STATUS_NOT_FOUND when
 * the portal gave no name of a unit or no purpose in that language. */
enum status device_request_notice(struct arena *arena, const struct device_request *request, const char *lang,
                                  uint64_t exp_s, struct bytes *out_notice);

/* One token for each source, all of one decision. out_tokens has n_sources elements. */
struct device_signing {
    const char *federation;
    const struct sign_private *key;
    const char *lang;
    struct bytes notice;
    uint64_t now_s;
    struct id16 consent;
    struct id16 code; /* of revocation */
};
enum status device_request_tokens(struct arena *arena, const struct device_request *request,
                                  const struct device_signing *signing, struct bytes *out_tokens);

#endif
