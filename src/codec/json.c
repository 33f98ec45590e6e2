/* JSON text to values, through jansson. jansson does the strict reading (UTF-8, duplicate keys, what stands
 * behind the value); its tree is then copied into cells and freed.
 *
 * jansson says of some texts that they are malformed where it got no memory. So its allocator is ours, over whatever it was before,
 * and notes for the thread that reads whether it was refused. Worse, where the text of a token cannot grow it goes on without a character, and may
 * stop the process over what is missing (2.14, load.c: lex_save, lex_scan_string). What that asks for, a power of two, is set aside before.
 *
 * jansson refuses whole numbers over 64 bits, where json.h promises a double. Such texts are rare: they are
 * read a second time with ".0" put behind each of these numbers. */
#include "codec/json.h"

#include "base/limits.h"
#include "base/num.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>

static json_malloc_t allocate; /* jansson's, before ours; written once */
static json_free_t release;    /* the same */
static _Thread_local bool refused_memory;
static _Thread_local struct {
    char *begin;
    size_t size, used;
} reserve;

static void *from_reserve(size_t n)
{
    bool grows = n >= 32 && (n & (n - 1)) == 0;
    if (!grows || n > reserve.size - reserve.used) return NULL;
    reserve.used += n;
    return reserve.begin + reserve.used - n;
}

static void *allocate_noting(size_t n)
{
    void *p = allocate(n);
    if (p) return p;
    refused_memory = true;
    return from_reserve(n);
}

static void release_other(void *p)
{
    if ((uintptr_t)p - (uintptr_t)reserve.begin >= reserve.size) release(p);
}

static void stand_between(void)
{
    json_get_alloc_funcs(&allocate, &release);
    json_set_alloc_funcs(allocate_noting, release_other);
}

/* For a text of n bytes, or the same with its numbers widened: a token doubles as it grows. */
static bool set_aside(size_t n)
{
    size_t size = 8 * (n + 1) + 64;
    reserve.begin = malloc(size);
    reserve.size = reserve.begin ? size : 0;
    reserve.used = 0;
    return reserve.begin;
}

static void give_back(void)
{
    free(reserve.begin);
    reserve.begin = NULL;
    reserve.size = 0;
}

struct reader {
    struct rc_arena *arena;
    char *text;     /* free room for text: all texts of a JSON text are together no longer than it */
    uint32_t cells; /* values so far */
};

static enum rc_status read_value(struct reader *, const json_t *, unsigned depth, struct cel_value *ret);

static struct rc_sv keep_text(struct reader *reader, const char *text, size_t n)
{
    struct rc_sv kept = {reader->text, (uint32_t)n};
    if (n) memcpy(reader->text, text, n);
    reader->text += n;
    return kept;
}

static enum rc_status read_array(struct reader *reader, const json_t *array, unsigned depth,
                                 struct cel_value *ret)
{
    size_t n = json_array_size(array);
    if (n > RC_MAX_JSON_CELLS) return RC_LIMIT;
    struct cel_value *items = rc_alloc(reader->arena, n * sizeof *items);
    if (!items) return rc_arena_status(reader->arena);
    for (size_t i = 0; i < n; i++) {
        enum rc_status status = read_value(reader, json_array_get(array, i), depth, &items[i]);
        if (status != RC_OK) return status;
    }
    *ret = (struct cel_value){.kind = CEL_LIST, .n = (uint32_t)n, .v.items = items};
    return RC_OK;
}

static enum rc_status read_object(struct reader *reader, json_t *object, unsigned depth,
                                  struct cel_value *ret)
{
    size_t n = json_object_size(object);
    if (n > RC_MAX_JSON_CELLS) return RC_LIMIT;
    struct cel_value *pairs = rc_alloc(reader->arena, n * 2 * sizeof *pairs), *pair = pairs;
    if (!pairs) return rc_arena_status(reader->arena);
    for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it), pair += 2) {
        pair[0] = cel_string(keep_text(reader, json_object_iter_key(it), json_object_iter_key_len(it)));
        enum rc_status status = read_value(reader, json_object_iter_value(it), depth, &pair[1]);
        if (status != RC_OK) return status;
    }
    uint32_t bad;
    if (!cel_map_sort(pairs, (uint32_t)n, &bad)) return RC_SYNTAX; /* jansson refused repeated keys already */
    *ret = (struct cel_value){.kind = CEL_MAP, .n = (uint32_t)n, .v.items = pairs};
    return RC_OK;
}

