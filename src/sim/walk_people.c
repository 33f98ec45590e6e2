/* Lives with people who are asked: flows with approvals and questions, who has started and edited what, and decisions: by those who may and
 * by those who may not, twice, late, and of what was shown before. The laws are in walk_votes.c. */
#include "sim/walk.h"

#include "core/people.h"

#include <assert.h>

enum { OPERATOR = 4, ADMIN = 5 }; /* 1 + enum rc_role */

/* Who there is. A token that may act for others is one person, whoever it names. */
static const struct person {
    const char *subject, *actor;
    uint8_t role;
} person[] = {{"test", "test", OPERATOR},  {"anna", "anna", OPERATOR},
              {"bert", "bert", OPERATOR},  {"cora", "cora", ADMIN},
              {"dirk", "dirk", OPERATOR},  {"agent", "anna", OPERATOR},
              {"agent", "bert", OPERATOR}, {"", "olga", 0}};
enum { PERSONS = sizeof person / sizeof *person };

bool sim_full;

/* ---- who -------------------------------------------------------------------------------------------------------------- */

static bool shares(const char *name, const struct person *other)
{
    return *name && (strcmp(name, other->subject) == 0 || strcmp(name, other->actor) == 0);
}

bool walk_same_person(unsigned a, unsigned b)
{
    return shares(person[a].subject, &person[b]) || shares(person[a].actor, &person[b]);
}

bool walk_is_wanted(const struct flow_people *people, unsigned who)
{
    bool named = !people->nnames;
    for (uint32_t i = 0; i < people->nnames; i++) named |= rc_sv_is(people->names[i], person[who].actor);
    bool role = !people->roles || (person[who].role && people->roles >> (person[who].role - 1) & 1);
    return named && role;
}

static unsigned starter_of(const struct walk *walk, uint64_t nonce)
{
    for (uint32_t i = 0; i < walk->nstarted; i++)
        if (walk->started[i].nonce == nonce) return walk->started[i].who;
    return 0;
}

bool walk_is_author(const struct walk *walk, const struct walk_seen *seen, unsigned who)
{
    for (uint64_t before = 1; before && before <= WALK_COMMANDS; seen = &walk->seen[before]) {
        if (walk_same_person(who, starter_of(walk, seen->c.id.nonce))) return true;
        before = seen->c.id.original.seq;
    }
    return false;
}

bool walk_may_be_asked(const struct walk *walk, const struct walk_seen *seen, struct rc_sv actor)
{
    for (unsigned who = 0; who < PERSONS; who++)
        if (rc_sv_is(actor, person[who].actor) && !walk_is_author(walk, seen, who)) return true;
    return false;
}

void walk_people_started(struct walk *walk, uint64_t nonce, unsigned who)
{
    if (walk->nstarted == WALK_STARTED) return;
    walk->started[walk->nstarted].nonce = nonce;
    walk->started[walk->nstarted].priority = UINT8_MAX;
    walk->started[walk->nstarted++].who = (uint8_t)who;
}

void walk_people_submit(struct walk *walk, struct rc_identity *in)
{
    unsigned who = walk_dice(walk, PERSONS);
    if (walk->nstarted == WALK_STARTED) who = 0;
    walk_people_started(walk, in->nonce, who);
    if (walk->control == SIM_STARTERS_DECIDE) who = 0;
    in->subject = rc_sv_of(person[who].subject);
    in->actor = rc_sv_of(person[who].actor);
}

static void name(struct walk_action *made, struct rc_act *act, unsigned who)
{
    made->decision.who = (uint8_t)who;
    act->subject = rc_sv_of(person[who].subject);
    act->actor = rc_sv_of(person[who].actor);
    act->role = person[who].role;
}

void walk_people_name(struct walk *walk, struct walk_action *made, struct rc_act *act)
{
    name(made, act, walk_dice(walk, PERSONS));
}

/* ---- decisions -------------------------------------------------------------------------------------------------------- */

const struct walk_asked *walk_asked_at(const struct walk_seen *seen, uint32_t node)
{
    for (uint32_t i = 0; i < seen->nasked; i++)
        if (seen->asked[i].node == node) return &seen->asked[i];
    return NULL;
}

static bool has_voted(const struct walk_asked *asked, unsigned who)
{
    for (uint32_t i = 0; i < asked->nvotes; i++)
        if (walk_same_person(asked->vote[i], who)) return true;
    return false;
}

bool walk_may_decide(const struct walk *walk, const struct walk_seen *seen, const struct walk_asked *asked,
                     unsigned who)
{
    return walk_is_wanted(&sim_step(&seen->c, asked->node)->people, who) && !has_voted(asked, who) &&
           !walk_is_author(walk, seen, who);
}

