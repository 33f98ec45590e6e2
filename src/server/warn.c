/* What people should know at the start, before anybody asks: told in the log. */
#include "server/server.h"

#include "base/log.h"

static bool has_admin(const struct server *server)
{
    const struct rc_known *known = rc_engine_known(server->engine);
    for (uint32_t i = 0; i < known->ntokens; i++)
        if (known->tokens[i].role == RC_ROLE_ADMIN && !rc_token_is_dead(&known->tokens[i], rc_clock_wall()))
            return true;
    return false;
}

static void warn_of_no_token(const struct server *server)
{
    if (server->settings.auth != RC_AUTH_TOKENS || has_admin(server)) return;
    rc_log(RC_LOG_WARN, "started",
           "no token of an admin works, so nobody can make others: stop the server and run "
           "`recourse token create NAME --role admin --store %s`",
           server->settings.store);
}

static void warn_of_hold(const struct server *server)
{
    const struct rc_known *known = rc_engine_known(server->engine);
    if (!known->nholds || known->holds[0].released) return;
    rc_log(RC_LOG_WARN, "hold", "%s, so nothing leaves until a person has looked: `recourse hold show`",
           rc_held_word(known->holds[0].cause).text);
}

void warn_at_start(const struct server *server)
{
    warn_of_no_token(server);
    warn_of_hold(server);
}