/* `depth` is how many more lists and objects may nest here. */
static enum rc_status read_value(struct reader *reader, const json_t *json, unsigned depth,
                                 struct cel_value *ret)
{
    if (++reader->cells > RC_MAX_JSON_CELLS) return RC_LIMIT;
    switch (json_typeof(json)) {
    case JSON_NULL: *ret = cel_null(); return RC_OK;
    case JSON_TRUE: *ret = cel_bool(true); return RC_OK;
    case JSON_FALSE: *ret = cel_bool(false); return RC_OK;
    case JSON_INTEGER: *ret = cel_int(json_integer_value(json)); return RC_OK;
    case JSON_REAL: *ret = cel_double(json_real_value(json)); return RC_OK;
    case JSON_STRING:
        *ret = cel_string(keep_text(reader, json_string_value(json), json_string_length(json)));
        return RC_OK;
    case JSON_ARRAY: return depth == 0 ? RC_LIMIT : read_array(reader, json, depth - 1, ret);
    case JSON_OBJECT:
        /* the iterators want a pointer that may be written through, and write nothing */
        return depth == 0 ? RC_LIMIT : read_object(reader, (json_t *)json, depth - 1, ret);
    }
    return RC_BUG;
}

/* ---- whole numbers that need a double ---- */

static bool is_digit(struct rc_sv text, uint32_t at)
{
    return at < text.n && text.p[at] >= '0' && text.p[at] <= '9';
}

/* Behind the string that starts at `at`. */
static uint32_t skip_string(struct rc_sv text, uint32_t at)
{
    for (at++; at < text.n && text.p[at] != '"'; at++)
        if (text.p[at] == '\\') at++;
    return at + 1;
}

/* Whether the digits in [from, at) are a whole number that does not fit into 64 bits. */
static bool is_too_wide(struct rc_sv text, uint32_t from, uint32_t at)
{
    enum { FITS = 18 };
    int64_t number;
    if (at - from <= FITS || (at < text.n && (text.p[at] == '.' || (text.p[at] | 0x20) == 'e'))) return false;
    if (from > 0 && text.p[from - 1] == '-') from--;
    /* a fraction's or an exponent's digits are none */
    if (from > 0 && strchr(".+eE", text.p[from - 1])) return false;
    return !rc_parse_i64((struct rc_sv){text.p + from, at - from}, &number);
}

/* The text with ".0" behind those numbers; p is NULL when out of memory. */
static struct rc_sv widen_numbers(struct rc_sv text, struct rc_arena *arena)
{
    enum { APART = 20 }; /* nineteen digits and a comma for each two bytes that are put in */
    char *wide = rc_alloc_text(arena, (size_t)text.n + (size_t)text.n / APART * 2 + 2);
    uint32_t n = 0, at = 0;
    if (!wide) return (struct rc_sv){0};
    while (at < text.n) {
        uint32_t from = at;
        if (text.p[at] == '"') {
            at = skip_string(text, at);
        } else {
            while (is_digit(text, at)) at++;
            at += at == from;
        }
        if (at > text.n) at = text.n;
        memcpy(wide + n, text.p + from, at - from);
        n += at - from;
        if (!is_digit(text, from) || !is_too_wide(text, from, at)) continue;
        wide[n++] = '.';
        wide[n++] = '0';
    }
    return (struct rc_sv){wide, n};
}

/* Moves an error's position from the wide text back to the text it was made from. */
static void narrow_position(struct rc_sv text, struct rc_sv wide, json_error_t *io_wrong)
{
    int on_this_line = 0;
    uint32_t end = io_wrong->position > 0 ? (uint32_t)io_wrong->position : 0;
    for (uint32_t i = 0, at = 0; i < wide.n && i < end; i++) {
        if (at < text.n && wide.p[i] == text.p[at]) {
            if (text.p[at++] == '\n') on_this_line = 0;
        } else {
            on_this_line++;
        }
    }
    io_wrong->column -= on_this_line;
}

