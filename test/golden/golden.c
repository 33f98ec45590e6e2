/* Golden traces: a story is a text file with definitions, events and what they lead to. Usage: golden [--update | --starve] STORY...
 *
 * Lines before "=== definitions" say what the story is about. After "=== story", a line "> EVENT" is done, and the lines behind it are what
 * must come of it, to the letter. --update writes them anew; read the difference before you commit it. With --starve each step
 * is tried with too little memory before it is done, and that must leave no trace.
 *
 *   submit KEY [run_at=SPAN] [run_in=SPAN] [deadline=SPAN] JSON; run_at: so long from now by the wall clock
 *   wait SPAN (what becomes due is delivered)
 *   asleep SPAN                              time passes while no server runs
 *   clock +SPAN | -SPAN                      the wall clock jumps
 *   answer STEP STATUS [after=SPAN] [JSON]   a complete answer; text that is no JSON makes it an unusable one
 *   lost STEP WHY                            sent, no answer: timeout, connection_lost …; not_sent and address_refused: never sent
 *   late STEP ATTEMPT STATUS                 an answer to an older attempt
 *   crash                                    the process dies and starts again
 *   aside STEP                               it does so while the step is at work, again and again
 *   restored SPAN                            the store is an older state, of so long ago
 *   signal NAME ID [JSON]                    a signal comes, for whoever waits for it
 *   submit KEY parent [until] …              another command has started this one; until: that one halts in ten seconds
 *   occupy N                                 N places of the gate are taken by others
 *   lane N: so many other commands hold places in the lane
 *   publish                                  the flow below "=== version" comes into force as its version 2
 *   moveplan [VERSION]                       what a move would do
 *   move [shown=old|no] [VERSION]            with the digest of that plan; old: of another one; no: of none
 *   child STEP STATE [stands] [for_good] [stays] [JSON]
 *                                            the command that a step has started tells how it stands; JSON: its outputs
 *   child STEP absent [later]                it could not be started
 *   child STEP unreadable                    nobody knows how it stands
 *   putoff STEP cancel | retry | roll_back   the unit in which anna acts is too large to ask the child of a step for that
 *   large                                    from now on units have many messages already
 *   asked cancel | retry | roll_back | tell [doubt] [several]
 *                                            the command that has started this one asks it (after submit KEY parent …)
 *   plan [STEP]                              what a roll back would undo
 *   retry [STEP] | check [STEP] | cancel | rollback [STEP] | resolve happened|did_not_happen|accepted_as_is [STEP] [ID]
 *   approve | deny | decide ANSWER [by=NAME] [as=SUBJECT] [role=ROLE] [shown=old|no] [STEP]
 *                                            of what is shown now; old: of something else; no: of nothing
 *   explain                                  what a person would be told
 *
 * Behind each event what a person would be told to do next must be allowed. */
#include "base/num.h"
#include "codec/json.h"
#include "core/child.h"
#include "core/tree.h"
#include "defs/defs.h"
#include "engine/prepare.h"
#include "tell.h"

#include <stdio.h>
#include <stdlib.h>

enum { FILE_MAX = 256 << 10, MEMORY = 512 << 20 };

static struct rc_sv word(struct rc_sv *line)
{
    uint32_t from = 0, to;
    while (from < line->n && line->p[from] == ' ') from++;
    for (to = from; to < line->n && line->p[to] != ' ';) to++;
    struct rc_sv word = {line->p + from, to - from};
    while (to < line->n && line->p[to] == ' ') to++;
    *line = (struct rc_sv){line->p + to, line->n - to};
    return word;
}

static struct rc_sv next_line(struct rc_sv *text)
{
    const char *end = memchr(text->p, '\n', text->n);
    uint32_t n = end ? (uint32_t)(end - text->p) : text->n, eaten = n + (end != NULL);
    struct rc_sv line = {text->p, n};
    *text = (struct rc_sv){text->p + eaten, text->n - eaten};
    return line;
}

static uint32_t step_at(const struct world *world, struct rc_sv id)
{
    if (rc_sv_is(id, "flow")) return 0; /* as a whole */
    const struct rc_command *c = &world->command;
    for (uint32_t i = 1; i < c->nnodes; i++)
        if (rc_is_named(c, i, id) && (rc_node_step(c, i)->id.n || !rc_is_named(c, i + 1, id))) return i;
    return UINT32_MAX;
}

static int why_of(struct rc_sv slug)
{
    for (int i = 0; i < RC_WHYS; i++)
        if (rc_sv_is(slug, rc_why_word((unsigned)i).slug)) return i;
    return -1;
}

