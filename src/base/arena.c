/* Blocks in a list, each twice the size of the one before; the arena itself lives in its first block. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_DEFAULT = 1024, BLOCK_MAX = 1 << 20, ALIGN = alignof(max_align_t) };

struct block {
    struct block *next; /* older block */
    size_t size;        /* bytes after the header */
    alignas(max_align_t) char data[];
};

struct rc_arena {
    struct block *top;   /* newest block: allocation happens here */
    struct block *first; /* the block that holds the arena */
    char *at, *end;      /* free bytes of the top block */
    size_t used, held, limit;
    enum rc_status status;
};

static char *first_free(struct rc_arena *arena)
{
    return arena->first->data + (sizeof *arena + ALIGN - 1) / ALIGN * ALIGN;
}

static void start_at_first(struct rc_arena *arena)
{
    arena->top = arena->first;
    arena->at = first_free(arena);
    arena->end = arena->first->data + arena->first->size;
    arena->used = 0;
    arena->held = sizeof(struct block) + arena->first->size;
    arena->status = RC_OK;
}

struct rc_arena *rc_arena_new(size_t first, size_t limit)
{
    if (first == 0) first = FIRST_DEFAULT;
    size_t size = first + (sizeof(struct rc_arena) + ALIGN - 1) / ALIGN * ALIGN;
    struct block *block = malloc(sizeof *block + size);
    if (!block) return NULL;
    block->next = NULL;
    block->size = size;
    struct rc_arena *arena = (struct rc_arena *)(void *)block->data;
    arena->first = block;
    arena->limit = limit;
    start_at_first(arena);
    return arena;
}

static void free_newer(struct rc_arena *arena)
{
    for (struct block *block = arena->top, *next; block != arena->first; block = next) {
        next = block->next;
        free(block);
    }
}

void rc_arena_free(struct rc_arena *arena)
{
    if (!arena) return;
    free_newer(arena);
    free(arena->first);
}

void rc_arena_reset(struct rc_arena *arena)
{
    free_newer(arena);
    start_at_first(arena);
}

static bool grow(struct rc_arena *arena, size_t n)
{
    size_t size = arena->top->size * 2;
    if (size > BLOCK_MAX) size = BLOCK_MAX;
    if (size < n + ALIGN) size = n + ALIGN;
    struct block *block = malloc(sizeof *block + size);
    if (!block) {
        arena->status = RC_NOMEM;
        return false;
    }
    block->next = arena->top;
    block->size = size;
    arena->top = block;
    arena->at = block->data;
    arena->end = block->data + size;
    arena->held += sizeof *block + size;
    return true;
}

static void *take(struct rc_arena *arena, size_t n, size_t align)
{
    if (n > arena->limit || arena->used > arena->limit - n) {
        arena->status = RC_LIMIT;
        return NULL;
    }
    size_t pad = (size_t)(-(uintptr_t)arena->at & (align - 1));
    if ((size_t)(arena->end - arena->at) < pad || (size_t)(arena->end - arena->at) - pad < n) {
        if (!grow(arena, n)) return NULL;
        pad = 0;
    }
    char *p = arena->at + pad;
    arena->at = p + n;
    arena->used += n;
    return p;
}

void *rc_alloc(struct rc_arena *arena, size_t n)
{
    return take(arena, n, ALIGN);
}

void *rc_alloc_zero(struct rc_arena *arena, size_t count, size_t size)
{
    size_t n;
    if (__builtin_mul_overflow(count, size, &n)) {
        arena->status = RC_LIMIT;
        return NULL;
    }
    void *p = take(arena, n, ALIGN);
    return p ? memset(p, 0, n) : NULL;
}

char *rc_alloc_text(struct rc_arena *arena, size_t n)
{
    return take(arena, n, 1);
}

void *rc_copy(struct rc_arena *arena, const void *from, size_t n)
{
    void *p = rc_alloc(arena, n);
    return p && n ? memcpy(p, from, n) : p;
}

struct rc_sv rc_copy_sv(struct rc_arena *arena, struct rc_sv text)
{
    char *p = rc_alloc_text(arena, (size_t)text.n + 1);
    if (!p) return (struct rc_sv){0};
    if (text.n) memcpy(p, text.p, text.n);
    p[text.n] = 0;
    return (struct rc_sv){p, text.n};
}

struct rc_sv rc_text(struct rc_arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *p = n < 0 ? NULL : rc_alloc_text(arena, (size_t)n + 1);
    if (p) vsnprintf(p, (size_t)n + 1, format, again);
    va_end(again);
    return p ? (struct rc_sv){p, (uint32_t)n} : (struct rc_sv){0};
}

bool rc_arena_extend(struct rc_arena *arena, const void *last, size_t old_n, size_t new_n)
{
    size_t more = new_n - old_n;
    if ((const char *)last + old_n != arena->at || (size_t)(arena->end - arena->at) < more) return false;
    if (arena->used > arena->limit - more || more > arena->limit) return false;
    arena->at += more;
    arena->used += more;
    return true;
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
