/* The deeds that read. */
#include "deeds_inside.h"

#include "base/limits.h"

enum { ROWS = 64 };

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

static enum rc_status read_work_count(struct doing *doing, struct rc_error *err)
{
    uint64_t n;
    enum rc_status status = rc_read_work_count(doing->reader, RC_PHASE_READY, &n, err);
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

#define R(name)                                                                                              \
    {                                                                                                        \
#name, 0, NULL, name                                                                                 \
    }
#define A(name)                                                                                              \
    {                                                                                                        \
#name, DEED_ARENA, NULL, name                                                                        \
    }
const struct deed reading_deeds[] = {
    {"open_reader", DEED_BESIDE, NULL, open_reader},
    R(read_key),
    R(read_purged),
    A(read_purgeable),
    A(read_purgeable_by_ref),
    A(read_history),
    R(read_work),
    R(read_work_count),
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
const unsigned reading_deed_count = sizeof reading_deeds / sizeof *reading_deeds;
