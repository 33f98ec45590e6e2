/* The library's events to a tree, without recursion. What YAML offers beyond trees of text (anchors, tags,
 * merge keys) is refused here, so that one text has one meaning and costs no more than its length. */
#include "defs/yaml.h"

#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

struct open { /* a map or list whose end has not been seen */
    struct defs_node *node, *last;
    struct defs_node *key; /* of a map: has no value yet */
};

struct builder {
    yaml_parser_t parser;
    const struct defs_source *source;
    struct rc_arena *arena;
    struct defs_errors *errors;
    struct open stack[RC_MAX_DEF_DEPTH];
    unsigned depth;
    uint32_t nodes;
    struct defs_document *document, *last; /* first and newest */
    const struct defs_document **ret;
    bool bad;
};

static uint32_t byte_of(const struct builder *b, yaml_mark_t mark)
{
    return defs_source_byte(b->source, mark.index);
}

#define REFUSE(b, at, status, ...)                                                                           \
    ((b)->bad = true, defs_add_error_at((b)->errors, (b)->source, at, status, __VA_ARGS__))

/* ---- one node */

static struct defs_node *new_node(struct builder *b, const yaml_event_t *event, enum defs_node_kind kind)
{
    uint32_t at = byte_of(b, event->start_mark);
    if (++b->nodes > RC_MAX_DEF_CELLS) {
        defs_add_error_at(b->errors, b->source, at, RC_LIMIT, "the file has more than %d values",
                          RC_MAX_DEF_CELLS);
        return NULL;
    }
    struct defs_node *node = RC_NEW(b->arena, struct defs_node);
    if (!node) {
        defs_add_error_of_arena(b->errors, b->source, b->arena);
        return NULL;
    }
    node->kind = (uint8_t)kind;
    node->at = at;
    node->end = byte_of(b, event->end_mark);
    return node;
}

static void refuse_decoration(struct builder *b, uint32_t at, const yaml_char_t *anchor,
                              const yaml_char_t *tag)
{
    if (anchor)
        REFUSE(b, at, RC_SYNTAX, "anchors are not allowed ('&%.64s'): write the value where it is used",
               (const char *)anchor);
    if (tag)
        REFUSE(b, at, RC_SYNTAX, "tags are not allowed ('%.64s'): quote the value to make it text",
               (const char *)tag);
}

/* Puts a finished or just opened node where it belongs. */
static bool place(struct builder *b, struct defs_node *node)
{
    if (b->depth == 0) {
        b->last->root = node;
        return true;
    }
    struct open *top = &b->stack[b->depth - 1];
    if (top->node->kind == DEFS_MAP && top->key) {
        top->key->value = node;
        top->key = NULL;
        return true;
    }
    if (top->node->kind == DEFS_MAP) {
        if (node->kind != DEFS_SCALAR)
            REFUSE(b, node->at, RC_SYNTAX, "a key must be text");
        else if (node->text.n == 0)
            REFUSE(b, node->at, RC_SYNTAX, "a key is empty");
        else if (node->style == DEFS_PLAIN && rc_sv_is(node->text, "<<"))
            REFUSE(b, node->at, RC_SYNTAX,
                   "merge keys are not allowed: write the fields where they are used");
        top->key = node;
    }
    if (top->last)
        top->last->next = node;
    else
        top->node->first = node;
    top->last = node;
    top->node->n++;
    return true;
}

static bool add_scalar(struct builder *b, const yaml_event_t *event)
{
    struct defs_node *node = new_node(b, event, DEFS_SCALAR);
    if (!node) return false;
    refuse_decoration(b, node->at, event->data.scalar.anchor, event->data.scalar.tag);
    struct rc_sv text = {(const char *)event->data.scalar.value, (uint32_t)event->data.scalar.length};
    node->text = rc_copy_sv(b->arena, text);
    if (!node->text.p) return defs_complain_arena(b->errors, b->source, b->arena);
    if (!rc_utf8_valid(text) || memchr(text.p, 0, text.n))
        REFUSE(b, node->at, RC_SYNTAX, "an escape stands for no character that text may have");
    switch (event->data.scalar.style) {
    case YAML_SINGLE_QUOTED_SCALAR_STYLE: node->style = DEFS_SINGLE; break;
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE: node->style = DEFS_DOUBLE; break;
    case YAML_LITERAL_SCALAR_STYLE:
    case YAML_FOLDED_SCALAR_STYLE: node->style = DEFS_BLOCK; break;
    case YAML_ANY_SCALAR_STYLE:
    case YAML_PLAIN_SCALAR_STYLE: node->style = DEFS_PLAIN; break;
    }
    return place(b, node);
}

