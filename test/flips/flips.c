/* Bits of a store's files change, as disks, memory and cables do it. Whoever reads them then must say so, or get what was written.
 *
 * Each flip is judged three times: by the start of a server (rc_sqlite_open, after a crash), by reads of a store that is open already, and
 * by the check of `recourse doctor` and of copies. One that nobody finds must leave everything that can be read as it was: then it hit
 * bytes that nothing uses. Places are taken in turn from every kind of page of every table and index, from free pages, from the log's head, the
 * heads of its frames and their pages.
 *
 *   flips [--control]     --control: seals are not looked at, and silent changes must be found
 *
 * RC_FLIPS says how many, else RC_TIER; RC_FLIPS_SEED repeats a run, and without it RC_SEED says which. */
#include "flips.h"

#include "store/sqlite/seal.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KINDS = 96, PAGES_MAX = 4096, PARTS = 2, WHY = 400, SHOWN = 5 };

struct kind {                           /* places of one sort */
    char name[48], kind[12], table[32]; /* table: that it belongs to; empty: none */
    uint32_t page[PAGES_MAX / 8], n;    /* from 1; of a log: frames */
    bool log, head;
};

struct found {
    uint64_t flips, found, harmless, silent, unnamed, at_start, by_reads, by_doctor;
    uint64_t hit[KINDS], noticed[KINDS];
};

struct run {
    char folder[64], path[FLIPS_PATH];
    struct rc_arena *arena;
    struct files whole, busy; /* closed; and as a crash leaves it, with a log */
    struct rc_h128 content_whole, content_busy, open_whole, open_busy;
    struct kind kinds[KINDS];
    uint32_t nkinds;
    uint64_t seed, flips;
    bool control;
};

/* ---- where ---------------------------------------------------------------------------------------------------------------- */

static struct kind *kind_of(struct run *run, const char *name, const char *kind)
{
    for (uint32_t i = 0; i < run->nkinds; i++)
        if (strcmp(run->kinds[i].name, name) == 0 && strcmp(run->kinds[i].kind, kind) == 0)
            return &run->kinds[i];
    if (run->nkinds == KINDS) die("kinds", "too many");
    struct kind *added = &run->kinds[run->nkinds++];
    snprintf(added->name, sizeof added->name, "%s", name);
    snprintf(added->kind, sizeof added->kind, "%s", kind);
    return added;
}

static void add_place(struct kind *kind, uint32_t page)
{
    if (kind->n < sizeof kind->page / sizeof *kind->page) kind->page[kind->n++] = page;
}

static void find_pages(struct run *run)
{
    static bool used[PAGES_MAX];
    sqlite3 *db = NULL;
    sqlite3_stmt *rows = NULL;
    uint32_t pages = (uint32_t)(run->whole.db.n / FLIPS_PAGE);
    if (pages >= PAGES_MAX) die("the store", "is too large");
    files_put(&run->whole, run->path);
    if (sqlite3_open_v2(run->path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db,
                           "SELECT d.name, pagetype, pageno, tbl_name FROM dbstat AS d LEFT JOIN "
                           "sqlite_schema AS s ON s.name = d.name",
                           -1, &rows, NULL) != SQLITE_OK)
        die("dbstat", sqlite3_errmsg(db));
    while (sqlite3_step(rows) == SQLITE_ROW) {
        uint32_t page = (uint32_t)sqlite3_column_int(rows, 2);
        used[page] = true;
        struct kind *kind = kind_of(run, (const char *)sqlite3_column_text(rows, 0),
                                    (const char *)sqlite3_column_text(rows, 1));
        const char *table = (const char *)sqlite3_column_text(rows, 3);
        snprintf(kind->table, sizeof kind->table, "%s", table ? table : "");
        add_place(kind, page);
    }
    sqlite3_finalize(rows);
    sqlite3_close(db);
    for (uint32_t page = 1; page <= pages; page++)
        if (!used[page]) add_place(kind_of(run, "free", "page"), page);
    add_place(kind_of(run, "header", "head"), 1);
    uint32_t frames = (uint32_t)((run->busy.log.n - SQ_LOG_HEAD) / SQ_FRAME);
    for (uint32_t i = 0; i < frames; i++) {
        add_place(kind_of(run, "log", "frame"), i);
        add_place(kind_of(run, "log", "framehead"), i);
    }
    add_place(kind_of(run, "log", "head"), 0);
    for (uint32_t i = 0; i < run->nkinds; i++) {
        run->kinds[i].log = strcmp(run->kinds[i].name, "log") == 0;
        run->kinds[i].head = strstr(run->kinds[i].kind, "head") != NULL;
    }
}

