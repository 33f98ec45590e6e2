#pragma once
/* What the invariants look at: a store that was read once, folded record by record; private to sim/. Nothing here is changed after
 * check_load. */
#include "sim/check.h"
#include "sim/tree.h"

#include "base/map.h"

/* A command behind one step of the core. A record holds the changes of all steps that one cause led to: what it was about, and behind that
 * the places that steps got at once. [0] is before the first. */
struct check_moment {
    const struct rc_record *record; /* NULL: [0] */
    const struct rc_ask *cause;     /* the record's, or that a place was given */
    bool last;                      /* of its record */
    const struct rc_node *node;     /* nnodes of them */
    const struct rc_times *times;
    const struct rc_h128 *request;
    uint8_t mode, state, place;
};

/* One attempt, from the record that opens it to the one that ends it. */
struct check_attempt {
    const struct check_command *of;
    uint32_t node;
    uint16_t attempt;
    uint8_t purpose; /* enum rc_purpose */
    struct rc_h128 key, request;
    uint32_t began, ended; /* moments; ended 0: in flight */
    uint32_t arrivals;     /* with this key: counted at the first attempt of the key */
    uint32_t acted;
    struct check_attempt *next; /* with the same key */
};

struct check_command {
    struct rc_identity id;
    const struct flow *flow;
    struct rc_row row;
    struct rc_record *records;
    uint32_t n;
    uint32_t folded; /* records that fit; fewer than n: `fault` says what does not */
    const char *fault;
    struct check_moment *moment; /* [0 … nmoments] */
    uint32_t nmoments;
    uint32_t *last;      /* by revision: the moment behind that record; [0 … folded] */
    struct rc_command c; /* behind the last one that fits */
    struct check_attempt *attempt;
    uint32_t nattempts;
};

struct check_run {
    const struct check_case *in;
    struct rc_arena *arena;
    const struct flow_set *set;
    struct check_report *report;
    const struct check_invariant *now; /* the one that is held against it */
    struct check_command *command;     /* by seq */
    uint32_t ncommands;
    struct rc_purged *purged; /* by seq */
    uint32_t npurged;
    struct rc_high high;
    struct rc_map keys; /* Idempotency-Key (its first half) to its first attempt */
    struct rc_error err;
    enum rc_status status; /* the first reading or allocation that failed */
};

/* The invariant `run->now` does not hold. */
void check_break(struct check_run *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* It had something to look at. */
static inline void check_look(struct check_run *run)
{
    run->report->looked[run->now->number]++;
}
#define CHECK_HOLDS(run, holds, ...)                                                                         \
    do {                                                                                                     \
        check_look(run);                                                                                     \
        if (!(holds)) check_break(run, __VA_ARGS__);                                                         \
    } while (0)

/* An invariant: its number, its name, its sentence, and behind it the body of the function that holds it against a run. */
#define CHECK_INVARIANT(number, name, sentence)                                                              \
    static void hold_##number(struct check_run *);                                                           \
    const struct check_invariant check_invariant_##number = {number, name, sentence, hold_##number};         \
    static void hold_##number(struct check_run *run)

/* Reads and folds everything. What cannot be folded is left to the invariants. */
RC_MUST enum rc_status check_load(struct check_run *, struct rc_error *);
/* The definitions of a store as a set. */
RC_MUST enum rc_status check_definitions(struct rc_reader *, struct rc_arena *, const struct flow_set **ret,
                                         struct rc_error *);

/* NULL: none with this number. */
const struct check_command *check_command_at(const struct check_run *, uint64_t seq);
const struct rc_purged *check_purged_at(const struct check_run *, uint64_t seq);
/* The first attempt with this key, or NULL. */
struct check_attempt *check_attempt_with(const struct check_run *, struct rc_h128 key);

/* "command 12 (type key), record 3, step create": for findings; valid until the next call but seven. */
const char *check_at(const struct check_command *, uint32_t rev, uint32_t node);
/* The same of the record that opened an attempt. */
const char *check_at_attempt(const struct check_attempt *);

/* A node before and behind a record. */
struct check_change {
    const struct check_command *of;
    uint32_t index, rev, at; /* moment, revision, node */
    const struct rc_ask *cause;
    const struct rc_record *record;
    const struct check_moment *from, *to;
    const struct rc_node *before, *after;
    const struct rc_times *times_before, *times_after;
};
struct check_change check_change_at(const struct check_command *, uint32_t index, uint32_t at);
/* Calls `look` for each leaf and each moment, whether it has changed or not. */
void check_each_change(struct check_run *, void (*look)(struct check_run *, const struct check_change *));
/* The same for each attempt, with the change that opened it. */
void check_each_attempt(struct check_run *, void (*look)(struct check_run *, const struct check_attempt *,
                                                         const struct check_change *));

/* A step that asks something of a dependency: what the invariants are about. */
static inline bool check_is_leaf(const struct check_command *of, uint32_t at)
{
    return sim_is_call(&of->c, at);
}
static inline const struct flow_call *check_call_of(const struct check_command *of, uint32_t at)
{
    return &sim_step(&of->c, at)->call;
}
static inline bool check_is_undo_side(unsigned step_state)
{
    return sim_is_undo_side(step_state);
}
/* The result that a cause brings, or NULL; and the action. */
static inline const struct rc_result *check_result_of(const struct rc_ask *cause)
{
    return cause->kind == RC_MSG_RESULT ? cause->u.result : NULL;
}
static inline const struct rc_act *check_act_of(const struct rc_ask *cause)
{
    return cause->kind == RC_MSG_ACTION ? cause->u.act : NULL;
}
