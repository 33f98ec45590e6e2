/* A recorder of what a server writes: loaded into it (LD_PRELOAD), it stands between the server and SQLite and writes
 * every statement that changes something, with its values, its transaction and its checkpoints, into a file (record.h) for
 * sqlite_floor.c. The server does as ever.
 *
 *   RECORD_FILE=PATH  where to; without it nothing is recorded
 *   RECORD_MAX=BYTES  then it stops, between two transactions
 *
 * The longest time that the writer spent between COMMIT and its return, with a checkpoint where one follows, is written into
 * PATH.stalls at the end; with RECORD_MAX=0 nothing else is, so that the recorder costs next to nothing. */
#include "record.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { STATEMENTS = 1024, VALUES = 64, COMMITS = 1 << 20 };

struct value {
    unsigned char kind;
    sqlite3_int64 number;
    char *bytes;
    uint32_t n, size;
};
struct statement {
    sqlite3_stmt *stmt; /* NULL: free */
    struct value value[VALUES];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct statement statement[STATEMENTS];
static char *text[STATEMENTS]; /* by number */
static uint32_t ntexts;
static FILE *file;
static uint64_t written, limit;
static sqlite3 *writer; /* who has begun the transaction that is recorded */
static bool failed;

static uint32_t *commit_us, ncommits; /* how long each commit took, its checkpoint included */
static uint64_t longest_checkpoint_us, checkpoints;
static __thread bool inside; /* SQLite calls itself */

/* The functions that stand behind ours. */
static int (*real_step)(sqlite3_stmt *);
static int (*real_int64)(sqlite3_stmt *, int, sqlite3_int64);
static int (*real_text)(sqlite3_stmt *, int, const char *, int, void (*)(void *));
static int (*real_blob)(sqlite3_stmt *, int, const void *, int, void (*)(void *));
static int (*real_null)(sqlite3_stmt *, int);
static int (*real_exec)(sqlite3 *, const char *, int (*)(void *, int, char **, char **), void *, char **);
static int (*real_checkpoint)(sqlite3 *, const char *, int, int *, int *);
static int (*real_finalize)(sqlite3_stmt *);

static uint64_t now_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static void find(void *ret, const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    memcpy(ret, &found, sizeof found);
}

__attribute__((constructor)) static void begin(void)
{
    find(&real_step, "sqlite3_step");
    find(&real_int64, "sqlite3_bind_int64");
    find(&real_text, "sqlite3_bind_text");
    find(&real_blob, "sqlite3_bind_blob");
    find(&real_null, "sqlite3_bind_null");
    find(&real_exec, "sqlite3_exec");
    find(&real_checkpoint, "sqlite3_wal_checkpoint_v2");
    find(&real_finalize, "sqlite3_finalize");
    const char *path = getenv("RECORD_FILE"), *most = getenv("RECORD_MAX");
    limit = most ? strtoull(most, NULL, 10) : UINT64_MAX;
    if (path) file = fopen(path, "wbe");
    commit_us = calloc(COMMITS, sizeof *commit_us);
    if (file) setvbuf(file, NULL, _IOFBF, 1 << 20);
}

/* ---- writing ---------------------------------------------------------------------------------------------- */

static void put(const void *data, size_t n)
{
    if (fwrite(data, 1, n, file) != n) failed = true;
    written += n;
}

static void put_op(enum record_op op)
{
    char byte = (char)op;
    put(&byte, 1);
}

static void put_u32(uint32_t number)
{
    put(&number, sizeof number);
}

static void put_bytes(const void *bytes, uint32_t n)
{
    put_u32(n);
    if (n) put(bytes, n);
}

/* The number of a statement's text, which is written when it is new. */
static uint32_t number_of(const char *sql)
{
    for (uint32_t i = 0; i < ntexts; i++)
        if (strcmp(text[i], sql) == 0) return i;
    if (ntexts == STATEMENTS) abort();
    text[ntexts] = strdup(sql);
    put_op(RECORD_TEXT);
    put_u32(ntexts);
    put_bytes(sql, (uint32_t)strlen(sql));
    return ntexts++;
}

static struct statement *slot_of(sqlite3_stmt *stmt, bool make)
{
    size_t at = ((uintptr_t)stmt >> 4) % STATEMENTS;
    for (size_t i = 0; i < STATEMENTS; i++) {
        struct statement *slot = &statement[(at + i) % STATEMENTS];
        if (slot->stmt == stmt) return slot;
        if (!slot->stmt) {
            if (make) slot->stmt = stmt;
            return make ? slot : NULL;
        }
    }
    abort();
}

static void put_plain(const char *sql)
{
    uint32_t number = number_of(sql);
    put_op(RECORD_RUN);
    put_u32(number);
    put_u32(0);
}

static void put_run(sqlite3_stmt *stmt)
{
    const struct statement *slot = slot_of(stmt, false);
    uint32_t number = number_of(sqlite3_sql(stmt)), n = (uint32_t)sqlite3_bind_parameter_count(stmt);
    put_op(RECORD_RUN);
    put_u32(number);
    put_u32(n);
    for (uint32_t i = 0; i < n; i++) {
        const struct value *value = slot && i < VALUES ? &slot->value[i] : NULL;
        unsigned char kind = value ? value->kind : RECORD_NULL;
        put(&kind, 1);
        if (kind == RECORD_INT) put(&value->number, sizeof value->number);
        if (kind == RECORD_STRING || kind == RECORD_BLOB) put_bytes(value->bytes, value->n);
    }
}

/* ---- what is bound ---------------------------------------------------------------------------------------- */

static struct value *value_of(sqlite3_stmt *stmt, int at)
{
    return file && limit && at >= 1 && at <= VALUES ? &slot_of(stmt, true)->value[at - 1] : NULL;
}

/* The bytes may be gone before the statement runs. */
static void keep(sqlite3_stmt *stmt, int at, enum record_value kind, const void *bytes, int n)
{
    pthread_mutex_lock(&lock);
    struct value *value = value_of(stmt, at);
    if (value) {
        uint32_t length = !bytes ? 0 : n < 0 ? (uint32_t)strlen(bytes) : (uint32_t)n;
        if (length > value->size) {
            value->bytes = realloc(value->bytes, length);
            if (!value->bytes) abort();
            value->size = length;
        }
        if (length) memcpy(value->bytes, bytes, length);
        value->n = length;
        value->kind = (unsigned char)(bytes ? kind : RECORD_NULL);
    }
    pthread_mutex_unlock(&lock);
}

int sqlite3_bind_int64(sqlite3_stmt *stmt, int at, sqlite3_int64 number)
{
    pthread_mutex_lock(&lock);
    struct value *value = value_of(stmt, at);
    if (value) {
        value->kind = RECORD_INT;
        value->number = number;
    }
    pthread_mutex_unlock(&lock);
    return real_int64(stmt, at, number);
}

int sqlite3_bind_text(sqlite3_stmt *stmt, int at, const char *string, int n, void (*end)(void *))
{
    keep(stmt, at, RECORD_STRING, string, n);
    return real_text(stmt, at, string, n, end);
}

int sqlite3_bind_blob(sqlite3_stmt *stmt, int at, const void *bytes, int n, void (*end)(void *))
{
    keep(stmt, at, RECORD_BLOB, bytes, n);
    return real_blob(stmt, at, bytes, n, end);
}

int sqlite3_bind_null(sqlite3_stmt *stmt, int at)
{
    keep(stmt, at, RECORD_NULL, NULL, 0);
    return real_null(stmt, at);
}

/* ---- what runs -------------------------------------------------------------------------------------------- */

static bool begins(const char *sql, const char *with)
{
    return sql && strncasecmp(sql, with, strlen(with)) == 0;
}

/* Whether it is the begin or the end of a transaction that is recorded. */
static bool is_bracket(sqlite3 *db, const char *sql)
{
    if (begins(sql, "BEGIN IMMEDIATE")) {
        writer = written < limit ? db : NULL;
        return writer != NULL;
    }
    if (db != writer || !(begins(sql, "COMMIT") || begins(sql, "ROLLBACK"))) return false;
    writer = NULL;
    return true;
}

/* Whether the statement belongs into the record: all between BEGIN IMMEDIATE and COMMIT that is no question. */
static bool wanted(sqlite3_stmt *stmt)
{
    sqlite3 *db = sqlite3_db_handle(stmt);
    return is_bracket(db, sqlite3_sql(stmt)) || (db == writer && !sqlite3_stmt_readonly(stmt));
}

static void note_commit(uint64_t us)
{
    if (ncommits < COMMITS) commit_us[ncommits++] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

int sqlite3_step(sqlite3_stmt *stmt)
{
    if (!file || inside || sqlite3_stmt_busy(stmt)) return real_step(stmt);
    if (limit) {
        pthread_mutex_lock(&lock);
        if (wanted(stmt)) put_run(stmt);
        pthread_mutex_unlock(&lock);
    }
    bool commit = begins(sqlite3_sql(stmt), "COMMIT") &&
                  !sqlite3_db_readonly(sqlite3_db_handle(stmt), "main") &&
                  sqlite3_txn_state(sqlite3_db_handle(stmt), "main") == SQLITE_TXN_WRITE;
    uint64_t from = commit ? now_us() : 0;
    inside = true;
    int code = real_step(stmt);
    inside = false;
    if (commit) {
        pthread_mutex_lock(&lock);
        note_commit(now_us() - from);
        pthread_mutex_unlock(&lock);
    }
    return code;
}

int sqlite3_exec(sqlite3 *db, const char *sql, int (*callback)(void *, int, char **, char **), void *context,
                 char **errmsg)
{
    pthread_mutex_lock(&lock);
    if (file && limit && !inside && begins(sql, "PRAGMA") && !strstr(sql, "query_only")) {
        put_op(RECORD_SETUP);
        put_bytes(sql, (uint32_t)strlen(sql));
    } else if (file && limit && !inside && is_bracket(db, sql)) {
        put_plain(sql);
    }
    pthread_mutex_unlock(&lock);
    bool was = inside;
    inside = true;
    int code = real_exec(db, sql, callback, context, errmsg);
    inside = was;
    return code;
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): theirs say their types, too */
int sqlite3_wal_checkpoint_v2(sqlite3 *db, const char *name, int mode, int *ret_log, int *ret_done)
{
    uint64_t from = now_us();
    if (!file) return real_checkpoint(db, name, mode, ret_log, ret_done);
    int code = real_checkpoint(db, name, mode, ret_log, ret_done);
    uint64_t took = now_us() - from;
    pthread_mutex_lock(&lock);
    if (limit && written < limit) {
        put_op(RECORD_CHECKPOINT);
        put(&(int32_t){mode}, sizeof(int32_t));
    }
    checkpoints++;
    if (took > longest_checkpoint_us) longest_checkpoint_us = took;
    pthread_mutex_unlock(&lock);
    return code;
}

/* Another statement may get the address. */
int sqlite3_finalize(sqlite3_stmt *stmt)
{
    pthread_mutex_lock(&lock);
    struct statement *slot = stmt && file ? slot_of(stmt, false) : NULL;
    for (uint32_t i = 0; slot && i < VALUES; i++) slot->value[i].kind = RECORD_NULL;
    pthread_mutex_unlock(&lock);
    return real_finalize(stmt);
}

/* ---- the end ---------------------------------------------------------------------------------------------- */

static int by_value(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static double quantile_ms(double share)
{
    return ncommits ? commit_us[(uint32_t)((double)(ncommits - 1) * share)] / 1e3 : 0;
}

__attribute__((destructor)) static void end(void)
{
    char path[4096];
    const char *name = getenv("RECORD_FILE");
    if (!file || !name) return;
    if (fclose(file) != 0 || failed) fputs("record: the file could not be written\n", stderr);
    file = NULL;
    snprintf(path, sizeof path, "%s.stalls", name);
    FILE *stalls = fopen(path, "we");
    if (!stalls) return;
    qsort(commit_us, ncommits, sizeof *commit_us, by_value);
    fprintf(stalls,
            "{\"commits\": %u, \"commit_p50_ms\": %.2f, \"commit_p99_ms\": %.2f, \"commit_max_ms\": %.2f, "
            "\"checkpoints\": %llu, \"checkpoint_max_ms\": %.2f}\n",
            ncommits, quantile_ms(0.5), quantile_ms(0.99), quantile_ms(1), (unsigned long long)checkpoints,
            (double)longest_checkpoint_us / 1e3);
    fclose(stalls);
}
