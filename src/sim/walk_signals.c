/* Lives with waits and signals: signals come early, late, twice, for other ids and with keys of others; and what must hold of them. What was
 * acknowledged is the walk's own knowledge. */
#include "sim/walk.h"

#include "codec/json.h"

#include <assert.h>

static const char *const names[] = {"paid", "left"};
static const char *const ids[] = {"0", "1", "2", "7"};
enum { NAMES = 2, IDS = 4 };

/* ---- definitions ------------------------------------------------------------------------------------------------------ */

void walk_put_wait(struct walk *walk, uint32_t id)
{
    static const char *const late[] = {"fail", "reject", "continue"};
    walk_put(walk, "  - id: s%u\n    wait: {signal: %s, id: \"${payload.n}\"}\n", id,
             names[walk_dice(walk, NAMES)]);
    if (walk_chance(walk, 10)) walk_put(walk, "    critical: false\n");
    if (walk_chance(walk, 60)) walk_put(walk, "    outputs: {a: \"${signal.a}\"}\n");
    if (!walk_chance(walk, 40)) return;
    walk_put(walk, "    within: %us\n    on_timeout: %s\n", 1 + walk_dice(walk, 20),
             late[walk_dice(walk, 3)]);
}

/* ---- sending ---------------------------------------------------------------------------------------------------------- */

static void send(struct walk *walk, uint32_t at, bool other)
{
    const struct walk_signal *made = &walk->signal[at];
    struct rc_request *request = world_access((struct rc_access_change){0});
    struct rc_signal *signal = &request->u.signal.signal;
    struct rc_error error;
    struct rc_sv text = made->bad ? RC_SV("{\"b\": 1}") : rc_text(request->arena, "{\"a\": %u}", at);
    request->kind = RC_REQUEST_SIGNAL;
    *signal = (struct rc_signal){.ns = RC_SV("default"),
                                 .name = rc_sv_of(names[made->name]),
                                 .id = rc_sv_of(ids[made->id]),
                                 .key = rc_text(request->arena, "g%u", at),
                                 .asked = {at, other}};
    enum rc_status status = rc_json_parse(text, request->arena, &signal->payload, &error);
    assert(status == RC_OK);
    if (walk->control == SIM_SIGNALS_WITHOUT_KEYS)
        signal->key = rc_text(request->arena, "g%u.%u", at, (unsigned)walk->cover->turns);
    if (walk->control == SIM_TAKEN_TWICE)
        signal->key = rc_text(request->arena, "g%u.%u", at, walk->nrequests);
    if (walk->control == SIM_OTHER_IDS) signal->id = rc_sv_of(ids[(made->id + 1) % IDS]);
    if (walk->control == SIM_OTHER_SIGNALS) signal->key = rc_text(request->arena, "x%u", at);
    WALK_TELL(walk, "  > signal %s %s, g%u%s\n", names[made->name], ids[made->id], at,
              other ? ", with something else" : "");
    if (walk_post(walk, (struct walk_request){.request = request, .signal = 1 + at, .conflicts = other}) &&
        walk->control == SIM_TELL_SENDERS_EARLY)
        walk->signal[at].acknowledged = true;
}

/* One that somebody waits for, mostly. */
static struct walk_signal wanted(struct walk *walk)
{
    struct walk_signal made = {.name = (uint8_t)walk_dice(walk, NAMES), .id = (uint8_t)walk_dice(walk, IDS)};
    uint64_t seq = walk->nseen ? 1 + walk_dice(walk, (uint32_t)walk->nseen) : 0;
    bool any = walk_chance(walk, 30);
    made.bad = walk_chance(walk, 8);
    for (uint64_t i = 0; !any && i < walk->nseen; i++, seq = seq % walk->nseen + 1) {
        const struct rc_command *c = &walk->seen[seq].c;
        for (uint32_t at = 1; at < c->nnodes; at++)
            for (uint8_t k = 0; c->node[at].phase == RC_PHASE_WAITING && k < NAMES * IDS; k++)
                if (rc_sv_is(sim_step(c, at)->wait.signal, names[k / IDS]) &&
                    rc_sv_is(c->data[at].external_id, ids[k % IDS])) {
                    made.name = k / IDS;
                    made.id = k % IDS;
                    return made;
                }
    }
    return made;
}

