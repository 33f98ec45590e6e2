/* What must hold, whatever happens (design, section 2). Each law has a number and one sentence; the first that is broken is kept. */
#include "sim/walk.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

enum { PAGE = WALK_COMMANDS + 4, WORK = 1024 };

void walk_break(struct walk *walk, const char *law, const char *format, ...)
{
    if (walk->broken) return;
    va_list args;
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is above */
    vsnprintf(walk->broken_where, sizeof walk->broken_where, format, args);
    va_end(args);
    walk->broken = law;
}

static bool has_time(const struct rc_command *c, uint32_t at)
{
    unsigned phase = c->node[at].phase;
    bool also = phase == RC_PHASE_ASKED || phase == RC_PHASE_WAITING || phase == RC_PHASE_CHILD;
    return phase == RC_PHASE_DELAYED || (also && c->data[at].times.due);
}

static bool waits(const struct rc_command *c, uint32_t at)
{
    return c->node[at].phase == RC_PHASE_READY || has_time(c, at);
}

/* ---- leaving -------------------------------------------------------------------------------------------------------- */

static void laws_of_keys(struct walk *walk, const struct walk_seen *seen, const struct walk_sent *sent)
{
    const struct walk_sent *last = NULL;
    for (uint32_t i = 0; i < walk->world->nleft; i++) {
        const struct walk_sent *other = &walk->sent[i];
        bool same_thing =
            other->seq == sent->seq && other->node == sent->node && other->purpose == sent->purpose;
        bool same_key = rc_h128_eq(other->key, sent->key);
        LAW(same_thing || !same_key, "L1 no two steps, purposes or commands share an Idempotency-Key",
            "commands %llu and %llu", ULL(other->seq), ULL(sent->seq));
        LAW(!same_thing || other->lost || other->attempt < sent->attempt,
            "L2 no attempt leaves twice, and numbers grow", "command %llu, attempt %u", ULL(sent->seq),
            sent->attempt);
        bool acts = sent->purpose == RC_ACT || sent->purpose == RC_UNDO;
        if (!acts || !same_thing) continue;
        const struct flow_call *call = &rc_node_step(&seen->c, sent->node)->call;
        const struct flow_action *action = sent->purpose == RC_ACT ? &call->act : &call->undo;
        bool nobody_knows = seen->restored && walk_is_lied(seen, sent->node, sent->purpose == RC_UNDO);
        LAW(!other->uncertain || action->repeatable || nobody_knows,
            "L3 what may have acted and is not repeatable never leaves again without evidence",
            "command %llu, step %u, attempts %u and %u", ULL(sent->seq), sent->node, other->attempt,
            sent->attempt);
        LAW(!other->uncertain || same_key || nobody_knows, "L4 after an unknown the key stays the same",
            "command %llu, step %u", ULL(sent->seq), sent->node);
        if (!other->lost && !other->over) last = other;
    }
    LAW(!last || rc_h128_eq(last->key, sent->key) || seen->retried[sent->node],
        "L5 a new round begins only when a person retries", "command %llu, step %u, attempt %u",
        ULL(sent->seq), sent->node, sent->attempt);
}

static void laws_of_undo(struct walk *walk, const struct walk_seen *seen, const struct walk_sent *sent)
{
    const struct rc_command *c = &seen->c;
    LAW(walk_happens(walk, sent->seq, sent->node, false) || walk_is_lied(seen, sent->node, false),
        "L6 an undo runs only for a step that happened", "command %llu, step %u", ULL(sent->seq), sent->node);
    LAW(!walk_happens(walk, sent->seq, sent->node, true) ||
            rc_node_step(c, sent->node)->call.undo.repeatable || walk_is_lied(seen, sent->node, true),
        "L7 an undo runs once", "command %llu, step %u", ULL(sent->seq), sent->node);
    walk_laws_of_undo_order(walk, seen, sent);
}

