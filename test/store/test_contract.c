/* The contract of store.h, held against both implementations: every test runs on each. */
#include "kit.h"

#include "base/limits.h"
#include "cel/value.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rc_work ready(uint64_t gate, rc_us order)
{
    return (struct rc_work){.phase = RC_PHASE_READY, .gate = gate, .order = order, .node = 1};
}

static struct rc_work delayed(rc_us until)
{
    return (struct rc_work){.phase = RC_PHASE_DELAYED, .order = until, .node = 1};
}

/* ---- commits and histories ---------------------------------------------------------------------------------------- */

static void same_identity(const struct rc_identity *a, const struct rc_identity *b)
{
    assert_true(a->seq == b->seq && a->nonce == b->nonce && a->flow == b->flow && a->created == b->created);
    assert_true(rc_sv_eq(a->ns, b->ns) && rc_sv_eq(a->type, b->type) && rc_sv_eq(a->key, b->key));
    assert_true(rc_sv_eq(a->subject, b->subject) && rc_sv_eq(a->actor, b->actor));
    assert_true(rc_h128_eq(a->payload_hash, b->payload_hash));
    assert_true(cel_equal(a->payload, b->payload));
    assert_true(cel_equal(a->refs, b->refs));
}

static void what_is_committed_comes_back(void **state)
{
    struct kit *kit = *state;
    struct rc_reader *before, *after;
    assert_ok(kit, rc_reader_open(kit->store, &before, &kit->err));
    struct made_batch batch = kit_begin(kit);
    struct made *one = kit_new(kit, 1, "a"), *two = kit_new(kit, 2, "b");
    made_submit(&batch, one, RC_RUNNING, true, NULL);
    made_submit(&batch, two, RC_PENDING, false, NULL);
    kit_commit(kit, &batch, RC_OK);
    assert_ok(kit, rc_reader_open(kit->store, &after, &kit->err));

    struct rc_reader *readers[] = {rc_store_self(kit->store), before, after};
    for (int i = 0; i < 3; i++) {
        struct kit_history got;
        assert_ok(kit, kit_history(kit, readers[i], 1, 0, RC_MAX_HISTORY, &got));
        same_identity(&got.identity, &one->command.id);
        assert_int_equal(got.n, 1);
        const struct rc_record *record = &got.records[0];
        assert_true(record->seq == 1 && record->rev == 1 && record->at == kit->now && record->nchanges == 3);
        assert_int_equal(record->change, 1);
        assert_int_equal(record->cause->kind, RC_MSG_SUBMIT);
        assert_true(record->cause->to.agg == RC_AGG_COMMAND && record->cause->to.id == 1);
        same_identity(record->cause->u.submit, &one->command.id);
        assert_int_equal(record->changes[0].kind, RC_CHANGE_CREATE);
        same_identity(record->changes[0].u.create, &one->command.id);
        assert_int_equal(record->changes[1].u.node.node.state, RC_STEP_ACTIVE);
        assert_int_equal(record->changes[1].u.node.times.due, kit->now + RC_SECONDS(10));
        assert_int_equal(record->changes[2].u.state, RC_RUNNING);
        assert_int_equal(kit_history(kit, readers[i], 3, 0, 10, &got), RC_NOT_FOUND);
    }
    rc_reader_close(before);
    rc_reader_close(after);
    struct rc_high high = kit_high(kit);
    assert_true(high.seq == 2 && high.change == 2 && high.high_water == kit->now);
}

static void histories_grow_and_are_read_in_parts(void **state)
{
    struct kit *kit = *state;
    enum { RECORDS = 40 };
    struct made *made = kit_submit(kit, 1, "a", RC_RUNNING, true);
    kit_submit(kit, 2, "b", RC_RUNNING, true); /* another's records in between */
    for (int i = 1; i < RECORDS; i += 3) {
        struct made_batch batch = kit_begin(kit); /* several records of one command in one batch */
        made_result(&batch, made, RC_RUNNING, true, NULL);
        made_action(&batch, made, RC_RUNNING, true, NULL);
        made_result(&batch, made, RC_RUNNING, true, NULL);
        kit_commit(kit, &batch, RC_OK);
    }
    kit_reopen(kit);
    struct kit_history all, part;
    struct rc_reader *self = rc_store_self(kit->store);
    assert_ok(kit, kit_history(kit, self, 1, 0, RC_MAX_HISTORY, &all));
    assert_int_equal(all.n, RECORDS);
    for (uint32_t i = 0; i < all.n; i++) {
        assert_int_equal(all.records[i].rev, i + 1);
        if (i) assert_true(all.records[i].change > all.records[i - 1].change);
    }
    assert_int_equal(all.records[2].cause->kind, RC_MSG_ACTION);
    assert_sv(all.records[2].cause->u.act->reason, "the other side is up again");
    assert_int_equal(all.records[1].cause->u.result->status, 201);
    assert_int_equal(cel_map_get(&all.records[1].changes[1].u.outputs.outputs, "number")->v.i, 1);

    assert_ok(kit, kit_history(kit, self, 1, 10, 5, &part));
    assert_int_equal(part.n, 5);
    for (uint32_t i = 0; i < part.n; i++) assert_int_equal(part.records[i].rev, 11 + i);
    same_identity(&part.identity,
                  &made->command.id); /* the payload is there, though the first record is not */
    assert_ok(kit, kit_history(kit, self, 1, RECORDS - 1, 5, &part));
    assert_int_equal(part.n, 1);
    assert_ok(kit, kit_history(kit, self, 1, RECORDS, 5, &part));
    assert_int_equal(part.n, 0);
    assert_ok(kit, kit_history(kit, self, 1, RECORDS + 100, 5, &part));
    assert_int_equal(part.n, 0);
    assert_ok(kit, kit_history(kit, self, 1, 0, 0, &part));
    assert_int_equal(part.n, 0);
    same_identity(&part.identity, &made->command.id);
}

