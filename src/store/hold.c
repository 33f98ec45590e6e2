/* Holds: the public functions, and what the audit says of them; the same for every implementation. */
#include "store/driver.h"

#include "codec/write.h"

struct rc_origin rc_store_origin(const struct rc_store *store)
{
    return store->driver->origin(store);
}

static bool sound(const struct rc_hold *hold)
{
    const uint64_t numbers[] = {hold->from,     hold->until,  hold->released, hold->watch,   hold->commands,
                                hold->attempts, hold->checks, hold->repeats,  hold->reviews, hold->bulks};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i] > INT64_MAX) return false;
    return hold->cause > RC_HELD_NONE && hold->cause < RC_HELDS && hold->seq <= RC_SEQ_MAX &&
           hold->left <= RC_SEQ_MAX + 1;
}

enum rc_status rc_store_hold(struct rc_store *store, const struct rc_hold_write *what, uint64_t *ret_id,
                             struct rc_error *err)
{
    uint64_t id = what->hold->id;
    enum rc_status status = rc_store_usable(store, err);
    if (status != RC_OK) return status;
    if (!sound(what->hold)) return rc_fail(err, RC_BUG, "the hold has a number that cannot be stored");
    status = rc_store_settle(store, store->driver->hold(store, what, &id, err));
    if (status == RC_OK && ret_id) *ret_id = id;
    return status;
}

enum rc_status rc_read_holds(struct rc_reader *reader, struct rc_arena *arena, struct rc_hold **ret,
                             uint32_t *ret_n, struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    return status == RC_OK ? reader->driver->holds(reader, arena, ret, ret_n, err) : status;
}

enum rc_status rc_audit_of_hold(const struct rc_hold_write *what, struct rc_arena *arena,
                                struct rc_audit *ret, struct rc_error *err)
{
    enum { DATA_MAX = 16 << 10 };
    const struct rc_author server = {.subject = RC_SV("recourse")};
    const struct rc_hold *hold = what->hold;
    struct rc_buf buf = rc_buf_in(arena, DATA_MAX);
    struct rc_json json = {.buf = &buf};
    rc_json_object(&json, NULL);
    rc_audit_put_author(&json, what->by ? what->by : &server);
    rc_json_text(&json, "cause", rc_held_word(hold->cause).slug);
    if (hold->from) rc_json_time(&json, "from", hold->from);
    rc_json_time(&json, "until", hold->until);
    if (hold->released) {
        rc_json_u64(&json, "commands", hold->commands);
        rc_json_u64(&json, "reviews", hold->reviews);
        rc_json_time(&json, "watch", hold->watch);
    }
    rc_json_end_object(&json);
    if (buf.status != RC_OK) return rc_fail(err, buf.status, "the entry of the audit cannot be made");
    *ret = (struct rc_audit){.kind = RC_AUDIT_HOLD,
                             .action = hold->released ? RC_DEED_STOP : RC_DEED_START,
                             .data = rc_buf_sv(&buf)};
    return RC_OK;
}

bool rc_hold_points_out(const struct rc_hold *hold, uint64_t seq, bool ended, rc_us created, rc_us changed,
                        rc_us now, bool *ret_new)
{
    bool new = seq > hold->seq &&created >= hold->until;
    bool open = seq <= hold->seq && (!ended || changed >= hold->until);
    rc_us at = new ? created : now;
    *ret_new = new;
    return hold->id && (new || open) && !(hold->released && at >= hold->watch);
}
