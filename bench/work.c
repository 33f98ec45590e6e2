/* Remote workers as a load: how fast steps are leased and reported on.
 *
 *   work PORT drain WORKERS BATCH COUNT           submits COUNT commands, then WORKERS drain them: lease, heartbeat and report BATCH at a time
 *   work PORT poll WORKERS RATE SECONDS           WORKERS wait for one task each, while RATE commands a second are submitted
 *
 * The server has the definitions of bench/defs-work (flow `work`). Prints one JSON object: tasks a second, and of `poll` the time from when a
 * command was due to be submitted until a worker had its task. Every task is counted once; the program ends with an error where one is leased
 * or reported twice, or is missing. */
#include "wire.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

enum {
    WORKERS_MOST = 1024,
    BATCH_MOST = 100,
    LEASE_TEXT = 64,
    BODY = 96 << 10,
    LINES = 250,
    WAITS_MOST = 4 << 20
};

enum asks { LEASES, BEATS, REPORTS };
struct worker {
    struct wire wire;
    enum asks asks;
    uint32_t n;
    char lease[BATCH_MOST][LEASE_TEXT];
};

static struct worker *worker;
static struct wire submitter;
static bool submitter_waits;
static uint32_t nworkers, batch = 1;
static uint64_t submitted, leased, reported, latest;
static uint32_t *wait_us;
static uint64_t nwaits;
static int poller;
static char body[BODY], request[BODY + 512];

static uint64_t now_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static void post(const struct wire *wire, const char *path, const char *type, size_t n)
{
    int head =
        snprintf(request, 512,
                 "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                 path, type, n);
    memcpy(request + head, body, n);
    wire_send(wire, request, (size_t)head + n);
}

static void ask_lease(struct worker *w)
{
    w->asks = LEASES;
    int n = snprintf(body, sizeof body, "{\"queues\":[\"work\"],\"max\":%u}", batch);
    post(&w->wire, "/v1/work/lease?wait=20s", "application/json", (size_t)n);
}

static void tell(struct worker *w, enum asks asks)
{
    size_t n = (size_t)snprintf(body, sizeof body, "{\"%s\":[", asks == BEATS ? "heartbeats" : "results");
    for (uint32_t i = 0; i < w->n; i++)
        n += (size_t)snprintf(body + n, sizeof body - n,
                              asks == BEATS
                                  ? "%s{\"lease\":\"%s\"}"
                                  : "%s{\"lease\":\"%s\",\"outcome\":\"succeeded\",\"output\":{\"ok\":true}}",
                              i ? "," : "", w->lease[i]);
    n += (size_t)snprintf(body + n, sizeof body - n, "]}");
    w->asks = asks;
    post(&w->wire, asks == BEATS ? "/v1/work/heartbeat" : "/v1/work/report", "application/json", n);
}

static void take_tasks(struct worker *w, const char *text, const char *end)
{
    uint64_t now = now_us();
    w->n = 0;
    for (const char *at = text; (at = memmem(at, (size_t)(end - at), "\"lease\":\"", 9)) != NULL;) {
        const char *from = at + 9, *to = memchr(from, '"', (size_t)(end - from));
        const char *due = memmem(to, (size_t)(end - to), "\"at\":", 5);
        if (w->n == batch || to - from >= LEASE_TEXT) die("more than was asked for");
        memcpy(w->lease[w->n], from, (size_t)(to - from));
        w->lease[w->n++][to - from] = 0;
        if (due && nwaits < WAITS_MOST) wait_us[nwaits++] = (uint32_t)(now - strtoull(due + 5, NULL, 10));
        at = to;
    }
    leased += w->n;
}

static void answered(struct worker *w, const struct wire_message *message)
{
    const char *end = message->body + message->body_n;
    if (message->head_n < 12 || memcmp(message->head + 9, "200", 3) != 0)
        die("%.*s%.*s", (int)message->head_n, message->head, (int)message->body_n, message->body);
    if (w->asks == LEASES) take_tasks(w, message->body, end);
    if (w->asks == REPORTS) {
        uint32_t ok = 0;
        for (const char *at = message->body; (at = memmem(at, (size_t)(end - at), "{\"status\":200", 13));
             at++)
            ok++;
        if (ok != w->n) die("%u of %u reports were accepted: %.*s", ok, w->n, 400, message->body);
        reported += ok;
        latest = now_us();
        w->n = 0;
    }
    if (w->asks == LEASES && w->n)
        tell(w, batch > 1 ? BEATS : REPORTS);
    else if (w->asks == BEATS)
        tell(w, REPORTS);
    else
        ask_lease(w);
}

/* Lines as far as they are due. */
static void submit(uint64_t count, uint64_t at)
{
    size_t n = 0;
    if (count > LINES) count = LINES;
    for (uint64_t i = 0; i < count; i++)
        n += (size_t)snprintf(body + n, sizeof body - n,
                              "{\"type\":\"work\",\"key\":\"%llu\",\"payload\":{\"at\":%llu}}\n",
                              (unsigned long long)submitted++, (unsigned long long)at);
    post(&submitter, "/v1/commands/batch", "application/x-ndjson", n);
    submitter_waits = true;
}

static void turn(int ms)
{
    struct epoll_event events[256];
    int n = epoll_wait(poller, events, 256, ms);
    for (int i = 0; i < n; i++) {
        struct wire *wire = events[i].data.ptr;
        struct wire_message message;
        if (!wire_fill(wire)) die("the connection has ended");
        while (wire_next(wire, &message)) {
            if (wire == &submitter) {
                if (memmem(message.body, message.body_n, "\"status\":5", 10)) die("a submission was refused");
                submitter_waits = false;
            } else {
                answered(&worker[wire->index], &message);
            }
            wire_drop(wire, &message);
        }
    }
}

static void join(struct wire *wire, uint16_t port, uint32_t index)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = wire};
    wire->fd = wire_connect(port);
    wire->index = index;
    if (epoll_ctl(poller, EPOLL_CTL_ADD, wire->fd, &event) != 0) die("epoll");
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double quantile_ms(double q)
{
    return nwaits ? wait_us[(uint64_t)(q * (double)(nwaits - 1))] / 1000.0 : 0;
}

