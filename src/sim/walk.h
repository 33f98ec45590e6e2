#pragma once
/* Random lives of the real engine (private to sim/). Definitions, requests, answers, failures, crashes and the passing of time come from one
 * stream of choices (choices.h); an outside world remembers what it did for every attempt, so that the truth is known; after every turn
 * the laws (walk_laws.c, walk_history.c) are held against what the store has, what left and what the outside did.
 *
 * A walk never fails by itself: the first law that does not hold is kept in walk.broken, so that a test can also expect one to be broken. */
#include "base/limits.h"
#include "base/random.h"
#include "engine/state.h"
#include "sim/choices.h"
#include "sim/seen.h"
#include "sim/sim.h"
#include "sim/tree.h"
#include "sim/walk_lanes.h"
#include "sim/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WALK_FLOWS = 4,
    WALK_STEPS = 4,       /* of a flow that is one line */
    WALK_INSTANCES = 64,  /* of a command */
    WALK_KEYS = 3,        /* keys of a flow */
    WALK_SPACES = 2,      /* namespaces */
    WALK_SUCCESSORS = 16, /* that people ask for, at most */
    WALK_COMMANDS = 60,
    WALK_ACTIONS = 1024,
    WALK_BULKS = 4,
    WALK_CALLS = 2048,
    WALK_ARRIVALS = 8192,
    WALK_VERSIONS = 4,
    WALK_WAS = 16,
    WALK_ITEMS = 8, /* of a bulk */
    WALK_DEPENDENCIES = 2,
    WALK_REQUESTS = 64, /* on their way */
    WALK_PUT_OFF = 512, /* submissions with a time */
    WALK_STARTED = 512, /* submissions of which is known who has made them */
    WALK_ASKED = 8,     /* steps of a command that ask people */
    WALK_VOTES = 8,
    WALK_RELEASED = 8,
    WALK_SIGNALS = 64,
    WALK_TEXT = 64 << 10
};

/* What has left, beside world.left. */
struct walk_sent {
    uint64_t seq, gate;
    uint32_t node, life;
    uint16_t attempt;
    uint8_t purpose;
    uint32_t
        lost; /* it left behind the so-manieth state that was restored: the engine does not know of it; 0: it does */
    struct rc_h128 key;
    rc_us at, lost_at; /* lost_at: since when nobody knows */
    rc_us timeout;
    uint32_t arrival; /* 1 + its place in the journal */
    rc_us decided;    /* the time of the turn that let it leave: a slow disk makes it leave later */
    bool open;        /* this life of the engine waits for its answer */
    bool uncertain;   /* act, undo: nobody was told for sure whether it acted */
    bool acted;
    bool over;     /* what it did was undone, or leaves nothing to undo, and is done anew */
    bool there;    /* checks: what was true when it left */
    bool said_yes; /* require: the answer */
    uint32_t task; /* 1 + its place among those of workers; 0: no worker does it */
};

/* One side (0: the action, 1: its undo) of a step, as the outside knows it. */
struct walk_side {
    uint32_t done; /* how often */
    uint32_t will; /* 1 + index of what acts later, or 0 */
    rc_us will_at;
    bool lied; /* somebody was told something else */
};

/* A step that asks people, as its history and those who asked for decisions know it. */
struct walk_asked {
    uint32_t node;
    bool open, approved;           /* it is asked now; it was approved, and is not void */
    struct rc_h128 digest, before; /* of what is shown, or was last; and before that */
    rc_us due;
    uint32_t nvotes, nreleased;
    uint8_t vote[WALK_VOTES]; /* whose, in order */
    struct {
        uint32_t step; /* of the flow */
        struct rc_h128 with;
    } released[WALK_RELEASED];
};

/* A signal, as those who send it know it. */
struct walk_signal {
    uint8_t name, id;
    bool bad, acknowledged;
    bool known, other; /* somebody was told what it is: what is sent first, or something else */
    uint64_t taken_by; /* by the histories; 0: nobody */
    uint32_t taken_at;
};

