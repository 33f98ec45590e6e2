/* What happened, as a story that a person reads. */
#include "tell.h"

#include "codec/view.h"
#include "core/people.h"

const char *tell_stands(unsigned stands)
{
    return stands == RC_STANDS_FOR_GOOD ? ", stands for good" : stands ? ", stands" : "";
}

static void put_from_now(struct rc_buf *out, const char *word, rc_us at, rc_us now)
{
    char span[RC_SPAN_TEXT];
    rc_format_span(at > now ? at - now : now - at, span);
    rc_put_format(out, ", %s %s%s", word, at >= now ? "+" : "-", span);
}

static const char *name_of(const struct rc_command *c, uint32_t at)
{
    static char name[RC_MAX_PATH + 1];
    struct rc_path path;
    if (!at) return "flow";
    struct rc_sv text = rc_node_path(c, at, &path);
    memcpy(name, text.p, text.n);
    name[text.n] = '\0';
    return name;
}

static void put_edge(struct rc_buf *out, const char *from, const char *to)
{
    if (from == to)
        rc_put_format(out, " %s", to);
    else
        rc_put_format(out, " %s -> %s", from, to);
}

/* A block uses some fields in its own way (core/command.h). */
static void tell_block(struct rc_buf *out, const struct rc_node *old, const struct rc_node *new)
{
    if (new->cleared != old->cleared) rc_put_text(out, new->cleared ? ", reached" : ", no longer reached");
    if (new->lost != old->lost) rc_put_text(out, new->lost ? ", a straggler" : ", no straggler");
    if (new->tries != old->tries) rc_put_text(out, new->tries ? ", stays so" : ", anew");
    if (new->asks != old->asks) rc_put_text(out, new->asks ? ", only asked" : ", asked");
    rc_put_char(out, '\n');
}

static void tell_node(struct rc_buf *out, const struct world_record *record, const struct rc_command *c,
                      const struct rc_change *change)
{
    const struct rc_node *old = &record->before.node[change->at], *new = &change->u.node.node;
    const struct rc_times *times = &change->u.node.times, *before = &record->before.data[change->at].times;
    static const struct rc_node fresh;
    static const struct rc_times never;
    if (!record->before.nnodes) {
        old = &fresh;
        before = &never;
    }
    rc_put_format(out, "    %s:", name_of(c, change->at));
    put_edge(out, rc_step_word(old->state).slug, rc_step_word(new->state).slug);
    if (new->why != old->why &&new->why) rc_put_format(out, " (%s)", rc_why_word(new->why).slug);
    if (new->phase != old->phase || new->phase != RC_PHASE_NONE)
        rc_put_format(out, ", %s", rc_phase_word(new->phase).slug);
    bool until = times->due != before->due && rc_phase_has_time(new->phase, times->due) && times->due;
    if (flow_is_block(rc_node_step(c, change->at)->kind)) {
        if (until) put_from_now(out, "until", times->due, record->at);
        tell_block(out, old, new);
        return;
    }
    if (new->attempt != old->attempt) rc_put_format(out, ", attempt %u", new->attempt);
    if (new->tries != old->tries) rc_put_format(out, ", try %u", new->tries);
    if (new->asks != old->asks) rc_put_format(out, ", question %u", new->asks);
    if (new->round != old->round) rc_put_format(out, ", round %u", new->round);
    if (new->undo_round != old->undo_round) rc_put_format(out, ", undo round %u", new->undo_round);
    if (new->lost != old->lost) rc_put_format(out, ", lost %u", new->lost);
    if (new->cleared != old->cleared) rc_put_text(out, new->cleared ? ", cleared" : ", no longer cleared");
    if (until) put_from_now(out, "until", times->due, record->at);
    if (new->phase == RC_PHASE_OPEN && times->due != before->due)
        put_from_now(out, "times out", times->due, record->at);
    if (times->since != before->since && times->since) rc_put_text(out, ", unknown from now on");
    rc_put_char(out, '\n');
}

static void tell_clock(struct rc_buf *out, const struct world_record *record, const struct rc_clock *clock)
{
    rc_put_text(out, "    clock");
    if (clock->start)
        put_from_now(out, clock->wall ? "begins by the wall clock" : "begins", clock->start, record->at);
    if (clock->over) put_from_now(out, "has to be through by", clock->over, record->at);
    rc_put_char(out, '\n');
}

