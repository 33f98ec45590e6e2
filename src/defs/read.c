/* The driver of the field tables, and the readers of simple fields. */
#include "defs/read.h"

#include "base/near.h"
#include "base/num.h"

#include <stdio.h>

/* ---- places and errors */

static void put_part(char *text, uint32_t *n, struct rc_sv part)
{
    for (uint32_t i = 0; i < part.n && *n + 2 < RC_ERROR_POINTER; i++) {
        bool escape = part.p[i] == '~' || part.p[i] == '/';
        if (escape) text[(*n)++] = '~';
        text[(*n)++] = part.p[i] == '~' ? '0' : part.p[i] == '/' ? '1' : part.p[i];
    }
}

/* JSON pointer (RFC 6901), cut where it is too long. Recursion is bounded by the nesting of YAML. */
static void put_pointer(const struct defs_place *place, char *text, uint32_t *n)
{
    if (!place) return;
    put_pointer(place->up, text, n);
    if (*n + 2 >= RC_ERROR_POINTER) return;
    text[(*n)++] = '/';
    char digits[RC_NUM_TEXT];
    put_part(text, n,
             place->item ? (struct rc_sv){digits, rc_format_u64(place->index, digits)} : place->name);
}

static void put_place(const struct defs_place *place, struct rc_buf *buf)
{
    if (!place) return;
    put_place(place->up, buf);
    if (buf->n) rc_put_char(buf, '.');
    if (place->item && !place->name.n)
        rc_put_u64(buf, place->index);
    else
        rc_put(buf, place->name);
}

struct rc_sv defs_place_text(struct defs_reader *r)
{
    struct rc_buf buf = rc_buf_in(r->arena, RC_MAX_BODY);
    put_place(r->place, &buf);
    return rc_buf_sv(&buf);
}

static void say(struct defs_reader *r, uint32_t byte, enum rc_status status, const char *format, va_list args)
{
    char pointer[RC_ERROR_POINTER];
    uint32_t n = 0;
    put_pointer(r->place, pointer, &n);
    pointer[n] = 0;
    defs_add_error(r->errors, r->source, byte, status, pointer, format, args);
}

void defs_say(struct defs_reader *r, const struct defs_node *node, enum rc_status status, const char *format,
              ...)
{
    va_list args;
    va_start(args, format);
    say(r, node->at, status, format, args);
    va_end(args);
}

void defs_say_byte(struct defs_reader *r, uint32_t byte, enum rc_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(r, byte, status, format, args);
    va_end(args);
}

void defs_say_arena(struct defs_reader *r, const struct rc_arena *arena)
{
    defs_add_error_of_arena(r->errors, r->source, arena);
}

bool defs_is_full(const struct defs_reader *r)
{
    return r->errors->n == RC_MAX_DEF_ERRORS;
}

const char *defs_node_text(const struct defs_node *node)
{
    if (node->kind == DEFS_MAP) return "a map";
    if (node->kind == DEFS_LIST) return "a list";
    switch (defs_scalar_of(node).kind) {
    case DEFS_IS_TEXT: return "text";
    case DEFS_IS_NULL: return "nothing";
    case DEFS_IS_BOOL: return "true or false";
    case DEFS_IS_INT:
    case DEFS_IS_DOUBLE:
    case DEFS_IS_UNCLEAR: break;
    }
    return "a number";
}

bool defs_want(struct defs_reader *r, const struct defs_node *node, enum defs_node_kind kind,
               const char *what)
{
    if (node->kind == kind) return true;
    return defs_fail(r, node, RC_INVALID, "must be %s, not %s", what, defs_node_text(node));
}

struct rc_sv defs_keep(struct defs_reader *r, struct rc_sv text)
{
    struct rc_sv copy = rc_copy_sv(r->arena, text);
    if (!copy.p) defs_say_arena(r, r->arena);
    return copy;
}

struct defs_hint defs_hint(struct rc_sv best)
{
    struct defs_hint hint = {""};
    if (best.p) snprintf(hint.text, sizeof hint.text, "; did you mean '%.*s'?", RC_SV_ARG(best));
    return hint;
}

/* ---- objects */

static const struct defs_field *field_of(const struct defs_table *table, struct rc_sv name)
{
    for (size_t i = 0; i < table->n; i++)
        if (rc_sv_is(name, table->field[i].name)) return &table->field[i];
    return NULL;
}

