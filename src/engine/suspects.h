#pragma once
/* Which work the server was busy with when it died. A unit is named on a page of memory that outlives the process (a mapped file) before it
 * runs; a crash before the commit leaves no other trace. Work that was named in several crashes in a row is set aside instead of being
 * run again, so that a poisonous input cannot kill the server for ever.
 *
 * The page is only as durable as the page cache: a power cut may lose it, which costs a few more tries. The engine's thread alone writes. */
#include "base/status.h"
#include <stdbool.h>
#include <stdint.h>

enum { RC_SUSPECTS = 64 };

/* The page's layout; zeroed when new. */
struct rc_suspects {
    uint64_t version;          /* RC_SUSPECTS_VERSION; anything else is taken for a new page */
    volatile uint64_t running; /* the unit that is being run; 0: none */
    struct rc_suspect {
        uint64_t unit;    /* 0: free */
        uint32_t crashes; /* in a row */
        uint32_t cleared; /* 1: it has run in this turn; forgotten when the turn is committed */
    } suspect[RC_SUSPECTS];
};
#define RC_SUSPECTS_VERSION UINT64_C(0x7375737065637431)

/* All of these do nothing where the page is NULL. */
void rc_suspects_start(struct rc_suspects *); /* the process is new: who was running is one crash richer */
bool rc_suspects_is_poison(struct rc_suspects *, uint64_t unit); /* named in RC_MAX_LOST crashes or more */
void rc_suspects_enter(struct rc_suspects *, uint64_t unit);     /* unit is not 0 */
void rc_suspects_leave(struct rc_suspects *);
void rc_suspects_committed(struct rc_suspects *); /* what ran in this turn is innocent */
