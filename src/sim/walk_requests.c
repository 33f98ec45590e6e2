/* What clients and people ask for. */
#include "sim/walk.h"

#include "codec/json.h"
#include "engine/prepare.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- on their way --------------------------------------------------------------------------------------------------- */

struct walk_request *walk_find_request(struct walk *walk, const struct rc_request *request)
{
    for (uint32_t i = 0; i < walk->nrequests; i++)
        if (walk->request[i].request == request) return &walk->request[i];
    return NULL;
}

void walk_free_answered(struct walk *walk)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < walk->nrequests; i++) {
        if (world_answered(walk->request[i].request))
            world_free_request(walk->request[i].request);
        else
            walk->request[n++] = walk->request[i];
    }
    walk->nrequests = n;
}

bool walk_post(struct walk *walk, struct walk_request sent)
{
    bool room = walk->nrequests < WALK_REQUESTS;
    uint32_t op = walk_note_call(walk, sent.request);
    enum rc_status status = room ? rc_engine_post(walk->world->engine, sent.request) : RC_BUSY;
    assert(status == RC_OK || status == RC_BUSY || (status == RC_STOPPING && walk->draining));
    if (status == RC_OK) {
        sent.op = op;
        walk->request[walk->nrequests++] = sent;
    } else
        world_free_request(sent.request);
    return status == RC_OK;
}

static bool is_crowded(const struct walk *walk)
{
    enum { MARGIN = 8 };
    return walk->nseen + walk->nrequests + walk_schedules_owe(walk) + MARGIN > WALK_COMMANDS;
}

/* ---- submissions ---------------------------------------------------------------------------------------------------- */

static const char *const spaces[WALK_SPACES] = {"default", "b"};

/* Some begin later, and some have to be through by a time. */
static void put_off(struct walk *walk, struct rc_identity *in)
{
    uint32_t how = walk_dice(walk, 6);
    rc_us now = how == 5 ? world_wall(walk->world) : RC_SECONDS(1800000000) + walk->world->now, start = 0;
    if (walk->nput_off == WALK_PUT_OFF || how < 3) return;
    if (how != 3) start = now + RC_SECONDS(1 + walk_dice(walk, 15));
    if (how == 4) in->run_in = start - now;
    if (how == 5) in->run_at = start;
    if (how == 3 || walk_chance(walk, 30)) in->deadline = RC_SECONDS(1 + walk_dice(walk, 30));
    walk->put_off[walk->nput_off].nonce = in->nonce;
    walk->put_off[walk->nput_off].start = start;
    walk->put_off[walk->nput_off].wall = how == 5;
    walk->put_off[walk->nput_off++].deadline = in->deadline;
    if (walk->control == SIM_BEGIN_AT_ONCE) in->run_at = in->run_in = 0;
    if (walk->control == SIM_NO_DEADLINE) in->deadline = 0;
}

static struct walk_request new_submission(struct walk *walk)
{
    struct walk_request sent = {.flow = walk_dice(walk, WALK_FLOWS)};
    sent.key = walk_dice(walk, WALK_KEYS);
    sent.space = walk_chance(walk, 15);
    static const char *const list[WALK_KEYS] = {"[]", "[1]", "[1, 2]"};
    char type[8], key[8], payload[96];
    snprintf(type, sizeof type, "f%u", sent.flow);
    snprintf(key, sizeof key, "k%u", sent.key);
    bool other = walk_chance(walk, 10);
    snprintf(payload, sizeof payload, "{\"n\": %u, \"list\": %s, \"ok\": %s}", other ? 7 : sent.key,
             other ? "[1, 2, 3]" : list[sent.key], walk_chance(walk, 15) ? "false" : "true");
    sent.request = world_submission_in(walk->world, spaces[sent.space], type, key, payload);
    /* a life is to be the same every time; the kernel's numbers are not */
    sent.request->u.submit.nonce = walk->control == SIM_SAME_NONCE ? 1 : walk_nonce(walk);
    sent.nonce = sent.request->u.submit.nonce;
    if (walk->timed) put_off(walk, &sent.request->u.submit);
    if (walk->people) walk_people_submit(walk, &sent.request->u.submit);
    if (walk->lanes) walk_lanes_submit(walk, &sent.request->u.submit);
    sent.payload_hash = sent.request->u.submit.payload_hash;
    WALK_TELL(walk, "  > submit %s/%s/%s %s\n", spaces[sent.space], type, key, payload);
    return sent;
}

