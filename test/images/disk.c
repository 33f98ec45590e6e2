/* The disk, and the images. */
#include "disk.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECTOR = 512, FEW = 6 };
enum fate { LOST, KEPT, TORN, SIZE_ONLY };

static void play_name(int *names, const struct op *op)
{
    if (op->kind == OP_CREATE) names[op->name] = op->file;
    if (op->kind == OP_UNLINK) names[op->name] = -1;
    if (op->kind == OP_RENAME) {
        names[op->to] = op->file; /* the old name may never have been there */
        names[op->name] = -1;
    }
}

static void play_data(struct bytes *bytes, const struct op *op)
{
    if (op->kind == OP_WRITE) bytes_put(bytes, op->at, op->data, op->n);
    if (op->kind == OP_RESIZE) bytes_resize(bytes, op->at);
}

static bool of_name(const struct op *op)
{
    return op->kind == OP_CREATE || op->kind == OP_UNLINK || op->kind == OP_RENAME;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static bool is_minor(const char *name)
{
    return ends_with(name, ".reserve");
}

/* ---- playing ------------------------------------------------------------------------------------------------------------ */

void disk_begin(struct disk *disk, const struct record *record)
{
    *disk = (struct disk){.record = record};
    disk->pending = must(malloc((record->n + 1) * sizeof *disk->pending));
    disk->aside = must(malloc((record->n + 1) * sizeof *disk->aside));
    for (uint32_t i = 0; i < record->nnames; i++)
        if (record->first[i] >= 0) disk->minor[record->first[i]] = is_minor(record->name[i]);
    for (uint32_t i = 0; i < record->n; i++)
        if (record->op[i].kind == OP_CREATE)
            disk->minor[record->op[i].file] = is_minor(record->name[record->op[i].name]);
    for (int i = 0; i < RECORD_NAMES; i++) disk->name[i] = -1;
    for (uint32_t i = 0; i < record->nnames; i++) {
        int file = disk->name[i] = record->first[i];
        if (file >= 0) bytes_put(&disk->file[file], 0, record->content[file].p, record->content[file].n);
    }
}

static bool made_durable(const struct op *sync, const struct op *op)
{
    return sync->kind == OP_SYNC_FOLDER ? of_name(op) : !of_name(op) && op->file == sync->file;
}

static void settle(struct disk *disk, const struct op *sync)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < disk->npending; i++) {
        const struct op *op = &disk->record->op[disk->pending[i]];
        if (!made_durable(sync, op))
            disk->pending[left++] = disk->pending[i];
        else if (of_name(op))
            play_name(disk->name, op);
        else
            play_data(&disk->file[op->file], op);
    }
    disk->npending = left;
}

bool disk_next(struct disk *disk)
{
    if (disk->at == disk->record->n) return false;
    const struct op *op = &disk->record->op[disk->at];
    if (op->kind == OP_SYNC || op->kind == OP_SYNC_FOLDER)
        settle(disk, op);
    else if (!of_name(op) && disk->minor[op->file])
        disk->aside[disk->naside++] = disk->at;
    else
        disk->pending[disk->npending++] = disk->at;
    disk->at++;
    return true;
}

void disk_free(struct disk *disk)
{
    for (int i = 0; i < RECORD_FILES; i++) free(disk->file[i].p);
    free(disk->pending);
    free(disk->aside);
}

/* ---- what survives ------------------------------------------------------------------------------------------------------ */

static uint32_t dice(uint64_t *random, uint32_t n)
{
    return (uint32_t)(rc_mix(random) % n);
}

bool disk_is_settled(const struct disk *disk)
{
    return disk->npending == 0;
}

/* Ways of losing what is not durable; each fills in the fate of every pending operation. */
static void lose_by_number(const struct disk *disk, uint64_t number, uint8_t *fate)
{
    for (uint32_t i = 0; i < disk->npending; i++) fate[i] = number >> i & 1 ? KEPT : LOST;
}

static void lose_all_but_last(const struct disk *disk, uint64_t *random, uint8_t *fate)
{
    memset(fate, LOST, disk->npending);
    fate[disk->npending - 1] = dice(random, 2) ? KEPT : TORN;
}

