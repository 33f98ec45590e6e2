#pragma once
/* The simulation: the real engine and the real core over a simulated disk, clock, network and outside, in one thread, everything from one
 * seed. A seed is one life: definitions, requests, answers, faults, crashes, then an end without faults in which everything must come to
 * rest and people can bring everything to its end. Laws that must always hold are looked at after every turn. */
#include "sim/choices.h"
#include "sim/seen.h"

/* A protection that is switched off, to see that the laws find out. SIM_CONTROL(code, name, text) */
#define SIM_CONTROL_LIST(SIM_CONTROL)                                                                        \
    SIM_CONTROL(SOUND, "sound", "nothing is switched off")                                                   \
    SIM_CONTROL(FORGET_WHAT_LEFT, "forget-what-left",                                                        \
                "after a crash, what was out is said to have never left")                                    \
    SIM_CONTROL(ANSWER_TOO_EARLY, "answer-too-early", "clients are told when they ask")                      \
    SIM_CONTROL(REPEAT_BLINDLY, "repeat-blindly", "the engine's flows say that everything is repeatable")    \
    SIM_CONTROL(NO_DOUBT, "no-doubt", "the engine forgets that an earlier attempt is in doubt")              \
    SIM_CONTROL(ANSWER_OF_ANOTHER, "answer-of-another",                                                      \
                "an answer comes with the number of the attempt after it")                                   \
    SIM_CONTROL(NO_SETTLE, "no-settle", "\"did not happen\" is believed at once")                            \
    SIM_CONTROL(MORE_PLACES, "more-places", "the engine's dependencies take more at a time")                 \
    SIM_CONTROL(SAME_NONCE, "same-nonce", "two commands have one nonce")                                     \
    SIM_CONTROL(LOSE_ANSWER, "lose-answer", "an answer never reaches the engine")                            \
    SIM_CONTROL(LEAK_PLACE, "leak-place", "a place is never given back")                                     \
    SIM_CONTROL(REPLY_BEFORE_COMMIT, "reply-before-commit", "clients are told before the commit")            \
    SIM_CONTROL(EFFECT_BEFORE_COMMIT, "effect-before-commit", "attempts leave before the commit")            \
    SIM_CONTROL(LOSE_WAKE_UP, "lose-wake-up", "a step whose time has come is not called")                    \
    SIM_CONTROL(FORGET_KEYS, "forget-keys", "after a crash, keys are not known any more")                    \
    SIM_CONTROL(UNDO_OUT_OF_ORDER, "undo-out-of-order",                                                      \
                "the engine's flows say that later steps leave nothing to undo")                             \
    SIM_CONTROL(UNDO_TWICE, "undo-twice", "the engine's flows say that every undo is repeatable")            \
    SIM_CONTROL(IGNORE_CANCEL, "ignore-cancel", "who cancels is told so, and the command goes on")           \
    SIM_CONTROL(NEW_KEY, "new-key", "every attempt has an Idempotency-Key of its own")                       \
    SIM_CONTROL(ONE_MORE_TRY, "one-more-try", "the engine's flows allow one try more")                       \
    SIM_CONTROL(NO_DELAY, "no-delay", "the engine's flows retry at once")                                    \
    SIM_CONTROL(ITEMS_WITHOUT_KEYS, "items-without-keys", "items of bulks have no keys")                     \
    SIM_CONTROL(ASK_NOTHING, "ask-nothing", "the engine's flows require nothing")                            \
    SIM_CONTROL(LEAVE_WHEN_FULL, "leave-when-full", "the disk is full, and the engine is not told")          \
    SIM_CONTROL(HOLD_NOTHING, "hold-nothing", "an older state of the store goes on as if it were today's")   \
    SIM_CONTROL(RELEASE_BY_ITSELF, "release-by-itself",                                                      \
                "what holds goes on before a person has released it")                                        \
    SIM_CONTROL(LOOK_AT_NOTHING, "look-at-nothing",                                                          \
                "what was under way in an older state is not told that it was restored")                     \
    SIM_CONTROL(LINES_AT_ONCE, "lines-at-once", "the engine's flows have no lines: all in them begins")      \
    SIM_CONTROL(ALL_CASES, "all-cases", "the engine's flows do every case of a choose")                      \
    SIM_CONTROL(FALL_BACK_ALWAYS, "fall-back-always", "the engine's flows do fallbacks at once")             \
    SIM_CONTROL(NEED_NOTHING, "need-nothing", "the engine's flows need nothing")                             \
    SIM_CONTROL(NO_WIDTH, "no-width", "the engine's flows have no width")                                    \
    SIM_CONTROL(ONE_IS_ENOUGH, "one-is-enough", "the engine's joins are content with one branch")            \
    SIM_CONTROL(WANT_ALL, "want-all", "the engine's joins want all branches")                                \
    SIM_CONTROL(GO_ON, "go-on", "the engine's blocks go on behind a failure")                                \
    SIM_CONTROL(TAKE_NOTHING_BACK, "take-nothing-back", "the engine's blocks that fail take nothing back")   \
    SIM_CONTROL(KEEP_SURPLUS, "keep-surplus", "the engine's joins keep what is left over")                   \
    SIM_CONTROL(NO_PAUSE, "no-pause", "the engine's repeats make no pause")                                  \
    SIM_CONTROL(PASS_FOR_EVER, "pass-for-ever", "the engine's repeats do not look at the time")              \
    SIM_CONTROL(BEGIN_AT_ONCE, "begin-at-once", "the engine is not told when a command is to begin")         \
    SIM_CONTROL(NO_DEADLINE, "no-deadline", "the engine is not told until when a command has to be through") \
    SIM_CONTROL(TAKE_MORE_BACK, "take-more-back", "the engine's blocks that fail take everything back")      \
    SIM_CONTROL(MORE_ITEMS, "more-items", "the engine's eaches have as many items as they may")              \
    SIM_CONTROL(FORGET_JOINS, "forget-joins",                                                                \
                "the engine forgets that a join was reached, and what had succeeded in it")                  \
    SIM_CONTROL(BEGIN_INSIDE, "begin-inside", "the engine's blocks have begun before it begins them")        \
    SIM_CONTROL(GO_ON_BESIDE, "go-on-beside", "the engine's blocks with a width go on behind a failure")     \
    SIM_CONTROL(GO_ON_PASSING, "go-on-passing", "the engine's repeats go on behind a pass that has failed")  \
    SIM_CONTROL(SUCCEED_ANYWAY, "succeed-anyway", "the engine's joins that need all succeed whatever fails") \
    SIM_CONTROL(WANT_MORE, "want-more", "the engine's joins want one branch more")                           \
    SIM_CONTROL(TRY_ANYWAY, "try-anyway", "the engine's quorums do not look at what has failed")             \
    SIM_CONTROL(REVERSE_ANYTHING, "reverse-anything",                                                        \
                "the engine's flows say that what is irreversible leaves nothing to undo")                   \
    /* about people who are asked */                                                                         \
    SIM_CONTROL(RELEASE_ALL, "release-all", "the engine's flows release what was not approved")              \
    SIM_CONTROL(ONE_IS_ASKED, "one-is-asked", "the engine's approvals need one")                             \
    SIM_CONTROL(ASK_TOO_FEW, "ask-too-few", "the engine's approvals of those who are named need one")        \
    SIM_CONTROL(MIX_UP_LATE, "mix-up-late",                                                                  \
                "the engine's flows reject what is late where it fails, and the other way round")            \
    SIM_CONTROL(ANYBODY_DECIDES, "anybody-decides", "the engine's flows ask anybody")                        \
    SIM_CONTROL(ASK_FOR_EVER, "ask-for-ever", "the engine's flows ask for ever")                             \
    SIM_CONTROL(STARTERS_DECIDE, "starters-decide", "the engine is not told who has started a command")      \
    SIM_CONTROL(VOTE_TWICE, "vote-twice", "who decides again has another name")                              \
    SIM_CONTROL(OLD_DIGESTS, "old-digests", "the engine is told that people have seen what there is now")    \
    SIM_CONTROL(FORGET_VOTES, "forget-votes", "the engine forgets who has decided")                          \
    SIM_CONTROL(KEEP_VOTES, "keep-votes", "votes stay where what was approved has changed")                  \
    SIM_CONTROL(SIGNALS_WITHOUT_KEYS, "signals-without-keys", "a signal that is sent again has another key") \
    SIM_CONTROL(TELL_SENDERS_EARLY, "tell-senders-early", "who sends a signal is told at once")              \
    SIM_CONTROL(HEAR_ANYTHING, "hear-anything", "the engine's waits are for another signal")                 \
    SIM_CONTROL(WAIT_A_MOMENT, "wait-a-moment", "the engine's waits give up at once")                        \
    SIM_CONTROL(WIDER_LANES, "wider-lanes", "the engine's lanes have more places")                           \
    SIM_CONTROL(NARROWER_LANES, "narrower-lanes", "the engine's lanes have one place less")                  \
    SIM_CONTROL(OTHER_LANES, "other-lanes", "the engine is told another lane for each command")              \
    SIM_CONTROL(URGENT_LAST, "urgent-last", "the engine takes what is urgent for what is not")               \
    SIM_CONTROL(REFUSE_NOTHING, "refuse-nothing", "the engine's full lanes refuse nothing")                  \
    SIM_CONTROL(REPLACE_NOTHING, "replace-nothing", "in the engine's full lanes nothing gives way")          \
    SIM_CONTROL(FORGET_WHO_WAITS, "forget-who-waits", "the engine forgets who waits in a lane")              \
    SIM_CONTROL(OLDEST_STAYS, "oldest-stays", "the engine takes the oldest in a lane for one that leaves")   \
    SIM_CONTROL(OTHER_SIGNALS, "other-signals", "the engine is told another key of a signal")                \
    SIM_CONTROL(OTHER_IDS, "other-ids", "the engine is told another id of a signal")                         \
    SIM_CONTROL(TAKEN_TWICE, "taken-twice", "a signal is two for the engine, and one for who sends it")      \
    /* about workers */                                                                                      \
    SIM_CONTROL(FORGET_LEASES, "forget-leases", "the engine forgets that something is leased")               \
    SIM_CONTROL(LEASE_TO_ANYBODY, "lease-to-anybody", "the engine's flows ask for no capability")            \
    SIM_CONTROL(LEASE_WHILE_STOPPED, "lease-while-stopped", "the engine forgets that a queue is stopped")    \
    SIM_CONTROL(HEAR_OTHERS, "hear-others", "a report is taken for one of whoever has the lease now")        \
    SIM_CONTROL(FORGET_THE_LATE, "forget-the-late", "what comes late is not put on record")                  \
    SIM_CONTROL(SHORT_LEASES, "short-leases", "the engine's leases are over at once")                        \
    SIM_CONTROL(STARVE_A_SPACE, "starve-a-space", "one namespace is served last")                            \
    SIM_CONTROL(FORGET_LINES, "forget-lines", "the engine forgets what waits for workers")                   \
    /* about schedules */                                                                                    \
    SIM_CONTROL(OTHER_ZONES, "other-zones", "the engine takes every zone for UTC")                           \
    SIM_CONTROL(EVERY_HOUR, "every-hour", "the engine's schedules name no hours where clocks change")        \
    SIM_CONTROL(RUN_BESIDE, "run-beside", "the engine's schedules run beside themselves")                    \
    SIM_CONTROL(CATCH_UP_ALL, "catch-up-all", "the engine's schedules make up for all that was missed")      \
    SIM_CONTROL(RUN_AGAIN, "run-again", "what was due is due again, and runs in another namespace")          \
    SIM_CONTROL(RUN_EARLY, "run-early", "the engine takes what will be due for what is")                     \
    SIM_CONTROL(COUNT_NOTHING, "count-nothing", "the engine forgets what was missed and left out")           \
    SIM_CONTROL(FORGET_PAUSES, "forget-pauses", "the engine forgets that a schedule is paused")              \
    SIM_CONTROL(LOSE_TIMES, "lose-times", "the engine does not look at a schedule any more")                 \
    SIM_CONTROL(FORGET_PLANS, "forget-plans", "the engine forgets what a schedule has dealt with")           \
    SIM_CONTROL(KEEP_SCHEDULES, "keep-schedules", "the engine goes on with schedules that are gone")         \
    SIM_CONTROL(MAKE_AGAIN, "make-again",                                                                    \
                "behind a release, what was lost with a later state of the store is due again")

enum sim_control {
#define SIM_CONTROL(code, name, text) SIM_##code,
    SIM_CONTROL_LIST(SIM_CONTROL)
#undef SIM_CONTROL
        SIM_CONTROLS
};
const char *sim_control_name(enum sim_control); /* as on the command line */
const char *sim_control_text(enum sim_control);
/* The law that has to find it out, as it begins: "K3 "; empty: any. */
const char *sim_control_law(enum sim_control);

/* A wide life may also have flows of blocks, and submissions with times; a seed is another life with it. Set before a life. */
extern bool sim_wide;
/* A full life may also have what else commands wait for: people who are asked, signals, lanes. Set before a life. */
extern bool sim_full;

struct sim_verdict {
    const char *law; /* the first law that was broken, static; NULL: all held */
    char where[200];
};

/* Lives once. Choices that are read are rewound first; those that are made are notes of this life afterwards. Adds to `seen`. `tell`: where the
 * story is told, or NULL. Asserts where the simulation itself is wrong. */
struct sim_verdict sim_live(struct sim_choices *, enum sim_control, struct sim_seen *, FILE *tell);
