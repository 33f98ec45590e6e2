/* The contract of store.h for lists and counts, held against both implementations like the rest of it. */
#include "kit.h"

#include "base/limits.h"

#include <stdio.h>

/* Follows the pages and gives the numbers; fails where a page does not go on. */
static uint32_t list(struct kit *kit, struct rc_filter filter, uint32_t cap, uint64_t *ret_seqs, uint32_t max)
{
    uint32_t total = 0;
    for (uint64_t next = filter.before;; filter.before = next) {
        struct rc_row *rows;
        uint32_t n;
        assert_ok(kit, rc_read_list(rc_store_self(kit->store), &filter, kit->arena, cap, &rows, &n, &next,
                                    &kit->err));
        assert_true(n <= cap);
        for (uint32_t i = 0; i < n; i++) {
            assert_true(total < max);
            if (total) assert_true(rows[i].seq < ret_seqs[total - 1]);
            ret_seqs[total++] = rows[i].seq;
        }
        if (!next) return total;
        assert_true(filter.before == 0 || next < filter.before);
    }
}

enum { MANY = 600 };
static struct made *many[MANY];

/* 600 commands: states in turn, every 7th of another type, every 50th of another namespace. */
static void fill_many(struct kit *kit)
{
    const enum rc_state states[] = {RC_RUNNING, RC_COMPLETED, RC_FAILED, RC_COMPLETED, RC_REVIEW};
    struct made_batch batch = kit_begin(kit);
    for (uint32_t i = 0; i < MANY; i++) {
        char key[16];
        snprintf(key, sizeof key, "%u", i);
        many[i] = kit_new(kit, i + 1, key);
        if (i % 7 == 0) many[i]->command.id.type = RC_SV("charge");
        if (i % 50 == 0) many[i]->command.id.ns = RC_SV("shop");
        made_submit(&batch, many[i], states[i % 5], i % 5 == 0, NULL);
    }
    kit_commit(kit, &batch, RC_OK);
}

/* ---- reads that are watched -------------------------------------------------------------------------------------------- */

struct watcher {
    unsigned asked, enough; /* from which question on it says so */
};

static bool has_enough(void *context)
{
    struct watcher *watcher = context;
    return ++watcher->asked >= watcher->enough;
}

/* The rest of a watched reader's time comes to nothing; then it is as good as new. */
static void reads_end_when_somebody_has_enough(void **state)
{
    struct kit *kit = *state;
    struct rc_reader *reader;
    struct watcher watcher = {.enough = 3};
    struct rc_high high;
    uint64_t counts[RC_STATES];
    fill_many(kit);
    assert_ok(kit, rc_reader_open(kit->store, &reader, &kit->err));
    rc_reader_watch(reader, has_enough, &watcher);
    assert_ok(kit, rc_read_high(reader, &high, &kit->err));
    assert_ok(kit, rc_read_counts(reader, counts, &kit->err));
    assert_int_equal(rc_read_high(reader, &high, &kit->err), RC_OVERTIME);
    watcher.enough = UINT32_MAX;
    assert_int_equal(rc_read_counts(reader, counts, &kit->err), RC_OVERTIME); /* once is for good */
    rc_reader_watch(reader, NULL, NULL);
    assert_ok(kit, rc_read_high(reader, &high, &kit->err));
    assert_int_equal(high.seq, MANY);
    rc_reader_close(reader);
}

/* SQLite is asked while it runs: a read that has begun ends, and leaves nothing behind. */
static void a_long_read_is_interrupted(void **state)
{
    struct kit *kit = *state;
    struct rc_reader *reader;
    struct rc_row *rows;
    const struct rc_filter nobody = {.actor = RC_SV("nobody")};
    uint64_t next = 0;
    uint32_t n = 0;
    if (kit->memory) return; /* its reads are short */
    fill_many(kit);
    assert_ok(kit, rc_reader_open(kit->store, &reader, &kit->err));
    struct watcher watcher = {.enough = UINT32_MAX};
    rc_reader_watch(reader, has_enough, &watcher);
    assert_ok(kit, rc_read_list(reader, &nobody, kit->arena, 10, &rows, &n, &next, &kit->err));
    assert_true(n == 0 && next == 0 && watcher.asked > 1);
    for (unsigned enough = 2; enough <= watcher.asked; enough++) {
        struct watcher again = {.enough = enough};
        rc_reader_watch(reader, has_enough, &again);
        enum rc_status status = rc_read_list(reader, &nobody, kit->arena, 10, &rows, &n, &next, &kit->err);
        /* statements keep count over their runs, so the last question may not come this time */
        assert_true(status == RC_OVERTIME || (status == RC_OK && again.asked < enough));
        rc_reader_watch(reader, NULL, NULL);
        char key[24];
        snprintf(key, sizeof key, "later %u", enough);
        kit_submit(kit, MANY + enough - 1, key, RC_RUNNING, false); /* nothing holds an old view */
        struct rc_high high;
        assert_ok(kit, rc_read_high(reader, &high, &kit->err));
        assert_int_equal(high.seq, MANY + enough - 1);
    }
    rc_reader_close(reader);
}

