/* The binary `recourse`: server and command line. */
#include "base/num.h"
#include "cli/cli.h"
#include "server/server.h"
#include "tool/tool.h"

#include <stdlib.h>

enum { DRAIN_SECONDS = 10 };

/* "127.0.0.1:7070", "[::1]:7070", "localhost:7070", "7070" */
static bool read_listen(const char *text, struct serve_options *options)
{
    struct rc_sv all = rc_sv_of(text), host = RC_SV("127.0.0.1"), port = all;
    const char *colon = strrchr(text, ':');
    uint64_t number;
    if (colon) {
        host = (struct rc_sv){text, (uint32_t)(colon - text)};
        port = rc_sv_of(colon + 1);
    }
    if (host.n > 1 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = (struct rc_sv){host.p + 1, host.n - 2};
    else if (host.n && memchr(host.p, ':', host.n))
        return false; /* an IPv6 address without brackets */
    if (rc_sv_is(host, "localhost") || host.n == 0) host = RC_SV("127.0.0.1");
    if (host.n >= sizeof options->address || !rc_parse_u64(port, &number) || number > UINT16_MAX)
        return false;
    memcpy(options->address, host.p, host.n);
    options->address[host.n] = 0;
    options->port = (uint16_t)number;
    return true;
}

static int usage(const char *what, const char *text)
{
    fprintf(stderr, "recourse serve: %s \"%s\" is not one (recourse help serve)\n", what, text);
    return CLI_USAGE;
}

static bool read_log(const char *text, enum rc_log_format *ret)
{
    bool is_text = strcmp(text, "text") == 0;
    if (!is_text && strcmp(text, "json") != 0) return false;
    *ret = is_text ? RC_LOG_TEXT : RC_LOG_JSON;
    return true;
}

static int serve(const struct cli_args *args)
{
    struct serve_options options = {.store = cli_value(args, "store"),
                                    .definitions = cli_value(args, "defs"),
                                    .secrets = cli_value(args, "secrets"),
                                    .log = RC_LOG_AUTO,
                                    .drain = RC_SECONDS(DRAIN_SECONDS)};
    const char *listen = cli_value(args, "listen"), *unsafe = cli_value(args, "unsafe-listen");
    const char *log = cli_value(args, "log"), *drain = cli_value(args, "drain");
    if (!options.store) options.store = "recourse.db";
    if (unsafe) listen = unsafe;
    if (!listen) listen = "127.0.0.1:7070";
    options.anywhere = unsafe != NULL;
    if (!read_listen(listen, &options)) return usage("address", listen);
    if (log && !read_log(log, &options.log)) return usage("log format", log);
    if (drain && !rc_parse_span(rc_sv_of(drain), &options.drain)) return usage("span of time", drain);
    unsigned at = 0;
    for (const char *host; (host = cli_each(args, "allow-host", &at)) && options.nhosts < SERVE_HOSTS;)
        options.hosts[options.nhosts++] = host;
    return serve_run(&options);
}

int main(int argc, char **argv)
{
    static const struct cli_program programs[] = {{"serve", serve}, {"eval", tool_eval}, {NULL, NULL}};
    const struct cli_host host = {.version = RC_VERSION, .programs = programs};
    return cli_main(argc, argv, &host);
}
