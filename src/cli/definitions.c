/* recourse definitions: what is in force, its versions, their texts and differences. A definition is named NAME or KIND/NAME; a flow
 * where the kind is not said. */
#include "cli/run.h"

enum { LIST_COLUMNS = 5, VERSION_COLUMNS = 5 };

/* "flow/NAME" with NAME escaped; p is NULL where that is not possible. */
static struct rc_sv path_of(struct cli *cli, const char *operand)
{
    static const char *const kinds[] = {"flow/", "dependency/"};
    struct rc_sv name = rc_sv_of(operand), kind = RC_SV("flow/");
    for (unsigned i = 0; i < 2; i++)
        if (rc_sv_starts(name, rc_sv_of(kinds[i]))) {
            kind = rc_sv_of(kinds[i]);
            name = (struct rc_sv){name.p + kind.n, name.n - kind.n};
        }
    struct rc_sv escaped = rc_client_escape(cli->arena, name);
    return rc_text(cli->arena, "%.*s%.*s", RC_SV_ARG(kind), RC_SV_ARG(escaped));
}

static struct rc_sv number_of(struct cli *cli, const struct cel_value *object, const char *name)
{
    if (cli_member(object, name).kind != CEL_INT) return (struct rc_sv){0};
    return rc_text(cli->arena, "%llu", (unsigned long long)cli_number(object, name));
}

static int list(struct cli *cli)
{
    static const struct screen_column column[LIST_COLUMNS] = {{"KIND", 10, false},
                                                              {"NAME", 10, true},
                                                              {"VERSION", 7, false},
                                                              {"APPLIED", 8, false},
                                                              {"SOURCE", 8, true}};
    struct cli_reply reply;
    int fault = cli_get(cli, &reply, "/v1/definitions");
    if (fault != CLI_OK) return fault;
    struct cel_value rows = cli_member(&reply.answer.body, "definitions");
    if (cli->json) {
        cli_put_raw(cli, &reply);
        return CLI_OK;
    }
    if (rows.kind != CEL_LIST || rows.n == 0) {
        if (!cli->quiet) fputs("none\n", cli->screen.out);
        return CLI_OK;
    }
    struct rc_sv *cells = RC_NEW_ARRAY(cli->arena, struct rc_sv, (size_t)rows.n * LIST_COLUMNS);
    enum tint *tint = RC_NEW_ARRAY(cli->arena, enum tint, rows.n);
    if (!cells || !tint) return CLI_ERROR;
    for (uint32_t i = 0; i < rows.n; i++) {
        const struct cel_value *row = &rows.v.items[i];
        struct rc_sv *cell = &cells[i * LIST_COLUMNS];
        cell[0] = cli_text(row, "kind");
        cell[1] = cli_text(row, "name");
        cell[2] = number_of(cli, row, "version");
        cell[3] = screen_ago(&cli->screen, cli->arena, cli_text(row, "applied"));
        cell[4] = cli_text(row, "source");
        if (cli->quiet) {
            screen_sv(&cli->screen, rc_text(cli->arena, "%.*s/%.*s", RC_SV_ARG(cell[0]), RC_SV_ARG(cell[1])));
            fputc('\n', cli->screen.out);
        }
    }
    if (!cli->quiet) screen_table(&cli->screen, column, LIST_COLUMNS, cells, rows.n, 0, tint);
    return CLI_OK;
}

static int versions(struct cli *cli, struct rc_sv path)
{
    static const struct screen_column column[VERSION_COLUMNS] = {{"VERSION", 7, false},
                                                                 {"FORCE", 5, false},
                                                                 {"APPLIED", 8, false},
                                                                 {"COMMANDS", 8, false},
                                                                 {"NOT ENDED", 9, false}};
    struct cli_reply reply;
    int fault = cli_get(cli, &reply, "/v1/definitions/%.*s?limit=200", RC_SV_ARG(path));
    if (fault != CLI_OK) return fault;
    struct cel_value rows = cli_member(&reply.answer.body, "versions");
    if (cli->json) {
        cli_put_raw(cli, &reply);
        return CLI_OK;
    }
    if (rows.kind != CEL_LIST) rows.n = 0;
    struct rc_sv *cells = RC_NEW_ARRAY(cli->arena, struct rc_sv, (size_t)rows.n * VERSION_COLUMNS);
    enum tint *tint = RC_NEW_ARRAY(cli->arena, enum tint, rows.n);
    if (!cells || !tint) return CLI_ERROR;
    for (uint32_t i = 0; i < rows.n; i++) {
        const struct cel_value *row = &rows.v.items[i];
        struct rc_sv *cell = &cells[i * VERSION_COLUMNS];
        cell[0] = number_of(cli, row, "version");
        cell[1] = cli_bool(row, "active") ? RC_SV("yes") : RC_SV("no");
        cell[2] = screen_ago(&cli->screen, cli->arena, cli_text(row, "applied"));
        cell[3] = number_of(cli, row, "commands");
        cell[4] = number_of(cli, row, "not_ended");
        if (cli->quiet) screen_line(&cli->screen, "%.*s", RC_SV_ARG(cell[0]));
    }
    if (!cli->quiet) screen_table(&cli->screen, column, VERSION_COLUMNS, cells, rows.n, 0, tint);
    uint64_t next = cli_number(&reply.answer.body, "next");
    if (next && !cli->quiet) fprintf(cli->screen.out, "and %llu older ones\n", (unsigned long long)next - 1);
    return CLI_OK;
}

