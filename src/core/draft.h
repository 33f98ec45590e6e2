#pragma once
/* How a command step computes (private to core/). The step works on a draft: a private copy of control and data that its
 * functions change freely. At the end the differences between the command and its draft are the changes. So a step reads the
 * aggregate only, a record holds each node at most once and in path order, and what is committed is exactly what was decided.
 *
 * Functions that can run out of memory leave the reason in draft.status (the first one stays); what they do after that does not
 * matter, because rc_draft_finish then gives the status and no changes. */
#include "core/core.h"
#include "base/limits.h"
#include "base/random.h"

struct rc_draft {
    struct rc_command c; /* the copy */
    const struct rc_command *before;
    const struct rc_ask *ask;
    const struct flow_set *set;
    struct rc_arena *arena;
    struct rc_out *out;
    uint32_t cap_message, cap_effect;
    uint64_t random;                  /* state of the stream that the message's seed starts */
    const struct rc_move *move;       /* to another version, in this message; */
    const struct rc_command *moved;   /* and what the command was just behind it */
    const bool *part;                 /* only these instances are undone; NULL: all */
    const struct rc_child_news *news; /* that is being heard; NULL: none */
    bool several;                     /* a person retries more than one step */
    bool still;                       /* blocks are looked at as they are: nothing in them starts */
    bool open_ends;  /* expressions cannot read, nor ask with has(), what is unknown of a step */
    uint32_t behind; /* expressions see nothing of this step and of what stands behind it; 0: they see all */
    enum rc_status status;
    struct rc_error *err;
};

/* A draft of `before`; for a submission `before` has no nodes yet and they are made, all idle. */
RC_MUST enum rc_status rc_draft_begin(struct rc_draft *, const struct rc_command *before,
                                      const struct rc_ask *, const struct flow_set *, struct rc_arena *,
                                      struct rc_out *, struct rc_error *);
/* Writes the changes. */
RC_MUST enum rc_status rc_draft_finish(struct rc_draft *);

void rc_draft_fail(struct rc_draft *, enum rc_status);
void rc_draft_message(struct rc_draft *, struct rc_ask);
void rc_draft_effect(struct rc_draft *, struct rc_effect);
struct rc_finding { /* what an attempt came to, and why */
    enum rc_outcome outcome;
    enum rc_why why;
};
/* The last error of a step; the text is cut to its bound. */
void rc_draft_fault(struct rc_draft *, uint32_t at, struct rc_finding, uint16_t status, struct rc_sv text);

/* ---- apply.c, move_apply.c --------------------------------------------------------------------------------------------- */

/* All copies of a block's children, in the numbers that flow.h gives them. */
void rc_unroll(const struct flow *, struct rc_node *, uint32_t at);
RC_MUST enum rc_status rc_move_apply(struct rc_command *, const struct rc_move *, struct rc_arena *,
                                     struct rc_error *);
void rc_move_take_back(struct rc_command *, const struct rc_move *inverse);

/* ---- side.c: doing and undoing are one mechanism -------------------------------------------------------------------- */

/* What the words of the mechanism are for the action and for its undo. */
struct rc_side {
    uint8_t active, unknown, succeeded, rejected, failed; /* enum rc_step_state */
    bool undo;
};
/* The side that the step's present state belongs to. */
const struct rc_side *rc_node_side(const struct rc_node *);
const struct flow_action *rc_side_action(const struct rc_command *, uint32_t at);

/* ---- site.c: expressions -------------------------------------------------------------------------------------------- */

/* A map with these names, which are sorted by it. */
struct cel_value rc_draft_map(struct rc_draft *, const char *const *names, const struct cel_value *,
                              uint32_t n);
/* Evaluates a site for a step; response may be NULL. RC_EVAL and err as cel_eval; out of memory also sets draft.status. */
RC_MUST enum rc_status rc_site_eval(struct rc_draft *, uint32_t at, flow_site,
                                    const struct rc_result *response, struct cel_value *ret,
                                    struct rc_error *);
/* Whether what a site gave (`what` names it) can be kept with a command: JSON, of so many bytes in memory at most. RC_EVAL, RC_LIMIT. */
RC_MUST enum rc_status rc_can_be_kept(struct cel_value, const char *what, uint32_t most, struct rc_error *);
/* A condition: RC_EVAL also where it gives no bool. */
RC_MUST enum rc_status rc_site_holds(struct rc_draft *, uint32_t at, flow_site,
                                     const struct rc_result *response, bool *ret, struct rc_error *);

/* ---- outcome.c ------------------------------------------------------------------------------------------------------ */

/* The general rule of HTTP with the dependency's refinements. Pure function of its arguments. */
struct rc_finding rc_outcome_of_result(const struct rc_result *, const struct flow_dependency *,
                                       bool accepted_is_done);
/* Whether the answer can be asked what it says: a usable 2xx, or "not found" in one of its forms. */
bool rc_result_answers(const struct rc_result *, const struct flow_dependency *);

/* ---- attempt.c: a step on its way to and from the other side --------------------------------------------------------- */

