/* Reading from the memory store. */
#include "store/memory/disk.h"

uint64_t mem_key_hash(struct rc_sv ns, struct rc_sv type, struct rc_sv key)
{
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    rc_sha256_add_sv(&sha, ns);
    rc_sha256_add_sv(&sha, type);
    rc_sha256_add_sv(&sha, key);
    return rc_sha256_h128(&sha).hi;
}

struct mem_command *mem_find_key(const struct rc_memory_disk *disk, uint64_t hash, struct rc_sv ns,
                                 struct rc_sv type, struct rc_sv key)
{
    struct mem_command *newest = NULL;
    for (struct mem_command *command = rc_map_get(&disk->by_key, hash); command; command = command->same_key)
        if (rc_sv_eq(command->key, key) && rc_sv_eq(command->type, type) && rc_sv_eq(command->ns, ns) &&
            (!newest || command->seq > newest->seq))
            newest = command;
    return newest;
}

enum rc_status mem_read_key(struct rc_reader *reader, struct rc_sv ns, struct rc_sv type, struct rc_sv key,
                            struct rc_key_match *ret, struct rc_error *err)
{
    struct rc_memory_disk *disk = mem_disk_of(reader);
    uint64_t hash = mem_key_hash(ns, type, key);
    pthread_mutex_lock(&disk->lock);
    const struct mem_command *command = mem_find_key(disk, hash, ns, type, key);
    const struct rc_purged *purged = mem_find_purged(disk, rc_purged_key(ns, type, key));
    if (purged && command && purged->seq < command->seq) purged = NULL;
    if (purged)
        *ret = (struct rc_key_match){.seq = purged->seq, .nonce = purged->nonce, .purged = true};
    else if (command)
        *ret = (struct rc_key_match){
            .seq = command->seq, .nonce = command->nonce, .payload_hash = command->payload_hash};
    pthread_mutex_unlock(&disk->lock);
    return command || purged ? RC_OK : rc_fail(err, RC_NOT_FOUND, "no command has this key");
}

/* ---- histories ---------------------------------------------------------------------------------------------------- */

static enum rc_status identity_of(const struct mem_command *command, struct rc_arena *arena,
                                  struct rc_identity *id, struct rc_error *err)
{
    *id = (struct rc_identity){.seq = command->seq,
                               .nonce = command->nonce,
                               .flow = command->flow,
                               .created = command->created,
                               .payload_hash = command->payload_hash,
                               .generation = command->generation,
                               .original = command->original,
                               .ns = rc_copy_sv(arena, command->ns),
                               .type = rc_copy_sv(arena, command->type),
                               .key = rc_copy_sv(arena, command->key),
                               .subject = rc_copy_sv(arena, command->subject),
                               .actor = rc_copy_sv(arena, command->actor)};
    if (!id->ns.p || !id->type.p || !id->key.p || !id->subject.p || !id->actor.p)
        return rc_fail_arena(err, arena);
    return rc_store_decode_refs(command->refs, arena, &id->refs, err);
}

static enum rc_status gone(const struct rc_memory_disk *disk, uint64_t seq, struct rc_error *err)
{
    if (mem_purged_at(disk, seq))
        return rc_fail(err, RC_PURGED, "the command %llu was purged", (unsigned long long)seq);
    return rc_fail(err, RC_NOT_FOUND, "there is no command %llu", (unsigned long long)seq);
}

static enum rc_status history_of(const struct mem_command *command, uint32_t after_rev, uint32_t cap,
                                 struct rc_arena *arena, struct rc_identity *id, struct rc_record **ret,
                                 uint32_t *ret_n, struct rc_error *err)
{
    enum rc_status status = identity_of(command, arena, id, err);
    uint32_t n = command->rev > after_rev ? command->rev - after_rev : 0;
    if (n > cap) n = cap;
    struct rc_record first, *records = RC_NEW_ARRAY(arena, struct rc_record, n);
    if (status == RC_OK && !records) status = rc_fail_arena(err, arena);
    if (status == RC_OK) status = rc_store_decode(&command->records[0]->stored, id, arena, &first, err);
    for (uint32_t i = 0; i < n && status == RC_OK; i++)
        status = rc_store_decode(&command->records[after_rev + i]->stored, id, arena, &records[i], err);
    *ret = records;
    *ret_n = n;
    return status;
}

