/* The deeds: each does one thing that can be done again, whether it failed before or not. */
#include "deeds.h"

#include "base/limits.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 64, GATE = 7, MEMORY = 64 << 20, MUCH = 2 << 20 };
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

static void define_again(struct doing *doing)
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

/* ---- files ----------------------------------------------------------------------------------------------------------- */

static void close_it(struct doing *doing)
{
    doing->digest = deeds_digest(doing->kit);
    kit_close(doing->kit);
}

static enum rc_status open_it(struct doing *doing, struct rc_error *err)
{
    return rc_sqlite_open(&doing->kit->options, &doing->kit->store, err);
}

static void copy_file(const char *from, const char *to)
{
    static char bytes[1 << 16];
    FILE *in = fopen(from, "r"), *out = fopen(to, "w");
    assert_true(in && out);
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, in)) > 0;)
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    assert_int_equal(fclose(out), 0);
    fclose(in);
}

/* The files as they are while the store is open, with a log: as a killed process leaves them. */
static void crash(struct doing *doing)
{
    static const char *const parts[] = {"", "-wal", ".lock"};
    struct kit *kit = doing->kit;
    char name[3][128], kept[3][128];
    define_again(doing);
    doing->digest = deeds_digest(kit);
    for (int i = 0; i < 3; i++) {
        snprintf(name[i], sizeof name[i], "%s%s", kit->path, parts[i]);
        snprintf(kept[i], sizeof kept[i], "%s.kept%s", kit->path, parts[i]);
        copy_file(name[i], kept[i]);
    }
    kit_close(kit);
    for (int i = 0; i < 3; i++) assert_int_equal(rename(kept[i], name[i]), 0);
}

static void remove_second(struct doing *doing)
{
    static const char *const names[] = {"", "-wal", "-shm", ".lock", ".reserve", ".part", ".new"};
    char name[128];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(name, sizeof name, "%s%s", doing->path, names[i]);
        unlink(name);
    }
}

static enum rc_status create(struct doing *doing, struct rc_error *err)
{
    struct rc_sqlite_options options = doing->kit->options;
    struct rc_store *second;
    options.path = doing->path;
    enum rc_status status = rc_sqlite_open(&options, &second, err);
    if (status == RC_OK) rc_store_close(second);
    return status;
}

static enum rc_status look(struct doing *doing, struct rc_error *err)
{
    struct rc_reader *reader;
    enum rc_status status = rc_sqlite_look(doing->kit->path, &reader, err);
    if (status == RC_OK) rc_reader_close(reader);
    return status;
}

static enum rc_status check(struct doing *doing, struct rc_error *err)
{
    struct rc_holdings kept;
    return rc_sqlite_check(doing->kit->path, &kept, err);
}

static enum rc_status back_up(struct doing *doing, struct rc_error *err)
{
    struct rc_holdings kept;
    return rc_sqlite_backup(doing->kit->path, doing->path, true, &kept, err);
}

static enum rc_status is_free(struct doing *doing, struct rc_error *err)
{
    return rc_sqlite_is_free(doing->path, err);
}

/* ---- reading --------------------------------------------------------------------------------------------------------- */

static enum rc_status open_reader(struct doing *doing, struct rc_error *err)
{
    struct rc_reader *reader;
    enum rc_status status = rc_reader_open(doing->kit->store, &reader, err);
    if (status == RC_OK) rc_reader_close(reader);
    return status;
}

static enum rc_status read_key(struct doing *doing, struct rc_error *err)
{
    struct rc_key_match match;
    return rc_read_key(doing->reader, RC_SV("default"), RC_SV("github.create_pr"), RC_SV("open"), &match,
                       err);
}

static enum rc_status read_purged(struct doing *doing, struct rc_error *err)
{
    struct rc_purged left;
    return rc_read_purged(doing->reader, doing->purged, &left, err);
}

static enum rc_status purgeable(struct doing *doing, const struct rc_purge_filter *filter,
                                struct rc_error *err)
{
    struct rc_purge_row *rows;
    uint32_t n;
    uint64_t next;
    enum rc_status status =
        rc_read_purgeable(doing->reader, filter, 0, doing->arena, 10, &rows, &n, &next, err);
    if (status == RC_OK) assert_true(n > 0);
    return status;
}

