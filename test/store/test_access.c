/* The contract of store.h for namespaces and tokens, held against both implementations. */
#include "kit.h"

#include "base/limits.h"

#include <stdio.h>
#include <string.h>

static enum rc_status change(struct kit *kit, const struct rc_access_change *wanted)
{
    return rc_store_access(kit->store, wanted, kit->now += RC_MS(1), &kit->err);
}

static enum rc_status change_ns(struct kit *kit, enum rc_access_kind kind, const char *name,
                                uint64_t max_open)
{
    return change(kit,
                  &(struct rc_access_change){
                      .kind = (uint8_t)kind,
                      .ns = {.name = rc_sv_of(name), .max_open = max_open, .max_bytes = 7, .max_rate = 9}});
}

static struct rc_access_change new_token(uint64_t id, const char *ns, rc_us expires)
{
    struct rc_access_change made = {.kind = RC_ACCESS_TOKEN_ADD,
                                    .token = {.id = id,
                                              .subject = RC_SV("billing"),
                                              .author = RC_SV("anna"),
                                              .ns = rc_sv_of(ns),
                                              .role = RC_ROLE_OPERATOR,
                                              .act_as = true,
                                              .expires = expires}};
    memset(made.token.digest, (int)(id & 0xff), sizeof made.token.digest);
    return made;
}

static enum rc_status add_token(struct kit *kit, uint64_t id, const char *ns, rc_us expires)
{
    const struct rc_access_change made = new_token(id, ns, expires);
    return change(kit, &made);
}

static enum rc_status revoke(struct kit *kit, uint64_t id)
{
    return change(kit, &(struct rc_access_change){.kind = RC_ACCESS_TOKEN_REVOKE, .token = {.id = id}});
}

static uint32_t namespaces(struct kit *kit, struct rc_namespace **ret)
{
    uint32_t n = 0;
    assert_ok(kit, rc_read_namespaces(rc_store_self(kit->store), kit->arena, ret, &n, &kit->err));
    return n;
}

static uint32_t tokens(struct kit *kit, struct rc_token **ret)
{
    uint32_t n = 0;
    assert_ok(kit, rc_read_tokens(rc_store_self(kit->store), kit->arena, ret, &n, &kit->err));
    return n;
}

static struct rc_usage usage(struct kit *kit, const char *ns)
{
    struct rc_usage found = {99, 99, 99};
    assert_ok(kit, rc_read_usage(rc_store_self(kit->store), rc_sv_of(ns), &found, &kit->err));
    return found;
}

/* ---- namespaces --------------------------------------------------------------------------------------------------- */

static void namespaces_come_and_go(void **state)
{
    struct kit *kit = *state;
    struct rc_namespace *all;
    assert_int_equal(namespaces(kit, &all), 1);
    assert_sv(all[0].name, "default");
    assert_true(all[0].created == 0 && all[0].max_open == 0 && all[0].usage.commands == 0);

    assert_ok(kit, change_ns(kit, RC_ACCESS_NAMESPACE_ADD, "shop", 5));
    rc_us made = kit->now;
    assert_int_equal(change_ns(kit, RC_ACCESS_NAMESPACE_ADD, "shop", 6), RC_IN_USE);
    assert_int_equal(change_ns(kit, RC_ACCESS_NAMESPACE_SET, "nobody", 6), RC_NOT_FOUND);
    assert_int_equal(change_ns(kit, RC_ACCESS_NAMESPACE_REMOVE, "nobody", 0), RC_NOT_FOUND);
    assert_ok(kit, change_ns(kit, RC_ACCESS_NAMESPACE_ADD, "art", 0));
    kit_reopen(kit);
    assert_int_equal(namespaces(kit, &all), 3);
    assert_sv(all[0].name, "art"); /* by name */
    assert_sv(all[2].name, "shop");
    assert_true(all[2].created == made && all[2].max_open == 5 && all[2].max_bytes == 7 &&
                all[2].max_rate == 9);

    assert_ok(kit, change_ns(kit, RC_ACCESS_NAMESPACE_SET, "shop", 11));
    assert_ok(kit, change_ns(kit, RC_ACCESS_NAMESPACE_SET, "default", 12));
    assert_ok(kit, change_ns(kit, RC_ACCESS_NAMESPACE_REMOVE, "art", 0));
    assert_int_equal(change_ns(kit, RC_ACCESS_NAMESPACE_REMOVE, "default", 0), RC_IN_USE);
    assert_int_equal(namespaces(kit, &all), 2);
    assert_true(all[0].max_open == 12 && all[1].max_open == 11 && all[1].created == made);
    assert_ok(kit, change_ns(kit, RC_ACCESS_NAMESPACE_ADD, "art", 0)); /* a name may come back */
}

