/* How bulks are shown: what one is about, its items, its progress. */
#include "cli/bulk.h"

enum { LIST_COLUMNS = 6, ITEM_COLUMNS = 6, INDENT = 14 };

static uint64_t count(const struct cel_value *bulk, const char *what)
{
    struct cel_value items = cli_member(bulk, "items");
    return cli_number(&items, what);
}

/* "retry for 12 commands: the cause is mended" */
void bulk_put_head(struct cli *cli, const struct cel_value *bulk)
{
    struct screen *screen = &cli->screen;
    uint64_t n = count(bulk, "total"), allowed = count(bulk, "allowed");
    screen_tint(screen, TINT_BOLD);
    screen_sv(screen, cli_text(bulk, "action"));
    fprintf(screen->out, " for %llu command%s  ", (unsigned long long)n, n == 1 ? "" : "s");
    screen_tint(screen, TINT_NONE);
    screen_sv(screen, cli_text(bulk, "id"));
    fputc('\n', screen->out);
    screen_sv(screen, cli_text(bulk, "state"));
    fputs(": ", screen->out);
    screen_wrap(screen, 0, cli_text(bulk, "state").n + 2, cli_text(bulk, "display"));
    screen_item(screen, "reason", INDENT, cli_text(bulk, "reason"));
    screen_item(screen, "by", INDENT, cli_text(bulk, "actor"));
    if (allowed < n)
        screen_item(screen, "not allowed", INDENT,
                    rc_text(cli->arena, "for %llu of them, as they were at the preview",
                            (unsigned long long)(n - allowed)));
    if (cli_bool(bulk, "more"))
        screen_item(
            screen, "more", INDENT,
            rc_text(cli->arena, "the filter may match others: only %llu were taken", (unsigned long long)n));
}

struct rc_sv bulk_progress(struct cli *cli, const struct cel_value *bulk)
{
    static const char *const result[] = {"refused", "stale", "failed"};
    struct rc_buf text = rc_buf_in(cli->arena, 256);
    uint64_t total = count(bulk, "total");
    rc_put(&text, cli_text(bulk, "state"));
    rc_put_format(&text, "  %llu of %llu acted on", (unsigned long long)(total - count(bulk, "open")),
                  (unsigned long long)total);
    for (unsigned i = 0; i < sizeof result / sizeof *result; i++)
        if (count(bulk, result[i]))
            rc_put_format(&text, ", %llu %s", (unsigned long long)count(bulk, result[i]), result[i]);
    return rc_buf_sv(&text);
}

bool bulk_all_done(const struct cel_value *bulk)
{
    return count(bulk, "done") == count(bulk, "total");
}

static void put_history(struct cli *cli, const struct cel_value *bulk)
{
    struct cel_value history = cli_member(bulk, "history");
    for (uint32_t i = 0; history.kind == CEL_LIST && i < history.n; i++) {
        const struct cel_value *one = &history.v.items[i];
        struct rc_sv actor = cli_text(one, "actor"), reason = cli_text(one, "reason");
        struct rc_sv text =
            rc_text(cli->arena, "%.*s %s%.*s%s%.*s", RC_SV_ARG(cli_text(one, "state")),
                    actor.n ? "by " : "by itself", RC_SV_ARG(actor), reason.n ? ": " : "", RC_SV_ARG(reason));
        struct rc_sv at = screen_clock(&cli->screen, cli->arena, cli_text(one, "at"));
        screen_item(&cli->screen, rc_text(cli->arena, "%.*s", RC_SV_ARG(at)).p, 18, text);
    }
}

void bulk_put(struct cli *cli, const struct cel_value *bulk)
{
    if (cli->quiet) {
        screen_sv(&cli->screen, cli_text(bulk, "state"));
        fputc('\n', cli->screen.out);
        return;
    }
    bulk_put_head(cli, bulk);
    screen_item(&cli->screen, "progress", INDENT, bulk_progress(cli, bulk));
    put_history(cli, bulk);
}

/* ---- tables -------------------------------------------------------------------------------------------------------------- */

