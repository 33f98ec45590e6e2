/* The load generator: one process, one thread, one epoll for clients and for the target that the flows call.
 *
 *   load MODE [--batch N] [--steps 1|3|100] [--connections N] [--seconds S] [--warmup S] [--port P] [--target-port P] [--open N] [--rate N]
 *             [--server-pid PID] [--run NAME] [--customers N] [--count N] [--mixed]
 *
 * MODE submit   N connections, each submits, waits for 201 and submits again. The flow stands before a narrow gate
 *               (defs/later.yaml), so that commands wait; what is counted is acknowledged submissions.
 *      life     the same with the flow whose call is answered at once; a connection pauses while more than --open
 *               commands are on their way. Counted are calls that were answered. Afterwards every command must
 *               be completed, and the server's own counters must agree.
 *      latency  --rate submissions a second, one at a time, each answered when it is completed (?wait).
 *      offer    --rate submissions a second, whether or not the server keeps up: each at its time on a connection that is
 *               free, answered 201 or 503. What finds no free connection is not sent, and counted. The times are those of
 *               accepted and of refused ones.
 *      search   the newest 20 failed commands of one of --customers, one search after the other.
 *      read     N connections at full speed, in turn a search, the newest commands, one command.
 *      wait     N clients that wait for a command that does not come to rest: what each costs the server.
 *
 * --count N ends after N submissions. --mixed says that the store holds commands of others, too.
 * A request is a template in which only digits change: 300 bytes of payload, 3 refs (the flow makes them of the
 * payload), a key of its own. Of an answer only the status line and Content-Length are looked at. Prints one JSON
 * object; exits with 1 where anything was not as expected. */
#include "load.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

struct load load; /* half a gigabyte: with an initializer all of it would stand in the program's file */

uint64_t now_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

void submit(struct client *client)
{
    if (load.mode == READ) {
        send_read(client);
        return;
    }
    number_request();
    client->sent = now_us();
    wire_send(&client->wire, load.request.text, load.request.n);
}

static bool may_submit(void)
{
    return load.mode != LIFE || load.submitted - load.target.answered / load.steps < load.open;
}

void go_on(struct client *client)
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

void set_free(struct client *client)
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
    load.acknowledged += accepted(&message);
    wire_drop(&client->wire, &message);
    if (load.measuring) record(&load.waits, now_us() - client->sent);
    if (load.mode == OFFER)
        set_free(client);
    else
        go_on(client);
}

/* ---- the loop ------------------------------------------------------------------------------------------- */

void turn(uint64_t until)
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

void run_for(double seconds)
{
    uint64_t end = now_us() + (uint64_t)(seconds * 1e6);
    while (now_us() < end && !(load.count && load.submitted >= load.count)) turn(end);
}

void connect_wire(struct wire *wire, uint32_t kind, uint32_t index)
{
    wire->fd = wire_connect(load.port);
    wire->kind = kind;
    wire->index = index;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = wire};
    if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, wire->fd, &event) != 0) die("epoll: %s", strerror(errno));
}

/* ---- arguments ------------------------------------------------------------------------------------------ */

static void set_defaults(void)
{
    load.clients = 64;
    load.open = 256;
    load.rate = 50;
    load.steps = 1;
    load.customers = 1000;
    load.seconds = 5;
    load.warmup = 1;
    load.port = 7171;
    load.target_port = 8599;
    load.run = "run";
}

static void read_arguments(int argc, char **argv)
{
    static const struct option options[] = {{"connections", required_argument, NULL, 'c'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {"warmup", required_argument, NULL, 'w'},
                                            {"port", required_argument, NULL, 'p'},
                                            {"target-port", required_argument, NULL, 't'},
                                            {"open", required_argument, NULL, 'o'},
                                            {"rate", required_argument, NULL, 'r'},
                                            {"server-pid", required_argument, NULL, 'P'},
                                            {"run", required_argument, NULL, 'n'},
                                            {"batch", required_argument, NULL, 'b'},
                                            {"steps", required_argument, NULL, 'S'},
                                            {"customers", required_argument, NULL, 'C'},
                                            {"count", required_argument, NULL, 'N'},
                                            {"mixed", no_argument, NULL, 'm'},
                                            {0}};
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
        case 'b': load.batch = (uint32_t)atoi(optarg); break;
        case 'C': load.customers = (uint32_t)atoi(optarg); break;
        case 'N': load.count = strtoull(optarg, NULL, 10); break;
        case 'm': load.mixed = true; break;
        case 'S': load.steps = (uint32_t)atoi(optarg); break;
        default: exit(2);
        }
    }
    static const char *const modes[MODES] = {"submit", "life", "latency", "offer", "search", "read", "wait"};
    int mode = 0;
    while (mode < MODES && !(optind + 1 == argc && strcmp(argv[optind], modes[mode]) == 0)) mode++;
    if (mode == MODES) die("load submit|life|latency|offer|search|read|wait [OPTION]…");
    load.mode = (enum mode)mode;
    if (!load.clients || load.clients > CLIENTS || !load.open || !load.rate || !load.customers ||
        load.batch > MAX_LINES || (load.steps != 1 && load.steps != 3 && load.steps != 100) ||
        (load.batch && load.mode != SUBMIT && load.mode != LIFE))
        die("load: a number is out of bounds");
}

int main(int argc, char **argv)
{
    set_defaults();
    read_arguments(argc, argv);
    make_request();
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (load.epoll < 0) die("epoll: %s", strerror(errno));
    if (load.mode < SEARCH) target_open(&load.target, load.epoll, load.target_port);
    run_mode();
    return 0;
}
