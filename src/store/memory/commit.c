/* Writing to the memory store. Everything that can fail (checks, memory) comes first and can be taken back; what then
 * changes the disk cannot fail: so a batch is there or not, as on a real disk. */
#include "store/memory/disk.h"

#include "base/random.h"

#include <assert.h>
#include <stdlib.h>

struct staging {
    struct rc_memory_disk *disk;
    const struct rc_batch *batch;
    struct rc_arena *arena;        /* for texts on their way */
    struct mem_command **commands; /* beside batch->touched */
    struct mem_record **records;   /* beside batch->records */
    struct mem_work *work;         /* nodes to put in, chained by `left` */
    struct mem_audits audits;
    struct mem_signals signals;
    uint32_t ncommands, nrecords; /* how far it came */
};

static enum rc_status contradicts(uint64_t seq, const char *how, struct rc_error *err)
{
    return rc_fail(err, RC_BUG, "command %llu: the batch contradicts the store: %s", (unsigned long long)seq,
                   how);
}

static enum rc_status nomem(struct rc_error *err)
{
    return rc_fail(err, RC_NOMEM, "out of memory");
}

struct rc_sv mem_put_text(char **at, struct rc_sv text)
{
    struct rc_sv copy = {*at, text.n};
    if (text.n) memcpy(*at, text.p, text.n);
    *at += text.n;
    return copy;
}

/* ---- commands ----------------------------------------------------------------------------------------------------- */

static struct mem_command *new_command(const struct rc_identity *id, struct rc_sv refs)
{
    size_t n = (size_t)id->ns.n + id->type.n + id->key.n + id->subject.n + id->actor.n + refs.n;
    struct mem_command *command = calloc(1, sizeof *command + n);
    if (!command) return NULL;
    char *at = command->text;
    command->seq = id->seq;
    command->nonce = id->nonce;
    command->flow = id->flow;
    command->created = id->created;
    command->payload_hash = id->payload_hash;
    command->generation = id->generation;
    command->original = id->original;
    command->ns = mem_put_text(&at, id->ns);
    command->type = mem_put_text(&at, id->type);
    command->key = mem_put_text(&at, id->key);
    command->subject = mem_put_text(&at, id->subject);
    command->actor = mem_put_text(&at, id->actor);
    command->refs = mem_put_text(&at, refs);
    command->key_hash = mem_key_hash(id->ns, id->type, id->key);
    return command;
}

/* Puts a new command into both maps; unregister is the way back, last one first. */
static enum rc_status register_command(struct rc_memory_disk *disk, struct mem_command *command)
{
    struct mem_command *head = rc_map_get(&disk->by_key, command->key_hash);
    if (rc_map_put(&disk->by_seq, command->seq, command) != RC_OK) return RC_NOMEM;
    if (head) { /* behind the head, so that the map itself stays as it is */
        command->same_key = head->same_key;
        head->same_key = command;
    } else if (rc_map_put(&disk->by_key, command->key_hash, command) != RC_OK) {
        rc_map_remove(&disk->by_seq, command->seq);
        return RC_NOMEM;
    }
    return RC_OK;
}

static void unregister_command(struct rc_memory_disk *disk, struct mem_command *command)
{
    struct mem_command *head = rc_map_get(&disk->by_key, command->key_hash);
    if (head == command)
        rc_map_remove(&disk->by_key, command->key_hash);
    else
        head->same_key = command->same_key;
    rc_map_remove(&disk->by_seq, command->seq);
    free(command->records);
    free(command);
}

