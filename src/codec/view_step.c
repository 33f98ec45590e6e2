/* Steps and blocks of a command as JSON: a flat list in the order of the flow, in which each entry names the block around it.
 *
 * What nobody named (the lines of cases, of branches and of items, the pairs of a step and its fallback) is no entry of its own:
 * what was decided of it is shown at the step or the block that people know. */
#include "codec/view_part.h"
#include "core/tree.h"

/* ---- names ---------------------------------------------------------------------------------------------------------- */

static bool is_copy(const struct rc_command *c, uint32_t at)
{
    enum flow_kind around = rc_step_at(c, c->node[at].parent)->kind;
    return at && !rc_step_at(c, at)->id.n && (around == FLOW_EACH || around == FLOW_REPEAT);
}

/* A pair of a step and its fallback, or the line of a single branch. */
static bool is_wrapper(const struct rc_command *c, uint32_t at)
{
    enum flow_kind kind = rc_step_at(c, at)->kind, around = rc_step_at(c, c->node[at].parent)->kind;
    return at && !rc_step_at(c, at)->id.n &&
           (kind == FLOW_FALLBACK || (kind == FLOW_LINEAR && around == FLOW_PARALLEL));
}

uint32_t rc_view_known(const struct rc_command *c, uint32_t at)
{
    while (at && !rc_step_at(c, at)->id.n && !is_copy(c, at))
        at = is_wrapper(c, at) ? at + 1 : c->node[at].parent;
    return at;
}

struct rc_sv rc_view_step_name(const struct rc_command *c, uint32_t at, struct rc_path *path)
{
    uint32_t known = at < c->nnodes ? rc_view_known(c, at) : 0;
    return known ? rc_node_path(c, known, path) : RC_SV("the flow");
}

static void put_path(struct rc_json *json, const char *name, const struct rc_command *c, uint32_t at)
{
    struct rc_path path;
    uint32_t known = at < c->nnodes ? rc_view_known(c, at) : 0;
    if (known)
        rc_json_sv(json, name, rc_node_path(c, known, &path));
    else
        rc_json_null(json, name);
}

void rc_view_step(struct rc_json *json, const struct rc_command *c, uint32_t at)
{
    put_path(json, "step", c, at);
}

/* ---- where a step stands -------------------------------------------------------------------------------------------- */

/* The instance that tells what was decided of a step: its own, or where it has not begun, what is around it and was left out, or
 * failed before anything of it began. */
static uint32_t decided_at(const struct rc_command *c, uint32_t at)
{
    bool wraps = true;
    if (c->node[at].state != RC_STEP_IDLE) return at;
    for (uint32_t i = c->node[at].parent; i; i = c->node[i].parent) {
        unsigned state = c->node[i].state;
        wraps = wraps && is_wrapper(c, i) && rc_view_known(c, i) == at;
        if (state == RC_STEP_SKIPPED || (wraps && state == RC_STEP_FAILED)) return i;
    }
    return at;
}

static bool is_critical(const struct rc_command *c, uint32_t at)
{
    bool critical = rc_step_at(c, at)->critical;
    for (uint32_t i = c->node[at].parent; is_wrapper(c, i) && rc_view_known(c, i) == at;
         i = c->node[i].parent)
        critical &= rc_step_at(c, i)->critical;
    return critical;
}

void rc_view_step_tone(struct rc_json *json, unsigned state)
{
    const char *tone = "plain";
    switch ((enum rc_step_state)state) {
    case RC_STEP_REJECTED:
    case RC_STEP_FAILED:
    case RC_STEP_UNDO_FAILED: tone = "bad"; break;
    case RC_STEP_UNKNOWN:
    case RC_STEP_UNDO_UNKNOWN: tone = "warn"; break;
    case RC_STEP_SUCCEEDED: tone = "good"; break;
    case RC_STEP_IDLE:
    case RC_STEP_ACTIVE:
    case RC_STEP_SKIPPED:
    case RC_STEP_UNDOING:
    case RC_STEP_UNDONE:
    case RC_STEP_STATES: break;
    }
    rc_json_text(json, "tone", tone);
}

/* ---- blocks --------------------------------------------------------------------------------------------------------- */

