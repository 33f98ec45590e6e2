#pragma once
/* People who are asked: steps that wait until enough of them have approved what comes behind the step in its block (kind
 * FLOW_APPROVE), or until one of them has answered a question (FLOW_ESCALATE).
 *
 * While they are asked, the step's outputs are what they are shown, and its request hash is the digest of that: an approval counts
 * for what was shown and for nothing else. Who has started the command, or changed its payload, has no vote; the authenticated
 * subject and the actor both count, so that one person has one vote whatever the path. */
#include "core/command.h"

enum rc_vote_kind { /* stored */
                    RC_VOTE_NONE,
                    RC_VOTE_APPROVED,
                    RC_VOTE_DENIED,
                    RC_VOTE_ANSWERED,
                    /* no vote. Of the flow's root: has made this command of another one, by edit or retry; of a step that has still to
                     * ask its child: in whose name */
                    RC_VOTE_AUTHOR,
                    RC_VOTE_KINDS
};

struct rc_vote {
    uint8_t kind; /* enum rc_vote_kind */
    uint8_t role; /* 1 + enum rc_role; 0: not known */
    rc_us at;
    struct rc_sv subject, actor;
    struct rc_sv answer; /* RC_VOTE_ANSWERED */
};
bool rc_votes_eq(const struct rc_votes *, const struct rc_votes *);
/* False: the arena refused. */
RC_MUST bool rc_votes_copy(struct rc_arena *, const struct rc_votes *, struct rc_votes *ret);
/* "approved", "denied", "answered"; "?" for what is none. Static. */
const char *rc_vote_word(unsigned kind);

static inline bool rc_is_asked(const struct rc_command *c, uint32_t at)
{
    return c->node[at].phase == RC_PHASE_ASKED;
}
/* The first step at which people are asked; 0: there is none. */
uint32_t rc_first_asked(const struct rc_command *);
/* How many approvals are still missing. */
uint32_t rc_people_missing(const struct rc_command *, uint32_t at);

/* What the approvals say that a step, or a block around it, comes behind. */
enum rc_release { RC_RELEASED, RC_RELEASE_OPEN, RC_RELEASE_NEVER };
enum rc_release rc_people_release(const struct rc_command *, uint32_t at);
/* Whether an approval is of what a sibling does (FLOW_COVERED). */
bool rc_approval_covers(const struct rc_command *, uint32_t approval, uint32_t sibling);
