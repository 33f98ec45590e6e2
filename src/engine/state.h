#pragma once
/* What the engine holds in memory: for engine/ alone, and for sim/, which looks into it. All of it can be rebuilt from the store: boot.c does. One thread, except for the
 * inbox, the definitions in force, the counters and two flags. */
#include "base/limits.h"
#include "base/map.h"
#include "base/random.h"
#include "engine/engine.h"
#include "engine/prepare.h"
#include "engine/pace.h"
#include "core/lane.h"
#include "engine/hot.h"
#include "engine/lanes.h"
#include "engine/leases.h"
#include "engine/load.h"
#include "engine/notice.h"
#include "engine/plans.h"

#include <pthread.h>
#include <stdatomic.h>

#define RC_PAUSE RC_MS(200) /* behind trouble that passes, before it is tried again */

/* ---- facts ----------------------------------------------------------------------------------------------------------- */

/* Something that happened: it stays until a commit holds it. */
struct rc_fact {
    struct rc_fact *next;
    struct rc_answer answer; /* arena owns this fact where it is not NULL */
    bool lost;               /* not an answer: in flight when the process died */
};
struct rc_facts {
    struct rc_fact *first, **last;
};

/* ---- the turn (overlay.c) --------------------------------------------------------------------------------------------- */

struct rc_undo {          /* one applied change, backwards */
    struct rc_hot *hot;   /* or */
    struct rc_door *door; /* or */
    struct rc_lane *lane; /* or */
    const struct rc_lane *lane_before;
    struct rc_planner *planner;
    const struct rc_schedule *row; /* of the planner, as it was */
    bool fresh;                    /* the same */
    struct rc_change inverse;
    uint32_t rev;
    rc_us changed;
    bool created;
};

struct rc_before { /* of a node at the start of the turn */
    rc_us due;
    uint8_t phase;
    rc_us since;      /* a wait for a signal: since when, */
    uint64_t mailbox; /* and where it listens */
    uint64_t gate;    /* where what is ready stands in line */
};

struct rc_touch {
    struct rc_hot *hot;
    struct rc_before *nodes; /* NULL: created in this turn */
    uint32_t nnodes;
    uint64_t flow;         /* id of the version that it was of */
    struct rc_place place; /* at the start of the turn */
    uint8_t state, why;
    bool in_flight;
};

struct rc_list { /* growing array in the turn's arena */
    void *items;
    uint32_t n, cap;
};

struct rc_turn {
    struct rc_arena *arena;
    rc_us now;
    rc_us wall;               /* for calendars alone; may be less than in the turn before */
    uint64_t number;          /* from 1 */
    struct rc_list undo;      /* struct rc_undo */
    struct rc_list records;   /* struct rc_record */
    uint32_t unit_records;    /* where those of the unit that is running begin */
    struct rc_list touched;   /* struct rc_touch */
    struct rc_list effects;   /* struct rc_effect */
    struct rc_list schedules; /* struct rc_schedule_write */
    struct rc_list signals;   /* struct rc_signal: as they become; of a number the last one counts */
    struct rc_list listens;   /* struct rc_work: steps that listen since this turn */
    struct rc_list grants;    /* struct rc_grant, in the order of their effects */
    struct rc_list ended;     /* uint64_t: leases that were reported on */
    struct rc_list late;      /* uint64_t: attempts of which it puts a late report on record */
    struct rc_facts taken;    /* facts in this turn */
    struct rc_request *replies, **last_reply; /* requests in this turn, answered when it is over */
    uint32_t nunits;
    bool published;      /* it is committed */
    struct rc_hold hold; /* how far the hold comes with this turn, */
    bool holds;          /* where it does */
    bool draining;       /* from its beginning on */
};

/* ---- bulks that run (bulk.c, wave.c) ------------------------------------------------------------------------------------ */

struct rc_wave_item {
    struct rc_request request; /* the same as a client's */
    struct rc_bulk_run *run;
    struct rc_bulk_item item;
    char key[64];
    bool posted, settled; /* posted: a queue or the turn holds the request */
};

/* One wave of a bulk is in memory at a time. Its items are asked of the engine like any client's actions, and when all of them are
 * answered their results become durable together, and with them the place where the bulk stands. */
struct rc_bulk_run {
    struct rc_bulk bulk;    /* as stored */
    struct rc_arena *arena; /* of its texts */
    struct rc_arena *texts; /* of the wave */
    struct rc_wave_item item[RC_MAX_BULK_RATE];
    uint32_t n;  /* items of the wave */
    bool open;   /* there is a wave: its results are not stored yet */
    rc_us began; /* the wave */
    rc_us due;   /* when something is to be done next */
};

