/* Opening images, and what must be true of them. */
#include "judge.h"

#include "whole.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {                   /* every so many images … */
       SHM_EVERY = 8,    /* a log's index of another time lies there */
       LIVE_EVERY = 32,  /* what the store itself sees is hashed, beside what is in the file */
       USE_EVERY = 16,   /* it is written to, and opened again */
       CHECK_EVERY = 64, /* it goes through every check that the store knows */
       AGAIN_EVERY = 64, /* the power is cut while it is recovered, */
       AGAIN_IMAGES = 2, /* so many times at each place */
       INDEX = 32 << 10
};
enum { LOST_IT = -1 };

struct seen *seen_new(void)
{
    struct seen *seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (seen == MAP_FAILED) die("the table of images", strerror(errno));
    return seen;
}

void seen_free(struct seen *seen)
{
    (void)munmap(seen, sizeof *seen);
}

/* The slot of a hash: its own, or the free one that is to be; NULL: all are full. */
static _Atomic uint64_t *slot_of(struct seen *seen, uint64_t hash)
{
    for (uint64_t i = 0; i < SEEN_SLOTS; i++) {
        _Atomic uint64_t *slot = &seen->slot[(hash + i) % SEEN_SLOTS];
        uint64_t found = atomic_load(slot);
        if (found == 0 || found >> 16 == hash >> 16) return slot;
    }
    return NULL;
}

/* ---- what must be true of every image ------------------------------------------------------------------------------------ */

static int refuse(struct judge *judge, const char *what, const char *why)
{
    snprintf(judge->why, sizeof judge->why, "%s: %.300s", what, why);
    return LOST_IT;
}

static bool passes_checks(struct judge *judge)
{
    atomic_fetch_add(&judge->seen->checked, 1);
    const char *why = store_fault(judge->path);
    if (why) refuse(judge, "does not pass its check", why);
    return !why;
}

/* The file as it is after recovery; what it holds is looked up by its bytes first. */
static int content_after(struct judge *judge, bool check)
{
    struct bytes bytes = {0};
    if (!bytes_read(&bytes, judge->path)) return refuse(judge, "cannot be read", strerror(errno));
    uint64_t hash = bytes_hash(&bytes, 7);
    free(bytes.p);
    for (uint32_t i = 0; i < judge->nknown; i++)
        if (judge->known[i].hash == hash)
            return !check || passes_checks(judge) ? judge->known[i].content : LOST_IT;
    int content = stage_content(judge->stage, judge->path);
    if (content < 0) return refuse(judge, "holds what was never there", "");
    if (!passes_checks(judge)) return LOST_IT;
    if (judge->nknown < sizeof judge->known / sizeof *judge->known) {
        judge->known[judge->nknown].hash = hash;
        judge->known[judge->nknown++].content = content;
    }
    return content;
}

static void put_old_index(const struct judge *judge, uint64_t hash)
{
    char path[STAGE_PATH + 40], junk[INDEX];
    snprintf(path, sizeof path, "%s-shm", judge->path);
    (void)unlink(path);
    if (hash % SHM_EVERY) return;
    for (size_t i = 0; i < sizeof junk; i += 8) {
        uint64_t word = rc_mix(&hash);
        memcpy(junk + i, &word, 8);
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, junk, sizeof junk) != sizeof junk) die(path, strerror(errno));
    close(fd);
}

/* The store takes on more, and has it when it is opened again. */
static const char *goes_on(struct judge *judge)
{
    static struct rc_error err;
    struct rc_store *store = NULL;
    struct rc_high high = {0}, later = {0};
    struct rc_arena *arena = must(rc_arena_new(1 << 16, 64 << 20));
    err = (struct rc_error){0};
    bool fine = stage_open_at(judge->stage, judge->path, &store, &err) == RC_OK &&
                rc_read_high(rc_store_self(store), &high, &err) == RC_OK;
    if (fine) {
        char key[40];
        snprintf(key, sizeof key, "one more %llu", (unsigned long long)high.seq);
        struct made_batch batch = made_begin(arena, high.high_water + 1);
        struct made *made = made_new(arena, high.seq + 1, key, high.high_water + 1);
        made_submit(&batch, made, RC_RUNNING, true, NULL);
        fine = rc_store_commit(store, &batch.batch, &err) == RC_OK;
    }
    if (store) rc_store_close(store);
    store = NULL;
    fine = fine && stage_open_at(judge->stage, judge->path, &store, &err) == RC_OK &&
           rc_read_high(rc_store_self(store), &later, &err) == RC_OK && later.seq == high.seq + 1;
    if (store) rc_store_close(store);
    rc_arena_free(arena);
    return fine ? NULL : err.text[0] ? err.text : "a commit is gone";
}

