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
RC_MUST
enum rc_status sq_read_signals_kept(struct rc_reader *, struct rc_sv ns, rc_us since, uint32_t most,
                                    uint32_t *ret, struct rc_error *);

/* order.c */
RC_MUST
enum rc_status sq_order(struct rc_store *, const struct rc_order *, rc_us now, struct rc_error *);
RC_MUST
enum rc_status sq_stopped_set(struct sq_conn *, const struct rc_stopped *, struct rc_error *);
RC_MUST
enum rc_status sq_read_stopped(struct rc_reader *, struct rc_arena *, struct rc_stopped **ret,
                               uint32_t *ret_n, struct rc_error *);
