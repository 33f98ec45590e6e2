/* Random definitions with blocks: parallel, choose, each, repeat, linear, fallback, if, set and sleep, in each other up to three deep. Commands
 * of them have few instances: room is what a list may still have, and a loop shares its room among its copies. */
#include "sim/walk.h"

#include <assert.h>

enum {
    DEEPEST = 3,
    LONGEST = 3,   /* lists */
    COPIES = 3,    /* of a loop's body */
    CALL_ROOM = 5, /* a call with a fallback of one call, as the branch of a join */
    LEAF_ROOM = 2, /* a leaf, as the branch of a join */
    ROOM = 44,
    VISIBLE = 32
};

/* What is being written. */
struct writer {
    struct walk *walk;
    uint32_t ids, depth;
    bool
        undone; /* calls need an undo, or are irreversible: the flow, or a block around them, takes them back by itself */
    bool surplus; /* they need an undo */
    bool each, loop;
    struct {
        uint32_t id;
        bool list;      /* a set with a list; else a call with an id */
    } visible[VISIBLE]; /* steps that stand before in the lines around the place */
    uint32_t nvisible;
};

static uint32_t put_list(struct writer *, uint32_t room, bool line, bool branches);

static bool chance(struct writer *w, uint32_t percent)
{
    return walk_chance(w->walk, percent);
}

static uint32_t dice(struct writer *w, uint32_t n)
{
    return walk_dice(w->walk, n);
}

static void make_visible(struct writer *w, uint32_t id, bool list)
{
    if (w->nvisible == VISIBLE) return;
    w->visible[w->nvisible].id = id;
    w->visible[w->nvisible++].list = list;
}

/* One that gives an id, or a list; UINT32_MAX: there is none. */
static uint32_t pick_visible(struct writer *w, bool list)
{
    uint32_t n = 0, found[VISIBLE];
    for (uint32_t i = 0; i < w->nvisible; i++)
        if (w->visible[i].list == list) found[n++] = w->visible[i].id;
    return n ? found[dice(w, n)] : UINT32_MAX;
}

/* ---- expressions ---------------------------------------------------------------------------------------------------- */

static void put_condition(struct writer *w, const char *name)
{
    uint32_t id = pick_visible(w, false);
    switch (dice(w, id == UINT32_MAX ? 4 : 7)) {
    case 0: walk_put(w->walk, "%s: payload.ok\n", name); break;
    case 1: walk_put(w->walk, "%s: payload.n < 2\n", name); break;
    case 2: walk_put(w->walk, "%s: payload.n > 0\n", name); break;
    case 3: /* cannot be worked out for the first key */
        walk_put(w->walk, "%s: 4 / payload.n > 1\n", name);
        break;
    case 4: walk_put(w->walk, "%s: has(steps.s%u)\n", name, id); break;
    case 5: walk_put(w->walk, "%s: has(steps.s%u) && steps.s%u.outputs.id == 4711\n", name, id, id); break;
    default: walk_put(w->walk, "%s: has(steps.s%u) && steps.s%u.outputs.id != 4711\n", name, id, id); break;
    }
}

static void put_items(struct writer *w)
{
    uint32_t list = pick_visible(w, true), id = pick_visible(w, false);
    uint32_t how = dice(w, 6);
    if (how >= 4 && list != UINT32_MAX)
        walk_put(w->walk, "    each: \"${has(steps.s%u) ? steps.s%u.outputs.list : []}\"\n", list, list);
    else if (how == 3 && id != UINT32_MAX)
        walk_put(w->walk, "    each: \"${has(steps.s%u) ? [steps.s%u.outputs.id, 2] : []}\"\n", id, id);
    else if (how == 2)
        walk_put(w->walk, "    each: \"${payload.list.filter(x, x > 1)}\"\n");
    else
        walk_put(w->walk, "    each: \"${payload.list}\"\n");
}

