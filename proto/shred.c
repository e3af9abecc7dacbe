/*
 * The shred file and a small cache of opened keys. Owns the descriptor, its lock and a copy of the key-encryption key.
 *
 * Trusts the caller's record of which slots are taken, and the file only as far as checksums and seals hold.
 * Invariants: a slot below slot_count was on disk before the header that counts it; a key is in the cache only if its
 * slot was not destroyed, because both reading a slot into the cache and overwriting it happen under the slot lock.
 */
#include "proto/shred.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "proto/shred_slot.h"

enum { SHRED_CACHE_KEYS = 1024, CHUNK_BYTES = 1024 * SHRED_RECORD_BYTES };

_Static_assert(CHUNK_BYTES == SHRED_CHUNK_SLOTS * SHRED_RECORD_BYTES, "one chunk");

struct cached_key {
    uint32_t slot;
    struct secret *key; /* NULL: nothing here */
};

struct shred {
    int fd;
    char *federation;
    struct secret *kek;
    uint32_t generation;
    uint64_t sequence;           /* of the newest header; the destroyer's */
    _Atomic uint32_t slot_count; /* raised by the destroyer */
    pthread_rwlock_t slot_lock;  /* reading: a slot's bytes and their way into the cache; writing: changing them */
    pthread_mutex_t cache_mutex; /* guards cache; taken inside slot_lock */
    struct cached_key cache[SHRED_CACHE_KEYS];
};

static uint64_t slot_offset(uint32_t slot) { return SHRED_SLOTS_AT + (uint64_t)slot * SHRED_RECORD_BYTES; }

uint32_t shred_slot_count(const struct shred *shred) { return atomic_load(&shred->slot_count); }

uint32_t shred_generation(const struct shred *shred) { return shred->generation; }

/* Cache. */

static enum status cache_get(struct shred *shred, uint32_t slot, struct secret **out_key) {
    const struct cached_key *place = &shred->cache[slot % SHRED_CACHE_KEYS];
    enum status status = STATUS_NOT_FOUND;
    struct secret *copy = NULL;
    if (pthread_mutex_lock(&shred->cache_mutex) != 0) abort();
    if (place->key && place->slot == slot) {
        copy = secret_from(secret_bytes(place->key));
        status = copy ? STATUS_OK : STATUS_MEMORY;
    }
    (void)pthread_mutex_unlock(&shred->cache_mutex);
    if (status == STATUS_OK) *out_key = copy;
    return status;
}

/* Puts a key in the slot's place, or nothing when key is NULL. Takes over key. */
static void cache_set(struct shred *shred, uint32_t slot, struct secret *key) {
    struct cached_key *place = &shred->cache[slot % SHRED_CACHE_KEYS];
    if (pthread_mutex_lock(&shred->cache_mutex) != 0) abort();
    struct secret *old = place->key;
    *place = (struct cached_key){.slot = slot, .key = key};
    (void)pthread_mutex_unlock(&shred->cache_mutex);
    secret_free(old);
}

static void lock_for_reading(struct shred *shred) {
    if (pthread_rwlock_rdlock(&shred->slot_lock) != 0) abort();
}

static void lock_for_writing(struct shred *shred) {
    if (pthread_rwlock_wrlock(&shred->slot_lock) != 0) abort();
}

static void unlock(struct shred *shred) {
    if (pthread_rwlock_unlock(&shred->slot_lock) != 0) abort();
}

/* Records. */

/* A slot's record must be about itself and of this generation. */
static enum status parse_own(uint32_t slot, uint32_t generation, struct bytes record, struct shred_slot *out_slot) {
    struct shred_slot found;
    TRY(shred_slot_parse(record, &found));
    ENSURE(found.slot == slot && found.generation == generation, STATUS_INTEGRITY);
    *out_slot = found;
    return STATUS_OK;
}