static enum rc_status read_purgeable(struct doing *doing, struct rc_error *err)
{
    return purgeable(
        doing, &(struct rc_purge_filter){.ns = RC_SV("default"), .type = RC_SV("github.create_pr")}, err);
}

static enum rc_status read_purgeable_by_ref(struct doing *doing, struct rc_error *err)
{
    return purgeable(doing, &(struct rc_purge_filter){.ref = RC_SV("origin"), .value = RC_SV("test")}, err);
}

static enum rc_status read_history(struct doing *doing, struct rc_error *err)
{
    struct rc_identity identity;
    struct rc_record *records;
    uint32_t n;
    return rc_read_history(doing->reader, doing->ended, 0, RC_MAX_HISTORY, doing->arena, &identity, &records,
                           &n, err);
}

static enum rc_status read_work(struct doing *doing, struct rc_error *err)
{
    struct rc_work rows[ROWS];
    uint32_t n;
    enum rc_status status =
        rc_read_work(doing->reader, RC_PHASE_READY, GATE, NULL, UINT64_MAX, rows, ROWS, &n, err);
    if (status == RC_OK) assert_true(n > 0);
    return status;
}

static enum rc_status read_gates(struct doing *doing, struct rc_error *err)
{
    uint64_t gates[ROWS];
    uint32_t n;
    enum rc_status status = rc_read_gates(doing->reader, 0, gates, ROWS, &n, err);
    if (status == RC_OK) assert_true(n == 1 && gates[0] == GATE);
    return status;
}

static enum rc_status read_in_flight(struct doing *doing, struct rc_error *err)
{
    uint64_t seqs[ROWS];
    uint32_t n;
    enum rc_status status = rc_read_in_flight(doing->reader, 0, seqs, ROWS, &n, err);
    if (status == RC_OK) assert_true(n == 1 && seqs[0] == doing->open->command.id.seq);
    return status;
}

static enum rc_status list(struct doing *doing, const struct rc_filter *filter, struct rc_error *err)
{
    struct rc_row *rows;
    uint32_t n;
    uint64_t next;
    enum rc_status status = rc_read_list(doing->reader, filter, doing->arena, 10, &rows, &n, &next, err);
    if (status == RC_OK) assert_true(n > 0);
    return status;
}

static enum rc_status read_list(struct doing *doing, struct rc_error *err)
{
    return list(doing, &(struct rc_filter){.ns = RC_SV("default"), .type = RC_SV("github.create_pr")}, err);
}

static enum rc_status read_list_by_state(struct doing *doing, struct rc_error *err)
{
    return list(doing, &(struct rc_filter){.states = 1u << RC_COMPLETED | 1u << RC_RUNNING, .since = 1}, err);
}

static enum rc_status read_list_by_ref(struct doing *doing, struct rc_error *err)
{
    return list(doing, &(struct rc_filter){.ref = RC_SV("origin"), .value = RC_SV("test")}, err);
}

static enum rc_status read_list_by_owner(struct doing *doing, struct rc_error *err)
{
    return list(doing, &(struct rc_filter){.owner = RC_SV("olga"), .actor = RC_SV("anna")}, err);
}

static enum rc_status audit(struct doing *doing, const struct rc_audit_page *page, struct rc_error *err)
{
    struct rc_audit_entry *entries;
    uint32_t n;
    enum rc_status status = rc_read_audit(doing->reader, page, doing->arena, 10, &entries, &n, err);
    if (status == RC_OK) assert_true(n > 0);
    return status;
}

static enum rc_status read_audit(struct doing *doing, struct rc_error *err)
{
    return audit(doing, &(struct rc_audit_page){0}, err);
}

static enum rc_status read_audit_upwards(struct doing *doing, struct rc_error *err)
{
    return audit(doing, &(struct rc_audit_page){.ascending = true}, err);
}

static enum rc_status read_audit_of(struct doing *doing, struct rc_error *err)
{
    return audit(doing, &(struct rc_audit_page){.command = doing->ended}, err);
}

