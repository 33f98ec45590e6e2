/* The modes. Each ends with one JSON object on stdout, or with an error. */
#include "load.h"

#include <stdio.h>
#include <string.h>

static void print(const struct mark *from, const struct mark *to, const struct histogram *waits,
                  const char *mode, uint64_t count)
{
    double took = (double)(to->at - from->at) / 1e6;
    printf("{\"mode\": \"%s\", \"connections\": %u, \"batch\": %u, \"steps\": %u, \"seconds\": %.2f, "
           "\"count\": %llu, \"total\": %llu, "
           "\"per_s\": %.0f, "
           "\"p50_ms\": %.2f, \"p99_ms\": %.2f, \"load_cpu_share\": %.2f, \"server_cpu_share\": %.2f, "
           "\"server_cpu_us_each\": %.1f}\n",
           mode, load.clients, load.batch, load.steps, took, (unsigned long long)count,
           (unsigned long long)load.acknowledged, (double)count / took, quantile_ms(waits, 0.5),
           quantile_ms(waits, 0.99), (to->own - from->own) / took, (to->server - from->server) / took,
           count ? (to->server - from->server) * 1e6 / (double)count : 0);
}

static void open_clients(void)
{
    for (uint32_t i = 0; i < load.clients; i++) connect_wire(&load.client[i].wire, CLIENT_KIND, i);
}

static void run_closed(void)
{
    open_clients();
    for (uint32_t i = 0; i < load.clients; i++) go_on(&load.client[i]);
    run_for(load.warmup);
    load.measuring = true;
    struct mark from = mark_now();
    run_for(load.seconds);
    struct mark to = mark_now();
    load.measuring = false;
    load.ending = true;
    if (load.mode == LIFE)
        verify_lives();
    else
        verify_submissions();
    print(&from, &to, &load.waits, load.mode == LIFE ? "life" : "submit",
          load.mode == LIFE ? (to.answered - from.answered) / load.steps
                            : to.acknowledged - from.acknowledged);
}

/* Reads as fast as they are answered, until the time is over. */
static void run_readers(void)
{
    open_clients();
    for (uint32_t i = 0; i < load.clients; i++) send_read(&load.client[i]);
    run_for(load.warmup);
    load.measuring = true;
    struct mark from = mark_now();
    run_for(load.seconds);
    struct mark to = mark_now();
    print(&from, &to, &load.waits, "read", to.acknowledged - from.acknowledged);
}

/* Sends what is due until now; nothing is made up for later than it was due by a connection that became free. */
static void offer_until(uint64_t end, double *io_next)
{
    double gap = 1e6 / load.rate;
    for (uint64_t now; (now = now_us()) < end;) {
        while (*io_next <= (double)now) {
            *io_next += gap;
            if (!load.paused) {
                load.unsent += load.measuring;
                continue;
            }
            struct client *client = &load.client[load.paused - 1];
            load.paused = client->next;
            submit(client);
        }
        turn((uint64_t)*io_next);
    }
}

static void run_offer(void)
{
    uint64_t before = metric("commands_submitted_total"); /* of floods before this one */
    open_clients();
    for (uint32_t i = 0; i < load.clients; i++) set_free(&load.client[i]);
    double next = (double)now_us();
    offer_until(now_us() + (uint64_t)(load.warmup * 1e6), &next);
    load.measuring = true;
    struct mark from = mark_now();
    uint64_t refused = load.refused, submitted = load.submitted;
    offer_until(now_us() + (uint64_t)(load.seconds * 1e6), &next);
    struct mark to = mark_now();
    load.measuring = false;
    uint64_t offered = load.submitted - submitted;
    refused = load.refused - refused;
    uint64_t stop = now_us() + SETTLE_S * 1000000ULL;
    while (load.acknowledged + load.refused < load.submitted && now_us() < stop) turn(now_us() + 1000);
    uint64_t stored = metric("commands_submitted_total") - before;
    if (stored != load.acknowledged || load.acknowledged + load.refused != load.submitted)
        die("%llu were submitted, %llu acknowledged, %llu refused, %llu stored",
            (unsigned long long)load.submitted, (unsigned long long)load.acknowledged,
            (unsigned long long)load.refused, (unsigned long long)stored);
    double took = (double)(to.at - from.at) / 1e6;
    printf("{\"mode\": \"offer\", \"connections\": %u, \"rate\": %u, \"offered_per_s\": %.0f, "
           "\"unsent_per_s\": %.0f, "
           "\"accepted_per_s\": %.0f, \"refused_per_s\": %.0f, \"p50_ms\": %.2f, \"p90_ms\": %.2f, "
           "\"p99_ms\": %.2f, "
           "\"refused_p99_ms\": %.2f, \"load_cpu_share\": %.2f, \"server_cpu_share\": %.2f}\n",
           load.clients, load.rate, (double)offered / took, (double)load.unsent / took,
           (double)(to.acknowledged - from.acknowledged) / took, (double)refused / took,
           quantile_ms(&load.waits, 0.5), quantile_ms(&load.waits, 0.9), quantile_ms(&load.waits, 0.99),
           quantile_ms(&load.refusals, 0.99), (to.own - from.own) / took, (to.server - from.server) / took);
}

/* One life, as its client sees it: it asks to be answered when the command has ended. */
static uint64_t live_once(struct client *client)
{
    struct wire_message message;
    submit(client);
    await(&client->wire, &message);
    uint64_t took = now_us() - client->sent;
    if (memcmp(message.head, "HTTP/1.1 201", 12) != 0 ||
        !memmem(message.body, message.body_n, "\"state\":\"completed\"", 19))
        die("not completed but %.*s", (int)(message.head_n + message.body_n), message.head);
    wire_drop(&client->wire, &message);
    load.acknowledged++;
    return took;
}

static void run_latency(void)
{
    struct client *client = &load.client[0];
    connect_wire(&client->wire, WAITED_KIND, 0);
    for (int i = 0; i < 20; i++) live_once(client); /* warm-up */
    struct mark from = mark_now();
    uint64_t pace = 1000000 / load.rate, next = now_us(), end = next + (uint64_t)(load.seconds * 1e6);
    for (; next < end; next += pace) {
        while (now_us() < next) turn(next);
        record(&load.waits, live_once(client));
    }
    struct mark to = mark_now();
    verify_lives();
    print(&from, &to, &load.waits, "latency", load.waits.n);
}

void run_mode(void)
{
    switch (load.mode) {
    case SUBMIT:
    case LIFE: run_closed(); break;
    case LATENCY: run_latency(); break;
    case OFFER: run_offer(); break;
    case SEARCH: run_search(); break;
    case READ: run_readers(); break;
    case WAIT: run_wait(); break;
    case MODES: break;
    }
}
