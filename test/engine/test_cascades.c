/* What goes down a tree of commands that start commands: over more than one unit, a crash in the middle, a bulk over parents and children, and an
 * each of children on a disk that becomes full. */
#include "world.h"

#include "core/child.h"
#include "engine/state.h"
#include "store/memory/disk.h"

#include <stdio.h>
#include <string.h>

#define OUT   "dependency: out\nkind: http\nbase: http://127.0.0.1:1\nlimits: {concurrent: 200}\n"
#define ITEMS "payload: {type: object, properties: {items: {type: array, items: {type: integer}}}}\n"
#define EACH(more, flow)                                                                                     \
    more ITEMS "steps:\n"                                                                                    \
               "  - id: all\n"                                                                               \
               "    each: \"${payload.items}\"\n"                                                            \
               "    max: 128\n"                                                                              \
               "    width: 128\n"                                                                            \
               "    on_error: continue\n"                                                                    \
               "    steps: [{id: sub, flow: " flow "}]\n"
#define CALL                                                                                                 \
    "  - {id: call, call: out, with: {method: POST, path: /x}, timeout: 1h, retry: {limit: {attempts: "      \
    "1}},\n"                                                                                                 \
    "     undo: {with: {method: DELETE, path: /x}}}\n"

/* What sleeps takes no place of a dependency and ends as soon as it is cancelled. */
static const char sleeps[] =
    EACH("flow: top\ndeadline: 1h\non_deadline: cancel\n", "low") "---\n"
                                                                  "flow: low\n" ITEMS
                                                                  "steps:\n  - {id: w, sleep: 100h}\n";
enum { WIDE = 128 };
static const char tree[] = EACH("flow: top\n", "mid, with: {items: \"${payload.items}\"}") "---\n" EACH(
    "flow: mid\n", "low") "---\n"
                          "flow: low\n" ITEMS "steps:\n  - {id: w, sleep: 100h}\n";
static const char calls[] = OUT "---\n" EACH("flow: top\n", "low") "---\nflow: low\n" ITEMS "steps:\n" CALL;

static uint64_t commands(struct world *world)
{
    struct rc_high high;
    assert_int_equal(rc_read_high(rc_store_self(world->store), &high, &world->err), RC_OK);
    return high.seq;
}

static uint64_t submit(struct world *world, unsigned items)
{
    char payload[8 * 256 + 32], *end = payload;
    end += sprintf(end, "{\"items\": [0");
    for (unsigned i = 1; i < items; i++) end += sprintf(end, ",%u", i);
    sprintf(end, "]}");
    struct rc_request *request = world_submission(world, "top", "k", payload);
    world_ask(world, request);
    assert_int_equal(request->status, RC_OK);
    uint64_t seq = request->command.seq;
    world_free_request(request);
    assert_int_equal(world_run(world), RC_OK);
    return seq;
}

static enum rc_status act(struct world *world, uint64_t seq, enum rc_action action, const char *key)
{
    struct rc_request *request = world_action(world, seq, action, key);
    request->u.act.act.subject = RC_SV("carl");
    request->u.act.act.actor = RC_SV("carl at the desk");
    world_ask(world, request);
    enum rc_status status = request->status;
    if (status != RC_OK) print_error("%s\n", request->error.text);
    world_free_request(request);
    return status;
}

/* Time goes on: what was put off is asked, and what follows from that. */
static void go_on(struct world *world)
{
    for (unsigned i = 0; i < 3; i++) world_later(world, RC_SECONDS(1));
}

static unsigned in_state(struct world *world, enum rc_state state)
{
    struct rc_arena *arena = rc_arena_new(0, 16 << 20); /* they are many */
    unsigned n = 0;
    assert_non_null(arena);
    for (uint64_t seq = 1, last = commands(world); seq <= last; seq++) {
        struct rc_command c;
        rc_arena_reset(arena);
        assert_int_equal(rc_load_command(rc_store_self(world->store), rc_engine_definitions(world->engine),
                                         seq, arena, &c, NULL, NULL, &world->err),
                         RC_OK);
        n += c.state == state;
    }
    rc_arena_free(arena);
    return n;
}

static unsigned to_be_asked(struct world *world, uint64_t seq)
{
    struct rc_command c = world_read(world, seq);
    unsigned n = 0;
    for (uint32_t i = 1; i < c.nnodes; i++) n += rc_child_is_to_be_asked(&c, i);
    return n;
}

static void no_fault(struct world *world)
{
    struct rc_engine_stats stats;
    rc_engine_stats(world->engine, &stats);
    if (stats.faults) print_error("%s\n", world->engine->fault.text);
    assert_int_equal(stats.faults, 0);
}

