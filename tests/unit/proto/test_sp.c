/* nng's framing: refusals first, then that a stream cut anywhere is followed alike. Guards P11. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/sp.h"

struct head_case {
    const char *name;
    uint8_t head[10];
    size_t len;
    enum status expected;
};

enum { MAX = 0x20000 };

static const struct head_case heads[] = {
    {"empty", {0}, 0, STATUS_MALFORMED},
    {"one byte short", {1}, 8, STATUS_MALFORMED},
    {"one byte more", {1}, 10, STATUS_MALFORMED},
    {"type 0", {0}, 9, STATUS_MALFORMED},
    {"type 2", {2}, 9, STATUS_MALFORMED},
    {"one above the limit", {1, 0, 0, 0, 0, 0, 2, 0, 1}, 9, STATUS_TOO_LARGE},
    {"2^64 - 1", {1, 255, 255, 255, 255, 255, 255, 255, 255}, 9, STATUS_TOO_LARGE},
    {"2^32", {1, 0, 0, 0, 1, 0, 0, 0, 0}, 9, STATUS_TOO_LARGE},
    {"the limit", {1, 0, 0, 0, 0, 0, 2, 0, 0}, 9, STATUS_OK},
    {"no payload", {1}, 9, STATUS_OK},
};

static void test_heads(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        size_t payload = 77;
        if (sp_head_parse(BYTES(heads[i].head, heads[i].len), MAX, &payload) != heads[i].expected) {
            fail_msg("case '%s'", heads[i].name);
        }
        if (heads[i].expected != STATUS_OK) assert_int_equal(payload, 77);
    }
    uint8_t head[SP_HEAD_BYTES];
    size_t payload = 0;
    sp_head_encode(0x10203, head);
    assert_int_equal(sp_head_parse(BYTES_ARRAY(head), MAX, &payload), STATUS_OK);
    assert_int_equal(payload, 0x10203);
}

static void test_header(void **state) {
    (void)state;
    uint8_t header[SP_HEADER_BYTES];
    const uint8_t req[] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
    sp_header_encode(SP_PROTOCOL_REQ, header);
    assert_memory_equal(header, req, sizeof req);
    assert_int_equal(sp_header_check(BYTES_ARRAY(header), SP_PROTOCOL_REQ), STATUS_OK);
    assert_int_equal(sp_header_check(BYTES_ARRAY(header), SP_PROTOCOL_REP), STATUS_MALFORMED);
    assert_int_equal(sp_header_check(BYTES(header, 7), SP_PROTOCOL_REQ), STATUS_MALFORMED);
    for (size_t i = 0; i < sizeof header; i++) {
        header[i] ^= 1;
        assert_int_equal(sp_header_check(BYTES_ARRAY(header), SP_PROTOCOL_REQ), STATUS_MALFORMED);
        header[i] ^= 1;
    }
}

/* Feeds a stream in pieces of at most `piece` bytes, as a splicer would. Returns the number of whole frames. */
static uint64_t follow(struct bytes stream, size_t piece) {
    struct sp_scan scan = sp_scan_init(SP_PROTOCOL_REQ, MAX);
    size_t at = 0;
    size_t known = 0;
    while (at < stream.len) {
        size_t need = sp_scan_need(&scan);
        size_t waiting = known - at;
        if (waiting == 0 || waiting < need) {
            known = known + piece < stream.len ? known + piece : stream.len;
            continue;
        }
        if (need > 0) {
            size_t unit = 0;
            assert_int_equal(sp_scan_peek(&scan, BYTES(stream.data + at, need), &unit), STATUS_OK);
            sp_scan_enter(&scan, unit);
        }
        size_t count = waiting < scan.left_bytes ? waiting : scan.left_bytes;
        bool done = sp_scan_pass(&scan, count);
        assert_int_equal(done, scan.left_bytes == 0);
        at += count;
    }
    return scan.frame_count;
}

static void test_cut_anywhere(void **state) {
    (void)state;
    uint8_t stream[200] = {0};
    struct writer writer = writer_init(stream, sizeof stream);
    uint8_t header[SP_HEADER_BYTES];
    sp_header_encode(SP_PROTOCOL_REQ, header);
    writer_put(&writer, BYTES_ARRAY(header));
    const size_t payloads[] = {0, 1, 9, 60};
    const uint8_t zeros[60] = {0};
    for (size_t i = 0; i < 4; i++) {
        uint8_t head[SP_HEAD_BYTES];
        sp_head_encode(payloads[i], head);
        writer_put(&writer, BYTES_ARRAY(head));
        writer_put(&writer, BYTES(zeros, payloads[i]));
    }
    struct bytes written = BYTES_EMPTY;
    assert_int_equal(writer_end(&writer, &written), STATUS_OK);
    for (size_t piece = 1; piece <= written.len; piece++) {
        assert_int_equal(follow(written, piece), 4);
    }
}

static void test_scan_refuses(void **state) {
    (void)state;
    struct sp_scan scan = sp_scan_init(SP_PROTOCOL_REQ, MAX);
    const uint8_t rep[] = {0, 'S', 'P', 0, 0, 0x31, 0, 0};
    const uint8_t large[] = {1, 0, 0, 0, 0, 0, 2, 0, 1};
    size_t unit = 77;
    assert_int_equal(sp_scan_need(&scan), SP_HEADER_BYTES);
    assert_int_equal(sp_scan_peek(&scan, BYTES_ARRAY(rep), &unit), STATUS_MALFORMED);
    scan = sp_scan_init_frames(MAX);
    assert_int_equal(sp_scan_need(&scan), SP_HEAD_BYTES);
    assert_int_equal(sp_scan_peek(&scan, BYTES_ARRAY(large), &unit), STATUS_TOO_LARGE);
    assert_int_equal(unit, 77);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_scan_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
