/* Every call that the store makes of the world below it fails in turn, under everything that can be done with a store: the first call, the
 * second one, and so on until none fails any more; once, and from then on. What must hold then:
 *
 *   - the answer is a clear error (or the deed was done, where the call was no condition of it),
 *   - nothing is half-done: the store holds what it held before; only where a commit is unknown it may hold the new,
 *   - the handle works again, or is poisoned, and the store opened anew works,
 *   - no descriptor is left open; the sanitizers' build finds memory that is left.
 *
 *   RC_REFUSALS=N   points of each deed and kind of call, spread evenly (0: all of them; default: a slice) */
#include "deeds.h"
#include "refusing.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLICE = 12, ROOM = 256 << 20, AGAIN = 16, LIMIT_STEP = 24 };

struct refusals {
    struct doing doing;
    uint32_t points, fired; /* calls that were to fail; that failed */
    char broken[1024];      /* the first promise that was not kept; empty: all were */
};

static const char *const kind_name[REFUSE_KINDS] = {"memory", "system", "SQLite's memory", "SQLite's files",
                                                    "SQLite's locks"};

static uint32_t slice(void)
{
    const char *text = getenv("RC_REFUSALS");
    return text ? (uint32_t)strtoul(text, NULL, 10) : SLICE;
}

/* ---- one deed -------------------------------------------------------------------------------------------------------- */

static bool is_open(const struct refusals *all)
{
    return all->doing.kit->store != NULL;
}

/* What the deed is about is made, with nothing failing; then the store is opened anew, so that nothing is at hand. */
static void get_ready(struct refusals *all, const struct deed *deed, size_t limit)
{
    struct doing *doing = &all->doing;
    struct kit *kit = doing->kit;
    if (!is_open(all)) kit_open(kit);
    assert_ok(kit,
              rc_store_room(kit->store,
                            &kit->err)); /* as the engine does at every turn: the reserve is filled again */
    if (deed->prepare) deed->prepare(doing);
    doing->arena = rc_arena_new(deed->flags & DEED_WRITES ? 1 << 20 : 0, limit);
    if (deed->flags & DEED_CLOSED) return;
    if (deed->flags & DEED_WRITES)
        kit_reopen(kit);
    else if (!(deed->flags & DEED_BESIDE))
        assert_ok(kit, rc_reader_open(kit->store, &doing->reader, &kit->err));
}

static void tidy_up(struct refusals *all)
{
    rc_reader_close(all->doing.reader);
    all->doing.reader = NULL;
    rc_arena_free(all->doing.arena);
    all->doing.arena = NULL;
}

struct point {
    enum refusing kind;
    uint32_t at;
    bool on, full;
};

static bool is_clear(const struct rc_error *err, enum rc_status status)
{
    return err->status == status && err->text[0] && memchr(err->text, 0, sizeof err->text);
}

static bool may_answer(const struct deed *deed, struct point point, enum rc_status status)
{
    enum refusing kind = point.kind;
    /* what can never be read is as good as damaged */
    if (kind == REFUSE_SQLITE_FILES && point.on && deed->flags & DEED_CHECKS && status == RC_DAMAGED)
        return true;
    bool memory = kind == REFUSE_MEMORY || kind == REFUSE_SQLITE_MEMORY;
    /* SQLite's check calls a page that it had no memory for damaged; the second look finds that it is not, and not why */
    if (memory && deed->flags & DEED_CHECKS && status == RC_IO) return true;
    if (memory) return status == RC_NOMEM || status == RC_COMMIT_UNKNOWN;
    if (kind == REFUSE_SQLITE_LOCKS) return status == RC_BUSY || status == RC_IO;
    return status == RC_IO || status == RC_FULL || status == RC_COMMIT_UNKNOWN;
}

static void breaks(struct refusals *all, const struct deed *deed, const char *how, enum rc_status status,
                   const struct rc_error *err)
{
    if (all->broken[0]) return;
    snprintf(all->broken, sizeof all->broken, "%s: %s; it answered %s: %.300s", deed->name, how,
             rc_status_slug(status), err->text);
}

/* What reads changes nothing: it is not looked at each time. */
static struct rc_h128 look_at(struct refusals *all, const struct deed *deed)
{
    bool looks = deed->flags & (DEED_WRITES | DEED_CLOSED);
    return looks ? deeds_digest(all->doing.kit) : (struct rc_h128){0};
}

static void judge(struct refusals *all, const struct deed *deed, struct point point, struct rc_h128 before,
                  enum rc_status status, const struct rc_error *err)
{
    struct kit *kit = all->doing.kit;
    if (status != RC_OK && !may_answer(deed, point, status))
        breaks(all, deed, "no answer that is promised", status, err);
    if (status != RC_OK && !is_clear(err, status)) breaks(all, deed, "no clear error", status, err);
    if (status == RC_COMMIT_UNKNOWN) kit_reopen(kit);
    if (status == RC_COMMIT_UNKNOWN || (status == RC_OK && deed->flags & DEED_WRITES)) return;
    if (is_open(all) != (status == RC_OK || !(deed->flags & DEED_CLOSED)))
        breaks(all, deed, "open, or not, against what it answered", status, err);
    if (!is_open(all)) kit_open(kit);
    if (!rc_h128_eq(before, look_at(all, deed)))
        breaks(all, deed, "the store does not hold what it held", status, err);
}