static void laws_of_act(struct walk *walk, const struct walk_seen *seen, const struct walk_sent *sent)
{
    const struct rc_command *c = &seen->c;
    const struct flow_call *call = &rc_node_step(c, sent->node)->call;
    const struct walk_sent *last = NULL;
    /* what was recorded in the same turn, before the cancel, leaves before the cancel is answered */
    LAW(c->mode == RC_MODE_FORWARD || (seen->turned == walk->cover->turns + 1 && !seen->cancelled),
        "L9 nothing but checks and undos leaves after a cancel or a roll back", "command %llu",
        ULL(sent->seq));
    for (uint32_t i = 0; i < walk->world->nleft; i++)
        if (walk->sent[i].seq == sent->seq && walk->sent[i].node == sent->node && !walk->sent[i].lost &&
            (walk->sent[i].purpose == RC_ACT || walk->sent[i].purpose == RC_REQUIRE))
            last = &walk->sent[i];
    if (sent->purpose == RC_ACT && call->require.request)
        LAW(last && last->purpose == RC_REQUIRE && last->said_yes,
            "L10 what is required is asked before every attempt", "command %llu, step %u", ULL(sent->seq),
            sent->node);
    if (sent->purpose == RC_ACT)
        LAW(c->node[sent->node].tries <= call->act.retry.attempts, "L11 no more tries than the flow allows",
            "command %llu, step %u", ULL(sent->seq), sent->node);
    walk_laws_of_turns(walk, seen, sent);
    walk_laws_of_times(walk, seen, sent);
}

static void laws_of_places(struct walk *walk, const struct walk_sent *sent)
{
    uint32_t n = 1, most = 1;
    if (sent->task) return; /* as many as workers ask for */
    for (uint32_t i = 0; i < walk->world->nleft; i++)
        n += walk->sent[i].open && walk->sent[i].gate == sent->gate;
    for (uint32_t i = 0; i < WALK_DEPENDENCIES; i++)
        if (walk->dependency[i].gate == sent->gate) most = walk->dependency[i].most;
    LAW(n <= most, "L13 no more in flight than the dependency takes", "%u of %u", n, most);
}

void walk_laws_of_leaving(struct walk *walk, uint32_t i)
{
    struct walk_sent *sent = &walk->sent[i];
    walk_observe(walk, sent->seq);
    struct walk_seen *seen = &walk->seen[sent->seq];
    if (sent->seq > walk->nseen || !seen->c.nnodes) {
        walk_break(walk, "L14 an attempt leaves only when the store has it", "command %llu is not there",
                   ULL(sent->seq));
        return;
    }
    const struct rc_node *node = &seen->c.node[sent->node];
    LAW(node->phase == RC_PHASE_OPEN && node->attempt == sent->attempt &&
            rc_node_purpose(&seen->c, sent->node) == sent->purpose,
        "L14 an attempt leaves only when the store has it", "command %llu, step %u, attempt %u",
        ULL(sent->seq), sent->node, sent->attempt);
    LAW(!walk->full, "L17 nothing leaves while the disk is full", "command %llu", ULL(sent->seq));
    LAW(walk->world->engine->now >= seen->until[sent->node],
        "L18 what waits until a time does not leave before it", "command %llu, step %u", ULL(sent->seq),
        sent->node);
    LAW(!walk->draining, "L15 nothing new leaves while the engine drains", "command %llu", ULL(sent->seq));
    walk_laws_of_holding(walk);
    WALK_TELL(walk, "  ! %s of %llu, step %u, #%u leaves\n", rc_purpose_word(sent->purpose).slug,
              ULL(sent->seq), sent->node, sent->attempt);
    laws_of_keys(walk, seen, sent);
    laws_of_places(walk, sent);
    if (sent->purpose == RC_UNDO) laws_of_undo(walk, seen, sent);
    if (sent->purpose == RC_ACT || sent->purpose == RC_REQUIRE) laws_of_act(walk, seen, sent);
    if (sent->purpose == RC_ACT || sent->purpose == RC_UNDO) seen->retried[sent->node] = false;
}

/* ---- turns ---------------------------------------------------------------------------------------------------------- */

static bool same_data(const struct rc_data *a, const struct rc_data *b)
{
    struct rc_sha256 x, y;
    rc_sha256_init(&x);
    rc_sha256_init(&y);
    cel_hash(a->outputs, &x);
    cel_hash(b->outputs, &y);
    return memcmp(&a->times, &b->times, sizeof a->times) == 0 && rc_h128_eq(a->request, b->request) &&
           rc_h128_eq(rc_sha256_h128(&x), rc_sha256_h128(&y)) && rc_sv_eq(a->external_id, b->external_id) &&
           rc_sv_eq(a->fault, b->fault) && a->status == b->status && a->why == b->why &&
           a->outcome == b->outcome;
}