/* How far the branches of a joined block are. */
static void put_branches(struct rc_json *json, const struct rc_command *c, uint32_t block)
{
    const struct flow_step *step = rc_step_at(c, block);
    uint32_t n = rc_branches(c, block), done = 0, failed = 0, running = 0;
    for (uint32_t i = 0; i < n; i++) {
        switch ((enum rc_step_state)c->node[rc_branch(c, block, i)].state) {
        case RC_STEP_SUCCEEDED: done++; break;
        case RC_STEP_REJECTED:
        case RC_STEP_FAILED: failed++; break;
        case RC_STEP_ACTIVE:
        case RC_STEP_UNKNOWN:
        case RC_STEP_UNDOING:
        case RC_STEP_UNDO_UNKNOWN:
        case RC_STEP_UNDO_FAILED: running++; break;
        case RC_STEP_IDLE:
        case RC_STEP_SKIPPED:
        case RC_STEP_UNDONE:
        case RC_STEP_STATES: break;
        }
    }
    rc_json_object(json, step->kind == FLOW_EACH ? "items" : "branches");
    rc_json_u64(json, "count", n);
    rc_json_u64(json, "done", done);
    rc_json_u64(json, "failed", failed);
    rc_json_u64(json, "running", rc_state_ended(c->state) ? 0 : running);
    if (running && rc_state_ended(c->state)) rc_json_u64(json, "given_up", running);
    if (step->block.join == FLOW_JOIN_ANY) rc_json_u64(json, "needed", n < 1 ? n : 1);
    if (step->block.join == FLOW_JOIN_QUORUM)
        rc_json_u64(json, "needed", n < step->block.quorum ? n : step->block.quorum);
    rc_json_end_object(json);
}

/* The last one is its else, which is not counted. */
static void put_choice(struct rc_json *json, const struct rc_command *c, uint32_t block)
{
    uint32_t taken = rc_taken(c, block), number = 0, n = 0;
    RC_EACH_CHILD (c, block, 0, child) {
        n++;
        number += child < taken;
    }
    rc_json_u64(json, "cases", n - 1);
    if (taken != UINT32_MAX) rc_json_u64(json, "taken", number);
}

static void put_block(struct rc_json *json, const struct rc_command *c, uint32_t at)
{
    const struct flow_step *step = rc_step_at(c, at);
    const struct rc_node *node = &c->node[at];
    if (step->kind == FLOW_PARALLEL || (step->kind == FLOW_EACH && c->data[at].outputs.kind == CEL_LIST))
        put_branches(json, c, at);
    if (step->kind == FLOW_REPEAT) {
        rc_json_u64(json, "passes", rc_passes(c, at));
        rc_json_u64(json, "max_passes", step->copies);
    }
    if (step->kind == FLOW_CHOOSE) put_choice(json, c, at);
    bool over = node->state == RC_STEP_FAILED || node->state == RC_STEP_REJECTED;
    if (over && node->tries && step->block.undo != FLOW_UNDO_NONE && !rc_has_not_begun(c, at))
        rc_json_bool(json, "taken_back", true);
}

/* What lies between a step and the named block around it: the case of a choose, and of what it is a fallback. */
static void put_around(struct rc_json *json, const struct rc_command *c, uint32_t at)
{
    uint32_t block = c->node[at].parent, child = at;
    uint32_t fallback_of = 0, of_case = UINT32_MAX;
    for (; block && !rc_step_at(c, block)->id.n; child = block, block = c->node[block].parent)
        if (rc_step_at(c, block)->kind == FLOW_FALLBACK && child != block + 1 && !fallback_of)
            fallback_of = block + 1;
    if (rc_step_at(c, block)->kind == FLOW_CHOOSE) {
        of_case = 0;
        RC_EACH_CHILD (c, block, 0, other) of_case += other < child;
    }
    if (block)
        put_path(json, "parent", c, block);
    else
        rc_json_null(json, "parent");
    if (of_case != UINT32_MAX) rc_json_u64(json, "case", of_case);
    if (fallback_of) put_path(json, "fallback_of", c, fallback_of);
}

/* ---- entries -------------------------------------------------------------------------------------------------------- */

