/* What every store must keep of holds; and how an SQLite store knows that it is an older state, or came from elsewhere. */
#include "kit.h"

#include "base/id.h"
#include "base/limits.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct rc_hold hold_of(rc_us from, rc_us until)
{
    return (struct rc_hold){
        .nonce = 99, .cause = RC_HELD_BACKUP, .from = from, .until = until, .seq = 7, .left = 8, .bulks = 2};
}

static uint64_t begin(struct kit *kit, rc_us from, rc_us until)
{
    const struct rc_hold hold = hold_of(from, until);
    const struct rc_hold_write write = {.hold = &hold, .now = until};
    uint64_t id = 0;
    assert_ok(kit, rc_store_hold(kit->store, &write, &id, &kit->err));
    return id;
}

static uint32_t read_holds(struct kit *kit, struct rc_hold **ret)
{
    uint32_t n = 0;
    assert_ok(kit, rc_read_holds(rc_store_self(kit->store), kit->arena, ret, &n, &kit->err));
    return n;
}

/* Member by member: what lies between them may be anything. */
static void assert_hold(const struct rc_hold *got, const struct rc_hold *want)
{
    assert_true(got->id == want->id && got->nonce == want->nonce && got->cause == want->cause);
    assert_true(got->from == want->from && got->until == want->until && got->seq == want->seq);
    assert_true(got->left == want->left && got->commands == want->commands &&
                got->attempts == want->attempts);
    assert_true(got->checks == want->checks && got->repeats == want->repeats &&
                got->reviews == want->reviews);
    assert_true(got->bulks == want->bulks && got->released == want->released && got->watch == want->watch);
}

static void a_new_store_holds_nothing(void **state)
{
    struct kit *kit = *state;
    struct rc_hold *holds;
    assert_int_equal(rc_store_origin(kit->store).cause, RC_HELD_NONE);
    assert_int_equal(read_holds(kit, &holds), 0);
    (void)kit_submit(kit, 1, "a", RC_RUNNING, true);
    kit_reopen(kit);
    assert_int_equal(rc_store_origin(kit->store).cause, RC_HELD_NONE);
}

static void what_was_begun_comes_back(void **state)
{
    struct kit *kit = *state;
    struct rc_hold *holds, want = hold_of(5, kit->now);
    want.id = begin(kit, 5, kit->now);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(read_holds(kit, &holds), 1);
        assert_hold(&holds[0], &want);
        assert_int_equal(kit_high(kit).high_water, kit->now);
        kit_reopen(kit);
    }
}

static void progress_comes_with_a_batch(void **state)
{
    struct kit *kit = *state;
    struct rc_hold *holds, after = hold_of(5, 6);
    after.id = begin(kit, 5, 6);
    after.left = 3;
    after.commands = after.attempts = after.checks = after.repeats = after.reviews = 4;
    const struct rc_batch alone = {.hold = &after, .essential = true};
    assert_ok(kit, rc_store_commit(kit->store, &alone, &kit->err));
    assert_int_equal(read_holds(kit, &holds), 1);
    assert_hold(&holds[0], &after);
    /* with a command, and nothing of it where there is no such hold */
    struct made_batch batch = kit_begin(kit);
    made_submit(&batch, kit_new(kit, 9, "k"), RC_PENDING, false, NULL);
    after.id++;
    batch.batch.hold = &after;
    kit_commit(kit, &batch, RC_BUG);
    assert_int_equal(kit_key(kit, rc_store_self(kit->store), "k"), 0);
    kit_reopen(kit);
    assert_int_equal(read_holds(kit, &holds), 1);
    assert_int_equal(holds[0].left, 3);
}

static void a_release_stands_in_the_audit(void **state)
{
    struct kit *kit = *state;
    struct rc_hold *holds, after = hold_of(5, 6);
    struct rc_audit_entry *entries;
    const struct rc_author by = {RC_SV("token"), RC_SV("olga"), RC_SV("looked at it")};
    uint32_t n;
    after.id = begin(kit, 5, 6);
    after.released = 50;
    after.watch = 90;
    const struct rc_hold_write write = {.hold = &after, .by = &by, .now = 50};
    assert_ok(kit, rc_store_hold(kit->store, &write, NULL, &kit->err));
    assert_int_equal(read_holds(kit, &holds), 1);
    assert_hold(&holds[0], &after);
    const struct rc_audit_page page = {.ascending = true};
    assert_ok(kit, rc_read_audit(rc_store_self(kit->store), &page, kit->arena, 10, &entries, &n, &kit->err));
    assert_int_equal(n, 2);
    assert_true(entries[0].what.kind == RC_AUDIT_HOLD && entries[0].what.action == RC_DEED_START);
    assert_true(entries[1].what.kind == RC_AUDIT_HOLD && entries[1].what.action == RC_DEED_STOP);
    assert_non_null(strstr(entries[1].what.data.p, "looked at it"));
    struct rc_audit_verdict verdict;
    assert_ok(kit, rc_audit_verify(rc_store_self(kit->store), NULL, &verdict, &kit->err));
    assert_true(verdict.entries == 2 && !verdict.broken);
}

