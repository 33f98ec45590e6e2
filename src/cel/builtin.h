#pragma once
/* The operators and functions with their overloads: the only list of them. */
#include "cel/node.h"

enum cel_style { CEL_GLOBAL = 1, CEL_MEMBER = 2, CEL_INTERNAL = 4 };

/* Types as letters: a any (dyn), z null, b bool, i int, u uint, d double, s string, y bytes, D duration,
 * T timestamp, t type, x secret, l list, m map or object. */
struct cel_builtin {
    char name[20];
    uint8_t fn;    /* enum cel_fn */
    uint8_t style; /* bits of enum cel_style */
    char args[4];
    char result;
};

/* Row by number; NULL behind the last. Rows of one name stand together. */
const struct cel_builtin *cel_builtin_row(unsigned);
/* Number of the first row with the name in one of the styles, or UINT_MAX. */
unsigned cel_builtin_find(struct rc_sv name, unsigned style);
