/* What a person says of a step whose outcome nobody knows. What is said is believed: it goes the way of an answer of the other side. */
#include "core/advance.h"

#include "base/limits.h"

/* A person knows the id outside, perhaps more. */
static struct cel_value outputs_told(struct rc_draft *draft, uint32_t at, const struct rc_act *act)
{
    struct rc_sv name = rc_node_step(&draft->c, at)->call.external_id;
    if (act->outputs.kind == CEL_MAP || !name.n || !act->external_id.n) return act->outputs;
    struct cel_value *pair = RC_NEW_ARRAY(draft->arena, struct cel_value, 2);
    if (!pair) {
        rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
        return cel_null();
    }
    pair[0] = cel_string(name);
    pair[1] = cel_string(act->external_id);
    return (struct cel_value){.kind = CEL_MAP, .n = 1, .v.items = pair};
}

/* A loop that may have begun in another life of the store. */
static enum rc_status resolve_block(struct rc_draft *draft, uint32_t at, const struct rc_act *act)
{
    if (act->verdict != RC_HAPPENED && act->verdict != RC_DID_NOT_HAPPEN)
        return rc_fail(draft->err, RC_INVALID,
                       "resolve needs a verdict: happened, did_not_happen or accepted_as_is");
    bool happened = act->verdict == RC_HAPPENED;
    rc_step_end(draft, at, happened ? RC_STEP_SKIPPED : RC_STEP_IDLE, RC_WHY_PERSON);
    return RC_OK;
}

enum rc_status rc_resolve(struct rc_draft *draft, const struct rc_act *act)
{
    uint32_t at = 0;
    if (act->verdict == RC_ACCEPTED_AS_IS && rc_state_ended(draft->c.state))
        return rc_fail(draft->err, RC_REFUSED, "it has ended as it is: say what happened to the step");
    if (act->verdict == RC_ACCEPTED_AS_IS) return rc_accept_as_is(draft, RC_WHY_PERSON);
    const char *why_not = rc_why_not_write(&draft->c);
    if (why_not) return rc_fail(draft->err, RC_REFUSED, "%s", why_not);
    enum rc_status status = rc_pick_unknown(draft, act->step, &at);
    if (status != RC_OK) return status;
    if (act->verdict == RC_DID_NOT_HAPPEN && draft->c.node[at].state == RC_STEP_UNDO_FAILED)
        return rc_fail(draft->err, RC_REFUSED, "it is known already that the undo did not happen: retry it");
    if (!rc_is_leaf(&draft->c, at)) return resolve_block(draft, at, act);
    draft->c.node[at].lost = 0;
    if (act->verdict == RC_DID_NOT_HAPPEN) {
        rc_step_did_not_happen(draft, at, RC_WHY_PERSON);
        return RC_OK;
    }
    if (act->verdict != RC_HAPPENED)
        return rc_fail(draft->err, RC_INVALID,
                       "resolve needs a verdict: happened, did_not_happen or accepted_as_is");
    struct cel_value outputs = outputs_told(draft, at, act);
    if (draft->status != RC_OK) return draft->status;
    if (cel_not_json(outputs) || cel_size_bytes(outputs) > RC_MAX_OUTPUTS)
        return rc_fail(draft->err, RC_INVALID, "the outputs must be JSON of at most %d bytes",
                       RC_MAX_OUTPUTS);
    const struct cel_type *declared = rc_node_step(&draft->c, at)->call.outputs;
    for (uint32_t i = 0; declared && !rc_node_side(&draft->c.node[at])->undo && i < declared->nfields; i++)
        if (!cel_map_find(&outputs,
                          cel_string(declared->fields[i].name))) /* later steps would miss it for good */
            return rc_fail(draft->err, RC_INVALID, "say with \"outputs\" what came of it: '%.*s' is missing",
                           RC_SV_ARG(declared->fields[i].name));
    rc_step_happened(draft, at, outputs, act->external_id, RC_WHY_PERSON);
    return RC_OK;
}
