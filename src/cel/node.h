#pragma once
/* The syntax tree, which is also what is evaluated. The parser makes it, the checker resolves names and picks
 * functions in place, and from then on nobody writes to it. */
#include "cel/cel.h"

enum cel_op {
    CEL_OP_CONST,    /* value */
    CEL_OP_NAME,     /* value: a name. Left in the tree only where nobody checks: it fails when evaluated */
    CEL_OP_ROOT,     /* slot: index of a root; value: its name */
    CEL_OP_VARIABLE, /* slot: nesting of the comprehension; value: its name */
    CEL_OP_SELECT,   /* operand; value: the field */
    CEL_OP_HAS,      /* operand; value: the field */
    CEL_OP_LIST,     /* items */
    CEL_OP_MAP,      /* key, value, key, value … */
    CEL_OP_CALL,     /* arguments; value: the function's name as written; fn */
    CEL_OP_METHOD,   /* target, arguments; the checker makes it a call */
    CEL_OP_AND,      /* two or more */
    CEL_OP_OR,       /* two or more */
    CEL_OP_COND,     /* condition, then, else */
    CEL_OP_ALL,      /* range, body; value: the variable; slot */
    CEL_OP_EXISTS,   /* range, body */
    CEL_OP_ONE,      /* range, body */
    CEL_OP_EACH,     /* map(): range, body, or range, filter, body */
    CEL_OP_FILTER    /* range, body */
};

/* Operators and functions; builtin.c names them. */
enum cel_fn {
    CEL_FN_NONE, /* unknown: fails when evaluated */
    CEL_FN_ADD,
    CEL_FN_SUB,
    CEL_FN_MUL,
    CEL_FN_DIV,
    CEL_FN_MOD,
    CEL_FN_NEG,
    CEL_FN_NOT,
    CEL_FN_EQ,
    CEL_FN_NE,
    CEL_FN_LT,
    CEL_FN_LE,
    CEL_FN_GT,
    CEL_FN_GE,
    CEL_FN_IN,
    CEL_FN_INDEX,
    CEL_FN_SIZE,
    CEL_FN_STARTS_WITH,
    CEL_FN_ENDS_WITH,
    CEL_FN_CONTAINS,
    CEL_FN_MATCHES,
    CEL_FN_TO_INT,
    CEL_FN_TO_UINT,
    CEL_FN_TO_DOUBLE,
    CEL_FN_TO_STRING,
    CEL_FN_TO_BYTES,
    CEL_FN_TO_BOOL,
    CEL_FN_TO_DURATION,
    CEL_FN_TO_TIMESTAMP,
    CEL_FN_DYN,
    CEL_FN_TYPE,
    CEL_FN_YEAR, /* the parts stand in the order of enum cel_time_part */
    CEL_FN_MONTH,
    CEL_FN_DAY_OF_YEAR,
    CEL_FN_DATE,
    CEL_FN_DAY_OF_MONTH,
    CEL_FN_DAY_OF_WEEK,
    CEL_FN_HOURS,
    CEL_FN_MINUTES,
    CEL_FN_SECONDS,
    CEL_FN_MILLISECONDS,
    CEL_FN_SECRET,
    CEL_FN_TEXT,
    CEL_FN_SEGMENT
};

enum { CEL_ARGS_MAX = 2 }; /* of any function, with the target */

struct cel_node {
    uint8_t op;     /* enum cel_op */
    uint8_t fn;     /* enum cel_fn of a call */
    bool absolute;  /* name with a leading dot: comprehension variables do not hide it */
    uint16_t slot;  /* of a root or variable */
    uint16_t depth; /* of the tree below, from 1 */
    uint32_t at;    /* byte offset in the source, for messages */
    uint32_t n;     /* children */
    struct cel_node *first, *next;
    struct cel_value value;
};

struct cel_prog {
    struct rc_sv source;
    const struct cel_node *root;
    const struct cel_type *type;
    const bool *reads; /* per root of the scope */
    uint32_t nroots;
};

/* Line and column (in code points), from 1, of a byte offset. */
void cel_position(struct rc_sv source, uint32_t at, unsigned *ret_line, unsigned *ret_column);

/* Fails with a position. */
enum rc_status cel_fail_at(struct rc_error *, struct rc_sv source, uint32_t at, enum rc_status,
                           const char *format, ...) RC_PRINTF(5, 6);

/* source lives as long as the tree. RC_SYNTAX, RC_UNSUPPORTED, RC_LIMIT, RC_NOMEM. */
RC_MUST
enum rc_status cel_parse(struct rc_sv source, struct rc_arena *, struct cel_node **ret, struct rc_error *);
/* Resolves names and functions and finds the type of prog->root, which `root` is. Fills prog->type and reads. */
RC_MUST
enum rc_status cel_check(struct cel_prog *, struct cel_node *root, const struct cel_scope *,
                         struct rc_arena *, struct rc_error *);
