#pragma once
/* The server: wiring of store, engine, executors and API, and their life from start to exit. Internal to
 * server/. Threads: main (signals, definitions), engine, API, and those of the executors. */
#include "api/api.h"
#include "base/limits.h"
#include "base/log.h"
#include "secure/secrets.h"
#include "secure/tls.h"
#include "server/settings.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum { SHELF_READERS = RC_MAX_READERS + 1 }; /* the API's threads, and the main one */

/* The readers that the API's threads and the main thread borrow, and that go away while the store is opened again. Each is opened
 * when it is first needed. */
struct shelf {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* one was given back */
    struct rc_store *store;
    struct shelf_reader {
        struct rc_reader *reader;
        bool lent;
    } readers[SHELF_READERS];
    atomic_bool wanted; /* all are to be given back, as soon as may be */
    bool closed;
};
void shelf_init(struct shelf *);
void shelf_put(struct shelf *, struct rc_store *); /* readers are opened from this store from now on */
void shelf_clear(struct shelf *, bool for_good);   /* closes the readers; waits for those that are lent */
struct rc_shelf shelf_door(struct shelf *);

struct server {
    struct settings settings; /* in force; the main thread's, others read what SIGHUP does not change */
    const struct configuration *configured; /* at the start */
    struct setting_address listen;          /* the one of the two settings that counts */
    struct shelf shelf;
    struct rc_secrets *secrets;
    struct rc_tls *tls; /* NULL: plain */
    struct rc_exec *http, *program;
    struct rc_arena *definitions; /* the set that the engine began with */
    struct rc_suspects *suspects;
    struct rc_engine *engine;
    _Atomic(struct rc_api *) api;
    pthread_t engine_thread, api_thread;
    int wake_fd;
    uint64_t seed;            /* of the stream of random numbers that the engine draws from */
    _Atomic int engine_state; /* enum engine_state in loop.c */
    _Atomic uint64_t beats;   /* times that the engine's loop went round */
    struct loop_seen {
        rc_us took; /* by the last turn */
        enum rc_status status;
        uint64_t faults; /* so far */
    } seen;              /* the engine's thread's */
    _Atomic bool stop_engine, api_failed;
};

/* ---- loop.c: the engine's thread */
/* The first turn, here and now, and then the thread. */
RC_MUST
enum rc_status loop_start(struct server *, struct rc_error *);
void loop_stop(struct server *);           /* after the turn that runs, and those that take in what is left */
void loop_wake(void *context);             /* the server */
struct rc_tick loop_tick(struct server *); /* one thread at a time */

/* ---- definitions.c */
/* Every stored version, parsed, as a set in `arena`. */
RC_MUST
enum rc_status definitions_load(struct rc_reader *, struct rc_arena *, const struct flow_set **ret,
                                struct rc_error *);
/* The same as a port of the engine; the context is not used. */
RC_MUST
enum rc_status definitions_again(void *context, struct rc_reader *, struct rc_arena *,
                                 const struct flow_set **ret, struct rc_error *);
/* Brings the directory of the settings into force through the running engine; logs what changed and every
 * error. RC_OK also where nothing changed. */
RC_MUST
enum rc_status definitions_apply(struct server *);

/* ---- page.c */
/* The page beside the store, made where it is not there. */
RC_MUST enum rc_status page_open(const char *store, struct rc_suspects **ret, struct rc_error *);
void page_close(struct rc_suspects *);

/* ---- notify.c */
/* "READY=1", "STOPPING=1" for systemd. */
void notify_manager(const char *state);

/* Systemd's watchdog (sd_watchdog_enabled(3)): it is told every so often that the server is alive, which is said only while
 * the engine's loop goes round. Where nobody asked, nothing happens. */
struct watchdog {
    rc_us every;    /* 0: nobody asked */
    rc_us next;     /* monotonic: when to look again */
    uint64_t beats; /* of the loop, when it was called last */
};
struct watchdog watchdog_start(void);
struct timespec watchdog_nap(const struct watchdog *); /* how long to sleep at most */
void watchdog_look(struct watchdog *, struct server *);

/* ---- warn.c */
void warn_at_start(
    const struct server *); /* before the API's thread is started: this one reads what is known */

/* ---- serve.c */
/* Runs until a signal says stop; returns the exit code. */
int serve_run(const struct configuration *);
