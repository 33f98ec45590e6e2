/* What the histories say, and what must hold of them: records are folded as they come, and each is held against the truth. */
#include "sim/walk.h"

#include <assert.h>
#include <string.h>

/* ---- actions -------------------------------------------------------------------------------------------------------- */

uint32_t walk_action_named(const struct rc_act *act)
{
    unsigned long id = 0; /* the reason is "a<number>" */
    for (uint32_t i = 1; i < act->reason.n; i++) id = id * 10 + (unsigned long)(act->reason.p[i] - '0');
    return (uint32_t)id;
}

/* A loop of which nobody knows whether it had begun. Who says that it had means what was done in it, and it is not looked at any more. Who says
 * that it had not says it of all that stands in it. */
static void believe_of_block(struct walk *walk, struct walk_seen *seen, const struct rc_record *record,
                             const struct rc_change *change, const struct rc_act *act)
{
    if (seen->c.node[change->at].state != RC_STEP_UNKNOWN) return;
    for (uint32_t i = change->at; i < sim_behind(&seen->c, change->at); i++)
        for (unsigned undo = 0; undo < 2; undo++) {
            seen->side[i][undo].lied |=
                act->verdict == RC_HAPPENED || walk_happens(walk, record->seq, i, undo);
            if (act->verdict == RC_DID_NOT_HAPPEN) walk_known_not(walk, record->seq, i, undo);
        }
}

/* The steps that a verdict settled: those whose side was in question, and is not any more. */
static void believe(struct walk *walk, struct walk_seen *seen, const struct rc_record *record,
                    const struct rc_act *act)
{
    for (uint32_t i = 0; i < record->nchanges; i++) {
        const struct rc_change *change = &record->changes[i];
        if (change->kind != RC_CHANGE_NODE) continue;
        if (!sim_is_leaf(&seen->c, change->at)) believe_of_block(walk, seen, record, change, act);
        if (!sim_is_call(&seen->c, change->at)) continue;
        unsigned before = seen->c.node[change->at].state;
        bool undo = before == RC_STEP_UNDO_UNKNOWN || before == RC_STEP_UNDO_FAILED;
        if (!undo && before != RC_STEP_UNKNOWN) continue;
        if (act->verdict == RC_DID_NOT_HAPPEN) walk_known_not(walk, record->seq, change->at, undo);
        struct walk_side *side = &seen->side[change->at][undo];
        /* also who says too early that it happened says something wrong: an undo may come first then */
        side->lied |=
            act->verdict == RC_HAPPENED ? !side->done : walk_happens(walk, record->seq, change->at, undo);
    }
}

/* An item of the bulk that its reason names. */
static void see_item(struct walk *walk, const struct rc_record *record, const struct rc_act *act)
{
    uint32_t id = walk_action_named(act), k = 0;
    struct walk_bulk *bulk = &walk->bulk[id < walk->nbulks ? id : 0];
    while (k < bulk->n && bulk->seq[k] != record->seq) k++;
    LAW(id < walk->nbulks && k < bulk->n && bulk->action == act->action,
        "H1 only what was asked for is in the history", "command %llu", ULL(record->seq));
    if (walk->broken) return;
    bulk->found[k]++;
    LAW(bulk->found[k] == 1, "B2 an item of a bulk is acted on once", "bulk %s, item %u", bulk->key, k + 1);
}

static void see_own_action(struct walk *walk, const struct rc_record *record, const struct rc_act *act)
{
    uint32_t id = walk_action_named(act);
    LAW(id < walk->nactions && walk->action[id].seq == record->seq && walk->action[id].action == act->action,
        "H1 only what was asked for is in the history", "command %llu", ULL(record->seq));
    if (walk->broken) return;
    struct walk_action *action = &walk->action[id];
    action->found++;
    for (uint32_t i = 0; action->key[0] && i < walk->nactions; i++)
        LAW(i == id || !walk->action[i].found || walk->action[i].seq != record->seq ||
                strcmp(walk->action[i].key, action->key) != 0,
            "H2 an action with a key is done once", "command %llu, actions %u and %u", ULL(record->seq), i,
            id);
    LAW(action->found == 1, "H2 an action with a key is done once", "command %llu", ULL(record->seq));
}

