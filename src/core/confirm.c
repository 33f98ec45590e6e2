/* What must come true within a time. An expression is looked at here; what a dependency has to say is asked by a call whose answer
 * is looked at (settle.c). Both are looked at when the step begins, then every so often, and for the last time when the time is over.
 * A question only reads, and each has a key of its own: no answer of the other side is one that it gave before. */
#include "core/advance.h"

static void over(struct rc_draft *draft, uint32_t at)
{
    bool fails = rc_node_step(&draft->c, at)->confirm.on_timeout == FLOW_TIMEOUT_FAIL;
    rc_step_end(draft, at, fails ? RC_STEP_FAILED : RC_STEP_REJECTED, RC_WHY_UNCONFIRMED);
}

void rc_confirm_again(struct rc_draft *draft, uint32_t at, rc_us at_least)
{
    const struct flow_confirm *confirm = &rc_node_step(&draft->c, at)->confirm;
    rc_us now = draft->ask->now, end = rc_confirm_end(&draft->c, at);
    if (at_least > confirm->within)
        at_least = confirm->within; /* what the other side asks for may be anything */
    rc_us next = now + (at_least > confirm->every ? at_least : confirm->every);
    if (now >= end)
        over(draft, at);
    else
        rc_step_delay(draft, at, next < end ? next : end);
}

void rc_confirm_look(struct rc_draft *draft, uint32_t at)
{
    struct rc_error error;
    bool holds;
    draft->c.node[at].tries++; /* the reader of definitions bounds how often */
    if (!rc_has_room(&draft->c, RC_ROOM_TO_END))
        rc_step_end(draft, at, RC_STEP_FAILED, RC_WHY_HISTORY_FULL);
    else if (rc_site_holds(draft, at, rc_node_step(&draft->c, at)->confirm.holds, NULL, &holds, &error) !=
             RC_OK)
        rc_leaf_cannot(draft, at, &error);
    else if (holds)
        rc_step_happened(draft, at, cel_null(), (struct rc_sv){0}, RC_WHY_NONE);
    else
        rc_confirm_again(draft, at, 0);
}

void rc_confirm_start(struct rc_draft *draft, uint32_t at)
{
    rc_leaf_at_zero(draft, at);
    draft->c.node[at].state = RC_STEP_ACTIVE;
    draft->c.data[at].times.first =
        draft->ask->now; /* time in which its dependency has no place counts, too */
    if (rc_node_step(&draft->c, at)->kind == FLOW_CALL)
        rc_step_want(draft, at);
    else
        rc_confirm_look(draft, at);
}