static void lists_are_filtered(void **state)
{
    struct kit *kit = *state;
    uint64_t seqs[MANY] = {0};
    fill_many(kit);
    assert_int_equal(list(kit, (struct rc_filter){0}, 50, seqs, MANY), MANY);
    assert_true(seqs[0] == MANY && seqs[MANY - 1] == 1);
    assert_int_equal(list(kit, (struct rc_filter){.type = RC_SV("charge")}, 50, seqs, MANY), 86);
    assert_int_equal(list(kit, (struct rc_filter){.ns = RC_SV("shop")}, 5, seqs, MANY), 12);
    assert_int_equal(list(kit, (struct rc_filter){.ns = RC_SV("nobody")}, 5, seqs, MANY), 0);
    assert_int_equal(list(kit, (struct rc_filter){.states = 1u << RC_FAILED}, 7, seqs, MANY), 120);
    for (int i = 0; i < 120; i++) assert_int_equal(seqs[i] % 5, 3);
    assert_int_equal(
        list(kit, (struct rc_filter){.states = 1u << RC_FAILED | 1u << RC_RUNNING}, 200, seqs, MANY), 240);
    assert_int_equal(list(kit, (struct rc_filter){.states = 1u << RC_COMPLETED}, 200, seqs, MANY), 240);
    assert_int_equal(
        list(kit, (struct rc_filter){.states = 1u << RC_COMPLETED | 1u << RC_REVIEW}, 9, seqs, MANY), 360);
    assert_int_equal(list(kit, (struct rc_filter){.states = 1u << RC_CANCELLED}, 9, seqs, MANY), 0);
    assert_int_equal(
        list(kit, (struct rc_filter){.states = 1u << RC_FAILED, .type = RC_SV("charge"), .ns = RC_SV("shop")},
             9, seqs, MANY),
        0);
    assert_int_equal(
        list(kit, (struct rc_filter){.states = 1u << RC_FAILED, .type = RC_SV("charge")}, 9, seqs, MANY), 17);
    assert_int_equal(
        list(kit, (struct rc_filter){.ref = RC_SV("customer"), .value = RC_SV("2")}, 9, seqs, MANY), 100);
    assert_true(seqs[0] == 299 && seqs[99] == 200);
    assert_int_equal(
        list(kit, (struct rc_filter){.ref = RC_SV("origin"), .value = RC_SV("test")}, 99, seqs, MANY), MANY);
    assert_int_equal(
        list(kit, (struct rc_filter){.ref = RC_SV("customer"), .value = RC_SV("77")}, 9, seqs, MANY), 0);
    assert_int_equal(
        list(kit, (struct rc_filter){.ref = RC_SV("project"), .value = RC_SV("2"), .states = 1u << RC_REVIEW},
             9, seqs, MANY),
        1);
    assert_int_equal(seqs[0], 20);
    assert_int_equal(list(kit, (struct rc_filter){.before = 10}, 4, seqs, MANY), 9);
    assert_int_equal(list(kit,
                          (struct rc_filter){.ref = RC_SV("origin"), .value = RC_SV("test"), .before = 10}, 4,
                          seqs, MANY),
                     9);
    assert_int_equal(list(kit, (struct rc_filter){.states = 1u << RC_FAILED, .before = 14}, 4, seqs, MANY),
                     3);

    struct rc_row *rows;
    uint32_t n;
    uint64_t next;
    assert_ok(kit, rc_read_list(rc_store_self(kit->store), &(struct rc_filter){.before = 9}, kit->arena, 1,
                                &rows, &n, &next, &kit->err));
    assert_true(n == 1 && next == 8 && rows[0].seq == 8 && rows[0].rev == 1 && rows[0].state == RC_FAILED);
    assert_true(rows[0].nonce == many[7]->command.id.nonce && rows[0].flow == 1 && !rows[0].in_flight);
    assert_true(rows[0].created == many[7]->command.id.created &&
                rows[0].changed == many[7]->command.changed);
    assert_sv(rows[0].ns, "default");
    assert_sv(rows[0].type, "charge");
    assert_sv(rows[0].key, "7");
    assert_sv(rows[0].actor, "anna");
    /* a page is never longer than the limit */
    assert_ok(kit, rc_read_list(rc_store_self(kit->store), &(struct rc_filter){0}, kit->arena,
                                RC_MAX_PAGE + 1, &rows, &n, &next, &kit->err));
    assert_int_equal(n, RC_MAX_PAGE);
}