/* ---- events --------------------------------------------------------------------------------------------------------- */

static enum rc_status bad_event(struct rc_error *err)
{
    return rc_fail(err, RC_SYNTAX, "this is no event of a story");
}

/* run_at=SPAN and its like in front of a payload. */
static bool read_times(const struct world *world, struct rc_sv *io_args, struct rc_submission *in)
{
    static const char *const names[] = {"run_at=", "run_in=", "deadline="};
    rc_us *const target[] = {&in->run_at, &in->run_in, &in->deadline};
    for (unsigned i = 0; i < 3; i++) {
        uint32_t n = (uint32_t)strlen(names[i]);
        if (!rc_sv_starts(*io_args, rc_sv_of(names[i]))) continue;
        struct rc_sv text = word(io_args);
        if (!rc_parse_span((struct rc_sv){text.p + n, text.n - n}, target[i])) return false;
    }
    if (in->run_at) in->run_at += world->now + (rc_us)world->ahead;
    return true;
}

/* The wall clock jumps; what has become due by it is delivered. */
static enum rc_status do_wait(struct world *world, struct rc_sv args, struct rc_error *err);
static enum rc_status do_clock(struct world *world, struct rc_sv args, struct rc_error *err)
{
    rc_us span;
    struct rc_sv text = word(&args);
    if (text.n < 2 || !rc_parse_span((struct rc_sv){text.p + 1, text.n - 1}, &span)) return bad_event(err);
    world->ahead += text.p[0] == '-' ? -(int64_t)span : (int64_t)span;
    return do_wait(world, RC_SV("0s"), err);
}

/* Time passes while no server runs. */
static enum rc_status do_asleep(struct world *world, struct rc_sv args, struct rc_error *err)
{
    rc_us span;
    if (!rc_parse_span(word(&args), &span)) return bad_event(err);
    world->now += span;
    return RC_OK;
}

static bool option(struct rc_sv *io_args, const char *name)
{
    struct rc_sv rest = *io_args;
    if (!rc_sv_is(word(&rest), name)) return false;
    *io_args = rest;
    return true;
}

static enum rc_status do_submit(struct world *world, struct rc_sv args, struct rc_error *err)
{
    struct rc_submission in = {.ns = RC_SV("default"), .actor = RC_SV("anna"), .key = word(&args)};
    uint32_t n;
    in.type = world->set->active[0]->name;
    bool has_parent = option(&args, "parent"), doubt = option(&args, "doubt");
    bool until = option(&args, "until");
    if (!read_times(world, &args, &in)) return bad_event(err);
    enum rc_status status = rc_json_parse(args, world->arena, &in.payload, err);
    if (status == RC_OK)
        status = rc_prepare_submit(world->set, &in, world->arena, &world->identity, err, 1, &n);
    if (status != RC_OK) return status;
    world->identity.seq = 1;
    world->identity.nonce = 7; /* stories are the same every time */
    world->identity.created = world->now;
    if (has_parent) world->identity.parent = (struct rc_parent){.link = {WORLD_OTHERS + 1, 5}, .node = 1};
    world->identity.until = until ? world->now + RC_SECONDS(10) : 0;
    world->identity.doubt = doubt;
    world->identity.doubted = doubt ? world->now : 0;
    world->command.flow = world->set->active[0];
    struct rc_ask ask = world_ask(world, RC_MSG_SUBMIT, 0);
    ask.u.submit = &world->identity;
    return world_deliver(world, ask, err);
}

static enum rc_status do_result(struct world *world, uint32_t at, uint16_t attempt,
                                const struct rc_result *result, struct rc_error *err)
{
    struct rc_ask ask = world_ask(world, RC_MSG_RESULT, at);
    ask.attempt = attempt;
    ask.u.result = result;
    return world_deliver(world, ask, err);
}

static enum rc_status do_answer(struct world *world, struct rc_sv args, bool late, struct rc_error *err)
{
    uint32_t at = step_at(world, word(&args));
    uint64_t status = 0, attempt = at < world->command.nnodes ? world->command.node[at].attempt : 0;
    if (at == UINT32_MAX || (late && !rc_parse_u64(word(&args), &attempt)) ||
        !rc_parse_u64(word(&args), &status))
        return bad_event(err);
    struct rc_result result = {
        .reach = RC_ANSWERED, .usable = true, .status = (uint16_t)status, .headers = {.kind = CEL_MAP}};
    if (rc_sv_starts(args, RC_SV("after="))) {
        struct rc_sv span = word(&args);
        if (!rc_parse_span((struct rc_sv){span.p + 6, span.n - 6}, &result.retry_after))
            return bad_event(err);
    }
    if (args.n) result.usable = rc_json_parse(args, world->arena, &result.body, NULL) == RC_OK;
    if (args.n && (status >= 300 || !result.usable)) result.excerpt = args;
    if (!result.usable) result.error = RC_SV("it is no JSON");
    return do_result(world, at, (uint16_t)attempt, &result, err);
}

