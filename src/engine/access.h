#pragma once
/* Who is known: namespaces and tokens, and the windows of holds, as an immutable snapshot. The engine makes a new one of every change, in the turn that
 * commits it; who reads holds on to the one it has until it looks again. */
#include "base/map.h"
#include "store/store.h"

#include <stdatomic.h>

struct rc_known {
    const struct rc_token *tokens;
    const struct rc_namespace *namespaces; /* by name; their usage is that of when it was made */
    const struct rc_hold *holds;           /* newest first; how far it has come is that of when it was made */
    uint32_t ntokens, nnamespaces, nholds;
    /* private */
    struct rc_map by_id;
    struct rc_arena *arena;
    _Atomic uint32_t holders;
};

/* Reads it from the store; the caller holds it. */
RC_MUST
enum rc_status rc_known_read(struct rc_reader *, struct rc_known **ret, struct rc_error *);
/* Any thread. */
struct rc_known *rc_known_hold(struct rc_known *);
void rc_known_drop(struct rc_known *); /* NULL is fine */

/* NULL: there is none. */
const struct rc_token *rc_known_token(const struct rc_known *, uint64_t id);
const struct rc_namespace *rc_known_namespace(const struct rc_known *, struct rc_sv name);

/* Texts that people give: a namespace's name; who has a token. RC_INVALID with a pointer. */
RC_MUST
enum rc_status rc_access_check(const struct rc_access_change *, struct rc_error *);