struct rc_engine {
    struct rc_ports ports;
    struct rc_reader *reader; /* the store's own view */
    struct rc_cache cache;
    struct rc_map doors;      /* by gate id */
    struct rc_map lanes;      /* struct rc_lane, by id: some of them */
    bool crowded;             /* steps wait for a place of this server, with one free at their dependency */
    uint32_t lane_waits;      /* commands that wait for a place in one */
    bool lanes_short;         /* one of them has to be looked at in the next turn */
    struct rc_outline holder; /* with RC_LANE_FULL: the oldest command that holds a place */
    /* attempts whose end is not committed yet, by rc_attempt_key: the engine itself where an answer comes from outside, else the fact
     * that stands for it */
    struct rc_map started;
    /* by seq: commands that were wanted and cannot be read; a value is this map until the command was given to who asks, then the engine */
    struct rc_map damaged;
    uint32_t damaged_untold;
    struct rc_error damage; /* of the last of them */
    struct rc_window due;
    struct rc_planners planners;
    struct rc_notice *notices; /* of this turn */
    struct rc_untold untold;
    struct rc_born *born; /* of this turn (child.c) */
    uint32_t nborn;
    struct rc_window calendar;               /* commands that begin when the wall clock says so */
    struct rc_bulk_run *bulks[RC_MAX_BULKS]; /* NULL: a free place */
    struct rc_facts facts;                   /* not yet committed */
    struct rc_turn turn;
    rc_us anchor, monotonic; /* engine time = anchor + (now's monotonic − monotonic) */
    rc_us now;
    uint64_t seed, next_seq, next_signal;
    uint32_t failing;                /* turns in a row that did not come to the end of their work */
    bool stale;                      /* the definitions in force may not be those of the store */
    bool room, booted, closed, full; /* full: the last batch did not fit */
    uint32_t unknown;                /* commits in a row whose result was not known */
    uint32_t apart; /* units still to be run alone, after a batch that the store refused for what is in it */
    struct rc_error fault; /* the last fact that could not be taken in */
    struct rc_kept {       /* arenas of definitions and sets: live as long as the engine */
        struct rc_kept *next;
        struct rc_arena *arena;
    } * kept;
    _Atomic(const struct flow_set *) set;
    struct rc_known *known;                 /* namespaces and tokens, as committed */
    _Atomic(struct rc_known *) known_fresh; /* the same, until the reading thread fetches it */
    struct rc_known *known_read;            /* the reading thread's */
    struct rc_hold hold;                    /* the newest one as committed; id 0: there was none */
    struct rc_map quotas;                   /* struct rc_taken (quota.c), by namespace */
    struct rc_leases leases;
    struct rc_request *pollers, **last_poller; /* workers that wait, those who asked first first */
    uint32_t npollers;
    bool gives_more;         /* there is something for them that did not fit in the last turn */
    struct rc_map ns_served; /* when a namespace had its turn last, as a number; by hash of its name */
    uint64_t served;
    pthread_mutex_t
        queues_lock; /* guards the two below against other threads; the engine's own reads without it */
    struct rc_queue *queues;
    uint32_t nqueues;

    pthread_mutex_t lock;    /* guards inbox and answers */
    pthread_mutex_t leaving; /* held while an attempt is handed to its executor; guards apart_from_exec */
    bool apart_from_exec;    /* the executors are gone, or about to be */
    struct rc_request *inbox, **inbox_last;
    struct rc_facts answers;
    uint32_t queued, queued_single; /* requests; of these, those that were posted alone */
    struct rc_request *taken;       /* on the engine's thread: out of the inbox for the next turn, */
    uint32_t ntaken;
    bool collected; /* where this is so */
    struct rc_pace pace;
    _Atomic bool draining;
    struct {
        _Atomic uint64_t turns, units, commits, submitted, replayed, attempts, results, lost, refused, faults;
        _Atomic uint64_t shed, late;
        _Atomic uint32_t hot, in_flight, queued, damaged, lane_waits;
        _Atomic bool room, healthy, held, drained, crowded;
    } stats;
};

static inline const struct flow_set *rc_engine_set(const struct rc_engine *engine)
{
    return atomic_load_explicit(&engine->set, memory_order_acquire);
}

/* Nothing may leave before a person has said so. */
static inline bool rc_engine_held(const struct rc_engine *engine)
{
    return engine->hold.id && !engine->hold.released;
}

static inline void rc_facts_init(struct rc_facts *facts)
{
    facts->first = NULL;
    facts->last = &facts->first;
}
static inline void rc_facts_push(struct rc_facts *facts, struct rc_fact *fact)
{
    fact->next = NULL;
    *facts->last = fact;
    facts->last = &fact->next;
}
static inline struct rc_fact *rc_facts_pop(struct rc_facts *facts)
{
    struct rc_fact *fact = facts->first;
    if (fact && !(facts->first = fact->next)) facts->last = &facts->first;
    return fact;
}
/* Puts `front` before what is there and empties it. */
void rc_facts_put_back(struct rc_facts *facts, struct rc_facts *front);
void rc_facts_free(struct rc_facts *facts);
/* A fact made by the engine itself, in an arena of its own; NULL out of memory. */
struct rc_fact *rc_fact_new(struct rc_addr of, uint32_t node, uint16_t attempt, uint8_t purpose);

