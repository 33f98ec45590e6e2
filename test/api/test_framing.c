/* Requests by the book (RFC 9110, 9112): what is refused, how, and that nothing behind it is taken for a request. */
#include "kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HOST    "Host: localhost\r\n"
#define CHUNKED "POST /p HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"

/* One answer, a problem that says this, and the end: what follows it is not looked at. */
static void refused_saying(const struct kit *kit, const char *request, size_t n, int status, const char *says)
{
    struct kit_answer answer;
    char line[32];
    unsigned before = kit->handled;
    int fd = kit_connect(kit);
    kit_write(fd, request, n);
    kit_write(fd, "GET /smuggled HTTP/1.1\r\n" HOST "\r\n", 24 + 17 + 2);
    kit_read(fd, 0, KIT_PATIENCE_MS, &answer);
    close(fd);
    snprintf(line, sizeof line, "HTTP/1.1 %d ", status);
    if (strncmp(answer.text, line, strlen(line)) != 0)
        fail_msg("%.80s: wanted %d, got %.300s", request, status, answer.text);
    assert_true(answer.closed);
    assert_int_equal(answer.n, 1);
    assert_non_null(strstr(answer.text, "Content-Type: application/problem+json\r\n"));
    assert_non_null(strstr(answer.text, "Connection: close\r\n"));
    snprintf(line, sizeof line, "\"status\":%d", status);
    assert_non_null(strstr(answer.text, line));
    if (!strstr(answer.text, says)) fail_msg("wanted \"%s\", got %.400s", says, answer.text);
    assert_int_equal(kit->handled, before);
}

static void refused(const struct kit *kit, const char *request, size_t n, int status)
{
    refused_saying(kit, request, n, status, "");
}

/* The bound is named: who sends too much learns how much may be sent. */
static void refused_over(const struct kit *kit, const char *request, size_t n, int status, unsigned most,
                         const char *unit)
{
    char says[64];
    snprintf(says, sizeof says, "than %u %s\"", most, unit);
    refused_saying(kit, request, n, status, says);
}

static void served(const struct kit *kit, const char *request, const char *contains, bool closed)
{
    struct kit_answer answer;
    kit_send(kit, request, closed ? 0 : 1, &answer);
    if (!strstr(answer.text, "HTTP/1.1 200 OK\r\n") || !strstr(answer.text, contains))
        fail_msg("%.80s: wanted %s, got %.300s", request, contains, answer.text);
    assert_int_equal(answer.closed, closed);
}

struct bad {
    int status;
    const char *request;
};

static void refuse_each(const struct kit *kit, const struct bad *bad, size_t n)
{
    for (size_t i = 0; i < n; i++) refused(kit, bad[i].request, strlen(bad[i].request), bad[i].status);
}

