/* Files to definitions: what a document is, and everything that is said of each kind. */
#include "defs/parts.h"

static const struct {
    enum defs_kind kind; /* 0: designed, not in this version */
    const char *word;
} kinds[] = {
    {DEFS_FLOW, "flow"}, {DEFS_DEPENDENCY, "dependency"}, {0, "machine"}, {0, "source"}, {0, "vars"}};

const char *defs_kind_word(unsigned kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kind && kinds[i].kind == kind) return kinds[i].word;
    return "?";
}

/* A document says what it is by its first key. */
static bool read_kind(struct defs_reader *r, const struct defs_node *root, enum defs_kind *ret)
{
    static const char rule[] = "a document begins with 'flow: NAME' or 'dependency: NAME'";
    if (root->kind != DEFS_MAP || !root->n) return defs_fail(r, root, RC_INVALID, "%s", rule);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!rc_sv_is(root->first->text, kinds[i].word)) continue;
        *ret = kinds[i].kind;
        return kinds[i].kind ||
               defs_fail(r, root, RC_UNSUPPORTED, "documents of kind '%s' are not supported in this version",
                         kinds[i].word);
    }
    return defs_fail(r, root, RC_INVALID, "%s, not with '%.*s'", rule, RC_SV_ARG(root->first->text));
}

static struct rc_h128 digest_of(enum defs_kind kind, struct rc_sv text)
{
    struct rc_sha256 hash;
    rc_sha256_init(&hash);
    rc_sha256_add_sv(&hash, rc_sv_of(defs_kind_word(kind)));
    rc_sha256_add_sv(&hash, text);
    return rc_sha256_h128(&hash);
}

static bool read_document(struct defs_reader *r, const struct defs_document *document, struct defs_one *one)
{
    if (!read_kind(r, document->root, &one->kind)) return false;
    one->source = r->source->name;
    one->text = (struct rc_sv){r->source->text.p + document->at, document->end - document->at};
    one->digest = digest_of(one->kind, one->text);
    one->at = defs_source_position(r->source, document->root->first->value->at);
    switch (one->kind) {
    case DEFS_FLOW:
        one->flow = defs_read_flow(r, document->root);
        if (!one->flow) return false;
        one->name = one->flow->name;
        one->flow->digest = one->digest;
        one->called = r->called;
        one->asks = r->asks;
        break;
    case DEFS_DEPENDENCY:
        one->dependency = defs_read_dependency(r, document->root);
        if (!one->dependency) return false;
        one->name = one->dependency->name;
        one->dependency->digest = one->digest;
        break;
    }
    return true;
}

/* Errors in the order of the text, however the fields were read. */
static void sort_errors(struct rc_error *error, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        struct rc_error late = error[i];
        uint32_t at = i;
        for (; at > 0 && (error[at - 1].line > late.line ||
                          (error[at - 1].line == late.line && error[at - 1].column > late.column));
             at--)
            error[at] = error[at - 1];
        error[at] = late;
    }
}

/* Reads one file and adds to the errors. False: it has some. */
static bool parse(struct defs_file file, struct rc_arena *arena, struct rc_arena *scratch,
                  struct defs_one **ret, uint32_t *ret_n, struct defs_errors *errors)
{
    struct defs_source source;
    const struct defs_document *documents;
    if (!defs_source_open(&source, file, scratch, errors) ||
        !defs_yaml_read(&source, scratch, &documents, errors))
        return false;
    uint32_t n = 0, at = 0;
    for (const struct defs_document *d = documents; d; d = d->next) n++;
    struct defs_one *one = RC_NEW_ARRAY(arena, struct defs_one, n);
    if (!one) return defs_complain_arena(errors, &source, arena);
    bool ok = true;
    for (const struct defs_document *d = documents; d; d = d->next) {
        struct defs_reader reader = {
            .source = &source, .arena = arena, .scratch = scratch, .errors = errors, .stored = file.stored};
        ok &= read_document(&reader, d, &one[at++]);
    }
    *ret = one;
    *ret_n = n;
    return ok;
}

bool defs_parse_more(struct defs_file file, struct rc_arena *arena, struct defs_one **ret, uint32_t *ret_n,
                     struct defs_errors *errors)
{
    uint32_t before = errors->n;
    struct rc_arena *scratch = rc_arena_new(0, RC_MAX_DEF_MEMORY);
    bool ok = false;
    if (scratch)
        ok = parse(file, arena, scratch, ret, ret_n, errors);
    else
        defs_add_error_at(errors, &(struct defs_source){.name = file.source}, 0, RC_NOMEM, "out of memory");
    /* what could not be kept looks like what is missing: then nothing that was found counts */
    if (scratch && (rc_arena_status(arena) == RC_NOMEM || rc_arena_status(scratch) == RC_NOMEM)) {
        errors->total -= errors->n - before;
        errors->n = before;
        defs_add_error_at(errors, &(struct defs_source){.name = file.source}, 0, RC_NOMEM, "out of memory");
        ok = false;
    }
    if (errors->n > before) sort_errors(errors->error + before, errors->n - before);
    rc_arena_free(scratch);
    return ok;
}

enum rc_status defs_parse(struct defs_file file, struct rc_arena *arena, struct defs_one **ret,
                          uint32_t *ret_n, struct defs_errors *ret_errors)
{
    ret_errors->n = ret_errors->total = 0;
    struct defs_one *one = NULL;
    uint32_t n = 0;
    if (!defs_parse_more(file, arena, &one, &n, ret_errors)) return ret_errors->error[0].status;
    *ret = one;
    *ret_n = n;
    return RC_OK;
}