static int open_store(struct judge *judge, uint64_t hash)
{
    struct rc_store *store = NULL;
    struct rc_error err = {0};
    put_old_index(judge, hash);
    if (stage_open_at(judge->stage, judge->path, &store, &err) != RC_OK)
        return refuse(judge, "does not open", err.text);
    int seen = hash / SHM_EVERY % LIVE_EVERY == 0 ? stage_content(judge->stage, judge->path) : -2;
    rc_store_close(store);
    int content = content_after(judge, hash % CHECK_EVERY == 1);
    if (content >= 0 && seen != -2 && seen != content)
        return refuse(judge, "shows something else while it is open", "");
    return content;
}

/* Where no store is left, because none was ever there for sure, a new one is made. */
static int start_anew(struct judge *judge)
{
    struct rc_store *store = NULL;
    struct rc_error err = {0};
    struct rc_high high;
    if (stage_open_at(judge->stage, judge->path, &store, &err) != RC_OK)
        return refuse(judge, "does not start", err.text);
    if (rc_read_high(rc_store_self(store), &high, &err) != RC_OK || high.seq)
        refuse(judge, "is not new", err.text);
    rc_store_close(store);
    return judge->why[0] || !passes_checks(judge) ? LOST_IT : ABSENT;
}

/* What the image holds. */
static int open_image(struct judge *judge, uint64_t hash)
{
    struct stage *stage = judge->stage;
    bool there = access(judge->path, F_OK) == 0;
    if (!there) return stage->work->starts ? start_anew(judge) : ABSENT;
    int content = stage->work->plain ? stage_content(stage, judge->path) : open_store(judge, hash);
    if (content < 0 && stage->work->plain) return refuse(judge, "is not whole", "");
    if (content < 0) return content;
    if (hash % USE_EVERY == 0) {
        atomic_fetch_add(&judge->seen->used, 1);
        bool own = stage->work->use && !judge->nested;
        const char *why = own ? stage->work->use(stage, judge->path) : goes_on(judge);
        if (why) return refuse(judge, "cannot be used", why);
    }
    return content;
}

/* ---- the power is cut while an image is recovered -------------------------------------------------------------------------- */

static bool judge_again(struct judge *judge, struct stage *again, uint64_t hash)
{
    static struct judge inner; /* large */
    bool fine = true;
    judge_begin(&inner, again, judge->seen, again->beside, hash);
    inner.nested = true;
    while (fine && disk_next(&inner.disk)) {
        uint64_t n = disk_is_settled(&inner.disk) ? 1 : AGAIN_IMAGES;
        for (uint64_t i = 0; fine && i < n; i++) {
            fine = judge_image(&inner, rc_mix(&hash) >> 32);
            atomic_fetch_add(&judge->seen->again, 1);
        }
    }
    if (!fine) snprintf(judge->why, sizeof judge->why, "the power cut again: %.300s", inner.why);
    judge_end(&inner);
    return fine;
}

static void commit_one(struct stage *again)
{
    struct rc_high high;
    struct rc_definition flow; /* of the commands of made.h; a store that has just been made has none yet */
    if (rc_read_definition(rc_store_self(again->store), 1, again->arena, &flow, NULL) != RC_OK) return;
    sure(again, rc_read_high(rc_store_self(again->store), &high, &err));
    struct made_batch batch = made_begin(again->arena, high.high_water + 1);
    made_submit(&batch, made_new(again->arena, high.seq + 1, "again", high.high_water + 1), RC_RUNNING, true,
                NULL);
    stage_begin(again);
    sure(again, rc_store_commit(again->store, &batch.batch, &err));
    stage_end(again);
}