/* Of each set of states, those with a ref: as many as were made so. */
static void compare_by_ref(struct kit *kit, uint64_t *random)
{
    for (int i = 0; i < 60; i++) {
        char value[8];
        uint64_t customer = rc_mix(random) % 7, seqs[MANY], wanted = 0;
        uint32_t states = 1u << (1 + rc_mix(random) % (RC_STATES - 1));
        if (i % 2) states |= 1u << (1 + rc_mix(random) % (RC_STATES - 1));
        if (i % 10 == 9) states = (uint32_t)rc_mix(random) & ((1u << RC_STATES) - 1);
        snprintf(value, sizeof value, "%u", (unsigned)customer);
        const struct rc_filter filter = {
            .ref = RC_SV("customer"), .value = rc_sv_of(value), .states = states};
        uint32_t n = list(kit, filter, 1 + (uint32_t)(rc_mix(random) % 30), seqs, MANY);
        for (uint32_t k = MANY; k-- > 0;) {
            const struct rc_command *c = &many[k]->command;
            if (c->id.seq / 100 != customer || (states && !(states >> c->state & 1))) continue;
            assert_true(wanted < n);
            assert_int_equal(seqs[wanted++], c->id.seq);
        }
        assert_int_equal(wanted, n);
    }
}

static void states_of_a_ref_are_found_wherever_commands_go(void **state)
{
    struct kit *kit = *state;
    uint64_t random = 11;
    fill_many(kit);
    compare_by_ref(kit, &random);
    for (int round = 0; round < 6; round++) {
        struct made_batch batch = kit_begin(kit);
        for (uint32_t i = 0; i < MANY; i++) {
            bool goes = rc_mix(&random) % 3 == 0;
            enum rc_state to = (enum rc_state)(1 + rc_mix(&random) % (RC_STATES - 1));
            if (goes) made_result(&batch, many[i], to, i % 5 == 0, NULL);
        }
        kit_commit(kit, &batch, RC_OK);
        compare_by_ref(kit, &random);
        if (round == 3) kit_reopen(kit);
    }
}

static void pages_stay_the_same_while_rows_come(void **state)
{
    struct kit *kit = *state;
    fill_many(kit);
    struct rc_filter filter = {.states = 1u << RC_FAILED};
    struct rc_row *rows;
    uint32_t n, total = 0;
    uint64_t next = 0, last = UINT64_MAX;
    do {
        filter.before = next;
        assert_ok(kit, rc_read_list(rc_store_self(kit->store), &filter, kit->arena, 10, &rows, &n, &next,
                                    &kit->err));
        for (uint32_t i = 0; i < n; i++, total++) {
            assert_true(rows[i].seq < last);
            last = rows[i].seq;
        }
        char key[32];
        uint64_t seq = kit_high(kit).seq + 1;
        snprintf(key, sizeof key, "new %llu", (unsigned long long)seq);
        kit_submit(kit, seq, key, RC_FAILED, false);
    } while (next);
    assert_int_equal(total, 120);
}

