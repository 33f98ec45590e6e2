/* The engine on the store: what it answers and what it lets leave must be on disk by then. A step is a turn; it is acknowledged as soon as
 * a client is answered or an attempt has left.
 *
 * What an executor does writes no file of ours, and how the outcome of an attempt is told apart (HTTP, exit code) is decided in the core, before
 * anything is written: a dependency of kind `program` would make the same records as the http ones here, and has no work of its own. */
#include "works.h"

#include "sim/world.h"

#include <stdlib.h>

enum { TURNS = 90, WIDE_TURNS = 90, AT_ONCE = 3, QUIET = 4, ROUNDS = 200 };

static const char definitions[] =
    "dependency: out\n"
    "kind: http\n"
    "base: http://127.0.0.1:1\n"
    "limits: {concurrent: 3}\n"
    "---\n"
    "flow: checked\n"
    "refs: {customer: \"${payload.customer}\"}\n"
    "on_failure: roll_back\n"
    "steps:\n"
    "  - id: create\n"
    "    call: out\n"
    "    with: {method: POST, path: /things, body: {customer: \"${payload.customer}\"}}\n"
    "    retry: {delay: 1s, backoff: constant, jitter: none, limit: {attempts: 3}}\n"
    "    check:\n"
    "      with: {method: GET, path: /things}\n"
    "      settle: 0s\n"
    "      happened: response.body.there\n"
    "    undo:\n"
    "      with: {method: DELETE, path: /things}\n"
    "  - id: tell\n"
    "    call: out\n"
    "    with: {method: POST, path: /told}\n"
    "    retry: {delay: 1s, backoff: constant, jitter: none, limit: {attempts: 2}}\n"
    "---\n"
    "flow: plain\n"
    "steps:\n"
    "  - id: create\n"
    "    call: out\n"
    "    with: {method: POST, path: /things}\n";

/* Blocks, children, lanes, signals, people, workers and schedules. Each ends by itself, at the latest with its deadline. */
static const char wide_definitions[] =
    "dependency: out\n"
    "kind: http\n"
    "base: http://127.0.0.1:1\n"
    "limits: {concurrent: 6}\n"
    "---\n"
    "dependency: crew\n"
    "kind: worker\n"
    "lease: 30s\n"
    "---\n"
    "flow: wide\n"
    "on_failure: roll_back\n"
    "steps:\n"
    "  - id: both\n"
    "    parallel:\n"
    "      - {id: left, call: out, with: {method: PUT, path: /left}, repeatable: true, undo: {with: {method: "
    "DELETE, path: "
    "/left}, repeatable: true}}\n"
    "      - {id: right, call: out, with: {method: PUT, path: /right}, repeatable: true, undo: {with: "
    "{method: DELETE, path: "
    "/right}, repeatable: true}}\n"
    "    undo: block\n"
    "  - id: items\n"
    "    each: \"${['x', 'y']}\"\n"
    "    max: 2\n"
    "    steps: [{id: give, call: out, with: {method: PUT, path: \"/give/${item}\"}, repeatable: true, undo: "
    "{with: {method: "
    "DELETE, path: /give}, repeatable: true}}]\n"
    "---\n"
    "flow: parent\n"
    "steps: [{id: kid, flow: child, with: {customer: 7}}, {id: nap, sleep: 2s}]\n"
    "---\n"
    "flow: child\n"
    "steps: [{id: put, call: out, with: {method: PUT, path: /child}, repeatable: true, undo: {with: {method: "
    "DELETE, path: "
    "/child}, repeatable: true}}]\n"
    "---\n"
    "flow: waits\n"
    "steps: [{id: paid, wait: {signal: paid, id: \"7\"}, within: 1h, on_timeout: continue}]\n"
    "---\n"
    "flow: asked\n"
    "steps: [{id: may, approve: {need: 1}, within: 1h, on_timeout: reject}, {id: let, set: {n: 1}}]\n"
    "---\n"
    "flow: lane\n"
    "concurrency: {limit: 1, when_full: replace}\n"
    "steps: [{id: nap, sleep: 2s}, {id: then, set: {n: 1}}]\n" /* nothing that a person has to settle: it would keep its place */
    "---\n"
    "flow: lifted\n"
    "deadline: 1h\n"
    "on_deadline: cancel\n"
    "steps: [{id: lift, call: crew, with: {task: lift}, repeatable: true}]\n"
    "---\n"
    "flow: timed\n"
    "schedule: [{id: each, cron: \"* * * * *\", overlap: allow}]\n"
    "steps: [{id: done, set: {n: 1}}]\n";

enum { LEASED = 64 };

struct playing {
    struct stage *stage;
    const char *const *flows; /* that are submitted; NULL ends them */
    struct rc_lease_name leased[LEASED];
    uint32_t nleased, reported;
    uint64_t signals;
    struct world *world;
    uint32_t answered, commands; /* of world->left; that were submitted */
    struct rc_request *asked[AT_ONCE];
    uint32_t nasked;
};