/* The slot lock is held. */
static enum status key_from_file(const struct shred *shred, uint32_t slot, struct secret **out_key) {
    uint8_t record[SHRED_RECORD_BYTES];
    TRY(file_pread_all(shred->fd, record, sizeof record, slot_offset(slot)));
    struct shred_slot found;
    TRY(parse_own(slot, shred->generation, BYTES_ARRAY(record), &found));
    return shred_slot_open(shred->kek, shred->federation, &found, out_key);
}

/* From the file, leaving a copy in the cache when there is memory for one. The slot lock is held. */
static enum status key_into_cache(struct shred *shred, uint32_t slot, struct secret **out_key) {
    struct secret *key = NULL;
    TRY(key_from_file(shred, slot, &key));
    cache_set(shred, slot, secret_from(secret_bytes(key)));
    *out_key = key;
    return STATUS_OK;
}

enum status shred_key(struct shred *shred, uint32_t slot, struct secret **out_key) {
    ENSURE(slot < shred_slot_count(shred), STATUS_INTEGRITY);
    lock_for_reading(shred);
    enum status status = cache_get(shred, slot, out_key);
    if (status == STATUS_NOT_FOUND) status = key_into_cache(shred, slot, out_key);
    unlock(shred);
    return status;
}

/* Overwrites in place, unsynced. */
static enum status overwrite(struct shred *shred, uint32_t slot) {
    ENSURE(slot < shred_slot_count(shred), STATUS_INTEGRITY);
    struct shred_slot gone;
    uint8_t record[SHRED_RECORD_BYTES];
    shred_slot_destroyed(slot, shred->generation, &gone);
    shred_slot_encode(&gone, record);
    lock_for_writing(shred);
    cache_set(shred, slot, NULL);
    enum status status = file_pwrite_all(shred->fd, BYTES_ARRAY(record), slot_offset(slot));
    unlock(shred);
    return status;
}

enum status shred_destroy_all(struct shred *shred, const uint32_t *slots, size_t count) {
    for (size_t i = 0; i < count; i++)
        TRY(overwrite(shred, slots[i]));
    return count ? file_sync_data(shred->fd) : STATUS_OK;
}

enum status shred_destroy(struct shred *shred, uint32_t slot) { return shred_destroy_all(shred, &slot, 1); }

/* A slot with a fresh key, as it stands in the file. */
static enum status fresh_record(const struct secret *kek, const char *federation, uint32_t slot, uint32_t generation,
                                uint8_t out_record[static SHRED_RECORD_BYTES]) {
    struct secret *key CLEANUP(secret_free_cleanup) = secret_random(SHRED_KEY_BYTES);
    ENSURE(key, STATUS_MEMORY);
    struct shred_slot made;
    TRY(shred_slot_seal(kek, federation, slot, generation, key, &made));
    shred_slot_encode(&made, out_record);
    return STATUS_OK;
}

/* Records of a chunk that begins with slot first, into CHUNK_BYTES bytes. */
static enum status fresh_chunk(const struct secret *kek, const char *federation, uint32_t first, uint32_t generation,
                               uint8_t *out_records) {
    for (uint32_t i = 0; i < SHRED_CHUNK_SLOTS; i++)
        TRY(fresh_record(kek, federation, first + i, generation, out_records + (size_t)i * SHRED_RECORD_BYTES));
    return STATUS_OK;
}

/* The header lies in the block that its sequence number chooses, so that the newest is never overwritten. */
static uint64_t header_offset(uint64_t sequence) { return sequence % SHRED_HEADERS * SHRED_HEADER_BYTES; }

static void header_of(const struct secret *kek, const char *federation, uint32_t generation, uint64_t sequence,
                      uint32_t slot_count, uint8_t out_record[static SHRED_RECORD_BYTES]) {
    struct shred_header header = {.generation = generation,
                                  .sequence = sequence,
                                  .slot_count = slot_count,
                                  .federation = shred_federation_hash(federation)};
    shred_check_value(kek, federation, generation, header.check);
    shred_header_encode(&header, out_record);
}

