#pragma once
/* What lives have covered: how often each edge of spec/states.def was taken, each reason given, each action tried in each state, each fault
 * fired, and which faults met in one life. An edge or a fault that no life has seen is a hole in the proof. Counters only, so that those of
 * several processes can be added. */
#include "core/words.h"

#include <stdio.h>

/* SIM_FAULT(code, text) */
#define SIM_FAULT_LIST(SIM_FAULT)                                                                            \
    SIM_FAULT(CRASH, "the process dies between two turns")                                                   \
    SIM_FAULT(CRASH_BEFORE_COMMIT, "it dies before a commit")                                                \
    SIM_FAULT(CRASH_AFTER_COMMIT, "it dies after a commit, before anything follows")                         \
    SIM_FAULT(CRASH_BEFORE_START, "it dies before an attempt leaves that is committed")                      \
    SIM_FAULT(CRASH_AFTER_START, "it dies when one attempt of a turn has left")                              \
    SIM_FAULT(CRASH_BEFORE_REPLY, "it dies before a reply")                                                  \
    SIM_FAULT(CRASH_AFTER_REPLY, "it dies after a reply")                                                    \
    SIM_FAULT(CRASH_AT_REOPEN, "it dies while it looks what became of a commit")                             \
    SIM_FAULT(CRASH_AT_START, "it dies again before its first turn")                                         \
    SIM_FAULT(CRASH_LOOP, "it dies in the middle of a unit, which is noted on the page of suspects")         \
    SIM_FAULT(COMMIT_FULL, "a commit finds no room")                                                         \
    SIM_FAULT(COMMIT_IO, "a commit fails and nothing happened")                                              \
    SIM_FAULT(COMMIT_NOMEM, "a commit finds no memory")                                                      \
    SIM_FAULT(COMMIT_REFUSED, "a commit is refused for what is in it")                                       \
    SIM_FAULT(COMMIT_KEPT, "nobody knows of a commit; it is there")                                          \
    SIM_FAULT(COMMIT_LOST, "nobody knows of a commit; it is not there")                                      \
    SIM_FAULT(DISK_FULL, "the disk is full for a while")                                                     \
    SIM_FAULT(DISK_SHUT, "the store cannot be opened again at once")                                         \
    SIM_FAULT(DISK_SLOW, "a commit takes seconds")                                                           \
    SIM_FAULT(NO_MEMORY, "an allocation of a turn fails")                                                    \
    SIM_FAULT(NOT_STARTED, "the executor cannot take an attempt on")                                         \
    SIM_FAULT(NOT_SENT, "the outside is not reached")                                                        \
    SIM_FAULT(ANSWER_LOST, "an answer is lost")                                                              \
    SIM_FAULT(ANSWER_LATE, "no answer comes within the timeout")                                             \
    SIM_FAULT(ANSWER_TWICE, "an answer comes again, or another one after it")                                \
    SIM_FAULT(ANSWER_ORDER, "an answer overtakes an older one")                                              \
    SIM_FAULT(ANSWER_OF_THE_DEAD, "an answer comes to what a process before this one has sent")              \
    SIM_FAULT(ANSWER_BAD, "an answer cannot be used")                                                        \
    SIM_FAULT(DOWN, "the outside is down for a while")                                                       \
    SIM_FAULT(SLOW, "the outside is slow for a while")                                                       \
    SIM_FAULT(RATE_LIMITED, "the outside asks to come back later")                                           \
    SIM_FAULT(REFUSED, "the outside refuses")                                                                \
    SIM_FAULT(SERVER_ERROR, "the outside reports an error of its own")                                       \
    SIM_FAULT(ACTS_LATE, "the outside acts after everybody has given up")                                    \
    SIM_FAULT(LIES, "the outside says the contrary of what it did, or a check the contrary of what is")      \
    SIM_FAULT(PERSON_ERRS, "a person says the contrary of what happened")                                    \
    SIM_FAULT(DRAIN, "the server drains")                                                                    \
    SIM_FAULT(DEPENDENCY_GONE, "a dependency leaves force")                                                  \
    SIM_FAULT(DEFINITION_CHANGED, "a definition changes under work")                                         \
    SIM_FAULT(TIME_LEAPS, "half a minute passes at once")                                                    \
    SIM_FAULT(RESTORED, "an older state of the store is put in its place")