void walk_signal(struct walk *walk)
{
    if (!walk_chance(walk, 40)) return;
    bool again = walk->nsignals && walk_chance(walk, 25);
    if (!again && walk->nsignals == WALK_SIGNALS) return;
    uint32_t at = again ? walk_dice(walk, walk->nsignals) : walk->nsignals++;
    if (!again) walk->signal[at] = wanted(walk);
    bool other = again && walk_chance(walk, 20);
    send(walk, at, other);
    if (walk->control == SIM_TAKEN_TWICE) send(walk, at, other);
}

/* ---- laws ------------------------------------------------------------------------------------------------------------- */

static uint32_t number_of(const struct walk *walk, struct rc_sv key)
{
    uint32_t number = 0;
    for (uint32_t i = 1; i < key.n && key.p[i] != '.'; i++) number = number * 10 + (uint32_t)(key.p[i] - '0');
    return key.n > 1 && key.p[0] == 'g' && number < walk->nsignals ? number : UINT32_MAX;
}

static bool is_for(const struct walk_seen *seen, uint32_t at, struct rc_sv name, struct rc_sv id)
{
    return at < seen->c.nnodes && sim_step(&seen->c, at)->kind == FLOW_WAIT &&
           rc_sv_eq(sim_step(&seen->c, at)->wait.signal, name) && rc_sv_eq(seen->c.data[at].external_id, id);
}

/* Whether the store says so; the walk itself learns of it when a turn is over. */
static bool is_purged(struct walk *walk, uint64_t seq)
{
    struct rc_reader *reader;
    struct rc_purged left;
    if (!seq || walk->seen[seq].gone || !walk->seen[seq].gone_asked) return seq && walk->seen[seq].gone;
    if (rc_reader_open(walk->world->store, &reader, &walk->world->err) != RC_OK) return false;
    bool there = rc_read_purged(reader, seq, &left, &walk->world->err) == RC_OK;
    rc_reader_close(reader);
    return there;
}

/* A purge takes the signals with it that a command had taken. One that was taken in the moment in which its wait began is known by its row
 * alone: so it may be any for which a purged wait was over at once. */
static bool is_purged_with(struct walk *walk, const struct walk_signal *signal)
{
    if (signal->taken_by) return is_purged(walk, signal->taken_by);
    for (uint64_t seq = 1; seq <= walk->nseen; seq++)
        for (uint32_t at = 1; walk->seen[seq].gone && at < walk->seen[seq].c.nnodes; at++)
            if (walk->seen[seq].waits[at].may &&
                is_for(&walk->seen[seq], at, rc_sv_of(names[signal->name]), rc_sv_of(ids[signal->id])))
                return true;
    return false;
}

/* Its key is free then. */
static void forget_signal(struct walk_signal *signal)
{
    *signal = (struct walk_signal){.name = signal->name, .id = signal->id, .bad = signal->bad};
}

static void see_signalled(struct walk *walk, const struct walk_seen *seen, const struct rc_record *record)
{
    const struct rc_signal *signal = record->cause->u.signal;
    uint32_t at = record->cause->node, number = number_of(walk, signal->key);
    bool fits = number != UINT32_MAX && at < seen->c.nnodes && sim_step(&seen->c, at)->kind == FLOW_WAIT;
    if (fits)
        fits = rc_sv_is(sim_step(&seen->c, at)->wait.signal, names[walk->signal[number].name]) &&
               rc_sv_is(seen->c.data[at].external_id, ids[walk->signal[number].id]);
    LAW(fits, "Q2 a wait goes on with its signal alone", "command %llu, record %u, step %u", ULL(record->seq),
        record->rev, at);
    if (walk->broken) return;
    if (is_purged(walk, walk->signal[number].taken_by)) forget_signal(&walk->signal[number]);
    LAW(!walk->signal[number].taken_by, "Q3 a signal is taken once", "signal %u: commands %llu and %llu",
        number, ULL(walk->signal[number].taken_by), ULL(record->seq));
    walk->signal[number].taken_by = record->seq;
    walk->signal[number].taken_at = at;
}