static void put_until(struct writer *w)
{
    uint32_t id = pick_visible(w, false);
    switch (dice(w, id == UINT32_MAX ? 3 : 5)) {
    case 0: walk_put(w->walk, "      until: index >= 1\n"); break;
    case 1: walk_put(w->walk, "      until: payload.ok\n"); break;
    case 2: walk_put(w->walk, "      until: payload.n > 1\n"); break;
    case 3: walk_put(w->walk, "      until: has(steps.s%u) && steps.s%u.outputs.id != 4711\n", id, id); break;
    default: walk_put(w->walk, "      until: has(steps.s%u)\n", id); break;
    }
}

/* ---- steps ---------------------------------------------------------------------------------------------------------- */

/* A list one level deeper; what is visible in it is so no more behind it. The instances that it has. */
static uint32_t put_inner(struct writer *w, uint32_t room, uint32_t indent, bool line, bool branches)
{
    uint32_t visible = w->nvisible;
    w->walk->indent += indent;
    w->depth++;
    uint32_t n = put_list(w, room, line, branches);
    w->depth--;
    w->walk->indent -= indent;
    w->nvisible = visible;
    return n;
}

static void put_common(struct writer *w, const uint32_t *before, uint32_t n)
{
    if (n && chance(w, 25)) walk_put(w->walk, "    needs: [s%u]\n", before[dice(w, n)]);
    if (chance(w, 15)) put_condition(w, "    if");
}

/* Whether it gives an id. */
static bool put_call(struct writer *w, uint32_t id)
{
    struct walk *walk = w->walk;
    bool outputs = chance(w, 60), irreversible = !w->surplus && chance(w, 8);
    uint32_t seen = pick_visible(w, false);
    walk_put(walk, "  - id: s%u\n    call: %s\n", id, walk->dependency[dice(w, WALK_DEPENDENCIES)].name);
    walk_put(walk, "    timeout: %us\n", 2 + dice(w, 20));
    walk_put(walk, "    with: {method: POST, path: /s%u, body: {n: \"${payload.n}\"%s%s", id,
             w->each ? ", item: \"${item}\"" : "", w->loop ? ", index: \"${index}\"" : "");
    if (seen != UINT32_MAX && chance(w, 15))
        walk_put(walk, ", id: \"${has(steps.s%u) ? steps.s%u.outputs.id : 0}\"", seen, seen);
    walk_put(walk, "}}\n");
    walk_put_terms(walk, outputs, irreversible, w->undone);
    return outputs;
}

/* What follows where the step before failed; the instances that are more for it. */
static uint32_t put_fallback(struct writer *w, uint32_t percent)
{
    if (!chance(w, percent)) return 0;
    walk_put(w->walk, "    fallback:\n");
    w->walk->indent += 4;
    (void)put_call(w, w->ids++);
    w->walk->indent -= 4;
    return 3; /* the pair, the line, the call */
}

static void put_block_terms(struct writer *w, bool joined, bool all)
{
    static const char *const undo[] = {"none", "failed_branch", "block"};
    bool goes_on = chance(w, 20);
    if (chance(w, 15)) walk_put(w->walk, "    critical: false\n");
    if (goes_on)
        walk_put(w->walk, "    on_error: continue\n");
    else if (joined && chance(w, 35))
        walk_put(w->walk, "    running: cancel\n");
    uint32_t how = all && chance(w, 50) ? 0 : dice(w, 3);
    if (how || !all) walk_put(w->walk, "    undo: %s\n", undo[how]);
    w->undone |= how > 0;
    if (joined && !all && chance(w, 50)) {
        walk_put(w->walk, "    surplus: undo\n");
        w->undone = w->surplus = true;
    }
    if (joined && chance(w, 30)) walk_put(w->walk, "    width: %u\n", 1 + dice(w, 2));
}

/* Whether not all branches are needed. */
static bool put_join(struct writer *w)
{
    uint32_t how = dice(w, 6);
    if (how < 3) return false;
    walk_put(w->walk, how == 3   ? "    join: {quorum: 2}\n"
                      : how == 4 ? "    join: {quorum: 1}\n"
                                 : "    join: any\n");
    return true;
}