/* Each is refused as a bug of the caller, and nothing of its batch stays. */
static void a_batch_that_contradicts_changes_nothing(void **state)
{
    struct kit *kit = *state;
    struct made *made = kit_submit(kit, 1, "a", RC_RUNNING, true);
    struct rc_high before = kit_high(kit);
    for (int fault = 0; fault < 10; fault++) {
        struct made twice, copy = *made; /* the batch is thrown away, and so is what it did to the command */
        struct made_batch batch = kit_begin(kit);
        struct made *fresh = kit_new(kit, 10, "fresh");
        made_submit(&batch, fresh, RC_RUNNING, true, NULL);
        struct rc_work work = ready(7, 1);
        switch (fault) {
        case 0: /* a gap */
            copy.command.rev++;
            made_result(&batch, &copy, RC_COMPLETED, false, NULL);
            break;
        case 1: /* behind what is there */
            copy.command.rev--;
            made_result(&batch, &copy, RC_COMPLETED, false, NULL);
            batch.touched[1].created = false;
            break;
        case 2: /* a command that is not there */
            copy.command.id.seq = 99;
            made_result(&batch, &copy, RC_COMPLETED, false, NULL);
            break;
        case 3: /* a record without a touched command */
            made_result(&batch, &copy, RC_COMPLETED, false, NULL);
            batch.batch.ntouched--;
            break;
        case 4: /* a rev that is not the last record's */
            made_result(&batch, &copy, RC_COMPLETED, false, NULL);
            copy.command.rev++;
            break;
        case 5: /* the key is taken */
            made_submit(&batch, kit_new(kit, 11, "a"), RC_RUNNING, true, NULL);
            break;
        case 9: /* by another one of the batch */
            made_submit(&batch, kit_new(kit, 11, "fresh"), RC_RUNNING, true, NULL);
            break;
        case 6: /* the number is taken */
            made_submit(&batch, kit_new(kit, 1, "another"), RC_RUNNING, true, NULL);
            break;
        case 8: /* one command twice */
            made_result(&batch, &copy, RC_RUNNING, true, NULL);
            twice = copy;
            made_result(&batch, &twice, RC_COMPLETED, false, NULL);
            break;
        case 7: /* work that is not there */
            made_result(&batch, &copy, RC_COMPLETED, false, NULL);
            batch.moves[1].before = work;
            batch.moves[1].before.seq = 1;
            break;
        }
        kit_commit(kit, &batch, RC_BUG);
        struct kit_history got;
        assert_int_equal(kit_key(kit, rc_store_self(kit->store), "fresh"), 0);
        assert_int_equal(kit_history(kit, rc_store_self(kit->store), 10, 0, 10, &got), RC_NOT_FOUND);
        assert_ok(kit, kit_history(kit, rc_store_self(kit->store), 1, 0, 10, &got));
        assert_int_equal(got.n, 1);
        struct rc_high after = kit_high(kit);
        assert_true(after.seq == before.seq && after.change == before.change);
        assert_true(after.high_water == before.high_water);
    }
    kit_result(kit, made, RC_COMPLETED, false); /* and the store goes on */
}

static void a_record_has_a_largest_size(void **state)
{
    struct kit *kit = *state;
    for (int over = 0; over <= 1; over++) {
        struct made_batch batch = kit_begin(kit);
        struct made *made = kit_new(kit, over ? 2 : 1, over ? "over" : "at");
        uint32_t n = RC_MAX_RECORD - 2 + (uint32_t)over; /* and two quotes */
        char *text = rc_alloc_text(kit->arena, n);
        memset(text, 'x', n);
        made->command.id.payload = cel_string((struct rc_sv){text, n});
        made_submit(&batch, made, RC_RUNNING, false, NULL);
        kit_commit(kit, &batch, over ? RC_LIMIT : RC_OK);
    }
    struct kit_history got;
    assert_ok(kit, kit_history(kit, rc_store_self(kit->store), 1, 0, 10, &got));
    assert_int_equal(got.identity.payload.n, RC_MAX_RECORD - 2);
    assert_int_equal(kit_history(kit, rc_store_self(kit->store), 2, 0, 10, &got), RC_NOT_FOUND);
}

static void numbers_that_cannot_be_stored_are_refused(void **state)
{
    struct kit *kit = *state;
    for (int fault = 0; fault < 5; fault++) {
        struct made_batch batch = kit_begin(kit);
        struct made *made = kit_new(kit, 1, "a");
        struct rc_work work = ready(7, 1);
        if (fault == 0) made->command.id.seq = 0;
        if (fault == 1) made->command.id.seq = UINT64_C(1) << 40;
        if (fault == 2) work.gate = UINT64_MAX;
        if (fault == 3) work = (struct rc_work){.phase = RC_PHASE_DELAYED, .gate = 7, .order = 1};
        made_submit(&batch, made, RC_RUNNING, false, &work);
        if (fault == 4) made->command.state = RC_STATES;
        kit_commit(kit, &batch, RC_BUG);
    }
    assert_int_equal(kit_high(kit).seq, 0);
}

