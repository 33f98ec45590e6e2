#pragma once
/* The engine: the only place where core, store and executors meet. It has no thread and no clock of its own:
 * the caller runs turns and says what time it is, so that it is the same under the real clock and under a
 * simulated one.
 *
 * One turn: take what is queued (requests, answers, what has become due, places that became free), run each
 * as a unit through the core, commit the changes of all units in one batch, then, only then, reply and let
 * the attempts leave. commit RC_OK               the overlay becomes the truth; replies and effects leave
 *   nothing happened           the overlay is dropped; requests are answered with the status, facts stay
 * queued and are tried again RC_COMMIT_UNKNOWN          nobody is told anything: requests end unanswered
 * (reply with RC_COMMIT_UNKNOWN, which the API turns into a closed connection), the cache is dropped, the
 * store is opened again and read anew; facts stay queued Starting is recovering: rc_engine_new takes over
 * what the store says was in flight. There is no other recovery code. */
#include "engine/access.h"
#include "engine/request.h"
#include "engine/suspects.h"

struct rc_engine;

/* How a store holds (store/hold.h). */
struct rc_holding {
    bool asked;      /* at the start, also where the store has no mark */
    bool refuses;    /* new commands, with RC_ON_HOLD, while it holds */
    bool unsafe_off; /* negative control of the proofs: never in production */
};

struct rc_ports {
    struct rc_store *store; /* the engine owns it from rc_engine_new on */
    /* After an unknown commit: closes `old` and everything that reads it, and opens the store again. `old` is
     * NULL where an earlier try has closed it and could not open it. */
    enum rc_status (*reopen)(void *context, struct rc_store *old, struct rc_store **ret_store,
                             struct rc_error *);
    /* The definitions as the store has them, parsed, in the arena: asked for after a commit of new ones of which memory does not know
     * whether it is there. May be NULL: then memory follows at the next start. */
    enum rc_status (*definitions)(void *context, struct rc_reader *, struct rc_arena *,
                                  const struct flow_set **ret, struct rc_error *);
    struct rc_exec *exec
        [FLOW_DEP_KINDS]; /* by enum flow_dep_kind; NULL: nothing of this kind can leave; closed by the caller before rc_engine_free */
    void (*reply)(void *context,
                  struct rc_request *); /* on the engine's thread; the request is the receiver's again */
    /* On the engine's thread: the command is like this now and stays so after a crash. NULL in the place of the outline: any
     * command may have changed. May be NULL itself. */
    void (*changed)(void *context, const struct rc_outline *);
    void (*wake)(void *context); /* any thread: there is something to do: run a turn soon */
    void *context;
    uint32_t max_in_flight; /* attempts over all dependencies but those of workers; 0: no bound (width.c) */
    rc_us wait; /* how long what waits may take before submissions are refused (pace.h); 0: for ever */
    /* a page that outlives a crash of the process, or NULL (suspects.h); the caller's */
    struct rc_suspects *suspects;
    struct rc_holding hold;
    rc_us signal_age; /* how long early signals, and the keys of all, are kept; 0: RC_MAX_SIGNAL_DAYS */
    /* the flow that is submitted where a person is wanted; empty: nobody is told. Lives as long as the engine */
    struct rc_sv notify;
    struct rc_sv notify_url; /* what stands before /v1/commands/ID in its link */
    bool bulk_without_keys;  /* negative control of the proofs: never in production */
    uint32_t many_messages;  /* of the proofs, in the place of RC_MANY_MESSAGES; 0: that */
};

struct rc_tick {
    rc_us monotonic, wall; /* engine time is made from both (rule 13): it starts at the wall clock and goes on
                              with the monotonic one */
    uint64_t seed;
    rc_us took; /* how long the turn before this one took; 0: not known */
};

/* `set` holds every version that the store has. Reads the store: what was in flight becomes lost, and that is
 * the first thing the first turn commits. The set and its parts must live until rc_engine_free. */
RC_MUST enum rc_status rc_engine_new(const struct rc_ports *, const struct flow_set *set, struct rc_tick,
                                     struct rc_engine **ret, struct rc_error *);
/* Requests that are queued still are answered with RC_STOPPING. Answers that come later have nowhere to go:
 * close executors first. */
void rc_engine_free(struct rc_engine *);

/* Any thread. RC_BUSY (too much is queued; submissions are refused sooner than other requests, pace.h),
 * RC_STOPPING: the request stays the caller's and is not replied to. */
