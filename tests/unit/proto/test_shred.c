#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "proto/shred.h"
#include "proto/shred_slot.h"
#include "support/alloc_fail.h"
#include "support/scratch.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

#define FEDERATION "test.example"

/* In front of the C library's, to see that what must be on disk is synced, and to let a sync fail. */
static struct {
    unsigned count;
    bool failing;
} syncs;

int fdatasync(int fd) {
    if (syncs.failing) {
        errno = EIO;
        return -1;
    }
    syncs.count++;
    return (int)syscall(SYS_fdatasync, fd);
}

/* A reader that is held up after it has read a slot, until the destroyer is through or, as it should be, waits. */
static struct {
    sem_t slot_read;
    sem_t destroyed;
} hold;
static _Thread_local bool held_here;

ssize_t pread(int fd, void *out, size_t len, off_t offset) {
    ssize_t got = (ssize_t)syscall(SYS_pread64, fd, out, len, offset);
    if (held_here) {
        struct timespec until;
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 100000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        (void)sem_post(&hold.slot_read);
        (void)sem_timedwait(&hold.destroyed, &until);
    }
    return got;
}

struct fixture {
    struct scratch scratch;
    char path[SCRATCH_PATH_MAX];
    struct secret *kek;
    struct secret *other_kek;
    struct shred *shred;
};

static int setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (!fixture) return -1;
    scratch_init(&fixture->scratch);
    scratch_path(&fixture->scratch, "shred", fixture->path);
    fixture->kek = secret_random(SHRED_KEY_BYTES);
    fixture->other_kek = secret_random(SHRED_KEY_BYTES);
    OK(shred_create(fixture->path, FEDERATION, fixture->kek));
    OK(shred_open(fixture->path, FEDERATION, fixture->kek, &fixture->shred));
    *state = fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    shred_close(fixture->shred);
    secret_free(fixture->kek);
    secret_free(fixture->other_kek);
    scratch_clear(&fixture->scratch);
    free(fixture);
    return 0;
}

static void close_file(struct fixture *fixture) {
    shred_close(fixture->shred);
    fixture->shred = NULL;
}

static void reopen(struct fixture *fixture) {
    close_file(fixture);
    OK(shred_open(fixture->path, FEDERATION, fixture->kek, &fixture->shred));
}

static enum status key_status(struct fixture *fixture, uint32_t slot) {
    struct secret *key CLEANUP(secret_free_cleanup) = NULL;
    return shred_key(fixture->shred, slot, &key);
}

static struct secret *key_of(struct fixture *fixture, uint32_t slot) {
    struct secret *key = NULL;
    OK(shred_key(fixture->shred, slot, &key));
    assert_int_equal(secret_len(key), SHRED_KEY_BYTES);
    return key;
}

