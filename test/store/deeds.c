/* The deeds that write: commits, definitions, access, bulks, purges, holds, an export's rows; and what there is before any of them. */
#include "deeds_inside.h"

#include "base/limits.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MUCH = 2 << 20 };
static const struct rc_author by = {RC_SV("user:bo"), RC_SV("bo"), RC_SV("it must be so")};

static struct rc_sv fresh(struct doing *doing, const char *word)
{
    return rc_text(doing->kit->arena, "%s%llu", word, (unsigned long long)++doing->n);
}

static struct made *submit(struct doing *doing, const char *key, enum rc_state state, bool in_flight,
                           const struct rc_work *work)
{
    struct kit *kit = doing->kit;
    struct made_batch batch = kit_begin(kit);
    struct made *made = kit_new(kit, kit_high(kit).seq + 1, key);
    made_submit(&batch, made, state, in_flight, work);
    kit_commit(kit, &batch, RC_OK);
    return made;
}

/* ---- writing -------------------------------------------------------------------------------------------------------- */

/* What was unknown of the commit before is looked up, as the engine does. */
static void look_up(struct doing *doing)
{
    struct kit_history got;
    struct made *open = doing->open;
    assert_ok(doing->kit, kit_history(doing->kit, rc_store_self(doing->kit->store), open->command.id.seq, 0,
                                      RC_MAX_HISTORY, &got));
    open->command.rev = got.n;
    open->command.state = RC_RUNNING;
    open->in_flight = true;
    struct rc_high high = kit_high(doing->kit);
    doing->next = high.seq + 1;
    doing->audit = high.audit;
}

/* A new command that waits, and something that a person does to another one. */
static enum rc_status commit(struct doing *doing, struct rc_error *err)
{
    struct rc_arena *arena = doing->arena;
    struct made_batch batch = made_begin(arena, doing->kit->now += RC_MS(10));
    const struct rc_work waits = {.phase = RC_PHASE_READY, .gate = GATE, .order = doing->kit->now};
    struct made *made = made_new(arena, doing->next, fresh(doing, "key").p, doing->kit->now);
    made_submit(&batch, made, RC_PENDING, false, &waits);
    made_action(&batch, doing->open, RC_RUNNING, true, NULL);
    return rc_store_commit(doing->kit->store, &batch.batch, err);
}

static enum rc_status define(struct doing *doing, struct rc_error *err)
{
    struct rc_definition added = {.kind = RC_DEF_FLOW,
                                  .name = RC_SV("loop"),
                                  .text = fresh(doing, "text"),
                                  .source = RC_SV("loop.yaml")};
    const struct rc_definition removed = {.kind = RC_DEF_DEPENDENCY, .name = RC_SV("github")};
    return rc_store_define(doing->kit->store, &added, 1, &removed, 1, &by, doing->kit->now, err);
}

static void add_dependency(struct doing *doing)
{
    struct rc_definition def = {.kind = RC_DEF_DEPENDENCY, .name = RC_SV("github"), .text = RC_SV("x")};
    assert_ok(doing->kit,
              rc_store_define(doing->kit->store, &def, 1, NULL, 0, NULL, doing->kit->now, &doing->kit->err));
}

static enum rc_status change(struct doing *doing, struct rc_access_change wanted, struct rc_error *err)
{
    wanted.by = &by;
    return rc_store_access(doing->kit->store, &wanted, doing->kit->now += RC_MS(1), err);
}

static enum rc_status on_namespace(struct doing *doing, enum rc_access_kind kind, struct rc_sv name,
                                   struct rc_error *err)
{
    return change(doing,
                  (struct rc_access_change){.kind = (uint8_t)kind,
                                            .ns = {.name = name, .max_open = ++doing->n, .max_rate = 9}},
                  err);
}

static enum rc_status add_namespace(struct doing *doing, struct rc_error *err)
{
    return on_namespace(doing, RC_ACCESS_NAMESPACE_ADD, fresh(doing, "space"), err);
}

static enum rc_status set_namespace(struct doing *doing, struct rc_error *err)
{
    return on_namespace(doing, RC_ACCESS_NAMESPACE_SET, RC_SV("shop"), err);
}

static void make_namespace(struct doing *doing)
{
    doing->name = fresh(doing, "gone");
    assert_ok(doing->kit, on_namespace(doing, RC_ACCESS_NAMESPACE_ADD, doing->name, &doing->kit->err));
}

static enum rc_status remove_namespace(struct doing *doing, struct rc_error *err)
{
    return on_namespace(doing, RC_ACCESS_NAMESPACE_REMOVE, doing->name, err);
}