enum rc_status mem_read_history(struct rc_reader *reader, uint64_t seq, uint32_t after_rev, uint32_t cap,
                                struct rc_arena *arena, struct rc_identity *ret_identity,
                                struct rc_record **ret_records, uint32_t *ret_n, struct rc_error *err)
{
    struct rc_memory_disk *disk = mem_disk_of(reader);
    struct rc_identity *id = RC_NEW(arena, struct rc_identity);
    if (!id) return rc_fail_arena(err, arena);
    struct rc_record *records = NULL;
    uint32_t n = 0;
    pthread_mutex_lock(&disk->lock);
    const struct mem_command *command = rc_map_get(&disk->by_seq, seq);
    enum rc_status status =
        command ? history_of(command, after_rev, cap, arena, id, &records, &n, err) : gone(disk, seq, err);
    pthread_mutex_unlock(&disk->lock);
    if (status != RC_OK) return status;
    *ret_identity = *id;
    *ret_records = records;
    *ret_n = n;
    return RC_OK;
}

/* ---- work --------------------------------------------------------------------------------------------------------- */

enum rc_status mem_read_work(struct rc_reader *reader, uint8_t phase, uint64_t gate,
                             const struct rc_work *after, rc_us up_to, struct rc_work *ret_rows, uint32_t cap,
                             uint32_t *ret_n, struct rc_error *err)
{
    (void)err;
    struct rc_memory_disk *disk = mem_disk_of(reader);
    struct rc_work at = {.phase = phase, .gate = gate};
    if (after) at = (struct rc_work){phase, gate, after->order, after->seq, after->node};
    if (phase != RC_PHASE_DELAYED) up_to = INT64_MAX;
    uint32_t n = 0;
    pthread_mutex_lock(&disk->lock);
    while (n < cap) {
        const struct mem_work *next = mem_work_next(disk->work, &at, false);
        if (!next || next->row.phase != phase || next->row.gate != gate || next->row.order > up_to) break;
        ret_rows[n++] = at = next->row;
    }
    pthread_mutex_unlock(&disk->lock);
    *ret_n = n;
    return RC_OK;
}

enum rc_status mem_read_work_count(struct rc_reader *reader, uint8_t phase, uint64_t *ret,
                                   struct rc_error *err)
{
    (void)err;
    struct rc_memory_disk *disk = mem_disk_of(reader);
    const struct rc_work from = {.phase = phase};
    uint64_t n = 0;
    pthread_mutex_lock(&disk->lock);
    const struct mem_work *next = mem_work_next(disk->work, &from, true);
    for (; next && next->row.phase == phase; next = mem_work_next(disk->work, &next->row, false)) n++;
    pthread_mutex_unlock(&disk->lock);
    *ret = n;
    return RC_OK;
}

enum rc_status mem_read_gates(struct rc_reader *reader, uint8_t phase, uint64_t after, uint64_t *ret_gates,
                              uint32_t cap, uint32_t *ret_n, struct rc_error *err)
{
    (void)err;
    struct rc_memory_disk *disk = mem_disk_of(reader);
    uint32_t n = 0;
    pthread_mutex_lock(&disk->lock);
    while (n < cap) {
        struct rc_work at = {.phase = phase, .gate = after + 1};
        const struct mem_work *next = mem_work_next(disk->work, &at, true);
        if (!next || next->row.phase != phase) break;
        ret_gates[n++] = after = next->row.gate;
    }
    pthread_mutex_unlock(&disk->lock);
    *ret_n = n;
    return RC_OK;
}

enum rc_status mem_read_in_flight(struct rc_reader *reader, uint64_t after, uint64_t *ret_seqs, uint32_t cap,
                                  uint32_t *ret_n, struct rc_error *err)
{
    (void)err;
    struct rc_memory_disk *disk = mem_disk_of(reader);
    uint32_t n = 0;
    pthread_mutex_lock(&disk->lock);
    for (uint32_t i = 0; i < disk->ncommands && n < cap; i++)
        if (disk->commands[i]->in_flight && disk->commands[i]->seq > after)
            ret_seqs[n++] = disk->commands[i]->seq;
    pthread_mutex_unlock(&disk->lock);
    *ret_n = n;
    return RC_OK;
}

/* ---- lists -------------------------------------------------------------------------------------------------------- */

static enum rc_status fits(const struct mem_command *command, const struct rc_filter *filter,
                           struct rc_arena *arena, bool *ret, struct rc_error *err)
{
    *ret = (!filter->states || filter->states >> command->state & 1) &&
           (!filter->ns.n || rc_sv_eq(filter->ns, command->ns)) &&
           (!filter->type.n || rc_sv_eq(filter->type, command->type)) &&
           (!filter->actor.n || rc_sv_eq(filter->actor, command->actor)) &&
           (!filter->owner.n || rc_sv_is(filter->owner, command->owner)) &&
           (!filter->dependency.n || rc_sv_is(filter->dependency, command->dependency)) &&
           (!filter->whys || filter->whys >> command->why & 1) && command->created >= filter->since &&
           (!filter->until || command->created < filter->until);
    if (!*ret || !filter->ref.n) return RC_OK;
    struct cel_value refs = cel_null();
    enum rc_status status = rc_store_decode_refs(command->refs, arena, &refs, err);
    *ret = status == RC_OK && rc_store_has_ref(refs, filter->ref, filter->value);
    return status;
}

