/* recourse_sim: the simulation as a program.
 *
 *   recourse_sim [run]                 the kept seeds, new seeds, what they covered, the controls; TAP
 *       --seeds N --from SEED --seconds T --jobs J --kept FILE --no-controls
 *   recourse_sim replay SEED|CHOICES   one life as a story
 *   recourse_sim shrink SEED|CHOICES   its shortest form that breaks the same law
 *   recourse_sim cover                 new seeds, and every counter of what they covered
 *       --jobs 0                       all lives in this process: for profiles
 *       --wide                         all lives are wide (sim.h), not those of each third seed alone; one that is replayed or shrunk, too
 *       --full                         also people who are asked (walk_people.c)
 *       --control NAME                 with a protection switched off (replay, shrink, run)
 *
 * RC_TIER (quick, ci, campaign) says how much there is to do where no option does. RC_SIM_FROM is the first seed; without it RC_SEED times
 * a million, so that the lives of two trees are others, and without both the time. */
#include "sim/run.h"
#include "sim/shrink.h"

#include <ctype.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SHRINK_S = 60, TRIES = 3000, COVERED_BY = 40000, LINE = 1 << 16 };

struct options {
    struct sim_order order;
    const char *kept;
    bool controls;
};

/* ---- TAP ------------------------------------------------------------------------------------------------------------ */

static unsigned points, bad;

