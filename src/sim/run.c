/* Processes that live lives, and what they all came to (run.h). A life that kills its process is a failure like any other. */
#include "sim/run.h"

#include "base/random.h"

#include <assert.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LONGEST_LIFE_S = 120, BIG = 64 << 20, EACH = 3 };

struct worker { /* shared with its process */
    volatile uint64_t seed;
    struct sim_sum sum;
};

static uint64_t now_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static bool is_wide(const struct sim_order *order, uint64_t seed)
{
    return order->breadth == SIM_WIDE || (order->breadth == SIM_SOME && seed % EACH == 0);
}

/* By a mix, so that of these as many are wide as of the others. */
static bool is_full(const struct sim_order *order, uint64_t seed)
{
    uint64_t state = ~seed; /* the life's own numbers begin with those of the seed */
    return order->full || (order->breadth == SIM_SOME && rc_mix(&state) % EACH == 0);
}

static void note_failure(struct sim_sum *sum, const struct sim_order *order, uint64_t seed, const char *law,
                         const char *where)
{
    if (sum->nfailures == SIM_FAILURES) return;
    struct sim_failure *failure = &sum->failure[sum->nfailures++];
    failure->seed = seed;
    failure->wide = is_wide(order, seed);
    failure->full = is_full(order, seed);
    snprintf(failure->law, sizeof failure->law, *where ? "%s (%s)" : "%s%s", law, where);
}

static void work(const struct sim_order *order, uint32_t which, uint64_t until, struct worker *worker)
{
    struct sim_sum *sum = &worker->sum;
    uint32_t stride = order->jobs ? order->jobs : 1;
    mallopt(M_MMAP_THRESHOLD, BIG); /* an engine's first memory is the same for every life */
    mallopt(M_TRIM_THRESHOLD, BIG);
    for (uint64_t i = which; (!order->n || i < order->n) && (!until || now_us() < until); i += stride) {
        struct sim_choices choices;
        uint64_t began = now_us();
        worker->seed = order->from + i;
        sim_wide = is_wide(order, worker->seed);
        sim_full = is_full(order, worker->seed);
        alarm(LONGEST_LIFE_S);
        sim_choices_seed(&choices, worker->seed);
        struct sim_seen *seen = sim_wide || sim_full ? &sum->seen : &sum->narrow;
        struct sim_verdict verdict = sim_live(&choices, order->control, seen, NULL);
        sim_choices_free(&choices);
        sum->lives++;
        sum->wide += sim_wide;
        sum->full += sim_full;
        uint64_t took = now_us() - began;
        if (took > sum->slowest_us) {
            sum->slowest_us = took;
            sum->slowest = worker->seed;
        }
        if (verdict.law) note_failure(sum, order, worker->seed, verdict.law, verdict.where);
        bool wanted = verdict.law && order->law && strncmp(verdict.law, order->law, strlen(order->law)) == 0;
        if (wanted || sum->nfailures >= order->enough) break;
    }
    alarm(0);
    sim_seen_add(&sum->seen, &sum->narrow);
}

void sim_sum_add(struct sim_sum *sum, const struct sim_sum *more)
{
    sim_seen_add(&sum->seen, &more->seen);
    sim_seen_add(&sum->narrow, &more->narrow);
    sum->lives += more->lives;
    sum->wide += more->wide;
    sum->full += more->full;
    for (uint32_t i = 0; i < more->nfailures && sum->nfailures < SIM_FAILURES; i++)
        sum->failure[sum->nfailures++] = more->failure[i];
    if (more->slowest_us > sum->slowest_us) {
        sum->slowest_us = more->slowest_us;
        sum->slowest = more->slowest;
    }
}

static void add(const struct sim_order *order, struct sim_sum *sum, const struct worker *worker, int how)
{
    sim_sum_add(sum, &worker->sum);
    if (WIFEXITED(how) && WEXITSTATUS(how) == 0) return;
    note_failure(sum, order, worker->seed,
                 "the process died: ", WIFSIGNALED(how) ? strsignal(WTERMSIG(how)) : "it ended");
}

static void run_here(const struct sim_order *order, uint64_t until, struct sim_sum *ret)
{
    static struct worker worker;
    memset(&worker, 0, sizeof worker);
    work(order, 0, until, &worker);
    *ret = worker.sum;
}

void sim_run(const struct sim_order *order, struct sim_sum *ret)
{
    assert(order->jobs <= SIM_JOBS);
    uint64_t until = order->seconds ? now_us() + (uint64_t)order->seconds * 1000000 : 0;
    if (!order->jobs) {
        run_here(order, until, ret);
        return;
    }
    size_t size = order->jobs * sizeof(struct worker);
    struct worker *workers = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pids[SIM_JOBS];
    assert(workers != MAP_FAILED);
    memset(ret, 0, sizeof *ret);
    (void)fflush(NULL);
    for (uint32_t i = 0; i < order->jobs; i++) {
        pids[i] = fork();
        assert(pids[i] >= 0);
        if (pids[i]) continue;
        work(order, i, until, &workers[i]);
        _exit(0);
    }
    for (uint32_t i = 0; i < order->jobs; i++) {
        int how = 0;
        pid_t ended = waitpid(pids[i], &how, 0);
        assert(ended == pids[i]);
        add(order, ret, &workers[i], how);
    }
    munmap(workers, size);
}