static void namespaces_are_bounded(void **state)
{
    struct kit *kit = *state;
    struct rc_namespace *all;
    char name[16];
    for (int i = 1; i < RC_MAX_NAMESPACES; i++) {
        snprintf(name, sizeof name, "n%d", i);
        assert_ok(kit, change_ns(kit, RC_ACCESS_NAMESPACE_ADD, name, 0));
    }
    assert_int_equal(change_ns(kit, RC_ACCESS_NAMESPACE_ADD, "more", 0), RC_LIMIT);
    assert_int_equal(namespaces(kit, &all), RC_MAX_NAMESPACES);
    assert_ok(kit, change_ns(kit, RC_ACCESS_NAMESPACE_REMOVE, "n7", 0));
    assert_ok(kit, change_ns(kit, RC_ACCESS_NAMESPACE_ADD, "more", 0));
}

static void what_cannot_be_stored_is_refused(void **state)
{
    struct kit *kit = *state;
    char name[RC_MAX_NAME + 2];
    memset(name, 'n', sizeof name - 1);
    name[RC_MAX_NAME + 1] = 0;
    assert_int_equal(change_ns(kit, RC_ACCESS_NAMESPACE_ADD, "", 0), RC_BUG);
    assert_int_equal(change_ns(kit, RC_ACCESS_NAMESPACE_ADD, name, 0), RC_BUG);
    name[RC_MAX_NAME] = 0;
    assert_ok(kit, change_ns(kit, RC_ACCESS_NAMESPACE_ADD, name, INT64_MAX));
    assert_int_equal(change_ns(kit, RC_ACCESS_NAMESPACE_SET, name, (uint64_t)INT64_MAX + 1), RC_BUG);
    assert_int_equal(change(kit, &(struct rc_access_change){.kind = 77}), RC_BUG);
    assert_int_equal(add_token(kit, 0, NULL, 0), RC_BUG);
    assert_int_equal(add_token(kit, (uint64_t)INT64_MAX + 1, NULL, 0), RC_BUG);
    struct rc_access_change token = new_token(1, NULL, 0);
    token.token.role = RC_ROLES;
    assert_int_equal(change(kit, &token), RC_BUG);
}

/* ---- usage -------------------------------------------------------------------------------------------------------- */

static void usage_follows_commands(void **state)
{
    struct kit *kit = *state;
    assert_true(usage(kit, "default").commands == 0 && usage(kit, "never heard of").bytes == 0);
    struct made *one = kit_submit(kit, 1, "a", RC_RUNNING, true);
    struct rc_usage first = usage(kit, "default");
    assert_true(first.commands == 1 && first.open == 1 && first.bytes > 100);
    kit_submit(kit, 2, "b", RC_COMPLETED, false); /* ended at once */
    struct rc_usage second = usage(kit, "default");
    assert_true(second.commands == 2 && second.open == 1 && second.bytes > first.bytes);

    kit_result(kit, one, RC_COMPLETED, false);
    struct rc_usage third = usage(kit, "default");
    assert_true(third.commands == 2 && third.open == 0 && third.bytes > second.bytes);
    kit_result(kit, one, RC_ROLLING_BACK, true); /* taken up again */
    assert_int_equal(usage(kit, "default").open, 1);

    struct made_batch bad = kit_begin(kit); /* what is refused does not count */
    made_submit(&bad, kit_new(kit, 3, "a"), RC_RUNNING, true, NULL);
    kit_commit(kit, &bad, RC_BUG);
    struct rc_usage before = usage(kit, "default");
    assert_int_equal(before.commands, 2);
    kit_reopen(kit);
    struct rc_usage after = usage(kit, "default");
    assert_memory_equal(&before, &after, sizeof before);
}

