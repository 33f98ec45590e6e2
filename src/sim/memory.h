#pragma once
/* Memory that runs out: the linker leads malloc, calloc and realloc through here (--wrap, see meson.build). One thread. */
#include <stdint.h>

/* The n-th allocation from now on is refused; 0: none is. */
void sim_memory_refuse(uint32_t n);
/* How many more allocations until one is refused: to be put back after allocations that do not count. */
uint32_t sim_memory_left(void);
/* How many were refused since the start. */
uint32_t sim_memory_refused(void);
