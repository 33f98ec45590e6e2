/* Options, the event loop, and what is not GitHub's: /ok and /_standin/…
 *
 *   POST   /ok                  {"ok":true,"id":N}; not in the journal, for measuring
 *   GET    /_standin/journal    what was asked and what was done, one JSON object a line
 *   GET    /_standin/stats      the sums
 *   POST   /_standin/faults     adds rules [{match, fault, times, method}]
 *   DELETE /_standin/faults     forgets them
 */
#include "standin.h"

#include "base/num.h"
#include "codec/json.h"

#include <event2/http.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { BODY_MAX = 1 << 20, HEAD_MAX = 64 << 10, SCRATCH_LIMIT = 64 << 20, IDLE_SECONDS = 600 };

static const char usage[] =
    "Usage: github-standin [--port N] [--journal FILE [--restore]] [--refuse-duplicates] [--quiet]\n"
    "Imitates GitHub's pull requests on 127.0.0.1, with faults on demand.\n\n"
    "  --port N             port; 0 (the default): any, it is printed\n"
    "  --journal FILE       also append what is asked and done to FILE, as JSON lines\n"
    "  --restore            begin with what FILE says was done: the stand-in can be killed\n"
    "  --allow-duplicates   several open pull requests for one head are fine (the default)\n"
    "  --refuse-duplicates  answer the second one with 422, as GitHub does\n"
    "  --quiet              print no line for each request\n\n"
    "A fault is asked for by a marker in the title or the head of a new pull request "
    "(\"fault=close-after\",\n"
    "\"fault=500-before*3\" for the first three requests) or by rules: POST /_standin/faults.\n"
    "Faults: slow[:MS] 500-before 500-after close-before close-after 429[:SECONDS] 422 wrong-json\n"
    "truncated-json hang hang-after late[:MS] down[:MS]. \"after\": the request is carried out all the "
    "same.\n";

static const char *method_name(struct evhttp_request *request)
{
    switch (evhttp_request_get_command(request)) {
    case EVHTTP_REQ_GET: return "GET";
    case EVHTTP_REQ_POST: return "POST";
    case EVHTTP_REQ_PATCH: return "PATCH";
    case EVHTTP_REQ_PUT: return "PUT";
    case EVHTTP_REQ_DELETE: return "DELETE";
    case EVHTTP_REQ_HEAD: return "HEAD";
    case EVHTTP_REQ_OPTIONS:
    case EVHTTP_REQ_TRACE:
    case EVHTTP_REQ_CONNECT: break;
    }
    return "OTHER";
}

/* ---- /ok and /_standin ---------------------------------------------------------------------------------------------- */

static void send_text(struct evhttp_request *request, int status, const char *type)
{
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", type);
    evhttp_send_reply(request, status, status < 400 ? "OK" : "Error", NULL);
}

static void answer_ok(struct standin *standin, struct evhttp_request *request)
{
    char text[64] = "{\"ok\":true,\"id\":", number[RC_NUM_TEXT];
    uint32_t n = rc_format_u64(++standin->world.ok, number);
    struct evbuffer *out = evhttp_request_get_output_buffer(request);
    (void)evbuffer_add(out, text, strlen(text));
    (void)evbuffer_add(out, number, n);
    (void)evbuffer_add(out, "}", 1);
    send_text(request, 200, "application/json");
}

static void answer_journal(struct standin *standin, struct evhttp_request *request)
{
    struct evbuffer *out = evhttp_request_get_output_buffer(request);
    size_t n = evbuffer_get_length(standin->journal.text);
    struct evbuffer_iovec space;
    if (n && evbuffer_reserve_space(out, (ev_ssize_t)n, &space, 1) == 1) {
        ev_ssize_t got = evbuffer_copyout(standin->journal.text, space.iov_base, n);
        space.iov_len = got > 0 ? (size_t)got : 0;
        (void)evbuffer_commit_space(out, &space, 1);
    }
    send_text(request, 200, "application/x-ndjson");
}

static void answer_stats(struct standin *standin, struct evhttp_request *request)
{
    const struct world *world = &standin->world;
    (void)evbuffer_add_printf(
        evhttp_request_get_output_buffer(request),
        "{\"asked\":%ju,\"made\":%ju,\"distinct_heads\":%zu,\"duplicates\":%ju,\"closed\":%ju,"
        "\"labelled\":%ju,\"ok\":%ju}\n",
        (uintmax_t)world->asked, (uintmax_t)world->made, world->nhead, (uintmax_t)world->duplicates,
        (uintmax_t)world->closed, (uintmax_t)world->labelled, (uintmax_t)world->ok);
    send_text(request, 200, "application/json");
}

static void answer_rules(struct standin *standin, struct evhttp_request *request)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(request);
    struct rc_sv text = {(const char *)evbuffer_pullup(in, -1), (uint32_t)evbuffer_get_length(in)};
    struct cel_value list;
    struct rc_error err;
    bool parsed = rc_json_parse(text, standin->scratch, &list, &err) == RC_OK;
    const char *why = parsed ? rules_add(&standin->rules, &list) : err.text;
    struct rc_buf body = rc_buf_in(standin->scratch, 4096);
    rc_put_text(&body, why ? "{\"message\":" : "{\"rules\":");
    if (why)
        rc_put_json(&body, rc_sv_of(why));
    else
        rc_put_u64(&body, standin->rules.n);
    rc_put_text(&body, "}\n");
    (void)evbuffer_add(evhttp_request_get_output_buffer(request), body.p, body.n);
    send_text(request, why ? 400 : 200, "application/json");
}

