#pragma once
/* One outgoing request, ready for the wire. */
#include "exec/exec.h"

#include <curl/curl.h>

struct http_request {
    const char *method; /* static */
    const char *url;
    struct curl_slist *headers;
    bool with_body;
    struct rc_sv body;
    const struct rc_sv *secret; /* texts that must not be seen in what comes back */
    uint32_t nsecret;
};

/* Builds the request of an effect; everything lives in the arena and may borrow from the effect. Secrets are
 * filled in here and nowhere else; no error text holds one.
 * A status that is retryable (rc_status_retryable) may go away by itself (RC_NOMEM, a store of secrets that is
 * away); any other needs somebody to mend the flow or the dependency. */
RC_MUST
enum rc_status http_request_build(const struct rc_effect *, const struct rc_http_options *, struct rc_arena *,
                                  struct http_request *ret, struct rc_error *);
