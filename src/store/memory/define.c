/* Definitions in the memory store: all of them or none. */
#include "store/memory/disk.h"

#include <stdlib.h>

static enum rc_status nomem(struct rc_error *err)
{
    return rc_fail(err, RC_NOMEM, "out of memory");
}

static struct mem_definition *new_definition(const struct rc_definition *from)
{
    struct mem_definition *kept = malloc(sizeof *kept + (size_t)from->name.n + from->text.n + from->source.n);
    if (!kept) return NULL;
    char *at = kept->text;
    kept->def = *from;
    kept->past = false;
    kept->def.name = mem_put_text(&at, from->name);
    kept->def.text = mem_put_text(&at, from->text);
    kept->def.source = mem_put_text(&at, from->source);
    return kept;
}

static struct rc_definition *active(const struct rc_memory_disk *disk, const struct rc_definition *like)
{
    for (uint32_t i = disk->ndefs; i > 0; i--) {
        struct rc_definition *def = &disk->defs[i - 1]->def;
        if (def->active && def->kind == like->kind && rc_sv_eq(def->name, like->name)) return def;
    }
    return NULL;
}

static enum rc_status check_removed(const struct rc_memory_disk *disk, const struct rc_definition *removed,
                                    struct rc_error *err)
{
    uint64_t held = removed->kind == RC_DEF_FLOW ? mem_held(disk, removed->name) : 0;
    if (held)
        return rc_fail(err, RC_IN_USE, "the flow '%.*s' is held by %llu commands that have not ended",
                       RC_SV_ARG(removed->name), (unsigned long long)held);
    if (!active(disk, removed))
        return rc_fail(err, RC_NOT_FOUND, "'%.*s' is not in force", RC_SV_ARG(removed->name));
    return RC_OK;
}

/* The new versions behind those that are there; not in force yet. */
static enum rc_status append(struct rc_memory_disk *disk, const struct rc_definition *added, uint32_t nadded,
                             rc_us now, struct rc_error *err)
{
    struct mem_definition **defs =
        realloc(disk->defs, ((size_t)disk->ndefs + nadded + 1) * sizeof(struct mem_definition *));
    if (!defs) return nomem(err);
    disk->defs = defs;
    for (uint32_t i = 0; i < nadded; i++) {
        struct mem_definition *kept = new_definition(&added[i]);
        if (!kept) {
            while (i > 0) free(defs[disk->ndefs + --i]);
            return nomem(err);
        }
        kept->def.id = disk->ndefs + i + 1;
        kept->def.active = false;
        kept->def.at = now;
        kept->def.version = 1;
        for (uint32_t j = 0; j < disk->ndefs + i; j++)
            kept->def.version +=
                defs[j]->def.kind == kept->def.kind && rc_sv_eq(defs[j]->def.name, kept->def.name);
        defs[disk->ndefs + i] = kept;
    }
    return RC_OK;
}

static enum rc_status stage_note(struct rc_memory_disk *disk, struct mem_audits *audits,
                                 const struct rc_definition *def, enum rc_deed deed,
                                 const struct rc_author *by, rc_us now, struct rc_error *err)
{
    struct rc_arena *arena = rc_arena_new(0, 1 << 20);
    struct rc_audit entry = {0};
    if (!arena) return nomem(err);
    enum rc_status status = rc_audit_of_definition(def, deed, by, arena, &entry, err);
    if (status == RC_OK) status = mem_audit_stage(disk, audits, &entry, now, err);
    rc_arena_free(arena);
    return status;
}

static void drop_appended(struct rc_memory_disk *disk, uint32_t n)
{
    while (n > 0) free(disk->defs[disk->ndefs + --n]);
}

static enum rc_status define(struct rc_memory_disk *disk, struct rc_definition *added, uint32_t nadded,
                             const struct rc_definition *removed, uint32_t nremoved,
                             const struct rc_author *by, rc_us now, struct rc_error *err)
{
    struct mem_audits audits = {0};
    enum rc_status status = RC_OK;
    for (uint32_t i = 0; i < nremoved && status == RC_OK; i++) status = check_removed(disk, &removed[i], err);
    if (status == RC_OK) status = append(disk, added, nadded, now, err);
    if (status != RC_OK) return status;
    for (uint32_t i = 0; i < nremoved && status == RC_OK; i++)
        status = stage_note(disk, &audits, &removed[i], RC_DEED_REMOVE, by, now, err);
    for (uint32_t i = 0; i < nadded && status == RC_OK; i++) {
        const struct rc_definition *def = &disk->defs[disk->ndefs + i]->def;
        status =
            stage_note(disk, &audits, def, def->version == 1 ? RC_DEED_ADD : RC_DEED_CHANGE, by, now, err);
    }
    if (status != RC_OK) {
        drop_appended(disk, nadded);
        mem_audit_take_back(&audits);
        return status;
    }
    mem_audit_publish(disk, &audits);
    for (uint32_t i = 0; i < nremoved; i++) {
        struct rc_definition *def = active(disk, &removed[i]);
        if (def) def->active = false;
    }
    for (uint32_t i = 0; i < nadded; i++) {
        struct rc_definition *kept = &disk->defs[disk->ndefs]->def, *before = active(disk, kept);
        if (before) before->active = false;
        kept->active = true;
        added[i].id = kept->id;
        added[i].version = kept->version;
        added[i].active = true;
        added[i].at = now;
        disk->ndefs++;
    }
    return RC_OK;
}

enum rc_status mem_define(struct rc_store *base, struct rc_definition *added, uint32_t nadded,
                          const struct rc_definition *removed, uint32_t nremoved, const struct rc_author *by,
                          rc_us now, struct rc_error *err)
{
    struct mem_store *store = mem_store_of(base);
    enum rc_status failure;
    if (!mem_begin(store, false, &failure, err)) return failure;
    enum rc_status status =
        define(store->disk, added, nadded, removed, nremoved, by, now, failure == RC_OK ? err : NULL);
    mem_end(store);
    return failure != RC_OK ? failure : status;
}