static bool has_kind(struct run *run, const char *name, const char *kind)
{
    for (uint32_t i = 0; i < run->nkinds; i++)
        if ((!name || strcmp(run->kinds[i].name, name) == 0) && strcmp(run->kinds[i].kind, kind) == 0)
            return true;
    return false;
}

/* Of every table and index of the schema, also of one that comes some day: no flip of an empty page says that its rows are safe. */
static void nothing_is_empty(const char *path)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *rows = NULL;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db,
                           "SELECT name FROM sqlite_schema WHERE rootpage > 0 AND name NOT IN (SELECT name "
                           "FROM dbstat WHERE pagetype = 'leaf' AND ncell > 0)",
                           -1, &rows, NULL) != SQLITE_OK)
        die("dbstat", sqlite3_errmsg(db));
    int code, empty = 0;
    for (; (code = sqlite3_step(rows)) == SQLITE_ROW; empty++)
        fprintf(stderr, "flips: %s has no row: nothing of it is flipped (flips_fill)\n",
                (const char *)sqlite3_column_text(rows, 0));
    if (code != SQLITE_DONE || empty) die("the schema", "is not all there");
    sqlite3_finalize(rows);
    sqlite3_close(db);
}

static void every_kind_is_there(struct run *run)
{
    static const char *const others[][2] = {
        {"sqlite_schema", "leaf"}, {"history", "internal"},    {"command", "internal"},
        {"command_open", "leaf"},  {"command_owner", "leaf"},  {"audit", "internal"},
        {"bulk_item", "internal"}, {"definition", "overflow"}, {"free", "page"}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (!has_kind(run, others[i][0], others[i][1])) die(others[i][0], "has no page of a kind");
}

/* ---- one flip --------------------------------------------------------------------------------------------------------------- */

struct flip {
    uint32_t kind;
    size_t at, n; /* bytes; n 0: one bit */
    unsigned char with[64];
};

static struct flip choose(const struct run *run, uint64_t number, uint64_t *random)
{
    struct flip flip = {.kind = (uint32_t)(number % run->nkinds)};
    const struct kind *kind = &run->kinds[flip.kind];
    uint32_t page = kind->page[rc_mix(random) % kind->n];
    size_t begin, size;
    if (kind->log && strcmp(kind->kind, "head") == 0) {
        begin = 0;
        size = SQ_LOG_HEAD;
    } else if (kind->log) {
        begin = SQ_LOG_HEAD + (size_t)page * SQ_FRAME + (kind->head ? 0 : SQ_FRAME_HEAD);
        size = kind->head ? SQ_FRAME_HEAD : FLIPS_PAGE;
    } else {
        begin = (size_t)(page - 1) * FLIPS_PAGE;
        size = kind->head ? 100 : FLIPS_PAGE;
    }
    flip.at = begin + rc_mix(random) % size;
    if (rc_mix(random) % 8 == 0) { /* a run of bytes */
        flip.n = 1 + rc_mix(random) % sizeof flip.with;
        if (flip.at + flip.n > begin + size) flip.n = begin + size - flip.at;
        for (size_t i = 0; i < flip.n; i++)
            flip.with[i] = (unsigned char)(rc_mix(random) % 3 ? rc_mix(random) : 0);
    } else {
        flip.with[0] = (unsigned char)(1u << rc_mix(random) % 8);
    }
    return flip;
}

/* Does it; done a second time, it is undone. False: it changes nothing. */
static bool apply(const struct flip *flip, struct file *file)
{
    if (flip->at >= file->n) return false;
    if (!flip->n) {
        file->p[flip->at] ^= flip->with[0];
        return true;
    }
    bool changes = false;
    for (size_t i = 0; i < flip->n && flip->at + i < file->n; i++) {
        file->p[flip->at + i] ^= flip->with[i];
        changes |= flip->with[i] != 0;
    }
    return changes;
}

/* ---- judged ------------------------------------------------------------------------------------------------------------------ */

struct verdict {
    bool start, reads, doctor,
        same; /* who found it; and whether what could be read, without an error, was what was written */
    char why[WHY];
};

/* The start of a server after a crash, and then all that it reads. */
static void by_start(const struct run *run, const struct files *files, struct rc_h128 content,
                     struct verdict *verdict)
{
    struct rc_store *store = NULL;
    struct rc_error err = {0};
    char why[WHY] = "";
    struct rc_h128 now;
    const struct rc_sqlite_options options = {.path = run->path, .reserve = 4096, .index_after = 3};
    files_put(files, run->path);
    enum rc_status status = rc_sqlite_open(&options, &store, &err);
    if (status != RC_OK || rc_sqlite_note(store)[0]) {
        verdict->start = true;
        snprintf(verdict->why, sizeof verdict->why, "%.380s",
                 status != RC_OK ? err.text : rc_sqlite_note(store));
    } else if (!flips_content(run->path, rc_store_self(store), &now, why, sizeof why)) {
        verdict->reads = true;
        snprintf(verdict->why, sizeof verdict->why, "%s", why);
    } else if (!rc_h128_eq(now, content)) {
        verdict->same = false;
    }
    if (store) rc_store_close(store);
}

/* It happens under a store that is open: its own memory may hold the page still, a reader that comes then has nothing yet. */
static void by_reads(const struct run *run, const struct files *files, const struct file *changed,
                     const char *suffix, struct rc_h128 content, struct verdict *verdict)
{
    char name[FLIPS_PATH + 8], why[WHY] = "";
    struct rc_h128 now;
    struct rc_reader *reader = NULL;
    struct rc_error err = {0};
    files_put(files, run->path);
    struct rc_store *store = flips_open(run->path);
    snprintf(name, sizeof name, "%s%s", run->path, suffix);
    FILE *file = fopen(name, "r+");
    if (!file || fwrite(changed->p, 1, changed->n, file) != changed->n) die(name, "cannot be changed");
    fclose(file);
    if (rc_reader_open(store, &reader, &err) != RC_OK ||
        !flips_content(run->path, reader, &now, why, sizeof why))
        verdict->reads = true;
    else if (!rc_h128_eq(now, content))
        verdict->same = false;
    if (reader) rc_reader_close(reader);
    rc_store_close(store);
}

static void by_doctor(const struct run *run, const struct files *files, struct verdict *verdict)
{
    struct rc_holdings holdings;
    struct rc_error err = {0};
    files_put(files, run->path);
    if (rc_sqlite_check(run->path, &holdings, &err) == RC_OK) return;
    verdict->doctor = true;
    if (!verdict->start) snprintf(verdict->why, sizeof verdict->why, "%.380s", err.text);
}

/* What is said must lead to the place: the table, or, where it is none, the page, the log, or the head of the file. */
static bool is_named(const struct kind *kind, const char *why)
{
    static const char *const others[] = {"page ",       "frame", "log",   "header",
                                         "not a store", "newer", "older", "cut short"};
    char table[40];
    snprintf(table, sizeof table, "(in %s", kind->table);
    if (kind->table[0]) return strstr(why, table) != NULL;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strstr(why, others[i])) return true;
    return false;
}

