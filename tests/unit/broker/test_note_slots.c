/*
 * The two slots of the last signed note. Guards P7 and P10: a write cut short at any byte leaves the note before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/secret.h"
#include "broker/keyd/note_slots.h"
#include "support/scratch.h"

#define SLOT     4096
#define OK(call) assert_int_equal((call), STATUS_OK)

struct fixture {
    struct scratch scratch;
    char path[SCRATCH_PATH_MAX];
    struct arena *arena;
};

static int setup(void **state) {
    static struct fixture fixture;
    if (secret_setup() != STATUS_OK) return -1;
    scratch_init(&fixture.scratch);
    scratch_path(&fixture.scratch, "note", fixture.path);
    fixture.arena = arena_new(1 << 20);
    *state = &fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    scratch_clear(&fixture->scratch);
    arena_free(fixture->arena);
    return 0;
}

static void write_notes(struct fixture *f, const char *const *notes, size_t count) {
    (void)unlink(f->path);
    struct note_slots slots;
    OK(note_slots_open(f->path, &slots));
    for (size_t i = 0; i < count; i++) {
        OK(note_slots_write(&slots, bytes_text(notes[i])));
    }
    cleanup_fd(&slots.fd);
}

/* The note that is read after opening anew; NULL when it cannot be opened. */
static const char *reopen(struct fixture *f, uint64_t *out_sequence) {
    struct note_slots slots;
    struct bytes note;
    const char *text = NULL;
    enum status status = note_slots_open(f->path, &slots);
    if (status == STATUS_INTEGRITY) return NULL;
    OK(status);
    OK(note_slots_read(&slots, f->arena, &note));
    OK(arena_text(f->arena, note, &text));
    *out_sequence = slots.sequence;
    cleanup_fd(&slots.fd);
    return text;
}

static void damage(struct fixture *f, off_t at) {
    int fd CLEANUP(cleanup_fd) = open(f->path, O_RDWR | O_CLOEXEC);
    uint8_t byte = 0;
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
}

static void test_refused(void **state) {
    struct fixture *f = *state;
    struct note_slots slots;
    static const char *const notes[] = {"one"};
    write_notes(f, notes, 1);
    assert_int_equal(chmod(f->path, 0640), 0);
    assert_int_equal(note_slots_open(f->path, &slots), STATUS_PERMISSION);
    assert_int_equal(chmod(f->path, 0600), 0);
    assert_int_equal(note_slots_open("/nowhere/note", &slots), STATUS_NOT_FOUND);
    char link[SCRATCH_PATH_MAX];
    scratch_path(&f->scratch, "link", link);
    assert_int_equal(symlink(f->path, link), 0);
    assert_int_not_equal(note_slots_open(link, &slots), STATUS_OK);
    OK(note_slots_open(f->path, &slots));
    static const uint8_t large[NOTE_SLOTS_NOTE_MAX + 1] = {1};
    assert_int_equal(note_slots_write(&slots, BYTES_ARRAY(large)), STATUS_TOO_LARGE);
    assert_int_equal(slots.sequence, 1);
    OK(note_slots_write(&slots, BYTES(large, NOTE_SLOTS_NOTE_MAX)));
    cleanup_fd(&slots.fd);
}

/* One slot at a time is damaged, at every place that matters: the other one counts. Both: it does not open. */
static void test_p7_damaged_slots(void **state) {
    struct fixture *f = *state;
    static const char *const notes[] = {"first", "second", "third"};
    static const off_t places[] = {0, 7, 8, 11, 12, 14, 100, SLOT - 33, SLOT - 32, SLOT - 1};
    uint64_t sequence = 0;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        write_notes(f, notes, 3);
        assert_string_equal(reopen(f, &sequence), "third");
        assert_int_equal(sequence, 3);
        damage(f, places[i]); /* the third stands in the first slot */
        assert_string_equal(reopen(f, &sequence), "second");
        assert_int_equal(sequence, 2);
        write_notes(f, notes, 3);
        damage(f, SLOT + places[i]);
        assert_string_equal(reopen(f, &sequence), "third");
        damage(f, places[i]);
        assert_null(reopen(f, &sequence));
    }
}

