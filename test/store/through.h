#pragma once
/* A VFS for SQLite that hands every call through to the default one: what the failing and the recording VFS are made of. They replace
 * the calls that interest them. Becomes the default VFS, so that the store under test needs no door for it. */
#include <sqlite3.h>

struct through_file {
    sqlite3_file base;
    int kind;           /* the user's own */
    sqlite3_file *real; /* behind this struct, in the memory that SQLite gives */
};

struct through {
    sqlite3_vfs vfs, *real;
    sqlite3_io_methods methods;
    int (*kind)(int flags); /* of a file that is opened with these flags */
};

static inline struct through_file *through_of(sqlite3_file *file)
{
    return (struct through_file *)(void *)file;
}
static inline sqlite3_file *through_real(sqlite3_file *file)
{
    return through_of(file)->real;
}

/* Fills in vfs and methods; the caller may replace methods before it installs it. One at a time. */
void through_make(struct through *, const char *name, int (*kind)(int flags));
void through_install(struct through *);
void through_remove(struct through *);