static enum rc_status verify_audit(struct doing *doing, struct rc_error *err)
{
    struct rc_audit_verdict verdict;
    enum rc_status status = rc_audit_verify(doing->reader, NULL, &verdict, err);
    if (status == RC_OK) assert_int_equal(verdict.broken, 0);
    return status;
}

static enum rc_status read_row(struct doing *doing, struct rc_error *err)
{
    struct rc_row row;
    return rc_read_row(doing->reader, doing->ended, doing->arena, &row, err);
}

static enum rc_status read_changes(struct doing *doing, struct rc_error *err)
{
    struct rc_news *news;
    uint32_t n;
    enum rc_status status = rc_read_changes(doing->reader, 0, doing->arena, ROWS, &news, &n, err);
    if (status == RC_OK) assert_true(n > 4);
    return status;
}

static enum rc_status read_counts(struct doing *doing, struct rc_error *err)
{
    uint64_t counts[RC_STATES];
    return rc_read_counts(doing->reader, counts, err);
}

static enum rc_status read_definitions(struct doing *doing, struct rc_error *err)
{
    struct rc_definition *defs;
    uint32_t n;
    enum rc_status status = rc_read_definitions(doing->reader, doing->arena, &defs, &n, err);
    if (status == RC_OK) assert_true(n > 0);
    return status;
}

static enum rc_status read_versions(struct doing *doing, struct rc_error *err)
{
    struct rc_version *versions;
    uint32_t n;
    enum rc_status status = rc_read_versions(doing->reader, RC_DEF_FLOW, RC_SV("github.create_pr"), 0,
                                             doing->arena, 10, &versions, &n, err);
    if (status == RC_OK) assert_true(n > 0);
    return status;
}

static enum rc_status read_definition(struct doing *doing, struct rc_error *err)
{
    struct rc_definition def;
    return rc_read_definition(doing->reader, 1, doing->arena, &def, err);
}

static enum rc_status read_namespaces(struct doing *doing, struct rc_error *err)
{
    struct rc_namespace *all;
    uint32_t n;
    return rc_read_namespaces(doing->reader, doing->arena, &all, &n, err);
}

static enum rc_status read_usage(struct doing *doing, struct rc_error *err)
{
    struct rc_usage usage;
    return rc_read_usage(doing->reader, RC_SV("default"), &usage, err);
}

static enum rc_status read_tokens(struct doing *doing, struct rc_error *err)
{
    struct rc_token *all;
    uint32_t n;
    enum rc_status status = rc_read_tokens(doing->reader, doing->arena, &all, &n, err);
    if (status == RC_OK) assert_true(n > 1);
    return status;
}

static enum rc_status read_high(struct doing *doing, struct rc_error *err)
{
    struct rc_high high;
    return rc_read_high(doing->reader, &high, err);
}

static enum rc_status read_bulk(struct doing *doing, struct rc_error *err)
{
    struct rc_bulk bulk;
    return rc_read_bulk(doing->reader, doing->kept_bulk, doing->arena, &bulk, err);
}

static enum rc_status read_bulk_key(struct doing *doing, struct rc_error *err)
{
    uint64_t id;
    return rc_read_bulk_key(doing->reader, RC_SV("default"), doing->kept_key, &id, err);
}

static enum rc_status read_bulks(struct doing *doing, struct rc_error *err)
{
    struct rc_bulk *bulks;
    uint32_t n;
    enum rc_status status =
        rc_read_bulks(doing->reader, RC_SV("default"), 0, 0, doing->arena, 10, &bulks, &n, err);
    if (status == RC_OK) assert_true(n > 0);
    return status;
}

static enum rc_status read_bulk_items(struct doing *doing, struct rc_error *err)
{
    struct rc_bulk_item *items;
    uint32_t n;
    enum rc_status status =
        rc_read_bulk_items(doing->reader, doing->kept_bulk, 0, 0, doing->arena, 10, &items, &n, err);
    if (status == RC_OK) assert_true(n == 2);
    return status;
}

static enum rc_status read_bulk_events(struct doing *doing, struct rc_error *err)
{
    struct rc_bulk_event *events;
    uint32_t n;
    enum rc_status status =
        rc_read_bulk_events(doing->reader, doing->kept_bulk, 0, doing->arena, 10, &events, &n, err);
    if (status == RC_OK) assert_true(n == 2);
    return status;
}

