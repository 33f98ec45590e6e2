/* The address of a dependency: http or https, host, port and a prefix of the path (RFC 3986). */
#include "defs/parts.h"

#include "base/num.h"

#include <arpa/inet.h>

struct url {
    struct rc_sv host, port, path;
    bool tls, v6;
};

static bool is_any_of(struct rc_sv text, const char *extra)
{
    for (uint32_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool usual = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!usual && (!c || !strchr(extra, c))) return false;
    }
    return true;
}

static struct rc_sv from(struct rc_sv text, uint32_t at)
{
    return (struct rc_sv){text.p + at, text.n - at};
}

static uint32_t index_of(struct rc_sv text, char c)
{
    const char *found = text.n ? memchr(text.p, c, text.n) : NULL;
    return found ? (uint32_t)(found - text.p) : text.n;
}

/* Splits "host[:port]"; NULL, or what is wrong with it. */
static const char *split_authority(struct rc_sv text, struct url *url)
{
    if (index_of(text, '@') < text.n)
        return "an address has no user and password here: put credentials in 'headers', with secret('…')";
    uint32_t end;
    url->v6 = text.n && text.p[0] == '[';
    if (url->v6) {
        end = index_of(text, ']');
        if (end == text.n) return "'[' without ']'";
        url->host = (struct rc_sv){text.p + 1, end - 1};
        text = from(text, end + 1);
        if (text.n && text.p[0] != ':') return "only a port may stand behind ']'";
    } else {
        end = index_of(text, ':');
        url->host = (struct rc_sv){text.p, end};
        text = from(text, end);
    }
    if (text.n == 1) return "the port is missing behind ':'";
    if (text.n) url->port = from(text, 1);
    return NULL;
}

static const char *check_host(const struct url *url)
{
    if (!url->host.n) return "the host is missing";
    if (url->host.n > 253) return "the host is longer than 253 bytes";
    if (!url->v6) return is_any_of(url->host, ".-") ? NULL : "a host has only letters, digits, '.' and '-'";
    char text[254];
    unsigned char address[16];
    memcpy(text, url->host.p, url->host.n);
    text[url->host.n] = 0;
    return inet_pton(AF_INET6, text, address) == 1 ? NULL : "this is no IPv6 address";
}

static const char *check_prefix(struct rc_sv path)
{
    if (index_of(path, '?') < path.n || index_of(path, '#') < path.n)
        return "a base has no query and no fragment: put the query under 'query' of a request";
    if (!is_any_of(path, "-._~!$&'()*+,;=:@/%")) return "a character of the path must be percent-encoded";
    for (struct rc_sv rest = path; rest.n;) {
        rest = from(rest, 1);
        struct rc_sv segment = {rest.p, index_of(rest, '/')};
        if (rc_sv_is(segment, ".") || rc_sv_is(segment, ".."))
            return "a path cannot have '.' and '..' segments";
        rest = from(rest, segment.n);
    }
    return NULL;
}

static const char *split(struct rc_sv text, struct url *url)
{
    url->tls = rc_sv_starts(text, RC_SV("https://"));
    if (!url->tls && !rc_sv_starts(text, RC_SV("http://"))) return "a base begins with http:// or https://";
    struct rc_sv rest = from(text, url->tls ? 8 : 7);
    uint32_t end = 0;
    while (end < rest.n && !strchr("/?#", rest.p[end])) end++;
    const char *problem = split_authority((struct rc_sv){rest.p, end}, url);
    url->path = from(rest, end);
    if (!problem) problem = check_host(url);
    return problem ? problem : check_prefix(url->path);
}

bool defs_read_base(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct flow_dependency *dependency = target;
    struct url url = {0};
    struct rc_sv text;
    if (!defs_read_text(r, node, &text, NULL)) return false;
    if (text.n > RC_MAX_URL / 2) return defs_fail(r, node, RC_LIMIT, "longer than %d bytes", RC_MAX_URL / 2);
    while (text.n && text.p[text.n - 1] == '/') text.n--;
    const char *problem = split(text, &url);
    if (problem) return defs_fail(r, node, RC_INVALID, "%s", problem);
    uint64_t port = url.tls ? 443 : 80;
    if (url.port.n && (!rc_parse_u64(url.port, &port) || port < 1 || port > 65535))
        return defs_fail(r, node, RC_INVALID, "a port is a number from 1 to 65535, not '%.*s'",
                         RC_SV_ARG(url.port));
    dependency->base = text;
    dependency->host = url.host;
    dependency->tls = url.tls;
    dependency->port = (uint16_t)port;
    return true;
}
