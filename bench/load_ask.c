/* Questions, one at a time, and whether what was counted is what the server stored. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct wire asker = {.fd = -1};

void await(struct wire *wire, struct wire_message *ret)
{
    while (!wire_next(wire, ret)) {
        turn(now_us() + 1000000);
        if (!wire_fill(wire)) die("the server has closed a connection");
    }
}

struct wire_message ask(const char *path)
{
    char text[512];
    struct wire_message message;
    if (asker.fd < 0) connect_wire(&asker, WAITED_KIND, 0);
    int n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n", path, load.port);
    asker.n = 0;
    wire_send(&asker, text, (size_t)n);
    await(&asker, &message);
    if (memcmp(message.head, "HTTP/1.1 200", 12) != 0) die("GET %s: %.80s", path, message.head);
    asker.in[message.head_n + message.body_n < WIRE_BUFFER ? message.head_n + message.body_n
                                                           : WIRE_BUFFER - 1] = 0;
    return message;
}

uint64_t metric(const char *name)
{
    char line[64];
    struct wire_message message = ask("/metrics");
    snprintf(line, sizeof line, "\nrecourse_%s ", name);
    const char *found = strstr(message.body, line);
    if (!found) die("/metrics has no %s", name);
    return strtoull(found + strlen(line), NULL, 10);
}

/* Whether the list has no command in these states. A page may be short: it is followed to its end. */
static bool none_in(const char *states)
{
    char path[256];
    int n = snprintf(path, sizeof path, "/v1/commands?limit=1&state=%s", states);
    for (;;) {
        struct wire_message message = ask(path);
        if (!strstr(message.body, "\"commands\":[]")) return false;
        const char *next = strstr(message.body, "\"next\":\"");
        if (!next) return true;
        next += strlen("\"next\":\"");
        snprintf(path + n, sizeof path - (size_t)n, "&before=%.*s", (int)strcspn(next, "\""), next);
    }
}

static void verify_states(uint64_t end)
{
    while (!none_in("pending,running,waiting") && now_us() < end) turn(now_us() + 10000);
    if (!none_in("pending,running,waiting")) die("commands are open still");
    if (!none_in("review,failed,rejected,rolling_back,rolled_back,cancelling,cancelled,partial,resolved"))
        die("commands have ended otherwise than completed");
}

void verify_lives(void)
{
    uint64_t end = now_us() + SETTLE_S * 1000000ULL;
    while (load.target.answered < load.submitted * load.steps && now_us() < end) turn(now_us() + 1000);
    if (load.mixed) { /* what was called may not be stored yet */
        while (metric("results_total") < load.target.answered && now_us() < end) turn(now_us() + 10000);
    } else {
        verify_states(end);
    }
    uint64_t stored = metric("commands_submitted_total"), results = metric("results_total");
    if (load.acknowledged != load.submitted || stored != load.acknowledged ||
        (results != stored * load.steps && !load.mixed) || load.target.answered != stored * load.steps)
        die("%llu were submitted, %llu acknowledged, %llu stored, %llu called, %llu have a result",
            (unsigned long long)load.submitted, (unsigned long long)load.acknowledged,
            (unsigned long long)stored, (unsigned long long)load.target.answered,
            (unsigned long long)results);
}

void verify_submissions(void)
{
    uint64_t end = now_us() + SETTLE_S * 1000000ULL;
    while (load.acknowledged < load.submitted && now_us() < end) turn(now_us() + 1000);
    uint64_t stored = metric("commands_submitted_total");
    if (load.acknowledged != load.submitted || stored != load.acknowledged)
        die("%llu were submitted, %llu acknowledged, %llu stored", (unsigned long long)load.submitted,
            (unsigned long long)load.acknowledged, (unsigned long long)stored);
}
