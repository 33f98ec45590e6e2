/* Tables made from spec/status.def. */
#include "base/status.h"

#include <string.h>

static const struct {
    const char *slug, *text;
    int http;
    bool retryable;
} row[] = {
#define RC_STATUS(code, slug, http, retry, text) {slug, text, http, retry},
#include "status.def"
#undef RC_STATUS
};

static unsigned known(enum rc_status code)
{
    return (unsigned)code < RC_STATUS_COUNT ? (unsigned)code : (unsigned)RC_BUG;
}

const char *rc_status_slug(enum rc_status code)
{
    return row[known(code)].slug;
}

const char *rc_status_text(enum rc_status code)
{
    return row[known(code)].text;
}

int rc_status_http(enum rc_status code)
{
    return row[known(code)].http;
}

bool rc_status_retryable(enum rc_status code)
{
    return row[known(code)].retryable;
}

enum rc_status rc_status_of_slug(const char *slug)
{
    for (unsigned i = 0; i < RC_STATUS_COUNT; i++)
        if (strcmp(row[i].slug, slug) == 0) return (enum rc_status)i;
    return RC_BUG;
}