static void lose_nothing(const struct disk *disk, uint64_t *random, uint8_t *fate)
{
    memset(fate, KEPT, disk->npending);
    fate[disk->npending - 1] = dice(random, 2) ? KEPT : TORN;
}

static void lose_one(const struct disk *disk, uint64_t *random, uint8_t *fate)
{
    memset(fate, KEPT, disk->npending);
    fate[dice(random, disk->npending)] = dice(random, 2) ? LOST : TORN;
}

static void lose_the_end(const struct disk *disk, uint64_t *random, uint8_t *fate)
{
    uint32_t kept = dice(random, disk->npending + 1);
    memset(fate, LOST, disk->npending);
    memset(fate, KEPT, kept);
    if (kept) fate[kept - 1] = TORN;
}

static void lose_the_beginning(const struct disk *disk, uint64_t *random, uint8_t *fate)
{
    uint32_t lost = dice(random, disk->npending + 1);
    memset(fate, KEPT, disk->npending);
    memset(fate, LOST, lost);
}

static void lose_some(const struct disk *disk, uint64_t *random, uint8_t *fate)
{
    uint32_t keep = 1 + dice(random, 99);
    for (uint32_t i = 0; i < disk->npending; i++) fate[i] = dice(random, 100) < keep ? KEPT : LOST;
}

static void lose_sectors(const struct disk *disk, uint64_t *random, uint8_t *fate)
{
    uint32_t torn = 1 + dice(random, 100);
    for (uint32_t i = 0; i < disk->npending; i++) fate[i] = dice(random, 100) < torn ? TORN : KEPT;
}

static void lose_files(const struct disk *disk, uint64_t *random, uint8_t *fate)
{
    uint64_t draw = rc_mix(random);
    for (uint32_t i = 0; i < disk->npending; i++) {
        const struct op *op = &disk->record->op[disk->pending[i]];
        uint32_t which = of_name(op) ? 63 : op->file % 63u;
        fate[i] = draw >> which & 1 ? KEPT : LOST;
    }
}

static void lose_data(const struct disk *disk, uint64_t *random, uint8_t *fate)
{
    uint32_t keep = dice(random, 101);
    for (uint32_t i = 0; i < disk->npending; i++)
        fate[i] = (uint8_t)(dice(random, 100) < keep ? KEPT : dice(random, 2) ? SIZE_ONLY : LOST);
}

static const struct way {
    const char *name;
    void (*lose)(const struct disk *, uint64_t *random, uint8_t *fate);
} ways[] = {
    {"nothing lost", lose_nothing},
    {"all lost but the last", lose_all_but_last},
    {"one lost", lose_one},
    {"the end lost", lose_the_end},
    {"some lost", lose_some},
    {"sectors lost", lose_sectors},
    {"files lost", lose_files},
    {"data lost, sizes kept", lose_data},
    {"some lost", lose_some},
    {"sectors lost", lose_sectors},
    {"the beginning lost", lose_the_beginning},
};
enum { WAYS = sizeof ways / sizeof *ways };

/* Of a torn write: sectors by lot, those before a place, those behind it, or all but a run of them. */
static void put_some_sectors(struct bytes *bytes, const struct op *op, uint64_t *random)
{
    uint32_t keep = dice(random, 101); /* per cent */
    uint32_t how = dice(random, 4), from = dice(random, op->n + 1), to = from + dice(random, op->n + 1);
    for (uint32_t at = 0; at < op->n;) {
        uint32_t n = SECTOR - (uint32_t)((op->at + at) % SECTOR);
        if (n > op->n - at) n = op->n - at;
        bool kept = how == 0   ? dice(random, 100) < keep
                    : how == 1 ? at < from
                    : how == 2 ? at >= from
                               : at < from || at >= to;
        if (kept) bytes_put(bytes, op->at + at, op->data + at, n);
        at += n;
    }
}

static void apply(struct bytes *bytes, const struct op *op, enum fate fate, uint64_t *random)
{
    if (fate == LOST) return;
    if (op->kind == OP_WRITE && fate == TORN)
        put_some_sectors(bytes, op, random);
    else if (op->kind == OP_WRITE && fate == SIZE_ONLY && bytes->n < op->at + op->n)
        bytes_resize(bytes, op->at + op->n);
    else if (op->kind == OP_RESIZE || fate != SIZE_ONLY)
        play_data(bytes, op);
}

