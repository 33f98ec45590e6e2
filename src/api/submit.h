#pragma once
/* From a decoded submission to a request for the engine: what POST /v1/commands and the lines of a batch share. */
#include "api/call.h"

struct api_submission {
    struct rc_sv type, key, actor;
    struct cel_value payload, refs;
    struct cel_value priority;             /* a number, or null */
    struct rc_sv run_at, run_in, deadline; /* a time, and spans, as text; empty: not said */
};

/* The payload as it would be stored, in a text of nbytes: RC_LIMIT where it is larger than RC_MAX_PAYLOAD. */
RC_MUST
enum rc_status api_check_payload_size(struct api_call *, struct cel_value payload, uint32_t nbytes,
                                      struct rc_error *);
/* What rc_prepare_… left in the API's list of errors becomes the answer. Gives `status` back. */
RC_MUST
enum rc_status api_prepare_failed(struct api_call *, enum rc_status status, struct rc_error *);
/* Makes the request of a submission that came in a text of `nbytes`; its parts live in the arena or borrow from the
 * submission. Complaints go to the API's list, with pointers into the submission. */
RC_MUST
enum rc_status api_prepare(struct api_call *, const struct api_submission *, uint32_t nbytes,
                           struct rc_arena *, struct rc_request *ret, struct rc_error *);
/* The key of the header Idempotency-Key and of the body, which must agree; empty where neither has one. */
RC_MUST
enum rc_status api_find_key(struct api_call *, struct rc_sv in_body, struct rc_sv *ret, struct rc_error *);