static void drain(uint64_t count)
{
    while (submitted < count) {
        submit(count - submitted, 0);
        while (submitter_waits) turn(1000);
    }
    uint64_t from = now_us();
    for (uint32_t i = 0; i < nworkers; i++) ask_lease(&worker[i]);
    while (reported < count) turn(1000);
    if (leased != reported)
        die("%llu leased, %llu reported", (unsigned long long)leased, (unsigned long long)reported);
    double took = (double)(latest - from) / 1e6;
    printf("{\"mode\": \"drain\", \"workers\": %u, \"batch\": %u, \"count\": %llu, \"seconds\": %.2f, "
           "\"per_s\": %.0f}\n",
           nworkers, batch, (unsigned long long)count, took, (double)count / took);
}

static void poll_for(uint64_t rate, uint64_t seconds)
{
    for (uint32_t i = 0; i < nworkers; i++) ask_lease(&worker[i]);
    uint64_t from = now_us(), end = from + seconds * 1000000;
    for (uint64_t now; (now = now_us()) < end;) {
        uint64_t due = (now - from) * rate / 1000000;
        if (!submitter_waits && due > submitted) submit(due - submitted, from + submitted * 1000000 / rate);
        turn(1);
    }
    double took = (double)(now_us() - from) / 1e6;
    uint64_t done = leased;
    while (reported < submitted) turn(1000);
    qsort(wait_us, nwaits, sizeof *wait_us, compare);
    printf("{\"mode\": \"poll\", \"workers\": %u, \"rate\": %llu, \"seconds\": %.2f, \"leased_per_s\": %.0f, "
           "\"p50_ms\": %.2f, "
           "\"p99_ms\": %.2f}\n",
           nworkers, (unsigned long long)rate, took, (double)done / took, quantile_ms(0.5),
           quantile_ms(0.99));
}

int main(int argc, char **argv)
{
    if (argc != 6) die("usage: work PORT drain WORKERS BATCH COUNT | work PORT poll WORKERS RATE SECONDS");
    uint16_t port = (uint16_t)strtoul(argv[1], NULL, 10);
    bool drains = strcmp(argv[2], "drain") == 0;
    nworkers = (uint32_t)strtoul(argv[3], NULL, 10);
    if (drains) batch = (uint32_t)strtoul(argv[4], NULL, 10);
    if (nworkers < 1 || nworkers > WORKERS_MOST || batch < 1 || batch > BATCH_MOST) die("out of bounds");
    worker = calloc(nworkers, sizeof *worker);
    wait_us = malloc(WAITS_MOST * sizeof *wait_us);
    poller = epoll_create1(0);
    if (!worker || !wait_us || poller < 0) die("out of memory");
    join(&submitter, port, 0);
    for (uint32_t i = 0; i < nworkers; i++) join(&worker[i].wire, port, i);
    if (drains)
        drain(strtoull(argv[5], NULL, 10));
    else
        poll_for(strtoull(argv[4], NULL, 10), strtoull(argv[5], NULL, 10));
    return 0;
}