static void time_never_goes_back(void **state)
{
    struct kit *kit = *state;
    kit_submit(kit, 1, "a", RC_RUNNING, false);
    rc_us high = kit->now;
    struct made_batch batch = made_begin(kit->arena, high - RC_SECONDS(5));
    made_submit(&batch, kit_new(kit, 2, "b"), RC_RUNNING, false, NULL);
    kit_commit(kit, &batch, RC_OK);
    assert_int_equal(kit_high(kit).high_water, high);
    kit_reopen(kit);
    assert_int_equal(kit_high(kit).high_water, high);
    assert_int_equal(kit_high(kit).seq, 2);
    assert_int_equal(kit_high(kit).change, 2);
}

static void an_empty_batch_moves_the_time(void **state)
{
    struct kit *kit = *state;
    struct made_batch batch = kit_begin(kit);
    kit_commit(kit, &batch, RC_OK);
    kit_reopen(kit);
    assert_int_equal(kit_high(kit).high_water, kit->now);
}

/* ---- keys --------------------------------------------------------------------------------------------------------- */

static void keys_are_found_within_namespace_and_type(void **state)
{
    struct kit *kit = *state;
    struct rc_reader *self = rc_store_self(kit->store);
    struct rc_key_match match;
    assert_int_equal(kit_key(kit, self, "a"), 0); /* not even the type is known */
    struct made *one = kit_submit(kit, 1, "a", RC_RUNNING, false);
    struct made_batch batch = kit_begin(kit);
    struct made *two = kit_new(kit, 2, "a"), *three = kit_new(kit, 3, "a");
    two->command.id.ns = RC_SV("other");
    three->command.id.type = RC_SV("other");
    made_submit(&batch, two, RC_RUNNING, false, NULL);
    made_submit(&batch, three, RC_RUNNING, false, NULL);
    kit_commit(kit, &batch, RC_OK);

    for (int again = 0; again < 2; again++, kit_reopen(kit), self = rc_store_self(kit->store)) {
        assert_ok(kit, rc_read_key(self, RC_SV("default"), RC_SV("github.create_pr"), RC_SV("a"), &match,
                                   &kit->err));
        assert_int_equal(match.seq, 1);
        assert_int_equal(match.nonce, one->command.id.nonce);
        assert_true(rc_h128_eq(match.payload_hash, one->command.id.payload_hash));
        assert_ok(
            kit, rc_read_key(self, RC_SV("other"), RC_SV("github.create_pr"), RC_SV("a"), &match, &kit->err));
        assert_int_equal(match.seq, 2);
        assert_ok(kit, rc_read_key(self, RC_SV("default"), RC_SV("other"), RC_SV("a"), &match, &kit->err));
        assert_int_equal(match.seq, 3);
        assert_int_equal(rc_read_key(self, RC_SV("other"), RC_SV("other"), RC_SV("a"), &match, &kit->err),
                         RC_NOT_FOUND);
        assert_int_equal(kit_key(kit, self, "A"), 0);
        assert_int_equal(kit_key(kit, self, ""), 0);
    }
}

static void a_key_has_generations(void **state)
{
    struct kit *kit = *state;
    struct kit_history got;
    struct made *first = kit_submit(kit, 1, "a", RC_CANCELLED, false);
    (void)kit_submit(kit, 2, "b", RC_RUNNING, false);
    for (uint32_t n = 3; n < 6; n++) { /* in one bucket, and after opening again */
        struct made_batch batch = kit_begin(kit);
        struct made *next = kit_new(kit, n, "a");
        next->command.id.generation = n - 1;
        next->command.id.original =
            (struct rc_link){n == 3 ? 1 : n - 1, first->command.id.nonce | UINT64_C(1) << 63};
        made_submit(&batch, next, RC_RUNNING, false, NULL);
        kit_commit(kit, &batch, RC_OK);
        if (n == 4) kit_reopen(kit);
        assert_int_equal(kit_key(kit, rc_store_self(kit->store), "a"), n);
    }
    assert_int_equal(kit_key(kit, rc_store_self(kit->store), "b"), 2);
    assert_ok(kit, kit_history(kit, rc_store_self(kit->store), 5, 0, 1, &got));
    assert_int_equal(got.identity.generation, 4);
    assert_int_equal(got.identity.original.seq, 4);
    assert_true(got.identity.original.nonce == (first->command.id.nonce | UINT64_C(1) << 63));
    struct made_batch batch = kit_begin(kit); /* a first use of a key that is taken is still a mistake */
    made_submit(&batch, kit_new(kit, 6, "a"), RC_RUNNING, false, NULL);
    kit_commit(kit, &batch, RC_BUG);
}

static void keys_hold_any_bytes(void **state)
{
    struct kit *kit = *state;
    char longest[RC_MAX_KEY];
    memset(longest, 0xff, sizeof longest);
    const struct rc_sv keys[] = {RC_SV(""),
                                 RC_SV("a\0b"),
                                 RC_SV("a\0c"),
                                 RC_SV("\xc3\xbc"),
                                 RC_SV("'; DROP TABLE command"),
                                 {longest, sizeof longest}};
    for (uint32_t i = 0; i < 6; i++) {
        struct made_batch batch = kit_begin(kit);
        struct made *made = kit_new(kit, i + 1, "");
        made->command.id.key = keys[i];
        made_submit(&batch, made, RC_RUNNING, false, NULL);
        kit_commit(kit, &batch, RC_OK);
    }
    for (uint32_t i = 0; i < 6; i++) {
        struct rc_key_match match;
        struct kit_history got;
        assert_ok(kit, rc_read_key(rc_store_self(kit->store), RC_SV("default"), RC_SV("github.create_pr"),
                                   keys[i], &match, &kit->err));
        assert_int_equal(match.seq, i + 1);
        assert_ok(kit, kit_history(kit, rc_store_self(kit->store), i + 1, 0, 1, &got));
        assert_true(rc_sv_eq(got.identity.key, keys[i]));
    }
}

