/* Each call fails in turn, in process: for every scenario and every kind of call the n-th call fails, once or from then on, for every n
 * until a life in which none failed. After each life, without faults: the server works again, everything that was refused is asked
 * again, the outside and the server come to rest. Then it stops, or crashes where n is odd, and no memory, no descriptor and no file may
 * be left over; the file must pass its own check, the server must start from it, the picture must be that of a life without faults, and
 * what was acknowledged must be there. Ends that are the same to the byte are judged once.
 *
 * No executor is in it: the bed takes what leaves, and gives the answers. So there is no scenario of kind `program`: an executor has neither the
 * store nor the engine (src/exec/kind.h), and between an attempt's commit and its answer's the engine does the same whatever the kind is. Calls that fail within
 * the program executor are made to in test/exec/test_program_failing.c.
 *
 *   calls [--only WORD]… [--call KIND]… [--part K/N] [--control leak|write|answer|early] [SCENARIO CALL N [on]]
 *
 * RC_TIER=campaign tries every n; ci every n of all but SQLite's own memory, and of that every so many, from a place that RC_SEED or the time says; quick
 * fewer of all. RC_CALLS_COUNT: says how many of each kind failed in each scenario, of which whole.py makes a table.
 * RC_CALLS_EVERY: every so many of memory, and every n of the others. RC_CALLS_FIRST: a slice; of each call so many first ones. */
#include "bed.h"
#include "failing.h"
#include "scenarios.h"

#include "store/keep.h"

#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#ifdef FAILING_SANITIZED
#include <sanitizer/lsan_interface.h>
#endif

enum { DESCRIPTORS = 256, MOST = 100000, TOLD = 5, ENDS = 4096 };

static const enum failing_call kinds[] = {FAILING_MEMORY,   FAILING_SQL,    FAILING_OPEN,
                                          FAILING_READ,     FAILING_WRITE,  FAILING_SYNC,
                                          FAILING_TRUNCATE, FAILING_RENAME, FAILING_MAP};

struct run {
    FILE *out;
    struct bed *bed;
    struct bed_flaws flaws;
    bool lies;           /* the control "write" */
    const char *control; /* its name, or NULL */
    char root[200], folder[256], before[256], crashed[256];
    char picture[64 << 10];                          /* of the life without faults */
    unsigned every[FAILING_KINDS], start, all_first; /* each of the first ones; then every so many */
    struct digest end[ENDS];                         /* of this scenario, that were judged and found good */
    unsigned nends;
    unsigned long points, by_kind[FAILING_KINDS], lives, judged, unhealed;
    bool doubted; /* in this life a request was not answered, or not whether it was done */
    unsigned failures, number, scenarios;
    bool one_form; /* of each scenario only "once" or "from then on" */
    bool chosen[FAILING_KINDS];
    unsigned nchosen; /* 0: all kinds */
};

/* ---- laws of one life ------------------------------------------------------------------------------------------------------- */

static bool RC_PRINTF(2, 3) fault(char *why, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, 1024, format, args);
    va_end(args);
    return false;
}

static void descriptors(bool ret[DESCRIPTORS])
{
    for (int fd = 0; fd < DESCRIPTORS; fd++) ret[fd] = fcntl(fd, F_GETFD) >= 0;
}

/* Only what belongs there is beside the store; a file that could not be removed because removing failed is no fault. */
static bool folder_is_clean(const struct run *run, enum failing_call call, char *why)
{
    DIR *dir = opendir(run->folder);
    bool clean = true;
    for (const struct dirent *entry; dir && (entry = readdir(dir));)
        if ((strstr(entry->d_name, ".part") || strstr(entry->d_name, ".new")) && call != FAILING_RENAME)
            clean = fault(why, "the file %s was left behind", entry->d_name);
    if (dir) closedir(dir);
    return clean;
}

