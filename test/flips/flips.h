#pragma once
/* What the parts of the test of flipped bits share: a store that has everything in it, and images of its files. */
#include "made.h"

#include <stdio.h>
#include <stdlib.h>

enum { FLIPS_PATH = 160, FLIPS_PAGE = 4096 };

/* The files of a store at one moment. */
struct files {
    struct file {
        unsigned char *p;
        size_t n;
    } db, log, lock; /* p NULL: it is not there */
};
struct files files_take(const char *path);
void files_put(const struct files *, const char *path);
void files_free(struct files *);

_Noreturn void die(const char *what, const char *why);
void *must(void *);
#define sure(call)                                                                                           \
    do {                                                                                                     \
        struct rc_error err = {0};                                                                           \
        if ((call) != RC_OK) die(#call, err.text);                                                           \
    } while (0)

struct rc_store *flips_open(const char *path);
/* Makes a store with rows in every table and pages of every kind. */
void flips_fill(struct rc_store *, struct rc_arena *);
/* Goes on in it, so that there are transactions in the log. */
void flips_go_on(struct rc_store *, struct rc_arena *);

/* A hash of all that can be read, row by row and through the store's own reads. False: something said that it is damaged; what is in
 * *ret_why. */
bool flips_content(const char *path, struct rc_reader *, struct rc_h128 *ret, char *ret_why, size_t size);