/* What people are asked now, or were: one of a command; NULL: none. */
static const struct walk_asked *pick_asked(struct walk *walk, const struct walk_seen *seen, bool open)
{
    const struct walk_asked *found[WALK_ASKED];
    uint32_t n = 0;
    for (uint32_t i = 0; i < seen->nasked; i++)
        if (seen->asked[i].open == open) found[n++] = &seen->asked[i];
    return n ? found[walk_dice(walk, n)] : NULL;
}

/* What the engine is told where a protection is off. */
static void forge(const struct walk *walk, const struct walk_asked *asked, struct rc_arena *arena,
                  unsigned who, struct rc_act *act)
{
    if (walk->control == SIM_VOTE_TWICE && has_voted(asked, who))
        act->subject = act->actor = rc_text(arena, "p%u", walk->nactions);
    if (walk->control == SIM_OLD_DIGESTS && act->action == RC_ACTION_APPROVE) act->digest = asked->digest;
}

static void decide(struct walk *walk, uint64_t seq, const struct walk_asked *asked, unsigned who,
                   enum rc_action action, struct rc_h128 digest)
{
    static const char *const keys[] = {"", "", "", "x", "y", "z"};
    static const char *const answers[] = {"yes", "no", "perhaps"};
    const struct walk_seen *seen = &walk->seen[seq];
    if (walk->nactions == WALK_ACTIONS) return;
    struct walk_action *made = &walk->action[walk->nactions];
    *made = (struct walk_action){.seq = seq, .action = (uint8_t)action};
    if (!walk->quiet) snprintf(made->key, sizeof made->key, "%s", keys[walk_dice(walk, 6)]);
    struct walk_request sent = {.request = world_action_with(seq, seen->c.id.nonce, action, made->key),
                                .action = walk->nactions};
    struct rc_act *act = &sent.request->u.act.act;
    struct rc_path path;
    act->reason = rc_text(sent.request->arena, "a%u", walk->nactions);
    name(made, act, who);
    act->digest = made->decision.digest = digest;
    made->decision.node = asked->node;
    if (!walk->quiet && walk_chance(walk, 10))
        act->expected_rev = walk_chance(walk, 60) ? seen->c.rev : seen->c.rev + 1;
    if (action == RC_ACTION_ANSWER) {
        made->decision.answer = (uint8_t)walk_dice(walk, walk->quiet ? 2 : 3);
        act->answer = rc_sv_of(answers[made->decision.answer]);
    }
    act->step = rc_copy_sv(sent.request->arena, rc_node_path(&seen->c, asked->node, &path));
    forge(walk, asked, sent.request->arena, who, act);
    WALK_TELL(walk, "  > %s of %llu by %s/%s, step %u, action %u%s\n", rc_action_word(action).slug, ULL(seq),
              person[who].subject, person[who].actor, asked->node, walk->nactions,
              rc_h128_eq(digest, asked->digest) ? "" : ", of something else");
    if (walk_post(walk, sent)) walk->nactions++;
}

static enum rc_action usual(struct walk *walk, const struct rc_command *c, uint32_t node)
{
    if (sim_step(c, node)->kind == FLOW_ESCALATE) return RC_ACTION_ANSWER;
    return walk_chance(walk, 15) ? RC_ACTION_DENY : RC_ACTION_APPROVE;
}

void walk_people_act(struct walk *walk)
{
    static const uint8_t actions[] = {RC_ACTION_APPROVE, RC_ACTION_DENY, RC_ACTION_ANSWER};
    if (!walk->nseen || !walk_chance(walk, 60)) return;
    uint64_t seq = 1 + walk_dice(walk, (uint32_t)walk->nseen);
    for (uint64_t i = 0; i < walk->nseen && !rc_first_asked(&walk->seen[seq].c); i++)
        seq = seq % walk->nseen + 1;
    const struct walk_seen *seen = &walk->seen[seq];
    bool open = !walk_chance(walk, 5);
    const struct walk_asked *asked = pick_asked(walk, seen, open);
    if (!asked || !seen->c.nnodes) return;
    enum rc_action action = usual(walk, &seen->c, asked->node);
    if (walk_chance(walk, 3)) action = (enum rc_action)actions[walk_dice(walk, sizeof actions)];
    struct rc_h128 digest = asked->digest;
    if (walk_chance(walk, 8)) digest = asked->before;
    if (walk_chance(walk, 3)) digest = (struct rc_h128){0};
    unsigned who = walk_dice(walk, PERSONS);
    for (unsigned i = 0; i < PERSONS && !walk_chance(walk, 30); i++, who = (who + 1) % PERSONS)
        if (walk_may_decide(walk, seen, asked, who)) break; /* mostly somebody who may */
    decide(walk, seq, asked, who, action, digest);
    if (walk_chance(walk, 15)) /* and at the same time somebody else */
        decide(walk, seq, asked, walk_dice(walk, PERSONS), usual(walk, &seen->c, asked->node), digest);
}

