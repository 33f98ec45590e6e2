/* How much of what a namespace holds: counted in the commit that changes it. */
#include "store/sqlite/usage.h"

#include <stdlib.h>

static bool is_open(uint32_t state)
{
    return !(rc_store_ended_states() >> state & 1);
}

enum rc_status sq_share(struct sq_conn *conn, const struct rc_touched *touched, uint64_t bytes,
                        struct sq_share *ret, struct rc_error *err)
{
    bool was = !touched->created && is_open(touched->state_before);
    *ret = (struct sq_share){.commands = touched->created,
                             .open = is_open(touched->command->state) - was,
                             .bytes = (int64_t)bytes};
    return sq_name_make(conn, touched->command->id.ns, &ret->ns, err);
}

static int by_namespace(const void *left, const void *right)
{
    const struct sq_share *a = left, *b = right;
    return (a->ns > b->ns) - (a->ns < b->ns);
}

enum rc_status sq_write_usage(struct sq_conn *conn, struct sq_share *share, uint32_t n, struct rc_error *err)
{
    const struct sq_share *end = share + n;
    qsort(share, n, sizeof *share, by_namespace);
    while (share < end) {
        struct sq_share sum = {.ns = share->ns};
        for (; share < end && share->ns == sum.ns; share++) {
            sum.commands += share->commands;
            sum.open += share->open;
            sum.bytes += share->bytes;
        }
        struct sq run = sq_start(conn, SQ_USAGE_ADD);
        sq_u64(&run, sum.ns);
        sq_u64(&run, (uint64_t)sum.commands);
        sq_u64(&run, (uint64_t)sum.open);
        sq_u64(&run, (uint64_t)sum.bytes);
        enum rc_status status = sq_done(&run, "cannot write a namespace's usage", err);
        if (status != RC_OK) return status;
    }
    return RC_OK;
}