/* Readers on other threads while the writer commits pairs: a pair is there whole or not at all. */
enum { PAIRS = 300, READERS = 2 };
struct watcher {
    struct kit *kit;
    struct rc_reader *reader;
    atomic_uint *done;
    unsigned seen, torn;
};

static void *watch(void *arg)
{
    struct watcher *watcher = arg;
    struct rc_arena *arena = rc_arena_new(1 << 16, 1 << 24);
    struct rc_error err;
    for (bool last = false; !last;) {
        last = atomic_load(watcher->done) != 0;
        struct rc_high high;
        if (rc_read_high(watcher->reader, &high, &err) != RC_OK) watcher->torn++;
        watcher->torn += high.seq % 2 != 0;
        for (uint64_t seq = high.seq; seq > 0 && seq + 4 > high.seq; seq--) {
            struct rc_identity id;
            struct rc_record *records;
            struct rc_key_match match;
            uint32_t n = 0;
            rc_arena_reset(arena);
            bool whole =
                rc_read_history(watcher->reader, seq, 0, 10, arena, &id, &records, &n, &err) == RC_OK &&
                n == 1 && rc_read_key(watcher->reader, id.ns, id.type, id.key, &match, &err) == RC_OK &&
                match.seq == seq;
            if (whole)
                watcher->seen++;
            else
                watcher->torn++;
        }
    }
    rc_arena_free(arena);
    return NULL;
}

static void readers_never_see_half_a_batch(void **state)
{
    struct kit *kit = *state;
    atomic_uint done = 0;
    struct watcher watchers[READERS];
    pthread_t threads[READERS];
    for (int i = 0; i < READERS; i++) {
        watchers[i] = (struct watcher){.kit = kit, .done = &done};
        assert_ok(kit, rc_reader_open(kit->store, &watchers[i].reader, &kit->err));
        assert_int_equal(pthread_create(&threads[i], NULL, watch, &watchers[i]), 0);
    }
    for (uint64_t i = 0; i < PAIRS; i++) {
        struct made_batch batch = kit_begin(kit);
        for (uint64_t seq = 2 * i + 1; seq <= 2 * i + 2; seq++) {
            char key[24];
            snprintf(key, sizeof key, "key %llu", (unsigned long long)seq);
            made_submit(&batch, kit_new(kit, seq, key), RC_RUNNING, false, NULL);
        }
        kit_commit(kit, &batch, RC_OK);
        if (i % 50 == 0) assert_ok(kit, rc_store_idle(kit->store, &kit->err)); /* folding while they read */
    }
    atomic_store(&done, 1);
    for (int i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        rc_reader_close(watchers[i].reader);
        assert_int_equal(watchers[i].torn, 0);
        assert_true(watchers[i].seen > 0);
    }
}

/* ---- work --------------------------------------------------------------------------------------------------------- */

static struct rc_work in_lane(uint8_t phase, uint64_t lane, rc_us order)
{
    return (struct rc_work){.phase = phase, .gate = lane, .order = order, .node = 2};
}

/* Who waits in a lane, who holds a place and who is leaving are three queues, apart from those of gates and of times with the same number. */
static void lanes_are_kept(void **state)
{
    struct kit *kit = *state;
    const struct rc_work rows[] = {
        in_lane(RC_WORK_LANE_WAITS, 7, 30), in_lane(RC_WORK_LANE_WAITS, 7, 10),
        in_lane(RC_WORK_LANE_HOLDS, 7, 5),  in_lane(RC_WORK_LANE_WAITS, INT64_MAX, 1),
        in_lane(RC_WORK_LANE_YIELDS, 7, 1), ready(7, 1)};
    struct made *made[6];
    struct made_batch batch = kit_begin(kit);
    for (uint32_t i = 0; i < 6; i++) {
        char key[16];
        snprintf(key, sizeof key, "%u", i);
        made[i] = kit_new(kit, i + 1, key);
        made_submit(&batch, made[i], RC_PENDING, false, &rows[i]);
    }
    kit_commit(kit, &batch, RC_OK);
    kit_reopen(kit);

    struct rc_reader *self = rc_store_self(kit->store);
    struct rc_work got[8];
    uint64_t ids[8];
    uint32_t n = 0;
    assert_ok(kit, rc_read_lanes(self, 0, ids, 8, &n, &kit->err));
    assert_true(n == 2 && ids[0] == 7 && ids[1] == INT64_MAX);
    assert_ok(kit, rc_read_lanes(self, 7, ids, 8, &n, &kit->err));
    assert_true(n == 1 && ids[0] == INT64_MAX);
    assert_ok(kit, rc_read_gates(self, 0, ids, 8, &n, &kit->err));
    assert_true(n == 1 && ids[0] == 7);
    assert_ok(kit, rc_read_work(self, RC_WORK_LANE_WAITS, 7, NULL, UINT64_MAX, got, 8, &n, &kit->err));
    assert_true(n == 2 && got[0].seq == 2 && got[1].seq == 1 && got[0].node == 2 && got[0].order == 10);
    static const struct {
        uint8_t phase;
        uint64_t n;
    } count[] = {
        {RC_WORK_LANE_WAITS, 3}, {RC_WORK_LANE_HOLDS, 1}, {RC_WORK_LANE_YIELDS, 1}, {RC_PHASE_DELAYED, 0}};
    for (size_t i = 0; i < sizeof count / sizeof *count; i++) {
        uint64_t there = 99;
        assert_ok(kit, rc_read_work_count(self, count[i].phase, &there, &kit->err));
        assert_int_equal(there, count[i].n);
    }
    assert_ok(kit, rc_read_work(self, RC_WORK_LANE_HOLDS, 7, NULL, UINT64_MAX, got, 8, &n, &kit->err));
    assert_true(n == 1 && got[0].seq == 3 && got[0].phase == RC_WORK_LANE_HOLDS);
    assert_ok(kit, rc_read_work(self, RC_WORK_LANE_YIELDS, 7, NULL, UINT64_MAX, got, 8, &n, &kit->err));
    assert_true(n == 1 && got[0].seq == 5);

    struct made_batch later = kit_begin(kit); /* the turn of one has come, another has left */
    const struct rc_work holds = in_lane(RC_WORK_LANE_HOLDS, 7, 10);
    made_result(&later, made[1], RC_RUNNING, false, &holds);
    made_result(&later, made[2], RC_COMPLETED, false, NULL);
    kit_commit(kit, &later, RC_OK);
    kit_reopen(kit);
    self = rc_store_self(kit->store);
    assert_ok(kit, rc_read_work(self, RC_WORK_LANE_HOLDS, 7, NULL, UINT64_MAX, got, 8, &n, &kit->err));
    assert_true(n == 1 && got[0].seq == 2);
    assert_ok(kit, rc_read_work(self, RC_WORK_LANE_WAITS, 7, NULL, UINT64_MAX, got, 8, &n, &kit->err));
    assert_true(n == 1 && got[0].seq == 1);
}