static enum rc_status put_token(struct doing *doing, uint64_t id, struct rc_error *err)
{
    return change(doing,
                  (struct rc_access_change){.kind = RC_ACCESS_TOKEN_ADD,
                                            .token = {.id = id,
                                                      .subject = RC_SV("billing"),
                                                      .author = RC_SV("anna"),
                                                      .ns = RC_SV("shop"),
                                                      .role = RC_ROLE_OPERATOR}},
                  err);
}

static enum rc_status add_token(struct doing *doing, struct rc_error *err)
{
    return put_token(doing, 1000 + ++doing->n, err);
}

static void make_token(struct doing *doing)
{
    doing->next = 1000 + ++doing->n;
    assert_ok(doing->kit, put_token(doing, doing->next, &doing->kit->err));
}

static enum rc_status revoke_token(struct doing *doing, struct rc_error *err)
{
    return change(
        doing, (struct rc_access_change){.kind = RC_ACCESS_TOKEN_REVOKE, .token = {.id = doing->next}}, err);
}

static enum rc_status use_tokens(struct doing *doing, struct rc_error *err)
{
    const struct rc_token_use uses[] = {{1, doing->kit->now += RC_SECONDS(100)}, {2, doing->kit->now}};
    return rc_store_tokens_used(doing->kit->store, uses, 2, err);
}

static struct rc_bulk bulk_of(struct doing *doing, uint64_t id)
{
    return (struct rc_bulk){.id = id,
                            .nonce = 77,
                            .rev = 1,
                            .state = RC_BULK_PREVIEW,
                            .ns = RC_SV("default"),
                            .key = fresh(doing, "bulk"),
                            .act = {.action = RC_ACTION_CANCEL, .actor = by.actor, .reason = by.reason},
                            .from = RC_SV("{\"type\":\"x\"}"),
                            .created = 10,
                            .expires = 100,
                            .changed = doing->kit->now,
                            .total = 2,
                            .rate = 5,
                            .count = {[RC_ITEM_OPEN] = 2}};
}

/* Each forgets the previews that were made before. */
static enum rc_status make_bulk(struct doing *doing, struct rc_error *err)
{
    const struct rc_bulk bulk = bulk_of(doing, 0);
    const struct rc_bulk_item items[] = {
        {.n = 1,
         .seq = 1,
         .nonce = 5,
         .rev = 1,
         .state = RC_FAILED,
         .allowed = true,
         .undoes = RC_SV("[\"a\"]")},
        {.n = 2, .seq = 2, .nonce = 6, .rev = 1, .state = RC_REVIEW, .why = RC_SV("it has ended")}};
    const struct rc_bulk_event event = {.rev = 1, .at = 10, .actor = by.actor, .reason = by.reason};
    return rc_store_bulk(
        doing->kit->store,
        &(struct rc_bulk_write){
            .bulk = &bulk, .made = true, .items = items, .nitems = 2, .event = &event, .forget_before = 200},
        &doing->bulk, err);
}

static void prepare_bulk(struct doing *doing)
{
    assert_ok(doing->kit, make_bulk(doing, &doing->kit->err));
}

/* The first wave of a bulk that is run at once. */
static enum rc_status run_bulk(struct doing *doing, struct rc_error *err)
{
    struct rc_bulk bulk = bulk_of(doing, doing->bulk);
    bulk.state = RC_BULK_RUNNING;
    bulk.rev = 2;
    bulk.next = bulk.count[RC_ITEM_DONE] = bulk.count[RC_ITEM_OPEN] = 1;
    const struct rc_bulk_item item = {
        .n = 1, .seq = 1, .nonce = 5, .rev = 1, .state = RC_FAILED, .result = RC_ITEM_DONE, .acted = 20};
    const struct rc_bulk_event event = {
        .rev = 2, .state = RC_BULK_RUNNING, .at = 20, .actor = by.actor, .reason = by.reason};
    return rc_store_bulk(doing->kit->store,
                         &(struct rc_bulk_write){.bulk = &bulk, .items = &item, .nitems = 1, .event = &event},
                         NULL, err);
}

static void end_one(struct doing *doing)
{
    struct kit *kit = doing->kit;
    struct made *made = submit(doing, fresh(doing, "ends").p, RC_FAILED, false, NULL);
    struct made_batch batch = kit_begin(kit);
    made_action(&batch, made, RC_RUNNING, true, NULL);
    made_result(&batch, made, RC_COMPLETED, false, NULL);
    kit_commit(kit, &batch, RC_OK);
    doing->next = made->command.id.seq;
}

