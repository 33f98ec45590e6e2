/* What was covered (seen.h). Every list here is made of spec/: a new edge or reason is a hole until a life takes it. */
#include "sim/seen.h"

#include "sim/check.h"

const char *sim_fault_text(enum sim_fault fault)
{
    static const char *const texts[] = {
#define SIM_FAULT(code, text) text,
        SIM_FAULT_LIST(SIM_FAULT)
#undef SIM_FAULT
    };
    return fault < SIM_FAULTS ? texts[fault] : "";
}

void sim_seen_add(struct sim_seen *seen, const struct sim_seen *more)
{
    uint32_t *to = (uint32_t *)(void *)seen;
    const uint32_t *from = (const uint32_t *)(const void *)more;
    for (size_t i = 0; i < sizeof *seen / sizeof *to; i++) to[i] += from[i];
}

void sim_seen_life(struct sim_seen *seen, uint64_t faults)
{
    seen->lives++;
    for (unsigned i = 0; i < SIM_FAULTS; i++)
        for (unsigned k = i + 1; k < SIM_FAULTS; k++)
            seen->pair[i][k] += (faults >> i & 1) && (faults >> k & 1);
}

/* ---- edges ---------------------------------------------------------------------------------------------------------- */

enum machine { COMMAND, STEP, BLOCK, PHASE, BULK };

static const struct edge {
    uint8_t machine, from, to;
} edges[] = {
#define RC_COMMAND_EDGE(from, to) {COMMAND, from, to},
#define RC_STEP_EDGE(from, to)    {STEP, from, to},
#define RC_BLOCK_EDGE(from, to)   {BLOCK, from, to},
#define RC_PHASE_EDGE(from, to)   {PHASE, from, to},
#define RC_BULK_EDGE(from, to)    {BULK, from, to},
#include "states.def"
};

/* Edges that no life can take, each with its reason. One that is taken after all is a surprise, which fails; but for those that are only
 * seldom taken. */
static const char
    queues[] = "a new command waits for its place first, if only for a moment: absent to pending",
    other[] = "no step behind a critical one that did not succeed has run, so there is no second failure",
    seldom[] = "a step is left out, and one behind it has not succeeded either: too seldom to be asked for",
    runs[] = "what is tried again waits for its place first: partial to pending or to running",
    undoes[] = "a roll back is refused where nothing is to be undone or to be settled first",
    restores[] = "taken where an older state was restored, and not in every run",
    wide[] = "taken by flows of blocks and by commands with times, and too seldom to be asked for",
    children[] = "taken by commands that start commands, which have lives of their own (children.h)";