static void see_action(struct walk *walk, struct walk_seen *seen, const struct rc_record *record)
{
    const struct rc_act *act = record->cause->u.act;
    if (walk->folding_anew) return;
    if (walk->lanes && walk_gives_way(act)) return;
    walk->cover->done[act->action][seen->c.state]++;
    if (act->reason.p[0] == 'b')
        see_item(walk, record, act);
    else
        see_own_action(walk, record, act);
    if (walk->broken) return;
    bool later =
        false; /* a later step is under way: what is retried, or behind what is left out, goes on beside it */
    bool again = act->action == RC_ACTION_RETRY;
    for (uint32_t i = seen->c.nnodes; (again || act->action == RC_ACTION_SKIP) && i-- > 0;) {
        seen->retried[i] |= again;
        seen->passed[i] |= later;
        later |= seen->c.node[i].phase != RC_PHASE_NONE || seen->c.node[i].state == RC_STEP_UNKNOWN;
    }
    if (act->action == RC_ACTION_RESOLVE && act->verdict != RC_ACCEPTED_AS_IS)
        believe(walk, seen, record, act);
}

static void tell_node(const struct rc_command *c, uint32_t at, FILE *to)
{
    const struct rc_node *node = &c->node[at];
    fprintf(to, "      step %u %s (%s) %s, attempt %u, tries %u, asks %u, round %u.%u%s, due +%llu\n", at,
            rc_step_word(node->state).slug, rc_why_word(node->why).slug, rc_phase_word(node->phase).slug,
            node->attempt, node->tries, node->asks, node->round, node->undo_round,
            node->doubt ? ", in doubt" : "",
            c->data[at].times.due ? ULL(c->data[at].times.due - RC_SECONDS(1800000000)) : 0);
}

static void cover_node(struct walk *walk, const struct rc_command *c, uint32_t at, const struct rc_node *old)
{
    const struct rc_node *node = &c->node[at];
    if (node->state != old->state)
        (sim_is_leaf(c, at) ? walk->cover->step_edge : walk->cover->block_edge)[old->state][node->state]++;
    if (node->phase != old->phase) walk->cover->phase_edge[old->phase][node->phase]++;
}

/* The shortest time that a flow lets a retry wait when so many tries were made (docs/definitions.md). */
static rc_us least_delay(const struct flow_retry *retry, uint16_t tries)
{
    rc_us delay = retry->delay;
    if (retry->jitter == FLOW_FULL_JITTER) return 0;
    if (retry->backoff == FLOW_LINEARLY) delay *= tries;
    for (uint16_t i = 1; retry->backoff == FLOW_EXPONENTIAL && i < tries; i++) delay *= 2;
    if (retry->max_delay && delay > retry->max_delay) delay = retry->max_delay;
    return retry->jitter == FLOW_EQUAL_JITTER ? delay / 2 : delay;
}

/* What an answer lets be tried again waits as long as the flow says. */
static void laws_of_waiting(struct walk *walk, struct walk_seen *seen, const struct rc_record *record,
                            const uint8_t *before)
{
    const struct rc_ask *cause = record->cause;
    for (uint32_t i = 0; i < seen->c.nnodes; i++) {
        const struct rc_node *node = &seen->c.node[i];
        seen->until[i] = node->phase == RC_PHASE_DELAYED ? seen->c.data[i].times.due
                         : cause->kind == RC_MSG_ACTION || cause->kind == RC_MSG_RESTORED ||
                                 node->state != before[i] /* it was given up */
                             ? 0
                             : seen->until[i];
    }
    bool answer = cause->kind == RC_MSG_RESULT || cause->kind == RC_MSG_LOST;
    if (!answer || cause->purpose == RC_REQUIRE || cause->node >= seen->c.nnodes) return;
    if (cause->kind == RC_MSG_RESULT && cause->u.result->why == RC_WHY_RELEASED)
        return; /* nothing was tried */
    const struct rc_node *node = &seen->c.node[cause->node];
    bool undo = node->state == RC_STEP_UNDOING;
    bool again =
        (undo && (before[cause->node] == RC_STEP_UNDOING || before[cause->node] == RC_STEP_UNDO_UNKNOWN)) ||
        node->state == RC_STEP_ACTIVE;
    if (!again || (node->phase != RC_PHASE_DELAYED && node->phase != RC_PHASE_READY)) return;
    const struct flow_call *call = &rc_node_step(&seen->c, cause->node)->call;
    rc_us least = least_delay(undo ? &call->undo.retry : &call->act.retry, node->tries);
    rc_us waits = node->phase == RC_PHASE_DELAYED ? seen->c.data[cause->node].times.due - record->at : 0;
    LAW(waits >= least, "H9 a retry waits as long as its flow says", "command %llu, step %u: %llu of %llu us",
        ULL(record->seq), cause->node, ULL(waits), ULL(least));
}

