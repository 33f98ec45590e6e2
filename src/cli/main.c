/* From argv to an exit code. */
#include "cli/run.h"

#include <assert.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ARENA_FIRST = 64 << 10,
    READY_MS = 5000 /* who checks for health has no 90 s */
};

const char *cli_first_of(const char *given, const char *variable, const char *otherwise)
{
    const char *value = getenv(variable);
    if (given) return given;
    return value && *value ? value : otherwise;
}

const char *cli_server(const struct cli_args *args)
{
    return cli_first_of(cli_value(args, "server"), "RECOURSE_SERVER", "http://127.0.0.1:7070");
}

/* With a token it is the token that says who it is, unless somebody is named. */
const char *cli_actor(struct cli *cli)
{
    if (cli->actor || cli_first_of(cli_value(cli->args, "token-file"), "RECOURSE_TOKEN", NULL))
        return cli->actor;
    const struct passwd *entry = getpwuid(getuid());
    return cli->actor = entry ? entry->pw_name : NULL;
}

int cli_run_program(struct cli *cli, const struct cli_args *args)
{
    const struct cli_program *program = cli->host->programs;
    while (program->name && strcmp(program->name, args->command->name) != 0) program++;
    assert(program->name); /* else the host forgot one */
    return program->run(args);
}

int cli_run_version(struct cli *cli, const struct cli_args *args)
{
    (void)args;
    if (cli->json)
        fprintf(cli->screen.out, "{\"version\":\"%s\"}\n", cli->host->version);
    else
        fprintf(cli->screen.out, cli->quiet ? "%s\n" : "recourse %s\n", cli->host->version);
    return CLI_OK;
}

int cli_run_ready(struct cli *cli, const struct cli_args *args)
{
    (void)args;
    struct cli_reply reply;
    cli->timeout_ms = READY_MS;
    int fault = cli_get(cli, &reply, "/readyz");
    if (fault != CLI_OK) return fault;
    if (cli->json)
        cli_put_raw(cli, &reply);
    else if (!cli->quiet)
        fprintf(cli->screen.out, "%s is ready\n", cli->server);
    return CLI_OK;
}

/* A full disk or a closed pipe behind standard output is an error too. */
static int flushed(int code)
{
    bool failed = ferror(stdout) || fflush(stdout) != 0;
    if (!failed || code != CLI_OK) return code;
    fputs("recourse: standard output cannot be written\n", stderr);
    return CLI_ERROR;
}

/* What was asked of a restored store is stored, and does not begin: whoever reads the answer should know. */
static void tell_of_hold(const struct cli *cli)
{
    bool knows = cli->args->command && strcmp(cli->args->command->name, "hold") == 0;
    if (cli->held && !knows && !cli->json && !cli->quiet)
        fputs("recourse: the store is held since it was restored: nothing leaves (recourse hold show)\n",
              stderr);
}

static int run(struct cli *cli)
{
    const struct cli_command *command = cli->args->command;
    if (!command) {
        cli_put_help(cli);
        return cli_has(cli->args, "help") ? CLI_OK : CLI_USAGE;
    }
    if (cli_has(cli->args, "help")) {
        cli_put_command_help(cli, command);
        return CLI_OK;
    }
    return command->run(cli, cli->args);
}

int cli_main(int argc, char **argv, const struct cli_host *host)
{
    struct cli_args args = {0};
    int code = cli_parse(argc, argv, &args);
    if (code != CLI_OK) return code;
    struct cli cli = {.host = host,
                      .args = &args,
                      .server = cli_server(&args),
                      .actor = cli_first_of(cli_value(&args, "actor"), "RECOURSE_ACTOR", NULL),
                      .json = cli_has(&args, "json"),
                      .quiet = cli_has(&args, "quiet"),
                      .yes = cli_has(&args, "yes"),
                      .arena = rc_arena_new(ARENA_FIRST, CLI_ARENA)};
    if (!cli.arena) {
        fputs("recourse: out of memory\n", stderr);
        return CLI_ERROR;
    }
    screen_open(&cli.screen, stdout);
    code = flushed(run(&cli));
    tell_of_hold(&cli);
    rc_client_close(cli.client);
    rc_arena_free(cli.arena);
    return code;
}
