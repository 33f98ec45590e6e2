/* Expressions: "OPTIONS\nSOURCE", and optionally a line "====" and a JSON value for the root `x`. OPTIONS is a digit: bit 0 unchecked,
 * bit 1 secrets, bit 2 internal. */
#include "fuzz.h"

#include "base/limits.h"
#include "cel/cel.h"
#include "codec/json.h"

enum { ROOTS = 9, X = 0, ABSENT = 8, COST_SMALL = 200 };

static const struct cel_type type_int = {.kind = CEL_T_INT}, type_string = {.kind = CEL_T_STRING},
                             type_double = {.kind = CEL_T_DOUBLE}, type_uint = {.kind = CEL_T_UINT},
                             type_bytes = {.kind = CEL_T_BYTES}, type_time = {.kind = CEL_T_TIMESTAMP},
                             type_span = {.kind = CEL_T_DURATION},
                             type_list = {.kind = CEL_T_LIST, .item = &type_string},
                             type_map = {.kind = CEL_T_MAP, .key = &type_string, .item = &type_int};
static const struct cel_field fields[] = {{{"title", 5}, &type_string}, {{"amount", 6}, &type_int},
                                          {{"ratio", 5}, &type_double}, {{"tags", 4}, &type_list},
                                          {{"counts", 6}, &type_map},   {{"extra", 5}, &cel_dyn}};
static const struct cel_type type_object = {
    .kind = CEL_T_OBJECT, .fields = fields, .nfields = sizeof fields / sizeof *fields};
static const struct cel_field roots[ROOTS] = {
    {{"x", 1}, &cel_dyn},   {{"payload", 7}, &type_object}, {{"a.b", 3}, &type_int},
    {{"u", 1}, &type_uint}, {{"bytes_", 6}, &type_bytes},   {{"t", 1}, &type_time},
    {{"d", 1}, &type_span}, {{"m", 1}, &type_map},          {{"absent", 6}, &type_string}};
static const char *const sources[ROOTS] = {
    "{'id': 7, 'list': [1, 2.5, 'x', null, true, [1]], 'map': {'a': {'b': -1}}, 'text': 'h\\u00e4\\n'}",
    "{'title': 'Hello', 'amount': 12, 'ratio': 0.5, 'tags': ['a', 'b'], 'counts': {'k': 1}, 'extra': [null]}",
    "42",
    "18446744073709551615u",
    "b'\\x00\\xff'",
    "timestamp('2024-02-29T23:59:59.999999999Z')",
    "duration('-90.5s')",
    "{'one': 1, 'two': 2}",
    NULL};

static struct cel_value value_of(const char *source)
{
    const struct cel_prog *prog;
    struct cel_value value = cel_null();
    struct rc_arena *arena = fuzz_forever();
    FUZZ_LAW(cel_compile(rc_sv_of(source), &(struct cel_scope){0}, arena, &prog, NULL) == RC_OK);
    FUZZ_LAW(cel_eval(prog, &(struct cel_env){0}, arena, &value, NULL) == RC_OK);
    return value;
}

/* Whether a value is of its static type. */
static bool conforms(struct cel_value value, const struct cel_type *type)
{
    static const uint8_t kind[] = {
        [CEL_T_NULL] = CEL_NULL,   [CEL_T_BOOL] = CEL_BOOL,         [CEL_T_INT] = CEL_INT,
        [CEL_T_UINT] = CEL_UINT,   [CEL_T_DOUBLE] = CEL_DOUBLE,     [CEL_T_STRING] = CEL_STRING,
        [CEL_T_BYTES] = CEL_BYTES, [CEL_T_DURATION] = CEL_DURATION, [CEL_T_TIMESTAMP] = CEL_TIMESTAMP,
        [CEL_T_TYPE] = CEL_TYPE,   [CEL_T_SECRET] = CEL_SECRET,     [CEL_T_LIST] = CEL_LIST,
        [CEL_T_MAP] = CEL_MAP,     [CEL_T_OBJECT] = CEL_MAP};
    if (!type || type->kind == CEL_T_DYN) return true;
    if (value.kind != kind[type->kind]) return false;
    for (uint32_t i = 0; value.kind == CEL_LIST && i < value.n; i++)
        if (!conforms(value.v.items[i], type->item)) return false;
    for (uint32_t i = 0; type->kind == CEL_T_MAP && i < value.n; i++)
        if (!conforms(value.v.items[2 * i], type->key) || !conforms(value.v.items[2 * i + 1], type->item))
            return false;
    for (uint32_t i = 0; type->kind == CEL_T_OBJECT && i < type->nfields; i++) {
        struct cel_value name = cel_string(type->fields[i].name);
        const struct cel_value *field = cel_map_find(&value, name);
        if (field && !conforms(*field, type->fields[i].type)) return false;
    }
    return true;
}

