/* The load generator: one process, one thread, one epoll for clients and for the target that the flows call.
 *
 *   load MODE [--connections N] [--seconds S] [--warmup S] [--port P] [--target-port P] [--open N] [--rate N]
 *             [--server-pid PID] [--run NAME]
 *
 * MODE submit   N connections, each submits, waits for 201 and submits again. The flow stands before a narrow gate
 *               (defs/later.yaml), so that commands wait; what is counted is acknowledged submissions.
 *      life     the same with the flow whose call is answered at once; a connection pauses while more than --open
 *               commands are on their way. Counted are calls that were answered. Afterwards every command must
 *               be completed, and the server's own counters must agree.
 *      latency  --rate submissions a second, one at a time; the command is asked for until it is completed.
 *      offer    --rate submissions a second, whether or not the server keeps up: each at its time on a connection that is
 *               free, answered 201 or 503. What finds no free connection is not sent, and counted. The times are those of
 *               accepted and of refused ones.
 *
 * A request is a template in which only digits change: 300 bytes of payload, 3 refs (the flow makes them of the
 * payload), a key of its own. Of an answer only the status line and Content-Length are looked at. Prints one JSON
 * object; exits with 1 where anything was not as expected. */
#include "target.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    CLIENT_KIND = 1,
    WAITED_KIND = 3, /* whoever waits for it looks at it after every turn */
    CLIENTS = 4096,
    PAYLOAD = 300,
    REQUEST = 1024,
    SLOT_US = 10,
    SLOTS = 200000, /* of the histogram: up to 2 s */
    SETTLE_S = 30   /* how long what is open may take to end after the run */
};

enum mode { SUBMIT, LIFE, LATENCY, OFFER };

struct client {
    struct wire wire;
    uint64_t sent; /* µs */
    uint32_t next; /* list of those that pause */
};

struct histogram {
    uint32_t slot[SLOTS + 1];
    uint64_t n;
};

static struct {
    enum mode mode;
    uint32_t clients, open, rate;
    double seconds, warmup;
    uint16_t port, target_port;
    long server_pid;
    const char *run;

    int epoll;
    struct client client[CLIENTS];
    struct target target;
    char request[REQUEST];
    size_t request_n;
    size_t key, project, customer, region; /* where their digits stand in the request */
    uint64_t submitted, acknowledged;
    uint32_t paused; /* 1 + index of the first that pauses */
    bool measuring, ending;
    uint64_t refused, unsent; /* offer */
    struct histogram waits, refusals;
} load = {.clients = 64,
          .open = 256,
          .rate = 50,
          .seconds = 5,
          .warmup = 1,
          .port = 7171,
          .target_port = 8599,
          .run = "run"};

static uint64_t now_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

/* ---- figures -------------------------------------------------------------------------------------------- */

static void record(struct histogram *histogram, uint64_t us)
{
    uint64_t slot = us / SLOT_US;
    histogram->slot[slot < SLOTS ? slot : SLOTS]++;
    histogram->n++;
}

static double quantile_ms(const struct histogram *histogram, double share)
{
    uint64_t want = (uint64_t)((double)histogram->n * share), seen = 0;
    for (uint32_t i = 0; i <= SLOTS; i++) {
        seen += histogram->slot[i];
        if (seen > want) return (double)i * SLOT_US / 1e3;
    }
    return 0;
}

