/* Crash images: whatever a disk may hold after the power was cut, the store opens, has every batch that was acknowledged, and has
 * each batch whole or not at all.
 *
 *   images [--images N] [--seed N] [--control no-sync|early-answer] [--image PLACE.NUMBER]
 *
 * A workload of batches runs on the real SQLite store under a VFS that writes down every write and sync (recorder.h). Beside it the
 * content of all tables is hashed after every batch. Then the record is played; at every place of it images of the disk are made and
 * opened by the store. The content of each must be that after one of the batches: not older than the last one that was acknowledged by
 * then, not newer than the last one that was begun. Every so many images the store also takes a further batch and opens again.
 *
 * Two controls must be caught: a store that does not sync, and a client that is answered before the commit. Ends with
 * "N images, N lost, N broken"; exit code 0 where nothing was. */
#include "made.h"
#include "recorder.h"

#include "base/hash.h"
#include "store/sqlite/db.h"

#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    BATCHES = 40,
    COMMANDS = 6,
    FOLD_EVERY = 9,
    GO_ON_EVERY = 16,
    PATH_BYTES = 128,
    RESERVE = 64 << 10,
    SHOWN = 5
};

enum control { SOUND, NO_SYNC, EARLY_ANSWER };

struct place { /* a batch: places in the record, and what the store has after it */
    uint32_t begun, acknowledged;
    struct rc_h128 content;
};

struct run {
    enum control control;
    uint64_t seed, images;
    uint64_t only_place, only_image; /* 0: all */
    char folder[PATH_BYTES], path[PATH_BYTES + 16];
    struct recorder_record record;
    struct place place[BATCHES + 1]; /* [0]: before the first one */
    struct rc_arena *arena;
    struct made *made[BATCHES * COMMANDS];
    uint32_t nmade;
    rc_us now;
};

struct found {
    uint64_t images, lost, broken;
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "images: %s: %s\n", what, why);
    exit(2);
}

/* ---- what a store holds --------------------------------------------------------------------------------------------------- */

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

/* Every row of every table, through a connection of its own. False where it cannot be read. */
static bool content_of(const char *path, struct rc_h128 *ret)
{
    static const char tables[] =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    struct rc_sha256 sha;
    sqlite3 *db = NULL;
    sqlite3_stmt *names = NULL;
    rc_sha256_init(&sha);
    bool fine = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK &&
                sqlite3_prepare_v2(db, tables, -1, &names, NULL) == SQLITE_OK;
    while (fine && sqlite3_step(names) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(names, 0);
        rc_sha256_add(&sha, name, strlen(name));
        fine = hash_table(&sha, db, name);
    }
    sqlite3_finalize(names);
    sqlite3_close(db);
    *ret = rc_sha256_h128(&sha);
    return fine;
}

static enum rc_status open_store(const struct run *run, const char *path, struct rc_store **ret,
                                 struct rc_error *err)
{
    const struct rc_sqlite_options options = {
        .path = path, .reserve = RESERVE, .unsafe_no_sync = run->control == NO_SYNC};
    return rc_sqlite_open(&options, ret, err);
}

/* ---- the workload --------------------------------------------------------------------------------------------------------- */

/* Some new commands, and something that happens to some that are there. */
static void fill(struct run *run, struct made_batch *batch, uint64_t *random)
{
    uint32_t old = run->nmade, fresh = 1 + (uint32_t)(rc_mix(random) % (COMMANDS - 1));
    for (uint32_t i = 0; i < fresh; i++) {
        char key[32];
        snprintf(key, sizeof key, "key %u", run->nmade + 1);
        struct made *made = made_new(run->arena, run->nmade + 1, key, run->now);
        const struct rc_work waits = {
            .phase = RC_PHASE_READY, .gate = 7, .order = run->now, .seq = made->command.id.seq};
        run->made[run->nmade++] = made;
        made_submit(batch, made, RC_RUNNING, i % 2 == 0, i % 3 ? NULL : &waits);
    }
    for (uint32_t i = 0; i < old; i++) {
        if (rc_mix(random) % 8) continue;
        bool action = rc_mix(random) % 3 == 0, ends = rc_mix(random) % 2;
        (action ? made_action : made_result)(batch, run->made[i], ends ? RC_COMPLETED : RC_RUNNING, !ends,
                                             NULL);
    }
}

static void work(struct run *run, struct rc_store *store)
{
    struct rc_error err = {0};
    uint64_t random = run->seed;
    if (!content_of(run->path, &run->place[0].content)) die(run->path, "cannot be read");
    for (uint32_t i = 1; i <= BATCHES; i++) {
        struct place *place = &run->place[i];
        struct made_batch batch = made_begin(run->arena, run->now += 1000);
        fill(run, &batch, &random);
        place->begun = run->record.n;
        if (rc_store_commit(store, &batch.batch, &err) != RC_OK) die("a batch", err.text);
        place->acknowledged = run->control == EARLY_ANSWER ? place->begun : run->record.n;
        if (!content_of(run->path, &place->content)) die(run->path, "cannot be read");
        if (i % FOLD_EVERY == 0 && sq_fold(sq_store_of(store), &err) != RC_OK)
            die("folding the log", err.text);
    }
}