static void see_cause(struct walk *walk, struct walk_seen *seen, const struct rc_record *record)
{
    if (record->cause->kind == RC_MSG_ACTION) see_action(walk, seen, record);
    if (walk->work) walk_laws_of_reports(walk, seen, record);
}

/* The other laws that hold behind each record. `before`: the states of the steps. */
static void laws_behind(struct walk *walk, struct walk_seen *seen, const struct rc_record *record,
                        const uint8_t *before)
{
    if (!walk->broken) laws_of_waiting(walk, seen, record, before);
    if (!walk->broken && walk->people) walk_laws_of_people(walk, seen, record);
    if (!walk->broken && walk->people) walk_laws_of_waits(walk, seen, record);
    if (!walk->broken && walk->lanes) walk_laws_of_places(walk, seen, record);
    if (!walk->broken && walk->plans) walk_laws_of_scheduled(walk, seen, record);
    if (!walk->broken && record->cause->kind == RC_MSG_RESTORED && !walk->folding_anew)
        walk_laws_of_doubt(walk, seen, record->rev);
}

static void see_record(struct walk *walk, struct walk_seen *seen, const struct rc_record *record)
{
    struct rc_error error = {0};
    uint8_t before[WALK_INSTANCES] = {0}, mode = seen->c.mode;
    struct rc_node was[WALK_INSTANCES] = {0}; /* before the step of the core that is looked at */
    uint8_t was_mode = mode;
    uint32_t begin = 0;
    for (uint32_t i = 0; i < seen->c.nnodes; i++) {
        before[i] = seen->c.node[i].state;
        /* what was over is asked for anew, beside what follows it */
        seen->passed[i] |= record->cause->kind == RC_MSG_RESTORED && sim_is_over(&seen->c, i);
    }
    if (seen->c.nnodes) memcpy(was, seen->c.node, seen->c.nnodes * sizeof *was);
    LAW(record->rev == seen->c.rev + 1, "H3 a history has no gaps", "command %llu, record %u",
        ULL(record->seq), record->rev);
    LAW(record->at >= seen->c.changed && (record->at >= walk->latest || walk->folding_anew),
        "H4 time does not go back", "command %llu, record %u", ULL(record->seq), record->rev);
    LAW(!rc_state_ended(seen->c.state) || record->cause->kind == RC_MSG_ACTION ||
            record->cause->kind == RC_MSG_LATE || seen->c.state == RC_PARTIAL,
        "H5 what has ended moves only when a person acts", "command %llu, record %u", ULL(record->seq),
        record->rev);
    see_cause(walk, seen, record);
    for (uint32_t i = 0; i < record->nchanges; i++) {
        struct rc_change change = record->changes[i];
        const struct rc_identity id = seen->c.id;
        if (i > begin && check_step_ends(record, begin, i)) {
            walk_laws_of_blocks(walk, seen, record, was, was_mode);
            memcpy(was, seen->c.node, seen->c.nnodes * sizeof *was);
            was_mode = seen->c.mode;
            begin = i;
        }
        if (change.kind == RC_CHANGE_CREATE) change.u.create = &id;
        const struct rc_node old = change.kind == RC_CHANGE_NODE && change.at < seen->c.nnodes
                                       ? seen->c.node[change.at]
                                       : (struct rc_node){0};
        uint8_t state = seen->c.state;
        LAW(rc_command_apply(&seen->c, &change, seen->arena, &error) == RC_OK, "H6 the history folds",
            "%.120s", error.text);
        if (!walk->broken && change.kind == RC_CHANGE_NODE) cover_node(walk, &seen->c, change.at, &old);
        if (seen->c.state != state) walk->cover->command_edge[state][seen->c.state]++;
        if (walk->broken) return;
    }
    WALK_TELL(walk, "  %llu.%u %s at +%llu: %s\n", ULL(record->seq), record->rev,
              rc_cause_word(record->cause->kind).slug, ULL(record->at - RC_SECONDS(1800000000)),
              rc_state_word(seen->c.state).slug);
    for (uint32_t i = 0; walk->tell && i < record->nchanges; i++)
        if (record->changes[i].kind == RC_CHANGE_NODE) tell_node(&seen->c, record->changes[i].at, walk->tell);
    if (seen->c.mode != mode) seen->turned = walk->cover->turns + 1;
    walk->cover->why[seen->c.why]++;
    seen->c.rev = record->rev;
    seen->was[record->rev % WALK_WAS].change = record->change;
    seen->was[record->rev % WALK_WAS].state = seen->c.state;
    seen->c.changed = record->at;
    for (uint32_t i = 0; i < seen->c.nnodes; i++) {
        seen->passed[i] |= sim_is_left_unknown(&seen->c, i);
        for (uint32_t block = i; seen->passed[i] && block; block = seen->c.node[block].parent)
            seen->passed[seen->c.node[block].parent] = true;
        walk->cover->why[seen->c.node[i].why]++;
        walk->cover->why[seen->c.data[i].why]++;
    }
    if (!walk->broken) walk_laws_of_blocks(walk, seen, record, was, was_mode);
    laws_behind(walk, seen, record, before);
    LAW(rc_command_derive(&seen->c) == (enum rc_state)seen->c.state,
        "H8 the state is what follows from the steps", "command %llu, record %u", ULL(record->seq),
        record->rev);
}