static enum rc_status purge(struct doing *doing, struct rc_error *err)
{
    const struct rc_purge_one one = {doing->next, 3};
    const struct rc_purge_filter filter = {
        .states = 1u << RC_COMPLETED, .ref = RC_SV("customer"), .value = RC_SV("0"), .changed_before = 9};
    const struct rc_purge what = {.commands = &one, .n = 1, .filter = &filter, .by = &by};
    uint32_t n = 1;
    enum rc_status status = rc_store_purge(doing->kit->store, &what, doing->kit->now, &n, err);
    assert_int_equal(n, 1);
    return status;
}

static enum rc_status compact(struct doing *doing, struct rc_error *err)
{
    return rc_store_compact(doing->kit->store, err);
}

static enum rc_status ask_room(struct doing *doing, struct rc_error *err)
{
    return rc_store_room(doing->kit->store, err);
}

void define_again(struct doing *doing)
{
    struct kit *kit = doing->kit;
    struct rc_definition def = {.kind = RC_DEF_FLOW, .name = RC_SV("much"), .text = fresh(doing, "x")};
    assert_ok(kit, rc_store_define(kit->store, &def, 1, NULL, 0, NULL, kit->now, &kit->err));
}

/* So much that the log is worth folding. */
static void write_much(struct doing *doing)
{
    struct rc_arena *arena = rc_arena_new(1 << 20, MEMORY);
    char *text = rc_alloc_text(arena, MUCH);
    struct rc_definition def = {.kind = RC_DEF_FLOW, .name = RC_SV("much"), .text = {text, MUCH}};
    memset(text, 'x', MUCH);
    struct kit *kit = doing->kit;
    assert_ok(kit, rc_store_define(kit->store, &def, 1, NULL, 0, NULL, kit->now, &kit->err));
    rc_arena_free(arena);
}

static enum rc_status be_idle(struct doing *doing, struct rc_error *err)
{
    return rc_store_idle(doing->kit->store, err);
}

static enum rc_status write_hold(struct doing *doing, uint64_t id, rc_us released, uint64_t *ret_id,
                                 struct rc_error *err)
{
    const struct rc_hold hold = {.id = id,
                                 .nonce = 99,
                                 .cause = RC_HELD_BACKUP,
                                 .from = 5,
                                 .until = 50,
                                 .seq = 3,
                                 .commands = ++doing->n,
                                 .released = released};
    const struct rc_hold_write write = {.hold = &hold, .by = &by, .now = doing->kit->now += RC_MS(1)};
    return rc_store_hold(doing->kit->store, &write, ret_id, err);
}

static enum rc_status begin_hold(struct doing *doing, struct rc_error *err)
{
    return write_hold(doing, 0, 0, &doing->next, err);
}

static void prepare_hold(struct doing *doing)
{
    assert_ok(doing->kit, begin_hold(doing, &doing->kit->err));
}

static enum rc_status release_hold(struct doing *doing, struct rc_error *err)
{
    return write_hold(doing, doing->next, doing->kit->now, NULL, err);
}

/* ---- an export's rows ------------------------------------------------------------------------------------------------ */

static enum rc_status import(struct doing *doing, struct rc_import row, struct rc_error *err)
{
    return rc_sqlite_import(doing->kit->store, &row, err);
}

static enum rc_status import_namespace(struct doing *doing, struct rc_error *err)
{
    const struct rc_namespace ns = {.name = fresh(doing, "came"), .created = 5};
    return import(doing, (struct rc_import){.ns = &ns}, err);
}

static enum rc_status import_definition(struct doing *doing, struct rc_error *err)
{
    const struct rc_definition def = {.id = 1000 + ++doing->n,
                                      .kind = RC_DEF_FLOW,
                                      .version = 1,
                                      .name = fresh(doing, "came"),
                                      .text = RC_SV("x"),
                                      .source = RC_SV("x.yaml")};
    return import(doing, (struct rc_import){.definition = &def}, err);
}

static enum rc_status import_purged(struct doing *doing, struct rc_error *err)
{
    const struct rc_purged purged = {.seq = doing->next, /* the number was given */
                                     .nonce = 9,
                                     .state = RC_COMPLETED,
                                     .generation = 1,
                                     .changed = 5,
                                     .at = 6,
                                     .key = {doing->next << 40, 7}};
    return import(doing, (struct rc_import){.purged = &purged}, err);
}

static void make_gap(struct doing *doing)
{
    look_up(doing);
    const struct rc_high high = {.seq = doing->next, .high_water = doing->kit->now, .audit = doing->audit};
    assert_ok(doing->kit, import(doing, (struct rc_import){.high = &high}, &doing->kit->err));
}