/* Equality is the same from both sides, and what is equal hashes alike, but for numbers that a double rounds. */
static bool small(struct cel_value value)
{
    static const double most = 9007199254740992.0;
    uint32_t cells = value.kind == CEL_LIST ? value.n : value.kind == CEL_MAP ? 2 * value.n : 0;
    for (uint32_t i = 0; i < cells; i++)
        if (!small(value.v.items[i])) return false;
    if (value.kind == CEL_INT) return value.v.i < (int64_t)most && value.v.i > -(int64_t)most;
    if (value.kind == CEL_UINT) return value.v.u < (uint64_t)most;
    return true;
}

static void pair_laws(struct cel_value a, struct cel_value b)
{
    struct rc_sha256 sha_a, sha_b;
    FUZZ_LAW(cel_equal(a, b) == cel_equal(b, a));
    if (!cel_equal(a, b) || !small(a) || !small(b)) return;
    rc_sha256_init(&sha_a);
    rc_sha256_init(&sha_b);
    cel_hash(a, &sha_a);
    cel_hash(b, &sha_b);
    FUZZ_LAW(rc_h128_eq(rc_sha256_h128(&sha_a), rc_sha256_h128(&sha_b)));
}

static bool has_uint(struct cel_value value)
{
    uint32_t cells = value.kind == CEL_LIST ? value.n : value.kind == CEL_MAP ? 2 * value.n : 0;
    for (uint32_t i = 0; i < cells; i++)
        if (has_uint(value.v.items[i])) return true;
    return value.kind == CEL_UINT;
}

/* Two readers of the same text: the JSON of a value is an expression, too, and it comes to that value. A uint has another spelling. */
static void literal_laws(struct cel_value value, struct rc_arena *arena)
{
    static const struct cel_scope scope = {.unchecked = true};
    const struct cel_prog *prog = NULL;
    struct cel_value again = cel_null();
    struct rc_buf text = rc_buf_in(arena, 1 << 20);
    if (cel_not_json(value) || has_uint(value)) return;
    cel_put_json(&text, value);
    if (text.status != RC_OK) return;
    enum rc_status status = cel_compile(rc_buf_sv(&text), &scope, arena, &prog, NULL);
    if (status == RC_OK) status = cel_eval(prog, &(struct cel_env){0}, arena, &again, NULL);
    if (status == RC_LIMIT || rc_arena_status(arena) != RC_OK) return;
    FUZZ_LAW(status == RC_OK && fuzz_same(value, again));
}

static void result_laws(struct cel_value value, const struct cel_type *type, struct rc_arena *arena)
{
    FUZZ_LAW(conforms(value, type));
    fuzz_value_laws(value, arena);
    literal_laws(value, arena);
    uint32_t n = value.kind == CEL_LIST ? value.n : 0;
    for (uint32_t i = 0; i < n && i < 6; i++)
        for (uint32_t k = 0; k < i; k++) pair_laws(value.v.items[i], value.v.items[k]);
}

/* The same program with less: what it does not read, and less to spend. */
static void less_laws(const struct cel_prog *prog, const struct cel_value *values, enum rc_status status,
                      struct cel_value value, struct rc_arena *arena)
{
    struct cel_value some[ROOTS], again = cel_null();
    for (uint32_t i = 0; i < ROOTS; i++)
        some[i] = cel_prog_reads(prog, i) ? values[i] : (struct cel_value){.kind = CEL_UNKNOWN};
    struct cel_env env = {.roots = some, .nroots = ROOTS};
    enum rc_status second = cel_eval(prog, &env, arena, &again, NULL);
    if (rc_arena_status(arena) != RC_OK) return;
    FUZZ_LAW(second == status);
    if (status == RC_OK) FUZZ_LAW(fuzz_same(value, again));
    env.cost_limit = COST_SMALL;
    second = cel_eval(prog, &env, arena, &again, NULL);
    if (rc_arena_status(arena) != RC_OK) return;
    FUZZ_LAW(second == status || second == RC_LIMIT);
    if (second == RC_OK) FUZZ_LAW(fuzz_same(value, again));
}