struct walk_seen { /* a command, from its history */
    struct rc_arena *arena;
    struct rc_command c;
    struct walk_side side[WALK_INSTANCES][2];
    bool retried[WALK_INSTANCES]; /* by a person since the step's last attempt left */
    bool passed[WALK_INSTANCES];  /* the line went on without it: it may be done again out of its turn */
    bool rolled[WALK_INSTANCES];  /* its undo began in a roll back: a cancel brings it to its end */
    bool cancelled;               /* and the person was told */
    bool gone_asked, gone;        /* somebody has asked to purge it; it was purged */
    struct {
        uint64_t change; /* in the store's sequence */
        uint8_t state;
    } was[WALK_WAS];             /* the last records, by rev */
    rc_us until[WALK_INSTANCES]; /* the step waits until then; 0: it does not */
    rc_us began[WALK_INSTANCES]; /* by the history: when it was idle last, and what it was then is over */
    rc_us ended[WALK_INSTANCES];
    bool lifted;     /* a person, or an older state, has taken its time to begin or its deadline away */
    uint32_t turned; /* in which turn the mode changed, from 1 */
    struct rc_h128 payload_hash;
    bool restored; /* some of what left of it was lost with the state behind */
    bool behind;   /* it went on behind the state that was restored, and the engine has not said so yet */
    struct walk_asked asked[WALK_ASKED];
    uint32_t nasked;
    uint16_t attempted[WALK_INSTANCES];
    struct walk_place lane;
    struct {
        rc_us since, due;
        bool open;
        uint8_t may,
            must; /* how often it was over in the moment in which it began, since the signals were looked at: perhaps, or for
                              sure, with one that was kept */
        uint8_t state;
    } waits[WALK_INSTANCES]; /* for a signal */
};

/* Who has decided what, as the walk knows it. */
struct walk_decision {
    struct rc_h128 digest;
    uint32_t node;
    uint8_t who, answer;
};

struct walk_action {
    struct walk_decision decision;
    uint64_t seq;
    uint8_t action;
    char key[8];
    bool done, refused, replayed; /* as it was answered */
    uint32_t found;               /* records of it */
};

struct walk_bulk {
    uint64_t id, nonce; /* 0: nobody was told */
    uint8_t action, state;
    char key[8];
    uint64_t seq[WALK_ITEMS];
    uint32_t found[WALK_ITEMS]; /* records of it */
    uint32_t n, events;
};

struct walk_request { /* on its way */
    struct rc_request *request;
    uint32_t space, flow, key; /* submit */
    uint64_t nonce;
    struct rc_h128 payload_hash;
    uint32_t action;     /* index */
    uint32_t dependency; /* define */
    uint32_t concurrent;
    uint32_t bulk;   /* 1 + index */
    uint32_t op;     /* in the journal; 0: none */
    uint32_t signal; /* 1 + index */
    bool conflicts;
    const uint32_t *tasks; /* report, heartbeat: which; in the request's arena */
    uint32_t queue;        /* an order to it */
};

/* A copy of the store, and what was known when it was made. */
struct walk_copy {
    struct rc_memory_disk *disk; /* NULL: there is none */
    struct walk *known;          /* as it was: of it, only what is plain data counts */
    uint32_t ncalls, narrivals;  /* of the journal */
};

/* What was restored last. */
struct walk_restored {
    uint32_t times;     /* in this life */
    rc_us from, until;  /* wall: of when the state is, when it was put in place */
    uint64_t seq;       /* commands up to this one are of that state */
    bool asked, judged; /* a person has asked for the release; what was looked through was judged */
    bool gone[WALK_SPACES][WALK_FLOWS][WALK_KEYS]; /* acknowledged commands that are not in that state */
};

/* What a dependency's other side is like for a while. */
enum walk_mood { WALK_FINE, WALK_DOWN, WALK_SLOW, WALK_LIMITING, WALK_REFUSING, WALK_ERRING, WALK_MOODS };

