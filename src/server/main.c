/* The binary `recourse`: server and command line. */
#include "base/num.h"
#include "cli/cli.h"
#include "server/admin.h"
#include "server/doctor.h"
#include "server/server.h"
#include "tool/tool.h"

static int serve(const struct cli_args *args)
{
    static struct configuration configuration; /* too large for a stack */
    int code = CLI_USAGE;
    if (settings_load(args, NULL, &configuration) == RC_OK)
        code = serve_run(&configuration);
    else
        config_put_errors(&configuration.errors);
    settings_close(&configuration);
    return code;
}

int main(int argc, char **argv)
{
    static const struct cli_program programs[] = {
        {"serve", serve},         {"config", config_run},  {"doctor", doctor_run},  {"eval", tool_eval},
        {"audit", audit_run},     {"backup", backup_run},  {"export", export_run},  {"import", import_run},
        {"restore", restore_run}, {"token", token_create}, {"worker", tool_worker}, {NULL, NULL},
    };
    const struct cli_host host = {.version = RC_VERSION, .programs = programs};
    return cli_main(argc, argv, &host);
}
