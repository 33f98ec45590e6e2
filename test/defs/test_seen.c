/* What steps see of each other: which are there, and which must be asked for. */
#include "kit.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define GET(id)       "{ id: " id ", call: d, with: { method: GET, path: / } }"
#define GETS(id, too) "{ id: " id ", call: d, with: { method: GET, path: / }, " too " }"

#define SET(id, value) "{ id: " id ", set: { v: \"${" value "}\" } }"
#define OUT(id)        "{ id: " id ", set: { o: 1 } }"
#define TOO(id, too)   "{ id: " id ", set: { o: 1 }, " too " }"
#define NO(where, id, why)                                                                                   \
    "f.yaml:" where ": steps." id " may not exist here (" why "): guard it with has(steps." id ")"
#define NONE(where, seen, id) "f.yaml:" where ": object{" seen "} has no field '" id "'"

static const struct {
    const char *name, *steps, *errors;
} seen[] = {
    {"a line, and what is in its blocks",
     "- " OUT("a") "\n- { id: b, linear: [" OUT("c") ", " SET(
         "e", "steps.a.outputs.o + steps.c.outputs.o") "] }\n- " SET("f", "[steps.a, steps.c, steps.e]") "\n",
     ""},
    {"not itself, not the block",
     "- { id: b, linear: [" OUT("c") "] }\n- " SET("e", "steps.e") "\n- " SET("f", "steps.b") "\n",
     NONE("4:31", "c", "e") "\n" NONE("5:31", "c, e", "b")},
    {"branches see what they need, and what that needs",
     "- " OUT("a") "\n- id: p\n  parallel:\n  - " OUT("b") "\n  - " TOO(
         "c", "needs: [b]") "\n"
                            "  - { id: e, set: { v: \"${[steps.a, steps.b, steps.c]}\" }, needs: [c] }\n"
                            "- " SET("f", "[steps.b, steps.c, steps.e]") "\n",
     ""},
    {"branches do not see each other",
     "- id: p\n  parallel:\n  - " OUT("b") "\n  - " SET("c", "steps.b.outputs.o") "\n",
     NONE("6:33", "", "b")},
    {"a branch that needs a block sees what is in it",
     "- id: p\n  parallel:\n  - { id: b, linear: [" OUT("c") "] }\n"
                                                             "  - { id: e, needs: [b], linear: [" SET(
                                                                 "f", "steps.c.outputs.o") "] }\n",
     ""},
    {"asked for with in",
     "- " TOO("a", "if: payload.x") "\n- " SET("b", "'a' in steps") "\n- " SET("c", "'e' in steps") "\n",
     "f.yaml:5:25: object{a, b} has no field 'e'"},
    {"with an if", "- " TOO("a", "if: payload.x") "\n- " SET("b", "steps.a.outputs.o") "\n",
     NO("4:31", "a", "it has an `if`")},
    {"not critical", "- " TOO("a", "critical: false") "\n- " SET("b", "steps.a") "\n",
     NO("4:31", "a", "it is not critical")},
    {"in a block with an if",
     "- { id: b, if: payload.x, linear: [" OUT("c") "] }\n- " SET("e", "steps.c") "\n",
     NO("4:31", "c", "its block has an `if`")},
    {"within that block it is there",
     "- { id: b, if: payload.x, critical: false, linear: [" OUT("c") ", " SET("e", "steps.c") "] }\n", ""},
    {"in a block that is not critical",
     "- { id: b, critical: false, linear: [" OUT("c") "] }\n- " SET("e", "steps.c") "\n",
     NO("4:31", "c", "its block is not critical")},
    {"the nearest reason",
     "- { id: b, critical: false, linear: [" TOO("c", "if: payload.x") "] }\n- " SET("e", "steps.c") "\n",
     NO("4:31", "c", "it has an `if`")},
    {"in a block that goes on",
     "- { id: b, on_error: continue, linear: [" OUT("c") ", " SET("e", "steps.c") "] }\n- " SET(
         "f", "steps.c") "\n",
     NO("3:95", "c", "its block goes on where something fails") "\n" NO(
         "4:31", "c", "its block goes on where something fails")},
    {"in a choice",
     "- id: p\n  choose:\n  - { if: payload.x, steps: [" OUT("a") ", " SET(
         "b", "steps.a.outputs.o") "] }\n"
                                   "  - else: [" SET("c", "steps.a") "]\n- " SET("e", "steps.b") "\n",
     NONE("6:40", "", "a") "\n" NO("7:31", "b", "it stands in a case of a choose")},
    {"where not all must succeed",
     "- { id: p, join: any, parallel: [" OUT("a") "] }\n- " SET("b", "steps.a") "\n",
     NO("4:31", "a", "not all branches of its block must succeed")},
    {"a quorum", "- { id: p, join: { quorum: 1 }, parallel: [" OUT("a") "] }\n- " SET("b", "steps.a") "\n",
     NO("4:31", "a", "not all branches of its block must succeed")},
    {"a branch of these with an if",
     "- { id: p, join: any, parallel: [" TOO("a", "if: payload.x") ", " OUT("c") "] }\n- " SET(
         "b", "steps.a") "\n",
     NO("4:31", "a", "it has an `if`")},
    {"with a fallback, and in one",
     "- " GETS("a", "fallback: [" OUT("b") "]") "\n- " SET("c", "steps.a") "\n- " SET("e", "steps.b") "\n",
     NO("4:31", "a", "it has a fallback, or stands in one") "\n" NO("5:31", "b",
                                                                    "it has a fallback, or stands in one")},
    {"from the fallback",
     "- { id: p, linear: [" OUT("a") ", " OUT("b") "], fallback: [" SET("c", "has(steps.a) ? 1 : 2") ", " SET(
         "e", "steps.b") ", " SET("f", "steps.c") "] }\n",
     NO("3:163", "b", "a fallback is for where it failed")},

    /* needs */
    {"what is needed is there",
     "- " TOO("a", "critical: false") "\n- { id: b, needs: [a], set: { v: \"${steps.a.outputs.o}\" } }\n",
     ""},
    {"and what that needs",
     "- " TOO("a", "critical: false") "\n- " TOO(
         "b",
         "critical: false, needs: [a]") "\n"
                                        "- { id: c, needs: [b], set: { v: \"${[steps.a, steps.b]}\" } }\n",
     ""},
    {"a block",
     "- { id: b, critical: false, linear: [" OUT("c") ", " TOO(
         "e", "if: payload.x") "] }\n"
                               "- { id: f, needs: [b], set: { v: \"${steps.c}\", w: \"${steps.e}\" } }\n",
     NO("4:60", "e", "it has an `if`")},
    {"with an if of its own it is not",
     "- " TOO("a",
              "critical: false") "\n- { id: b, needs: [a], if: payload.x, set: { v: \"${steps.a}\" } }\n",
     NO("4:58", "a", "it is not critical")},
    {"with an if between them it is not",
     "- " TOO("a", "critical: false") "\n- " TOO(
         "b", "critical: false, needs: [a], if: payload.x") "\n"
                                                            "- { id: c, needs: [b], set: { v: "
                                                            "\"${steps.b}\", w: \"${steps.a}\" } }\n",
     NO("5:60", "a", "it is not critical")},
    {"others are as they were",
     "- " TOO("a", "critical: false") "\n- " OUT(
         "b") "\n"
              "- { id: c, needs: [b], set: { v: \"${steps.b}\", w: \"${steps.a}\" } }\n",
     NO("5:60", "a", "it is not critical")},

    /* guards */
    {"has and", "- " TOO("a", "if: payload.x") "\n- " SET("b", "has(steps.a) && steps.a.outputs.o == 1") "\n",
     ""},
    {"and has: from the left to the right",
     "- " TOO("a", "if: payload.x") "\n- " SET("b", "steps.a.outputs.o == 1 && has(steps.a)") "\n",
     NO("4:31", "a", "it has an `if`")},
    {"or not", "- " TOO("a", "if: payload.x") "\n- " SET("b", "!has(steps.a) || steps.a.outputs.o == 1") "\n",
     ""},
    {"or", "- " TOO("a", "if: payload.x") "\n- " SET("b", "has(steps.a) || steps.a.outputs.o == 1") "\n",
     NO("4:47", "a", "it has an `if`")},
    {"then", "- " TOO("a", "if: payload.x") "\n- " SET("b", "has(steps.a) ? steps.a.outputs.o : 0") "\n", ""},
    {"else", "- " TOO("a", "if: payload.x") "\n- " SET("b", "has(steps.a) ? 0 : steps.a.outputs.o") "\n",
     NO("4:50", "a", "it has an `if`")},
    {"another",
     "- " TOO("a", "if: payload.x") "\n- " TOO("c", "if: payload.x") "\n- " SET(
         "b", "has(steps.a) ? steps.c.outputs.o : 0") "\n",
     NO("5:46", "c", "it has an `if`")},
    {"only within",
     "- " TOO("a", "if: payload.x") "\n- " SET("b", "(has(steps.a) && true) || steps.a != null") "\n",
     NO("4:57", "a", "it has an `if`")},
    {"an if guards its step",
     "- " TOO("a",
              "if: payload.x") "\n- { id: b, if: 'has(steps.a) && payload.y', set: { v: \"${steps.a}\" } }\n",
     ""},
    {"and its block",
     "- " TOO("a", "if: payload.x") "\n- { id: b, if: has(steps.a), linear: [" SET(
         "c", "steps.a") "] }\n- " SET("e", "steps.a") "\n",
     NO("5:31", "a", "it has an `if`")},
    {"one that does not ask does not",
     "- " TOO("a",
              "if: payload.x") "\n- { id: b, if: 'has(steps.a) || payload.y', set: { v: \"${steps.a}\" } }\n",
     NO("4:64", "a", "it has an `if`")},
    {"a case guards its steps, and only these",
     "- " TOO("a", "if: payload.x") "\n- id: p\n  choose:\n  - { if: has(steps.a), steps: [" SET(
         "b",
         "steps.a") "] }\n  - { if: payload.y, steps: [" SET("c",
                                                             "steps.a") "] }\n  - else: [" SET("e",
                                                                                               "steps.a") "]"
                                                                                                          "\n",
     NO("7:58", "a", "it has an `if`") "\n" NO("8:40", "a", "it has an `if`")},

    {"what cannot be read blames nothing else",
     "- " TOO("a", "if: payload.x") "\n- { id: b, if: has(steps.a) && x, linear: [" SET("c",
                                                                                        "steps.a") "] }\n",
     "f.yaml:4:32: unknown name 'x'; known here: payload, command, steps"},

    /* loops */
    {"items",
     "- { id: b, each: \"${[1, 2]}\", max: 2, steps: [" OUT("c") ", " SET(
         "e", "[item + index, steps.c.outputs.o]") "] }\n- " SET("f",
                                                                 "size(steps.b.items) > 0 ? "
                                                                 "steps.b.items[0].c.outputs.o : 0") "\n",
     ""},
    {"the type of an item",
     "- { id: b, each: \"${['x']}\", max: 2, steps: [" SET("e", "item + index") "] }\n",
     "f.yaml:3:73: '+' cannot be applied to (string, int); string(…) makes text of a value"},
    {"from outside only as items",
     "- { id: b, each: [1], max: 2, steps: [" OUT("c") "] }\n- " SET("e", "steps.c") "\n- " SET(
         "f", "steps.b.outputs") "\n",
     NONE("4:31", "b", "c") "\nf.yaml:5:33: object{items} has no field 'outputs'"},
    {"items of what may be left out",
     "- { id: b, if: payload.x, each: [1], max: 2, steps: [" OUT("c") "] }\n- " SET("e",
                                                                                    "steps.b.items") "\n",
     NO("4:31", "b", "it has an `if`")},
    {"an each that goes on",
     "- { id: b, on_error: continue, each: [1], max: 2, steps: [" OUT("c") ", " SET(
         "g", "steps.c") "] }\n- " SET("e", "steps.b.items") "\n",
     ""},
    {"items have what was in them",
     "- { id: b, each: [1], max: 2, steps: [" OUT("c") "] }\n- " SET(
         "e", "steps.b.items.map(i, i.f)") "\n- " SET("f", "steps.b.items[0].c.outputs.p") "\n",
     NONE("4:48", "c", "f") "\n" NONE("5:52", "o", "p")},
    {"items of an each that goes on may lack it",
     "- { id: b, on_error: continue, each: [1], max: 2, steps: [" OUT("c") "] }\n- " SET(
         "e", "steps.b.items.map(i, i.c.outputs.o)") "\n- " SET("f", "steps.b.items[0].c") "\n",
     "f.yaml:4:48: i.c may not exist here (its block goes on where something fails): guard it with has(i.c)\n"
     "f.yaml:5:42: c may not exist here (its block goes on where something fails): guard it with has()"},
    {"and those of one that is joined early",
     "- { id: b, join: any, each: [1], max: 2, steps: [" OUT("c") "] }\n- " SET(
         "e", "steps.b.items.exists(i, i.c.outputs.o == 1)") "\n",
     "f.yaml:4:51: i.c may not exist here (not all items must succeed): guard it with has(i.c)"},
    {"and what may be missing in them",
     "- { id: b, each: [1], max: 2, steps: [" TOO("c", "if: payload.x") "] }\n- " SET(
         "e", "steps.b.items.map(i, has(i.c), i.c).map(o, o.outputs.o)") "\n- " SET("f", "steps.b.items.map("
                                                                                         "i, i.c)") "\n",
     "f.yaml:5:48: i.c may not exist here (it has an `if`): guard it with has(i.c)"},
    {"items that are asked for it",
     "- { id: b, on_error: continue, each: [1], max: 2, steps: [" OUT("c") "] }\n- " SET(
         "e",
         "steps.b.items.filter(i, has(i.c)).map(i, i.c.outputs.o)") "\n- " SET("f",
                                                                               "steps.b.items.map(i, "
                                                                               "has(i.c) ? i.c.outputs.o : "
                                                                               "0)") "\n- " SET("g",
                                                                                                "has(steps.b."
                                                                                                "items[0].c) "
                                                                                                "? "
                                                                                                "steps.b."
                                                                                                "items[0].c."
                                                                                                "outputs.o : "
                                                                                                "0") "\n-"
                                                                                                     " " SET(
                                                                                                         "h",
                                                                                                         "ste"
                                                                                                         "ps."
                                                                                                         "b."
                                                                                                         "ite"
                                                                                                         "ms."
                                                                                                         "all"
                                                                                                         "(i,"
                                                                                                         " ha"
                                                                                                         "s("
                                                                                                         "i."
                                                                                                         "c) "
                                                                                                         "&& "
                                                                                                         "i."
                                                                                                         "c."
                                                                                                         "out"
                                                                                                         "put"
                                                                                                         "s."
                                                                                                         "o "
                                                                                                         "== "
                                                                                                         "1)") "\n",
     ""},
    {"what was asked of one item says nothing of another",
     "- { id: b, on_error: continue, each: [1], max: 2, steps: [" OUT("c") "] }\n- " SET(
         "g",
         "has(steps.b.items[0].c) ? steps.b.items[1].c : 0") "\n- " SET("h",
                                                                        "steps.b.items.filter(i, has(i.c) || "
                                                                        "true).map(i, i.c)") "\n",
     "f.yaml:4:68: c may not exist here (its block goes on where something fails): guard it with has()\n"
     "f.yaml:5:76: i.c may not exist here (its block goes on where something fails): guard it with has(i.c)"},
    {"an each over items sees what is in them",
     "- { id: b, on_error: continue, each: [1], max: 2, steps: [" OUT(
         "c") "] }\n"
              "- { id: e, each: \"${steps.b.items}\", max: 2, steps: [" SET("f", "item.c.outputs.o") ", " SET(
                  "g", "has(item.c) ? item.c.outputs.o : 0") "] }\n",
     "f.yaml:4:81: item.c may not exist here (its block goes on where something fails): guard it with "
     "has(item.c)"},
    {"the last pass",
     "- { id: r, repeat: { max: 2, until: steps.a.outputs.o == index }, steps: [" OUT("a") ", " TOO(
         "b", "if: payload.x") "] }\n- " SET("c", "steps.a") "\n- " SET("e", "steps.b") "\n",
     NO("5:31", "b", "it has an `if`")},
    {"until sees what may be missing",
     "- { id: r, repeat: { max: 2, until: steps.a.outputs.o == 1 }, steps: [" TOO("a",
                                                                                  "critical: false") "] }\n",
     NO("3:43", "a", "it is not critical")},
    {"not the pass before",
     "- { id: r, repeat: { max: 2, until: true }, steps: [" SET("a", "steps.b") ", " OUT("b") "] }\n",
     NONE("3:81", "", "b")},
    {"a repeat that goes on",
     "- { id: r, on_error: continue, repeat: { max: 2, until: steps.a.outputs.o == 1 }, steps: [" OUT(
         "a") "] }\n- " SET("b", "steps.a") "\n",
     NO("3:63", "a", "its block goes on where something fails") "\n" NO(
         "4:31", "a", "its block goes on where something fails")},
    {"loops in loops: the innermost item",
     "- id: o\n  each: \"${[['x']]}\"\n  max: 1\n  steps:\n  - { id: i, each: \"${item}\", max: 1, steps: "
     "[" SET("a", "item.startsWith('x')") "] }\n  - " SET(
         "b",
         "item.size() + index") "\n"
                                "  - { id: r, repeat: { max: 1, until: \"item == ['x']\" }, steps: [" SET(
                                    "c", "item[0] + 'y'") "] }\n",
     ""},
    {"what a set gives", "- { id: a, set: { x: 1 } }\n- " SET("b", "steps.a.outputs.y") "\n",
     "f.yaml:4:41: object{x} has no field 'y'"},
    {"what a sleep gives", "- { id: a, sleep: 1s }\n- " SET("b", "steps.a.outputs.y") "\n",
     "f.yaml:4:41: object{} has no field 'y'"},
};

