/* Whole sets: checks between files, and directories on a real file system. */
#include "kit.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FLOW(name, call)                                                                                     \
    "flow: " name "\nsteps:\n- { id: a, call: " call ", with: { method: GET, path: / } }\n"
#define DEP(name) "dependency: " name "\nkind: http\nbase: http://h\n"

/* Loads texts named a.yaml, b.yaml … */
static enum rc_status load(struct kit *kit, const char *const *texts, uint32_t n)
{
    struct defs_file *files = RC_NEW_ARRAY(kit->arena, struct defs_file, n);
    assert_non_null(files);
    for (uint32_t i = 0; i < n; i++)
        files[i] = (struct defs_file){rc_text(kit->arena, "%c.yaml", 'a' + (int)i), rc_sv_of(texts[i])};
    return defs_load(files, n, kit->arena, &kit->one, &kit->n, &kit->errors);
}

#define LOAD(kit, ...)                                                                                       \
    load(kit, (const char *const[]){__VA_ARGS__},                                                            \
         (uint32_t)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)))

static void test_sorted(void **state)
{
    struct kit *kit = *state;
    assert_int_equal(LOAD(kit, DEP("z") "---\n" FLOW("g", "z"), FLOW("f", "d"), DEP("d") "---\n" DEP("f")),
                     RC_OK);
    static const char *const names[] = {"f", "g", "d", "f", "z"};
    assert_int_equal(kit->n, 5);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(kit->one[i].kind, i < 2 ? DEFS_FLOW : DEFS_DEPENDENCY);
        assert_true(rc_sv_is(kit->one[i].name, names[i]));
    }
    assert_true(rc_sv_is(kit->one[0].source, "b.yaml"));
    assert_int_equal(LOAD(kit, ""), RC_OK);
    assert_int_equal(kit->n, 0);
}

static void test_between_files(void **state)
{
    struct kit *kit = *state;
    assert_int_equal(LOAD(kit, DEP("github"), "# a comment\n" FLOW("f", "githb"), FLOW("g", "nothing")),
                     RC_INVALID);
    assert_string_equal(kit_errors(kit),
                        "b.yaml:4:18: the dependency 'githb' is not defined; did you mean 'github'?\n"
                        "c.yaml:3:18: the dependency 'nothing' is not defined");
    assert_int_equal(
        LOAD(kit, DEP("d") "---\n" FLOW("f", "d"), "---\n" FLOW("f", "d"), "---\n---\n" DEP("d")),
        RC_INVALID);
    assert_string_equal(kit_errors(kit),
                        "b.yaml:2:7: the flow 'f' is defined twice; also in a.yaml, line 5\n"
                        "c.yaml:3:13: the dependency 'd' is defined twice; also in a.yaml, line 1");
    /* each step's own call is where the error is, once per dependency */
    assert_int_equal(LOAD(kit,
                          "flow: f\nsteps:\n- { id: a, call: d, with: { method: GET, path: / } }\n"
                          "- { id: b, call: e, with: { method: GET, path: / } }\n- { id: c, call: e, with: { "
                          "method: GET, path: / } }\n",
                          DEP("d")),
                     RC_INVALID);
    assert_string_equal(kit_errors(kit), "a.yaml:4:18: the dependency 'e' is not defined");
}

/* Every file is read although one before it is wrong, and the errors keep the order of the files. */
static void test_beside(void **state)
{
    struct kit *kit = *state;
    const struct defs_file file = {RC_SV("a.yaml"),
                                   RC_SV(FLOW("f", "d") "---\n" FLOW("g", "e") "---\n" DEP("e"))};
    const struct rc_sv known[] = {RC_SV("c"), RC_SV("d")};
    struct defs_beside beside = {.known = known, .nknown = 2};
    assert_int_equal(defs_load_beside(&file, 1, &beside, kit->arena, &kit->one, &kit->n, &kit->errors),
                     RC_OK);
    assert_int_equal(kit->n, 3); /* what is known is not returned */
    beside.nknown = 1;
    assert_int_equal(defs_load_beside(&file, 1, &beside, kit->arena, &kit->one, &kit->n, &kit->errors),
                     RC_INVALID);
    assert_int_equal(kit->errors.n, 1);
    assert_non_null(strstr(kit->errors.error[0].text, "'d' is not defined"));
}