static bool open_node(struct builder *b, const yaml_event_t *event, enum defs_node_kind kind)
{
    struct defs_node *node = new_node(b, event, kind);
    if (!node) return false;
    if (b->depth == RC_MAX_DEF_DEPTH)
        return defs_complain_at(b->errors, b->source, node->at, RC_LIMIT, "nested deeper than %d levels",
                                RC_MAX_DEF_DEPTH);
    if (kind == DEFS_MAP)
        refuse_decoration(b, node->at, event->data.mapping_start.anchor, event->data.mapping_start.tag);
    else
        refuse_decoration(b, node->at, event->data.sequence_start.anchor, event->data.sequence_start.tag);
    if (!place(b, node)) return false;
    b->stack[b->depth++] = (struct open){.node = node};
    return true;
}

/* An alias is refused; null stands in for it, so that reading can go on. */
static bool add_alias(struct builder *b, const yaml_event_t *event)
{
    struct defs_node *node = new_node(b, event, DEFS_SCALAR);
    if (!node) return false;
    REFUSE(b, node->at, RC_SYNTAX, "aliases are not allowed ('*%.64s'): write the value where it is used",
           (const char *)event->data.alias.anchor);
    node->text = RC_SV("*");
    return place(b, node);
}

static int by_text(const void *a, const void *b)
{
    const struct defs_node *x = *(const struct defs_node *const *)a, *y = *(const struct defs_node *const *)b;
    int c = rc_sv_cmp(x->text, y->text);
    return c ? c : (x->at > y->at) - (x->at < y->at);
}

static bool close_node(struct builder *b)
{
    const struct defs_node *node = b->stack[--b->depth].node;
    if (node->kind != DEFS_MAP || node->n < 2) return true;
    const struct defs_node **key = rc_alloc(b->arena, node->n * sizeof *key);
    if (!key) return defs_complain_arena(b->errors, b->source, b->arena);
    uint32_t n = 0;
    for (const struct defs_node *k = node->first; k; k = k->next) key[n++] = k;
    qsort(key, n, sizeof *key, by_text);
    for (uint32_t i = 1; i < n; i++) {
        if (!rc_sv_eq(key[i - 1]->text, key[i]->text)) continue;
        struct defs_position first = defs_source_position(b->source, key[i - 1]->at);
        REFUSE(b, key[i]->at, RC_SYNTAX, "'%.*s' is here twice; the first one is at line %u, column %u",
               RC_SV_ARG(key[i]->text), first.line, first.column);
    }
    return true;
}

/* ---- documents */

static bool open_document(struct builder *b, const yaml_event_t *event)
{
    uint32_t at = event->data.document_start.implicit ? 0 : byte_of(b, event->end_mark);
    if (event->data.document_start.version_directive ||
        event->data.document_start.tag_directives.start != event->data.document_start.tag_directives.end)
        REFUSE(b, byte_of(b, event->start_mark), RC_SYNTAX, "directives (%%YAML, %%TAG) are not allowed");
    struct defs_document *document = RC_NEW(b->arena, struct defs_document);
    if (!document) return defs_complain_arena(b->errors, b->source, b->arena);
    document->at = at;
    document->end = b->source->text.n;
    if (b->last) {
        b->last->end = byte_of(b, event->start_mark);
        b->last->next = document;
    } else {
        b->document = document;
    }
    b->last = document;
    return true;
}

static bool take(struct builder *b, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT: return open_document(b, event);
    case YAML_ALIAS_EVENT: return add_alias(b, event);
    case YAML_SCALAR_EVENT: return add_scalar(b, event);
    case YAML_SEQUENCE_START_EVENT: return open_node(b, event, DEFS_LIST);
    case YAML_MAPPING_START_EVENT: return open_node(b, event, DEFS_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return close_node(b);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT: break;
    }
    return true;
}

/* How to mend what people trip over most. */
static const char *hint(struct rc_sv text, uint32_t at, const char *problem)
{
    if (at < text.n && text.p[at] == '\t') return " (a tab cannot indent; use spaces)";
    if (at > 0 && at < text.n && text.p[at - 1] == '$' && text.p[at] == '{')
        return " (quote a text that has '${' in it when it stands within braces)";
    if (strstr(problem, "mapping values are not allowed")) return " (quote a text that has ': ' in it)";
    return "";
}

