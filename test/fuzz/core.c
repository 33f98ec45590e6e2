/* The core: every byte but the first (which chooses the flow) is an event or an argument of one, over one command and its gate. The laws of
 * ../golden/world.c hold (changes apply, inverses take back, the fold is the state, the state is derived), and those below. Most events are ones
 * that an engine would send; 'm' and 'g' are any message to the command and to the gate. Who waits for a signal, in a lane or for a worker
 * gets them from 'i', 'n' and 'q'; who waits for people, for a child or stands on an old version from 'v', 'c' and 'M' (core_asked.c). */
#include "core.h"

#include "core/child.h"

#include <stdio.h>

unsigned core_byte(struct core_run *run)
{
    if (run->input.n == 0) return 0;
    unsigned char c = (unsigned char)run->input.p[0];
    run->input = (struct rc_sv){run->input.p + 1, run->input.n - 1};
    return c;
}

unsigned core_choose(struct core_run *run, unsigned members)
{
    return ((core_byte(run) - '0') & 0xffu) % members;
}

/* An answer that is 63 deep; as an output in a map it is as deep as a value may be. */
#define TIMES_7(text) text text text text text text text
#define DEEP          TIMES_7(TIMES_7("[") "[[") TIMES_7(TIMES_7("]") "]]")

const struct cel_value *core_bodies(uint32_t *ret_n)
{
    static const char *const text[] = {"null",
                                       "{\"id\":7,\"may\":true,\"there\":true,\"n\":3}",
                                       "[]",
                                       "[{\"id\":\"x\"}]",
                                       "[1,2]",
                                       "\"text\"",
                                       "{\"id\":null,\"may\":false,\"there\":false}",
                                       "{\"may\":1,\"there\":\"yes\",\"n\":1}",
                                       "1.5",
                                       DEEP};
    enum { N = sizeof text / sizeof *text };
    static struct cel_value value[N];
    static bool made;
    for (unsigned i = 0; !made && i < N; i++) value[i] = fuzz_json(rc_sv_of(text[i]), fuzz_forever());
    made = true;
    *ret_n = N;
    return value;
}

static struct rc_result result(struct core_run *run)
{
    static const uint16_t status[] = {200, 201, 202, 204, 301, 400, 401, 404,
                                      409, 410, 418, 429, 500, 503, 100, 999};
    static const rc_us span[] = {0, RC_SECONDS(1), RC_SECONDS(3600), UINT64_MAX};
    uint32_t n;
    const struct cel_value *body = core_bodies(&n);
    struct rc_result result = {.headers = {.kind = CEL_MAP}, .error = RC_SV("in words"), .took = 1};
    unsigned shape = core_choose(run, 4);
    result.reach = (uint8_t)(shape < 3 ? shape : RC_ANSWERED);
    result.usable = shape == RC_ANSWERED;
    if (result.reach == RC_ANSWERED) {
        result.status = status[core_choose(run, sizeof status / sizeof *status)];
        result.body = result.usable ? body[core_choose(run, n)] : cel_null();
        result.retry_after = span[core_choose(run, sizeof span / sizeof *span)];
    } else {
        result.why = (uint8_t)core_choose(run, RC_WHYS);
    }
    return result;
}

static struct rc_act action(struct core_run *run)
{
    uint32_t n;
    const struct cel_value *outputs = core_bodies(&n);
    const struct flow *flow = run->world.command.flow;
    struct rc_path *path = RC_NEW(run->world.arena, struct rc_path);
    unsigned step = core_choose(run, flow->ninstances + 2u);
    struct rc_act act = {
        .action = (uint8_t)core_choose(run, RC_ACTIONS + 1), .actor = RC_SV("a"), .reason = RC_SV("why")};
    if (step && step < run->world.command.nnodes && path)
        act.step = rc_node_path(&run->world.command, step, path);
    else
        act.step = step && step <= flow->ninstances ? RC_SV("nobody") : RC_SV("");
    act.verdict = (uint8_t)core_choose(run, RC_ACCEPTED_AS_IS + 2);
    act.external_id = core_choose(run, 2) ? RC_SV("id-1") : RC_SV("");
    act.outputs = core_choose(run, 2) ? outputs[1] : cel_null();
    act.expected_rev = core_choose(run, 8) ? 0 : 3;
    return act;
}

/* ---- events --------------------------------------------------------------------------------------------------------- */