/* Once more, and nothing fails. */
static void works_again(struct refusals *all, const struct deed *deed, enum rc_status before)
{
    struct rc_error err = {0};
    if (deed->flags & DEED_CLOSED) return; /* it was opened to look at it */
    struct doing *doing = &all->doing;
    if (deed->prepare) deed->prepare(doing);
    doing->arena = rc_arena_new(1 << 20, ROOM);
    if (!(deed->flags & (DEED_WRITES | DEED_BESIDE)))
        assert_ok(doing->kit, rc_reader_open(doing->kit->store, &doing->reader, &doing->kit->err));
    enum rc_status status = deed->run(doing, &err);
    tidy_up(all);
    if (status != RC_OK) breaks(all, deed, rc_status_slug(before), status, &err);
}

/* False when the call was never made. */
static bool try_point(struct refusals *all, const struct deed *deed, struct point point)
{
    struct rc_error err = {0};
    get_ready(all, deed, ROOM);
    bool closed = deed->flags & DEED_CLOSED;
    struct rc_h128 before = closed ? all->doing.digest : look_at(all, deed);
    refuse(point.kind, point.at, point.on, point.full);
    enum rc_status status = deed->run(&all->doing, &err);
    uint32_t fired = refuse_stop();
    tidy_up(all);
    all->points++;
    all->fired += fired > 0;
    if (fired)
        judge(all, deed, point, before, status, &err);
    else if (status != RC_OK)
        breaks(all, deed, "nothing failed below it", status, &err);
    if (fired && status != RC_OK && point.at % AGAIN == 1) works_again(all, deed, status);
    return fired > 0;
}

/* All points of one deed and one kind of call; on from each point, too. */
static void try_kind(struct refusals *all, const struct deed *deed, enum refusing kind)
{
    uint32_t calls = 1, most = slice();
    while (calls < UINT32_MAX / 2 && try_point(all, deed, (struct point){kind, calls, false, false}))
        calls *= 2;
    /* between calls / 2, which was made, and calls, which was not */
    uint32_t step = most && calls > most ? calls / most : 1;
    for (uint32_t at = 1, i = 0; at < calls; at += step, i++) {
        bool on = kind != REFUSE_SQLITE_LOCKS && i % 2 == 1; /* a lock that is never free is waited for */
        struct point point = {kind, at, on, i % 3 == 2};
        if (!try_point(all, deed, point)) break;
    }
}

/* The deed's results do not fit in what the caller gives them: an answer, and nothing else happens. */
static void try_limits(struct refusals *all, const struct deed *deed)
{
    for (size_t limit = 0;; limit += LIMIT_STEP) {
        struct rc_error err = {0};
        get_ready(all, deed, limit);
        enum rc_status status = deed->run(&all->doing, &err);
        tidy_up(all);
        all->points++;
        if (status == RC_OK && limit > 0) return;
        all->fired++;
        if (status != RC_LIMIT || !is_clear(&err, status))
            breaks(all, deed, "no room for its results", status, &err);
        if (all->broken[0]) return;
    }
}

/* ---- descriptors ------------------------------------------------------------------------------------------------------ */

static unsigned descriptors(void)
{
    unsigned n = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir)) n++;
    closedir(dir);
    return n;
}

static uint32_t total, controls, caught; /* for the figures */

/* ---- all of them ------------------------------------------------------------------------------------------------------- */

static void begin(struct refusals *all, struct kit *kit)
{
    *all = (struct refusals){0};
    deeds_begin(&all->doing, kit);
    kit_reopen(kit);
}

static void end(struct refusals *all, const char *what)
{
    struct kit *kit = all->doing.kit;
    struct rc_holdings kept;
    if (all->broken[0]) fail_msg("%s: %s", what, all->broken);
    print_message("# %s: %u points, %u of them failed\n", what, all->points, all->fired);
    assert_true(all->fired > 0);
    total += all->fired;
    if (!kit->memory) assert_ok(kit, rc_sqlite_check(kit->path, &kept, &kit->err));
}

static void each_call_fails(void **state, enum refusing kind)
{
    struct kit *kit = *state;
    static struct refusals all;
    begin(&all, kit);
    kit_close(kit);
    unsigned open_before = descriptors();
    const struct deed *deed;
    for (unsigned i = 0; (deed = deed_at(i)); i++)
        if (!kit->memory || !(deed->flags & DEED_FILES)) try_kind(&all, deed, kind);
    if (is_open(&all)) kit_close(kit);
    assert_int_equal(descriptors(), open_before);
    kit_open(kit);
    end(&all, kind_name[kind]);
}

static void memory_runs_out(void **state)
{
    each_call_fails(state, REFUSE_MEMORY);
}

static void the_system_fails(void **state)
{
    each_call_fails(state, REFUSE_SYSTEM);
}