static void usage_is_per_namespace(void **state)
{
    struct kit *kit = *state;
    assert_ok(kit, change_ns(kit, RC_ACCESS_NAMESPACE_ADD, "shop", 0));
    struct made_batch batch = kit_begin(kit);
    struct made *here = kit_new(kit, 1, "a"), *there = kit_new(kit, 2, "a"), *again = kit_new(kit, 3, "b");
    there->command.id.ns = again->command.id.ns = RC_SV("shop");
    made_submit(&batch, here, RC_RUNNING, false, NULL);
    made_submit(&batch, there, RC_RUNNING, false, NULL);
    made_submit(&batch, again, RC_RUNNING, false, NULL);
    kit_commit(kit, &batch, RC_OK);
    assert_true(usage(kit, "default").open == 1 && usage(kit, "shop").open == 2);
    assert_true(usage(kit, "shop").bytes > usage(kit, "default").bytes);
    assert_int_equal(change_ns(kit, RC_ACCESS_NAMESPACE_REMOVE, "shop", 0), RC_IN_USE);
    assert_non_null(strstr(kit->err.text, "2 commands"));
    kit_result(kit, there, RC_COMPLETED, false); /* an ended command is stored still */
    kit_result(kit, again, RC_COMPLETED, false);
    assert_true(usage(kit, "shop").open == 0 && usage(kit, "shop").commands == 2);
    assert_int_equal(change_ns(kit, RC_ACCESS_NAMESPACE_REMOVE, "shop", 0), RC_IN_USE);
    struct rc_namespace *all;
    assert_int_equal(namespaces(kit, &all), 2);
    assert_int_equal(all[1].usage.commands, 2);
}

/* ---- tokens ------------------------------------------------------------------------------------------------------- */

static void tokens_come_back(void **state)
{
    struct kit *kit = *state;
    struct rc_token *all;
    assert_int_equal(tokens(kit, &all), 0);
    assert_int_equal(add_token(kit, 5, "shop", 0), RC_NOT_FOUND);
    assert_ok(kit, change_ns(kit, RC_ACCESS_NAMESPACE_ADD, "shop", 0));
    assert_ok(kit, add_token(kit, 5, "shop", RC_SECONDS(1000000000)));
    rc_us made = kit->now;
    assert_ok(kit, add_token(kit, 3, NULL, 0));
    assert_int_equal(add_token(kit, 3, NULL, 0), RC_BUG);
    kit_reopen(kit);
    assert_int_equal(tokens(kit, &all), 2);
    assert_true(all[0].id == 5 && all[1].id == 3); /* by time */
    assert_sv(all[0].subject, "billing");
    assert_sv(all[0].author, "anna");
    assert_sv(all[0].ns, "shop");
    assert_true(all[0].role == RC_ROLE_OPERATOR && all[0].act_as && all[0].created == made);
    assert_true(all[0].expires == RC_SECONDS(1000000000) && !all[0].revoked && !all[0].used);
    assert_true(all[0].digest[0] == 5 && all[0].digest[RC_TOKEN_DIGEST - 1] == 5);
    assert_true(all[1].ns.n == 0 && all[1].expires == 0);
}

static void tokens_are_revoked_once(void **state)
{
    struct kit *kit = *state;
    struct rc_token *all;
    assert_ok(kit, change_ns(kit, RC_ACCESS_NAMESPACE_ADD, "shop", 0));
    assert_ok(kit, add_token(kit, 5, "shop", 0));
    assert_int_equal(revoke(kit, 6), RC_NOT_FOUND);
    assert_int_equal(change_ns(kit, RC_ACCESS_NAMESPACE_REMOVE, "shop", 0), RC_IN_USE);
    assert_ok(kit, revoke(kit, 5));
    rc_us when = kit->now;
    assert_ok(kit, revoke(kit, 5));
    kit_reopen(kit);
    assert_int_equal(tokens(kit, &all), 1);
    assert_true(all[0].revoked == when);
    assert_ok(kit, change_ns(kit, RC_ACCESS_NAMESPACE_REMOVE, "shop", 0)); /* dead ones do not hold it */
}

static void uses_are_noted(void **state)
{
    struct kit *kit = *state;
    struct rc_token *all;
    assert_ok(kit, add_token(kit, 5, NULL, 0));
    const struct rc_token_use uses[] = {{5, 1000}, {77, 1000}, {5, 900}};
    assert_ok(kit, rc_store_tokens_used(kit->store, uses, 3, &kit->err));
    assert_int_equal(tokens(kit, &all), 1);
    assert_int_equal(all[0].used, 1000);
}

static void dead_tokens_give_way(void **state)
{
    struct kit *kit = *state;
    struct rc_token *all;
    kit_close(kit);
    kit->options.unsafe_no_sync = true; /* ten thousand commits, and no power is lost here */
    kit_open(kit);
    for (uint64_t id = 1; id <= RC_MAX_TOKENS; id++) assert_ok(kit, add_token(kit, id, NULL, 0));
    assert_int_equal(add_token(kit, 20000, NULL, 0), RC_LIMIT);
    assert_ok(kit, revoke(kit, 7));
    assert_ok(kit, revoke(kit, 4));
    assert_ok(kit, add_token(kit, 20000, NULL, kit->now + 5));
    assert_int_equal(tokens(kit, &all), RC_MAX_TOKENS);
    assert_true(all[3].id == 5 && all[5].id == 7); /* 4 was the older one */
    assert_ok(kit, add_token(kit, 20001, NULL, 0));
    assert_ok(kit, add_token(kit, 20002, NULL, 0)); /* in the place of 20000, which has expired */
    assert_int_equal(add_token(kit, 20003, NULL, 0), RC_LIMIT);
    assert_int_equal(tokens(kit, &all), RC_MAX_TOKENS);
    assert_int_equal(all[RC_MAX_TOKENS - 2].id, 20001);
}