static const struct untaken {
    struct edge edge;
    const char *why;
} untaken[] = {
    {{COMMAND, RC_ABSENT, RC_RUNNING}, queues},
    {{COMMAND, RC_ABSENT, RC_REVIEW}, queues},
    {{COMMAND, RC_ABSENT, RC_FAILED}, queues},
    {{COMMAND, RC_ABSENT, RC_REJECTED}, queues},
    {{COMMAND, RC_ABSENT, RC_COMPLETED}, queues},
    {{COMMAND, RC_ABSENT, RC_PARTIAL}, queues},
    {{COMMAND, RC_PENDING, RC_COMPLETED}, "what is completed has left before"},
    {{COMMAND, RC_FAILED, RC_REJECTED}, seldom},
    {{COMMAND, RC_REJECTED, RC_FAILED}, seldom},
    {{BLOCK, RC_STEP_FAILED, RC_STEP_REJECTED}, seldom},
    {{BLOCK, RC_STEP_REJECTED, RC_STEP_FAILED}, seldom},
    {{COMMAND, RC_REVIEW, RC_REJECTED}, other},
    {{COMMAND, RC_PARTIAL, RC_REJECTED}, runs},
    {{COMMAND, RC_PARTIAL, RC_FAILED}, runs},
    {{COMMAND, RC_FAILED, RC_ROLLED_BACK}, undoes},
    {{COMMAND, RC_REJECTED, RC_ROLLED_BACK}, undoes},
    {{COMMAND, RC_CANCELLING, RC_ROLLED_BACK}, undoes},
    {{COMMAND, RC_FAILED, RC_CANCELLING}, restores},
    {{COMMAND, RC_REJECTED, RC_CANCELLING}, restores},
    {{COMMAND, RC_COMPLETED, RC_REVIEW}, restores},
    {{COMMAND, RC_CANCELLED, RC_REVIEW}, restores},
    {{COMMAND, RC_PENDING, RC_WAITING}, restores},
    {{COMMAND, RC_RUNNING, RC_PENDING}, restores},
    {{COMMAND, RC_WAITING, RC_PENDING}, restores},
    {{STEP, RC_STEP_IDLE, RC_STEP_UNKNOWN}, restores},
    {{STEP, RC_STEP_SUCCEEDED, RC_STEP_UNDO_UNKNOWN}, restores},
    {{PHASE, RC_PHASE_DELAYED, RC_PHASE_CHILD}, children},
    {{PHASE, RC_PHASE_NONE, RC_PHASE_CHILD}, children},
    {{PHASE, RC_PHASE_CHILD, RC_PHASE_NONE}, children},
    {{STEP, RC_STEP_FAILED, RC_STEP_UNDOING}, children},
    {{STEP, RC_STEP_REJECTED, RC_STEP_UNDOING}, children},
    {{STEP, RC_STEP_SKIPPED, RC_STEP_ACTIVE}, seldom},
    {{STEP, RC_STEP_REJECTED, RC_STEP_FAILED}, wide},
    {{COMMAND, RC_PENDING, RC_ROLLING_BACK}, wide},
    {{COMMAND, RC_PENDING, RC_CANCELLING}, wide},
    {{COMMAND, RC_PARTIAL, RC_ROLLED_BACK}, wide},
    {{STEP, RC_STEP_FAILED, RC_STEP_SUCCEEDED}, wide},
    {{STEP, RC_STEP_UNDONE, RC_STEP_SKIPPED}, wide},
    {{STEP, RC_STEP_UNDONE, RC_STEP_SUCCEEDED}, wide},
    {{STEP, RC_STEP_UNDONE, RC_STEP_FAILED}, wide},
    {{STEP, RC_STEP_SUCCEEDED, RC_STEP_SKIPPED}, wide},
    {{STEP, RC_STEP_SUCCEEDED, RC_STEP_FAILED}, wide},
    {{BLOCK, RC_STEP_IDLE, RC_STEP_REJECTED}, wide},
    {{BLOCK, RC_STEP_IDLE, RC_STEP_UNKNOWN}, wide},
    {{BLOCK, RC_STEP_UNKNOWN, RC_STEP_IDLE}, wide},
    {{BLOCK, RC_STEP_UNKNOWN, RC_STEP_SKIPPED}, wide},
    {{BLOCK, RC_STEP_REJECTED, RC_STEP_SKIPPED}, wide},
    {{BLOCK, RC_STEP_SUCCEEDED, RC_STEP_FAILED}, wide},
    {{BLOCK, RC_STEP_SUCCEEDED, RC_STEP_REJECTED}, wide},
    {{BLOCK, RC_STEP_FAILED, RC_STEP_UNDOING}, wide},
    {{BLOCK, RC_STEP_REJECTED, RC_STEP_UNDOING}, wide},
    {{BLOCK, RC_STEP_IDLE, RC_STEP_UNDOING}, wide},
    {{BLOCK, RC_STEP_UNDOING, RC_STEP_REJECTED}, wide},
    {{BLOCK, RC_STEP_REJECTED, RC_STEP_IDLE}, wide},
    {{BLOCK, RC_STEP_SKIPPED, RC_STEP_IDLE}, wide},
    {{BLOCK, RC_STEP_ACTIVE, RC_STEP_IDLE}, wide},
    {{STEP, RC_STEP_SKIPPED, RC_STEP_SUCCEEDED}, wide},
    {{STEP, RC_STEP_SKIPPED, RC_STEP_FAILED}, wide},
    {{STEP, RC_STEP_UNKNOWN, RC_STEP_IDLE}, wide},
    {{BLOCK, RC_STEP_SKIPPED, RC_STEP_ACTIVE}, wide},
    {{BLOCK, RC_STEP_SKIPPED, RC_STEP_SUCCEEDED}, wide},
    {{BLOCK, RC_STEP_SKIPPED, RC_STEP_FAILED}, wide},
};

static const char *why_untaken(const struct edge *edge)
{
    for (size_t i = 0; i < sizeof untaken / sizeof *untaken; i++)
        if (untaken[i].edge.machine == edge->machine && untaken[i].edge.from == edge->from &&
            untaken[i].edge.to == edge->to)
            return untaken[i].why;
    return NULL;
}

