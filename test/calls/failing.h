#pragma once
/* Calls of the system that fail on demand, as if the machine had nothing left. failing.c takes the C library's names, so it is linked
 * into a test, where the functions below command it, or loaded before a program (LD_PRELOAD), where the environment does:
 *
 *   FAILING_CONTROL   a file of sizeof(struct failing) bytes, mapped: whoever has it commands while the program runs
 *   FAILING_FOLDER    what fails is the disk of this folder, not the terminal: reads, writes, syncs and the like of other files
 *                     are not counted
 *
 * Calls of the kind that is commanded are counted from the moment it is; the `at`-th fails, and all after it where `on` is set, until
 * somebody commands otherwise. Any thread. */
#include <stdatomic.h>
#include <stdbool.h>

/* name, what fails ("sql memory": what SQLite allocates; "memory": what all others do); the order is part of the layout (test/e2e/each_call.py
 * reads it here) */
#define FAILING_CALLS(X)                                                                                     \
    X(MEMORY, "memory")                                                                                      \
    X(SQL, "sql memory")                                                                                     \
    X(OPEN, "open")                                                                                          \
    X(READ, "read")                                                                                          \
    X(WRITE, "write")                                                                                        \
    X(SYNC, "sync")                                                                                          \
    X(TRUNCATE, "truncate")                                                                                  \
    X(RENAME, "rename")                                                                                      \
    X(MAP, "map")                                                                                            \
    X(THREAD, "thread")                                                                                      \
    X(SOCKET, "socket")                                                                                      \
    X(CONNECT, "connect")                                                                                    \
    X(ACCEPT, "accept")                                                                                      \
    X(POLL, "poll")                                                                                          \
    X(RECEIVE, "receive")                                                                                    \
    X(SEND, "send")

enum failing_call {
#define X(code, word) FAILING_##code,
    FAILING_CALLS(X)
#undef X
        FAILING_KINDS
};
extern const char *const failing_word[FAILING_KINDS];

struct failing {
    _Atomic int call; /* enum failing_call; -1: none */
    _Atomic int on;
    _Atomic unsigned long at, count, fired;
    _Atomic int paused; /* above 0: nothing fails, nothing is counted */
    _Atomic int lie;    /* negative control: a write that should fail is not made, and says that it was */
    _Atomic long live;  /* blocks of memory that were allocated and not freed */
};

/* ---- linked into a test */
extern struct failing *failing;
void failing_in(const char *folder); /* borrowed; as FAILING_FOLDER */
void failing_arm(enum failing_call, unsigned long at, bool on);
/* How many calls have failed since failing_arm. */
unsigned long failing_disarm(void);
/* What a test does for itself in between; nests. */
void failing_pause(void);
void failing_resume(void);
