#pragma once
/* A VFS for SQLite that writes down every write, truncation and sync, over the default one; and what a disk may hold after the power
 * was cut at any place of that record.
 *
 * The model: a sync makes all earlier writes and truncations of its file durable, as fdatasync does. What came after the file's last
 * sync may be there or not, sector by sector (512 bytes are written whole or not at all); of two writes to one place the later wins
 * where both are there, because the page cache holds one content of a place. A gap in a file that grew reads as zeros.
 * (J. Yang et al., "EXPLODE", OSDI 2006, and T. Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014, look for such
 * states in the same way.) */
#include "base/random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum recorder_file { RECORDER_MAIN, RECORDER_LOG, RECORDER_FILES };
enum recorder_op_kind { RECORDER_WRITE, RECORDER_TRUNCATE, RECORDER_SYNC, RECORDER_REMOVE };

struct recorder_op {
    uint8_t kind, file;
    uint32_t n;  /* bytes */
    uint64_t at; /* offset; truncate: the new size */
    uint8_t *data;
};

struct recorder_bytes { /* a file in memory */
    uint8_t *p;
    size_t n, cap;
    bool there;
};

struct recorder_record {
    struct recorder_bytes first[RECORDER_FILES]; /* as they were when recording began: durable */
    struct recorder_op *op;
    uint32_t n, cap;
};

/* Becomes the default VFS. One thread, one database. */
void recorder_install(void);
void recorder_remove(void);
/* From here on everything is written down; the files of `path` are taken as they are. */
void recorder_begin(struct recorder_record *, const char *path);
void recorder_end(void);
void recorder_free(struct recorder_record *);

/* The disk while the record is played: what is durable, and what is not yet. */
struct recorder_disk {
    const struct recorder_record *record;
    uint32_t at; /* operations played */
    struct recorder_bytes durable[RECORDER_FILES];
    uint32_t *pending[RECORDER_FILES]; /* since the file's last sync */
    uint32_t npending[RECORDER_FILES];
};
void recorder_disk_begin(struct recorder_disk *, const struct recorder_record *);
/* Plays one operation; false at the end. */
bool recorder_disk_next(struct recorder_disk *);
void recorder_disk_free(struct recorder_disk *);

/* How much of what is not durable survives. */
enum recorder_loss {
    RECORDER_ALL_LOST,
    RECORDER_NONE_LOST,
    RECORDER_PREFIX,
    RECORDER_SOME,
    RECORDER_SECTORS,
    RECORDER_LOSSES
};
/* One legal image of a file; *ret is reused. */
void recorder_image(const struct recorder_disk *, enum recorder_file, enum recorder_loss, uint64_t *random,
                    struct recorder_bytes *ret);
/* Writes it; removes the file where the image has none. False where the file cannot be written. */
bool recorder_put(const struct recorder_bytes *, const char *path);
