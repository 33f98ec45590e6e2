/* All that a store holds, as one hash. */
#include "deeds_inside.h"

#include "base/limits.h"

enum { ROWS = 64 };

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
