/* http_parse, http_route: what is accepted of a request's head, and which route it takes (P11). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/http_parse.h"
#include "base/http_route.h"

static struct arena *arena;

static int set_up(void **state) {
    (void)state;
    arena = arena_new(1 << 20);
    return arena ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

#define GET11 "GET / HTTP/1.1\r\nHost: a\r\n"

static void refused_heads(void **state) {
    (void)state;
    static const struct {
        const char *name;
        const char *text;
        int code;
    } cases[] = {
        {"empty line only", "\r\n", 400},
        {"empty line first", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"unknown method", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        {"method in lower case", "get / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        {"method no token", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"no version", "GET /\r\nHost: a\r\n\r\n", 400},
        {"HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
        {"version with tail", "GET / HTTP/1.1 x\r\nHost: a\r\n\r\n", 400},
        {"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"tab for a space", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"absolute target", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"fragment", "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"8-bit target", "GET /\xc3\xa5 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"half a percent sequence", "GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"bad percent sequence", "GET /%g0 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"encoded NUL", "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"encoded newline", "GET /a?b=%0a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"overlong UTF-8", "GET /%c0%af HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"encoded slash", "GET /a%2fb HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"dot segment", "GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"encoded dot segment", "GET /a/%2e%2E/b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"too many segments", "GET /1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g/h HTTP/1.1\r\n\r\n",
         414},
        {"parameter twice", "GET /?a=1&a=2 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"parameter twice, once encoded", "GET /?a=1&%61=2 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
        {"Host twice", GET11 "Host: b\r\n\r\n", 400},
        {"no colon", GET11 "abc\r\n\r\n", 400},
        {"empty name", GET11 ": x\r\n\r\n", 400},
        {"space before the colon", GET11 "Content-Length : 5\r\n\r\n", 400},
        {"folded field", GET11 "A: b\r\n c\r\n\r\n", 400},
        {"folded by tab", GET11 "A: b\r\n\tc\r\n\r\n", 400},
        {"folded first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
        {"bare CR in a value", GET11 "A: b\rc\r\n\r\n", 400},
        {"8-bit value", GET11 "A: \xff\r\n\r\n", 400},
        {"control character", GET11 "A: \x01\r\n\r\n", 400},
        {"Content-Length twice", GET11 "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400},
        {"Content-Length twice, differing", GET11 "Content-Length: 5\r\ncontent-length: 6\r\n\r\n", 400},
        {"Content-Length list", GET11 "Content-Length: 5, 5\r\n\r\n", 400},
        {"Content-Length signed", GET11 "Content-Length: +5\r\n\r\n", 400},
        {"Content-Length negative", GET11 "Content-Length: -1\r\n\r\n", 400},
        {"Content-Length hex", GET11 "Content-Length: 0x5\r\n\r\n", 400},
        {"Content-Length empty", GET11 "Content-Length:\r\n\r\n", 400},
        {"Content-Length beyond 64 bits", GET11 "Content-Length: 18446744073709551616\r\n\r\n", 400},
        {"length and coding", GET11 "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"zero length and coding", GET11 "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", 400},
        {"coding twice", GET11 "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"coding list", GET11 "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
        {"coding identity", GET11 "Transfer-Encoding: identity\r\n\r\n", 501},
        {"coding disguised",
         GET11 "Transfer-Encoding: \x0b"
               "chunked\r\n\r\n",
         400},
        {"coding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"unknown expectation", GET11 "Expect: tea\r\n\r\n", 417},
        {"Authorization twice", GET11 "Authorization: a\r\nauthorization: b\r\n\r\n", 400},
        {"unknown field twice", GET11 "DPoP: a\r\ndpop: b\r\n\r\n", 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("  %s\n", cases[i].name);
        struct http_head head = {.minor = 77};
        struct http_refusal refusal = {0, NULL};
        enum status status = http_parse_head(bytes_text(cases[i].text), arena, &head, &refusal);
        assert_int_equal(status, STATUS_MALFORMED);
        assert_int_equal(refusal.code, cases[i].code);
        assert_non_null(refusal.detail);
        assert_int_equal(head.minor, 77);
    }
}

static void refuses_nul_bytes(void **state) {
    (void)state;
    static const char text[] = GET11 "A: b\0c\r\n\r\n";
    struct http_head head;
    struct http_refusal refusal;
    assert_int_equal(http_parse_head(BYTES(text, sizeof text - 1), arena, &head, &refusal), STATUS_MALFORMED);
    assert_int_equal(refusal.code, 400);
}

static void too_many_fields(void **state) {
    (void)state;
    char text[4096] = GET11;
    size_t len = strlen(text);
    for (int i = 0; i < HTTP_MAX_FIELDS; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "x-%d: y\r\n", i);
    }
    (void)snprintf(text + len, sizeof text - len, "\r\n");
    struct http_head head;
    struct http_refusal refusal;
    assert_int_equal(http_parse_head(bytes_text(text), arena, &head, &refusal), STATUS_MALFORMED);
    assert_int_equal(refusal.code, 431);
}

static void full_arena(void **state) {
    (void)state;
    struct arena *small = arena_new(64);
    struct http_head head;
    struct http_refusal refusal;
    assert_int_equal(http_parse_head(bytes_text(GET11 "\r\n"), small, &head, &refusal), STATUS_MEMORY);
    assert_int_equal(refusal.code, 503);
    arena_free(small);
}

static struct http_head parse(const char *text) {
    struct http_head head;
    struct http_refusal refusal = {0, ""};
    enum status status = http_parse_head(bytes_text(text), arena, &head, &refusal);
    if (status != STATUS_OK) fail_msg("refused: %s", refusal.detail);
    return head;
}

static void accepted_head(void **state) {
    (void)state;
    struct http_head head = parse("POST /v1/s%C3%A5/?q=a+b%2B&e=&f HTTP/1.1\r\nHOST:a:80\r\nX-Tab: \t a\tb \t\r\n"
                                  "Accept: x\r\nAccept: y\r\nContent-Length: 12\r\nExpect: 100-Continue\r\n\r\n");
    assert_int_equal(head.method, HTTP_POST);
    assert_string_equal(head.path, "/v1/s%C3%A5/");
    assert_int_equal(head.segments_count, 3);
    assert_string_equal(head.segments[1], "s\xc3\xa5");
    assert_string_equal(head.segments[2], "");
    assert_int_equal(head.query_count, 3);
    assert_string_equal(http_parse_field(head.query, head.query_count, "q"), "a b+");
    assert_string_equal(http_parse_field(head.query, head.query_count, "f"), "");
    assert_string_equal(http_parse_field(head.headers, head.headers_count, "host"), "a:80");
    assert_string_equal(http_parse_field(head.headers, head.headers_count, "x-tab"), "a b");
    assert_null(http_parse_field(head.headers, head.headers_count, "absent"));
    assert_int_equal(head.framing, HTTP_LENGTH);
    assert_int_equal(head.content_length, 12);
    assert_true(head.keep_alive);
    assert_true(head.expects_continue);
}

static void framing_and_keeping(void **state) {
    (void)state;
    assert_int_equal(parse(GET11 "\r\n").framing, HTTP_NO_BODY);
    assert_int_equal(parse(GET11 "Content-Length: 0\r\n\r\n").framing, HTTP_NO_BODY);
    assert_int_equal(parse(GET11 "Transfer-Encoding: Chunked\r\n\r\n").framing, HTTP_CHUNKED);
    assert_false(parse(GET11 "Connection: keep-alive, Close\r\n\r\n").keep_alive);
    assert_false(parse(GET11 "Connection: x\r\nConnection: close\r\n\r\n").keep_alive);
    assert_true(parse(GET11 "Connection: closed\r\n\r\n").keep_alive);
    assert_false(parse("GET / HTTP/1.0\r\n\r\n").keep_alive);
    assert_false(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep_alive);
}

static void end_of_head(void **state) {
    (void)state;
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\nrest";
    size_t expected = sizeof text - 1 - 4;
    for (size_t scanned = 0; scanned < expected; scanned++) {
        size_t len = 99;
        assert_int_equal(http_parse_find_end(bytes_text(text), scanned, &len), STATUS_OK);
        assert_int_equal(len, expected);
        assert_int_equal(http_parse_find_end(BYTES(text, scanned), 0, &len), STATUS_OK);
        assert_int_equal(len, 0);
    }
    size_t len = 99;
    assert_int_equal(http_parse_find_end(bytes_text("\r\n"), 0, &len), STATUS_OK);
    assert_int_equal(len, 2);
    assert_int_equal(http_parse_find_end(bytes_text("GET /\n"), 0, &len), STATUS_MALFORMED);
    assert_int_equal(http_parse_find_end(bytes_text("\n"), 0, &len), STATUS_MALFORMED);
    assert_int_equal(http_parse_find_end(bytes_text("a\r\n\n"), 0, &len), STATUS_MALFORMED);
}

static void chunk_sizes(void **state) {
    (void)state;
    static const char *const bad[] = {"", " 1", "1 ", "1;a=b", "0x1", "-1", "+1", "g", "123456789", "1\n"};
    uint64_t size = 77;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(http_parse_chunk_size(bytes_text(bad[i]), &size), STATUS_MALFORMED);
    }
    assert_int_equal(size, 77);
    assert_int_equal(http_parse_chunk_size(bytes_text("0"), &size), STATUS_OK);
    assert_int_equal(size, 0);
    assert_int_equal(http_parse_chunk_size(bytes_text("fFfFfFfF"), &size), STATUS_OK);
    assert_int_equal(size, 0xffffffff);
}

static const struct http_route routes[] = {
    {HTTP_GET, "/", NULL, NULL},
    {HTTP_GET, "/v1/items", NULL, NULL},
    {HTTP_POST, "/v1/items", NULL, NULL},
    {HTTP_GET, "/v1/items/special", NULL, NULL},
    {HTTP_GET, "/v1/items/{id}", NULL, NULL},
    {HTTP_DELETE, "/v1/items/{id}", NULL, NULL},
    {HTTP_GET, "/v1/items/{id}/parts/{part}", NULL, NULL},
    {HTTP_GET, "/tile/{level}/{rest*}", NULL, NULL},
    {0},
};

static void routes_taken(void **state) {
    (void)state;
    static const struct {
        const char *line;
        enum status status;
        const char *detail; /* pattern, or Allow */
        const char *captures;
    } cases[] = {
        {"GET /v2", STATUS_NOT_FOUND, NULL, NULL},
        {"GET /v1/items/", STATUS_NOT_FOUND, NULL, NULL},
        {"GET //v1/items", STATUS_NOT_FOUND, NULL, NULL},
        {"GET /v1/items/a/b", STATUS_NOT_FOUND, NULL, NULL},
        {"GET /V1/items", STATUS_NOT_FOUND, NULL, NULL},
        {"GET /tile/0", STATUS_NOT_FOUND, NULL, NULL},
        {"GET /tile/0/", STATUS_NOT_FOUND, NULL, NULL},
        {"PUT /v1/items", STATUS_UNSUPPORTED, "GET, HEAD, POST", NULL},
        {"POST /v1/items/a", STATUS_UNSUPPORTED, "GET, HEAD, DELETE", NULL},
        {"GET /", STATUS_OK, "/", ""},
        {"HEAD /v1/items", STATUS_OK, "/v1/items", ""},
        {"GET /v1/items/special", STATUS_OK, "/v1/items/special", ""},
        {"GET /v1/items/a%20b", STATUS_OK, "/v1/items/{id}", "id=a b;"},
        {"GET /v1/items/a/parts/b", STATUS_OK, "/v1/items/{id}/parts/{part}", "id=a;part=b;"},
        {"GET /tile/0/x001/067.p/3", STATUS_OK, "/tile/{level}/{rest*}", "level=0;rest=x001/067.p/3;"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("  %s\n", cases[i].line);
        struct http_head head = parse(arena_printf(arena, "%s HTTP/1.1\r\nHost: a\r\n\r\n", cases[i].line));
        struct http_match match = {0};
        const char *allow = NULL;
        assert_int_equal(http_route_find(routes, &head, arena, &match, &allow), cases[i].status);
        if (cases[i].status == STATUS_UNSUPPORTED) assert_string_equal(allow, cases[i].detail);
        if (cases[i].status != STATUS_OK) continue;
        assert_string_equal(match.route->pattern, cases[i].detail);
        const char *captures = "";
        for (size_t j = 0; j < match.captures_count; j++) {
            captures = arena_printf(arena, "%s%s=%s;", captures, match.captures[j].name, match.captures[j].value);
        }
        assert_string_equal(captures, cases[i].captures);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_heads), cmocka_unit_test(refuses_nul_bytes),   cmocka_unit_test(too_many_fields),
        cmocka_unit_test(full_arena),    cmocka_unit_test(chunk_sizes),         cmocka_unit_test(end_of_head),
        cmocka_unit_test(accepted_head), cmocka_unit_test(framing_and_keeping), cmocka_unit_test(routes_taken),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