void walk_submit(struct walk *walk)
{
    if (is_crowded(walk)) return;
    struct walk_request sent = new_submission(walk);
    if (walk_post(walk, sent) && walk->control == SIM_ANSWER_TOO_EARLY)
        walk->told[sent.space][sent.flow][sent.key].acknowledged = true;
}

void walk_submit_batch(struct walk *walk)
{
    enum { MOST = 4 };
    struct walk_request sent[MOST] = {0};
    if (is_crowded(walk)) return;
    uint32_t n = 2 + walk_dice(walk, MOST - 1);
    for (uint32_t i = 0; i < n; i++) sent[i] = new_submission(walk);
    for (uint32_t i = 0; i + 1 < n; i++) sent[i].request->next = sent[i + 1].request;
    bool room = walk->nrequests + n <= WALK_REQUESTS;
    enum rc_status status = room ? rc_engine_post_all(walk->world->engine, sent[0].request) : RC_BUSY;
    assert(status == RC_OK || status == RC_BUSY || (status == RC_STOPPING && walk->draining));
    walk->cover->batches += status == RC_OK;
    for (uint32_t i = 0; i < n; i++) {
        if (status == RC_OK) {
            sent[i].op = walk_note_call(walk, sent[i].request);
            walk->request[walk->nrequests++] = sent[i];
        } else
            world_free_request(sent[i].request);
    }
}

/* ---- actions -------------------------------------------------------------------------------------------------------- */

static bool is_in_question(const struct rc_command *c, uint32_t at)
{
    const struct rc_node *node = &c->node[at];
    return node->phase != RC_PHASE_OPEN &&
           (node->state == RC_STEP_UNKNOWN || node->state == RC_STEP_UNDO_UNKNOWN ||
            node->state == RC_STEP_UNDO_FAILED);
}

/* A step that a skip could be about. */
static bool can_be_skipped(const struct rc_command *c, uint32_t at)
{
    const struct rc_node *node = &c->node[at];
    bool waits = node->state == RC_STEP_ACTIVE && node->phase != RC_PHASE_OPEN;
    return waits || node->state == RC_STEP_FAILED || node->state == RC_STEP_REJECTED;
}

/* A step or a block that a roll back could go back to. */
static bool has_begun(const struct rc_command *c, uint32_t at)
{
    unsigned state = c->node[at].state;
    return state != RC_STEP_IDLE && state != RC_STEP_SKIPPED;
}

uint32_t walk_in_question(const struct rc_command *c)
{
    for (uint32_t i = 1; i < c->nnodes; i++)
        if (is_in_question(c, i)) return i;
    return 0;
}

/* One of those that an action could be about: of a line the first, of blocks any; 0: none. */
static uint32_t pick_step(struct walk *walk, const struct rc_command *c,
                          bool (*fits)(const struct rc_command *, uint32_t))
{
    uint32_t n = 0, found[WALK_INSTANCES];
    for (uint32_t i = 1; i < c->nnodes; i++)
        if (fits(c, i)) found[n++] = i;
    return n ? found[walk->blocks ? walk_dice(walk, n) : 0] : 0;
}

/* The same again, or edited; sometimes forgotten, as by somebody who saw the command before it was rolled back. */
static void add_successor(struct walk *walk, const struct rc_command *c, struct rc_request *request)
{
    struct rc_error error;
    struct rc_submission in = {.actor = RC_SV("anna"), .payload = c->id.payload};
    if (walk->people) in.subject = c->id.subject, in.actor = c->id.actor; /* as the API has it */
    struct rc_identity *next = RC_NEW(request->arena, struct rc_identity);
    uint32_t n;
    assert(next);
    if (walk->nsuccessors++ >= WALK_SUCCESSORS || is_crowded(walk)) return;
    if (walk_chance(walk, 50)) {
        struct rc_sv text = rc_text(request->arena, "{\"n\": 70, \"ok\": true}");
        enum rc_status parsed = rc_json_parse(text, request->arena, &in.payload, &error);
        assert(parsed == RC_OK);
    }
    enum rc_status status = rc_prepare_successor(rc_engine_definitions(walk->world->engine), c, &in,
                                                 request->arena, next, &error, 1, &n);
    if (status != RC_OK) return; /* its flow is not in force now */
    next->nonce = walk_nonce(walk);
    request->u.act.successor = next;
}