void walk_people_end(struct walk *walk, uint64_t seq)
{
    const struct walk_seen *seen = &walk->seen[seq];
    const struct walk_asked *asked = walk->people ? pick_asked(walk, seen, true) : NULL;
    if (!asked) return;
    for (unsigned who = 0; who < PERSONS; who++)
        if (walk_may_decide(walk, seen, asked, who)) {
            decide(walk, seq, asked, who, usual(walk, &seen->c, asked->node), asked->digest);
            return;
        }
}

bool walk_rests_with_people(const struct rc_command *c)
{
    bool asked = false;
    for (uint32_t i = 1; i < c->nnodes; i++) {
        unsigned phase = c->node[i].phase;
        if (phase != RC_PHASE_NONE && phase != RC_PHASE_ASKED && phase != RC_PHASE_WAITING) return false;
        asked |= phase == RC_PHASE_ASKED && !sim_step(c, i)->people.within;
        asked |= phase == RC_PHASE_WAITING && !sim_step(c, i)->wait.within;
    }
    return asked;
}

/* ---- definitions ------------------------------------------------------------------------------------------------------ */

/* How many it asks at most. */
static uint32_t put_who(struct walk *walk, const char *indent)
{
    static const char *const who[] = {"[anna, bert, cora]", "[anna, bert]", "[cora, dirk, anna, bert]",
                                      "[dirk]"};
    static const uint8_t most[] = {3, 2, 4, 1};
    uint32_t how = walk_dice(walk, 10), role = walk_dice(walk, 10);
    if (how >= 6) walk_put(walk, "%sof: %s\n", indent, who[how - 6]);
    if (role >= 8) walk_put(walk, "%sroles: [operator%s]\n", indent, role == 9 ? ", admin" : "");
    return how >= 6 ? most[how - 6] : 4;
}

static void put_within(struct walk *walk)
{
    if (!walk_chance(walk, 40)) return;
    walk_put(walk, "    within: %us\n", 1 + walk_dice(walk, 30));
    if (walk_chance(walk, 50)) walk_put(walk, "    on_timeout: reject\n");
}

static void put_approval(struct walk *walk, uint32_t id)
{
    walk_put(walk, "  - id: s%u\n", id);
    if (walk_chance(walk, 10)) walk_put(walk, "    if: payload.ok\n");
    walk_put(walk, "    approve:\n");
    uint32_t most = put_who(walk, "      ");
    walk_put(walk, "      need: %u\n", 1 + walk_dice(walk, most < 3 ? most : 3));
    put_within(walk);
}

/* A step before, whose id a later one reads. UINT32_MAX: none. */
static void put_call(struct walk *walk, uint32_t id, uint32_t before, uint32_t asks, bool undone)
{
    bool outputs = walk_chance(walk, 60);
    walk_put(walk, "  - id: s%u\n    call: %s\n", id,
             walk->dependency[walk_dice(walk, WALK_DEPENDENCIES)].name);
    if (asks != UINT32_MAX && walk_chance(walk, 60))
        walk_put(walk, "    if: has(steps.s%u) && steps.s%u.outputs.answer == 'yes'\n", asks, asks);
    walk_put(walk, "    timeout: %us\n", 2 + walk_dice(walk, 20));
    walk_put(walk, "    with: {method: POST, path: /s%u, body: {n: \"${payload.n}\"", id);
    if (before != UINT32_MAX)
        walk_put(walk, ", id: \"${has(steps.s%u) ? steps.s%u.outputs.id : 0}\"", before, before);
    walk_put(walk, "}}\n");
    walk_put_terms(walk, outputs, !undone && walk_chance(walk, 10), undone);
}

static void put_question(struct walk *walk, uint32_t id)
{
    walk_put(walk, "  - id: s%u\n    escalate:\n      question: \"go on with ${payload.n}?\"\n", id);
    walk_put(walk, "      answers: [yes, no]\n");
    (void)put_who(walk, "      ");
    put_within(walk);
}

/* Two lines beside each other: what one of them waits for does not hold up the other. */
static void put_lines(struct walk *walk, uint32_t id, bool undone)
{
    walk_put(walk, "  - id: s%u\n    parallel:\n", id);
    walk->indent += 4;
    walk_put(walk, "  - id: s%u\n    linear:\n", id + 1);
    walk->indent += 4;
    put_approval(walk, id + 2);
    put_call(walk, id + 3, UINT32_MAX, UINT32_MAX, undone);
    walk->indent -= 4;
    put_call(walk, id + 4, UINT32_MAX, UINT32_MAX, undone);
    walk->indent -= 4;
}