static enum rc_status row_of(const struct mem_command *command, struct rc_arena *arena, struct rc_row *row,
                             struct rc_error *err)
{
    *row = (struct rc_row){.seq = command->seq,
                           .nonce = command->nonce,
                           .flow = command->flow,
                           .state = command->state,
                           .in_flight = command->in_flight,
                           .rev = command->rev,
                           .created = command->created,
                           .changed = command->changed,
                           .ns = rc_copy_sv(arena, command->ns),
                           .type = rc_copy_sv(arena, command->type),
                           .key = rc_copy_sv(arena, command->key),
                           .actor = rc_copy_sv(arena, command->actor),
                           .why = command->why,
                           .next = command->next,
                           .next_at = command->next_at,
                           .dependency = rc_copy_sv(arena, rc_sv_of(command->dependency)),
                           .owner = rc_copy_sv(arena, rc_sv_of(command->owner)),
                           .due = command->due};
    bool whole = row->ns.p && row->type.p && row->key.p && row->actor.p && row->dependency.p && row->owner.p;
    return whole ? RC_OK : rc_fail_arena(err, arena);
}

enum rc_status mem_read_list(struct rc_reader *reader, const struct rc_filter *filter, struct rc_arena *arena,
                             uint32_t cap, struct rc_row **ret_rows, uint32_t *ret_n, uint64_t *ret_next,
                             struct rc_error *err)
{
    struct rc_memory_disk *disk = mem_disk_of(reader);
    struct rc_row *rows = RC_NEW_ARRAY(arena, struct rc_row, cap);
    if (!rows) return rc_fail_arena(err, arena);
    enum rc_status status = RC_OK;
    uint32_t n = 0, looks = 0;
    uint64_t next = filter->before;
    pthread_mutex_lock(&disk->lock);
    uint32_t i = disk->ncommands;
    for (; i > 0 && n < cap && looks < RC_MAX_LOOK && status == RC_OK; i--) {
        const struct mem_command *command = disk->commands[i - 1];
        if (command->seq >= filter->before) continue;
        bool fit = false;
        status = fits(command, filter, arena, &fit, err);
        if (status == RC_OK && fit) status = row_of(command, arena, &rows[n++], err);
        next = command->seq;
        looks++;
    }
    pthread_mutex_unlock(&disk->lock);
    if (status != RC_OK) return status;
    *ret_rows = rows;
    *ret_n = n;
    *ret_next = i > 0 ? next : 0;
    return RC_OK;
}

enum rc_status mem_read_row(struct rc_reader *reader, uint64_t seq, struct rc_arena *arena,
                            struct rc_row *ret, struct rc_error *err)
{
    struct rc_memory_disk *disk = mem_disk_of(reader);
    struct rc_row row;
    pthread_mutex_lock(&disk->lock);
    const struct mem_command *command = rc_map_get(&disk->by_seq, seq);
    enum rc_status status =
        command ? row_of(command, arena, &row, err)
                : rc_fail(err, RC_NOT_FOUND, "there is no command %llu", (unsigned long long)seq);
    pthread_mutex_unlock(&disk->lock);
    if (status == RC_OK) *ret = row;
    return status;
}

enum rc_status mem_read_counts(struct rc_reader *reader, uint64_t ret_counts[RC_STATES], struct rc_error *err)
{
    (void)err;
    struct rc_memory_disk *disk = mem_disk_of(reader);
    memset(ret_counts, 0, RC_STATES * sizeof *ret_counts);
    pthread_mutex_lock(&disk->lock);
    for (uint32_t i = 0; i < disk->ncommands; i++) ret_counts[disk->commands[i]->state]++;
    pthread_mutex_unlock(&disk->lock);
    return RC_OK;
}

enum rc_status mem_read_high(struct rc_reader *reader, struct rc_high *ret, struct rc_error *err)
{
    (void)err;
    struct rc_memory_disk *disk = mem_disk_of(reader);
    pthread_mutex_lock(&disk->lock);
    *ret = disk->high;
    pthread_mutex_unlock(&disk->lock);
    return RC_OK;
}

/* ---- definitions -------------------------------------------------------------------------------------------------- */

