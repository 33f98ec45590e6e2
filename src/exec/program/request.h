#pragma once
/* One program to run, ready for execve. */
#include "exec/text.h"

struct program_request {
    const char *path, *directory;
    char *const *argv, *const *envp;
    bool has_input; /* else stdin is /dev/null */
    struct rc_sv input;
    bool json; /* stdout is JSON, else text */
    struct exec_secrets secrets;
};

/* Builds what an effect asks for; everything lives in the arena and may borrow from the effect. Secrets are filled in here and
 * nowhere else; no error text holds one.
 * A status that is retryable (rc_status_retryable) may go away by itself; any other needs somebody to mend the flow, the dependency
 * or the server's configuration. */
RC_MUST
enum rc_status program_request_build(const struct rc_effect *, const struct rc_program_options *,
                                     struct rc_arena *, struct program_request *ret, struct rc_error *);
