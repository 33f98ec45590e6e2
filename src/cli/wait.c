/* --wait: following one command until it rests, as long as the person has patience. The server holds each answer back for up to
 * a minute, so nothing is asked in vain. */
#include "cli/run.h"

#include <time.h>

enum { ONE_REQUEST_MS = 60000, AT_LEAST_MS = 1, PAUSE_US = 100000 };

int cli_read_wait(struct cli *cli, struct cli_wait *ret)
{
    const char *text = cli_value(cli->args, "wait");
    rc_us span = 0;
    *ret = (struct cli_wait){.asked = text != NULL};
    if (text && !rc_parse_span(rc_sv_of(text), &span))
        return cli_usage(cli, "--wait wants a time like 30s or 10m, not \"%s\"", text);
    ret->until = rc_clock_monotonic() + span;
    return CLI_OK;
}

struct rc_sv cli_wait_query(struct cli *cli, const struct cli_wait *wait)
{
    rc_us now = rc_clock_monotonic();
    if (!wait->asked || now >= wait->until) return RC_SV("");
    rc_us ms = (wait->until - now) / 1000;
    if (ms > ONE_REQUEST_MS) ms = ONE_REQUEST_MS;
    return rc_text(cli->arena, "?wait=%llums", (unsigned long long)(ms ? ms : AT_LEAST_MS));
}

/* The states as the API spells them. */
enum state {
#define RC_COMMAND_STATE(code, slug, ended, text) STATE_##code,
#include "states.def"
#undef RC_COMMAND_STATE
};
static const char *const spelt[] = {
#define RC_COMMAND_STATE(code, slug, ended, text) slug,
#include "states.def"
#undef RC_COMMAND_STATE
};

bool cli_rests(const struct cel_value *command)
{
    static const enum state person[] = {STATE_RC_REVIEW, STATE_RC_FAILED, STATE_RC_REJECTED}; /* is needed */
    struct rc_sv state = cli_text(command, "state");
    for (unsigned i = 0; i < sizeof person / sizeof *person; i++)
        if (rc_sv_is(state, spelt[person[i]])) return true;
    return cli_bool(command, "ended");
}

int cli_wait_on(struct cli *cli, const struct cli_wait *wait, struct cli_reply *io_reply)
{
    while (wait->asked && !cli_rests(&io_reply->answer.body)) {
        struct rc_sv query = cli_wait_query(cli, wait), id = cli_text(&io_reply->answer.body, "id");
        if (!query.n) return CLI_OK;
        rc_us asked = rc_clock_monotonic();
        int fault = cli_get(cli, io_reply, "/v1/commands/%.*s%.*s", RC_SV_ARG(id), RC_SV_ARG(query));
        if (fault != CLI_OK) return fault;
        /* the server answers at once when too many others wait */
        if (rc_clock_monotonic() - asked < PAUSE_US)
            (void)nanosleep(&(struct timespec){.tv_nsec = PAUSE_US * 1000L}, NULL);
    }
    return CLI_OK;
}

int cli_wait_exit(const struct cli_wait *wait, const struct cel_value *command)
{
    return !wait->asked || rc_sv_is(cli_text(command, "state"), spelt[STATE_RC_COMPLETED]) ? CLI_OK
                                                                                           : CLI_INCOMPLETE;
}