static double own_cpu(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Seconds of CPU that the server has used, from /proc/PID/stat (proc(5): utime and stime, fields 14 and 15). */
static double server_cpu(void)
{
    char path[64], text[1024];
    if (!load.server_pid) return 0;
    snprintf(path, sizeof path, "/proc/%ld/stat", load.server_pid);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = 0;
    const char *p = strrchr(text, ')');
    unsigned long user = 0, system = 0;
    if (!p || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        return 0;
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

struct mark {
    uint64_t at, acknowledged, answered;
    double own, server;
};

static struct mark mark_now(void)
{
    return (struct mark){now_us(), load.acknowledged, load.target.answered, own_cpu(), server_cpu()};
}

/* ---- requests ------------------------------------------------------------------------------------------- */

static void put_digits(char *at, uint32_t n, uint64_t number)
{
    while (n--) {
        at[n] = (char)('0' + number % 10);
        number /= 10;
    }
}

static size_t behind(const char *text)
{
    const char *found = strstr(load.request, text);
    if (!found) die("the request has no %s", text);
    return (size_t)(found - load.request) + strlen(text);
}

/* Numbers have leading digits already, so that they stay JSON numbers whatever is put behind. */
static void make_request(void)
{
    char payload[PAYLOAD + 1], body[REQUEST];
    const char *type = load.mode == SUBMIT || load.mode == OFFER ? "bench.wait" : "bench.one";
    int n = snprintf(payload, sizeof payload,
                     "{\"project\":1000000000,\"customer\":1000000000,\"region\":\"eu-0\",\"note\":\"");
    static const char filler[] =
        "mend what the nightly build found and say so in the notes of the next release, ";
    for (uint32_t i = 0; n < PAYLOAD - 2; i++) payload[n++] = filler[i % (sizeof filler - 1)];
    memcpy(payload + n, "\"}", 3);
    n = snprintf(body, sizeof body, "{\"type\":\"%s\",\"payload\":%s}", type, payload);
    n = snprintf(load.request, sizeof load.request,
                 "POST /v1/commands HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nContent-Type: application/json\r\n"
                 "Idempotency-Key: bench-%s-0000000000\r\nContent-Length: %d\r\n\r\n%s",
                 load.port, load.run, n, body);
    if ((size_t)n >= sizeof load.request) die("the request is too long");
    load.request_n = (size_t)n;
    load.key = behind("Idempotency-Key: bench-") + strlen(load.run) + 1;
    load.project = behind("\"project\":1");
    load.customer = behind("\"customer\":1");
    load.region = behind("\"eu-");
}

/* Eight commands to a project and a hundred to a customer, one after the other. */
static void submit(struct client *client)
{
    uint64_t n = load.submitted++;
    put_digits(load.request + load.key, 10, n);
    put_digits(load.request + load.project, 9, n / 8);
    put_digits(load.request + load.customer, 9, n / 100);
    put_digits(load.request + load.region, 1, n % 8);
    client->sent = now_us();
    wire_send(&client->wire, load.request, load.request_n);
}

static bool may_submit(void)
{
    return load.mode != LIFE || load.submitted - load.target.answered < load.open;
}

static void go_on(struct client *client)
{
    if (load.ending) return;
    if (may_submit()) {
        submit(client);
    } else {
        client->next = load.paused;
        load.paused = client->wire.index + 1;
    }
}

static void resume_paused(void)
{
    while (load.paused && may_submit() && !load.ending) {
        struct client *client = &load.client[load.paused - 1];
        load.paused = client->next;
        submit(client);
    }
}

static void set_free(struct client *client)
{
    client->next = load.paused;
    load.paused = client->wire.index + 1;
}

static void on_answer(struct client *client)
{
    struct wire_message message;
    if (!wire_fill(&client->wire)) die("the server has closed a connection");
    if (!wire_next(&client->wire, &message)) return;
    if (load.mode == OFFER && memcmp(message.head, "HTTP/1.1 503", 12) == 0) {
        if (!memmem(message.head, message.head_n, "\r\nRetry-After: ", 15)) die("a 503 without Retry-After");
        wire_drop(&client->wire, &message);
        load.refused++;
        if (load.measuring) record(&load.refusals, now_us() - client->sent);
        set_free(client);
        return;
    }
    if (memcmp(message.head, "HTTP/1.1 201", 12) != 0)
        die("not 201 but %.*s", (int)(message.head_n + message.body_n), message.head);
    wire_drop(&client->wire, &message);
    load.acknowledged++;
    if (load.measuring) record(&load.waits, now_us() - client->sent);
    if (load.mode == OFFER)
        set_free(client);
    else
        go_on(client);
}

/* ---- the loop ------------------------------------------------------------------------------------------- */

/* Handles what has happened, waiting at most until `until`. */
static void turn(uint64_t until)
{
    struct epoll_event event[128];
    uint64_t now = now_us(), due = target_due(&load.target, now);
    if (due < until) until = due;
    uint64_t left = until > now ? until - now : 0;
    const struct timespec wait = {.tv_sec = (time_t)(left / 1000000),
                                  .tv_nsec = (long)(left % 1000000 * 1000)};
    int n = epoll_pwait2(load.epoll, event, 128, &wait, NULL);
    now = now_us();
    for (int i = 0; i < n; i++) {
        struct wire *wire = event[i].data.ptr;
        if (wire->kind == TARGET_KIND)
            target_ready(&load.target, wire, now);
        else if (wire->kind == CLIENT_KIND)
            on_answer(&load.client[wire->index]);
    }
    if (load.mode != OFFER) resume_paused();
}

static void run_for(double seconds)
{
    uint64_t end = now_us() + (uint64_t)(seconds * 1e6);
    while (now_us() < end) turn(end);
}

static void connect_wire(struct wire *wire, uint32_t kind, uint32_t index)
{
    wire->fd = wire_connect(load.port);
    wire->kind = kind;
    wire->index = index;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = wire};
    if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, wire->fd, &event) != 0) die("epoll: %s", strerror(errno));
}