struct walk {
    struct world *world;
    struct sim_choices *choices;
    uint64_t names; /* state of the stream of nonces: not a decision */
    uint64_t fired; /* bits 1 << enum sim_fault */
    enum sim_control control;
    const char *broken; /* the law, or NULL */
    char broken_where[160];
    char definitions[WALK_TEXT];
    struct {
        const char *name;
        uint64_t gate;
        rc_us key_lifetime;
        uint32_t at_first, most; /* places: at first; the most that may be in force now */
        enum walk_mood mood;
        bool changed; /* since the beginning */
        bool worker;  /* workers do its steps */
        rc_us lease;
        const char *queue;
    } dependency[WALK_DEPENDENCIES];
    struct walk_sent sent[WORLD_EFFECTS];
    uint32_t life;
    enum rc_status status;                    /* of the last turn */
    bool draining, quiet;                     /* quiet: no start is refused */
    struct walk_seen seen[WALK_COMMANDS + 1]; /* by seq */
    uint64_t nseen;
    struct {
        uint64_t seq;      /* 0: nobody was told yet */
        bool acknowledged; /* it must be there */
    } told[WALK_SPACES][WALK_FLOWS][WALK_KEYS];
    struct walk_request request[WALK_REQUESTS];
    uint32_t nrequests;
    struct walk_action action[WALK_ACTIONS];
    uint32_t nactions, nsuccessors;
    struct walk_bulk bulk[WALK_BULKS];
    uint32_t nbulks;
    bool full; /* the disk */
    /* what this life is like: percent of steps in which somebody acts, of flow steps that are not critical, that have a check, that have no undo */
    uint64_t cared_for; /* the command that somebody acted on last: people stay with what they have begun */
    uint32_t busy, soft, checked, final;
    bool shaped;        /* its flows are made for what is rare */
    bool blocks, timed; /* its flows have blocks; its submissions have times */
    uint32_t indent;    /* of definitions that are being written */
    struct {
        uint64_t nonce;
        rc_us start, deadline; /* when; span. 0: none */
        bool wall;             /* start is what the wall clock shows, which somebody may set */
    } put_off[WALK_PUT_OFF];
    uint32_t nput_off;
    bool people; /* its flows ask people */
    struct {
        uint64_t nonce;
        uint8_t who, priority; /* priority: UINT8_MAX: as it is on record */
    } started[WALK_STARTED];   /* who has started or edited what */
    uint32_t nstarted;
    bool lanes; /* its flows have concurrency keys */
    uint64_t changes,
        lanes_seen; /* of the store: the last one that was seen, and that the laws of lanes have seen */
    struct walk_signal signal[WALK_SIGNALS];
    uint32_t nsignals;
    struct walk_work *work;   /* NULL: this life has no workers */
    struct walk_plans *plans; /* NULL: this life has no schedules */
    bool tasks;               /* the step that is being written is one that workers do */
    rc_us
        turn_before; /* the engine's time of the last turn that went well in this life of its; 0: none did */
    bool has_space;  /* somebody has asked for the namespace b */
    uint32_t nversions; /* of flows, that were defined on the way */
    rc_us latest;       /* record */
    struct walk_journal *journal;
    rc_us quiet_since;    /* wall; 0: not yet */
    bool settled;         /* the last turn went well, and all that the store has was looked at */
    uint32_t world_nleft; /* in a copy: of the world, when it was made */
    rc_us world_wall;
    struct walk_copy copy;
    struct walk_restored restored;
    bool folding_anew; /* histories of the state that was restored: they were judged before */
    bool recovery;     /* the checker crashes every history behind each of its records */
    struct rc_arena *scratch, *rows;
    struct sim_seen *cover;
    FILE *tell; /* NULL: nothing is told */
};

/* ---- chance --------------------------------------------------------------------------------------------------------- */