/* Who has asked for the last action on a command, and how often it was acted on. */
static struct rc_sv last_actor(struct world *world, uint64_t seq, unsigned *ret_n)
{
    struct rc_reader *reader;
    struct rc_identity identity;
    struct rc_record *records;
    struct rc_sv actor = {0};
    uint32_t n;
    assert_int_equal(rc_reader_open(world->store, &reader, &world->err), RC_OK);
    assert_int_equal(
        rc_read_history(reader, seq, 0, RC_MAX_HISTORY, world->arena, &identity, &records, &n, &world->err),
        RC_OK);
    rc_reader_close(reader);
    *ret_n = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (records[i].cause->kind != RC_MSG_ACTION) continue;
        actor = records[i].cause->u.act->actor;
        ++*ret_n;
    }
    return actor;
}

/* ---- over several units -------------------------------------------------------------------------------------------- */

/* More messages than one unit ever took. After the first unit the process dies: what was still to be asked is in the store. */
static void a_tree_is_cancelled_over_a_crash(void **state)
{
    struct world *world = *state = world_open(tree);
    uint64_t seq = submit(world, WIDE);
    assert_int_equal(commands(world), 1 + WIDE + WIDE * WIDE);
    assert_int_equal(act(world, seq, RC_ACTION_CANCEL, "c"), RC_OK);
    assert_in_range(in_state(world, RC_CANCELLED), 0, WIDE * WIDE / 2); /* the rest has still to hear of it */
    unsigned put_off = to_be_asked(world, seq);
    for (uint64_t mid = seq + 1; mid <= seq + WIDE; mid++) put_off += to_be_asked(world, mid);
    assert_in_range(put_off, 1, WIDE * WIDE);
    assert_int_equal(world_state(world, seq), RC_CANCELLING);
    world_crash(world);
    go_on(world);
    assert_int_equal(in_state(world, RC_CANCELLED), 1 + WIDE + WIDE * WIDE);
    no_fault(world);
}

/* The same for a fact, which nobody would ask for again. */
static void a_deadline_reaches_all_of_many(void **state)
{
    struct world *world = *state = world_open(sleeps);
    world->many_messages = 20;
    world_crash(world);
    uint64_t seq = submit(world, 100);
    world->now += RC_SECONDS(3601);
    assert_int_equal(world_turn(world), RC_OK);
    assert_in_range(to_be_asked(world, seq), 1, 100);
    world_crash(world);
    world->now += RC_SECONDS(1);
    world->dies_in = 1; /* before what is asked then is committed */
    assert_int_not_equal(world_turn(world), RC_OK);
    assert_true(world->dead);
    world_crash(world);
    assert_in_range(to_be_asked(world, seq), 1, 100);
    go_on(world);
    assert_int_equal(in_state(world, RC_CANCELLED), 101);
    no_fault(world);
}

/* A retry, and a roll back, in the name of who has asked for them. */
static void what_is_put_off_is_in_the_name_of_who_asks(void **state)
{
    enum { MANY = 40 };
    struct world *world = *state = world_open(calls);
    world->many_messages = 10;
    world_crash(world);
    uint64_t seq = submit(world, MANY);
    assert_int_equal(world->nleft, MANY);
    for (uint32_t i = 0; i < MANY; i++) world_lose(world, i, RC_WHY_NOT_SENT);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(in_state(world, RC_FAILED), MANY);
    assert_int_equal(act(world, seq, RC_ACTION_RETRY, "r"), RC_OK);
    assert_in_range(to_be_asked(world, seq), 1, MANY);
    world_crash(world); /* what has left is lost */
    go_on(world);
    assert_int_equal(to_be_asked(world, seq), 0);
    for (uint64_t child = seq + 1; child <= seq + MANY; child++) {
        unsigned n;
        assert_true(rc_sv_eq(last_actor(world, child, &n), RC_SV("carl at the desk")));
        assert_int_equal(n, 1);
    }
    assert_int_equal(in_state(world, RC_FAILED), 0);
    no_fault(world);
}

static void a_roll_back_reaches_all_of_many(void **state)
{
    enum { MANY = 40 };
    struct world *world = *state = world_open(calls);
    world->many_messages = 10;
    world_crash(world);
    uint64_t seq = submit(world, MANY);
    for (uint32_t i = 0; i < MANY; i++) world_answer(world, i, 201, "{}");
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(in_state(world, RC_COMPLETED), 1 + MANY);
    assert_int_equal(act(world, seq, RC_ACTION_ROLL_BACK, "b"), RC_OK);
    assert_in_range(to_be_asked(world, seq), 1, MANY);
    go_on(world);
    assert_int_equal(world->nleft, 2 * MANY); /* each is undone once */
    for (uint32_t i = MANY; i < 2 * MANY; i++) world_answer(world, i, 200, "{}");
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(in_state(world, RC_ROLLED_BACK), 1 + MANY);
    no_fault(world);
}

/* ---- bulks --------------------------------------------------------------------------------------------------------- */

