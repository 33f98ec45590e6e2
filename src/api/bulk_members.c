/* The membership of a bulk: which commands it is about, and what its action would come to for each of them. Asked of the same core
 * that acts later, so that a preview cannot promise what an action then refuses, unless the command has moved. */
#include "api/bulk.h"
#include "engine/load.h"

#include <stdio.h>

enum { WORK_FIRST = 1 << 20, WORK_MAX = 256 << 20, UNDO_BYTES = 128 << 10 };

struct gathering {
    struct api_call *call;
    const struct api_selection *want;
    struct rc_reader *reader;
    struct rc_arena *work; /* of one page, then of one command at a time */
    struct rc_bulk *bulk;
    struct rc_bulk_item *items;
    uint32_t n;
    uint64_t records; /* of their histories, together */
};

static void take(struct gathering *to, const struct rc_row *row)
{
    to->items[to->n] = (struct rc_bulk_item){
        .n = to->n + 1, .seq = row->seq, .nonce = row->nonce, .rev = row->rev, .state = row->state};
    to->records += row->rev;
    to->n++;
}

/* ---- by list -------------------------------------------------------------------------------------------------------- */

static bool is_twice(const struct gathering *to, uint64_t seq)
{
    for (uint32_t i = 0; i < to->n; i++)
        if (to->items[i].seq == seq) return true;
    return false;
}

static enum rc_status take_id(struct gathering *to, uint32_t at, struct rc_error *err)
{
    struct api_call *call = to->call;
    struct cel_value text = to->want->ids.v.items[at];
    char pointer[32];
    struct rc_row row;
    struct rc_id id;
    snprintf(pointer, sizeof pointer, "/ids/%u", at);
    if (text.kind != CEL_STRING || !rc_id_parse(cel_text(text), &id)) {
        api_complain(call, pointer, "is no id of a command");
        return RC_OK;
    }
    enum rc_status status = rc_read_row(to->reader, id.seq, to->work, &row, err);
    bool there = status == RC_OK && (uint32_t)row.nonce == id.check && rc_sv_eq(row.ns, call->who.ns);
    if (status == RC_NOT_FOUND || (status == RC_OK && !there)) {
        api_complain(call, pointer, "there is no such command");
        return RC_OK;
    }
    if (status != RC_OK) return status;
    if (is_twice(to, id.seq))
        api_complain(call, pointer, "stands there twice");
    else
        take(to, &row);
    return RC_OK;
}

static enum rc_status take_ids(struct gathering *to, struct rc_error *err)
{
    enum rc_status status = RC_OK;
    for (uint32_t i = 0; status == RC_OK && i < to->want->ids.n; i++) {
        rc_arena_reset(to->work);
        status = take_id(to, i, err);
    }
    return status == RC_OK ? api_complaints(to->call, err) : status;
}

/* ---- by filter ------------------------------------------------------------------------------------------------------ */

/* Newest first, page by page. What lies behind the last page that may be looked at is said to be there, perhaps. */
static enum rc_status take_filter(struct gathering *to, struct rc_error *err)
{
    struct rc_filter filter = *to->want->filter;
    uint64_t next = 1;
    for (unsigned page = 0; next && to->n < to->want->limit && page < RC_MAX_BULK_PAGES; page++) {
        struct rc_row *rows = NULL;
        uint32_t n = 0;
        rc_arena_reset(to->work);
        enum rc_status status =
            rc_read_list(to->reader, &filter, to->work, to->want->limit - to->n, &rows, &n, &next, err);
        if (status != RC_OK) return status;
        for (uint32_t i = 0; i < n; i++) take(to, &rows[i]);
        filter.before = next;
    }
    to->bulk->more = next != 0;
    return RC_OK;
}

/* ---- what would come of it ------------------------------------------------------------------------------------------ */