static void test_all_files_are_read(void **state)
{
    struct kit *kit = *state;
    assert_int_equal(LOAD(kit, "flow: f\n", "a: [", FLOW("F", "d"), DEP("d")), RC_INVALID);
    assert_int_equal(kit->errors.n, 3);
    assert_string_equal(kit->errors.error[0].source, "a.yaml");
    assert_string_equal(kit->errors.error[1].source, "b.yaml");
    assert_string_equal(kit->errors.error[2].source, "c.yaml");
}

static void test_error_bound(void **state)
{
    struct kit *kit = *state;
    for (uint32_t n = RC_MAX_DEF_ERRORS; n <= RC_MAX_DEF_ERRORS + 1; n++) {
        struct rc_buf buf = rc_buf_in(kit->arena, 1 << 16);
        for (uint32_t i = 0; i < n; i++) rc_put_format(&buf, DEP("d%u") "x: 1\n---\n", i);
        struct defs_file file = {RC_SV("a.yaml"), rc_buf_sv(&buf)};
        assert_int_equal(defs_load(&file, 1, kit->arena, &kit->one, &kit->n, &kit->errors), RC_INVALID);
        assert_int_equal(kit->errors.n, RC_MAX_DEF_ERRORS);
        assert_int_equal(kit->errors.total, n);
    }
}

/* ---- directories */

struct dir {
    char path[64];
};

static struct dir make_dir(void)
{
    struct dir dir = {"/tmp/recourse-defs-XXXXXX"};
    assert_non_null(mkdtemp(dir.path));
    return dir;
}

static const char *in(const struct dir *dir, const char *name)
{
    static char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", dir->path, name);
    return path;
}

static void write_file(const struct dir *dir, const char *name, const char *text, size_t n)
{
    FILE *file = fopen(in(dir, name), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static void write_text(const struct dir *dir, const char *name, const char *text)
{
    write_file(dir, name, text, strlen(text));
}

static void remove_dir(const struct dir *dir)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir->path);
    assert_int_equal(system(command), 0);
}

static enum rc_status read_dir(struct kit *kit, const struct dir *dir, struct defs_file **files, uint32_t *n)
{
    *n = 0;
    return defs_read_dir(dir->path, kit->arena, files, n, &kit->errors.error[0]);
}

static void test_directory(void **state)
{
    struct kit *kit = *state;
    struct dir dir = make_dir();
    struct defs_file *files;
    uint32_t n;
    assert_int_equal(read_dir(kit, &dir, &files, &n), RC_NOT_FOUND); /* empty */
    write_text(&dir, "b.yml", DEP("d"));
    write_text(&dir, "a.yaml", FLOW("f", "d"));
    write_text(&dir, "empty.yaml", "");
    write_text(&dir, ".hidden.yaml", "wrong: [");
    write_text(&dir, "c.yaml~", "wrong: [");
    write_text(&dir, "readme.txt", "wrong: [");
    assert_int_equal(mkdir(in(&dir, "folder.yaml"), 0700), 0);
    assert_int_equal(read_dir(kit, &dir, &files, &n), RC_OK);
    assert_int_equal(n, 3);
    assert_true(rc_sv_is(files[0].source, "a.yaml"));
    assert_true(rc_sv_is(files[1].source, "b.yml"));
    assert_true(rc_sv_is(files[1].text, DEP("d")));
    assert_true(rc_sv_is(files[2].source, "empty.yaml"));
    assert_int_equal(files[2].text.n, 0);
    assert_int_equal(defs_load(files, n, kit->arena, &kit->one, &kit->n, &kit->errors), RC_OK);
    assert_int_equal(kit->n, 2);
    remove_dir(&dir);
    assert_int_equal(read_dir(kit, &dir, &files, &n), RC_NOT_FOUND);
}

