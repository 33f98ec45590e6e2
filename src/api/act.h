#pragma once
/* An operator's action as it comes in a body: what one command's action and a bulk share. */
#include "api/call.h"

struct api_act_body {
    struct rc_sv reason, actor, step, verdict, external_id, key, owner, due, digest, answer;
    struct cel_value outputs, payload, refs, version;
};

/* Checks what belongs to the action and fills in who acts. Errors have pointers into the body. */
RC_MUST
enum rc_status api_read_act(struct api_call *, enum rc_action, const struct api_act_body *,
                            struct rc_act *ret, struct rc_error *);
/* Whether it can be the name of a step: an id, or a path like "orders[3].pay". Empty is. */
bool api_is_path(struct rc_sv);
/* If-Match holds the ETag of the thing as the operator saw it; "*" or no header means any: 0. */
RC_MUST
enum rc_status api_read_if_match(const struct api_call *, uint32_t *ret_rev, struct rc_error *);
