/* Headers that flows and dependencies may not set: the only list of them. */
#include "flow/dependency.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool flow_header_same(struct rc_sv a, struct rc_sv b)
{
    if (a.n != b.n) return false;
    for (uint32_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i])) return false;
    return true;
}

bool flow_header_reserved(struct rc_sv name)
{
    static const char *const reserved[] = {"accept-encoding",
                                           "connection",
                                           "content-length",
                                           "expect",
                                           "host",
                                           "http2-settings",
                                           "keep-alive",
                                           "proxy-authorization",
                                           "proxy-connection",
                                           "idempotency-key",
                                           "te",
                                           "traceparent",
                                           "trailer",
                                           "transfer-encoding",
                                           "upgrade"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (flow_header_same(name, rc_sv_of(reserved[i]))) return true;
    return false;
}
