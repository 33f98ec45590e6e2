/* The store's whole sequence of changes, for those who follow it. History is kept in this order, so that a page is a range of
 * one table; each row's command is found by number. */
#include "store/sqlite/db.h"

static enum rc_status news_of(struct sq_conn *conn, const struct sq *run, struct rc_arena *arena,
                              struct rc_news *ret, struct rc_error *err)
{
    const struct rc_stored stored = {.change = sq_get_u64(run, 0),
                                     .rev = (uint32_t)sq_get_u64(run, 2),
                                     .at = sq_get_u64(run, 3),
                                     .cause = (uint8_t)sq_get_u64(run, 4),
                                     .node = (uint32_t)sq_get_u64(run, 5),
                                     .attempt = (uint16_t)sq_get_u64(run, 6),
                                     .purpose = (uint8_t)sq_get_u64(run, 7),
                                     .body = sq_get_sv(run, 8),
                                     .changes = sq_get_sv(run, 9)};
    struct rc_sv ns = {0}, type = {0};
    enum rc_status status = sq_name_text(conn, sq_get_u64(run, 12), &ns, err);
    if (status == RC_OK) ns = rc_copy_sv(arena, ns); /* before the next name */
    if (status == RC_OK) status = sq_name_text(conn, sq_get_u64(run, 13), &type, err);
    if (status != RC_OK) return status;
    *ret = (struct rc_news){.seq = sq_get_u64(run, 1),
                            .nonce = sq_get_u64(run, 10),
                            .flow = sq_get_u64(run, 11),
                            .ns = ns,
                            .type = rc_copy_sv(arena, type),
                            .key = rc_copy_sv(arena, sq_get_sv(run, 14))};
    if (!ret->ns.p || !ret->type.p || !ret->key.p) return rc_fail_arena(err, arena);
    status = rc_store_news(&stored, arena, ret, err);
    return status == RC_DAMAGED ? rc_fail_prefix(err, status, "%s", conn->path) : status;
}

enum rc_status sq_read_changes(struct rc_reader *reader, uint64_t after, struct rc_arena *arena, uint32_t cap,
                               struct rc_news **ret, uint32_t *ret_n, struct rc_error *err)
{
    struct sq_conn *conn = sq_conn_of(reader);
    struct rc_news *news = RC_NEW_ARRAY(arena, struct rc_news, cap);
    if (!news) return rc_fail_arena(err, arena);
    enum rc_status status = sq_read_begin(conn, err);
    if (status != RC_OK) return status;
    uint32_t n = 0;
    struct sq run = sq_start(conn, SQ_CHANGES);
    sq_u64(&run, RC_CAUSE_ACTION);
    sq_u64(&run, after);
    sq_u64(&run, cap);
    while (status == RC_OK && n < cap && sq_row(&run)) {
        status = news_of(conn, &run, arena, &news[n], err);
        if (status == RC_OK) n++;
    }
    enum rc_status ended = sq_end(&run, "cannot read the changes", status == RC_OK ? err : NULL);
    sq_read_end(conn);
    if (status == RC_OK) status = ended;
    if (status != RC_OK) return status;
    *ret = news;
    *ret_n = n;
    return RC_OK;
}