/* 'I' and 'A' put it off, by a span and by a time of the wall clock; 'D' gives it one second to be through; 'S' and 'U' are a step of another
 * command, of which another life of the store may have done some. */
static enum rc_status submit(struct core_run *run, unsigned kind)
{
    struct world *world = &run->world;
    const struct flow *flow = world->command.flow;
    const struct rc_sv lane = RC_SV("x y");
    if (world->command.id.generation) return RC_OK; /* the key of the original is not its successor's */
    world->identity = (struct rc_identity){
        .seq = 1,
        .nonce = 7,
        .flow = flow->id,
        .created = world->now,
        .ns = RC_SV("default"),
        .type = flow->name,
        .key = RC_SV("k"),
        .subject = RC_SV("token/a"),
        .actor = RC_SV("a"),
        .payload = fuzz_json(RC_SV("{\"text\":\"x y\",\"n\":1,\"items\":[1,null]}"), world->arena),
        .refs = {.kind = CEL_MAP},
        .run_in = kind == 'I' ? RC_SECONDS(3) : 0,
        .run_at = kind == 'A' ? world->now + RC_SECONDS(3) : 0,
        .deadline = kind == 'D' ? RC_SECONDS(1) : 0,
        .lane = flow->lane.limit ? rc_lane_id(RC_SV("default"), flow->name, lane) : 0,
        .lane_key = flow->lane.limit ? lane : RC_SV("")};
    if (kind == 'S' || kind == 'U')
        world->identity.parent = (struct rc_parent){.link = {WORLD_OTHERS + 1, 5}, .node = 1};
    if (kind == 'U') {
        world->identity.until = world->now + RC_SECONDS(3);
        world->identity.doubt = true;
        world->identity.doubted = world->now - RC_SECONDS(100);
    }
    struct rc_ask ask = world_ask(world, RC_MSG_SUBMIT, 0);
    ask.u.submit = &world->identity;
    return world_deliver(world, ask, &run->why);
}

/* The first step of those in this phase, of workers or not; 0: there is none. */
static uint32_t first_in(const struct rc_command *c, enum rc_phase phase, bool of_workers)
{
    for (uint32_t i = 1; i < c->nnodes; i++)
        if (c->node[i].phase == phase && (rc_node_step(c, i)->call.worker || !of_workers)) return i;
    return 0;
}

/* To any step, or ('R') to the first one that waits for an answer: so inputs come far without knowing its number. */
static enum rc_status answer(struct core_run *run, rc_message_kind kind, bool first)
{
    struct world *world = &run->world;
    uint32_t node = first ? first_in(&world->command, RC_PHASE_OPEN, false)
                          : core_choose(run, world->command.flow->ninstances + 1u);
    struct rc_ask ask = world_ask(world, kind, node);
    struct rc_result said = result(run);
    ask.u.result = &said;
    ask.attempt = node < world->command.nnodes ? world->command.node[node].attempt : 1;
    ask.set_aside = kind == RC_MSG_LOST && said.reach == RC_NOT_SENT;
    bool open = node < world->command.nnodes && world->command.node[node].phase == RC_PHASE_OPEN;
    if (kind == RC_MSG_LOST && open && world->gate.in_use)
        world->gate.in_use--; /* its place went with the process */
    return world_deliver(world, ask, &run->why);
}

static enum rc_status restored(struct core_run *run)
{
    struct world *world = &run->world;
    struct rc_ask ask = world_ask(world, RC_MSG_RESTORED, 0);
    ask.order = world->now - RC_SECONDS(core_choose(run, 200));
    world->gate.in_use = 0; /* the places went with the process */
    return world_deliver(world, ask, &run->why);
}

static enum rc_status later(struct core_run *run)
{
    static const rc_us span[] = {RC_MS(1), RC_SECONDS(1), RC_SECONDS(3), RC_SECONDS(100), RC_SECONDS(3600)};
    struct world *world = &run->world;
    enum rc_status status = RC_OK;
    world->now += span[core_choose(run, sizeof span / sizeof *span)];
    for (uint32_t i = 0; status == RC_OK && i < world->command.nnodes; i++)
        if (rc_phase_has_time(world->command.node[i].phase, world->command.data[i].times.due))
            status = world_deliver(world, world_ask(world, RC_MSG_DUE, i), &run->why);
    return status;
}