static enum rc_status do_lost(struct world *world, struct rc_sv args, struct rc_error *err)
{
    uint32_t at = step_at(world, word(&args));
    int why = why_of(word(&args));
    if (at == UINT32_MAX || why < 0) return bad_event(err);
    bool sent = why != RC_WHY_NOT_SENT && why != RC_WHY_RELEASED && why != RC_WHY_ADDRESS &&
                why != RC_WHY_CONFIGURATION;
    struct rc_result result = {.reach = sent ? RC_SENT : RC_NOT_SENT,
                               .why = (uint8_t)why,
                               .error = rc_sv_of(rc_why_word((unsigned)why).text)};
    return do_result(world, at, world->command.node[at].attempt, &result, err);
}

static enum rc_status do_wait(struct world *world, struct rc_sv args, struct rc_error *err)
{
    rc_us span;
    enum rc_status status = RC_OK;
    if (!rc_parse_span(word(&args), &span)) return bad_event(err);
    world->now += span;
    for (uint32_t i = 0; status == RC_OK && i < world->command.nnodes; i++)
        if (rc_phase_has_time(world->command.node[i].phase, world->command.data[i].times.due))
            status = world_deliver(world, world_ask(world, RC_MSG_DUE, i), err);
    return status == RC_OK ? world_offer(world, err) : status;
}

static enum rc_status do_crash(struct world *world, struct rc_error *err)
{
    enum rc_status status = RC_OK;
    world->gate.in_use = 0;
    for (uint32_t i = 0; status == RC_OK && i < world->command.nnodes; i++) {
        if (world->command.node[i].phase != RC_PHASE_OPEN) continue;
        struct rc_ask ask = world_ask(world, RC_MSG_LOST, i);
        ask.attempt = world->command.node[i].attempt;
        status = world_deliver(world, ask, err);
    }
    return status;
}

/* The step was at work each time the server died: the engine sees to it that it waits for a person (engine/turn.c). */
static enum rc_status do_aside(struct world *world, struct rc_sv args, struct rc_error *err)
{
    uint32_t at = step_at(world, word(&args));
    if (at == UINT32_MAX) return bad_event(err);
    struct rc_ask ask = world_ask(world, RC_MSG_LOST, at);
    ask.attempt = world->command.node[at].attempt;
    ask.set_aside = true;
    world->gate.in_use = 0;
    return world_deliver(world, ask, err);
}

static enum rc_status do_restored(struct world *world, struct rc_sv args, struct rc_error *err)
{
    rc_us span;
    if (!rc_parse_span(word(&args), &span)) return bad_event(err);
    world->gate.in_use = 0;
    struct rc_ask ask = world_ask(world, RC_MSG_RESTORED, 0);
    ask.order = world->now - span;
    return world_deliver(world, ask, err);
}

/* With another payload where the story gives one. It stands in the history, and lives as long. */
static enum rc_status make_successor(struct world *world, struct rc_sv args, const struct rc_identity **ret,
                                     struct rc_error *err)
{
    const struct rc_command *c = &world->command;
    struct rc_submission in = {.actor = c->id.actor, .payload = c->id.payload};
    struct rc_identity *next = RC_NEW(world->arena, struct rc_identity);
    uint32_t n;
    if (!next) return rc_fail_arena(err, world->arena);
    enum rc_status status = args.n ? rc_json_parse(args, world->arena, &in.payload, err) : RC_OK;
    if (status == RC_OK) status = rc_prepare_successor(world->set, c, &in, world->arena, next, err, 1, &n);
    if (status != RC_OK) return status;
    next->seq = c->id.seq + 1;
    next->nonce = c->id.nonce + 1;
    next->created = world->now;
    *ret = next;
    return RC_OK;
}

