/* The list of an each, at its bounds and one above: how many items, how many bytes in memory, how many as JSON. As many items as a command
 * can have, of as many bytes as they may take, begin in one step, and what that changes is one record that can be written and read. */
#include "../golden/world.h"

#include "codec/record.h"
#include "defs/defs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

enum {
    MOST = (RC_MAX_INSTANCES - 2) / 2, /* the flow, the block, and for each item its line and its step */
    CELL = sizeof(struct cel_value),
    SEQ = 1,
    BLOCK = 1
};
_Static_assert((int)MOST == 2047, "as limits.h and docs/definitions.md say");

static const char definitions[] =
    "dependency: out\nkind: http\nbase: http://127.0.0.1:8499\nallow_private: true\n---\n"
    "flow: f\nsteps:\n  - id: all\n    each: \"${payload.items}\"\n    max: %u\n    width: 2047\n"
    "    steps:\n      - id: one\n        call: out\n"
    "        with: {method: POST, path: /}\n";

/* NULL: there would be too many instances. */
static const struct flow_set *load(struct rc_arena *arena, unsigned most)
{
    struct rc_sv text = rc_text(arena, definitions, most);
    struct defs_file file = {.source = RC_SV("test"), .text = text};
    static struct defs_errors errors;
    struct defs_one *found;
    uint32_t n;
    if (defs_load(&file, 1, arena, &found, &n, &errors) != RC_OK) return NULL;
    const struct flow_set *set = world_set_of(found, n, arena);
    assert_non_null(set);
    return set;
}

/* A list of so many texts that share `all` bytes; the last one has what does not come out even. */
static struct cel_value texts(struct rc_arena *arena, uint32_t n, uint32_t all, char of)
{
    struct cel_value *item = RC_NEW_ARRAY(arena, struct cel_value, n);
    char *text = rc_alloc_text(arena, all);
    memset(text, of, all);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t share = i + 1 < n ? all / n : all - (n - 1) * (all / n);
        item[i] = cel_string((struct rc_sv){text, share});
    }
    return (struct cel_value){.kind = CEL_LIST, .n = n, .v.items = item};
}

/* What a submission of the list comes to. */
static struct rc_out submitted(struct rc_arena *arena, struct cel_value list)
{
    struct rc_error err = {0};
    struct world *world = RC_NEW(arena, struct world);
    world_begin(world, arena, load(arena, MOST));
    struct cel_value *pair = RC_NEW_ARRAY(arena, struct cel_value, 2);
    pair[0] = cel_string(RC_SV("items"));
    pair[1] = list;
    world->identity = (struct rc_identity){.seq = SEQ,
                                           .nonce = 7,
                                           .flow = 2,
                                           .created = world->now,
                                           .ns = RC_SV("default"),
                                           .type = RC_SV("f"),
                                           .key = RC_SV("k"),
                                           .actor = RC_SV("anna"),
                                           .generation = 1,
                                           .payload = {.kind = CEL_MAP, .n = 1, .v.items = pair},
                                           .refs = {.kind = CEL_MAP}};
    world->command.flow = world->set->active[0];
    struct rc_ask ask = world_ask(world, RC_MSG_SUBMIT, 0);
    ask.u.submit = &world->identity;
    struct rc_out out = {0};
    if (rc_command_step(&world->command, &ask, world->set, arena, &out, &err) != RC_OK)
        fail_msg("%s", err.text);
    return out;
}

/* RC_WHY_NONE: the block has begun. */
static unsigned why_it_fails(const struct rc_out *out)
{
    for (uint32_t i = 0; i < out->nchange; i++) {
        const struct rc_change *change = &out->change[i];
        if (change->kind != RC_CHANGE_NODE || change->at != BLOCK) continue;
        bool failed = change->u.node.node.state == RC_STEP_FAILED;
        assert_int_equal(failed, change->u.node.node.why != RC_WHY_NONE);
        return change->u.node.node.why;
    }
    fail_msg("the block has neither begun nor failed");
    return RC_WHYS;
}

static unsigned why_not(struct cel_value (*list)(struct rc_arena *, uint32_t), uint32_t n)
{
    struct rc_arena *arena = rc_arena_new(1 << 20, SIZE_MAX);
    struct rc_out out = submitted(arena, list(arena, n));
    unsigned why = why_it_fails(&out);
    rc_arena_free(arena);
    return why;
}

static struct cel_value of_so_many(struct rc_arena *arena, uint32_t n)
{
    return texts(arena, n, n, 'x');
}

static struct cel_value of_so_many_bytes(struct rc_arena *arena, uint32_t n)
{
    return texts(arena, 1, n - 2 * CELL, 'x');
}

/* A quotation mark is two bytes of JSON; the list and its text add four. */
static struct cel_value of_so_much_json(struct rc_arena *arena, uint32_t n)
{
    assert_int_equal(n % 2, 0);
    return texts(arena, 1, (n - 4) / 2, '"');
}

static void a_list_has_bounds(void **state)
{
    (void)state;
    assert_int_equal(why_not(of_so_many, MOST), RC_WHY_NONE);
    assert_int_equal(why_not(of_so_many, MOST + 1), RC_WHY_ITEMS);
    assert_int_equal(why_not(of_so_many_bytes, RC_MAX_ITEMS_BYTES), RC_WHY_NONE);
    assert_int_equal(why_not(of_so_many_bytes, RC_MAX_ITEMS_BYTES + 1), RC_WHY_ITEMS_BYTES);
    assert_int_equal(why_not(of_so_much_json, RC_MAX_ITEMS_BYTES), RC_WHY_NONE);
    assert_int_equal(why_not(of_so_much_json, RC_MAX_ITEMS_BYTES + 2), RC_WHY_ITEMS_BYTES);
}

static void there_are_no_more_instances(void **state)
{
    (void)state;
    struct rc_arena *arena = rc_arena_new(1 << 20, SIZE_MAX);
    assert_non_null(load(arena, MOST));
    assert_null(load(arena, MOST + 1));
    rc_arena_free(arena);
}

static void all_of_them_begin_in_one_record(void **state)
{
    (void)state;
    struct rc_arena *arena = rc_arena_new(1 << 20, SIZE_MAX);
    struct rc_out out = submitted(arena, texts(arena, MOST, RC_MAX_ITEMS_BYTES - (MOST + 1) * CELL, 'x'));
    assert_int_equal(why_it_fails(&out), RC_WHY_NONE);
    uint32_t begun = 0;
    for (uint32_t i = 0; i < out.nchange; i++) begun += out.change[i].kind == RC_CHANGE_NODE;
    assert_int_equal(begun, RC_MAX_INSTANCES);
    struct rc_buf text = rc_buf_in(arena, RC_MAX_RECORD);
    rc_put_changes(&text, out.change, out.nchange, RC_SECONDS(1));
    assert_int_equal(text.status, RC_OK);
    struct rc_change *read;
    uint32_t n;
    struct rc_error err = {0};
    assert_int_equal(rc_get_changes(rc_buf_sv(&text), RC_SECONDS(1), arena, &read, &n, &err), RC_OK);
    assert_int_equal(n, out.nchange);
    rc_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_has_bounds),
        cmocka_unit_test(there_are_no_more_instances),
        cmocka_unit_test(all_of_them_begin_in_one_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
