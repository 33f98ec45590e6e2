/* Secrets from a directory: names, ends of lines, bounds, things that are no files. */
#include "secure/secrets.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char dir[32];
    struct rc_secrets *secrets;
    struct rc_arena *arena;
};
static struct fixture fixture;

static void put(const char *name, const char *text, size_t n)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", fixture.dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, n, file), n);
    fclose(file);
}

static int setup(void **state)
{
    struct rc_error err;
    strcpy(fixture.dir, "/tmp/rc-secrets-XXXXXX");
    fixture.arena = rc_arena_new(0, 1 << 20);
    *state = &fixture;
    return mkdtemp(fixture.dir) && fixture.arena &&
                   rc_secrets_open(fixture.dir, &fixture.secrets, &err) == RC_OK
               ? 0
               : -1;
}

static int teardown(void **state)
{
    char command[128];
    (void)state;
    rc_secrets_close(fixture.secrets);
    rc_arena_free(fixture.arena);
    snprintf(command, sizeof command, "rm -r %s", fixture.dir);
    return system(command) == 0 ? 0 : -1; // NOLINT(cert-env33-c): a fixed command on our own folder
}

static enum rc_status get(const char *name, struct rc_sv *ret)
{
    struct rc_error err = {0};
    enum rc_status status = rc_secrets_get(fixture.secrets, rc_sv_of(name), fixture.arena, ret, &err);
    assert_null(strstr(err.text, "sekrit")); /* no error repeats a text */
    return status;
}

static void test_ends(void **state)
{
    static const struct {
        const char *text, *expected;
    } row[] = {{"sekrit", "sekrit"},
               {"sekrit\n", "sekrit"},
               {"sekrit\r\n", "sekrit"},
               {"sekrit\n\n", "sekrit\n"},
               {" sekrit ", " sekrit "},
               {"", ""},
               {"\n", ""}};
    (void)state;
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
        struct rc_sv text = {0};
        put("token", row[i].text, strlen(row[i].text));
        assert_int_equal(get("token", &text), RC_OK); /* read anew each time */
        assert_true(rc_sv_is(text, row[i].expected));
    }
}

static void test_names(void **state)
{
    char longest[RC_MAX_NAME + 2] = "";
    struct rc_sv text;
    (void)state;
    put("a-b_c.D9", "sekrit", 6);
    assert_int_equal(get("a-b_c.D9", &text), RC_OK);
    assert_int_equal(get("absent", &text), RC_NOT_FOUND);
    for (unsigned i = 0; i < 8; i++) {
        static const char *const bad[] = {"", ".", "..", ".hidden", "../etc/passwd", "a/b", "a b", "a\n"};
        assert_int_equal(get(bad[i], &text), RC_INVALID);
    }
    memset(longest, 'x', RC_MAX_NAME);
    assert_int_equal(get(longest, &text), RC_NOT_FOUND);
    longest[RC_MAX_NAME] = 'x';
    assert_int_equal(get(longest, &text), RC_INVALID);
}

static void test_bound(void **state)
{
    static char text[RC_MAX_SECRET + 1];
    struct rc_sv got = {0};
    (void)state;
    memset(text, 's', sizeof text);
    put("large", text, RC_MAX_SECRET);
    assert_int_equal(get("large", &got), RC_OK);
    assert_int_equal(got.n, RC_MAX_SECRET);
    put("larger", text, RC_MAX_SECRET + 1);
    assert_int_equal(get("larger", &got), RC_LIMIT);
}

static void test_no_files(void **state)
{
    char path[128];
    struct rc_sv text;
    (void)state;
    snprintf(path, sizeof path, "%s/pipe", fixture.dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(get("pipe", &text), RC_IO); /* and it does not hang */
    snprintf(path, sizeof path, "%s/folder", fixture.dir);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(get("folder", &text), RC_IO);
}

static void test_directory(void **state)
{
    struct rc_secrets *secrets = NULL;
    struct rc_error err;
    struct rc_sv text;
    (void)state;
    assert_int_equal(rc_secrets_open("/nonexistent/secrets", &secrets, &err), RC_NOT_FOUND);
    assert_int_equal(chmod(fixture.dir, 0707), 0);
    assert_int_equal(rc_secrets_open(fixture.dir, &secrets, &err), RC_FORBIDDEN);
    assert_null(secrets);
    assert_int_equal(rc_secrets_get(NULL, RC_SV("token"), fixture.arena, &text, &err), RC_NOT_FOUND);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {CASE(test_ends), CASE(test_names), CASE(test_bound),
                                       CASE(test_no_files), CASE(test_directory)};
    return cmocka_run_group_tests_name("secrets", tests, NULL, NULL);
}