static void work_comes_in_order(void **state)
{
    struct kit *kit = *state;
    const struct rc_work rows[] = {ready(7, 30), ready(7, 10), ready(9, 5), ready(7, 10),
                                   delayed(200), delayed(100), ready(3, 1)};
    struct made *made[7];
    struct made_batch batch = kit_begin(kit);
    for (uint32_t i = 0; i < 7; i++) {
        char key[16];
        snprintf(key, sizeof key, "%u", i);
        made[i] = kit_new(kit, i + 1, key);
        made_submit(&batch, made[i], RC_RUNNING, false, &rows[i]);
    }
    kit_commit(kit, &batch, RC_OK);
    kit_reopen(kit);

    struct rc_reader *self = rc_store_self(kit->store);
    struct rc_work got[8];
    uint64_t gates[8];
    uint32_t n = 0;
    assert_ok(kit, rc_read_gates(self, 0, gates, 8, &n, &kit->err));
    assert_true(n == 3 && gates[0] == 3 && gates[1] == 7 && gates[2] == 9);
    assert_ok(kit, rc_read_gates(self, 3, gates, 1, &n, &kit->err));
    assert_true(n == 1 && gates[0] == 7);
    assert_ok(kit, rc_read_gates(self, 9, gates, 8, &n, &kit->err));
    assert_int_equal(n, 0);

    assert_ok(kit, rc_read_work(self, RC_PHASE_READY, 7, NULL, 0, got, 8, &n, &kit->err));
    assert_true(n == 3 && got[0].seq == 2 && got[1].seq == 4 && got[2].seq == 1);
    assert_true(got[2].phase == RC_PHASE_READY && got[2].gate == 7 && got[2].order == 30 && got[2].node == 1);
    assert_ok(kit,
              rc_read_work(self, RC_PHASE_READY, 7, &got[0], 0, got, 1, &n, &kit->err)); /* page by page */
    assert_true(n == 1 && got[0].seq == 4);
    assert_ok(kit, rc_read_work(self, RC_PHASE_READY, 7, &got[0], 0, got, 8, &n, &kit->err));
    assert_true(n == 1 && got[0].seq == 1);
    assert_ok(kit, rc_read_work(self, RC_PHASE_READY, 8, NULL, 0, got, 8, &n, &kit->err));
    assert_int_equal(n, 0);

    assert_ok(kit, rc_read_work(self, RC_PHASE_DELAYED, 0, NULL, 99, got, 8, &n, &kit->err));
    assert_int_equal(n, 0);
    assert_ok(kit, rc_read_work(self, RC_PHASE_DELAYED, 0, NULL, 100, got, 8, &n, &kit->err));
    assert_true(n == 1 && got[0].seq == 6);
    assert_ok(kit, rc_read_work(self, RC_PHASE_DELAYED, 0, NULL, UINT64_MAX, got, 8, &n, &kit->err));
    assert_true(n == 2 && got[0].seq == 6 && got[1].seq == 5);

    /* moves: from delayed to ready, from ready to nowhere, and not at all */
    batch = kit_begin(kit);
    made_result(&batch, made[5], RC_RUNNING, false, &(struct rc_work){RC_PHASE_READY, 9, 1, 6, 1});
    made_result(&batch, made[1], RC_RUNNING, true, NULL);
    made_result(&batch, made[3], RC_RUNNING, false, &rows[3]);
    kit_commit(kit, &batch, RC_OK);
    assert_ok(kit, rc_read_work(self, RC_PHASE_DELAYED, 0, NULL, UINT64_MAX, got, 8, &n, &kit->err));
    assert_true(n == 1 && got[0].seq == 5);
    assert_ok(kit, rc_read_work(self, RC_PHASE_READY, 9, NULL, 0, got, 8, &n, &kit->err));
    assert_true(n == 2 && got[0].seq == 6 && got[1].seq == 3);
    assert_ok(kit, rc_read_work(self, RC_PHASE_READY, 7, NULL, 0, got, 8, &n, &kit->err));
    assert_true(n == 2 && got[0].seq == 4 && got[1].seq == 1);
}

