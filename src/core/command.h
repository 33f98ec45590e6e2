#pragma once
/* The command aggregate: what the engine knows of one stored intent.
 *
 * Control and data are apart. Control (struct rc_node, one fixed-size record per step instance, in path
 * order) has no time, id, text or order of arrival: it can be hashed. Data hangs beside it and is looked at
 * only to compute a time, build a request or fill an expression. The command's state is derived from both,
 * never set. Nothing but rc_command_apply (apply.h) writes to any of this. */
#include "base/limits.h"
#include "core/words.h"
#include "flow/set.h"

/* One instance of a node of the flow. What a field means for a step; a block uses a few of them in its own way:
 * cleared 1: its join was reached, so it has succeeded, whatever is still settled;
 * lost 1: a branch of such a block that was under way then, and is only settled;
 * tries 1: its parts were taken back, so it stays as it ended until a person retries it;
 * asks 1: it is left out, and only asked what another life of the store may have done in it;
 * undo_round: while it is undoing: the state in which it ends. */
struct rc_node {
    flow_node node;   /* which node of the flow */
    uint16_t parent;  /* index of the enclosing block's instance; the root's is its own */
    uint16_t item;    /* item or pass within a loop; 0 outside */
    uint16_t attempt; /* number of the last attempt, of all purposes; the first is 1 */
    uint16_t tries;   /* attempts of the action (or of the undo) since it was begun or a person retried it */
    uint16_t asks;    /* questions since: checks of this unknown, or of what is required for this attempt */
    uint8_t state;    /* enum rc_step_state */
    uint8_t phase;    /* enum rc_phase; of the purpose that rc_node_purpose() names */
    uint8_t why;      /* enum rc_why: why the state is what it is */
    uint8_t round;    /* of the action: grows after a rejection that a person retries, and after an undo */
    uint8_t undo_round;
    uint8_t lost;    /* crashes in a row that lost this step's attempt */
    uint8_t cleared; /* 1: its `require` question was answered with yes for the next attempt */
    /* 1: an earlier attempt of this round may have happened, whatever the later ones came to. Idle, or succeeded: it may have been done,
     * or undone, after the state that was restored. Of a fallback's block: an action of the first way has left here since, so that it happened
     * does not say that the other life did not go the second one */
    uint8_t doubt;
};
_Static_assert(sizeof(struct rc_node) == 20, "no hidden padding: the record is hashed");

struct rc_times {
    /* when the outcome became unknown: "did not happen" counts from here plus settle; 0: not unknown */
    rc_us since;
    rc_us first; /* start of the first try since a person asked for it, for limits by duration; 0: none yet */
    rc_us due;   /* delayed: until when; ready: place in the queue; open: when the attempt times out */
    rc_us keyed; /* when this round's Idempotency-Key first went out; 0: not yet */
};

/* Another command. seq 0: none. */
struct rc_link {
    uint64_t seq, nonce;
};

/* Whether something of a command has happened, or may have, that a roll back would take back; or would have to, and could not. */
enum rc_stands { RC_STANDS_NOTHING, RC_STANDS, RC_STANDS_FOR_GOOD };

/* The command that a step of kind FLOW_CHILD has started, as it was when it told last. */
struct rc_child {
    struct rc_link link;
    uint8_t state;  /* enum rc_state; RC_RUNNING: it goes on by itself */
    uint8_t stands; /* enum rc_stands */
};

/* The step that has started a command, and what that step was told of it. Link 0: nothing has. */
struct rc_parent {
    struct rc_link link;
    uint32_t node;
    uint8_t round;
    uint8_t told; /* enum rc_state, as struct rc_child has it */
};

/* The versions of all flows that a command may start, in however many steps: ids, as they were in force when the first one of them
 * was submitted. */
struct rc_pins {
    const uint64_t *flow;
    uint32_t n;
};

struct rc_vote; /* people.h */
struct rc_votes {
    uint32_t n;
    const struct rc_vote *vote;
};

/* Where an instance first stood: what its Idempotency-Keys are made of, wherever a move has put it since. */
struct rc_birth {
    uint16_t move; /* behind so many moves */
    uint16_t at;   /* with this number */
};

