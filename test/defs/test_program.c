/* Dependencies of kind program, and the requests that run one. */
#include "kit.h"

#include <stdio.h>

#define DEP        "dependency: d\nkind: program\nprograms: [/bin/a]\n"
#define WITH(rest) "flow: f\nsteps:\n- id: a\n  call: d\n  with:\n    program: /bin/a\n" rest

static const struct {
    const char *name, *yaml, *errors;
} wrong[] = {
    {"nothing else", "dependency: d\nkind: program\n", "f.yaml:1:1: 'programs' is missing"},
    {"base", DEP "base: http://h\n", "f.yaml:4:1: unknown field 'base'"},
    {"programs of http", "dependency: d\nkind: http\nbase: http://h\nprograms: [/bin/a]\n",
     "f.yaml:4:1: unknown field 'programs'"},
    {"programs text", "dependency: d\nkind: program\nprograms: /bin/a\n",
     "f.yaml:3:11: must be a list of absolute paths, not text"},
    {"no programs", "dependency: d\nkind: program\nprograms: []\n", "f.yaml:3:11: name at least one program"},
    {"paths",
     "dependency: d\nkind: program\nprograms: [a, '', /a/../b, /a//b, /a/, /./a, \"/${payload.a}\"]\n",
     "f.yaml:3:12: a path begins with '/': nothing is looked for in a PATH\n"
     "f.yaml:3:15: a path begins with '/': nothing is looked for in a PATH\n"
     "f.yaml:3:19: a path has no '.', '..' or empty segments\n"
     "f.yaml:3:28: a path has no '.', '..' or empty segments\n"
     "f.yaml:3:35: a path has no '.', '..' or empty segments\n"
     "f.yaml:3:40: a path has no '.', '..' or empty segments\n"
     "f.yaml:3:46: a path cannot hold ${…}: what may run stands in the definition"},
    {"path", "dependency: d\nkind: program\nprograms: [[x]]\n",
     "f.yaml:3:12: must be an absolute path, not a list"},
    {"directory", DEP "directory: here\n",
     "f.yaml:4:12: a path begins with '/': nothing is looked for in a PATH"},
    {"grace", DEP "grace: 61s\n", "f.yaml:4:8: must be at most 1m"},
    {"limits",
     DEP "limits: { memory: 0, file_size: 1.5, cpu: 1ms, open_files: 15, concurrent: 0, per_second: 1 }\n",
     "f.yaml:4:19: a size is a number of bytes (64K, 512M, 2G are understood) of at most 1024G\n"
     "f.yaml:4:33: a size is a number of bytes (64K, 512M, 2G are understood) of at most 1024G\n"
     "f.yaml:4:43: must be at least 1s\n"
     "f.yaml:4:60: must be from 16 to 1048576, not 15\n"
     "f.yaml:4:76: must be from 1 to 4096, not 0\n"
     "f.yaml:4:79: field 'per_second' is not supported in this version"},
    {"memory", DEP "limits: { memory: 1025G }\n",
     "f.yaml:4:19: a size is a number of bytes (64K, 512M, 2G are understood) of at most 1024G"},
    {"outcomes", DEP "outcomes: { 256: failed, 03: failed, -1: failed, 3: fine }\n",
     "f.yaml:4:13: '256' is no exit code: 0 to 255\n"
     "f.yaml:4:26: '03' is no exit code: 0 to 255\n"
     "f.yaml:4:38: '-1' is no exit code: 0 to 255\n"
     "f.yaml:4:53: 'fine' is none of succeeded, rejected, failed, unknown"},
    {"environment",
     DEP "environment: { 1A: x, 'a b': x, RECOURSE_X: x, TRACEPARENT: x, LD_PRELOAD: x, ENV: x, A: [] }\n",
     "f.yaml:4:16: '1A' cannot be the name of a variable\n"
     "f.yaml:4:23: 'a b' cannot be the name of a variable\n"
     "f.yaml:4:33: the variable 'RECOURSE_X' is set by Recourse itself\n"
     "f.yaml:4:48: the variable 'TRACEPARENT' is set by Recourse itself\n"
     "f.yaml:4:64: the variable 'LD_PRELOAD' can make a program run other code than its own\n"
     "f.yaml:4:79: the variable 'ENV' can make a program run other code than its own\n"
     "f.yaml:4:90: must be text or a single value, not a list"},
    {"environment has no names", DEP "environment: { A: \"${payload.a}\" }\n",
     "f.yaml:4:22: unknown name 'payload'"},
    {"environment list", DEP "environment: [A]\n",
     "f.yaml:4:14: must be a map of names of variables to texts, not a list"},
    {"headers", DEP "headers: {}\n", "f.yaml:4:1: unknown field 'headers'"},
    /* requests */
    {"program", "flow: f\nsteps:\n- { id: a, call: d, with: { program: ls } }\n",
     "f.yaml:3:38: a path begins with '/': nothing is looked for in a PATH"},
    {"program from a value", "flow: f\nsteps:\n- { id: a, call: d, with: { program: '/${payload.x}' } }\n",
     "f.yaml:3:38: a path cannot hold ${…}: what may run stands in the definition"},
    {"both", WITH("    method: GET\n"), "f.yaml:7:5: unknown field 'method'"},
    {"args", WITH("    args: -l\n"), "f.yaml:7:11: must be a list of arguments, not text"},
    {"args nested", WITH("    args: [a, [b], ~, {c: d}]\n"),
     "f.yaml:7:15: must be text or a single value, not a list\n"
     "f.yaml:7:20: must be text, not nothing\n"
     "f.yaml:7:23: must be text or a single value, not a map"},
    {"args of another type", WITH("    args: ['${[1]}']\n"),
     "f.yaml:7:15: this is of type list(int), and text cannot be made of that"},
    {"secret in args", WITH("    args: [\"${secret('x')}\"]\n"),
     "f.yaml:7:15: secret(…) may only stand where a value leaves: in headers"},
    {"output", WITH("    output: yaml\n"), "f.yaml:7:13: 'yaml' is none of text, json"},
    {"a question", WITH("  require: { with: { program: /bin/b }, holds: 'true' }\n"),
     "f.yaml:7:20: a question must change nothing: use GET or HEAD, or say 'reads: true'"},
};

