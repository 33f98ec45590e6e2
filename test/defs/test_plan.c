/* What applying would change, and the diffs that people are shown. */
#include "kit.h"

#include "defs/diff.h"

static struct rc_h128 digest(uint64_t n)
{
    return (struct rc_h128){n, ~n};
}

static struct defs_stored stored(enum defs_kind kind, const char *name, uint64_t n, const char *text)
{
    return (struct defs_stored){
        .kind = kind, .name = rc_sv_of(name), .digest = digest(n), .text = rc_sv_of(text)};
}

static struct defs_one one(enum defs_kind kind, const char *name, uint64_t n, const char *text)
{
    return (struct defs_one){
        .kind = kind, .name = rc_sv_of(name), .digest = digest(n), .text = rc_sv_of(text)};
}

static void test_plan(void **state)
{
    struct kit *kit = *state;
    const struct defs_stored old[] = {
        stored(DEFS_DEPENDENCY, "d", 1, "d"),
        stored(DEFS_FLOW, "same", 2, "x"),
        stored(DEFS_FLOW, "changed", 3, "a\nb\n"),
        stored(DEFS_FLOW, "gone", 4, "x"),
        stored(DEFS_FLOW, "d", 5, "x"),
    };
    const struct defs_one new[] = {
        one(DEFS_FLOW, "same", 2, "x"),         one(DEFS_DEPENDENCY, "new", 6, "n"),
        one(DEFS_FLOW, "changed", 7, "a\nc\n"), one(DEFS_DEPENDENCY, "d", 1, "d"),
        one(DEFS_FLOW, "added", 8, "x"),
    };
    static const struct {
        enum defs_change_kind what;
        enum defs_kind kind;
        const char *name;
        int old, new;
    } expected[] = {
        {DEFS_ADD, DEFS_FLOW, "added", -1, 4},     {DEFS_CHANGE, DEFS_FLOW, "changed", 2, 2},
        {DEFS_REMOVE, DEFS_FLOW, "d", 4, -1},      {DEFS_REMOVE, DEFS_FLOW, "gone", 3, -1},
        {DEFS_KEEP, DEFS_FLOW, "same", 1, 0},      {DEFS_KEEP, DEFS_DEPENDENCY, "d", 0, 3},
        {DEFS_ADD, DEFS_DEPENDENCY, "new", -1, 1},
    };
    struct defs_change *change;
    uint32_t n;
    assert_int_equal(defs_plan(old, 5, new, 5, kit->arena, &change, &n, NULL), RC_OK);
    assert_int_equal(n, 7);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(change[i].what, expected[i].what);
        assert_int_equal(change[i].kind, expected[i].kind);
        assert_true(rc_sv_is(change[i].name, expected[i].name));
        assert_ptr_equal(change[i].old, expected[i].old < 0 ? NULL : &old[expected[i].old]);
        assert_ptr_equal(change[i].new, expected[i].new < 0 ? NULL : &new[expected[i].new]);
        assert_int_equal(change[i].diff.n > 0, change[i].what == DEFS_CHANGE);
    }
    assert_true(rc_sv_is(change[1].diff, "@@ line 1 @@\n a\n-b\n+c\n"));
    assert_int_equal(defs_plan(NULL, 0, NULL, 0, kit->arena, &change, &n, NULL), RC_OK);
    assert_int_equal(n, 0);
    assert_int_equal(defs_plan(old, 5, NULL, 0, kit->arena, &change, &n, NULL), RC_OK);
    assert_int_equal(n, 5);
}

static void test_twice(void **state)
{
    struct kit *kit = *state;
    const struct defs_stored old[] = {stored(DEFS_FLOW, "f", 1, ""), stored(DEFS_FLOW, "f", 2, "")};
    const struct defs_one new[] = {one(DEFS_FLOW, "f", 1, ""), one(DEFS_FLOW, "f", 2, "")};
    struct defs_change *change;
    uint32_t n;
    struct rc_error *err = &kit->errors.error[0];
    assert_int_equal(defs_plan(old, 2, new, 1, kit->arena, &change, &n, err), RC_INVALID);
    assert_string_equal(err->text, "the flow 'f' is there twice");
    assert_int_equal(defs_plan(old, 1, new, 2, kit->arena, &change, &n, err), RC_INVALID);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    const struct defs_stored old = stored(DEFS_FLOW, "f", 1, "a\nb\nc\n");
    const struct defs_one new = one(DEFS_FLOW, "f", 2, "a\nd\nc\n");
    unsigned refusals = 0;
    for (size_t limit = 0, done = 0; !done; limit += 16) {
        struct rc_arena *arena = rc_arena_new(0, limit);
        struct defs_change *change;
        uint32_t n;
        assert_non_null(arena);
        enum rc_status status = defs_plan(&old, 1, &new, 1, arena, &change, &n, NULL);
        done = status == RC_OK;
        refusals += status == RC_LIMIT;
        assert_true(done || status == RC_LIMIT);
        rc_arena_free(arena);
    }
    assert_true(refusals > 5);
}