void disk_image(const struct disk *disk, uint64_t number, uint64_t seed, struct image *io)
{
    uint64_t random = seed ^ (uint64_t)disk->at << 32 ^ number * 0x9e3779b97f4a7c15u;
    bool aside = dice(&random, 2);
    uint8_t *fate = must(malloc(disk->npending + 1u));
    int names[RECORD_NAMES], slot[RECORD_FILES];
    io->how = "each combination";
    if (disk->npending <= FEW && number < 1u << disk->npending)
        lose_by_number(disk, number, fate);
    else if (disk->npending) {
        io->how = ways[number % WAYS].name;
        ways[number % WAYS].lose(disk, &random, fate);
    }
    memcpy(names, disk->name, sizeof names);
    memset(slot, -1, sizeof slot);
    for (uint32_t i = 0; i < disk->npending; i++) {
        const struct op *op = &disk->record->op[disk->pending[i]];
        if (of_name(op) && fate[i] != LOST) play_name(names, op);
    }
    for (uint32_t i = 0; i < disk->record->nnames; i++) {
        struct bytes *bytes = &io->file[i];
        bytes->n = 0;
        io->there[i] = names[i] >= 0;
        if (!io->there[i]) continue;
        slot[names[i]] = (int)i;
        bytes_put(bytes, 0, disk->file[names[i]].p, disk->file[names[i]].n);
    }
    for (uint32_t i = 0; i < disk->npending; i++) {
        const struct op *op = &disk->record->op[disk->pending[i]];
        if (!of_name(op) && slot[op->file] >= 0) apply(&io->file[slot[op->file]], op, fate[i], &random);
    }
    for (uint32_t i = 0; i < disk->naside && aside; i++) {
        const struct op *op = &disk->record->op[disk->aside[i]];
        if (slot[op->file] >= 0) play_data(&io->file[slot[op->file]], op);
    }
    free(fate);
}

/* ---- images ------------------------------------------------------------------------------------------------------------- */

static bool put_file(const struct bytes *bytes, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    bool fine = pwrite(fd, bytes->p, bytes->n, 0) == (ssize_t)bytes->n;
    return close(fd) == 0 && fine;
}

bool image_put(const struct image *image, const struct record *record, const char *folder)
{
    bool fine = true;
    for (uint32_t i = 0; i < record->nnames; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", folder, record->name[i]);
        if (image->there[i])
            fine &= put_file(&image->file[i], path);
        else
            (void)unlink(path);
    }
    return fine;
}

/* Not for what is hostile: multiplies and folds 8 bytes at a time, in four lanes. */
uint64_t bytes_hash(const struct bytes *bytes, uint64_t seed)
{
    uint64_t lane[4] = {seed ^ bytes->n, seed + 1, seed + 2, seed + 3};
    size_t at = 0;
    for (; at + 32 <= bytes->n; at += 32)
        for (int i = 0; i < 4; i++) {
            uint64_t word;
            memcpy(&word, bytes->p + at + 8 * i, 8);
            lane[i] = (lane[i] ^ word) * 0x9fb21c651e98df25u;
            lane[i] ^= lane[i] >> 35;
        }
    for (; at < bytes->n; at++) lane[0] = (lane[0] ^ bytes->p[at]) * 0x9fb21c651e98df25u;
    for (int i = 1; i < 4; i++) {
        lane[0] ^= lane[i];
        lane[0] = rc_mix(&lane[0]);
    }
    return lane[0];
}

uint64_t image_hash(const struct image *image, const struct record *record, const char *name)
{
    uint64_t hash = 1;
    size_t n = strlen(name);
    for (uint32_t i = 0; i < record->nnames; i++) {
        const char *rest = record->name[i] + n;
        if (strncmp(record->name[i], name, n) != 0 || !image->there[i]) continue;
        if (*rest && *rest != '-') continue; /* the file itself, its log and its journal */
        hash = bytes_hash(&image->file[i], hash * 31 + i);
    }
    return hash;
}

void image_free(struct image *image)
{
    for (int i = 0; i < RECORD_NAMES; i++) free(image->file[i].p);
}
