/* Lives of commands that start commands: every law holds, what is to happen does, and each law finds out what is switched off for it. The first
 * seed, and how many: RC_SIM_FROM, RC_SIM_LIVES. RC_SIM_TELL: of one life, as a story. */
#include "sim/children.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { LIVES = 60, TRIES = 200 };

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static struct children_verdict live(uint64_t seed, enum children_control control, struct children_seen *seen)
{
    struct sim_choices choices;
    sim_choices_seed(&choices, seed);
    struct children_verdict verdict =
        children_live(&choices, control, seen, getenv("RC_SIM_TELL") ? stderr : NULL);
    sim_choices_free(&choices);
    return verdict;
}

static void every_law_holds(void **state)
{
    (void)state;
    struct children_seen seen = {0};
    uint64_t from = number("RC_SIM_FROM", 1), n = number("RC_SIM_LIVES", LIVES), bad = 0;
    for (uint64_t seed = from; seed < from + n; seed++) {
        struct children_verdict verdict = live(seed, CHILDREN_SOUND, &seen);
        if (verdict.law)
            print_message("seed %llu: %s (%s)\n", (unsigned long long)seed, verdict.law, verdict.where);
        bad += verdict.law != NULL;
    }
    print_message("%llu lives: %llu children, %llu of them of children, %llu in a later round, %llu deeds, "
                  "%llu crashes, %llu restored\n",
                  (unsigned long long)seen.lives, (unsigned long long)seen.children,
                  (unsigned long long)seen.grandchildren, (unsigned long long)seen.rounds,
                  (unsigned long long)seen.done, (unsigned long long)seen.crashes,
                  (unsigned long long)seen.restored);
    assert_int_equal(bad, 0);
    if (n < LIVES) return;
    const uint64_t happened[] = {seen.children,  seen.grandchildren, seen.rounds, seen.retried,
                                 seen.cancelled, seen.rolled_back,   seen.stood,  seen.crashes,
                                 seen.restored,  seen.versions,      seen.rested, seen.done,
                                 seen.put_off};
    for (unsigned i = 0; i < sizeof happened / sizeof *happened; i++) assert_int_not_equal(happened[i], 0);
}

static void each_law_finds_out(void **state)
{
    (void)state;
    for (unsigned control = CHILDREN_SOUND + 1; control < CHILDREN_CONTROLS; control++) {
        const char *law = children_control_law((enum children_control)control);
        bool found = false;
        for (uint64_t seed = 1; seed <= TRIES && !found; seed++) {
            struct children_seen seen = {0};
            struct children_verdict verdict = live(seed, (enum children_control)control, &seen);
            found = verdict.law && strncmp(verdict.law, law, strlen(law)) == 0;
        }
        if (!found) print_message("%s was not broken\n", law);
        assert_true(found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_law_holds),
                                       cmocka_unit_test(each_law_finds_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
