/* Lanes: who gets a place, who waits, who gives way; and the order of age, in which nothing starves. */
#include "core/lane.h"

#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

struct bed {
    struct rc_lane lane;
    struct rc_arena *arena;
    struct rc_out out; /* of the last message */
    struct rc_error err;
};

static int begin(void **state)
{
    struct bed *bed = calloc(1, sizeof *bed);
    bed->lane.id = 7;
    bed->arena = rc_arena_new(1 << 16, 64 << 20);
    *state = bed;
    return bed->arena ? 0 : 1;
}

static int end(void **state)
{
    struct bed *bed = *state;
    rc_arena_free(bed->arena);
    free(bed);
    return 0;
}

static enum rc_status tell(struct bed *bed, struct rc_ask ask, uint64_t seq)
{
    struct rc_lane after;
    ask.to = (struct rc_addr){.agg = RC_AGG_LANE, .id = bed->lane.id};
    ask.from = (struct rc_addr){.agg = RC_AGG_COMMAND, .id = seq};
    bed->out = (struct rc_out){0};
    enum rc_status status = rc_lane_step(&bed->lane, &ask, bed->arena, &after, &bed->out, &bed->err);
    if (status == RC_OK) bed->lane = after;
    return status;
}

static enum rc_status want(struct bed *bed, uint64_t seq, uint32_t limit, enum rc_lane_wish wish)
{
    return tell(bed,
                (struct rc_ask){
                    .kind = RC_MSG_LANE_WANT, .node = limit, .purpose = (uint8_t)wish, .order = 1000 + seq},
                seq);
}

static void leave(struct bed *bed, uint64_t seq)
{
    assert_int_equal(tell(bed, (struct rc_ask){.kind = RC_MSG_LANE_LEAVE}, seq), RC_OK);
}

/* Whether the last message made exactly this one of its own. */
static bool said(const struct bed *bed, rc_message_kind kind, uint64_t seq)
{
    return bed->out.nmessage == 1 && bed->out.message[0].kind == kind && bed->out.message[0].to.id == seq;
}

/* Each brings its own limit; who comes before others who wait is looked at with its own at once. */
static void before_a_smaller_limit(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(want(bed, 1, 1, RC_WISH_QUEUE), RC_OK);
    assert_int_equal(want(bed, 2, 1, RC_WISH_QUEUE), RC_OK);
    assert_int_equal(bed->out.nmessage, 0);
    struct rc_ask urgent = {.kind = RC_MSG_LANE_WANT, .node = 3, .purpose = RC_WISH_QUEUE, .order = 1};
    assert_int_equal(tell(bed, urgent, 3), RC_OK);
    assert_true(said(bed, RC_MSG_GRANT, 3));
    assert_int_equal(want(bed, 4, 3, RC_WISH_QUEUE),
                     RC_OK); /* behind who waits: there is room, and it is not its turn */
    assert_int_equal(bed->out.nmessage, 0);
    assert_int_equal(bed->lane.nholders, 2);
    assert_int_equal(bed->lane.nwaiting, 2);
}

static void first_in_first_out(void **state)
{
    struct bed *bed = *state;
    for (uint64_t seq = 1; seq <= 4; seq++) {
        assert_int_equal(want(bed, seq, 2, RC_WISH_QUEUE), RC_OK);
        assert_true(seq > 2 ? bed->out.nmessage == 0 : said(bed, RC_MSG_GRANT, seq));
    }
    leave(bed, 2);
    assert_true(said(bed, RC_MSG_GRANT, 3));
    leave(bed, 4); /* who waits may leave, too */
    assert_int_equal(bed->out.nmessage, 0);
    leave(bed, 1);
    leave(bed, 3);
    leave(bed, 99); /* who is not there: nothing */
    assert_int_equal(bed->lane.nholders + bed->lane.nwaiting, 0);
}

