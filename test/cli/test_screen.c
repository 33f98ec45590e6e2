/* Writing for people: nothing foreign reaches the terminal as a control, nothing is wider than it. */
#include "cli/screen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

struct page {
    struct screen screen;
    char *text;
    size_t n;
    struct rc_arena *arena;
};
static struct page page;

static int setup(void **state)
{
    page = (struct page){.arena = rc_arena_new(0, 1 << 20)};
    page.screen = (struct screen){.out = open_memstream(&page.text, &page.n), .width = 40};
    assert_true(rc_parse_time(RC_SV("2026-11-21T12:00:00Z"), &page.screen.now));
    *state = &page;
    return page.screen.out && page.arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    fclose(page.screen.out);
    free(page.text);
    rc_arena_free(page.arena);
    return 0;
}

static const char *written(void)
{
    fflush(page.screen.out);
    return page.text;
}

static void test_controls(void **state)
{
    (void)state;
    screen_sv(&page.screen, RC_SV("a\033[31mb\x7f\x01\r\n\tc\xc2\x9b\xff\xc3\xa9"));
    assert_string_equal(written(), "a?[31mb?????c??\xc3\xa9");
}

/* U+2028 to U+202E and U+2066 to U+2069 turn text around; their neighbours do not. */
static void test_turned(void **state)
{
    /* an array: a literal with such a character is none that a compiler should see */
    static const char low[] = {'\xe2', '\x80', '\xa7', '\xe2', '\x80', '\xa8',
                               '\xe2', '\x80', '\xae', '\xe2', '\x80', '\xaf'};
    (void)state;
    screen_sv(&page.screen, (struct rc_sv){low, sizeof low});
    screen_sv(&page.screen, RC_SV("\xe2\x81\xa5\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xaa"));
    assert_string_equal(written(), "\xe2\x80\xa7??\xe2\x80\xaf\xe2\x81\xa5??\xe2\x81\xaa");
}

/* A name in a line of ours is foreign text, too; and a line is one line. */
static void test_line(void **state)
{
    char name[SCREEN_LINE + 2];
    (void)state;
    screen_line(&page.screen, "now %.*s, %d", RC_SV_ARG(RC_SV("a\033]0;x\a\nb")), 7);
    assert_string_equal(written(), "now a?]0;x??b, 7\n");
    memset(name, 'n', sizeof name);
    screen_line(&page.screen, "%.*s", SCREEN_LINE, name);
    assert_int_equal(strlen(written()), 17 + SCREEN_LINE + 1);
    screen_line(&page.screen, "%.*s", SCREEN_LINE + 1, name);
    assert_int_equal(strlen(written()), 17 + 2 * (SCREEN_LINE + 1) + 3);
    assert_true(rc_sv_ends(rc_sv_of(written()), RC_SV("n…\n")));
}

static void test_cell(void **state)
{
    (void)state;
    screen_cell(&page.screen, RC_SV("abcdef"), 4, true);
    screen_cell(&page.screen, RC_SV("|ab"), 5, true);
    screen_cell(&page.screen, RC_SV("|\xc3\xa9\xc3\xa9"), 3, true);
    screen_cell(&page.screen, RC_SV("|end"), 9, false);
    assert_string_equal(written(), "abc…|ab  |\xc3\xa9\xc3\xa9|end");
}

static void test_wrap(void **state)
{
    (void)state;
    screen_wrap(&page.screen, 4, 0, RC_SV("one two three four five six seven eight nine ten"));
    assert_string_equal(written(), "one two three four five six seven eight\n    nine ten\n");
}

static void test_wrap_long_word(void **state)
{
    (void)state;
    screen_wrap(&page.screen, 2, 38, RC_SV("aaaaaaaaaa b"));
    assert_string_equal(written(), "aaaaaaaaaa\n  b\n"); /* the first word stays where it is */
}

