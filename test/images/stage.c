/* Recording a workload, and what a store holds. */
#include "stage.h"

#include "base/hash.h"
#include "store/sqlite/db.h"
#include "store/sqlite/gather.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RESERVE = 4096 };
static const uint32_t NOBODY = UINT32_MAX;

void die(const char *what, const char *why)
{
    (void)fflush(stdout);
    fprintf(stderr, "images: %s: %s\n", what, why);
    exit(2);
}

uint32_t stage_dice(struct stage *stage, uint32_t n)
{
    return (uint32_t)(rc_mix(&stage->random) % n);
}

/* ---- what a file holds -------------------------------------------------------------------------------------------------- */

static void hash_row(struct rc_sha256 *sha, sqlite3_stmt *row)
{
    for (int i = 0; i < sqlite3_column_count(row); i++) {
        rc_sha256_add_u64(sha, (uint64_t)sqlite3_column_type(row, i));
        const void *bytes = sqlite3_column_blob(row, i); /* integers as text */
        rc_sha256_add_u64(sha, (uint64_t)sqlite3_column_bytes(row, i));
        if (bytes) rc_sha256_add(sha, bytes, (size_t)sqlite3_column_bytes(row, i));
    }
}

static bool hash_table(struct rc_sha256 *sha, sqlite3 *db, const char *name)
{
    char sql[256];
    sqlite3_stmt *rows = NULL;
    int code;
    snprintf(sql, sizeof sql, "SELECT * FROM \"%s\"", name); /* in the order of the table's key */
    if (sqlite3_prepare_v2(db, sql, -1, &rows, NULL) != SQLITE_OK) return false;
    while ((code = sqlite3_step(rows)) == SQLITE_ROW) hash_row(sha, rows);
    sqlite3_finalize(rows);
    return code == SQLITE_DONE;
}

