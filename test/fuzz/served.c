/* Requests that come in, as api/http_parse.h reads them. "FIRST" is a letter:
 *   h  a request's head and what follows it
 *   c  a chunked body and what follows it */
#include "fuzz.h"

#include "api/http_parse.h"

static const struct http_bounds bounds = {.head = 1000, .target = 200, .lines = 12, .body = 500};

/* What stands between two places of a head is text of one line. */
static void span_law(struct rc_sv input, uint32_t n, struct http_span span)
{
    FUZZ_LAW(span.at + span.n <= n);
    for (uint32_t i = span.at; i < (uint32_t)span.at + span.n; i++)
        FUZZ_LAW((unsigned char)input.p[i] >= ' ' || input.p[i] == '\t');
}

static void head_laws(struct rc_sv input, const struct http_head *head)
{
    FUZZ_LAW(head->n <= input.n && head->n <= bounds.head && head->nlines <= bounds.lines);
    FUZZ_LAW(memcmp(input.p + head->n - 4, "\r\n\r\n", 4) == 0);
    FUZZ_LAW(memmem(input.p, head->n, "\r\n\r\n", 4) == input.p + head->n - 4);
    FUZZ_LAW(!(head->chunked && head->length) && head->length <= bounds.body);
    FUZZ_LAW(head->path.n == 0 || input.p[head->path.at] == '/');
    span_law(input, head->n, head->path);
    span_law(input, head->n, head->query);
    span_law(input, head->n, head->host);
    unsigned hosts = 0, lengths = 0, codings = 0;
    for (uint32_t i = 0; i < head->nlines; i++) {
        const struct http_line *line = &head->line[i];
        struct rc_sv name = {input.p + line->name.at, line->name.n};
        FUZZ_LAW(http_is_token(name) && input.p[line->name.at + line->name.n] == ':');
        FUZZ_LAW(line->name.at >= 2 && input.p[line->name.at - 1] == '\n');
        span_law(input, head->n, line->value);
        hosts += http_same_name(name, "host");
        lengths += http_same_name(name, "content-length");
        codings += http_same_name(name, "transfer-encoding");
    }
    FUZZ_LAW(hosts == 1 || (hosts == 0 && head->old));
    FUZZ_LAW(lengths + codings <= 1 && (codings == 1) == head->chunked);
    /* no line end but CR LF, and nothing that only some see */
    for (uint32_t i = 0; i < head->n; i++) {
        char c = input.p[i];
        FUZZ_LAW(c != 0 && (c != '\n' || (i && input.p[i - 1] == '\r')));
        FUZZ_LAW(c != '\r' || input.p[i + 1] == '\n');
    }
}

/* However the bytes come, the same is found, at the same byte. */
static void request_head(struct rc_sv input, struct rc_arena *arena)
{
    struct http_head *head = RC_NEW(arena, struct http_head);
    struct http_refusal refusal = {RC_OK, NULL}, slow = {RC_OK, NULL};
    uint32_t at = 0, slow_at = 0, n = 0;
    if (!head) return;
    enum http_found found = http_head_find(input.p, input.n, &bounds, &at, &refusal), bytewise = HTTP_MORE;
    while (n < input.n && bytewise == HTTP_MORE)
        bytewise = http_head_find(input.p, ++n, &bounds, &slow_at, &slow);
    if (found == HTTP_WHOLE) {
        FUZZ_LAW(bytewise == HTTP_WHOLE && slow_at == at && n == at);
        found = http_head_read(input.p, at, &bounds, head, &refusal);
        FUZZ_LAW(found != HTTP_MORE);
        if (found == HTTP_WHOLE) head_laws(input, head);
    } else if (input.n) {
        FUZZ_LAW(bytewise == found);
    }
    if (found == HTTP_MORE) FUZZ_LAW(input.n <= bounds.head);
    if (found == HTTP_REFUSED) FUZZ_LAW(refusal.why && rc_status_http(refusal.status) >= 400);
}

static void request_body(struct rc_sv input, struct rc_arena *arena)
{
    struct http_chunks chunks = {0}, slow = {0};
    struct http_refusal refusal = {RC_OK, NULL};
    uint32_t n = input.n, got = 0, sent = 0;
    char *all = rc_copy(arena, input.p, input.n), *bytes = rc_alloc_text(arena, input.n);
    if (!all || !bytes) return;
    enum http_found found = http_chunks_read(&chunks, all, &n, bounds.body, &refusal), bytewise = HTTP_MORE;
    FUZZ_LAW(chunks.n <= n && n <= input.n && chunks.n <= bounds.body);
    while (sent < input.n && bytewise == HTTP_MORE) {
        bytes[got++] = input.p[sent++];
        bytewise = http_chunks_read(&slow, bytes, &got, bounds.body, &refusal);
        FUZZ_LAW(got - slow.n <= HTTP_MAX_TRAILER); /* what is kept of the framing is bounded */
    }
    FUZZ_LAW(bytewise == found || input.n == 0);
    if (found == HTTP_REFUSED) FUZZ_LAW(refusal.why && rc_status_http(refusal.status) >= 400);
    if (found != HTTP_WHOLE) return;
    FUZZ_LAW(chunks.n == slow.n && memcmp(all, bytes, slow.n) == 0);
    FUZZ_LAW(n - chunks.n == input.n - sent); /* what follows is whole */
    FUZZ_LAW(memcmp(all + chunks.n, input.p + sent, input.n - sent) == 0);
}

void fuzz_input(struct rc_sv input, struct rc_arena *arena)
{
    if (!input.n) return;
    struct rc_sv rest = {input.p + 1, input.n - 1};
    if (input.p[0] == 'h') request_head(rest, arena);
    if (input.p[0] == 'c') request_body(rest, arena);
}