static void judge(const struct run *run, uint64_t number, struct files *whole, struct files *busy,
                  struct found *found)
{
    uint64_t random = run->seed ^ number * UINT64_C(0x9e3779b97f4a7c15);
    struct flip flip = choose(run, number, &random);
    const struct kind *kind = &run->kinds[flip.kind];
    struct files *files = kind->log ? busy : whole;
    struct file *file = kind->log ? &files->log : &files->db;
    struct verdict verdict = {.same = true};
    if (!apply(&flip, file)) return;
    by_start(run, files, kind->log ? run->open_busy : run->open_whole, &verdict);
    by_doctor(run, files, &verdict);
    if (!kind->log && number % 3 == 0) {
        struct files pristine = *files;
        pristine.db.p = run->whole.db.p;
        by_reads(run, &pristine, file, "", run->open_whole, &verdict);
    }
    apply(&flip, file);
    bool noticed = verdict.start || verdict.reads || verdict.doctor;
    found->flips++;
    found->hit[flip.kind]++;
    found->noticed[flip.kind] += noticed;
    found->at_start += verdict.start;
    found->by_reads += verdict.reads;
    found->by_doctor += verdict.doctor;
    found->found += noticed && verdict.same;
    found->harmless += !noticed && verdict.same;
    found->silent += !verdict.same;
    bool unnamed = (verdict.start || verdict.doctor) && !is_named(kind, verdict.why);
    found->unnamed += unnamed;
    if ((verdict.same && !unnamed) || run->control || found->silent + found->unnamed > SHOWN) return;
    printf("# flip %llu, %s of %s, byte %zu: %s %s\n# again: RC_FLIPS_SEED=%llu\n",
           (unsigned long long)number, kind->kind, kind->name, flip.at,
           verdict.same ? "not named:" : "SILENT", verdict.why, (unsigned long long)run->seed);
}

