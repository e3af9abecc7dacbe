/*
 * Rows of 64 bytes, one a member: 40 bytes of member id, then for two days u32 day and u32 count, today's and the day
 * before. A row is written whole.
 */
#include "broker/keyd/keyd_counts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file.h"

#define ROW_BYTES    64
#define MEMBER_BYTES 40
#define DAYS         2

struct day_count {
    uint32_t day;
    uint32_t count;
};

struct row {
    char member[MEMBER_BYTES + 1];
    struct day_count days[DAYS];
};

struct keyd_counts {
    int fd;
    size_t n_rows;
    struct row rows[KEYD_COUNTS_MEMBERS_MAX];
};

static enum status read_row(int fd, size_t at, struct row *out_row) {
    uint8_t bytes[ROW_BYTES];
    TRY(file_pread_all(fd, bytes, sizeof bytes, at * ROW_BYTES));
    struct reader reader = reader_init(BYTES_ARRAY(bytes));
    reader_copy(&reader, out_row->member, MEMBER_BYTES);
    out_row->member[MEMBER_BYTES] = '\0';
    for (size_t i = 0; i < DAYS; i++) {
        out_row->days[i].day = reader_u32(&reader);
        out_row->days[i].count = reader_u32(&reader);
    }
    return reader.status;
}

static enum status write_row(const struct keyd_counts *counts, size_t at, const struct row *row) {
    uint8_t bytes[ROW_BYTES] = {0};
    struct writer writer = writer_init(bytes, sizeof bytes);
    writer_put(&writer, BYTES(row->member, MEMBER_BYTES));
    for (size_t i = 0; i < DAYS; i++) {
        writer_u32(&writer, row->days[i].day);
        writer_u32(&writer, row->days[i].count);
    }
    TRY(writer.status);
    TRY(file_pwrite_all(counts->fd, BYTES_ARRAY(bytes), at * ROW_BYTES));
    return file_sync_data(counts->fd);
}

static enum status read_all(struct keyd_counts *counts) {
    struct stat info;
    ENSURE(fstat(counts->fd, &info) == 0, STATUS_IO);
    ENSURE((info.st_mode & 077) == 0, STATUS_PERMISSION);
    uint64_t size = (uint64_t)info.st_size;
    ENSURE(size / ROW_BYTES <= KEYD_COUNTS_MEMBERS_MAX, STATUS_INTEGRITY);
    counts->n_rows = (size_t)(size / ROW_BYTES);
    for (size_t i = 0; i < counts->n_rows; i++) {
        TRY(read_row(counts->fd, i, &counts->rows[i]));
    }
    return STATUS_OK;
}

enum status keyd_counts_open(const char *path, struct keyd_counts **out_counts) {
    struct keyd_counts *counts = calloc(1, sizeof *counts);
    ENSURE(counts, STATUS_MEMORY);
    counts->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    enum status status = counts->fd < 0 ? file_status(errno) : read_all(counts);
    if (status != STATUS_OK) {
        keyd_counts_close(counts);
        return status;
    }
    *out_counts = counts;
    return STATUS_OK;
}

void keyd_counts_close(struct keyd_counts *counts) {
    if (!counts) return;
    cleanup_fd(&counts->fd);
    free(counts);
}

static struct day_count *find_day(struct row *row, uint32_t day) {
    for (size_t i = 0; i < DAYS; i++) {
        if (row->days[i].day == day) return &row->days[i];
    }
    struct day_count *oldest = row->days[0].day <= row->days[1].day ? &row->days[0] : &row->days[1];
    *oldest = (struct day_count){.day = day};
    return oldest;
}

enum status keyd_counts_add(struct keyd_counts *counts, const char *member, uint32_t day, uint32_t by, uint32_t most) {
    ENSURE(strlen(member) <= MEMBER_BYTES, STATUS_MALFORMED);
    size_t at = 0;
    while (at < counts->n_rows && strcmp(counts->rows[at].member, member) != 0) {
        at++;
    }
    ENSURE(at < KEYD_COUNTS_MEMBERS_MAX, STATUS_LIMIT);
    struct row row = counts->rows[at];
    if (at == counts->n_rows) (void)strncpy(row.member, member, MEMBER_BYTES);
    struct day_count *today = find_day(&row, day);
    ENSURE(by <= most && today->count <= most - by, STATUS_LIMIT);
    today->count += by;
    TRY(write_row(counts, at, &row));
    counts->rows[at] = row;
    if (at == counts->n_rows) counts->n_rows++;
    return STATUS_OK;
}

uint64_t keyd_counts_total(const struct keyd_counts *counts, uint32_t day) {
    uint64_t total = 0;
    for (size_t i = 0; i < counts->n_rows; i++) {
        for (size_t k = 0; k < DAYS; k++) {
            if (counts->rows[i].days[k].day == day) total += counts->rows[i].days[k].count;
        }
    }
    return total;
}
