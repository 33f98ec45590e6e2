/* recourse token create --store FILE: the first token, written into the store while no server has it. */
#include "secure/token.h"
#include "engine/access.h"
#include "server/admin.h"

#include "codec/write.h"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

enum { OUT_MAX = 4096 };

static int usage(const char *text)
{
    fprintf(stderr, "recourse token: %s (recourse help token)\n", text);
    return CLI_USAGE;
}

/* 0, or the exit code after saying what is wrong. */
static int read_wanted(const struct cli_args *args, struct rc_token *ret)
{
    const char *role = cli_value(args, "role"), *expires = cli_value(args, "expires"),
               *lifetime = cli_value(args, "lifetime");
    int found = role ? rc_role_of(rc_sv_of(role)) : -1;
    rc_us end = 0, span = 0, now = rc_clock_wall();
    if (found < 0) return usage("--role is needed: submitter, worker, viewer, operator or admin");
    if (expires && lifetime) return usage("--expires and --lifetime say the same twice");
    if (expires && (!rc_parse_time(rc_sv_of(expires), &end) || end <= now))
        return usage("--expires wants a time to come, like 2027-01-31T12:00:00Z");
    if (lifetime && (!rc_parse_span(rc_sv_of(lifetime), &span) || span == 0 || span > INT64_MAX - now))
        return usage("--lifetime wants a span of time, like 90d");
    *ret = (struct rc_token){.subject = rc_sv_of(args->operand[1]),
                             .ns = rc_sv_of(cli_value(args, "bind")),
                             .role = (uint8_t)found,
                             .act_as = cli_has(args, "act-as"),
                             .expires = lifetime ? now + span : end};
    return CLI_OK;
}

static enum rc_status store_it(const char *store, const struct rc_access_change *change, struct rc_error *err)
{
    const struct rc_sqlite_options options = {.path = store};
    struct rc_store *opened = NULL;
    enum rc_status status = rc_access_check(change, err);
    if (status == RC_OK) status = rc_sqlite_open(&options, &opened, err);
    if (status == RC_LOCKED)
        return rc_fail_prefix(err, status, "stop the server first, or make the token through it");
    if (status != RC_OK) return status;
    status = rc_store_access(opened, change, rc_clock_wall(), err);
    rc_store_close(opened);
    return status;
}

static void put(const struct cli_args *args, const char *secret, const char *id)
{
    if (cli_has(args, "json")) {
        printf("{\"secret\":\"%s\",\"token\":{\"id\":\"%s\"}}\n", secret, id);
        return;
    }
    printf("%s\n", secret);
    if (!cli_has(args, "quiet") && isatty(STDOUT_FILENO))
        printf("  this is token %s; nobody can show it again\n", id);
}

int token_create(const struct cli_args *args)
{
    const struct passwd *entry = getpwuid(getuid());
    const char *reason = cli_value(args, "reason"), *login = entry ? entry->pw_name : "offline";
    const struct rc_author by = {.subject = rc_sv_of(login), .reason = rc_sv_of(reason)};
    struct rc_access_change change = {.kind = RC_ACCESS_TOKEN_ADD, .by = &by};
    char secret[RC_TOKEN_TEXT + 1], id[RC_TOKEN_ID_TEXT + 1];
    struct rc_error err = {0};
    int fault = read_wanted(args, &change.token);
    if (fault != CLI_OK) return fault;
    change.token.author = by.subject;
    enum rc_status status = rc_token_make(&change.token.id, change.token.digest, secret) == RC_OK
                                ? store_it(cli_value(args, "store"), &change, &err)
                                : rc_fail(&err, RC_IO, "the kernel gives no random numbers");
    rc_token_id_format(change.token.id, id);
    if (status == RC_OK) put(args, secret, id);
    explicit_bzero(secret, sizeof secret);
    return status == RC_OK ? CLI_OK : admin_fail(args, &err);
}