static void one_at_most_is_not_released(void **state)
{
    struct kit *kit = *state;
    struct rc_hold *holds;
    for (uint64_t i = 1; i <= RC_MAX_HOLDS + 1; i++) {
        uint64_t id = begin(kit, i, 10 * i);
        assert_int_equal(id, i);
        uint32_t n = read_holds(kit, &holds);
        assert_int_equal(n, i < RC_MAX_HOLDS ? i : RC_MAX_HOLDS);
        assert_true(holds[0].id == i && !holds[0].released);
        for (uint32_t k = 1; k < n; k++) assert_true(holds[k].id == i - k && holds[k].released);
    }
    assert_int_equal(holds[1].released, 10 * (RC_MAX_HOLDS + 1)); /* the last one went on */
    kit_reopen(kit);
    assert_int_equal(read_holds(kit, &holds), RC_MAX_HOLDS);
}

static void what_is_unsound_is_refused(void **state)
{
    struct kit *kit = *state;
    struct rc_hold *holds, bad = hold_of(5, 6);
    const struct rc_hold_write write = {.hold = &bad, .now = 6};
    bad.cause = RC_HELD_NONE;
    assert_int_equal(rc_store_hold(kit->store, &write, NULL, &kit->err), RC_BUG);
    bad = hold_of(5, UINT64_MAX);
    assert_int_equal(rc_store_hold(kit->store, &write, NULL, &kit->err), RC_BUG);
    bad = hold_of(5, 6);
    bad.seq = RC_SEQ_MAX + 1;
    assert_int_equal(rc_store_hold(kit->store, &write, NULL, &kit->err), RC_BUG);
    bad = hold_of(5, 6);
    bad.cause = RC_HELDS;
    assert_int_equal(rc_store_hold(kit->store, &write, NULL, &kit->err), RC_BUG);
    bad = hold_of(5, 6);
    bad.left = RC_SEQ_MAX + 2;
    assert_int_equal(rc_store_hold(kit->store, &write, NULL, &kit->err), RC_BUG);
    bad = hold_of(5, 6);
    bad.id = 3; /* there is none */
    assert_int_equal(rc_store_hold(kit->store, &write, NULL, &kit->err), RC_BUG);
    assert_int_equal(read_holds(kit, &holds), 0);
}

