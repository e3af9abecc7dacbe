/*
 * The text that a person reads before signing, made by a published, deterministic template from the request, the
 * directory and the final claims. What is signed is its hash; core makes the text again and compares. A language that
 * is not complete is not offered.
 */
#ifndef PROTO_NOTICE_H
#define PROTO_NOTICE_H

#include "base/arena.h"
#include "proto/directory.h"
#include "proto/token.h"

/* Complete languages, e.g. "sv", "nb", "en"; NULL-ended. */
const char *const *notice_languages(void);

/* The text for a decision: what every token of it says, with all its sources in ascending order. `first` gives the
 * shared claims; only `to`, `kinds`, `purpose`, `exp_s`, `access`, `basis` are read. Same input, same bytes.
 * STATUS_UNSUPPORTED for an unknown language, STATUS_NOT_FOUND when the directory lacks a unit or a purpose text in
 * that language. */
enum status notice_make(struct arena *arena, const char *lang, const struct directory *directory,
                        const struct token *first, const char *const *sources, size_t n_sources,
                        struct bytes *out_text);

#endif
