#pragma once
/* What http.c and http_stream.c share (private to api/). An exchange is evhttp's own request: the casts stand here and nowhere
 * else. */
#include "api/http.h"

#include <event2/http.h>

static inline struct evhttp_request *http_inside(const struct http_exchange *exchange)
{
    return (struct evhttp_request *)(uintptr_t)exchange;
}

static inline struct http_exchange *http_outside(struct evhttp_request *request)
{
    return (struct http_exchange *)(void *)request;
}