static inline uint32_t walk_dice(struct walk *walk, uint32_t n) /* 0 to n - 1; 0 is what is plain */
{
    return sim_choose(walk->choices, n);
}
static inline bool walk_chance(struct walk *walk, uint32_t percent) /* false is what is plain */
{
    return walk_dice(walk, 100) >= 100 - percent;
}
static inline rc_us walk_span(struct walk *walk, rc_us most) /* less than `most` */
{
    return walk_dice(walk, (uint32_t)(most < UINT32_MAX ? most : UINT32_MAX));
}
static inline uint64_t walk_nonce(struct walk *walk)
{
    return rc_mix(&walk->names);
}

static inline void walk_fired(struct walk *walk, enum sim_fault fault)
{
    walk->fired |= UINT64_C(1) << fault;
    walk->cover->fault[fault]++;
}

#define WALK_TELL(walk, ...)                                                                                 \
    do {                                                                                                     \
        if ((walk)->tell) fprintf((walk)->tell, __VA_ARGS__);                                                \
    } while (0)

/* ---- walk_defs.c ------------------------------------------------------------------------------------------------------- */

/* Fills definitions and dependency. */
void walk_define(struct walk *);
/* A definition of a dependency with so many places. */
const char *walk_dependency_text(const struct walk *, uint32_t dependency, uint32_t concurrent, char *to,
                                 size_t n);
