/* What is sent: 300 bytes of payload, 3 refs (the flow makes them of the payload), a key of its own. One submission as
 * JSON, or many as NDJSON. Of an answer only the status, Content-Length and the statuses of a batch's lines are looked at. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 512, HEAD = 256 };

static void put_digits(char *at, uint32_t n, uint64_t number)
{
    while (n--) {
        at[n] = (char)('0' + number % 10);
        number /= 10;
    }
}

static size_t behind(const char *in, const char *text)
{
    const char *found = strstr(in, text);
    if (!found) die("the request has no %s", text);
    return (size_t)(found - in) + strlen(text);
}

static const char *type(void)
{
    if (load.mode == SUBMIT || load.mode == OFFER) return "bench.wait";
    return load.steps == 100 ? "bench.each" : load.steps == 3 ? "bench.three" : "bench.one";
}

/* Numbers have leading digits already, so that they stay JSON numbers whatever is put behind. */
static size_t make_line(char *ret, size_t size)
{
    char payload[PAYLOAD + 1], key[64] = "";
    int n = snprintf(payload, sizeof payload,
                     "{\"project\":1000000000,\"customer\":1000000000,\"region\":\"eu-0\",\"note\":\"");
    static const char filler[] =
        "mend what the nightly build found and say so in the notes of the next release, ";
    for (uint32_t i = 0; n < PAYLOAD - 2; i++) payload[n++] = filler[i % (sizeof filler - 1)];
    memcpy(payload + n, "\"}", 3);
    if (load.batch) snprintf(key, sizeof key, "\"key\":\"bench-%.16s-0000000000\",", load.run);
    n = snprintf(ret, size, "{\"type\":\"%s\",%s\"payload\":%s}%s", type(), key, payload,
                 load.batch ? "\n" : "");
    if (n < 0 || (size_t)n >= size) die("a submission is too long");
    return (size_t)n;
}

void make_request(void)
{
    char line[LINE], key[64] = "", mark[32];
    struct request *request = &load.request;
    *request = (struct request){.lines = load.batch ? load.batch : 1, .stride = make_line(line, sizeof line)};
    size_t body = request->stride * request->lines;
    request->text = malloc(HEAD + body + 1);
    if (!request->text) die("out of memory");
    if (!load.batch) snprintf(key, sizeof key, "Idempotency-Key: bench-%.16s-0000000000\r\n", load.run);
    int n = snprintf(request->text, HEAD,
                     "POST /v1/commands%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nContent-Type: application/%s\r\n"
                     "%sContent-Length: %zu\r\n\r\n",
                     load.batch             ? "/batch"
                     : load.mode == LATENCY ? "?wait=10s"
                                            : "",
                     load.port, load.batch ? "x-ndjson" : "json", key, body);
    if (n < 0 || n >= HEAD) die("the head of a request is too long");
    request->line = (size_t)n;
    for (uint32_t i = 0; i < request->lines; i++)
        memcpy(request->text + request->line + i * request->stride, line, request->stride);
    request->n = request->line + body;
    request->text[request->n] = 0;
    snprintf(mark, sizeof mark, "bench-%.16s-", load.run);
    /* of a single submission the key stands in the head, before its line; so counted from the head's begin */
    request->key = load.batch ? behind(line, mark) : behind(request->text, mark);
    request->project = behind(line, "\"project\":1");
    request->customer = behind(line, "\"customer\":1");
    request->region = behind(line, "\"eu-");
}

/* Eight commands to a project and a hundred to a customer, one after the other. */
void number_request(void)
{
    const struct request *request = &load.request;
    char *line = request->text + request->line;
    for (uint32_t i = 0; i < request->lines; i++, line += request->stride) {
        uint64_t n = load.submitted++;
        put_digits((load.batch ? line : request->text) + request->key, 10, n);
        put_digits(line + request->project, 9, n / 8);
        put_digits(line + request->customer, 9, n / 100);
        put_digits(line + request->region, 1, n % 8);
    }
}

uint32_t accepted(const struct wire_message *message)
{
    static const char status[] = "HTTP/1.1 201", each[] = "{\"status\":201,";
    if (load.mode == READ) {
        take_read(message);
        return 1;
    }
    if (!load.batch) {
        if (memcmp(message->head, status, sizeof status - 1) != 0)
            die("not 201 but %.*s", (int)(message->head_n + message->body_n), message->head);
        return 1;
    }
    if (memcmp(message->head, "HTTP/1.1 200", 12) != 0) die("not 200 but %.300s", message->head);
    uint32_t lines = 0;
    const char *end = message->body + message->body_n;
    for (const char *p = message->body; p < end; lines++) {
        const char *feed = memchr(p, '\n', (size_t)(end - p));
        if (!feed || memcmp(p, each, sizeof each - 1) != 0) die("a line is not 201 but %.300s", p);
        p = feed + 1;
    }
    if (lines != load.batch) die("%u lines were answered, of %u", lines, load.batch);
    return lines;
}
