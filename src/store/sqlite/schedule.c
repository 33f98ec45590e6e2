/* Schedules: a row each, written whole. */
#include "store/sqlite/db.h"

enum { DATA_MAX = 64 << 10 };

static enum rc_status set_row(struct sq_conn *conn, const struct rc_schedule *row, struct rc_error *err)
{
    struct sq run = sq_start(conn, SQ_SCHEDULE_SET);
    sq_sv(&run, rc_sv_of(row->flow));
    sq_sv(&run, rc_sv_of(row->id));
    sq_u64(&run, row->planned);
    sq_u64(&run, row->accepted);
    sq_u64(&run, row->paused);
    sq_u64(&run, row->last.seq);
    sq_u64(&run, row->last.nonce);
    sq_u64(&run, row->last_planned);
    sq_u64(&run, row->started);
    sq_u64(&run, row->missed);
    sq_u64(&run, row->skipped);
    sq_u64(&run, row->changed);
    sq_sv_or_null(&run, rc_sv_of(row->fault));
    return sq_done(&run, "cannot write a schedule", err);
}

static enum rc_status drop_row(struct sq_conn *conn, const struct rc_schedule *row, struct rc_error *err)
{
    struct sq run = sq_start(conn, SQ_SCHEDULE_DROP);
    sq_sv(&run, rc_sv_of(row->flow));
    sq_sv(&run, rc_sv_of(row->id));
    return sq_done(&run, "cannot remove a schedule", err);
}

static enum rc_status note(struct sq_conn *conn, const struct rc_schedule_write *write, rc_us now,
                           struct rc_error *err)
{
    struct rc_arena *arena = rc_arena_new(0, DATA_MAX);
    struct rc_audit entry = {0};
    if (!arena) return rc_fail(err, RC_NOMEM, "out of memory");
    enum rc_status status = rc_audit_of_schedule(write, arena, &entry, err);
    if (status == RC_OK) status = sq_audit_add(conn, &entry, now, err);
    rc_arena_free(arena);
    return status;
}

enum rc_status sq_schedules_write(struct sq_conn *conn, const struct rc_batch *batch, struct rc_error *err)
{
    enum rc_status status = RC_OK;
    for (uint32_t i = 0; status == RC_OK && i < batch->nschedules; i++) {
        const struct rc_schedule_write *write = &batch->schedules[i];
        status = write->gone ? drop_row(conn, write->row, err) : set_row(conn, write->row, err);
        if (status == RC_OK && write->by) status = note(conn, write, batch->high_water, err);
    }
    return status;
}

static void get_name(struct sq *run, int column, char ret[RC_MAX_NAME + 1])
{
    struct rc_sv text = sq_get_sv(run, column);
    if (text.n > RC_MAX_NAME) text.n = RC_MAX_NAME;
    if (text.n) memcpy(ret, text.p, text.n);
    ret[text.n] = 0;
}

static void get_row(struct sq *run, struct rc_schedule *ret)
{
    *ret = (struct rc_schedule){.planned = sq_get_u64(run, 2),
                                .accepted = sq_get_u64(run, 3),
                                .paused = sq_get_u64(run, 4) != 0,
                                .last = {sq_get_u64(run, 5), sq_get_u64(run, 6)},
                                .last_planned = sq_get_u64(run, 7),
                                .started = sq_get_u64(run, 8),
                                .missed = sq_get_u64(run, 9),
                                .skipped = sq_get_u64(run, 10),
                                .changed = sq_get_u64(run, 11)};
    get_name(run, 0, ret->flow);
    get_name(run, 1, ret->id);
    struct rc_sv fault = sq_get_sv(run, 12);
    if (fault.n) memcpy(ret->fault, fault.p, fault.n < RC_SCHEDULE_FAULT ? fault.n : RC_SCHEDULE_FAULT - 1);
}

enum rc_status sq_read_schedules(struct rc_reader *reader, struct rc_arena *arena, struct rc_schedule **ret,
                                 uint32_t *ret_n, struct rc_error *err)
{
    struct rc_schedule *rows = NULL;
    uint32_t n = 0, cap = 0;
    struct sq run = sq_start(sq_conn_of(reader), SQ_SCHEDULES);
    while (sq_row(&run)) {
        if (n == cap) {
            struct rc_schedule *more = RC_NEW_ARRAY(arena, struct rc_schedule, cap = cap ? cap * 2 : 16);
            if (!more) break; /* the arena says so below */
            if (n) memcpy(more, rows, n * sizeof *rows);
            rows = more;
        }
        get_row(&run, &rows[n++]);
    }
    enum rc_status status = sq_end(&run, "cannot read the schedules", err);
    if (status == RC_OK && rc_arena_status(arena) != RC_OK) status = rc_fail_arena(err, arena);
    if (status != RC_OK) return status;
    *ret = rows;
    *ret_n = n;
    return RC_OK;
}