static uint32_t put_parallel(struct writer *w, uint32_t room)
{
    bool some = put_join(w);
    put_block_terms(w, true, !some);
    walk_put(w->walk, "    parallel:\n");
    return 1 + put_inner(w, room - 1, 4, false, some);
}

static uint32_t put_each(struct writer *w, uint32_t room)
{
    bool each = w->each, loop = w->loop;
    uint32_t copies = room / COPIES > 1 + LEAF_ROOM && dice(w, 4) != 3 ? COPIES : 2u;
    put_items(w);
    walk_put(w->walk, "    max: %u\n", copies);
    put_block_terms(w, true, !put_join(w));
    walk_put(w->walk, "    steps:\n");
    w->each = w->loop = true;
    uint32_t body = 1 + put_inner(w, (room - 1) / copies - 1, 4, true, false);
    w->each = each;
    w->loop = loop;
    return 1 + copies * body;
}

static uint32_t put_repeat(struct writer *w, uint32_t room)
{
    bool loop = w->loop;
    uint32_t visible = w->nvisible, copies = 1 + dice(w, 2) + (room > 4 * (2 + LEAF_ROOM));
    if (chance(w, 20)) walk_put(w->walk, "    critical: false\n");
    walk_put(w->walk, "    steps:\n");
    w->loop = true;
    w->walk->indent += 4;
    w->depth++;
    uint32_t body = 1 + put_list(w, (room - 1) / copies - 1, true, false);
    w->depth--;
    w->walk->indent -= 4;
    w->loop = loop;
    walk_put(w->walk, "    repeat:\n      max: %u\n", copies);
    if (chance(w, 50)) walk_put(w->walk, "      every: %us\n", 1 + dice(w, 4));
    if (chance(w, 30)) walk_put(w->walk, "      within: %us\n", 3 + dice(w, 12));
    put_until(w); /* it sees what is in a pass */
    w->nvisible = visible;
    return 1 + copies * body;
}

static uint32_t put_choose(struct writer *w, uint32_t room)
{
    static const char *const undecided[] = {"escalate", "else", "fail"};
    uint32_t cases = room > 4 * (1 + LEAF_ROOM) && chance(w, 40) ? 2 : 1, n = 1;
    uint32_t each = (room - 1) / (cases + 1);
    if (chance(w, 15)) walk_put(w->walk, "    critical: false\n");
    if (chance(w, 60)) walk_put(w->walk, "    on_error: %s\n", undecided[dice(w, 3)]);
    walk_put(w->walk, "    choose:\n");
    for (uint32_t i = 0; i < cases; i++) {
        put_condition(w, "      - if");
        walk_put(w->walk, "        steps:\n");
        n += 1 + put_inner(w, each - 1, 8, true, false);
    }
    if (chance(w, 25)) {
        walk_put(w->walk, "      - else: []\n");
        return n + 1;
    }
    walk_put(w->walk, "      - else:\n");
    return n + 1 + put_inner(w, each - 1, 8, true, false);
}

static uint32_t put_linear(struct writer *w, uint32_t room)
{
    put_block_terms(w, false, true);
    walk_put(w->walk, "    linear:\n");
    return 1 + put_inner(w, room - 1, 4, true, false);
}

static void put_pause(struct writer *w, uint32_t id, const uint32_t *before, uint32_t n)
{
    walk_put(w->walk, "  - id: s%u\n", id);
    put_common(w, before, n);
    if (chance(w, 30))
        walk_put(w->walk, "    sleep: {until: \"${duration('%us')}\"}\n", dice(w, 4));
    else
        walk_put(w->walk, "    sleep: %us\n", 1 + dice(w, 6));
}

static void put_set(struct writer *w, uint32_t id, const uint32_t *before, uint32_t n)
{
    walk_put(w->walk, "  - id: s%u\n", id);
    put_common(w, before, n);
    walk_put(w->walk, "    set: {list: \"${payload.list}\", n: \"${4 / payload.n}\"}\n");
    make_visible(w, id, true);
}

