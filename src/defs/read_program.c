/* Programs: which may run and how, and what one is given. A program is named by a path that stands in the flow as it is, so that what
 * may run is known before anything runs; values reach it as arguments and on its stdin only. */
#include "defs/parts.h"
#include "defs/program.h"

#include "base/num.h"

/* ---- paths */

static bool read_path(struct defs_reader *r, const struct defs_node *node, struct rc_sv *ret)
{
    if (!defs_want(r, node, DEFS_SCALAR, "an absolute path")) return false;
    struct rc_sv text = node->text;
    if (!text.n || text.p[0] != '/')
        return defs_fail(r, node, RC_INVALID, "a path begins with '/': nothing is looked for in a PATH");
    if (text.n > RC_MAX_PROGRAM_PATH)
        return defs_fail(r, node, RC_LIMIT, "longer than %d bytes", RC_MAX_PROGRAM_PATH);
    if (memmem(text.p, text.n, "${", 2))
        return defs_fail(r, node, RC_INVALID,
                         "a path cannot hold ${…}: what may run stands in the definition");
    uint32_t segment = 1;
    for (uint32_t at = 1; at <= text.n; at++) {
        if (at < text.n && text.p[at] != '/') continue;
        struct rc_sv part = {text.p + segment, at - segment};
        if (rc_sv_is(part, ".") || rc_sv_is(part, "..") || (!part.n && text.n > 1))
            return defs_fail(r, node, RC_INVALID, "a path has no '.', '..' or empty segments");
        segment = at + 1;
    }
    *ret = defs_keep(r, text);
    return ret->p != NULL;
}

static bool read_programs(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct flow_program *program = target;
    if (!defs_want(r, node, DEFS_LIST, "a list of absolute paths")) return false;
    if (!node->n) return defs_fail(r, node, RC_INVALID, "name at least one program");
    if (node->n > RC_MAX_PROGRAMS)
        return defs_fail(r, node, RC_LIMIT, "more than %d programs", RC_MAX_PROGRAMS);
    struct rc_sv *path = RC_NEW_ARRAY(r->arena, struct rc_sv, node->n);
    if (!path) return defs_fail_arena(r, r->arena);
    bool ok = true;
    uint16_t n = 0;
    for (const struct defs_node *item = node->first; item; item = item->next, n++) {
        struct defs_place place = {.up = r->place, .item = true, .index = n};
        r->place = &place;
        ok &= read_path(r, item, &path[n]);
        r->place = place.up;
    }
    program->paths = path;
    program->npaths = n;
    return ok;
}

static bool read_directory(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    return read_path(r, node, target);
}

/* ---- the environment */

/* By these a variable would decide which code runs, whatever the operator has listed (ld.so(8), and the shells'). */
static bool loads_code(struct rc_sv name)
{
    static const char *const prefix[] = {"LD_", "GCONV_", "GLIBC_", "BASH_"};
    static const char *const whole[] = {"ENV",          "IFS",        "SHELLOPTS",        "BASHOPTS",
                                        "PYTHONPATH",   "PYTHONHOME", "PYTHONSTARTUP",    "PERL5LIB",
                                        "PERL5OPT",     "PERLLIB",    "RUBYLIB",          "RUBYOPT",
                                        "NODE_OPTIONS", "NODE_PATH",  "JAVA_TOOL_OPTIONS"};
    for (size_t i = 0; i < sizeof prefix / sizeof *prefix; i++)
        if (rc_sv_starts(name, rc_sv_of(prefix[i]))) return true;
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (rc_sv_is(name, whole[i])) return true;
    return false;
}

static bool check_variable(struct defs_reader *r, const struct defs_node *key)
{
    struct rc_sv name = key->text;
    bool ok = name.n > 0 && name.n <= RC_MAX_NAME && !(name.p[0] >= '0' && name.p[0] <= '9');
    for (uint32_t i = 0; i < name.n && ok; i++) {
        char c = name.p[i];
        ok = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    }
    if (!ok) return defs_fail(r, key, RC_INVALID, "'%.*s' cannot be the name of a variable", RC_SV_ARG(name));
    if (rc_sv_starts(name, RC_SV("RECOURSE_")) || rc_sv_is(name, "TRACEPARENT"))
        return defs_fail(r, key, RC_INVALID, "the variable '%.*s' is set by Recourse itself",
                         RC_SV_ARG(name));
    if (loads_code(name))
        return defs_fail(r, key, RC_INVALID,
                         "the variable '%.*s' can make a program run other code than its own",
                         RC_SV_ARG(name));
    return true;
}

static bool read_environment(struct defs_reader *r, const struct defs_node *node, void *target,
                             const void *arg)
{
    (void)arg;
    if (!defs_want(r, node, DEFS_MAP, "a map of names of variables to texts")) return false;
    if (node->n > RC_MAX_PROGRAM_ENV)
        return defs_fail(r, node, RC_LIMIT, "more than %d variables", RC_MAX_PROGRAM_ENV);
    const struct defs_reach reach = {.secrets = true}; /* the executor evaluates these without a command */
    struct rc_buf code = rc_buf_in(r->scratch, RC_MAX_EXPR);
    bool ok = true;
    rc_put_char(&code, '{');
    for (const struct defs_node *key = node->first; key; key = key->next) {
        struct defs_place place = {.up = r->place, .name = key->text};
        r->place = &place;
        if (key != node->first) rc_put_text(&code, ", ");
        ok &= check_variable(r, key) && defs_put_key(r, &code, key) &&
              defs_put_scalar(r, &code, key->value, DEFS_TEXT, reach);
        r->place = place.up;
    }
    rc_put_char(&code, '}');
    return ok && defs_compile(r, node, &code, reach, target);
}