static void open_clients(void)
{
    for (uint32_t i = 0; i < load.clients; i++) connect_wire(&load.client[i].wire, CLIENT_KIND, i);
}

/* ---- questions, one at a time ----------------------------------------------------------------------------- */

static struct wire asker = {.fd = -1};

static void await(struct wire *wire, struct wire_message *ret)
{
    while (!wire_next(wire, ret)) {
        turn(now_us() + 1000000);
        if (!wire_fill(wire)) die("the server has closed a connection");
    }
}

/* The answer stays in asker.in until the next question; the target goes on meanwhile. */
static struct wire_message ask(const char *path)
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

static uint64_t metric(const char *name)
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

/* Everything that was acknowledged has ended well, and nothing was called twice. */
static void verify_lives(void)
{
    uint64_t end = now_us() + SETTLE_S * 1000000ULL;
    while (load.target.answered < load.submitted && now_us() < end) turn(now_us() + 1000);
    while (!none_in("pending,running,waiting") && now_us() < end) turn(now_us() + 10000);
    if (!none_in("pending,running,waiting")) die("commands are open still");
    if (!none_in("review,failed,rejected,rolling_back,rolled_back,cancelling,cancelled,partial,resolved"))
        die("commands have ended otherwise than completed");
    uint64_t stored = metric("commands_submitted_total"), results = metric("results_total");
    if (load.acknowledged != load.submitted || stored != load.acknowledged || results != stored ||
        load.target.answered != stored)
        die("%llu were submitted, %llu acknowledged, %llu stored, %llu called, %llu have a result",
            (unsigned long long)load.submitted, (unsigned long long)load.acknowledged,
            (unsigned long long)stored, (unsigned long long)load.target.answered,
            (unsigned long long)results);
}

static void verify_submissions(void)
{
    uint64_t end = now_us() + SETTLE_S * 1000000ULL;
    while (load.acknowledged < load.submitted && now_us() < end) turn(now_us() + 1000);
    uint64_t stored = metric("commands_submitted_total");
    if (load.acknowledged != load.submitted || stored != load.acknowledged)
        die("%llu were submitted, %llu acknowledged, %llu stored", (unsigned long long)load.submitted,
            (unsigned long long)load.acknowledged, (unsigned long long)stored);
}

/* ---- modes ---------------------------------------------------------------------------------------------- */

