/* cel_conformance FILE: runs cases of the language's conformance suite, one JSON object a line:
 *   {"file", "section", "name", "expr", "bindings"?: {NAME: VALUE}, "unchecked"?: true, "value": VALUE or
 *    "error": TEXT}
 * VALUE is tagged by its type: {"int": "42"}, {"list": [VALUE, …]}, {"map": [[KEY, VALUE], …]}, {"bytes": HEX}.
 * Prints every failure and then "N passed, N failed, N skipped". Exits 0, 1 where a case failed, 2 where a
 * line is no case, 77 where the file is absent. */
#include "base/limits.h"
#include "base/num.h"
#include "cel/cel.h"
#include "cel/time.h"
#include "codec/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LINE_MAX_BYTES = 1 << 20, ARENA_BYTES = 64 << 20, EXIT_MALFORMED = 2, EXIT_SKIPPED = 77 };

#define NO_ZONES "named time zones need a database of zones, which is I/O"

/* What is left out on purpose: an expression with this in it counts as skipped when compiling it answers "not
 * supported"; if it works it is judged like any other. */
static const struct {
    const char *part, *reason;
} exclusion[] = {
    {"matches(", "regular expressions are not part of the subset"},
    {"('Africa/", NO_ZONES},
    {"('America/", NO_ZONES},
    {"('Asia/", NO_ZONES},
    {"('Australia/", NO_ZONES},
    {"('Europe/", NO_ZONES},
    {"('Pacific/", NO_ZONES},
    {"('US/", NO_ZONES},
};

struct case_ {
    struct rc_arena *arena;
    struct cel_value json;
    struct cel_value expr, section, name;
    struct cel_field roots[RC_MAX_REFS];
    struct cel_value values[RC_MAX_REFS];
    uint32_t nroots;
    bool unchecked;
};

struct totals {
    unsigned passed, failed, skipped;
};

/* ---- tagged values ---- */

static bool read_tagged(struct rc_arena *arena, const struct cel_value *tagged, struct cel_value *ret);

