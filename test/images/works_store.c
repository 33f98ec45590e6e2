/* What happens to a store that serves. Every call that is to become durable is a step; some are refused, and must leave nothing. */
#include "works.h"

#include "store/sqlite/db.h"

#include <stdlib.h>
#include <string.h>

enum {
    MANY = 2048,
    GROUPS = 40,
    FOLD_EVERY = 4,
    FRESH = 6,
    LIVES = 5,
    PEOPLE = 3,
    GROWTH = 6,
    READERS = 8,
    SPILLS = 5,
    LARGE = 40,
    REFUSED = 120 /* commands: many more pages than the next transaction writes */
};

struct crowd { /* the commands of a work */
    struct made *made[MANY];
    uint32_t n;
};

static void submit(struct stage *stage, struct crowd *crowd, struct made_batch *batch, bool in_flight,
                   bool waits)
{
    char key[32];
    snprintf(key, sizeof key, "key %u", crowd->n + 1);
    if (crowd->n == MANY) die(stage->work->name, "has too many commands");
    struct made *made = made_new(stage->arena, crowd->n + 1, key, stage->now);
    const struct rc_work work = {
        .phase = RC_PHASE_READY, .gate = 7, .order = stage->now, .seq = made->command.id.seq};
    crowd->made[crowd->n++] = made;
    made_submit(batch, made, RC_RUNNING, in_flight, waits ? &work : NULL);
}

/* Some new commands, and something that happens to some that are there. */
static void fill(struct stage *stage, struct crowd *crowd, struct made_batch *batch, uint32_t fresh)
{
    uint32_t old = crowd->n;
    for (uint32_t i = 0; i < fresh; i++) submit(stage, crowd, batch, i % 2 == 0, i % 3 == 0);
    for (uint32_t i = 0; i < old; i++) {
        if (stage_dice(stage, 8) || crowd->made[i]->command.state == RC_COMPLETED) continue;
        bool action = stage_dice(stage, 3) == 0, ends = stage_dice(stage, 2);
        (action ? made_action : made_result)(batch, crowd->made[i], ends ? RC_COMPLETED : RC_RUNNING, !ends,
                                             NULL);
    }
}

static void commit(struct stage *stage, struct crowd *crowd, uint32_t fresh)
{
    struct made_batch batch = made_begin(stage->arena, stage->now += 1000);
    fill(stage, crowd, &batch, fresh);
    stage_begin(stage);
    sure(stage, rc_store_commit(stage->store, &batch.batch, &err));
    stage_end(stage);
}

/* A batch whose first command is fine and whose second has a key that is taken. */
static void commit_refused(struct stage *stage, const struct crowd *crowd)
{
    struct rc_error err = {0};
    struct made_batch batch = made_begin(stage->arena, stage->now += 1000);
    struct made *fine = made_new(stage->arena, crowd->n + 1, "never", stage->now);
    struct made *taken = made_new(stage->arena, 1, "taken", stage->now);
    made_submit(&batch, fine, RC_RUNNING, false, NULL);
    made_submit(&batch, taken, RC_RUNNING, false, NULL);
    if (rc_store_commit(stage->store, &batch.batch, &err) != RC_BUG)
        die("a batch that contradicts", "was taken");
}

static void define(struct stage *stage, const char *name, const char *text)
{
    struct rc_definition def = {.kind = RC_DEF_FLOW,
                                .name = rc_sv_of(name),
                                .text = rc_sv_of(text),
                                .source = RC_SV("a.yaml"),
                                .digest = {1, stage->now}};
    const struct rc_author by = {RC_SV("user:bo"), RC_SV("bo"), RC_SV("as we agreed")};
    stage_begin(stage);
    sure(stage, rc_store_define(stage->store, &def, 1, NULL, 0, &by, stage->now += 1000, &err));
    stage_end(stage);
}

/* ---- groups: batches on a store that has served for a while ---------------------------------------------------------------- */

static struct crowd *crowd_of(struct stage *stage)
{
    if (!stage->crowd) stage->crowd = must(RC_NEW(stage->arena, struct crowd));
    return stage->crowd;
}

void groups_prepare(struct stage *stage)
{
    stage_open(stage);
    define(stage, "github.create_pr", "flow");
    for (int i = 0; i < 3; i++) commit(stage, crowd_of(stage), FRESH);
    stage_close(stage);
    stage->step[0] = (struct step){0};
    stage->nsteps = stage->record.n = 0;
}

static void fold(struct stage *stage)
{
    sure(stage, sq_fold(sq_store_of(stage->store), &err));
}

void groups_run(struct stage *stage)
{
    struct crowd *crowd = crowd_of(stage);
    stage_open(stage);
    for (uint32_t i = 1; i <= GROUPS; i++) {
        commit(stage, crowd, 1 + stage_dice(stage, FRESH));
        if (i % FOLD_EVERY == 0) fold(stage);
        if (i % 7 == 0) commit_refused(stage, crowd);
    }
    stage_close(stage);
}

