/* A copy of a disk as it is now: what a backup is to a file. Nothing is shared with the original, which goes on. */
#include "store/memory/disk.h"

#include <stdlib.h>

enum { ARENA_FIRST = 4096, ARENA_MAX = 64 << 20, EVENTS = RC_MAX_BULK_REVS + 2 };

/* A block with the texts behind it. */
static void *copy_block(const void *from, size_t size, size_t texts)
{
    void *block = malloc(size + texts);
    if (block) memcpy(block, from, size + texts);
    return block;
}

/* A text that stood in `from` stands at the same place in `block`. */
static void move(struct rc_sv *text, const void *from, void *block)
{
    if (text->p) text->p = (char *)block + (text->p - (const char *)from);
}

/* ---- commands ----------------------------------------------------------------------------------------------------- */

static struct mem_record *copy_record(const struct mem_record *from)
{
    struct mem_record *record =
        copy_block(from, sizeof *from, (size_t)from->stored.body.n + from->stored.changes.n);
    if (!record) return NULL;
    move(&record->stored.body, from, record);
    move(&record->stored.changes, from, record);
    return record;
}

static struct mem_command *copy_command(const struct mem_command *from)
{
    size_t texts =
        (size_t)from->ns.n + from->type.n + from->key.n + from->subject.n + from->actor.n + from->refs.n;
    struct mem_command *command = copy_block(from, sizeof *from, texts);
    if (!command) return NULL;
    struct rc_sv *const moved[] = {&command->ns,      &command->type,  &command->key,
                                   &command->subject, &command->actor, &command->refs};
    for (size_t i = 0; i < sizeof moved / sizeof *moved; i++) move(moved[i], from, command);
    command->same_key = NULL;
    command->rev = 0;
    command->records = calloc(from->cap + 1, sizeof(struct mem_record *));
    return command;
}

/* Puts it among the others first, so that whoever frees the disk frees it. */
static bool add_command(struct rc_memory_disk *disk, const struct mem_command *from)
{
    struct mem_command *command = copy_command(from);
    if (!command) return false;
    disk->commands[disk->ncommands++] = command;
    for (; command->records && command->rev < from->rev; command->rev++) {
        command->records[command->rev] = copy_record(from->records[command->rev]);
        if (!command->records[command->rev]) return false;
    }
    command->same_key = rc_map_get(&disk->by_key, command->key_hash);
    return command->records && rc_map_put(&disk->by_seq, command->seq, command) == RC_OK &&
           rc_map_put(&disk->by_key, command->key_hash, command) == RC_OK;
}

static bool add_commands(struct rc_memory_disk *disk, const struct rc_memory_disk *from)
{
    disk->cap = from->cap;
    disk->commands = calloc(from->cap + 1, sizeof(struct mem_command *));
    if (!disk->commands) return false;
    for (uint32_t i = 0; i < from->ncommands; i++)
        if (!add_command(disk, from->commands[i])) return false;
    return true;
}

static bool add_work(struct rc_memory_disk *disk, const struct mem_work *from)
{
    if (!from) return true;
    struct mem_work *work = copy_block(from, sizeof *from, 0);
    if (!work) return false;
    mem_work_put(&disk->work, work);
    return add_work(disk, from->left) && add_work(disk, from->right);
}

/* ---- what stands beside them ---------------------------------------------------------------------------------------- */

static bool add_definitions(struct rc_memory_disk *disk, const struct rc_memory_disk *from)
{
    disk->defs = calloc(from->ndefs + 1, sizeof(struct mem_definition *));
    for (uint32_t i = 0; disk->defs && i < from->ndefs; i++) {
        const struct rc_definition *def = &from->defs[i]->def;
        struct mem_definition *kept =
            copy_block(from->defs[i], sizeof *kept, (size_t)def->name.n + def->text.n + def->source.n);
        if (!kept) return false;
        move(&kept->def.name, from->defs[i], kept);
        move(&kept->def.text, from->defs[i], kept);
        move(&kept->def.source, from->defs[i], kept);
        disk->defs[disk->ndefs++] = kept;
    }
    return disk->defs != NULL;
}

static bool add_namespaces(struct rc_memory_disk *disk, const struct rc_memory_disk *from)
{
    disk->namespaces = calloc(from->nnamespaces + 1, sizeof(struct mem_namespace *));
    for (uint32_t i = 0; disk->namespaces && i < from->nnamespaces; i++) {
        struct mem_namespace *kept =
            copy_block(from->namespaces[i], sizeof *kept, from->namespaces[i]->ns.name.n);
        if (!kept) return false;
        move(&kept->ns.name, from->namespaces[i], kept);
        disk->namespaces[disk->nnamespaces++] = kept;
    }
    return disk->namespaces != NULL;
}

static bool add_tokens(struct rc_memory_disk *disk, const struct rc_memory_disk *from)
{
    disk->tokens = calloc(from->ntokens + 1, sizeof(struct mem_token *));
    for (uint32_t i = 0; disk->tokens && i < from->ntokens; i++) {
        const struct rc_token *token = &from->tokens[i]->token;
        struct mem_token *kept = copy_block(from->tokens[i], sizeof *kept,
                                            (size_t)token->subject.n + token->author.n + token->ns.n);
        if (!kept) return false;
        move(&kept->token.subject, from->tokens[i], kept);
        move(&kept->token.author, from->tokens[i], kept);
        move(&kept->token.ns, from->tokens[i], kept);
        disk->tokens[disk->ntokens++] = kept;
    }
    return disk->tokens != NULL;
}