enum sim_fault {
#define SIM_FAULT(code, text) SIM_##code,
    SIM_FAULT_LIST(SIM_FAULT)
#undef SIM_FAULT
        SIM_FAULTS
};
_Static_assert(SIM_FAULTS <= 64, "bits of a life");

enum { SIM_INVARIANTS = 64 }; /* numbers are below */

/* What was there behind a state that was restored, and what became of it. SIM_WINDOW(code, text) */
#define SIM_WINDOW_LIST(SIM_WINDOW)                                                                          \
    SIM_WINDOW(RELEASED, "a person has released a hold")                                                     \
    SIM_WINDOW(RELEASED_EARLY, "a person wanted to, before all was looked through")                          \
    SIM_WINDOW(RELEASED_AGAIN, "or when it was released already")                                            \
    SIM_WINDOW(HELD_AGAIN, "an older state was restored while one held")                                     \
    SIM_WINDOW(FROM_A_HOLD, "the state that was restored held itself")                                       \
    SIM_WINDOW(LOST_COMMAND, "an acknowledged command was not in the state")                                 \
    SIM_WINDOW(LOST_KEY, "its key came again, and was pointed out")                                          \
    SIM_WINDOW(LOST_ATTEMPT, "an attempt was not in the state, and its step was in doubt")                   \
    SIM_WINDOW(OPEN_ATTEMPT, "an attempt was out in the state")                                              \
    SIM_WINDOW(FOUND, "what was done behind the state was found and not repeated")                           \
    SIM_WINDOW(PERSON, "what a person did behind it was lost")

enum sim_window {
#define SIM_WINDOW(code, text) SIM_WINDOW_##code,
    SIM_WINDOW_LIST(SIM_WINDOW)
#undef SIM_WINDOW
        SIM_WINDOWS
};

const char *sim_fault_text(enum sim_fault);

/* What people do to commands in a life: all but what only those can do who are asked, whom no life has. */
enum { SIM_ACTIONS = RC_ACTION_APPROVE };

/* Everything is uint32_t: sim_seen_add goes over it as one array. */
struct sim_seen {
    uint32_t lives, turns, commands, left, answers, crashes, replaced, replayed, conflicts, stale,
        act_replayed;
    uint32_t bulks, purged, quota, reused, batches;
    uint32_t restored[RC_HELDS], window[SIM_WINDOWS];
    uint32_t command_edge[RC_STATES][RC_STATES];
    uint32_t step_edge[RC_STEP_STATES][RC_STEP_STATES];
    uint32_t block_edge[RC_STEP_STATES][RC_STEP_STATES];
    uint32_t phase_edge[RC_PHASES][RC_PHASES];
    uint32_t bulk_edge[RC_BULK_STATES][RC_BULK_STATES];
    uint32_t why[RC_WHYS], purpose[RC_PURPOSES], item[RC_ITEM_RESULTS];
    uint32_t done[RC_ACTIONS][RC_STATES], refused[RC_ACTIONS][RC_STATES];
    uint32_t looked
        [SIM_INVARIANTS]; /* by number of an invariant of the checker: lives in which it had something to look at */
    uint32_t fault[SIM_FAULTS], pair[SIM_FAULTS][SIM_FAULTS]; /* pair: of lives, i < k */
};

void sim_seen_add(struct sim_seen *, const struct sim_seen *more);
/* A life is over in which these faults fired (bits 1 << enum sim_fault). */
void sim_seen_life(struct sim_seen *, uint64_t faults);

struct sim_cover {
    uint32_t edges, taken; /* that can be taken */
    uint32_t whys, whys_seen, pairs, pairs_seen, faults, faults_seen, actions, actions_seen;
    uint32_t holes;     /* what can be and was not */
    uint32_t surprises; /* what cannot be, and was */
};
/* Says what is missing, one line each; `to` may be NULL. */
struct sim_cover sim_seen_cover(const struct sim_seen *, FILE *to);
/* All counters, for people. */
void sim_seen_print(const struct sim_seen *, FILE *to);