static enum rc_status stage_created(struct staging *staging, const struct rc_identity *id,
                                    struct mem_command **ret, struct rc_error *err)
{
    if (rc_map_get(&staging->disk->by_seq, id->seq)) return contradicts(id->seq, "it is there already", err);
    if (id->generation <= 1 && /* a later use of the key: the one before is there, surely */
        (mem_find_key(staging->disk, mem_key_hash(id->ns, id->type, id->key), id->ns, id->type, id->key) ||
         mem_find_purged(staging->disk, rc_purged_key(id->ns, id->type, id->key))))
        return contradicts(id->seq, "its key is taken", err);
    rc_arena_reset(staging->arena);
    struct rc_sv refs = {0};
    enum rc_status status = rc_store_encode_refs(id->refs, staging->arena, &refs, err);
    if (status != RC_OK) return status;
    struct mem_command *command = new_command(id, refs);
    if (!command) return nomem(err);
    if (register_command(staging->disk, command) != RC_OK) {
        free(command);
        return nomem(err);
    }
    *ret = command;
    return RC_OK;
}

static enum rc_status stage_commands(struct staging *staging, struct rc_error *err)
{
    const struct rc_batch *batch = staging->batch;
    for (; staging->ncommands < batch->ntouched; staging->ncommands++) {
        const struct rc_touched *touched = &batch->touched[staging->ncommands];
        const struct rc_identity *id = &touched->command->id;
        struct mem_command *command = touched->created ? NULL : rc_map_get(&staging->disk->by_seq, id->seq);
        if (!touched->created && !command) return contradicts(id->seq, "it is not there", err);
        enum rc_status status = touched->created ? stage_created(staging, id, &command, err) : RC_OK;
        if (status != RC_OK) return status;
        if (command->touched) return contradicts(id->seq, "it is touched twice", err);
        command->touched = true;
        staging->commands[staging->ncommands] = command;
    }
    return RC_OK;
}

/* ---- records ------------------------------------------------------------------------------------------------------ */

static enum rc_status grow_records(struct mem_command *command, struct rc_error *err)
{
    if (command->rev + command->staged < command->cap) return RC_OK;
    uint32_t cap = command->cap ? command->cap * 2 : 4;
    struct mem_record **records = realloc(command->records, cap * sizeof(struct mem_record *));
    if (!records) return nomem(err);
    command->records = records;
    command->cap = cap;
    return RC_OK;
}

static struct mem_record *new_record(const struct rc_stored *stored, uint64_t change)
{
    struct mem_record *record = malloc(sizeof *record + stored->body.n + stored->changes.n);
    if (!record) return NULL;
    char *at = record->text;
    record->stored = *stored;
    record->stored.change = change;
    record->stored.body = mem_put_text(&at, stored->body);
    record->stored.changes = mem_put_text(&at, stored->changes);
    return record;
}

static enum rc_status stage_records(struct staging *staging, struct rc_error *err)
{
    const struct rc_batch *batch = staging->batch;
    for (; staging->nrecords < batch->nrecords; staging->nrecords++) {
        const struct rc_record *record = &batch->records[staging->nrecords];
        struct mem_command *command = rc_map_get(&staging->disk->by_seq, record->seq);
        if (!command || !command->touched)
            return contradicts(record->seq, "a record of a command that is not touched", err);
        if (record->rev != command->rev + command->staged + 1)
            return contradicts(record->seq, "its revs have a gap", err);
        rc_arena_reset(staging->arena);
        struct rc_stored stored = {0};
        enum rc_status status = rc_store_encode(record, staging->arena, &stored, err);
        if (status == RC_OK) status = grow_records(command, err);
        if (status != RC_OK) return status;
        struct mem_record *kept = new_record(&stored, staging->disk->high.change + staging->nrecords + 1);
        if (!kept) return nomem(err);
        staging->records[staging->nrecords] = kept;
        command->records[command->rev + command->staged++] = kept;
        if (record->cause->kind != RC_MSG_ACTION || batch->imported) continue;
        const struct rc_audit entry = rc_audit_of_action(record, kept->stored.body);
        status = mem_audit_stage(staging->disk, &staging->audits, &entry, record->at, err);
        if (status != RC_OK) {
            staging->nrecords++; /* the record is there to be taken back */
            return status;
        }
    }
    for (uint32_t i = 0; i < batch->ntouched; i++) {
        const struct mem_command *command = staging->commands[i];
        if (command->rev + command->staged != batch->touched[i].command->rev)
            return contradicts(command->seq, "its rev is not that of its last record", err);
    }
    return RC_OK;
}