static bool acknowledged(const struct bed_ask *ask, const char *event)
{
    if (strstr(ask->body, "\"status\":50")) return false; /* a line of a batch has a status of its own */
    return ask->status >= 200 && ask->status < 300 && ask->answers == 1 && event[0] != '+' && event[0] != '!';
}

/* What was refused is asked again, and granted. What was granted is there, under its id. */
static bool ask_again(struct run *run, const struct scenario *scenario, char *why)
{
    for (unsigned i = 0; scenario->life[i]; i++) {
        const char *event = scenario->life[i];
        const struct bed_ask *ask = bed_asked(run->bed, i);
        int expected = atoi(event);
        bool again = event[0] == '@' ? strncmp(event, "@run", 4) == 0 : event[0] >= '0' && event[0] <= '9';
        bool refused_well = ask->answers == 1 && ask->status == expected && expected >= 400;
        if (!again || acknowledged(ask, event) || refused_well) continue;
        bool unknown = ask->status == 0 || strstr(ask->body, "commit-unknown");
        run->unhealed += unknown;
        run->doubted |= unknown;
        bed_forget(run->bed, i);
        bed_event(run->bed, i, event);
        const char *other =
            strchr(event, '|') && strchr(event, '|') < strchr(event, ' ') ? strchr(event, '|') + 1 : NULL;
        int status = bed_asked(run->bed, i)->status;
        if (!acknowledged(bed_asked(run->bed, i), event) && status != expected &&
            !(other && status == atoi(other)))
            return fault(why, "%.60s: asked again, without a fault: %d %.300s", event, status,
                         bed_asked(run->bed, i)->body);
    }
    return true;
}

static bool are_there(struct run *run, const struct scenario *scenario, char *why)
{
    for (unsigned i = 0; scenario->life[i]; i++) {
        char event[200];
        const struct bed_ask *ask = bed_asked(run->bed, i);
        if (!strstr(scenario->life[i], " POST /v1/commands\n") || !acknowledged(ask, scenario->life[i]))
            continue;
        snprintf(event, sizeof event, "200 GET /v1/commands/%s", ask->id);
        bed_forget(run->bed, BED_EVENTS - 2);
        bed_event(run->bed, BED_EVENTS - 2, event);
        if (bed_asked(run->bed, BED_EVENTS - 2)->status != 200)
            return fault(why, "%s was acknowledged and is gone", ask->id);
    }
    return true;
}

static bool store_is_whole(const char *path, char *why)
{
    struct rc_holdings holdings;
    struct rc_error err = {0};
    if (rc_sqlite_check(path, &holdings, &err) == RC_OK) return true;
    return fault(why, "the store does not pass its check: %s", err.text);
}

/* From here on nothing fails any more. */
static bool afterwards(struct run *run, const struct scenario *scenario, char *why)
{
    struct bed *bed = run->bed;
    if (!bed_broken(bed)[0] && bed_heal(bed) && ask_again(run, scenario, why) && !why[0] && scenario->rests &&
        !bed_rest(bed))
        return fault(why, "%s", bed_broken(bed));
    if (why[0]) return false;
    if (bed_broken(bed)[0]) return fault(why, "%s", bed_broken(bed));
    return true;
}

/* The first line that does. */
static bool differs(const char *picture, const char *usual, char *why)
{
    const char *a = picture, *b = usual;
    for (size_t n; *a && (n = strcspn(a, "\n")) == strcspn(b, "\n") && strncmp(a, b, n) == 0;) {
        a += n + (a[n] != 0);
        b += n + (b[n] != 0);
    }
    return fault(why, "it ends otherwise: \"%.*s\" instead of \"%.*s\"", (int)strcspn(a, "\n"), a,
                 (int)strcspn(b, "\n"), b);
}

/* As often as it was asked for: lines that are there twice count once. Lines are sorted. */
static bool same_but_twice(const char *picture, const char *usual)
{
    const char *before = "";
    for (size_t n, last = 0; *picture; before = picture, last = n, picture += n + (picture[n] != 0)) {
        n = strcspn(picture, "\n");
        if (n == last && strncmp(picture, before, n) == 0) continue;
        if (n != strcspn(usual, "\n") || strncmp(picture, usual, n) != 0) return false;
        usual += n + (usual[n] != 0);
    }
    return *usual == 0;
}

