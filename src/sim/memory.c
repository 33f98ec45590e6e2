/* Memory that runs out (memory.h). */
#include "sim/memory.h"

#include <stdbool.h>
#include <stddef.h>

/* the linker gives these names: ld(1), --wrap */
/* NOLINTBEGIN(bugprone-reserved-identifier) */
void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t n);

static uint32_t left; /* the one that brings this to 0 is refused; 0: none is */
static uint32_t refused;

void sim_memory_refuse(uint32_t n)
{
    left = n;
}

uint32_t sim_memory_left(void)
{
    return left;
}

uint32_t sim_memory_refused(void)
{
    return refused;
}

static bool is_refused(void)
{
    if (left == 0 || --left > 0) return false;
    refused++;
    return true;
}

void *__wrap_malloc(size_t n)
{
    return is_refused() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return is_refused() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t n)
{
    return is_refused() ? NULL : __real_realloc(old, n);
}
/* NOLINTEND(bugprone-reserved-identifier) */