/* by=NAME and its like; what is decided on is what is shown now, where the story does not say otherwise. */
static bool read_decision(const struct world *world, enum rc_action action, struct rc_sv *io_args,
                          struct rc_act *act)
{
    const struct rc_command *c = &world->command;
    struct rc_sv shown = {0}, role = {0};
    struct {
        const char *name;
        struct rc_sv *target;
    } option[] = {{"by=", &act->actor}, {"as=", &act->subject}, {"role=", &role}, {"shown=", &shown}};
    if (action == RC_ACTION_ANSWER) act->answer = word(io_args);
    for (unsigned i = 0; i < sizeof option / sizeof *option; i++) {
        uint32_t n = (uint32_t)strlen(option[i].name);
        if (!rc_sv_starts(*io_args, rc_sv_of(option[i].name))) continue;
        struct rc_sv text = word(io_args);
        *option[i].target = (struct rc_sv){text.p + n, text.n - n};
    }
    int number = role.n ? rc_role_of(role) : -1;
    act->role = (uint8_t)(number + 1);
    for (uint32_t i = 1; i < c->nnodes && !rc_sv_is(shown, "no"); i++) {
        if (c->node[i].phase != RC_PHASE_ASKED || (io_args->n && !rc_is_named(c, i, *io_args))) continue;
        act->digest = c->data[i].request;
        if (rc_sv_is(shown, "old")) act->digest.lo ^= 1;
        break;
    }
    return !role.n || number >= 0;
}

static enum rc_status plan_of(struct world *world, struct rc_sv *io_args, uint32_t *ret_version,
                              struct rc_move_plan *ret, struct rc_error *err)
{
    uint64_t version = 0;
    if (io_args->n && !rc_parse_u64(word(io_args), &version)) return bad_event(err);
    *ret_version = (uint32_t)version;
    return rc_move_make_plan(&world->command, world->set, (uint32_t)version, world->arena, ret, err);
}

/* Where there is no plan, the move says so itself. */
static bool read_move(struct world *world, struct rc_sv *io_args, struct rc_act *act)
{
    struct rc_move_plan plan;
    struct rc_sv shown = {0};
    if (rc_sv_starts(*io_args, RC_SV("shown="))) shown = word(io_args);
    enum rc_status status = plan_of(world, io_args, &act->version, &plan, NULL);
    if (status == RC_SYNTAX) return false;
    if (status != RC_OK || rc_sv_is(shown, "shown=no")) return true;
    act->digest = plan.digest;
    if (rc_sv_is(shown, "shown=old")) act->digest.lo ^= 1;
    return true;
}

static enum rc_status do_action(struct world *world, enum rc_action action, struct rc_sv args,
                                struct rc_error *err)
{
    static const char *const verdicts[] = {"", "happened", "did_not_happen", "accepted_as_is"};
    struct rc_act act = {.action = (uint8_t)action, .actor = RC_SV("olga"), .reason = RC_SV("a story")};
    if (action == RC_ACTION_RESOLVE) {
        struct rc_sv verdict = word(&args);
        for (unsigned i = 1; i < sizeof verdicts / sizeof *verdicts; i++)
            if (rc_sv_is(verdict, verdicts[i])) act.verdict = (uint8_t)i;
    }
    if (action == RC_ACTION_EDIT && rc_sv_starts(args, RC_SV("by="))) {
        struct rc_sv by = word(&args);
        act.actor = (struct rc_sv){by.p + 3, by.n - 3};
    }
    if (action == RC_ACTION_EDIT && rc_sv_starts(args, RC_SV("as="))) {
        struct rc_sv as = word(&args);
        act.subject = (struct rc_sv){as.p + 3, as.n - 3};
    }
    enum rc_status status = RC_OK;
    if (action == RC_ACTION_ASSIGN) act.owner = word(&args);
    if (action == RC_ACTION_DUE && args.n) {
        rc_us span;
        if (!rc_parse_span(word(&args), &span)) return bad_event(err);
        act.due = world->now + span;
    }
    bool decides = action == RC_ACTION_APPROVE || action == RC_ACTION_DENY || action == RC_ACTION_ANSWER;
    if (decides && !read_decision(world, action, &args, &act)) return bad_event(err);
    if (action == RC_ACTION_MOVE && !read_move(world, &args, &act)) return bad_event(err);
    bool named = args.n && args.p[0] != '{';
    bool whole = action == RC_ACTION_RETRY && world->command.state == RC_ROLLED_BACK && !named;
    if (action == RC_ACTION_EDIT || whole) status = make_successor(world, args, &act.successor, err);
    if (status != RC_OK) return status;
    act.step = word(&args);
    act.external_id = word(&args);
    struct rc_ask ask = world_ask(world, RC_MSG_ACTION, 0);
    ask.u.act = &act;
    return world_deliver(world, ask, err);
}

