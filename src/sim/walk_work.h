#pragma once
/* What workers know of what was leased to them (private to sim/). None of it is in a store: it stays as it is
 * where the engine dies, and where an older state is put in the place of today's. */
#include "sim/walk.h"

enum { WORK_TASKS = 4096, WORK_POCKET = 8 };

struct work_task {
    struct rc_lease_name name;
    uint32_t sent; /* its place in walk.sent */
    uint32_t life; /* of the engine that has promised this */
    rc_us promise; /* engine time: the lease lasts until then */
    bool said;     /* the worker has made up its mind: with this, and nobody is to be sure then */
    struct rc_result result;
    const char *body;
    bool uncertain;
    bool over;               /* the engine has no lease of it any more */
    bool ran_out;            /* and has put on record that it was silent */
    uint32_t accepted, late; /* records of its reports */
};

struct walk_work {
    struct work_task task[WORK_TASKS];
    uint32_t n;
    struct {
        uint8_t state; /* enum rc_queue_state, as it was answered */
        uint32_t orders;
        bool sure; /* no order is on its way or was lost, and no older state was put in place */
    } queue[WALK_DEPENDENCIES];
    uint32_t pocket[WORK_POCKET], npocket; /* tasks whose reports wait for others */
    rc_us booted;                          /* when this life of the engine began, at the earliest */
};

/* Posts what the workers of these tasks have said; what heartbeats say is how long. */
void work_report(struct walk *, const uint32_t *tasks, uint32_t n);
uint32_t work_queue_named(const struct walk *, struct rc_sv);
/* The newest one of an attempt that the engine may know of; NULL: it was never given to anybody. */
struct work_task *work_find(struct walk *, uint64_t seq, uint32_t node, uint16_t attempt);