static uint32_t times_taken(const struct sim_seen *seen, const struct edge *edge)
{
    switch ((enum machine)edge->machine) {
    case COMMAND: return seen->command_edge[edge->from][edge->to];
    case STEP: return seen->step_edge[edge->from][edge->to];
    case BLOCK: return seen->block_edge[edge->from][edge->to];
    case PHASE: return seen->phase_edge[edge->from][edge->to];
    case BULK: return seen->bulk_edge[edge->from][edge->to];
    }
    return 0;
}

static struct rc_word word_of(enum machine machine, unsigned state)
{
    switch (machine) {
    case COMMAND: return rc_state_word(state);
    case STEP:
    case BLOCK: return rc_step_word(state);
    case PHASE: return rc_phase_word(state);
    case BULK: return rc_bulk_word(state);
    }
    return rc_state_word(state);
}

static void put_edge(const struct edge *edge, const char *before, const char *after, FILE *to)
{
    static const char *const names[] = {"command", "step", "block", "phase", "bulk"};
    enum machine machine = (enum machine)edge->machine;
    if (to)
        fprintf(to, "%s%s: %s to %s%s\n", before, names[machine], word_of(machine, edge->from).slug,
                word_of(machine, edge->to).slug, after);
}

static void cover_edges(const struct sim_seen *seen, struct sim_cover *cover, FILE *to)
{
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        const char *why = why_untaken(&edges[i]);
        bool taken = times_taken(seen, &edges[i]) > 0;
        cover->edges += !why;
        cover->taken += taken && !why;
        cover->holes += !taken && !why;
        bool surprise = taken && why && why != seldom && why != restores && why != wide;
        cover->surprises += surprise;
        if (!taken && !why) put_edge(&edges[i], "never taken: ", "", to);
        if (surprise) put_edge(&edges[i], "taken, though it is said that it cannot be: ", "", to);
    }
}

/* ---- the rest ------------------------------------------------------------------------------------------------------- */

/* Reasons that no life gives. */
static bool is_out_of_reach(enum rc_why why)
{
    /* 4096 records are more than a short life has; test/engine/test_limits.c is about it */
    return why == RC_WHY_NONE || why == RC_WHY_HISTORY_FULL ||
           why == RC_WHY_CHILD || /* commands that start commands have lives of their own (children.h) */
           why == RC_WHY_ITEMS_BYTES ||
           why == RC_WHY_UNCONFIRMED || /* lists are short here; no step confirms */
           why == RC_WHY_SIGNAL ||      /* of a program: none runs here; test/exec is about them */
           why == RC_WHY_INCONCLUSIVE;  /* said of an attempt when it is shown, and never stored */
}

/* Invariants that have nothing to look at here: there are no secrets, and no two stores are compared. */
static bool has_nothing_to_look_at(uint32_t number)
{
    static const uint8_t numbers[] = {39, 41};
    for (size_t i = 0; i < sizeof numbers; i++)
        if (numbers[i] == number) return true;
    return false;
}

static void cover_invariants(const struct sim_seen *seen, struct sim_cover *cover, FILE *to)
{
    for (const struct check_invariant *const *one = check_invariants; *one; one++) {
        bool looked = seen->looked[(*one)->number] > 0;
        if (has_nothing_to_look_at((*one)->number)) continue;
        cover->holes += !looked;
        if (!looked && to)
            fprintf(to, "nothing to look at: invariant %u, %s\n", (*one)->number, (*one)->name);
    }
}

static void cover_words(const struct sim_seen *seen, struct sim_cover *cover, FILE *to)
{
    for (unsigned i = 0; i < RC_WHYS; i++) {
        if (is_out_of_reach((enum rc_why)i)) continue;
        cover->whys++;
        cover->whys_seen += seen->why[i] > 0;
        if (!seen->why[i] && to) fprintf(to, "never a reason: %s\n", rc_why_word(i).slug);
    }
    for (unsigned i = 0; i < RC_PURPOSES; i++) {
        cover->holes += !seen->purpose[i];
        if (!seen->purpose[i] && to) fprintf(to, "never left: %s\n", rc_purpose_word(i).slug);
    }
    for (unsigned i = 0; i < RC_ITEM_RESULTS; i++) {
        cover->holes += !seen->item[i];
        if (!seen->item[i] && to) fprintf(to, "never the result of an item: %s\n", rc_item_word(i).slug);
    }
    cover->holes += cover->whys - cover->whys_seen;
}

