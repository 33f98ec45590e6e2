/* The recording VFS, and the images. */
#include "recorder.h"

#include "through.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECTOR = 512 };

static void *must(void *memory)
{
    if (memory) return memory;
    fputs("out of memory\n", stderr);
    exit(1);
}

/* ---- files in memory ---------------------------------------------------------------------------------------------------- */

static void resize(struct recorder_bytes *bytes, size_t n)
{
    if (n > bytes->cap) {
        bytes->cap = n * 2;
        bytes->p = must(realloc(bytes->p, bytes->cap));
    }
    if (n > bytes->n) memset(bytes->p + bytes->n, 0, n - bytes->n);
    bytes->n = n;
    bytes->there = true;
}

static void put(struct recorder_bytes *bytes, uint64_t at, const uint8_t *data, size_t n)
{
    if (at + n > bytes->n) resize(bytes, at + n);
    memcpy(bytes->p + at, data, n);
}

static void play(struct recorder_bytes *bytes, const struct recorder_op *op)
{
    if (op->kind == RECORDER_WRITE) put(bytes, op->at, op->data, op->n);
    if (op->kind == RECORDER_TRUNCATE) resize(bytes, op->at);
    if (op->kind == RECORDER_REMOVE) *bytes = (struct recorder_bytes){.p = bytes->p, .cap = bytes->cap};
}

static void read_file(const char *path, struct recorder_bytes *ret)
{
    *ret = (struct recorder_bytes){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    uint8_t block[1 << 16];
    ret->there = true;
    for (ssize_t n; (n = read(fd, block, sizeof block)) > 0;) put(ret, ret->n, block, (size_t)n);
    close(fd);
}

bool recorder_put(const struct recorder_bytes *bytes, const char *path)
{
    if (!bytes->there) return unlink(path) == 0 || access(path, F_OK) != 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    bool fine = write(fd, bytes->p, bytes->n) == (ssize_t)bytes->n;
    return close(fd) == 0 && fine;
}

/* ---- the VFS ------------------------------------------------------------------------------------------------------------ */

static struct {
    struct through through;
    struct recorder_record *record; /* NULL: nothing is written down */
} recorder;

static void note(int file, enum recorder_op_kind kind, uint64_t at, const void *data, int n)
{
    struct recorder_record *record = recorder.record;
    if (!record || file < 0) return;
    if (record->n == record->cap) {
        record->cap = record->cap ? record->cap * 2 : 1024;
        record->op = must(realloc(record->op, record->cap * sizeof *record->op));
    }
    struct recorder_op *op = &record->op[record->n++];
    *op = (struct recorder_op){.kind = (uint8_t)kind, .file = (uint8_t)file, .n = (uint32_t)n, .at = at};
    if (!n) return;
    op->data = must(malloc((size_t)n));
    memcpy(op->data, data, (size_t)n);
}

static int r_write(sqlite3_file *file, const void *from, int n, sqlite3_int64 at)
{
    sqlite3_file *real = through_real(file);
    int code = real->pMethods->xWrite(real, from, n, at);
    if (code == SQLITE_OK) note(through_of(file)->kind, RECORDER_WRITE, (uint64_t)at, from, n);
    return code;
}

static int r_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    sqlite3_file *real = through_real(file);
    int code = real->pMethods->xTruncate(real, size);
    if (code == SQLITE_OK) note(through_of(file)->kind, RECORDER_TRUNCATE, (uint64_t)size, NULL, 0);
    return code;
}

static int r_sync(sqlite3_file *file, int flags)
{
    sqlite3_file *real = through_real(file);
    int code = real->pMethods->xSync(real, flags);
    if (code == SQLITE_OK) note(through_of(file)->kind, RECORDER_SYNC, 0, NULL, 0);
    return code;
}

/* enum recorder_file, or -1: none of the database's */
static int kind_of(int flags)
{
    return flags & SQLITE_OPEN_WAL ? RECORDER_LOG : flags & SQLITE_OPEN_MAIN_DB ? RECORDER_MAIN : -1;
}

static int r_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    (void)vfs;
    size_t n = strlen(name);
    bool log = n > 4 && strcmp(name + n - 4, "-wal") == 0;
    int code = recorder.through.real->xDelete(recorder.through.real, name, sync_folder);
    if (code == SQLITE_OK && log) note(RECORDER_LOG, RECORDER_REMOVE, 0, NULL, 0);
    return code;
}

