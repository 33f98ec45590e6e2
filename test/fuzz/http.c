/* Outgoing requests and their answers, without a network. "FIRST" is a letter:
 *   u  the rest is JSON, the request of an attempt: address and header lines are looked at
 *   a  a line with a status, then header lines, an empty line, and the body: the answer, in pieces whose length the status chooses
 *   p  lines with addresses of hosts */
#include "fuzz.h"

#include "base/limits.h"
#include "base/num.h"
#include "base/utf8.h"
#include "codec/json.h"
#include "exec/http/address.h"
#include "exec/http/answer.h"
#include "exec/text.h"
#include "exec/http/url.h"
#include "flow/dependency.h"

#include <stdlib.h>

static const struct flow_dependency dependency = {
    .name = {"out", 3}, .base = {"http://127.0.0.1:1/base", 23}, .host = {"127.0.0.1", 9}, .port = 1};

/* The address is one that libcurl reads, of our host, below our base. */
static void url_laws(const char *url)
{
    char *host = NULL, *path = NULL;
    CURLU *read = curl_url();
    FUZZ_LAW(strlen(url) <= RC_MAX_URL && rc_sv_starts(rc_sv_of(url), dependency.base));
    for (const char *p = url; *p; p++) FUZZ_LAW(*p > ' ' && *p < 0x7f);
    if (!read) return;
    FUZZ_LAW(curl_url_set(read, CURLUPART_URL, url, 0) == CURLUE_OK);
    FUZZ_LAW(curl_url_get(read, CURLUPART_HOST, &host, 0) == CURLUE_OK && strcmp(host, "127.0.0.1") == 0);
    FUZZ_LAW(curl_url_get(read, CURLUPART_PATH, &path, 0) == CURLUE_OK && strncmp(path, "/base/", 6) == 0);
    curl_free(host);
    curl_free(path);
    curl_url_cleanup(read);
}

static void header_laws(const struct curl_slist *headers)
{
    static const char *const ours[] = {"host", "content-length", "transfer-encoding", "connection"};
    unsigned keys = 0, lines = 0;
    for (const struct curl_slist *line = headers; line; line = line->next, lines++) {
        const char *end = strpbrk(line->data, ":;");
        FUZZ_LAW(end && end > line->data);
        size_t n = (size_t)(end - line->data);
        for (unsigned i = 0; i < sizeof ours / sizeof *ours; i++)
            FUZZ_LAW(strlen(ours[i]) != n || strncasecmp(line->data, ours[i], n) != 0);
        keys += n == 15 && strncasecmp(line->data, "idempotency-key", n) == 0;
        for (const char *p = line->data; *p; p++) FUZZ_LAW((unsigned char)*p >= ' ' || *p == '\t');
    }
    FUZZ_LAW(keys == 1 && lines <= RC_MAX_OUT_HEADERS + 8);
}

static void request(struct rc_sv input, struct rc_arena *arena)
{
    static const struct rc_http_options options = {0};
    struct rc_effect effect = {.attempt = 1, .dependency = &dependency};
    struct http_request out;
    struct rc_error err = {0};
    if (rc_json_parse(input, arena, &effect.request, NULL) != RC_OK) return;
    enum rc_status status = http_request_build(&effect, &options, arena, &out, &err);
    FUZZ_LAW(status == RC_OK || (err.status == status && err.text[0]));
    FUZZ_LAW(status == RC_OK || status == RC_INVALID || status == RC_LIMIT ||
             rc_arena_status(arena) != RC_OK);
    if (status != RC_OK) return;
    url_laws(out.url);
    header_laws(out.headers);
}

/* curl gives whole header lines, and bodies as they come. */
static void answer(struct rc_sv input, struct rc_arena *arena)
{
    static const struct rc_sv secret = {"s3cr3t-t0ken", 12};
    const struct http_request sent = {.method = "GET", .secret = &secret, .nsecret = 1};
    struct http_intake in;
    struct rc_result result;
    struct rc_sv line = fuzz_line(&input), head = {0};
    uint64_t status = 200;
    if (!rc_parse_u64(line, &status) || status < 200 || status > 999) status = 200;
    http_intake_begin(&in, arena);
    char *copy = rc_copy(arena, input.p, input.n); /* the callbacks take what is not const */
    if (!copy) return;
    struct rc_sv rest = {copy, input.n};
    bool whole = true;
    do {
        const char *start = rest.p;
        line = fuzz_line(&rest);
        head = (struct rc_sv){start, (uint32_t)(rest.p - start)};
        if (head.n && memchr(head.p, 0, head.n)) return; /* curl refuses a NUL */
        if (head.n) whole = http_intake_header(copy + (start - copy), 1, head.n, &in) == head.n;
    } while (whole && rest.n && line.n > (line.n && line.p[line.n - 1] == '\r'));
    uint32_t piece = (uint32_t)status % 7 + 1;
    while (whole && rest.n) {
        uint32_t n = rest.n < piece ? rest.n : piece;
        whole = http_intake_body(copy + (rest.p - copy), 1, n, &in) == n;
        rest = (struct rc_sv){rest.p + n, rest.n - n};
    }
    http_answer_read(&in, &sent, (uint16_t)status, whole ? NULL : "cut", &result);
    FUZZ_LAW(result.reach == RC_ANSWERED && result.status == status && result.headers.kind == CEL_MAP);
    FUZZ_LAW(result.usable || (result.error.n && result.body.kind == CEL_NULL));
    FUZZ_LAW(result.excerpt.n <= RC_MAX_EXCERPT && rc_utf8_valid(result.excerpt));
    FUZZ_LAW(result.retry_after <= RC_SECONDS(31 * 24 * 60 * 60));
    FUZZ_LAW(!result.excerpt.n || !memmem(result.excerpt.p, result.excerpt.n, secret.p, secret.n));
    fuzz_value_laws(result.headers, arena);
    fuzz_value_laws(result.body, arena);
}

static void addresses(struct rc_sv input, struct rc_arena *arena)
{
    while (input.n) {
        struct rc_sv text = rc_copy_sv(arena, fuzz_line(&input)), clean;
        if (!text.p) return;
        if (http_address_text_public(text.p))
            FUZZ_LAW(strncmp(text.p, "127.", 4) != 0 && strncmp(text.p, "10.", 3) != 0 &&
                     strcmp(text.p, "::1") != 0);
        clean = exec_clean_text(arena, text, 64);
        FUZZ_LAW(clean.n <= 64 && rc_utf8_valid(clean));
    }
}

void fuzz_input(struct rc_sv input, struct rc_arena *arena)
{
    if (!input.n) return;
    struct rc_sv rest = {input.p + 1, input.n - 1};
    if (input.p[0] == 'u') request(rest, arena);
    if (input.p[0] == 'a') answer(rest, arena);
    if (input.p[0] == 'p') addresses(rest, arena);
}
