#pragma once
/* Taking commands out of a store for good; part of the contract in store.h.
 *
 * WHAT GOES. The command's row, its history (payload, results, actions), its key and its refs, and what people wrote about it
 * in the audit, with the salts. WHAT STAYS is one row without personal data (struct rc_purged), so that nothing is forgotten
 * that keeps work from running twice: its number and nonce are never given again, and a repeat of its key is recognised by
 * the key's hash. A plain SHA-256 of namespace, type and key: whoever holds the file and guesses a key can see that it was
 * used.
 *
 * The bytes are free then, but not overwritten: rc_store_compact does that. */
#include "base/clock.h"
#include "base/hash.h"
#include "base/status.h"

struct rc_author;

/* Which commands: of those that have ended and have nothing in flight. */
struct rc_purge_filter {
    struct rc_sv ns;         /* empty: every namespace */
    uint32_t states;         /* bits 1 << enum rc_state; 0: every one in which a command has ended */
    struct rc_sv type;       /* empty: any */
    struct rc_sv ref, value; /* empty: any */
    rc_us changed_before;    /* the last change is older; 0: any age */
    bool unended;            /* also what has not ended: to be looked at, not purged */
};
struct rc_purge_row {
    uint64_t seq, nonce;
    uint32_t rev;
    uint8_t state;
    rc_us created, changed;
    struct rc_sv type;
};

/* One commit of a purge: the commands as they were found. */
struct rc_purge_one {
    uint64_t seq;
    uint32_t rev; /* a command that has changed since is left out */
};
struct rc_purge {
    const struct rc_purge_one *commands;  /* each once */
    uint32_t n;                           /* up to RC_MAX_PURGE */
    const struct rc_purge_filter *filter; /* for the record; the value of a ref is not recorded */
    const struct rc_author *by;
};

/* What is left of a purged command. */
struct rc_purged {
    uint64_t seq, nonce;
    uint8_t state; /* in which it had ended */
    uint32_t generation;
    rc_us changed; /* its last change */
    rc_us at;      /* when it was purged */
    struct rc_h128 key;
};
struct rc_h128 rc_purged_key(struct rc_sv ns, struct rc_sv type, struct rc_sv key);