/* ---- the run --------------------------------------------------------------------------------------------------------------- */

static void make_store(struct run *run)
{
    char why[WHY];
    struct rc_reader *reader = NULL;
    struct rc_store *store = flips_open(run->path);
    flips_fill(store, run->arena);
    rc_store_close(store);
    run->whole = files_take(run->path);
    store = flips_open(run->path);
    if (!flips_content(run->path, rc_store_self(store), &run->open_whole, why, sizeof why))
        die("the store", why);
    flips_go_on(store, run->arena);
    run->busy = files_take(run->path);
    if (!flips_content(run->path, rc_store_self(store), &run->open_busy, why, sizeof why))
        die("the store", why);
    rc_store_close(store);
    (void)reader;
    run->whole.lock =
        (struct file){must(malloc(8)), 6}; /* as a killed server leaves it: it is looked at closely */
    memcpy(run->whole.lock.p, "12345\n", 6);
}

static void copy_of(const struct file *from, struct file *to)
{
    *to = *from;
    if (!from->p) return;
    to->p = must(malloc(from->n + 1));
    memcpy(to->p, from->p, from->n);
}

static struct found run_part(struct run *run, uint32_t part)
{
    struct found found = {0};
    struct files whole, busy;
    copy_of(&run->whole.db, &whole.db);
    copy_of(&run->whole.log, &whole.log);
    copy_of(&run->whole.lock, &whole.lock);
    copy_of(&run->busy.db, &busy.db);
    copy_of(&run->busy.log, &busy.log);
    copy_of(&run->busy.lock, &busy.lock);
    snprintf(run->path, sizeof run->path, "%s/%u.db", run->folder, part);
    for (uint64_t number = part; number < run->flips; number += PARTS)
        judge(run, number, &whole, &busy, &found);
    files_free(&whole);
    files_free(&busy);
    return found;
}

static void add(struct found *sum, const struct found *part)
{
    const uint64_t *from = (const uint64_t *)(const void *)part;
    uint64_t *to = (uint64_t *)(void *)sum;
    for (size_t i = 0; i < sizeof *sum / sizeof *to; i++) to[i] += from[i];
}