static enum rc_status compile(struct rc_sv source, const struct cel_scope *scope, struct rc_arena *arena,
                              const struct cel_prog **ret)
{
    struct rc_error err = {0};
    enum rc_status status = cel_compile(source, scope, arena, ret, &err);
    if (status == RC_OK) return RC_OK;
    FUZZ_LAW(status == err.status && err.text[0]);
    FUZZ_LAW(status == RC_SYNTAX || status == RC_INVALID || status == RC_UNSUPPORTED || status == RC_LIMIT ||
             status == RC_NOMEM);
    if (status != RC_LIMIT && status != RC_NOMEM) FUZZ_LAW(err.line >= 1 && err.column >= 1);
    return status;
}

/* What passes the checker gives the same without it. */
static void unchecked_laws(struct rc_sv source, struct cel_scope scope, const struct cel_env *env,
                           enum rc_status status, struct cel_value value, struct rc_arena *arena)
{
    const struct cel_prog *prog;
    struct cel_value again = cel_null();
    scope.unchecked = true;
    enum rc_status compiled = compile(source, &scope, arena, &prog);
    if (rc_arena_status(arena) != RC_OK) return;
    FUZZ_LAW(compiled == RC_OK);
    enum rc_status second = cel_eval(prog, env, arena, &again, NULL);
    if (rc_arena_status(arena) != RC_OK) return;
    FUZZ_LAW(second == status);
    if (status == RC_OK) FUZZ_LAW(fuzz_same(value, again));
}

static void eval(const struct cel_prog *prog, struct cel_scope scope, const struct cel_value *values,
                 struct rc_arena *arena)
{
    struct cel_env env = {.roots = values, .nroots = ROOTS};
    struct cel_value value = cel_null();
    struct rc_error err = {0};
    struct rc_arena *own = rc_arena_new(0, RC_MAX_EVAL_BYTES);
    FUZZ_LAW(own != NULL);
    enum rc_status status = cel_eval(prog, &env, own, &value, &err);
    FUZZ_LAW(status == RC_OK || status == RC_EVAL || status == RC_LIMIT || status == RC_NOMEM);
    FUZZ_LAW(status == RC_OK || (status == err.status && err.text[0]));
    if (status == RC_EVAL) FUZZ_LAW(err.line >= 1 && err.column >= 1);
    if (status == RC_OK) result_laws(value, cel_prog_type(prog), arena);
    if (rc_arena_status(own) == RC_OK) {
        less_laws(prog, values, status, value, arena);
        if (!scope.unchecked) unchecked_laws(cel_prog_source(prog), scope, &env, status, value, arena);
    }
    rc_arena_free(own);
}

void fuzz_input(struct rc_sv input, struct rc_arena *arena)
{
    static struct cel_value given[ROOTS];
    if (!given[1].kind)
        for (uint32_t i = 0; i < ROOTS; i++)
            given[i] = sources[i] ? value_of(sources[i]) : (struct cel_value){.kind = CEL_UNKNOWN};
    struct rc_sv options = fuzz_line(&input), source = fuzz_part(&input, "====");
    if (source.n && source.p[source.n - 1] == '\n') source.n--;
    unsigned bits = options.n ? (unsigned char)options.p[0] : 0u;
    struct cel_scope scope = {.roots = roots,
                              .nroots = ROOTS,
                              .unchecked = bits & 1,
                              .secrets = (bits & 2) != 0,
                              .internal = (bits & 4) != 0};
    const struct cel_prog *prog, *again;
    struct cel_value values[ROOTS];
    memcpy(values, given, sizeof values);
    if (input.n && rc_json_parse(input, arena, &values[X], NULL) != RC_OK) values[X] = given[X];
    if (compile(source, &scope, arena, &prog) != RC_OK) return;
    FUZZ_LAW(rc_sv_eq(cel_prog_source(prog), source));
    FUZZ_LAW(compile(cel_prog_source(prog), &scope, arena, &again) == RC_OK ||
             rc_arena_status(arena) != RC_OK);
    if (rc_arena_status(arena) != RC_OK) return;
    FUZZ_LAW(rc_sv_eq(cel_type_text(cel_prog_type(prog), arena), cel_type_text(cel_prog_type(again), arena)));
    eval(prog, scope, values, arena);
}