/* What the engine has in memory, whatever was taken back in this turn or dropped with it. */
static void laws_of_memory(struct walk *walk, const struct walk_seen *seen)
{
    const struct rc_hot *hot = rc_cache_find(&walk->world->engine->cache, seen->c.id.seq);
    if (!hot) return;
    const struct rc_command *a = &hot->command, *b = &seen->c;
    bool same = a->rev == b->rev && a->mode == b->mode && a->state == b->state && a->why == b->why &&
                a->changed == b->changed && a->nnodes == b->nnodes &&
                memcmp(a->node, b->node, a->nnodes * sizeof *a->node) == 0;
    for (uint32_t i = 0; same && i < a->nnodes; i++) same = same_data(&a->data[i], &b->data[i]);
    LAW(same && !hot->touched, "M1 memory is what the history says", "command %llu at %u and %u",
        ULL(b->id.seq), a->rev, b->rev);
}

static void must(enum rc_status status)
{
    assert(status == RC_OK);
}

/* What is not in the list was purged: it had ended, and somebody had asked for it. */
static void laws_of_the_purged(struct walk *walk, struct rc_reader *reader, uint64_t seq)
{
    struct walk_seen *seen = &walk->seen[seq <= WALK_COMMANDS ? seq : 0];
    struct rc_purged left;
    if (seen->gone) return;
    bool there = rc_read_purged(reader, seq, &left, &walk->world->err) == RC_OK;
    LAW(there && seen->gone_asked && rc_state_ended(left.state) && left.nonce == seen->c.id.nonce,
        "P1 only what has ended and what somebody asked for is purged", "command %llu", ULL(seq));
    seen->gone = true;
    walk->cover->purged++;
}

static void laws_of_numbers(struct walk *walk, struct rc_reader *reader, const struct rc_row *rows,
                            uint32_t n, uint64_t high)
{
    uint64_t expected = high;
    LAW(high <= WALK_COMMANDS, "R1 numbers are dense", "the highest is %llu", ULL(high));
    for (uint32_t i = 0; i < n && !walk->broken; i++) {
        LAW(rows[i].seq <= expected && rows[i].seq <= WALK_COMMANDS && !walk->seen[rows[i].seq].gone,
            "R1 numbers are dense", "row %u is command %llu", i, ULL(rows[i].seq));
        for (; expected > rows[i].seq && !walk->broken; expected--)
            laws_of_the_purged(walk, reader, expected);
        if (expected) expected--;
    }
    for (; expected && !walk->broken; expected--) laws_of_the_purged(walk, reader, expected);
}

static void laws_of_usage(struct walk *walk, struct rc_reader *reader)
{
    static const char *const spaces[] = {"default", "b"};
    for (unsigned i = 0; i < WALK_SPACES; i++) {
        struct rc_usage usage;
        uint64_t commands = 0, open = 0;
        must(rc_read_usage(reader, rc_sv_of(spaces[i]), &usage, &walk->world->err));
        for (uint64_t seq = 1; seq <= walk->nseen; seq++) {
            if (walk->seen[seq].gone || !rc_sv_is(walk->seen[seq].c.id.ns, spaces[i])) continue;
            commands++;
            open += !rc_state_ended(walk->seen[seq].c.state);
        }
        LAW(usage.commands == commands && usage.open == open,
            "R7 the usage of a namespace is what is stored in it", "%s: %llu commands, %llu open", spaces[i],
            ULL(usage.commands), ULL(usage.open));
    }
}

static void laws_of_rows(struct walk *walk, struct rc_reader *reader)
{
    struct rc_filter filter = {0};
    struct rc_row *rows;
    uint64_t next = 0;
    uint32_t n = 0;
    rc_arena_reset(walk->rows);
    struct rc_high high;
    must(rc_read_list(reader, &filter, walk->rows, PAGE, &rows, &n, &next, &walk->world->err));
    must(rc_read_high(reader, &high, &walk->world->err));
    laws_of_numbers(walk, reader, rows, n, high.seq);
    for (uint32_t i = 0; i < n && !walk->broken; i++) {
        if (walk->seen[rows[i].seq].c.rev != rows[i].rev) walk_observe(walk, rows[i].seq);
        const struct rc_command *c = &walk->seen[rows[i].seq].c;
        if (walk->broken) return;
        LAW(rows[i].rev == c->rev && rows[i].state == c->state &&
                rows[i].in_flight == rc_command_in_flight(c) && rows[i].changed == c->changed,
            "R2 the row of a command is what its history says", "command %llu", ULL(c->id.seq));
        for (uint32_t k = 0; k < i; k++)
            LAW(!rc_sv_eq(rows[i].key, rows[k].key) || !rc_sv_eq(rows[i].type, rows[k].type) ||
                    !rc_sv_eq(rows[i].ns, rows[k].ns) ||
                    walk->seen[rows[k].seq].c.id.generation > c->id.generation,
                "R3 a key has one command of a generation", "commands %llu and %llu", ULL(rows[i].seq),
                ULL(rows[k].seq));
    }
    if (!walk->broken && high.high_water > walk->latest) walk->latest = high.high_water;
}