/* A signal that one of the waits of these flows may wait for, or nobody. */
static enum rc_status send_signal(struct core_run *run)
{
    static const char *const names[] = {"paid", "left", "other"}, *const ids[] = {"x y", "1", "2"};
    struct world *world = &run->world;
    uint32_t n;
    const struct cel_value *payloads = core_bodies(&n);
    if (world->nsignals == WORLD_SIGNALS) return RC_OK;
    struct rc_signal *one = &world->signals[world->nsignals];
    *one = (struct rc_signal){.ns = RC_SV("default"),
                              .name = rc_sv_of(names[core_choose(run, 3)]),
                              .id = rc_sv_of(ids[core_choose(run, 3)]),
                              .payload = payloads[core_choose(run, n)]};
    struct rc_signal *sent = rc_copy(world->arena, one, sizeof *one);
    if (!sent) return RC_NOMEM;
    sent->number = ++world->nsignals;
    sent->at = world->now;
    struct rc_ask ask = world_ask(world, RC_MSG_SIGNAL, 0);
    ask.from = (struct rc_addr){0};
    ask.to = (struct rc_addr){.agg = RC_AGG_MAILBOX, .id = rc_mailbox_id(sent->ns, sent->name, sent->id)};
    ask.u.signal = sent;
    enum rc_status status = world_deliver(world, ask, &run->why);
    return status == RC_QUOTA ? RC_OK : status; /* that so many are kept may be said */
}

/* A worker takes the first step that waits for one. */
static enum rc_status pull(struct core_run *run)
{
    struct world *world = &run->world;
    uint32_t node = first_in(&world->command, RC_PHASE_READY, true);
    if (!node) return RC_OK;
    struct rc_ask ask = world_ask(world, RC_MSG_PULL, node);
    ask.to = (struct rc_addr){.agg = RC_AGG_GATE, .id = world->gate.id};
    return world_deliver(world, ask, &run->why);
}

static enum rc_status act(struct core_run *run)
{
    struct world *world = &run->world;
    struct rc_act act = action(run);
    struct rc_ask ask = world_ask(world, RC_MSG_ACTION, 0);
    ask.u.act = &act;
    bool plain = act.step.n == 0 && act.expected_rev == 0 && act.verdict == RC_VERDICT_NONE;
    bool known = plain && act.action < RC_ACTIONS && act.action != RC_ACTION_RESOLVE && world->command.nnodes;
    struct rc_allowed may = {0};
    if (known) may = rc_command_allows(&world->command, (enum rc_action)act.action);
    enum rc_status status = world_deliver(world, ask, &run->why);
    bool whole = act.action == RC_ACTION_CANCEL ||
                 act.action == RC_ACTION_ROLL_BACK; /* of no step: nothing is ambiguous */
    if (known && !may.allowed) FUZZ_LAW(status != RC_OK && may.why_not);
    bool full =
        status == RC_LANE_FULL && world->command.place.state == RC_PLACE_LEFT; /* it wants one again */
    if (known && may.allowed && whole)
        FUZZ_LAW(status == RC_OK || full || rc_arena_status(world->arena) != RC_OK);
    return status;
}

static enum rc_status wild(struct core_run *run, bool to_gate)
{
    struct world *world = &run->world;
    struct rc_ask ask = world_ask(world, 0, core_choose(run, world->command.flow->ninstances + 1u));
    struct rc_result said = result(run);
    struct rc_act act = action(run);
    struct rc_signal came = {
        .ns = RC_SV("default"), .name = RC_SV("paid"), .id = RC_SV("x y"), .payload = cel_null()};
    run->wild = true;
    ask.kind = (uint8_t)(to_gate ? RC_MSG_WANT + core_choose(run, 6) : core_choose(run, 80));
    ask.attempt = (uint16_t)core_choose(run, 5);
    ask.purpose = (uint8_t)core_choose(run, RC_PURPOSES);
    if (to_gate) ask.to = (struct rc_addr){.agg = RC_AGG_GATE, .id = world->gate.id};
    if (ask.kind == RC_MSG_SUBMIT) {
        ask.u.submit = &world->identity;
        if (!world->command.nnodes) return RC_OK; /* there is no identity yet */
    } else if (ask.kind == RC_MSG_ACTION) {
        ask.u.act = &act;
    } else if (ask.kind == RC_MSG_SIGNALLED || ask.kind == RC_MSG_SIGNAL) {
        ask.u.signal = rc_copy(world->arena, &came, sizeof came); /* the history keeps it */
        if (!ask.u.signal) return RC_NOMEM;
    } else if (ask.kind == RC_MSG_CHILD) {
        const struct rc_child_news told = {.child = {core_choose(run, 3), core_choose(run, 2)},
                                           .node = ask.node,
                                           .round = (uint8_t)core_choose(run, 2),
                                           .state = (uint8_t)core_choose(run, RC_STATES),
                                           .stands = (uint8_t)core_choose(run, 3)};
        ask.u.news = rc_copy(world->arena, &told, sizeof told);
        if (!ask.u.news) return RC_NOMEM;
    } else {
        ask.u.result = &said;
    }
    return world_deliver(world, ask, &run->why);
}

