/*
 * Parser of request heads. Trusts nothing of its input. Keeps its first refusal and then does nothing more, so that
 * http_parse_head reads as a list. Sources: RFC 9112 sections 2 to 7, RFC 9110 section 5, RFC 3986 section 3.
 */
#include "base/http_parse.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"

struct parse {
    struct arena *arena;
    struct http_head head;
    struct http_refusal refusal; /* code 0: none yet */
};

static const char *const method_names[HTTP_METHOD_COUNT] = {
    [HTTP_GET] = "GET",     [HTTP_HEAD] = "HEAD",     [HTTP_POST] = "POST",       [HTTP_PUT] = "PUT",
    [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS",
};

/* Fields that are lists, and so may come in several lines (RFC 9110 section 5.3). */
static const char *const list_fields[] = {
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "cookie",
    "forwarded",
    "if-match",
    "if-none-match",
    "pragma",
    "prefer",
    "te",
    "tracestate",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
};

const char *http_parse_method_name(enum http_method method) { return method_names[method]; }

const char *http_parse_field(const struct http_field *fields, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name, name) == 0) return fields[i].value;
    }
    return NULL;
}

static void refuse(struct parse *parse, int code, const char *detail) {
    if (parse->refusal.code == 0) parse->refusal = (struct http_refusal){code, detail};
}

static bool failed(const struct parse *parse) { return parse->refusal.code != 0; }

static void *allocate(struct parse *parse, size_t count, size_t size) {
    void *memory = failed(parse) ? NULL : arena_alloc_array(parse->arena, count, size);
    if (!memory) refuse(parse, 503, "out of memory");
    return memory;
}

/* Cuts what stands before the mark from rest; all of it when there is no mark. */
static struct bytes cut(struct bytes *rest, const char *mark) {
    size_t mark_len = strlen(mark);
    const uint8_t *at = rest->len > 0 ? memmem(rest->data, rest->len, mark, mark_len) : NULL;
    size_t len = at ? (size_t)(at - rest->data) : rest->len;
    size_t skip = at ? len + mark_len : len;
    struct bytes piece = {rest->data, len};
    *rest = (struct bytes){rest->data + skip, rest->len - skip};
    return piece;
}

static bool contains(struct bytes text, char c) { return text.len > 0 && memchr(text.data, c, text.len) != NULL; }

static bool is_token(struct bytes text) {
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!alphanumeric && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c))) return false;
    }
    return text.len > 0;
}