static void sqlite_runs_out_of_memory(void **state)
{
    each_call_fails(state, REFUSE_SQLITE_MEMORY);
}

static void sqlite_cannot_read_and_write(void **state)
{
    each_call_fails(state, REFUSE_SQLITE_FILES);
}

static void a_lock_is_held_for_a_moment(void **state)
{
    each_call_fails(state, REFUSE_SQLITE_LOCKS);
}

static void results_may_be_too_large(void **state)
{
    static struct refusals all;
    begin(&all, *state);
    const struct deed *deed;
    for (unsigned i = 0; (deed = deed_at(i)); i++)
        if (deed->flags & DEED_ARENA) try_limits(&all, deed);
    end(&all, "limits");
}

/* A handle that does not know what it has kept answers nothing any more. */
static void a_poisoned_handle_answers_nothing(void **state)
{
    struct kit *kit = *state;
    static struct refusals all;
    const struct deed *commits = deed_at(0), *deed;
    struct rc_error err = {0};
    enum rc_status status = RC_OK;
    begin(&all, kit);
    get_ready(&all, commits, ROOM);
    assert_ok(kit, rc_reader_open(kit->store, &all.doing.reader, &kit->err));
    if (kit->memory) rc_memory_fail_next(kit->store, RC_COMMIT_UNKNOWN, true);
    for (uint32_t at = 1; status != RC_COMMIT_UNKNOWN; at++) {
        refuse(REFUSE_SQLITE_FILES, kit->memory ? UINT32_MAX : at, true, false);
        status = commits->run(&all.doing, &err);
        assert_true(refuse_stop() > 0 || kit->memory);
        assert_true(status != RC_OK);
        all.doing.open->command.rev--;
    }
    for (unsigned i = 0; (deed = deed_at(i)); i++) {
        if (deed->flags & DEED_FILES) continue;
        status = deed->run(&all.doing, &err);
        if (status != RC_IO) fail_msg("%s: %s", deed->name, rc_status_slug(status));
    }
    tidy_up(&all);
    kit_reopen(kit);
    works_again(&all, commits, status);
    assert_string_equal(all.broken, "");
}

/* ---- controls: a deed that breaks the promise must be caught ------------------------------------------------------------ */

/* Two commits for one deed: it can be done by half. */
static enum rc_status by_half(struct doing *doing, struct rc_error *err)
{
    struct rc_definition one = {.kind = RC_DEF_FLOW, .name = RC_SV("loop"), .text = RC_SV("one")};
    enum rc_status status = rc_store_define(doing->kit->store, &one, 1, NULL, 0, NULL, doing->kit->now, err);
    if (status != RC_OK) return status;
    return rc_store_define(doing->kit->store, &one, 1, NULL, 0, NULL, doing->kit->now, err);
}

/* Says that it failed, and not why. */
static enum rc_status without_words(struct doing *doing, struct rc_error *err)
{
    struct rc_definition one = {.kind = RC_DEF_FLOW, .name = RC_SV("loop"), .text = RC_SV("one")};
    (void)err;
    return rc_store_define(doing->kit->store, &one, 1, NULL, 0, NULL, doing->kit->now, NULL);
}

static void a_broken_promise_is_noticed(void **state)
{
    static const struct deed half = {"by_half", DEED_WRITES, NULL, by_half};
    static const struct deed silent = {"without_words", DEED_WRITES, NULL, without_words};
    static struct refusals all;
    begin(&all, *state);
    controls = 2;
    caught = 0;
    try_kind(&all, &half, REFUSE_MEMORY);
    assert_non_null(strstr(all.broken, "does not hold what it held"));
    caught++;
    all.broken[0] = 0;
    try_kind(&all, &silent, REFUSE_MEMORY);
    assert_non_null(strstr(all.broken, "no clear error"));
    caught++;
}

#define RUN(name)                                                                                            \
    {                                                                                                        \
#name, name, kit_setup, kit_teardown, kind                                                           \
    }
int main(void)
{
    refuse_install();
    int failed = 0;
    struct kit_kind memory = {.memory = true}, sqlite = {.memory = false}, *kind = &memory;
    const struct CMUnitTest in_memory[] = {
        RUN(memory_runs_out),
        RUN(results_may_be_too_large),
        RUN(a_poisoned_handle_answers_nothing),
        RUN(a_broken_promise_is_noticed),
    };
    failed += cmocka_run_group_tests_name("memory", in_memory, NULL, NULL);
    kind = &sqlite;
    const struct CMUnitTest in_files[] = {
        RUN(memory_runs_out),
        RUN(the_system_fails),
        RUN(sqlite_runs_out_of_memory),
        RUN(sqlite_cannot_read_and_write),
        RUN(a_lock_is_held_for_a_moment),
        RUN(results_may_be_too_large),
        RUN(a_poisoned_handle_answers_nothing),
        RUN(a_broken_promise_is_noticed),
    };
    failed += cmocka_run_group_tests_name("sqlite", in_files, NULL, NULL);
    refuse_remove();
    printf("# figure refusals %u\n# figure refusal_controls %u\n# figure refusal_controls_caught %u\n", total,
           controls, caught);
    return failed;
}
