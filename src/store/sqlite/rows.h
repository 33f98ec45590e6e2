#pragma once
/* New rows of small numbers, gathered while a batch is gone through (rows.c). Within a transaction of the writer; one that is rolled back takes
 * its sq_rows along. */
#include "store/sqlite/db.h"

/* SQ_GROUP rows are one statement. */
enum { SQ_GROUP = 12, SQ_ROW_COLUMNS = 5 };
#define SQ_GROUP_OF(row)                                                                                     \
    row ", " row ", " row ", " row ", " row ", " row ", " row ", " row ", " row ", " row ", " row ", " row

struct sq_rows {
    struct sq_conn *conn;
    enum sq_statement one, group;
    uint32_t columns, n; /* columns: at most SQ_ROW_COLUMNS */
    const char *doing;   /* for messages */
    uint64_t cell[SQ_GROUP * SQ_ROW_COLUMNS];
};

/* Adds a row. What fails may be another row of its group. */
RC_MUST
enum rc_status sq_rows_add(struct sq_rows *, const uint64_t *cells, struct rc_error *);
/* Writes what is left. */
RC_MUST
enum rc_status sq_rows_end(struct sq_rows *, struct rc_error *);
