/*
 * Secret memory: key bytes live here and nowhere else.
 *
 * Slots come from guarded, locked, non-dumpable regions (sodium_malloc) and are wiped when freed. Slots up to 64 bytes
 * share a region, so that a short-lived key costs no system call; larger ones get a region of their own. No function
 * that logs takes a struct secret. Any thread may make and free; one owner uses a secret at a time, concurrent readers
 * are fine.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/status.h"

struct secret;

/* Must be called once by main before anything else here: initialises libsodium. STATUS_CRYPTO when it fails. */
enum status secret_setup(void);

/* len zero bytes, 1 <= len <= 1 MiB; NULL when memory is out or len is out of range. */
struct secret *secret_new(size_t len);
/* A copy of bytes that were secret already elsewhere (a key file just read, a shared secret just derived). */
struct secret *secret_from(struct bytes from);
/* len bytes from the system's generator. */
struct secret *secret_random(size_t len);
/* Wipes. Takes NULL. */
void secret_free(struct secret *secret);
CLEANUP_POINTER(struct secret, secret_free)

/* For primitives only; the pointer lives as long as the secret. */
uint8_t *secret_data(struct secret *secret);
struct bytes secret_bytes(const struct secret *secret);
size_t secret_len(const struct secret *secret);

/* Wipes stack or heap memory that held secret bytes for a moment. */
void secret_wipe(void *memory, size_t len);

/* Fills memory from the system's generator: nonces, ids, salts. */
void secret_random_public(void *out, size_t len);

#endif
