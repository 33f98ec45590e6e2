/* recourse signal */
#include "cli/run.h"

static void put_signal(struct cli *cli, const struct cli_reply *reply)
{
    struct screen *screen = &cli->screen;
    const struct cel_value *body = &reply->answer.body;
    struct rc_sv command = cli_text(body, "command");
    if (cli->quiet) {
        screen_sv(screen, command.n ? command : cli_text(body, "state"));
    } else {
        if (reply->answer.replayed) fputs("was there already: ", screen->out);
        screen_sv(screen, cli_text(body, "name"));
        fputs(" for \"", screen->out);
        screen_sv(screen, cli_text(body, "id"));
        fputs(command.n ? "\", taken by " : "\", kept until something waits for it", screen->out);
        screen_sv(screen, command);
    }
    fputc('\n', screen->out);
}

int cli_run_signal(struct cli *cli, const struct cli_args *args)
{
    struct cli_reply reply;
    struct rc_buf buf;
    struct rc_json json = cli_body(cli, &buf);
    const char *key = cli_value(args, "key");
    if (!key) return cli_usage(cli, "wants --key: the same key is the same signal, however often it is sent");
    rc_json_text(&json, "name", args->operand[0]);
    rc_json_text(&json, "id", args->operand[1]);
    rc_json_text(&json, "key", key);
    int fault = cli_put_json_option(cli, &json, "payload", "payload");
    rc_json_end_object(&json);
    if (fault == CLI_OK) fault = cli_post(cli, &reply, "/v1/signals", &buf, NULL);
    if (fault != CLI_OK) return fault;
    if (cli->json)
        cli_put_raw(cli, &reply);
    else
        put_signal(cli, &reply);
    return CLI_OK;
}
