#pragma once
/* What the parts of the load generator share. One thread, so that nothing here needs a lock.
 *
 *   load.c          arguments, the loop
 *   load_run.c      the modes
 *   load_request.c  what is sent
 *   load_read.c     searches, readers, clients that wait
 *   load_ask.c      questions, one at a time, and whether what was counted is what the server stored
 *   load_figures.c  times, shares of the processor */
#include "target.h"

#include <stdbool.h>

enum {
    CLIENT_KIND = 1,
    WAITED_KIND = 3, /* whoever waits for it looks at it after every turn */
    CLIENTS = 4096,
    PAYLOAD = 300,
    MAX_LINES = 1000, /* of a batch: RC_MAX_BATCH */
    SLOT_US = 10,
    SLOTS = 200000, /* of the histogram: up to 2 s */
    SETTLE_S = 30   /* how long what is open may take to end after the run */
};

enum mode { SUBMIT, LIFE, LATENCY, OFFER, SEARCH, READ, WAIT, MODES };

struct client {
    struct wire wire;
    uint64_t sent; /* µs */
    uint32_t next; /* list of those that pause */
};

struct histogram {
    uint32_t slot[SLOTS + 1];
    uint64_t n;
};

/* A request in which only digits change: of `lines` submissions, each `stride` bytes long, the first at `line`. */
struct request {
    char *text;
    size_t n, line, stride;
    uint32_t lines;
    size_t key, project, customer, region; /* where their digits stand, from the line's begin */
};

struct load {
    enum mode mode;
    uint32_t clients, open, rate;
    uint32_t batch;     /* submissions in a request; 0: single ones */
    uint32_t steps;     /* calls that a life takes */
    uint32_t customers; /* that searches choose from */
    uint64_t count;     /* submit: end after so many; 0: after `seconds` */
    bool mixed;         /* the store holds commands of others: lists of all say nothing about ours */
    double seconds, warmup;
    uint16_t port, target_port;
    long server_pid;
    const char *run;

    int epoll;
    struct client client[CLIENTS];
    struct target target;
    struct request request;
    uint64_t submitted, acknowledged;
    uint32_t paused; /* 1 + index of the first that pauses */
    bool measuring, ending;
    uint64_t refused, unsent; /* offer */
    struct histogram waits, refusals;
};
extern struct load load;

/* ---- load.c ---- */
uint64_t now_us(void);
/* Handles what has happened, waiting at most until `until`. */
void turn(uint64_t until);
void run_for(double seconds);
/* To the server; watched. */
void connect_wire(struct wire *, uint32_t kind, uint32_t index);
/* Sends the next request on it. */
void submit(struct client *);
/* Lets the client submit again, now or when there is room. */
void go_on(struct client *);
/* Puts it among those that nobody uses. */
void set_free(struct client *);

/* ---- load_request.c ---- */
void make_request(void);
/* Puts the digits of `load.submitted` into the request, and counts it. */
void number_request(void);
/* How many submissions the answer accepts; ends the program unless it accepts all. */
uint32_t accepted(const struct wire_message *);

/* ---- load_ask.c ---- */
/* GET, answered 200; the answer stays in the buffer until the next question. The target goes on meanwhile. */
struct wire_message ask(const char *path);
/* Waits for a whole answer on a wire of WAITED_KIND. */
void await(struct wire *, struct wire_message *ret);
uint64_t metric(const char *name);
/* Everything that was acknowledged has ended well, and nothing was called twice. */
void verify_lives(void);
void verify_submissions(void);

/* ---- load_figures.c ---- */
struct mark {
    uint64_t at, acknowledged, answered;
    double own, server;
};
struct mark mark_now(void);
void record(struct histogram *, uint64_t us);
double quantile_ms(const struct histogram *, double share);

/* ---- load_read.c ---- */
void run_search(void);
void run_wait(void);
/* The next of what a reader asks. */
void send_read(struct client *);
/* Its answer. */
void take_read(const struct wire_message *);

/* ---- load_run.c ---- */
void run_mode(void);