RC_MUST enum rc_status rc_engine_post(struct rc_engine *, struct rc_request *);
/* The same for several, linked by `next`: all of them or none, one behind the other, with one wake-up. */
RC_MUST enum rc_status rc_engine_post_all(struct rc_engine *, struct rc_request *first);
/* Any thread: whether a submission would be refused now, so that it need not be read. Counts as a refusal. */
RC_MUST bool rc_engine_refuses(struct rc_engine *);
/* Any thread: an executor's answer; context is the engine. Never refuses: whatever left had a place. Has the type of
 * rc_answer_fn. */
void rc_engine_answer(void *context, struct rc_answer *);

/* Takes what the other threads have left for the next turn; on the engine's thread, and nothing but that turn may follow. Whoever reads a
 * real clock does this first: then no answer is older than the time at which it is heard, and what must wait since the answer (Retry-After,
 * delays, settle times) waits that long at least. A turn does it first where it was not done. */
void rc_engine_collect(struct rc_engine *);

/* One turn, on the engine's thread. *ret_sleep: how long nothing will become due (0: run again at once;
 * UINT64_MAX: until woken). RC_OK also where requests were refused. Anything else: the store cannot be used
 * (err says why); the caller may call again later, and nothing is lost. */
RC_MUST enum rc_status rc_engine_turn(struct rc_engine *, struct rc_tick, rc_us *ret_sleep,
                                      struct rc_error *);
/* On the engine's thread, behind a turn and behind those whom it has told: what the store leaves for then (rc_store_follow_up). Nobody waits
 * for it; a turn does it first where it was not done. */
void rc_engine_follow_up(struct rc_engine *);

/* The definitions in force; any thread; valid until rc_engine_free. */
const struct flow_set *rc_engine_definitions(const struct rc_engine *);

/* Namespaces and tokens. For one thread, which may use it until it asks again. A change that a client was told of is in it. */
struct rc_known *rc_engine_known(struct rc_engine *);

/* Signals that came before this are forgotten. Any thread. */
rc_us rc_engine_signals_since(const struct rc_engine *, rc_us now);

/* Who could do a step that waits for a worker. */
struct rc_worker_wait {
    struct rc_sv queue,
        capability;   /* of the definitions; queue empty: its dependency is not one of workers any more */
    uint8_t state;    /* of the queue: enum rc_queue_state */
    rc_us last_asked; /* when a worker that could do it asked last; 0: none since the start */
};
/* Any thread. */
void rc_engine_worker_wait(struct rc_engine *, const struct rc_command *, uint32_t node,
                           struct rc_worker_wait *ret);

/* The last fact that could not be taken in (stats.faults counts them). On the engine's thread, until the next turn. */
const struct rc_error *rc_engine_last_fault(const struct rc_engine *);

/* Commands that were wanted and cannot be read, at most `cap`, each once: the next call gives those that this one has not
 * given; *ret_last: what was said of the last one. On the engine's thread. */
uint32_t rc_engine_take_damaged(struct rc_engine *, struct rc_id *ret_ids, uint32_t cap,
                                struct rc_error *ret_last);

/* From now on nothing new is admitted: posts are refused with RC_STOPPING and no attempt starts; results
 * still commit. Any thread. */
void rc_engine_drain(struct rc_engine *);

/* Before the executors are closed: a turn that began before the drain may still commit attempts, and would hand them to what is freed. When
 * this has returned nothing is handed over any more: such an attempt has the result that it did not leave. Any thread. */
void rc_engine_leave_exec(struct rc_engine *);

struct rc_engine_stats { /* counters since start; read on any thread */
    uint64_t turns, units, commits, submitted, replayed, attempts, results, lost, refused;
    uint64_t late; /* reports of workers that had lost their lease */
    uint64_t shed; /* submissions that were refused because too much was waiting */
    /* facts that could not be taken in: a bug or a damaged history; each leaves its command as it was */
    uint64_t faults;
    uint32_t hot, in_flight, queued;
    bool crowded;        /* the server has no free place, or who waits for one comes first */
    uint32_t lane_waits; /* commands that wait for their turn in a lane */
    uint32_t damaged;    /* commands that were wanted and cannot be read: they stay as they are */
    bool held;           /* nothing leaves before a person releases it */
    bool room;           /* false: the disk is full, no new work */
    bool healthy;        /* false: the store cannot be used right now */
    bool drained; /* a turn that began after rc_engine_drain is over: in_flight does not grow any more */
};
void rc_engine_stats(const struct rc_engine *, struct rc_engine_stats *ret);
