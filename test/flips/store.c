/* The store whose bits are flipped, and all that can be read of it. */
#include "flips.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COMMANDS = 500, GROUP = 100, ITEMS = 300, MORE = 12, TEXT = 9000, SIGNALS = 60, SCHEDULES = 20 };

void die(const char *what, const char *why)
{
    fprintf(stderr, "flips: %s: %s\n", what, why);
    exit(2);
}

void *must(void *memory)
{
    if (!memory) die("memory", "there is none left");
    return memory;
}

/* ---- files -------------------------------------------------------------------------------------------------------------- */

static void take(struct file *file, const char *path, const char *suffix)
{
    char name[FLIPS_PATH + 8];
    struct stat st;
    snprintf(name, sizeof name, "%s%s", path, suffix);
    int fd = open(name, O_RDONLY);
    if (fd < 0) return;
    if (fstat(fd, &st) != 0) die(name, "cannot be looked at");
    *file = (struct file){must(malloc((size_t)st.st_size + 1)), (size_t)st.st_size};
    if (read(fd, file->p, file->n) != (ssize_t)file->n) die(name, "cannot be read");
    close(fd);
}

struct files files_take(const char *path)
{
    struct files files = {0};
    take(&files.db, path, "");
    take(&files.log, path, "-wal");
    take(&files.lock, path, ".lock");
    return files;
}

static void put(const struct file *file, const char *path, const char *suffix)
{
    char name[FLIPS_PATH + 8];
    snprintf(name, sizeof name, "%s%s", path, suffix);
    (void)unlink(name);
    if (!file || !file->p) return;
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, file->p, file->n) != (ssize_t)file->n) die(name, "cannot be written");
    close(fd);
}

void files_put(const struct files *files, const char *path)
{
    put(&files->db, path, "");
    put(&files->log, path, "-wal");
    put(&files->lock, path, ".lock");
    put(NULL, path, "-shm");
}

void files_free(struct files *files)
{
    free(files->db.p);
    free(files->log.p);
    free(files->lock.p);
}

/* ---- what is in the store ------------------------------------------------------------------------------------------------- */

struct rc_store *flips_open(const char *path)
{
    struct rc_store *store = NULL;
    const struct rc_sqlite_options options = {.path = path, .reserve = 4096, .index_after = 3};
    sure(rc_sqlite_open(&options, &store, &err));
    return store;
}

static void define(struct rc_store *store, const char *name)
{
    static char text[TEXT + 1]; /* more than a page holds */
    memset(text, 'x', TEXT);
    struct rc_definition def = {.kind = RC_DEF_FLOW,
                                .name = rc_sv_of(name),
                                .text = rc_sv_of(text),
                                .source = RC_SV("a.yaml"),
                                .digest = {1, 2}};
    const struct rc_author by = {RC_SV("user:bo"), RC_SV("bo"), RC_SV("as we agreed")};
    sure(rc_store_define(store, &def, 1, NULL, 0, &by, 5, &err));
}

static void give_access(struct rc_store *store)
{
    struct rc_access_change ns = {.kind = RC_ACCESS_NAMESPACE_ADD,
                                  .ns = {.name = RC_SV("billing"), .max_open = 7}};
    sure(rc_store_access(store, &ns, 10, &err));
    for (uint64_t i = 1; i <= 60; i++) {
        struct rc_access_change token = {
            .kind = RC_ACCESS_TOKEN_ADD,
            .token = {
                .id = i, .subject = RC_SV("billing"), .author = RC_SV("anna"), .role = RC_ROLE_OPERATOR}};
        memset(token.token.digest, (int)i, sizeof token.token.digest);
        sure(rc_store_access(store, &token, 10 + i, &err));
    }
}

