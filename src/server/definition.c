/* A stored definition, parsed. */
#include "defs/defs.h"
#include "engine/prepare.h"
#include "engine/request.h"
#include "server/admin.h"

enum rc_status definition_parse(const struct rc_definition *row, struct rc_arena *arena,
                                struct rc_new_definition *ret, struct rc_error *err)
{
    struct defs_errors *errors = RC_NEW(arena, struct defs_errors);
    if (!errors) return rc_fail_arena(err, arena);
    struct defs_one *one = NULL;
    uint32_t n = 0;
    enum rc_status status =
        defs_parse((struct defs_file){row->source, row->text, .stored = true}, arena, &one, &n, errors);
    if (status == RC_OK && n != 1) status = RC_DAMAGED;
    if (status != RC_OK) {
        const char *why = errors->n ? errors->error[0].text : "it is not one definition";
        return rc_fail(err, status, "stored %s %.*s version %u cannot be read: %s", defs_kind_word(row->kind),
                       RC_SV_ARG(row->name), row->version, why);
    }
    *ret = (struct rc_new_definition){.row = *row, .flow = one->flow, .dependency = one->dependency};
    if (one->flow) {
        one->flow->id = row->id;
        one->flow->version = row->version;
    }
    if (one->dependency) {
        one->dependency->id = row->id;
        one->dependency->version = row->version;
    }
    return RC_OK;
}