bool content_of_store(const char *path, struct rc_h128 *ret)
{
    static const char tables[] =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    struct rc_sha256 sha;
    sqlite3 *db = NULL;
    sqlite3_stmt *names = NULL;
    int code = SQLITE_OK;
    rc_sha256_init(&sha);
    bool fine = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK &&
                sqlite3_prepare_v2(db, tables, -1, &names, NULL) == SQLITE_OK;
    while (fine && (code = sqlite3_step(names)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(names, 0);
        rc_sha256_add(&sha, name, strlen(name));
        fine = hash_table(&sha, db, name);
    }
    sqlite3_finalize(names);
    sqlite3_close(db);
    *ret = rc_sha256_h128(&sha);
    return fine && code == SQLITE_DONE;
}

static bool content_of_plain(const char *path, struct rc_h128 *ret)
{
    struct bytes bytes = {0};
    struct rc_sha256 sha;
    bool fine = bytes_read(&bytes, path);
    rc_sha256_init(&sha);
    if (fine) rc_sha256_add(&sha, bytes.p, bytes.n);
    *ret = rc_sha256_h128(&sha);
    free(bytes.p);
    return fine;
}

static int find_content(const struct stage *stage, const char *path, struct rc_h128 *ret)
{
    if (access(path, F_OK) != 0) return ABSENT;
    if (!(stage->work->plain ? content_of_plain : content_of_store)(path, ret)) return -2;
    for (uint32_t i = WHOLE; i < stage->ncontents; i++)
        if (rc_h128_eq(stage->content[i], *ret)) return (int)i;
    return -1;
}

int stage_content(const struct stage *stage, const char *path)
{
    struct rc_h128 hash;
    int found = find_content(stage, path, &hash);
    return found < 0 ? -1 : found;
}

/* ---- the store ---------------------------------------------------------------------------------------------------------- */

enum rc_status stage_open_at(const struct stage *stage, const char *path, struct rc_store **ret,
                             struct rc_error *err)
{
    const struct rc_sqlite_options options = {
        .path = path, .reserve = RESERVE, .index_after = 3, .unsafe_no_sync = stage->control == NO_SYNC};
    enum rc_status status = rc_sqlite_open(&options, ret, err);
    if (status != RC_OK || stage->control != NORMAL_SYNC) return status;
    struct sq_conn *conn = &sq_store_of(*ret)->self.conn;
    (void)sq_gather_end(conn->gather); /* which relies on synced commits */
    conn->gather = NULL;
    return sq_exec(conn, "PRAGMA synchronous=NORMAL", err);
}

void stage_open(struct stage *stage)
{
    sure(stage, stage_open_at(stage, stage->path, &stage->store, &err));
}

void stage_close(struct stage *stage)
{
    rc_store_close(stage->store);
    stage->store = NULL;
}

/* ---- recording ---------------------------------------------------------------------------------------------------------- */

/* What the file holds now becomes that of a step. */
static void note_content(struct stage *stage, struct step *step)
{
    struct rc_h128 hash;
    calls_pause();
    int found = find_content(stage, stage->path, &hash);
    calls_go_on();
    if (found == -2) die(stage->path, "cannot be read");
    if (found == -1) {
        found = (int)stage->ncontents++;
        stage->content[found] = hash;
    }
    step->content = (uint16_t)found;
}

void stage_begin(struct stage *stage)
{
    if (stage->nsteps == STAGE_STEPS) die(stage->work->name, "has too many steps");
    stage->step[++stage->nsteps] = (struct step){.begun = stage->record.n, .acknowledged = NOBODY};
}

void stage_told(struct stage *stage)
{
    struct step *step = &stage->step[stage->nsteps];
    if (step->acknowledged == NOBODY)
        step->acknowledged = stage->control == EARLY_ANSWER ? step->begun : stage->record.n;
}

void stage_end(struct stage *stage)
{
    struct step *step = &stage->step[stage->nsteps];
    stage_told(stage);
    note_content(stage, step);
}

void stage_bounds(const struct stage *stage, uint32_t at, int *ret_least, int *ret_most)
{
    *ret_least = *ret_most = 0;
    for (uint32_t i = 1; i <= stage->nsteps; i++) {
        if (stage->step[i].acknowledged <= at) *ret_least = (int)i;
        if (stage->step[i].begun < at) *ret_most = (int)i;
    }
    if (*ret_most < *ret_least) *ret_most = *ret_least;
}

/* ---- controls that change the record ------------------------------------------------------------------------------------- */

/* Which files the judged one and its log are changes with every name that they are given. */
static bool is_of(const struct stage *stage, uint16_t file, const char *suffix)
{
    char name[RECORD_NAME];
    snprintf(name, sizeof name, "%s%s", stage->work->file, suffix);
    const struct record *record = &stage->record;
    for (uint32_t i = 0; i < record->nnames; i++)
        if (strcmp(record->name[i], name) == 0 && record->first[i] == (int)file) return true;
    for (uint32_t i = 0; i < record->n; i++) {
        const struct op *op = &record->op[i];
        if (op->kind == OP_CREATE && op->file == file && strcmp(record->name[op->name], name) == 0)
            return true;
        if (op->kind == OP_RENAME && op->file == file && strcmp(record->name[op->to], name) == 0) return true;
    }
    return false;
}

static bool is_taken_out(const struct stage *stage, const struct op *op)
{
    if (op->kind == OP_SYNC_FOLDER) return stage->control == NO_FOLDER_SYNC;
    if (op->kind != OP_SYNC) return false;
    if (stage->control == NO_FILE_SYNC) return is_of(stage, op->file, "");
    return stage->control == NO_LOG_SYNC && is_of(stage, op->file, "-wal");
}

/* The log that is there at a place, or the main file. */
static int other_of(const struct stage *stage, uint32_t at, const char *suffix)
{
    const struct record *record = &stage->record;
    for (uint32_t i = at; i-- > 0;)
        if (record->op[i].kind == OP_WRITE && is_of(stage, record->op[i].file, suffix))
            return record->op[i].file;
    return -1;
}

static void sync_the_other(struct stage *stage)
{
    for (uint32_t i = 0; i < stage->record.n; i++) {
        struct op *op = &stage->record.op[i];
        if (op->kind != OP_SYNC) continue;
        int other = is_of(stage, op->file, "-wal") ? other_of(stage, i, "")
                    : is_of(stage, op->file, "")   ? other_of(stage, i, "-wal")
                                                   : -1;
        if (other >= 0) op->file = (uint16_t)other;
    }
}

static void sync_after_rename(struct stage *stage)
{
    struct op *op = stage->record.op;
    for (uint32_t i = 1; i < stage->record.n; i++) {
        if (op[i].kind != OP_RENAME || op[i - 1].kind != OP_SYNC) continue;
        struct op sync = op[i - 1];
        op[i - 1] = op[i];
        op[i] = sync;
    }
}

/* Operations stay where they are, so that places mean the same: what is taken out becomes a write of nothing. */
static void change_record(struct stage *stage)
{
    if (stage->control == WRONG_FILE) sync_the_other(stage);
    if (stage->control == SYNC_AFTER_RENAME) sync_after_rename(stage);
    for (uint32_t i = 0; i < stage->record.n; i++)
        if (is_taken_out(stage, &stage->record.op[i]))
            stage->record.op[i] = (struct op){.kind = OP_RESIZE, .file = RECORD_FILES - 1};
}

/* ---- life --------------------------------------------------------------------------------------------------------------- */

void stage_make(struct stage *stage, const struct work *work, enum control control, uint64_t seed,
                const char *folder)
{
    *stage = (struct stage){.work = work,
                            .control = control,
                            .seed = seed,
                            .random = seed,
                            .ncontents = WHOLE,
                            .now = RC_SECONDS(1800000000)};
    if (!(stage->arena = rc_arena_new(1 << 20, 1 << 30))) die("memory", "there is none");
    snprintf(stage->folder, sizeof stage->folder, "%s/%s", folder, work->name);
    snprintf(stage->beside, sizeof stage->beside, "%s/%s.beside", folder, work->name);
    snprintf(stage->path, sizeof stage->path, "%s/%s", stage->folder, work->file);
    if (mkdir(stage->folder, 0700) != 0 || mkdir(stage->beside, 0700) != 0)
        die(stage->folder, strerror(errno));
    calls_seed(seed | 1);
    if (work->prepare) work->prepare(stage);
    calls_begin(&stage->record, stage->folder);
    note_content(stage, &stage->step[0]);
    work->run(stage);
    calls_end();
    calls_seed(0);
    if (stage->store) die(work->name, "has left its store open");
    if (!stage->record.n || !stage->nsteps) die(work->name, "has done nothing");
    change_record(stage);
}

void stage_free(struct stage *stage)
{
    record_free(&stage->record);
    rc_arena_free(stage->arena);
}
