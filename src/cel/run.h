#pragma once
/* One evaluation, and what its rooms share. Every function that may fail returns false with run->fault set. */
#include "cel/node.h"
#include "cel/order.h"

/* What went wrong, kept as data: most faults are absorbed by && and ||, so the text is made only for the one
 * that gets out (fault.c). */
enum cel_fault_kind {
    CEL_FAULT_OVERLOAD, /* a, b: the operands */
    CEL_FAULT_UNKNOWN_NAME,
    CEL_FAULT_UNKNOWN_FUNCTION,
    CEL_FAULT_NO_VALUE, /* a root without a value */
    CEL_FAULT_FIELD,    /* a is no map; b: the field */
    CEL_FAULT_KEY,      /* a: the map; b: the key, which is not in it, or unknown in it */
    CEL_FAULT_INDEX,    /* a: the list; b: the index */
    CEL_FAULT_NOT_BOOL, /* a: what stands there instead */
    CEL_FAULT_OVERFLOW, /* a, b */
    CEL_FAULT_ZERO,     /* a: what was divided */
    CEL_FAULT_CONVERT,  /* a: what cannot be converted by the function */
    CEL_FAULT_RANGE,    /* a: a result or argument out of range */
    CEL_FAULT_KEY_KIND, /* a: what can be no key */
    CEL_FAULT_REPEATED, /* a: the key */
    CEL_FAULT_ZONE,     /* a: the name of a time zone */
    CEL_FAULT_SEGMENT,  /* a: what can be no path segment */
    CEL_FAULT_DEEP,
    CEL_FAULT_LARGE,
    CEL_FAULT_COST,   /* this and the following end the evaluation whatever stands around them */
    CEL_FAULT_MEMORY, /* RC_MAX_EVAL_BYTES */
    CEL_FAULT_ARENA   /* the caller's arena refused */
};

struct cel_fault {
    enum cel_fault_kind kind;
    const struct cel_node *node;
    struct cel_value a, b;
};

struct cel_run {
    const struct cel_prog *prog;
    const struct cel_value *roots;
    uint32_t nroots;
    struct rc_arena *arena;
    uint64_t steps;         /* left */
    size_t used_before;     /* of the arena */
    struct cel_value *vars; /* of comprehensions, by slot */
    struct cel_fault fault;
};

/* Sets the fault and returns false. */
bool cel_raise(struct cel_run *, const struct cel_node *, enum cel_fault_kind, struct cel_value a,
               struct cel_value b);
/* "No such overload" for the node's arguments. */
bool cel_no_overload(struct cel_run *, const struct cel_node *, const struct cel_value *args);
/* Takes steps; false when there are none left. */
bool cel_spend(struct cel_run *, const struct cel_node *, uint64_t steps);
/* Memory of the result, or NULL with a fault. */
void *cel_take(struct cel_run *, const struct cel_node *, size_t n);
char *cel_take_text(struct cel_run *, const struct cel_node *, size_t n);
/* Whether the evaluation still keeps to RC_MAX_EVAL_BYTES. */
bool cel_within_memory(struct cel_run *, const struct cel_node *);

/* The error of run->fault with its position and the actual values. */
enum rc_status cel_fail_fault(struct cel_run *, struct rc_error *);

/* apply.c: a function of the table on node->n evaluated arguments. */
bool cel_apply(struct cel_run *, const struct cel_node *, const struct cel_value *args,
               struct cel_value *ret);

/* The rooms behind it, by family of node->fn. */
bool cel_arithmetic(struct cel_run *, const struct cel_node *, const struct cel_value *args,
                    struct cel_value *ret);
bool cel_relate(struct cel_run *, const struct cel_node *, const struct cel_value *args,
                struct cel_value *ret);
bool cel_index(struct cel_run *, const struct cel_node *, const struct cel_value *args,
               struct cel_value *ret);
bool cel_text_function(struct cel_run *, const struct cel_node *, const struct cel_value *args,
                       struct cel_value *ret);
bool cel_convert(struct cel_run *, const struct cel_node *, const struct cel_value *args,
                 struct cel_value *ret);
bool cel_time_function(struct cel_run *, const struct cel_node *, const struct cel_value *args,
                       struct cel_value *ret);
/* string(x) of int, uint, double, bool, duration, timestamp; false without a fault for another kind. */
bool cel_is_plain(struct cel_value);
bool cel_plain_text(struct cel_run *, const struct cel_node *, struct cel_value, struct cel_value *ret);