/* ---- readers: one looks at an old state while the log is folded, which then ends where the reader is -------------------------- */

void readers_run(struct stage *stage)
{
    struct crowd *crowd = crowd_of(stage);
    stage_open(stage);
    for (uint32_t i = 0; i < READERS; i++) {
        sqlite3 *reader = NULL;
        commit(stage, crowd, FRESH);
        if (sqlite3_open_v2(stage->path, &reader, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
            sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM command", NULL, NULL, NULL) != SQLITE_OK)
            die(stage->path, "cannot be read");
        commit(stage, crowd, FRESH);
        fold(stage);
        commit(stage, crowd, 1);
        sqlite3_close(reader);
        commit(stage, crowd, 1);
        if (i % 2) fold(stage);
    }
    stage_close(stage);
}

/* Everything that runs ends. */
static void end_all(struct stage *stage, struct crowd *crowd)
{
    struct made_batch batch = made_begin(stage->arena, stage->now += 1000);
    for (uint32_t i = 0; i < crowd->n; i++)
        if (crowd->made[i]->command.state != RC_COMPLETED)
            made_result(&batch, crowd->made[i], RC_COMPLETED, false, NULL);
    stage_begin(stage);
    sure(stage, rc_store_commit(stage->store, &batch.batch, &err));
    stage_end(stage);
}

/* ---- spills: transactions that do not fit into SQLite's cache, so that their pages are in the log before they are committed, some of
 * them more than once; or before they are taken back, and the next transaction is smaller ------------------------------------------- */

static void commit_refused_late(struct stage *stage, const struct crowd *crowd)
{
    struct made_batch batch = made_begin(stage->arena, stage->now += 1000);
    char key[32];
    for (uint32_t i = 1; i <= REFUSED; i++) {
        snprintf(key, sizeof key, "never %u", i);
        made_submit(&batch, made_new(stage->arena, crowd->n + i, key, stage->now), RC_RUNNING, false, NULL);
    }
    made_submit(&batch, made_new(stage->arena, 1, "taken", stage->now), RC_RUNNING, false, NULL);
    struct rc_error err = {0};
    if (rc_store_commit(stage->store, &batch.batch, &err) != RC_BUG)
        die("a large batch that contradicts", "was taken");
}

void spills_run(struct stage *stage)
{
    struct crowd *crowd = crowd_of(stage);
    stage_open(stage);
    sure(stage,
         sq_exec(&sq_store_of(stage->store)->self.conn, "PRAGMA cache_size=4; PRAGMA cache_spill=4", &err));
    for (uint32_t i = 0; i < SPILLS; i++) {
        commit(stage, crowd, LARGE);
        if (i % 2) commit_refused(stage, crowd);
        end_all(stage, crowd);
        if (i % 3 == 2) fold(stage); /* so that the log begins anew with what is taken back */
        if (i == 1 || i == 2) commit_refused_late(stage, crowd);
        commit(stage, crowd, 1);
    }
    stage_close(stage);
}

/* ---- life: a first start, and further ones ---------------------------------------------------------------------------------- */

void life_run(struct stage *stage)
{
    struct crowd *crowd = crowd_of(stage);
    for (uint32_t life = 0; life < LIVES; life++) {
        if (!life) stage_begin(stage);
        stage_open(stage);
        if (!life) {
            stage_end(stage);
            define(stage, "github.create_pr", "flow");
        }
        for (uint32_t i = 0; i < 4; i++) {
            commit(stage, crowd, 2);
            if (life == 2 && i == 2) fold(stage);
        }
        stage_close(stage);
    }
}

/* ---- people: definitions, namespaces, tokens, bulks ------------------------------------------------------------------------- */

static void access_step(struct stage *stage, struct rc_access_change change)
{
    const struct rc_author by = {RC_SV("user:olga"), RC_SV("olga"), RC_SV("new team")};
    change.by = &by;
    stage_begin(stage);
    sure(stage, rc_store_access(stage->store, &change, stage->now += 1000, &err));
    stage_end(stage);
}

static void tokens(struct stage *stage, uint32_t round)
{
    const uint64_t id = 100 + round;
    const struct rc_token_use use = {id, stage->now};
    const struct rc_namespace space = {.name = round % 2 ? RC_SV("shop") : RC_SV("post"), .max_open = round};
    struct rc_token token = {
        .id = id, .subject = RC_SV("billing"), .author = RC_SV("olga"), .role = RC_ROLE_OPERATOR};
    memset(token.digest, (int)round + 1, sizeof token.digest);
    access_step(stage,
                (struct rc_access_change){
                    .kind = round < 2 ? RC_ACCESS_NAMESPACE_ADD : RC_ACCESS_NAMESPACE_SET, .ns = space});
    access_step(stage, (struct rc_access_change){.kind = RC_ACCESS_TOKEN_ADD, .token = token});
    stage_begin(stage);
    sure(stage, rc_store_tokens_used(stage->store, &use, 1, &err));
    stage_end(stage);
    access_step(stage, (struct rc_access_change){.kind = RC_ACCESS_TOKEN_REVOKE, .token = {.id = id}});
}

static void bulk(struct stage *stage, struct crowd *crowd, uint32_t round)
{
    enum { ITEMS = 12 };
    struct rc_bulk_item items[ITEMS];
    struct rc_bulk_event event = {.rev = 1, .at = stage->now, .actor = RC_SV("olga"), .reason = RC_SV("why")};
    char key[24];
    uint64_t id = 0;
    snprintf(key, sizeof key, "bulk %u", round);
    struct rc_bulk bulk = {.nonce = 77 + round,
                           .rev = 1,
                           .state = RC_BULK_PREVIEW,
                           .ns = RC_SV("default"),
                           .key = rc_sv_of(key),
                           .act = {.action = RC_ACTION_RETRY,
                                   .subject = RC_SV("token"),
                                   .actor = RC_SV("olga"),
                                   .reason = RC_SV("the other side is up")},
                           .from = RC_SV("{\"type\":\"x\"}"),
                           .limit = 500,
                           .created = stage->now,
                           .changed = stage->now,
                           .expires = stage->now + RC_SECONDS(60),
                           .total = ITEMS,
                           .allowed = ITEMS,
                           .rate = 5,
                           .stop_percent = 20};
    bulk.count[RC_ITEM_OPEN] = ITEMS;
    for (uint32_t i = 0; i < ITEMS; i++)
        items[i] = (struct rc_bulk_item){.n = i + 1,
                                         .seq = crowd->made[i]->command.id.seq,
                                         .nonce = crowd->made[i]->command.id.nonce,
                                         .rev = 1,
                                         .state = RC_RUNNING,
                                         .allowed = true};
    stage_begin(stage);
    sure(stage,
         rc_store_bulk(stage->store,
                       &(struct rc_bulk_write){
                           .bulk = &bulk, .made = true, .items = items, .nitems = ITEMS, .event = &event},
                       &id, &err));
    stage_end(stage);
    bulk.id = id;
    for (uint32_t wave = 0; wave < 3; wave++) { /* results of four items each */
        event.rev = bulk.rev = wave + 2;
        event.state = bulk.state = wave < 2 ? RC_BULK_RUNNING : RC_BULK_DONE;
        bulk.next = 4 * (wave + 1);
        for (uint32_t i = 4 * wave; i < bulk.next; i++) items[i].result = RC_ITEM_DONE;
        bulk.count[RC_ITEM_OPEN] -= 4;
        bulk.count[RC_ITEM_DONE] += 4;
        stage_begin(stage);
        sure(stage, rc_store_bulk(
                        stage->store,
                        &(struct rc_bulk_write){
                            .bulk = &bulk, .items = items + 4 * (size_t)wave, .nitems = 4, .event = &event},
                        NULL, &err));
        stage_end(stage);
    }
}

void people_run(struct stage *stage)
{
    struct crowd *crowd = crowd_of(stage);
    char text[256];
    stage_open(stage);
    for (uint32_t round = 0; round < PEOPLE; round++) {
        snprintf(text, sizeof text, "flow: a%u, as it was written down in its %u. version", round % 2, round);
        define(stage, "github.create_pr", text);
        define(stage, "other", text);
        tokens(stage, round);
        bulk(stage, crowd, round);
        commit(stage, crowd, 2);
        fold(stage);
    }
    stage_close(stage);
}

/* ---- growth: much at once, and much of it taken out again ------------------------------------------------------------------- */

static void purge(struct stage *stage, struct crowd *crowd)
{
    struct rc_purge_one ones[MANY];
    const struct rc_purge_filter filter = {.ref = RC_SV("customer"), .value = RC_SV("1")};
    const struct rc_author by = {RC_SV("user:bo"), RC_SV("bo"), RC_SV("asked to be forgotten")};
    struct rc_purge what = {.commands = ones, .filter = &filter, .by = &by};
    uint32_t n = 0;
    for (uint32_t i = 0; i < crowd->n && what.n < LARGE; i++) {
        if (crowd->made[i]->command.state != RC_COMPLETED) continue;
        ones[what.n++] = (struct rc_purge_one){crowd->made[i]->command.id.seq, crowd->made[i]->command.rev};
    }
    stage_begin(stage);
    sure(stage, rc_store_purge(stage->store, &what, stage->now += 1000, &n, &err));
    stage_end(stage);
}

void growth_run(struct stage *stage)
{
    struct crowd *crowd = crowd_of(stage);
    stage_open(stage);
    for (uint32_t round = 0; round < GROWTH; round++) {
        commit(stage, crowd, LARGE);
        end_all(stage, crowd);
        if (round % 2 == 0) fold(stage);
        purge(stage, crowd);
        if (round % 3 == 1) sure(stage, rc_store_compact(stage->store, &err));
    }
    stage_close(stage);
}
