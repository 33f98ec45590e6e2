/* The floor of storage: a bare SQLite loop that writes the same rows in the same batches as a server did.
 *
 *   sqlite_floor DATABASE RECORD      prints one JSON object
 *
 * DATABASE is a store as it was before the server that RECORD (record.h) was taken of began; it is written to. The same
 * statements are prepared once, bound to the same values and run in the same transactions, under the same pragmas and with
 * checkpoints at the same places: nothing else. No command is decided on, encoded or looked up, no request read. The record is in
 * memory before the clock starts. */
#include "record.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { STATEMENTS = 1024 };

struct reader {
    const char *p, *end;
};

struct statement {
    sqlite3_stmt *stmt;
    bool command, commit;
};

static sqlite3 *db;
static struct statement statement[STATEMENTS];
static uint64_t commands, commits, rows, checkpoints;

static double seconds(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "sqlite_floor: %s: %s\n", what, db ? sqlite3_errmsg(db) : "");
    exit(1);
}

static const void *take(struct reader *reader, size_t n)
{
    const char *p = reader->p;
    if ((size_t)(reader->end - p) < n) fail("the record is cut");
    reader->p += n;
    return p;
}

static uint32_t take_u32(struct reader *reader)
{
    uint32_t number;
    memcpy(&number, take(reader, sizeof number), sizeof number);
    return number;
}

static struct statement *statement_at(uint32_t number)
{
    if (number >= STATEMENTS) fail("too many statements");
    return &statement[number];
}

static void prepare(struct reader *reader)
{
    struct statement *found = statement_at(take_u32(reader));
    uint32_t n = take_u32(reader);
    const char *sql = take(reader, n);
    if (sqlite3_prepare_v3(db, sql, (int)n, SQLITE_PREPARE_PERSISTENT, &found->stmt, NULL) != SQLITE_OK)
        fail("cannot prepare");
    found->command = n > 20 && memcmp(sql, "INSERT INTO command ", 20) == 0;
    found->commit = n >= 6 && memcmp(sql, "COMMIT", 6) == 0;
}

static void bind(struct reader *reader, sqlite3_stmt *stmt, int at)
{
    enum record_value kind = *(const unsigned char *)take(reader, 1);
    sqlite3_int64 number;
    uint32_t n;
    int code = SQLITE_OK;
    switch (kind) {
    case RECORD_NULL: code = sqlite3_bind_null(stmt, at); break;
    case RECORD_INT:
        memcpy(&number, take(reader, sizeof number), sizeof number);
        code = sqlite3_bind_int64(stmt, at, number);
        break;
    case RECORD_STRING:
        n = take_u32(reader);
        code = sqlite3_bind_text(stmt, at, take(reader, n), (int)n, SQLITE_STATIC);
        break;
    case RECORD_BLOB:
        n = take_u32(reader);
        code = sqlite3_bind_blob(stmt, at, take(reader, n), (int)n, SQLITE_STATIC);
        break;
    }
    if (code != SQLITE_OK) fail("cannot bind");
}

static void run(struct reader *reader)
{
    const struct statement *found = statement_at(take_u32(reader));
    uint32_t n = take_u32(reader);
    for (uint32_t i = 0; i < n; i++) bind(reader, found->stmt, (int)i + 1);
    int code;
    while ((code = sqlite3_step(found->stmt)) == SQLITE_ROW) continue;
    if (code != SQLITE_DONE) fail(sqlite3_sql(found->stmt));
    sqlite3_reset(found->stmt);
    commands += found->command;
    commits += found->commit;
    rows += n > 0;
}

static void set_up(struct reader *reader)
{
    uint32_t n = take_u32(reader);
    char *sql = strndup(take(reader, n), n);
    if (!sql || sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) fail("cannot set up");
    free(sql);
}

static void fold(struct reader *reader)
{
    int32_t mode;
    memcpy(&mode, take(reader, sizeof mode), sizeof mode);
    int code = sqlite3_wal_checkpoint_v2(db, NULL, mode, NULL, NULL);
    if (code != SQLITE_OK && code != SQLITE_BUSY && code != SQLITE_LOCKED) fail("cannot checkpoint");
    checkpoints++;
}

static void replay(struct reader reader)
{
    while (reader.p < reader.end) {
        enum record_op op = *(const unsigned char *)take(&reader, 1);
        switch (op) {
        case RECORD_TEXT: prepare(&reader); break;
        case RECORD_RUN: run(&reader); break;
        case RECORD_SETUP: set_up(&reader); break;
        case RECORD_CHECKPOINT: fold(&reader); break;
        }
    }
}

static struct reader read_all(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) fail(path);
    long n = ftell(file);
    rewind(file);
    char *bytes = malloc((size_t)n + 1);
    if (!bytes || fread(bytes, 1, (size_t)n, file) != (size_t)n) fail(path);
    fclose(file);
    return (struct reader){bytes, bytes + n};
}

/* Both would make it another comparison. */
static void check_pragma(const char *sql, const char *want)
{
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK || sqlite3_step(stmt) != SQLITE_ROW)
        fail(sql);
    if (strcmp((const char *)sqlite3_column_text(stmt, 0), want) != 0) fail(sql);
    sqlite3_finalize(stmt);
}

int main(int argc, char **argv)
{
    if (argc != 3) return fputs("sqlite_floor DATABASE RECORD\n", stderr), 2;
    struct reader reader = read_all(argv[2]);
    if (sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        fail(argv[1]);
    double from = seconds(CLOCK_MONOTONIC), worked = seconds(CLOCK_PROCESS_CPUTIME_ID);
    replay(reader);
    double took = seconds(CLOCK_MONOTONIC) - from;
    worked = seconds(CLOCK_PROCESS_CPUTIME_ID) - worked;
    check_pragma("PRAGMA journal_mode", "wal");
    check_pragma("PRAGMA synchronous", "2");
    if (!commands || !commits) fail("nothing was recorded");
    printf("{\"per_s\": %.0f, \"commands\": %llu, \"commits\": %llu, \"statements_each\": %.1f, "
           "\"bytes_each\": %.0f, "
           "\"commands_each_commit\": %.1f, \"checkpoints\": %llu, \"cpu_us_each\": %.1f}\n",
           (double)commands / took, (unsigned long long)commands, (unsigned long long)commits,
           (double)rows / (double)commands, (double)(reader.end - reader.p) / (double)commands,
           (double)commands / (double)commits, (unsigned long long)checkpoints,
           worked * 1e6 / (double)commands);
    return 0;
}
