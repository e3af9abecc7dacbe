/*
 * The shred file: one 32-byte key a slot, sealed under a key-encryption key that no backup holds. What is sealed under
 * a slot's key is gone everywhere, in freed pages and in backups too, once the slot is destroyed.
 *
 * Take care of these first:
 * - A slot is never used twice. Which slots are taken is the caller's to record; this file does not know.
 * - Slots are made and synced ahead, in chunks, with their keys in them: taking one writes nothing here.
 * - Overwriting in place reaches the medium only as far as file system and disk do so; shred_reseal under a new
 *   key-encryption key makes what they may have kept unreadable.
 * - Keys handed out before a destruction live until their holders free them.
 * - The file is local, mode 0600, and locked while it is open.
 *
 * Threads: any number may call shred_key and the getters. One thread, the destroyer, calls shred_destroy and
 * shred_grow; these run beside readers.
 */
#ifndef PROTO_SHRED_H
#define PROTO_SHRED_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "base/status.h"

/* Slots that a new file has and that each growth adds. */
#define SHRED_CHUNK_SLOTS ((uint32_t)1024)
#define SHRED_SLOTS_MAX   ((uint32_t)1 << 30)

struct shred;

/* Makes a file with one chunk, on disk when it returns. kek has 32 bytes, otherwise STATUS_MALFORMED. STATUS_CONFLICT
 * when it exists already; errors of base/file.h. */
enum status shred_create(const char *path, const char *federation, const struct secret *kek);

/* Opens and locks. kek is copied, federation too. STATUS_NOT_FOUND; STATUS_CONFLICT when it is open elsewhere;
 * STATUS_PERMISSION when group or others have any right or it is another user's; STATUS_INTEGRITY when no header is
 * intact or the file is too short; STATUS_VERSION; STATUS_FEDERATION; STATUS_PROOF for another key-encryption key. The
 * caller closes. */
enum status shred_open(const char *path, const char *federation, const struct secret *kek, struct shred **out_shred);
/* Wipes. Takes NULL. No call may be running. */
void shred_close(struct shred *shred);
CLEANUP_POINTER(struct shred, shred_close)

/* Slots 0 to count - 1 are there. Any thread. */
uint32_t shred_slot_count(const struct shred *shred);
/* How often the file was resealed, from 1. Any thread. */
uint32_t shred_generation(const struct shred *shred);

/* The key of a slot: a copy for the caller to free. STATUS_NOT_FOUND when it was destroyed; STATUS_INTEGRITY when the
 * slot is damaged or not there, for the caller's records then contradict this file. Any thread. */
enum status shred_key(struct shred *shred, uint32_t slot, struct secret **out_key);

/* Overwrites a slot in place and syncs: after STATUS_OK its key is gone for good. Also for slots that are damaged or
 * destroyed already, so that it can be repeated. After any failure it must be. STATUS_INTEGRITY for a slot that is not
 * there. Destroyer only. */
enum status shred_destroy(struct shred *shred, uint32_t slot);
/* The same for several, with one sync for all. After a failure all of them must be destroyed again. */
enum status shred_destroy_all(struct shred *shred, const uint32_t *slots, size_t count);

/* Adds a chunk of slots with fresh keys and syncs. STATUS_LIMIT at SHRED_SLOTS_MAX, STATUS_DISK_FULL with nothing
 * changed. Destroyer only. */
enum status shred_grow(struct shred *shred);

struct shred_tally {
    uint32_t live;
    uint32_t destroyed;
    uint32_t damaged;
};
/* Looks at every slot and its seal. Any thread; takes about 5 microseconds a slot. */
enum status shred_check(struct shred *shred, struct shred_tally *out_tally);

/* Offline: writes all slots anew under another key-encryption key, durably, and puts that file in place of the old one
 * at once. The caller destroys old_kek afterwards. Errors of shred_open; STATUS_INTEGRITY, with nothing changed, when a
 * slot is damaged. Memory used does not depend on the number of slots. */
enum status shred_reseal(const char *path, const char *federation, const struct secret *old_kek,
                         const struct secret *new_kek);

#endif