/* ---- work --------------------------------------------------------------------------------------------------------- */

static bool waits(const struct rc_memory_disk *disk, const struct rc_work *row)
{
    const struct mem_work *found = mem_work_next(disk->work, row, true);
    return found && rc_work_cmp(&found->row, row) == 0;
}

static bool moves(const struct rc_work_move *move)
{
    return !(rc_work_phase(move->before.phase) && rc_work_phase(move->after.phase) &&
             rc_work_cmp(&move->before, &move->after) == 0);
}

static enum rc_status stage_work(struct staging *staging, struct rc_error *err)
{
    const struct rc_batch *batch = staging->batch;
    for (uint32_t i = 0; i < batch->ntouched; i++) {
        for (uint32_t j = 0; j < batch->touched[i].nmoves; j++) {
            const struct rc_work_move *move = &batch->touched[i].moves[j];
            if (!moves(move)) continue;
            if (rc_work_phase(move->before.phase) && !waits(staging->disk, &move->before))
                return contradicts(move->before.seq, "a step does not wait where the batch says", err);
            if (!rc_work_phase(move->after.phase)) continue;
            if (waits(staging->disk, &move->after))
                return contradicts(move->after.seq, "a step waits twice", err);
            struct mem_work *work = malloc(sizeof *work);
            if (!work) return nomem(err);
            *work = (struct mem_work){
                .row = move->after, .priority = rc_mix(&staging->disk->seed), .left = staging->work};
            staging->work = work;
        }
    }
    return RC_OK;
}

static void publish_work(struct staging *staging)
{
    const struct rc_batch *batch = staging->batch;
    for (uint32_t i = 0; i < batch->ntouched; i++)
        for (uint32_t j = 0; j < batch->touched[i].nmoves; j++) {
            const struct rc_work_move *move = &batch->touched[i].moves[j];
            if (moves(move) && rc_work_phase(move->before.phase))
                free(mem_work_take(&staging->disk->work, &move->before));
        }
    for (struct mem_work *work = staging->work, *next; work; work = next) {
        next = work->left;
        mem_work_put(&staging->disk->work, work);
    }
}

/* ---- the batch ---------------------------------------------------------------------------------------------------- */

static enum rc_status grow_commands(struct rc_memory_disk *disk, uint32_t more, struct rc_error *err)
{
    if (disk->cap - disk->ncommands >= more) return RC_OK;
    uint32_t cap = disk->cap * 2 > disk->ncommands + more ? disk->cap * 2 : disk->ncommands + more + 64;
    struct mem_command **commands = realloc(disk->commands, cap * sizeof(struct mem_command *));
    if (!commands) return nomem(err);
    disk->commands = commands;
    disk->cap = cap;
    return RC_OK;
}

static enum rc_status stage(struct staging *staging, struct rc_error *err)
{
    const struct rc_batch *batch = staging->batch;
    staging->commands = calloc(batch->ntouched + 1, sizeof(struct mem_command *));
    staging->records = calloc(batch->nrecords + 1, sizeof(struct mem_record *));
    staging->arena = rc_arena_new(1 << 16, 16 << 20);
    if (!staging->commands || !staging->records || !staging->arena) return nomem(err);
    enum rc_status status = stage_commands(staging, err);
    if (status == RC_OK) status = stage_records(staging, err);
    if (status == RC_OK) status = stage_work(staging, err);
    if (status == RC_OK) status = grow_commands(staging->disk, batch->ntouched, err);
    if (status == RC_OK)
        status = mem_signals_stage(staging->disk, &batch->signals, &staging->signals, staging->arena, err);
    if (status == RC_OK && batch->hold) status = mem_check_hold(staging->disk, batch->hold, err);
    return status == RC_OK ? mem_schedules_stage(staging->disk, batch, &staging->audits, err) : status;
}