static enum status grow_by(struct shred *shred, uint8_t *chunk) {
    uint32_t count = shred_slot_count(shred);
    TRY(fresh_chunk(shred->kek, shred->federation, count, shred->generation, chunk));
    TRY(file_pwrite_all(shred->fd, BYTES(chunk, CHUNK_BYTES), slot_offset(count)));
    TRY(file_sync_data(shred->fd));
    uint8_t record[SHRED_RECORD_BYTES];
    uint64_t sequence = shred->sequence + 1;
    header_of(shred->kek, shred->federation, shred->generation, sequence, count + SHRED_CHUNK_SLOTS, record);
    TRY(file_pwrite_all(shred->fd, BYTES_ARRAY(record), header_offset(sequence)));
    TRY(file_sync_data(shred->fd));
    shred->sequence = sequence;
    atomic_store(&shred->slot_count, count + SHRED_CHUNK_SLOTS);
    return STATUS_OK;
}

enum status shred_grow(struct shred *shred) {
    ENSURE(shred_slot_count(shred) <= SHRED_SLOTS_MAX - SHRED_CHUNK_SLOTS, STATUS_LIMIT);
    uint8_t *chunk CLEANUP(cleanup_free) = malloc(CHUNK_BYTES);
    ENSURE(chunk, STATUS_MEMORY);
    return grow_by(shred, chunk);
}

enum status shred_create(const char *path, const char *federation, const struct secret *kek) {
    ENSURE(secret_len(kek) == SHRED_KEY_BYTES, STATUS_MALFORMED);
    size_t size = SHRED_SLOTS_AT + CHUNK_BYTES;
    uint8_t *content CLEANUP(cleanup_free) = calloc(1, size);
    ENSURE(content, STATUS_MEMORY);
    const uint32_t generation = 1;
    const uint64_t sequence = 1;
    header_of(kek, federation, generation, sequence, SHRED_CHUNK_SLOTS, content + header_offset(sequence));
    TRY(fresh_chunk(kek, federation, 0, generation, content + SHRED_SLOTS_AT));
    return file_create(path, BYTES(content, size), 0600);
}

/* Opening. */

static enum status check_file(int fd, const char *path) {
    struct stat opened;
    struct stat named;
    ENSURE(fstat(fd, &opened) == 0, file_status(errno));
    ENSURE(S_ISREG(opened.st_mode) && (opened.st_mode & (S_IRWXG | S_IRWXO)) == 0, STATUS_PERMISSION);
    ENSURE(opened.st_uid == geteuid(), STATUS_PERMISSION);
    /* A reseal may have put another file under the name before the lock was had. */
    ENSURE(stat(path, &named) == 0, file_status(errno));
    bool same = opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
    return same ? STATUS_OK : STATUS_CONFLICT;
}

