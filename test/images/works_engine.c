/* The engine on the store: what it answers and what it lets leave must be on disk by then. A step is a turn; it is acknowledged as soon as
 * a client is answered or an attempt has left. */
#include "works.h"

#include "sim/world.h"

#include <stdlib.h>

enum { TURNS = 90, AT_ONCE = 3, QUIET = 4, ROUNDS = 200 };

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

struct playing {
    struct stage *stage;
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
    for (uint32_t i = 0; i < in->nasked; i++) world_free_request(in->asked[i]);
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
        ask(in, world_submission(in->world, stage_dice(in->stage, 3) ? "checked" : "plain", key,
                                 "{\"customer\": 7}"));
    }
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
    struct playing in = {.stage = stage, .world = world_open_at(NULL, stage->path)};
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
        if (moving >> world_state(world, seq) & 1) why = "a command goes on for ever";
    world_close(world);
    return why;
}
