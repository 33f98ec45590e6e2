/* recourse backup: a checked copy of the store's file. */
#include "server/admin.h"

int backup_run(const struct cli_args *args)
{
    struct rc_holdings kept = {0};
    struct rc_error err = {0};
    const char *store = admin_store(args), *to = args->operand[0];
    if (!store) return CLI_USAGE;
    if (rc_sqlite_backup(store, to, cli_has(args, "force"), &kept, &err) != RC_OK)
        return admin_fail(args, &err);
    if (cli_has(args, "json"))
        printf("{\"commands\":%llu,\"records\":%llu,\"purged\":%llu,\"audit\":%llu,\"bytes\":%llu}\n",
               (unsigned long long)kept.commands, (unsigned long long)kept.records,
               (unsigned long long)kept.purged, (unsigned long long)kept.entries,
               (unsigned long long)kept.bytes);
    else if (!cli_has(args, "quiet"))
        printf("%llu commands with %llu records, %llu entries of the audit; %llu bytes, checked\n",
               (unsigned long long)kept.commands, (unsigned long long)kept.records,
               (unsigned long long)kept.entries, (unsigned long long)kept.bytes);
    return CLI_OK;
}