/* Its instances. */
static uint32_t put_block(struct writer *w, uint32_t room, uint32_t id, const uint32_t *before, uint32_t n)
{
    walk_put(w->walk, "  - id: s%u\n", id);
    put_common(w, before, n);
    static uint32_t (*const puts[])(struct writer *, uint32_t) = {put_parallel, put_each,   put_choose,
                                                                  put_repeat,   put_linear, put_parallel,
                                                                  put_each,     put_choose, put_repeat};
    bool undone = w->undone, surplus = w->surplus;
    uint32_t more = put_fallback(w, room > 4 * CALL_ROOM ? 20 : 0);
    more += puts[dice(w, sizeof puts / sizeof *puts)](w, room - more);
    w->undone = undone;
    w->surplus = surplus;
    return more;
}

static uint32_t put_one(struct writer *w, uint32_t room, const uint32_t *before, uint32_t n)
{
    enum { BLOCK_ROOM = 1 + 2 * (1 + LEAF_ROOM) };
    uint32_t how = dice(w, 100), id = w->ids++;
    bool block = w->depth < DEEPEST && room >= BLOCK_ROOM && how >= (w->depth ? 60u : 35u);
    if (block && how < 92) return put_block(w, room, id, before, n);
    if (how >= 96) {
        put_set(w, id, before, n);
        return 1;
    }
    if (how >= 92) {
        put_pause(w, id, before, n);
        return 1;
    }
    bool outputs = put_call(w, id);
    put_common(w, before, n);
    uint32_t used = 1 + put_fallback(w, room >= CALL_ROOM ? 15 : 0);
    if (outputs) make_visible(w, id, false);
    return used;
}

/* The steps of a list; `line`: one after the other, so that they see each other; `branches`: each is a line of its own. */
static uint32_t put_list(struct writer *w, uint32_t room, bool line, bool branches)
{
    uint32_t ids[LONGEST], n = 0, used = 0, wanted = 1 + dice(w, LONGEST);
    if (!line && wanted < 2) wanted = 2;
    while (n < wanted && (n < (line ? 1 : 2) || room - used >= (uint32_t)CALL_ROOM + branches)) {
        uint32_t visible = w->nvisible, more = wanted - n;
        uint32_t share = n + 1 == wanted ? room - used : (room - used) / more;
        ids[n] = w->ids;
        used += branches + put_one(w, share - branches, ids, n);
        if (!line) w->nvisible = visible;
        n++;
    }
    return used;
}

/* ---- flows ---------------------------------------------------------------------------------------------------------- */

void walk_define_block_flow(struct walk *walk, uint32_t flow)
{
    const char *const review = rc_state_word(RC_REVIEW).slug;
    const char *const on_failure[] = {"keep", "roll_back", review}, *const late[] = {review, "cancel",
                                                                                     "roll_back"};
    uint32_t policy = walk_dice(walk, 3), on_deadline = walk_dice(walk, 3);
    struct writer w = {.walk = walk, .undone = policy == 1};
    walk_put_head(walk, flow, on_failure[policy]);
    if (walk->timed && walk_chance(walk, 50)) {
        walk_put(walk, "deadline: %us\non_deadline: %s\n", 5 + walk_dice(walk, 40), late[on_deadline]);
        w.undone |= on_deadline == 2;
    } else if (walk->timed && walk_chance(walk, 50)) {
        walk_put(walk, "on_deadline: %s\n", late[on_deadline]);
        w.undone |= on_deadline == 2;
    }
    walk_put(walk, "steps:\n");
    (void)put_list(&w, ROOM, true, false);
}

void walk_define_blocks(struct walk *walk)
{
    sim_choices_begin(walk->choices, 'b');
    walk->blocks = walk_chance(walk, 33) && sim_wide;
    walk->timed = walk_chance(walk, walk->blocks ? 30 : 10) && sim_wide;
    if (!walk->blocks) return;
    for (uint32_t i = 0; i < WALK_DEPENDENCIES; i++)
        if (walk_chance(walk, 70)) walk->dependency[i].at_first = walk->dependency[i].most += 2;
    walk_define_all(walk, 'b');
}
