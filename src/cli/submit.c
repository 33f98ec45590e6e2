/* recourse submit */
#include "base/num.h"
#include "cli/run.h"

#include "codec/json.h"

/* The value of an option that is JSON, @FILE or "-", checked here so that the message is about the option. */
static int read_json(struct cli *cli, const char *option, const char *text, struct cel_value *ret)
{
    struct rc_error err = {0};
    struct rc_sv json = rc_sv_of(text);
    bool file = *text == '@' || strcmp(text, "-") == 0;
    int fault = file ? cli_read_file(cli->arena, *text == '@' ? text + 1 : text, &json) : CLI_OK;
    if (fault) return fault;
    if (rc_json_parse(json, cli->arena, ret, &err) == RC_OK) return CLI_OK;
    return cli_usage(cli, "--%s is not JSON: %s%s", option, err.text,
                     file ? "" : "; quote it for the shell: --payload '{\"a\": 1}'");
}

int cli_put_json_option(struct cli *cli, struct rc_json *json, const char *option, const char *name)
{
    struct cel_value value;
    const char *text = cli_value(cli->args, option);
    if (!text) return CLI_OK;
    int fault = read_json(cli, option, text, &value);
    if (fault == CLI_OK) rc_json_value(json, name, value);
    return fault;
}

/* Whether an earlier --ref than the `n`th has the same name. */
static bool is_named_before(const struct cli_args *args, unsigned n, struct rc_sv name)
{
    unsigned at = 0;
    for (unsigned i = 0; i < n; i++) {
        const char *ref = cli_each(args, "ref", &at);
        if (ref && strncmp(ref, name.p, name.n) == 0 && ref[name.n] == '=') return true;
    }
    return false;
}

int cli_put_refs(struct cli *cli, struct rc_json *json, const struct cli_args *args)
{
    unsigned at = 0, n = 0;
    rc_json_object(json, "refs");
    for (const char *ref; (ref = cli_each(args, "ref", &at)); n++) {
        const char *equals = strchr(ref, '=');
        if (!equals || equals == ref) return cli_usage(cli, "--ref wants NAME=VALUE, not \"%s\"", ref);
        struct rc_sv name = {ref, (uint32_t)(equals - ref)};
        if (is_named_before(args, n, name))
            return cli_usage(cli, "--ref \"%.*s\" is there twice: a label has one value", RC_SV_ARG(name));
        rc_json_member(json, name, rc_sv_of(equals + 1));
    }
    rc_json_end_object(json);
    return CLI_OK;
}

static void put_submitted(struct cli *cli, const struct cli_reply *reply)
{
    struct screen *screen = &cli->screen;
    const struct cel_value *body = &reply->answer.body;
    screen_sv(screen, cli_text(body, "id"));
    if (!cli->quiet) {
        fputs(reply->answer.replayed ? "  was there already: " : "  ", screen->out);
        screen_sv(screen, cli_text(body, "type"));
        fputs(" \"", screen->out);
        screen_sv(screen, cli_text(body, "key"));
        fputs("\", ", screen->out);
        screen_sv(screen, cli_text(body, "display"));
    }
    fputc('\n', screen->out);
}

/* The server reads them, and says what is wrong with them. */
static void put_times(const struct cli_args *args, struct rc_json *json)
{
    static const char *const names[][2] = {
        {"run-at", "run_at"}, {"run-in", "run_in"}, {"deadline", "deadline"}};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (cli_value(args, names[i][0])) rc_json_text(json, names[i][1], cli_value(args, names[i][0]));
}

int cli_run_submit(struct cli *cli, const struct cli_args *args)
{
    struct cli_reply reply;
    struct cli_wait wait;
    struct rc_buf buf;
    struct rc_json json = cli_body(cli, &buf);
    const char *key = cli_value(args, "key");
    rc_json_text(&json, "type", args->operand[0]);
    if (key) rc_json_text(&json, "key", key);
    if (cli_actor(cli)) rc_json_text(&json, "actor", cli_actor(cli));
    put_times(args, &json);
    uint64_t priority = 0;
    const char *urgent = cli_value(args, "priority");
    if (urgent && !rc_parse_u64(rc_sv_of(urgent), &priority))
        return cli_usage(cli, "--priority must be a whole number from 0 to 9");
    if (urgent) rc_json_u64(&json, "priority", priority);
    int fault = cli_read_wait(cli, &wait);
    if (fault != CLI_OK) return fault;
    if (cli_has(args, "payload")) {
        fault = cli_put_json_option(cli, &json, "payload", "payload");
    } else {
        rc_json_object(&json, "payload");
        rc_json_end_object(&json);
    }
    if (fault == CLI_OK && cli_has(args, "ref")) fault = cli_put_refs(cli, &json, args);
    rc_json_end_object(&json);
    struct rc_sv path = rc_text(cli->arena, "/v1/commands%.*s", RC_SV_ARG(cli_wait_query(cli, &wait)));
    if (fault == CLI_OK) fault = cli_post(cli, &reply, path.p, &buf, NULL);
    if (fault == CLI_OK && !cli_text(&reply.answer.body, "id").n) { /* who has no id has not been heard */
        struct rc_error err = {0};
        (void)rc_fail(&err, RC_COMMIT_UNKNOWN, "%s answered without an id", cli->server);
        fault = cli_fail(cli, NULL, &err);
    }
    bool replayed = fault == CLI_OK && reply.answer.replayed;
    if (fault == CLI_OK) fault = cli_wait_on(cli, &wait, &reply);
    if (fault != CLI_OK) return fault;
    reply.answer.replayed = replayed;
    if (cli->json)
        cli_put_raw(cli, &reply);
    else
        put_submitted(cli, &reply);
    return cli_wait_exit(&wait, &reply.answer.body);
}