static void limits_hold(void **state)
{
    struct bed *bed = *state;
    for (uint64_t seq = 1; seq <= RC_MAX_LANE; seq++)
        assert_int_equal(want(bed, seq, RC_MAX_LANE, RC_WISH_REFUSE), RC_OK);
    assert_int_equal(want(bed, 500, RC_MAX_LANE, RC_WISH_REFUSE), RC_LANE_FULL);
    assert_int_equal(want(bed, 500, RC_MAX_LANE, RC_WISH_STAY), RC_OK); /* a fact: it is at work already */
    assert_int_equal(bed->lane.nholders, RC_MAX_LANE);
    assert_int_equal(want(bed, 501, RC_MAX_LANE, RC_WISH_QUEUE), RC_OK);
    assert_int_equal(bed->lane.nwaiting, 1);
    assert_int_equal(want(bed, 502, RC_MAX_LANE, RC_WISH_REFUSE), RC_LANE_FULL);
    assert_int_equal(tell(bed, (struct rc_ask){.kind = RC_MSG_LANE_OFFER}, 0), RC_OK); /* there is no place */
    assert_true(bed->out.nmessage == 0 && bed->lane.nwaiting == 1);
    bed->lane.waiting[0].limit = RC_MAX_LANE + 1; /* of a version that allowed more than there is room for */
    assert_false(rc_lane_may_grant(&bed->lane));
}

/* Who waits gives way in the order in which they came, whatever their priority; and nobody has to where there is room. */
static void who_waits_gives_way(void **state)
{
    struct bed *bed = *state;
    bed->lane.waiting[0] = (struct rc_lane_entry){.seq = 7, .order = 1, .limit = 1};
    bed->lane.waiting[1] = (struct rc_lane_entry){.seq = 4, .order = 2, .limit = 1};
    bed->lane.nwaiting = 2;
    bed->lane.holder[0] = (struct rc_lane_entry){.seq = 3, .limit = 1, .yields = true};
    bed->lane.nholders = 1;
    assert_int_equal(want(bed, 9, 1, RC_WISH_REPLACE), RC_OK);
    assert_true(said(bed, RC_MSG_ACTION, 4));
    bed->lane.nwaiting = 0;
    assert_int_equal(want(bed, 10, 1, RC_WISH_REPLACE), RC_OK); /* the one that is there is leaving */
    assert_int_equal(bed->out.nmessage, 0);
    assert_int_equal(bed->lane.nwaiting, 1);
}

/* Each has the limit of the version that it was made with; nobody is passed by. */
static void limits_of_versions(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(want(bed, 1, 1, RC_WISH_QUEUE), RC_OK);
    assert_int_equal(want(bed, 2, 1, RC_WISH_QUEUE), RC_OK);
    assert_int_equal(want(bed, 3, 3, RC_WISH_QUEUE), RC_OK);
    assert_int_equal(bed->out.nmessage, 0);
    assert_int_equal(want(bed, 4, 3, RC_WISH_REFUSE), RC_LANE_FULL);
    leave(bed, 1);
    assert_int_equal(bed->out.nmessage, 2); /* 2 has its place, and 3 beside it */
    assert_int_equal(bed->lane.nholders, 2);
}

static void the_oldest_gives_way(void **state)
{
    struct bed *bed = *state;
    for (uint64_t seq = 1; seq <= 2; seq++) assert_int_equal(want(bed, seq, 2, RC_WISH_REPLACE), RC_OK);
    assert_int_equal(want(bed, 3, 2, RC_WISH_REPLACE), RC_OK);
    assert_true(said(bed, RC_MSG_ACTION, 1));
    assert_int_equal(tell(bed, (struct rc_ask){.kind = RC_MSG_LANE_YIELD}, 1), RC_OK);
    assert_int_equal(want(bed, 4, 2, RC_WISH_REPLACE), RC_OK);
    assert_true(said(bed, RC_MSG_ACTION, 2)); /* 1 is going already */
    assert_int_equal(tell(bed, (struct rc_ask){.kind = RC_MSG_LANE_YIELD}, 2), RC_OK);
    assert_int_equal(want(bed, 5, 2, RC_WISH_REPLACE), RC_OK);
    assert_true(said(bed, RC_MSG_ACTION, 3)); /* it waited, and never began */
    leave(bed, 3);
    leave(bed, 1);
    assert_true(said(bed, RC_MSG_GRANT, 4));
    leave(bed, 2);
    assert_true(said(bed, RC_MSG_GRANT, 5));
}