/* An action on parents and children alike. Whom its parent's wish has reached first is left as it is, or acted on again where that is asked for. */
static void bulk(struct world *world, enum rc_action action, uint64_t seq, uint32_t n, const char *key)
{
    uint64_t seqs[64];
    assert_in_range(n, 1, 64);
    for (uint32_t i = 0; i < n; i++) seqs[i] = seq + i;
    struct rc_request *request = world_bulk(world, key, (struct rc_act){.action = (uint8_t)action}, seqs, n);
    world_ask(world, request);
    assert_int_equal(request->status, RC_OK);
    uint64_t id = request->u.bulk.id, nonce = request->u.bulk.nonce;
    world_free_request(request);
    request = world_order(id, nonce, RC_BULK_RUNNING, true);
    request->u.bulk.order.set_stop = true; /* those that their parent has reached first are refused */
    request->u.bulk.order.stop_percent = 100;
    world_ask(world, request);
    assert_int_equal(request->status, RC_OK);
    world_free_request(request);
    for (unsigned i = 0; i < 10; i++) world_later(world, RC_SECONDS(2));
    struct rc_bulk found;
    assert_int_equal(rc_read_bulk(rc_store_self(world->store), id, world->arena, &found, &world->err), RC_OK);
    assert_int_equal(found.state, RC_BULK_DONE);
    assert_int_equal(found.count[RC_ITEM_FAILED], 0);
    assert_int_equal(found.count[RC_ITEM_OPEN], 0);
    assert_in_range(found.count[RC_ITEM_DONE], 1, n); /* the parent is one of them */
    no_fault(world);
}

static void bulks_over_parents_and_children(void **state)
{
    enum { MANY = 8 };
    struct world *world = *state = world_open(calls);
    uint64_t seq = submit(world, MANY);
    for (uint32_t i = 0; i < MANY; i++) world_lose(world, i, RC_WHY_NOT_SENT);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(in_state(world, RC_FAILED), MANY);
    bulk(world, RC_ACTION_RETRY, seq, 1 + MANY, "retry");
    assert_int_equal(world->nleft, 2 * MANY); /* each once more, however many ask for it */
    for (uint32_t i = MANY; i < 2 * MANY; i++) world_answer(world, i, 201, "{}");
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(in_state(world, RC_COMPLETED), 1 + MANY);
    bulk(world, RC_ACTION_ROLL_BACK, seq, 1 + MANY, "back");
    assert_int_equal(world->nleft, 3 * MANY);
    for (uint32_t i = 2 * MANY; i < 3 * MANY; i++) world_answer(world, i, 200, "{}");
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(in_state(world, RC_ROLLED_BACK), 1 + MANY);
}

static void a_bulk_cancels_parents_and_children(void **state)
{
    struct world *world = *state = world_open(sleeps);
    uint64_t seq = submit(world, 8);
    bulk(world, RC_ACTION_CANCEL, seq, 9, "cancel");
    assert_int_equal(in_state(world, RC_CANCELLED), 9);
}

/* ---- an each of a hundred ------------------------------------------------------------------------------------------- */

/* The disk is full when some of them have been started: no other one is until there is room, and none is lost or there twice. */
static void a_full_disk_in_the_middle_of_an_each(void **state)
{
    enum { MANY = 100 };
    struct world *world = *state = world_open(calls);
    char payload[8 * MANY + 32], *end = payload;
    end += sprintf(end, "{\"items\": [0");
    for (unsigned i = 1; i < MANY; i++) end += sprintf(end, ",%u", i);
    sprintf(end, "]}");
    struct rc_request *request = world_submission(world, "top", "k", payload);
    world->engine->apart = 2 * MANY; /* one unit in a turn */
    world_ask(world, request);
    assert_int_equal(request->status, RC_OK);
    world_free_request(request);
    for (unsigned i = 0; i < MANY && commands(world) < MANY / 2; i++)
        assert_int_equal(world_turn(world), RC_OK);
    uint64_t before = commands(world);
    assert_in_range(before, 2, MANY - 1);
    rc_memory_full(world->disk, true);
    world_later(world, RC_SECONDS(120));
    world_crash(world);
    world_later(world, RC_SECONDS(120));
    assert_int_equal(commands(world), before);
    rc_memory_full(world->disk, false);
    world_later(world, RC_SECONDS(120));
    assert_int_equal(commands(world), 1 + MANY);
    struct rc_command top = world_read(world, 1);
    for (uint64_t seq = 2; seq <= 1 + MANY; seq++) {
        struct rc_command child = world_read(world, seq);
        assert_int_equal(child.parent.link.seq, 1);
        assert_int_equal(top.data[child.parent.node].child.link.seq, seq);
    }
    no_fault(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_tree_is_cancelled_over_a_crash, world_teardown),
        cmocka_unit_test_teardown(a_deadline_reaches_all_of_many, world_teardown),
        cmocka_unit_test_teardown(what_is_put_off_is_in_the_name_of_who_asks, world_teardown),
        cmocka_unit_test_teardown(a_roll_back_reaches_all_of_many, world_teardown),
        cmocka_unit_test_teardown(bulks_over_parents_and_children, world_teardown),
        cmocka_unit_test_teardown(a_bulk_cancels_parents_and_children, world_teardown),
        cmocka_unit_test_teardown(a_full_disk_in_the_middle_of_an_each, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
