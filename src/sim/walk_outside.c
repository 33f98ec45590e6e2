/* The outside world: it does what it is asked or not, says so or not, and remembers. A provider honours Idempotency-Keys where the flow
 * says that the step is repeatable, for as long as its dependency says; otherwise every request that arrives acts again. */
#include "sim/walk.h"

/* ---- the truth ------------------------------------------------------------------------------------------------------ */

static bool is_undo(const struct walk_sent *sent)
{
    return sent->purpose == RC_UNDO || sent->purpose == RC_UNDO_CHECK;
}

static bool acts(const struct walk_sent *sent)
{
    return sent->purpose == RC_ACT || sent->purpose == RC_UNDO;
}

static struct walk_side *side_of(struct walk *walk, const struct walk_sent *sent)
{
    return &walk->seen[sent->seq].side[sent->node][is_undo(sent)];
}

static const struct flow_action *action_of(const struct walk *walk, const struct walk_sent *sent)
{
    const struct flow_call *call = &rc_node_step(&walk->seen[sent->seq].c, sent->node)->call;
    return is_undo(sent) ? &call->undo : &call->act;
}

bool walk_happens(const struct walk *walk, uint64_t seq, uint32_t node, bool undo)
{
    const struct walk_side *side = &walk->seen[seq].side[node][undo];
    return side->done || side->will;
}

static rc_us key_lifetime(const struct walk *walk, uint64_t gate)
{
    for (uint32_t i = 0; i < WALK_DEPENDENCIES; i++)
        if (walk->dependency[i].gate == gate) return walk->dependency[i].key_lifetime;
    return 0;
}

static enum walk_mood mood_of(const struct walk *walk, const struct walk_sent *sent)
{
    for (uint32_t i = 0; i < WALK_DEPENDENCIES; i++)
        if (walk->dependency[i].gate == sent->gate) return walk->dependency[i].mood;
    return WALK_FINE;
}

/* The provider has done this already, and knows that it has. How long it remembers is more than what is declared by what disk and network take
 * (docs/definitions.md says so): it counts from decision to decision. */
static bool is_remembered(const struct walk *walk, const struct walk_sent *sent)
{
    rc_us lifetime = key_lifetime(walk, sent->gate), first = UINT64_MAX;
    bool acted = false;
    if (!action_of(walk, sent)->repeatable) return false;
    for (uint32_t i = 0; i < walk->world->nleft; i++) {
        const struct walk_sent *other = &walk->sent[i];
        if (!acts(other) || !rc_h128_eq(other->key, sent->key)) continue;
        if (other->decided < first) first = other->decided;
        acted |= other->acted;
    }
    return acted && (!lifetime || sent->decided < first + lifetime);
}

static void act(struct walk *walk, struct walk_sent *sent)
{
    struct walk_side *side = side_of(walk, sent);
    if (sent->acted) return;
    bool remembered = is_remembered(walk, sent);
    sent->acted = true;
    if (remembered) return;
    walk_note_done(walk, sent);
    const struct walk_seen *seen = &walk->seen[sent->seq];
    if (++side->done > 1 && !walk_is_lied(seen, sent->node, is_undo(sent)))
        walk_break(walk, "W1 nothing is done twice", "command %llu, step %u, attempt %u",
                   (unsigned long long)sent->seq, sent->node, sent->attempt);
    if (is_undo(sent) && !walk->seen[sent->seq].side[sent->node][0].done &&
        !walk_is_lied(seen, sent->node, false))
        walk_break(walk, "W2 what did not happen is not undone", "command %llu, step %u",
                   (unsigned long long)sent->seq, sent->node);
}

static void acts_late(struct walk *walk, struct walk_side *side)
{
    uint32_t i = side->will - 1;
    side->will = 0;
    act(walk, &walk->sent[i]);
}

void walk_outside_goes_on(struct walk *walk)
{
    for (uint64_t seq = 1; seq <= walk->nseen; seq++)
        for (uint32_t at = 0; at < 2 * walk->seen[seq].c.nnodes; at++) {
            struct walk_side *side = &walk->seen[seq].side[at / 2][at % 2];
            if (side->will && side->will_at <= walk->world->now) acts_late(walk, side);
        }
}