/* An approval beside others: what needs it, by itself or by another one, and what does not. */
static void put_beside(struct walk *walk, uint32_t id, bool undone)
{
    walk_put(walk, "  - id: s%u\n    parallel:\n", id);
    walk->indent += 4;
    put_approval(walk, id + 1);
    put_call(walk, id + 2, UINT32_MAX, UINT32_MAX, undone);
    walk_put(walk, "    needs: [s%u]\n", id + 1);
    put_call(walk, id + 3, UINT32_MAX, UINT32_MAX, undone);
    put_call(walk, id + 4, UINT32_MAX, UINT32_MAX, undone);
    walk_put(walk, "    needs: [s%u, s%u]\n", id + 2, id + 3);
    walk->indent -= 4;
}

/* Mostly something stands behind a wait. */
static void put_wait_and_call(struct walk *walk, uint32_t *io_id, uint32_t before, bool undone)
{
    walk_put_wait(walk, (*io_id)++);
    if (walk_chance(walk, 70)) put_call(walk, (*io_id)++, before, UINT32_MAX, undone);
}

void walk_define_people_flow(struct walk *walk, uint32_t flow)
{
    const char *const review = rc_state_word(RC_REVIEW).slug;
    const char *const on_failure[] = {"keep", "roll_back", review}, *const late[] = {review, "cancel",
                                                                                     "roll_back"};
    uint32_t policy = walk_dice(walk, 3), on_deadline = walk_dice(walk, 3), id = 0;
    uint32_t before = UINT32_MAX, asks = UINT32_MAX, more = 1 + walk_dice(walk, 4);
    bool undone = policy == 1 || (walk->timed && on_deadline == 2);
    walk_put_head(walk, flow, on_failure[policy]);
    if (walk->timed && walk_chance(walk, 50)) walk_put(walk, "deadline: %us\n", 5 + walk_dice(walk, 40));
    if (walk->timed) walk_put(walk, "on_deadline: %s\n", late[on_deadline]);
    walk_put_lane(walk);
    walk_put(walk, "steps:\n");
    if (walk_chance(walk, 50)) { /* what comes of it may change while people look at what hangs on it */
        before = id;
        walk_put(walk, "  - id: s%u\n    call: %s\n    critical: false\n", id, walk->dependency[0].name);
        walk_put(walk, "    with: {method: POST, path: /s%u}\n    outputs: {id: \"${response.body.id}\"}\n",
                 id);
        walk_put(walk, "    undo: none\n    retry: {delay: 1s, limit: {attempts: %u}}\n",
                 1 + walk_dice(walk, 2));
        id++;
    }
    for (uint32_t i = 0; i < more; i++) {
        uint32_t how = walk_dice(walk, 10);
        if (how < 6) put_approval(walk, id++);
        if (how == 6 || how == 7) put_question(walk, asks = id++);
        if (how == 8) (walk_chance(walk, 50) ? put_beside : put_lines)(walk, id, undone);
        if (how == 8) id += 5;
        if (how == 9) put_wait_and_call(walk, &id, before, undone);
        if (walk_chance(walk, 40)) put_call(walk, id++, before, asks, undone);
    }
    put_call(walk, id, before, asks, undone);
}

void walk_define_people(struct walk *walk)
{
    if (!sim_full || walk->work) return;
    sim_choices_begin(walk->choices, 'p');
    walk->people = !walk->blocks && walk_chance(walk, 80);
    if (!walk->people) return;
    walk->timed = walk_chance(walk, 25);
    walk->lanes = walk_chance(walk, 50);
    walk_define_all(walk, 'p');
}

/* ---- controls --------------------------------------------------------------------------------------------------------- */

void walk_forge_people(enum sim_control control, struct flow *flow)
{
    if (control == SIM_RELEASE_ALL) flow->approves = false;
    walk_forge_lane(control, flow);
    for (uint32_t i = 0; i < flow->nsteps; i++) {
        struct flow_people *people = &((struct flow_step *)&flow->steps[i])->people;
        if (control == SIM_ONE_IS_ASKED && people->need) people->need = 1;
        if (control == SIM_ASK_TOO_FEW && people->need && people->nnames) people->need = 1;
        if (control == SIM_MIX_UP_LATE)
            people->on_timeout =
                people->on_timeout == FLOW_TIMEOUT_FAIL ? FLOW_TIMEOUT_REJECT : FLOW_TIMEOUT_FAIL;
        if (control == SIM_ANYBODY_DECIDES) people->roles = 0;
        if (control == SIM_ANYBODY_DECIDES) people->nnames = 0;
        if (control == SIM_ASK_FOR_EVER) people->within = 0;
        walk_forge_waits(control, (struct flow_step *)&flow->steps[i]);
    }
}
