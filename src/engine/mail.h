#pragma once
/* Signals in the engine: for engine/ alone. */
#include "engine/state.h"

/* mail.c: a message to a mailbox. */
RC_MUST enum rc_status rc_engine_mail(struct rc_engine *, const struct rc_ask *, struct rc_out *,
                                      struct rc_error *);
void rc_request_signal(struct rc_engine *, struct rc_request *);
void rc_request_signal_end(struct rc_engine *, struct rc_request *); /* commits by itself */
/* What of the turn's signals becomes durable. */
struct rc_signals rc_mail_batch(const struct rc_engine *);
