/* recourse audit: the list comes from the server, or with --store from its file; verifying reads the file. The host reads it. */
#include "cli/run.h"

enum { COLUMNS = 6 };

static struct rc_sv who(const struct cel_value *data)
{
    struct rc_sv actor = cli_text(data, "actor");
    return actor.n ? actor : cli_text(data, "subject");
}

/* What it was about: the command's id, or the name in the data. */
static struct rc_sv target(const struct cel_value *entry, const struct cel_value *data)
{
    struct rc_sv command = cli_text(entry, "command");
    struct rc_sv token = cli_text(data, "token");
    if (command.n || token.n) return command.n ? command : token;
    return cli_text(data, "name");
}

static void put_entries(struct screen *screen, struct rc_arena *arena, struct cel_value entries)
{
    static const struct screen_column column[COLUMNS] = {{"NUMBER", 6, false}, {"AT", 8, false},
                                                         {"WHAT", 8, true},    {"OF", 16, true},
                                                         {"WHO", 5, true},     {"REASON", 8, true}};
    struct rc_sv *cells = RC_NEW_ARRAY(arena, struct rc_sv, (size_t)entries.n * COLUMNS);
    enum tint *tint = RC_NEW_ARRAY(arena, enum tint, entries.n);
    if (!cells || !tint) return;
    for (uint32_t i = 0; i < entries.n; i++) {
        const struct cel_value *entry = &entries.v.items[i];
        struct cel_value data = cli_member(entry, "data");
        struct rc_sv *cell = &cells[i * COLUMNS], kind = cli_text(entry, "kind"),
                     action = cli_text(entry, "action");
        cell[0] = rc_text(arena, "%llu", (unsigned long long)cli_number(entry, "number"));
        cell[1] = screen_clock(screen, arena, cli_text(entry, "at"));
        cell[2] = rc_sv_is(kind, "action") ? action
                                           : rc_text(arena, "%.*s %.*s", RC_SV_ARG(kind), RC_SV_ARG(action));
        cell[3] = target(entry, &data);
        cell[4] = cli_bool(entry, "purged") ? RC_SV("(purged)") : who(&data);
        cell[5] = cli_text(&data, "reason");
        tint[i] = TINT_NONE;
    }
    screen_table(screen, column, COLUMNS, cells, entries.n, 0, tint);
}

void cli_put_audit(struct screen *screen, struct rc_arena *arena, const struct cel_value *page)
{
    struct cel_value entries = cli_member(page, "entries");
    uint64_t next = cli_number(page, "next");
    if (entries.kind == CEL_LIST && entries.n)
        put_entries(screen, arena, entries);
    else
        fputs("none\n", screen->out);
    if (next) fprintf(screen->out, "there are more: add --before %llu\n", (unsigned long long)next);
}

static int list(struct cli *cli)
{
    static const char *const filter[] = {"command", "limit", "before"};
    struct cli_reply reply;
    struct rc_buf path = rc_buf_in(cli->arena, CLI_MAX_PATH);
    rc_put_text(&path, "/v1/audit");
    bool first = true;
    for (unsigned i = 0; i < sizeof filter / sizeof *filter; i++) {
        const char *value = cli_value(cli->args, filter[i]);
        if (!value) continue;
        struct rc_sv escaped = rc_client_escape(cli->arena, rc_sv_of(value));
        rc_put_format(&path, "%c%s=%.*s", first ? '?' : '&', filter[i], RC_SV_ARG(escaped));
        first = false;
    }
    if (path.status != RC_OK) return cli_usage(cli, "the filter is too long");
    int fault = cli_get(cli, &reply, "%.*s", RC_SV_ARG(rc_buf_sv(&path)));
    if (fault != CLI_OK) return fault;
    if (cli->json) {
        cli_put_raw(cli, &reply);
        return CLI_OK;
    }
    if (!cli->quiet) cli_put_audit(&cli->screen, cli->arena, &reply.answer.body);
    return CLI_OK;
}

int cli_run_audit(struct cli *cli, const struct cli_args *args)
{
    bool lists = strcmp(args->operand[0], "list") == 0, verifies = strcmp(args->operand[0], "verify") == 0;
    if (lists && !cli_has(args, "store")) return list(cli);
    if (lists || verifies) return cli_run_program(cli, args);
    return cli_usage(cli, "wants list or verify, not \"%s\"", args->operand[0]);
}
