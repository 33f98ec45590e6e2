/* Lives: the same seed is the same life; notes of a life are that life; a protection that is off is found out and its story made short; what
 * kills the process is a failure. Leaks are looked for here: these lives are this process's own. */
#include "sim/run.h"
#include "sim/shrink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { TRIES = 100, SHORT = 8, LIVES = 15 };

static char *story(struct sim_choices *choices, enum sim_control control)
{
    static struct sim_seen seen;
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    assert_non_null(to);
    struct sim_verdict verdict = sim_live(choices, control, &seen, to);
    if (verdict.law) fprintf(to, "%s %s", verdict.law, verdict.where);
    fclose(to);
    return text;
}

static void the_same_seed_is_the_same_life(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= LIVES; seed++) {
        struct sim_choices choices;
        sim_choices_seed(&choices, seed);
        char *first = story(&choices, SIM_SOUND);
        sim_choices_rewind(&choices);
        char *again = story(&choices, SIM_SOUND); /* of its notes */
        assert_string_equal(first, again);
        assert_true(strlen(first) > 1000);
        sim_choices_free(&choices);
        free(first);
        free(again);
    }
}

static void a_broken_life_is_made_short(void **state)
{
    (void)state;
    struct sim_order order = {.from = 1, .n = TRIES, .jobs = 1, .control = SIM_ANSWER_TOO_EARLY, .enough = 1};
    static struct sim_sum sum;
    static struct sim_seen seen;
    sim_run(&order, &sum);
    assert_int_equal(sum.nfailures, 1);
    struct sim_choices choices;
    sim_choices_seed(&choices, sum.failure[0].seed);
    struct sim_verdict before = sim_live(&choices, order.control, &seen, NULL);
    assert_non_null(before.law);
    uint32_t parts = choices.nparts;
    assert_true(sim_shrink(&choices, order.control, 60) > 1);
    struct sim_verdict after = sim_live(&choices, order.control, &seen, NULL);
    assert_string_equal(after.law, before.law);
    /* one that asks, and a crash before the commit */
    assert_true(choices.nparts < parts && choices.nparts <= SHORT);
    sim_choices_free(&choices);
}

static void the_same_story_without_the_control_is_sound(void **state)
{
    (void)state;
    struct sim_order order = {.from = 1, .n = LIVES, .jobs = 2, .control = SIM_SOUND, .enough = 1};
    static struct sim_sum sum;
    sim_run(&order, &sum);
    assert_int_equal(sum.nfailures, 0);
    assert_int_equal(sum.lives, LIVES);
    assert_true(sum.seen.turns > LIVES && sum.seen.crashes > LIVES && sum.seen.lives == LIVES);
}

/* What they came to does not depend on the number of processes. */
static void lives_of_this_process(void **state)
{
    (void)state;
    struct sim_order order = {.from = 7, .n = LIVES, .jobs = 2, .control = SIM_SOUND, .enough = 1};
    static struct sim_sum others, ours;
    sim_run(&order, &others);
    order.jobs = 0;
    sim_run(&order, &ours);
    assert_int_equal(ours.nfailures, 0);
    assert_int_equal(ours.lives, LIVES);
    assert_memory_equal(&ours.seen, &others.seen, sizeof ours.seen);
    sim_sum_add(&ours, &others);
    assert_int_equal(ours.lives, 2 * LIVES);
    assert_int_equal(ours.seen.lives, 2 * LIVES);
}

static void what_was_covered_adds_up(void **state)
{
    (void)state;
    static struct sim_seen one, two;
    sim_seen_life(&one, 1 | 4);
    sim_seen_life(&two, 1 | 2);
    sim_seen_add(&one, &two);
    assert_int_equal(one.lives, 2);
    assert_int_equal(one.pair[0][1], 1);
    assert_int_equal(one.pair[0][2], 1);
    assert_int_equal(one.pair[1][2], 0);
    struct sim_cover cover = sim_seen_cover(&one, NULL);
    assert_int_equal(cover.pairs_seen, 2);
    assert_int_equal(cover.taken, 0);
    assert_int_equal(cover.surprises, 0);
    assert_true(cover.holes >= cover.edges + cover.pairs - 2);
    one.command_edge[RC_PENDING][RC_COMPLETED] = 1; /* out of reach, it is said */
    assert_int_equal(sim_seen_cover(&one, NULL).surprises, 1);
    one.command_edge[RC_PENDING][RC_RUNNING] = 1;
    assert_int_equal(sim_seen_cover(&one, NULL).holes, cover.holes - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_is_the_same_life),
        cmocka_unit_test(a_broken_life_is_made_short),
        cmocka_unit_test(the_same_story_without_the_control_is_sound),
        cmocka_unit_test(lives_of_this_process),
        cmocka_unit_test(what_was_covered_adds_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