/* Everything that lets two readers see different requests in the same bytes. */
static void lengths(void **state)
{
    static const struct bad bad[] = {
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"},
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\ncontent-length: 4\r\n\r\nabc"},
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 3, 3\r\n\r\nabc"},
        {400, "POST / HTTP/1.1\r\n" HOST
              "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\n" HOST
              "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n3\r\nabc\r\n0\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\nabc"},
        {501, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \r\n\r\nabc"},
        {400, "POST / HTTP/1.1\r\n" HOST
              "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\nabc"},
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x3\r\n\r\nabc"},
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: -3\r\n\r\nabc"},
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 3 3\r\n\r\nabc"},
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: \r\n\r\nabc"},
        {400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n"},
        {413, "POST / HTTP/1.1\r\n" HOST "Content-Length: 9999999999999999999\r\n\r\n"},
    };
    refuse_each(*state, bad, sizeof bad / sizeof *bad);
}

static void lines(void **state)
{
    static const struct bad bad[] = {
        {400, "GET / HTTP/1.1\n" HOST "\n"},
        {400, "GET / HTTP/1.1\r\nHost: localhost\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" HOST "\n"},
        {400, "GET / HTTP/1.1\r\n" HOST "A: b\rC: d\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" HOST "A: b\r\n\tc\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n A: b\r\n" HOST "\r\n"},
        {400, "GET / HTTP/1.1\r\n" HOST "Content-Length : 3\r\n\r\nabc"},
        {400, "GET / HTTP/1.1\r\nHost : localhost\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" HOST "A(b): c\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" HOST ": c\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" HOST "no colon\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" HOST "A: b\x01"
              "c\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" HOST "A: b\x7f\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" HOST HOST "\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
        {417, "POST / HTTP/1.1\r\n" HOST "Expect: a-miracle\r\nContent-Length: 1\r\n\r\nx"},
    };
    static const char nul[] = "GET / HTTP/1.1\r\n" HOST "A: b\0c\r\n\r\n",
                      nul_path[] = "GET /\0 HTTP/1.1\r\n" HOST "\r\n";
    refuse_each(*state, bad, sizeof bad / sizeof *bad);
    refused(*state, nul, sizeof nul - 1, 400);
    refused(*state, nul_path, sizeof nul_path - 1, 400);
}

static void request_lines(void **state)
{
    static const struct bad bad[] = {
        {400, "nonsense\r\n\r\n"},
        {400, "GET /\r\n\r\n"}, /* HTTP/0.9 */
        {400, "GET / HTTP/1.1 \r\n" HOST "\r\n"},
        {400, "GET  / HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET /a b HTTP/1.1\r\n" HOST "\r\n"},
        {400, " GET / HTTP/1.1\r\n" HOST "\r\n"},
        {400, "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET / HTTP/1.x\r\n" HOST "\r\n"},
        {400, "GET / http/1.1\r\n" HOST "\r\n"},
        {400, "GET / HTTP/11\r\n" HOST "\r\n"},
        {505, "GET / HTTP/2.0\r\n" HOST "\r\n"},
        {505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
        {400, "GET x HTTP/1.1\r\n" HOST "\r\n"},
        {400, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET /a#b HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET /a{b} HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET http:///x HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET http://user@host/x HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET ftp://host/x HTTP/1.1\r\n" HOST "\r\n"},
        {501, "BREW /pot HTTP/1.1\r\n" HOST "\r\n"},
        {501, "get / HTTP/1.1\r\n" HOST "\r\n"},
        {501, "CONNECT localhost:1 HTTP/1.1\r\n" HOST "\r\n"},
        {501, "TRACE / HTTP/1.1\r\n" HOST "\r\n"},
        {400, "G(T / HTTP/1.1\r\n" HOST "\r\n"},
        {400, "\x16\x03\x01\x02\x01\x01"}, /* the beginning of TLS */
    };
    refuse_each(*state, bad, sizeof bad / sizeof *bad);
}

static void chunks(void **state)
{
    static const struct bad bad[] = {
        {400, CHUNKED "zz\r\nabc\r\n0\r\n\r\n"},
        {400, CHUNKED "\r\nabc\r\n0\r\n\r\n"},
        {400, CHUNKED "-1\r\nabc\r\n0\r\n\r\n"},
        {400, CHUNKED "0x3\r\nabc\r\n0\r\n\r\n"},
        {400, CHUNKED "3 \r\nabc\r\n0\r\n\r\n"},
        {400, CHUNKED "3\nabc\r\n0\r\n\r\n"},
        {400, CHUNKED "3\r\nabcd\r\n0\r\n\r\n"},
        {400, CHUNKED "3\r\nabc0\r\n\r\n"},
        {400, CHUNKED "100000003\r\nabc\r\n0\r\n\r\n"},
        {400, CHUNKED "0\r\nno colon\r\n\r\n"},
        {400, CHUNKED "0\r\nA : b\r\n\r\n"},
        {413, CHUNKED "ffffffff\r\nabc"},
    };
    refuse_each(*state, bad, sizeof bad / sizeof *bad);
    served(*state, CHUNKED "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", "body=3", false);
    served(*state, CHUNKED "2;a=b;c=\"d\"\r\nab\r\n0;e\r\n\r\n", "body=2", false);
    served(*state, CHUNKED "0000000A ;x\r\n0123456789\r\n00\r\nTrailer: x\r\n\r\n", "body=10", false);
}

/* A chunk's line and the trailers: at the bound and one above. */
static void chunk_bounds(void **state)
{
    char text[8192];
    for (int over = 0; over <= 1; over++) {
        int n = snprintf(text, sizeof text, CHUNKED "1;%0*d\r\nx\r\n0\r\n\r\n", 256 - 4 + over, 0);
        if (over)
            refused_over(*state, text, (size_t)n, 400, 256, "bytes");
        else
            served(*state, text, "body=1", false);
        n = snprintf(text, sizeof text, CHUNKED "0\r\nA: %0*d\r\n\r\n", 4096 - 7 + over, 0);
        if (over)
            refused_over(*state, text, (size_t)n, 431, 4096, "bytes");
        else
            served(*state, text, "body=0", false);
    }
}

static void body_bound(void **state)
{
    char text[4 * KIT_BODY];
    for (int over = 0; over <= 1; over++) {
        int n = snprintf(text, sizeof text, "POST / HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n%0*d",
                         KIT_BODY + over, KIT_BODY + over, 0);
        if (over)
            refused_over(*state, text, (size_t)n, 413, KIT_BODY, "bytes");
        else
            served(*state, text, "body=1000", false);
        n = snprintf(text, sizeof text, CHUNKED "1f4\r\n%0500d\r\n%x\r\n%0*d\r\n0\r\n\r\n", 0,
                     (unsigned)(KIT_BODY - 500 + over), KIT_BODY - 500 + over, 0);
        if (over)
            refused_over(*state, text, (size_t)n, 413, KIT_BODY, "bytes");
        else
            served(*state, text, "body=1000", false);
    }
}

static void head_bounds(void **state)
{
    char text[2 * KIT_HEADERS];
    for (int over = 0; over <= 1; over++) {
        const int fixed = (int)strlen("GET / HTTP/1.1\r\n" HOST "A: \r\n\r\n");
        int n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\n" HOST "A: %0*d\r\n\r\n",
                         KIT_HEADERS - fixed + over, 0);
        assert_int_equal(n, KIT_HEADERS + over);
        if (over)
            refused_over(*state, text, (size_t)n, 431, KIT_HEADERS, "bytes");
        else
            served(*state, text, "GET /", false);

        n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\n" HOST);
        for (int i = 1; i < KIT_LINES + over; i++)
            n += snprintf(text + n, sizeof text - (size_t)n, "A: b\r\n");
        n += snprintf(text + n, sizeof text - (size_t)n, "\r\n");
        if (over)
            refused_over(*state, text, (size_t)n, 431, KIT_LINES, "lines");
        else
            served(*state, text, "GET /", false);

        n = snprintf(text, sizeof text, "GET /%0*d HTTP/1.1\r\n" HOST "\r\n", KIT_TARGET - 1 + over, 0);
        if (over)
            refused_over(*state, text, (size_t)n, 414, KIT_TARGET, "bytes");
        else
            served(*state, text, "GET /0", false);
    }
    /* without end: refused as soon as it is too much, not when it ends */
    memset(text, 'x', sizeof text);
    refused_over(*state, text, KIT_TARGET + 100, 414, KIT_TARGET + 64, "bytes");
    int n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\n" HOST "A: ");
    text[n] = 'x';
    refused_over(*state, text, KIT_HEADERS + 1, 431, KIT_HEADERS, "bytes");
}

/* A body that is refused may be sent all the same: nothing of it is a request, and the answer arrives. */
static void garbage_after_an_oversize_body(void **state)
{
    static char text[8 << 20];
    int n =
        snprintf(text, sizeof text, "POST / HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n", sizeof text);
    for (size_t at = (size_t)n; at + 64 < sizeof text;)
        at += (size_t)snprintf(text + at, sizeof text - at, "GET /smuggled HTTP/1.1\r\n" HOST "\r\n");
    refused(*state, text, sizeof text, 413);
}

static void expectations(void **state)
{
    const struct kit *kit = *state;
    struct kit_answer answer;
    static const char head[] =
        "POST /p HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    int fd = kit_connect(kit);
    kit_write(fd, head, sizeof head - 1);
    kit_read(fd, 1, KIT_PATIENCE_MS, &answer);
    assert_string_equal(answer.text, "HTTP/1.1 100 Continue\r\n\r\n");
    kit_write(fd, "abc", 3);
    kit_read(fd, 1, KIT_PATIENCE_MS, &answer);
    assert_non_null(strstr(answer.text, "body=3"));
    close(fd);
    /* it is here already, or there is none: nothing to wait for */
    kit_send(kit, "POST /p HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc", 1,
             &answer);
    assert_int_equal(strncmp(answer.text, "HTTP/1.1 200", 12), 0);
    kit_send(kit, "GET / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n\r\n", 1, &answer);
    assert_int_equal(strncmp(answer.text, "HTTP/1.1 200", 12), 0);
    kit_send(kit, "POST /p HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 1001\r\n\r\n", 0,
             &answer);
    assert_int_equal(strncmp(answer.text, "HTTP/1.1 413", 12), 0);
}

static void other_forms(void **state)
{
    served(*state, "\r\nGET / HTTP/1.1\r\n" HOST "\r\n", "GET /", false);
    served(*state, "GET / HTTP/1.0\r\n\r\n", "host= ", true);
    served(*state, "GET / HTTP/1.0\r\n" HOST "Connection: keep-alive\r\n\r\n", "host=localhost", true);
    served(*state, "GET / HTTP/1.7\r\n" HOST "\r\n", "GET /", false);
    served(*state, "GET / HTTP/1.1\r\n" HOST "Connection: keep-alive, Close\r\n\r\n", "GET /", true);
    served(*state, "GET / HTTP/1.1\r\n" HOST "Connection: closed\r\n\r\n", "GET /", false);
    served(*state, "GET HTTPS://other:9?q=1 HTTP/1.1\r\n" HOST "\r\n", "GET /?q=1 host=other:9 ", false);
    served(*state, "GET /a?b?c=[1] HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "GET /a?b?c=[1] host=[::1]:80 ",
           false);
    served(*state, "GET //v1 HTTP/1.1\r\n" HOST "\r\n", "GET //v1? host=localhost", false);
    served(*state, "GET / HTTP/1.1\r\nhOsT:localhost\t \r\n\r\n", "host=localhost ", false);
    served(*state, "GET / HTTP/1.1\r\n" HOST "A:\r\nB: \x80\xff \t!\r\n\r\n", "GET /", false);
    served(*state, "DELETE /x HTTP/1.1\r\n" HOST "\r\n", "DELETE /x", false);
}

/* One byte at a time is the same request. */
static void byte_by_byte(void **state)
{
    const struct kit *kit = *state;
    struct kit_answer answer;
    static const char requests[] = "\r\n" CHUNKED "2;x\r\nab\r\n1\r\nc\r\n0\r\nA: b\r\n\r\n"
                                   "POST /q HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nabcd";
    int fd = kit_connect(kit);
    for (size_t i = 0; i + 1 < sizeof requests; i++) kit_write(fd, requests + i, 1);
    kit_read(fd, 2, KIT_PATIENCE_MS, &answer);
    assert_non_null(strstr(answer.text, "POST /p? host=localhost body=3"));
    assert_non_null(strstr(answer.text, "POST /q? host=localhost body=4"));
    close(fd);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, kit_open, kit_close)
    const struct CMUnitTest tests[] = {
        CASE(lengths),      CASE(lines),       CASE(request_lines), CASE(chunks),
        CASE(chunk_bounds), CASE(body_bound),  CASE(head_bounds),   CASE(garbage_after_an_oversize_body),
        CASE(expectations), CASE(other_forms), CASE(byte_by_byte),
    };
    return cmocka_run_group_tests_name("api framing", tests, NULL, NULL);
}
