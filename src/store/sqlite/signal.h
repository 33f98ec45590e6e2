#pragma once
/* Signals in the SQLite store. */
#include "store/sqlite/db.h"

/* Those of a batch: within a transaction of the writer. */
RC_MUST
enum rc_status sq_signals_write(struct sq_store *, const struct rc_signals *, struct rc_error *);
RC_MUST
enum rc_status sq_read_signal_key(struct rc_reader *, struct rc_sv ns, struct rc_sv key, rc_us since,
                                  struct rc_arena *, struct rc_signal *ret, struct rc_error *);
RC_MUST
enum rc_status sq_read_signals(struct rc_reader *, uint64_t mailbox, rc_us since, uint64_t after,
                               struct rc_arena *, uint32_t cap, struct rc_signal **ret, uint32_t *ret_n,
                               struct rc_error *);
RC_MUST
enum rc_status sq_read_signal_last(struct rc_reader *, uint64_t *ret, struct rc_error *);
