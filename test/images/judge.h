#pragma once
/* Images of a stage's record are opened and judged by what the stage was told. An image that was seen is known again by its hash: it is
 * not opened, nor counted, a second time, but what it holds is held against what was acknowledged at the other place. */
#include "disk.h"
#include "stage.h"

#include <stdatomic.h>

enum { SEEN_SLOTS = 1 << 20, JUDGE_WHY = 400 };

struct seen {                  /* shared by the processes */
    _Atomic uint64_t distinct; /* images that were opened, each once */
    _Atomic uint64_t made;     /* images that were drawn */
    _Atomic uint64_t again;    /* of them, images of a recovery of an image */
    _Atomic uint64_t used;     /* images that were written to */
    _Atomic uint64_t checked;  /* images that went through every check */
    _Atomic uint64_t lost, broken;
    _Atomic uint64_t slot[SEEN_SLOTS]; /* 0: free; else the upper bits of a hash, and what the image holds */
};
struct seen *seen_new(void); /* stays when the process forks */
void seen_free(struct seen *);

struct judge {
    struct stage *stage;
    struct seen *seen;
    struct disk disk;
    struct image image;
    char folder[STAGE_PATH], path[STAGE_PATH + 32]; /* where images are put */
    uint64_t salt;                                  /* so that hashes of two stages differ */
    struct {                                        /* what files hold that were seen after recovery */
        uint64_t hash;
        int content;
    } known[1024];
    uint32_t nknown;
    bool nested; /* images of a recovery */
    char why[JUDGE_WHY];
};

void judge_begin(struct judge *, struct stage *, struct seen *, const char *folder, uint64_t salt);
/* One image of the place where the disk is; false where it shows a loss: judge->why says it. */
bool judge_image(struct judge *, uint64_t number);
/* Back to the first place; what is known of files stays. */
void judge_rewind(struct judge *);
void judge_end(struct judge *);