static enum rc_status on_start(struct world *world, uint32_t i)
{
    (void)i;
    stage_told(((struct playing *)world->watcher)->stage);
    return RC_OK;
}

static void on_reply(struct world *world, struct rc_request *request)
{
    (void)request;
    stage_told(((struct playing *)world->watcher)->stage);
}

static void turn(struct playing *in)
{
    stage_begin(in->stage);
    if (world_turn(in->world) != RC_OK) die("a turn", in->world->err.text);
    stage_end(in->stage);
    for (uint32_t i = 0; i < in->nasked; i++) {
        struct rc_request *request = in->asked[i];
        bool leases = request->kind == RC_REQUEST_LEASE;
        for (const struct rc_task *task = leases ? request->u.lease->tasks : NULL; task; task = task->next)
            if (in->nleased < LEASED) in->leased[in->nleased++] = task->lease;
        world_free_request(request);
    }
    in->nasked = 0;
}

static void ask(struct playing *in, struct rc_request *request)
{
    if (rc_engine_post(in->world->engine, request) != RC_OK) die("a request", "is refused");
    in->asked[in->nasked++] = request;
}

static void submit(struct playing *in)
{
    uint32_t n = 1 + stage_dice(in->stage, AT_ONCE);
    for (uint32_t i = 0; i < n; i++) {
        char key[24];
        bool again = in->commands && stage_dice(in->stage, 4) == 0; /* a repeat */
        snprintf(key, sizeof key, "key %u", again ? stage_dice(in->stage, in->commands) : in->commands++);
        uint32_t flows = 0;
        while (in->flows[flows]) flows++;
        ask(in,
            world_submission(in->world, in->flows[stage_dice(in->stage, flows)], key, "{\"customer\": 7}"));
    }
}

static void send_signal(struct playing *in)
{
    struct rc_request *request = world_access((struct rc_access_change){0});
    request->kind = RC_REQUEST_SIGNAL;
    request->u.signal.signal =
        (struct rc_signal){.ns = RC_SV("default"),
                           .name = RC_SV("paid"),
                           .id = RC_SV("7"),
                           .key = rc_text(request->arena, "s%llu", (unsigned long long)++in->signals),
                           .payload = cel_null()};
    ask(in, request);
}

static void lease(struct playing *in)
{
    static const struct rc_sv queue = RC_SV("crew");
    struct rc_request *request = world_access((struct rc_access_change){0});
    struct rc_lease_ask *leases = RC_NEW(request->arena, struct rc_lease_ask);
    if (!leases) die("a lease", "no memory");
    *leases = (struct rc_lease_ask){.queues = &queue, .nqueues = 1, .max = 2};
    request->kind = RC_REQUEST_LEASE;
    request->u.lease = leases;
    ask(in, request);
}

/* Of the oldest one that nobody has reported on; it may be lost already. */
static void report(struct playing *in)
{
    struct report {
        struct rc_report_item item;
        struct rc_result result;
        struct rc_error error;
    };
    if (in->reported == in->nleased) return;
    struct rc_request *request = world_access((struct rc_access_change){0});
    struct report *said = RC_NEW(request->arena, struct report);
    if (!said) die("a report", "no memory");
    said->result = (struct rc_result){.reach = RC_ANSWERED,
                                      .usable = true,
                                      .status = stage_dice(in->stage, 4) ? RC_REPORT_DONE : RC_REPORT_FAILED,
                                      .headers = {.kind = CEL_MAP},
                                      .body = cel_null()};
    said->item = (struct rc_report_item){
        .lease = in->leased[in->reported++], .result = &said->result, .error = &said->error};
    request->kind = RC_REQUEST_REPORT;
    request->u.report.items = &said->item;
    request->u.report.n = 1;
    ask(in, request);
}

static void act(struct playing *in)
{
    static const enum rc_action actions[] = {RC_ACTION_RETRY, RC_ACTION_CANCEL, RC_ACTION_ROLL_BACK};
    struct rc_high high;
    sure(in->stage, rc_read_high(rc_store_self(in->world->store), &high, &err));
    if (!high.seq) return;
    ask(in, world_action(in->world, 1 + stage_dice(in->stage, (uint32_t)high.seq),
                         actions[stage_dice(in->stage, 3)], NULL));
}

/* The oldest attempt that is out has its answer, or is lost. */
static void answer(struct playing *in)
{
    static const unsigned answers[] = {201, 201, 200, 404, 422, 429, 500, 503};
    if (in->answered == in->world->nleft) return;
    uint32_t i = in->answered++, draw = stage_dice(in->stage, 10);
    if (draw < 8)
        world_answer(in->world, i, answers[draw],
                     stage_dice(in->stage, 2) ? "{\"there\": true}" : "{\"there\": false}");
    else
        world_lose(in->world, i, RC_WHY_TIMEOUT);
}