static void record(struct run *run)
{
    struct rc_store *store = NULL;
    struct rc_error err = {0};
    recorder_install();
    if (open_store(run, run->path, &store, &err) != RC_OK) die("the store", err.text);
    recorder_begin(&run->record, run->path);
    work(run, store);
    recorder_end();
    rc_store_close(store);
    recorder_remove();
}

/* ---- images --------------------------------------------------------------------------------------------------------------- */

struct opener { /* a place for images, and what was found in them */
    struct run *run;
    char path[PATH_BYTES + 32], log[PATH_BYTES + 40], shm[PATH_BYTES + 40];
    struct recorder_bytes file[RECORDER_FILES];
    struct found found;
};

static const char *const loss_name[] = {"all lost", "none lost", "a prefix", "some writes", "some sectors"};

static void tell(struct opener *opener, uint32_t at, uint64_t number, enum recorder_loss loss,
                 const char *what)
{
    const struct run *run = opener->run;
    if (opener->found.lost + opener->found.broken > SHOWN || run->control != SOUND) return;
    printf(
        "  image %u.%llu (%s kept of what was not synced): %s\n  again: images --seed %llu --image %u.%llu\n",
        at, (unsigned long long)number, loss_name[loss], what, (unsigned long long)run->seed, at,
        (unsigned long long)number);
}

/* The batch that the content is of; -1: of none. */
static int batch_of(const struct run *run, struct rc_h128 content)
{
    for (int i = BATCHES; i >= 0; i--)
        if (rc_h128_eq(run->place[i].content, content)) return i;
    return -1;
}

/* The store that was found takes on more, and has it when it is opened again. */
static bool goes_on(struct opener *opener, struct rc_store *store, struct rc_store **ret,
                    struct rc_error *err)
{
    struct rc_arena *arena = rc_arena_new(1 << 16, 64 << 20);
    struct rc_high high = {0}, later = {0};
    if (!arena) die("an image", "out of memory");
    *ret = store;
    bool fine = rc_read_high(rc_store_self(store), &high, err) == RC_OK;
    struct made_batch batch = made_begin(arena, high.high_water + 1);
    struct made *made = made_new(arena, high.seq + 1, "one more", high.high_water + 1);
    made_submit(&batch, made, RC_RUNNING, true, NULL);
    fine = fine && rc_store_commit(store, &batch.batch, err) == RC_OK;
    if (fine) {
        rc_store_close(store);
        *ret = NULL;
        fine = open_store(opener->run, opener->path, ret, err) == RC_OK &&
               rc_read_high(rc_store_self(*ret), &later, err) == RC_OK && later.seq == high.seq + 1;
    }
    rc_arena_free(arena);
    return fine;
}

static void open_image(struct opener *opener, uint32_t at, uint64_t number, enum recorder_loss loss)
{
    const struct run *run = opener->run;
    struct rc_store *store = NULL;
    struct rc_error err = {0};
    struct rc_h128 content;
    char what[300];
    opener->found.images++;
    if (!recorder_put(&opener->file[RECORDER_MAIN], opener->path) ||
        !recorder_put(&opener->file[RECORDER_LOG], opener->log))
        die(opener->path, strerror(errno));
    (void)unlink(opener->shm);
    enum rc_status status = open_store(run, opener->path, &store, &err);
    if (status != RC_OK) {
        opener->found.broken++;
        snprintf(what, sizeof what, "it does not open: %.200s", err.text);
        tell(opener, at, number, loss, what);
        return;
    }
    int batch = content_of(opener->path, &content) ? batch_of(run, content) : -1, least = 0, most = 0;
    for (int i = 1; i <= BATCHES; i++) {
        if (run->place[i].acknowledged <= at) least = i;
        if (run->place[i].begun < at) most = i;
    }
    bool lost = batch >= 0 && batch < least, broken = batch < 0 || batch > most;
    opener->found.lost += lost;
    opener->found.broken += broken;
    snprintf(what, sizeof what, "it holds batch %d; acknowledged was %d, begun %d", batch, least, most);
    if (lost || broken) tell(opener, at, number, loss, what);
    if (!lost && !broken && number % GO_ON_EVERY == 0 && !goes_on(opener, store, &store, &err)) {
        opener->found.broken++;
        tell(opener, at, number, loss, "it does not go on");
    }
    if (store) rc_store_close(store);
}

