#pragma once
/* What the tests of storage share: a store of either kind in a place of its own, and short ways to look into it. */
#include "made.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct kit {
    bool memory; /* else SQLite */
    struct rc_memory_disk *disk;
    char dir[32], path[64];
    char small[48]; /* a small disk of its own, mounted here; empty: none */
    struct rc_sqlite_options options;
    struct rc_store *store;
    struct rc_arena *arena; /* for as long as the test */
    struct rc_error err;
    rc_us now; /* goes on with every batch */
};

/* Mounts a disk of 24 MiB and moves the store to it, or skips the test where that is not allowed. */
void kit_small_disk(struct kit *, uint64_t reserve);

/* cmocka's setup and teardown. A prestate (struct kit_kind *) says which kind. */
struct kit_kind {
    bool memory;
};
int kit_setup(void **state);
int kit_teardown(void **state);

/* Closes, opens again on the same disk or path. */
void kit_close(struct kit *);
void kit_open(struct kit *);
void kit_reopen(struct kit *);

struct made_batch kit_begin(struct kit *);
struct made *kit_new(struct kit *, uint64_t seq, const char *key);
/* Commits, and fails the test unless this is the answer. */
void kit_commit(struct kit *, struct made_batch *, enum rc_status expected);
/* One command in a batch of its own. */
struct made *kit_submit(struct kit *, uint64_t seq, const char *key, enum rc_state, bool in_flight);
/* One result in a batch of its own. */
void kit_result(struct kit *, struct made *, enum rc_state, bool in_flight);

struct kit_history {
    struct rc_identity identity;
    struct rc_record *records;
    uint32_t n;
};
enum rc_status kit_history(struct kit *, struct rc_reader *, uint64_t seq, uint32_t after, uint32_t cap,
                           struct kit_history *);
/* The command's number behind its key; 0: there is none. */
uint64_t kit_key(struct kit *, struct rc_reader *, const char *key);
struct rc_high kit_high(struct kit *);

#define assert_ok(kit, call)                                                                                 \
    do {                                                                                                     \
        (kit)->err = (struct rc_error){0};                                                                   \
        enum rc_status assert_status = (call);                                                               \
        if (assert_status != RC_OK)                                                                          \
            fail_msg("%s: %s: %s", #call, rc_status_slug(assert_status), (kit)->err.text);                   \
    } while (0)
#define assert_sv(sv, expected) assert_true(rc_sv_is((sv), (expected)))