/* A few thousand rows in no order at all come back in order, and go away one by one. */
static void much_work_comes_in_order(void **state)
{
    struct kit *kit = *state;
    enum { N = 2000 };
    static struct made *made[N];
    uint64_t random = 42;
    struct made_batch batch = kit_begin(kit);
    for (uint32_t i = 0; i < N; i++) {
        char key[16];
        snprintf(key, sizeof key, "%u", i);
        made[i] = kit_new(kit, i + 1, key);
        struct rc_work row = ready(1 + rc_mix(&random) % 3, rc_mix(&random) % 500);
        made_submit(&batch, made[i], RC_RUNNING, false, &row);
    }
    kit_commit(kit, &batch, RC_OK);
    uint32_t left = N;
    for (int round = 0; round < 3; round++) {
        uint32_t total = 0;
        for (uint64_t gate = 1; gate <= 3; gate++) {
            struct rc_work rows[64], last = {0};
            uint32_t n = 64;
            for (bool first = true; n == 64; first = false) {
                assert_ok(kit, rc_read_work(rc_store_self(kit->store), RC_PHASE_READY, gate,
                                            first ? NULL : &last, 0, rows, 64, &n, &kit->err));
                for (uint32_t i = 0; i < n; i++) {
                    if (!first || i)
                        assert_true(last.order < rows[i].order ||
                                    (last.order == rows[i].order && last.seq < rows[i].seq));
                    last = rows[i];
                }
                total += n;
            }
        }
        assert_int_equal(total, left);
        batch = kit_begin(kit);
        for (uint32_t i = (uint32_t)round; i < N; i += 3, left--)
            made_result(&batch, made[i], RC_COMPLETED, false, NULL);
        kit_commit(kit, &batch, RC_OK);
    }
    uint64_t gate;
    uint32_t n = 1;
    assert_ok(kit, rc_read_gates(rc_store_self(kit->store), 0, &gate, 1, &n, &kit->err));
    assert_int_equal(n, 0);
}

static unsigned long long number_of(uint64_t first, uint32_t i)
{
    return first + i;
}

/* Of every command of a batch, however many there are, key, ref and work are found. */
static void batches_of_every_size_are_whole(void **state)
{
    struct kit *kit = *state;
    enum { SIZES = 27 };
    uint64_t seq = 1;
    for (uint32_t size = 1; size <= SIZES; size++) {
        struct made_batch batch = kit_begin(kit);
        for (uint32_t i = 0; i < size; i++) {
            char key[24];
            snprintf(key, sizeof key, "%llu", number_of(seq, i));
            struct rc_work row = ready(size, i);
            made_submit(&batch, kit_new(kit, seq + i, key), RC_RUNNING, false, &row);
        }
        kit_commit(kit, &batch, RC_OK);
        struct rc_reader *self = rc_store_self(kit->store);
        struct rc_work rows[SIZES + 1];
        struct rc_row *found;
        struct rc_filter last = {.ref = RC_SV("origin"), .value = RC_SV("test")};
        uint64_t next;
        uint32_t n = 0;
        assert_ok(kit, rc_read_work(self, RC_PHASE_READY, size, NULL, 0, rows, SIZES + 1, &n, &kit->err));
        assert_int_equal(n, size);
        assert_ok(kit, rc_read_list(self, &last, kit->arena, size, &found, &n, &next, &kit->err));
        assert_int_equal(n, size);
        for (uint32_t i = 0; i < size; i++) {
            char key[24];
            snprintf(key, sizeof key, "%llu", number_of(seq, i));
            assert_int_equal(kit_key(kit, self, key), seq + i);
            assert_true(rows[i].seq == seq + i && found[size - 1 - i].seq == seq + i);
        }
        seq += size;
    }
}

static void what_is_in_flight_is_found(void **state)
{
    struct kit *kit = *state;
    struct made *made[6];
    const enum rc_state states[] = {RC_RUNNING,    RC_ROLLING_BACK, RC_RUNNING,
                                    RC_CANCELLING, RC_REVIEW,       RC_COMPLETED};
    struct made_batch batch = kit_begin(kit);
    for (uint32_t i = 0; i < 6; i++) {
        char key[16];
        snprintf(key, sizeof key, "%u", i);
        made[i] = kit_new(kit, i + 1, key);
        made_submit(&batch, made[i], states[i], i != 2, NULL);
    }
    kit_commit(kit, &batch, RC_OK);
    uint64_t got[8];
    uint32_t n = 0;
    struct rc_reader *self = rc_store_self(kit->store);
    assert_ok(kit, rc_read_in_flight(self, 0, got, 8, &n, &kit->err));
    assert_int_equal(n, 5);
    const uint64_t all[] = {1, 2, 4, 5, 6};
    assert_memory_equal(got, all, sizeof all);
    assert_ok(kit, rc_read_in_flight(self, 0, got, 2, &n, &kit->err));
    assert_true(n == 2 && got[0] == 1 && got[1] == 2);
    assert_ok(kit, rc_read_in_flight(self, 2, got, 2, &n, &kit->err));
    assert_true(n == 2 && got[0] == 4 && got[1] == 5);
    kit_result(kit, made[3], RC_CANCELLED, false);
    kit_result(kit, made[5], RC_COMPLETED, false);
    kit_reopen(kit);
    assert_ok(kit, rc_read_in_flight(rc_store_self(kit->store), 0, got, 8, &n, &kit->err));
    assert_true(n == 3 && got[2] == 5);
}