static void test_links(void **state)
{
    struct kit *kit = *state;
    struct dir dir = make_dir(), other = make_dir();
    struct defs_file *files;
    uint32_t n;
    assert_int_equal(mkdir(in(&dir, "..data"), 0700), 0); /* as a mounted ConfigMap has it */
    write_text(&dir, "..data/x.yaml", DEP("d"));
    assert_int_equal(symlink("..data/x.yaml", in(&dir, "x.yaml")), 0);
    assert_int_equal(read_dir(kit, &dir, &files, &n), RC_OK);
    assert_int_equal(n, 1);
    assert_true(rc_sv_is(files[0].text, DEP("d")));

    write_text(&other, "y.yaml", DEP("d"));
    char target[PATH_MAX];
    snprintf(target, sizeof target, "%s/y.yaml", other.path);
    assert_int_equal(symlink(target, in(&dir, "y.yaml")), 0);
    assert_int_equal(read_dir(kit, &dir, &files, &n), RC_INVALID);
    assert_string_equal(kit->errors.error[0].text, "'y.yaml' is a link that leads out of the directory");
    assert_int_equal(unlink(in(&dir, "y.yaml")), 0);

    /* a directory whose name begins with ours is not inside it */
    char longer[PATH_MAX];
    snprintf(longer, sizeof longer, "%s-more", dir.path);
    struct dir beside = {""};
    memcpy(beside.path, longer, strlen(longer) + 1);
    assert_int_equal(mkdir(beside.path, 0700), 0);
    write_text(&beside, "z.yaml", DEP("d"));
    snprintf(target, sizeof target, "%s/z.yaml", beside.path);
    assert_int_equal(symlink(target, in(&dir, "z.yaml")), 0);
    assert_int_equal(read_dir(kit, &dir, &files, &n), RC_INVALID);
    assert_int_equal(unlink(in(&dir, "z.yaml")), 0);

    assert_int_equal(symlink("nowhere", in(&dir, "z.yaml")), 0);
    assert_int_equal(read_dir(kit, &dir, &files, &n), RC_IO);
    assert_int_equal(unlink(in(&dir, "z.yaml")), 0);
    assert_int_equal(symlink("z.yaml", in(&dir, "z.yaml")), 0); /* to itself */
    assert_int_equal(read_dir(kit, &dir, &files, &n), RC_IO);
    remove_dir(&dir);
    remove_dir(&other);
    remove_dir(&beside);
}