static enum status open_locked(const char *path, int *out_fd) {
    int fd CLEANUP(cleanup_fd) = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ENSURE(fd >= 0, file_status(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) return errno == EWOULDBLOCK ? STATUS_CONFLICT : file_status(errno);
    TRY(check_file(fd, path));
    *out_fd = fd;
    fd = -1;
    return STATUS_OK;
}

/* A file too short for its headers is damaged, not unreadable. */
static enum status read_header(int fd, unsigned block, struct shred_header *out_header) {
    uint8_t record[SHRED_RECORD_BYTES];
    struct stat found;
    ENSURE(fstat(fd, &found) == 0, file_status(errno));
    ENSURE((uint64_t)found.st_size >= SHRED_SLOTS_AT, STATUS_INTEGRITY);
    TRY(file_pread_all(fd, record, sizeof record, (uint64_t)block * SHRED_HEADER_BYTES));
    struct shred_header header;
    TRY(shred_header_parse(BYTES_ARRAY(record), &header));
    ENSURE((uint64_t)found.st_size >= slot_offset(header.slot_count), STATUS_INTEGRITY);
    *out_header = header;
    return STATUS_OK;
}

/* The valid header with the higher sequence. One may be damaged: a crash while it was written leaves the other. */
static enum status newest_header(int fd, struct shred_header *out_header) {
    struct shred_header header = {0};
    enum status status = STATUS_INTEGRITY;
    for (unsigned block = 0; block < SHRED_HEADERS; block++) {
        struct shred_header found = {0};
        enum status read = read_header(fd, block, &found);
        if (read != STATUS_OK && read != STATUS_INTEGRITY) return read;
        if (read != STATUS_OK) continue;
        if (status != STATUS_OK || found.sequence > header.sequence) header = found;
        status = STATUS_OK;
    }
    TRY(status);
    *out_header = header;
    return STATUS_OK;
}

static enum status check_header(const struct shred_header *header, const char *federation, const struct secret *kek) {
    struct hash name = shred_federation_hash(federation);
    ENSURE(hash_equal(&name, &header->federation), STATUS_FEDERATION);
    uint8_t check[SHRED_CHECK_BYTES];
    shred_check_value(kek, federation, header->generation, check);
    bool right = bytes_equal_ct(BYTES_ARRAY(check), BYTES_ARRAY(header->check));
    secret_wipe(check, sizeof check);
    return right ? STATUS_OK : STATUS_PROOF;
}

static enum status open_parts(struct shred *shred, const char *path, const char *federation, const struct secret *kek) {
    ENSURE(secret_len(kek) == SHRED_KEY_BYTES, STATUS_MALFORMED);
    TRY(open_locked(path, &shred->fd));
    struct shred_header header;
    TRY(newest_header(shred->fd, &header));
    TRY(check_header(&header, federation, kek));
    shred->generation = header.generation;
    shred->sequence = header.sequence;
    atomic_store(&shred->slot_count, header.slot_count);
    shred->federation = strdup(federation);
    shred->kek = secret_from(secret_bytes(kek));
    return shred->federation && shred->kek ? STATUS_OK : STATUS_MEMORY;
}

/* Writers go first: a destruction must not wait for a stream of readers to end. */
static void locks_init(struct shred *shred) {
    pthread_rwlockattr_t attributes;
    if (pthread_rwlockattr_init(&attributes) != 0) abort();
    if (pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) != 0) abort();
    if (pthread_rwlock_init(&shred->slot_lock, &attributes) != 0) abort();
    (void)pthread_rwlockattr_destroy(&attributes);
    if (pthread_mutex_init(&shred->cache_mutex, NULL) != 0) abort();
}

enum status shred_open(const char *path, const char *federation, const struct secret *kek, struct shred **out_shred) {
    struct shred *shred CLEANUP(shred_close_cleanup) = calloc(1, sizeof *shred);
    ENSURE(shred, STATUS_MEMORY);
    shred->fd = -1;
    locks_init(shred);
    TRY(open_parts(shred, path, federation, kek));
    *out_shred = MOVE(shred);
    return STATUS_OK;
}

void shred_close(struct shred *shred) {
    if (!shred) return;
    for (size_t i = 0; i < SHRED_CACHE_KEYS; i++)
        secret_free(shred->cache[i].key);
    secret_free(shred->kek);
    free(shred->federation);
    cleanup_fd(&shred->fd);
    (void)pthread_rwlock_destroy(&shred->slot_lock);
    (void)pthread_mutex_destroy(&shred->cache_mutex);
    free(shred);
}

enum status shred_check(struct shred *shred, struct shred_tally *out_tally) {
    struct shred_tally tally = {0};
    uint32_t count = shred_slot_count(shred);
    for (uint32_t slot = 0; slot < count; slot++) {
        struct secret *key CLEANUP(secret_free_cleanup) = NULL;
        lock_for_reading(shred);
        enum status status = key_from_file(shred, slot, &key);
        unlock(shred);
        if (status == STATUS_OK) {
            tally.live++;
        } else if (status == STATUS_NOT_FOUND) {
            tally.destroyed++;
        } else if (status == STATUS_INTEGRITY || status == STATUS_VERSION) {
            tally.damaged++;
        } else {
            return status;
        }
    }
    *out_tally = tally;
    return STATUS_OK;
}