static enum rc_status read_holds(struct doing *doing, struct rc_error *err)
{
    struct rc_hold *holds;
    uint32_t n;
    enum rc_status status = rc_read_holds(doing->reader, doing->arena, &holds, &n, err);
    if (status == RC_OK) assert_true(n > 0);
    return status;
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
#define F(name, flags, prepare)                                                                              \
    {                                                                                                        \
#name, DEED_FILES | (flags), prepare, name                                                           \
    }
#define R(name)                                                                                              \
    {                                                                                                        \
#name, 0, NULL, name                                                                                 \
    }
#define A(name)                                                                                              \
    {                                                                                                        \
#name, DEED_ARENA, NULL, name                                                                        \
    }
const struct deed deeds[] = {
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
    F(open_it, DEED_CLOSED, close_it),
    {"open_after_a_crash", DEED_FILES | DEED_CLOSED | DEED_CHECKS, crash, open_it},
    F(create, DEED_BESIDE, remove_second),
    F(look, DEED_BESIDE, NULL),
    F(check, DEED_BESIDE | DEED_CHECKS, NULL),
    F(back_up, DEED_BESIDE | DEED_CHECKS, remove_second),
    F(is_free, DEED_BESIDE, remove_second),
    {"open_reader", DEED_BESIDE, NULL, open_reader},
    R(read_key),
    R(read_purged),
    A(read_purgeable),
    A(read_purgeable_by_ref),
    A(read_history),
    R(read_work),
    R(read_gates),
    R(read_in_flight),
    A(read_list),
    A(read_list_by_state),
    A(read_list_by_ref),
    A(read_list_by_owner),
    A(read_audit),
    A(read_audit_upwards),
    A(read_audit_of),
    R(verify_audit),
    A(read_row),
    A(read_changes),
    R(read_counts),
    A(read_definitions),
    A(read_versions),
    A(read_definition),
    A(read_namespaces),
    R(read_usage),
    A(read_tokens),
    R(read_high),
    A(read_bulk),
    R(read_bulk_key),
    A(read_bulks),
    A(read_bulk_items),
    A(read_bulk_events),
    A(read_holds),
};
const unsigned deed_count = sizeof deeds / sizeof *deeds;

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

/* ---- what there is ----------------------------------------------------------------------------------------------------- */

static void hash_commands(struct kit *kit, struct rc_reader *reader, struct rc_arena *arena,
                          struct rc_sha256 *sha)
{
    struct rc_high high = kit_high(kit);
    for (uint64_t seq = 1; seq <= high.seq; seq++) {
        struct rc_row row = {0};
        struct rc_purged left = {0};
        struct kit_history got = {0};
        enum rc_status status = rc_read_row(reader, seq, arena, &row, &kit->err);
        rc_sha256_add_u64(sha, status);
        if (status == RC_OK) {
            assert_ok(kit, rc_read_history(reader, seq, 0, RC_MAX_HISTORY, arena, &got.identity, &got.records,
                                           &got.n, &kit->err));
            assert_int_equal(got.n, row.rev);
            rc_sha256_add_u64(sha, (uint64_t)row.rev << 8 | row.state);
            rc_sha256_add_u64(sha, row.changed << 1 | row.in_flight);
            rc_sha256_add_sv(sha, row.key);
            rc_sha256_add_sv(sha, row.owner);
            continue;
        }
        status = rc_read_purged(reader, seq, &left, &kit->err);
        if (status != RC_NOT_FOUND) assert_ok(kit, status);
        rc_sha256_add_u64(sha, left.nonce);
    }
    struct rc_work rows[ROWS];
    uint32_t n;
    assert_ok(kit, rc_read_work(reader, RC_PHASE_READY, GATE, NULL, UINT64_MAX, rows, ROWS, &n, &kit->err));
    for (uint32_t i = 0; i < n; i++) rc_sha256_add_u64(sha, rows[i].seq);
}

static void hash_definitions(struct kit *kit, struct rc_reader *reader, struct rc_arena *arena,
                             struct rc_sha256 *sha)
{
    static const char *const names[] = {"github.create_pr", "loop", "github"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct rc_version *versions;
        uint32_t n;
        enum rc_def_kind kind = i < 2 ? RC_DEF_FLOW : RC_DEF_DEPENDENCY;
        assert_ok(kit, rc_read_versions(reader, kind, rc_sv_of(names[i]), 0, arena, RC_MAX_PAGE, &versions,
                                        &n, &kit->err));
        rc_sha256_add_u64(sha, n);
        for (uint32_t j = 0; j < n; j++) {
            rc_sha256_add_u64(sha, versions[j].def.id << 1 | versions[j].def.active);
            rc_sha256_add_sv(sha, versions[j].def.text);
        }
    }
}

static void hash_people(struct kit *kit, struct rc_reader *reader, struct rc_arena *arena,
                        struct rc_sha256 *sha)
{
    struct rc_namespace *spaces;
    struct rc_token *tokens;
    struct rc_audit_entry *last;
    uint32_t n;
    assert_ok(kit, rc_read_namespaces(reader, arena, &spaces, &n, &kit->err));
    for (uint32_t i = 0; i < n; i++) {
        rc_sha256_add_sv(sha, spaces[i].name);
        rc_sha256_add_u64(sha, spaces[i].max_open);
        rc_sha256_add_u64(sha, spaces[i].usage.commands);
        rc_sha256_add_u64(sha, spaces[i].usage.bytes);
    }
    assert_ok(kit, rc_read_tokens(reader, arena, &tokens, &n, &kit->err));
    for (uint32_t i = 0; i < n; i++) {
        rc_sha256_add_u64(sha, tokens[i].id);
        rc_sha256_add_u64(sha, tokens[i].revoked);
        rc_sha256_add_u64(sha, tokens[i].used);
    }
    assert_ok(kit, rc_read_audit(reader, &(struct rc_audit_page){0}, arena, 1, &last, &n, &kit->err));
    if (n) rc_sha256_add(sha, last[0].hash, sizeof last[0].hash); /* it covers all before it */
}

static void hash_bulks(struct kit *kit, struct rc_reader *reader, struct rc_arena *arena,
                       struct rc_sha256 *sha)
{
    struct rc_bulk *bulks;
    uint32_t n;
    assert_ok(kit, rc_read_bulks(reader, (struct rc_sv){0}, 0, 0, arena, RC_MAX_PAGE, &bulks, &n, &kit->err));
    for (uint32_t i = 0; i < n; i++) {
        struct rc_bulk_item *items;
        uint32_t nitems;
        rc_sha256_add_u64(sha, bulks[i].id);
        rc_sha256_add_u64(sha, (uint64_t)bulks[i].rev << 8 | bulks[i].state);
        assert_ok(kit, rc_read_bulk_items(reader, bulks[i].id, 0, 0, arena, 10, &items, &nitems, &kit->err));
        assert_int_equal(nitems, bulks[i].total);
        for (uint32_t j = 0; j < nitems; j++) rc_sha256_add_u64(sha, items[j].result);
    }
}

static void hash_holds(struct kit *kit, struct rc_reader *reader, struct rc_arena *arena,
                       struct rc_sha256 *sha)
{
    struct rc_hold *holds;
    uint32_t n;
    assert_ok(kit, rc_read_holds(reader, arena, &holds, &n, &kit->err));
    for (uint32_t i = 0; i < n; i++) {
        rc_sha256_add_u64(sha, holds[i].id);
        rc_sha256_add_u64(sha, holds[i].commands);
        rc_sha256_add_u64(sha, holds[i].released);
    }
}

struct rc_h128 deeds_digest(struct kit *kit)
{
    struct rc_arena *arena = rc_arena_new(64 << 10, MEMORY);
    struct rc_reader *reader = rc_store_self(kit->store);
    struct rc_high high = kit_high(kit);
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    rc_sha256_add_u64(&sha, high.seq);
    rc_sha256_add_u64(&sha, high.change);
    rc_sha256_add_u64(&sha, high.audit);
    hash_commands(kit, reader, arena, &sha);
    hash_definitions(kit, reader, arena, &sha);
    hash_people(kit, reader, arena, &sha);
    hash_bulks(kit, reader, arena, &sha);
    hash_holds(kit, reader, arena, &sha);
    rc_arena_free(arena);
    return rc_sha256_h128(&sha);
}
