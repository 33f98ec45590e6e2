/* recourse audit verify, and list with --store: the chain of the audit, read from the store's file. */
#include "server/admin.h"
#include "server/settings.h"

#include "base/hash.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/num.h"
#include "cli/screen.h"
#include "codec/json.h"
#include "codec/write.h"

enum { FIRST = 64 << 10, MEMORY = 256 << 20, PAGE = 50 };

const char *admin_store(const struct cli_args *args)
{
    static struct configuration configuration; /* until the next call: the path stands in it */
    settings_close(&configuration);
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

static int verify(const struct cli_args *args, struct rc_reader *reader)
{
    struct rc_audit_pin pin = {0};
    struct rc_audit_verdict verdict = {0};
    struct rc_error err = {0};
    const char *text = cli_value(args, "pin");
    if (text && !read_pin(text, &pin)) {
        fputs("recourse audit: --pin wants N:HASH, as a verification prints it (recourse help audit)\n",
              stderr);
        return CLI_USAGE;
    }
    if (rc_audit_verify(reader, text ? &pin : NULL, &verdict, &err) != RC_OK) return admin_fail(args, &err);
    put_verdict(args, &verdict);
    return verdict.broken ? CLI_ERROR : CLI_OK;
}

/* ---- list ---------------------------------------------------------------------------------------------- */

static bool read_page(const struct cli_args *args, struct rc_audit_page *ret, uint64_t *ret_limit)
{
    const char *command = cli_value(args, "command"), *before = cli_value(args, "before"),
               *limit = cli_value(args, "limit");
    struct rc_id id = {0};
    *ret_limit = PAGE;
    bool fine = !command || rc_id_parse(rc_sv_of(command), &id);
    ret->command = id.seq;
    fine = fine && (!before || (rc_parse_u64(rc_sv_of(before), &ret->before) && ret->before));
    return fine &&
           (!limit || (rc_parse_u64(rc_sv_of(limit), ret_limit) && *ret_limit && *ret_limit <= RC_MAX_PAGE));
}

/* The page as the API would give it. */
static struct rc_sv page_of(const struct rc_audit_entry *entries, uint32_t n, uint64_t limit,
                            struct rc_arena *arena)
{
    struct rc_buf buf = rc_buf_in(arena, MEMORY / 4);
    struct rc_json json = {.buf = &buf};
    rc_json_object(&json, NULL);
    rc_json_array(&json, "entries");
    for (uint32_t i = 0; i < n; i++) rc_audit_put_entry(&json, &entries[i], arena);
    rc_json_end_array(&json);
    if (n == limit && entries[n - 1].number > 1)
        rc_json_u64(&json, "next", entries[n - 1].number);
    else
        rc_json_null(&json, "next");
    rc_json_end_object(&json);
    return buf.status == RC_OK ? rc_buf_sv(&buf) : (struct rc_sv){0};
}

static int put_list(const struct cli_args *args, struct rc_reader *reader, struct rc_arena *arena)
{
    struct rc_audit_page page = {0};
    struct rc_audit_entry *entries = NULL;
    struct rc_error err = {0};
    struct cel_value value = cel_null();
    uint64_t limit = 0;
    uint32_t n = 0;
    if (!read_page(args, &page, &limit)) {
        fputs("recourse audit: --command wants an id, --before and --limit want numbers (recourse help "
              "audit)\n",
              stderr);
        return CLI_USAGE;
    }
    enum rc_status status = rc_read_audit(reader, &page, arena, (uint32_t)limit, &entries, &n, &err);
    if (status != RC_OK) return admin_fail(args, &err);
    struct rc_sv text = page_of(entries, n, limit, arena);
    if (cli_has(args, "json")) {
        printf("%.*s\n", RC_SV_ARG(text));
        return CLI_OK;
    }
    if (rc_json_parse_within(text, RC_MAX_JSON_DEPTH + 4, arena, &value, &err) != RC_OK)
        return admin_fail(args, &err);
    struct screen screen;
    screen_open(&screen, stdout);
    if (!cli_has(args, "quiet")) cli_put_audit(&screen, arena, &value);
    return CLI_OK;
}

int audit_run(const struct cli_args *args)
{
    struct rc_error err = {0};
    struct rc_reader *reader = NULL;
    const char *store = admin_store(args);
    if (!store) return CLI_USAGE;
    if (rc_sqlite_look(store, &reader, &err) != RC_OK) return admin_fail(args, &err);
    struct rc_arena *arena = rc_arena_new(FIRST, MEMORY);
    int code = CLI_ERROR;
    if (!arena)
        fputs("recourse: out of memory\n", stderr);
    else if (strcmp(args->operand[0], "list") == 0)
        code = put_list(args, reader, arena);
    else
        code = verify(args, reader);
    rc_arena_free(arena);
    rc_reader_close(reader);
    return code;
}