/* At the preview: what would be; later: what came of it. */
static struct rc_sv item_note(struct cli *cli, const struct cel_value *item)
{
    struct rc_sv error = cli_text(item, "error"), why_not = cli_text(item, "why_not");
    struct cel_value undoes = cli_member(item, "undoes");
    if (error.n) return error;
    if (why_not.n) return why_not;
    if (undoes.kind != CEL_LIST) return (struct rc_sv){0};
    struct rc_buf text = rc_buf_in(cli->arena, 1 << 12);
    rc_put_text(&text, undoes.n ? "undoes " : "nothing to undo");
    for (uint32_t i = 0; i < undoes.n; i++) {
        if (i) rc_put_text(&text, ", ");
        if (undoes.v.items[i].kind == CEL_STRING) rc_put(&text, cel_text(undoes.v.items[i]));
    }
    return rc_buf_sv(&text);
}

static enum tint item_tint(struct rc_sv result, bool allowed)
{
    if (rc_sv_is(result, "done")) return TINT_GOOD;
    if (rc_sv_is(result, "open")) return allowed ? TINT_NONE : TINT_WARN;
    return TINT_BAD;
}

void bulk_put_items(struct cli *cli, struct cel_value items)
{
    static const struct screen_column column[ITEM_COLUMNS] = {{"N", 4, false},      {"COMMAND", 16, false},
                                                              {"RESULT", 7, false}, {"NOW", 8, false},
                                                              {"KEY", 8, true},     {"NOTE", 16, true}};
    if (items.kind != CEL_LIST || items.n == 0) {
        if (!cli->quiet) fputs("none\n", cli->screen.out);
        return;
    }
    struct rc_sv *cells = RC_NEW_ARRAY(cli->arena, struct rc_sv, (size_t)items.n * ITEM_COLUMNS);
    enum tint *tint = RC_NEW_ARRAY(cli->arena, enum tint, items.n);
    if (!cells || !tint) return;
    for (uint32_t i = 0; i < items.n; i++) {
        const struct cel_value *item = &items.v.items[i];
        struct rc_sv *cell = &cells[i * ITEM_COLUMNS];
        struct cel_value now = cli_member(item, "now");
        bool allowed = cli_bool(item, "allowed");
        cell[0] = rc_text(cli->arena, "%llu", (unsigned long long)cli_number(item, "n"));
        cell[1] = cli_text(item, "command");
        cell[2] = cli_text(item, "result");
        tint[i] = item_tint(cell[2], allowed);
        cell[3] = now.kind == CEL_MAP ? cli_text(&now, "state") : RC_SV("purged");
        cell[4] = cli_text(&now, "key");
        cell[5] = item_note(cli, item);
    }
    screen_table(&cli->screen, column, ITEM_COLUMNS, cells, items.n, 2, tint);
}

void bulk_put_list(struct cli *cli, struct cel_value bulks)
{
    static const struct screen_column column[LIST_COLUMNS] = {{"ID", 16, false},    {"STATE", 8, false},
                                                              {"ACTION", 6, false}, {"ITEMS", 8, false},
                                                              {"ACTOR", 5, true},   {"REASON", 8, true}};
    struct rc_sv *cells = RC_NEW_ARRAY(cli->arena, struct rc_sv, (size_t)bulks.n * LIST_COLUMNS);
    enum tint *tint = RC_NEW_ARRAY(cli->arena, enum tint, bulks.n);
    if (!cells || !tint) return;
    for (uint32_t i = 0; i < bulks.n; i++) {
        const struct cel_value *bulk = &bulks.v.items[i];
        struct rc_sv *cell = &cells[i * LIST_COLUMNS];
        cell[0] = cli_text(bulk, "id");
        cell[1] = cli_text(bulk, "state");
        cell[2] = cli_text(bulk, "action");
        cell[3] =
            rc_text(cli->arena, "%llu/%llu", (unsigned long long)(count(bulk, "total") - count(bulk, "open")),
                    (unsigned long long)count(bulk, "total"));
        cell[4] = cli_text(bulk, "actor");
        cell[5] = cli_text(bulk, "reason");
        tint[i] = TINT_NONE;
    }
    screen_table(&cli->screen, column, LIST_COLUMNS, cells, bulks.n, 1, tint);
}