/* A fact is never refused; a request may be. */
static void event(struct core_run *run)
{
    enum rc_status status = RC_OK;
    unsigned kind = core_byte(run);
    bool fact = true, known = run->world.command.nnodes > 0,
         others = kind == 'n' || kind == 'i' || kind == 'p' || kind == 'f';
    unsigned way = kind;
    if (!known && !others) kind = 's'; /* the engine finds no command then, and sends nothing */
    switch (kind) {
    case 's':
        status = submit(run, way);
        fact = !known && status != RC_LANE_FULL;
        FUZZ_LAW(fact || known || run->world.command.flow->lane.when_full == FLOW_FULL_REFUSE);
        break;
    case 'r': status = answer(run, RC_MSG_RESULT, false); break;
    case 'R': status = answer(run, RC_MSG_RESULT, true); break;
    case 'l': status = answer(run, RC_MSG_LOST, false); break;
    case 'L': status = answer(run, RC_MSG_LOST, true); break;
    case 'w': status = later(run); break;
    case 'o': status = restored(run); break;
    case 'i': status = send_signal(run); break;
    case 'n': status = world_occupy_lane(&run->world, core_choose(run, 4), &run->why); break;
    case 'q': status = pull(run); break;
    case 't': status = answer(run, RC_MSG_LATE, false); break;
    case 'c': status = core_child(run, true); break;
    case 'C': status = core_child(run, false); break;
    case 'f': run->world.child_reply = core_choose(run, WORLD_REPLIES); break;
    case 'F': run->world.large = !run->world.large; break;
    case 'p': run->world.set = fuzz_flows_later(); break;
    case 'k':
        status = core_parent(run);
        fact = false;
        break;
    case 'v':
        status = core_decide(run);
        fact = false;
        break;
    case 'e':
        status = core_replace(run);
        fact = false;
        break;
    case 'M':
        status = core_move(run);
        fact = false;
        break;
    case 'm':
        status = wild(run, false);
        fact = false;
        break;
    case 'g':
        status = wild(run, true);
        fact = false;
        break;
    default:
        status = act(run);
        fact = false;
        break;
    }
    if (fact && status != RC_OK) fprintf(stderr, "event '%c': %s\n", kind, run->why.text);
    FUZZ_LAW(!fact || status == RC_OK || rc_arena_status(run->world.arena) != RC_OK);
}

void fuzz_input(struct rc_sv input, struct rc_arena *arena)
{
    const struct flow_set *set = fuzz_flows();
    struct core_run *run = RC_NEW(arena, struct core_run);
    static struct cel_value child_outputs;
    if (!child_outputs.kind) child_outputs = fuzz_json(RC_SV("{\"create\":{\"id\":7}}"), fuzz_forever());
    FUZZ_LAW(run != NULL);
    world_begin(&run->world, arena, set);
    run->input = input;
    run->world.child_outputs = &child_outputs;
    run->world.command.flow = set->active[core_choose(run, set->nactive)];
    for (unsigned i = 0; i < CORE_EVENTS && run->input.n && rc_arena_status(arena) == RC_OK; i++) {
        uint32_t from = run->world.nhistory;
        run->world.neffects = run->world.nasked = 0;
        event(run);
        FUZZ_LAW(run->world.nhistory < WORLD_RECORDS / 2 && run->world.neffects < WORLD_EFFECTS / 2);
        if (rc_arena_status(arena) != RC_OK) break;
        if (run->world.broken) fuzz_broken("golden/world.c", 0, run->world.broken);
        core_laws(run, from);
    }
    core_view_laws(&run->world);
}