static void put_call(struct rc_json *json, const struct rc_command *c, uint32_t at)
{
    const struct rc_node *node = &c->node[at];
    rc_json_sv(json, "dependency", c->flow->dependencies[rc_step_at(c, at)->call.dependency]);
    rc_json_u64(json, "attempts", (uint64_t)node->attempt - c->data[at].others);
    rc_json_u64(json, "tries", node->tries);
    rc_json_u64(json, "round", node->round);
}

/* Nothing goes on in a command that has ended: what had begun in it is as it was when it ended. */
static bool is_given_up(const struct rc_command *c, const struct rc_node *node)
{
    return rc_state_ended(c->state) && (node->state == RC_STEP_ACTIVE || node->state == RC_STEP_UNDOING);
}

static void put_entry(struct rc_json *json, const struct rc_command *c, uint32_t at)
{
    uint32_t decided = decided_at(c, at);
    const struct rc_node *node = &c->node[at], *told = &c->node[decided];
    const struct rc_data *data = &c->data[at];
    const struct flow_step *step = rc_step_at(c, at);
    bool given_up = is_given_up(c, told);
    rc_json_object(json, NULL);
    put_path(json, "path", c, at);
    rc_json_sv(json, "id", step->id);
    rc_json_text(json, "kind", flow_step_word(step));
    put_around(json, c, at);
    rc_json_text(json, "state", rc_step_word(told->state).slug);
    rc_json_text(json, "display", given_up ? "given up" : rc_step_word(told->state).text);
    if (given_up) rc_json_bool(json, "given_up", true);
    rc_view_step_tone(json, told->state);
    rc_view_why(json, told->why);
    rc_json_text(json, "phase", rc_phase_word(node->phase).slug);
    if (node->phase != RC_PHASE_NONE && step->kind == FLOW_CALL)
        rc_json_text(json, "purpose", rc_purpose_word(rc_node_purpose(c, at)).slug);
    if (rc_phase_has_time(node->phase, data->times.due)) rc_json_time(json, "due", data->times.due);
    if (step->kind == FLOW_WAIT) rc_json_sv(json, "signal", step->wait.signal);
    if (step->kind == FLOW_CHILD) rc_view_child(json, c, at);
    rc_json_bool(json, "critical", is_critical(c, at));
    if (step->kind == FLOW_CALL) put_call(json, c, at);
    if (flow_is_block(step->kind)) put_block(json, c, at);
    if (data->times.since) rc_json_time(json, "unknown_since", data->times.since);
    if (flow_asks(step->kind)) rc_view_asked(json, c, at);
    bool made = !flow_asks(step->kind) || node->state == RC_STEP_SUCCEEDED; /* else it is what is shown */
    if (data->outputs.kind == CEL_MAP && made) rc_json_value(json, "outputs", data->outputs);
    rc_json_maybe(json, "external_id", data->external_id);
    rc_json_maybe(json, "error", c->data[decided].fault);
    if (data->status) rc_json_u64(json, "status", data->status);
    rc_json_end_object(json);
}

/* Whether a copy of a loop's body is there: what has not begun is counted, not listed. */
static bool has_begun(const struct rc_command *c, uint32_t copy)
{
    unsigned state = c->node[copy].state;
    return state != RC_STEP_IDLE && !(state == RC_STEP_SKIPPED && rc_has_not_begun(c, copy));
}

void rc_view_steps_page(struct rc_json *json, const struct rc_command *c, const struct rc_view_page *page,
                        const char *total, const char *next)
{
    uint32_t n = 0, shown = 0, last = 0, wanted = 0;
    rc_json_array(json, "steps");
    for (uint32_t at = 1; at < c->nnodes; at++) {
        if (is_copy(c, at) && !has_begun(c, at)) {
            at = rc_behind(c, at) - 1;
            continue;
        }
        if (!rc_step_at(c, at)->id.n) continue;
        if (page->states && !(page->states >> c->node[decided_at(c, at)].state & 1)) continue;
        n++;
        if (at <= page->after) continue;
        wanted++;
        if (shown == page->limit) continue;
        put_entry(json, c, at);
        last = at;
        shown++;
    }
    rc_json_end_array(json);
    rc_json_u64(json, total, n);
    if (wanted > shown)
        rc_json_u64(json, next, last);
    else
        rc_json_null(json, next);
}