static void test_special_files(void **state)
{
    struct kit *kit = *state;
    struct defs_file *files;
    uint32_t n;
    struct dir dir = make_dir();
    assert_int_equal(mkfifo(in(&dir, "pipe.yaml"), 0600), 0);
    assert_int_equal(read_dir(kit, &dir, &files, &n), RC_INVALID); /* and it does not wait for a writer */
    assert_string_equal(kit->errors.error[0].text, "'pipe.yaml' is no regular file");
    remove_dir(&dir);

    dir = make_dir();
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = in(&dir, "socket.yaml");
    assert_true(strlen(path) < sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_not_equal(read_dir(kit, &dir, &files, &n), RC_OK);
    close(fd);
    remove_dir(&dir);

    assert_int_equal(defs_read_dir("/dev/null", kit->arena, &files, &n, &kit->errors.error[0]), RC_NOT_FOUND);
}

static void test_sizes(void **state)
{
    struct kit *kit = *state;
    struct defs_file *files;
    uint32_t n;
    struct dir dir = make_dir();
    char *text = calloc(1, RC_MAX_DEF_FILE + 1);
    assert_non_null(text);
    memset(text, '#', RC_MAX_DEF_FILE + 1);
    write_file(&dir, "a.yaml", text, RC_MAX_DEF_FILE);
    assert_int_equal(read_dir(kit, &dir, &files, &n), RC_OK);
    assert_int_equal(files[0].text.n, RC_MAX_DEF_FILE);
    write_file(&dir, "a.yaml", text, RC_MAX_DEF_FILE + 1);
    assert_int_equal(read_dir(kit, &dir, &files, &n), RC_LIMIT);
    free(text);
    struct rc_arena *small = rc_arena_new(0, 100000);
    assert_non_null(small);
    write_file(&dir, "a.yaml", "#", 1);
    for (int i = 0; i < 2; i++) { /* the arena bounds all files together */
        char name[16], part[60000];
        memset(part, '#', sizeof part);
        snprintf(name, sizeof name, "b%d.yaml", i);
        write_file(&dir, name, part, sizeof part);
        assert_int_equal(defs_read_dir(dir.path, small, &files, &n, NULL), i ? RC_LIMIT : RC_OK);
        rc_arena_reset(small);
    }
    rc_arena_free(small);
    remove_dir(&dir);
}

static void test_number_of_files(void **state)
{
    struct kit *kit = *state;
    struct defs_file *files;
    uint32_t n;
    struct dir dir = make_dir();
    char name[16];
    for (int i = 0; i < RC_MAX_DEF_FILES; i++) {
        snprintf(name, sizeof name, "%d.yaml", i);
        write_text(&dir, name, "");
    }
    assert_int_equal(read_dir(kit, &dir, &files, &n), RC_OK);
    assert_int_equal(n, RC_MAX_DEF_FILES);
    write_text(&dir, "more.yaml", "");
    assert_int_equal(read_dir(kit, &dir, &files, &n), RC_LIMIT);
    remove_dir(&dir);
}

/* The example that the documentation shows. */
static void test_examples(void **state)
{
    struct kit *kit = *state;
    const char *examples = getenv("RC_EXAMPLES");
    assert_non_null(examples);
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/github", examples);
    struct defs_file *files;
    uint32_t n;
    assert_int_equal(defs_read_dir(path, kit->arena, &files, &n, &kit->errors.error[0]), RC_OK);
    if (defs_load(files, n, kit->arena, &kit->one, &kit->n, &kit->errors) != RC_OK)
        fail_msg("%s", kit_errors(kit));
    assert_int_equal(kit->n, 2);
    const struct flow *flow = kit->one[0].flow;
    assert_true(rc_sv_is(flow->name, "github.create_pr"));
    assert_true(rc_sv_is(kit->one[1].name, "github"));
    const char *const roots[FLOW_ROOTS] = {
        [FLOW_ROOT_PAYLOAD] = "{'project': 42, 'customer': 7, 'repo': 'shop', 'branch': 'b/1', 'title': 'T'}",
        [FLOW_ROOT_STEPS] = "{'create': {'outputs': {'number': 3, 'url': 'u'}, 'external_id': '3'}}",
        [FLOW_ROOT_OUTPUTS] = "{'number': 3, 'url': 'u'}",
        [FLOW_ROOT_RESPONSE] = "{'status': 200, 'headers': {}, 'body': [{'number': 3, 'html_url': 'u'}]}"};
    assert_string_equal(kit_eval(kit, flow, "key", roots), "\"42/create_pr\"");
    assert_string_equal(kit_eval(kit, flow, "steps.create.with", roots),
                        "{\"body\":{\"base\":\"main\",\"head\":\"b/"
                        "1\",\"title\":\"T\"},\"method\":\"POST\",\"path\":\"/repos/acme/shop/pulls\"}");
    assert_string_equal(kit_eval(kit, flow, "steps.create.check.happened", roots), "true");
    assert_string_equal(kit_eval(kit, flow, "steps.create.check.outputs", roots),
                        "{\"number\":3,\"url\":\"u\"}");
    assert_string_equal(
        kit_eval(kit, flow, "steps.create.undo.with", roots),
        "{\"body\":{\"state\":\"closed\"},\"method\":\"PATCH\",\"path\":\"/repos/acme/shop/pulls/3\"}");
    assert_string_equal(kit_eval(kit, flow, "steps.labels.with", roots),
                        "{\"body\":{\"labels\":[\"customer-7\"]},\"method\":\"POST\",\"path\":\"/repos/acme/"
                        "shop/issues/3/labels\"}");
}

static void test_worked_examples(void **state)
{
    struct kit *kit = *state;
    static const char *const folder[] = {"shop/defs", "analytics/defs", "programs"};
    const char *examples = getenv("RC_EXAMPLES");
    assert_non_null(examples);
    for (size_t i = 0; i < sizeof folder / sizeof *folder; i++) {
        char path[PATH_MAX];
        struct defs_file *files;
        uint32_t n;
        snprintf(path, sizeof path, "%s/%s", examples, folder[i]);
        assert_int_equal(defs_read_dir(path, kit->arena, &files, &n, &kit->errors.error[0]), RC_OK);
        if (defs_load(files, n, kit->arena, &kit->one, &kit->n, &kit->errors) != RC_OK)
            fail_msg("%s: %s", folder[i], kit_errors(kit));
        assert_true(kit->n >= 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_sorted),          KIT_TEST(test_between_files), KIT_TEST(test_all_files_are_read),
        KIT_TEST(test_beside),          KIT_TEST(test_error_bound),   KIT_TEST(test_directory),
        KIT_TEST(test_links),           KIT_TEST(test_special_files), KIT_TEST(test_sizes),
        KIT_TEST(test_number_of_files), KIT_TEST(test_examples),      KIT_TEST(test_worked_examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