static bool answer_own(struct standin *standin, struct evhttp_request *request, const char *method,
                       const char *path)
{
    bool get = strcmp(method, "GET") == 0, post = strcmp(method, "POST") == 0;
    if (get && strcmp(path, "/_standin/journal") == 0) {
        answer_journal(standin, request);
    } else if (get && strcmp(path, "/_standin/stats") == 0) {
        answer_stats(standin, request);
    } else if (post && strcmp(path, "/_standin/faults") == 0) {
        answer_rules(standin, request);
    } else if (strcmp(method, "DELETE") == 0 && strcmp(path, "/_standin/faults") == 0) {
        rules_free(&standin->rules);
        send_text(request, 200, "application/json");
    } else {
        return false;
    }
    return true;
}

static void on_request(struct evhttp_request *request, void *context)
{
    struct standin *standin = context;
    const char *method = method_name(request);
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
    rc_arena_reset(standin->scratch);
    if (!path) {
        evhttp_send_error(request, 400, "Bad Request");
    } else if (strcmp(path, "/ok") == 0) {
        answer_ok(standin, request);
    } else if (!answer_own(standin, request, method, path)) {
        api_handle(standin, request, method, path);
    }
}

/* ---- start and end -------------------------------------------------------------------------------------------------- */

static void on_signal(evutil_socket_t number, short what, void *context)
{
    (void)number, (void)what;
    event_base_loopbreak(context);
}

static bool read_options(int argc, char **argv, struct standin *standin, const char **ret_journal,
                         bool *ret_restore, bool *ret_quiet)
{
    static const struct option options[] = {{"port", required_argument, NULL, 'p'},
                                            {"journal", required_argument, NULL, 'j'},
                                            {"restore", no_argument, NULL, 'R'},
                                            {"allow-duplicates", no_argument, NULL, 'a'},
                                            {"refuse-duplicates", no_argument, NULL, 'r'},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    uint64_t port;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'p' && rc_parse_u64(rc_sv_of(optarg), &port) && port <= UINT16_MAX)
            standin->port = (uint16_t)port;
        else if (c == 'j')
            *ret_journal = optarg;
        else if (c == 'a' || c == 'r')
            standin->refuse_duplicates = c == 'r';
        else if (c == 'R')
            *ret_restore = true;
        else if (c == 'q')
            *ret_quiet = true;
        else
            return false;
    }
    return optind == argc && (*ret_journal || !*ret_restore);
}

static uint16_t port_of(struct evhttp_bound_socket *listener)
{
    struct sockaddr_storage address;
    socklen_t n = sizeof address;
    if (getsockname(evhttp_bound_socket_get_fd(listener), (struct sockaddr *)&address, &n) < 0) return 0;
    struct sockaddr_in in;
    memcpy(&in, &address, sizeof in);
    return ntohs(in.sin_port);
}

static bool start(struct standin *standin)
{
    standin->scratch = rc_arena_new(16 << 10, SCRATCH_LIMIT);
    standin->base = event_base_new();
    standin->http = standin->base ? evhttp_new(standin->base) : NULL;
    standin->up_again = standin->base ? evtimer_new(standin->base, standin_up_again, standin) : NULL;
    if (!standin->scratch || !standin->http || !standin->up_again) return false;
    evhttp_set_allowed_methods(standin->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PATCH |
                                                  EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_HEAD);
    evhttp_set_max_body_size(standin->http, BODY_MAX);
    evhttp_set_max_headers_size(standin->http, HEAD_MAX);
    evhttp_set_timeout(standin->http, IDLE_SECONDS);
    evhttp_set_gencb(standin->http, on_request, standin);
    if (!standin_listen(standin)) return false;
    standin->port = port_of(standin->listener);
    return standin->port != 0;
}

static void stop(struct standin *standin)
{
    reply_release_held(standin);
    again_release(standin);
    if (standin->up_again) event_free(standin->up_again);
    if (standin->http) evhttp_free(standin->http);
    if (standin->base) event_base_free(standin->base);
    world_free(&standin->world);
    rules_free(&standin->rules);
    journal_close(&standin->journal);
    rc_arena_free(standin->scratch);
}

int main(int argc, char **argv)
{
    struct standin standin = {0};
    const char *journal = NULL;
    bool restore = false, quiet = false;
    if (!read_options(argc, argv, &standin, &journal, &restore, &quiet)) {
        (void)fputs(usage, stderr);
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    if (!journal_open(&standin.journal, journal, !quiet) || !start(&standin)) {
        perror("github-standin: cannot start");
        stop(&standin);
        return 1;
    }
    const char *why = restore ? again_restore(&standin, journal) : NULL;
    if (why) {
        (void)fprintf(stderr, "github-standin: %s has %s\n", journal, why);
        stop(&standin);
        return 1;
    }
    struct event *term = evsignal_new(standin.base, SIGTERM, on_signal, standin.base);
    struct event *interrupt = evsignal_new(standin.base, SIGINT, on_signal, standin.base);
    if (term) event_add(term, NULL);
    if (interrupt) event_add(interrupt, NULL);
    (void)printf("github-standin listens on http://127.0.0.1:%u\n", standin.port);
    (void)fflush(stdout);
    event_base_dispatch(standin.base);
    if (term) event_free(term);
    if (interrupt) event_free(interrupt);
    stop(&standin);
    return 0;
}