static void overwrite(struct fixture *fixture, uint64_t offset, struct bytes with) {
    int fd CLEANUP(cleanup_fd) = open(fixture->path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    OK(file_pwrite_all(fd, with, offset));
}

static void read_at(struct fixture *fixture, uint64_t offset, void *out, size_t len) {
    int fd CLEANUP(cleanup_fd) = open(fixture->path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    OK(file_pread_all(fd, out, len, offset));
}

static uint64_t offset_of(uint32_t slot) { return SHRED_SLOTS_AT + (uint64_t)slot * SHRED_RECORD_BYTES; }

/* Opening. */

static void test_wrong_openings(void **state) {
    struct fixture *fixture = *state;
    struct shred *shred = NULL;
    assert_int_equal(shred_open(fixture->path, FEDERATION, fixture->kek, &shred), STATUS_CONFLICT);
    close_file(fixture);
    char absent[SCRATCH_PATH_MAX];
    scratch_path(&fixture->scratch, "absent", absent);
    struct secret *brief CLEANUP(secret_free_cleanup) = secret_random(16);
    assert_int_equal(shred_open(absent, FEDERATION, fixture->kek, &shred), STATUS_NOT_FOUND);
    assert_int_equal(shred_open(fixture->path, "other.example", fixture->kek, &shred), STATUS_FEDERATION);
    assert_int_equal(shred_open(fixture->path, FEDERATION, fixture->other_kek, &shred), STATUS_PROOF);
    assert_int_equal(shred_open(fixture->path, FEDERATION, brief, &shred), STATUS_MALFORMED);
    assert_int_equal(shred_create(fixture->path, FEDERATION, fixture->kek), STATUS_CONFLICT);
    assert_int_equal(shred_create(absent, FEDERATION, brief), STATUS_MALFORMED);
    assert_int_equal(chmod(fixture->path, 0640), 0);
    assert_int_equal(shred_open(fixture->path, FEDERATION, fixture->kek, &shred), STATUS_PERMISSION);
    assert_null(shred);
}

static void test_a_lost_header_is_not_guessed(void **state) {
    struct fixture *fixture = *state;
    close_file(fixture);
    static const uint8_t zeros[SHRED_SLOTS_AT];
    overwrite(fixture, 0, BYTES_ARRAY(zeros));
    struct shred *shred = NULL;
    assert_int_equal(shred_open(fixture->path, FEDERATION, fixture->kek, &shred), STATUS_INTEGRITY);
}

static void test_a_file_cut_short(void **state) {
    struct fixture *fixture = *state;
    close_file(fixture);
    static const off_t sizes[] = {0, 100, SHRED_SLOTS_AT - 1, SHRED_SLOTS_AT, SHRED_SLOTS_AT + 1000};
    for (size_t i = sizeof sizes / sizeof sizes[0]; i-- > 0;) {
        struct shred *shred = NULL;
        assert_int_equal(truncate(fixture->path, sizes[i]), 0);
        assert_int_equal(shred_open(fixture->path, FEDERATION, fixture->kek, &shred), STATUS_INTEGRITY);
    }
}

/* A crash in the middle of growing leaves slots without a header that counts them, or one torn header. */
static void test_growth_cut_short(void **state) {
    struct fixture *fixture = *state;
    struct secret *before CLEANUP(secret_free_cleanup) = key_of(fixture, 1000);
    OK(shred_grow(fixture->shred));
    close_file(fixture);
    /* The second header, of sequence 2, lies in block 0. */
    static const uint8_t torn[64];
    overwrite(fixture, 0, BYTES_ARRAY(torn));
    OK(shred_open(fixture->path, FEDERATION, fixture->kek, &fixture->shred));
    assert_int_equal(shred_slot_count(fixture->shred), SHRED_CHUNK_SLOTS);
    assert_int_equal(key_status(fixture, SHRED_CHUNK_SLOTS), STATUS_INTEGRITY);
    OK(shred_grow(fixture->shred));
    reopen(fixture);
    assert_int_equal(shred_slot_count(fixture->shred), 2 * SHRED_CHUNK_SLOTS);
    struct secret *after CLEANUP(secret_free_cleanup) = key_of(fixture, 1000);
    assert_true(bytes_equal(secret_bytes(before), secret_bytes(after)));
    OK(key_status(fixture, 2 * SHRED_CHUNK_SLOTS - 1));
}

/* Keys. */

static void test_keys_differ_and_last(void **state) {
    struct fixture *fixture = *state;
    struct secret *first CLEANUP(secret_free_cleanup) = key_of(fixture, 0);
    struct secret *second CLEANUP(secret_free_cleanup) = key_of(fixture, 1);
    /* Shares its place in the cache with slot 0. */
    OK(shred_grow(fixture->shred));
    struct secret *beside CLEANUP(secret_free_cleanup) = key_of(fixture, SHRED_CHUNK_SLOTS);
    struct secret *again CLEANUP(secret_free_cleanup) = key_of(fixture, 0);
    assert_false(bytes_equal(secret_bytes(first), secret_bytes(second)));
    assert_false(bytes_equal(secret_bytes(first), secret_bytes(beside)));
    assert_true(bytes_equal(secret_bytes(first), secret_bytes(again)));
    reopen(fixture);
    struct secret *later CLEANUP(secret_free_cleanup) = key_of(fixture, 0);
    assert_true(bytes_equal(secret_bytes(first), secret_bytes(later)));
}

static void test_slots_that_are_not_there(void **state) {
    struct fixture *fixture = *state;
    static const uint32_t slots[] = {SHRED_CHUNK_SLOTS, SHRED_CHUNK_SLOTS + 1, UINT32_MAX};
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
        assert_int_equal(key_status(fixture, slots[i]), STATUS_INTEGRITY);
        assert_int_equal(shred_destroy(fixture->shred, slots[i]), STATUS_INTEGRITY);
    }
}

static void test_damage_is_found(void **state) {
    struct fixture *fixture = *state;
    static const uint8_t one_byte[1] = {0};
    uint8_t record[SHRED_RECORD_BYTES];
    overwrite(fixture, offset_of(5) + 30, BYTES_ARRAY(one_byte));
    read_at(fixture, offset_of(6), record, sizeof record);
    overwrite(fixture, offset_of(7), BYTES_ARRAY(record));
    assert_int_equal(key_status(fixture, 5), STATUS_INTEGRITY);
    assert_int_equal(key_status(fixture, 7), STATUS_INTEGRITY);
    OK(key_status(fixture, 6));
    OK(shred_destroy(fixture->shred, 8));
    struct shred_tally tally;
    OK(shred_check(fixture->shred, &tally));
    assert_int_equal(tally.damaged, 2);
    assert_int_equal(tally.destroyed, 1);
    assert_int_equal(tally.live, SHRED_CHUNK_SLOTS - 3);
}

/* P9: nothing of the slot's earlier bytes is left, the cache forgets too, and it can be repeated. */
static void test_p9_destroyed_is_gone(void **state) {
    struct fixture *fixture = *state;
    uint8_t before[SHRED_RECORD_BYTES];
    uint8_t after[SHRED_RECORD_BYTES];
    OK(key_status(fixture, 3));
    read_at(fixture, offset_of(3), before, sizeof before);
    OK(shred_destroy(fixture->shred, 3));
    assert_int_equal(key_status(fixture, 3), STATUS_NOT_FOUND);
    read_at(fixture, offset_of(3), after, sizeof after);
    struct shred_slot was;
    OK(shred_slot_parse(BYTES_ARRAY(before), &was));
    assert_null(memmem(after, sizeof after, was.sealed + AEAD_NONCE_BYTES, 4));
    reopen(fixture);
    assert_int_equal(key_status(fixture, 3), STATUS_NOT_FOUND);
    OK(key_status(fixture, 2));
    OK(key_status(fixture, 4));
    OK(shred_destroy(fixture->shred, 3));
    assert_int_equal(key_status(fixture, 3), STATUS_NOT_FOUND);
}

static void test_p9_several_with_one_sync(void **state) {
    struct fixture *fixture = *state;
    const uint32_t slots[] = {2, 5, 6};
    unsigned before = syncs.count;
    OK(shred_destroy_all(fixture->shred, slots, 3));
    assert_int_equal(syncs.count, before + 1);
    for (uint32_t slot = 1; slot < 8; slot++)
        assert_int_equal(key_status(fixture, slot), slot == 2 || slot == 5 || slot == 6 ? STATUS_NOT_FOUND : STATUS_OK);
    const uint32_t beyond[] = {3, SHRED_CHUNK_SLOTS};
    assert_int_equal(shred_destroy_all(fixture->shred, beyond, 2), STATUS_INTEGRITY);
    OK(shred_destroy_all(fixture->shred, NULL, 0));
}

/* The answer comes after the sync; without it there is none, and the key is not handed out any more all the same. */
static void test_p9_destruction_is_synced(void **state) {
    struct fixture *fixture = *state;
    unsigned before = syncs.count;
    OK(shred_destroy(fixture->shred, 3));
    assert_int_equal(syncs.count, before + 1);
    syncs.failing = true;
    enum status status = shred_destroy(fixture->shred, 4);
    enum status grown = shred_grow(fixture->shred);
    syncs.failing = false;
    assert_int_equal(status, STATUS_IO);
    assert_int_equal(key_status(fixture, 4), STATUS_NOT_FOUND);
    assert_int_equal(grown, STATUS_IO);
    assert_int_equal(shred_slot_count(fixture->shred), SHRED_CHUNK_SLOTS);
    before = syncs.count;
    OK(shred_grow(fixture->shred));
    assert_int_equal(syncs.count, before + 2);
}

/* A destruction that power loss cut in half is repeated at the next start. */
static void test_p9_a_torn_slot_can_be_destroyed(void **state) {
    struct fixture *fixture = *state;
    static const uint8_t half[SHRED_RECORD_BYTES / 2];
    overwrite(fixture, offset_of(3), BYTES_ARRAY(half));
    assert_int_equal(key_status(fixture, 3), STATUS_INTEGRITY);
    OK(shred_destroy(fixture->shred, 3));
    assert_int_equal(key_status(fixture, 3), STATUS_NOT_FOUND);
}

/* Resealing. */

static void test_reseal_keeps_keys(void **state) {
    struct fixture *fixture = *state;
    OK(shred_grow(fixture->shred));
    struct secret *before CLEANUP(secret_free_cleanup) = key_of(fixture, 1500);
    OK(shred_destroy(fixture->shred, 3));
    assert_int_equal(shred_reseal(fixture->path, FEDERATION, fixture->kek, fixture->other_kek), STATUS_CONFLICT);
    close_file(fixture);
    OK(shred_reseal(fixture->path, FEDERATION, fixture->kek, fixture->other_kek));
    struct shred *old = NULL;
    assert_int_equal(shred_open(fixture->path, FEDERATION, fixture->kek, &old), STATUS_PROOF);
    OK(shred_open(fixture->path, FEDERATION, fixture->other_kek, &fixture->shred));
    assert_int_equal(shred_generation(fixture->shred), 2);
    assert_int_equal(shred_slot_count(fixture->shred), 2 * SHRED_CHUNK_SLOTS);
    struct secret *after CLEANUP(secret_free_cleanup) = key_of(fixture, 1500);
    assert_true(bytes_equal(secret_bytes(before), secret_bytes(after)));
    assert_int_equal(key_status(fixture, 3), STATUS_NOT_FOUND);
    OK(shred_grow(fixture->shred));
    OK(key_status(fixture, 2 * SHRED_CHUNK_SLOTS));
}

/* A slot from before the reseal does not count in the file after it, though its seal was good once. */
static void test_p9_an_old_slot_does_not_come_back(void **state) {
    struct fixture *fixture = *state;
    uint8_t record[SHRED_RECORD_BYTES];
    read_at(fixture, offset_of(3), record, sizeof record);
    close_file(fixture);
    OK(shred_reseal(fixture->path, FEDERATION, fixture->kek, fixture->kek));
    overwrite(fixture, offset_of(3), BYTES_ARRAY(record));
    OK(shred_open(fixture->path, FEDERATION, fixture->kek, &fixture->shred));
    assert_int_equal(key_status(fixture, 3), STATUS_INTEGRITY);
}

static void test_reseal_stops_at_damage(void **state) {
    struct fixture *fixture = *state;
    static const uint8_t one_byte[1] = {0};
    overwrite(fixture, offset_of(900) + 30, BYTES_ARRAY(one_byte));
    close_file(fixture);
    assert_int_equal(shred_reseal(fixture->path, FEDERATION, fixture->kek, fixture->other_kek), STATUS_INTEGRITY);
    assert_int_equal(shred_reseal(fixture->path, FEDERATION, fixture->other_kek, fixture->kek), STATUS_PROOF);
    char temporary[SCRATCH_PATH_MAX];
    scratch_path(&fixture->scratch, "shred.reseal", temporary);
    assert_int_equal(access(temporary, F_OK), -1);
    OK(shred_open(fixture->path, FEDERATION, fixture->kek, &fixture->shred));
    OK(key_status(fixture, 899));
}

static void test_disk_full_changes_nothing(void **state) {
    (void)state;
    struct fixture small = {0};
    if (!scratch_init_small(&small.scratch, (uint64_t)256 << 10)) {
        print_message("no right to mount: disk full is not tried\n");
        skip();
    }
    scratch_path(&small.scratch, "shred", small.path);
    small.kek = secret_random(SHRED_KEY_BYTES);
    OK(shred_create(small.path, FEDERATION, small.kek));
    OK(shred_open(small.path, FEDERATION, small.kek, &small.shred));
    assert_int_equal(shred_grow(small.shred), STATUS_DISK_FULL);
    assert_int_equal(shred_slot_count(small.shred), SHRED_CHUNK_SLOTS);
    OK(shred_destroy(small.shred, 3));
    OK(key_status(&small, 1023));
    close_file(&small);
    assert_int_equal(shred_reseal(small.path, FEDERATION, small.kek, small.kek), STATUS_DISK_FULL);
    OK(shred_open(small.path, FEDERATION, small.kek, &small.shred));
    assert_int_equal(key_status(&small, 3), STATUS_NOT_FOUND);
    shred_close(small.shred);
    secret_free(small.kek);
    scratch_clear(&small.scratch);
}

/* Each allocation fails in turn; what failed can be done again. */

static enum status do_open(struct fixture *fixture) {
    return shred_open(fixture->path, FEDERATION, fixture->kek, &fixture->shred);
}

static enum status do_key(struct fixture *fixture) { return key_status(fixture, 9); }

static enum status do_grow(struct fixture *fixture) { return shred_grow(fixture->shred); }

static void until_it_works(struct fixture *fixture, enum status (*step)(struct fixture *fixture)) {
    enum status status = STATUS_MEMORY;
    for (unsigned nth = 1; status != STATUS_OK; nth++) {
        assert_in_range(nth, 1, 4000);
        alloc_fail_at(nth);
        status = step(fixture);
        bool failed = alloc_fail_happened();
        alloc_fail_at(0);
        if (!failed) assert_int_equal(status, STATUS_OK);
        if (status != STATUS_OK) assert_int_equal(status, STATUS_MEMORY);
    }
}

static void test_allocations_fail(void **state) {
    struct fixture *fixture = *state;
    close_file(fixture);
    until_it_works(fixture, do_open);
    until_it_works(fixture, do_key);
    until_it_works(fixture, do_grow);
    assert_int_equal(shred_slot_count(fixture->shred), 2 * SHRED_CHUNK_SLOTS);
}

/* Readers beside the destroyer: a slot once seen destroyed never shows a key again, and nothing looks damaged. */

enum { READERS = 3, ROUNDS = 40 };

struct race {
    struct shred *shred;
    _Atomic uint32_t destroyed; /* slots below are gone */
    _Atomic unsigned wrong;
};

static void read_one(struct race *race, uint32_t slot) {
    struct secret *key CLEANUP(secret_free_cleanup) = NULL;
    bool gone = slot < race->destroyed;
    enum status status = shred_key(race->shred, slot, &key);
    bool fine = status == STATUS_NOT_FOUND || (status == STATUS_OK && !gone);
    if (!fine) race->wrong++;
}

static void *read_on(void *arg) {
    struct race *race = arg;
    while (race->destroyed < ROUNDS) {
        for (uint32_t slot = 0; slot < ROUNDS; slot++)
            read_one(race, slot);
    }
    return NULL;
}

static void test_p9_readers_beside_the_destroyer(void **state) {
    struct fixture *fixture = *state;
    struct race race = {.shred = fixture->shred};
    pthread_t threads[READERS];
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &race), 0);
    for (uint32_t slot = 0; slot < ROUNDS; slot++) {
        OK(shred_destroy(fixture->shred, slot));
        race.destroyed = slot + 1;
    }
    OK(shred_grow(fixture->shred));
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(race.wrong, 0);
}