/* Whether this side of what somebody says something about has happened; of a block: anything in it. */
static bool is_true(const struct walk *walk, const struct rc_command *c, uint32_t at, bool undo)
{
    bool happened = false;
    for (uint32_t i = at; at && i < sim_behind(c, at); i++)
        happened |= walk_happens(walk, c->id.seq, i, undo);
    return happened;
}

static void say_what_happened(struct walk *walk, const struct rc_command *c, uint32_t at, struct rc_act *what,
                              uint32_t lies, bool as_it_is)
{
    const struct rc_node *node = &c->node[at];
    bool undo = node->state == RC_STEP_UNDO_UNKNOWN || node->state == RC_STEP_UNDO_FAILED;
    bool errs = walk_chance(walk, lies);
    if (errs && at && !as_it_is) walk_fired(walk, SIM_PERSON_ERRS);
    bool happened = at && is_true(walk, c, at, undo) != errs;
    what->verdict = as_it_is || !at ? RC_ACCEPTED_AS_IS : happened ? RC_HAPPENED : RC_DID_NOT_HAPPEN;
    if (!walk_chance(walk, 20)) what->external_id = RC_SV("4711");
}

void walk_act(struct walk *walk, uint64_t seq, enum rc_action action, uint32_t lies, bool as_it_is)
{
    static const char *const keys[] = {"", "", "", "x", "y", "z"};
    const struct rc_command *c = &walk->seen[seq].c;
    if (walk->nactions == WALK_ACTIONS || !c->nnodes) return; /* nobody has seen it yet */
    WALK_TELL(walk, "  > %s of %llu, action %u\n", rc_action_word(action).slug, (unsigned long long)seq,
              walk->nactions);
    struct walk_action *made = &walk->action[walk->nactions];
    *made = (struct walk_action){.seq = seq, .action = (uint8_t)action};
    if (!walk->quiet) snprintf(made->key, sizeof made->key, "%s", keys[walk_dice(walk, 6)]);
    struct walk_request sent = {.request = world_action_with(seq, c->id.nonce, action, made->key),
                                .action = walk->nactions};
    struct rc_act *what = &sent.request->u.act.act;
    what->reason = rc_text(sent.request->arena, "a%u", walk->nactions);
    if (walk->people) walk_people_name(walk, made, what);
    if (walk_chance(walk, 20))
        what->expected_rev = walk_chance(walk, 50) || walk->quiet ? c->rev : c->rev + 1;
    bool whole = action == RC_ACTION_RETRY && c->state == RC_ROLLED_BACK;
    if (action == RC_ACTION_EDIT || (whole && walk_chance(walk, 90))) add_successor(walk, c, sent.request);
    if (walk->people && sent.request->u.act.successor)
        walk_people_started(walk, sent.request->u.act.successor->nonce, made->decision.who);
    if (action == RC_ACTION_ASSIGN && walk_chance(walk, 70)) what->owner = RC_SV("olga");
    if (action == RC_ACTION_DUE && walk_chance(walk, 70)) what->due = walk->latest + RC_SECONDS(60);
    bool part = action == RC_ACTION_ROLL_BACK && walk_chance(walk, 50);
    uint32_t at = pick_step(walk, c,
                            action == RC_ACTION_SKIP ? can_be_skipped
                            : part                   ? has_begun
                                                     : is_in_question);
    if (action == RC_ACTION_ROLL_BACK && !part) at = 0;
    if (action == RC_ACTION_RESOLVE) say_what_happened(walk, c, at, what, lies, as_it_is);
    bool named = walk->quiet || walk_chance(walk, walk->blocks ? 85 : 30);
    if (at && named && what->verdict != RC_ACCEPTED_AS_IS) {
        struct rc_path path;
        what->step = rc_copy_sv(sent.request->arena, rc_node_path(c, at, &path));
    }
    if (walk_post(walk, sent)) walk->nactions++;
}

/* ---- definitions, quotas -------------------------------------------------------------------------------------------- */

