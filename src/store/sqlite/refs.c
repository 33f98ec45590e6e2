/* Refs: where the commands with one are found. Those of every command stand in `ref`, in buckets (hash.h), but for the newest (fresh.c); to find few among millions there,
 * every bucket has to be asked. What people look for most are commands that did not come to their end as they should, and of these there
 * are few: their refs stand in `attention`, too, by state, as long as the command is in it. */
#include "store/sqlite/refs.h"

static enum rc_status take_out(struct sq_conn *conn, uint64_t place, struct rc_error *err)
{
    struct sq run = sq_start(conn, SQ_PURGE_REF);
    sq_u64(&run, place);
    return sq_done(&run, "cannot write a ref", err);
}

static enum rc_status pay_attention(struct sq_conn *conn, enum sq_statement which, uint64_t hash,
                                    uint32_t state, uint64_t seq, struct rc_error *err)
{
    struct sq run = sq_start(conn, which);
    sq_u64(&run, hash);
    sq_u64(&run, state);
    sq_u64(&run, seq);
    return sq_done(&run, "cannot write a ref", err);
}

uint32_t sq_refs_count(struct cel_value refs)
{
    return refs.kind == CEL_MAP ? refs.n : 0;
}

uint64_t sq_refs_hash(struct cel_value refs, uint32_t i)
{
    const struct cel_value *pair = &refs.v.items[2 * (size_t)i];
    return sq_ref_hash(cel_text(pair[0]), cel_text(pair[1]));
}

enum rc_status sq_attention_move(struct sq_conn *conn, const struct rc_touched *touched, struct rc_error *err)
{
    const struct rc_identity *id = &touched->command->id;
    uint32_t before = touched->state_before, after = touched->command->state;
    bool leaves = !touched->created && sq_attention(before), enters = sq_attention(after);
    enum rc_status status = RC_OK;
    if ((!leaves && !enters) || (leaves && before == after)) return RC_OK; /* nearly always */
    for (uint32_t i = 0; status == RC_OK && i < sq_refs_count(id->refs); i++) {
        uint64_t hash = sq_refs_hash(id->refs, i);
        if (leaves) status = pay_attention(conn, SQ_ATTENTION_DROP, hash, before, id->seq, err);
        if (status == RC_OK && enters)
            status = pay_attention(conn, SQ_ATTENTION_ADD, hash, after, id->seq, err);
    }
    return status;
}

enum rc_status sq_refs_drop(struct sq_conn *conn, struct cel_value refs, uint64_t seq, uint32_t state,
                            struct rc_error *err)
{
    enum rc_status status = RC_OK;
    for (uint32_t i = 0; status == RC_OK && i < sq_refs_count(refs); i++) {
        uint64_t hash = sq_refs_hash(refs, i);
        status = take_out(conn, sq_place(hash, seq, SQ_REF_BUCKET), err);
        if (status == RC_OK && sq_attention(state))
            status = pay_attention(conn, SQ_ATTENTION_DROP, hash, state, seq, err);
    }
    return status;
}