/* It is over in the record in which it began, for the first time or again: with what was kept, or for another reason. */
static void note_end(struct walk_seen *seen, const struct rc_record *record, uint32_t at)
{
    bool went_on = seen->c.node[at].state == RC_STEP_SUCCEEDED, began = false;
    for (uint32_t i = 0; i < record->nchanges; i++) {
        const struct rc_change *change = &record->changes[i];
        if (change->kind != RC_CHANGE_NODE || change->at != at ||
            change->u.node.node.phase != RC_PHASE_WAITING)
            continue;
        seen->waits[at].may++;
        began = true;
    }
    if (began && went_on) seen->waits[at].must++;
}

void walk_laws_of_waits(struct walk *walk, struct walk_seen *seen, const struct rc_record *record)
{
    const struct rc_command *c = &seen->c;
    bool signalled = record->cause->kind == RC_MSG_SIGNALLED;
    if (record->rev == 1) memset(seen->waits, 0, sizeof seen->waits);
    if (signalled && !walk->folding_anew) see_signalled(walk, seen, record);
    for (uint32_t at = 1; at < c->nnodes && !walk->broken; at++) {
        if (sim_step(c, at)->kind != FLOW_WAIT) continue;
        const struct rc_node *node = &c->node[at];
        bool was = seen->waits[at].open, over = seen->waits[at].due && record->at >= seen->waits[at].due;
        bool waits = node->phase == RC_PHASE_WAITING;
        bool person = record->cause->kind == RC_MSG_ACTION;
        if (was && !waits && node->state == RC_STEP_SUCCEEDED)
            LAW((signalled && record->cause->node == at) || person, "Q2 a wait goes on with its signal alone",
                "command %llu, record %u, step %u", ULL(record->seq), record->rev, at);
        if (was && !waits && node->why == RC_WHY_NO_SIGNAL)
            LAW(over && record->at >= seen->waits[at].since + sim_step(c, at)->wait.within,
                "Q4 a wait lasts as long as its flow says", "command %llu, record %u, step %u",
                ULL(record->seq), record->rev, at);
        if (waits && !was) seen->waits[at].since = record->at;
        if (!was && !waits && !walk->folding_anew) note_end(seen, record, at);
        seen->waits[at].state = node->state;
        seen->waits[at].open = waits;
        seen->waits[at].due = waits ? c->data[at].times.due : 0;
    }
}

/* It was kept, and taken by a wait in the moment in which that began. */
static void see_taken(struct walk *walk, const struct rc_signal *kept, uint32_t number)
{
    struct walk_signal *signal = &walk->signal[number];
    struct walk_seen *seen = &walk->seen[kept->taken.seq <= WALK_COMMANDS ? kept->taken.seq : 0];
    uint32_t at = kept->node;
    bool known = kept->taken.seq == signal->taken_by && (!signal->taken_by || at == signal->taken_at);
    if (known || (walk->control == SIM_TAKEN_TWICE && !kept->taken.seq)) return;
    if (is_purged(walk, signal->taken_by)) forget_signal(signal); /* it came again */
    LAW(!signal->taken_by || !kept->taken.seq, "Q3 a signal is taken once",
        "signal %u: commands %llu and %llu", number, ULL(signal->taken_by), ULL(kept->taken.seq));
    bool fits = !signal->taken_by && is_for(seen, at, kept->name, kept->id) && seen->waits[at].may;
    LAW(fits, "Q6 what is called taken was taken, and nothing else", "signal %u: command %llu of %llu",
        number, ULL(kept->taken.seq), ULL(signal->taken_by));
    if (walk->broken) return;
    signal->taken_by = kept->taken.seq;
    signal->taken_at = at;
    seen->waits[at].may--;
    if (seen->waits[at].must) seen->waits[at].must--;
}

