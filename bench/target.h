#pragma once
/* The outside system that benchmarks call: POST /ok is answered at once, POST /later after TARGET_LATER_US, both
 * with {"ok":true,"id":N}. It lives in the process and on the epoll of the load generator, so that it costs one
 * receive and one send per call and no thread. */
#include "wire.h"

enum { TARGET_KIND = 2, TARGET_CONNECTIONS = 1024, TARGET_LATER_US = 50000 };

struct target {
    int epoll;
    struct wire listener;
    struct wire *connection[TARGET_CONNECTIONS];
    uint64_t answered;       /* at once */
    uint64_t answered_later; /* the others */
    struct target_wait {     /* ring: answers that are due later, in order */
        uint64_t due;
        struct wire *to;
    } wait[TARGET_CONNECTIONS];
    uint32_t first, nwait;
};

void target_open(struct target *, int epoll, uint16_t port);
/* For events whose wire has kind TARGET_KIND. */
void target_ready(struct target *, struct wire *, uint64_t now);
/* Answers what is due; returns when the next is, UINT64_MAX: never. */
uint64_t target_due(struct target *, uint64_t now);
