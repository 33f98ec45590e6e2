/* Lines of an export, as `recourse import` reads them, into a store in memory. Whatever comes is taken or refused with the number of its line;
 * what the store is given fits it, each command once, in the order of their numbers; and the second time it is the same. */
#include "fuzz.h"

#include "base/id.h"
#include "base/limits.h"
#include "engine/load.h"
#include "server/exports.h"

#include <stdio.h>

struct sink {
    struct rc_memory_disk *disk;
    struct rc_store *store;
    uint64_t last, rows, commands;
};

static void follows(struct sink *sink, uint64_t seq)
{
    FUZZ_LAW(seq > sink->last && seq <= RC_SEQ_MAX);
    sink->last = seq;
}

static enum rc_status row(void *context, const struct rc_import *row, struct rc_error *err)
{
    struct sink *sink = context;
    (void)err;
    FUZZ_LAW((row->ns != NULL) + (row->definition != NULL) + (row->purged != NULL) + (row->entry != NULL) +
                 (row->stopped != NULL) ==
             1);
    FUZZ_LAW(!row->high && !row->note && !row->mark);
    if (row->ns) FUZZ_LAW(row->ns->name.n && row->ns->name.n <= RC_MAX_NAME);
    if (row->definition) FUZZ_LAW(row->definition->id && row->definition->version && row->definition->name.n);
    if (row->purged) follows(sink, row->purged->seq);
    if (row->entry) FUZZ_LAW(row->entry->number && row->entry->what.data.n <= RC_MAX_RECORD);
    sink->rows++;
    return RC_OK;
}

/* What the records say is what the store says then; a batch that it could not take would be a bug. */
static enum rc_status command(void *context, const struct rc_batch *batch, struct rc_error *err)
{
    struct sink *sink = context;
    struct rc_row kept;
    if (batch->nschedules) {
        FUZZ_LAW(batch->nschedules == 1 && !batch->ntouched && batch->imported);
        return rc_store_commit(sink->store, batch, err);
    }
    if (batch->signals.n) {
        const struct rc_signal *one = batch->signals.signals;
        FUZZ_LAW(batch->signals.n == 1 && !batch->ntouched && batch->imported);
        FUZZ_LAW(one->number && one->ns.n && one->name.n && one->id.n && one->key.n);
        enum rc_status status = rc_store_commit(sink->store, batch, err);
        FUZZ_LAW(status == RC_OK || status == RC_NOMEM);
        return status;
    }
    FUZZ_LAW(batch->ntouched == 1 && batch->imported && batch->touched[0].created);
    const struct rc_command *made = batch->touched[0].command;
    follows(sink, made->id.seq);
    enum rc_status status = rc_store_commit(sink->store, batch, err);
    FUZZ_LAW(status == RC_OK || status == RC_NOMEM);
    if (status != RC_OK) return status;
    struct rc_arena *arena = rc_arena_new(0, FUZZ_MEMORY);
    FUZZ_LAW(arena && rc_read_row(rc_store_self(sink->store), made->id.seq, arena, &kept, NULL) == RC_OK);
    FUZZ_LAW(kept.rev == batch->nrecords && kept.state == made->state && rc_sv_eq(kept.key, made->id.key));
    rc_arena_free(arena);
    sink->commands++;
    return RC_OK;
}

static bool is_purged(void *context, uint64_t seq)
{
    (void)context;
    return seq % 2;
}

static enum rc_status import(struct rc_sv input, struct sink *sink, struct import_end *ret,
                             struct rc_error *err)
{
    const struct import_sink to = {sink, row, command, is_purged};
    FILE *file = fmemopen((void *)(uintptr_t)input.p, input.n, "r");
    *sink = (struct sink){.disk = rc_memory_disk_new()};
    FUZZ_LAW(file && sink->disk && rc_memory_open(sink->disk, &sink->store, NULL) == RC_OK);
    enum rc_status status = import_lines(file, "x", &to, ret, err);
    rc_store_close(sink->store);
    rc_memory_disk_free(sink->disk);
    (void)fclose(file);
    return status;
}

void fuzz_input(struct rc_sv input, struct rc_arena *arena)
{
    static const char place[] = "x, line ";
    struct import_end first = {0}, second = {0};
    struct rc_error err = {0}, same = {0};
    struct sink sink, again;
    (void)arena;
    if (!input.n) return;
    enum rc_status status = import(input, &sink, &first, &err);
    if (status == RC_OK) {
        FUZZ_LAW(first.commands == sink.commands && sink.last <= first.high.seq &&
                 first.high.audit == first.entries);
    } else {
        FUZZ_LAW(status == RC_INVALID || status == RC_SYNTAX || status == RC_NEWER || status == RC_LIMIT ||
                 status == RC_UNSUPPORTED || status == RC_NOMEM);
        FUZZ_LAW(err.status == status && memcmp(err.text, place, sizeof place - 1) == 0);
        FUZZ_LAW(memchr(err.text, 0, sizeof err.text));
    }
    FUZZ_LAW(import(input, &again, &second, &same) == status && strcmp(err.text, same.text) == 0);
    FUZZ_LAW(sink.rows == again.rows && sink.commands == again.commands && sink.last == again.last);
}