/* ---- limits */

static bool read_size(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    static const char units[] = "KMG";
    if (!defs_want(r, node, DEFS_SCALAR, "a number of bytes")) return false;
    struct rc_sv text = node->text;
    const char *unit = text.n > 1 ? strchr(units, text.p[text.n - 1]) : NULL;
    unsigned shift = unit && *unit ? 10 * (unsigned)(unit - units + 1) : 0;
    if (shift) text.n--;
    uint64_t number;
    if (!rc_parse_u64(text, &number) || number < 1 || number > (1ull << 40) >> shift)
        return defs_fail(r, node, RC_INVALID,
                         "a size is a number of bytes (64K, 512M, 2G are understood) of at most 1024G");
    *(uint64_t *)target = number << shift;
    return true;
}

#define IN(member) offsetof(struct flow_dependency, member)
static const struct defs_range concurrent_range = {1, RC_MAX_CONCURRENT, false};
static const struct defs_range files_range = {16, 1 << 20, false};
static const struct defs_span_range cpu_range = {RC_SECONDS(1), RC_SECONDS(RC_MAX_TIMEOUT_S)};
static const struct defs_span_range grace_range = {0, RC_SECONDS(RC_MAX_GRACE_S)};
static const struct defs_field limits_field[] = {
    {"concurrent", DEFS_OPTIONAL, defs_read_count, IN(concurrent), &concurrent_range},
    {"per_second", DEFS_LATER, NULL, 0, NULL},
    {"memory", DEFS_OPTIONAL, read_size, IN(program.memory), NULL},
    {"file_size", DEFS_OPTIONAL, read_size, IN(program.file_size), NULL},
    {"cpu", DEFS_OPTIONAL, defs_read_span, IN(program.cpu), &cpu_range},
    {"open_files", DEFS_OPTIONAL, defs_read_count, IN(program.open_files), &files_range},
};
static const struct defs_table limits_table = DEFS_TABLE(limits_field);

static const struct defs_codes exit_codes = {0, 255, "exit code"};
static const struct defs_field program_field[] = {
    DEFS_DEPENDENCY_FIELDS(&exit_codes),
    {"programs", DEFS_REQUIRED, read_programs, IN(program), NULL},
    {"environment", DEFS_OPTIONAL, read_environment, IN(program.environment), NULL},
    {"directory", DEFS_OPTIONAL, read_directory, IN(program.directory), NULL},
    {"grace", DEFS_OPTIONAL, defs_read_span, IN(program.grace), &grace_range},
    {"limits", DEFS_OPTIONAL, defs_read_table, 0, &limits_table},
};
const struct defs_table defs_program_table = DEFS_TABLE(program_field);

/* ---- requests */

struct build {
    struct rc_buf code;
    struct rc_sv path;
    uint8_t output;
};

static bool read_program(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct build *build = target;
    if (!read_path(r, node, &build->path)) return false;
    rc_put_text(&build->code, "{\"program\": ");
    rc_put_json(&build->code, build->path);
    return true;
}

/* Each item is one argument, whatever its value holds. */
static bool read_args(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct build *build = target;
    if (!defs_want(r, node, DEFS_LIST, "a list of arguments")) return false;
    if (node->n > RC_MAX_PROGRAM_ARGS)
        return defs_fail(r, node, RC_LIMIT, "more than %d arguments", RC_MAX_PROGRAM_ARGS);
    bool ok = true;
    uint32_t i = 0;
    rc_put_text(&build->code, ", \"args\": [");
    for (const struct defs_node *item = node->first; item; item = item->next, i++) {
        struct defs_place place = {.up = r->place, .item = true, .index = i};
        r->place = &place;
        if (i) rc_put_text(&build->code, ", ");
        ok &= defs_put_scalar(r, &build->code, item, DEFS_TEXT, (struct defs_reach){.roots = r->roots});
        r->place = place.up;
    }
    rc_put_char(&build->code, ']');
    return ok;
}

static bool read_input(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct build *build = target;
    rc_put_text(&build->code, ", \"input\": ");
    return defs_put_tree(r, &build->code, node, (struct defs_reach){.roots = r->roots});
}

static const struct defs_word output_word[] = {{"text", 0}, {"json", 1}};
static const struct defs_words output_words = {output_word, 2};

static const struct defs_field request_field[] = {
    {"program", DEFS_REQUIRED, read_program, 0, NULL},
    {"args", DEFS_OPTIONAL, read_args, 0, NULL},
    {"input", DEFS_OPTIONAL, read_input, 0, NULL},
    {"output", DEFS_OPTIONAL, defs_read_word, offsetof(struct build, output), &output_words},
};
static const struct defs_table request_table = DEFS_TABLE(request_field);

bool defs_read_program_request(struct defs_reader *r, const struct defs_node *node, void *target,
                               const void *arg)
{
    (void)arg;
    struct defs_request *request = target;
    struct build build = {.code = rc_buf_in(r->scratch, RC_MAX_EXPR)};
    bool ok = defs_read_object(r, node, &request_table, &build);
    if (build.output) rc_put_text(&build.code, ", \"output\": \"json\"");
    rc_put_char(&build.code, '}');
    return ok && defs_add_ask(r, node, FLOW_DEP_PROGRAM, build.path) &&
           defs_add_site(r, node, &build.code, (struct defs_reach){.roots = r->roots}, &request->site);
}