/* The step wants a place now: phase ready, and a message to its gate. */
void rc_step_want(struct rc_draft *, uint32_t at);
/* The step's phase becomes delayed. */
void rc_step_delay(struct rc_draft *, uint32_t at, rc_us due);
/* A place was given: what is required is looked at, the request is built, the attempt is recorded and leaves. */
void rc_step_admit(struct rc_draft *, uint32_t at);

/* ---- settle.c: what an ended attempt means ---------------------------------------------------------------------------- */

void rc_step_result(struct rc_draft *, uint32_t at, const struct rc_result *);
/* set_aside: it is not tried again before a person has looked, whatever it was doing. */
void rc_step_lost(struct rc_draft *, uint32_t at, bool set_aside);
/* The step may have been done by another life of the store: it is unknown, and settled like any unknown. */
void rc_step_became_unknown(struct rc_draft *, uint32_t at, enum rc_why);

/* ---- restored.c: an older state of the store, of which nobody knows what was done after it ------------------------------ */

/* What was under way becomes unknown; what another life of the store may have done later is in doubt. */
void rc_command_restored(struct rc_draft *);
/* The turn of a step in doubt has come: it is unknown, before anything of it leaves. Its state is active or undoing. */
void rc_step_start_in_doubt(struct rc_draft *, uint32_t at);
/* It is known that the step did not happen, so nothing that comes after it has; unless it may have been left out. */
void rc_step_nothing_followed(struct rc_draft *, uint32_t at);

/* The step ends: phase none. */
void rc_step_end(struct rc_draft *, uint32_t at, unsigned state, enum rc_why);
/* The attempts of this side are over and none is known to have worked. While one is in doubt, `state` would be a guess: the step is unknown
 * then, and a check is asked, or a person. */
void rc_step_end_without(struct rc_draft *, uint32_t at, unsigned state, enum rc_why);
/* The same, where it was to be repeated, and nothing more may leave. Its check, if it has one, has said before that it does not know: to ask it
 * again at once would never end, so a person decides. */
void rc_step_end_unsent(struct rc_draft *, uint32_t at, unsigned state, enum rc_why);
/* Whether the other side is sure to know the key of this round still. */
bool rc_step_key_is_fresh(const struct rc_draft *, uint32_t at);
/* It happened (found by its answer, a check or a person): outputs of the action, null for an undo. */
void rc_step_happened(struct rc_draft *, uint32_t at, struct cel_value outputs, struct rc_sv external_id,
                      enum rc_why);
/* What a site makes the step's outputs; site 0: null. False: err says why they cannot be kept. */
bool rc_step_outputs_of(struct rc_draft *, uint32_t at, flow_site, const struct rc_result *,
                        struct cel_value *ret, struct rc_error *);
/* This attempt did not happen: again later if the policy and the mode allow it, else the end. Where an earlier one is in doubt, the end is
 * unknown: only a check or a person takes the doubt away. */
void rc_step_again(struct rc_draft *, uint32_t at, enum rc_why, rc_us retry_after);

/* An attempt that was to be repeated is not any more (cancelled, rolled back). */
void rc_step_give_up(struct rc_draft *, uint32_t at);
/* A check or a person knows that nothing of this round happened: as rc_step_again, without doubt; or it is left out, where what it needs is
 * not there. */
void rc_step_did_not_happen(struct rc_draft *, uint32_t at, enum rc_why);

/* ---- advance.c: where the tree goes ----------------------------------------------------------------------------------- */

/* Starts what may start, ends blocks, begins the roll back that the flow declares; until nothing moves. */
void rc_advance(struct rc_draft *);
/* Whether everything that the step needs has succeeded: else it is left out. */
bool rc_step_needs_are_met(const struct rc_command *, uint32_t at);
/* Whether what says if it is to be done holds now. */
bool rc_step_condition_holds(struct rc_draft *, uint32_t at);
/* The step begins (anew): counters at zero. */
void rc_step_start(struct rc_draft *, uint32_t at);

enum { RC_ROOM_TO_END = 64 }; /* records that a command may still need to come to rest */
/* Whether the history can take so many more records. */
static inline bool rc_has_room(const struct rc_command *command, uint32_t records)
{
    return command->rev + records <= RC_MAX_HISTORY;
}

/* ---- deadline.c: when it begins, and until when it has to be through -------------------------------------------------- */

bool rc_clock_eq(const struct rc_clock *, const struct rc_clock *);
/* The command was submitted: it begins now, or waits for its time. */
void rc_clock_submit(struct rc_draft *);
/* What the root waits for has come, by the clock that counts. */
bool rc_clock_is_due(const struct rc_draft *);
void rc_clock_due(struct rc_draft *);
/* It begins now, whatever its time. */
void rc_clock_begin(struct rc_draft *);
/* When the command halts, should its deadline come; 0: it does not. */
rc_us rc_clock_halts(const struct rc_command *);
/* Nothing new starts; when what has left is settled, a person decides. */
void rc_command_halt(struct rc_draft *, enum rc_why);
/* Everything is through though the command was halted: it ends like any other. `settled`: nothing is out or unknown. */
void rc_clock_lift(struct rc_draft *, bool settled);
/* A store was restored to an older state; whether the command may have begun in another life. */
bool rc_clock_restored(struct rc_draft *);
/* At the end of each step: what need not be waited for any more. */
void rc_clock_settle(struct rc_draft *);

