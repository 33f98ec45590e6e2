/* The decision. Everything is refused that no row of spec/words.def grants. */
#include "core/access.h"

static const struct grant {
    uint8_t role, permission;
} grants[] = {
#define RC_GRANT(role, permission) {role, permission},
#include "words.def"
};

static const bool is_wide[RC_PERMISSIONS] = {
#define RC_PERMISSION(code, slug, wide, text) [code] = (wide),
#include "words.def"
};

bool rc_role_has(enum rc_role role, enum rc_permission permission)
{
    for (size_t i = 0; i < sizeof grants / sizeof *grants; i++)
        if (grants[i].role == role && grants[i].permission == permission) return true;
    return false;
}

bool rc_permission_is_wide(enum rc_permission permission)
{
    return permission >= RC_PERMISSIONS || is_wide[permission];
}

static enum rc_status check_permission(const struct rc_subject *who, enum rc_permission permission,
                                       struct rc_error *err)
{
    if (!rc_role_has((enum rc_role)who->role, permission))
        return rc_fail(err, RC_FORBIDDEN, "the role \"%s\" does not have the permission \"%s\" (%s)",
                       rc_role_word(who->role).slug, rc_permission_word(permission).slug,
                       rc_permission_word(permission).text);
    if (who->bound.n && rc_permission_is_wide(permission))
        return rc_fail(
            err, RC_FORBIDDEN,
            "the permission \"%s\" reaches beyond one namespace, and \"%.*s\" is bound to \"%.*s\"",
            rc_permission_word(permission).slug, RC_SV_ARG(who->name), RC_SV_ARG(who->bound));
    if (who->bound.n && !rc_sv_eq(who->bound, who->ns))
        return rc_fail(err, RC_FORBIDDEN, "\"%.*s\" is bound to the namespace \"%.*s\"", RC_SV_ARG(who->name),
                       RC_SV_ARG(who->bound));
    return RC_OK;
}

enum rc_status rc_access(const struct rc_subject *who, enum rc_permission permission,
                         const struct rc_object *object, struct rc_error *err)
{
    if (permission == RC_PERMIT_OPEN) return RC_OK;
    if (!who) return rc_fail(err, RC_UNAUTHENTICATED, "a token is needed: Authorization: Bearer rct_...");
    enum rc_status status = check_permission(who, permission, err);
    if (status != RC_OK || !object) return status;
    bool here = object->administered ? !who->bound.n || rc_sv_eq(object->ns, who->bound)
                                     : !object->ns.n || rc_sv_eq(object->ns, who->ns);
    if (!here) return rc_fail(err, RC_NOT_FOUND, "there is no such %s", object->what);
    if (object->actor.n && !who->act_as && !rc_sv_eq(object->actor, who->name))
        return rc_fail(err, RC_FORBIDDEN, "\"%.*s\" may not act in the name of \"%.*s\" (act_as)",
                       RC_SV_ARG(who->name), RC_SV_ARG(object->actor));
    return RC_OK;
}