static void order_bulk(struct rc_store *store, struct rc_arena *arena)
{
    static const struct rc_bulk_event event = {
        .rev = 1, .at = 5, .actor = RC_SV("olga"), .reason = RC_SV("why")};
    struct rc_bulk bulk = {.nonce = 77,
                           .rev = 1,
                           .state = RC_BULK_PREVIEW,
                           .ns = RC_SV("default"),
                           .key = RC_SV("k"),
                           .asked = {1, 2},
                           .act = {.action = RC_ACTION_RETRY,
                                   .subject = RC_SV("token"),
                                   .actor = RC_SV("olga"),
                                   .reason = RC_SV("x")},
                           .from = RC_SV("{}"),
                           .limit = 500,
                           .created = 10,
                           .expires = 100,
                           .changed = 10,
                           .total = ITEMS,
                           .allowed = ITEMS,
                           .rate = 5,
                           .stop_percent = 20};
    struct rc_bulk_item *items = must(RC_NEW_ARRAY(arena, struct rc_bulk_item, ITEMS));
    for (uint32_t i = 0; i < ITEMS; i++)
        items[i] = (struct rc_bulk_item){.n = i + 1,
                                         .seq = i + 1,
                                         .nonce = i,
                                         .rev = 3,
                                         .state = RC_FAILED,
                                         .allowed = true,
                                         .undoes = RC_SV("[\"create\"]")};
    const struct rc_bulk_write write = {
        .bulk = &bulk, .made = true, .items = items, .nitems = ITEMS, .event = &event};
    sure(rc_store_bulk(store, &write, NULL, &err));
}

static struct made *new_command(struct made_batch *batch, struct rc_arena *arena, uint64_t seq)
{
    char *key = must(RC_NEW_ARRAY(arena, char, 32));
    snprintf(key, 32, "key %llu", (unsigned long long)seq);
    struct made *made = made_new(arena, seq, key, batch->batch.high_water);
    const struct rc_work work = {.phase = RC_PHASE_READY, .gate = 7, .order = seq, .seq = seq, .node = 1};
    if (seq % 4 == 0) made->command.owner = RC_SV("olga");
    made_submit(batch, made, RC_RUNNING, seq % 2 == 0, seq % 2 ? &work : NULL);
    return made;
}

static void commit(struct rc_store *store, const struct made_batch *batch)
{
    sure(rc_store_commit(store, &batch->batch, &err));
}

/* Signals, some of which were taken, and schedules. */
static void keep_more(struct made_batch *batch, struct rc_arena *arena)
{
    static struct rc_signal signals[SIGNALS];
    static struct rc_schedule schedules[SCHEDULES];
    static struct rc_schedule_write writes[SCHEDULES];
    for (uint32_t i = 0; i < SIGNALS; i++)
        signals[i] = (struct rc_signal){.number = i + 1,
                                        .ns = RC_SV("default"),
                                        .name = RC_SV("paid"),
                                        .id = rc_text(arena, "p%u", i % 7),
                                        .key = rc_text(arena, "g%u", i),
                                        .asked = {i, 1},
                                        .payload = cel_string(RC_SV("as it was said")),
                                        .at = 2000 * COMMANDS,
                                        .taken = {i % 3 ? 0 : COMMANDS - i, 7},
                                        .node = i % 3 ? 0 : 1};
    for (uint32_t i = 0; i < SCHEDULES; i++) {
        struct rc_schedule *row = &schedules[i];
        *row = (struct rc_schedule){.planned = i + 1, .accepted = i + 2, .started = i, .changed = 8};
        snprintf(row->flow, sizeof row->flow, "flow%u", i);
        snprintf(row->id, sizeof row->id, "daily");
        writes[i] = (struct rc_schedule_write){.row = row};
    }
    batch->batch.signals = (struct rc_signals){signals, SIGNALS, 0};
    batch->batch.schedules = writes;
    batch->batch.nschedules = SCHEDULES;
}

/* Queues that are stopped; a hold that was released, and one that holds. */
static void stop(struct rc_store *store)
{
    const struct rc_author by = {RC_SV("user:bo"), RC_SV("bo"), RC_SV("a deploy")};
    const char *const queues[] = {"images", "mail", "shop"};
    for (uint8_t i = 0; i < 3; i++) {
        const struct rc_order order = {.kind = RC_ORDER_QUEUE,
                                       .queue = rc_sv_of(queues[i]),
                                       .state = i ? RC_QUEUE_PAUSED : RC_QUEUE_DRAINING,
                                       .by = by};
        sure(rc_store_order(store, &order, 2000 * COMMANDS + i, &err));
    }
    for (uint64_t i = 0; i < 2; i++) {
        struct rc_hold hold = {.nonce = 9 + i, .cause = RC_HELD_OTHER, .from = 5, .until = 6 + i, .seq = 7};
        const struct rc_hold_write write = {&hold, &by, 2000 * COMMANDS + i};
        sure(rc_store_hold(store, &write, NULL, &err));
    }
}

