/* Command lines against the table, and the table against itself. */
#include "cli/run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

enum { WORDS = 80 };

/* Splits at blanks; the words live until the next call. */
static int parse(const char *line, struct cli_args *ret)
{
    static char copy[4096], *argv[WORDS + 1];
    int argc = 0;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word && argc < WORDS; word = strtok(NULL, " ")) argv[argc++] = word;
    argv[argc] = NULL;
    *ret = (struct cli_args){0};
    return cli_parse(argc, argv, ret);
}

static void test_good(void **state)
{
    struct cli_args args;
    unsigned at = 0;
    (void)state;
    assert_int_equal(parse("recourse --json submit -k K --ref a=1 TYPE --ref=b=2 -p {} -y", &args), CLI_OK);
    assert_string_equal(args.command->name, "submit");
    assert_int_equal(args.noperands, 1);
    assert_string_equal(args.operand[0], "TYPE");
    assert_string_equal(cli_value(&args, "key"), "K");
    assert_true(cli_has(&args, "json") && cli_has(&args, "yes"));
    assert_false(cli_has(&args, "quiet"));
    assert_string_equal(cli_each(&args, "ref", &at), "a=1");
    assert_string_equal(cli_each(&args, "ref", &at), "b=2");
    assert_null(cli_each(&args, "ref", &at));
    assert_int_equal(parse("recourse submit -k first --key second T", &args), CLI_OK);
    assert_string_equal(cli_value(&args, "key"), "second"); /* the last one counts */
    assert_int_equal(parse("recourse show -- -odd-", &args), CLI_OK);
    assert_string_equal(args.operand[0], "-odd-");
    assert_int_equal(parse("recourse submit T -p -", &args), CLI_OK);
    assert_string_equal(cli_value(&args, "payload"), "-");
    assert_int_equal(parse("recourse", &args), CLI_OK);
    assert_null(args.command);
    assert_int_equal(parse("recourse show --help", &args), CLI_OK); /* help needs no operands */
}

static void test_bad(void **state)
{
    static const char *const line[] = {
        "recourse bogus",          "recourse --bogus list", "recourse list --bogus", "recourse list -Z",
        "recourse submit T --key", "recourse submit T -k",  "recourse show",         "recourse show a b",
        "recourse list extra",     "recourse submit",       "recourse version=1",    "recourse list --json=1",
    };
    struct cli_args args;
    (void)state;
    for (unsigned i = 0; i < sizeof line / sizeof *line; i++)
        if (parse(line[i], &args) != CLI_USAGE) fail_msg("%s", line[i]);
}

static void test_many(void **state)
{
    struct cli_args args;
    char line[4096] = "recourse submit T";
    (void)state;
    for (unsigned i = 0; i < CLI_MAX_GIVEN; i++) strcat(line, " -y");
    assert_int_equal(parse(line, &args), CLI_OK);
    strcat(line, " -y");
    assert_int_equal(parse(line, &args), CLI_USAGE);
}

/* Every row can be shown and parsed: names are unique, letters do not clash, texts are there. */
static void test_table(void **state)
{
    (void)state;
    for (const struct cli_command *command = cli_commands; command->name; command++) {
        assert_ptr_equal(cli_find(command->name), command);
        assert_true(*command->text && command->run && command->args);
        assert_true(command->least <= command->most);
        const struct cli_option *list[] = {cli_globals, command->options};
        for (unsigned a = 0; a < 2; a++) {
            for (const struct cli_option *x = list[a]; x && x->name; x++) {
                assert_true(*x->text);
                for (unsigned b = 0; b < 2; b++)
                    for (const struct cli_option *y = list[b]; y && y->name; y++)
                        assert_true(x == y || (strcmp(x->name, y->name) != 0 &&
                                               (!x->letter || x->letter != y->letter)));
            }
        }
    }
    assert_null(cli_find("nothing"));
}

static void test_exit_codes(void **state)
{
    (void)state;
    assert_int_equal(cli_exit_of(RC_OK), CLI_OK);
    assert_int_equal(cli_exit_of(RC_NOT_FOUND), CLI_NOT_FOUND);
    assert_int_equal(cli_exit_of(RC_UNREACHABLE), CLI_UNREACHABLE);
    assert_int_equal(cli_exit_of(RC_COMMIT_UNKNOWN), CLI_UNREACHABLE);
    assert_int_equal(cli_exit_of(RC_FULL), CLI_UNREACHABLE);
    assert_int_equal(cli_exit_of(RC_KEY_CONFLICT), CLI_REFUSED);
    assert_int_equal(cli_exit_of(RC_STALE), CLI_REFUSED);
    assert_int_equal(cli_exit_of(RC_INVALID), CLI_REFUSED);
    assert_int_equal(cli_exit_of(RC_BUG), CLI_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_bad),
                                       cmocka_unit_test(test_many), cmocka_unit_test(test_table),
                                       cmocka_unit_test(test_exit_codes)};
    return cmocka_run_group_tests_name("cli args", tests, NULL, NULL);
}
