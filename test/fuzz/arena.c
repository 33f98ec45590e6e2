/* Takes the place of base/arena.c in the fuzz targets: every allocation is one of malloc's, exactly as large as asked for, so that
 * a sanitizer sees a read or write past its end. Keeps the contract of base/arena.h. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct piece {
    struct piece *older;
    alignas(max_align_t) char data[];
};

struct rc_arena {
    struct piece *newest;
    size_t used, held, limit;
    enum rc_status status;
};

struct rc_arena *rc_arena_new(size_t first, size_t limit)
{
    struct rc_arena *arena = malloc(sizeof *arena);
    (void)first;
    if (arena) *arena = (struct rc_arena){.limit = limit, .held = sizeof *arena, .status = RC_OK};
    return arena;
}

void rc_arena_reset(struct rc_arena *arena)
{
    for (struct piece *piece = arena->newest, *older; piece; piece = older) {
        older = piece->older;
        free(piece);
    }
    *arena = (struct rc_arena){.limit = arena->limit, .held = sizeof *arena, .status = RC_OK};
}

void rc_arena_free(struct rc_arena *arena)
{
    if (!arena) return;
    rc_arena_reset(arena);
    free(arena);
}

void *rc_alloc(struct rc_arena *arena, size_t n)
{
    if (n > arena->limit || arena->used > arena->limit - n) {
        arena->status = RC_LIMIT;
        return NULL;
    }
    struct piece *piece = malloc(sizeof *piece + n);
    if (!piece) {
        arena->status = RC_NOMEM;
        return NULL;
    }
    piece->older = arena->newest;
    arena->newest = piece;
    arena->used += n;
    arena->held += sizeof *piece + n;
    return piece->data;
}

void *rc_alloc_zero(struct rc_arena *arena, size_t count, size_t size)
{
    size_t n;
    if (__builtin_mul_overflow(count, size, &n)) {
        arena->status = RC_LIMIT;
        return NULL;
    }
    void *p = rc_alloc(arena, n);
    return p ? memset(p, 0, n) : NULL;
}

char *rc_alloc_text(struct rc_arena *arena, size_t n)
{
    return rc_alloc(arena, n);
}

void *rc_copy(struct rc_arena *arena, const void *from, size_t n)
{
    void *p = rc_alloc(arena, n);
    return p && n ? memcpy(p, from, n) : p;
}

struct rc_sv rc_copy_sv(struct rc_arena *arena, struct rc_sv text)
{
    char *p = rc_alloc(arena, (size_t)text.n + 1);
    if (!p) return (struct rc_sv){0};
    if (text.n) memcpy(p, text.p, text.n);
    p[text.n] = 0;
    return (struct rc_sv){p, text.n};
}

struct rc_sv rc_text(struct rc_arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *p = n < 0 ? NULL : rc_alloc(arena, (size_t)n + 1);
    va_start(args, format);
    if (p) vsnprintf(p, (size_t)n + 1, format, args);
    va_end(args);
    return p ? (struct rc_sv){p, (uint32_t)n} : (struct rc_sv){0};
}

/* Nothing grows in place. */
bool rc_arena_extend(struct rc_arena *arena, const void *last, size_t old_n, size_t new_n)
{
    (void)arena, (void)last, (void)old_n, (void)new_n;
    return false;
}

size_t rc_arena_used(const struct rc_arena *arena)
{
    return arena->used;
}

size_t rc_arena_held(const struct rc_arena *arena)
{
    return arena->held;
}

size_t rc_arena_limit(const struct rc_arena *arena)
{
    return arena->limit;
}

enum rc_status rc_arena_status(const struct rc_arena *arena)
{
    return arena->status;
}
