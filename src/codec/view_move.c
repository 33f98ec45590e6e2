/* What a move to another version of the flow would do, as JSON: by what becomes of the steps. */
#include "codec/view_part.h"
#include "core/tree.h"

static struct rc_sv name_of(const struct rc_command *c, const struct rc_move_plan *plan,
                            const struct rc_move_step *step, struct rc_path *path)
{
    return rc_view_step_name(step->gone ? c : &plan->there, step->at, path);
}

/* A loop has an instance for each item that it may have: what has not begun in it is no news. */
static bool is_shown(const struct rc_command *c, const struct rc_move_plan *plan,
                     const struct rc_move_step *step)
{
    const struct rc_command *of = step->gone ? c : &plan->there;
    if (step->fate == RC_MOVE_REFUSED) return true;
    if (!rc_step_at(of, step->at)->id.n) return false;
    if (step->fate != RC_MOVE_BEGINS) return true;
    for (uint32_t i = step->at; i; i = of->node[i].parent) {
        enum flow_kind around = rc_step_at(of, of->node[i].parent)->kind;
        if ((around == FLOW_EACH || around == FLOW_REPEAT) && of->node[i].item) return false;
    }
    return true;
}

static void put_steps(struct rc_json *json, const struct rc_command *c, const struct rc_move_plan *plan,
                      const char *name, enum rc_move_fate fate)
{
    struct rc_path path;
    uint32_t shown = 0;
    rc_json_array(json, name);
    for (uint32_t i = 0; i < plan->nsteps && shown < RC_MAX_SHOWN_STEPS; i++) {
        const struct rc_move_step *step = &plan->step[i];
        if (step->fate != fate || !is_shown(c, plan, step)) continue;
        shown++;
        struct rc_sv step_name = name_of(c, plan, step, &path);
        if (fate != RC_MOVE_REFUSED) {
            rc_json_sv(json, NULL, step_name);
            continue;
        }
        rc_json_object(json, NULL);
        rc_json_sv(json, "step", step_name);
        rc_json_text(json, "reason", step->why);
        rc_json_end_object(json);
    }
    rc_json_end_array(json);
}

void rc_view_move(struct rc_json *json, const struct rc_command *c, const struct rc_move_plan *plan)
{
    char hex[32];
    rc_h128_hex(plan->digest, hex);
    rc_json_object(json, NULL);
    rc_view_head(json, c);
    rc_json_u64(json, "from", c->flow->version);
    rc_json_u64(json, "to", plan->to->version);
    rc_json_sv(json, "digest", (struct rc_sv){hex, sizeof hex});
    rc_json_bool(json, "possible", plan->count[RC_MOVE_REFUSED] == 0);
    put_steps(json, c, plan, "kept", RC_MOVE_KEPT);
    put_steps(json, c, plan, "again", RC_MOVE_AGAIN);
    put_steps(json, c, plan, "begins", RC_MOVE_BEGINS);
    put_steps(json, c, plan, "asked_again", RC_MOVE_ASKED);
    put_steps(json, c, plan, "dropped", RC_MOVE_DROPPED);
    put_steps(json, c, plan, "refused", RC_MOVE_REFUSED);
    rc_json_end_object(json);
}