static void tell_place(struct rc_buf *out, const struct rc_place *place)
{
    static const char *const word[RC_PLACE_STATES] = {"has not asked yet", "waits for its turn",
                                                      "holds a place", "holds a place, and is leaving",
                                                      "has left"};
    rc_put_format(out, "    in its lane '%.*s' it %s\n", RC_SV_ARG(place->key), word[place->state]);
}

static void tell_votes(struct rc_buf *out, const struct rc_command *c, const struct rc_change *change)
{
    rc_put_format(out, "    %s:", name_of(c, change->at));
    if (!change->u.votes.n) rc_put_text(out, " nobody has decided");
    for (uint32_t i = 0; i < change->u.votes.n; i++) {
        const struct rc_vote *vote = &change->u.votes.vote[i];
        rc_put_format(out, "%s %s by %.*s", i ? "," : "", rc_vote_word(vote->kind), RC_SV_ARG(vote->actor));
        if (vote->subject.n) rc_put_format(out, " (%.*s)", RC_SV_ARG(vote->subject));
    }
    rc_put_char(out, '\n');
}

static void tell_change(struct rc_buf *out, const struct world_record *record, const struct rc_command *c,
                        const struct rc_change *change)
{
    switch ((enum rc_change_kind)change->kind) {
    case RC_CHANGE_CREATE:
        rc_put_format(out, "    new command '%.*s'\n", RC_SV_ARG(change->u.create->key));
        break;
    case RC_CHANGE_NODE: tell_node(out, record, c, change); break;
    case RC_CHANGE_OUTPUTS:
        rc_put_format(out, "    %s: outputs ", name_of(c, change->at));
        cel_put_json(out, change->u.outputs.outputs);
        if (change->u.outputs.external_id.n)
            rc_put_format(out, ", external id %.*s", RC_SV_ARG(change->u.outputs.external_id));
        rc_put_char(out, '\n');
        break;
    case RC_CHANGE_REQUEST:
        rc_put_format(out, "    %s: request of this round %s\n", name_of(c, change->at),
                      rc_h128_is_zero(change->u.request) ? "is forgotten" : "is fixed");
        break;
    case RC_CHANGE_FAULT:
        rc_put_format(out, "    %s: fault \"%.*s\"\n", name_of(c, change->at),
                      RC_SV_ARG(change->u.fault.text));
        break;
    case RC_CHANGE_MODE:
        rc_put_format(out, "    heading: %s (%s)\n", rc_mode_word(change->u.mode.mode).text,
                      rc_why_word(change->u.mode.why).slug);
        break;
    case RC_CHANGE_STATE:
        rc_put_text(out, "    command:");
        put_edge(out, rc_state_word(record->before.state).slug, rc_state_word(change->u.state).slug);
        rc_put_char(out, '\n');
        break;
    case RC_CHANGE_OWNER: rc_put_format(out, "    owner: \"%.*s\"\n", RC_SV_ARG(change->u.owner)); break;
    case RC_CHANGE_DUE:
        rc_put_text(out, change->u.due ? "    to be settled" : "    no longer due");
        if (change->u.due) put_from_now(out, "until", change->u.due, record->at);
        rc_put_char(out, '\n');
        break;
    case RC_CHANGE_NOTES: rc_put_format(out, "    notes: %u\n", change->u.notes); break;
    case RC_CHANGE_SUCCESSOR: rc_put_text(out, "    a successor takes its place\n"); break;
    case RC_CHANGE_CLOCK: tell_clock(out, record, &change->u.clock); break;
    case RC_CHANGE_PLACE: tell_place(out, &change->u.place); break;
    case RC_CHANGE_PRIORITY: rc_put_format(out, "    priority: %u\n", change->u.priority); break;
    case RC_CHANGE_BACK:
        rc_put_format(out, "    rolls back to: %s\n",
                      change->u.back ? name_of(c, change->u.back) : "nothing more");
        break;
    case RC_CHANGE_MOVE:
        rc_put_format(out, "    moves from version %u to %u\n", change->u.move.from, change->u.move.to);
        break;
    case RC_CHANGE_VOTES: tell_votes(out, c, change); break;
    case RC_CHANGE_CHILD:
        rc_put_format(out, "    %s: child %llu %s%s\n", name_of(c, change->at),
                      (unsigned long long)change->u.child.link.seq, rc_state_word(change->u.child.state).slug,
                      tell_stands(change->u.child.stands));
        break;
    case RC_CHANGE_PARENT:
        rc_put_format(out, "    parent %llu was told: %s\n", (unsigned long long)change->u.parent.link.seq,
                      rc_state_word(change->u.parent.told).slug);
        break;
    case RC_CHANGE_PINS: rc_put_format(out, "    may start %u flows\n", change->u.pins.n); break;
    case RC_CHANGE_SCHEDULE:
    case RC_CHANGE_GATE: break;
    }
}

