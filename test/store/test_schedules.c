/* What every store must keep of schedules, and of what waits for the wall clock. */
#include "kit.h"

#include "base/limits.h"

#include <string.h>

static struct rc_schedule schedule_of(const char *flow, const char *id)
{
    struct rc_schedule row = {.planned = 7,
                              .accepted = 9,
                              .paused = true,
                              .last = {3, UINT64_MAX},
                              .last_planned = 6,
                              .started = 4,
                              .missed = 5,
                              .skipped = 6,
                              .changed = 8};
    strcpy(row.flow, flow);
    strcpy(row.id, id);
    memset(row.fault, 'x', RC_SCHEDULE_FAULT - 1);
    return row;
}

static enum rc_status write_one(struct kit *kit, struct rc_schedule_write write)
{
    const struct rc_batch batch = {
        .schedules = &write, .nschedules = 1, .high_water = kit->now, .essential = true};
    return rc_store_commit(kit->store, &batch, &kit->err);
}

static uint32_t read_all(struct kit *kit, struct rc_schedule **ret)
{
    uint32_t n = 0;
    assert_ok(kit, rc_read_schedules(rc_store_self(kit->store), kit->arena, ret, &n, &kit->err));
    return n;
}

static void assert_row(const struct rc_schedule *got, const struct rc_schedule *want)
{
    assert_string_equal(got->flow, want->flow);
    assert_string_equal(got->id, want->id);
    assert_true(got->planned == want->planned && got->accepted == want->accepted &&
                got->paused == want->paused);
    assert_true(got->last.seq == want->last.seq && got->last.nonce == want->last.nonce);
    assert_true(got->last_planned == want->last_planned && got->started == want->started);
    assert_true(got->missed == want->missed && got->skipped == want->skipped &&
                got->changed == want->changed);
    assert_string_equal(got->fault, want->fault);
}

static void rows_come_back(void **state)
{
    struct kit *kit = *state;
    struct rc_schedule *rows, b = schedule_of("b", "x"), a = schedule_of("a", "y"),
                              first = schedule_of("a", "x");
    assert_int_equal(read_all(kit, &rows), 0);
    assert_ok(kit, write_one(kit, (struct rc_schedule_write){.row = &b}));
    assert_ok(kit, write_one(kit, (struct rc_schedule_write){.row = &a}));
    assert_ok(kit, write_one(kit, (struct rc_schedule_write){.row = &first}));
    kit_reopen(kit);
    assert_int_equal(read_all(kit, &rows), 3);
    assert_row(&rows[0], &first);
    assert_row(&rows[1], &a);
    assert_row(&rows[2], &b);
    a.planned = 100;
    a.paused = false;
    a.fault[0] = 0;
    memset(a.fault, 0, sizeof a.fault);
    assert_ok(kit, write_one(kit, (struct rc_schedule_write){.row = &a}));
    assert_ok(kit, write_one(kit, (struct rc_schedule_write){.row = &b, .gone = true}));
    assert_ok(kit, write_one(kit, (struct rc_schedule_write){.row = &b, .gone = true})); /* it is not there */
    kit_reopen(kit);
    assert_int_equal(read_all(kit, &rows), 2);
    assert_row(&rows[1], &a);
}

static void names_of_any_length_come_back(void **state)
{
    struct kit *kit = *state;
    struct rc_schedule *rows, row = schedule_of("f", "i");
    memset(row.flow, 'f', RC_MAX_NAME);
    memset(row.id, 'i', RC_MAX_NAME);
    assert_ok(kit, write_one(kit, (struct rc_schedule_write){.row = &row}));
    assert_int_equal(read_all(kit, &rows), 1);
    assert_row(&rows[0], &row);
}

/* With too little memory reading is refused, and says so; more rows than are asked for at once come, too. */
static void a_reader_without_room_reads_nothing(void **state)
{
    enum { MANY = 20 };
    struct kit *kit = *state;
    struct rc_schedule *rows;
    unsigned refused = 0;
    for (int i = 0; i < MANY; i++) {
        struct rc_schedule row = schedule_of("f", "i");
        row.id[0] = (char)('a' + i);
        assert_ok(kit, write_one(kit, (struct rc_schedule_write){.row = &row}));
    }
    for (size_t limit = 0;; limit += 256, refused++) {
        struct rc_arena *arena = rc_arena_new(0, limit);
        uint32_t n = 77;
        struct rc_error err = {0};
        enum rc_status status = rc_read_schedules(rc_store_self(kit->store), arena, &rows, &n, &err);
        if (status == RC_OK) assert_true(n == MANY && rows[MANY - 1].id[0] == 'a' + MANY - 1);
        rc_arena_free(arena);
        if (status == RC_OK) break;
        assert_true(status == RC_LIMIT && err.text[0] && n == 77);
    }
    assert_true(refused > 5);
    assert_int_equal(read_all(kit, &rows), MANY);
}

