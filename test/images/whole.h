#pragma once
/* Holding a store against itself as the engine reads it: beside what rc_sqlite_check asks, the history of every command has no gap and
 * leads to the state of its row, and its key leads to it and to nothing else. Text of the first thing that does not fit, or NULL;
 * static. */
const char *store_fault(const char *path);