static void test_diff(void **state)
{
    static const struct {
        const char *old, *new, *diff;
    } diffs[] = {
        {"", "", ""},
        {"a\n", "a\n", ""},
        {"", "a\n", "@@ line 1 @@\n+a\n"},
        {"a\n", "", "@@ line 1 @@\n-a\n"},
        {"a", "a\n", ""}, /* only lines are compared */
        {"a\nb\nc\n", "a\nx\nc\n", "@@ line 1 @@\n a\n-b\n+x\n c\n"},
        {"a\nb\n", "b\na\n", "@@ line 1 @@\n-a\n b\n+a\n"},
        {"1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nx\n6\n7\n8\n9\n",
         "@@ line 2 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n"},
        {"a\n1\n2\n3\n4\n5\n6\n7\nb\n", "A\n1\n2\n3\n4\n5\n6\n7\nB\n",
         "@@ line 1 @@\n-a\n+A\n 1\n 2\n 3\n@@ line 6 @@\n 5\n 6\n 7\n-b\n+B\n"},
        {"a\n1\n2\n3\n4\n5\n6\nb\n", "A\n1\n2\n3\n4\n5\n6\nB\n",
         "@@ line 1 @@\n-a\n+A\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+B\n"},
        {"x\nsame\ny\n", "same\nz\nsame\n", "@@ line 1 @@\n-x\n same\n-y\n+z\n+same\n"},
        {"tab\there\r\n", "tab here\n", "@@ line 1 @@\n-tab\there\r\n+tab here\n"},
    };
    struct kit *kit = *state;
    for (size_t i = 0; i < sizeof diffs / sizeof *diffs; i++) {
        struct rc_sv diff;
        assert_int_equal(defs_diff(rc_sv_of(diffs[i].old), rc_sv_of(diffs[i].new), kit->arena, &diff), RC_OK);
        if (!rc_sv_is(diff, diffs[i].diff)) fail_msg("case %zu gives\n%.*s", i, RC_SV_ARG(diff));
    }
}

static uint32_t count(struct rc_sv diff, char mark)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < diff.n; i++) n += diff.p[i] == mark && (i == 0 || diff.p[i - 1] == '\n');
    return n;
}

/* n lines, of which every second one differs between the two texts. */
static struct rc_sv half(struct kit *kit, uint32_t n, char differs)
{
    struct rc_buf buf = rc_buf_in(kit->arena, 1 << 20);
    for (uint32_t i = 0; i < n; i++) rc_put_format(&buf, "%c%u\n", i % 2 ? '=' : differs, i);
    return rc_buf_sv(&buf);
}

/* Up to RC_MAX_DIFF_CELLS the common lines are found; above it everything between the ends is old, then new. */
static void test_diff_cells(void **state)
{
    struct kit *kit = *state;
    struct rc_sv diff;
    /* (n + 1) squared, with the last line, which is common, left out before */
    assert_int_equal(RC_MAX_DIFF_CELLS, 1024 * 1024);
    assert_int_equal(defs_diff(half(kit, 1024, 'a'), half(kit, 1024, 'b'), kit->arena, &diff), RC_OK);
    assert_int_equal(count(diff, '-'), 512);
    assert_int_equal(count(diff, '+'), 512);
    assert_int_equal(count(diff, ' '), 512);
    assert_int_equal(defs_diff(half(kit, 1026, 'a'), half(kit, 1026, 'b'), kit->arena, &diff), RC_OK);
    assert_int_equal(count(diff, '-'), 1025);
    assert_int_equal(count(diff, '+'), 1025);
}

static void test_diff_size(void **state)
{
    struct kit *kit = *state;
    struct rc_sv diff;
    for (uint32_t n = 900; n < 1100; n += 17) {
        struct rc_buf buf = rc_buf_in(kit->arena, 1 << 20);
        for (uint32_t i = 0; i < n; i++) rc_put_format(&buf, "%060u\n", i);
        assert_int_equal(defs_diff(RC_SV(""), rc_buf_sv(&buf), kit->arena, &diff), RC_OK);
        bool cut = rc_sv_ends(diff, RC_SV("… the rest is left out\n"));
        assert_int_equal(cut, n * 62 + 13 > RC_MAX_DIFF);
        assert_true(diff.n <= RC_MAX_DIFF);
        assert_int_equal(count(diff, '+') == n, !cut);
    }
    /* one enormous line */
    struct rc_buf buf = rc_buf_in(kit->arena, 1 << 20);
    for (uint32_t i = 0; i < 100000; i++) rc_put_text(&buf, "long");
    assert_int_equal(defs_diff(rc_buf_sv(&buf), RC_SV("x\n"), kit->arena, &diff), RC_OK);
    assert_true(rc_sv_is(diff, "… the rest is left out\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_plan), KIT_TEST(test_twice),      KIT_TEST(test_out_of_memory),
        KIT_TEST(test_diff), KIT_TEST(test_diff_cells), KIT_TEST(test_diff_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
