/* Files that are made of a store: whoever is told that one is done has it, whole. The real commands run, on a store that stands beside
 * the folder that is recorded. */
#include "works.h"

#include "cli/cli.h"
#include "server/admin.h"

#include <string.h>
#include <unistd.h>

enum { WORDS = 10 };

static int run(const char *const *words)
{
    static const struct cli_program programs[] = {
        {"backup", backup_run}, {"export", export_run}, {"import", import_run}, {NULL, NULL}};
    const struct cli_host host = {.version = "test", .programs = programs};
    char *argv[WORDS + 1] = {(char *)"recourse"};
    int argc = 1;
    for (; argc < WORDS && words[argc - 1]; argc++) argv[argc] = (char *)words[argc - 1];
    return cli_main(argc, argv, &host);
}

static const char *beside(const struct stage *stage, const char *name)
{
    static char path[STAGE_PATH + 32];
    snprintf(path, sizeof path, "%s/%s", stage->beside, name);
    return path;
}

/* The store beside takes on a few commands. */
static void grow(struct stage *stage)
{
    struct rc_store *store = NULL;
    struct rc_high high;
    sure(stage, stage_open_at(stage, beside(stage, "w.db"), &store, &err));
    sure(stage, rc_read_high(rc_store_self(store), &high, &err));
    struct made_batch batch = made_begin(stage->arena, stage->now += 1000);
    for (uint64_t seq = high.seq + 1; seq < high.seq + 12; seq++) {
        char key[40];
        snprintf(key, sizeof key, "key %llu", (unsigned long long)seq);
        struct made *made = made_new(stage->arena, seq, key, stage->now);
        made->command.id.generation = 1;
        const struct rc_work waits = {
            .phase = RC_PHASE_READY, .gate = 7, .order = stage->now, .seq = seq, .node = 1};
        made_submit(&batch, made, RC_RUNNING, false, &waits);
    }
    sure(stage, rc_store_commit(store, &batch.batch, &err));
    rc_store_close(store);
}

static const char flow[] = "flow: github.create_pr\nsteps:\n  - id: create\n    call: out\n"
                           "    with: {method: POST, path: /things}\n";
static const char dependency[] = "dependency: out\nkind: http\nbase: http://127.0.0.1:1\n";

void files_prepare(struct stage *stage)
{
    struct rc_definition defs[] = {{.kind = RC_DEF_FLOW,
                                    .name = RC_SV("github.create_pr"),
                                    .text = rc_sv_of(flow),
                                    .source = RC_SV("a.yaml")},
                                   {.kind = RC_DEF_DEPENDENCY,
                                    .name = RC_SV("out"),
                                    .text = rc_sv_of(dependency),
                                    .source = RC_SV("b.yaml")}};
    struct rc_store *store = NULL;
    sure(stage, stage_open_at(stage, beside(stage, "w.db"), &store, &err));
    sure(stage, rc_store_define(store, defs, 2, NULL, 0, NULL, stage->now, &err));
    rc_store_close(store);
    grow(stage);
}

/* ---- backup ----------------------------------------------------------------------------------------------------------------- */

void backup_run_on(struct stage *stage)
{
    for (int i = 0; i < 3; i++) {
        stage_begin(stage);
        if (run((const char *[]){"backup", stage->path, "--store", beside(stage, "w.db"), "--quiet",
                                 i ? "--force" : NULL, NULL}) != CLI_OK)
            die("backup", "failed");
        stage_end(stage);
        grow(stage);
    }
}

/* What an interrupted backup left does not stand in the way of the next one. */
const char *backup_use(const struct stage *stage, const char *path)
{
    char lock[STAGE_PATH + 40];
    snprintf(lock, sizeof lock, "%s.lock", path); /* it was opened as a store, to be judged */
    (void)unlink(lock);
    struct rc_holdings kept;
    static struct rc_error err;
    return rc_sqlite_backup(beside(stage, "w.db"), path, true, &kept, &err) == RC_OK ? NULL : err.text;
}

/* ---- export, import ---------------------------------------------------------------------------------------------------------- */

void import_run_on(struct stage *stage)
{
    char all[STAGE_PATH + 32];
    snprintf(all, sizeof all, "%s", beside(stage, "all.ndjson"));
    if (run((const char *[]){"export", "--store", beside(stage, "w.db"), "--audit", "--out", all, "--quiet",
                             NULL}) != CLI_OK)
        die("export", "failed");
    stage_begin(stage);
    if (run((const char *[]){"import", all, "--store", stage->path, "--quiet", NULL}) != CLI_OK)
        die("import", "failed");
    stage_end(stage);
}

void export_run_on(struct stage *stage)
{
    stage_begin(stage);
    if (run((const char *[]){"export", "--store", beside(stage, "w.db"), "--audit", "--out", stage->path,
                             "--quiet", NULL}) != CLI_OK)
        die("export", "failed");
    stage_end(stage);
}

/* What is whole can be imported. */
const char *export_use(const struct stage *stage, const char *path)
{
    char to[STAGE_PATH + 32];
    (void)stage;
    snprintf(to, sizeof to, "%.150s.imported.%ld", path, (long)getpid());
    int code = run((const char *[]){"import", path, "--store", to, "--quiet", NULL});
    (void)unlink(to);
    return code == CLI_OK ? NULL : "it cannot be imported";
}
