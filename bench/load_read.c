/* Reading: how long a search takes, what readers at full speed do, what a client costs that waits.
 *
 * A search is "the newest 20 failed commands of one customer". A page may be short of what its limit allows; then it is
 * followed, as any client does, until 20 are there or the list ends, and all of that is its time. */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum { NEWEST = 20, FIRST = 128, CURSOR = 128, PATH = 320, ID = 40, WAITING_PATH = 128 };

static uint64_t seed = 88172645463325252;

/* xorshift64 (Marsaglia, "Xorshift RNGs"): the same customers in every run. */
static uint64_t random_below(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % n;
}

static uint32_t count_of(const char *text, const char *part)
{
    uint32_t n = 0;
    for (const char *p = text; (p = strstr(p, part)); p += strlen(part)) n++;
    return n;
}

static void put_search(char path[PATH])
{
    snprintf(path, PATH, "/v1/commands?limit=%d&state=failed&ref=customer%%3D1%09llu", NEWEST,
             (unsigned long long)random_below(load.customers));
}

/* Whether more pages are wanted; then *io_path is the next one's. */
static bool next_page(const char *answer, uint32_t found, const char *first, char path[PATH])
{
    const char *next = strstr(answer, "\"next\":\"");
    if (found >= NEWEST || !next) return false;
    next += strlen("\"next\":\"");
    size_t n = strcspn(next, "\"");
    if (n > CURSOR) die("a cursor is too long");
    snprintf(path, PATH, "%.*s&before=%.*s", FIRST, first, (int)n, next);
    return true;
}

void run_search(void)
{
    char first[PATH], path[PATH];
    uint64_t pages = 0, rows = 0;
    for (uint64_t end = now_us() + (uint64_t)(load.warmup * 1e6); now_us() < end;) {
        put_search(first);
        ask(first);
    }
    struct mark from = mark_now();
    uint64_t end = from.at + (uint64_t)(load.seconds * 1e6);
    while (now_us() < end) {
        uint32_t found = 0;
        put_search(first);
        memcpy(path, first, sizeof path);
        uint64_t began = now_us();
        for (bool more = true; more; pages++) {
            const char *answer = ask(path).body;
            found += count_of(answer, "\"state\":\"failed\"");
            more = next_page(answer, found, first, path);
        }
        record(&load.waits, now_us() - began);
        rows += found;
    }
    struct mark to = mark_now();
    double n = (double)load.waits.n;
    printf("{\"mode\": \"search\", \"searches\": %llu, \"per_s\": %.0f, \"p50_ms\": %.2f, \"p99_ms\": %.2f, "
           "\"max_ms\": %.2f, \"pages_each\": %.2f, \"rows_each\": %.1f, \"load_cpu_share\": %.2f}\n",
           (unsigned long long)load.waits.n, n * 1e6 / (double)(to.at - from.at),
           quantile_ms(&load.waits, 0.5), quantile_ms(&load.waits, 0.99), quantile_ms(&load.waits, 1),
           (double)pages / n, (double)rows / n, (to.own - from.own) * 1e6 / (double)(to.at - from.at));
}

/* ---- readers beside writers --------------------------------------------------------------------------------- */

static char seen[ID]; /* the last command that a list showed */

void take_read(const struct wire_message *message)
{
    static const char begin[] = "{\"id\":\"";
    if (memcmp(message->head, "HTTP/1.1 200", 12) != 0) die("not 200 but %.300s", message->head);
    const char *found = memmem(message->body, message->body_n, begin, sizeof begin - 1);
    if (!found) return;
    found += sizeof begin - 1;
    snprintf(seen, sizeof seen, "%.*s", (int)strcspn(found, "\""), found);
}

/* In turn: a search, the newest commands, one command. */
void send_read(struct client *client)
{
    char path[PATH], text[PATH + 64];
    uint64_t turn = load.submitted++ % 3;
    if (turn == 0)
        put_search(path);
    else if (turn == 1 || !*seen)
        snprintf(path, sizeof path, "/v1/commands?limit=%d", NEWEST);
    else
        snprintf(path, sizeof path, "/v1/commands/%s", seen);
    int n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n", path, load.port);
    client->sent = now_us();
    wire_send(&client->wire, text, (size_t)n);
}

/* ---- clients that wait ---------------------------------------------------------------------------------------- */

static double server_memory_kib(void)
{
    char path[64], line[256];
    double found = 0;
    snprintf(path, sizeof path, "/proc/%ld/status", load.server_pid);
    FILE *file = fopen(path, "r");
    if (!file) die("%s: %s", path, strerror(errno));
    while (fgets(line, sizeof line, file))
        if (strncmp(line, "VmRSS:", 6) == 0) found = strtod(line + 6, NULL);
    fclose(file);
    return found;
}

/* The store holds a command that does not come to rest: everybody waits for it. */
void run_wait(void)
{
    char id[ID], text[WAITING_PATH];
    struct wire_message message = ask("/v1/commands?limit=1&state=pending,running,waiting");
    const char *found = strstr(message.body, "{\"id\":\"");
    if (!found) die("no command is open");
    snprintf(id, sizeof id, "%.*s", (int)strcspn(found + 7, "\""), found + 7);
    double before = server_memory_kib();
    for (uint32_t i = 0; i < load.clients; i++) {
        struct wire *wire = &load.client[i].wire;
        connect_wire(wire, WAITED_KIND, i);
        int n =
            snprintf(text, sizeof text, "GET /v1/commands/%s?wait=60s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n",
                     id, load.port);
        wire_send(wire, text, (size_t)n);
    }
    uint64_t end = now_us() + SETTLE_S * 1000000ULL;
    while (metric("http_waiting") < load.clients && now_us() < end) turn(now_us() + 10000);
    if (metric("http_waiting") < load.clients) die("not all of the clients wait");
    double after = server_memory_kib();
    printf("{\"mode\": \"wait\", \"clients\": %u, \"kib_each\": %.2f, \"kib_before\": %.0f, \"kib_after\": "
           "%.0f}\n",
           load.clients, (after - before) / load.clients, before, after);
}