static enum rc_status do_signal(struct world *world, struct rc_sv args, struct rc_error *err)
{
    if (world->nsignals == WORLD_SIGNALS) return bad_event(err);
    struct rc_signal *signal = &world->signals[world->nsignals++];
    *signal = (struct rc_signal){
        .ns = RC_SV("default"), .name = word(&args), .id = word(&args), .payload = cel_null()};
    enum rc_status status = args.n ? rc_json_parse(args, world->arena, &signal->payload, err) : RC_OK;
    if (status != RC_OK) return status;
    struct rc_signal *sent = rc_copy(world->arena, signal, sizeof *sent);
    sent->number = world->nsignals;
    sent->at = world->now;
    struct rc_ask ask = world_ask(world, RC_MSG_SIGNAL, 0);
    ask.from = (struct rc_addr){0};
    ask.to = (struct rc_addr){.agg = RC_AGG_MAILBOX, .id = rc_mailbox_id(sent->ns, sent->name, sent->id)};
    ask.u.signal = sent;
    return world_deliver(world, ask, err);
}

/* A worker asks, and gets this step. */
static enum rc_status do_pull(struct world *world, struct rc_sv args, struct rc_error *err)
{
    uint32_t at = step_at(world, word(&args));
    if (at == UINT32_MAX) return bad_event(err);
    struct rc_ask ask = world_ask(world, RC_MSG_PULL, at);
    ask.to = (struct rc_addr){.agg = RC_AGG_GATE, .id = world->gate.id};
    return world_deliver(world, ask, err);
}

static enum rc_status do_occupy(struct world *world, struct rc_sv args, struct rc_error *err)
{
    uint64_t n;
    if (!rc_parse_u64(word(&args), &n)) return bad_event(err);
    world->gate.in_use = (uint32_t)n;
    world->neffects = 0;
    return RC_OK;
}

/* So many others hold places in the lane; those that were more have ended. */
static enum rc_status do_lane(struct world *world, struct rc_sv args, struct rc_error *err)
{
    uint64_t n;
    if (!rc_parse_u64(word(&args), &n) || n > RC_MAX_LANE) return bad_event(err);
    return world_occupy_lane(world, (uint32_t)n, err);
}

static enum rc_status do_child(struct world *world, struct rc_sv args, struct rc_error *err)
{
    uint32_t at = step_at(world, word(&args));
    bool unreadable = option(&args, "unreadable");
    int state = unreadable ? RC_REVIEW : rc_state_of(word(&args));
    if (at == UINT32_MAX || state < 0) return bad_event(err);
    struct rc_child_news *news = RC_NEW(world->arena, struct rc_child_news);
    if (!news) return rc_fail_arena(err, world->arena);
    *news = (struct rc_child_news){.child = {WORLD_OTHERS + 1, 5},
                                   .node = at,
                                   .round = world->command.node[at].round,
                                   .state = (uint8_t)state,
                                   .unreadable = unreadable,
                                   .outputs = cel_null()};
    news->stands = option(&args, "stands");
    if (option(&args, "for_good")) news->stands = RC_STANDS_FOR_GOOD;
    news->stays = option(&args, "stays");
    news->later = option(&args, "later");
    if (state == RC_ABSENT) news->text = RC_SV("the lane is full");
    if (args.n) news->outputs.kind = CEL_MAP;
    enum rc_status status = args.n ? rc_json_parse(args, world->arena, &news->outputs, err) : RC_OK;
    if (status != RC_OK) return status;
    struct rc_ask ask = world_ask(world, RC_MSG_CHILD, at);
    ask.from = (struct rc_addr){.agg = RC_AGG_COMMAND, .id = WORLD_OTHERS + 1};
    ask.u.news = news;
    return world_deliver(world, ask, err);
}

/* By the engine, in the place of what the command has asked its child for. */
static enum rc_status do_put_off(struct world *world, struct rc_sv args, struct rc_error *err)
{
    uint32_t at = step_at(world, word(&args));
    int action = rc_action_of(word(&args));
    if (at == UINT32_MAX || action < 0) return bad_event(err);
    struct rc_act act = {.action = (uint8_t)action,
                         .role = 1,
                         .subject = RC_SV("token/anna"),
                         .actor = RC_SV("anna"),
                         .outputs = cel_null()};
    struct rc_child_news news = {.child = {WORLD_OTHERS + 1, 5},
                                 .node = at,
                                 .round = world->command.node[at].round,
                                 .state = RC_RUNNING,
                                 .put_off = &act,
                                 .outputs = cel_null()};
    struct rc_ask ask = world_ask(world, RC_MSG_CHILD, at);
    ask.from = (struct rc_addr){.agg = RC_AGG_COMMAND, .id = WORLD_OTHERS + 1};
    ask.u.news = &news;
    return world_deliver(world, ask, err);
}