/* What happens to an image at its recovery is recorded as the workload was; its steps are: what was recovered and, half the time, one
 * more commit. */
static bool survives_again(struct judge *judge, int content, uint64_t hash)
{
    static struct stage again; /* large */
    struct stage *stage = judge->stage;
    again = *stage;
    snprintf(again.folder, sizeof again.folder, "%s", judge->folder);
    snprintf(again.beside, sizeof again.beside, "%.150s.again", judge->folder);
    snprintf(again.path, sizeof again.path, "%s", judge->path);
    if (mkdir(again.beside, 0700) != 0 && errno != EEXIST) die(again.beside, strerror(errno));
    if (!image_put(&judge->image, &stage->record, judge->folder)) die(judge->folder, strerror(errno));
    put_old_index(judge, hash);
    calls_begin(&again.record, again.folder);
    again.nsteps = 0;
    again.step[0].content = (uint16_t)content;
    again.arena = must(rc_arena_new(1 << 16, 64 << 20));
    stage_open(&again);
    if (hash / 5 % 2) commit_one(&again);
    stage_close(&again);
    calls_end();
    bool fine = judge_again(judge, &again, hash);
    record_free(&again.record);
    rc_arena_free(again.arena);
    return fine;
}

/* ---- judging -------------------------------------------------------------------------------------------------------------- */

void judge_begin(struct judge *judge, struct stage *stage, struct seen *seen, const char *folder,
                 uint64_t salt)
{
    *judge = (struct judge){.stage = stage, .seen = seen, .salt = salt};
    snprintf(judge->folder, sizeof judge->folder, "%s", folder);
    snprintf(judge->path, sizeof judge->path, "%s/%s", folder, stage->work->file);
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) die(folder, strerror(errno));
    disk_begin(&judge->disk, &stage->record);
}

void judge_rewind(struct judge *judge)
{
    disk_free(&judge->disk);
    disk_begin(&judge->disk, &judge->stage->record);
}

void judge_end(struct judge *judge)
{
    disk_free(&judge->disk);
    image_free(&judge->image);
}

/* Whether one of the steps that may be there has this content. */
static bool is_due(struct judge *judge, int content)
{
    int least, most;
    stage_bounds(judge->stage, judge->disk.at, &least, &most);
    for (int i = least; i <= most; i++)
        if (judge->stage->step[i].content == content) return true;
    int step = (int)judge->stage->nsteps;
    while (step >= 0 && judge->stage->step[step].content != content) step--;
    snprintf(judge->why, sizeof judge->why, "it holds step %d; acknowledged was %d, begun %d", step, least,
             most);
    atomic_fetch_add(step < least ? &judge->seen->lost : &judge->seen->broken, 1);
    return false;
}

bool judge_image(struct judge *judge, uint64_t number)
{
    struct seen *seen = judge->seen;
    const struct record *record = &judge->stage->record;
    judge->why[0] = 0;
    disk_image(&judge->disk, number, judge->stage->seed, &judge->image);
    atomic_fetch_add(&seen->made, 1);
    uint64_t hash = image_hash(&judge->image, record, judge->stage->work->file) ^ judge->salt;
    hash = rc_mix(&hash) | 1u << 16;
    _Atomic uint64_t *slot = slot_of(seen, hash);
    uint64_t known = slot ? atomic_load(slot) : 0;
    if (known) return is_due(judge, (int)(known & 0xffff));
    if (!image_put(&judge->image, record, judge->folder)) die(judge->folder, strerror(errno));
    int content = open_image(judge, hash);
    if (content < 0) {
        atomic_fetch_add(&seen->broken, 1);
        return false;
    }
    if (slot) atomic_store(slot, (hash & ~UINT64_C(0xffff)) | (uint64_t)content);
    atomic_fetch_add(&seen->distinct, 1);
    if (!is_due(judge, content)) return false;
    bool again =
        !judge->nested && !judge->stage->work->plain && content >= WHOLE && hash / 3 % AGAIN_EVERY == 0;
    return !again || survives_again(judge, content, hash);
}