/* After a restore nobody asks about items and passes that a loop, which is over, did not come to here (docs/simulation.md): what was done in them
 * in another life of the store stays so. */
static bool is_beyond_a_loop(const struct walk_seen *seen, uint32_t at)
{
    const struct rc_command *c = &seen->c;
    if (!seen->restored) return false;
    for (uint32_t copy = at; copy; copy = c->node[copy].parent) {
        uint32_t loop = c->node[copy].parent;
        enum flow_kind kind = sim_step(c, loop)->kind;
        bool over = c->node[loop].state != RC_STEP_IDLE && c->node[loop].state != RC_STEP_ACTIVE;
        if ((kind == FLOW_EACH || kind == FLOW_REPEAT) && over && c->node[copy].state == RC_STEP_IDLE)
            return true;
    }
    return false;
}

/* Whether somebody was told something wrong of any step: then what the command does may rest on it. */
static void laws_of_truth(struct walk *walk, struct walk_seen *seen)
{
    const struct rc_command *c = &seen->c;
    if (seen->behind || walk->folding_anew) return;
    for (uint32_t i = 1; i < c->nnodes; i++) {
        if (!sim_is_call(c, i) || sim_is_in_an_unknown_loop(c, i)) continue;
        unsigned state = c->node[i].state;
        bool happened = walk_happens(walk, c->id.seq, i, false),
             undone = walk_happens(walk, c->id.seq, i, true);
        bool no = state == RC_STEP_IDLE || state == RC_STEP_REJECTED || state == RC_STEP_FAILED ||
                  state == RC_STEP_SKIPPED;
        if (state == RC_STEP_IDLE && happened && is_beyond_a_loop(seen, i)) seen->side[i][0].lied = true;
        if (!walk_is_lied(seen, i, false)) {
            LAW(!no || !happened || (state == RC_STEP_IDLE && c->node[i].doubt),
                "T1 what is called failed, rejected or skipped did not happen", "command %llu, step %u",
                ULL(c->id.seq), i);
            LAW(state != RC_STEP_SUCCEEDED || happened, "T2 what is called done happened",
                "command %llu, step %u", ULL(c->id.seq), i);
            LAW(c->state != RC_ROLLED_BACK || !happened || undone ||
                    flow_nothing_to_undo(&rc_node_step(c, i)->call) || walk_is_lied(seen, i, true),
                "T3 what is called rolled back was undone", "command %llu, step %u", ULL(c->id.seq), i);
        }
        if (walk_is_lied(seen, i, true)) continue;
        LAW(state != RC_STEP_UNDONE || undone, "T4 what is called undone was undone", "command %llu, step %u",
            ULL(c->id.seq), i);
        LAW(state != RC_STEP_UNDO_FAILED || !undone, "T5 what is said not to be undone was not",
            "command %llu, step %u", ULL(c->id.seq), i);
    }
}