static bool complain_parser(struct builder *b)
{
    const yaml_parser_t *p = &b->parser;
    if (p->error == YAML_MEMORY_ERROR)
        return defs_complain_at(b->errors, b->source, 0, RC_NOMEM, "out of memory");
    uint32_t at = byte_of(b, p->problem_mark);
    const char *problem = p->problem ? p->problem : "cannot be read";
    const char *mend = hint(b->source->text, at, problem);
    if (!p->context)
        return defs_complain_at(b->errors, b->source, at, RC_SYNTAX, "not YAML: %s%s", problem, mend);
    struct defs_position begun = defs_source_position(b->source, byte_of(b, p->context_mark));
    return defs_complain_at(b->errors, b->source, at, RC_SYNTAX, "not YAML: %s, %s that began in line %u%s",
                            problem, p->context, begun.line, mend);
}

static bool build(struct builder *b)
{
    for (bool done = false; !done;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&b->parser, &event)) return complain_parser(b);
        done = event.type == YAML_STREAM_END_EVENT;
        bool ok = take(b, &event);
        yaml_event_delete(&event);
        if (!ok) return false;
    }
    return !b->bad;
}

static bool is_empty(const struct defs_node *root)
{
    return root->kind == DEFS_SCALAR && root->style == DEFS_PLAIN && root->text.n == 0;
}

bool defs_yaml_read(const struct defs_source *source, struct rc_arena *arena,
                    const struct defs_document **ret, struct defs_errors *errors)
{
    struct builder b = {.source = source, .arena = arena, .errors = errors};
    if (!yaml_parser_initialize(&b.parser))
        return defs_complain_at(errors, source, 0, RC_NOMEM, "out of memory");
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING); /* never guess UTF-16 */
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)(source->text.n ? source->text.p : ""),
                                 source->text.n);
    bool ok = build(&b);
    yaml_parser_delete(&b.parser);
    if (!ok) return false;
    const struct defs_document **tail = ret;
    for (struct defs_document *d = b.document, *next; d; d = next) {
        next = (struct defs_document *)d->next;
        if (is_empty(d->root)) continue;
        *tail = d;
        tail = &d->next;
    }
    *tail = NULL;
    return true;
}

/* ---- looking at nodes */

const struct defs_node *defs_node_key(const struct defs_node *map, const char *name)
{
    for (const struct defs_node *key = map->kind == DEFS_MAP ? map->first : NULL; key; key = key->next)
        if (rc_sv_is(key->text, name)) return key;
    return NULL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Bytes of the escape at p, which begins with a backslash. */
static uint32_t escape_length(const char *p, uint32_t n)
{
    uint32_t length = n < 2 ? n : p[1] == 'x' ? 4 : p[1] == 'u' ? 6 : p[1] == 'U' ? 10 : 2;
    return length < n ? length : n;
}

/* Where the value's first character stands: behind the quote, or behind the header line of a block. */
static uint32_t content_begin(const struct defs_source *source, const struct defs_node *scalar)
{
    uint32_t at = scalar->at;
    if (scalar->style == DEFS_PLAIN) return at;
    if (scalar->style != DEFS_BLOCK) return at + 1;
    while (at < scalar->end && source->text.p[at] != '\n') at++;
    return at < scalar->end ? at + 1 : at;
}

/* Walks source and value side by side. Where they differ, one of them has blanks that the other lacks
 * (indentation, folding): those are passed over, and the two meet again at the next visible character. */
uint32_t defs_node_byte(const struct defs_source *source, const struct defs_node *scalar, uint32_t offset)
{
    const char *raw = source->text.p, *value = scalar->text.p;
    uint32_t at = content_begin(source, scalar), i = 0;
    while (at < scalar->end && i < scalar->text.n) {
        if (raw[at] == value[i] && !(scalar->style == DEFS_DOUBLE && raw[at] == '\\')) {
            if (i >= offset) break;
            at += scalar->style == DEFS_SINGLE && raw[at] == '\'' ? 2 : 1; /* '' is one quote */
            i++;
        } else if (is_blank(raw[at])) {
            at++;
        } else if (is_blank(value[i]) && raw[at] != '\\') {
            i++;
        } else if (scalar->style == DEFS_DOUBLE && raw[at] == '\\') {
            if (i >= offset) break;
            at += escape_length(raw + at, scalar->end - at);
            i++;
            while (i < scalar->text.n && ((unsigned char)value[i] & 0xc0) == 0x80) i++;
        } else {
            break;
        }
    }
    return at;
}
