/* Which requests are looked at at all: a browser that was led astray by another site is kept out. Host must name this
 * machine (DNS rebinding), Origin must not name another one, and bodies must be JSON by their content type, which no
 * foreign page can send without asking first. Who may do what is another question (auth.c). */
#include "api/call.h"

#include <arpa/inet.h>
#include <strings.h>

bool api_is_loopback(const char *address)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, address, &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, address, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static bool same_name(struct rc_sv host, const char *name)
{
    return host.n && host.n == strlen(name) && strncasecmp(host.p, name, host.n) == 0;
}

/* The name in "name", "name:port", "[v6]" or "[v6]:port". */
static struct rc_sv without_port(struct rc_sv host)
{
    if (host.n && host.p[0] == '[') {
        const char *end = memchr(host.p, ']', host.n);
        return end ? (struct rc_sv){host.p + 1, (uint32_t)(end - host.p - 1)} : (struct rc_sv){0};
    }
    const char *colon = host.n ? memchr(host.p, ':', host.n) : NULL;
    return colon ? (struct rc_sv){host.p, (uint32_t)(colon - host.p)} : host;
}

/* A name that belongs to us: of loopback, the address that we listen on, or one that was listed. */
static bool is_ours(const struct rc_api *api, struct rc_sv host)
{
    char text[INET6_ADDRSTRLEN];
    host = without_port(host);
    if (same_name(host, "localhost") || same_name(host, api->options.address)) return true;
    for (uint32_t i = 0; i < api->options.nhosts; i++)
        if (same_name(host, api->options.hosts[i])) return true;
    if (host.n == 0 || host.n >= sizeof text) return false;
    memcpy(text, host.p, host.n);
    text[host.n] = 0;
    return api_is_loopback(text);
}

enum rc_status api_check_origin(const struct api_call *call, struct rc_error *err)
{
    if (!is_ours(call->api, call->http.host))
        return rc_fail(err, RC_MISDIRECTED,
                       "the Host header names \"%.*s\", which is not this server (--allow-host lists names)",
                       (int)(call->http.host.n > 200 ? 200 : call->http.host.n), call->http.host.p);
    struct rc_sv origin = http_header(call->exchange, "Origin", NULL);
    if (!origin.p) return RC_OK;
    static const char *const scheme[] = {"http://", "https://"};
    for (unsigned i = 0; i < sizeof scheme / sizeof *scheme; i++) {
        uint32_t n = (uint32_t)strlen(scheme[i]);
        if (rc_sv_starts(origin, rc_sv_of(scheme[i])) &&
            is_ours(call->api, (struct rc_sv){origin.p + n, origin.n - n}))
            return RC_OK;
    }
    return rc_fail(err, RC_FORBIDDEN, "requests from pages of another site are refused");
}