/* ---- definitions -------------------------------------------------------------------------------------------------- */

static struct rc_definition def(enum rc_def_kind kind, const char *name, const char *text)
{
    return (struct rc_definition){.kind = (uint8_t)kind,
                                  .name = rc_sv_of(name),
                                  .text = rc_sv_of(text),
                                  .source = RC_SV("defs/a.yaml"),
                                  .digest = {strlen(text), 7}};
}

static const struct rc_definition *find(const struct rc_definition *defs, uint32_t n, uint64_t id)
{
    for (uint32_t i = 0; i < n; i++)
        if (defs[i].id == id) return &defs[i];
    return NULL;
}

static void definitions_have_versions(void **state)
{
    struct kit *kit = *state;
    struct rc_definition first[] = {def(RC_DEF_FLOW, "a", "one"), def(RC_DEF_DEPENDENCY, "a", "dep"),
                                    def(RC_DEF_FLOW, "b", "bee")};
    assert_ok(kit, rc_store_define(kit->store, first, 3, NULL, 0, NULL, 1000, &kit->err));
    assert_true(first[0].id == 1 && first[1].id == 2 && first[2].id == 3);
    for (int i = 0; i < 3; i++) assert_true(first[i].version == 1 && first[i].active && first[i].at == 1000);

    kit_submit(kit, 1, "a", RC_RUNNING, true); /* of flow 1 */
    struct made *two = kit_submit(kit, 2, "b", RC_RUNNING, true);
    struct rc_definition second = def(RC_DEF_FLOW, "a", "two words");
    assert_ok(kit, rc_store_define(kit->store, &second, 1, NULL, 0, NULL, 2000, &kit->err));
    assert_true(second.id == 4 && second.version == 2);

    kit_reopen(kit);
    struct rc_definition *defs;
    uint32_t n;
    assert_ok(kit, rc_read_definitions(rc_store_self(kit->store), kit->arena, &defs, &n, &kit->err));
    assert_int_equal(n, 4); /* version 1 of a is held */
    assert_true(!find(defs, n, 1)->active && find(defs, n, 2)->active && find(defs, n, 4)->active);
    const struct rc_definition *got = find(defs, n, 4);
    assert_sv(got->name, "a");
    assert_sv(got->text, "two words");
    assert_sv(got->source, "defs/a.yaml");
    assert_true(got->kind == RC_DEF_FLOW && got->version == 2 && got->at == 2000 && got->digest.hi == 9);

    kit->err = (struct rc_error){0};
    struct rc_definition removed = def(RC_DEF_FLOW, "a", ""), added = def(RC_DEF_FLOW, "c", "sea");
    assert_int_equal(rc_store_define(kit->store, &added, 1, &removed, 1, NULL, 3000, &kit->err), RC_IN_USE);
    assert_non_null(strstr(kit->err.text, "2 commands"));
    assert_true(added.id == 0);
    assert_ok(kit, rc_read_definitions(rc_store_self(kit->store), kit->arena, &defs, &n, &kit->err));
    assert_int_equal(n, 4); /* nothing happened */

    kit_result(kit, two, RC_COMPLETED, false);
    assert_int_equal(rc_store_define(kit->store, NULL, 0, &removed, 1, NULL, 3000, &kit->err), RC_IN_USE);
    assert_non_null(strstr(kit->err.text, "1 commands"));
}

/* Without a command of their own: one that has not begun yet may start them still. */
static void versions_that_a_command_may_start_are_read(void **state)
{
    struct kit *kit = *state;
    static const uint64_t started[] = {1};
    struct rc_definition first[] = {def(RC_DEF_FLOW, "one", "flow: one"),
                                    def(RC_DEF_FLOW, "other", "flow: other"),
                                    def(RC_DEF_FLOW, "parent", "one other")};
    assert_ok(kit, rc_store_define(kit->store, first, 3, NULL, 0, NULL, 1000, &kit->err));
    struct made_batch batch = kit_begin(kit);
    struct made *parent = kit_new(kit, 1, "a");
    parent->command.id.flow = 3;
    parent->command.pins = (struct rc_pins){started, 1};
    made_submit(&batch, parent, RC_RUNNING, false, NULL);
    kit_commit(kit, &batch, RC_OK);
    struct rc_definition next[] = {def(RC_DEF_FLOW, "one", "new"), def(RC_DEF_FLOW, "other", "new")};
    assert_ok(kit, rc_store_define(kit->store, next, 2, NULL, 0, NULL, 2000, &kit->err));
    for (int again = 0; again < 2; again++, kit_reopen(kit)) {
        struct rc_definition *defs;
        uint32_t n;
        assert_ok(kit, rc_read_definitions(rc_store_self(kit->store), kit->arena, &defs, &n, &kit->err));
        assert_true(n == 4 && find(defs, n, 1) && !find(defs, n, 2)); /* nobody starts the old `other` */
    }
}

