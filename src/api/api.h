#pragma once
/* The HTTP API under /v1 (spec/openapi.yaml). Reads go through a reader of the store, writes are parsed here,
 * posted to the engine and parked until its reply. All of it runs on the thread that is in rc_api_run, but for
 * the functions that say otherwise. */
#include "engine/engine.h"

struct rc_api;

/* Whoever posts a request to the engine sets its `owner` to one of these; the engine's reply port calls it. */
struct rc_receiver {
    void (*receive)(struct rc_receiver *, struct rc_request *); /* on the engine's thread */
};

/* Readers that may go away: while the store is opened again, and when the server stops. */
struct rc_shelf {
    void *context;
    /* Any thread. RC_IO, RC_STOPPING where there is none now; otherwise it is the caller's until `give_back`. */
    enum rc_status (*borrow)(void *context, struct rc_reader **ret, struct rc_error *);
    void (*give_back)(void *context, struct rc_reader *);
    bool (*wanted)(void *context); /* any thread: it must be given back soon. May be NULL */
};

/* What one client may take. 0: the default, which is RC_MAX_… of the same name (base/limits.h), also the most for body,
 * json_depth and page; of times, of connections_per_address and of rate: no bound. */
struct rc_api_limits {
    uint32_t connections;
    uint32_t connections_per_address;
    uint64_t
        buffers;   /* bytes of requests and answers that are on their way, of all connections; 0: no bound */
    uint32_t body; /* bytes */
    uint32_t headers, header_lines, target; /* bytes, lines, bytes */
    uint32_t json_depth, page;
    uint32_t rate; /* requests a second of one subject; of one address where nobody is known */
    uint32_t header_ms, body_ms, answer_ms, idle_ms; /* http.h */
    uint32_t read_ms;                                /* what a read may take; 0: RC_MAX_READ_MS */
};

struct rc_tls;
enum rc_auth { RC_AUTH_NONE, RC_AUTH_TOKENS };

/* What the operator allows, whatever definitions say. */
struct rc_floor {
    const char *const *programs; /* absolute paths */
    uint32_t nprograms;
};

struct rc_api_options {
    const char *address;      /* numeric; must be of loopback unless `anywhere` */
    uint16_t port;            /* 0: any */
    bool anywhere;            /* whoever reaches the address: nothing is encrypted */
    enum rc_auth auth;        /* none: everybody is the subject "local" and may do everything */
    const char *const *hosts; /* names that a Host header may have beside localhost and numeric addresses */
    uint32_t nhosts;
    struct rc_tls *tls; /* the caller's; NULL: plain */
    struct rc_api_limits limits;
    struct rc_engine *engine;
    struct rc_shelf shelf;
    /* threads that read the store, up to RC_MAX_READERS. 0: the thread in rc_api_run reads */
    uint32_t readers;
    struct rc_floor floor;
    const char *version;
    rc_us slow; /* a request that takes this long, and not because it asked to wait, is logged as a warning */
};

/* Listens at once. RC_FORBIDDEN where the address is not of loopback; others as http_open. */
RC_MUST
enum rc_status rc_api_open(const struct rc_api_options *, struct rc_api **ret, struct rc_error *);
uint16_t rc_api_port(const struct rc_api *);
/* Serves until rc_api_stop. */
RC_MUST
enum rc_status rc_api_run(struct rc_api *, struct rc_error *);
void rc_api_close(struct rc_api *); /* after rc_api_run */

/* Engine's thread: the engine's port `changed`. Who waits for the command is answered where it has come to rest; without
 * an outline everybody who waits is. */
void rc_api_changed(struct rc_api *, const struct rc_outline *);
/* Engine's thread, after every turn: wakes the API once for all replies since the last call. */
void rc_api_flush(struct rc_api *);
/* Any thread: says in /readyz that the server is about to stop; everything else goes on. */
void rc_api_leave(struct rc_api *);
/* Any thread: accepts no more connections and says so in /readyz; what is open goes on, but nobody waits for a
 * command any more. */
void rc_api_drain(struct rc_api *);
/* Any thread: whether requests wait for the engine's reply, or for a command. */
bool rc_api_parked(const struct rc_api *);
/* Any thread: rc_api_run returns. */
void rc_api_stop(struct rc_api *);
