#pragma once
/* From the texts of definitions to a request that brings them into force: what POST /v1/definitions and the
 * server's own directory of definitions share. */
#include "api/api.h"
#include "defs/defs.h"

struct rc_apply {
    struct defs_change *changes;
    uint32_t n;
    uint32_t added, changed, kept, removed; /* removed: only where pruning was asked for */
};

/* Reads the files, compares them with what is in force, and fills in the request (kind, u.define), whose parts
 * live in the arena or borrow from the files. Without `prune` what the files do not have is kept. Nothing is to
 * be posted where added, changed and removed are 0. Errors in definitions: the status of the first, all of them
 * in ret_errors (n is 0 where the error is another one). What the floor does not allow is an
 * error of the definition. What a flow calls may be in the files or, without `prune`, in force.
 * The reader is given back before the files are read. */
RC_MUST
enum rc_status rc_apply_plan(const struct rc_shelf *, const struct rc_floor *, const struct defs_file *,
                             uint32_t nfiles, bool prune, struct rc_arena *, struct rc_apply *ret,
                             struct rc_request *ret_request, struct defs_errors *ret_errors,
                             struct rc_error *);
