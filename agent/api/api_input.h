/*
 * Reading the members of a JSON body. Every getter notes what is wrong with a pointer (RFC 6901) and goes on, so that
 * one answer names all faults; api_input_end says whether there were any. A fault never repeats a value. Pure; one
 * owner.
 */
#ifndef AGENT_API_API_INPUT_H
#define AGENT_API_API_INPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/http_reply.h"
#include "keys/hash.h"
#include "proto/ids.h"
#include "proto/limits.h"

#define API_FAULTS_MAX 16

struct api_faults {
    struct http_fault items[API_FAULTS_MAX];
    size_t count;
};

enum api_need { API_OPTIONAL, API_REQUIRED };

struct api_input {
    const json_t *object;
    struct arena *arena;
    struct api_faults *faults;
};

/* Notes a fault; text completes "this member ...". Beyond the bound the rest is left out. */
void api_input_fault(struct api_input *input, const char *pointer, const char *text);

/* Every member of the object is in the NULL-ended list. */
void api_input_only(struct api_input *input, const char *const *names);

/* Text of 1 to max_bytes without control characters; NULL when absent or wrong. */
const char *api_input_text(struct api_input *input, const char *name, enum api_need need, size_t max_bytes);
bool api_input_bool(struct api_input *input, const char *name);
/* An object; NULL when absent or wrong. */
const json_t *api_input_object(struct api_input *input, const char *name, enum api_need need);
/* True when there is one. */
bool api_input_id(struct api_input *input, const char *name, enum api_need need, struct id16 *out_id);
/* RFC 3339, as milliseconds; 0 when absent or wrong. */
uint64_t api_input_time(struct api_input *input, const char *name, enum api_need need);
/* ISO 8601, as seconds; 0 when absent or wrong. */
uint64_t api_input_duration(struct api_input *input, const char *name, enum api_need need);
/* The number of one of the names, from 1; 0 when absent or wrong. names[0] belongs to 1; ended by NULL. */
uint32_t api_input_choice(struct api_input *input, const char *name, enum api_need need, const char *const *names);

/* Distinct kinds, ascending by number. */
struct api_kinds {
    uint32_t items[LIMIT_KINDS];
    size_t count;
};
void api_input_kinds(struct api_input *input, const char *name, struct api_kinds *out_kinds);
/* The number of a kind; 0 when wrong. */
uint32_t api_input_kind(struct api_input *input, const char *name);

/* Distinct units, ascending. */
struct api_units {
    const char *items[LIMIT_SOURCES];
    size_t count;
};
void api_input_units(struct api_input *input, const char *name, enum api_need need, struct api_units *out_units);

/* Whom it is about: a handle, or a national identity number, which is personal data and is not checked here. */
struct api_person {
    bool has_subject;
    struct hash subject;
    const char *national_id; /* NULL when has_subject */
};
/* Exactly one of the members "subject" and "national_id". */
void api_input_person(struct api_input *input, struct api_person *out_person);
const char *api_input_national_id(struct api_input *input);

/* STATUS_INVALID when there was a fault. */
enum status api_input_end(const struct api_input *input);

#endif