/* The end is the same as without faults, after a stop or after a crash. */
static bool end_is_same(struct run *run, const struct scenario *scenario, char *why)
{
    struct bed *bed = run->bed;
    if (!store_is_whole(bed_store(bed), why)) return false;
    if (!bed_heal(bed) || (scenario->rests && !bed_rest(bed))) return fault(why, "%s", bed_broken(bed));
    const char *picture = bed_picture(bed);
    bool same = strcmp(picture, run->picture) == 0 || !run->picture[0] ||
                (scenario->anew && run->doubted && same_but_twice(picture, run->picture));
    if (!run->picture[0]) snprintf(run->picture, sizeof run->picture, "%s", picture);
    if (!same) return differs(picture, run->picture, why);
    if (!are_there(run, scenario, why)) return false;
    return bed_broken(bed)[0] ? fault(why, "%s", bed_broken(bed)) : true;
}

/* Most lives end as others did, to the byte; what follows from an end is the same every time, so it is looked at once. Ends that broke
 * a law are not kept. */
static bool is_judged(const struct run *run, const struct digest *end)
{
    for (unsigned i = 0; i < run->nends; i++)
        if (run->end[i].a == end->a && run->end[i].b == end->b) return true;
    return false;
}

/* It stops, or it crashes, and what is left on the disk is judged. */
static bool end_is_good(struct run *run, const struct scenario *scenario, bool crash, char *why)
{
    struct bed *bed = run->bed;
    if (!crash) bed_stop(bed);
    struct digest end = bed_digest(bed);
    const uint64_t doubted = run->doubted;
    digest_add(&end, &doubted, sizeof doubted);
    if (run->picture[0] && is_judged(run, &end)) return true;
    if (crash) bed_crash(bed, run->crashed);
    if (!end_is_same(run, scenario, why)) return false;
    run->judged++;
    if (run->nends < ENDS) run->end[run->nends++] = end;
    return true;
}

/* What fails in one life. */
struct point {
    enum failing_call call;
    unsigned long n; /* 0: nothing */
    bool on,
        first; /* first: the first life of its scenario, in which libraries get what they keep for ever */
};

/* A sanitizer's calls allocate beside ours, so there LeakSanitizer says what nobody can reach any more. */
static bool all_is_freed(const struct scenario *scenario, struct point point, long before, char *why)
{
#ifdef FAILING_SANITIZED
    (void)scenario, (void)before;
    if (point.first || !__lsan_do_recoverable_leak_check()) return true;
    return fault(why, "memory is lost: see what LeakSanitizer says");
#else
    long leaked = failing->live - before;
    if (point.first || !leaked || (scenario->keeps && labs(leaked) == 1)) return true;
    return fault(why, "%ld blocks of memory are not freed", leaked);
#endif
}

/* What the control "leak" loses; volatile, or the compiler leaves the allocation out. */
static void *volatile lost;

/* One life; *ret_fired: how often the fault did. False: a law was broken, `why` says which. */
static bool live(struct run *run, const struct scenario *scenario, struct point point,
                 unsigned long *ret_fired, char *why)
{
    struct bed *bed = run->bed;
    bool open_before[DESCRIPTORS], open_after[DESCRIPTORS];
    why[0] = 0;
    run->doubted = false;
    bed_lay(bed, run->before);
    descriptors(open_before);
    long before = failing->live;
    if (strncmp(scenario->life[0], "@start", 6) != 0) bed_event(bed, BED_EVENTS - 1, "@start");
    failing->lie = run->lies;
    if (point.n) failing_arm(point.call, point.n, point.on);
    for (unsigned i = 0; scenario->life[i]; i++) bed_event(bed, i, scenario->life[i]);
    *ret_fired = failing_disarm();
    failing->lie = 0;
    if (run->flaws.leaks && *ret_fired) lost = malloc(64);
    bool good = folder_is_clean(run, point.call, why) && afterwards(run, scenario, why);
    good = good && end_is_good(run, scenario, point.n % 2, why);
    bed_stop(bed);
    run->lives++;
    if (!good) return false;
    descriptors(open_after);
    if (!all_is_freed(scenario, point, before, why)) return false;
    for (int fd = 0; fd < DESCRIPTORS; fd++)
        if (open_after[fd] != open_before[fd])
            return fault(why, "descriptor %d is %s", fd, open_after[fd] ? "left open" : "gone");
    return true;
}

