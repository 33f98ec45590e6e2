#pragma once
/* A VFS for SQLite that fails on demand, over the default one: for the store's promises about disks that fail. Becomes
 * the default VFS, so that the store under test needs no door for it. One thread. */
#include <stdbool.h>
#include <stdint.h>

enum faulty_call { FAULTY_WRITE, FAULTY_SYNC, FAULTY_TRUNCATE, FAULTY_SHM };
enum faulty_file { FAULTY_MAIN, FAULTY_LOG };

void faulty_install(void);
void faulty_remove(void);
/* The call after `skip` more of these on this kind of file fails with `code`, and so do all after it until faulty_stop.
 * A write that fails has written its first half. */
void faulty_fail(enum faulty_call, enum faulty_file, uint32_t skip, int code);
/* The next `times` reads of this page of the database file (0: of all its pages) fail as on a disk that cannot read it. */
void faulty_page(uint32_t page, uint32_t times);
/* Stops failing. Returns how often it failed: a test of a fault fails if the fault never fired. */
uint32_t faulty_stop(void);
/* Calls of this kind since faulty_install, for finding every place where one could fail. */
uint32_t faulty_calls(enum faulty_call, enum faulty_file);