/* A rare command behind more rows than one page may look at: the page says how far it searched. */
static void a_page_looks_at_a_bounded_number_of_rows(void **state)
{
    struct kit *kit = *state;
    enum { ROWS = RC_MAX_LOOK + 500 };
    for (uint32_t seq = 1; seq <= ROWS;) {
        struct made_batch batch = kit_begin(kit);
        for (uint32_t i = 0; i < 2000 && seq <= ROWS; i++, seq++) {
            char key[16];
            snprintf(key, sizeof key, "%u", seq);
            struct made *made = kit_new(kit, seq, key);
            if (seq == 3) made->command.id.type = RC_SV("rare");
            made_submit(&batch, made, seq % 2 ? RC_COMPLETED : RC_FAILED, false, NULL);
        }
        kit_commit(kit, &batch, RC_OK);
    }
    struct rc_filter filter = {.type = RC_SV("rare")};
    struct rc_row *rows;
    uint32_t n;
    uint64_t next, seqs[ROWS];
    assert_ok(kit,
              rc_read_list(rc_store_self(kit->store), &filter, kit->arena, 5, &rows, &n, &next, &kit->err));
    assert_true(n == 0 && next > 0);
    assert_int_equal(list(kit, filter, 5, seqs, ROWS), 1);
    assert_int_equal(seqs[0], 3);
    filter = (struct rc_filter){.ref = RC_SV("project"), .value = RC_SV("1")}; /* across buckets */
    assert_int_equal(list(kit, filter, 3, seqs, ROWS), 8);
    assert_true(seqs[0] == 15 && seqs[7] == 8);
    filter = (struct rc_filter){.states = 1u << RC_FAILED};
    assert_int_equal(list(kit, filter, 150, seqs, ROWS), ROWS / 2);
    filter = (struct rc_filter){.ref = RC_SV("origin"), .value = RC_SV("test")};
    assert_int_equal(list(kit, filter, RC_MAX_PAGE, seqs, ROWS), ROWS);
}

static void commands_are_counted_by_state(void **state)
{
    struct kit *kit = *state;
    fill_many(kit);
    kit_result(kit, many[0], RC_COMPLETED, false);
    kit_result(kit, many[2], RC_CANCELLED, false);
    for (int again = 0; again < 2; again++, kit_reopen(kit)) {
        uint64_t counts[RC_STATES], sum = 0;
        assert_ok(kit, rc_read_counts(rc_store_self(kit->store), counts, &kit->err));
        for (int i = 0; i < RC_STATES; i++) sum += counts[i];
        assert_int_equal(sum, MANY);
        assert_true(counts[RC_RUNNING] == 119 && counts[RC_COMPLETED] == 241 && counts[RC_FAILED] == 119);
        assert_true(counts[RC_CANCELLED] == 1 && counts[RC_REVIEW] == 120);
    }
}

/* 400 commands: half completed; of the others every third owned by bo, every second hanging on "github" for a timeout. Created one
 * a second. */
static void fill_standing(struct kit *kit)
{
    for (uint32_t i = 1; i <= 400; i++) {
        struct made_batch batch = kit_begin(kit);
        char key[16];
        snprintf(key, sizeof key, "%u", i);
        struct made *made = kit_new(kit, i, key);
        made->command.id.created = RC_SECONDS(1000 + i);
        if (i % 4 == 3) made->command.id.actor = RC_SV("carla");
        if (i % 3 == 0) made->command.owner = RC_SV("bo");
        if (i % 5 == 0) made->command.due = RC_SECONDS(5000);
        made_submit(&batch, made, i % 2 ? RC_COMPLETED : RC_FAILED, false, NULL);
        if (i % 4 == 0)
            batch.touched[0].standing = (struct rc_standing){.why = RC_WHY_TIMEOUT,
                                                             .next = RC_NEXT_RETRY,
                                                             .next_at = RC_SECONDS(77),
                                                             .dependency = RC_SV("github")};
        kit_commit(kit, &batch, RC_OK);
    }
}