/* A third of the commands stay open, some wait for a person, a third ends, and what ended first is purged: its pages are free then. */
void flips_fill(struct rc_store *store, struct rc_arena *arena)
{
    struct made *made[COMMANDS];
    struct rc_purge_one ones[GROUP];
    const struct rc_purge_filter filter = {0};
    const struct rc_author by = {RC_SV("user:bo"), RC_SV("bo"), RC_SV("forgotten")};
    const struct rc_purge what = {.commands = ones, .n = GROUP, .filter = &filter, .by = &by};
    uint32_t n = 0;
    for (int i = 0; i < 3; i++) define(store, i == 1 ? "other" : "github.create_pr");
    give_access(store);
    order_bulk(store, arena);
    for (uint32_t i = 0; i < COMMANDS; i++) {
        struct made_batch batch = made_begin(arena, 1000 * (i + 1));
        for (uint32_t end = i + GROUP; i < end; i++) made[i] = new_command(&batch, arena, i + 1);
        i--;
        commit(store, &batch);
    }
    struct made_batch batch = made_begin(arena, 2000 * COMMANDS);
    for (uint32_t i = 0; i < COMMANDS; i++) {
        if (i % 3 == 0) made_action(&batch, made[i], RC_RUNNING, true, NULL);
        if (i >= GROUP && i % 12 == 2) made_result(&batch, made[i], RC_REVIEW, false, NULL);
        if (i < GROUP || i % 3 == 1) made_result(&batch, made[i], RC_COMPLETED, false, NULL);
        if (i < GROUP) ones[i] = (struct rc_purge_one){made[i]->command.id.seq, made[i]->command.rev};
    }
    keep_more(&batch, arena);
    commit(store, &batch);
    sure(rc_store_purge(store, &what, 3000 * COMMANDS, &n, &err));
    if (n != GROUP) die("purging", "not all are gone");
    stop(store);
}

void flips_go_on(struct rc_store *store, struct rc_arena *arena)
{
    for (uint32_t i = 0; i < MORE; i++) {
        struct made_batch batch = made_begin(arena, 4000 * COMMANDS + i);
        struct made *made = new_command(&batch, arena, COMMANDS + 1 + i);
        commit(store, &batch);
        batch = made_begin(arena, 4000 * COMMANDS + i);
        made_result(&batch, made, RC_COMPLETED, false, NULL);
        commit(store, &batch);
    }
}

/* ---- reading it --------------------------------------------------------------------------------------------------------- */

static bool hash_rows(struct rc_sha256 *sha, sqlite3 *db, const char *sql, char *why, size_t size)
{
    sqlite3_stmt *rows = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &rows, NULL);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(rows);
        for (int i = 0; code == SQLITE_ROW && i < sqlite3_column_count(rows); i++) {
            const void *bytes = sqlite3_column_blob(rows, i);
            rc_sha256_add_u64(sha, (uint64_t)sqlite3_column_bytes(rows, i));
            if (bytes) rc_sha256_add(sha, bytes, (size_t)sqlite3_column_bytes(rows, i));
        }
    }
    sqlite3_finalize(rows);
    if (code != SQLITE_DONE) snprintf(why, size, "%s: %s", sql, sqlite3_errmsg(db));
    return code == SQLITE_DONE;
}

/* Every row of every table; and by the indexes, as the product asks them. */
static bool hash_tables(struct rc_sha256 *sha, const char *path, char *why, size_t size)
{
    static const char *const more[] = {
        "SELECT seq FROM command INDEXED BY command_open WHERE state <> 11 OR in_flight",
        "SELECT seq FROM command INDEXED BY command_owner WHERE owner IS NOT NULL",
        "SELECT number FROM audit INDEXED BY audit_command WHERE command <> 0",
        "SELECT id FROM definition INDEXED BY definition_active WHERE active",
        "SELECT id FROM name WHERE text > ''",
    };
    char names[32][40], sql[128];
    sqlite3 *db = NULL;
    sqlite3_stmt *rows = NULL;
    int n = 0;
    bool fine = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, "recourse") == SQLITE_OK &&
                sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL) == SQLITE_OK &&
                sqlite3_prepare_v2(db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1", -1,
                                   &rows, NULL) == SQLITE_OK;
    while (fine && sqlite3_step(rows) == SQLITE_ROW) {
        if (n == sizeof names / sizeof *names) die("the schema", "has more tables than are read here");
        snprintf(names[n++], sizeof names[0], "%s", (const char *)sqlite3_column_text(rows, 0));
    }
    if (!fine || sqlite3_finalize(rows) != SQLITE_OK) {
        snprintf(why, size, "%s", sqlite3_errmsg(db));
        fine = false;
    }
    for (int i = 0; fine && i < n; i++) {
        snprintf(sql, sizeof sql, "SELECT * FROM %.39s", names[i]);
        fine = hash_rows(sha, db, sql, why, size);
    }
    for (size_t i = 0; fine && i < sizeof more / sizeof *more; i++)
        fine = hash_rows(sha, db, more[i], why, size);
    sqlite3_close(db);
    return fine;
}