/* Lines as they are: a file must be able to take them. On a terminal what could move the cursor is left out. */
static void put_lines(struct cli *cli, struct rc_sv text, bool tinted)
{
    struct screen *screen = &cli->screen;
    while (text.n) {
        const char *end = memchr(text.p, '\n', text.n);
        struct rc_sv line = {text.p, end ? (uint32_t)(end - text.p) : text.n};
        uint32_t skip = end ? line.n + 1 : line.n;
        char first = line.n ? line.p[0] : ' ';
        if (tinted) screen_tint(screen, first == '+' ? TINT_GOOD : first == '-' ? TINT_BAD : TINT_NONE);
        screen_sv(screen, line);
        if (tinted) screen_tint(screen, TINT_NONE);
        fputc('\n', screen->out);
        text = (struct rc_sv){text.p + skip, text.n - skip};
    }
}

static int show(struct cli *cli, struct rc_sv path, const char *version)
{
    struct cli_reply reply;
    int fault;
    if (!version) {
        fault = cli_get(cli, &reply, "/v1/definitions/%.*s?limit=1", RC_SV_ARG(path));
        if (fault != CLI_OK) return fault;
        struct cel_value rows = cli_member(&reply.answer.body, "versions");
        if (rows.kind != CEL_LIST || rows.n == 0) return CLI_ERROR;
        version = number_of(cli, &rows.v.items[0], "version").p;
    }
    struct rc_sv number = rc_client_escape(cli->arena, rc_sv_of(version));
    fault = cli_get(cli, &reply, "/v1/definitions/%.*s/versions/%.*s", RC_SV_ARG(path), RC_SV_ARG(number));
    if (fault != CLI_OK) return fault;
    if (cli->json)
        cli_put_raw(cli, &reply);
    else
        put_lines(cli, cli_text(&reply.answer.body, "text"), false);
    return CLI_OK;
}

static int diff(struct cli *cli, struct rc_sv path, const char *version, const char *from)
{
    struct cli_reply reply;
    struct rc_sv number = rc_client_escape(cli->arena, rc_sv_of(version));
    struct rc_sv other = rc_client_escape(cli->arena, rc_sv_of(from ? from : ""));
    int fault = cli_get(cli, &reply, "/v1/definitions/%.*s/versions/%.*s/diff%s%.*s", RC_SV_ARG(path),
                        RC_SV_ARG(number), from ? "?from=" : "", RC_SV_ARG(other));
    if (fault != CLI_OK) return fault;
    if (cli->json)
        cli_put_raw(cli, &reply);
    else
        put_lines(cli, cli_text(&reply.answer.body, "diff"), true);
    return CLI_OK;
}

int cli_run_definitions(struct cli *cli, const struct cli_args *args)
{
    const char *what = args->noperands > 0 ? args->operand[0] : "list";
    int n = args->noperands;
    if (strcmp(what, "list") == 0 && n <= 1) return list(cli);
    struct rc_sv path = n > 1 ? path_of(cli, args->operand[1]) : (struct rc_sv){0};
    if (strcmp(what, "versions") == 0 && n == 2) return versions(cli, path);
    if (strcmp(what, "show") == 0 && (n == 2 || n == 3))
        return show(cli, path, n == 3 ? args->operand[2] : NULL);
    if (strcmp(what, "diff") == 0 && (n == 3 || n == 4))
        return diff(cli, path, args->operand[2], n == 4 ? args->operand[3] : NULL);
    return cli_usage(cli, "say list, versions NAME, show NAME [VERSION], or diff NAME VERSION [FROM]");
}
