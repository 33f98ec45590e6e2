/* New rows of one table, a group in one statement: to begin and to end a statement costs as much as it costs to write one of the small rows of
 * keys, refs and work. What does not fill a group is written row by row, so that two statements are enough. */
#include "store/sqlite/rows.h"

static enum rc_status write(struct sq_rows *rows, enum sq_statement which, uint32_t from, uint32_t n,
                            struct rc_error *err)
{
    struct sq run = sq_start(rows->conn, which);
    for (uint32_t i = from * rows->columns; i < (from + n) * rows->columns; i++) sq_u64(&run, rows->cell[i]);
    return sq_done(&run, rows->doing, err);
}

enum rc_status sq_rows_add(struct sq_rows *rows, const uint64_t *cells, struct rc_error *err)
{
    memcpy(&rows->cell[(size_t)rows->n * rows->columns], cells, rows->columns * sizeof *cells);
    if (++rows->n < SQ_GROUP) return RC_OK;
    rows->n = 0;
    return write(rows, rows->group, 0, SQ_GROUP, err);
}

enum rc_status sq_rows_end(struct sq_rows *rows, struct rc_error *err)
{
    enum rc_status status = RC_OK;
    for (uint32_t i = 0; status == RC_OK && i < rows->n; i++) status = write(rows, rows->one, i, 1, err);
    rows->n = 0;
    return status;
}