/* Every action was asked for in every state in which a command can be found, and was done in at least one. */
static void cover_actions(const struct sim_seen *seen, struct sim_cover *cover, FILE *to)
{
    for (unsigned i = 0; i < SIM_ACTIONS; i++) {
        bool done = false;
        for (unsigned k = RC_PENDING; k < RC_STATES; k++) {
            bool asked = seen->done[i][k] || seen->refused[i][k];
            done |= seen->done[i][k] > 0;
            cover->actions++;
            cover->actions_seen += asked;
            if (!asked && to)
                fprintf(to, "never asked for: %s of what is %s\n", rc_action_word(i).slug,
                        rc_state_word(k).slug);
        }
        cover->holes += !done;
        if (!done && to) fprintf(to, "never done: %s\n", rc_action_word(i).slug);
    }
    cover->holes += cover->actions - cover->actions_seen;
}

static void cover_faults(const struct sim_seen *seen, struct sim_cover *cover, FILE *to)
{
    for (unsigned i = 0; i < SIM_FAULTS; i++) {
        cover->faults++;
        cover->faults_seen += seen->fault[i] > 0;
        if (!seen->fault[i] && to) fprintf(to, "never fired: %s\n", sim_fault_text((enum sim_fault)i));
        for (unsigned k = i + 1; k < SIM_FAULTS; k++) {
            cover->pairs++;
            cover->pairs_seen += seen->pair[i][k] > 0;
            if (!seen->pair[i][k] && to)
                fprintf(to, "never in one life: \"%s\" and \"%s\"\n", sim_fault_text((enum sim_fault)i),
                        sim_fault_text((enum sim_fault)k));
        }
    }
    cover->holes += cover->faults - cover->faults_seen + cover->pairs - cover->pairs_seen;
}

/* Causes of a hold that a life gives, and what was there behind the state. */
static void cover_windows(const struct sim_seen *seen, struct sim_cover *cover, FILE *to)
{
    static const char *const texts[] = {
#define SIM_WINDOW(code, text) text,
        SIM_WINDOW_LIST(SIM_WINDOW)
#undef SIM_WINDOW
    };
    for (unsigned i = RC_HELD_BACKUP; i < RC_HELD_ASKED; i++) {
        cover->holes += !seen->restored[i];
        if (!seen->restored[i] && to) fprintf(to, "never restored: %s\n", rc_held_word(i).slug);
    }
    for (unsigned i = 0; i < SIM_WINDOWS; i++) {
        cover->holes += !seen->window[i];
        if (!seen->window[i] && to) fprintf(to, "never behind a state that was restored: %s\n", texts[i]);
    }
}

struct sim_cover sim_seen_cover(const struct sim_seen *seen, FILE *to)
{
    struct sim_cover cover = {0};
    cover_edges(seen, &cover, to);
    cover_words(seen, &cover, to);
    cover_invariants(seen, &cover, to);
    cover_actions(seen, &cover, to);
    cover_faults(seen, &cover, to);
    cover_windows(seen, &cover, to);
    return cover;
}

void sim_seen_print(const struct sim_seen *seen, FILE *to)
{
    fprintf(to, "%u lives, %u turns, %u commands, %u attempts left, %u answers, %u crashes\n", seen->lives,
            seen->turns, seen->commands, seen->left, seen->answers, seen->crashes);
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        char times[32];
        snprintf(times, sizeof times, ": %u", times_taken(seen, &edges[i]));
        put_edge(&edges[i], "", times, to);
    }
    for (unsigned i = 1; i < RC_WHYS; i++) fprintf(to, "reason %s: %u\n", rc_why_word(i).slug, seen->why[i]);
    for (unsigned i = 0; i < SIM_ACTIONS; i++)
        for (unsigned k = RC_PENDING; k < RC_STATES; k++)
            fprintf(to, "%s of what is %s: %u done, %u refused\n", rc_action_word(i).slug,
                    rc_state_word(k).slug, seen->done[i][k], seen->refused[i][k]);
    for (unsigned i = 0; i < SIM_FAULTS; i++)
        fprintf(to, "%s: %u\n", sim_fault_text((enum sim_fault)i), seen->fault[i]);
}