/* With a command in the same batch: both are there, or none. */
static void they_come_with_their_command(void **state)
{
    struct kit *kit = *state;
    struct rc_schedule *rows, row = schedule_of("f", "i");
    const struct rc_schedule_write write = {.row = &row};
    struct made_batch batch = kit_begin(kit);
    made_submit(&batch, kit_new(kit, 1, "a"), RC_RUNNING, true, NULL);
    batch.batch.schedules = &write;
    batch.batch.nschedules = 1;
    kit_commit(kit, &batch, RC_OK);
    assert_int_equal(read_all(kit, &rows), 1);
    struct made_batch other = kit_begin(kit);
    row.planned = 1000;
    made_submit(&other, kit_new(kit, 1, "b"), RC_RUNNING, true, NULL); /* that number is taken */
    other.batch.schedules = &write;
    other.batch.nschedules = 1;
    kit_commit(kit, &other, RC_BUG);
    kit_reopen(kit);
    assert_int_equal(read_all(kit, &rows), 1);
    assert_int_equal(rows[0].planned, 7);
}

static void what_people_did_is_in_the_audit(void **state)
{
    struct kit *kit = *state;
    struct rc_schedule row = schedule_of("f", "i");
    const struct rc_author by = {.subject = RC_SV("anna"), .reason = RC_SV("why not")};
    struct rc_audit_entry *entries;
    uint32_t n;
    assert_ok(kit, write_one(kit, (struct rc_schedule_write){.row = &row, .deed = RC_DEED_PAUSE, .by = &by}));
    assert_ok(kit, rc_read_audit(rc_store_self(kit->store), &(struct rc_audit_page){0}, kit->arena,
                                 RC_MAX_PAGE, &entries, &n, &kit->err));
    assert_int_equal(n, 1);
    assert_int_equal(entries[0].what.kind, RC_AUDIT_SCHEDULE);
    assert_int_equal(entries[0].what.action, RC_DEED_PAUSE);
    assert_true(rc_sv_is(entries[0].what.data,
                         "{\"subject\":\"anna\",\"reason\":\"why not\",\"flow\":\"f\",\"schedule\":\"i\"}"));
}

/* What waits for the wall clock has a queue of its own. */
static void the_calendar_is_a_queue(void **state)
{
    struct kit *kit = *state;
    struct rc_work rows[4], wall = {.phase = RC_PHASE_DELAYED, .gate = RC_CALENDAR, .order = 5, .node = 0},
                            engine = {.phase = RC_PHASE_DELAYED, .order = 5, .node = 0};
    struct made_batch batch = kit_begin(kit);
    uint32_t n;
    made_submit(&batch, kit_new(kit, 1, "a"), RC_PENDING, false, &wall);
    made_submit(&batch, kit_new(kit, 2, "b"), RC_PENDING, false, &engine);
    kit_commit(kit, &batch, RC_OK);
    kit_reopen(kit);
    for (uint64_t queue = 0; queue <= RC_CALENDAR; queue++) {
        assert_ok(kit, rc_read_work(rc_store_self(kit->store), RC_PHASE_DELAYED, queue, NULL, UINT64_MAX,
                                    rows, 4, &n, &kit->err));
        assert_int_equal(n, 1);
        assert_int_equal(rows[0].seq, queue == RC_CALENDAR ? 1 : 2);
    }
    uint64_t gates[2]; /* it is none of the gates at which places are waited for */
    assert_ok(kit, rc_read_gates(rc_store_self(kit->store), 0, gates, 2, &n, &kit->err));
    assert_int_equal(n, 0);
    struct rc_work other = {.phase = RC_PHASE_DELAYED, .gate = RC_CALENDAR + 1, .order = 5};
    struct made_batch wrong = kit_begin(kit);
    made_submit(&wrong, kit_new(kit, 3, "c"), RC_PENDING, false, &other);
    kit_commit(kit, &wrong, RC_BUG);
}

#define RUN(name)                                                                                            \
    {                                                                                                        \
#name, name, kit_setup, kit_teardown, kind                                                           \
    }
static int run(const char *name, struct kit_kind *kind)
{
    const struct CMUnitTest tests[] = {
        RUN(rows_come_back),
        RUN(names_of_any_length_come_back),
        RUN(a_reader_without_room_reads_nothing),
        RUN(they_come_with_their_command),
        RUN(what_people_did_is_in_the_audit),
        RUN(the_calendar_is_a_queue),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    int failed = run("memory", &(struct kit_kind){.memory = true});
    return failed + run("sqlite", &(struct kit_kind){.memory = false});
}