static void test_ago(void **state)
{
    static const struct {
        const char *at, *text;
    } row[] = {{"2026-11-21T11:59:59.5Z", "just now"},
               {"2026-11-21T11:59:59Z", "1 second ago"},
               {"2026-11-21T11:59:00Z", "1 minute ago"},
               {"2026-11-21T10:00:00Z", "2 hours ago"},
               {"2026-11-18T12:00:00Z", "3 days ago"},
               {"2026-11-21T12:00:12Z", "in 12 seconds"},
               {"nonsense", ""},
               {"", ""}};
    (void)state;
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++)
        assert_true(rc_sv_is(screen_ago(&page.screen, page.arena, rc_sv_of(row[i].at)), row[i].text));
}

static void test_clock(void **state)
{
    (void)state;
    assert_true(rc_sv_is(screen_clock(&page.screen, page.arena, RC_SV("2026-11-21T09:08:07.123456Z")),
                         "09:08:07.123"));
    assert_true(rc_sv_is(screen_clock(&page.screen, page.arena, RC_SV("2026-11-20T09:08:07.123456Z")),
                         "2026-11-20 09:08"));
    assert_true(rc_sv_is(screen_clock(&page.screen, page.arena, RC_SV("x")), ""));
}

static void test_table(void **state)
{
    static const struct screen_column column[] = {{"ID", 4, false}, {"NAME", 6, true}, {"NOTE", 4, true}};
    const struct rc_sv cells[] = {RC_SV("1234"), RC_SV("a rather long name that does not fit"),
                                  RC_SV("ok"),   RC_SV("5"),
                                  RC_SV("b"),    RC_SV("a long note, too")};
    const enum tint tint[] = {TINT_NONE, TINT_BAD};
    (void)state;
    screen_table(&page.screen, column, 3, cells, 2, 0, tint);
    const char *text = written();
    unsigned lines = 0;
    for (const char *p = text; *p; lines++) {
        const char *end = strchr(p, '\n');
        assert_non_null(end);
        assert_true(screen_columns((struct rc_sv){p, (uint32_t)(end - p)}) <= 40);
        p = end + 1;
    }
    assert_int_equal(lines, 3);
    assert_non_null(strstr(text, "a rather long"));
    assert_null(strstr(text, "\033")); /* no colours in a file */
}

/* What does not fit with every column at its least is left out from the right. */
static void test_narrow_table(void **state)
{
    static const struct screen_column column[] = {
        {"IDENTITY", 16, false}, {"STATE", 16, false}, {"NOTE", 8, false}};
    const struct rc_sv cells[] = {RC_SV("0123456789abcdef"), RC_SV("0123456789abcdef"), RC_SV("01234567")};
    const enum tint tint[] = {TINT_NONE};
    (void)state;
    screen_table(&page.screen, column, 3, cells, 1, 2, tint); /* 44 columns */
    assert_string_equal(written(), "IDENTITY          STATE\n0123456789abcdef  0123456789abcdef\n");
    page.screen.width = 44;
    screen_table(&page.screen, column, 3, cells, 1, 2, tint);
    assert_non_null(strstr(written(), "0123456789abcdef  0123456789abcdef  01234567\n"));
    page.screen.width = 10;
    screen_table(&page.screen, column, 1, cells, 1, 2, tint);
    assert_non_null(strstr(written(), "012345678…\n"));
}

static void test_tones(void **state)
{
    (void)state;
    assert_int_equal(screen_tone(RC_SV("bad")), TINT_BAD);
    assert_int_equal(screen_tone(RC_SV("plain")), TINT_NONE);
    assert_int_equal(screen_tone(RC_SV("what a later server may say")), TINT_NONE);
    page.screen.colour = true;
    screen_tint(&page.screen, TINT_BAD);
    assert_string_equal(written(), "\033[31m");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {CASE(test_controls),     CASE(test_turned), CASE(test_line),
                                       CASE(test_cell),         CASE(test_wrap),   CASE(test_wrap_long_word),
                                       CASE(test_ago),          CASE(test_clock),  CASE(test_table),
                                       CASE(test_narrow_table), CASE(test_tones)};
    return cmocka_run_group_tests_name("cli screen", tests, NULL, NULL);
}
