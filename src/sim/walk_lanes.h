#pragma once
/* Lanes in lives: flows with concurrency keys, and the laws J1 to J10 (private to sim/; a part of walk.h). */
#include "engine/state.h"
#include "sim/sim.h"

struct walk;
struct walk_seen;

/* A command's place in its lane, from its history. */
struct walk_place {
    /* changes of the store: since when it is in its lane, and until when; since when it waited for its place, and until when; when it got
       it; when it was told to go, and that was not looked at yet */
    uint64_t since, left, from, to, at, gave_way;
    uint8_t place;
    bool granted, came; /* it got its place behind a wait, or at once, and that was not looked at yet */
    bool by_itself;     /* it had left, and is at work again without a person */
    uint32_t stayed;    /* how many stayed in its lane when that was looked at last; 0: it was not in it */
};

void walk_put_lane(struct walk *);
void walk_lanes_submit(struct walk *, struct rc_identity *);
void walk_forge_lane(enum sim_control, struct flow *);
void walk_spoil_lanes(enum sim_control, struct rc_engine *);
/* The engine's own action on who has to give way. */
bool walk_gives_way(const struct rc_act *);
/* A record was folded; a turn is over; a submission was answered. */
void walk_laws_of_places(struct walk *, struct walk_seen *, const struct rc_record *);
void walk_laws_of_lanes(struct walk *);
void walk_laws_of_full_lane(struct walk *, const struct rc_request *);
