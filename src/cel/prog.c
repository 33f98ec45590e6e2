/* Programs: compiling, and what can be asked of one. */
#include "cel/node.h"

#include "base/limits.h"
#include "base/utf8.h"

enum rc_status cel_compile(struct rc_sv source, const struct cel_scope *scope, struct rc_arena *arena,
                           const struct cel_prog **ret_prog, struct rc_error *err)
{
    if (source.n > RC_MAX_EXPR)
        return rc_fail(err, RC_LIMIT, "the expression is longer than %d bytes", RC_MAX_EXPR);
    for (uint32_t at = 0, n; at < source.n; at += n)
        if (!(n = rc_utf8_length(source.p + at, source.n - at)))
            return cel_fail_at(err, source, at, RC_SYNTAX, "the expression is not UTF-8");
    struct cel_prog *prog = RC_NEW(arena, struct cel_prog);
    struct rc_sv copy = rc_copy_sv(arena, source);
    if (!prog || !copy.p) return rc_fail_arena(err, arena);
    prog->source = copy;
    struct cel_node *root = NULL;
    enum rc_status status = cel_parse(copy, arena, &root, err);
    if (status == RC_OK) status = cel_check(prog, root, scope, arena, err);
    if (status == RC_OK) *ret_prog = prog;
    return status;
}

const struct cel_type *cel_prog_type(const struct cel_prog *prog)
{
    return prog->type;
}

struct rc_sv cel_prog_source(const struct cel_prog *prog)
{
    return prog->source;
}

bool cel_prog_reads(const struct cel_prog *prog, uint32_t root)
{
    return root < prog->nroots && prog->reads[root];
}
