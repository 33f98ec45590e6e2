#pragma once
/* A command from its history. For the engine's cache and for those who read. */
#include "store/store.h"

/* Folds records, from the first on, into a command of which the identity and the flow are set. RC_DAMAGED where they do not fit. */
RC_MUST enum rc_status rc_fold(const struct rc_record *, uint32_t n, struct rc_arena *, struct rc_command *,
                               struct rc_error *);
/* Finds the versions that the moves of a history name, and the one that it begins with. RC_DAMAGED where one is not there; RC_BUG where
 * the set does not know the command's own. */
RC_MUST enum rc_status rc_moves_find(const struct flow_set *, const struct rc_identity *, struct rc_record *,
                                     uint32_t n, struct rc_arena *, const struct flow **ret_first,
                                     struct rc_error *);
/* One record more. */
RC_MUST enum rc_status rc_fold_one(const struct rc_record *, struct rc_arena *, struct rc_command *,
                                   struct rc_error *);
/* A whole history, and the command of which nothing is folded yet. As rc_load_command. */
RC_MUST enum rc_status rc_load_history(struct rc_reader *, const struct flow_set *, uint64_t seq,
                                       struct rc_arena *, struct rc_command *ret,
                                       struct rc_record **ret_records, uint32_t *ret_n, struct rc_error *);
/* The rows of work of a step as it waits now; of a wait with a limit of time there are two. Gives how many. */
uint32_t rc_work_rows(const struct rc_command *, uint32_t at, struct rc_work ret[2]);
/* The row of work of a step in this phase, which is not that of a wait for a signal. */
struct rc_work rc_work_of(const struct rc_command *, uint32_t at, uint8_t phase, rc_us due);
/* The row of a command's place in its lane, of what it is or was; no phase where it has none. */
struct rc_work rc_place_row_of(const struct rc_command *, const struct rc_place *);

/* Folds at most RC_MAX_HISTORY records. The command lives in the arena. RC_NOT_FOUND; RC_DAMAGED where the
 * history does not fold; RC_BUG where the set does not know the flow's version. ret_records/ret_n (may be
 * NULL): the history itself. */
RC_MUST enum rc_status rc_load_command(struct rc_reader *, const struct flow_set *, uint64_t seq,
                                       struct rc_arena *, struct rc_command *ret,
                                       struct rc_record **ret_records, uint32_t *ret_n, struct rc_error *);