static uint32_t rows_of_work(struct walk *walk, struct rc_reader *reader, uint8_t phase, uint64_t gate)
{
    struct rc_work rows[WORK];
    uint32_t n = 0;
    must(rc_read_work(reader, phase, gate, NULL, UINT64_MAX, rows, WORK, &n, &walk->world->err));
    for (uint32_t i = 0; i < n; i++) {
        const struct rc_command *c = rows[i].seq <= walk->nseen ? &walk->seen[rows[i].seq].c : NULL;
        LAW(c && rows[i].node < c->nnodes &&
                (c->node[rows[i].node].phase == phase ||
                 (phase == RC_PHASE_DELAYED && has_time(c, rows[i].node))) &&
                c->data[rows[i].node].times.due == rows[i].order,
            "R4 a row of work is a step that waits", "command %llu, step %u", ULL(rows[i].seq), rows[i].node);
    }
    return n;
}

/* What waits for workers: a line for each of what they must be able to do, in each namespace. */
static uint32_t rows_of_lines(struct walk *walk, struct rc_reader *reader)
{
    static const char *const spaces[] = {"default", "b"}, *const capabilities[] = {"", "1", "2"};
    uint32_t rows = 0;
    for (uint32_t i = 0; i < WALK_DEPENDENCIES * 6; i++)
        if (walk->dependency[i / 6].worker)
            rows += rows_of_work(walk, reader, RC_PHASE_READY,
                                 flow_line_id(rc_sv_of(walk->dependency[i / 6].name), rc_sv_of(spaces[i % 2]),
                                              rc_sv_of(capabilities[i % 6 / 2])));
    return rows;
}

static void laws_of_work(struct walk *walk, struct rc_reader *reader)
{
    uint64_t seqs[PAGE];
    uint32_t n = 0, waiting = 0, flying = 0;
    uint32_t rows = rows_of_work(walk, reader, RC_PHASE_DELAYED, 0) +
                    rows_of_work(walk, reader, RC_PHASE_DELAYED, RC_CALENDAR); /* by the wall clock */
    for (uint32_t i = 0; i < WALK_DEPENDENCIES; i++)
        rows += rows_of_work(walk, reader, RC_PHASE_READY, walk->dependency[i].gate);
    if (walk->work) rows += rows_of_lines(walk, reader);
    for (uint64_t seq = 1; seq <= walk->nseen; seq++) {
        const struct rc_command *c = &walk->seen[seq].c;
        for (uint32_t i = 0; i < c->nnodes; i++) waiting += waits(c, i);
        flying += rc_command_in_flight(c);
    }
    LAW(rows == waiting, "R5 every step that waits has a row of work", "%u rows, %u steps", rows, waiting);
    must(rc_read_in_flight(reader, 0, seqs, PAGE, &n, &walk->world->err));
    LAW(n == flying, "R6 what is in flight is listed", "%u listed, %u are", n, flying);
}

static void laws_of_next_move(struct walk *walk, const struct rc_command *c)
{
    bool moves = rc_state_ended(c->state);
    for (uint32_t i = 0; i < c->nnodes; i++) moves |= c->node[i].phase != RC_PHASE_NONE;
    for (unsigned i = 0; !moves && i < RC_ACTION_ASSIGN; i++) /* what people write moves nothing */
        moves = rc_command_allows(c, (enum rc_action)i).allowed;
    LAW(moves, "N1 every command has a next move", "command %llu", ULL(c->id.seq));
    bool live = false;
    for (uint32_t i = 0; i < c->nnodes; i++) live |= c->node[i].phase != RC_PHASE_NONE;
    LAW(!live || !rc_state_ended(c->state), "N2 nothing goes on in what has ended", "command %llu",
        ULL(c->id.seq));
}