static void print(const struct mark *from, const struct mark *to, const struct histogram *waits,
                  const char *mode, uint64_t count)
{
    double took = (double)(to->at - from->at) / 1e6;
    printf("{\"mode\": \"%s\", \"connections\": %u, \"seconds\": %.2f, \"count\": %llu, \"total\": %llu, "
           "\"per_s\": %.0f, "
           "\"p50_ms\": %.2f, \"p99_ms\": %.2f, \"load_cpu_share\": %.2f, \"server_cpu_share\": %.2f, "
           "\"server_cpu_us_each\": %.1f}\n",
           mode, load.clients, took, (unsigned long long)count, (unsigned long long)load.acknowledged,
           (double)count / took, quantile_ms(waits, 0.5), quantile_ms(waits, 0.99),
           (to->own - from->own) / took, (to->server - from->server) / took,
           count ? (to->server - from->server) * 1e6 / (double)count : 0);
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
          load.mode == LIFE ? to.answered - from.answered : to.acknowledged - from.acknowledged);
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

/* One life, as its client sees it: from the first byte sent to the answer that says completed. The question is first
 * asked when the call has been answered, and then every 50 µs: that is the error of the figure. */
static uint64_t live_once(struct client *client)
{
    char path[128];
    struct wire_message message;
    uint64_t calls = load.target.answered;
    submit(client);
    await(&client->wire, &message);
    const char *location = memmem(message.head, message.head_n, "\r\nLocation: ", 12);
    if (memcmp(message.head, "HTTP/1.1 201", 12) != 0 || !location)
        die("not 201 but %.*s", (int)message.head_n, message.head);
    location += 12;
    snprintf(path, sizeof path, "%.*s", (int)strcspn(location, "\r"), location);
    wire_drop(&client->wire, &message);
    load.acknowledged++;
    while (load.target.answered == calls) turn(now_us() + 1000000);
    while (!strstr(ask(path).body, "\"state\":\"completed\"")) turn(now_us() + 50);
    return now_us() - client->sent;
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

/* ---- arguments ------------------------------------------------------------------------------------------ */

static void read_arguments(int argc, char **argv)
{
    static const struct option options[] = {
        {"connections", required_argument, NULL, 'c'}, {"seconds", required_argument, NULL, 's'},
        {"warmup", required_argument, NULL, 'w'},      {"port", required_argument, NULL, 'p'},
        {"target-port", required_argument, NULL, 't'}, {"open", required_argument, NULL, 'o'},
        {"rate", required_argument, NULL, 'r'},        {"server-pid", required_argument, NULL, 'P'},
        {"run", required_argument, NULL, 'n'},         {0}};
    for (int got; (got = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (got) {
        case 'c': load.clients = (uint32_t)atoi(optarg); break;
        case 's': load.seconds = atof(optarg); break;
        case 'w': load.warmup = atof(optarg); break;
        case 'p': load.port = (uint16_t)atoi(optarg); break;
        case 't': load.target_port = (uint16_t)atoi(optarg); break;
        case 'o': load.open = (uint32_t)atoi(optarg); break;
        case 'r': load.rate = (uint32_t)atoi(optarg); break;
        case 'P': load.server_pid = atol(optarg); break;
        case 'n': load.run = optarg; break;
        default: exit(2);
        }
    }
    static const char *const modes[] = {"submit", "life", "latency", "offer"};
    int mode = 0;
    while (mode < 4 && !(optind + 1 == argc && strcmp(argv[optind], modes[mode]) == 0)) mode++;
    if (mode == 4) die("load submit|life|latency|offer [OPTION]…");
    load.mode = (enum mode)mode;
    if (!load.clients || load.clients > CLIENTS || !load.open || !load.rate)
        die("load: a number is out of bounds");
}

int main(int argc, char **argv)
{
    read_arguments(argc, argv);
    make_request();
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (load.epoll < 0) die("epoll: %s", strerror(errno));
    target_open(&load.target, load.epoll, load.target_port);
    if (load.mode == LATENCY)
        run_latency();
    else if (load.mode == OFFER)
        run_offer();
    else
        run_closed();
    return 0;
}