static bool add_audits(struct rc_memory_disk *disk, const struct rc_memory_disk *from)
{
    disk->cap_audits = from->cap_audits;
    disk->audits = calloc(from->cap_audits + 1, sizeof(struct mem_audit *));
    for (uint32_t i = 0; disk->audits && i < from->naudits; i++) {
        const struct mem_audit *one = from->audits[i];
        struct mem_audit *kept = copy_block(one, sizeof *kept, one->entry.what.data.n);
        if (!kept) return false;
        move(&kept->entry.what.data, one, kept);
        disk->audits[disk->naudits++] = kept;
    }
    return disk->audits != NULL;
}

static bool add_purged(struct rc_memory_disk *disk, const struct rc_memory_disk *from)
{
    if (!from->npurged) return true;
    disk->purged = copy_block(from->purged, from->npurged * sizeof *from->purged, 0);
    disk->npurged = disk->purged ? from->npurged : 0;
    return disk->purged != NULL;
}

static bool add_schedules(struct rc_memory_disk *disk, const struct rc_memory_disk *from)
{
    if (!from->nschedules) return true;
    disk->schedules = copy_block(from->schedules, from->nschedules * sizeof *from->schedules, 0);
    disk->nschedules = disk->schedules ? from->nschedules : 0;
    return disk->schedules != NULL;
}

/* ---- bulks ---------------------------------------------------------------------------------------------------------- */

static void keep(struct rc_arena *arena, struct rc_sv *text)
{
    *text = text->n ? rc_copy_sv(arena, *text) : (struct rc_sv){0};
}

static bool fill_bulk(struct mem_bulk *bulk)
{
    struct rc_arena *arena = bulk->arena = rc_arena_new(ARENA_FIRST, ARENA_MAX);
    if (!arena) return false;
    struct rc_bulk_event *events = RC_NEW_ARRAY(arena, struct rc_bulk_event, EVENTS);
    bulk->items = rc_copy(arena, bulk->items, bulk->bulk.total * sizeof *bulk->items);
    if (!bulk->items || !events) return false;
    memcpy(events, bulk->events, bulk->nevents * sizeof *events);
    bulk->events = events;
    keep(arena, &bulk->bulk.ns);
    keep(arena, &bulk->bulk.key);
    keep(arena, &bulk->bulk.from);
    keep(arena, &bulk->act);
    for (uint32_t i = 0; i < bulk->bulk.total; i++) {
        keep(arena, &bulk->items[i].why);
        keep(arena, &bulk->items[i].undoes);
        keep(arena, &bulk->items[i].fault);
    }
    for (uint32_t i = 0; i < bulk->nevents; i++) {
        keep(arena, &events[i].subject);
        keep(arena, &events[i].actor);
        keep(arena, &events[i].reason);
    }
    return rc_arena_status(arena) == RC_OK;
}

static bool add_bulks(struct rc_memory_disk *disk, const struct rc_memory_disk *from)
{
    struct mem_bulk **end = &disk->bulks;
    for (const struct mem_bulk *one = from->bulks; one; one = one->older) {
        struct mem_bulk *bulk = copy_block(one, sizeof *one, 0);
        if (!bulk) return false;
        bulk->older = NULL;
        *end = bulk;
        end = &bulk->older;
        if (!fill_bulk(bulk)) return false;
    }
    return true;
}

/* ---- all ------------------------------------------------------------------------------------------------------------ */

static void forget_namespaces(struct rc_memory_disk *disk) /* those of a new disk */
{
    for (uint32_t i = 0; i < disk->nnamespaces; i++) free(disk->namespaces[i]);
    free(disk->namespaces);
    disk->namespaces = NULL;
    disk->nnamespaces = 0;
}

struct rc_memory_disk *rc_memory_disk_copy(struct rc_memory_disk *from)
{
    struct rc_memory_disk *disk = rc_memory_disk_new();
    if (!disk) return NULL;
    forget_namespaces(disk);
    pthread_mutex_lock(&from->lock);
    disk->seed = from->seed;
    disk->high = from->high;
    disk->nbulks = from->nbulks;
    disk->mark = from->mark;
    disk->nholds = from->nholds;
    disk->last_hold = from->last_hold;
    memcpy(disk->holds, from->holds, sizeof disk->holds);
    bool whole = add_commands(disk, from) && add_work(disk, from->work) && add_definitions(disk, from) &&
                 add_namespaces(disk, from) && add_tokens(disk, from) && add_audits(disk, from) &&
                 add_purged(disk, from) && add_bulks(disk, from) && add_schedules(disk, from) &&
                 mem_signals_copy(disk, from) && mem_stopped_copy(disk, from);
    pthread_mutex_unlock(&from->lock);
    if (whole) return disk;
    rc_memory_disk_free(disk);
    return NULL;
}