void tell_record(struct rc_buf *out, const struct world_record *record, const struct rc_command *c)
{
    rc_put_format(out, "  [%s]\n", rc_cause_word(record->cause.kind).slug);
    for (uint32_t i = 0; i < record->nchanges; i++) tell_change(out, record, c, &record->changes[i]);
}

void tell_effect(struct rc_buf *out, const struct rc_effect *effect, const struct rc_command *c)
{
    char key[32];
    rc_h128_hex(effect->idempotency_key, key);
    rc_put_format(out, "  ! %s %s #%u leaves, key %.6s: ", rc_purpose_word(effect->purpose).slug,
                  name_of(c, effect->node), effect->attempt, key);
    cel_put_json(out, effect->request);
    rc_put_char(out, '\n');
}

void tell_explanation(struct rc_buf *out, const struct rc_command *c)
{
    static const char *const received[] = {"no", "yes", "maybe"};
    struct rc_explanation e;
    rc_command_explain(c, &e);
    rc_put_format(out, "  state: %s\n", rc_state_word(c->state).text);
    for (uint32_t i = 1; i < c->nnodes; i++) {
        if (c->node[i].phase != RC_PHASE_CHILD) continue;
        rc_put_text(out, "  display: ");
        rc_view_display(out, c);
        rc_put_char(out, '\n');
        break;
    }
    if (e.node != UINT32_MAX)
        rc_put_format(out, "  because of %s (%s), received there: %s\n", name_of(c, e.node),
                      rc_why_word(c->node[e.node].why).slug, received[e.received]);
    rc_put_format(out, "  safe to retry: %s, %s\n  next: %s\n", e.retry_is_safe ? "yes" : "no",
                  e.retry_reason, rc_next_word(e.next).text);
    for (unsigned i = 0; i < RC_ACTIONS; i++)
        if (i != RC_ACTION_MOVE) /* it hangs on the versions that there are, too */
            rc_put_format(out, "  %s: %s\n", rc_action_word(i).slug,
                          e.allowed[i].allowed ? "allowed" : e.allowed[i].why_not);
}

enum rc_status tell_move_plan(struct rc_buf *out, const struct rc_command *c, const struct rc_move_plan *plan)
{
    static const char *const fates[] = {
        [RC_MOVE_KEPT] = "stays done",   [RC_MOVE_AGAIN] = "runs again", [RC_MOVE_BEGINS] = "begins",
        [RC_MOVE_ASKED] = "asked again", [RC_MOVE_DROPPED] = "dropped",  [RC_MOVE_REFUSED] = "in the way"};
    rc_put_format(out, "  from version %u to %u\n", c->flow->version, plan->to->version);
    for (uint32_t i = 0; i < plan->nsteps; i++) {
        const struct rc_move_step *step = &plan->step[i];
        rc_put_format(out, "  %s: %s%s%s\n", name_of(step->gone ? c : &plan->there, step->at),
                      fates[step->fate], step->why ? ", " : "", step->why ? step->why : "");
    }
    return RC_OK;
}

enum rc_status tell_undo_plan(struct rc_buf *out, const struct rc_command *c, struct rc_sv step,
                              struct rc_arena *arena, struct rc_error *err)
{
    struct rc_undo_plan plan;
    enum rc_status status = rc_command_undo_plan(c, step, arena, &plan, err);
    if (status != RC_OK) return status;
    if (plan.at) rc_put_format(out, "  to %s\n", name_of(c, plan.at));
    for (uint32_t i = 0; i < plan.n; i++) rc_put_format(out, "  undo %s\n", name_of(c, plan.node[i]));
    if (plan.n == 0) rc_put_text(out, "  nothing is to be undone\n");
    return RC_OK;
}