/* By the command that has started this one. */
static enum rc_status do_asked(struct world *world, struct rc_sv args, struct rc_error *err)
{
    bool tell = option(&args, "tell");
    int action = tell ? 0 : rc_action_of(word(&args));
    struct rc_act act = {.action = (uint8_t)action, .reason = RC_SV("its parent"), .outputs = cel_null()};
    if (action < 0) return bad_event(err);
    struct rc_ask ask = world_ask(world, tell ? RC_MSG_CHILD_TELL : RC_MSG_ACTION, 0);
    ask.from = (struct rc_addr){.agg = RC_AGG_COMMAND, .id = WORLD_OTHERS + 1};
    ask.attempt = option(&args, "doubt");
    ask.purpose = option(&args, "several") ? RC_CHILD_MAY : RC_CHILD_MUST;
    ask.order = world->now;
    if (!tell) ask.u.act = &act;
    return world_deliver(world, ask, err);
}

/* What is asked of the command that a step has started, and what the one that has started this is told. */
static void tell_asked(struct rc_buf *out, const struct world *world)
{
    for (uint32_t i = 0; i < world->nasked; i++) {
        const struct rc_ask *ask = &world->asked[i];
        if (ask->kind == RC_MSG_CHILD_START) {
            const struct flow *flow = flow_set_version(world->set, ask->u.child->flow);
            rc_put_format(out, "  ! starts '%.*s', round %u%s: ", RC_SV_ARG(flow->name), ask->u.child->round,
                          ask->u.child->doubt ? ", in doubt" : "");
            if (flow != flow_set_active(world->set, flow->name)) rc_put_format(out, "of an older version: ");
            cel_put_json(out, ask->u.child->payload);
            if (ask->u.child->until) rc_put_text(out, ", until its parent halts");
            rc_put_char(out, '\n');
        } else if (ask->kind == RC_MSG_CHILD) {
            rc_put_format(out, "  ! tells its parent: %s%s%s\n", rc_state_word(ask->u.news->state).slug,
                          tell_stands(ask->u.news->stands), ask->u.news->stays ? ", stays" : "");
        } else {
            rc_put_format(out, "  ! asks its child: %s%s%s\n", rc_action_word(ask->u.act->action).slug,
                          ask->attempt ? ", in doubt" : "",
                          ask->purpose == RC_CHILD_MAY ? ", if it can" : "");
            if (ask->u.act->role) rc_put_format(out, "    for %.*s\n", RC_SV_ARG(ask->u.act->actor));
        }
    }
}

static enum rc_status do_event(struct world *world, struct rc_sv line, struct rc_buf *out,
                               struct rc_error *err)
{
    struct rc_sv event = word(&line);
    if (rc_sv_is(event, "submit")) return do_submit(world, line, err);
    if (rc_sv_is(event, "answer")) return do_answer(world, line, false, err);
    if (rc_sv_is(event, "late")) return do_answer(world, line, true, err);
    if (rc_sv_is(event, "lost")) return do_lost(world, line, err);
    if (rc_sv_is(event, "wait")) return do_wait(world, line, err);
    if (rc_sv_is(event, "asleep")) return do_asleep(world, line, err);
    if (rc_sv_is(event, "clock")) return do_clock(world, line, err);
    if (rc_sv_is(event, "signal")) return do_signal(world, line, err);
    if (rc_sv_is(event, "crash")) return do_crash(world, err);
    if (rc_sv_is(event, "aside")) return do_aside(world, line, err);
    if (rc_sv_is(event, "restored")) return do_restored(world, line, err);
    if (rc_sv_is(event, "pull")) return do_pull(world, line, err);
    if (rc_sv_is(event, "occupy")) return do_occupy(world, line, err);
    if (rc_sv_is(event, "lane")) return do_lane(world, line, err);
    if (rc_sv_is(event, "child")) return do_child(world, line, err);
    if (rc_sv_is(event, "large")) return world->large = true, RC_OK;
    if (rc_sv_is(event, "putoff")) return do_put_off(world, line, err);
    if (rc_sv_is(event, "asked")) return do_asked(world, line, err);
    int action = rc_sv_is(event, "rollback") ? RC_ACTION_ROLL_BACK
                 : rc_sv_is(event, "decide") ? RC_ACTION_ANSWER
                                             : rc_action_of(event);
    if (action >= 0) return do_action(world, (enum rc_action)action, line, err);
    if (rc_sv_is(event, "plan")) return tell_undo_plan(out, &world->command, word(&line), world->arena, err);
    if (rc_sv_is(event, "moveplan")) {
        struct rc_move_plan move;
        uint32_t version;
        enum rc_status status = plan_of(world, &line, &version, &move, err);
        return status == RC_OK ? tell_move_plan(out, &world->command, &move) : status;
    }
    if (rc_sv_is(event, "publish") && world->later) {
        world->set = world->later;
        return RC_OK;
    }
    if (!rc_sv_is(event, "explain")) return bad_event(err);
    tell_explanation(out, &world->command);
    if (rc_move_newer(&world->command, world->set)) {
        struct rc_allowed move = rc_command_allows(&world->command, RC_ACTION_MOVE);
        rc_put_format(out, "  move: %s\n", move.allowed ? "allowed" : move.why_not);
    }
    return RC_OK;
}

