/* Crash images: whatever a disk may hold after the power was cut, the store opens without help, has every step that was acknowledged,
 * and has each step whole or not at all; and so have the files that are made of a store.
 *
 *   images [--work NAME] [--images N] [--seed N] [--image PLACE.NUMBER --keep FOLDER] [--controls]
 *
 * Each workload (works.c) runs once on the real store while every call that changes a file is written down (calls.h); what the store
 * holds is hashed after every step. Then the record is played; at every place of it images of the disk are made (disk.h) and opened.
 * Each must hold what was there after one of the steps: not before the last one that was acknowledged by then, not after the last one
 * that was begun. Samples of the images are written to, go through every check that the store knows, and lose the power again while
 * they are recovered (judge.c). An image is counted once, however often it was drawn.
 *
 * With --controls a protection is off, one after the other, and each must be caught by every workload that depends on it.
 *
 * RC_IMAGES says how many, else RC_TIER; RC_IMAGES_SEED repeats a run's images, and without it RC_SEED says which. Exit code 0 where nothing was lost, or, with
 * --controls, all were caught. */
#include "judge.h"

#include <assert.h>
#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PARTS = 2,
    STAGES = 16,
    MOST_TRIES = 12, /* images of a place in one round */
    ROUNDS = 400,
    SHOWN = 5,
    CONTROL_IMAGES = 20000,
    TIER_QUICK = 3000,
    TIER_CI = 200000,
    OF_ONE_SEED = 50000
};

struct run {
    uint64_t seed, images;
    const char *only_work, *keep;
    uint64_t only_place, only_image;
    bool one_image, controls;
    char folder[64];
    struct stage *stage[STAGES];
    uint32_t nstages, places;
    struct seen *seen;
};

static const char *const control_name[CONTROLS] = {
    [SOUND] = "none",
    [NO_SYNC] = "synchronous=OFF",
    [NORMAL_SYNC] = "synchronous=NORMAL",
    [EARLY_ANSWER] = "acknowledged before the commit",
    [NO_FOLDER_SYNC] = "the folder is not synced",
    [NO_FILE_SYNC] = "the file is not synced",
    [NO_LOG_SYNC] = "the log is not synced",
    [WRONG_FILE] = "the wrong file is synced",
    [SYNC_AFTER_RENAME] = "renamed first, synced then",
};

/* ---- folders and stages ----------------------------------------------------------------------------------------------- */

