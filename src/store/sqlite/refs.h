#pragma once
/* Refs of commands: their numbers, and those of what people look for (refs.c). */
#include "store/sqlite/db.h"

/* How many refs there are, and the hash of one of them. */
uint32_t sq_refs_count(struct cel_value refs);
uint64_t sq_refs_hash(struct cel_value refs, uint32_t i);
/* What a touched command's change of state does to `attention`: within a transaction of the writer. */
RC_MUST
enum rc_status sq_attention_move(struct sq_conn *, const struct rc_touched *, struct rc_error *);
/* Takes a command's refs out of both. */
RC_MUST
enum rc_status sq_refs_drop(struct sq_conn *, struct cel_value refs, uint64_t seq, uint32_t state,
                            struct rc_error *);
