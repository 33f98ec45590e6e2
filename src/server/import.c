/* recourse import: a new store of an export (import_lines.c), stored by the same commit as everywhere. The store is made under another name,
 * and put in place when all of it has come and passed the check: whatever is wrong leaves nothing behind. */
#include "server/admin.h"
#include "server/exports.h"

#include "codec/write.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

struct importing {
    FILE *in;
    const char *from;
    struct rc_store *store;
    struct import_end end;
    struct rc_error err;
};

/* ---- the store ----------------------------------------------------------------------------------------- */

static enum rc_status put_row(void *context, const struct rc_import *row, struct rc_error *err)
{
    return rc_sqlite_import(((struct importing *)context)->store, row, err);
}

static enum rc_status put_command(void *context, const struct rc_batch *batch, struct rc_error *err)
{
    struct rc_store *store = ((struct importing *)context)->store;
    enum rc_status status = rc_store_commit(store, batch, err);
    rc_store_follow_up(store);
    return status;
}

static bool is_purged(void *context, uint64_t seq)
{
    struct rc_purged left;
    return rc_read_purged(rc_store_self(((struct importing *)context)->store), seq, &left, NULL) == RC_OK;
}

static enum rc_status add_note(struct importing *in)
{
    char data[160];
    int n = snprintf(data, sizeof data, "{\"commands\":%llu,\"entries\":%llu}",
                     (unsigned long long)in->end.commands, (unsigned long long)in->end.entries);
    const struct rc_audit note = {
        .kind = RC_AUDIT_IMPORT, .action = RC_DEED_ADD, .data = {data, (uint32_t)n}};
    return put_row(in, &(struct rc_import){.note = &note, .now = rc_clock_wall()}, &in->err);
}

static enum rc_status fill(struct importing *in, const char *part)
{
    const struct rc_sqlite_options options = {
        .path = part, .reserve = 1, .unsafe_no_sync = true}; /* synced as a whole */
    const struct import_sink sink = {in, put_row, put_command, is_purged};
    enum rc_status status = rc_sqlite_open(&options, &in->store, &in->err);
    if (status == RC_OK) status = import_lines(in->in, in->from, &sink, &in->end, &in->err);
    if (status == RC_OK) status = put_row(in, &(struct rc_import){.high = &in->end.high}, &in->err);
    const struct rc_origin mark = {RC_HELD_IMPORT, in->end.high.high_water};
    if (status == RC_OK) status = put_row(in, &(struct rc_import){.mark = &mark}, &in->err);
    if (status == RC_OK) status = add_note(in);
    if (in->store) rc_store_close(in->store);
    return status;
}

static void remove_beside(const char *part, bool all)
{
    static const char *const suffixes[] = {"-journal", "-wal", "-shm", ".lock", ".reserve", ".life", ""};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes - !all; i++) {
        char name[PATH_MAX];
        snprintf(name, sizeof name, "%s%s", part, suffixes[i]);
        unlink(name);
    }
}

static enum rc_status import(struct importing *in, const char *to, struct rc_holdings *ret)
{
    char part[PATH_MAX];
    enum rc_status status = rc_sqlite_is_free(to, &in->err);
    if (status != RC_OK) return status;
    snprintf(part, sizeof part, "%s.part", to);
    remove_beside(part, true);
    status = fill(in, part);
    if (status == RC_OK && chmod(part, 0600) != 0)
        status = rc_fail(&in->err, RC_IO, "%s: %s", part, strerror(errno));
    remove_beside(part, false);
    if (status == RC_OK) status = rc_sqlite_install(part, to, ret, &in->err);
    remove_beside(part, true);
    return status;
}

int import_run(const struct cli_args *args)
{
    struct importing in = {.from = args->operand[0]};
    struct rc_holdings made = {0};
    const char *to = cli_value(args, "store");
    if (!to) {
        fputs("recourse import: wants --store: the new store (recourse help import)\n", stderr);
        return CLI_USAGE;
    }
    bool standard = strcmp(in.from, "-") == 0;
    in.in = standard ? stdin : fopen(in.from, "re");
    if (!in.in) {
        rc_fail(&in.err, RC_NOT_FOUND, "%s: %s", in.from, strerror(errno));
        return admin_fail(args, &in.err);
    }
    enum rc_status status = import(&in, to, &made);
    if (!standard) (void)fclose(in.in);
    if (status != RC_OK) return admin_fail(args, &in.err);
    if (cli_has(args, "json"))
        printf("{\"commands\":%llu,\"records\":%llu,\"tombstones\":%llu,\"audit\":%llu}\n",
               (unsigned long long)made.commands, (unsigned long long)made.records,
               (unsigned long long)made.purged, (unsigned long long)made.entries);
    else if (!cli_has(args, "quiet"))
        printf("%llu commands with %llu records, checked; start the server on %s to go on\n",
               (unsigned long long)made.commands, (unsigned long long)made.records, to);
    return CLI_OK;
}