/* What the server reads: it says what is damaged, or gives what was stored. */
static enum rc_status hash_histories(struct rc_sha256 *sha, struct rc_reader *reader, struct rc_arena *arena,
                                     struct rc_error *err)
{
    for (uint64_t seq = GROUP + 1; seq <= COMMANDS; seq += 7) {
        struct rc_identity id;
        struct rc_record *records = NULL;
        struct rc_row row;
        uint32_t n = 0;
        rc_arena_reset(arena);
        enum rc_status status = rc_read_history(reader, seq, 0, 10, arena, &id, &records, &n, err);
        if (status == RC_OK) status = rc_read_row(reader, seq, arena, &row, err);
        if (status != RC_OK) return status;
        rc_sha256_add_u64(sha, id.nonce);
        rc_sha256_add_sv(sha, id.key);
        rc_sha256_add_u64(sha, row.state);
        for (uint32_t i = 0; i < n; i++) rc_sha256_add_u64(sha, records[i].nchanges);
    }
    return RC_OK;
}

static enum rc_status hash_lists(struct rc_sha256 *sha, struct rc_reader *reader, struct rc_arena *arena,
                                 struct rc_error *err)
{
    struct rc_stopped *stopped = NULL;
    struct rc_hold *holds = NULL;
    uint32_t nstopped = 0, nholds = 0;
    uint64_t seqs[COMMANDS], counts[RC_STATES];
    struct rc_high high = {0};
    struct rc_key_match match = {0};
    uint32_t n = 0;
    enum rc_status status = rc_read_in_flight(reader, 0, seqs, COMMANDS, &n, err);
    for (uint32_t i = 0; status == RC_OK && i < n; i++) rc_sha256_add_u64(sha, seqs[i]);
    if (status == RC_OK) status = rc_read_counts(reader, counts, err);
    if (status == RC_OK) rc_sha256_add(sha, counts, sizeof counts);
    if (status == RC_OK) status = rc_read_high(reader, &high, err);
    if (status == RC_OK)
        status =
            rc_read_key(reader, RC_SV("default"), RC_SV("github.create_pr"), RC_SV("key 400"), &match, err);
    if (status == RC_OK) status = rc_read_stopped(reader, arena, &stopped, &nstopped, err);
    for (uint32_t i = 0; status == RC_OK && i < nstopped; i++) rc_sha256_add_sv(sha, stopped[i].queue);
    if (status == RC_OK) status = rc_read_holds(reader, arena, &holds, &nholds, err);
    for (uint32_t i = 0; status == RC_OK && i < nholds; i++) rc_sha256_add_u64(sha, holds[i].released);
    rc_sha256_add_u64(sha, high.change);
    rc_sha256_add_u64(sha, match.seq);
    return status;
}

bool flips_content(const char *path, struct rc_reader *reader, struct rc_h128 *ret, char *ret_why,
                   size_t size)
{
    struct rc_sha256 sha;
    struct rc_error err = {0};
    struct rc_arena *arena = must(rc_arena_new(1 << 16, 64 << 20));
    rc_sha256_init(&sha);
    enum rc_status status = reader ? hash_histories(&sha, reader, arena, &err) : RC_OK;
    if (status == RC_OK && reader) status = hash_lists(&sha, reader, arena, &err);
    rc_arena_free(arena);
    if (status != RC_OK) snprintf(ret_why, size, "%s", err.text);
    bool fine = status == RC_OK && hash_tables(&sha, path, ret_why, size);
    *ret = rc_sha256_h128(&sha);
    return fine;
}