void walk_change_dependency(struct walk *walk, uint32_t dependency, uint32_t concurrent)
{
    char text[512];
    const char *name = walk->dependency[dependency].name;
    bool there = flow_set_dependency(rc_engine_definitions(walk->world->engine), rc_sv_of(name)) != NULL;
    if (!concurrent && !there) return;
    walk_dependency_text(walk, dependency, concurrent, text, sizeof text);
    WALK_TELL(walk, "  > define %s, %u places\n", name, concurrent);
    struct walk_request sent = {.request = world_definition(name, concurrent ? text : NULL),
                                .dependency = 1 + dependency,
                                .concurrent = concurrent ? concurrent : 1};
    if (walk->control == SIM_MORE_PLACES && concurrent)
        sent.request->u.define.added->dependency->concurrent += 2;
    uint32_t most = walk->dependency[dependency].most;
    if (!walk_post(walk, sent)) return;
    walk->dependency[dependency].changed = true;
    if (sent.concurrent > most) walk->dependency[dependency].most = sent.concurrent;
    walk_fired(walk, concurrent ? SIM_DEFINITION_CHANGED : SIM_DEPENDENCY_GONE);
}

void walk_change_flow(struct walk *walk)
{
    uint32_t flow = walk_dice(walk, WALK_FLOWS);
    if (walk->nversions == WALK_VERSIONS) return;
    walk->nversions++;
    walk->definitions[0] = '\0';
    walk_define_flow(walk, flow);
    WALK_TELL(walk, "  > define\n%s\n", walk->definitions);
    if (walk_post(walk, (struct walk_request){.request = world_definition(NULL, walk->definitions)}))
        walk_fired(walk, SIM_DEFINITION_CHANGED);
}

void walk_change_quota(struct walk *walk)
{
    uint32_t most = walk_dice(walk, 4), rate = walk_chance(walk, 30);
    struct rc_access_change change = {.kind =
                                          walk->has_space ? RC_ACCESS_NAMESPACE_SET : RC_ACCESS_NAMESPACE_ADD,
                                      .ns = {.name = RC_SV("b"), .max_open = most, .max_rate = rate}};
    WALK_TELL(walk, "  > namespace b: at most %u open, %u a second (0: any)\n", most, rate);
    if (!walk_post(walk, (struct walk_request){.request = world_access(change)})) return;
    walk->has_space = true;
}

/* ---- purging -------------------------------------------------------------------------------------------------------- */

void walk_purge(struct walk *walk)
{
    if (walk->control == SIM_FORGET_KEYS) return; /* the store itself would stumble */
    struct rc_request *request = world_access((struct rc_access_change){0});
    struct rc_purge_one *ones = RC_NEW_ARRAY(request->arena, struct rc_purge_one, WALK_COMMANDS);
    uint32_t n = 0;
    assert(ones);
    for (uint64_t seq = 1; seq <= walk->nseen; seq++) {
        struct walk_seen *seen = &walk->seen[seq];
        if (seen->gone || !walk_chance(walk, rc_state_ended(seen->c.state) ? 30 : 3)) continue;
        WALK_TELL(walk, "  > purge %llu\n", (unsigned long long)seq);
        ones[n++] = (struct rc_purge_one){seq, seen->c.rev};
        seen->gone_asked = true;
    }
    request->kind = RC_REQUEST_PURGE;
    request->u.purge.commands = ones;
    request->u.purge.n = n;
    request->u.purge.filter = (struct rc_purge_filter){0};
    request->u.purge.by = (struct rc_author){.subject = RC_SV("anna"), .reason = RC_SV("asked")};
    (void)walk_post(walk, (struct walk_request){.request = request});
}

/* ---- holds ---------------------------------------------------------------------------------------------------------- */

void walk_ask_release(struct walk *walk)
{
    struct rc_hold hold = walk_hold(walk);
    if (!hold.id) return;
    struct rc_request *request = world_access((struct rc_access_change){0});
    request->kind = RC_REQUEST_HOLD;
    request->u.hold.id = hold.id;
    request->u.hold.check = (uint32_t)hold.nonce;
    request->u.hold.watch = RC_SECONDS(86400);
    request->u.hold.by = (struct rc_author){.subject = RC_SV("anna"), .reason = RC_SV("looked at it")};
    WALK_TELL(walk, "  > release hold %llu\n", (unsigned long long)hold.id);
    if (walk_post(walk, (struct walk_request){.request = request})) walk->restored.asked = true;
}

