/*
 * The text that a person reads before signing, made by a published, deterministic template from the request, the
 * directory and the final claims. What is signed is its hash; core makes the text again and compares. A language that
 * is not complete is not offered.
 *
 * There is one template and two ways to it: core and agents take the names from the directory that they verified
 * (notice_make), the person's client takes them from what the portal showed (notice_write) and signs exactly what it
 * printed. Any thread.
 */
#ifndef PROTO_NOTICE_H
#define PROTO_NOTICE_H

#include "base/arena.h"
#include "proto/directory.h"
#include "proto/token.h"

/* Complete languages, e.g. "sv", "nb", "en"; NULL-ended. */
const char *const *notice_languages(void);

/* A unit as the text names it. */
struct notice_party {
    const char *unit_name;
    const char *member_name;
};

/* All that the text is made from. Views only. */
struct notice_facts {
    struct notice_party to;
    const struct notice_party *from; /* in ascending order of the units' ids */
    size_t n_from;
    const char *purpose_text; /* in the language of the notice */
    const uint32_t *kinds;    /* enum kind, ascending */
    size_t n_kinds;
    uint64_t exp_s;
    enum access access;
    enum basis basis;
};

/* Which of the texts names a party: the one in the language, otherwise the one whose language code comes first. NULL
 * when there is none. */
const char *notice_name(const struct text *texts, size_t n_texts, const char *lang);

/* The text of facts. Same input, same bytes. STATUS_UNSUPPORTED for an unknown language, STATUS_INVALID for an access,
 * basis, kind or time that the template has no words for, for no kind or no source, kinds not ascending, and for a name
 * or text that is empty or not one line; STATUS_TOO_LARGE, STATUS_MEMORY. */
enum status notice_write(struct arena *arena, const char *lang, const struct notice_facts *facts,
                         struct bytes *out_text);

/* The text for a decision: what every token of it says, with all its sources in ascending order and none twice. `first`
 * gives the shared claims; only `to`, `kinds`, `purpose`, `exp_s`, `access`, `basis` are read. Errors of notice_write,
 * and STATUS_NOT_FOUND when the directory lacks a unit or a purpose text in that language. */
enum status notice_make(struct arena *arena, const char *lang, const struct directory *directory,
                        const struct token *first, const char *const *sources, size_t n_sources,
                        struct bytes *out_text);

#endif
