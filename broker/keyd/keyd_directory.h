/*
 * keyd's own copy of the directory: a file of u32-prefixed entries in sequence, each verified before it is appended and
 * again when the file is read. The prefix is written when its entry is on disk: an entry without one (a crash while it
 * was written) was never acknowledged and is dropped.
 */
#ifndef BROKER_KEYD_KEYD_DIRECTORY_H
#define BROKER_KEYD_KEYD_DIRECTORY_H

#include "proto/directory.h"

struct keyd_directory;

/* Opens or creates and verifies all. STATUS_INTEGRITY when an entry does not verify. */
enum status keyd_directory_open(const char *path, const char *federation, const struct sign_public *authority,
                                size_t n_authority, uint32_t threshold, struct keyd_directory **out_directory);
void keyd_directory_close(struct keyd_directory *directory);

/* Verifies, appends durably, takes over. The newest entry again is fine and changes nothing. Errors of
 * directory_copy_with. */
enum status keyd_directory_add(struct keyd_directory *directory, struct bytes entry);

/* Valid until the next add. */
const struct directory *keyd_directory_get(const struct keyd_directory *directory);

#endif
