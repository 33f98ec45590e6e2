#pragma once
/* Namespaces and tokens as they are stored; part of the contract in store.h.
 *
 * A namespace has quotas and a usage. The usage is kept in the commit that changes it, so that it is right after any crash.
 * The namespace "default" is there from the beginning and stays.
 *
 * Of a token the digest of its secret is kept, never the secret. A revoked or expired token stays in the list until its
 * place is needed, so that people can see who had it. */
#include "store/audit.h"

enum { RC_TOKEN_DIGEST = 32 };

struct rc_usage {
    uint64_t commands; /* all that are stored */
    uint64_t open;     /* of them, those that have not ended */
    uint64_t bytes;    /* of their histories: causes and changes as texts */
};

struct rc_namespace {
    struct rc_sv name;
    rc_us created; /* 0: with the store */
    /* quotas; 0: none */
    uint64_t max_open, max_bytes;
    uint32_t max_rate;     /* new commands per second */
    struct rc_usage usage; /* out only */
};

struct rc_token {
    uint64_t id; /* random, 1 to 2^63 - 1; its public part */
    unsigned char digest[RC_TOKEN_DIGEST];
    struct rc_sv subject; /* who has it */
    struct rc_sv author;  /* who made it */
    struct rc_sv ns;      /* the only namespace that it works in; empty: all */
    uint8_t role;         /* enum rc_role */
    bool act_as;
    rc_us created;
    rc_us expires; /* 0: never */
    rc_us revoked; /* 0: it is not */
    rc_us used;    /* lately; 0: never. Not more exact than a minute */
};

/* Revoked or expired. */
static inline bool rc_token_is_dead(const struct rc_token *token, rc_us now)
{
    return token->revoked || (token->expires && token->expires <= now);
}

enum rc_access_kind {
    RC_ACCESS_NAMESPACE_ADD = 1,
    RC_ACCESS_NAMESPACE_SET, /* its quotas */
    RC_ACCESS_NAMESPACE_REMOVE,
    RC_ACCESS_TOKEN_ADD,
    RC_ACCESS_TOKEN_REVOKE
};

struct rc_access_change {
    uint8_t kind;               /* enum rc_access_kind */
    const struct rc_author *by; /* NULL: the server itself */
    struct rc_namespace ns;     /* add: name and quotas; set: the same; remove: name */
    struct rc_token token;      /* add: all but the times created, revoked and used; revoke: id */
};

struct rc_token_use {
    uint64_t id;
    rc_us at;
};
