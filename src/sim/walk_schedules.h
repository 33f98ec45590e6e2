#pragma once
/* Lives with schedules: what the rest of a life calls, and what the parts of it know of each other (private to sim/; walk.h includes it). */
#include "sim/walk.h"

enum { PLAN_IDS = 2, PLAN_SLOTS = WALK_FLOWS * PLAN_IDS, PLAN_LOOKS = 1 << 14, PLAN_MADE = 1024 };

/* One schedule of one flow, by their names, as it was when the store was looked at last. */
struct plan_slot {
    bool known; /* it had a row, and no older state has been put in the place of the store since */
    struct rc_schedule row;
    uint64_t version; /* of its flow, which was in force then; 0: none, or the flow had no such schedule */
    bool clean;       /* what is accepted was accepted under this version */
    bool busy;        /* the command of its last run had not ended */
    rc_us waited;     /* what the clock showed when it was so last */
    bool stopped;     /* somebody has wanted it paused since it was looked at, or that is on its way */
    bool resumed;     /* the same, and resumed */
};

/* A command that a schedule has made. */
struct plan_made {
    uint64_t seq; /* 0: it was lost with the state behind one that was restored */
    rc_us time;   /* 0: a person wanted it */
    uint32_t slot;
    bool fresh; /* its laws were not looked at yet */
    bool old;   /* its schedule has left the flow since: where it comes back, it begins anew */
};

struct walk_plans {
    struct plan_slot slot[PLAN_SLOTS];
    struct plan_made made[PLAN_MADE];
    rc_us look[PLAN_LOOKS]; /* what the wall clock showed in each turn */
    uint32_t nmade, nlooks;
    rc_us highest;  /* of them */
    rc_us released; /* what it showed when a hold was over; 0: none was */
    rc_us moment;   /* what it showed at first */
    uint32_t zone;  /* most of its schedules are in this one: WALK_ZONES of them */
    struct flow_schedule elsewhere[PLAN_SLOTS]; /* controls: what the engine takes for its schedules */
};

/* ---- walk_schedules.c ------------------------------------------------------------------------------------------------- */

/* Decides whether this life is one with schedules; its flows are written anew then. */
void walk_define_schedules(struct walk *);
void walk_forget_schedules(struct walk *);
/* The world is there: its clock is set. */
void walk_schedules_begin(struct walk *);
void walk_put_schedules(struct walk *);
/* Time passes, the clock is set, people give orders and change flows. Or nothing of it happens. */
void walk_schedules_act(struct walk *);
/* Every fault is over: what is due is made; then people pause all schedules, so that there is an end. */
void walk_schedules_rest(struct walk *);
/* How many commands may come of times that are past. */
uint32_t walk_schedules_owe(const struct walk *);
/* An older state is put in the place of today's. */
void walk_schedules_go_back(struct walk *);
/* The engine is about to begin anew. */
void walk_schedules_restart(struct walk *);
/* Of when the state of the store is. */
rc_us walk_schedules_date(const struct walk *);
/* The clock shows less than what the engine's time has come to. */
bool walk_clock_is_behind(const struct walk *);
void walk_forge_schedules(enum sim_control, struct flow *);
/* Before a turn: the clock is looked at; where a protection is off, what the engine knows is spoiled. */
void walk_schedules_turn(struct walk *);
/* For the checker: nobody has submitted what schedules make. */
void walk_note_scheduled(struct walk *);

/* ---- walk_due.c ------------------------------------------------------------------------------------------------------- */

enum { WALK_ZONES = 5, WALK_CHANGES = 4, WALK_MINUTES = 7, WALK_HOURS = 7, WALK_DAYS = 6 };

/* Names of zones, and texts of the fields of a cron expression; days with what stands behind them, month and day of the week. */
const char *walk_zone_name(uint32_t zone);
const char *walk_minutes_text(uint32_t i);
const char *walk_hours_text(uint32_t i);
const char *walk_days_text(uint32_t i);
/* When the clocks of a zone change, in seconds; UTC has none: a moment all the same. */
rc_us walk_zone_change(uint32_t zone, uint32_t i);
/* How many times there are behind `after`, up to `until`: minute for minute, by the texts alone. */
uint32_t walk_due_count(const struct flow_schedule *, rc_us after, rc_us until);
bool walk_is_due(const struct flow_schedule *, rc_us at);

/* ---- walk_plans.c: the laws D1 to D10 --------------------------------------------------------------------------------- */

/* A record was folded; a turn is over, and every record was. */
void walk_laws_of_scheduled(struct walk *, const struct walk_seen *, const struct rc_record *);
void walk_laws_of_schedules(struct walk *, struct rc_reader *);
/* The schedule of a flow in force; NULL: there is none. ret_version: of its flow. */
const struct flow_schedule *walk_schedule_in_force(const struct walk *, uint32_t slot, uint64_t *ret_version);