/* The field of something else that might stand here. */
static bool refuse_of_kin(struct defs_reader *r, const struct defs_node *key, const struct defs_table *table)
{
    char list[96];
    int n = 0;
    for (size_t i = 0; i < table->nkin; i++)
        if (field_of(&table->kin[i], key->text) && n >= 0 && (size_t)n < sizeof list)
            n += snprintf(list + n, sizeof list - (size_t)n, "%s'%s'", n ? ", " : "", table->kin[i].name);
    if (!n) return false;
    defs_say(r, key, RC_INVALID, "'%.*s' is no field of a step with '%s', but of one with %s",
             RC_SV_ARG(key->text), table->name, list);
    return true;
}

static bool refuse_unknown(struct defs_reader *r, const struct defs_node *key, const struct defs_table *table)
{
    struct rc_near near = {.wanted = key->text};
    if (refuse_of_kin(r, key, table)) return false;
    for (size_t i = 0; i < table->n && !defs_is_full(r); i++)
        if (table->field[i].need != DEFS_LATER) rc_near_try(&near, rc_sv_of(table->field[i].name));
    return defs_fail(r, key, RC_INVALID, "unknown field '%.*s'%s", RC_SV_ARG(key->text),
                     defs_hint(near.best).text);
}

static bool check_keys(struct defs_reader *r, const struct defs_node *map, const struct defs_table *table,
                       bool *ret_later)
{
    bool ok = true;
    for (const struct defs_node *key = map->first; key; key = key->next) {
        const struct defs_field *field = field_of(table, key->text);
        struct defs_place place = {.up = r->place, .name = key->text};
        r->place = &place;
        if (!field) {
            ok = refuse_unknown(r, key, table);
        } else if (field->need == DEFS_LATER) {
            *ret_later = true;
            ok =
                defs_fail(r, key, RC_UNSUPPORTED, "field '%s' is not supported in this version", field->name);
        }
        r->place = place.up;
    }
    return ok;
}

bool defs_read_object(struct defs_reader *r, const struct defs_node *map, const struct defs_table *table,
                      void *object)
{
    if (!defs_want(r, map, DEFS_MAP, "a map of fields")) return false;
    bool later = false, ok = check_keys(r, map, table, &later);
    for (size_t i = 0; i < table->n; i++) {
        const struct defs_field *field = &table->field[i];
        const struct defs_node *key = defs_node_key(map, field->name);
        if (!key && field->need == DEFS_REQUIRED && !later)
            ok = defs_fail(r, map, RC_INVALID, "'%s' is missing", field->name);
        if (!key || !field->read) continue;
        struct defs_place place = {.up = r->place, .name = rc_sv_of(field->name)};
        r->place = &place;
        ok &= field->read(r, key->value, (char *)object + field->offset, field->arg);
        r->place = place.up;
    }
    return ok;
}

bool defs_read_table(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    return defs_read_object(r, node, arg, target);
}

/* ---- simple fields */

static bool want_text(struct defs_reader *r, const struct defs_node *node)
{
    if (!defs_want(r, node, DEFS_SCALAR, "text")) return false;
    if (defs_scalar_of(node).kind != DEFS_IS_NULL) return true;
    return defs_fail(r, node, RC_INVALID, "must be text, not nothing");
}

bool defs_read_text(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    if (!want_text(r, node)) return false;
    struct rc_sv copy = defs_keep(r, node->text);
    if (copy.p) *(struct rc_sv *)target = copy;
    return copy.p != NULL;
}

bool defs_read_ignored(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)target;
    (void)arg;
    return want_text(r, node);
}

/* Letters that a name may begin with, and those that may follow. */
static bool is_made_of(struct rc_sv text, const char *first, const char *rest)
{
    for (uint32_t i = 0; i < text.n; i++)
        if (!text.p[i] || !strchr(i ? rest : first, text.p[i])) return false;
    return text.n > 0;
}

static bool read_word_of(struct defs_reader *r, const struct defs_node *node, struct rc_sv *target, bool fits,
                         const char *rule)
{
    if (!want_text(r, node)) return false;
    if (!fits)
        return defs_fail(r, node, RC_INVALID, "'%.*s' is no name here: it must be %s", RC_SV_ARG(node->text),
                         rule);
    if (node->text.n > RC_MAX_NAME)
        return defs_fail(r, node, RC_LIMIT, "a name has at most %d bytes", RC_MAX_NAME);
    struct rc_sv copy = defs_keep(r, node->text);
    if (copy.p) *target = copy;
    return copy.p != NULL;
}

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"