struct rc_data {
    struct rc_times times;
    struct rc_birth birth;
    /* attempts up to this number were those of an instance that had its number in an earlier version */
    uint16_t others;
    struct rc_votes votes; /* who has decided; at the root: who has made this command of another one */
    /* hash of the request of this round; zero: not built yet. Digest of what people are shown */
    struct rc_h128 request;
    struct cel_value outputs; /* a map, or null */
    struct rc_sv external_id;
    struct rc_sv fault; /* last error in words, at most RC_MAX_FAULT bytes */
    uint16_t status;    /* last HTTP status or exit code, 0: none */
    uint8_t why;        /* enum rc_why: of the last attempt that did not succeed, or that could not leave */
    uint8_t outcome;    /* enum rc_outcome: the same */
    struct rc_child child;
};

/* What is fixed when the command is created. */
struct rc_identity {
    uint64_t seq;   /* dense, in commit order */
    uint64_t nonce; /* random: root of every Idempotency-Key; its low half is the id's check */
    uint64_t flow;  /* id of the flow's version */
    rc_us created;
    struct rc_sv ns, type, key, subject, actor;
    uint64_t key_hash; /* of namespace, type and key, where somebody has computed it already; else 0 */
    struct rc_h128 payload_hash;
    struct cel_value payload, refs; /* refs: a map from name to text */
    uint32_t generation;            /* which use of its key this is, from 1 */
    struct rc_link original;        /* the command whose place it takes, as a person asked */
    /* asked for with the submission; kept in struct rc_clock, not here: 0 in what was read from a store */
    rc_us run_at;   /* not before the wall clock says so; 0: at once */
    rc_us run_in;   /* a span: not before it has passed; 0: at once */
    rc_us deadline; /* a span; 0: what the flow says */
    rc_us until;    /* of a child: when its parent halts; 0: it does not */
    /* the same holds for these: kept in struct rc_place and as the command's priority */
    uint64_t lane;         /* id; 0: none */
    struct rc_sv lane_key; /* what the flow's concurrency key came to */
    uint8_t priority;      /* 0 to RC_MAX_PRIORITY */
    /* and for these: kept as votes of the root */
    const struct rc_vote *authors;
    uint32_t nauthors;
    /* and for these: kept in the command */
    struct rc_parent parent;
    struct rc_pins pins;
    bool doubt;    /* another life of the store may have made the same command, and brought it further */
    rc_us doubted; /* the same: since when */
};

/* A command's place in its lane. Numbers are stored. */
enum rc_place_state {
    RC_PLACE_NONE,   /* it has not asked yet, or was told to go before its turn and is settled without one */
    RC_PLACE_WAITS,  /* it has not begun: others are before it */
    RC_PLACE_HOLDS,  /* it is one of those that may be at work */
    RC_PLACE_YIELDS, /* the same, and it is being cancelled or rolled back: nobody has to tell it to go */
    RC_PLACE_LEFT,   /* it has ended */
    RC_PLACE_STATES
};
struct rc_place {
    uint64_t lane;    /* id (flow, namespace and key); 0: the command is in none */
    struct rc_sv key; /* at most RC_MAX_KEY bytes */
    uint16_t limit;   /* of the version that it was made with */
    uint8_t state;    /* enum rc_place_state */
};

/* When the command begins, and until when it has to be through (core/deadline.c). While one of both is waited for, the root is
 * delayed, and its due is that time. */
struct rc_clock {
    rc_us start;    /* when it was to begin; 0: at once */
    rc_us deadline; /* span from its begin; 0: none, or that of its parent comes first */
    /* when that is over; 0: it has none, or has not begun. Without a span: when its parent halts, and it with it; so is it before it begins */
    rc_us over;
    uint8_t wall; /* 1: `start` is a time of the wall clock, else of the engine's */
};

/* What a command was before it moved to another version of its flow. Newest first; never changed any more. */
struct rc_past {
    const struct rc_past *before;
    const struct flow *flow;
    uint32_t nnodes;
    struct rc_node *node;
    struct rc_data *data;
    uint32_t rev;    /* of the record that holds the move */
    uint16_t number; /* moves before that one */
};
#define RC_NOWHERE UINT32_MAX

