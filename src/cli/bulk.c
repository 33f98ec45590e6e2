/* recourse bulk: one action for many commands. Previewed first; what is run is exactly what was shown (If-Match). */
#include "cli/bulk.h"

#include "base/random.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { KEY_BYTES = 16, POLL_MS = 500 };

/* ---- preview ------------------------------------------------------------------------------------------------------------- */

static bool has_filter(const struct cli_args *args)
{
    for (const struct cli_filter *one = cli_filters; one->option; one++)
        if (cli_has(args, one->option)) return true;
    return cli_has(args, "all");
}

static void put_filter(struct cli *cli, struct rc_json *json)
{
    rc_json_object(json, "filter");
    for (const struct cli_filter *one = cli_filters; one->option; one++) {
        struct rc_sv text = cli_filter_text(cli, one);
        if (text.p) rc_json_sv(json, one->query, text);
    }
    rc_json_end_object(json);
}

/* Ids from the options and, one a line, from a file. */
static int put_ids(struct cli *cli, struct rc_json *json)
{
    const char *file = cli_value(cli->args, "ids");
    struct rc_sv text = {0};
    int fault = file ? cli_read_file(cli->arena, file, &text) : CLI_OK;
    if (fault != CLI_OK) return fault;
    unsigned at = 0;
    rc_json_array(json, "ids");
    for (const char *id; (id = cli_each(cli->args, "id", &at));) rc_json_text(json, NULL, id);
    while (text.n) {
        uint32_t n = 0;
        while (n < text.n && text.p[n] > ' ') n++;
        if (n) rc_json_sv(json, NULL, (struct rc_sv){text.p, n});
        text = (struct rc_sv){text.p + n, text.n - n};
        if (text.n) text = (struct rc_sv){text.p + 1, text.n - 1};
    }
    rc_json_end_array(json);
    return CLI_OK;
}

/* A repeat by a script gives its own key; a person's preview is a new one each time. */
static struct rc_sv new_key(struct cli *cli)
{
    unsigned char bytes[KEY_BYTES];
    struct rc_buf text = rc_buf_in(cli->arena, 64);
    if (rc_random(bytes, sizeof bytes) != RC_OK) return (struct rc_sv){0};
    for (unsigned i = 0; i < sizeof bytes; i++) rc_put_format(&text, "%02x", bytes[i]);
    return rc_buf_sv(&text);
}

static const char *action_of(const char *said)
{
    return strcmp(said, "rollback") == 0 ? "roll_back" : said;
}

static int put_preview(struct cli *cli, struct rc_buf *buf)
{
    static const struct {
        const char *option, *member;
    } text[] = {
        {"reason", "reason"}, {"step", "step"}, {"to", "owner"}, {"due", "due"}, {"answer", "answer"}};
    const struct cli_args *args = cli->args;
    const char *limit = cli_value(args, "limit"), *key = cli_value(args, "key");
    bool ids = cli_has(args, "id") || cli_has(args, "ids");
    char *end = NULL;
    unsigned long most = limit ? strtoul(limit, &end, 10) : 0;
    if (!limit || !*limit || *end) return cli_usage(cli, "wants --limit: how many commands at most?");
    if (!cli_has(args, "reason"))
        return cli_usage(cli, "wants --reason: it stands in every command's history");
    if (ids == has_filter(args))
        return cli_usage(cli, "wants either ids (--id, --ids) or a filter (--state, --type … or --all)");
    struct rc_json json = cli_body(cli, buf);
    rc_json_text(&json, "action", action_of(args->operand[1]));
    rc_json_u64(&json, "limit", most);
    rc_json_sv(&json, "key", key ? rc_sv_of(key) : new_key(cli));
    if (cli_actor(cli)) rc_json_text(&json, "actor", cli_actor(cli));
    if (cli_has(args, "accept")) rc_json_text(&json, "verdict", "accepted_as_is");
    for (unsigned i = 0; i < sizeof text / sizeof *text; i++)
        if (cli_has(args, text[i].option))
            rc_json_text(&json, text[i].member, cli_value(args, text[i].option));
    const char *version = cli_value(args, "version");
    if (version) {
        unsigned long number = strtoul(version, &end, 10);
        if (!*version || *end) return cli_usage(cli, "wants a number with --version, like 3");
        rc_json_u64(&json, "version", number);
    }
    if (!ids) put_filter(cli, &json);
    int fault = ids ? put_ids(cli, &json) : CLI_OK;
    rc_json_end_object(&json);
    return fault;
}