static int hex_digit(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* One byte of percent-encoded text; moves *at over it. -1 when it is malformed. */
static int decode_byte(struct bytes text, size_t *at) {
    uint8_t c = text.data[*at];
    *at += 1;
    if (c != '%') return c;
    if (text.len - *at < 2) return -1;
    int high = hex_digit(text.data[*at]);
    int low = hex_digit(text.data[*at + 1]);
    *at += 2;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

enum plus { PLUS_IS_PLUS, PLUS_IS_SPACE };

static const char *decode(struct parse *parse, struct bytes text, enum plus plus) {
    char *decoded = allocate(parse, text.len + 1, 1);
    if (!decoded) return NULL;
    size_t len = 0;
    for (size_t at = 0; at < text.len;) {
        bool space = plus == PLUS_IS_SPACE && text.data[at] == '+';
        int byte = decode_byte(text, &at);
        if (byte < 0) refuse(parse, 400, "the target holds a malformed percent sequence");
        decoded[len++] = space ? ' ' : (char)byte;
    }
    if (!bytes_is_text(BYTES(decoded, len))) refuse(parse, 400, "the target holds control characters or is not UTF-8");
    return failed(parse) ? NULL : decoded;
}

static void parse_method(struct parse *parse, struct bytes name) {
    for (int i = 0; i < HTTP_METHOD_COUNT; i++) {
        if (bytes_equal_text(name, method_names[i])) {
            parse->head.method = (enum http_method)i;
            return;
        }
    }
    refuse(parse, is_token(name) ? 501 : 400, "the method is not known");
}

static void parse_version(struct parse *parse, struct bytes version) {
    bool is_version = version.len == 8 && memcmp(version.data, "HTTP/", 5) == 0;
    if (!is_version) {
        refuse(parse, 400, "the request line does not have the required form");
    } else if (bytes_equal_text(version, "HTTP/1.1") || bytes_equal_text(version, "HTTP/1.0")) {
        parse->head.minor = (unsigned)(version.data[7] - '0');
    } else {
        refuse(parse, 505, "HTTP/1.1 is spoken here");
    }
}

static void parse_segment(struct parse *parse, struct bytes raw) {
    struct http_head *head = &parse->head;
    const char *segment = decode(parse, raw, PLUS_IS_PLUS);
    if (!segment) return;
    bool dots = strcmp(segment, ".") == 0 || strcmp(segment, "..") == 0;
    if (dots || strchr(segment, '/')) refuse(parse, 400, "the path holds a dot segment or an encoded slash");
    if (head->segments_count == HTTP_MAX_SEGMENTS) {
        refuse(parse, 414, "the path has too many segments");
        return;
    }
    head->segments[head->segments_count++] = segment;
}

static void parse_path(struct parse *parse, struct bytes path) {
    if (path.len == 0 || path.data[0] != '/') {
        refuse(parse, 400, "the target must begin with a slash");
        return;
    }
    char *copy = allocate(parse, path.len + 1, 1);
    parse->head.segments = allocate(parse, HTTP_MAX_SEGMENTS, sizeof parse->head.segments[0]);
    if (failed(parse)) return;
    memcpy(copy, path.data, path.len);
    parse->head.path = copy;
    struct bytes rest = {path.data + 1, path.len - 1};
    bool more = true;
    while (more && !failed(parse)) {
        more = contains(rest, '/');
        parse_segment(parse, cut(&rest, "/"));
    }
}

static void parse_parameter(struct parse *parse, struct bytes pair) {
    struct http_head *head = &parse->head;
    const char *name = decode(parse, cut(&pair, "="), PLUS_IS_SPACE);
    const char *value = decode(parse, pair, PLUS_IS_SPACE);
    if (failed(parse)) return;
    if (http_parse_field(head->query, head->query_count, name)) {
        refuse(parse, 400, "a query parameter stands there twice");
    } else if (head->query_count == HTTP_MAX_PARAMETERS) {
        refuse(parse, 414, "the query has too many parameters");
    } else {
        head->query[head->query_count++] = (struct http_field){name, value};
    }
}

static void parse_query(struct parse *parse, struct bytes query) {
    parse->head.query = allocate(parse, HTTP_MAX_PARAMETERS, sizeof parse->head.query[0]);
    while (query.len > 0 && !failed(parse)) {
        struct bytes pair = cut(&query, "&");
        if (pair.len > 0) parse_parameter(parse, pair);
    }
}

static void parse_target(struct parse *parse, struct bytes target) {
    for (size_t i = 0; i < target.len; i++) {
        uint8_t c = target.data[i];
        if (c <= ' ' || c >= 0x7f || c == '#') refuse(parse, 400, "the target holds a character that must be encoded");
    }
    if (failed(parse)) return;
    parse_path(parse, cut(&target, "?"));
    parse_query(parse, target);
}

static void parse_request_line(struct parse *parse, struct bytes line) {
    parse_method(parse, cut(&line, " "));
    struct bytes target = cut(&line, " ");
    parse_version(parse, line);
    if (!failed(parse)) parse_target(parse, target);
}

static struct bytes trim(struct bytes text) {
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text = (struct bytes){text.data + 1, text.len - 1};
    }
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

static const char *copy_name(struct parse *parse, struct bytes name) {
    char *copy = allocate(parse, name.len + 1, 1);
    for (size_t i = 0; copy && i < name.len; i++) {
        uint8_t c = name.data[i];
        copy[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    return copy;
}

/* Inner tabs become spaces: both are white space, and the rest of the program need not know tabs. */
static const char *copy_value(struct parse *parse, struct bytes value) {
    char *copy = allocate(parse, value.len + 1, 1);
    for (size_t i = 0; copy && i < value.len; i++) {
        copy[i] = (char)(value.data[i] == '\t' ? ' ' : value.data[i]);
    }
    if (copy && !bytes_is_text(BYTES(copy, value.len))) refuse(parse, 400, "a field value is not UTF-8 text");
    return copy;
}

static bool is_list_field(const char *name) {
    for (size_t i = 0; i < sizeof list_fields / sizeof list_fields[0]; i++) {
        if (strcmp(name, list_fields[i]) == 0) return true;
    }
    return strncmp(name, "sec-", 4) == 0;
}

static void add_field(struct parse *parse, const char *name, const char *value) {
    struct http_head *head = &parse->head;
    if (http_parse_field(head->headers, head->headers_count, name) && !is_list_field(name)) {
        refuse(parse, 400, "a header field stands there twice");
    } else if (head->headers_count == HTTP_MAX_FIELDS) {
        refuse(parse, 431, "too many header fields");
    } else {
        head->headers[head->headers_count++] = (struct http_field){name, value};
    }
}

static void parse_field(struct parse *parse, struct bytes line) {
    if (line.data[0] == ' ' || line.data[0] == '\t') {
        refuse(parse, 400, "folded header fields are not accepted");
        return;
    }
    bool has_colon = contains(line, ':');
    struct bytes raw_name = cut(&line, ":");
    if (!has_colon || !is_token(raw_name)) {
        refuse(parse, 400, "a header field does not have the required form");
        return;
    }
    const char *name = copy_name(parse, raw_name);
    const char *value = copy_value(parse, trim(line));
    if (!failed(parse)) add_field(parse, name, value);
}

static void parse_fields(struct parse *parse, struct bytes rest) {
    parse->head.headers = allocate(parse, HTTP_MAX_FIELDS, sizeof parse->head.headers[0]);
    while (!failed(parse)) {
        struct bytes line = cut(&rest, "\r\n");
        if (line.len == 0) break;
        if (contains(line, '\r') || contains(line, '\n')) refuse(parse, 400, "a line does not end in CRLF");
        parse_field(parse, line);
    }
    if (rest.len > 0) refuse(parse, 400, "bytes follow the empty line");
}

static const char *field(const struct parse *parse, const char *name) {
    return http_parse_field(parse->head.headers, parse->head.headers_count, name);
}

/* RFC 9112 section 6.3, without its leniencies. */
static void check_framing(struct parse *parse) {
    struct http_head *head = &parse->head;
    const char *length = field(parse, "content-length");
    const char *coding = field(parse, "transfer-encoding");
    if (length && coding) refuse(parse, 400, "Content-Length and Transfer-Encoding exclude each other");
    if (coding && head->minor == 0) refuse(parse, 400, "HTTP/1.0 has no Transfer-Encoding");
    if (coding && strcasecmp(coding, "chunked") != 0) refuse(parse, 501, "of transfer codings chunked only is known");
    if (length && text_to_u64(bytes_text(length), &head->content_length) != STATUS_OK) {
        refuse(parse, 400, "Content-Length is not a number");
    }
    head->framing = coding ? HTTP_CHUNKED : head->content_length > 0 ? HTTP_LENGTH : HTTP_NO_BODY;
}

/* Whether any Connection line names close. */
static bool wants_close(const struct http_head *head) {
    for (size_t i = 0; i < head->headers_count; i++) {
        struct bytes list = bytes_text(head->headers[i].value);
        while (strcmp(head->headers[i].name, "connection") == 0 && list.len > 0) {
            struct bytes option = trim(cut(&list, ","));
            if (option.len == 5 && strncasecmp((const char *)option.data, "close", 5) == 0) return true;
        }
    }
    return false;
}

static void check_fields(struct parse *parse) {
    struct http_head *head = &parse->head;
    if (head->minor == 1 && !field(parse, "host")) refuse(parse, 400, "Host is missing");
    const char *expect = field(parse, "expect");
    if (expect && strcasecmp(expect, "100-continue") != 0) refuse(parse, 417, "of Expect 100-continue only is known");
    head->expects_continue = expect && head->minor == 1;
    head->keep_alive = head->minor == 1 && !wants_close(head);
}

enum status http_parse_head(struct bytes text, struct arena *arena, struct http_head *out_head,
                            struct http_refusal *out_refusal) {
    struct parse parse = {.arena = arena};
    if (contains(text, '\0')) refuse(&parse, 400, "the head holds a NUL byte");
    struct bytes line = cut(&text, "\r\n");
    if (!failed(&parse)) parse_request_line(&parse, line);
    if (!failed(&parse)) parse_fields(&parse, text);
    if (!failed(&parse)) check_framing(&parse);
    if (!failed(&parse)) check_fields(&parse);
    if (failed(&parse)) {
        *out_refusal = parse.refusal;
        return parse.refusal.code == 503 ? STATUS_MEMORY : STATUS_MALFORMED;
    }
    *out_head = parse.head;
    return STATUS_OK;
}

enum status http_parse_find_end(struct bytes text, size_t scanned, size_t *out_len) {
    size_t found = 0;
    for (size_t i = scanned; i < text.len && found == 0; i++) {
        if (text.data[i] != '\n') continue;
        ENSURE(i > 0 && text.data[i - 1] == '\r', STATUS_MALFORMED);
        if (i == 1 || (i >= 3 && text.data[i - 2] == '\n')) found = i + 1;
    }
    *out_len = found;
    return STATUS_OK;
}

enum status http_parse_chunk_size(struct bytes line, uint64_t *out_size) {
    ENSURE(line.len >= 1 && line.len <= 8, STATUS_MALFORMED);
    uint64_t size = 0;
    for (size_t i = 0; i < line.len; i++) {
        int digit = hex_digit(line.data[i]);
        ENSURE(digit >= 0, STATUS_MALFORMED);
        size = size * 16 + (unsigned)digit;
    }
    *out_size = size;
    return STATUS_OK;
}