/* ---- scenarios ---------------------------------------------------------------------------------------------------------- */

/* The files before the life begins: a store with definitions, and what was done to it. */
static bool prepare(struct run *run, const struct scenario *scenario)
{
    struct bed *bed = run->bed;
    bed_lay(bed, NULL);
    if (!scenario->before) {
        bed_keep(bed, run->before);
        return true;
    }
    bed_define(bed, scenario->more);
    bed_event(bed, 0, "@start");
    for (unsigned i = 0; scenario->before[i]; i++) {
        bed_forget(bed, 0);
        bed_event(bed, 0, scenario->before[i]);
    }
    if (scenario->crashed) bed_keep(bed, run->before);
    bed_stop(bed);
    if (!scenario->crashed) bed_keep(bed, run->before);
    if (!bed_broken(bed)[0]) return true;
    fprintf(run->out, "# %s: before its life: %s\n", scenario->name, bed_broken(bed));
    return false;
}

static bool is_chosen(const struct run *run, enum failing_call call, unsigned long n)
{
    return n <= run->all_first || (n + run->start) % run->every[call] == 0;
}

/* Every n of one kind and form, until none fires. */
static unsigned long every_call(struct run *run, const struct scenario *scenario, enum failing_call call,
                                bool on, unsigned *io_told)
{
    char why[1024];
    unsigned long points = 0;
    for (unsigned long n = 1; n < MOST; n++) {
        unsigned long fired = 0;
        if (!is_chosen(run, call, n)) continue;
        bool good = live(run, scenario, (struct point){call, n, on, false}, &fired, why);
        points += fired > 0;
        if (!good) {
            run->failures++;
            for (char *p = why; (p = strchr(p, '\n'));) *p = ' ';
            if ((*io_told)++ < TOLD)
                fprintf(run->out, "# broken: calls \"%s\" %s %lu%s: %s\n", scenario->name, failing_word[call],
                        n, on ? " on" : "", why);
        }
        if (!fired) break;
    }
    run->points += points;
    run->by_kind[call] += points;
    return points;
}

/* Twice without a fault: the second time is the measure for all others. */
static bool live_well(struct run *run, const struct scenario *scenario, char *why)
{
    unsigned long fired = 0;
    run->nends = 0;
    run->picture[0] = 0;
    if (!live(run, scenario, (struct point){.first = true}, &fired, why)) return false;
    run->picture[0] = 0;
    return live(run, scenario, (struct point){0}, &fired, why);
}