/* After the fall back to the older slot, the damaged one is the next to be written. */
static void test_goes_on_after_damage(void **state) {
    struct fixture *f = *state;
    static const char *const notes[] = {"first", "second", "third"};
    write_notes(f, notes, 3);
    damage(f, 20);
    struct note_slots slots;
    OK(note_slots_open(f->path, &slots));
    OK(note_slots_write(&slots, bytes_text("third again")));
    cleanup_fd(&slots.fd);
    uint64_t sequence = 0;
    assert_string_equal(reopen(f, &sequence), "third again");
    damage(f, 20);
    assert_string_equal(reopen(f, &sequence), "second");
}

/* The nth write is cut short after len bytes. */
static void cut_write(struct fixture *f, const char *const *notes, size_t nth, size_t len) {
    uint8_t content[2 * SLOT] = {0};
    write_notes(f, notes, nth);
    struct stat info;
    assert_int_equal(stat(f->path, &info), 0);
    int fd = open(f->path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(fd, content, sizeof content, 0), info.st_size);
    cleanup_fd(&fd);
    write_notes(f, notes, nth - 1);
    off_t at = (off_t)((nth - 1) % 2) * SLOT;
    fd = open(f->path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pwrite(fd, content + at, len, at), (ssize_t)len);
    cleanup_fd(&fd);
}

static void test_p10_write_cut_short(void **state) {
    struct fixture *f = *state;
    static const char *const notes[] = {"first", "second", "third"};
    static const size_t lens[] = {0, 1, 8, 12, 13, 512, 4064, 4095};
    uint64_t sequence = 0;
    for (size_t nth = 1; nth <= 3; nth++) {
        for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
            cut_write(f, notes, nth, lens[i]);
            const char *expected = nth == 1 ? "" : notes[nth - 2];
            const char *found = reopen(f, &sequence);
            if (!found || strcmp(found, expected) != 0) fail_msg("write %zu cut after %zu", nth, lens[i]);
            assert_int_equal(sequence, nth - 1);
        }
        cut_write(f, notes, nth, SLOT);
        assert_string_equal(reopen(f, &sequence), notes[nth - 1]);
    }
}

/* The file is exchanged or damaged while it is open: the older note must not pass for the last one. */
static void test_p7_changed_while_open(void **state) {
    struct fixture *f = *state;
    static const char *const notes[] = {"first", "second"};
    write_notes(f, notes, 2);
    struct note_slots slots;
    struct bytes note = BYTES("untouched", 9);
    OK(note_slots_open(f->path, &slots));
    damage(f, SLOT + 20);
    assert_int_equal(note_slots_read(&slots, f->arena, &note), STATUS_INTEGRITY);
    assert_true(bytes_equal_text(note, "untouched"));
    cleanup_fd(&slots.fd);
}

static void test_full_disk(void **state) {
    (void)state;
    struct scratch small;
    if (!scratch_init_small(&small, 16384)) skip();
    char path[SCRATCH_PATH_MAX];
    scratch_path(&small, "note", path);
    struct note_slots slots;
    OK(note_slots_open(path, &slots));
    OK(note_slots_write(&slots, bytes_text("first")));
    static uint8_t filler[16384];
    char other[SCRATCH_PATH_MAX];
    scratch_path(&small, "filler", other);
    int fd = open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    while (write(fd, filler, 4096) > 0) {
    }
    cleanup_fd(&fd);
    assert_int_equal(note_slots_write(&slots, bytes_text("second")), STATUS_DISK_FULL);
    assert_int_equal(slots.sequence, 1);
    assert_int_equal(unlink(other), 0);
    OK(note_slots_write(&slots, bytes_text("second")));
    cleanup_fd(&slots.fd);
    scratch_clear(&small);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_p7_damaged_slots),
        cmocka_unit_test(test_goes_on_after_damage),
        cmocka_unit_test(test_p10_write_cut_short),
        cmocka_unit_test(test_p7_changed_while_open),
        cmocka_unit_test(test_full_disk),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