void walk_outside_arrives(struct walk *walk, uint64_t seq, uint32_t node)
{
    for (unsigned undo = 0; undo < 2; undo++) {
        struct walk_side *side = &walk->seen[seq].side[node][undo];
        if (side->will) acts_late(walk, side);
    }
}

/* Nobody will be told what became of it. It acts, or not, or a little later: within what the check waits. */
static void becomes_uncertain(struct walk *walk, struct walk_sent *sent)
{
    rc_us settle = action_of(walk, sent)->check.present ? action_of(walk, sent)->check.settle : 0;
    sent->lost_at = walk->world->now;
    if (!acts(sent) || sent->acted) return;
    struct walk_side *side = side_of(walk, sent);
    uint32_t fate = walk_dice(walk, 4);
    if (fate == 3 && settle && !side->will) {
        side->will = 1 + (uint32_t)(sent - walk->sent);
        side->will_at = walk->world->now + walk_span(walk, settle);
        walk_fired(walk, SIM_ACTS_LATE);
    } else if (fate > 1) {
        act(walk, sent);
    }
}

void walk_outside_lost_touch(struct walk *walk)
{
    for (uint32_t i = 0; i < walk->world->nleft; i++) {
        struct walk_sent *sent = &walk->sent[i];
        if (!sent->open || sent->task) continue; /* a worker does not end with the engine's process */
        sent->open = false;
        becomes_uncertain(walk, sent);
    }
}

void walk_outside_falls_silent(struct walk *walk, uint32_t i)
{
    walk_outside_goes_on(walk);
    walk->sent[i].open = false;
    becomes_uncertain(walk, &walk->sent[i]);
}

void walk_known_not(struct walk *walk, uint64_t seq, uint32_t node, bool undo)
{
    for (uint32_t i = 0; i < walk->world->nleft; i++) {
        struct walk_sent *sent = &walk->sent[i];
        if (sent->seq == seq && sent->node == node && acts(sent) && is_undo(sent) == undo)
            sent->uncertain = false;
    }
}

/* A check of this side said "no": whether that counts. */
static bool is_settled(const struct walk *walk, const struct walk_sent *check)
{
    rc_us settle = action_of(walk, check)->check.settle;
    for (uint32_t i = 0; i < walk->world->nleft; i++) {
        const struct walk_sent *sent = &walk->sent[i];
        bool same = sent->seq == check->seq && sent->node == check->node && acts(sent) &&
                    is_undo(sent) == is_undo(check);
        if (same && sent->uncertain && check->at < sent->lost_at + settle) return false;
    }
    return true;
}

/* ---- answers -------------------------------------------------------------------------------------------------------- */

void walk_outside_takes(struct walk *walk, uint32_t i)
{
    struct walk_sent *sent = &walk->sent[i];
    walk_outside_goes_on(walk);
    walk_note_arrival(walk, sent);
    sent->there = side_of(walk, sent)->done > 0;
    sent->uncertain = acts(sent);
    sent->lost_at = UINT64_MAX;
    sent->open = true;
}

static void give(struct walk *walk, uint32_t i, struct rc_result result, const char *body)
{
    result.headers = (struct cel_value){.kind = CEL_MAP};
    walk->cover->answers++;
    if (walk->sent[i].task) {
        walk_worker_says(walk, i, &result, body);
        return;
    }
    if (result.reach == RC_ANSWERED)
        WALK_TELL(walk, "  ? %llu, step %u, #%u: the answer is %u %s\n",
                  (unsigned long long)walk->sent[i].seq, walk->sent[i].node, walk->world->left[i].attempt,
                  result.status, body ? body : "(which cannot be read)");
    else
        WALK_TELL(walk, "  ? %llu, step %u, #%u: no answer: %s\n", (unsigned long long)walk->sent[i].seq,
                  walk->sent[i].node, walk->world->left[i].attempt, rc_why_word(result.why).slug);
    world_give(walk->world, i, result, body);
}