/* Memory holds the first of many; the rest is in the store, and who comes behind it goes there. */
static void a_window_of_many(void **state)
{
    struct bed *bed = *state;
    for (uint64_t seq = 1; seq <= RC_LANE_WINDOW + 1; seq++)
        assert_int_equal(want(bed, seq, 1, RC_WISH_QUEUE), RC_OK);
    assert_int_equal(bed->lane.nwaiting, RC_LANE_WINDOW);
    assert_false(bed->lane.more);
    assert_int_equal(want(bed, 200, 1, RC_WISH_QUEUE), RC_OK); /* one above */
    assert_true(bed->lane.more && bed->lane.nwaiting == RC_LANE_WINDOW);
    rc_lane_queue(&bed->lane, (struct rc_lane_entry){.seq = 300, .order = 1, .limit = 1}); /* an urgent one */
    assert_true(bed->lane.waiting[0].seq == 300 && bed->lane.nwaiting == RC_LANE_WINDOW);
    for (uint64_t seq = 1, last = 1; !rc_lane_is_short(&bed->lane); seq = last) {
        leave(bed, seq);
        assert_int_equal(bed->out.nmessage, 1);
        last = bed->out.message[0].to.id;
        assert_true(last != 200);
    }
    assert_int_equal(bed->lane.nholders, 1);
    assert_int_equal(want(bed, 400, 5, RC_WISH_QUEUE), RC_OK); /* not before those in the store */
    assert_int_equal(bed->out.nmessage, 0);
    assert_int_equal(bed->lane.nwaiting, 0);
    assert_int_equal(want(bed, 401, 5, RC_WISH_REFUSE), RC_LANE_FULL);
}

/* However much urgent work comes in, every second, what has waited for nine minutes comes next. */
static void nothing_starves(void **state)
{
    (void)state;
    const rc_us start = RC_SECONDS(1800000000);
    struct rc_command old = {.id = {.created = start}};
    rc_us last_before = 0;
    for (uint64_t second = 0; second < 3600; second++) {
        struct rc_command urgent = {.id = {.created = start + RC_SECONDS(second)},
                                    .priority = RC_MAX_PRIORITY};
        bool passes = rc_command_order(&urgent) < rc_command_order(&old);
        assert_int_equal(passes,
                         second < 9 * 60); /* at the limit: equal, and the older one has the lower number */
        if (passes) last_before = urgent.id.created;
    }
    assert_true(last_before == start + RC_SECONDS(9 * 60 - 1));
    struct rc_command first = {.id = {.created = 5}, .priority = 9}; /* a clock that stands at its begin */
    assert_true(rc_command_order(&first) == 1);
}

static void ids_differ(void **state)
{
    (void)state;
    uint64_t id = rc_lane_id(RC_SV("default"), RC_SV("flow"), RC_SV("key"));
    assert_true(id && id <= INT64_MAX);
    assert_true(id == rc_lane_id(RC_SV("default"), RC_SV("flow"), RC_SV("key")));
    assert_true(id != rc_lane_id(RC_SV("other"), RC_SV("flow"), RC_SV("key")));
    assert_true(id != rc_lane_id(RC_SV("default"), RC_SV("flo"), RC_SV("wkey")));
    assert_true(id != rc_lane_id(RC_SV("default"), RC_SV("flow"), RC_SV("key2")));
}

static void wrong_messages(void **state)
{
    struct bed *bed = *state;
    const uint8_t kinds[] = {RC_MSG_SUBMIT, RC_MSG_ADMIT,    RC_MSG_RESULT, RC_MSG_LOST,      RC_MSG_DUE,
                             RC_MSG_ACTION, RC_MSG_RESTORED, RC_MSG_LATE,   RC_MSG_SIGNALLED, RC_MSG_GRANT,
                             RC_MSG_WANT,   RC_MSG_OFFER,    RC_MSG_DONE,   RC_MSG_BACKLOG,   RC_MSG_CLOSED,
                             RC_MSG_QUEUE,  RC_MSG_PULL,     RC_MSG_SIGNAL, RC_MSG_LISTEN,    RC_MSG_PLAN,
                             RC_MSG_OCCUR,  RC_MSG_PAUSE,    RC_MSG_RESUME, RC_MSG_RUN};
    for (unsigned i = 0; i < sizeof kinds; i++)
        assert_int_equal(tell(bed, (struct rc_ask){.kind = kinds[i]}, 1), RC_BUG);
}

int main(void)
{
#define LANE(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        LANE(first_in_first_out),     LANE(limits_hold),         LANE(limits_of_versions),
        LANE(before_a_smaller_limit), LANE(who_waits_gives_way), LANE(the_oldest_gives_way),
        LANE(a_window_of_many),       LANE(wrong_messages),      cmocka_unit_test(nothing_starves),
        cmocka_unit_test(ids_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
