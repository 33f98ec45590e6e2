/* Whom each message is to. */
#include "core/message.h"

unsigned rc_message_is_to(unsigned kind)
{
    switch ((enum rc_to_command)kind) {
    case RC_MSG_SUBMIT:
    case RC_MSG_ADMIT:
    case RC_MSG_RESULT:
    case RC_MSG_LOST:
    case RC_MSG_DUE:
    case RC_MSG_ACTION:
    case RC_MSG_RESTORED:
    case RC_MSG_LATE:
    case RC_MSG_SIGNALLED:
    case RC_MSG_CHILD:
    case RC_MSG_CHILD_TELL:
    case RC_MSG_GRANT: return RC_AGG_COMMAND;
    }
    switch ((enum rc_to_gate)kind) {
    case RC_MSG_WANT:
    case RC_MSG_OFFER:
    case RC_MSG_DONE:
    case RC_MSG_BACKLOG:
    case RC_MSG_CLOSED:
    case RC_MSG_QUEUE:
    case RC_MSG_PULL: return RC_AGG_GATE;
    }
    switch ((enum rc_to_mailbox)kind) {
    case RC_MSG_SIGNAL:
    case RC_MSG_LISTEN: return RC_AGG_MAILBOX;
    }
    switch ((enum rc_to_lane)kind) {
    case RC_MSG_LANE_WANT:
    case RC_MSG_LANE_OFFER:
    case RC_MSG_LANE_LEAVE:
    case RC_MSG_LANE_YIELD: return RC_AGG_LANE;
    }
    switch ((enum rc_to_schedule)kind) {
    case RC_MSG_PLAN:
    case RC_MSG_OCCUR:
    case RC_MSG_PAUSE:
    case RC_MSG_RESUME:
    case RC_MSG_RUN: return RC_AGG_SCHEDULE;
    }
    return 0;
}