static struct found run_all(struct run *run)
{
    struct found sum = {0}, part;
    int pipes[PARTS][2];
    for (uint32_t i = 0; i < PARTS; i++) {
        if (pipe(pipes[i]) != 0) die("a pipe", "cannot be made");
        pid_t child = fork();
        if (child < 0) die("a process", "cannot be started");
        if (child > 0) continue;
        part = run_part(run, i);
        fflush(stdout);
        _exit(write(pipes[i][1], &part, sizeof part) == (ssize_t)sizeof part ? 0 : 1);
    }
    for (uint32_t i = 0; i < PARTS; i++) {
        close(pipes[i][1]);
        if (read(pipes[i][0], &part, sizeof part) != (ssize_t)sizeof part) die("a part", "has ended early");
        add(&sum, &part);
    }
    while (wait(NULL) > 0) {
    }
    return sum;
}

static uint64_t how_many(bool control)
{
    const char *tier = getenv("RC_TIER"), *flips = getenv("RC_FLIPS");
    if (flips) return strtoull(flips, NULL, 10);
    if (control) return 120;
    if (tier && strcmp(tier, "campaign") == 0) return 200000;
    return tier && strcmp(tier, "ci") == 0 ? 3000 : 400;
}

static int report(const struct run *run, const struct found *found)
{
    uint32_t untouched = 0;
    for (uint32_t i = 0; i < run->nkinds; i++) {
        printf("# %-12s %-10s %6llu flips, %6llu found\n", run->kinds[i].name, run->kinds[i].kind,
               (unsigned long long)found->hit[i], (unsigned long long)found->noticed[i]);
        untouched += !found->hit[i];
    }
    printf("# found at the start %llu, by reads %llu, by the doctor %llu; %llu were silent, %llu not named\n",
           (unsigned long long)found->at_start, (unsigned long long)found->by_reads,
           (unsigned long long)found->by_doctor, (unsigned long long)found->silent,
           (unsigned long long)found->unnamed);
    if (run->control) {
        printf("# figure flips_controls 1\n# figure flips_controls_caught %d\n", found->silent > 0);
        printf("%s 1 - without seals flips are silent (%llu)\n", found->silent ? "ok" : "not ok",
               (unsigned long long)found->silent);
        return found->silent ? 0 : 1;
    }
    printf("# figure flips %llu\n# figure flips_found %llu\n# figure flips_harmless %llu\n",
           (unsigned long long)found->flips, (unsigned long long)found->found,
           (unsigned long long)found->harmless);
    printf("%s 1 - no flip is silent\n", found->silent || found->flips < run->flips / 2 ? "not ok" : "ok");
    printf("%s 2 - every flip that is found is named\n", found->unnamed ? "not ok" : "ok");
    printf("%s 3 - every kind of page was hit\n", untouched ? "not ok" : "ok");
    return found->silent || found->unnamed || untouched || found->flips < run->flips / 2;
}

static void remove_folder(const char *folder)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0) fprintf(stderr, "flips: %s is left\n", folder);
}

int main(int argc, char **argv)
{
    static struct run run;
    const char *seed = getenv("RC_FLIPS_SEED");
    if (!seed) seed = getenv("RC_SEED");
    struct stat st;
    run.control = argc > 1 && strcmp(argv[1], "--control") == 0;
    run.seed = seed ? strtoull(seed, NULL, 10) : 0;
    if (!seed && rc_random(&run.seed, sizeof run.seed) != RC_OK) die("random numbers", "are not there");
    run.flips = how_many(run.control);
    snprintf(run.folder, sizeof run.folder, "%s/recourse-flips-XXXXXX",
             stat("/dev/shm", &st) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(run.folder)) die(run.folder, "cannot be made");
    snprintf(run.path, sizeof run.path, "%s/made.db", run.folder);
    run.arena = must(rc_arena_new(1 << 20, 256 << 20));
    make_store(&run);
    find_pages(&run);
    nothing_is_empty(run.path);
    every_kind_is_there(&run);
    printf("1..%d\n# seed %llu\n", run.control ? 1 : 3, (unsigned long long)run.seed);
    fflush(stdout);
    sq_unsafe_no_seals = run.control;
    struct found found = run_all(&run);
    int code = report(&run, &found);
    rc_arena_free(run.arena);
    files_free(&run.whole);
    files_free(&run.busy);
    remove_folder(run.folder);
    return code;
}