/* 40 bits of seq, 10 of node and 14 of attempt: what is in flight at a time never shares one. */
static inline uint64_t rc_attempt_key(uint64_t seq, uint32_t node, uint16_t attempt)
{
    return seq << 24 | (uint64_t)(node & 0x3ff) << 14 | (attempt & 0x3fff);
}

/* ---- parts ------------------------------------------------------------------------------------------------------------ */

/* overlay.c: room for an item behind the last, to be written whole at once; NULL out of memory. */
void *rc_list_add(struct rc_list *, struct rc_arena *, size_t size);
/* overlay.c: what the turn has changed and not committed. */
struct rc_mark {
    uint32_t undo, records, touched, effects, schedules, signals, listens, born;
};
struct rc_mark rc_overlay_mark(const struct rc_engine *);
void rc_overlay_undo(struct rc_engine *, struct rc_mark);
RC_MUST enum rc_status rc_overlay_apply(struct rc_engine *, struct rc_hot *, const struct rc_ask *cause,
                                        const struct rc_out *, struct rc_error *);
RC_MUST enum rc_status rc_overlay_gate(struct rc_engine *, struct rc_door *, const struct rc_change *,
                                       struct rc_error *);
RC_MUST enum rc_status rc_overlay_lane(struct rc_engine *, struct rc_lane *, const struct rc_lane *after,
                                       struct rc_error *);
RC_MUST enum rc_status rc_overlay_schedule(struct rc_engine *, struct rc_planner *,
                                           const struct rc_schedule *after, struct rc_error *);
/* The batch of everything so far, in the turn's arena. */
RC_MUST enum rc_status rc_overlay_batch(struct rc_engine *, struct rc_batch *ret, struct rc_error *);

/* unit.c: one message and all that follow from it. On any other status than RC_OK nothing of it has happened. Hot entries that the turn has not
 * touched may be dropped. */
RC_MUST enum rc_status rc_unit_run(struct rc_engine *, const struct rc_ask *first, struct rc_error *);
/* The command in memory, loaded where need be. */
RC_MUST enum rc_status rc_engine_command(struct rc_engine *, uint64_t seq, struct rc_hot **ret,
                                         struct rc_error *);
struct rc_door *rc_engine_door(struct rc_engine *, uint64_t gate);                   /* NULL: out of memory */
struct rc_ask rc_engine_ask(struct rc_engine *, rc_message_kind, struct rc_addr to); /* with time and seed */

/* turn.c: trouble that passes: what met it may be tried again. */
bool rc_turn_passes(const struct rc_engine *, enum rc_status);
/* turn.c: requests for a later turn, before those that have come since. */
void rc_inbox_put_back(struct rc_engine *, struct rc_request *);

/* finish.c: the commit, and what follows. Replies to the turn's requests; `failed` is not RC_OK where nothing of the turn has happened. */
RC_MUST enum rc_status rc_turn_commit(struct rc_engine *, struct rc_error *);
void rc_turn_reply(struct rc_engine *, enum rc_status failed, const struct rc_error *);
RC_MUST enum rc_status rc_engine_reopen(struct rc_engine *,
                                        struct rc_error *);        /* the store, and memory with it */
void rc_engine_fault(struct rc_engine *, const struct rc_error *); /* a fact that cannot be taken in */

/* submit.c: makes the request's memory that of a new command, which gets the next number; it is in the cache then. NULL: out of memory.
 * Should the unit fail, it is taken back, and with it the number. */
struct rc_hot *rc_submit_adopt(struct rc_engine *, struct rc_request *, struct rc_identity *);
/* submit.c: the last generation of the key of `id`; RC_NOT_FOUND. */
RC_MUST enum rc_status rc_engine_last_of_key(struct rc_engine *, const struct rc_identity *id,
                                             struct rc_hot **ret, struct rc_error *);
/* submit.c: the command is not made; its memory is the request's again. */
void rc_submit_take_back(struct rc_engine *, struct rc_hot *);

/* submit.c, act.c, define.c: one request as a unit; status and answer go into the request. */
void rc_request_submit(struct rc_engine *, struct rc_request *);
/* The same for the engine's own, where its key was not used before: no quota stands in its way. */
void rc_request_notice(struct rc_engine *, struct rc_request *);
void rc_request_act(struct rc_engine *, struct rc_request *);
void rc_request_define(struct rc_engine *,
                       struct rc_request *); /* commits by itself: not within a turn's batch */
