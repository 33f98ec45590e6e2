/* The trace that a request leaves: an id, which goes back to the client and into the log, and its line there. Every request has
 * one at debug; one that ended as 5xx, or took longer than it should, has one in any case, at most MOST_LINES a second. */
#include "api/call.h"

#include "base/log.h"
#include "base/random.h"

#include <stdio.h>

enum { MOST_LINES = 100 };

/* Letters, digits and -._ only, so that it can stand in any log as it is. */
static bool is_good(struct rc_sv id)
{
    if (id.n == 0 || id.n > API_REQUEST_ID) return false;
    for (uint32_t i = 0; i < id.n; i++) {
        char c = id.p[i];
        bool good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                    c == '.' || c == '_';
        if (!good) return false;
    }
    return true;
}

static void put_hex(uint64_t number, char *ret_text)
{
    static const char digit[] = "0123456789abcdef";
    for (int i = 16; i-- > 0; number >>= 4) ret_text[i] = digit[number & 15];
}

void api_trace_begin(struct api_call *call)
{
    bool more = false;
    struct rc_sv id = http_header(call->exchange, "X-Request-Id", &more);
    call->started = rc_clock_monotonic();
    call->about = (struct rc_id){0};
    call->status = 0;
    call->subject[0] = 0;
    if (!more && is_good(id)) {
        memcpy(call->request_id, id.p, id.n);
        call->request_id[id.n] = 0;
    } else {
        put_hex(rc_mix(&call->api->ids), call->request_id);
        call->request_id[16] = 0;
    }
}

void api_trace_subject(struct api_call *call)
{
    struct rc_sv name = call->who.name;
    uint32_t n = name.n < sizeof call->subject ? name.n : (uint32_t)sizeof call->subject - 1;
    if (n) memcpy(call->subject, name.p, n);
    call->subject[n] = 0;
}

/* At most so many lines a second that nobody asked for; *ret_left_out were not written since the last one. */
static bool may_log(struct rc_api *api, uint64_t *ret_left_out)
{
    rc_us second = rc_clock_monotonic() / RC_SECONDS(1);
    if (second != api->log_second) {
        api->log_second = second;
        api->log_lines = 0;
    }
    if (api->log_lines == MOST_LINES) {
        api->log_left_out++;
        return false;
    }
    api->log_lines++;
    *ret_left_out = api->log_left_out;
    api->log_left_out = 0;
    return true;
}

void api_trace_end(struct api_call *call)
{
    struct rc_api *api = call->api;
    rc_us took = rc_clock_monotonic() - call->started;
    bool waited = call->wait.ms != 0; /* as the client asked */
    bool refused =
        call->status == 503 && atomic_load(&api->leaving); /* a server that stops says no to everything */
    bool bad = call->status == 0 || (call->status >= 500 && !refused);
    bool slow = took >= api->options.slow && !waited;
    enum rc_log_level level = bad || slow ? RC_LOG_WARN : RC_LOG_DEBUG;
    uint64_t left_out = 0;
    if (!rc_log_is_on(level) || (!rc_log_is_on(RC_LOG_DEBUG) && !may_log(api, &left_out))) return;
    char id[RC_ID_TEXT + 1] = "", status[16] = "no answer", more[24] = "";
    if (call->about.seq) rc_id_format(call->about, id);
    if (call->status) snprintf(status, sizeof status, "%d", call->status);
    if (left_out) snprintf(more, sizeof more, "%llu", (unsigned long long)left_out);
    const char *method = api_method_name(call->http.method),
               *route = call->route ? call->route->path : "no route";
    const struct rc_log_field fields[] = {
        {"method", method, 0},
        {"route", route, 0},
        {"status", NULL, (uint64_t)call->status},
        {"ms", NULL, took / 1000},
        {"request_id", call->request_id, 0},
        {"subject", call->subject, 0},
        {"command", id, 0},
        {"left_out", more, 0},
    };
    rc_log_fields(level, "request", fields, sizeof fields / sizeof *fields, "%s %s: %s%s", method, route,
                  status, slow ? ", slow" : "");
}