static void lists_say_what_hangs_on_what(void **state)
{
    struct kit *kit = *state;
    uint64_t seqs[400];
    fill_standing(kit);
    const struct {
        struct rc_filter filter;
        uint32_t n;
        uint64_t first, last;
    } expected[] = {
        {{.whys = 1ull << RC_WHY_TIMEOUT}, 100, 400, 4},
        {{.whys = 1ull << RC_WHY_TIMEOUT | 1ull << RC_WHY_STATUS}, 100, 400, 4},
        {{.whys = 1ull << RC_WHY_STATUS}, 0, 0, 0},
        {{.whys = 1ull << RC_WHY_NONE}, 300, 399, 1},
        {{.dependency = RC_SV("github")}, 100, 400, 4},
        {{.dependency = RC_SV("github"), .states = 1u << RC_COMPLETED}, 0, 0, 0},
        {{.dependency = RC_SV("nobody")}, 0, 0, 0},
        {{.owner = RC_SV("bo")}, 133, 399, 3},
        {{.owner = RC_SV("bo"), .states = 1u << RC_FAILED}, 66, 396, 6},
        {{.owner = RC_SV("bo"), .ref = RC_SV("customer"), .value = RC_SV("1")}, 33, 198, 102},
        {{.owner = RC_SV("carla")}, 0, 0, 0},
        {{.actor = RC_SV("carla")}, 100, 399, 3},
        {{.since = RC_SECONDS(1101)}, 300, 400, 101},
        {{.since = RC_SECONDS(1101) + 1}, 299, 400, 102},
        {{.until = RC_SECONDS(1101)}, 100, 100, 1},
        {{.since = RC_SECONDS(1101), .until = RC_SECONDS(1111)}, 10, 110, 101},
        {{.since = RC_SECONDS(1101), .until = RC_SECONDS(1111), .states = 1u << RC_FAILED}, 5, 110, 102},
        {{.since = RC_SECONDS(1101), .until = RC_SECONDS(1121), .owner = RC_SV("bo")}, 7, 120, 102},
        {{.since = RC_SECONDS(1101),
          .until = RC_SECONDS(1111),
          .ref = RC_SV("origin"),
          .value = RC_SV("test")},
         10,
         110,
         101},
        {{.since = RC_SECONDS(9999)}, 0, 0, 0},
        {{.until = 1}, 0, 0, 0},
        {{.since = RC_SECONDS(1111), .until = RC_SECONDS(1101)}, 0, 0, 0},
    };
    for (int again = 0; again < 2; again++, kit_reopen(kit))
        for (unsigned i = 0; i < sizeof expected / sizeof *expected; i++) {
            uint32_t n = list(kit, expected[i].filter, 7, seqs, 400);
            if (n != expected[i].n) fail_msg("filter %u: %u rows, not %u", i, n, expected[i].n);
            if (n) assert_true(seqs[0] == expected[i].first && seqs[n - 1] == expected[i].last);
        }
    struct rc_row row;
    assert_ok(kit, rc_read_row(rc_store_self(kit->store), 60, kit->arena, &row, &kit->err));
    assert_true(row.why == RC_WHY_TIMEOUT && row.next == RC_NEXT_RETRY && row.next_at == RC_SECONDS(77));
    assert_true(row.due == RC_SECONDS(5000));
    assert_sv(row.dependency, "github");
    assert_sv(row.owner, "bo");
    assert_ok(kit, rc_read_row(rc_store_self(kit->store), 1, kit->arena, &row, &kit->err));
    assert_true(row.why == RC_WHY_NONE && row.dependency.n == 0 && row.owner.n == 0 && row.due == 0);
}

/* While somebody pages, commands come, leave the filter, and enter it. What fits all the time is seen once. */
static void pages_miss_nothing_while_rows_move(void **state)
{
    struct kit *kit = *state;
    fill_many(kit);
    struct rc_filter filter = {.states = 1u << RC_FAILED | 1u << RC_REVIEW};
    uint8_t seen[MANY + 1] = {0};
    uint64_t next = 0;
    uint32_t turn = 0;
    do {
        struct rc_row *rows;
        uint32_t n;
        filter.before = next;
        assert_ok(kit, rc_read_list(rc_store_self(kit->store), &filter, kit->arena, 7, &rows, &n, &next,
                                    &kit->err));
        for (uint32_t i = 0; i < n; i++) assert_int_equal(seen[rows[i].seq]++, 0);
        /* states are in turn by number: 2 is failed, 4 review, 1 and 3 completed, 0 running; multiples of 15 move */
        for (uint32_t i = turn; i < turn + 30 && i < MANY; i++) {
            if (i % 15 == 7) kit_result(kit, many[i], RC_COMPLETED, false);
            if (i % 15 == 4) kit_result(kit, many[i], RC_FAILED, false);
            if (i % 15 == 0) kit_result(kit, many[i], RC_REVIEW, false);
        }
        turn += 30;
    } while (next);
    for (uint32_t i = 0; i < MANY; i++) {
        bool fits_always = (i % 5 == 2 && i % 15 != 7) || i % 5 == 4;
        if (fits_always) assert_int_equal(seen[i + 1], 1);
    }
}

