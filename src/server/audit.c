/* recourse audit verify: the chain of the audit, read from the store's file. */
#include "server/admin.h"
#include "server/settings.h"

#include "base/hash.h"
#include "base/num.h"
#include "cli/screen.h"

const char *admin_store(const struct cli_args *args)
{
    static struct configuration configuration; /* for as long as the program: the path stands in it */
    if (settings_load(args, NULL, &configuration) == RC_OK) return configuration.values.store;
    config_put_errors(&configuration.errors);
    settings_close(&configuration);
    return NULL;
}

int admin_fail(const struct cli_args *args, const struct rc_error *err)
{
    if (cli_has(args, "json")) {
        cli_put_json_error(err);
    } else {
        fprintf(stderr, "recourse %s: ", args->command->name);
        screen_sv(&(struct screen){.out = stderr}, rc_sv_of(err->text));
        fputc('\n', stderr);
    }
    return err->status == RC_NOMEM ? CLI_ERROR : cli_exit_of(err->status);
}

static bool read_pin(const char *text, struct rc_audit_pin *ret)
{
    const char *colon = strchr(text, ':');
    return colon && rc_parse_u64((struct rc_sv){text, (uint32_t)(colon - text)}, &ret->number) &&
           ret->number && rc_unhex(rc_sv_of(colon + 1), ret->hash, RC_AUDIT_HASH);
}

static void put_json(const struct rc_audit_verdict *verdict, const char *hash)
{
    printf("{\"valid\":%s,\"entries\":%llu,\"purged\":%llu,\"head\":%llu,\"hash\":\"%s\"",
           verdict->broken ? "false" : "true", (unsigned long long)verdict->entries,
           (unsigned long long)verdict->purged, (unsigned long long)verdict->head, hash);
    if (verdict->broken)
        printf(",\"broken\":%llu,\"why\":\"%s\"", (unsigned long long)verdict->broken, verdict->why);
    fputs("}\n", stdout);
}

static void put_verdict(const struct cli_args *args, const struct rc_audit_verdict *verdict)
{
    char hash[2 * RC_AUDIT_HASH + 1];
    rc_hex(verdict->hash, RC_AUDIT_HASH, hash);
    if (cli_has(args, "json")) {
        put_json(verdict, hash);
        return;
    }
    if (!cli_has(args, "quiet"))
        printf("%llu entries fit, %llu of them without what was purged\n",
               (unsigned long long)verdict->entries, (unsigned long long)verdict->purged);
    if (verdict->head && !verdict->broken) printf("pin %llu:%s\n", (unsigned long long)verdict->head, hash);
    if (verdict->broken)
        fprintf(stderr, "recourse audit: entry %llu does not fit: %s\n", (unsigned long long)verdict->broken,
                verdict->why);
}

int audit_verify(const struct cli_args *args)
{
    struct rc_audit_pin pin = {0};
    struct rc_audit_verdict verdict = {0};
    struct rc_error err = {0};
    struct rc_reader *reader = NULL;
    const char *text = cli_value(args, "pin");
    if (text && !read_pin(text, &pin)) {
        fputs("recourse audit: --pin wants N:HASH, as a verification prints it (recourse help audit)\n",
              stderr);
        return CLI_USAGE;
    }
    const char *store = admin_store(args);
    if (!store) return CLI_USAGE;
    enum rc_status status = rc_sqlite_look(store, &reader, &err);
    if (status != RC_OK) return admin_fail(args, &err);
    status = rc_audit_verify(reader, text ? &pin : NULL, &verdict, &err);
    rc_reader_close(reader);
    if (status != RC_OK) return admin_fail(args, &err);
    put_verdict(args, &verdict);
    return verdict.broken ? CLI_ERROR : CLI_OK;
}