static void test_wrong(void **state)
{
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        kit_expect(*state, wrong[i].name, wrong[i].yaml, wrong[i].errors);
}

static void test_defaults(void **state)
{
    const struct flow_dependency *d = kit_dependency(*state, DEP);
    assert_int_equal(d->kind, FLOW_DEP_PROGRAM);
    assert_int_equal(d->program.npaths, 1);
    assert_true(rc_sv_is(d->program.paths[0], "/bin/a"));
    assert_int_equal(d->program.grace, RC_SECONDS(5));
    assert_null(d->program.environment);
    assert_int_equal(d->program.directory.n, 0);
    assert_int_equal(d->program.memory | d->program.file_size | d->program.cpu | d->program.open_files, 0);
    assert_int_equal(d->concurrent, 32);
    assert_int_equal(d->nrefine, 0);
}

static void test_every_field(void **state)
{
    const struct flow_dependency *d = kit_dependency(
        *state, "dependency: d\ndescription: x\nkind: program\nposture: block\nprograms: [/bin/a, /]\n"
                "environment: { LANG: C, TOKEN: \"Bearer ${secret('t')}\", N: 5 }\ndirectory: /var/lib/x\n"
                "grace: 0s\nkey_lifetime: 1h\noutcomes: { 0: unknown, 3: failed, 255: succeeded }\n"
                "limits: { concurrent: 2, memory: 512M, file_size: 64K, cpu: 90s, open_files: 16 }\n");
    assert_int_equal(d->program.npaths, 2);
    assert_non_null(d->program.environment);
    assert_true(rc_sv_is(d->program.directory, "/var/lib/x"));
    assert_int_equal(d->program.grace, 0);
    assert_int_equal(d->key_lifetime, RC_SECONDS(3600));
    assert_int_equal(d->nrefine, 3);
    assert_int_equal(d->refine[2].status, 255);
    assert_int_equal(d->concurrent, 2);
    assert_int_equal(d->program.memory, 512 << 20);
    assert_int_equal(d->program.file_size, 64 << 10);
    assert_int_equal(d->program.cpu, RC_SECONDS(90));
    assert_int_equal(d->program.open_files, 16);
}

