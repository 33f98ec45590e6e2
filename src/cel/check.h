#pragma once
/* What the rooms of the checker share: check.c walks the tree, names.c resolves names and fields, calls.c
 * picks functions. */
#include "cel/node.h"
#include "cel/type.h"

struct cel_variable { /* of a comprehension; lives on the stack of the walk */
    struct rc_sv name;
    const struct cel_type *type;
    uint16_t slot;
    const struct cel_variable *outer;
};

struct cel_guard { /* where the walk is, has(of.field) holds */
    const struct cel_node *of;
    struct rc_sv field;
    const struct cel_guard *outer;
};

struct cel_checker {
    const struct cel_scope *scope;
    struct rc_sv source;
    struct rc_arena *arena;
    struct rc_error *err;
    bool *reads;
    const struct cel_variable *variables; /* innermost first */
    const struct cel_guard *guards;       /* the same */
};

/* Type of a node, which is changed in place. */
RC_MUST
enum rc_status cel_check_node(struct cel_checker *, struct cel_node *, const struct cel_type **ret);

/* A type error at a node. Where the scope is unchecked it is none: *ret becomes dyn and RC_OK is returned. */
RC_MUST
enum rc_status cel_mismatch(struct cel_checker *, const struct cel_node *, const struct cel_type **ret,
                            const char *format, ...) RC_PRINTF(4, 5);

/* names.c: NAME and SELECT nodes whose dotted text is a variable, a root or a type: changed in place and true.
 */
bool cel_resolve(struct cel_checker *, struct cel_node *, const struct cel_type **ret);
RC_MUST
enum rc_status cel_unknown_name(struct cel_checker *, const struct cel_node *, const struct cel_type **ret);
/* Type of a field of what has type `from`. */
RC_MUST
enum rc_status cel_check_field(struct cel_checker *, const struct cel_node *, const struct cel_type *from,
                               struct rc_sv field, const struct cel_type **ret);

/* guard.c: what holds from here on where the node, which has been checked, is true or false. */
RC_MUST
enum rc_status cel_assume(struct cel_checker *, const struct cel_node *, bool holds);
/* The type of what is in a list, or walked over, where the guards hold for the variable in that slot: what they ask for is there. */
RC_MUST
enum rc_status cel_guarded_type(struct cel_checker *, const struct cel_type *, uint16_t slot,
                                const struct cel_type **ret);
/* Complains where a field that may be missing is selected without a guard. */
RC_MUST
enum rc_status cel_check_guard(struct cel_checker *, const struct cel_node *select,
                               const struct cel_type *from, const struct cel_type **ret);

/* calls.c: CALL and METHOD nodes. */
RC_MUST
enum rc_status cel_check_call(struct cel_checker *, struct cel_node *, const struct cel_type **ret);

/* For messages; never fails. */
const char *cel_type_words(struct cel_checker *, const struct cel_type *);