/* A command whose place was taken: both were written at once, and nothing of it stands outside beside its successor's doing. */
static void laws_of_successor(struct walk *walk, const struct walk_seen *seen)
{
    const struct rc_command *c = &seen->c;
    uint64_t next = c->successor.seq;
    walk->cover->replaced++;
    LAW(rc_state_ended(c->state), "Y1 what was replaced has ended", "command %llu", ULL(c->id.seq));
    for (uint32_t i = 1; i < c->nnodes; i++)
        LAW(!walk_happens(walk, c->id.seq, i, false) || walk_happens(walk, c->id.seq, i, true) ||
                walk_is_lied(seen, i, false) || walk_is_lied(seen, i, true) ||
                flow_nothing_to_undo(&rc_node_step(c, i)->call),
            "Y2 what was replaced has left nothing behind", "command %llu, step %u", ULL(c->id.seq), i);
    if (next > WALK_COMMANDS) return;
    walk_observe(walk, next);
    const struct rc_command *successor = &walk->seen[next].c;
    LAW(successor->rev && successor->id.original.seq == c->id.seq &&
            successor->id.nonce == c->successor.nonce && successor->id.generation == c->id.generation + 1 &&
            rc_sv_eq(successor->id.key, c->id.key),
        "Y3 original and successor are written in one commit", "command %llu", ULL(c->id.seq));
}

/* A key is used again only when its last command has ended: as it was when the new one was written. */
static void laws_of_generations(struct walk *walk, uint64_t seq, uint64_t change)
{
    const struct rc_identity *id = &walk->seen[seq].c.id;
    for (uint64_t before = 1; before < seq && !walk->broken; before++) {
        const struct walk_seen *other = &walk->seen[before];
        bool same = rc_sv_eq(other->c.id.ns, id->ns) && rc_sv_eq(other->c.id.type, id->type) &&
                    rc_sv_eq(other->c.id.key, id->key);
        if (!same || other->gone_asked || other->c.id.generation + 1 != id->generation) continue;
        walk_observe(walk, before);
        uint64_t last = 0;
        bool ended = true;
        for (unsigned i = 0; i < WALK_WAS; i++)
            if (other->was[i].change < change && other->was[i].change > last) {
                last = other->was[i].change;
                ended = rc_state_ended(other->was[i].state);
            }
        LAW(ended || id->original.seq, "R8 a key is used again only when its last command has ended",
            "commands %llu and %llu", ULL(before), ULL(seq));
    }
}