static bool read_double(struct rc_sv text, double *ret)
{
    bool minus = text.n > 0 && text.p[0] == '-';
    struct rc_sv word = {text.p + minus, text.n - minus};
    if (rc_sv_is(word, "Infinity") || rc_sv_is(word, "inf")) {
        *ret = minus ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    *ret = (double)NAN;
    return rc_sv_is(word, "NaN") || rc_sv_is(word, "nan") || rc_parse_double(text, ret);
}

static bool read_hex(struct rc_arena *arena, struct rc_sv hex, struct cel_value *ret)
{
    char *bytes = rc_alloc_text(arena, hex.n / 2 + 1);
    if (!bytes || hex.n % 2) return false;
    for (uint32_t i = 0; i < hex.n / 2; i++) {
        char pair[3] = {hex.p[(size_t)2 * i], hex.p[(size_t)2 * i + 1], 0}, *end;
        bytes[i] = (char)strtoul(pair, &end, 16);
        if (*end) return false;
    }
    *ret = cel_string((struct rc_sv){bytes, hex.n / 2});
    ret->kind = CEL_BYTES;
    return true;
}

static bool read_items(struct rc_arena *arena, const struct cel_value *list, struct cel_value *ret)
{
    struct cel_value *items = RC_NEW_ARRAY(arena, struct cel_value, list->n + 1u);
    if (!items) return false;
    for (uint32_t i = 0; i < list->n; i++)
        if (!read_tagged(arena, &list->v.items[i], &items[i])) return false;
    *ret = (struct cel_value){.kind = CEL_LIST, .n = list->n, .v.items = items};
    return true;
}

static bool read_pairs(struct rc_arena *arena, const struct cel_value *list, struct cel_value *ret)
{
    struct cel_value *pairs = RC_NEW_ARRAY(arena, struct cel_value, (size_t)2 * (list->n + 1u));
    uint32_t bad;
    if (!pairs) return false;
    for (uint32_t i = 0; i < list->n; i++) {
        const struct cel_value *pair = &list->v.items[i];
        if (pair->kind != CEL_LIST || pair->n != 2 ||
            !read_tagged(arena, &pair->v.items[0], &pairs[(size_t)2 * i]) ||
            !read_tagged(arena, &pair->v.items[1], &pairs[(size_t)2 * i + 1]))
            return false;
    }
    if (!cel_map_sort(pairs, list->n, &bad)) return false;
    *ret = (struct cel_value){.kind = CEL_MAP, .n = list->n, .v.items = pairs};
    return true;
}

/* ["seconds", "nanoseconds"] or text. */
static bool read_time(const struct cel_value *from, enum cel_kind kind, struct cel_value *ret)
{
    int64_t seconds, fraction;
    if (from->kind == CEL_STRING)
        return kind == CEL_DURATION ? cel_parse_duration(cel_text(*from), ret)
                                    : cel_parse_timestamp(cel_text(*from), ret);
    if (from->kind != CEL_LIST || from->n != 2 || !rc_parse_i64(cel_text(from->v.items[0]), &seconds) ||
        !rc_parse_i64(cel_text(from->v.items[1]), &fraction))
        return false;
    *ret = (struct cel_value){.kind = (uint8_t)kind, .n = (uint32_t)(int32_t)fraction, .v.i = seconds};
    return true;
}

static bool read_tagged(struct rc_arena *arena, const struct cel_value *tagged, struct cel_value *ret)
{
    if (tagged->kind != CEL_MAP || tagged->n != 1) return false;
    struct rc_sv tag = cel_text(tagged->v.items[0]);
    const struct cel_value *value = &tagged->v.items[1];
    bool is_text = value->kind == CEL_STRING;
    struct rc_sv text = is_text ? cel_text(*value) : RC_SV("");
    *ret = *value;
    if (rc_sv_is(tag, "null")) return value->kind == CEL_NULL;
    if (rc_sv_is(tag, "bool")) return value->kind == CEL_BOOL;
    if (rc_sv_is(tag, "list")) return value->kind == CEL_LIST && read_items(arena, value, ret);
    if (rc_sv_is(tag, "map")) return value->kind == CEL_LIST && read_pairs(arena, value, ret);
    if (rc_sv_is(tag, "duration")) return read_time(value, CEL_DURATION, ret);
    if (rc_sv_is(tag, "timestamp")) return read_time(value, CEL_TIMESTAMP, ret);
    if (!is_text) return false;
    if (rc_sv_is(tag, "string")) return true;
    if (rc_sv_is(tag, "bytes")) return read_hex(arena, text, ret);
    ret->n = 0;
    ret->kind = CEL_INT;
    if (rc_sv_is(tag, "int")) return rc_parse_i64(text, &ret->v.i);
    ret->kind = CEL_UINT;
    if (rc_sv_is(tag, "uint")) return rc_parse_u64(text, &ret->v.u);
    ret->kind = CEL_DOUBLE;
    if (rc_sv_is(tag, "double")) return read_double(text, &ret->v.d);
    *ret = *value;
    ret->kind = CEL_TYPE;
    return rc_sv_is(tag, "type");
}

/* ---- one case ---- */

/* Same kind all the way down, unlike CEL's ==; NaN is NaN. */
static bool same(struct cel_value a, struct cel_value b)
{
    if (a.kind != b.kind) return false;
    if (a.kind == CEL_DOUBLE && isnan(a.v.d)) return isnan(b.v.d);
    if (a.kind == CEL_DOUBLE) return a.v.d == b.v.d && signbit(a.v.d) == signbit(b.v.d);
    if (a.kind != CEL_LIST && a.kind != CEL_MAP) return cel_equal(a, b);
    if (a.n != b.n) return false;
    for (uint32_t i = 0; i < (a.kind == CEL_MAP ? 2 * a.n : a.n); i++)
        if (!same(a.v.items[i], b.v.items[i])) return false;
    return true;
}

static bool read_case(struct case_ *c, struct rc_sv line, struct rc_error *err)
{
    if (rc_json_parse(line, c->arena, &c->json, err) != RC_OK) return false;
    const struct cel_value *expr = cel_map_get(&c->json, "expr"), *name = cel_map_get(&c->json, "name"),
                           *section = cel_map_get(&c->json, "section"),
                           *bindings = cel_map_get(&c->json, "bindings"),
                           *unchecked = cel_map_get(&c->json, "unchecked");
    rc_fail(err, RC_INVALID, "not a case");
    if (!expr || expr->kind != CEL_STRING) return false;
    c->expr = *expr;
    c->name = name && name->kind == CEL_STRING ? *name : cel_string(RC_SV("?"));
    c->section = section && section->kind == CEL_STRING ? *section : cel_string(RC_SV("?"));
    c->unchecked = unchecked && unchecked->kind == CEL_BOOL && unchecked->v.b;
    c->nroots = bindings && bindings->kind == CEL_MAP ? bindings->n : 0;
    if (c->nroots > RC_MAX_REFS) return false;
    for (uint32_t i = 0; i < c->nroots; i++) {
        c->roots[i] = (struct cel_field){cel_text(bindings->v.items[(size_t)2 * i]), &cel_dyn};
        if (!read_tagged(c->arena, &bindings->v.items[(size_t)2 * i + 1], &c->values[i])) return false;
    }
    return cel_map_get(&c->json, "value") || cel_map_get(&c->json, "error");
}

static enum rc_status run_case(struct case_ *c, struct cel_value *ret, struct rc_error *err)
{
    const struct cel_prog *prog;
    struct cel_scope scope = {.roots = c->roots, .nroots = c->nroots, .unchecked = c->unchecked};
    enum rc_status status = cel_compile(cel_text(c->expr), &scope, c->arena, &prog, err);
    if (status != RC_OK) return status;
    struct cel_env env = {.roots = c->values, .nroots = c->nroots};
    return cel_eval(prog, &env, c->arena, ret, err);
}

static const char *is_excluded(const struct case_ *c, enum rc_status status)
{
    for (size_t i = 0; status == RC_UNSUPPORTED && i < sizeof exclusion / sizeof *exclusion; i++)
        if (memmem(c->expr.v.text, c->expr.n, exclusion[i].part, strlen(exclusion[i].part)))
            return exclusion[i].reason;
    return NULL;
}

static void print_failure(struct case_ *c, const struct cel_value *wanted, enum rc_status status,
                          struct cel_value got, const struct rc_error *err)
{
    struct rc_buf text = rc_buf_in(c->arena, LINE_MAX_BYTES);
    rc_put_text(&text, "  expected ");
    if (wanted)
        cel_put_json(&text, *wanted);
    else
        rc_put_text(&text, "an error");
    rc_put_text(&text, "\n  came     ");
    if (status == RC_OK) {
        rc_put_format(&text, "{\"%s\": ", cel_kind_name((enum cel_kind)got.kind));
        cel_put_json(&text, got);
        rc_put_char(&text, '}');
    } else {
        rc_put_format(&text, "%s at %u:%u: %s", rc_status_slug(status), err->line, err->column, err->text);
    }
    printf("FAIL %.*s/%.*s: %.*s\n%.*s\n", RC_SV_ARG(cel_text(c->section)), RC_SV_ARG(cel_text(c->name)),
           RC_SV_ARG(cel_text(c->expr)), RC_SV_ARG(rc_buf_sv(&text)));
}

static bool judge(struct case_ *c, struct totals *totals, struct rc_error *err)
{
    const struct cel_value *wanted = cel_map_get(&c->json, "value");
    struct cel_value got = cel_null(), value;
    if (wanted && !read_tagged(c->arena, wanted, &value)) return false;
    enum rc_status status = run_case(c, &got, err);
    const char *reason = wanted ? is_excluded(c, status) : NULL;
    bool passed = wanted ? status == RC_OK && same(got, value) : status != RC_OK;
    if (reason)
        printf("SKIP %.*s: %s\n", RC_SV_ARG(cel_text(c->expr)), reason);
    else if (!passed)
        print_failure(c, wanted, status, got, err);
    totals->skipped += reason != NULL;
    totals->passed += !reason && passed;
    totals->failed += !reason && !passed;
    return true;
}

static bool is_blank(struct rc_sv line)
{
    for (uint32_t i = 0; i < line.n; i++)
        if (!strchr(" \t\r\n", line.p[i])) return false;
    return true;
}

static int run_file(FILE *file, struct rc_arena *arena, struct totals *totals)
{
    char *line = NULL;
    size_t room = 0;
    unsigned number = 0;
    int exit_code = 0;
    for (ssize_t n; exit_code == 0 && (n = getline(&line, &room, file)) >= 0;) {
        number++;
        struct rc_sv text = {line, (uint32_t)n};
        struct rc_error err = {.text = "not a tagged value"};
        if (n > LINE_MAX_BYTES || is_blank(text)) continue;
        rc_arena_reset(arena);
        struct case_ c = {.arena = arena};
        if (read_case(&c, text, &err) && judge(&c, totals, &err)) continue;
        (void)fprintf(stderr, "line %u: %s\n", number, err.text);
        exit_code = EXIT_MALFORMED;
    }
    free(line);
    return exit_code;
}

int main(int argc, char **argv)
{
    struct totals totals = {0};
    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s FILE\n", argv[0]);
        return EXIT_MALFORMED;
    }
    FILE *file = fopen(argv[1], "r");
    if (!file) {
        printf("skipped: %s: %s\n", argv[1], strerror(errno));
        return errno == ENOENT ? EXIT_SKIPPED : EXIT_MALFORMED;
    }
    struct rc_arena *arena = rc_arena_new(1 << 20, ARENA_BYTES);
    int exit_code = arena ? run_file(file, arena, &totals) : EXIT_MALFORMED;
    rc_arena_free(arena);
    (void)fclose(file);
    printf("%u passed, %u failed", totals.passed, totals.failed);
    if (totals.skipped) printf(", %u skipped", totals.skipped);
    printf("\n");
    return exit_code ? exit_code : totals.failed > 0;
}
