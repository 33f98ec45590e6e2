/* What must have an undo: what can have happened where the flow, or a block, takes back what happened. */
#include "kit.h"

#define GET(id)       "{ id: " id ", call: d, with: { method: GET, path: / } }"
#define GETS(id, too) "{ id: " id ", call: d, with: { method: GET, path: / }, " too " }"

#define DO(id) "{ id: " id ", call: d, with: { method: PUT, path: / } }"
#define UNDO(id)                                                                                             \
    "{ id: " id ", call: d, with: { method: PUT, path: / }, undo: { with: { method: PUT, path: / } } }"
#define NOUNDO(id) "{ id: " id ", call: d, with: { method: PUT, path: / }, undo: none }"
#define FINAL(id)  "{ id: " id ", call: d, with: { method: PUT, path: / }, irreversible: true }"
#define OF_FLOW    "on_failure: roll_back needs an 'undo' here: a later step may fail"
#define OF_BLOCK                                                                                             \
    "the block that it stands in takes back what happened when it fails ('undo' of the block; of a quorum "  \
    "the default is 'block'), which needs an 'undo' here"

static const struct {
    const char *name, *steps, *errors;
} taken[] = {
    {"a line: all but the last", "- " DO("a") "\n- " UNDO("b") "\n- " DO("c") "\n", "f.yaml:4:3: " OF_FLOW},
    {"the last part may be a block: all but its last",
     "- " UNDO("a") "\n- { id: b, linear: [" DO("c") ", " DO("e") "] }\n", "f.yaml:5:21: " OF_FLOW},
    {"a block that something follows: all of it",
     "- { id: b, linear: [" UNDO("c") ", " DO("e") "] }\n- " GET("f") "\n", "f.yaml:4:115: " OF_FLOW},
    {"branches beside each other: all", "- { id: b, parallel: [" DO("c") ", " DO("e") "] }\n",
     "f.yaml:4:23: " OF_FLOW "\nf.yaml:4:75: " OF_FLOW},
    {"a branch alone", "- { id: b, parallel: [" DO("c") "] }\n", ""},
    {"one branch that is a line", "- { id: b, parallel: [{ id: l, linear: [" DO("c") ", " DO("e") "] }] }\n",
     "f.yaml:4:41: " OF_FLOW},
    {"items: all", "- { id: b, each: [1, 2], max: 2, steps: [" DO("c") "] }\n", "f.yaml:4:42: " OF_FLOW},
    {"one item", "- { id: b, each: [1], max: 1, steps: [" DO("c") "] }\n", ""},
    {"passes: all", "- { id: b, repeat: { max: 2, until: true }, steps: [" DO("c") "] }\n",
     "f.yaml:4:53: " OF_FLOW},
    {"cases: what is taken",
     "- id: p\n  choose:\n  - { if: true, steps: [" DO("a") ", " DO("b") "] }\n"
                                                                         "  - else: [" DO("c") "]\n",
     "f.yaml:6:25: " OF_FLOW},
    {"a fallback: the parts of both",
     "- { id: a, linear: [" DO("b") ", " DO("c") "], fallback: [" DO("e") ", " DO("f") "] }\n",
     "f.yaml:4:21: " OF_FLOW "\nf.yaml:4:137: " OF_FLOW},
    {"nothing to take back",
     "- " GET("a") "\n- " NOUNDO("b") "\n- { id: c, sleep: 1s }\n- { id: e, set: {} }\n- " DO("f") "\n", ""},
    {"irreversible: a person decides",
     "- " FINAL("a") "\n- { id: p, parallel: [" FINAL("b") ", " FINAL("c") "] }\n- " DO("e") "\n", ""},
};

static const struct {
    const char *name, *steps, *errors;
} taken_by_block[] = {
    {"block: none", "- { id: b, linear: [" DO("c") ", " DO("e") "] }\n- " DO("f") "\n", ""},
    {"block: a line", "- " DO("a") "\n- { id: b, undo: block, linear: [" DO("c") ", " DO("e") "] }\n",
     "f.yaml:4:34: " OF_BLOCK},
    {"block: a quorum", "- { id: b, join: { quorum: 1 }, parallel: [" DO("c") "] }\n", ""},
    {"block: a quorum of more", "- { id: b, join: { quorum: 1 }, parallel: [" DO("c") ", " UNDO("e") "] }\n",
     "f.yaml:3:44: " OF_BLOCK},
    {"block: a quorum that says no",
     "- { id: b, undo: none, join: { quorum: 1 }, parallel: [" DO("c") ", " DO("e") "] }\n", ""},
    {"block: any", "- { id: b, join: any, parallel: [" DO("c") ", " DO("e") "] }\n", ""},
    {"block: failed branches: what is in them",
     "- { id: b, undo: failed_branch, parallel: [" DO("c") ", { id: l, linear: [" DO("e") ", " DO(
         "f") "] }] }\n",
     "f.yaml:3:114: " OF_BLOCK},
    {"block: failed passes",
     "- { id: b, undo: failed_branch, repeat: { max: 3, until: true }, steps: [" DO("c") ", " DO("e") "] }\n",
     "f.yaml:3:74: " OF_BLOCK},
    {"block: a block within, whose own undo is another",
     "- { id: b, undo: block, linear: [{ id: p, undo: failed_branch, parallel: [" DO("c") ", " DO(
         "e") "] }] }\n",
     "f.yaml:3:75: " OF_BLOCK "\nf.yaml:3:127: " OF_BLOCK},
    {"block: choices",
     "- id: p\n  undo: block\n  choose:\n  - { if: true, steps: [" DO("a") ", " DO("b") "] }\n"
                                                                                        "  - else: []\n",
     "f.yaml:6:25: " OF_BLOCK},
    {"block: irreversible", "- { id: b, undo: block, linear: [" FINAL("c") ", " DO("e") "] }\n", ""},
    {"block: surplus", "- { id: b, join: any, surplus: undo, parallel: [" DO("c") ", " UNDO("e") "] }\n",
     "f.yaml:3:49: 'surplus: undo' needs an 'undo' here"},
    {"block: surplus that is irreversible",
     "- { id: b, join: any, surplus: undo, parallel: [" NOUNDO("c") ", " FINAL("e") "] }\n",
     "f.yaml:3:113: 'surplus: undo' cannot take back a step that is irreversible"},
};

static void test_taken_back(void **state)
{
    struct kit *kit = *state;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        struct rc_buf buf = rc_buf_in(kit->arena, 1 << 16);
        rc_put_format(&buf, "flow: f\non_failure: roll_back\nsteps:\n%s", taken[i].steps);
        rc_put_char(&buf, 0);
        kit_expect(kit, taken[i].name, buf.p, taken[i].errors);
    }
    for (size_t i = 0; i < sizeof taken_by_block / sizeof *taken_by_block; i++)
        kit_expect_steps(kit, taken_by_block[i].name, taken_by_block[i].steps, taken_by_block[i].errors);
    kit_expect(kit, "on a deadline",
               "flow: f\ndeadline: 1h\non_deadline: roll_back\nsteps:\n- " DO("a") "\n- " DO("b") "\n",
               "f.yaml:5:3: on_deadline: roll_back needs an 'undo' here: the deadline may end behind it");
    const struct defs_errors *errors = &kit->errors;
    kit_expect_steps(kit, "where it is", "- { id: b, undo: block, linear: [" DO("c") ", " DO("e") "] }\n",
                     "f.yaml:3:34: " OF_BLOCK);
    assert_string_equal(errors->error[0].pointer, "/steps/0/linear/0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