static int preview(struct cli *cli)
{
    struct cli_reply reply;
    struct rc_buf body;
    int fault = put_preview(cli, &body);
    if (fault == CLI_OK) fault = cli_post(cli, &reply, "/v1/bulk", &body, NULL);
    if (fault != CLI_OK) return fault;
    struct cel_value bulk = cli_member(&reply.answer.body, "bulk");
    struct rc_sv id = cli_text(&bulk, "id");
    if (cli->json) {
        cli_put_raw(cli, &reply);
        return CLI_OK;
    }
    if (cli->quiet) {
        screen_sv(&cli->screen, id);
        fputc('\n', cli->screen.out);
        return CLI_OK;
    }
    bulk_put_head(cli, &bulk);
    bulk_put_items(cli, cli_member(&reply.answer.body, "items"));
    uint64_t next = cli_number(&reply.answer.body, "next");
    if (next)
        screen_line(&cli->screen, "the rest: recourse bulk items %.*s --after %llu", RC_SV_ARG(id),
                    (unsigned long long)next);
    if (rc_sv_is(cli_text(&bulk, "state"), "preview"))
        screen_line(&cli->screen, "nothing has been done; to begin: recourse bulk run %.*s", RC_SV_ARG(id));
    return CLI_OK;
}

/* ---- orders -------------------------------------------------------------------------------------------------------------- */

static int get(struct cli *cli, struct cli_reply *ret)
{
    struct rc_sv id = rc_client_escape(cli->arena, rc_sv_of(cli->args->operand[1]));
    return cli_get(cli, ret, "/v1/bulk/%.*s", RC_SV_ARG(id));
}

static void put_number(struct rc_json *json, const struct cli_args *args, const char *option,
                       const char *member)
{
    char *end = NULL;
    const char *text = cli_value(args, option);
    if (!text) return;
    unsigned long number = strtoul(text, &end, 10);
    if (*text && !*end)
        rc_json_u64(json, member, number);
    else
        rc_json_text(json, member, text); /* the server says what is wrong with it */
}

static struct rc_buf order_body(struct cli *cli)
{
    const struct cli_args *args = cli->args;
    struct rc_buf buf;
    struct rc_json json = cli_body(cli, &buf);
    if (cli_actor(cli)) rc_json_text(&json, "actor", cli_actor(cli));
    if (cli_has(args, "reason")) rc_json_text(&json, "reason", cli_value(args, "reason"));
    put_number(&json, args, "rate", "rate");
    put_number(&json, args, "stop-at", "stop_percent");
    if (cli_has(args, "even-if-changed")) rc_json_bool(&json, "even_if_changed", true);
    rc_json_end_object(&json);
    return buf;
}

static void show_progress(struct cli *cli, const struct cli_reply *reply, struct rc_sv line, bool last)
{
    bool terminal = isatty(fileno(cli->screen.out));
    if (cli->json)
        cli_put_raw(cli, reply);
    else if (!cli->quiet) {
        if (terminal) fputs("\r\033[K", cli->screen.out);
        screen_sv(&cli->screen, line);
        if (!terminal || last) fputc('\n', cli->screen.out);
    }
    (void)fflush(cli->screen.out);
}

/* Until nothing moves any more without a person. */
static int follow(struct cli *cli)
{
    const struct timespec pause = {.tv_sec = POLL_MS / 1000, .tv_nsec = POLL_MS % 1000 * 1000000L};
    struct rc_sv before = {0};
    for (;;) {
        struct cli_reply reply;
        int fault = get(cli, &reply);
        if (fault != CLI_OK) return fault;
        const struct cel_value *bulk = &reply.answer.body;
        struct rc_sv line = bulk_progress(cli, bulk);
        bool over = !rc_sv_is(cli_text(bulk, "state"), "running");
        if (over || !rc_sv_eq(line, before)) show_progress(cli, &reply, line, over);
        before = line;
        if (over && cli->quiet && !cli->json) bulk_put(cli, bulk);
        if (over) return bulk_all_done(bulk) ? CLI_OK : CLI_ERROR;
        nanosleep(&pause, NULL);
    }
}

/* Shows what it will touch, asks, orders. */
static int order(struct cli *cli, const char *verb, bool ask)
{
    struct cli_reply shown, reply;
    struct rc_buf body = order_body(cli);
    char path[CLI_MAX_PATH];
    int fault = get(cli, &shown);
    if (fault != CLI_OK) return fault;
    if (!cli->json && !cli->quiet) bulk_put_head(cli, &shown.answer.body);
    if (ask && !cli_confirm(cli, "do it?")) {
        fputs("nothing was done\n", stderr);
        return CLI_DECLINED;
    }
    struct rc_sv id = rc_client_escape(cli->arena, rc_sv_of(cli->args->operand[1]));
    snprintf(path, sizeof path, "/v1/bulk/%.*s/%s", RC_SV_ARG(id), verb);
    fault = cli_post(cli, &reply, path, &body, shown.answer.etag);
    if (fault != CLI_OK) return fault;
    if (cli_has(cli->args, "follow")) return follow(cli);
    if (cli->json)
        cli_put_raw(cli, &reply);
    else if (cli->quiet)
        bulk_put(cli, &reply.answer.body);
    else
        screen_line(&cli->screen, "now %.*s; recourse bulk show %.*s says how far it is",
                    RC_SV_ARG(cli_text(&reply.answer.body, "state")), RC_SV_ARG(id));
    return CLI_OK;
}

/* ---- looking ------------------------------------------------------------------------------------------------------------- */