struct rc_command {
    struct rc_identity id;
    const struct flow *flow;
    uint32_t rev;  /* records of its history */
    uint8_t mode;  /* enum rc_mode */
    uint8_t state; /* enum rc_state: what rc_command_derive says, kept */
    uint8_t why;   /* of the mode: RC_WHY_PERSON, or why the engine itself rolls back */
    rc_us changed;
    struct rc_link successor; /* the command that a person has put in its place */
    struct rc_sv owner;       /* who looks after it; empty: nobody */
    rc_us due; /* until when it should be settled; 0: not said. The engine does not act on it */
    struct rc_clock clock;
    struct rc_place place;
    struct rc_parent parent;
    struct rc_pins pins;
    uint8_t priority;
    /* a roll back is bounded to this instance and what comes behind it (core/part.c); 0: it is of the whole */
    uint32_t back;
    uint32_t notes; /* how many people have written beside it; their texts stand in the history */
    uint32_t nnodes;
    struct rc_node *node;       /* [0] is the root */
    struct rc_data *data;       /* beside node */
    const struct rc_past *past; /* NULL: it has always been of this version */
};

/* Whether an attempt of the step itself has left. */
static inline bool rc_has_left(const struct rc_command *command, uint32_t at)
{
    return command->node[at].attempt > command->data[at].others;
}
/* How many moves the command has behind it, and which version it began with. */
static inline uint16_t rc_command_moves(const struct rc_command *command)
{
    return command->past ? (uint16_t)(command->past->number + 1) : 0;
}
const struct flow *rc_command_first_flow(const struct rc_command *);
/* The command with the instances that it had when the record with this revision was behind it: for who tells what a history says. */
struct rc_command rc_command_then(const struct rc_command *, uint32_t rev);

/* The purpose that a step is busy with in its present state. */
enum rc_purpose rc_node_purpose(const struct rc_command *, uint32_t at);
/* The step's definition. */
static inline const struct flow_step *rc_node_step(const struct rc_command *command, uint32_t at)
{
    return &command->flow->steps[command->node[at].node];
}

/* What people call an instance: the ids of the loops around it with the numbers of their items or passes, and its own:
 * "orders[3].pay"; where it has no id, its kind. Cut at RC_MAX_PATH bytes; the text lives in the buffer. */
struct rc_path {
    char text[RC_MAX_PATH];
    uint32_t n;
};
struct rc_sv rc_node_path(const struct rc_command *, uint32_t at, struct rc_path *);
/* The same by the flow alone, without kinds: empty where there is no such instance, and for what stands in no loop and has no id. */
struct rc_sv rc_path_in(const struct flow *, uint32_t instance, struct rc_path *);

/* Its time to begin has not come: nothing of it has been looked at yet. */
static inline bool rc_command_waits_to_begin(const struct rc_command *command)
{
    return command->nnodes && command->node[0].state == RC_STEP_IDLE &&
           command->node[0].phase == RC_PHASE_DELAYED;
}
/* Its turn in its lane has not come. It may have begun all the same where an older state of the store was restored. */
static inline bool rc_command_waits_in_lane(const struct rc_command *command)
{
    return command->place.state == RC_PLACE_WAITS;
}
/* Its place in every queue: the oldest command first, where each step of priority makes it older. So nothing starves: who has waited
 * long enough comes before all that come later, whatever their priority. */
rc_us rc_command_order(const struct rc_command *);
/* The lane of a flow and a key in a namespace: never 0, and what a store can keep as a number of a queue. */
uint64_t rc_lane_id(struct rc_sv ns, struct rc_sv flow, struct rc_sv key);
/* Whether the time that the root waits for is one of the wall clock. */
static inline bool rc_clock_is_wall(const struct rc_clock *clock, rc_us due)
{
    return clock->wall && due == clock->start;
}
/* Until when something must have come true, of a step that has begun to confirm it. */
static inline rc_us rc_confirm_end(const struct rc_command *command, uint32_t at)
{
    return command->data[at].times.first + rc_node_step(command, at)->confirm.within;
}
/* Where the step waits for its turn: the gate of its dependency, or a line of its own where workers do it. */
uint64_t rc_node_gate(const struct rc_command *, uint32_t at);

/* State from nodes and mode (core/derive.c holds the table). Pure function of control. */
enum rc_state rc_command_derive(const struct rc_command *);
/* Whether the key may be used again, for a new generation, as this flow (the one in force) says. */
bool rc_command_frees_key(const struct rc_command *, const struct flow *, rc_us now);
/* Whether any attempt is in flight. */
bool rc_command_in_flight(const struct rc_command *);

/* Rule 6: the Idempotency-Key: the same for every attempt of a round, never the same for two. Of what confirms something, of the last
 * attempt: each has its own. */
struct rc_h128 rc_idempotency_key(const struct rc_command *, uint32_t at, enum rc_purpose);
/* Hash over control: nodes in path order, and mode. */
struct rc_h128 rc_command_control_hash(const struct rc_command *);