static uint32_t changes(struct kit *kit, uint64_t after, uint32_t cap, struct rc_news **ret)
{
    uint32_t n = 0;
    assert_ok(kit, rc_read_changes(rc_store_self(kit->store), after, kit->arena, cap, ret, &n, &kit->err));
    return n;
}

static void changes_come_in_order(void **state)
{
    struct kit *kit = *state;
    struct rc_news *news;
    assert_int_equal(changes(kit, 0, 10, &news), 0);
    struct made *a = kit_submit(kit, 1, "a", RC_RUNNING, true);
    struct made *b = kit_submit(kit, 2, "b", RC_RUNNING, true);
    kit_result(kit, b, RC_FAILED, false);
    kit_result(kit, a, RC_COMPLETED, false);
    struct made_batch batch = kit_begin(kit);
    made_action(&batch, b, RC_RUNNING, false, NULL);
    kit_commit(kit, &batch, RC_OK);
    static const struct {
        uint64_t seq;
        uint32_t rev;
        uint8_t cause, state;
    } expected[] = {{1, 1, RC_CAUSE_SUBMIT, RC_RUNNING},
                    {2, 1, RC_CAUSE_SUBMIT, RC_RUNNING},
                    {2, 2, RC_CAUSE_RESULT, RC_FAILED},
                    {1, 2, RC_CAUSE_RESULT, RC_COMPLETED},
                    {2, 3, RC_CAUSE_ACTION, RC_RUNNING}};
    for (int again = 0; again < 2; again++, kit_reopen(kit)) {
        assert_int_equal(changes(kit, 0, 10, &news), 5);
        for (uint32_t i = 0; i < 5; i++) {
            assert_int_equal(news[i].change, i + 1);
            assert_int_equal(news[i].seq, expected[i].seq);
            assert_int_equal(news[i].rev, expected[i].rev);
            assert_int_equal(news[i].cause, expected[i].cause);
            assert_int_equal(news[i].state, expected[i].state);
        }
        assert_true(news[2].node == 1 && news[2].attempt == 1 && news[2].purpose == RC_ACT);
        assert_true(news[3].nonce == a->command.id.nonce && news[3].flow == 1);
        assert_true(news[3].at == a->command.changed && news[3].at > news[2].at);
        assert_int_equal(news[4].action, RC_ACTION_RETRY);
        assert_sv(news[4].ns, "default");
        assert_sv(news[4].type, "github.create_pr");
        assert_sv(news[4].key, "b");
        /* from any place, in pages of any size, behind the end */
        assert_int_equal(changes(kit, 3, 10, &news), 2);
        assert_int_equal(news[0].change, 4);
        assert_int_equal(changes(kit, 1, 3, &news), 3);
        assert_int_equal(news[2].change, 4);
        assert_int_equal(changes(kit, 5, 10, &news), 0);
        assert_int_equal(changes(kit, UINT64_MAX, 10, &news), 0);
        assert_int_equal(changes(kit, 0, 0, &news), 0);
    }
}

static void a_page_of_changes_is_bounded(void **state)
{
    struct kit *kit = *state;
    struct rc_news *news;
    fill_many(kit);
    uint64_t after = 0, seen = 0;
    for (uint32_t n; (n = changes(kit, after, UINT32_MAX, &news)) > 0; seen += n) {
        assert_true(n == RC_MAX_CHANGES || after + n == MANY);
        for (uint32_t i = 0; i < n; i++) assert_int_equal(news[i].change, ++after);
    }
    assert_int_equal(seen, MANY);
}

#define RUN(name)                                                                                            \
    {                                                                                                        \
#name, name, kit_setup, kit_teardown, kind                                                           \
    }
static int run(const char *name, struct kit_kind *kind)
{
    const struct CMUnitTest tests[] = {
        RUN(reads_end_when_somebody_has_enough),
        RUN(a_long_read_is_interrupted),
        RUN(lists_are_filtered),
        RUN(states_of_a_ref_are_found_wherever_commands_go),
        RUN(pages_stay_the_same_while_rows_come),
        RUN(a_page_looks_at_a_bounded_number_of_rows),
        RUN(commands_are_counted_by_state),
        RUN(lists_say_what_hangs_on_what),
        RUN(pages_miss_nothing_while_rows_move),
        RUN(changes_come_in_order),
        RUN(a_page_of_changes_is_bounded),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    int failed = run("memory", &(struct kit_kind){.memory = true});
    return failed + run("sqlite", &(struct kit_kind){.memory = false});
}