static void point(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void point(bool ok, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("%sok %u - ", ok ? "" : "not ", ++points);
    vprintf(format, args); /* NOLINT(clang-analyzer-valist.Uninitialized): va_start is above */
    printf("\n");
    va_end(args);
    bad += !ok;
    (void)fflush(stdout);
}

static void figure(const char *name, uint64_t value)
{
    printf("# figure %s %llu\n", name, (unsigned long long)value);
}

/* ---- one life ------------------------------------------------------------------------------------------------------- */

/* A seed, or choices as text. */
static bool read_life(const char *text, struct sim_choices *ret)
{
    char *end;
    if (!isdigit((unsigned char)*text)) return sim_choices_parse(text, ret) == RC_OK;
    sim_choices_seed(ret, strtoull(text, &end, 10));
    return *end == '\0';
}

static void put_again(const char *what, enum sim_control control)
{
    printf("#   build/recourse_sim %s%sreplay %s", sim_wide ? "--wide " : "", sim_full ? "--full " : "",
           what);
    if (control != SIM_SOUND) printf(" --control %s", sim_control_name(control));
    printf("\n");
}

static int replay(const char *text, enum sim_control control)
{
    static struct sim_seen seen;
    struct sim_choices choices;
    if (!read_life(text, &choices)) {
        fprintf(stderr, "recourse_sim: '%s' is no seed and no list of choices\n", text);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct sim_verdict verdict = sim_live(&choices, control, &seen, stdout);
    sim_choices_free(&choices);
    if (verdict.law)
        printf("BROKEN: %s (%s)\n", verdict.law, verdict.where);
    else
        printf("every law held\n");
    return verdict.law != NULL;
}

/* False: it breaks no law. */
static bool shrink(struct sim_choices *choices, enum sim_control control)
{
    struct sim_try first = sim_try(choices, control);
    if (!first.law[0]) return false;
    static struct sim_seen seen;
    if (!choices->noted && !first.died) (void)sim_live(choices, control, &seen, NULL); /* to have its notes */
    if (!choices->noted && first.died) { /* its notes died with it */
        printf("# %s; it cannot be made shorter\n", first.law);
        return true;
    }
    uint32_t lives = sim_shrink(choices, control, SHRINK_S);
    char *text = sim_choices_text(choices);
    printf("# the shortest form that was found in %u lives has %u parts and %u numbers:\n", lives,
           choices->nparts, choices->nnotes);
    if (text) put_again(text, control);
    free(text);
    return true;
}

static int shrink_one(const char *text, enum sim_control control)
{
    struct sim_choices choices;
    if (!read_life(text, &choices)) {
        fprintf(stderr, "recourse_sim: '%s' is no seed and no list of choices\n", text);
        return 2;
    }
    bool broken = shrink(&choices, control);
    sim_choices_free(&choices);
    if (!broken) printf("every law held\n");
    return broken;
}

/* ---- many ----------------------------------------------------------------------------------------------------------- */

static void show_failures(const struct sim_sum *sum, enum sim_control control)
{
    for (uint32_t i = 0; i < sum->nfailures; i++) {
        char seed[32];
        snprintf(seed, sizeof seed, "%llu", (unsigned long long)sum->failure[i].seed);
        printf("# seed %s breaks: %s\n", seed, sum->failure[i].law);
        sim_wide = sum->failure[i].wide;
        sim_full = sum->failure[i].full;
        put_again(seed, control);
        struct sim_choices choices;
        sim_choices_seed(&choices, sum->failure[i].seed);
        if (i == 0) (void)shrink(&choices, control);
        sim_choices_free(&choices);
    }
}

/* Takes the text off, if it begins so. */
static bool take_off(char **io_text, const char *beginning)
{
    size_t n = strlen(beginning);
    bool there = strncmp(*io_text, beginning, n) == 0;
    if (there) *io_text += n;
    return there;
}

/* Lines "LIFE REASON", "wide:LIFE REASON" for a wide one, "full:LIFE …" for one that is full, too; a '#' begins a comment. They run
 * first, always. */
static void run_kept(const char *path)
{
    FILE *file = path ? fopen(path, "r") : NULL;
    static char line[LINE];
    unsigned n = 0, broken = 0;
    if (path && !file) point(false, "the kept seeds can be read: %s", path);
    while (file && fgets(line, sizeof line, file)) {
        char *life = strtok(line, " \t\n");
        struct sim_choices choices;
        if (!life || *life == '#') continue;
        sim_full = take_off(&life, "full:");
        sim_wide = sim_full || take_off(&life, "wide:");
        bool known = read_life(life, &choices);
        struct sim_try tried = {.law = "it is no seed and no list of choices"};
        if (known) tried = sim_try(&choices, SIM_SOUND);
        if (known) sim_choices_free(&choices);
        n++;
        broken += tried.law[0] != '\0';
        if (tried.law[0])
            printf("# kept: %s%s: %s\n", sim_full ? "full:" : sim_wide ? "wide:" : "", life, tried.law);
    }
    if (file) (void)fclose(file);
    if (file) point(!broken, "every law holds in the %u lives that were kept", n);
}

/* What has found it out: the law that has to, where the control names one. NULL: it was not found out. Notes how many lives that took. */
static const char *find_out(struct sim_order order, uint64_t *ret_lives)
{
    static struct sim_sum sum;
    const char *law = sim_control_law(order.control);
    uint64_t end = order.from + order.n, lives = 0;
    order.enough = SIM_FAILURES;
    order.law = law; /* where it is empty, any is */
    for (bool more = true; more && order.from < end;) {
        order.n = end - order.from;
        sim_run(&order, &sum);
        lives += sum.lives;
        *ret_lives = lives;
        for (uint32_t i = 0; i < sum.nfailures; i++) {
            if (strncmp(sum.failure[i].law, law, strlen(law)) == 0) return sum.failure[i].law;
            if (sum.failure[i].seed >= order.from) order.from = sum.failure[i].seed + 1;
        }
        more = sum.nfailures == SIM_FAILURES;
    }
    return NULL;
}

static void run_controls(const struct options *options)
{
    unsigned caught = 0;
    for (unsigned i = SIM_SOUND + 1; i < SIM_CONTROLS; i++) {
        struct sim_order order = {.from = options->order.from,
                                  .n = TRIES,
                                  .jobs = options->order.jobs,
                                  .control = (enum sim_control)i,
                                  /* these are about blocks and times, the later ones about people */
                                  .breadth = i >= SIM_LINES_AT_ONCE && i <= SIM_REVERSE_ANYTHING ? SIM_WIDE
                                                                                                 : SIM_NARROW,
                                  .full = options->order.full || i > SIM_REVERSE_ANYTHING,
                                  .enough = 1};
        uint64_t lives = 0;
        const char *law = find_out(order, &lives);
        caught += law != NULL;
        point(law, "found out: %s: %s", sim_control_text((enum sim_control)i), law ? law : "by no law");
        printf("# in %llu lives\n", (unsigned long long)lives);
    }
    figure("sim_controls", SIM_CONTROLS - 1);
    figure("sim_controls_caught", caught);
}

static void judge_cover(const struct sim_sum *sum)
{
    struct sim_cover cover = sim_seen_cover(&sum->seen, NULL), narrow = sim_seen_cover(&sum->narrow, NULL);
    bool enough = sum->lives >= COVERED_BY;
    printf("# %u of %u edges, %u of %u reasons, %u of %u actions in states, %u of %u faults, %u of %u pairs "
           "of faults\n",
           cover.taken, cover.edges, cover.whys_seen, cover.whys, cover.actions_seen, cover.actions,
           cover.faults_seen, cover.faults, cover.pairs_seen, cover.pairs);
    point(!narrow.surprises, "no edge was taken that is said to be out of reach");
    if (enough)
        point(!cover.holes, "every edge, reason, action in a state, fault and pair of faults was there");
    else
        printf("# too few lives to ask for everything: %u things were never there\n", cover.holes);
    if (enough && cover.holes) (void)sim_seen_cover(&sum->seen, stdout);
    if (narrow.surprises) (void)sim_seen_cover(&sum->narrow, stdout);
    figure("sim_edges_taken", cover.taken);
    figure("sim_edges", cover.edges);
    figure("sim_pairs", cover.pairs_seen);
}

/* What is seldom may be missing in the lives of one tree by chance: further ones are looked through before that is said. */
static void look_further(struct sim_order order, struct sim_sum *sum)
{
    enum { FURTHER = 2 };
    static struct sim_sum more;
    for (int i = 0; i < FURTHER && order.n >= COVERED_BY && !sum->nfailures; i++) {
        if (!sim_seen_cover(&sum->seen, NULL).holes) return;
        printf("# something is missing in %llu lives: %llu more\n", (unsigned long long)sum->lives,
               (unsigned long long)order.n);
        order.from += order.n;
        sim_run(&order, &more);
        sim_sum_add(sum, &more);
    }
}

static int run(const struct options *options)
{
    static struct sim_sum sum;
    printf("TAP version 13\n# the first seed is %llu\n", (unsigned long long)options->order.from);
    run_kept(options->kept);
    sim_run(&options->order, &sum);
    if (options->order.control == SIM_SOUND) look_further(options->order, &sum);
    printf("# %llu turns, %u commands, %u attempts left, %u crashes; the slowest life, %llu, took %llu ms\n",
           (unsigned long long)sum.seen.turns, sum.seen.commands, sum.seen.left, sum.seen.crashes,
           (unsigned long long)sum.slowest, (unsigned long long)sum.slowest_us / 1000);
    point(!sum.nfailures && sum.lives, "every law holds in %llu lives, of which %llu are wide and %llu full",
          (unsigned long long)sum.lives, (unsigned long long)sum.wide, (unsigned long long)sum.full);
    show_failures(&sum, options->order.control);
    if (!sum.nfailures && options->order.control == SIM_SOUND) judge_cover(&sum);
    if (options->controls && options->order.control == SIM_SOUND) run_controls(options);
    figure("sim_seeds", sum.lives);
    figure("sim_wide_seeds", sum.wide);
    figure("sim_full_seeds", sum.full);
    figure("sim_turns", sum.seen.turns);
    figure("sim_crashes", sum.seen.crashes);
    printf("1..%u\n", points);
    return bad != 0;
}

static int show_cover(const struct options *options)
{
    static struct sim_sum sum;
    sim_run(&options->order, &sum);
    printf("# the first seed is %llu\n", (unsigned long long)options->order.from);
    sim_seen_print(&sum.seen, stdout);
    for (uint32_t i = 0; i < sum.nfailures; i++)
        printf("seed %llu%s breaks: %s\n", (unsigned long long)sum.failure[i].seed,
               sum.failure[i].full   ? ", full,"
               : sum.failure[i].wide ? ", wide,"
                                     : "",
               sum.failure[i].law);
    struct sim_cover cover = sim_seen_cover(&sum.seen, stdout), narrow = sim_seen_cover(&sum.narrow, NULL);
    printf("%u holes, %u surprises\n", cover.holes, narrow.surprises);
    return cover.holes || narrow.surprises || sum.nfailures;
}

/* ---- the command line ----------------------------------------------------------------------------------------------- */

static int usage(void)
{
    fprintf(stderr, "usage: recourse_sim [run | cover | replay LIFE | shrink LIFE] [--seeds N] [--from SEED] "
                    "[--seconds T]\n"
                    "                    [--jobs J] [--kept FILE] [--control NAME] [--no-controls] [--wide] "
                    "[--full]\n");
    return 2;
}

static bool find_control(const char *name, enum sim_control *ret)
{
    for (unsigned i = 0; i < SIM_CONTROLS; i++) {
        if (strcmp(name, sim_control_name((enum sim_control)i)) != 0) continue;
        *ret = (enum sim_control)i;
        return true;
    }
    fprintf(stderr, "recourse_sim: the controls are:\n");
    for (unsigned i = 0; i < SIM_CONTROLS; i++)
        fprintf(stderr, "  %-22s %s\n", sim_control_name((enum sim_control)i),
                sim_control_text((enum sim_control)i));
    return false;
}

static uint64_t lives_of_tier(void)
{
    enum { QUICK = 2000, CI = 50000 };
    const char *tier = getenv("RC_TIER"), *lives = getenv("RC_SIM_SEEDS");
    if (lives) return strtoull(lives, NULL, 10);
    if (tier && strcmp(tier, "campaign") == 0) return 0;
    return tier && strcmp(tier, "ci") == 0 ? CI : QUICK;
}

static uint64_t first_seed(void)
{
    enum { APART = 1000000 }; /* more than the lives of one run */
    const char *from = getenv("RC_SIM_FROM"), *seed = getenv("RC_SEED");
    if (from) return strtoull(from, NULL, 10);
    return (seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL)) * APART;
}

static bool read_options(int argc, char **argv, struct options *ret)
{
    static const struct option known[] = {
        {"seeds", required_argument, NULL, 'n'},   {"from", required_argument, NULL, 'f'},
        {"seconds", required_argument, NULL, 's'}, {"jobs", required_argument, NULL, 'j'},
        {"kept", required_argument, NULL, 'k'},    {"control", required_argument, NULL, 'c'},
        {"no-controls", no_argument, NULL, 'x'},   {"wide", no_argument, NULL, 'w'},
        {"full", no_argument, NULL, 'p'},          {NULL, 0, NULL, 0}};
    enum { CAMPAIGN_S = 3600 };
    const char *seconds = getenv("RC_SIM_SECONDS");
    struct sim_order *order = &ret->order;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    *ret = (struct options){.controls = true,
                            .order = {.n = lives_of_tier(), .breadth = SIM_SOME, .enough = SIM_FAILURES}};
    order->from = first_seed();
    order->seconds = seconds ? (uint32_t)strtoul(seconds, NULL, 10) : order->n ? 0 : CAMPAIGN_S;
    order->jobs = cores > 0 && cores < SIM_JOBS ? (uint32_t)cores : 2;
    for (int key; (key = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (key == 'n') order->n = strtoull(optarg, NULL, 10);
        if (key == 'f') order->from = strtoull(optarg, NULL, 10);
        if (key == 's') {
            order->seconds = (uint32_t)strtoul(optarg, NULL, 10);
            order->n = 0;
        }
        if (key == 'j') order->jobs = (uint32_t)strtoul(optarg, NULL, 10);
        if (key == 'k') ret->kept = optarg;
        if (key == 'c' && !find_control(optarg, &order->control)) return false;
        if (key == 'x') ret->controls = false;
        if (key == 'w') {
            sim_wide = true;
            order->breadth = SIM_WIDE;
        }
        if (key == 'p') sim_full = order->full = true;
        if (key == '?') return false;
    }
    return order->jobs <= SIM_JOBS;
}

int main(int argc, char **argv)
{
    struct options options;
    if (!read_options(argc, argv, &options)) return usage();
    const char *what = optind < argc ? argv[optind] : "run";
    const char *life = optind + 1 < argc ? argv[optind + 1] : NULL;
    if (strcmp(what, "replay") == 0 && life) return replay(life, options.order.control);
    if (strcmp(what, "shrink") == 0 && life) return shrink_one(life, options.order.control);
    if (strcmp(what, "cover") == 0) return show_cover(&options);
    return strcmp(what, "run") == 0 ? run(&options) : usage();
}
