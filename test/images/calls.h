#pragma once
/* Writes down every call of this process that changes the files of one folder: who writes them (SQLite, the store's own calls, the
 * server's) does not matter. calls.c stands in front of the C library's functions of the same names.
 *
 * WHAT IS SEEN. open, write, pwrite, ftruncate, posix_fallocate, fsync, fdatasync, rename, unlink and close, of names that stand in
 * the folder itself. What stdio writes goes round these; it is seen when the file is synced or closed, as one write of all of it.
 * A log's index (NAME-shm) is memory that is shared, no file to be kept, and is left out. One thread. */
#include "base/random.h"

#include <stdbool.h>
#include <stdio.h>

enum op_kind { OP_CREATE, OP_UNLINK, OP_RENAME, OP_WRITE, OP_RESIZE, OP_SYNC, OP_SYNC_FOLDER };
enum { RECORD_NAMES = 24, RECORD_NAME = 64, RECORD_FILES = 512 };

struct op {
    uint8_t kind, name, to; /* create, unlink, rename: numbers of names */
    uint16_t file;          /* create, write, resize, sync: a file keeps its number under whatever name */
    uint32_t n;             /* bytes */
    uint64_t at;            /* offset; resize: the new size */
    uint8_t *data;
};

struct bytes { /* a file in memory */
    uint8_t *p;
    size_t n, cap;
};
/* Both end the process where memory is missing. What grows is zero. */
void bytes_resize(struct bytes *, size_t n);
void bytes_put(struct bytes *, uint64_t at, const uint8_t *data, size_t n);
/* False where there is no such file. */
bool bytes_read(struct bytes *, const char *path);

struct record {
    char folder[128];
    char name[RECORD_NAMES][RECORD_NAME];
    uint32_t nnames, nfiles;
    int first[RECORD_NAMES];            /* the file behind a name when recording began, durable; -1: none */
    struct bytes content[RECORD_FILES]; /* of those */
    struct op *op;
    uint32_t n, cap;
};

/* From here on everything is written down; what stands in the folder is taken as it is. The folder's name has no links in it. */
void calls_begin(struct record *, const char *folder);
void calls_end(void);
/* Between these nothing is written down, and nothing may be changed. */
void calls_pause(void);
void calls_go_on(void);
/* The number of a name; it is given one where it has none. */
uint32_t record_name(struct record *, const char *name);
void record_free(struct record *);

/* From here on random numbers of the kernel come from this seed, so that the same seed makes the same record; 0: from the kernel. */
void calls_seed(uint64_t seed);
void *must(void *memory);