static bool open_command(const struct mem_command *command)
{
    return !(rc_store_ended_states() >> command->state & 1);
}

uint64_t mem_held(const struct rc_memory_disk *disk, struct rc_sv name)
{
    uint64_t held = 0;
    for (uint32_t i = 0; i < disk->ncommands; i++) {
        const struct mem_command *command = disk->commands[i];
        if (!open_command(command) || command->flow == 0 || command->flow > disk->ndefs) continue;
        const struct rc_definition *def = &disk->defs[command->flow - 1]->def;
        held += def->kind == RC_DEF_FLOW && rc_sv_eq(def->name, name);
    }
    return held;
}

static bool has_commands(const struct rc_memory_disk *disk, uint64_t flow)
{
    for (uint32_t i = 0; i < disk->ncommands; i++)
        if (disk->commands[i]->flow == flow) return true;
    return false;
}

static enum rc_status copy_definition(const struct rc_definition *from, struct rc_arena *arena,
                                      struct rc_definition *ret, struct rc_error *err)
{
    *ret = *from;
    ret->name = rc_copy_sv(arena, from->name);
    ret->text = rc_copy_sv(arena, from->text);
    ret->source = rc_copy_sv(arena, from->source);
    return ret->name.p && ret->text.p && ret->source.p ? RC_OK : rc_fail_arena(err, arena);
}

enum rc_status mem_read_definitions(struct rc_reader *reader, struct rc_arena *arena,
                                    struct rc_definition **ret, uint32_t *ret_n, struct rc_error *err)
{
    struct rc_memory_disk *disk = mem_disk_of(reader);
    enum rc_status status = RC_OK;
    uint32_t n = 0;
    pthread_mutex_lock(&disk->lock);
    struct rc_definition *defs = RC_NEW_ARRAY(arena, struct rc_definition, disk->ndefs);
    if (!defs) status = rc_fail_arena(err, arena);
    for (uint32_t i = 0; i < disk->ndefs && status == RC_OK; i++) {
        const struct rc_definition *def = &disk->defs[i]->def;
        if (def->active || disk->defs[i]->past || has_commands(disk, def->id))
            status = copy_definition(def, arena, &defs[n++], err);
    }
    pthread_mutex_unlock(&disk->lock);
    if (status != RC_OK) return status;
    *ret = defs;
    *ret_n = n;
    return RC_OK;
}

static enum rc_status version_of(const struct rc_memory_disk *disk, const struct rc_definition *def,
                                 struct rc_arena *arena, struct rc_version *ret, struct rc_error *err)
{
    *ret = (struct rc_version){0};
    for (uint32_t i = 0; i < disk->ncommands; i++) {
        if (disk->commands[i]->flow != def->id) continue;
        ret->commands++;
        ret->open += open_command(disk->commands[i]);
    }
    return copy_definition(def, arena, &ret->def, err);
}

enum rc_status mem_read_versions(struct rc_reader *reader, enum rc_def_kind kind, struct rc_sv name,
                                 uint32_t before, struct rc_arena *arena, uint32_t cap,
                                 struct rc_version **ret, uint32_t *ret_n, struct rc_error *err)
{
    struct rc_memory_disk *disk = mem_disk_of(reader);
    struct rc_version *versions = RC_NEW_ARRAY(arena, struct rc_version, cap);
    if (!versions) return rc_fail_arena(err, arena);
    enum rc_status status = RC_OK;
    uint32_t n = 0;
    pthread_mutex_lock(&disk->lock);
    for (uint32_t i = disk->ndefs; i > 0 && n < cap && status == RC_OK; i--) {
        const struct rc_definition *def = &disk->defs[i - 1]->def;
        if (def->kind != kind || def->version >= before || !rc_sv_eq(def->name, name)) continue;
        status = version_of(disk, def, arena, &versions[n++], err);
    }
    pthread_mutex_unlock(&disk->lock);
    if (status != RC_OK) return status;
    *ret = versions;
    *ret_n = n;
    return RC_OK;
}

enum rc_status mem_read_definition(struct rc_reader *reader, uint64_t id, struct rc_arena *arena,
                                   struct rc_definition *ret, struct rc_error *err)
{
    struct rc_memory_disk *disk = mem_disk_of(reader);
    struct rc_definition def;
    pthread_mutex_lock(&disk->lock);
    enum rc_status status =
        id == 0 || id > disk->ndefs
            ? rc_fail(err, RC_NOT_FOUND, "there is no definition %llu", (unsigned long long)id)
            : copy_definition(&disk->defs[id - 1]->def, arena, &def, err);
    pthread_mutex_unlock(&disk->lock);
    if (status == RC_OK) *ret = def;
    return status;
}
