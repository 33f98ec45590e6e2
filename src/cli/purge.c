/* recourse purge: says what it will touch, asks, and then purges page by page. */
#include "cli/run.h"

#include <unistd.h>

enum { EXAMPLES = 5, LONG_MS = 24 * 3600 * 1000 };

struct purge {
    uint64_t matched, purged;
    struct rc_sv oldest, newest; /* RFC 3339: its order is that of time */
    struct cel_value examples;
};

static int put_body(struct cli *cli, struct rc_buf *buf, bool run, struct rc_sv after)
{
    static const struct {
        const char *option, *member;
    } text[] = {{"type", "type"}, {"ref", "ref"}, {"older-than", "older_than"}, {"reason", "reason"}};
    const struct cli_args *args = cli->args;
    struct rc_json json = cli_body(cli, buf);
    struct rc_sv states = rc_sv_of(cli_value(args, "state"));
    for (unsigned i = 0; i < sizeof text / sizeof *text; i++)
        if (cli_has(args, text[i].option))
            rc_json_text(&json, text[i].member, cli_value(args, text[i].option));
    if (states.n) rc_json_array(&json, "states");
    for (bool more = states.n > 0; more;) {
        const char *comma = memchr(states.p, ',', states.n);
        struct rc_sv one = {states.p, comma ? (uint32_t)(comma - states.p) : states.n};
        rc_json_sv(&json, NULL, one);
        more = comma != NULL;
        if (more) states = (struct rc_sv){comma + 1, states.n - one.n - 1};
    }
    if (cli_has(args, "state") && rc_sv_of(cli_value(args, "state")).n) rc_json_end_array(&json);
    if (cli_actor(cli)) rc_json_text(&json, "actor", cli_actor(cli));
    if (after.n) rc_json_sv(&json, "after", after);
    rc_json_bool(&json, "run", run);
    rc_json_end_object(&json);
    return buf->status == RC_OK ? CLI_OK : cli_usage(cli, "what is asked for is too long");
}

static void add_page(struct purge *purge, const struct cel_value *body)
{
    struct rc_sv oldest = cli_text(body, "oldest"), newest = cli_text(body, "newest");
    if (oldest.n && (!purge->oldest.n || rc_sv_cmp(oldest, purge->oldest) < 0)) purge->oldest = oldest;
    if (newest.n && rc_sv_cmp(newest, purge->newest) > 0) purge->newest = newest;
    if (!purge->matched) purge->examples = cli_member(body, "examples");
    purge->matched += cli_number(body, "matched");
    purge->purged += cli_number(body, "purged");
}

static int go_through(struct cli *cli, bool run, uint64_t of, struct purge *ret)
{
    bool progress = run && !cli->quiet && isatty(STDERR_FILENO);
    struct rc_sv after = {0};
    *ret = (struct purge){0};
    do {
        struct cli_reply reply;
        struct rc_buf buf;
        int fault = put_body(cli, &buf, run, after);
        if (fault == CLI_OK) fault = cli_post(cli, &reply, "/v1/purge", &buf, NULL);
        if (fault != CLI_OK) return fault;
        add_page(ret, &reply.answer.body);
        after = cli_text(&reply.answer.body, "next");
        if (progress)
            fprintf(stderr, "\r%llu of %llu purged", (unsigned long long)ret->purged, (unsigned long long)of);
    } while (after.n);
    if (progress) fputc('\n', stderr);
    return CLI_OK;
}

static void put_preview(struct cli *cli, const struct purge *purge)
{
    struct screen *screen = &cli->screen;
    fprintf(screen->out, "%llu commands", (unsigned long long)purge->matched);
    if (purge->matched) {
        fputs(", last changed from ", screen->out);
        screen_sv(screen, screen_clock(screen, cli->arena, purge->oldest));
        fputs(" to ", screen->out);
        screen_sv(screen, screen_clock(screen, cli->arena, purge->newest));
    }
    fputc('\n', screen->out);
    for (uint32_t i = 0; purge->examples.kind == CEL_LIST && i < purge->examples.n; i++) {
        const struct cel_value *one = &purge->examples.v.items[i];
        fputs(i ? "              " : "  for example ", screen->out);
        screen_sv(screen, cli_text(one, "id"));
        fputc(' ', screen->out);
        screen_sv(screen, cli_text(one, "type"));
        fputs(", ", screen->out);
        screen_sv(screen, cli_text(one, "state"));
        fputc('\n', screen->out);
    }
}

static void put_json(struct cli *cli, const struct purge *purge, bool run, bool compacted)
{
    struct rc_buf buf;
    struct rc_json json = cli_body(cli, &buf);
    rc_json_bool(&json, "run", run);
    rc_json_u64(&json, "matched", purge->matched);
    rc_json_u64(&json, "purged", purge->purged);
    rc_json_bool(&json, "compacted", compacted);
    rc_json_end_object(&json);
    fprintf(cli->screen.out, "%.*s\n", RC_SV_ARG(rc_buf_sv(&buf)));
}

static int compact(struct cli *cli)
{
    struct cli_reply reply;
    struct rc_buf buf;
    struct rc_json json = cli_body(cli, &buf);
    rc_json_end_object(&json);
    if (!cli->json && !cli->quiet)
        fputs("writing the store anew; nothing else is written meanwhile\n", stderr);
    return cli_post(cli, &reply, "/v1/compact", &buf, NULL);
}

int cli_run_purge(struct cli *cli, const struct cli_args *args)
{
    struct purge before = {0}, done = {0};
    bool any = cli_has(args, "older-than") || cli_has(args, "ref"), dry = cli_has(args, "dry-run"),
         compacting = cli_has(args, "compact"), talks = !cli->json && !cli->quiet;
    if (!any && (!compacting || cli_has(args, "state") || cli_has(args, "type")))
        return cli_usage(cli, "wants --older-than or --ref, so that nobody purges everything by mistake");
    cli->timeout_ms = LONG_MS; /* compacting takes as long as copying the store */
    int fault = any ? go_through(cli, false, 0, &before) : CLI_OK;
    if (fault != CLI_OK) return fault;
    if (any && talks) put_preview(cli, &before);
    bool run = !dry && before.matched;
    if (run && !cli_confirm(cli, "purge them for good?")) {
        fputs("nothing was done\n", stderr);
        return CLI_DECLINED;
    }
    if (run) fault = go_through(cli, true, before.matched, &done);
    if (fault == CLI_OK && compacting && !dry) fault = compact(cli);
    if (fault != CLI_OK) return fault;
    if (cli->json)
        put_json(cli, dry ? &before : &done, run, compacting && !dry);
    else if (cli->quiet)
        fprintf(cli->screen.out, "%llu\n", (unsigned long long)(dry ? before.matched : done.purged));
    else if (run)
        fprintf(cli->screen.out, "%llu purged\n", (unsigned long long)done.purged);
    return CLI_OK;
}