static void test_seen(void **state)
{
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++)
        kit_expect_steps(*state, seen[i].name, seen[i].steps, seen[i].errors);
}

/* What an earlier version took is taken where it is stored: the command that reads what is not there fails then. */
static void test_stored(void **state)
{
    struct kit *kit = *state;
    struct defs_file file = {.source = RC_SV("f.yaml"),
                             .text = RC_SV("flow: f\nsteps:\n- " TOO("a", "critical: false") "\n- " SET(
                                 "b", "steps.a.outputs.o") "\n")};
    assert_int_equal(defs_parse(file, kit->arena, &kit->one, &kit->n, &kit->errors), RC_INVALID);
    file.stored = true;
    assert_int_equal(defs_parse(file, kit->arena, &kit->one, &kit->n, &kit->errors), RC_OK);
    file.text = RC_SV("flow: f\nsteps:\n- " OUT("a") "\n- " SET("b", "steps.c") "\n");
    assert_int_equal(defs_parse(file, kit->arena, &kit->one, &kit->n, &kit->errors), RC_INVALID);
}

/* ---- the page */

/* The examples of steps in docs/definitions.md, put together, are a flow. */
static void test_page(void **state)
{
    struct kit *kit = *state;
    const char *examples = getenv("RC_EXAMPLES");
    assert_non_null(examples);
    char path[PATH_MAX];
    struct defs_file page;
    snprintf(path, sizeof path, "%s/../docs/definitions.md", examples);
    assert_int_equal(defs_read_file(path, kit->arena, &page, &kit->errors.error[0]), RC_OK);
    struct rc_buf buf = rc_buf_in(kit->arena, 1 << 20);
    rc_put_text(&buf, "flow: f\nsteps:\n");
    const char *text = rc_copy_sv(kit->arena, page.text).p, *from = text;
    int n = 0;
    while ((from = strstr(from, "\n```yaml\n  - ")) != NULL) {
        from += strlen("\n```yaml\n");
        const char *end = strstr(from, "```\n");
        assert_non_null(end);
        rc_put(&buf, (struct rc_sv){from, (uint32_t)(end - from)});
        n++;
    }
    rc_put_char(&buf, 0);
    assert_int_equal(buf.status, RC_OK);
    assert_true(n >= 7);
    const struct flow *flow = kit_flow(kit, buf.p);
    bool has[FLOW_KINDS] = {false};
    for (flow_node i = 0; i < flow->nsteps; i++) has[flow->steps[i].kind] = true;
    for (unsigned kind = 1; kind < FLOW_KINDS; kind++)
        if (strcmp(flow_kind_word(kind), "?") != 0 && !has[kind])
            fail_msg("the page has no example of %s", flow_kind_word(kind));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_seen),
        KIT_TEST(test_stored),
        KIT_TEST(test_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
