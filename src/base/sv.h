#pragma once
/* String view: bytes that somebody else owns. Not terminated; may hold any byte. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct rc_sv {
    const char *p;
    uint32_t n;
};

#define RC_SV(literal) ((struct rc_sv){"" literal, (uint32_t)(sizeof(literal) - 1)})
/* for printf: "%.*s" */
#define RC_SV_ARG(sv)  (int)(sv).n, (sv).p

/* A view of a terminated string; NULL gives the empty view. Longer than 4 GiB is a bug of the caller. */
static inline struct rc_sv rc_sv_of(const char *text)
{
    return (struct rc_sv){text, text ? (uint32_t)strlen(text) : 0};
}

static inline bool rc_sv_eq(struct rc_sv a, struct rc_sv b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool rc_sv_is(struct rc_sv a, const char *text)
{
    return rc_sv_eq(a, rc_sv_of(text));
}

/* Byte order; a prefix sorts first. */
static inline int rc_sv_cmp(struct rc_sv a, struct rc_sv b)
{
    uint32_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

static inline bool rc_sv_starts(struct rc_sv a, struct rc_sv prefix)
{
    return a.n >= prefix.n && (prefix.n == 0 || memcmp(a.p, prefix.p, prefix.n) == 0);
}

static inline bool rc_sv_ends(struct rc_sv a, struct rc_sv suffix)
{
    return a.n >= suffix.n && (suffix.n == 0 || memcmp(a.p + a.n - suffix.n, suffix.p, suffix.n) == 0);
}
