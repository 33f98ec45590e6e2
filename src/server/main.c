/* The binary `recourse`: server and command line. */
#include "base/num.h"
#include "cli/cli.h"
#include "server/admin.h"
#include "server/doctor.h"
#include "server/server.h"
#include "tool/tool.h"

#include <fcntl.h>
#include <unistd.h>

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

/* Where a standard descriptor is closed, the next socket or file would get its number, and what is printed would go there. Behind
 * standard output stands what cannot be written then, so that the command says so. */
static bool fill_standard(void)
{
    static const int mode[] = {
        [STDIN_FILENO] = O_RDONLY, [STDOUT_FILENO] = O_RDONLY, [STDERR_FILENO] = O_WRONLY};
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", mode[fd]) != fd) return false;
    return true;
}

int main(int argc, char **argv)
{
    if (!fill_standard()) return CLI_ERROR;
    static const struct cli_program programs[] = {
        {"serve", serve},         {"config", config_run},  {"doctor", doctor_run},  {"eval", tool_eval},
        {"audit", audit_run},     {"backup", backup_run},  {"export", export_run},  {"import", import_run},
        {"restore", restore_run}, {"token", token_create}, {"worker", tool_worker}, {NULL, NULL},
    };
    const struct cli_host host = {.version = RC_VERSION, .programs = programs};
    return cli_main(argc, argv, &host);
}