/* ---- bulks ---------------------------------------------------------------------------------------------------------- */

static void pick_items(struct walk *walk, struct rc_request *request, struct walk_bulk *made)
{
    struct rc_bulk_item *items = RC_NEW_ARRAY(request->arena, struct rc_bulk_item, WALK_ITEMS);
    struct rc_bulk *bulk = request->u.bulk.made;
    assert(items);
    for (uint64_t seq = 1; seq <= walk->nseen && made->n < WALK_ITEMS; seq++) {
        const struct rc_command *c = &walk->seen[seq].c;
        if (walk->seen[seq].gone || walk_chance(walk, 40)) continue;
        struct rc_bulk_item *item = &items[made->n];
        *item = (struct rc_bulk_item){
            .n = made->n + 1, .seq = seq, .nonce = c->id.nonce, .rev = c->rev, .state = c->state};
        struct rc_out out;
        item->allowed = rc_command_would(c, &bulk->act, rc_engine_definitions(walk->world->engine), 1,
                                         request->arena, &out, NULL) == RC_OK;
        bulk->allowed += item->allowed;
        made->seq[made->n++] = seq;
    }
    bulk->limit = bulk->total = bulk->count[RC_ITEM_OPEN] = made->n;
    request->u.bulk.items = items;
}

static void make_bulk(struct walk *walk)
{
    static const uint8_t actions[] = {RC_ACTION_NOTE,  RC_ACTION_RETRY,     RC_ACTION_CANCEL,
                                      RC_ACTION_CHECK, RC_ACTION_ROLL_BACK, RC_ACTION_SKIP};
    struct walk_bulk made = {.action = actions[walk_dice(walk, sizeof actions)]};
    snprintf(made.key, sizeof made.key, "b%u", walk->nbulks);
    struct rc_request *request = world_order(0, 0, RC_BULK_PREVIEW, false);
    struct rc_bulk *bulk = RC_NEW(request->arena, struct rc_bulk);
    assert(bulk);
    bulk->ns = RC_SV("default");
    bulk->key = rc_copy_sv(request->arena, rc_sv_of(made.key));
    bulk->act = (struct rc_act){.action = made.action, .actor = RC_SV("olga")};
    bulk->asked = (struct rc_h128){made.action, walk->nbulks};
    bulk->from = RC_SV("null");
    request->u.bulk.order.reason = bulk->key;
    request->u.bulk.made = bulk;
    pick_items(walk, request, &made);
    if (!made.n) {
        world_free_request(request);
        return;
    }
    WALK_TELL(walk, "  > bulk %s: %s of %u\n", made.key, rc_action_word(made.action).slug, made.n);
    if (!walk_post(walk, (struct walk_request){.request = request, .bulk = 1 + walk->nbulks})) return;
    walk->bulk[walk->nbulks++] = made;
}

void walk_order(struct walk *walk, uint32_t at, enum rc_bulk_state to, bool first)
{
    const struct walk_bulk *bulk = &walk->bulk[at];
    if (!bulk->id) return;
    struct rc_request *request = world_order(bulk->id, bulk->nonce, to, first);
    request->u.bulk.order.rate = 1 + walk_dice(walk, 3);
    request->u.bulk.order.set_stop = true;
    request->u.bulk.order.stop_percent = walk_chance(walk, 50) ? 100 : 0;
    request->u.bulk.order.even_if_changed = first && walk_chance(walk, 50);
    WALK_TELL(walk, "  > bulk %s: %s\n", bulk->key, rc_bulk_word(to).slug);
    (void)walk_post(walk, (struct walk_request){.request = request, .bulk = 1 + at});
}

void walk_bulk(struct walk *walk)
{
    static const uint8_t orders[] = {RC_BULK_RUNNING, RC_BULK_RUNNING, RC_BULK_PAUSED, RC_BULK_CANCELLED};
    bool new = walk->nbulks < WALK_BULKS && walk->nseen && (!walk->nbulks || walk_chance(walk, 30));
    if (new)
        make_bulk(walk);
    else if (walk->nbulks) {
        uint32_t at = walk_dice(walk, walk->nbulks);
        walk_order(walk, at, (enum rc_bulk_state)orders[walk_dice(walk, sizeof orders)],
                   walk->bulk[at].state == RC_BULK_PREVIEW);
    }
}