/* ---- stories -------------------------------------------------------------------------------------------------------- */

/* Whether a text names an action as a word of its own. */
static bool names(struct rc_sv text, struct rc_sv action)
{
    for (uint32_t i = 0; i + action.n <= text.n; i++) {
        bool begins = i == 0 || text.p[i - 1] == ' ';
        bool ends = i + action.n == text.n || strchr(" ,;:", text.p[i + action.n]);
        if (begins && ends && memcmp(text.p + i, action.p, action.n) == 0) return true;
    }
    return false;
}

/* What a person is told to do next is never what the same explanation refuses. */
static void hold_next_step(struct world *world)
{
    struct rc_explanation told;
    if (!world->command.nnodes) return;
    rc_command_explain(&world->command, &told);
    const char *next = rc_next_word(told.next).text;
    for (unsigned i = 0; i < RC_ACTIONS; i++) {
        const char *word = i == RC_ACTION_ROLL_BACK ? "roll back"
                           : i == RC_ACTION_ANSWER  ? "answers"
                                                    : rc_action_word(i).slug;
        if (!told.allowed[i].allowed && names(rc_sv_of(next), rc_sv_of(word)))
            world->broken = "explain names a next step that it refuses";
    }
}

static void play(struct world *world, struct rc_sv story, struct rc_buf *out)
{
    while (story.n) {
        struct rc_sv line = next_line(&story);
        if (!rc_sv_starts(line, RC_SV("> "))) {
            if (rc_sv_starts(line, RC_SV("#"))) rc_put_format(out, "%.*s\n", RC_SV_ARG(line));
            continue;
        }
        struct rc_error error = {0};
        uint32_t from = world->nhistory;
        world->neffects = world->nasked = 0;
        rc_put_format(out, "%.*s\n", RC_SV_ARG(line));
        enum rc_status status = do_event(world, (struct rc_sv){line.p + 2, line.n - 2}, out, &error);
        if (status != RC_OK) rc_put_format(out, "  refused, %s: %s\n", rc_status_slug(status), error.text);
        for (uint32_t i = from; i < world->nhistory; i++)
            tell_record(out, &world->history[i], &world->command);
        for (uint32_t i = 0; i < world->neffects; i++) tell_effect(out, &world->effects[i], &world->command);
        tell_asked(out, world);
        bool asks = rc_sv_starts(line, RC_SV("> explain")) || rc_sv_starts(line, RC_SV("> plan")) ||
                    rc_sv_starts(line, RC_SV("> moveplan"));
        if (status == RC_OK && from == world->nhistory && !asks) rc_put_text(out, "  nothing changes\n");
        hold_next_step(world);
        if (world->broken) rc_put_format(out, "  BROKEN: %s\n", world->broken);
    }
}

enum { DEFINITIONS = 64 };
struct found {
    struct rc_new_definition list[DEFINITIONS];
    uint32_t n;
};

/* Those of a later version take the place of what is there; of it, the flows count. */
static bool read_definitions(struct rc_sv text, uint32_t version, struct rc_arena *arena, struct found *io)
{
    struct defs_file file = {.source = RC_SV("story"), .text = text};
    static struct defs_errors errors;
    struct defs_one *found;
    uint32_t n;
    if (defs_load(&file, 1, arena, &found, &n, &errors) != RC_OK) {
        for (uint32_t i = 0; i < errors.n; i++)
            printf("  %u:%u: %s\n", errors.error[i].line, errors.error[i].column, errors.error[i].text);
        return false;
    }
    for (uint32_t i = 0; i < io->n; i++) io->list[i].row.active = io->list[i].flow == NULL;
    for (uint32_t i = 0; i < n && io->n < DEFINITIONS; i++) {
        if (version > 1 && !found[i].flow) continue;
        if (found[i].flow) found[i].flow->version = version;
        io->list[io->n] = (struct rc_new_definition){.row = {.id = io->n + 1,
                                                             .kind = (uint8_t)found[i].kind,
                                                             .active = true,
                                                             .version = version,
                                                             .name = found[i].name},
                                                     .flow = found[i].flow,
                                                     .dependency = found[i].dependency};
        io->n++;
    }
    return true;
}