static void answer(struct walk *walk, uint32_t i, unsigned status, const char *body)
{
    struct rc_result result = {.reach = RC_ANSWERED, .usable = body != NULL, .status = (uint16_t)status};
    if (status == 429 && walk_chance(walk, 50)) result.retry_after = RC_SECONDS(1 + walk_dice(walk, 8));
    if (status == 429 && walk_chance(walk, 3)) result.retry_after = INT64_MAX;
    if (status == 429) walk_fired(walk, SIM_RATE_LIMITED);
    if (status == 401 || status == 422) walk_fired(walk, SIM_REFUSED);
    if (status >= 500) walk_fired(walk, SIM_SERVER_ERROR);
    if (!body) walk_fired(walk, SIM_ANSWER_BAD);
    if (status >= 400 || !body) result.excerpt = RC_SV("what the other side has said");
    give(walk, i, result, body);
}

static void lose(struct walk *walk, uint32_t i, enum rc_reach reach, enum rc_why why)
{
    walk_fired(walk, reach == RC_NOT_SENT    ? SIM_NOT_SENT
                     : why == RC_WHY_TIMEOUT ? SIM_ANSWER_LATE
                                             : SIM_ANSWER_LOST);
    give(walk, i,
         (struct rc_result){.reach = (uint8_t)reach, .why = (uint8_t)why, .error = RC_SV("no answer")}, NULL);
}

static const char thing[] = "{\"id\": 4711}";

static void answers_done(struct walk *walk, uint32_t i, unsigned status)
{
    walk->sent[i].uncertain = false;
    act(walk, &walk->sent[i]);
    answer(walk, i, status, thing);
}

static void answers_not_done(struct walk *walk, uint32_t i)
{
    static const uint16_t statuses[] = {422, 404, 429, 401, 302, 503, 508, 0, 1};
    uint16_t status = statuses[walk_dice(walk, sizeof statuses / sizeof *statuses)];
    walk->sent[i].uncertain = false;
    if (status > 1)
        answer(walk, i, status, walk_chance(walk, 50) ? "{}" : NULL);
    else
        lose(walk, i, RC_NOT_SENT, status ? RC_WHY_NOT_SENT : RC_WHY_ADDRESS);
}

static void answers_nothing_sure(struct walk *walk, uint32_t i)
{
    struct walk_sent *sent = &walk->sent[i];
    becomes_uncertain(walk, sent);
    switch (walk_dice(walk, 6)) {
    case 0: answer(walk, i, 500, "{}"); break;
    case 1: answer(walk, i, 418, NULL); break;
    case 2: answer(walk, i, 200, NULL); break; /* not usable */
    case 3: lose(walk, i, RC_SENT, RC_WHY_TIMEOUT); break;
    case 4: /* a connection that was lost, or a program that a signal ended: to the core it is the same */
        lose(walk, i, RC_SENT, sent->attempt % 4 == 3 ? RC_WHY_SIGNAL : RC_WHY_CONNECTION);
        break;
    default: answer(walk, i, 504, "[]"); break;
    }
}

/* Says the contrary of what it did. */
static void lies(struct walk *walk, uint32_t i)
{
    struct walk_sent *sent = &walk->sent[i];
    side_of(walk, sent)->lied = true;
    walk_fired(walk, SIM_LIES);
    sent->uncertain = false;
    if (walk_chance(walk, 50)) {
        act(walk, sent);
        answer(walk, i, 422, "{}");
    } else {
        answer(walk, i, 200, thing);
    }
}

/* As its dependency is for a while. False: as ever. */
static bool answers_in_its_mood(struct walk *walk, uint32_t i)
{
    static const uint16_t refusals[] = {422, 401, 302, 508}, errors[] = {500, 502, 504};
    struct walk_sent *sent = &walk->sent[i];
    switch (mood_of(walk, sent)) {
    case WALK_DOWN:
        sent->uncertain = false;
        lose(walk, i, RC_NOT_SENT, RC_WHY_NOT_SENT);
        return true;
    case WALK_LIMITING:
        sent->uncertain = false;
        answer(walk, i, 429, "{}");
        return true;
    case WALK_REFUSING:
        sent->uncertain = false;
        answer(walk, i, refusals[walk_dice(walk, 4)], "{}");
        return true;
    case WALK_ERRING:
        becomes_uncertain(walk, sent);
        answer(walk, i, errors[walk_dice(walk, 3)], "{}");
        return true;
    case WALK_FINE:
    case WALK_SLOW:
    case WALK_MOODS: break;
    }
    return false;
}

