/* What a step asks of the flow that it starts, held against that flow. */
#include "flow/schema.h"
#include "flow/set.h"

#include <stdio.h>

static const struct cel_type text_type = {.kind = CEL_T_STRING};

struct rc_sv flow_root_name(enum flow_root root)
{
    static const char *const name[FLOW_ROOTS] = {
        [FLOW_ROOT_PAYLOAD] = "payload", [FLOW_ROOT_COMMAND] = "command",   [FLOW_ROOT_STEPS] = "steps",
        [FLOW_ROOT_OUTPUTS] = "outputs", [FLOW_ROOT_RESPONSE] = "response", [FLOW_ROOT_ITEM] = "item",
        [FLOW_ROOT_INDEX] = "index",     [FLOW_ROOT_SIGNAL] = "signal",     [FLOW_ROOT_CHILD] = "child",
    };
    return rc_sv_of(name[root]);
}

static enum rc_status say(const struct flow_read *at, const struct flow *started, const char *what,
                          const char *text, struct rc_error *err)
{
    enum rc_status status = rc_fail(err, RC_INVALID, "of the flow '%.*s', which is started here: %s%s",
                                    RC_SV_ARG(started->name), what, text);
    rc_error_at(err, at->line, at->column);
    return status;
}

/* What is worked out later is taken to fit. */
static enum rc_status check_payload(const struct flow_child *child, const struct flow *started,
                                    struct rc_arena *arena, struct rc_error *err)
{
    struct cel_value known; /* numbers are settled in a copy: others read the flow */
    struct rc_error fault = {0};
    if (!started->payload) return RC_OK;
    enum rc_status status = cel_copy(child->known, arena, &known);
    if (status != RC_OK) return rc_fail_arena(err, arena);
    if (flow_validate_known(started->payload, &known, &fault) == RC_OK) return RC_OK;
    char what[RC_ERROR_POINTER + 40];
    snprintf(what, sizeof what, "its payload would not fit: %s: ", fault.pointer[0] ? fault.pointer : "/");
    return say(&child->at, started, what, fault.text, err);
}

/* Checked once more with all that is known of the child; the rest has been checked when the definition was read. */
static enum rc_status check_read(const struct flow_read *read, const struct flow *started,
                                 struct rc_arena *arena, struct rc_error *err)
{
    const struct cel_field part[] = {{RC_SV("state"), &text_type, NULL},
                                     {RC_SV("outputs"), started->gives, NULL}};
    const struct cel_type child = {.kind = CEL_T_OBJECT, .fields = part, .nfields = 2};
    struct cel_field root[FLOW_ROOTS];
    for (unsigned i = 0; i < FLOW_ROOTS; i++)
        root[i] = (struct cel_field){flow_root_name(i), i == FLOW_ROOT_CHILD ? &child : &cel_dyn, NULL};
    const struct cel_scope scope = {.roots = root, .nroots = FLOW_ROOTS};
    const struct cel_prog *prog;
    struct rc_error fault = {0};
    enum rc_status status = cel_compile(read->source, &scope, arena, &prog, &fault);
    if (status == RC_OK) return RC_OK;
    if (status == RC_NOMEM || rc_arena_status(arena) != RC_OK) return rc_fail_arena(err, arena);
    struct flow_read at = *read;
    if (fault.line == 1)
        at.column += fault.column - 1; /* further down it is indented we know not how: its begin */
    return say(&at, started, "", fault.text, err);
}

enum rc_status flow_check_start(const struct flow_child *child, const struct flow *started, uint32_t *io_at,
                                struct rc_arena *arena, struct rc_error *err)
{
    enum rc_status status = RC_OK;
    while (status == RC_OK && *io_at <= child->nreads) {
        uint32_t at = (*io_at)++;
        if (at == 0)
            status = check_payload(child, started, arena, err);
        else if (started->gives)
            status = check_read(&child->reads[at - 1], started, arena, err);
    }
    return status;
}
