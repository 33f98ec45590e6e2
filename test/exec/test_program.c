/* The executor of programs, with real small programs: mostly /bin/sh. */
#include "base/limits.h"
#include "cel/cel.h"
#include "kit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct rc_sv listed[] = {RC_SV("/bin/sh"),        RC_SV("/bin/cat"),    RC_SV("/bin/true"),
                                      RC_SV("/nonexistent/x"), RC_SV("/etc/passwd"), RC_SV("/bin/echo")};
static const char *const allowed[] = {"/bin/sh",        "/bin/cat",    "/bin/true",
                                      "/nonexistent/x", "/etc/passwd", "/bin/ls"};

static struct flow_dependency programs(void)
{
    return (struct flow_dependency){
        .name = RC_SV("tools"),
        .kind = FLOW_DEP_PROGRAM,
        .concurrent = 64,
        .program = {.paths = listed, .npaths = sizeof listed / sizeof *listed, .grace = RC_MS(200)}};
}

static enum rc_status find_secret(void *context, struct rc_sv name, struct rc_arena *arena, struct rc_sv *ret,
                                  struct rc_error *err)
{
    (void)context;
    if (!rc_sv_is(name, "token")) return rc_fail(err, RC_NOT_FOUND, "no such secret");
    *ret = rc_copy_sv(arena, RC_SV("hush-hush"));
    return ret->p ? RC_OK : RC_NOMEM;
}

static int open_kit(void **state)
{
    struct kit *kit = calloc(1, sizeof *kit);
    if (!kit) return -1;
    kit_open_program(kit, &(struct rc_program_options){.allowed = allowed,
                                                       .nallowed = sizeof allowed / sizeof *allowed,
                                                       .secret = find_secret,
                                                       .max_running = 32});
    *state = kit;
    return 0;
}

static int close_kit(void **state)
{
    struct kit *kit = *state;
    kit_close(kit);
    free(kit);
    return 0;
}

/* A request that runs a line of shell; `more` are further members. */
static struct rc_answer *shell_for(struct kit *kit, const struct flow_dependency *dependency,
                                   const char *line, const char *more, rc_us timeout)
{
    char json[4096];
    struct rc_arena *arena = rc_arena_new(1024, 1 << 16);
    struct rc_buf text = rc_buf_in(arena, 4000);
    rc_put_json(&text, rc_sv_of(line));
    snprintf(json, sizeof json, "{\"program\":\"/bin/sh\",\"args\":[\"-c\",%.*s]%s}",
             RC_SV_ARG(rc_buf_sv(&text)), more);
    rc_arena_free(arena);
    return kit_call_for(kit, dependency, json, timeout);
}

static struct rc_answer *shell(struct kit *kit, const char *line, const char *more)
{
    const struct flow_dependency dependency = programs();
    return shell_for(kit, &dependency, line, more, RC_SECONDS(20));
}

static void drop(struct rc_answer *answer)
{
    rc_arena_free(answer->arena);
}

static void expect(struct rc_answer *answer, const char *said, const char *part)
{
    assert_string_equal(kit_said(answer), said);
    struct rc_sv text = answer->result.reach == RC_ANSWERED ? answer->result.excerpt : answer->result.error;
    if (part && !kit_has(text, part)) fail_msg("'%.*s' has no '%s'", RC_SV_ARG(text), part);
    drop(answer);
}

static void expect_text(struct rc_answer *answer, const char *text)
{
    assert_string_equal(kit_said(answer), "answered 0");
    assert_int_equal(answer->result.body.kind, CEL_STRING);
    struct rc_sv body = cel_text(answer->result.body);
    if (!rc_sv_is(body, text)) fail_msg("'%.*s' is not '%s'", RC_SV_ARG(body), text);
    drop(answer);
}

/* ---- what goes in and comes out */