/* define.c: makes the definitions in force those of the store again, where they may differ. */
RC_MUST enum rc_status rc_definitions_follow(struct rc_engine *, struct rc_error *);
void rc_request_bulk(struct rc_engine *, struct rc_request *);  /* commits by itself, too */
void rc_request_purge(struct rc_engine *, struct rc_request *); /* the same */
/* Whether the request has committed by itself: what becomes of the turn does not touch it. */
static inline bool rc_request_stands(const struct rc_request *request)
{
    return request->kind >= RC_REQUEST_DEFINE;
}
/* Tells whoever asked: a client, or a bulk. */
void rc_engine_reply(struct rc_engine *, struct rc_request *);
/* access.c: the same for namespaces and tokens, and for their use. */
void rc_request_access(struct rc_engine *, struct rc_request *);
void rc_request_used(struct rc_engine *, struct rc_request *);
/* Reads the snapshot anew and hands it to the reading thread. */
RC_MUST enum rc_status rc_engine_know(struct rc_engine *, struct rc_error *);
void rc_engine_know_nothing(struct rc_engine *); /* frees it */

/* quota.c: whether a new command may be made of what is asked for (RC_QUOTA, RC_RATE, RC_NOT_FOUND: no such namespace), and that it
 * was. `replaces`: it takes the place of one that has not ended. */
RC_MUST enum rc_status rc_quota_check(struct rc_engine *, struct rc_sv ns, bool replaces,
                                      struct rc_request *);
void rc_quota_take(struct rc_engine *, struct rc_sv ns, bool replaces, uint32_t bytes);
void rc_quotas_forget(struct rc_engine *);

void rc_outline_of(const struct rc_command *, struct rc_outline *ret);

/* hold.c: begins one where the store has a mark, and reads the newest. */
RC_MUST enum rc_status rc_hold_boot(struct rc_engine *, bool restart, struct rc_error *);
/* restored.c: tells some of the commands that are still to be told; the progress stands in the turn. */
RC_MUST enum rc_status rc_hold_look_through(struct rc_engine *, struct rc_error *);
void rc_request_hold(struct rc_engine *, struct rc_request *); /* commits by itself */

/* bulk.c: those that run, from the store; what is in memory already is looked at again. */
RC_MUST enum rc_status rc_bulks_read(struct rc_engine *, struct rc_error *);
void rc_bulks_free(struct rc_engine *);
RC_MUST enum rc_status rc_bulk_run_new(struct rc_engine *, uint64_t id, struct rc_bulk_run **ret,
                                       struct rc_error *);
void rc_bulk_run_free(struct rc_bulk_run *);

/* wave.c: puts what is due before the requests of the turn. */
void rc_waves_post(struct rc_engine *, struct rc_request **io_requests);
void rc_wave_settle(struct rc_engine *, struct rc_wave_item *); /* its request was answered */
/* After the commit: waves that are over become durable, each by itself. */
void rc_waves_record(struct rc_engine *);
rc_us rc_waves_sleep(const struct rc_engine *); /* UINT64_MAX: nothing will become due */

/* turn.c: the gate is told (RC_MSG_OFFER, RC_MSG_PULL) of the first who waits before it: there must be one. Any other status than RC_OK: it
 * still waits, and the turn has no room for more. */
RC_MUST enum rc_status rc_call_first(struct rc_engine *, struct rc_door *, rc_message_kind,
                                     struct rc_error *);
/* turn.c: a unit about a step, under suspicion while it runs (suspects.h). */
RC_MUST enum rc_status rc_run_for_step(struct rc_engine *, const struct rc_ask *, uint64_t seq,
                                       struct rc_error *);
/* turn.c: the name of what is done for a step, whoever starts it, on the page of suspects. */
uint64_t rc_step_unit(uint64_t seq, uint32_t node);

/* width.c: places in use at all gates but those of workers. */
uint32_t rc_width_used(const struct rc_engine *);
/* Whether one more attempt may leave, as far as the server's own bound goes. */
bool rc_width_free(const struct rc_engine *);
/* Whether who comes now has to queue. */
bool rc_width_is_crowded(const struct rc_engine *);
/* The gate that gets the next place of the server; NULL: nobody waits at one that is free. */
struct rc_door *rc_width_next(const struct rc_engine *);

/* engine.c: whether another thread has left something. */
bool rc_engine_queued(struct rc_engine *);

/* boot.c: what memory must know of the store. Also after an unknown commit. `restart`: the process is new, so what was in flight is lost. */
RC_MUST enum rc_status rc_engine_boot(struct rc_engine *, bool restart, struct rc_error *);
void rc_engine_forget(struct rc_engine *); /* everything that boot reads */