static void take_back(struct staging *staging)
{
    mem_audit_take_back(&staging->audits);
    mem_signals_free(&staging->signals);
    for (uint32_t i = 0; i < staging->nrecords; i++) free(staging->records[i]);
    for (uint32_t i = staging->ncommands; i > 0; i--) {
        staging->commands[i - 1]->staged = 0;
        staging->commands[i - 1]->touched = false;
        if (staging->batch->touched[i - 1].created)
            unregister_command(staging->disk, staging->commands[i - 1]);
    }
    for (struct mem_work *work = staging->work, *next; work; work = next) {
        next = work->left;
        free(work);
    }
}

static void insert_command(struct rc_memory_disk *disk, struct mem_command *command)
{
    uint32_t at = disk->ncommands++;
    for (; at > 0 && disk->commands[at - 1]->seq > command->seq; at--)
        disk->commands[at] = disk->commands[at - 1];
    disk->commands[at] = command;
    if (command->seq > disk->high.seq) disk->high.seq = command->seq;
}

static void set_text(char *to, size_t size, struct rc_sv text)
{
    assert(text.n < size);
    if (text.n) memcpy(to, text.p, text.n);
    to[text.n] = 0;
}

static void publish_standing(struct mem_command *command, const struct rc_touched *touched)
{
    const struct rc_standing *standing = &touched->standing;
    command->why = standing->why;
    command->next = standing->next;
    command->next_at = standing->next_at;
    command->due = touched->command->due;
    set_text(command->dependency, sizeof command->dependency, standing->dependency);
    set_text(command->owner, sizeof command->owner, touched->command->owner);
}

static void keep_version(struct rc_memory_disk *disk, uint64_t flow)
{
    if (flow && flow <= disk->ndefs) disk->defs[flow - 1]->past = true;
}

/* The versions that a command has moved away from, and those of the flows that it may start. */
static void keep_versions(struct rc_memory_disk *disk, const struct rc_command *command)
{
    for (const struct rc_past *past = command->past; past; past = past->before)
        keep_version(disk, past->flow->id);
    for (uint32_t i = 0; i < command->pins.n; i++) keep_version(disk, command->pins.flow[i]);
}

static void publish(struct staging *staging)
{
    struct rc_memory_disk *disk = staging->disk;
    const struct rc_batch *batch = staging->batch;
    for (uint32_t i = 0; i < batch->ntouched; i++) {
        const struct rc_touched *touched = &batch->touched[i];
        struct mem_command *command = staging->commands[i];
        command->rev = touched->command->rev;
        command->staged = 0;
        command->touched = false;
        command->state = touched->command->state;
        command->flow = touched->command->id.flow;
        keep_versions(disk, touched->command);
        command->changed = touched->command->changed;
        command->in_flight = touched->in_flight;
        publish_standing(command, touched);
        if (touched->created) insert_command(disk, command);
    }
    publish_work(staging);
    mem_schedules_publish(disk, batch);
    mem_audit_publish(disk, &staging->audits);
    mem_signals_publish(disk, &staging->signals, batch->signals.since);
    if (batch->hold) *mem_find_hold(disk, batch->hold->id) = *batch->hold;
    disk->high.change += batch->nrecords;
    if (batch->high_water > disk->high.high_water) disk->high.high_water = batch->high_water;
    disk->high.untold = batch->untold;
}

enum rc_status mem_commit(struct rc_store *base, const struct rc_batch *batch, struct rc_error *err)
{
    struct mem_store *store = mem_store_of(base);
    enum rc_status failure;
    if (!mem_begin(store, batch->essential, &failure, err)) return failure;
    struct staging staging = {.disk = store->disk, .batch = batch};
    enum rc_status status = stage(&staging, failure == RC_OK ? err : NULL);
    if (status == RC_OK)
        publish(&staging);
    else
        take_back(&staging);
    mem_end(store);
    free(staging.commands);
    free(staging.records);
    rc_arena_free(staging.arena);
    return failure != RC_OK ? failure : status;
}