static void test_bounds(void **state)
{
    char text[(RC_MAX_PROGRAM_PATH + 64) * 2] = "dependency: d\nkind: program\nprograms: [/";
    size_t at = strlen(text);
    memset(text + at, 'a', RC_MAX_PROGRAM_PATH - 1);
    strcpy(text + at + RC_MAX_PROGRAM_PATH - 1, "]\n");
    (void)kit_dependency(*state, text);
    strcpy(text + at + RC_MAX_PROGRAM_PATH - 1, "a]\n");
    kit_expect(*state, "long path", text, "f.yaml:3:12: longer than 1024 bytes");
    for (unsigned extra = 0; extra < 2; extra++) {
        strcpy(text, "dependency: d\nkind: program\nprograms: [");
        for (unsigned i = 0; i < RC_MAX_PROGRAMS + extra; i++) sprintf(text + strlen(text), "/p%u,", i);
        strcat(text, "]\n");
        if (extra)
            kit_expect(*state, "many programs", text, "f.yaml:3:11: more than 64 programs");
        else
            assert_int_equal(kit_dependency(*state, text)->program.npaths, RC_MAX_PROGRAMS);
        strcpy(text, DEP "environment: {");
        for (unsigned i = 0; i < RC_MAX_PROGRAM_ENV + extra; i++) sprintf(text + strlen(text), "V%u: x,", i);
        strcat(text, "}\n");
        if (extra)
            kit_expect(*state, "many variables", text, "f.yaml:4:14: more than 64 variables");
        else
            (void)kit_dependency(*state, text);
        strcpy(text, WITH("    args: ["));
        for (unsigned i = 0; i < RC_MAX_PROGRAM_ARGS + extra; i++) strcat(text, "x,");
        strcat(text, "]\n");
        if (extra)
            kit_expect(*state, "many arguments", text, "f.yaml:7:11: more than 256 arguments");
        else
            kit_expect(*state, "as many arguments as may be", text, "");
    }
}

/* ---- sets: what a flow asks is held against the dependency, and the dependency against the operator's list */

static void load(struct kit *kit, const char *text, const struct defs_beside *beside, const char *errors)
{
    const struct defs_file file = {RC_SV("a.yaml"), rc_sv_of(text)};
    enum rc_status status = defs_load_beside(&file, 1, beside, kit->arena, &kit->one, &kit->n, &kit->errors);
    assert_int_equal(status, *errors ? RC_INVALID : RC_OK);
    assert_string_equal(*errors ? kit_errors(kit) : "", errors);
}

static void test_sets(void **state)
{
    static const char *const programs[] = {"/bin/a", "/bin/c"};
    const struct defs_beside open = {0}, floor = {.has_floor = true, .programs = programs, .nprograms = 2};
    const struct defs_beside none = {.has_floor = true};
#define FLOW(with) "---\nflow: f\nsteps:\n- { id: a, call: d, with: " with " }\n"
#define HTTP       "dependency: d\nkind: http\nbase: http://h\n"
    load(*state, DEP FLOW("{ program: /bin/a }"), &open, "");
    load(*state, DEP FLOW("{ program: /bin/a }"), &floor, "");
    load(*state, DEP, &none, "a.yaml:1:13: this server does not allow the program /bin/a (--allow-program)");
    load(*state, "dependency: d\nkind: program\nprograms: [/bin/a, /bin/b, /bin/c]\n", &floor,
         "a.yaml:1:13: this server does not allow the program /bin/b (--allow-program)");
    load(*state, HTTP, &none, "");
    load(*state, DEP FLOW("{ program: /bin/b }"), &open,
         "a.yaml:7:27: the dependency 'd' does not list the program /bin/b; did you mean '/bin/a'?");
    load(*state, DEP FLOW("{ method: GET, path: / }"), &open,
         "a.yaml:7:27: the dependency 'd' is of kind program: it is called with 'program'");
    load(*state, HTTP FLOW("{ program: /bin/a }"), &open,
         "a.yaml:7:27: the dependency 'd' is of kind http: it is called with 'method'");
    /* every request of a step is looked at */
    load(*state,
         DEP FLOW("{ program: /bin/a }, undo: { with: { program: /bin/x } }, require: { with: { method: GET, "
                  "path: / }, holds: 'true' }"),
         &open,
         "a.yaml:7:102: the dependency 'd' is of kind program: it is called with 'program'\n"
         "a.yaml:7:62: the dependency 'd' does not list the program /bin/x; did you mean '/bin/a'?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_wrong),  KIT_TEST(test_defaults), KIT_TEST(test_every_field),
        KIT_TEST(test_bounds), KIT_TEST(test_sets),
    };
    return cmocka_run_group_tests_name("defs program", tests, NULL, NULL);
}