void engine_prepare(struct stage *stage)
{
    struct world *world = world_open_at(definitions, stage->path);
    world_close(world);
}

void engine_run(struct stage *stage)
{
    static const char *const flows[] = {"checked", "checked", "plain", NULL};
    struct playing in = {.stage = stage, .flows = flows, .world = world_open_at(NULL, stage->path)};
    in.world->watcher = &in;
    in.world->on_start = on_start;
    in.world->on_reply = on_reply;
    for (uint32_t i = 0; i < TURNS; i++) {
        uint32_t draw = stage_dice(stage, 12);
        if (draw < 3) submit(&in);
        if (draw == 3) act(&in);
        if (draw == 4) in.world->now += RC_SECONDS(2);
        if (draw == 5) sure(stage, rc_store_idle(in.world->store, &err));
        for (; draw > 5 && draw < 12; draw += 3) answer(&in);
        turn(&in);
    }
    world_close(in.world);
}

void wide_prepare(struct stage *stage)
{
    struct world *world = world_open_at(wide_definitions, stage->path);
    world_close(world);
}

void wide_run(struct stage *stage)
{
    static const char *const flows[] = {"wide", "wide", "parent", "waits", "asked", "lane", "lifted", NULL};
    struct playing in = {.stage = stage, .flows = flows, .world = world_open_at(NULL, stage->path)};
    in.world->watcher = &in;
    in.world->on_start = on_start;
    in.world->on_reply = on_reply;
    ask(&in, world_submission(in.world, "lifted", "first", "{\"customer\": 7}"));
    turn(&in);
    lease(&in);
    turn(&in);
    report(&in);
    turn(&in);
    for (uint32_t i = 0; i < WIDE_TURNS; i++) {
        uint32_t draw = stage_dice(stage, 14);
        if (draw < 3) submit(&in);
        if (draw == 3) act(&in);
        if (draw == 4) in.world->now += RC_SECONDS(40); /* a lease or a minute may be over */
        if (draw == 5) send_signal(&in);
        if (draw == 6) lease(&in);
        if (draw == 7) report(&in);
        for (; draw > 7 && draw < 14; draw += 2) answer(&in);
        turn(&in);
    }
    if (!in.reported || !in.answered || !in.signals) die("wide", "next to nothing happened");
    world_close(in.world);
}

/* ---- an engine starts on an image ------------------------------------------------------------------------------------------- */

/* The outside says yes to everything until nothing more leaves. */
static bool comes_to_rest(struct world *world)
{
    uint32_t answered = 0, quiet = 0;
    for (uint32_t round = 0; round < ROUNDS && quiet < QUIET; round++) {
        (void)!world_run(world);
        quiet = answered == world->nleft ? quiet + 1 : 0;
        while (answered < world->nleft) world_answer(world, answered++, 200, "{\"there\": true}");
        world->now += RC_SECONDS(3600);
    }
    return quiet == QUIET;
}

/* A parent goes on as long as its child does; one of these waits for a person. */
static bool a_child_rests(struct world *world, uint64_t high)
{
    static const uint32_t resting = 1u << RC_REVIEW | 1u << RC_FAILED | 1u << RC_REJECTED;
    for (uint64_t seq = 1; seq <= high; seq++)
        if (resting >> world_state(world, seq) & 1 && rc_sv_is(world_read(world, seq).id.type, "child"))
            return true;
    return false;
}

static bool waits_for_a_child(struct world *world, uint64_t seq, uint64_t high)
{
    return rc_sv_is(world_read(world, seq).id.type, "parent") && a_child_rests(world, high);
}

/* Every command is found, its history leads to its state (world_read), and it comes to rest. */
const char *engine_use(const struct stage *stage, const char *path)
{
    static const uint32_t moving =
        1u << RC_PENDING | 1u << RC_RUNNING | 1u << RC_WAITING | 1u << RC_ROLLING_BACK | 1u << RC_CANCELLING;
    struct rc_high high;
    const char *why = NULL;
    struct world *world = world_open_at(NULL, path);
    world->now = stage->now + RC_SECONDS(100000);
    if (rc_read_high(rc_store_self(world->store), &high, &world->err) != RC_OK)
        why = "its counters cannot be read";
    for (uint64_t seq = 1; !why && seq <= high.seq; seq++) (void)world_read(world, seq);
    if (!why && !comes_to_rest(world)) why = "the engine does not come to rest on it";
    for (uint64_t seq = 1; !why && seq <= high.seq; seq++)
        if (moving >> world_state(world, seq) & 1 && !waits_for_a_child(world, seq, high.seq))
            why = "a command goes on for ever";
    world_close(world);
    return why;
}