/* When the engine says that it may sleep: nothing may be left to do. */
static void laws_of_sleep(struct walk *walk)
{
    struct rc_engine *engine = walk->world->engine;
    if (rc_engine_held(engine)) return; /* it waits for a person */
    if (engine->unknown > 1) return;    /* it pauses: the disk opens and does not commit, again and again */
    if (walk->status != RC_OK || walk->world->sleep == 0 || engine->facts.first || engine->answers.first ||
        engine->inbox)
        return;
    for (uint64_t seq = 1; seq <= walk->nseen; seq++) {
        const struct rc_command *c = &walk->seen[seq].c;
        for (uint32_t i = 0; i < c->nnodes; i++) {
            bool out = false;
            for (uint32_t k = 0; k < walk->world->nleft; k++)
                out |= walk->sent[k].open && walk->sent[k].seq == seq && walk->sent[k].node == i &&
                       walk->sent[k].attempt == c->node[i].attempt;
            LAW(walk_is_task(c, i) || out == (c->node[i].phase == RC_PHASE_OPEN),
                "S1 what is in flight for the engine is in flight outside", "command %llu, step %u", ULL(seq),
                i);
            rc_us due = c->data[i].times.due;
            rc_us now = i == 0 && rc_clock_is_wall(&c->clock, due) ? engine->turn.wall : engine->now;
            if (has_time(c, i) && engine->room)
                LAW(walk->world->sleep != UINT64_MAX && due >= now + walk->world->sleep,
                    "S2 the engine wakes up in time", "command %llu, step %u", ULL(seq), i);
            if (c->node[i].phase != RC_PHASE_READY || !engine->room || walk->draining) continue;
            if (walk_is_task(c, i)) continue; /* it waits for somebody who asks */
            const struct rc_door *door = rc_map_get(&engine->doors, rc_node_gate(c, i));
            LAW(door && rc_gate_free(&door->gate, rc_engine_set(engine)) == 0,
                "S3 nobody waits for a free place", "command %llu, step %u", ULL(seq), i);
        }
    }
    for (uint32_t i = 0; i < WALK_DEPENDENCIES; i++) {
        const struct rc_door *door = rc_map_get(&engine->doors, walk->dependency[i].gate);
        uint32_t out = 0;
        if (walk->dependency[i].worker) continue;
        for (uint32_t k = 0; k < walk->world->nleft; k++)
            out += walk->sent[k].open && walk->sent[k].gate == walk->dependency[i].gate;
        LAW((door ? door->gate.in_use : 0) == out, "S4 places in use are attempts in flight",
            "%s: %u in use, %u out", walk->dependency[i].name, door ? door->gate.in_use : 0, out);
    }
    if (walk->work) walk_laws_of_idle_workers(walk);
}

void walk_laws_of_turn(struct walk *walk)
{
    struct rc_reader *reader;
    struct rc_high high;
    if (!walk->world->store || walk->broken) return;
    if (rc_reader_open(walk->world->store, &reader, &walk->world->err) != RC_OK) return;
    if (rc_read_high(reader, &high, &walk->world->err) !=
        RC_OK) { /* the handle is poisoned: the next turn opens it again */
        rc_reader_close(reader);
        return;
    }
    laws_of_rows(walk, reader);
    if (!walk->broken) laws_of_work(walk, reader);
    if (!walk->broken) laws_of_usage(walk, reader);
    if (!walk->broken) walk_laws_of_bulks(walk, reader);
    if (!walk->broken && walk->people) walk_laws_of_signals(walk, reader);
    if (!walk->broken && walk->plans) walk_laws_of_schedules(walk, reader);
    rc_reader_close(reader);
    if (!walk->broken) walk_laws_of_window(walk);
    for (uint64_t seq = 1; seq <= walk->nseen && !walk->broken; seq++) {
        if (walk->world->engine->booted && walk->control != SIM_NO_DOUBT &&
            walk->control != SIM_IGNORE_CANCEL && !walk_spoils_nodes(walk->control))
            laws_of_memory(walk, &walk->seen[seq]);
        if (walk->world->engine->booted && walk->people && walk->control != SIM_KEEP_VOTES)
            walk_laws_of_kept_votes(walk, &walk->seen[seq]);
        laws_of_next_move(walk, &walk->seen[seq].c);
    }
    LAW(walk->world->engine->stats.faults == 0 || walk_is_simulated(&walk->world->engine->fault),
        "M2 every fact is taken in", "%s", walk->world->engine->fault.text);
    if (walk->work && walk->world->engine->booted && !walk->broken) walk_laws_of_leases(walk);
    if (walk->world->engine->booted && !walk->broken) laws_of_sleep(walk);
    if (walk->lanes && !walk->broken) walk_laws_of_lanes(walk);
    walk->settled = walk->status == RC_OK;
}