/* Resealing. */

struct reseal {
    struct shred *from;
    const struct secret *kek;
    uint32_t generation;
    int to_fd;
};

static enum status reseal_slot(const struct reseal *reseal, uint32_t slot, struct bytes old,
                               uint8_t out_record[static SHRED_RECORD_BYTES]) {
    const char *federation = reseal->from->federation;
    struct shred_slot found;
    struct shred_slot made;
    TRY(parse_own(slot, reseal->from->generation, old, &found));
    if (found.state == SHRED_DESTROYED) {
        shred_slot_destroyed(slot, reseal->generation, &made);
    } else {
        struct secret *key CLEANUP(secret_free_cleanup) = NULL;
        TRY(shred_slot_open(reseal->from->kek, federation, &found, &key));
        TRY(shred_slot_seal(reseal->kek, federation, slot, reseal->generation, key, &made));
    }
    shred_slot_encode(&made, out_record);
    return STATUS_OK;
}

/* Slots from first on, at most a chunk of them. chunk has CHUNK_BYTES bytes. */
static enum status reseal_chunk(const struct reseal *reseal, uint32_t first, uint8_t *chunk) {
    uint32_t count = shred_slot_count(reseal->from) - first;
    if (count > SHRED_CHUNK_SLOTS) count = SHRED_CHUNK_SLOTS;
    size_t size = (size_t)count * SHRED_RECORD_BYTES;
    TRY(file_pread_all(reseal->from->fd, chunk, size, slot_offset(first)));
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *record = chunk + (size_t)i * SHRED_RECORD_BYTES;
        TRY(reseal_slot(reseal, first + i, BYTES(record, SHRED_RECORD_BYTES), record));
    }
    return file_pwrite_all(reseal->to_fd, BYTES(chunk, size), slot_offset(first));
}

static enum status reseal_all(const struct reseal *reseal) {
    uint8_t *chunk CLEANUP(cleanup_free) = malloc(CHUNK_BYTES);
    ENSURE(chunk, STATUS_MEMORY);
    uint32_t count = shred_slot_count(reseal->from);
    for (uint32_t first = 0; first < count; first += SHRED_CHUNK_SLOTS)
        TRY(reseal_chunk(reseal, first, chunk));
    uint8_t record[SHRED_RECORD_BYTES];
    uint64_t sequence = reseal->from->sequence + 1;
    header_of(reseal->kek, reseal->from->federation, reseal->generation, sequence, count, record);
    TRY(file_pwrite_all(reseal->to_fd, BYTES_ARRAY(record), header_offset(sequence)));
    return file_sync_data(reseal->to_fd);
}

/* A file left by a reseal that a crash cut short goes first. */
static enum status reseal_into(struct shred *from, const struct secret *new_kek, const char *path) {
    ENSURE(unlink(path) == 0 || errno == ENOENT, file_status(errno));
    int fd CLEANUP(cleanup_fd) = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    ENSURE(fd >= 0, file_status(errno));
    ENSURE(fchmod(fd, 0600) == 0, file_status(errno));
    return reseal_all(&(struct reseal){.from = from, .kek = new_kek, .generation = from->generation + 1, .to_fd = fd});
}

enum status shred_reseal(const char *path, const char *federation, const struct secret *old_kek,
                         const struct secret *new_kek) {
    ENSURE(secret_len(new_kek) == SHRED_KEY_BYTES, STATUS_MALFORMED);
    struct shred *from CLEANUP(shred_close_cleanup) = NULL;
    TRY(shred_open(path, federation, old_kek, &from));
    char temporary[PATH_MAX];
    int len = snprintf(temporary, sizeof temporary, "%s.reseal", path);
    ENSURE(len > 0 && len < PATH_MAX, STATUS_TOO_LARGE);
    enum status status = reseal_into(from, new_kek, temporary);
    if (status != STATUS_OK) {
        (void)unlink(temporary);
        return status;
    }
    return file_rename(temporary, path);
}
