#pragma once
/* Bump allocator with a byte limit: many small objects of one lifetime, freed together.
 *
 * An arena belongs to one thread at a time and may be handed from one to another. Nothing allocated in it is
 * freed alone. Out of memory and over the limit are answers (NULL), never an abort; rc_arena_status says
 * which it was. */
#include "base/status.h"
#include "base/sv.h"
#include <stddef.h>

struct rc_arena;

/* A new arena whose first block holds `first` bytes (0: a small default) and which hands out at most `limit`
 * bytes in all. NULL when out of memory. The caller frees it with rc_arena_free; NULL may be freed. */
RC_MUST struct rc_arena *rc_arena_new(size_t first, size_t limit);
void rc_arena_free(struct rc_arena *);

/* Uninitialised memory aligned for any type; NULL when refused. n == 0 gives a valid pointer. */
RC_MUST void *rc_alloc(struct rc_arena *, size_t n);
/* The same, zeroed, for `count` items; checks the multiplication. */
RC_MUST void *rc_alloc_zero(struct rc_arena *, size_t count, size_t size);
/* Bytes without alignment, for text. */
RC_MUST char *rc_alloc_text(struct rc_arena *, size_t n);
/* Copies. The text copy is terminated by a NUL that is not counted. On refusal p is NULL and n is 0. */
RC_MUST void *rc_copy(struct rc_arena *, const void *, size_t n);
RC_MUST struct rc_sv rc_copy_sv(struct rc_arena *, struct rc_sv);
/* printf into the arena; on refusal p is NULL. */
RC_MUST struct rc_sv rc_text(struct rc_arena *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define RC_NEW(arena, type)          ((type *)rc_alloc_zero(arena, 1, sizeof(type)))
#define RC_NEW_ARRAY(arena, type, n) ((type *)rc_alloc_zero(arena, n, sizeof(type)))

/* Forgets everything and keeps the first block. */
void rc_arena_reset(struct rc_arena *);
/* Makes the last text allocation longer in place when it is the last one in its block; false when it cannot
 * be. */
RC_MUST bool rc_arena_extend(struct rc_arena *, const void *last, size_t old_n, size_t new_n);

size_t rc_arena_used(const struct rc_arena *); /* bytes handed out */
size_t rc_arena_held(const struct rc_arena *); /* bytes taken from malloc, for caches bounded in bytes */
size_t rc_arena_limit(const struct rc_arena *);
/* RC_OK, or why the last allocation was refused: RC_NOMEM or RC_LIMIT. Sticky until reset. */
enum rc_status rc_arena_status(const struct rc_arena *);
