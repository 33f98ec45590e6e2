#pragma once
/* The mailbox aggregate: where signals of one name and external id of a namespace meet the steps that wait for them.
 *
 * A signal that nobody waits for is kept, at most RC_MAX_SIGNALS_KEPT of them; each is taken by one wait, the oldest signal by
 * the wait that begins next, or by the one that has waited longest. So either signals are kept or somebody listens, never both.
 * Who listens stands with the commands, and signals are rows of the store: the engine shows a step of the mailbox what counts. */
#include "core/change.h"

/* Positive, so that a row of work can name it. Two mailboxes with one id are told apart by what is in them. */
uint64_t rc_mailbox_id(struct rc_sv ns, struct rc_sv name, struct rc_sv id);

struct rc_mailbox {
    uint64_t id;
    uint32_t kept;                  /* signals that nobody has taken */
    const struct rc_signal *oldest; /* of them; NULL: there is none */
    struct rc_link listener;        /* who has waited longest; seq 0: nobody */
    uint32_t node;                  /* its step */
};

/* RC_MSG_SIGNAL, RC_MSG_LISTEN (ask->from and ask->node say who). *ret_signal: what has become of a signal, to be stored;
 * number 0: of none. RC_QUOTA where a new one does not fit. ret_out has the message to who takes it. */
RC_MUST enum rc_status rc_mailbox_step(const struct rc_mailbox *, const struct rc_ask *, struct rc_link from,
                                       struct rc_arena *, struct rc_signal *ret_signal,
                                       struct rc_out *ret_out, struct rc_error *);

/* Whether a step of the command waits for this signal. */
bool rc_command_listens(const struct rc_command *, uint32_t node, const struct rc_signal *);
/* The mailbox that a step which waits for a signal listens to. */
uint64_t rc_command_mailbox(const struct rc_command *, uint32_t node);
/* Whether a step in this phase waits until `due`, too. */
static inline bool rc_phase_has_time(unsigned phase, rc_us due)
{
    bool also = phase == RC_PHASE_WAITING || phase == RC_PHASE_ASKED || phase == RC_PHASE_CHILD;
    return phase == RC_PHASE_DELAYED || (also && due);
}
