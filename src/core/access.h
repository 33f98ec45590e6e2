#pragma once
/* Who may do what: one function, used by everybody who decides. The table of roles and permissions is in spec/words.def;
 * what stands nowhere is refused. */
#include "base/error.h"
#include "core/words.h"

/* Who asks. Texts are borrowed. */
struct rc_subject {
    struct rc_sv name;
    uint8_t role;       /* enum rc_role */
    bool act_as;        /* may name an actor that is not itself */
    struct rc_sv bound; /* the only namespace that it may work in; empty: all */
    struct rc_sv ns;    /* the namespace that it works in now */
};

/* What it is about, as far as it is known: a decision without it is one about the permission alone. */
struct rc_object {
    const char *what; /* "command": for the message */
    struct rc_sv ns;  /* where it lives; empty: nowhere */
    /* not a thing of work, as a command is, but one of administration: who is not bound sees it from every namespace, and
     * who is bound sees those of the own one */
    bool administered;
    struct rc_sv actor; /* in whose name something is to be done; empty: the subject's own */
};

/* RC_OK, or why not. RC_UNAUTHENTICATED: nobody knows who asks (`who` is NULL). RC_FORBIDDEN: the role does not have the
 * permission, or not beyond its namespace, or the subject may not speak for the actor. RC_NOT_FOUND: the object is one of
 * another namespace than the one that the subject works in, which is all that it is told. `object` may be NULL. */
RC_MUST
enum rc_status rc_access(const struct rc_subject *who, enum rc_permission, const struct rc_object *object,
                         struct rc_error *);

/* What rc_access says of the permission alone. */
RC_MUST
bool rc_role_has(enum rc_role, enum rc_permission);
/* The permission reaches beyond one namespace. */
RC_MUST
bool rc_permission_is_wide(enum rc_permission);