void walk_observe(struct walk *walk, uint64_t seq)
{
    struct rc_reader *reader;
    struct rc_record *records;
    struct rc_identity identity;
    uint32_t n;
    if (!walk->world->store || seq == 0 || seq > WALK_COMMANDS || walk->broken) return;
    struct walk_seen *seen = &walk->seen[seq];
    if (!seen->arena) seen->arena = rc_arena_new(0, 64 << 20);
    assert(seen->arena);
    struct rc_arena *arena = seen->c.rev ? walk->scratch : seen->arena; /* what comes first stays */
    if (rc_reader_open(walk->world->store, &reader, &walk->world->err) != RC_OK)
        return; /* the handle is poisoned */
    enum rc_status status = rc_read_history(reader, seq, seen->c.rev, RC_MAX_HISTORY, arena, &identity,
                                            &records, &n, &walk->world->err);
    rc_reader_close(reader);
    if (status == RC_NOT_FOUND || status == RC_IO || status == RC_PURGED) return;
    assert(status == RC_OK);
    if (seen->c.rev == 0) {
        seen->c.id = identity;
        seen->c.flow = world_flow(walk->world, identity.flow);
        seen->payload_hash = identity.payload_hash;
        assert(seen->c.flow && seen->c.flow->ninstances <= WALK_INSTANCES);
        walk->cover->commands++;
        walk->cover->reused += identity.generation > 1 && !identity.original.seq;
        if (walk->nseen < seq) walk->nseen = seq;
    }
    for (uint32_t i = 0; i < n && !walk->broken; i++) see_record(walk, seen, &records[i]);
    bool new = n &&records[0].rev == 1;
    uint64_t change = new ? records[0].change : 0;
    if (n && !walk->broken) laws_of_truth(walk, seen);
    if (n && !walk->broken && seen->c.successor.seq && !walk->folding_anew) laws_of_successor(walk, seen);
    if (arena == walk->scratch) rc_arena_reset(arena);
    if (new && !walk->broken && !walk->folding_anew) laws_of_generations(walk, seq, change);
}

/* ---- bulks ---------------------------------------------------------------------------------------------------------- */

static void see_events(struct walk *walk, struct walk_bulk *bulk, struct rc_reader *reader)
{
    struct rc_bulk_event *events;
    uint32_t n = 0;
    enum rc_status status = rc_read_bulk_events(reader, bulk->id, bulk->events, walk->rows, RC_MAX_BULK_REVS,
                                                &events, &n, &walk->world->err);
    assert(status == RC_OK);
    for (uint32_t i = 0; i < n; i++) {
        LAW(events[i].rev == bulk->events + 1, "B3 the record of a bulk has no gaps", "%s", bulk->key);
        if (bulk->events) {
            LAW(rc_bulk_may(bulk->state, events[i].state), "B4 a bulk moves along its edges", "%s: %s to %s",
                bulk->key, rc_bulk_word(bulk->state).slug, rc_bulk_word(events[i].state).slug);
            walk->cover->bulk_edge[bulk->state][events[i].state]++;
            WALK_TELL(walk, "  bulk %s: %s\n", bulk->key, rc_bulk_word(events[i].state).slug);
        }
        bulk->state = events[i].state;
        bulk->events = events[i].rev;
    }
}

void walk_laws_of_bulks(struct walk *walk, struct rc_reader *reader)
{
    rc_arena_reset(walk->rows);
    for (uint32_t i = 0; i < walk->nbulks && !walk->broken; i++) {
        struct walk_bulk *bulk = &walk->bulk[i];
        struct rc_bulk_item *items;
        uint32_t n = 0;
        if (!bulk->id) continue;
        see_events(walk, bulk, reader);
        if (rc_read_bulk_items(reader, bulk->id, 0, 0, walk->rows, WALK_ITEMS, &items, &n,
                               &walk->world->err) != RC_OK)
            continue;
        for (uint32_t k = 0; k < n && !walk->broken; k++) {
            walk->cover->item[items[k].result]++;
            if (walk->seen[items[k].seq].gone) continue;
            bool done = items[k].result == RC_ITEM_DONE, open = items[k].result == RC_ITEM_OPEN;
            /* three crashes in a row while it was repeated: what it came to before is in the history alone */
            bool aside = rc_sv_starts(items[k].fault, RC_SV("the server crashed"));
            LAW(open || aside || done == (bulk->found[k] == 1),
                "B5 an item that is called done is on record, and another one is not",
                "bulk %s, item %u: %s, %u records", bulk->key, k + 1, rc_item_word(items[k].result).slug,
                bulk->found[k]);
        }
    }
}
