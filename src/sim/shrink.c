/* How a life is made shorter (shrink.h). */
#include "sim/shrink.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LONGEST_LIFE_S = 60 };

/* ---- one try -------------------------------------------------------------------------------------------------------- */

static void live_and_say(struct sim_choices *choices, enum sim_control control, struct sim_try *said)
{
    struct sim_seen *seen = calloc(1, sizeof *seen);
    if (!seen) _exit(1);
    alarm(LONGEST_LIFE_S);
    if (!freopen("/dev/null", "w", stderr)) _exit(1); /* an assertion's message, hundreds of times */
    said->verdict = sim_live(choices, control, seen, NULL);
    snprintf(said->law, sizeof said->law, "%s", said->verdict.law ? said->verdict.law : "");
    said->died = false;
    _exit(0);
}

struct sim_try sim_try(struct sim_choices *choices, enum sim_control control)
{
    struct sim_try *said =
                       mmap(NULL, sizeof *said, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0),
                   result;
    int how = 0;
    assert(said != MAP_FAILED);
    *said = (struct sim_try){.died = true};
    (void)fflush(NULL);
    pid_t pid = fork();
    assert(pid >= 0);
    if (pid == 0) live_and_say(choices, control, said);
    pid_t ended = waitpid(pid, &how, 0);
    assert(ended == pid);
    if (said->died)
        snprintf(said->law, sizeof said->law, "the process died: %s",
                 WIFSIGNALED(how) ? strsignal(WTERMSIG(how)) : "it ended");
    result = *said;
    munmap(said, sizeof *said);
    return result;
}

/* ---- shorter and shorter ---------------------------------------------------------------------------------------------- */

struct shrink {
    struct sim_choices best;
    enum sim_control control;
    char law[200];
    uint32_t lives;
    time_t until;
};

static time_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

/* Takes over the candidate where it breaks the same law. */
static bool keep(struct shrink *shrink, struct sim_choices *candidate)
{
    struct sim_try tried = {.law = ""};
    if (now() < shrink->until) tried = sim_try(candidate, shrink->control);
    shrink->lives++;
    bool same = strcmp(tried.law, shrink->law) == 0;
    if (same) {
        sim_choices_free(&shrink->best);
        shrink->best = *candidate;
    } else {
        sim_choices_free(candidate);
    }
    return same;
}

/* Takes parts out, from the end, in chunks that get smaller. */
static bool drop_parts(struct shrink *shrink)
{
    bool better = false;
    for (uint32_t n = shrink->best.nparts / 2 + 1; n > 0; n /= 2)
        for (uint32_t first = shrink->best.nparts; first > 0 && now() < shrink->until;) {
            struct sim_choices candidate;
            first -= first < n ? first : n;
            if (first + 1 > shrink->best.nparts) continue;
            if (!sim_choices_without_parts(&shrink->best, first, n, &candidate)) return better;
            better |= keep(shrink, &candidate);
        }
    return better;
}

static bool drop_notes(struct shrink *shrink, uint32_t part)
{
    bool better = false;
    for (uint32_t n = shrink->best.parts[part].n; n > 0; n /= 2)
        for (uint32_t first = shrink->best.parts[part].n; first > 0 && now() < shrink->until;) {
            struct sim_choices candidate;
            first -= first < n ? first : n;
            if (!sim_choices_without_notes(&shrink->best, part, first, n, &candidate)) return better;
            better |= keep(shrink, &candidate);
        }
    return better;
}

static bool set_note(struct shrink *shrink, uint32_t at, uint32_t note)
{
    struct sim_choices candidate;
    if (shrink->best.notes[at] <= note || !sim_choices_without_parts(&shrink->best, 0, 0, &candidate))
        return false;
    candidate.notes[at] = note;
    return keep(shrink, &candidate);
}

static bool lower_notes(struct shrink *shrink)
{
    bool better = false;
    for (uint32_t i = 0; i < shrink->best.nnotes && now() < shrink->until; i++) {
        if (!shrink->best.notes[i]) continue;
        if (set_note(shrink, i, 0)) {
            better = true;
            continue;
        }
        while (set_note(shrink, i, shrink->best.notes[i] / 2)) better = true;
        while (set_note(shrink, i, shrink->best.notes[i] - 1)) better = true;
    }
    return better;
}

uint32_t sim_shrink(struct sim_choices *io_choices, enum sim_control control, uint32_t seconds)
{
    struct shrink shrink = {.best = *io_choices, .control = control, .until = now() + (time_t)seconds};
    sim_choices_rewind(&shrink.best);
    struct sim_try first = sim_try(&shrink.best, control);
    memcpy(shrink.law, first.law, sizeof shrink.law);
    for (bool better = first.law[0] != '\0'; better && now() < shrink.until;) {
        better = drop_parts(&shrink);
        for (uint32_t i = shrink.best.nparts; i-- > 0;) better |= drop_notes(&shrink, i);
        better |= lower_notes(&shrink);
    }
    *io_choices = shrink.best;
    return shrink.lives;
}
