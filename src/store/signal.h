#pragma once
/* Signals as the store keeps them: until they are taken, and after that, without their payload, for as long as their keys are
 * remembered. They are numbered in the order in which they came. */
#include "core/mailbox.h"

struct rc_reader;

/* Part of a batch. */
struct rc_signals {
    /* new ones, and what has become of those that are there; the last one of a number counts */
    const struct rc_signal *signals;
    uint32_t n;
    rc_us since; /* some of those that came before this are forgotten; 0: none */
};

/* The signal with this key, unless it came before `since`; RC_NOT_FOUND. */
RC_MUST enum rc_status rc_read_signal_key(struct rc_reader *, struct rc_sv ns, struct rc_sv key, rc_us since,
                                          struct rc_arena *, struct rc_signal *ret, struct rc_error *);
/* Signals of a mailbox (rc_mailbox_id) that nobody has taken and that did not come before `since`, the oldest first, numbers
 * above `after`. Mailbox 0: those of every mailbox, also what was taken. */
RC_MUST enum rc_status rc_read_signals(struct rc_reader *, uint64_t mailbox, rc_us since, uint64_t after,
                                       struct rc_arena *, uint32_t cap, struct rc_signal **ret,
                                       uint32_t *ret_n, struct rc_error *);
/* How many of a namespace nobody has taken and did not come before `since`, counted up to `most`. */
RC_MUST enum rc_status rc_read_signals_kept(struct rc_reader *, struct rc_sv ns, rc_us since, uint32_t most,
                                            uint32_t *ret, struct rc_error *);
/* The highest number; 0: there is none. */
RC_MUST enum rc_status rc_read_signal_last(struct rc_reader *, uint64_t *ret, struct rc_error *);
