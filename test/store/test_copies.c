/* A copy of a disk in memory holds all that the disk held, and shares nothing with it: what becomes of either does not touch the other. */
#include "deeds.h"
#include "refusing.h"

#include <string.h>

enum { ROOM = 64 << 20, SOME = 3 };

struct pair {
    struct doing doing; /* with the original, which has some of everything */
    struct kit copy;
};

static void begin(struct pair *pair, struct kit *kit)
{
    *pair = (struct pair){0};
    deeds_begin(&pair->doing, kit);
}

static void copy(struct pair *pair)
{
    pair->copy = *pair->doing.kit;
    pair->copy.store = NULL;
    pair->copy.arena = rc_arena_new(1 << 20, SIZE_MAX);
    pair->copy.disk = rc_memory_disk_copy(pair->doing.kit->disk);
    assert_non_null(pair->copy.disk);
    kit_open(&pair->copy); /* although somebody has the original */
}

static void end(struct pair *pair)
{
    kit_close(&pair->copy);
    rc_memory_disk_free(pair->copy.disk);
    rc_arena_free(pair->copy.arena);
}

/* Everything that writes, or else everything that reads, with this store. */
static void do_all(struct doing *doing, bool writes)
{
    struct kit *kit = doing->kit;
    const struct deed *deed;
    for (unsigned i = 0; (deed = deed_at(i)); i++) {
        if (deed->flags & DEED_FILES || !(deed->flags & DEED_WRITES) == writes) continue;
        if (deed->prepare) deed->prepare(doing);
        doing->arena = rc_arena_new(0, ROOM);
        if (!writes && !(deed->flags & DEED_BESIDE))
            assert_ok(kit, rc_reader_open(kit->store, &doing->reader, &kit->err));
        assert_ok(kit, deed->run(doing, &kit->err));
        rc_reader_close(doing->reader);
        doing->reader = NULL;
        rc_arena_free(doing->arena);
    }
}

static void use_copy(struct pair *pair, bool writes)
{
    struct doing there = pair->doing;
    struct made open = *there.open;
    there.kit = &pair->copy;
    there.open = &open; /* whose revision goes on there, too */
    do_all(&there, writes);
}

static void it_holds_the_same(void **state)
{
    static struct pair pair;
    begin(&pair, *state);
    for (int i = 0; i < SOME; i++) {
        struct rc_h128 before = deeds_digest(pair.doing.kit);
        copy(&pair);
        assert_true(rc_h128_eq(deeds_digest(&pair.copy), before));
        assert_true(rc_h128_eq(deeds_digest(pair.doing.kit), before));
        end(&pair);
        do_all(&pair.doing, true); /* and more of everything */
        assert_false(rc_h128_eq(deeds_digest(pair.doing.kit), before));
    }
}

static void it_outlives_the_original(void **state)
{
    struct kit *kit = *state;
    static struct pair pair;
    begin(&pair, kit);
    copy(&pair);
    struct rc_h128 before = deeds_digest(kit);
    kit_close(kit);
    rc_memory_disk_free(kit->disk);
    kit->disk = NULL;
    assert_true(rc_h128_eq(deeds_digest(&pair.copy), before));
    use_copy(&pair, false);
    use_copy(&pair, true);
    use_copy(&pair, false);
    end(&pair);
}

static void what_becomes_of_either_stays_there(void **state)
{
    struct kit *kit = *state;
    static struct pair pair;
    begin(&pair, kit);
    copy(&pair);
    struct rc_h128 before = deeds_digest(kit);
    do_all(&pair.doing, true);
    struct rc_h128 after = deeds_digest(kit);
    assert_false(rc_h128_eq(before, after));
    assert_true(rc_h128_eq(deeds_digest(&pair.copy), before));
    use_copy(&pair, true);
    assert_false(rc_h128_eq(deeds_digest(&pair.copy), before));
    assert_true(rc_h128_eq(deeds_digest(kit), after));
    assert_int_equal(kit_key(kit, rc_store_self(kit->store), "ready"),
                     kit_key(&pair.copy, rc_store_self(pair.copy.store), "ready"));
    end(&pair);
}

/* Where it comes from is copied; that it is full is not. */
static void its_mark_comes_with_it(void **state)
{
    struct kit *kit = *state;
    static struct pair pair;
    begin(&pair, kit);
    rc_memory_come_from(kit->disk, (struct rc_origin){.cause = RC_HELD_BACKUP, .at = 4});
    rc_memory_full(kit->disk, true);
    copy(&pair);
    assert_int_equal(rc_store_origin(pair.copy.store).cause, RC_HELD_BACKUP);
    assert_int_equal(rc_store_origin(pair.copy.store).at, 4);
    assert_int_equal(rc_store_room(kit->store, &kit->err), RC_FULL);
    assert_ok(&pair.copy, rc_store_room(pair.copy.store, &pair.copy.err));
    end(&pair);
}

static void a_copy_of_an_empty_disk_is_a_new_one(void **state)
{
    struct pair pair = {.doing = {.kit = *state}};
    copy(&pair);
    assert_true(rc_h128_eq(deeds_digest(&pair.copy), deeds_digest(*state)));
    assert_int_equal(kit_submit(&pair.copy, 1, "a", RC_PENDING, false)->command.id.seq, 1);
    assert_int_equal(kit_high(*state).seq, 0);
    end(&pair);
}

/* Each allocation in turn: there is no copy, the original is what it was, and the next copy is whole. */
static void without_memory_there_is_none(void **state)
{
    struct kit *kit = *state;
    static struct pair pair;
    uint32_t at = 0, fired = 1;
    begin(&pair, kit);
    struct rc_h128 before = deeds_digest(kit);
    for (at = 1; fired; at++) {
        refuse(REFUSE_MEMORY, at, at % 2, false);
        struct rc_memory_disk *disk = rc_memory_disk_copy(kit->disk);
        fired = refuse_stop();
        assert_true(fired ? disk == NULL : disk != NULL);
        rc_memory_disk_free(disk);
    }
    assert_true(at > 40);
    assert_true(rc_h128_eq(deeds_digest(kit), before));
    copy(&pair);
    assert_true(rc_h128_eq(deeds_digest(&pair.copy), before));
    end(&pair);
}

#define RUN(name)                                                                                            \
    {                                                                                                        \
#name, name, kit_setup, kit_teardown, &kind                                                          \
    }
int main(void)
{
    struct kit_kind kind = {.memory = true};
    const struct CMUnitTest tests[] = {
        RUN(it_holds_the_same),
        RUN(it_outlives_the_original),
        RUN(what_becomes_of_either_stays_there),
        RUN(its_mark_comes_with_it),
        RUN(a_copy_of_an_empty_disk_is_a_new_one),
        RUN(without_memory_there_is_none),
    };
    return cmocka_run_group_tests_name("copies", tests, NULL, NULL);
}
