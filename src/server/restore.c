/* recourse restore: a copy is put in the place of the store. */
#include "server/admin.h"

#include "base/buf.h"
#include "cel/value.h"

#include <limits.h>

int restore_run(const struct cli_args *args)
{
    char kept[PATH_MAX];
    struct rc_holdings found = {0};
    struct rc_error err = {0};
    const char *store = admin_store(args), *from = args->operand[0];
    if (!store) return CLI_USAGE;
    if (rc_sqlite_restore(from, store, kept, sizeof kept, &found, &err) != RC_OK)
        return admin_fail(args, &err);
    if (cli_has(args, "json")) {
        struct rc_arena *arena = rc_arena_new(0, 8 * PATH_MAX);
        if (!arena) return admin_fail(args, &(struct rc_error){.status = RC_NOMEM, .text = "out of memory"});
        struct rc_buf json = rc_buf_in(arena, 6 * PATH_MAX);
        cel_put_json(&json, cel_string(rc_sv_of(kept)));
        printf("{\"commands\":%llu,\"records\":%llu,\"audit\":%llu,\"bytes\":%llu,\"held\":true,\"kept\":%.*"
               "s}\n",
               (unsigned long long)found.commands, (unsigned long long)found.records,
               (unsigned long long)found.entries, (unsigned long long)found.bytes,
               RC_SV_ARG(rc_buf_sv(&json)));
        rc_arena_free(arena);
        return CLI_OK;
    }
    if (cli_has(args, "quiet")) return CLI_OK;
    printf("%llu commands with %llu records, %llu entries of the audit; checked, and put in place as %s\n",
           (unsigned long long)found.commands, (unsigned long long)found.records,
           (unsigned long long)found.entries, store);
    if (kept[0]) printf("what stood there is kept as %s\n", kept);
    printf("the server will hold when it starts, and nothing leaves: look with `recourse hold show`, then "
           "`recourse hold "
           "release`\n");
    return CLI_OK;
}