/* Another version of a flow, in walk.definitions. */
void walk_define_flow(struct walk *, uint32_t flow);
/* All dependencies, as they are now, and flows anew; a part of the life's choices of this kind for each flow. */
void walk_define_all(struct walk *, char kind);
/* Text behind walk.definitions, each of its lines with walk.indent blanks before it. */
void walk_put(struct walk *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What a call says of itself behind its request. */
void walk_put_terms(struct walk *, bool outputs, bool irreversible, bool undone);
void walk_put_head(struct walk *, uint32_t flow, const char *on_failure);

/* ---- walk_blocks.c ----------------------------------------------------------------------------------------------------- */

/* Decides whether this life is one of blocks, or of times; its flows are written anew then. */
void walk_define_blocks(struct walk *);
/* Another version of a flow, with blocks. */
void walk_define_block_flow(struct walk *, uint32_t flow);

/* ---- walk_people.c, walk_votes.c --------------------------------------------------------------------------------------- */

/* Decides whether this life is one of people who are asked; its flows are written anew then. */
void walk_define_people(struct walk *);
void walk_define_people_flow(struct walk *, uint32_t flow);
void walk_forge_people(enum sim_control, struct flow *);
/* Says who has started a command, or who acts. */
void walk_people_submit(struct walk *, struct rc_identity *);
void walk_people_started(struct walk *, uint64_t nonce, unsigned who);
void walk_people_name(struct walk *, struct walk_action *, struct rc_act *);
/* Somebody decides something, or nobody does; and one who may, if anybody is asked. */
void walk_people_act(struct walk *);
void walk_people_end(struct walk *, uint64_t seq);
/* It waits for nothing but people. */
bool walk_rests_with_people(const struct rc_command *);
/* People are known by number. */
bool walk_same_person(unsigned, unsigned);
bool walk_is_wanted(const struct flow_people *, unsigned who);
bool walk_is_author(const struct walk *, const struct walk_seen *, unsigned who);
/* Whether one whom a flow names has not started the command. */
bool walk_may_be_asked(const struct walk *, const struct walk_seen *, struct rc_sv actor);
bool walk_may_decide(const struct walk *, const struct walk_seen *, const struct walk_asked *, unsigned who);
const struct walk_asked *walk_asked_at(const struct walk_seen *, uint32_t node);
/* A record was folded; a decision was answered; a turn is over. */
void walk_laws_of_people(struct walk *, struct walk_seen *, const struct rc_record *);
void walk_laws_of_decision(struct walk *, const struct walk_request *);
void walk_laws_of_kept_votes(struct walk *, const struct walk_seen *);

/* ---- walk_signals.c --------------------------------------------------------------------------------------------------- */

void walk_put_wait(struct walk *, uint32_t id);
void walk_forge_waits(enum sim_control, struct flow_step *);
/* Somebody sends a signal, or nobody does. */
void walk_signal(struct walk *);
/* A signal was answered; a record was folded; a turn is over. */
void walk_laws_of_signal_reply(struct walk *, const struct walk_request *);
void walk_laws_of_waits(struct walk *, struct walk_seen *, const struct rc_record *);
void walk_laws_of_signals(struct walk *, struct rc_reader *);

/* ---- walk_requests.c --------------------------------------------------------------------------------------------------- */

/* One thing that a client or a person asks for. */
void walk_submit(struct walk *);
void walk_submit_batch(struct walk *);
/* lies: in percent, how often a verdict says the contrary; as_it_is: resolve accepts it. */
void walk_act(struct walk *, uint64_t seq, enum rc_action, uint32_t lies, bool as_it_is);
/* concurrent 0: the dependency goes. */
void walk_change_dependency(struct walk *, uint32_t dependency, uint32_t concurrent);
void walk_change_flow(struct walk *);
void walk_change_quota(struct walk *);
void walk_purge(struct walk *);
/* A person wants the hold released, if there is one. */
void walk_ask_release(struct walk *);
/* A new bulk, or an order to one that is there. */
void walk_bulk(struct walk *);
/* An order to this one. */
void walk_order(struct walk *, uint32_t at, enum rc_bulk_state to, bool first);
struct walk_request *walk_find_request(struct walk *, const struct rc_request *);
/* False: it was not taken, and is freed. */
bool walk_post(struct walk *, struct walk_request);
void walk_free_answered(struct walk *);
/* The step that a verdict would be about; 0: none. */
uint32_t walk_in_question(const struct rc_command *);

/* ---- walk_check.c ------------------------------------------------------------------------------------------------------ */

struct walk_journal *walk_journal_new(void);
void walk_journal_free(struct walk_journal *);
/* What is asked, and what was answered. */
uint32_t walk_note_call(struct walk *, const struct rc_request *);
void walk_note_answer(struct walk *, uint32_t op, const struct rc_request *);
/* What arrives outside, and that it was carried out. */
void walk_note_arrival(struct walk *, struct walk_sent *);
void walk_note_done(struct walk *, const struct walk_sent *);
void walk_check_all(struct walk *);
/* How much was noted; and what was noted since is forgotten, as the clients of a state before it would have it. */
void walk_journal_mark(const struct walk *, uint32_t *ret_calls, uint32_t *ret_arrivals);
void walk_journal_rewind(struct walk *, uint32_t calls, uint32_t arrivals);

/* ---- walk_faults.c ----------------------------------------------------------------------------------------------------- */

/* Connects the world to the walk: what leaves, what is answered, and what the control makes of it. */
void walk_watch(struct walk *);
/* One fault, or none. */
void walk_fault(struct walk *);
void walk_turn(struct walk *);
/* The process dies, or stops in good order, and starts again. */
void walk_crash(struct walk *, bool in_order);
/* No fault is on its way any more. */
void walk_end_faults(struct walk *);
/* What has left in this life and is open, or is not: one of them; UINT32_MAX: there is none. `dead`: of the lives before. */
uint32_t walk_pick_sent(struct walk *, bool open, bool dead);
void walk_answer_some(struct walk *, bool kind);

/* ---- walk_spoil.c ------------------------------------------------------------------------------------------------------ */

/* Whether the control makes the engine's memory of steps another one than the history's. */
bool walk_spoils_nodes(enum sim_control);
/* What the engine has in memory of a command; where the control is another one, nothing. */
void walk_spoil(enum sim_control, struct rc_command *);

/* ---- walk_restore.c --------------------------------------------------------------------------------------------------- */

/* Somebody copies the store, puts a copy in its place, or releases what holds; or nobody does anything. */
void walk_restore(struct walk *);
/* A person looks at the window and releases the hold, if there is one. */
void walk_release(struct walk *);
void walk_forget_copy(struct walk *);
/* At the end: what was done behind a state that was restored, and never again. */
void walk_count_found(struct walk *);
/* The newest hold, as the store has it; id 0: none, or it cannot be read. */
struct rc_hold walk_hold(struct walk *);
/* Something is about to leave; a turn is over; `record` has told a command that it was restored; a submission was answered. */
void walk_laws_of_holding(struct walk *);
void walk_laws_of_window(struct walk *);
void walk_laws_of_doubt(struct walk *, struct walk_seen *, uint32_t rev);
/* Whether somebody was told something wrong of this side of a step. Where the command was restored, what is known of one step rests on what
 * was told of the others. */
bool walk_is_lied(const struct walk_seen *, uint32_t node, bool undo);
void walk_laws_of_lost_keys(struct walk *, const struct walk_request *);

/* ---- walk_outside.c ------------------------------------------------------------------------------------------------- */

/* left[i] has just left. */
void walk_outside_takes(struct walk *, uint32_t i);
/* Something is answered to left[i], or nothing comes any more; kind: the truth. */
void walk_outside_answers(struct walk *, uint32_t i, bool kind);
/* An answer to left[i], which had one, comes again or late. */
void walk_outside_repeats_itself(struct walk *, uint32_t i);
/* Whoever does left[i] is not heard any more. */
void walk_outside_falls_silent(struct walk *, uint32_t i);
/* The timeout of left[i] is over: nobody waits for its answer any more. */
void walk_outside_times_out(struct walk *, uint32_t i);
/* The engine's process has died. */
void walk_outside_lost_touch(struct walk *);
/* What acts late and is due by now. */
void walk_outside_goes_on(struct walk *);
/* What acts late of this step comes now. */
void walk_outside_arrives(struct walk *, uint64_t seq, uint32_t node);
/* Whether this side of a step has happened, or will. */
bool walk_happens(const struct walk *, uint64_t seq, uint32_t node, bool undo);
/* It is known now that nothing of this side happened. */
void walk_known_not(struct walk *, uint64_t seq, uint32_t node, bool undo);

/* ---- walk_laws.c, walk_history.c, walk_replies.c ---------------------------------------------------------------------------------------------------- */

void walk_break(struct walk *, const char *law, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* What the simulated disk refuses is refused, whatever it was. */
static inline bool walk_is_simulated(const struct rc_error *error)
{
    return strstr(error->text, "simulated disk") != NULL;
}

#define LAW(holds, law, ...)                                                                                 \
    do {                                                                                                     \
        if (!(holds)) walk_break(walk, law, __VA_ARGS__);                                                    \
    } while (0)
#define ULL(n) ((unsigned long long)(n))

/* Before left[i] leaves. */
void walk_laws_of_leaving(struct walk *, uint32_t i);
/* The number that an action of ours has. */
uint32_t walk_action_named(const struct rc_act *);
/* Brings what is seen of a command to what the store has. */
void walk_observe(struct walk *, uint64_t seq);
/* After a turn that has ended with RC_OK. */
void walk_laws_of_turn(struct walk *);
/* A reply. */
void walk_laws_of_reply(struct walk *, const struct walk_request *);
/* When everything is over. */
void walk_laws_of_end(struct walk *);
/* What must hold of blocks, before left[i] leaves; and behind a record, with the nodes before it. */
void walk_laws_of_turns(struct walk *, const struct walk_seen *, const struct walk_sent *);
void walk_laws_of_times(struct walk *, const struct walk_seen *, const struct walk_sent *);
void walk_laws_of_undo_order(struct walk *, const struct walk_seen *, const struct walk_sent *);
void walk_laws_of_blocks(struct walk *, struct walk_seen *, const struct rc_record *,
                         const struct rc_node *was, uint8_t mode);
/* What the store has of bulks. */
void walk_laws_of_bulks(struct walk *, struct rc_reader *);

#include "sim/walk_schedules.h"
#include "sim/walk_workers.h"