void recorder_install(void)
{
    memset(&recorder, 0, sizeof recorder);
    through_make(&recorder.through, "recorder", kind_of);
    recorder.through.vfs.xDelete = r_delete;
    recorder.through.methods.xWrite = r_write;
    recorder.through.methods.xTruncate = r_truncate;
    recorder.through.methods.xSync = r_sync;
    through_install(&recorder.through);
}

void recorder_remove(void)
{
    through_remove(&recorder.through);
}

void recorder_begin(struct recorder_record *record, const char *path)
{
    char log[4096];
    snprintf(log, sizeof log, "%s-wal", path);
    *record = (struct recorder_record){0};
    read_file(path, &record->first[RECORDER_MAIN]);
    read_file(log, &record->first[RECORDER_LOG]);
    recorder.record = record;
}

void recorder_end(void)
{
    recorder.record = NULL;
}

void recorder_free(struct recorder_record *record)
{
    for (uint32_t i = 0; i < record->n; i++) free(record->op[i].data);
    free(record->op);
    for (int i = 0; i < RECORDER_FILES; i++) free(record->first[i].p);
}

/* ---- the disk ------------------------------------------------------------------------------------------------------------ */

void recorder_disk_begin(struct recorder_disk *disk, const struct recorder_record *record)
{
    *disk = (struct recorder_disk){.record = record};
    for (int i = 0; i < RECORDER_FILES; i++) {
        const struct recorder_bytes *first = &record->first[i];
        if (first->there) resize(&disk->durable[i], 0);
        if (first->n) put(&disk->durable[i], 0, first->p, first->n);
        disk->pending[i] = must(malloc((record->n + 1) * sizeof(uint32_t)));
    }
}

bool recorder_disk_next(struct recorder_disk *disk)
{
    if (disk->at == disk->record->n) return false;
    const struct recorder_op *op = &disk->record->op[disk->at];
    uint32_t *pending = disk->pending[op->file], *n = &disk->npending[op->file];
    if (op->kind == RECORDER_SYNC) {
        for (uint32_t i = 0; i < *n; i++) play(&disk->durable[op->file], &disk->record->op[pending[i]]);
        *n = 0;
    } else {
        pending[(*n)++] = disk->at;
    }
    disk->at++;
    return true;
}

void recorder_disk_free(struct recorder_disk *disk)
{
    for (int i = 0; i < RECORDER_FILES; i++) {
        free(disk->durable[i].p);
        free(disk->pending[i]);
    }
}

static uint32_t dice(uint64_t *random, uint32_t n)
{
    return (uint32_t)(rc_mix(random) % n);
}

static void put_some_sectors(struct recorder_bytes *bytes, const struct recorder_op *op, uint64_t *random)
{
    uint32_t keep = dice(random, 101); /* per cent */
    for (uint32_t at = 0; at < op->n;) {
        uint32_t n = SECTOR - (uint32_t)((op->at + at) % SECTOR);
        if (n > op->n - at) n = op->n - at;
        if (dice(random, 100) < keep) put(bytes, op->at + at, op->data + at, n);
        at += n;
    }
}

void recorder_image(const struct recorder_disk *disk, enum recorder_file file, enum recorder_loss loss,
                    uint64_t *random, struct recorder_bytes *ret)
{
    const struct recorder_bytes *durable = &disk->durable[file];
    uint32_t n = disk->npending[file], kept = n;
    ret->n = 0;
    ret->there = false;
    if (durable->there) resize(ret, 0);
    if (durable->n) put(ret, 0, durable->p, durable->n);
    if (loss == RECORDER_ALL_LOST) kept = 0;
    if (loss == RECORDER_PREFIX) kept = dice(random, n + 1);
    for (uint32_t i = 0; i < kept; i++) {
        const struct recorder_op *op = &disk->record->op[disk->pending[file][i]];
        if (loss == RECORDER_SOME && dice(random, 2)) continue;
        if ((loss == RECORDER_SECTORS || (loss == RECORDER_PREFIX && i + 1 == kept)) &&
            op->kind == RECORDER_WRITE)
            put_some_sectors(ret, op, random);
        else
            play(ret, op);
    }
}
