/* A store of either kind for one test. */
#include "kit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

int kit_setup(void **state)
{
    const struct kit_kind *kind = *state;
    struct kit *kit = calloc(1, sizeof *kit);
    kit->memory = kind && kind->memory;
    kit->arena = rc_arena_new(1 << 20, SIZE_MAX);
    kit->now = UINT64_C(1790000000000000);
    if (kit->memory) {
        kit->disk = rc_memory_disk_new();
    } else {
        snprintf(kit->dir, sizeof kit->dir, "/tmp/recourse-store-XXXXXX");
        if (!mkdtemp(kit->dir)) return -1;
        snprintf(kit->path, sizeof kit->path, "%s/store.db", kit->dir);
        kit->options = (struct rc_sqlite_options){.path = kit->path, .reserve = 1 << 20, .index_after = 3};
    }
    *state = kit;
    kit_open(kit);
    return 0;
}

static void empty(const char *dir)
{
    DIR *open = opendir(dir);
    for (struct dirent *entry; open && (entry = readdir(open));) {
        char name[512];
        snprintf(name, sizeof name, "%s/%s", dir, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) remove(name);
    }
    if (open) closedir(open);
}

int kit_teardown(void **state)
{
    struct kit *kit = *state;
    kit_close(kit);
    if (kit->small[0]) {
        umount(kit->small);
        rmdir(kit->small);
    }
    rc_memory_disk_free(kit->disk);
    if (kit->dir[0]) {
        empty(kit->dir);
        rmdir(kit->dir);
    }
    rc_arena_free(kit->arena);
    free(kit);
    return 0;
}

void kit_small_disk(struct kit *kit, uint64_t reserve)
{
    if (geteuid() != 0) skip();
    char dir[48];
    snprintf(dir, sizeof dir, "%s/small", kit->dir);
    if (mkdir(dir, 0700) != 0 || mount("tmpfs", dir, "tmpfs", 0, "size=24m") != 0) skip();
    memcpy(kit->small, dir, sizeof dir);
    kit_close(kit);
    snprintf(kit->path, sizeof kit->path, "%s/store.db", dir);
    kit->options.reserve = reserve;
    kit_open(kit);
}

void kit_close(struct kit *kit)
{
    rc_store_close(kit->store);
    kit->store = NULL;
}

void kit_open(struct kit *kit)
{
    if (kit->memory)
        assert_ok(kit, rc_memory_open(kit->disk, &kit->store, &kit->err));
    else
        assert_ok(kit, rc_sqlite_open(&kit->options, &kit->store, &kit->err));
}

void kit_reopen(struct kit *kit)
{
    kit_close(kit);
    kit_open(kit);
}

struct made_batch kit_begin(struct kit *kit)
{
    return made_begin(kit->arena, kit->now += RC_MS(10));
}

struct made *kit_new(struct kit *kit, uint64_t seq, const char *key)
{
    return made_new(kit->arena, seq, key, kit->now);
}

void kit_commit(struct kit *kit, struct made_batch *batch, enum rc_status expected)
{
    kit->err = (struct rc_error){0};
    enum rc_status status = rc_store_commit(kit->store, &batch->batch, &kit->err);
    if (status != expected)
        fail_msg("commit: %s: %s; expected %s", rc_status_slug(status), kit->err.text,
                 rc_status_slug(expected));
    if (status != RC_OK) assert_true(kit->err.text[0] && kit->err.status == status);
    rc_store_follow_up(kit->store);
}

struct made *kit_submit(struct kit *kit, uint64_t seq, const char *key, enum rc_state state, bool in_flight)
{
    struct made_batch batch = kit_begin(kit);
    struct made *made = kit_new(kit, seq, key);
    made_submit(&batch, made, state, in_flight, NULL);
    kit_commit(kit, &batch, RC_OK);
    return made;
}

void kit_result(struct kit *kit, struct made *made, enum rc_state state, bool in_flight)
{
    struct made_batch batch = kit_begin(kit);
    made_result(&batch, made, state, in_flight, NULL);
    kit_commit(kit, &batch, RC_OK);
}

enum rc_status kit_history(struct kit *kit, struct rc_reader *reader, uint64_t seq, uint32_t after,
                           uint32_t cap, struct kit_history *ret)
{
    return rc_read_history(reader, seq, after, cap, kit->arena, &ret->identity, &ret->records, &ret->n,
                           &kit->err);
}

uint64_t kit_key(struct kit *kit, struct rc_reader *reader, const char *key)
{
    struct rc_key_match match = {0};
    enum rc_status status =
        rc_read_key(reader, RC_SV("default"), RC_SV("github.create_pr"), rc_sv_of(key), &match, &kit->err);
    if (status != RC_NOT_FOUND) assert_ok(kit, status);
    return match.seq;
}

struct rc_high kit_high(struct kit *kit)
{
    struct rc_high high = {0};
    assert_ok(kit, rc_read_high(rc_store_self(kit->store), &high, &kit->err));
    return high;
}