/* All that the store has was looked at: what went on at once has its signal, or had another reason. */
static void laws_of_what_went_on(struct walk *walk)
{
    for (uint64_t seq = 1; seq <= walk->nseen; seq++) {
        struct walk_seen *seen = &walk->seen[seq];
        for (uint32_t at = 1; !seen->gone && at < seen->c.nnodes; at++) {
            LAW(!seen->waits[at].must, "Q2 a wait goes on with its signal alone", "command %llu, step %u",
                ULL(seq), at);
            seen->waits[at].may = 0;
        }
    }
}

/* Nobody waits for what is kept, and what was acknowledged is there. */
void walk_laws_of_signals(struct walk *walk, struct rc_reader *reader)
{
    enum { PAGE = 2 * WALK_SIGNALS };
    struct rc_signal *kept;
    uint32_t n = 0;
    bool there[WALK_SIGNALS] = {false};
    if (walk->world->now > RC_SECONDS(RC_MAX_SIGNAL_DAYS * UINT64_C(86400))) return; /* they are forgotten */
    if (rc_read_signals(reader, 0, 0, 0, walk->rows, PAGE, &kept, &n, &walk->world->err) != RC_OK) return;
    for (uint32_t i = 0; i < n && !walk->broken; i++) {
        uint32_t number = number_of(walk, kept[i].key);
        LAW(number != UINT32_MAX, "Q5 only what was sent is kept", "signal %llu", ULL(kept[i].number));
        if (walk->broken) return;
        LAW(!there[number] || walk->control == SIM_TAKEN_TWICE,
            "Q1 the same key is the same signal, and with anything else a conflict",
            "signal %u is there twice", number);
        there[number] = true;
        see_taken(walk, &kept[i], number);
        for (uint64_t seq = 1; !kept[i].taken.seq && seq <= walk->nseen && !walk->broken; seq++) {
            const struct rc_command *c = &walk->seen[seq].c;
            for (uint32_t at = 1; at < c->nnodes && rc_sv_eq(c->id.ns, kept[i].ns); at++)
                LAW(c->node[at].phase != RC_PHASE_WAITING ||
                        !rc_sv_eq(sim_step(c, at)->wait.signal, kept[i].name) ||
                        !rc_sv_eq(c->data[at].external_id, kept[i].id),
                    "Q7 nobody waits for what is here", "signal %u, command %llu, step %u", number, ULL(seq),
                    at);
        }
    }
    if (!walk->broken) laws_of_what_went_on(walk);
    for (uint32_t i = 0; i < walk->nsignals && !walk->broken; i++) {
        const struct walk_signal *signal = &walk->signal[i];
        if (there[i] || (!signal->acknowledged && !signal->taken_by)) continue;
        LAW(is_purged_with(walk, signal), "Q8 what was acknowledged is kept, or purged with its command",
            "signal %u", i);
        forget_signal(&walk->signal[i]);
    }
}

void walk_laws_of_signal_reply(struct walk *walk, const struct walk_request *sent)
{
    const struct rc_request *request = sent->request;
    struct walk_signal *signal = &walk->signal[sent->signal - 1];
    if (request->status == RC_KEY_CONFLICT)
        LAW(walk->control == SIM_TAKEN_TWICE || sent->conflicts != signal->other || !signal->known,
            "Q1 the same key is the same signal, and with anything else a conflict", "signal %u",
            sent->signal - 1);
    if (request->status != RC_OK) return;
    if (!request->replayed && is_purged_with(walk, signal)) forget_signal(signal);
    LAW(!signal->known || sent->conflicts == signal->other,
        "Q1 the same key is the same signal, and with anything else a conflict", "signal %u",
        sent->signal - 1);
    LAW(!signal->acknowledged || request->replayed || walk->control == SIM_TELL_SENDERS_EARLY ||
            walk->control == SIM_TAKEN_TWICE,
        "Q1 the same key is the same signal, and with anything else a conflict", "signal %u is new again",
        sent->signal - 1);
    signal->known = signal->acknowledged = true;
    signal->other = sent->conflicts;
}

void walk_forge_waits(enum sim_control control, struct flow_step *step)
{
    if (control == SIM_HEAR_ANYTHING && step->kind == FLOW_WAIT) step->wait.signal = RC_SV("paid");
    if (control == SIM_WAIT_A_MOMENT && step->kind == FLOW_WAIT && step->wait.within) step->wait.within = 1;
}
