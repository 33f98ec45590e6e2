#pragma once
/* People are told: a command that has come to where a person is wanted submits the flow that the setting `notify` names, in the same turn
 * and so in the same commit.
 *
 * What could not be told for lack of room is told later. Nothing of it is kept: the store has the number of the first change of which
 * somebody may not have been told, and from there on the histories say what each turn had to tell, as they would have said it then; the keys of
 * what was submitted say what was told. So no crash loses it, and it has no bound. */
#include "engine/engine.h"

struct rc_engine;

struct rc_notice { /* a submission of the engine's own; it lives until the turn has ended */
    struct rc_request request;
    struct rc_notice *next;
};

/* What is looked through again: the changes [first, last]. */
struct rc_untold {
    uint64_t first, last;
    uint64_t next; /* what `first` becomes once this turn is committed; 0: all is told */
    bool looked;   /* `next` says something */
    bool alone;    /* what this turn tells is the only thing that it does */
    bool grows;    /* `last` is to be read anew */
    bool moves;    /* the last turn has come further */
};

/* ---- notice.c */

/* Why somebody has to look at a command, which was in this state for this reason, now that its turn at time `at` is over; NULL: nobody has
 * to. Static. */
const char *rc_notice_reason(const struct rc_command *, uint8_t state_before, uint8_t why_before, rc_us at);
/* Whether it is still so. */
bool rc_notice_is_wanted(const struct rc_command *, const char *reason);
/* Whether it is what tells people, or was started by that in however many steps: nobody is told of it, or it would go round. */
bool rc_notice_is_own(struct rc_engine *, const struct rc_command *);
/* Submits what tells that it has come to this with its revision `rev`, unless that was submitted before. */
RC_MUST enum rc_status rc_notice_submit(struct rc_engine *, const struct rc_identity *, uint32_t rev,
                                        const char *reason, struct rc_error *);
/* Its key; empty: out of memory. */
struct rc_sv rc_notice_key(struct rc_arena *, uint64_t seq, uint32_t rev);
/* At the end of a turn, before it is committed: of each command that has come to where a person is wanted. What cannot be told, and never
 * will, is a fault that shows. */
void rc_notices_submit(struct rc_engine *);
/* The turn is committed, or was dropped. `refused`: the store will never take it. */
void rc_notices_end_turn(struct rc_engine *, bool refused);

/* ---- untold.c */

/* At the beginning of a turn: some of what there was no room for. */
void rc_untold_again(struct rc_engine *);
/* In this turn somebody is not told. False: it is not known where that is. */
RC_MUST bool rc_untold_note(struct rc_engine *);
/* For the turn's batch: the first change of which somebody may not have been told; 0: none. */
uint64_t rc_untold_batch(const struct rc_engine *);
void rc_untold_end_turn(struct rc_engine *, bool refused);
/* As the store has it. */
void rc_untold_boot(struct rc_engine *, uint64_t first);
rc_us rc_untold_sleep(const struct rc_engine *); /* UINT64_MAX: nothing is to be looked at */
