#pragma once
/* From a decoded submission to a request for the engine: what POST /v1/commands and the lines of a batch share. */
#include "api/call.h"

struct api_submission {
    struct rc_sv type, key, actor;
    struct cel_value payload, refs;
};

/* Makes the request of a submission that came in a text of `nbytes`; its parts live in the arena or borrow from the
 * submission. Complaints go to the API's list, with pointers into the submission. */
RC_MUST
enum rc_status api_prepare(struct api_call *, const struct api_submission *, uint32_t nbytes,
                           struct rc_arena *, struct rc_request *ret, struct rc_error *);