/* Which commands a hold is about: those that were open in the older state, and those that came since; until it is not watched any more. */
static void a_hold_points_out(void **state)
{
    (void)state;
    static const struct {
        uint64_t id, seq;
        bool ended;
        rc_us created, changed, released, watch, now;
        bool points, new;
    } rows[] = {
        {1, 7, false, 1, 2, 0, 0, 50, true, false},    /* open then */
        {1, 7, true, 1, 2, 0, 0, 50, false, false},    /* over then */
        {1, 7, true, 1, 30, 0, 0, 50, true, false},    /* it has ended since */
        {1, 8, false, 30, 30, 0, 0, 50, true, true},   /* it came since */
        {1, 8, false, 10, 30, 0, 0, 50, false, false}, /* of another life */
        {0, 7, false, 1, 2, 0, 0, 50, false, false},   /* there is no hold */
        {1, 7, false, 1, 2, 40, 60, 50, true, false},  /* released, and watched still */
        {1, 7, false, 1, 2, 40, 60, 60, false, false}, /* watched no more */
        {1, 8, false, 59, 59, 40, 60, 90, true, true}, {1, 8, false, 60, 60, 40, 60, 90, false, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rc_hold hold = hold_of(5, 20);
        bool new = !rows[i].new;
        hold.id = rows[i].id;
        hold.released = rows[i].released;
        hold.watch = rows[i].watch;
        bool points = rc_hold_points_out(&hold, rows[i].seq, rows[i].ended, rows[i].created, rows[i].changed,
                                         rows[i].now, &new);
        if (points != rows[i].points || new != rows[i].new) fail_msg("row %zu: %d %d", i, points, new);
    }
}

static void a_mark_stays_until_a_hold_is_begun(void **state)
{
    struct kit *kit = *state;
    rc_memory_come_from(kit->disk, (struct rc_origin){RC_HELD_OLDER, 4});
    for (int again = 0; again < 2; again++) {
        assert_int_equal(rc_store_origin(kit->store).cause, RC_HELD_OLDER);
        assert_int_equal(rc_store_origin(kit->store).at, 4);
        kit_reopen(kit);
    }
    begin(kit, 4, 5);
    assert_int_equal(rc_store_origin(kit->store).cause, RC_HELD_NONE);
}

/* ---- how an SQLite store knows --------------------------------------------------------------------------------------- */

static void copy_file(const char *from, const char *to)
{
    char bytes[1 << 16];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(in >= 0 && out >= 0);
    for (ssize_t n; (n = read(in, bytes, sizeof bytes)) > 0;)
        assert_int_equal(write(out, bytes, (size_t)n), n);
    close(in);
    close(out);
}

static void beside(const struct kit *kit, const char *suffix, char ret[128])
{
    snprintf(ret, 128, "%s%s", kit->path, suffix);
}

/* What opening finds, and finds again, until a hold is begun; then it is the store that stands here. */
static void expect(struct kit *kit, enum rc_held cause)
{
    for (int again = 0; again < 2; again++) {
        kit_open(kit);
        assert_int_equal(rc_store_origin(kit->store).cause, cause);
        if (again) begin(kit, 1, kit->now);
        kit_close(kit);
    }
    kit_open(kit);
    assert_int_equal(rc_store_origin(kit->store).cause, RC_HELD_NONE);
    kit_close(kit);
}

static void an_older_state_is_known(void **state)
{
    struct kit *kit = *state;
    char copy[128], wal[128];
    beside(kit, ".copy", copy);
    beside(kit, "-wal", wal);
    (void)kit_submit(kit, 1, "a", RC_RUNNING, true);
    kit_close(kit);
    copy_file(kit->path, copy);
    kit_open(kit);
    rc_us then = kit_high(kit).high_water;
    (void)kit_submit(kit, 2, "b", RC_RUNNING, true);
    kit_close(kit);
    copy_file(copy, kit->path);
    kit_open(kit);
    assert_int_equal(rc_store_origin(kit->store).at, then);
    (void)kit_submit(kit, 3, "c", RC_RUNNING, true); /* what is written before the hold does not hide it */
    (void)kit_submit(kit, 4, "d", RC_RUNNING, true);
    kit_close(kit);
    copy_file(copy, kit->path);
    expect(kit, RC_HELD_OLDER);
    /* the life goes on under another number: what stood here before is another store */
    copy_file(copy, kit->path);
    expect(kit, RC_HELD_OTHER);
    kit_open(kit);
}

static void what_people_did_counts_too(void **state)
{
    struct kit *kit = *state;
    char copy[128];
    beside(kit, ".copy", copy);
    (void)kit_submit(kit, 1, "a", RC_RUNNING, true);
    kit_close(kit);
    copy_file(kit->path, copy);
    kit_open(kit);
    const struct rc_access_change add = {.kind = RC_ACCESS_NAMESPACE_ADD, .ns = {.name = RC_SV("shop")}};
    assert_ok(kit, rc_store_access(kit->store, &add, kit->now, &kit->err));
    kit_close(kit);
    copy_file(copy, kit->path);
    expect(kit, RC_HELD_OLDER);
    kit_open(kit);
}

/* A process that was killed has not closed anything: the last line stands all the same. */
static void the_line_is_there_behind_each_commit(void **state)
{
    struct kit *kit = *state;
    char life[128], before[128] = "", after[128] = "";
    beside(kit, ".life", life);
    for (uint64_t seq = 1; seq <= 3; seq++) {
        char key[8], change[32];
        snprintf(key, sizeof key, "k%u", (unsigned)seq);
        (void)kit_submit(kit, seq, key, RC_RUNNING, true);
        memcpy(before, after, sizeof before);
        int fd = open(life, O_RDONLY);
        assert_true(fd >= 0 && read(fd, after, sizeof after - 1) > 60);
        close(fd);
        assert_string_not_equal(before, after);
        snprintf(change, sizeof change, " %020llu ", (unsigned long long)kit_high(kit).change);
        assert_non_null(strstr(after, change));
    }
}

static void a_file_alone_or_of_another_is_known(void **state)
{
    struct kit *kit = *state;
    char life[128], wrong[128], first[128], reserve[128];
    beside(kit, ".life", life);
    beside(kit, ".wrong", wrong);
    beside(kit, ".first", first);
    beside(kit, ".reserve", reserve);
    (void)kit_submit(kit, 1, "a", RC_RUNNING, true);
    kit_close(kit);
    assert_int_equal(unlink(life), 0);
    expect(kit, RC_HELD_ALONE);
    /* a line that cannot be read is none */
    copy_file(life, wrong);
    int fd = open(life, O_WRONLY);
    assert_int_equal(pwrite(fd, "9", 1, 40), 1);
    close(fd);
    expect(kit, RC_HELD_ALONE);
    assert_int_equal(truncate(life, 10), 0);
    expect(kit, RC_HELD_ALONE);
    /* of another store: the file was put in the place of this one, or this one is new */
    copy_file(kit->path, first);
    assert_int_equal(unlink(kit->path), 0);
    assert_int_equal(unlink(reserve), 0);
    expect(kit, RC_HELD_OTHER);
    copy_file(first, kit->path);
    expect(kit, RC_HELD_OTHER);
    /* who removes both begins anew */
    assert_int_equal(unlink(kit->path), 0);
    assert_int_equal(unlink(reserve), 0);
    assert_int_equal(unlink(life), 0);
    kit_open(kit);
    assert_int_equal(rc_store_origin(kit->store).cause, RC_HELD_NONE);
}

static void a_copy_says_of_when_it_is(void **state)
{
    struct kit *kit = *state;
    char copy[128], second[128], wal[128];
    struct rc_holdings kept;
    beside(kit, ".copy", copy);
    beside(kit, ".second", second);
    (void)kit_submit(kit, 1, "a", RC_RUNNING, true);
    struct rc_definition def = {
        .kind = RC_DEF_FLOW, .name = RC_SV("a"), .text = RC_SV("one"), .source = RC_SV("a.yaml")};
    assert_ok(kit, rc_store_define(kit->store, &def, 1, NULL, 0, NULL, 1, &kit->err));
    rc_us before = rc_clock_wall();
    assert_ok(kit, rc_sqlite_backup(kit->path, copy, false, &kept, &kit->err));
    rc_us after = rc_clock_wall();
    assert_ok(kit,
              rc_sqlite_backup(copy, second, false, &kept, &kit->err)); /* a copy of the copy is as old */
    assert_int_equal(rc_store_origin(kit->store).cause, RC_HELD_NONE);  /* the store itself is no copy */
    kit_close(kit);
    for (int which = 0; which < 2; which++) {
        copy_file(which ? second : copy, kit->path);
        kit_open(kit);
        assert_int_equal(rc_store_origin(kit->store).cause, RC_HELD_BACKUP);
        assert_in_range(rc_store_origin(kit->store).at, before, after);
        kit_close(kit);
        expect(kit, RC_HELD_BACKUP);
    }
    /* the log of another store beside a copy would be read as the copy's own */
    copy_file(copy, kit->path);
    beside(kit, "-wal", wal);
    copy_file(second, wal);
    assert_int_equal(rc_sqlite_open(&kit->options, &kit->store, &kit->err), RC_DAMAGED);
    assert_non_null(strstr(kit->err.text, "-wal"));
    assert_int_equal(unlink(wal), 0);
    expect(kit, RC_HELD_BACKUP);
    kit_open(kit);
}

static void a_place_for_the_line_is_needed(void **state)
{
    struct kit *kit = *state;
    char life[128];
    beside(kit, ".life", life);
    kit_close(kit);
    assert_int_equal(unlink(life), 0);
    assert_int_equal(mkdir(life, 0700), 0);
    assert_int_equal(rc_sqlite_open(&kit->options, &kit->store, &kit->err), RC_IO);
    assert_non_null(strstr(kit->err.text, ".life"));
    assert_int_equal(rmdir(life), 0);
    kit_open(kit);
    assert_int_equal(rc_store_origin(kit->store).cause, RC_HELD_NONE);
}

#define RUN(name)                                                                                            \
    {                                                                                                        \
#name, name, kit_setup, kit_teardown, kind                                                           \
    }
static int run(const char *name, struct kit_kind *kind)
{
    const struct CMUnitTest tests[] = {
        RUN(a_new_store_holds_nothing),   RUN(what_was_begun_comes_back),
        RUN(progress_comes_with_a_batch), RUN(a_release_stands_in_the_audit),
        RUN(one_at_most_is_not_released), RUN(what_is_unsound_is_refused),
        RUN(a_hold_points_out),
    };
    const struct CMUnitTest of_memory[] = {RUN(a_mark_stays_until_a_hold_is_begun)};
    const struct CMUnitTest of_sqlite[] = {
        RUN(an_older_state_is_known),
        RUN(what_people_did_counts_too),
        RUN(the_line_is_there_behind_each_commit),
        RUN(a_file_alone_or_of_another_is_known),
        RUN(a_copy_says_of_when_it_is),
        RUN(a_place_for_the_line_is_needed),
    };
    int failed = cmocka_run_group_tests_name(name, tests, NULL, NULL);
    if (kind->memory) return failed + cmocka_run_group_tests_name("mark", of_memory, NULL, NULL);
    return failed + cmocka_run_group_tests_name("life", of_sqlite, NULL, NULL);
}

int main(void)
{
    int failed = run("memory", &(struct kit_kind){.memory = true});
    return failed + run("sqlite", &(struct kit_kind){.memory = false});
}
