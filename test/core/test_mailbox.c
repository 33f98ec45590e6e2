/* What becomes of signals at their mailbox: who hears them, how many are kept, and what is given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/command.h"
#include "core/mailbox.h"
#include "base/limits.h"

#include <string.h>

static const struct rc_signal paid = {.number = 4,
                                      .ns = RC_SV("default"),
                                      .name = RC_SV("paid"),
                                      .id = RC_SV("p1"),
                                      .payload = {.kind = CEL_MAP}};

struct bed {
    struct rc_arena *arena;
    struct rc_error err;
    struct rc_signal after;
    struct rc_out out;
};

static int begin(void **state)
{
    struct bed *bed = test_calloc(1, sizeof *bed);
    bed->arena = rc_arena_new(4096, 1 << 20);
    *state = bed;
    return 0;
}

static int end(void **state)
{
    struct bed *bed = *state;
    rc_arena_free(bed->arena);
    test_free(bed);
    return 0;
}

static enum rc_status tell(struct bed *bed, const struct rc_mailbox *box, struct rc_ask ask,
                           struct rc_arena *arena)
{
    const struct rc_link asks = {9, 90};
    bed->out = (struct rc_out){0};
    bed->err = (struct rc_error){0};
    ask.to = (struct rc_addr){.agg = RC_AGG_MAILBOX, .id = 5};
    return rc_mailbox_step(box, &ask, asks, arena, &bed->after, &bed->out, &bed->err);
}

/* One listens, or nobody; one waits in the mailbox, or none. */
static void who_listens_is_told(void **state)
{
    struct bed *bed = *state;
    const struct rc_mailbox empty = {.id = 5}, heard = {.id = 5, .listener = {7, 70}, .node = 3},
                            kept = {.id = 5, .oldest = &paid, .kept = 1};
    const struct rc_ask comes = {.kind = RC_MSG_SIGNAL, .u.signal = &paid},
                        listens = {.kind = RC_MSG_LISTEN, .node = 6};
    assert_int_equal(tell(bed, &empty, comes, bed->arena), RC_OK); /* it is kept */
    assert_true(bed->out.nmessage == 0 && bed->after.number == 4 && bed->after.taken.seq == 0);
    assert_int_equal(tell(bed, &heard, comes, bed->arena), RC_OK);
    assert_true(bed->out.nmessage == 1 && bed->out.message->kind == RC_MSG_SIGNALLED);
    assert_true(bed->out.message->to.id == 7 && bed->out.message->node == 3 && bed->after.taken.seq == 7);
    assert_int_equal(tell(bed, &empty, listens, bed->arena), RC_OK);
    assert_true(bed->out.nmessage == 0 && bed->after.number == 0);
    assert_int_equal(tell(bed, &kept, listens, bed->arena), RC_OK);
    assert_true(bed->out.nmessage == 1 && bed->out.message->to.id == 9 && bed->out.message->node == 6);
    assert_int_equal(tell(bed, &kept, (struct rc_ask){.kind = RC_MSG_DUE}, bed->arena), RC_BUG);
}

/* At the limit, and one above it; who gives one back had its place before. */
static void a_full_mailbox_takes_back(void **state)
{
    struct bed *bed = *state;
    struct rc_mailbox box = {.id = 5, .oldest = &paid, .kept = RC_MAX_SIGNALS_KEPT - 1};
    struct rc_ask comes = {.kind = RC_MSG_SIGNAL, .u.signal = &paid};
    assert_int_equal(tell(bed, &box, comes, bed->arena), RC_OK);
    box.kept++;
    assert_int_equal(tell(bed, &box, comes, bed->arena), RC_QUOTA);
    assert_non_null(strstr(bed->err.text, "paid"));
    comes.from.agg = RC_AGG_COMMAND;
    assert_int_equal(tell(bed, &box, comes, bed->arena), RC_OK);
    assert_true(bed->after.number == 4 && bed->after.taken.seq == 0);
}

static void without_room_nothing_is_handed_over(void **state)
{
    struct bed *bed = *state;
    const struct rc_mailbox heard = {.id = 5, .listener = {7, 70}};
    const struct rc_ask comes = {.kind = RC_MSG_SIGNAL, .u.signal = &paid};
    unsigned refused = 0;
    for (size_t limit = 0;; limit += 16, refused++) {
        struct rc_arena *arena = rc_arena_new(0, limit);
        enum rc_status status = tell(bed, &heard, comes, arena);
        rc_arena_free(arena);
        if (status == RC_OK) break;
        assert_true(status == RC_LIMIT && bed->err.text[0] && bed->after.number == 0 &&
                    bed->out.nmessage == 0);
    }
    assert_true(refused > 5);
}

int main(void)
{
#define BOX(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        BOX(who_listens_is_told),
        BOX(a_full_mailbox_takes_back),
        BOX(without_room_nothing_is_handed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
