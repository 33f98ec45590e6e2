#pragma once
/* Calls that fail on demand, below the store: memory, the system's calls, SQLite's memory and SQLite's files. The program that is linked
 * with this (ld's --wrap, see meson.build) has one of them fail at a time. One thread. */
#include <stdbool.h>
#include <stdint.h>

enum refusing {
    REFUSE_MEMORY,        /* malloc, calloc, realloc, strdup of our own code */
    REFUSE_SYSTEM,        /* open, pread, fsync, rename, stat … of our own code */
    REFUSE_SQLITE_MEMORY, /* the same in SQLite */
    REFUSE_SQLITE_FILES,  /* reading, writing, syncing, cutting, mapping of SQLite's files */
    REFUSE_SQLITE_LOCKS,  /* a lock that another process holds for a moment */
    REFUSE_KINDS
};

/* Before SQLite is used for the first time; and at the end. */
void refuse_install(void);
void refuse_remove(void);
/* The call `at` (from 1) of this kind fails; `on`: and all after it. With `full`, as on a full disk, else as on a broken one. */
void refuse(enum refusing, uint32_t at, bool on, bool full);
/* Nothing fails any more. Returns how many calls did. */
uint32_t refuse_stop(void);