static void readers_see_what_is_committed(void **state)
{
    struct kit *kit = *state;
    struct rc_reader *reader;
    struct rc_token *all;
    uint32_t n;
    assert_ok(kit, rc_reader_open(kit->store, &reader, &kit->err));
    assert_ok(kit, add_token(kit, 5, NULL, 0));
    assert_ok(kit, rc_read_tokens(reader, kit->arena, &all, &n, &kit->err));
    assert_int_equal(n, 1);
    rc_reader_close(reader);
    if (!kit->memory) return;
    rc_memory_fail_next(kit->store, RC_COMMIT_UNKNOWN, true);
    assert_int_equal(revoke(kit, 5), RC_COMMIT_UNKNOWN);
    assert_int_equal(revoke(kit, 5), RC_IO); /* poisoned */
    kit_reopen(kit);
    assert_int_equal(tokens(kit, &all), 1);
    assert_true(all[0].revoked != 0);
}

static void changes_are_audited(void **state)
{
    struct kit *kit = *state;
    struct rc_audit_entry *entries;
    struct rc_audit_verdict verdict;
    const struct rc_author anna = {.subject = RC_SV("anna"), .reason = RC_SV("a new shop")};
    uint32_t n;
    assert_ok(kit, change(kit, &(struct rc_access_change){.kind = RC_ACCESS_NAMESPACE_ADD,
                                                          .by = &anna,
                                                          .ns = {.name = RC_SV("shop"), .max_open = 4}}));
    assert_int_equal(change_ns(kit, RC_ACCESS_NAMESPACE_ADD, "shop", 5), RC_IN_USE);
    assert_ok(kit, add_token(kit, 5, "shop", 0));
    assert_ok(kit, revoke(kit, 5));
    assert_ok(kit, revoke(kit, 5)); /* nothing happens */
    assert_int_equal(revoke(kit, 6), RC_NOT_FOUND);
    const struct rc_audit_page page = {.ascending = true};
    kit_reopen(kit);
    assert_ok(kit, rc_read_audit(rc_store_self(kit->store), &page, kit->arena, 10, &entries, &n, &kit->err));
    assert_int_equal(n, 3);
    assert_true(entries[0].what.kind == RC_AUDIT_NAMESPACE && entries[0].what.action == RC_DEED_ADD);
    assert_sv(entries[0].what.data, "{\"subject\":\"anna\",\"reason\":\"a new shop\",\"name\":\"shop\","
                                    "\"max_open\":4,\"max_bytes\":0,\"max_rate\":0}");
    assert_true(entries[1].what.kind == RC_AUDIT_TOKEN && entries[1].what.action == RC_DEED_ADD);
    assert_sv(entries[1].what.data,
              "{\"subject\":\"recourse\",\"token\":\"0000000000000005\",\"holder\":\"billing\","
              "\"role\":\"operator\",\"namespace\":\"shop\",\"act_as\":true}");
    assert_true(entries[2].what.kind == RC_AUDIT_TOKEN && entries[2].what.action == RC_DEED_REMOVE);
    assert_ok(kit, rc_audit_verify(rc_store_self(kit->store), NULL, &verdict, &kit->err));
    assert_true(verdict.entries == 3 && !verdict.broken);
}

#define RUN(name)                                                                                            \
    {                                                                                                        \
#name, name, kit_setup, kit_teardown, kind                                                           \
    }
static int run(const char *name, struct kit_kind *kind)
{
    const struct CMUnitTest tests[] = {
        RUN(namespaces_come_and_go),
        RUN(namespaces_are_bounded),
        RUN(what_cannot_be_stored_is_refused),
        RUN(usage_follows_commands),
        RUN(usage_is_per_namespace),
        RUN(tokens_come_back),
        RUN(tokens_are_revoked_once),
        RUN(uses_are_noted),
        RUN(dead_tokens_give_way),
        RUN(readers_see_what_is_committed),
        RUN(changes_are_audited),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    int failed = run("memory", &(struct kit_kind){.memory = true});
    return failed + run("sqlite", &(struct kit_kind){.memory = false});
}