static void open_images_at(struct opener *opener, const struct recorder_disk *disk, uint64_t images)
{
    const struct run *run = opener->run;
    for (uint64_t number = 1; number <= images; number++) {
        if (run->only_image && number != run->only_image) continue;
        uint64_t random = run->seed ^ (uint64_t)disk->at << 32 ^ number;
        enum recorder_loss loss = (enum recorder_loss)((number + disk->at) % RECORDER_LOSSES);
        for (int file = 0; file < RECORDER_FILES; file++)
            recorder_image(disk, (enum recorder_file)file, loss, &random, &opener->file[file]);
        open_image(opener, disk->at, number, loss);
    }
}

/* Every place of the record whose number leaves `part` when divided by `parts`. */
static struct found look(struct run *run, uint32_t part, uint32_t parts)
{
    struct recorder_disk disk;
    struct opener opener = {.run = run};
    char folder[PATH_BYTES + 16];
    uint64_t each = run->images / run->record.n + 1;
    snprintf(folder, sizeof folder, "%s/%u", run->folder, part);
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) die(folder, strerror(errno));
    snprintf(opener.path, sizeof opener.path, "%s/i.db", folder);
    snprintf(opener.log, sizeof opener.log, "%s-wal", opener.path);
    snprintf(opener.shm, sizeof opener.shm, "%s-shm", opener.path);
    recorder_disk_begin(&disk, &run->record);
    while (recorder_disk_next(&disk))
        if (disk.at % parts == part && (!run->only_place || disk.at == run->only_place))
            open_images_at(&opener, &disk, run->only_image ? run->only_image : each);
    recorder_disk_free(&disk);
    for (int i = 0; i < RECORDER_FILES; i++) free(opener.file[i].p);
    return opener.found;
}

/* ---- parts, each in a process of its own ---------------------------------------------------------------------------------- */

static struct found look_in_parts(struct run *run)
{
    enum { PARTS = 2 };
    struct found all = {0}, one;
    int ends[PARTS][2];
    for (uint32_t i = 0; i < PARTS; i++) {
        (void)fflush(stdout);
        if (pipe(ends[i]) != 0) die("pipe", strerror(errno));
        pid_t pid = fork();
        if (pid < 0) die("fork", strerror(errno));
        if (pid > 0) {
            close(ends[i][1]);
            continue;
        }
        one = look(run, i, PARTS);
        (void)fflush(stdout);
        _exit(write(ends[i][1], &one, sizeof one) == (ssize_t)sizeof one ? 0 : 2);
    }
    for (uint32_t i = 0; i < PARTS; i++) {
        if (read(ends[i][0], &one, sizeof one) != (ssize_t)sizeof one) die("a part", "ended early");
        close(ends[i][0]);
        all.images += one.images;
        all.lost += one.lost;
        all.broken += one.broken;
    }
    while (wait(NULL) > 0) {
    }
    return all;
}

static void make_folder(struct run *run)
{
    const char *base =
        access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; /* memory is as good as a disk here */
    snprintf(run->folder, sizeof run->folder, "%s/recourse-images-XXXXXX", base);
    if (!mkdtemp(run->folder)) die(run->folder, strerror(errno));
    snprintf(run->path, sizeof run->path, "%s/w.db", run->folder);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

static void remove_folder(const struct run *run)
{
    if (nftw(run->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0) die(run->folder, strerror(errno));
}

static void read_options(struct run *run, int argc, char **argv)
{
    static const struct option options[] = {{"images", required_argument, NULL, 'n'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"control", required_argument, NULL, 'c'},
                                            {"image", required_argument, NULL, 'i'},
                                            {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        char *end = NULL;
        if (option == 'n') run->images = strtoull(optarg, NULL, 10);
        if (option == 's') run->seed = strtoull(optarg, NULL, 10);
        if (option == 'c') run->control = strcmp(optarg, "no-sync") == 0 ? NO_SYNC : EARLY_ANSWER;
        if (option == 'i') run->only_place = strtoull(optarg, &end, 10);
        if (option == 'i' && *end == '.') run->only_image = strtoull(end + 1, NULL, 10);
        if (option == '?') exit(2);
    }
}

int main(int argc, char **argv)
{
    struct run run = {.images = 3000, .now = RC_SECONDS(1800000000)};
    const char *images = getenv("RC_IMAGES");
    if (rc_random(&run.seed, sizeof run.seed) != RC_OK) die("random numbers", "there are none");
    run.seed >>= 32;
    if (images) run.images = strtoull(images, NULL, 10);
    read_options(&run, argc, argv);
    if (!(run.arena = rc_arena_new(1 << 20, 1 << 30))) die("memory", "there is none");
    printf("seed %llu\n", (unsigned long long)run.seed);
    make_folder(&run);
    record(&run);
    struct found found = look_in_parts(&run);
    printf("%u operations recorded; %llu images, %llu lost, %llu broken\n", run.record.n,
           (unsigned long long)found.images, (unsigned long long)found.lost,
           (unsigned long long)found.broken);
    remove_folder(&run);
    recorder_free(&run.record);
    rc_arena_free(run.arena);
    bool caught = found.lost + found.broken > 0;
    return caught == (run.control != SOUND) ? 0 : 1;
}
