/* The table of operators and functions. The checker picks a row by its arguments; apply.c does what `fn` says. */
#include "cel/builtin.h"

#include <limits.h>

enum { G = CEL_GLOBAL, M = CEL_MEMBER, GM = CEL_GLOBAL | CEL_MEMBER, X = CEL_GLOBAL | CEL_INTERNAL };

/* Operators have no name that can be written as a call. Equality, `in` and index are typed in check.c: they
 * depend on the types of items. No pointers in here, so that it stays read-only data. */
static const struct cel_builtin row[] = {
    {"+", CEL_FN_ADD, 0, "ii", 'i'},
    {"+", CEL_FN_ADD, 0, "uu", 'u'},
    {"+", CEL_FN_ADD, 0, "dd", 'd'},
    {"+", CEL_FN_ADD, 0, "ss", 's'},
    {"+", CEL_FN_ADD, 0, "yy", 'y'},
    {"+", CEL_FN_ADD, 0, "ll", 'l'},
    {"+", CEL_FN_ADD, 0, "DD", 'D'},
    {"+", CEL_FN_ADD, 0, "TD", 'T'},
    {"+", CEL_FN_ADD, 0, "DT", 'T'},
    {"+", CEL_FN_ADD, 0, "xs", 'x'},
    {"+", CEL_FN_ADD, 0, "sx", 'x'},
    {"+", CEL_FN_ADD, 0, "xx", 'x'},
    {"-", CEL_FN_SUB, 0, "ii", 'i'},
    {"-", CEL_FN_SUB, 0, "uu", 'u'},
    {"-", CEL_FN_SUB, 0, "dd", 'd'},
    {"-", CEL_FN_SUB, 0, "DD", 'D'},
    {"-", CEL_FN_SUB, 0, "TD", 'T'},
    {"-", CEL_FN_SUB, 0, "TT", 'D'},
    {"*", CEL_FN_MUL, 0, "ii", 'i'},
    {"*", CEL_FN_MUL, 0, "uu", 'u'},
    {"*", CEL_FN_MUL, 0, "dd", 'd'},
    {"/", CEL_FN_DIV, 0, "ii", 'i'},
    {"/", CEL_FN_DIV, 0, "uu", 'u'},
    {"/", CEL_FN_DIV, 0, "dd", 'd'},
    {"%", CEL_FN_MOD, 0, "ii", 'i'},
    {"%", CEL_FN_MOD, 0, "uu", 'u'},
    {"-", CEL_FN_NEG, 0, "i", 'i'},
    {"-", CEL_FN_NEG, 0, "d", 'd'},
    {"!", CEL_FN_NOT, 0, "b", 'b'},
    {"size", CEL_FN_SIZE, GM, "s", 'i'},
    {"size", CEL_FN_SIZE, GM, "y", 'i'},
    {"size", CEL_FN_SIZE, GM, "l", 'i'},
    {"size", CEL_FN_SIZE, GM, "m", 'i'},
    {"startsWith", CEL_FN_STARTS_WITH, M, "ss", 'b'},
    {"endsWith", CEL_FN_ENDS_WITH, M, "ss", 'b'},
    {"contains", CEL_FN_CONTAINS, M, "ss", 'b'},
    {"matches", CEL_FN_MATCHES, GM, "ss", 'b'},
    {"int", CEL_FN_TO_INT, G, "i", 'i'},
    {"int", CEL_FN_TO_INT, G, "u", 'i'},
    {"int", CEL_FN_TO_INT, G, "d", 'i'},
    {"int", CEL_FN_TO_INT, G, "s", 'i'},
    {"int", CEL_FN_TO_INT, G, "T", 'i'},
    {"uint", CEL_FN_TO_UINT, G, "u", 'u'},
    {"uint", CEL_FN_TO_UINT, G, "i", 'u'},
    {"uint", CEL_FN_TO_UINT, G, "d", 'u'},
    {"uint", CEL_FN_TO_UINT, G, "s", 'u'},
    {"double", CEL_FN_TO_DOUBLE, G, "d", 'd'},
    {"double", CEL_FN_TO_DOUBLE, G, "i", 'd'},
    {"double", CEL_FN_TO_DOUBLE, G, "u", 'd'},
    {"double", CEL_FN_TO_DOUBLE, G, "s", 'd'},
    {"string", CEL_FN_TO_STRING, G, "s", 's'},
    {"string", CEL_FN_TO_STRING, G, "i", 's'},
    {"string", CEL_FN_TO_STRING, G, "u", 's'},
    {"string", CEL_FN_TO_STRING, G, "d", 's'},
    {"string", CEL_FN_TO_STRING, G, "b", 's'},
    {"string", CEL_FN_TO_STRING, G, "y", 's'},
    {"string", CEL_FN_TO_STRING, G, "D", 's'},
    {"string", CEL_FN_TO_STRING, G, "T", 's'},
    {"bytes", CEL_FN_TO_BYTES, G, "y", 'y'},
    {"bytes", CEL_FN_TO_BYTES, G, "s", 'y'},
    {"bool", CEL_FN_TO_BOOL, G, "b", 'b'},
    {"bool", CEL_FN_TO_BOOL, G, "s", 'b'},
    {"duration", CEL_FN_TO_DURATION, G, "D", 'D'},
    {"duration", CEL_FN_TO_DURATION, G, "s", 'D'},
    {"timestamp", CEL_FN_TO_TIMESTAMP, G, "T", 'T'},
    {"timestamp", CEL_FN_TO_TIMESTAMP, G, "s", 'T'},
    {"timestamp", CEL_FN_TO_TIMESTAMP, G, "i", 'T'},
    {"dyn", CEL_FN_DYN, G, "a", 'a'},
    {"type", CEL_FN_TYPE, G, "a", 't'},
    {"getFullYear", CEL_FN_YEAR, M, "T", 'i'},
    {"getFullYear", CEL_FN_YEAR, M, "Ts", 'i'},
    {"getMonth", CEL_FN_MONTH, M, "T", 'i'},
    {"getMonth", CEL_FN_MONTH, M, "Ts", 'i'},
    {"getDayOfYear", CEL_FN_DAY_OF_YEAR, M, "T", 'i'},
    {"getDayOfYear", CEL_FN_DAY_OF_YEAR, M, "Ts", 'i'},
    {"getDate", CEL_FN_DATE, M, "T", 'i'},
    {"getDate", CEL_FN_DATE, M, "Ts", 'i'},
    {"getDayOfMonth", CEL_FN_DAY_OF_MONTH, M, "T", 'i'},
    {"getDayOfMonth", CEL_FN_DAY_OF_MONTH, M, "Ts", 'i'},
    {"getDayOfWeek", CEL_FN_DAY_OF_WEEK, M, "T", 'i'},
    {"getDayOfWeek", CEL_FN_DAY_OF_WEEK, M, "Ts", 'i'},
    {"getHours", CEL_FN_HOURS, M, "T", 'i'},
    {"getHours", CEL_FN_HOURS, M, "Ts", 'i'},
    {"getHours", CEL_FN_HOURS, M, "D", 'i'},
    {"getMinutes", CEL_FN_MINUTES, M, "T", 'i'},
    {"getMinutes", CEL_FN_MINUTES, M, "Ts", 'i'},
    {"getMinutes", CEL_FN_MINUTES, M, "D", 'i'},
    {"getSeconds", CEL_FN_SECONDS, M, "T", 'i'},
    {"getSeconds", CEL_FN_SECONDS, M, "Ts", 'i'},
    {"getSeconds", CEL_FN_SECONDS, M, "D", 'i'},
    {"getMilliseconds", CEL_FN_MILLISECONDS, M, "T", 'i'},
    {"getMilliseconds", CEL_FN_MILLISECONDS, M, "Ts", 'i'},
    {"getMilliseconds", CEL_FN_MILLISECONDS, M, "D", 'i'},
    {"secret", CEL_FN_SECRET, G, "s", 'x'},
    {"_text", CEL_FN_TEXT, X, "x", 'x'},
    {"_text", CEL_FN_TEXT, X, "a", 's'},
    {"_segment", CEL_FN_SEGMENT, X, "a", 's'},
};
enum { ROWS = sizeof row / sizeof *row };

const struct cel_builtin *cel_builtin_row(unsigned i)
{
    return i < ROWS ? &row[i] : NULL;
}

unsigned cel_builtin_find(struct rc_sv name, unsigned style)
{
    for (unsigned i = 0; i < ROWS; i++)
        if ((row[i].style & style) && rc_sv_is(name, row[i].name)) return i;
    return UINT_MAX;
}
