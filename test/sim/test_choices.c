/* Choices: what was noted is read again, texts say the same, and hostile texts are refused. */
#include "sim/choices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void what_is_noted_is_read_again(void **state)
{
    (void)state;
    struct sim_choices choices;
    uint32_t first[40];
    sim_choices_seed(&choices, 7);
    for (unsigned i = 0; i < 40; i++) {
        if (i % 10 == 0) sim_choices_begin(&choices, i < 10 ? 'd' : i < 30 ? 's' : 'e');
        first[i] = sim_choose(&choices, 1 + i);
        assert_true(first[i] <= i);
    }
    char *text = sim_choices_text(&choices);
    struct sim_choices parsed;
    assert_non_null(text);
    assert_int_equal(sim_choices_parse(text, &parsed), RC_OK);
    sim_choices_rewind(&choices);
    struct sim_choices *both[] = {&choices, &parsed};
    for (unsigned k = 0; k < 2; k++) {
        for (unsigned i = 0; i < 40; i++) {
            if (i % 10 == 0) sim_choices_begin(both[k], i < 10 ? 'd' : i < 30 ? 's' : 'e');
            assert_int_equal(sim_choose(both[k], 1 + i), first[i]);
        }
        assert_false(sim_choices_more(both[k], 's'));
        sim_choices_free(both[k]);
    }
    free(text);
}

static void parts_keep_to_themselves(void **state)
{
    (void)state;
    struct sim_choices choices;
    assert_int_equal(sim_choices_parse("d5.6s7..9se3", &choices), RC_OK);
    sim_choices_begin(&choices, 'd');
    assert_int_equal(sim_choose(&choices, 100), 5);
    sim_choices_begin(&choices, 's'); /* the 6 is passed over */
    assert_int_equal(sim_choose(&choices, 100), 7);
    assert_int_equal(sim_choose(&choices, 100), 0);
    assert_int_equal(sim_choose(&choices, 4), 1);   /* 9 of 4 */
    assert_int_equal(sim_choose(&choices, 100), 0); /* there is no more of it */
    assert_true(sim_choices_more(&choices, 's'));
    sim_choices_begin(&choices, 's');
    assert_int_equal(sim_choose(&choices, 100), 0);
    assert_false(sim_choices_more(&choices, 's'));
    sim_choices_begin(&choices, 's'); /* none is left */
    assert_int_equal(sim_choose(&choices, 100), 0);
    sim_choices_begin(&choices, 'e');
    assert_int_equal(sim_choose(&choices, 100), 3);
    sim_choices_free(&choices);
}

static void other_texts_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",    "x",  "12",  "d1s2d3", "d4294967296", "d1,2",  "d1 s2",
        "d-1", "dS", "d1x", "ed",     "sd",          "s1s2x", "d99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sim_choices choices;
        assert_int_equal(sim_choices_parse(bad[i], &choices), RC_INVALID);
    }
    static char many[SIM_PARTS + 2];
    struct sim_choices choices;
    memset(many, 's', SIM_PARTS);
    assert_int_equal(sim_choices_parse(many, &choices), RC_OK);
    sim_choices_free(&choices);
    many[SIM_PARTS] = 's';
    assert_int_equal(sim_choices_parse(many, &choices), RC_LIMIT);
}

static char *text_without(const char *text, bool parts, uint32_t part, uint32_t first, uint32_t n)
{
    struct sim_choices choices, less;
    assert_int_equal(sim_choices_parse(text, &choices), RC_OK);
    assert_true(parts ? sim_choices_without_parts(&choices, first, n, &less)
                      : sim_choices_without_notes(&choices, part, first, n, &less));
    char *left = sim_choices_text(&less);
    assert_non_null(left);
    sim_choices_free(&choices);
    sim_choices_free(&less);
    return left;
}

static void what_is_taken_out_is_gone(void **state)
{
    (void)state;
    static const struct {
        bool parts;
        uint32_t part, first, n;
        const char *left;
    } cases[] = {{true, 0, 1, 1, "d1.2se6"},       {true, 0, 0, 9, ""},
                 {true, 0, 9, 1, "d1.2s3.4.5se6"}, {false, 1, 1, 1, "d1.2s3.5se6"},
                 {false, 1, 0, 3, "d1.2sse6"},     {false, 1, 3, 1, "d1.2s3.4.5se6"},
                 {false, 9, 0, 1, "d1.2s3.4.5se6"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *left =
            text_without("d1.2s3.4.5s.0e6", cases[i].parts, cases[i].part, cases[i].first, cases[i].n);
        assert_string_equal(left, cases[i].left);
        free(left);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_noted_is_read_again),
        cmocka_unit_test(parts_keep_to_themselves),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(what_is_taken_out_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