static void test_text_and_json(void **state)
{
    struct kit *kit = *state;
    expect_text(shell(kit, "echo hello; echo there", ""), "hello\nthere");
    expect_text(shell(kit, ":", ""), "");
    struct rc_answer *answer = shell(kit, "echo '{\"n\": 7}'", ",\"output\":\"json\"");
    assert_string_equal(kit_said(answer), "answered 0");
    assert_int_equal(cel_map_get(&answer->result.body, "n")->v.i, 7);
    assert_int_equal(answer->result.headers.kind, CEL_MAP);
    assert_true(answer->result.took > 0);
    drop(answer);
    answer = shell(kit, ":", ",\"output\":\"json\"");
    assert_string_equal(kit_said(answer), "answered 0");
    assert_int_equal(answer->result.body.kind, CEL_NULL);
    drop(answer);
    expect(shell(kit, "echo '{\"n\":'", ",\"output\":\"json\""), "answered 0 unusable", "{\"n\":");
    expect(shell(kit, "printf '\\377'", ""), "answered 0 unusable", "\xef\xbf\xbd");
}

static void test_input(void **state)
{
    struct kit *kit = *state;
    const struct flow_dependency dependency = programs();
    expect_text(kit_call(kit, &dependency, "{\"program\":\"/bin/cat\",\"input\":\"as it is\"}"), "as it is");
    expect_text(kit_call(kit, &dependency, "{\"program\":\"/bin/cat\",\"input\":{\"a\":[1,null]}}"),
                "{\"a\":[1,null]}");
    expect_text(kit_call(kit, &dependency, "{\"program\":\"/bin/cat\",\"input\":\"\"}"), "");
    expect_text(kit_call(kit, &dependency, "{\"program\":\"/bin/cat\"}"), ""); /* /dev/null */
    /* more than a pipe holds, both ways; and one who does not read it */
    enum { MUCH = 700 * 1024 };
    static const char *const begin[] = {"{\"program\":\"/bin/cat\",\"input\":\"",
                                        "{\"program\":\"/bin/true\",\"input\":\""};
    for (size_t i = 0; i < 2; i++) {
        char *json = calloc(1, MUCH + 100);
        assert_non_null(json);
        size_t at = strlen(begin[i]);
        memcpy(json, begin[i], at);
        memset(json + at, 'x', MUCH);
        memcpy(json + at + MUCH, "\"}", 3);
        struct rc_answer *answer = kit_call_for(kit, &dependency, json, RC_SECONDS(20));
        free(json);
        assert_string_equal(kit_said(answer), "answered 0");
        assert_int_equal(answer->result.body.n, i ? 0 : MUCH);
        drop(answer);
    }
}

static void test_arguments_are_never_looked_at(void **state)
{
    struct kit *kit = *state;
    const struct flow_dependency dependency = programs();
    expect_text(kit_call(kit, &dependency,
                         "{\"program\":\"/bin/sh\",\"args\":[\"-c\",\"printf '<%s>' \\\"$@\\\"\",\"sh\","
                         "\"\",\"a b\",\"$(id)\",\"; rm -rf /\",\"*\",\"line\\nbreak\",\"'\\\"\"]}"),
                "<><a b><$(id)><; rm -rf /><*><line\nbreak><'\">");
}