static enum rc_status put_undoes(struct gathering *to, const struct rc_command *command,
                                 struct rc_bulk_item *item, struct rc_error *err)
{
    struct rc_undo_plan plan;
    enum rc_status status = rc_command_undo_plan(command, to->want->act.step, to->work, &plan, err);
    if (status != RC_OK) return status;
    struct rc_buf text = rc_buf_in(to->call->arena, UNDO_BYTES);
    struct rc_json json = {.buf = &text};
    rc_json_array(&json, NULL);
    struct rc_path path;
    for (uint32_t i = 0; i < plan.n && i < RC_MAX_SHOWN_STEPS; i++)
        rc_json_sv(&json, NULL, rc_view_step_name(command, plan.node[i], &path));
    if (plan.n > RC_MAX_SHOWN_STEPS)
        rc_json_sv(&json, NULL, rc_text(to->work, "and %u more", plan.n - RC_MAX_SHOWN_STEPS));
    rc_json_end_array(&json);
    if (text.status != RC_OK) return rc_fail(err, text.status, "the undos of a command cannot be listed");
    item->undoes = rc_buf_sv(&text);
    return RC_OK;
}

static enum rc_status look_at(struct gathering *to, struct rc_bulk_item *item, struct rc_error *err)
{
    const struct flow_set *set = rc_engine_definitions(to->call->api->options.engine);
    struct rc_command command;
    struct rc_error why;
    rc_arena_reset(to->work);
    enum rc_status status = rc_load_command(to->reader, set, item->seq, to->work, &command, NULL, NULL, err);
    if (status != RC_OK) return status;
    item->rev = command.rev; /* it may have moved since its row was read */
    item->state = command.state;
    status = api_would(to->reader, set, &command, &to->want->act, to->work, &why);
    if (status == RC_NOMEM || status == RC_LIMIT || status == RC_BUG)
        return rc_fail(err, status, "%s", why.text);
    item->allowed = status == RC_OK;
    to->bulk->allowed += item->allowed;
    if (item->allowed)
        return to->want->act.action == RC_ACTION_ROLL_BACK ? put_undoes(to, &command, item, err) : RC_OK;
    item->why = rc_copy_sv(to->call->arena, rc_sv_of(why.text));
    return item->why.p ? RC_OK : rc_fail_arena(err, to->call->arena);
}

static enum rc_status gather(struct gathering *to, struct rc_error *err)
{
    to->items = RC_NEW_ARRAY(to->call->arena, struct rc_bulk_item, to->want->limit);
    if (!to->items) return rc_fail_arena(err, to->call->arena);
    enum rc_status status = to->want->filter ? take_filter(to, err) : take_ids(to, err);
    if (status == RC_OK && to->records > RC_MAX_BULK_LOOK)
        status = rc_fail(
            err, RC_LIMIT,
            "the histories of these %u commands have %llu records together, and a preview may read %d: "
            "take fewer commands",
            to->n, (unsigned long long)to->records, RC_MAX_BULK_LOOK);
    for (uint32_t i = 0; status == RC_OK && i < to->n; i++) status = look_at(to, &to->items[i], err);
    return status;
}

enum rc_status api_bulk_members(struct api_call *call, const struct api_selection *want,
                                struct rc_bulk *io_bulk, struct rc_bulk_item **ret_items,
                                struct rc_error *err)
{
    struct gathering to = {
        .call = call, .want = want, .bulk = io_bulk, .work = rc_arena_new(WORK_FIRST, WORK_MAX)};
    if (!to.work) return rc_fail(err, RC_NOMEM, "out of memory");
    enum rc_status status = api_borrow(&call->job, &to.reader, err);
    if (status == RC_OK) {
        status = gather(&to, err);
        api_return(&call->job, to.reader);
    }
    rc_arena_free(to.work);
    if (status != RC_OK) return status;
    io_bulk->total = io_bulk->count[RC_ITEM_OPEN] = to.n;
    *ret_items = to.items;
    return RC_OK;
}