static void scenario_run(struct run *run, const struct scenario *scenario)
{
    char why[1024] = "";
    unsigned long points = 0;
    unsigned told = 0, before = run->failures;
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    bool good = prepare(run, scenario) && live_well(run, scenario, why);
    if (!good) fprintf(run->out, "# broken: \"%s\" without a fault: %s\n", scenario->name, why);
    run->failures += !good;
    for (size_t k = 0; good && k < sizeof kinds / sizeof *kinds; k++)
        for (int on = 0; on <= 1; on++) {
            if (run->nchosen && !run->chosen[kinds[k]]) continue;
            if (run->one_form && (unsigned)on != run->scenarios % 2) continue;
            unsigned long of_kind = every_call(run, scenario, kinds[k], on, &told);
            points += of_kind;
            if (getenv("RC_CALLS_COUNT"))
                fprintf(run->out, "# %s%s: %lu\n", failing_word[kinds[k]], on ? " on" : "", of_kind);
        }
    clock_gettime(CLOCK_MONOTONIC, &to);
    good = good && points && run->failures == before;
    run->scenarios++;
    if (run->control) (void)fputs("# ", run->out); /* a control is judged as a whole */
    fprintf(run->out, "%sok %u - %s: %lu calls failed, in %.1f s\n", good ? "" : "not ", ++run->number,
            scenario->name, points,
            (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
    if (!points) fprintf(run->out, "# no call failed in it\n");
    (void)fflush(run->out);
}

/* ---- the program ------------------------------------------------------------------------------------------------------------ */

/* Of what SQLite allocates there is so much that a step is taken; it begins somewhere else in every tree, or every time. */
static void set_every(struct run *run)
{
    const char *every = getenv("RC_CALLS_EVERY"), *tier = getenv("RC_TIER");
    bool ci = tier && strcmp(tier, "ci") == 0, campaign = tier && strcmp(tier, "campaign") == 0;
    unsigned memory = every ? (unsigned)atoi(every) : campaign || ci ? 1 : 97;
    unsigned sql = every ? (unsigned)atoi(every) : campaign ? 1 : ci ? 23 : 307;
    for (int k = 0; k < FAILING_KINDS; k++) {
        bool others = k != FAILING_MEMORY && k != FAILING_SQL;
        run->every[k] = others ? (every || campaign || ci ? 1 : 3) : k == FAILING_SQL ? sql : memory;
        if (!run->every[k]) run->every[k] = 1;
    }
    const char *first = getenv("RC_CALLS_FIRST");
    run->all_first = first ? (unsigned)atoi(first) : 8;
    if (first) run->every[FAILING_WRITE] = run->every[FAILING_READ] = 11;
#ifdef FAILING_SANITIZED /* each life takes four times as long */
    for (int k = 0; first && k < FAILING_KINDS; k++)
        if (run->every[k] < 11) run->every[k] = 11;
    run->one_form = first;
#endif
    const char *seed = getenv("RC_SEED");
    uint64_t start = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    run->start = first ? 0 : (unsigned)(start % 1000000); /* a slice is the same every time */
}

/* What commands and the log write is not for the terminal: standard error goes to a file in memory, whose length tells whether
 * something was said. */
static void set_up(struct run *run)
{
    const char *shm = "/dev/shm", *tmp = access(shm, W_OK) == 0 ? shm : getenv("TMPDIR");
    run->out = fdopen(dup(STDOUT_FILENO), "w");
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC), said = memfd_create("said", MFD_CLOEXEC);
    snprintf(run->root, sizeof run->root, "%s/recourse-calls-XXXXXX", tmp ? tmp : "/tmp");
    if (!run->out || null < 0 || said < 0 || !mkdtemp(run->root)) abort();
    if (!getenv("RC_CALLS_LOUD") && (dup2(null, STDOUT_FILENO) < 0 || dup2(said, STDERR_FILENO) < 0)) abort();
    snprintf(run->folder, sizeof run->folder, "%s/life", run->root);
    snprintf(run->before, sizeof run->before, "%s/before", run->root);
    snprintf(run->crashed, sizeof run->crashed, "%s/crashed", run->root);
    set_every(run);
    (void)mallopt(M_MMAP_THRESHOLD,
                  128 << 10); /* large tables come as the kernel gives them: empty, and not touched */
    signal(SIGPIPE, SIG_IGN);
    run->bed = bed_new(run->folder, run->flaws);
    failing_in(run->folder);
}

static void tear_down(struct run *run)
{
    bed_lay(run->bed, NULL);
    bed_copy(run->bed, run->before); /* empties it */
    bed_copy(run->bed, run->crashed);
    rmdir(run->before);
    rmdir(run->crashed);
    bed_free(run->bed);
    rmdir(run->root);
    (void)fclose(run->out);
}

static bool read_flaw(struct run *run, const char *name)
{
    run->flaws.leaks = strcmp(name, "leak") == 0;
    run->flaws.answers = strcmp(name, "answer") == 0;
    run->flaws.early = strcmp(name, "early") == 0;
    run->lies = strcmp(name, "write") == 0;
    return run->flaws.leaks || run->flaws.answers || run->flaws.early || run->lies;
}

static bool choose_kind(struct run *run, const char *word)
{
    for (int k = 0; k < FAILING_KINDS; k++)
        if (strcmp(failing_word[k], word) == 0) {
            run->nchosen += !run->chosen[k];
            return run->chosen[k] = true;
        }
    return false;
}

static int single(struct run *run, char **argv)
{
    char why[1024];
    unsigned long fired = 0;
    for (const struct scenario *scenario = scenarios; scenario->name; scenario++) {
        if (strcmp(scenario->name, argv[0]) != 0) continue;
        int call = 0;
        while (call < FAILING_KINDS && strcmp(failing_word[call], argv[1]) != 0) call++;
        bool good = call < FAILING_KINDS && prepare(run, scenario) && live_well(run, scenario, why);
        const struct point point = {(enum failing_call)call, strtoul(argv[2], NULL, 10), argv[3] != NULL,
                                    false};
        good = good && live(run, scenario, point, &fired, why);
        for (unsigned i = 0; scenario->life[i]; i++)
            fprintf(run->out, "  %.60s: %d %s\n", scenario->life[i], bed_asked(run->bed, i)->status,
                    bed_asked(run->bed, i)->body);
        fprintf(run->out, "fired %lu; %s\n", fired, good ? "good" : why);
        return good ? 0 : 1;
    }
    fprintf(run->out, "there is no such scenario\n");
    return 2;
}

int main(int argc, char **argv)
{
    static struct run run;
    const char *only[16];
    unsigned nonly = 0, part = 0, parts = 1, at = 0;
    int i = 1;
    for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
        if (strcmp(argv[i], "--only") == 0 && nonly < 16) only[nonly++] = argv[i + 1];
        if (strcmp(argv[i], "--call") == 0 && !choose_kind(&run, argv[i + 1])) return 2;
        if (strcmp(argv[i], "--part") == 0 && sscanf(argv[i + 1], "%u/%u", &part, &parts) != 2) return 2;
        if (strcmp(argv[i], "--control") == 0 && !read_flaw(&run, run.control = argv[i + 1])) return 2;
    }
    set_up(&run);
    if (argc - i >= 3) {
        int code = single(&run, argv + i);
        tear_down(&run);
        return code;
    }
    for (const struct scenario *scenario = scenarios; scenario->name; scenario++) {
        bool chosen = nonly == 0;
        for (unsigned k = 0; k < nonly; k++) chosen |= strstr(scenario->name, only[k]) != NULL;
        if (run.control ? strcmp(scenario->name, "submit") == 0 : chosen && at++ % parts == part % parts)
            scenario_run(&run, scenario);
    }
    bool caught = run.failures > 0;
    if (run.control)
        fprintf(run.out, "%sok 1 - the control \"%s\" is caught\n", caught ? "" : "not ", run.control);
    fprintf(run.out, "1..%u\n# %lu lives with %lu different ends, %lu answers that said nothing\n",
            run.control ? 1 : run.number, run.lives, run.judged, run.unhealed);
    unsigned fired = 0;
    for (int k = 0; k < FAILING_KINDS; k++) fired += run.by_kind[k] > 0;
    if (run.control)
        fprintf(run.out, "# figure fault_controls 1\n# figure fault_controls_caught %d\n", caught);
    if (!run.control && !nonly && !run.nchosen) {
        fprintf(run.out, "# figure fault_points %lu\n# figure fault_scenarios %u\n", run.points,
                run.scenarios);
        fprintf(run.out, "# figure fault_calls %u\n", fired);
    }
    tear_down(&run);
    return run.control ? !caught : run.failures > 0 || run.number == 0;
}