static void answers_an_action(struct walk *walk, uint32_t i, bool kind)
{
    uint32_t dice = kind ? 0 : walk_dice(walk, 100);
    struct walk_sent *sent = &walk->sent[i];
    if (dice < 45) {
        answers_done(walk, i, walk_chance(walk, 90) ? 200 : 409);
    } else if (dice < 48) { /* 202: done where the flow says so */
        act(walk, sent);
        sent->uncertain = !action_of(walk, sent)->accepted;
        sent->lost_at = walk->world->now;
        answer(walk, i, 202, thing);
    } else if (dice < 70) {
        answers_not_done(walk, i);
    } else if (dice < 97) {
        answers_nothing_sure(walk, i);
    } else {
        lies(walk, i);
    }
}

static void answers_a_check(struct walk *walk, uint32_t i, bool kind)
{
    struct walk_sent *sent = &walk->sent[i];
    uint32_t dice = kind ? 0 : walk_dice(walk, 100);
    bool there = sent->there;
    const char *odd = dice < 70   ? NULL
                      : dice < 76 ? "{\"later\": true}"
                      : dice < 79 ? "{\"there\": false, \"many\": true, \"later\": false}"
                                  : "{}";
    if (dice >= 97) {
        there = !there;
        side_of(walk, sent)->lied = true;
        walk_fired(walk, SIM_LIES);
        odd = NULL;
    } else if (dice >= 85) {
        answers_nothing_sure(walk, i);
        return;
    }
    /* what makes no sense to a flow that does not look at it says no, or cannot be evaluated */
    if (odd) {
        const struct flow_check *check = &action_of(walk, sent)->check;
        bool many = dice >= 76 && dice < 79 && !check->contradictory;
        if (many && sent->there) side_of(walk, sent)->lied = true;
        if (many && is_settled(walk, sent)) walk_known_not(walk, sent->seq, sent->node, is_undo(sent));
        answer(walk, i, 200, odd);
        return;
    }
    if (!there && is_settled(walk, sent)) walk_known_not(walk, sent->seq, sent->node, is_undo(sent));
    answer(walk, i, !there && walk_chance(walk, 20) ? 404 : 200,
           there ? "{\"there\": true, \"many\": false, \"later\": false, \"id\": 4711}"
                 : "{\"there\": false, \"many\": false, \"later\": false}");
}

static void answers_a_question(struct walk *walk, uint32_t i, bool kind)
{
    uint32_t dice = kind ? 0 : walk_dice(walk, 100);
    if (dice >= 80) {
        answers_nothing_sure(walk, i);
    } else if (dice >= 60) {
        answer(walk, i, 200, "{\"may\": false}");
    } else {
        walk->sent[i].said_yes = true;
        answer(walk, i, 200, "{\"may\": true}");
    }
}

void walk_outside_times_out(struct walk *walk, uint32_t i)
{
    walk_outside_goes_on(walk);
    walk->sent[i].open = false;
    becomes_uncertain(walk, &walk->sent[i]);
    lose(walk, i, RC_SENT, RC_WHY_TIMEOUT);
}

void walk_outside_answers(struct walk *walk, uint32_t i, bool kind)
{
    struct walk_sent *sent = &walk->sent[i];
    walk_outside_goes_on(walk);
    if (!kind && mood_of(walk, sent) == WALK_SLOW && walk_chance(walk, 80)) return;
    sent->open = false;
    if (!kind && answers_in_its_mood(walk, i)) return;
    switch ((enum rc_purpose)sent->purpose) {
    case RC_ACT:
    case RC_UNDO: answers_an_action(walk, i, kind); break;
    case RC_CHECK:
    case RC_UNDO_CHECK: answers_a_check(walk, i, kind); break;
    case RC_REQUIRE: answers_a_question(walk, i, kind); break;
    case RC_PURPOSES: break;
    }
}

void walk_outside_repeats_itself(struct walk *walk, uint32_t i)
{
    if (walk->sent[i].task) {
        walk_worker_repeats(walk, i);
        return;
    }
    if (walk_chance(walk, 50))
        answer(walk, i, walk_chance(walk, 50) ? 200 : 422, thing);
    else
        lose(walk, i, RC_SENT, RC_WHY_TIMEOUT);
}