static bool add_query(struct cli *cli, struct rc_buf *path, const char *name, bool *io_first)
{
    const char *value = cli_value(cli->args, name);
    if (!value) return true;
    struct rc_sv escaped = rc_client_escape(cli->arena, rc_sv_of(value));
    rc_put_format(path, "%c%s=%.*s", *io_first ? '?' : '&', name, RC_SV_ARG(escaped));
    *io_first = false;
    return escaped.p != NULL && path->status == RC_OK;
}

static int get_page(struct cli *cli, struct rc_buf *path, const char *const *names, unsigned n,
                    struct cli_reply *ret)
{
    bool first = true, fine = true;
    for (unsigned i = 0; i < n; i++) fine = fine && add_query(cli, path, names[i], &first);
    if (!fine) return cli_usage(cli, "the filter is too long");
    return cli_get(cli, ret, "%.*s", RC_SV_ARG(rc_buf_sv(path)));
}

static int show(struct cli *cli)
{
    struct cli_reply reply;
    int fault = cli_has(cli->args, "follow") ? CLI_OK : get(cli, &reply);
    if (cli_has(cli->args, "follow")) return follow(cli);
    if (fault != CLI_OK) return fault;
    if (cli->json)
        cli_put_raw(cli, &reply);
    else
        bulk_put(cli, &reply.answer.body);
    return CLI_OK;
}

static int items(struct cli *cli)
{
    static const char *const names[] = {"result", "after", "limit"};
    struct cli_reply reply;
    struct rc_buf path = rc_buf_in(cli->arena, CLI_MAX_PATH);
    rc_put_format(&path, "/v1/bulk/%.*s/items",
                  RC_SV_ARG(rc_client_escape(cli->arena, rc_sv_of(cli->args->operand[1]))));
    int fault = get_page(cli, &path, names, sizeof names / sizeof *names, &reply);
    if (fault != CLI_OK) return fault;
    struct cel_value found = cli_member(&reply.answer.body, "items");
    uint64_t next = cli_number(&reply.answer.body, "next");
    if (cli->json)
        cli_put_raw(cli, &reply);
    else if (!cli->quiet)
        bulk_put_items(cli, found);
    for (uint32_t i = 0; !cli->json && cli->quiet && found.kind == CEL_LIST && i < found.n; i++) {
        screen_sv(&cli->screen, cli_text(&found.v.items[i], "command"));
        fputc('\n', cli->screen.out);
    }
    if (next && !cli->quiet && !cli->json)
        fprintf(cli->screen.out, "there are more: add --after %llu\n", (unsigned long long)next);
    return CLI_OK;
}

static int list(struct cli *cli)
{
    static const char *const names[] = {"state", "limit", "before"};
    struct cli_reply reply;
    struct rc_buf path = rc_buf_in(cli->arena, CLI_MAX_PATH);
    rc_put_text(&path, "/v1/bulk");
    int fault = get_page(cli, &path, names, sizeof names / sizeof *names, &reply);
    if (fault != CLI_OK) return fault;
    struct cel_value bulks = cli_member(&reply.answer.body, "bulks");
    struct rc_sv next = cli_text(&reply.answer.body, "next");
    if (cli->json) {
        cli_put_raw(cli, &reply);
        return CLI_OK;
    }
    for (uint32_t i = 0; cli->quiet && bulks.kind == CEL_LIST && i < bulks.n; i++) {
        screen_sv(&cli->screen, cli_text(&bulks.v.items[i], "id"));
        fputc('\n', cli->screen.out);
    }
    if (cli->quiet) return CLI_OK;
    if (bulks.kind == CEL_LIST && bulks.n)
        bulk_put_list(cli, bulks);
    else
        fputs("none\n", cli->screen.out);
    if (next.n) screen_line(&cli->screen, "there may be more: add --before %.*s", RC_SV_ARG(next));
    return CLI_OK;
}

/* ---- the command --------------------------------------------------------------------------------------------------------- */

static const struct verb {
    const char *name, *operand; /* what it wants behind its name; NULL: nothing */
    bool ask;                   /* a person is asked first */
    int (*look)(struct cli *);  /* NULL: an order */
} verbs[] = {
    {"preview", "ACTION", false, preview}, {"run", "ID", true, NULL},    {"show", "ID", false, show},
    {"items", "ID", false, items},         {"pause", "ID", false, NULL}, {"resume", "ID", true, NULL},
    {"cancel", "ID", true, NULL},          {"list", NULL, false, list},
};

int cli_run_bulk(struct cli *cli, const struct cli_args *args)
{
    for (unsigned i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        const struct verb *verb = &verbs[i];
        if (strcmp(args->operand[0], verb->name) != 0) continue;
        if ((args->noperands == 2) != (verb->operand != NULL))
            return verb->operand ? cli_usage(cli, "%s wants %s", verb->name, verb->operand)
                                 : cli_usage(cli, "%s wants nothing more", verb->name);
        return verb->look ? verb->look(cli) : order(cli, verb->name, verb->ask);
    }
    return cli_usage(cli, "wants preview, run, show, items, pause, resume, cancel or list, not \"%s\"",
                     args->operand[0]);
}
