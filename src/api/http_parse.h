#pragma once
/* The framing of HTTP/1.1 requests, by the book and nothing beside it: RFC 9112 (messages), RFC 9110 (names, values, Expect),
 * RFC 3986 (targets). Bytes in, spans of them out; no memory of its own, no I/O; held by test/fuzz/http.c. Private to api/.
 *
 * What two readers could understand differently is refused, never mended: a bare LF or CR, NUL and other control characters, a
 * line that is folded, blanks before a colon, Content-Length twice or beside Transfer-Encoding or not a plain number, a transfer
 * coding that is not chunked, Host missing or twice, a target with characters that must be percent-encoded, a chunk whose size
 * or end is not exact. One empty line before the request line is skipped (RFC 9112 section 2.2). */
#include "api/http.h"

enum {
    HTTP_MOST_LINES = 128,  /* header lines, whatever the options say */
    HTTP_MOST_HEAD = 65535, /* bytes of a head, whatever the options say: places in it are 16 bits */
    HTTP_MAX_CHUNK = 256,   /* bytes of the line before a chunk, extensions included */
    HTTP_MAX_TRAILER = 4096 /* bytes of the lines after the last chunk */
};

/* What is refused: the status says how it is answered, the text is for people. What is over a bound names it: WHY MOST UNIT. */
struct http_refusal {
    enum rc_status status;
    const char *why;
    uint64_t most;
    const char *unit; /* NULL: it is not about a bound */
};

/* HTTP_MORE: so far it is right, but not complete. */
enum http_found { HTTP_MORE, HTTP_WHOLE, HTTP_REFUSED };

struct http_span {
    uint16_t at, n;
};

struct http_bounds {
    uint32_t head, target, lines; /* bytes, bytes, header lines */
    uint64_t body;                /* bytes, decoded */
};

struct http_head {
    enum http_method method;
    struct http_span path, query, host; /* path: empty where an absolute target has none */
    struct http_line {
        struct http_span name, value;
    } line[HTTP_MOST_LINES];
    uint32_t nlines;
    uint32_t n;      /* bytes, with the empty line at the end */
    uint64_t length; /* Content-Length, or 0 */
    bool chunked;
    bool old;     /* HTTP/1.0 */
    bool last;    /* the client wants the connection closed, or speaks HTTP/1.0 */
    bool expects; /* Expect: 100-continue */
};

/* Whether the head has ended. *io_at is where the search goes on: 0 at first. Says early what is hopeless: over a bound, a line
 * that does not end in CR LF, a first byte that no method has. */
enum http_found http_head_find(const char *bytes, uint32_t n, const struct http_bounds *, uint32_t *io_at,
                               struct http_refusal *ret_refusal);
/* Reads a head that has been found. HTTP_WHOLE or HTTP_REFUSED. The body's length is held against its bound here. */
enum http_found http_head_read(const char *bytes, uint32_t n, const struct http_bounds *,
                               struct http_head *ret, struct http_refusal *ret_refusal);

/* A chunked body is decoded in its place. Zeroed at first. */
struct http_chunks {
    uint8_t state;
    uint32_t n;       /* decoded bytes; they stand at the beginning */
    uint32_t left;    /* of the chunk */
    uint32_t trailer; /* bytes of trailer lines so far; they are checked and dropped */
};
/* `bytes` begins with the body; *io_n is how many bytes there are, decoded and raw, and shrinks by what the framing took.
 * HTTP_WHOLE: the body is the first chunks->n bytes; behind them stands what follows the request. */
enum http_found http_chunks_read(struct http_chunks *, char *bytes, uint32_t *io_n, uint64_t most,
                                 struct http_refusal *ret_refusal);

/* A header's name; also of answers. */
bool http_is_token(struct rc_sv);
bool http_same_name(struct rc_sv, const char *name); /* without regard to case */
