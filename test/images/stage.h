#pragma once
/* A stage: a workload runs on it once and is recorded; what it was told is noted beside the record. Then images are judged by that. */
#include "calls.h"
#include "made.h"

#include <sqlite3.h>

enum { STAGE_STEPS = 512, STAGE_PATH = 192 };

enum control { /* a protection that is off; the images must show it */
               SOUND,
               NO_SYNC,           /* PRAGMA synchronous=OFF */
               NORMAL_SYNC,       /* PRAGMA synchronous=NORMAL: commits are not synced */
               EARLY_ANSWER,      /* acknowledged before the commit */
               NO_FOLDER_SYNC,    /* from here on syncs are taken out of the record: of the folder, */
               NO_FILE_SYNC,      /* of the judged file itself, */
               NO_LOG_SYNC,       /* of its log, */
               WRONG_FILE,        /* or one file is synced in the place of the other, */
               SYNC_AFTER_RENAME, /* or what is renamed is synced only then */
               CONTROLS
};

enum {
    ABSENT,
    WHOLE
}; /* contents: 0 is no file, others are numbers of contents in the order in which they first came */

struct
    step { /* something that becomes durable as a whole: places in the record, and what the file holds after it */
    uint32_t begun, acknowledged;
    uint16_t content;
};

struct stage {
    const struct work *work;
    enum control control;
    uint64_t seed, random;
    char folder[STAGE_PATH], path[STAGE_PATH + 32]; /* of the judged file */
    char beside[STAGE_PATH];                        /* a folder that is not recorded */
    struct record record;
    struct step step[STAGE_STEPS + 1]; /* [0]: before the first one */
    uint32_t nsteps;
    struct rc_h128 content[STAGE_STEPS + 2];
    uint32_t ncontents;
    struct rc_arena *arena;
    struct rc_store *store;
    void *crowd; /* the work's own */
    rc_us now;
};

struct work {
    const char *name, *file;
    bool plain;                      /* the file is no store: it is whole or not */
    bool starts;                     /* the work makes the store: an image without one must start, too */
    void (*prepare)(struct stage *); /* before recording; may be NULL */
    void (*run)(struct stage *);
    /* An image's file, which is whole, is used; what is wrong with that, or NULL. May be NULL itself. */
    const char *(*use)(const struct stage *, const char *path);
    uint32_t caught_by[CONTROLS]; /* controls that this work must show; SOUND ends the list */
};
extern const struct work works[];
extern const uint32_t nworks;

/* Ends the process with a message: there is nothing to test then. */
void die(const char *what, const char *why) __attribute__((noreturn));
#define sure(stage_, call)                                                                                   \
    do {                                                                                                     \
        struct rc_error err = {0};                                                                           \
        enum rc_status sure_status = (call);                                                                 \
        if (sure_status != RC_OK) die(#call, err.text[0] ? err.text : rc_status_slug(sure_status));          \
    } while (0)

/* Runs the work and keeps the record; the folder is made. */
void stage_make(struct stage *, const struct work *, enum control, uint64_t seed, const char *folder);
void stage_free(struct stage *);

/* For works. A step begins before the call that makes something durable and ends when that call has answered. */
void stage_begin(struct stage *);
void stage_end(struct stage *);
/* Somebody was told of the step already, before the call has answered. */
void stage_told(struct stage *);
void stage_open(struct stage *); /* the store, at the path */
void stage_close(struct stage *);
uint32_t stage_dice(struct stage *, uint32_t n);
/* All of it, as the control says. */
enum rc_status stage_open_at(const struct stage *, const char *path, struct rc_store **ret,
                             struct rc_error *);

/* Every row of every table of a store, through a connection of its own; or the bytes of a plain file. False where it cannot be read. */
bool content_of_store(const char *path, struct rc_h128 *ret);
/* The number of a content; -1: none of the stage's. */
int stage_content(const struct stage *, const char *path);

/* What may be at a place: from the last step acknowledged to the last begun. */
void stage_bounds(const struct stage *, uint32_t at, int *ret_least, int *ret_most);
