#pragma once
/* The newest commands, whose keys and refs are not in the indexes yet (fresh.c). Within a transaction of the writer, but for what says otherwise. */
#include "store/sqlite/db.h"

enum { SQ_FRESH_HINTS = 1024 };

struct sq_fresh_key {
    uint64_t hash, seq;
};

/* As the transaction in hand leaves it; what is beyond `kept` is not committed yet. */
struct sq_fresh {
    uint32_t enough;  /* so many keys are written into the indexes */
    uint64_t indexed; /* as committed: commands up to this number are in the indexes */
    struct sq_fresh_key *keys;
    uint64_t *refs; /* places (hash.h) */
    uint32_t nkeys, nrefs, keys_cap, refs_cap, keys_kept, refs_kept;
    uint64_t hint[SQ_FRESH_HINTS]; /* bits: what none of them has by the low bits of its hash needs no look */
    bool late;                     /* one of them has a number that the indexes are beyond: it cannot wait */
    uint64_t indexing;             /* what `indexed` becomes with the commit; 0: they wait on */
};

/* At the opening of the store, outside of transactions. `enough` 0: as many as is best. */
RC_MUST
enum rc_status sq_fresh_load(struct sq_store *, uint32_t enough, struct rc_error *);
/* A new command, whose row is written; `hash` is that of its key. RC_NOMEM. Not behind sq_fresh_write in the same transaction. */
RC_MUST
enum rc_status sq_fresh_add(struct sq_fresh *, const struct rc_identity *, uint64_t hash, struct rc_error *);
/* Writes them into the indexes, where they are enough, or all of them are wanted there. */
RC_MUST
enum rc_status sq_fresh_write(struct sq_store *, bool all, struct rc_error *);
/* The transaction has ended: it was committed, or taken back. */
void sq_fresh_settle(struct sq_fresh *, bool committed);
/* The highest number below `before` of one whose key has this hash; 0: there is none. */
uint64_t sq_fresh_before(const struct sq_fresh *, uint64_t hash, uint64_t before);
void sq_fresh_free(struct sq_fresh *);

/* Commands up to this number are in the indexes, in the state of the store that the connection sees. */
RC_MUST
enum rc_status sq_indexed(struct sq_conn *, uint64_t *ret, struct rc_error *);
