#pragma once
/* What a disk may hold when the power is cut at a place of a record.
 *
 * THE MODEL. A sync of a file makes all earlier writes and sizes of that file durable, and nothing else: not its name. A sync of the
 * folder makes all earlier names durable. What came after may be there or not, each by itself and in any combination: writes sector by
 * sector (512 bytes are written whole or not at all), sizes, new names, names that went, renames (a rename is whole or not there, but
 * may be there before what is in the file). Of two writes to one place the later wins where both are there, because the page cache
 * holds one content of a place. Where a size is there and the data is not, zeros are read.
 *
 * That is less than ext4 or XFS promise (they keep the order of names, and a new file's name with its sync), and what POSIX allows.
 * (J. Yang et al., "EXPLODE", OSDI 2006, and T. Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014, look for such
 * states in the same way.) */
#include "calls.h"

struct disk {
    const struct record *record;
    uint32_t at;                     /* operations played */
    struct bytes file[RECORD_FILES]; /* durable */
    int name[RECORD_NAMES];          /* durable: the file, or -1 */
    uint32_t *pending, npending;     /* what is not durable, in order */
    /* files that hold no truth (NAME.reserve): what happens to them is kept or lost as one */
    bool minor[RECORD_FILES];
    uint32_t *aside, naside;
};

void disk_begin(struct disk *, const struct record *);
/* Plays one operation; false at the end. */
bool disk_next(struct disk *);
void disk_free(struct disk *);

struct image {
    struct bytes file[RECORD_NAMES];
    bool there[RECORD_NAMES];
    const char *how; /* which way of losing it was */
};
/* The image with this number, from 0: where little is not durable, each combination has one; else they are drawn. */
void disk_image(const struct disk *, uint64_t number, uint64_t seed, struct image *io);
/* Whether everything is durable, so that there is one image only. */
bool disk_is_settled(const struct disk *);
/* Puts it into a folder: what the image does not have is removed. False where a file cannot be written. */
bool image_put(const struct image *, const struct record *, const char *folder);
/* Of the files whose names begin like this. */
uint64_t image_hash(const struct image *, const struct record *, const char *name);
uint64_t bytes_hash(const struct bytes *, uint64_t seed);
void image_free(struct image *);
