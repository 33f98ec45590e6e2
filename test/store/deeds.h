#pragma once
/* Everything that can be done with a store, as a table: for tests that hold all of it to one promise. */
#include "kit.h"

struct doing {
    struct kit *kit;
    struct rc_reader *reader;   /* what a deed that reads uses */
    struct rc_arena *arena;     /* what a deed's results live in */
    uint64_t n;                 /* the last of the numbers that make names unique */
    uint64_t next, audit, bulk; /* from a deed's preparation: the numbers of what it is about */
    struct rc_sv name;          /* the same: its name */
    struct rc_h128 digest;      /* the same: of the store that it has closed */
    char path[96];              /* of a second file */
    /* what is there from the beginning */
    struct made *open; /* a command whose attempt is out */
    uint64_t ended, purged, kept_bulk;
    struct rc_sv kept_key; /* of that bulk */
};

enum {
    DEED_WRITES = 1,  /* by the writer's handle */
    DEED_FILES = 2,   /* of the SQLite store only */
    DEED_CLOSED = 4,  /* opens the store, which is closed before */
    DEED_BESIDE = 8,  /* has no handle, or one of its own */
    DEED_CHECKS = 16, /* reads a whole file to see whether it is damaged */
    DEED_ARENA = 32   /* its results live in the caller's arena */
};

struct deed {
    const char *name;
    unsigned flags;
    void (*prepare)(struct doing *); /* NULL: nothing is to be prepared */
    enum rc_status (*run)(struct doing *, struct rc_error *);
};
/* Each does one thing that can be done again, whether it failed before or not. The first one is the commit; NULL: no more. */
const struct deed *deed_at(unsigned i);

/* Some of everything, so that there is something to read. */
void deeds_begin(struct doing *, struct kit *);
/* A hash of all that the store holds, as it says itself. */
struct rc_h128 deeds_digest(struct kit *);