static void test_refused_before_anything_starts(void **state)
{
    struct kit *kit = *state;
    const struct flow_dependency dependency = programs();
    static const struct {
        const char *json, *part;
    } row[] = {
        {"[]", "must be a map"},
        {"{}", "absolute path"},
        {"{\"program\":7}", "absolute path"},
        {"{\"program\":\"sh\"}", "absolute path"},
        {"{\"program\":\"/bin/true\\u0000x\"}", "absolute path"},
        {"{\"program\":\"/bin/ls\"}", "the dependency does not list /bin/ls"},
        {"{\"program\":\"/bin/echo\"}", "this server does not allow /bin/echo"},
        {"{\"program\":\"/bin/true\",\"args\":\"x\"}", "args: must be a list"},
        {"{\"program\":\"/bin/true\",\"args\":[\"a\",1]}", "args: number 2 is a int"},
        {"{\"program\":\"/bin/true\",\"args\":[\"a\\u0000b\"]}", "args: number 1 has a NUL"},
        {"{\"program\":\"/nonexistent/x\"}", "/nonexistent/x cannot be started: the program: No such file"},
        {"{\"program\":\"/etc/passwd\"}", "Permission denied"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        expect(kit_call(kit, &dependency, row[i].json), "not sent configuration", row[i].part);
    struct flow_dependency elsewhere = programs();
    elsewhere.program.directory = RC_SV("/nonexistent");
    expect(shell_for(kit, &elsewhere, "touch /tmp/no", "", RC_SECONDS(5)), "not sent configuration",
           "/nonexistent cannot be started: its directory");
}

static char *with_arguments(size_t count, size_t bytes)
{
    char *json = malloc(100 + count * (bytes + 3));
    assert_non_null(json);
    char *p = json + sprintf(json, "{\"program\":\"/bin/true\",\"args\":[");
    for (size_t i = 0; i < count; i++) {
        if (i) *p++ = ',';
        *p++ = '"';
        memset(p, 'a', bytes);
        p += bytes;
        *p++ = '"';
    }
    strcpy(p, "]}");
    return json;
}

static void test_bounds_of_arguments(void **state)
{
    struct kit *kit = *state;
    const struct flow_dependency dependency = programs();
    static const struct {
        size_t count, bytes;
        const char *said, *part;
    } row[] = {
        {RC_MAX_PROGRAM_ARGS, 1, "answered 0", NULL},
        {RC_MAX_PROGRAM_ARGS + 1, 1, "not sent configuration", "more than 256"},
        {1, RC_MAX_PROGRAM_ARG, "answered 0", NULL},
        {1, RC_MAX_PROGRAM_ARG + 1, "not sent configuration", "number 1 is longer than"},
        {8, RC_MAX_PROGRAM_ARG, "answered 0", NULL},
        {9, RC_MAX_PROGRAM_ARG, "not sent configuration", "together"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char *json = with_arguments(row[i].count, row[i].bytes);
        expect(kit_call(kit, &dependency, json), row[i].said, row[i].part);
        free(json);
    }
}

/* ---- what it finds around it */

static const struct cel_prog *environment(struct rc_arena *arena, const char *source)
{
    struct rc_error err;
    const struct cel_prog *prog;
    static const struct cel_scope scope = {.secrets = true};
    if (cel_compile(rc_sv_of(source), &scope, arena, &prog, &err) != RC_OK) fail_msg("%s", err.text);
    return prog;
}

static void test_environment(void **state)
{
    struct kit *kit = *state;
    struct rc_arena *arena = rc_arena_new(0, 1 << 20);
    struct flow_dependency dependency = programs();
    setenv("LEAKED", "yes", 1);
    dependency.program.environment =
        environment(arena, "{'COLOUR': 'blue', 'TOKEN': 'Bearer ' + secret('token')}");
    struct rc_answer *answer = shell_for(kit, &dependency,
                                         "env -0 2>/dev/null | tr '\\0' '\\n' | grep -v "
                                         "'^PWD=\\|^_=\\|^SHLVL=\\|^OLDPWD=' | sort | cut -c1-57",
                                         "", RC_SECONDS(20));
    assert_string_equal(kit_said(answer), "answered 0");
    struct rc_sv body = cel_text(answer->result.body);
    char text[1024];
    snprintf(text, sizeof text, "%.*s", RC_SV_ARG(body));
    char key[64];
    snprintf(key, sizeof key, "RECOURSE_IDEMPOTENCY_KEY=0123456789abcdef%016llx",
             (unsigned long long)answer->of.id);
    if (!strstr(text, "COLOUR=blue\nRECOURSE_ATTEMPT=2\n") || !strstr(text, key) ||
        !strstr(text, "\nRECOURSE_PURPOSE=act\n") ||
        !strstr(text, "\nTOKEN=Bearer *********\nTRACEPARENT=00-") || strstr(text, "LEAKED"))
        fail_msg("%s", text);
    int lines = 1;
    for (const char *p = text; *p; p++) lines += *p == '\n';
    assert_int_equal(lines, 6);
    drop(answer);
    /* a secret that it prints in anger is masked, too */
    expect(shell_for(kit, &dependency, "echo $TOKEN >&2; exit 3", "", RC_SECONDS(20)), "answered 3",
           "Bearer *********");
    dependency.program.environment = environment(arena, "{'TOKEN': secret('other')}");
    expect(shell_for(kit, &dependency, "exit 0", "", RC_SECONDS(20)), "not sent configuration",
           "environment.TOKEN");
    rc_arena_free(arena);
}

static void test_surroundings(void **state)
{
    struct kit *kit = *state;
    /* a descriptor that nobody has marked */
    int open_one = open("/dev/null", O_RDONLY), high = fcntl(open_one, F_DUPFD, 200);
    assert_true(high >= 200);
    expect_text(shell(kit, "ls /proc/$$/fd; :", ""), "0\n1\n2");
    close(high);
    close(open_one);
    expect_text(shell(kit, "grep NoNewPrivs /proc/self/status | tr -d '\\t'", ""), "NoNewPrivs:1");
    /* a session and a group of its own, in the root directory, with every signal as at birth */
    expect_text(shell(kit, "set -- $(cut -d' ' -f5,6 /proc/$$/stat); [ $1 = $$ ] && [ $2 = $$ ] && pwd", ""),
                "/");
    signal(SIGPIPE, SIG_IGN);
    expect_text(shell(kit, "grep -E 'SigBlk|SigIgn' /proc/self/status | tr -d '\\t'", ""),
                "SigBlk:0000000000000000\nSigIgn:0000000000000000");
    signal(SIGPIPE, SIG_DFL);
    struct flow_dependency dependency = programs();
    dependency.program.directory = RC_SV("/usr");
    expect_text(shell_for(kit, &dependency, "pwd", "", RC_SECONDS(20)), "/usr");
}

static void test_limits(void **state)
{
    struct kit *kit = *state;
    expect_text(shell(kit, "ulimit -c; ulimit -n", ""), "0\n1024");
    struct flow_dependency dependency = programs();
    dependency.program.open_files = 64;
    dependency.program.memory = 3ull << 30;
    dependency.program.file_size = 512 * 100;
    dependency.program.cpu = RC_SECONDS(1) + 1;
    expect_text(shell_for(kit, &dependency, "ulimit -n; ulimit -v; ulimit -f; ulimit -t", "", RC_SECONDS(20)),
                "64\n3145728\n100\n2");
    char path[] = "/tmp/recourse-program-XXXXXX", line[128];
    close(mkstemp(path));
    snprintf(line, sizeof line, "exec >%s; while :; do echo 01234567890123456789; done", path);
    expect(shell_for(kit, &dependency, line, "", RC_SECONDS(600)), "sent signal",
           "ended by signal 25 (SIGXFSZ)");
    unlink(path);
}

/* ---- how it ends */

static void test_exit_codes(void **state)
{
    struct kit *kit = *state;
    static const struct {
        const char *line, *said, *part;
    } row[] = {
        {"exit 0", "answered 0", NULL},
        {"exit 1", "answered 1", NULL},
        {"exit 75", "answered 75", NULL},
        {"exit 255", "answered 255", NULL},
        {"echo first >&2; echo last >&2; exit 2", "answered 2", "first\nlast"},
        {"echo only this; exit 2", "answered 2", "only this"},
        {"kill -9 $$", "sent signal", "signal 9 (SIGKILL)"},
        {"echo why >&2; kill -TERM $$", "sent signal", "signal 15 (SIGTERM): why"},
        {"exec >&- 2>&-; exit 4", "answered 4", NULL},
        {"exec <&- >&- 2>&-; sleep 0.1; exit 0", "answered 0", NULL},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        expect(shell(kit, row[i].line, ""), row[i].said, row[i].part);
}

static void test_floods(void **state)
{
    struct kit *kit = *state;
    struct rc_answer *answer = shell(kit, "head -c 1048576 /dev/zero | tr '\\0' a", "");
    assert_string_equal(kit_said(answer), "answered 0");
    assert_int_equal(answer->result.body.n, RC_MAX_ANSWER);
    drop(answer);
    answer = shell(kit, "head -c 1048577 /dev/zero | tr '\\0' a; echo done >&2", "");
    assert_string_equal(kit_said(answer), "answered 0 unusable");
    assert_true(kit_has(answer->result.error, "more than is read"));
    drop(answer);
    /* of stderr the end is kept */
    answer = shell(kit, "head -c 3000000 /dev/zero | tr '\\0' b >&2; echo the end >&2; exit 1", "");
    assert_string_equal(kit_said(answer), "answered 1");
    assert_in_range(answer->result.excerpt.n, RC_MAX_EXCERPT - 8, RC_MAX_EXCERPT);
    assert_memory_equal(answer->result.excerpt.p + answer->result.excerpt.n - 7, "the end", 7);
    drop(answer);
    const struct flow_dependency dependency = programs();
    expect(shell_for(kit, &dependency, "while :; do echo flood; done", "", RC_MS(300)), "sent timeout", NULL);
}

static bool is_gone(const char *pid)
{
    for (int i = 0; i < 2000; i++) {
        if (kill((pid_t)atoi(pid), 0) && errno == ESRCH) return true;
        char path[64], text[256] = "";
        snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
        FILE *file = fopen(path, "r"); /* nobody reaps it here: dead is enough */
        if (file) {
            size_t n = fread(text, 1, sizeof text - 1, file);
            fclose(file);
            const char *state = n ? strrchr(text, ')') : NULL;
            if (state && state[2] == 'Z') return true;
        }
        usleep(10000);
    }
    return false;
}

static char *pid_in(const char *path, char ret_text[32])
{
    ret_text[0] = '\0';
    for (int i = 0; i < 2000 && !strchr(ret_text, '\n'); i++) {
        FILE *file = fopen(path, "r");
        if (file) {
            size_t n = fread(ret_text, 1, 31, file);
            ret_text[n] = '\0';
            fclose(file);
        }
        if (!strchr(ret_text, '\n')) usleep(10000);
    }
    assert_non_null(strchr(ret_text, '\n'));
    return ret_text;
}

/* Runs a line that makes the file when it has come far enough, with more and more time until it does: a busy machine is slow. */
static struct rc_answer *too_slow(struct kit *kit, const struct flow_dependency *dependency, const char *line,
                                  const char *path, rc_us *ret_timeout)
{
    for (rc_us timeout = RC_MS(250); timeout < RC_SECONDS(18); timeout *= 4) {
        unlink(path);
        struct rc_answer *answer = shell_for(kit, dependency, line, "", timeout);
        *ret_timeout = timeout;
        if (access(path, F_OK) == 0) return answer;
        drop(answer);
    }
    fail_msg("it never came far enough");
    return NULL;
}

/* The whole group goes: one that ends when it is asked, and one deaf to SIGTERM whose child is, too. */
static void test_timeout(void **state)
{
    struct kit *kit = *state;
    struct flow_dependency dependency = programs();
    char folder[] = "/tmp/recourse-program-XXXXXX", line[512], path[64], pid[32];
    rc_us timeout;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/pid", folder);
    dependency.program.grace = RC_SECONDS(15); /* it ends long before: nobody waits for it in vain */
    snprintf(line, sizeof line, "echo slow >&2; trap 'exit 0' TERM; echo >%s; while :; do sleep 0.05; done",
             path);
    expect(too_slow(kit, &dependency, line, path, &timeout), "sent timeout", "did not end in time: slow");
    dependency.program.grace = RC_MS(100);
    snprintf(line, sizeof line,
             "trap '' TERM; (trap '' TERM; (sh -c 'echo $PPID' >%s.new; mv %s.new %s; while :; do sleep 1; "
             "done) & wait) & wait",
             path, path, path);
    struct rc_answer *answer = too_slow(kit, &dependency, line, path, &timeout);
    assert_true(answer->result.took >= timeout + RC_MS(100));
    expect(answer, "sent timeout", NULL);
    assert_true(is_gone(pid_in(path, pid)));
    unlink(path);
    rmdir(folder);
}

/* The answer does not wait for what a program leaves behind, and nothing of its group stays. */
static void test_leftovers(void **state)
{
    struct kit *kit = *state;
    struct rc_answer *answer = shell(kit, "sleep 1000 & echo $!", "");
    assert_string_equal(kit_said(answer), "answered 0");
    char pid[32];
    snprintf(pid, sizeof pid, "%.*s", RC_SV_ARG(cel_text(answer->result.body)));
    assert_true(is_gone(pid));
    assert_true(answer->result.took < RC_SECONDS(100));
    drop(answer);
}

/* ---- many, and the end */

static int count_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;
    while (dir && readdir(dir)) n++;
    if (dir) closedir(dir);
    return n;
}

static void test_a_thousand(void **state)
{
    struct kit *kit = *state;
    enum { ROUNDS = 25, AT_A_TIME = 40 }; /* more than run at a time */
    const struct flow_dependency dependency = programs();
    drop(shell(kit, ":", ""));
    int before = count_descriptors();
    for (int round = 0; round < ROUNDS; round++) {
        for (uint64_t i = 0; i < AT_A_TIME; i++)
            kit_start(kit, &dependency,
                      i % 8 ? "{\"program\":\"/bin/true\",\"input\":\"x\"}"
                            : "{\"program\":\"/nonexistent/x\"}",
                      RC_SECONDS(60), 1000 + i);
        for (int i = 0; i < AT_A_TIME; i++) {
            struct rc_answer *answer = kit_take(kit);
            assert_string_equal(kit_said(answer),
                                answer->of.id % 8 ? "answered 0" : "not sent configuration");
            drop(answer);
        }
    }
    assert_int_equal(count_descriptors(), before);
    siginfo_t info = {0}; /* the keeper is the only child, and it lives */
    assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), 0);
    assert_int_equal(info.si_pid, 0);
}

/* Those who find no place in time have not left. */
static void test_no_place(void **state)
{
    struct kit *kit = *state;
    const struct flow_dependency dependency = programs();
    char folder[] = "/tmp/recourse-program-XXXXXX", json[256], path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/go", folder);
    snprintf(json, sizeof json,
             "{\"program\":\"/bin/sh\",\"args\":[\"-c\",\"until test -e %s; do sleep 0.05; done\"]}", path);
    for (uint64_t i = 0; i < 32; i++) kit_start(kit, &dependency, json, RC_SECONDS(600), i);
    kit_start(kit, &dependency, "{\"program\":\"/bin/true\"}", RC_MS(50), 100);
    struct rc_answer *answer = kit_take(kit);
    assert_int_equal(answer->of.id, 100);
    expect(answer, "not sent not_sent", "as many programs as may run");
    close(open(path, O_CREAT | O_WRONLY, 0600));
    for (int i = 0; i < 32; i++) expect(kit_take(kit), "answered 0", NULL);
    unlink(path);
    rmdir(folder);
}

/* No descriptors: it has not left, and what there was is given back. */
static void test_no_descriptors(void **state)
{
    struct kit *kit = *state;
    const struct flow_dependency dependency = programs();
    struct rlimit before, few;
    drop(shell(kit, ":", ""));
    int now = count_descriptors() - 3; /* without ".", ".." and the directory itself */
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    bool worked = false;
    /* numbers may have gaps: with each step one more descriptor can be had, until all can */
    for (rlim_t more = 0; more < 40 && !worked; more++) {
        few.rlim_cur = (rlim_t)now + more;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        struct rc_answer *answer = kit_call(kit, &dependency, "{\"program\":\"/bin/cat\",\"input\":\"x\"}");
        worked = answer->result.reach == RC_ANSWERED;
        if (more == 0) assert_false(worked);
        if (!worked) assert_string_equal(kit_said(answer), "not sent not_sent");
        drop(answer);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true(worked);
    assert_int_equal(count_descriptors() - 3, now);
}

static void test_close_ends_what_runs(void **state)
{
    (void)state;
    struct kit kit;
    const struct flow_dependency dependency = programs();
    char folder[] = "/tmp/recourse-program-XXXXXX", json[256], path[64], pid[32];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/pid", folder);
    snprintf(json, sizeof json,
             "{\"program\":\"/bin/sh\",\"args\":[\"-c\",\"trap '' TERM; echo $$ >%s; sleep 1000\"]}", path);
    kit_open_program(&kit, &(struct rc_program_options){.allowed = allowed, .nallowed = 1, .max_running = 1});
    kit_start(&kit, &dependency, json, RC_SECONDS(60), 1);
    pid_in(path, pid);
    kit_start(&kit, &dependency, json, RC_SECONDS(60), 2); /* finds no place */
    rc_exec_close(kit.exec);
    kit.exec = NULL;
    assert_int_equal(kit.nanswer, 2);
    for (int i = 0; i < 2; i++) {
        struct rc_answer *answer = kit_take(&kit);
        assert_string_equal(kit_said(answer), answer->of.id == 1 ? "sent crash" : "not sent not_sent");
        drop(answer);
    }
    assert_true(is_gone(pid));
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* the keeper is gone, too */
    unlink(path);
    rmdir(folder);
}

/* A process with an executor whose program has a child that is deaf to SIGTERM: SIGKILL to the process ends both. */
static void test_the_keeper_outlives(void **state)
{
    (void)state;
    char folder[] = "/tmp/recourse-program-XXXXXX", json[512], path[64], pid[32];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/pid", folder);
    snprintf(json, sizeof json,
             "{\"program\":\"/bin/sh\",\"args\":[\"-c\",\"(trap '' TERM HUP; sh -c 'echo $PPID' >%s; while "
             ":; do sleep 1; done) & wait\"]}",
             path);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct kit kit;
        const struct flow_dependency dependency = programs();
        kit_open_program(&kit, &(struct rc_program_options){.allowed = allowed, .nallowed = 1});
        kit_start(&kit, &dependency, json, RC_SECONDS(600), 1);
        for (;;) pause();
    }
    pid_in(path, pid);
    assert_int_equal(kill((pid_t)atoi(pid), 0), 0);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(is_gone(pid));
    unlink(path);
    rmdir(folder);
}

/* Somebody kills the keeper: the next start has a new one. */
static void test_a_new_keeper(void **state)
{
    (void)state;
    struct kit kit;
    kit_open_program(&kit, &(struct rc_program_options){.allowed = allowed, .nallowed = 1});
    char path[64], text[32] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "r");
    if (!file) {
        kit_close(&kit);
        skip();
    }
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    pid_t keeper = (pid_t)atoi(text);
    assert_true(keeper > 1);
    kill(keeper, SIGKILL);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)keeper, &info, WEXITED | WNOWAIT), 0);
    expect_text(shell(&kit, "echo on", ""), "on");
    kit_close(&kit);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void test_open(void **state)
{
    (void)state;
    struct rc_exec *exec;
    struct rc_error err;
    assert_int_equal(
        rc_program_open(&(struct rc_program_options){.max_running = RC_MAX_RUNNING + 1}, &exec, &err),
        RC_INVALID);
    assert_int_equal(
        rc_program_open(&(struct rc_program_options){.max_running = RC_MAX_RUNNING}, &exec, &err), RC_OK);
    rc_exec_close(exec);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, open_kit, close_kit)
    const struct CMUnitTest tests[] = {TEST(text_and_json),
                                       TEST(input),
                                       TEST(arguments_are_never_looked_at),
                                       TEST(refused_before_anything_starts),
                                       TEST(bounds_of_arguments),
                                       TEST(environment),
                                       TEST(surroundings),
                                       TEST(limits),
                                       TEST(exit_codes),
                                       TEST(floods),
                                       TEST(timeout),
                                       TEST(leftovers),
                                       TEST(a_thousand),
                                       TEST(no_place),
                                       TEST(no_descriptors),
                                       cmocka_unit_test(test_close_ends_what_runs),
                                       cmocka_unit_test(test_the_keeper_outlives),
                                       cmocka_unit_test(test_a_new_keeper),
                                       cmocka_unit_test(test_open)};
    return cmocka_run_group_tests_name("exec program", tests, NULL, NULL);
}