static void make_folder(struct run *run)
{
    const char *base =
        access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; /* memory is as good as a disk here */
    snprintf(run->folder, sizeof run->folder, "%s/recourse-images-XXXXXX", base);
    if (!mkdtemp(run->folder)) die(run->folder, strerror(errno));
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

static void make_stages(struct run *run)
{
    for (uint32_t i = 0; i < nworks; i++) {
        if (run->only_work && strcmp(run->only_work, works[i].name) != 0) continue;
        struct stage *stage = run->stage[run->nstages++] = must(malloc(sizeof *stage));
        stage_make(stage, &works[i], SOUND, run->seed, run->folder);
        run->places += stage->record.n;
        printf("%s: %u operations, %u steps\n", works[i].name, stage->record.n, stage->nsteps);
    }
    if (!run->nstages) die(run->only_work, "there is no such work");
}

static void free_stages(struct run *run)
{
    for (uint32_t i = 0; i < run->nstages; i++) {
        stage_free(run->stage[i]);
        free(run->stage[i]);
    }
    run->nstages = run->places = 0;
}

/* ---- looking at images ---------------------------------------------------------------------------------------------------- */

static void tell(const struct run *run, struct judge *judge, uint64_t number)
{
    char folder[128];
    const struct stage *stage = judge->stage;
    snprintf(folder, sizeof folder, "/tmp/recourse-image-%llu-%s-%u.%llu", (unsigned long long)run->seed,
             stage->work->name, judge->disk.at, (unsigned long long)number);
    disk_image(&judge->disk, number, stage->seed, &judge->image);
    bool kept =
        (mkdir(folder, 0700) == 0 || errno == EEXIST) && image_put(&judge->image, &stage->record, folder);
    printf("%s, image %u.%llu (%s): %s\n  its files: %s\n  again: images --seed %llu --work %s --image "
           "%u.%llu --keep FOLDER\n",
           stage->work->name, judge->disk.at, (unsigned long long)number, judge->image.how, judge->why,
           kept ? folder : "cannot be kept", (unsigned long long)run->seed, stage->work->name, judge->disk.at,
           (unsigned long long)number);
}

/* What is being looked at, for a process that ends in the middle of it. */
static struct {
    const struct run *run;
    struct judge *judge;
    uint64_t number;
} looking;

static void tell_at_exit(void)
{
    if (!looking.judge) return;
    snprintf(looking.judge->why, sizeof looking.judge->why, "the process has ended there");
    tell(looking.run, looking.judge, looking.number);
    (void)fflush(stdout);
}

/* How many images a place gets in a round, and from which number on. */
struct plan {
    uint64_t stride, tries, first;
    bool drawn; /* by lot */
};

static struct plan plan_of(const struct run *run, uint64_t *io_next)
{
    assert(run->places);
    uint64_t done = atomic_load(&run->seen->distinct), want = run->images > done ? run->images - done : 0;
    if (want < run->places)
        return (struct plan){.stride = want ? run->places / want + 1 : 1, .tries = 1, .drawn = true};
    struct plan plan = {.stride = 1, .tries = want / run->places + 1, .first = *io_next};
    if (plan.tries > MOST_TRIES) plan.tries = MOST_TRIES;
    *io_next += plan.tries;
    return plan;
}

/* Every place of a stage whose number leaves `part` when divided by the number of parts. */
static bool look_at_stage(const struct run *run, struct judge *judge, const struct plan *plan, uint32_t part,
                          uint64_t *lot)
{
    bool fine = true;
    while (disk_next(&judge->disk)) {
        if (judge->disk.at % PARTS != part) continue;
        if (plan->stride > 1 && rc_mix(lot) % plan->stride) continue;
        uint64_t tries = !disk_is_settled(&judge->disk) ? plan->tries : plan->first ? 0 : 1;
        for (uint64_t i = 0; i < tries; i++) {
            uint64_t number = plan->drawn ? rc_mix(lot) >> 40 : plan->first + i;
            looking.number = number;
            if (judge_image(judge, number)) continue;
            fine = false;
            tell(run, judge, number);
            if (atomic_load(&run->seen->lost) + atomic_load(&run->seen->broken) > SHOWN) return false;
        }
    }
    return fine;
}

static bool look(const struct run *run, uint32_t part)
{
    struct judge *judges = must(malloc(run->nstages * sizeof *judges));
    uint64_t next = 0, lot = run->seed ^ part;
    bool fine = true;
    for (uint32_t i = 0; i < run->nstages; i++) {
        char folder[STAGE_PATH];
        snprintf(folder, sizeof folder, "%s/%s.%u", run->folder, run->stage[i]->work->name, part);
        judge_begin(&judges[i], run->stage[i], run->seen, folder, run->seed + i);
    }
    for (uint32_t round = 0; fine && round < ROUNDS; round++) {
        struct plan plan = plan_of(run, &next);
        if (atomic_load(&run->seen->distinct) >= run->images) break;
        for (uint32_t i = 0; fine && i < run->nstages; i++) {
            judge_rewind(&judges[i]);
            looking.run = run;
            looking.judge = &judges[i];
            fine = look_at_stage(run, &judges[i], &plan, part, &lot);
            looking.judge = NULL;
        }
    }
    for (uint32_t i = 0; i < run->nstages; i++) judge_end(&judges[i]);
    free(judges);
    return fine;
}

/* Each part in a process of its own. */
static bool look_in_parts(const struct run *run)
{
    pid_t pid[PARTS];
    bool fine = true;
    for (uint32_t i = 0; i < PARTS; i++) {
        (void)fflush(stdout);
        pid[i] = fork();
        if (pid[i] < 0) die("fork", strerror(errno));
        if (pid[i] > 0) continue;
        if (atexit(tell_at_exit) != 0) die("atexit", strerror(errno));
        fine = look(run, i);
        (void)fflush(stdout);
        _exit(fine ? 0 : 1);
    }
    for (uint32_t i = 0; i < PARTS; i++) {
        int status = 0;
        fine &= waitpid(pid[i], &status, 0) == pid[i] && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    return fine;
}

static bool look_at_one(struct run *run)
{
    static struct judge judge;
    run->seen = seen_new();
    make_folder(run);
    make_stages(run);
    char folder[STAGE_PATH];
    snprintf(folder, sizeof folder, "%s/one", run->folder);
    judge_begin(&judge, run->stage[0], run->seen, folder, 0);
    while (judge.disk.at < run->only_place && disk_next(&judge.disk)) continue;
    bool fine = judge_image(&judge, run->only_image);
    printf("%s: %s\n", judge.image.how, fine ? "fine" : judge.why);
    disk_image(&judge.disk, run->only_image, run->seed, &judge.image);
    if (run->keep && !((mkdir(run->keep, 0700) == 0 || errno == EEXIST) &&
                       image_put(&judge.image, &run->stage[0]->record, run->keep)))
        die(run->keep, strerror(errno));
    judge_end(&judge);
    free_stages(run);
    remove_folder(run);
    return fine;
}

/* ---- controls ------------------------------------------------------------------------------------------------------------- */

/* Whether the images of a work show that the protection is off. */
static bool catches(const struct run *run, const struct work *work, enum control control)
{
    static struct judge judge;
    struct stage *stage = must(malloc(sizeof *stage));
    char folder[STAGE_PATH], name[96];
    bool caught = false;
    snprintf(name, sizeof name, "%s/%d", run->folder, control);
    if (mkdir(name, 0700) != 0 && errno != EEXIST) die(name, strerror(errno));
    stage_make(stage, work, control, run->seed, name);
    snprintf(folder, sizeof folder, "%s/%s.images", name, work->name);
    uint64_t tried = 0;
    for (uint64_t round = 0; !caught && tried < CONTROL_IMAGES; round++) {
        judge_begin(&judge, stage, run->seen, folder, run->seed + (uint64_t)control * 100);
        while (!caught && disk_next(&judge.disk) && tried++ < CONTROL_IMAGES)
            caught = !judge_image(&judge, round);
        judge_end(&judge);
    }
    printf("%s: %s: %s (%llu images%s%s)\n", control_name[control], work->name,
           caught ? "caught" : "NOT CAUGHT", (unsigned long long)tried, caught ? ": " : "",
           caught ? judge.why : "");
    stage_free(stage);
    free(stage);
    return caught;
}

static bool look_at_controls(struct run *run)
{
    run->seen = seen_new();
    make_folder(run);
    printf("seed %llu\n", (unsigned long long)run->seed);
    uint32_t n = 0, caught = 0;
    for (uint32_t i = 0; i < nworks; i++)
        for (const uint32_t *control = works[i].caught_by; *control != SOUND; control++) {
            n++;
            caught += catches(run, &works[i], *control);
        }
    printf("figure image_controls %u\nfigure image_controls_caught %u\n", n, caught);
    remove_folder(run);
    return n == caught;
}

/* ---- the program ----------------------------------------------------------------------------------------------------------- */

struct figures {
    uint64_t images, distinct, again, used, checked, workloads;
};

static void put_figures(const struct figures *sum)
{
    printf("figure images %llu\nfigure images_distinct %llu\nfigure images_of_recovery %llu\n",
           (unsigned long long)sum->images, (unsigned long long)sum->distinct,
           (unsigned long long)sum->again);
    printf("figure images_written_to %llu\nfigure images_fully_checked %llu\nfigure image_workloads %llu\n",
           (unsigned long long)sum->used, (unsigned long long)sum->checked,
           (unsigned long long)sum->workloads);
}

/* As many images as are wanted, of one seed. */
static bool look_at_seed(struct run *run, struct figures *sum)
{
    run->seen = seen_new();
    const struct seen *seen = run->seen;
    make_folder(run);
    printf("seed %llu\n", (unsigned long long)run->seed);
    make_stages(run);
    bool fine = look_in_parts(run);
    uint64_t distinct = atomic_load(&seen->distinct);
    printf("%llu images opened, %llu lost something, %llu broken\n", (unsigned long long)distinct,
           (unsigned long long)atomic_load(&seen->lost), (unsigned long long)atomic_load(&seen->broken));
    if (fine && distinct < run->images) printf("fewer images than %llu\n", (unsigned long long)run->images);
    sum->images += atomic_load(&seen->made);
    sum->distinct += distinct;
    sum->again += atomic_load(&seen->again);
    sum->used += atomic_load(&seen->used);
    sum->checked += atomic_load(&seen->checked);
    sum->workloads = run->nstages;
    free_stages(run);
    remove_folder(run);
    seen_free(run->seen);
    return fine && distinct >= run->images;
}

/* New workloads of a new seed after every so many images. */
static bool look_at_all(struct run *run)
{
    const uint64_t all = run->images;
    struct figures sum = {0};
    bool fine = true;
    while (fine && sum.distinct < all) {
        run->images = all - sum.distinct < OF_ONE_SEED ? all - sum.distinct : OF_ONE_SEED;
        fine = look_at_seed(run, &sum);
        run->seed = rc_mix(&run->seed) >> 32;
    }
    put_figures(&sum);
    return fine;
}

static void read_environment(struct run *run)
{
    const char *tier = getenv("RC_TIER"), *images = getenv("RC_IMAGES"), *seed = getenv("RC_IMAGES_SEED");
    if (!seed) seed = getenv("RC_SEED");
    bool quick = !tier || strcmp(tier, "quick") == 0;
    run->images = images ? strtoull(images, NULL, 10) : quick ? TIER_QUICK : TIER_CI;
    if (rc_random(&run->seed, sizeof run->seed) != RC_OK) die("random numbers", "there are none");
    run->seed = seed ? strtoull(seed, NULL, 10) : run->seed >> 32;
}

static void read_options(struct run *run, int argc, char **argv)
{
    static const struct option options[] = {{"images", required_argument, NULL, 'n'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"work", required_argument, NULL, 'w'},
                                            {"image", required_argument, NULL, 'i'},
                                            {"keep", required_argument, NULL, 'k'},
                                            {"controls", no_argument, NULL, 'c'},
                                            {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        char *end = NULL;
        if (option == 'n') run->images = strtoull(optarg, NULL, 10);
        if (option == 's') run->seed = strtoull(optarg, NULL, 10);
        if (option == 'w') run->only_work = optarg;
        if (option == 'k') run->keep = optarg;
        if (option == 'c') run->controls = true;
        if (option == 'i') run->only_place = strtoull(optarg, &end, 10);
        if (option == 'i' && *end == '.') run->only_image = strtoull(end + 1, NULL, 10);
        if (option == 'i') run->one_image = true;
        if (option == '?') exit(2);
    }
    if (run->one_image && !run->only_work) die("--image", "wants --work");
}

int main(int argc, char **argv)
{
    static struct run run;
    /* stores are opened and closed by the thousand: else the C library takes their large tables from its heap after a while and
     * clears them each time, and gives the rest back to the kernel each time */
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
    read_environment(&run);
    read_options(&run, argc, argv);
    bool fine = run.controls ? look_at_controls(&run) : run.one_image ? look_at_one(&run) : look_at_all(&run);
    return fine ? 0 : 1;
}