/* What stands behind "=== version" is the flow as it is later. */
static const struct flow_set *read_sets(struct rc_sv text, struct rc_arena *arena,
                                        const struct flow_set **ret_later)
{
    static const char heading[] = "=== version\n";
    const char *at = memmem(text.p, text.n, heading, sizeof heading - 1);
    uint32_t first = at ? (uint32_t)(at - text.p) : text.n;
    struct found found = {.n = 0};
    const struct flow_set *set = NULL;
    *ret_later = NULL;
    if (!read_definitions((struct rc_sv){text.p, first}, 1, arena, &found) ||
        rc_set_make(found.list, found.n, arena, &set) != RC_OK)
        return NULL;
    if (!at) return set;
    uint32_t behind = first + (uint32_t)sizeof heading - 1;
    if (!read_definitions((struct rc_sv){text.p + behind, text.n - behind}, 2, arena, &found) ||
        rc_set_make(found.list, found.n, arena, ret_later) != RC_OK)
        return NULL;
    return set;
}

static bool write_file(const char *path, struct rc_sv text)
{
    FILE *file = fopen(path, "wb");
    bool fine = file && fwrite(text.p, 1, text.n, file) == text.n;
    return (file && fclose(file) == 0) && fine;
}

static void show_difference(struct rc_sv want, struct rc_sv got)
{
    for (unsigned line = 1; want.n || got.n; line++) {
        struct rc_sv a = next_line(&want), b = next_line(&got);
        if (rc_sv_eq(a, b)) continue;
        printf("  line %u\n  - %.*s\n  + %.*s\n", line, RC_SV_ARG(a), RC_SV_ARG(b));
        return;
    }
}

/* Everything up to and with a heading line; *rest is what stands behind it. */
static struct rc_sv up_to(struct rc_sv text, const char *heading, struct rc_sv *rest)
{
    *rest = text;
    while (rest->n)
        if (rc_sv_is(next_line(rest), heading)) break;
    return (struct rc_sv){text.p, text.n - rest->n};
}

static unsigned starved; /* steps that had too little room */

static bool run_story(const char *path, bool update, bool starves)
{
    static char bytes[FILE_MAX];
    FILE *file = fopen(path, "rb");
    size_t n = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    if (file) fclose(file);
    struct rc_arena *arena = rc_arena_new(1 << 20, MEMORY);
    struct rc_sv text = {bytes, (uint32_t)n}, rest, story;
    struct rc_sv head = up_to(text, "=== definitions", &rest), definitions = up_to(rest, "=== story", &story);
    uint32_t heading = (uint32_t)strlen("=== story\n");
    bool fine = arena && story.n && definitions.n > heading;
    const struct flow_set *later = NULL;
    const struct flow_set *set =
        fine ? read_sets((struct rc_sv){definitions.p, definitions.n - heading}, arena, &later) : NULL;
    if (set) {
        struct world world;
        struct rc_buf out = rc_buf_in(arena, FILE_MAX);
        world_begin(&world, arena, set);
        world.later = later;
        world.starves = starves;
        rc_put(&out, head);
        rc_put(&out, definitions);
        play(&world, story, &out);
        bool same = rc_sv_eq(rc_buf_sv(&out), text);
        if (!same && !update) show_difference(text, rc_buf_sv(&out));
        starved += world.refused;
        fine =
            out.status == RC_OK && !world.broken && (same || (update && write_file(path, rc_buf_sv(&out))));
        if (world.broken) fwrite(out.p, 1, out.n, stdout);
        if (world.broken) printf("  a law is broken: %s\n", world.broken);
    }
    printf("%s %s\n", set && fine ? "ok" : "FAIL", path);
    rc_arena_free(arena);
    return set && fine;
}

int main(int argc, char **argv)
{
    bool update = argc > 1 && strcmp(argv[1], "--update") == 0;
    bool starves = argc > 1 && strcmp(argv[1], "--starve") == 0;
    unsigned passed = 0, failed = 0;
    for (int i = 1 + (update || starves); i < argc; i++)
        *(run_story(argv[i], update, starves) ? &passed : &failed) += 1;
    if (starves) printf("# %u steps had too little room\n", starved);
    printf("%u passed, %u failed\n", passed, failed);
    return failed || !passed || (starves && !starved);
}