static void versions_are_listed_with_their_uses(void **state)
{
    struct kit *kit = *state;
    struct rc_version *versions;
    uint32_t n;
    for (uint32_t i = 1; i <= 5; i++) {
        struct rc_definition next[] = {def(RC_DEF_FLOW, "a", "text"), def(RC_DEF_DEPENDENCY, "a", "text")};
        assert_ok(kit, rc_store_define(kit->store, next, i == 1 ? 2 : 1, NULL, 0, NULL, 1000 * i, &kit->err));
    }
    kit_submit(kit, 1, "a", RC_RUNNING, false); /* of flow 1, like all that the kit makes */
    kit_submit(kit, 2, "b", RC_COMPLETED, false);
    kit_submit(kit, 3, "c", RC_REVIEW, false);
    for (int again = 0; again < 2; again++, kit_reopen(kit)) {
        struct rc_reader *self = rc_store_self(kit->store);
        assert_ok(
            kit, rc_read_versions(self, RC_DEF_FLOW, RC_SV("a"), 0, kit->arena, 9, &versions, &n, &kit->err));
        assert_int_equal(n, 5);
        for (uint32_t i = 0; i < 5; i++) assert_int_equal(versions[i].def.version, 5 - i);
        assert_true(versions[0].def.active && !versions[1].def.active && versions[0].def.at == 5000);
        assert_true(versions[0].commands == 0 && versions[0].open == 0);
        assert_true(versions[4].commands == 3 && versions[4].open == 2);
        assert_sv(versions[4].def.text, "text");
        assert_ok(
            kit, rc_read_versions(self, RC_DEF_FLOW, RC_SV("a"), 4, kit->arena, 2, &versions, &n, &kit->err));
        assert_true(n == 2 && versions[0].def.version == 3 && versions[1].def.version == 2);
        assert_ok(
            kit, rc_read_versions(self, RC_DEF_FLOW, RC_SV("a"), 1, kit->arena, 2, &versions, &n, &kit->err));
        assert_int_equal(n, 0);
        assert_ok(kit, rc_read_versions(self, RC_DEF_DEPENDENCY, RC_SV("a"), 0, kit->arena, 2, &versions, &n,
                                        &kit->err));
        assert_true(n == 1 && versions[0].commands == 0);
        assert_ok(
            kit, rc_read_versions(self, RC_DEF_FLOW, RC_SV("b"), 0, kit->arena, 2, &versions, &n, &kit->err));
        assert_int_equal(n, 0);
    }
}

static void definitions_go_out_of_force(void **state)
{
    struct kit *kit = *state;
    struct rc_definition defs[] = {def(RC_DEF_FLOW, "a", "one"), def(RC_DEF_DEPENDENCY, "d", "dep")}, got,
                         *all;
    uint32_t n;
    assert_ok(kit, rc_store_define(kit->store, defs, 2, NULL, 0, NULL, 1000, &kit->err));
    struct made *made = kit_submit(kit, 1, "a", RC_REVIEW, false);
    kit_result(kit, made, RC_RESOLVED, false);
    assert_ok(kit, rc_store_define(kit->store, NULL, 0, defs, 2, NULL, 2000, &kit->err));
    assert_ok(kit, rc_read_definitions(rc_store_self(kit->store), kit->arena, &all, &n, &kit->err));
    assert_int_equal(n, 1);
    /* it stays what it was: an ended command is read, and can be taken up again */
    assert_true(all[0].id == 1 && !all[0].active);
    assert_ok(kit, rc_read_definition(rc_store_self(kit->store), 1, kit->arena, &got, &kit->err));
    assert_true(!got.active && got.version == 1);
    assert_sv(got.text, "one");
    assert_int_equal(rc_read_definition(rc_store_self(kit->store), 3, kit->arena, &got, &kit->err),
                     RC_NOT_FOUND);
    assert_int_equal(rc_read_definition(rc_store_self(kit->store), 0, kit->arena, &got, &kit->err),
                     RC_NOT_FOUND);
    assert_int_equal(rc_store_define(kit->store, NULL, 0, defs, 1, NULL, 2000, &kit->err), RC_NOT_FOUND);
    /* and a name that comes back goes on counting */
    struct rc_definition again = def(RC_DEF_FLOW, "a", "three");
    assert_ok(kit, rc_store_define(kit->store, &again, 1, NULL, 0, NULL, 3000, &kit->err));
    assert_true(again.version == 2 && again.id == 3);
    kit_result(kit, made, RC_REVIEW, false);
    assert_ok(kit, rc_read_definitions(rc_store_self(kit->store), kit->arena, &all, &n, &kit->err));
    assert_int_equal(n, 2); /* version 1 as before */
}

#define RUN(name)                                                                                            \
    {                                                                                                        \
#name, name, kit_setup, kit_teardown, kind                                                           \
    }
static int run(const char *name, struct kit_kind *kind)
{
    const struct CMUnitTest tests[] = {
        RUN(what_is_committed_comes_back),
        RUN(histories_grow_and_are_read_in_parts),
        RUN(a_batch_that_contradicts_changes_nothing),
        RUN(a_record_has_a_largest_size),
        RUN(numbers_that_cannot_be_stored_are_refused),
        RUN(time_never_goes_back),
        RUN(an_empty_batch_moves_the_time),
        RUN(keys_are_found_within_namespace_and_type),
        RUN(keys_hold_any_bytes),
        RUN(a_key_has_generations),
        RUN(readers_never_see_half_a_batch),
        RUN(work_comes_in_order),
        RUN(lanes_are_kept),
        RUN(much_work_comes_in_order),
        RUN(batches_of_every_size_are_whole),
        RUN(what_is_in_flight_is_found),
        RUN(definitions_have_versions),
        RUN(versions_that_a_command_may_start_are_read),
        RUN(versions_are_listed_with_their_uses),
        RUN(definitions_go_out_of_force),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    int failed = run("memory", &(struct kit_kind){.memory = true});
    return failed + run("sqlite", &(struct kit_kind){.memory = false});
}