static void *read_held_up(void *arg) {
    held_here = true;
    struct secret *key CLEANUP(secret_free_cleanup) = NULL;
    IGNORE(shred_key(arg, 3, &key));
    return NULL;
}

/* A key that was on its way into the cache when its slot was destroyed does not arrive there. */
static void test_p9_a_slow_reader_brings_nothing_back(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(sem_init(&hold.slot_read, 0, 0), 0);
    assert_int_equal(sem_init(&hold.destroyed, 0, 0), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_held_up, fixture->shred), 0);
    assert_int_equal(sem_wait(&hold.slot_read), 0);
    OK(shred_destroy(fixture->shred, 3));
    assert_int_equal(sem_post(&hold.destroyed), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(key_status(fixture, 3), STATUS_NOT_FOUND);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    if (secret_setup() != STATUS_OK) return 1;
    const struct CMUnitTest tests[] = {
        CASE(test_wrong_openings),
        CASE(test_a_lost_header_is_not_guessed),
        CASE(test_a_file_cut_short),
        CASE(test_growth_cut_short),
        CASE(test_slots_that_are_not_there),
        CASE(test_damage_is_found),
        CASE(test_reseal_stops_at_damage),
        CASE(test_allocations_fail),
        cmocka_unit_test(test_disk_full_changes_nothing),
        CASE(test_keys_differ_and_last),
        CASE(test_p9_destroyed_is_gone),
        CASE(test_p9_several_with_one_sync),
        CASE(test_p9_destruction_is_synced),
        CASE(test_p9_a_torn_slot_can_be_destroyed),
        CASE(test_p9_an_old_slot_does_not_come_back),
        CASE(test_p9_a_slow_reader_brings_nothing_back),
        CASE(test_p9_readers_beside_the_destroyer),
        CASE(test_reseal_keeps_keys),
    };
    return cmocka_run_group_tests_name("shred", tests, NULL, NULL);
}