/* ---- place.c: its place in its lane ------------------------------------------------------------------------------------ */

bool rc_place_eq(const struct rc_place *, const struct rc_place *);
/* The command was submitted: which lane it is in, and how urgent it is. */
void rc_place_submit(struct rc_draft *);
/* Its time has come: it begins, or asks for its place first. */
void rc_command_start(struct rc_draft *);
/* Its turn has come. */
void rc_place_grant(struct rc_draft *);
/* At the end of each step, when all else is decided: whoever has ended leaves. */
void rc_place_settle(struct rc_draft *);

/* ---- child.c: commands that start commands ------------------------------------------------------------------------------- */

bool rc_child_eq(const struct rc_child *, const struct rc_child *);
bool rc_parent_eq(const struct rc_parent *, const struct rc_parent *);
/* The command was submitted: who has started it, and which versions it may start. */
void rc_child_submit(struct rc_draft *);
/* Which versions its flow may start, as they are in force now. */
void rc_child_pin(struct rc_draft *);
/* A message of the command that a step has started. */
void rc_child_told(struct rc_draft *);
/* The message is an action of the step that has started this command. */
bool rc_child_is_asked(const struct rc_draft *);
/* What the parent's action is here; NULL: nothing is to be done, or *ret says why it cannot be. */
const struct rc_act *rc_child_wish(struct rc_draft *, enum rc_status *ret);
/* At the end of each step, when all else is decided: the parent is told where that is news. */
void rc_child_tell(struct rc_draft *);

/* ---- ask.c, act_people.c: people who are asked --------------------------------------------------------------------------- */

/* Approvals of what has changed since do not count any more: people are asked again. True: there were some. */
bool rc_ask_again_where_void(struct rc_draft *);
/* approve, deny, answer. */
RC_MUST enum rc_status rc_people_decide(struct rc_draft *, const struct rc_act *);
/* NULL: somebody is asked for what the action gives. */
const char *rc_why_nobody_is_asked(const struct rc_command *, enum rc_action);
/* Who makes a successor is one of its authors, as those of this command are. */
RC_MUST enum rc_status rc_people_pass_on(struct rc_draft *, const struct rc_act *, struct rc_identity *next);
/* The command was submitted: its authors are on record. */
void rc_people_submit(struct rc_draft *);

/* ---- move.c: to another version of its flow --------------------------------------------------------------------------------- */
/* NULL: the command can be moved as far as it alone is asked. */
const char *rc_why_not_move(const struct rc_command *);
RC_MUST enum rc_status rc_command_move(struct rc_draft *, const struct rc_act *);
/* ---- confirm.c: what must come true --------------------------------------------------------------------------------------- */

/* It does not hold yet: it is looked at again, no earlier than `at_least` from now; or its time is over. */
void rc_confirm_again(struct rc_draft *, uint32_t at, rc_us at_least);

/* ---- action.c --------------------------------------------------------------------------------------------------------- */
RC_MUST enum rc_status rc_command_act(struct rc_draft *, const struct rc_act *);
/* Tries one step or block again, by its name (act_retry.c); RC_REFUSED where it has not failed, or would not come to its turn. */
RC_MUST enum rc_status rc_retry_named(struct rc_draft *, struct rc_sv name);
/* What bars every action that lets the command go on; NULL: nothing does. */
const char *rc_why_not_go_on(const struct rc_command *);
/* All that a person can retry is tried again; of these instances alone. */
void rc_retry_all(struct rc_draft *);
void rc_retry_these(struct rc_draft *, uint32_t from, uint32_t end);
/* What was left out among these because something it needs did not happen waits for that again: it may happen now. Not in a block that is over, or
 * taken back: nothing begins there. */
void rc_begin_what_needs(struct rc_draft *, uint32_t from, uint32_t end);

static inline bool rc_is_leaf(const struct rc_command *command, uint32_t at)
{
    return !flow_is_block(rc_node_step(command, at)->kind);
}
/* Forward, or where it was halted: a person who goes on lifts that. */
static inline bool rc_command_is_forward(const struct rc_command *command)
{
    return command->mode == RC_MODE_FORWARD || command->mode == RC_MODE_HALT;
}
/* Nobody but a person can go on with it: unknown and nothing under way, or an undo that did not work. A block too, where nobody
 * knows whether it had begun. */
static inline bool rc_is_stuck(const struct rc_node *node)
{
    return node->phase == RC_PHASE_NONE &&
           (node->state == RC_STEP_UNKNOWN || node->state == RC_STEP_UNDO_UNKNOWN ||
            node->state == RC_STEP_UNDO_FAILED);
}
