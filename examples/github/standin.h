#pragma once
/* github-standin: imitates the part of GitHub's REST API that has to do with pull requests, so that the example
 * and the tests can show what Recourse does when the other side misbehaves. It keeps its own journal of what it
 * was asked and what it did, because that, not the answer, is the truth about duplicates.
 *
 * One thread. Nothing survives its end except the journal's file, which says all that was done: with --restore it is done again at the next
 * start, so that the stand-in can be killed, too. */
#include "base/buf.h"
#include "cel/value.h"

#include <event2/buffer.h>
#include <event2/event.h>

/* ---- pull requests (standin_pulls.c) ----------------------------------------------------------------------- */

struct pull {
    uint64_t number; /* from 1 in each repository */
    bool open;
    char *title, *base;
    struct head *head;
    struct pull *older; /* of the same head */
    char **label;
    uint32_t nlabel;
};

struct head { /* a branch of a repository that was named in a request */
    char *name;
    struct repo *repo;
    struct pull *newest;
    uint32_t open;  /* open pull requests */
    uint32_t asked; /* requests whose marker in head or title has been applied */
    struct head *next;
};

struct world {
    struct repo **repo_slot;
    struct head **head_slot;
    size_t nhead;
    uint64_t asked, made, closed, duplicates, labelled, ok;
};

/* Both find what is there, or make it when asked to; NULL: none, or out of memory. */
struct repo *world_repo(struct world *, struct rc_sv owner_and_name, bool make);
struct head *world_head(struct world *, struct repo *, struct rc_sv name, bool make);
struct pull *world_make(struct world *, struct head *, struct rc_sv title, struct rc_sv base);
struct pull *world_pull(const struct repo *, uint64_t number); /* NULL: none */
void world_set_open(struct world *, struct pull *, bool open);
/* False: out of memory, or more than 100. A label that is there already is not added again. */
bool world_label(struct world *, struct pull *, struct rc_sv label);
void world_free(struct world *);

/* JSON as GitHub has it, as far as it goes. */
void put_pull(struct rc_buf *, const struct pull *);
/* Those of one head (NULL: of the repository), newest first, at most `most` from the `skip`th on. */
void put_pulls(struct rc_buf *, const struct repo *, const struct head *, bool open, bool closed,
               uint32_t skip, uint32_t most);
void put_labels(struct rc_buf *, const struct pull *);

/* ---- faults (standin_faults.c) ------------------------------------------------------------------------------ */

enum fault_kind {
    FAULT_NONE,
    FAULT_SLOW,           /* acts at once, answers after :MS */
    FAULT_500_BEFORE,     /* does nothing, answers 500 */
    FAULT_500_AFTER,      /* acts, answers 500 */
    FAULT_CLOSE_BEFORE,   /* does nothing, closes the connection */
    FAULT_CLOSE_AFTER,    /* acts, closes the connection */
    FAULT_429,            /* does nothing, answers 429 with Retry-After: the :N */
    FAULT_422,            /* does nothing, answers 422 */
    FAULT_WRONG_JSON,     /* acts, answers JSON that lacks everything */
    FAULT_TRUNCATED_JSON, /* acts, sends half of the answer and closes */
    FAULT_HANG,           /* does nothing, never answers */
    FAULT_HANG_AFTER,     /* acts, never answers */
    FAULT_DOWN,           /* does nothing, closes, and refuses connections for :MS */
    FAULT_LATE            /* never answers, and acts after :MS */
};

struct fault {
    enum fault_kind kind;
    uint32_t arg;
    char text[32]; /* as it was given; empty: none */
};

bool fault_acts(enum fault_kind);
/* "close-after", "slow:250", also "close-after-acting"; false for anything else. */
bool fault_parse(struct rc_sv, struct fault *ret);
/* The marker "fault=NAME[:ARG][*TIMES]" in a text; false where there is none. */
bool fault_marker(struct rc_sv text, struct fault *ret, uint32_t *ret_times);

/* Rules, tried in the order they were given; each applies `times` times. */
struct rule {
    char match[128], method[8]; /* part of head or address; "*": any */
    struct fault fault;
    uint32_t times;
    struct rule *next;
};
struct rules {
    struct rule *first, **end;
    uint32_t n;
};
/* Adds a list of {match, fault, times?, method?}; NULL, or what is wrong (then nothing was added). */
const char *rules_add(struct rules *, const struct cel_value *list);
bool rules_take(struct rules *, const char *method, struct rc_sv head, const char *address,
                struct fault *ret);
void rules_free(struct rules *);

/* ---- journal (standin_journal.c) ---------------------------------------------------------------------------- */

struct entry {
    const char *method, *path, *key; /* key: the Idempotency-Key, or NULL */
    const struct fault *fault;
    bool acted;
    uint64_t number; /* 0: none */
    int status;      /* 0: no answer */
    struct rc_sv body;
    bool late; /* no request, but one that came before is carried out now */
};

struct journal {
    struct evbuffer *text; /* the newest lines, bounded */
    int fd;                /* -1: no file */
    bool loud;             /* also on stdout, for people */
};
bool journal_open(struct journal *, const char *file, bool loud);
void journal_add(struct journal *, struct rc_arena *scratch, const struct entry *);
void journal_close(struct journal *);

/* ---- one request (standin_api.c) and its answer (standin_reply.c) -------------------------------------------- */

struct evhttp;
struct evhttp_request;

struct standin {
    struct event_base *base;
    struct evhttp *http;
    struct evhttp_bound_socket *listener; /* NULL: down */
    struct event *up_again;               /* ends the time of being down */
    struct held *held;                    /* requests that are not answered yet, or never */
    struct later *later;                  /* requests that are carried out later */
    struct rc_arena *scratch;             /* of one request */
    struct world world;
    struct rules rules;
    struct journal journal;
    uint16_t port;
    bool refuse_duplicates;
};

struct reply {
    int status;
    struct rc_buf body;   /* JSON */
    uint32_t retry_after; /* 0: none */
};

/* Everything under /repos/: decides on the fault, carries the request out or not, answers or not. */
void api_handle(struct standin *, struct evhttp_request *, const char *method, const char *path);
/* Carries out a request that is not on a connection, at once and without an answer. Whether it did something. */
bool api_again(struct standin *, const char *method, const char *path, struct rc_sv body,
               uint64_t *ret_number);
/* (standin_again.c) Carries it out after fault->arg ms, with a line in the journal. */
void again_later(struct standin *, const struct entry *);
/* Does again what a journal says. NULL, or what is wrong. */
const char *again_restore(struct standin *, const char *file);
void again_release(struct standin *);
/* {"message": …} as GitHub has it. */
void reply_message(struct reply *, int status, const char *message);
/* Puts the fault's answer in the place of the right one. Returns the status that goes out, 0: none. */
int reply_apply(struct reply *, const struct fault *);
/* Answers in the way of the fault, or does not. Takes the request. */
void reply_deliver(struct standin *, struct evhttp_request *, const struct reply *, const struct fault *);
/* Closes the connection without a word. Takes the request. */
void reply_hang_up(struct evhttp_request *);
void reply_release_held(struct standin *);
bool standin_listen(struct standin *);
/* A timer: the time of being down is over. The context is the stand-in. */
void standin_up_again(evutil_socket_t unused, short what, void *context);
