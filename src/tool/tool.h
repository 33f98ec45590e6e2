#pragma once
/* Commands that work without a server. Each takes the parsed command line of its row in cli/commands.c, writes to
 * standard output and standard error, and returns an exit code (enum cli_exit). Single-threaded. */
#include "cel/cel.h"
#include "cli/cli.h"
#include "cli/screen.h"

/* recourse eval */
int tool_eval(const struct cli_args *);
/* recourse worker: until SIGTERM or SIGINT; then what is under way is brought to its end */
int tool_worker(const struct cli_args *);

struct tool_value {
    struct cel_value value;
    struct rc_sv type; /* the static type: what is known without the context's values */
};

/* Evaluates one expression; the members of `context` (a map, or null for none) are its roots, of any type. Nothing is
 * borrowed from `source`; the value may borrow from the context and the arena. Errors: those of cel_compile and cel_eval,
 * with line and column in `source`; RC_INVALID (the context is no object), RC_LIMIT (it has more than RC_MAX_CONTEXT
 * members). */
RC_MUST
enum rc_status tool_evaluate(struct rc_sv source, struct cel_value context, struct rc_arena *,
                             struct tool_value *ret, struct rc_error *);

/* A value as JSON that a terminal may show: DEL and the controls of Unicode are written as \u escapes, too. */
void tool_put_json(struct rc_buf *, struct cel_value);

/* The line of `source` that an error points to, cut to the screen's width around the column, with a mark below it. Nothing
 * where the error has no place in it. */
void tool_put_place(struct screen *, struct rc_sv source, const struct rc_error *);
