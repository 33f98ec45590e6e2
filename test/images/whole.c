/* A store held against itself. */
#include "whole.h"

#include "base/limits.h"
#include "stage.h"

static struct rc_error err;

static const char *say(const struct rc_row *row, const char *what)
{
    (void)!rc_fail(&err, RC_DAMAGED, "command %llu: %s", (unsigned long long)row->seq, what);
    return err.text;
}

static const char *key_fault(struct rc_reader *reader, const struct rc_row *row)
{
    struct rc_key_match match;
    if (rc_read_key(reader, row->ns, row->type, row->key, &match, &err) != RC_OK) return err.text;
    return match.seq == row->seq && match.nonce == row->nonce ? NULL : say(row, "its key leads to another");
}

static const char *history_fault(struct rc_reader *reader, const struct rc_row *row, struct rc_arena *arena)
{
    struct rc_identity id;
    struct rc_record *records = NULL;
    uint32_t n = 0;
    uint8_t state = RC_ABSENT;
    if (rc_read_history(reader, row->seq, 0, RC_MAX_HISTORY, arena, &id, &records, &n, &err) != RC_OK)
        return err.text;
    for (uint32_t i = 0; i < n; i++) {
        if (records[i].rev != i + 1) return say(row, "its history has a gap");
        for (uint32_t k = 0; k < records[i].nchanges; k++)
            if (records[i].changes[k].kind == RC_CHANGE_STATE) state = records[i].changes[k].u.state;
    }
    if (n != row->rev) return say(row, "its history has not as many records as its row says");
    return state == row->state ? NULL : say(row, "its history leads to another state than its row");
}

static const char *rows_fault(struct rc_reader *reader, struct rc_arena *page, struct rc_arena *one)
{
    struct rc_filter filter = {0};
    const char *why = NULL;
    do {
        struct rc_row *rows;
        uint32_t n;
        rc_arena_reset(page);
        if (rc_read_list(reader, &filter, page, RC_MAX_PAGE, &rows, &n, &filter.before, &err) != RC_OK)
            return err.text;
        for (uint32_t i = 0; !why && i < n; i++) {
            rc_arena_reset(one);
            why = key_fault(reader, &rows[i]);
            if (!why) why = history_fault(reader, &rows[i], one);
        }
    } while (!why && filter.before);
    return why;
}

const char *store_fault(const char *path)
{
    struct rc_holdings kept;
    struct rc_reader *reader = NULL;
    if (rc_sqlite_check(path, &kept, &err) != RC_OK) return err.text;
    if (rc_sqlite_look(path, &reader, &err) != RC_OK) return err.text;
    struct rc_arena *page = must(rc_arena_new(1 << 16, 64 << 20)),
                    *one = must(rc_arena_new(1 << 16, 64 << 20));
    const char *why = rows_fault(reader, page, one);
    rc_arena_free(page);
    rc_arena_free(one);
    rc_reader_close(reader);
    return why;
}
