/* Who may do what: the one function that decides. */
#include "core/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct rc_subject subject(enum rc_role role, const char *bound)
{
    struct rc_sv ns = bound ? rc_sv_of(bound) : RC_SV("default");
    return (struct rc_subject){
        .name = RC_SV("anna"), .role = (uint8_t)role, .bound = rc_sv_of(bound), .ns = ns};
}

static void nobody_may_only_what_is_open(void **state)
{
    (void)state;
    struct rc_error err;
    assert_int_equal(rc_access(NULL, RC_PERMIT_OPEN, NULL, &err), RC_OK);
    for (unsigned i = RC_PERMIT_OPEN + 1; i < RC_PERMISSIONS; i++)
        assert_int_equal(rc_access(NULL, (enum rc_permission)i, NULL, &err), RC_UNAUTHENTICATED);
}

/* The rows that must never be: written out, not computed from the table. */
static void roles_do_not_reach_further(void **state)
{
    (void)state;
    static const struct {
        enum rc_role role;
        enum rc_permission permission;
        bool may;
    } row[] = {
        {RC_ROLE_SUBMITTER, RC_PERMIT_SUBMIT, true},     {RC_ROLE_SUBMITTER, RC_PERMIT_READ, true},
        {RC_ROLE_SUBMITTER, RC_PERMIT_ACT, false},       {RC_ROLE_SUBMITTER, RC_PERMIT_TOKENS, false},
        {RC_ROLE_WORKER, RC_PERMIT_READ, false},         {RC_ROLE_WORKER, RC_PERMIT_SUBMIT, false},
        {RC_ROLE_VIEWER, RC_PERMIT_READ, true},          {RC_ROLE_VIEWER, RC_PERMIT_SUBMIT, false},
        {RC_ROLE_VIEWER, RC_PERMIT_ACT, false},          {RC_ROLE_OPERATOR, RC_PERMIT_ACT, true},
        {RC_ROLE_OPERATOR, RC_PERMIT_DEFINE, false},     {RC_ROLE_OPERATOR, RC_PERMIT_TOKENS, false},
        {RC_ROLE_OPERATOR, RC_PERMIT_NAMESPACES, false}, {RC_ROLE_ADMIN, RC_PERMIT_NAMESPACES, true},
    };
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
        struct rc_error err;
        const struct rc_subject who = subject(row[i].role, NULL);
        assert_int_equal(rc_access(&who, row[i].permission, NULL, &err), row[i].may ? RC_OK : RC_FORBIDDEN);
        assert_true(rc_role_has(row[i].role, row[i].permission) == row[i].may);
    }
    assert_false(rc_role_has(RC_ROLES, RC_PERMIT_READ));
    assert_false(rc_role_has(RC_ROLE_ADMIN, RC_PERMISSIONS));
}

static void who_is_bound_does_not_reach_beyond(void **state)
{
    (void)state;
    struct rc_error err;
    const struct rc_subject bound = subject(RC_ROLE_ADMIN, "shop"), all = subject(RC_ROLE_ADMIN, NULL);
    for (unsigned i = RC_PERMIT_OPEN + 1; i < RC_PERMISSIONS; i++) {
        bool wide = rc_permission_is_wide((enum rc_permission)i);
        assert_int_equal(rc_access(&all, (enum rc_permission)i, NULL, &err), RC_OK);
        assert_int_equal(rc_access(&bound, (enum rc_permission)i, NULL, &err), wide ? RC_FORBIDDEN : RC_OK);
    }
    struct rc_subject elsewhere = bound;
    elsewhere.ns = RC_SV("default");
    assert_int_equal(rc_access(&elsewhere, RC_PERMIT_READ, NULL, &err), RC_FORBIDDEN);
}

static void what_lives_elsewhere_is_not_there(void **state)
{
    (void)state;
    struct rc_error err;
    const struct rc_object here = {.what = "command", .ns = RC_SV("default")},
                           there = {.what = "command", .ns = RC_SV("shop")};
    for (unsigned role = 0; role < RC_ROLES; role++) {
        const struct rc_subject who = subject((enum rc_role)role, NULL);
        assert_int_equal(rc_access(&who, RC_PERMIT_WHOAMI, &here, &err), RC_OK);
        assert_int_equal(rc_access(&who, RC_PERMIT_WHOAMI, &there, &err), RC_NOT_FOUND);
        assert_string_equal(err.text, "there is no such command");
    }
    /* the role comes first: it says nothing of the object */
    const struct rc_subject viewer = subject(RC_ROLE_VIEWER, NULL);
    assert_int_equal(rc_access(&viewer, RC_PERMIT_ACT, &there, &err), RC_FORBIDDEN);
}

/* Tokens and namespaces are administered from anywhere by who is bound to nothing, and by others in their own namespace only. */
static void what_is_administered_has_another_reach(void **state)
{
    (void)state;
    struct rc_error err;
    const struct rc_subject all = subject(RC_ROLE_ADMIN, NULL), bound = subject(RC_ROLE_ADMIN, "shop");
    const struct rc_object own = {.what = "token", .ns = RC_SV("shop"), .administered = true},
                           other = {.what = "token", .ns = RC_SV("bank"), .administered = true},
                           wide = {.what = "token", .administered = true};
    assert_int_equal(rc_access(&all, RC_PERMIT_TOKENS, &own, &err), RC_OK);
    assert_int_equal(rc_access(&all, RC_PERMIT_TOKENS, &other, &err), RC_OK);
    assert_int_equal(rc_access(&bound, RC_PERMIT_TOKENS, &own, &err), RC_OK);
    assert_int_equal(rc_access(&bound, RC_PERMIT_TOKENS, &other, &err), RC_NOT_FOUND);
    assert_int_equal(rc_access(&bound, RC_PERMIT_TOKENS, &wide, &err), RC_NOT_FOUND);
}

static void only_some_speak_for_others(void **state)
{
    (void)state;
    struct rc_error err;
    const struct rc_object self = {.actor = RC_SV("anna")}, other = {.actor = RC_SV("berta")}, nobody = {0};
    struct rc_subject who = subject(RC_ROLE_ADMIN, NULL);
    assert_int_equal(rc_access(&who, RC_PERMIT_ACT, &self, &err), RC_OK);
    assert_int_equal(rc_access(&who, RC_PERMIT_ACT, &nobody, &err), RC_OK);
    assert_int_equal(rc_access(&who, RC_PERMIT_ACT, &other, &err), RC_FORBIDDEN);
    who.act_as = true;
    assert_int_equal(rc_access(&who, RC_PERMIT_ACT, &other, &err), RC_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_may_only_what_is_open),
        cmocka_unit_test(roles_do_not_reach_further),
        cmocka_unit_test(who_is_bound_does_not_reach_beyond),
        cmocka_unit_test(what_lives_elsewhere_is_not_there),
        cmocka_unit_test(what_is_administered_has_another_reach),
        cmocka_unit_test(only_some_speak_for_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