/* ---- the whole text ---- */

static enum rc_status fail_syntax(struct rc_sv text, unsigned depth, const json_error_t *wrong,
                                  struct rc_error *err)
{
    enum json_error_code code = json_error_code(wrong);
    if (refused_memory || code == json_error_out_of_memory) return rc_fail(err, RC_NOMEM, "out of memory");
    if (code == json_error_stack_overflow)
        return rc_fail(err, RC_LIMIT, "the JSON text is nested deeper than %u", depth);
    bool empty = text.n == 0;
    enum rc_status status = rc_fail(err, RC_SYNTAX, "%s", empty ? "there is no JSON text" : wrong->text);
    rc_error_at(err, wrong->line > 0 ? (unsigned)wrong->line : 1,
                wrong->column > 0 ? (unsigned)wrong->column : 1);
    return status;
}

/* jansson overlooks a NUL behind a number; no JSON text has one anywhere. */
static enum rc_status fail_nul(struct rc_sv text, struct rc_error *err)
{
    unsigned line = 1, column = 1;
    for (uint32_t i = 0; text.p[i] != 0; i++) {
        column = text.p[i] == '\n' ? 1 : column + (((unsigned char)text.p[i] & 0xc0) != 0x80);
        line += text.p[i] == '\n';
    }
    rc_fail(err, RC_SYNTAX, "a NUL byte");
    rc_error_at(err, line, column);
    return RC_SYNTAX;
}

static json_t *load(struct rc_sv text, json_error_t *ret_wrong)
{
    return json_loadb(text.n ? text.p : "", text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL,
                      ret_wrong);
}

static enum rc_status fail_limit(const struct reader *reader, unsigned depth, enum rc_status status,
                                 struct rc_error *err)
{
    if (rc_arena_status(reader->arena) == status) return rc_fail_arena(err, reader->arena);
    if (status != RC_LIMIT) return rc_fail(err, status, "the JSON text cannot be read");
    if (reader->cells > RC_MAX_JSON_CELLS)
        return rc_fail(err, RC_LIMIT, "the JSON text has more than %d values", RC_MAX_JSON_CELLS);
    return rc_fail(err, RC_LIMIT, "the JSON text is nested deeper than %u", depth);
}

enum rc_status rc_json_parse(struct rc_sv text, struct rc_arena *arena, struct cel_value *ret_value,
                             struct rc_error *err)
{
    return rc_json_parse_within(text, RC_MAX_JSON_DEPTH, arena, ret_value, err);
}

static enum rc_status parse(struct rc_sv text, unsigned depth, struct rc_arena *arena,
                            struct cel_value *ret_value, struct rc_error *err)
{
    json_error_t wrong;
    json_t *json = load(text, &wrong);
    if (!json && !refused_memory && json_error_code(&wrong) == json_error_numeric_overflow) {
        struct rc_sv wide = widen_numbers(text, arena);
        if (!wide.p) return rc_fail_arena(err, arena);
        json = load(wide, &wrong);
        if (!json) narrow_position(text, wide, &wrong);
    }
    if (!json) return fail_syntax(text, depth, &wrong, err);
    if (refused_memory) { /* jansson 2.14 goes on with a text that it could not keep whole (load.c, lex_save) */
        json_decref(json);
        return rc_fail(err, RC_NOMEM, "out of memory");
    }
    struct reader reader = {.arena = arena, .text = rc_alloc_text(arena, text.n)};
    struct cel_value value;
    enum rc_status status = reader.text ? read_value(&reader, json, depth, &value) : rc_arena_status(arena);
    json_decref(json);
    if (status != RC_OK) return fail_limit(&reader, depth, status, err);
    *ret_value = value;
    return RC_OK;
}

enum rc_status rc_json_parse_within(struct rc_sv text, unsigned depth, struct rc_arena *arena,
                                    struct cel_value *ret_value, struct rc_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, stand_between);
    refused_memory = false;
    if (text.n > 0 && memchr(text.p, 0, text.n)) return fail_nul(text, err);
    if (!set_aside(text.n)) return rc_fail(err, RC_NOMEM, "out of memory");
    enum rc_status status = parse(text, depth, arena, ret_value, err);
    give_back();
    return status;
}
