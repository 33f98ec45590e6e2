/* What the doctor asks of what is around: whether each dependency can be reached, without any request to it, and how the server
 * is. */
#include "server/doctor.h"

#include "client/client.h"
#include "exec/exec.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST = 64, ANSWER_MS = 5000 };

static void probe(struct doctor *d, const struct flow_dependency *dependency)
{
    struct rc_http_probe found = {0};
    struct rc_error err = {0};
    enum rc_status status = rc_http_probe(dependency, NULL, &found, &err);
    if (status == RC_OK)
        doctor_say(d, DOCTOR_OK, NULL, "%.*s: %.*s is reached at %s in %llu ms%s",
                   RC_SV_ARG(dependency->name), RC_SV_ARG(dependency->base), found.address,
                   (unsigned long long)(found.took / 1000),
                   dependency->tls ? ", and its certificate is good" : "");
    else
        doctor_say(d, status == RC_NOMEM ? DOCTOR_WARNING : DOCTOR_ERROR,
                   status == RC_FORBIDDEN
                       ? "allow_private: true in its definition, if this is meant"
                       : "look at its address, at DNS, the network, firewalls, and at its certificate",
                   "%.*s: %.*s: %s", RC_SV_ARG(dependency->name), RC_SV_ARG(dependency->base), err.text);
}

static bool allows(const struct doctor *d, struct rc_sv path)
{
    const struct setting_list *allowed = &d->settings->allow_program;
    for (uint32_t i = 0; i < allowed->n; i++)
        if (rc_sv_is(path, allowed->text[i])) return true;
    return false;
}

static void look_at_program(struct doctor *d, struct rc_sv name, struct rc_sv path)
{
    struct rc_sv text = rc_copy_sv(d->arena, path); /* terminated */
    if (!text.p) return;
    if (!allows(d, path))
        doctor_say(d, DOCTOR_ERROR, "start the server with --allow-program, if this is meant",
                   "%.*s: %s is not allowed here", RC_SV_ARG(name), text.p);
    else if (access(text.p, X_OK))
        doctor_say(d, DOCTOR_ERROR, "install it, and make it executable for the server's user",
                   "%.*s: %s cannot be run: %s", RC_SV_ARG(name), text.p, strerror(errno));
    else
        doctor_say(d, DOCTOR_OK, NULL, "%.*s: %s can be run", RC_SV_ARG(name), text.p);
}

static void look_at(struct doctor *d, const struct flow_dependency *dependency)
{
    if (dependency->kind == FLOW_DEP_HTTP) probe(d, dependency);
    for (uint32_t i = 0; i < dependency->program.npaths; i++)
        look_at_program(d, dependency->name, dependency->program.paths[i]);
}

void doctor_dependencies(struct doctor *d)
{
    for (uint32_t i = 0; i < d->ndependencies && i < MOST; i++) look_at(d, d->dependency[i]);
    if (d->ndependencies > MOST)
        doctor_say(d, DOCTOR_OK, NULL, "%u others were not tried", d->ndependencies - MOST);
}

/* ---- the server ---------------------------------------------------------------------------------------- */

static const char *why_not(const struct cel_value *body)
{
    static const struct {
        const char *member, *text;
        bool when;
    } row[] = {{"stopping", "it is stopping", true},
               {"storage", "its storage cannot be used (see its log)", false},
               {"room", "its disk is full: new work is refused", false}};
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
        const struct cel_value *member = cel_map_get(body, row[i].member);
        if (member && member->kind == CEL_BOOL && member->v.b == row[i].when) return row[i].text;
    }
    return NULL;
}

void doctor_server(struct doctor *d)
{
    const char *given = cli_value(d->args, "server"), *variable = getenv("RECOURSE_SERVER");
    const char *url = given ? given : variable && *variable ? variable : "http://127.0.0.1:7070";
    const char *ca = cli_value(d->args, "ca");
    if (!ca) ca = getenv("RECOURSE_CA");
    const struct rc_client_options options = {
        .server = url, .ca = ca && *ca ? ca : NULL, .timeout_ms = ANSWER_MS};
    const struct rc_client_call call = {.method = "GET", .path = "/readyz"};
    struct rc_client_answer answer = {0};
    struct rc_client *client = NULL;
    struct rc_error err = {0};
    enum rc_status status = rc_client_open(&options, &client, &err);
    if (status == RC_OK) status = rc_client_do(client, &call, d->arena, &answer, &err);
    const char *trouble = answer.status ? why_not(&answer.body) : NULL;
    if (!answer.status)
        doctor_say(d, given || variable ? DOCTOR_ERROR : DOCTOR_WARNING,
                   "start it, or name another one with --server", "%s", err.text);
    else if (status != RC_OK || trouble)
        doctor_say(d, DOCTOR_ERROR, "its log says more", "%s is not ready: %s", url,
                   trouble ? trouble : rc_status_text(status));
    else
        doctor_say(d, DOCTOR_OK, NULL, "%s is ready for work", url);
    rc_client_close(client);
}