bool defs_read_name(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    return read_word_of(r, node, target, is_made_of(node->text, LOWER, LOWER DIGIT "_.-"),
                        "a small letter, then small letters, digits, '_', '.' and '-'");
}

/* Words that expressions could not select by: they mean something of their own. */
static bool is_reserved(struct rc_sv text)
{
    return rc_sv_is(text, "in") || rc_sv_is(text, "true") || rc_sv_is(text, "false") ||
           rc_sv_is(text, "null");
}

bool defs_read_id(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    bool fits = is_made_of(node->text, LOWER, LOWER DIGIT "_") && !is_reserved(node->text);
    return read_word_of(
        r, node, target, fits,
        "a small letter, then small letters, digits and '_', and not in, true, false or null");
}

bool defs_read_variable(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    bool fits = is_made_of(node->text, LOWER UPPER "_", LOWER UPPER DIGIT "_") && !is_reserved(node->text);
    return read_word_of(r, node, target, fits,
                        "a letter or '_', then letters, digits and '_', and not in, true, false or null");
}

bool defs_read_bool(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct defs_scalar scalar = {0};
    if (node->kind == DEFS_SCALAR) scalar = defs_scalar_of(node);
    if (scalar.kind == DEFS_IS_BOOL) {
        *(bool *)target = scalar.b;
        return true;
    }
    if (node->kind == DEFS_SCALAR && node->text.n)
        return defs_fail(r, node, RC_INVALID, "must be true or false (without quotes), not '%.*s'",
                         RC_SV_ARG(node->text));
    return defs_fail(r, node, RC_INVALID, "must be true or false, not %s", defs_node_text(node));
}

bool defs_read_span(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    static const struct defs_span_range any = {0, RC_SECONDS(86400u) * RC_MAX_SPAN_DAYS};
    const struct defs_span_range *range = arg ? arg : &any;
    rc_us span;
    if (!defs_want(r, node, DEFS_SCALAR, "a span of time like 30s, 5m or 1h30m")) return false;
    if (!rc_parse_span(node->text, &span))
        return defs_fail(
            r, node, RC_INVALID,
            "'%.*s' is no span of time: write a number and us, ms, s, m, h or d, like 30s or 1h30m",
            RC_SV_ARG(node->text));
    char limit[RC_SPAN_TEXT];
    rc_format_span(span < range->min ? range->min : range->max, limit);
    if (span < range->min) return defs_fail(r, node, RC_INVALID, "must be at least %s", limit);
    if (span > range->max) return defs_fail(r, node, RC_LIMIT, "must be at most %s", limit);
    *(rc_us *)target = span;
    return true;
}

bool defs_read_count(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    const struct defs_range *range = arg;
    struct defs_scalar scalar = {0};
    if (node->kind == DEFS_SCALAR) scalar = defs_scalar_of(node);
    if (scalar.kind != DEFS_IS_INT)
        return defs_fail(r, node, RC_INVALID, "must be a whole number from %u to %u, not %s", range->min,
                         range->max, defs_node_text(node));
    if (scalar.i < range->min || scalar.i > range->max)
        return defs_fail(r, node, scalar.i > range->max ? RC_LIMIT : RC_INVALID,
                         "must be from %u to %u, not %lld", range->min, range->max, (long long)scalar.i);
    if (range->narrow)
        *(uint16_t *)target = (uint16_t)scalar.i;
    else
        *(uint32_t *)target = (uint32_t)scalar.i;
    return true;
}

bool defs_read_word(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    const struct defs_words *words = arg;
    if (!want_text(r, node)) return false;
    struct rc_near near = {.wanted = node->text};
    char list[128];
    int n = 0;
    for (size_t i = 0; i < words->n; i++) {
        const struct defs_word *word = &words->word[i];
        if (rc_sv_is(node->text, word->name) && word->value >= 0) {
            *(uint8_t *)target = (uint8_t)word->value;
            return true;
        }
        if (rc_sv_is(node->text, word->name))
            return defs_fail(r, node, RC_UNSUPPORTED, "'%s' is not supported in this version", word->name);
        if (word->value < 0) continue;
        rc_near_try(&near, rc_sv_of(word->name));
        if (n >= 0 && (size_t)n < sizeof list)
            n += snprintf(list + n, sizeof list - (size_t)n, "%s%s", n ? ", " : "", word->name);
    }
    return defs_fail(r, node, RC_INVALID, "'%.*s' is none of %s%s", RC_SV_ARG(node->text), list,
                     defs_hint(near.best).text);
}