static enum rc_status import_note(struct doing *doing, struct rc_error *err)
{
    const struct rc_audit note = {
        .kind = RC_AUDIT_PURGE, .action = RC_DEED_REMOVE, .data = RC_SV("{\"reason\":\"x\"}")};
    return import(doing, (struct rc_import){.note = &note, .now = doing->kit->now}, err);
}

static enum rc_status import_high(struct doing *doing, struct rc_error *err)
{
    const struct rc_high high = {
        .seq = doing->next + 10, .high_water = doing->kit->now, .audit = doing->audit};
    return import(doing, (struct rc_import){.high = &high}, err);
}

/* ---- the table ------------------------------------------------------------------------------------------------------- */

#define W(name, prepare)                                                                                     \
    {                                                                                                        \
#name, DEED_WRITES, prepare, name                                                                    \
    }
#define S(name, prepare)                                                                                     \
    {                                                                                                        \
#name, DEED_WRITES | DEED_FILES, prepare, name                                                       \
    }
const struct deed writing_deeds[] = {
    W(commit, look_up),
    W(define, add_dependency),
    W(add_namespace, NULL),
    W(set_namespace, NULL),
    W(remove_namespace, make_namespace),
    W(add_token, NULL),
    W(revoke_token, make_token),
    W(use_tokens, NULL),
    W(make_bulk, NULL),
    W(run_bulk, prepare_bulk),
    W(purge, end_one),
    W(compact, end_one),
    W(begin_hold, NULL),
    W(release_hold, prepare_hold),
    W(ask_room, NULL),
    W(be_idle, write_much),
    S(import_namespace, NULL),
    S(import_definition, NULL),
    S(import_purged, make_gap),
    S(import_note, NULL),
    S(import_high, look_up),
};
const unsigned writing_deed_count = sizeof writing_deeds / sizeof *writing_deeds;

/* ---- what there is in the beginning ------------------------------------------------------------------------------------ */

static void own(struct doing *doing, struct made *made, const char *owner)
{
    struct made_batch batch = kit_begin(doing->kit);
    made->command.owner = rc_sv_of(owner);
    made_action(&batch, made, RC_REVIEW, false, NULL);
    kit_commit(doing->kit, &batch, RC_OK);
}

void deeds_begin(struct doing *doing, struct kit *kit)
{
    *doing = (struct doing){.kit = kit};
    snprintf(doing->path, sizeof doing->path, "%s.second", kit->path);
    struct rc_definition def = {.kind = RC_DEF_FLOW,
                                .name = RC_SV("github.create_pr"),
                                .text = RC_SV("flow: github.create_pr"),
                                .source = RC_SV("x.yaml")};
    assert_ok(kit, rc_store_define(kit->store, &def, 1, NULL, 0, &by, kit->now, &kit->err));
    assert_ok(kit, on_namespace(doing, RC_ACCESS_NAMESPACE_ADD, RC_SV("shop"), &kit->err));
    assert_ok(kit, put_token(doing, 1, &kit->err));
    assert_ok(kit, put_token(doing, 2, &kit->err));
    const struct rc_work ready = {.phase = RC_PHASE_READY, .gate = GATE, .order = 5};
    const struct rc_work delayed = {.phase = RC_PHASE_DELAYED, .order = 7};
    submit(doing, "ready", RC_PENDING, false, &ready);
    submit(doing, "delayed", RC_WAITING, false, &delayed);
    doing->open = submit(doing, "open", RC_RUNNING, true, NULL);
    own(doing, submit(doing, "owned", RC_REVIEW, false, NULL), "olga");
    end_one(doing);
    doing->ended = doing->next;
    end_one(doing);
    doing->purged = doing->next;
    assert_ok(kit, purge(doing, &kit->err));
    assert_ok(kit, make_bulk(doing, &kit->err));
    assert_ok(kit, run_bulk(doing, &kit->err)); /* it runs: no later one forgets it */
    prepare_hold(doing);
    struct rc_bulk bulk;
    doing->kept_bulk = doing->bulk;
    assert_ok(kit, rc_read_bulk(rc_store_self(kit->store), doing->bulk, kit->arena, &bulk, &kit->err));
    doing->kept_key = bulk.key;
}

/* ---- all deeds ------------------------------------------------------------------------------------------------------------ */

const struct deed *deed_at(unsigned i)
{
    if (i < writing_deed_count) return &writing_deeds[i];
    i -= writing_deed_count;
    if (i < file_deed_count) return &file_deeds[i];
    i -= file_deed_count;
    return i < reading_deed_count ? &reading_deeds[i] : NULL;
}
