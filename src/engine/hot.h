#pragma once
/* What is near at hand of the store: commands in memory, and who waits first in each queue (internal to engine/). */
#include "base/map.h"
#include "engine/engine.h"

/* ---- hot commands (cache.c) ------------------------------------------------------------------------------------------ */

struct rc_hot {
    struct rc_command command;
    struct rc_arena *arena; /* everything the command points to */
    uint64_t key_hash;
    struct rc_hot *newer, *older; /* least recently used last */
    struct rc_request *request;   /* in the turn that creates it: whose memory it is */
    uint32_t touched;             /* 1 + index in the turn's list; 0: not touched in this turn */
};

struct rc_cache {
    struct rc_map by_seq, by_key;
    struct rc_hot *newest, *oldest;
    size_t bytes;
};

uint64_t rc_key_hash_of(const struct rc_identity *);
struct rc_hot *rc_cache_find(struct rc_cache *, uint64_t seq);
struct rc_hot *rc_cache_find_key(struct rc_cache *, const struct rc_identity *);
/* Takes over entry and its arena on success. */
RC_MUST enum rc_status rc_cache_add(struct rc_cache *, struct rc_hot *);
/* From now on it is what rc_cache_find_key finds: the last generation of its key, and no other one. */
RC_MUST enum rc_status rc_cache_name(struct rc_cache *, struct rc_hot *);
void rc_cache_use(struct rc_cache *, struct rc_hot *);
void rc_cache_drop(struct rc_cache *, struct rc_hot *);     /* frees it */
void rc_cache_take_out(struct rc_cache *, struct rc_hot *); /* does not */
void rc_cache_clear(struct rc_cache *);
/* Evicts what was not used for longest until the bound holds. Not within a turn. */
void rc_cache_trim(struct rc_cache *, size_t bytes);

/* ---- windows of waiting work (window.c) ------------------------------------------------------------------------------ */

/* The first rows of a queue that the store holds whole. `more`: the store may have rows behind the last one here. Rows may be stale: whoever
 * is called for one looks again. */
struct rc_window {
    struct rc_work row[RC_WINDOW];
    uint32_t at, n; /* the rows are row[at, at + n) */
    bool more;
};
void rc_window_add(struct rc_window *, const struct rc_work *);
/* Takes out what was added last for this step, where it is here. */
void rc_window_remove(struct rc_window *, uint64_t seq, uint32_t node, rc_us order);
/* Reads the first rows again when none is left here and the store has some. */
RC_MUST enum rc_status rc_window_fill(struct rc_window *, struct rc_reader *, uint8_t phase, uint64_t gate,
                                      struct rc_error *);
static inline const struct rc_work *rc_window_first(const struct rc_window *window)
{
    return window->n ? &window->row[window->at] : NULL;
}
static inline void rc_window_pop(struct rc_window *window)
{
    window->at++;
    window->n--;
}
static inline void rc_window_forget(struct rc_window *window) /* what was taken may still be in the store */
{
    window->n = 0;
    window->more = true;
}

struct rc_name {
    char text[RC_MAX_NAME];
    uint32_t n;
};
static inline struct rc_sv rc_name_sv(const struct rc_name *name)
{
    return (struct rc_sv){name->text, name->n};
}
void rc_name_set(struct rc_name *, struct rc_sv); /* what is longer is cut */

/* What a gate is whose steps workers do (work.c). */
enum rc_line_kind { RC_LINE_UNKNOWN, RC_LINE_NONE, RC_LINE_WORKERS };
struct rc_line {
    enum rc_line_kind kind;
    struct rc_name dependency, ns, capability;
    uint64_t ns_key;
    uint64_t served; /* when it had its turn last */
};

struct rc_door { /* a gate and who waits before it */
    struct rc_gate gate;
    struct rc_line line;
    struct rc_window waiting;
};
