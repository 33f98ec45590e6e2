#pragma once
/* Batches made by hand for tests and benchmarks of storage: commands with plausible identities and histories, without
 * the core. Everything lives in the batch's arena; commands that outlive a batch live in the caller's. */
#include "base/random.h"
#include "store/store.h"

enum { MADE_MAX = 2048, MADE_RECORDS = 2 * MADE_MAX, MADE_MOVES = 2 };

/* A command as the tests keep it between batches. */
struct made {
    struct rc_command command;
    bool in_flight;
    struct rc_work work; /* where its step waits; phase none: nowhere */
};

struct made_batch {
    struct rc_arena *arena;
    struct rc_record *records;
    struct rc_touched *touched;
    struct rc_work_move *moves;
    struct rc_batch batch;
};

/* Ends the process with a message where memory is missing: there is nothing to test then. */
struct made_batch made_begin(struct rc_arena *, rc_us now);
/* A new command of namespace "default", type "github.create_pr", flow 1, with a payload of 3 members and 3 refs: project
 * (seq / 8), customer (seq / 100) and origin ("test"). */
struct made *made_new(struct rc_arena *, uint64_t seq, const char *key, rc_us now);
/* Its first record and its row: submitted, in this state, with this in flight, waiting there (NULL: nowhere). */
void made_submit(struct made_batch *, struct made *, enum rc_state, bool in_flight, const struct rc_work *);
/* Another record: a result, or an action. */
void made_result(struct made_batch *, struct made *, enum rc_state, bool in_flight, const struct rc_work *);
void made_action(struct made_batch *, struct made *, enum rc_state, bool in_flight, const struct rc_work *);
