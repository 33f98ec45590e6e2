/* A flat file of settings: the same YAML as definitions, without their fields. */
#include "defs/scalar.h"

#include <stdio.h>

static bool read_value(const struct defs_source *source, const struct defs_node *node, struct rc_sv *ret,
                       struct defs_errors *errors)
{
    if (node->kind != DEFS_SCALAR)
        return defs_complain_at(errors, source, node->at, RC_INVALID,
                                "must be one value or a list of values, without further nesting");
    if (defs_scalar_of(node).kind == DEFS_IS_NULL)
        return defs_complain_at(errors, source, node->at, RC_INVALID,
                                "there is no value; leave the setting out where its default is meant");
    *ret = node->text;
    return true;
}

static bool read_pair(const struct defs_source *source, const struct defs_node *key, struct rc_arena *arena,
                      struct defs_pair *ret, struct defs_errors *errors)
{
    const struct defs_node *value = key->value;
    bool list = value->kind == DEFS_LIST;
    struct defs_pair pair = {.name = key->text,
                             .at = defs_source_position(source, key->at),
                             .value_at = defs_source_position(source, value->at),
                             .n = list ? value->n : 1,
                             .list = list};
    pair.value = RC_NEW_ARRAY(arena, struct rc_sv, pair.n);
    if (!pair.value) return defs_complain_arena(errors, source, arena);
    const struct defs_node *item = list ? value->first : value;
    for (uint32_t i = 0; i < pair.n; i++, item = item->next)
        if (!read_value(source, item, &pair.value[i], errors)) return false;
    *ret = pair;
    return true;
}

static bool read_pairs(const struct defs_source *source, const struct defs_node *root, struct rc_arena *arena,
                       struct defs_pair *ret, uint32_t *ret_n, struct defs_errors *errors)
{
    bool ok = true;
    for (const struct defs_node *key = root->first; key; key = key->next) {
        if (read_pair(source, key, arena, &ret[*ret_n], errors))
            ++*ret_n;
        else
            ok = false;
    }
    return ok;
}

static bool read_file(struct defs_file file, struct rc_arena *arena, struct defs_pair **ret, uint32_t *ret_n,
                      struct defs_errors *errors)
{
    struct defs_source source;
    const struct defs_document *document = NULL;
    if (!defs_source_open(&source, file, arena, errors)) return false;
    if (!defs_yaml_read(&source, arena, &document, errors)) return false;
    if (!document) return true;
    if (document->next)
        return defs_complain_at(errors, &source, document->next->at, RC_INVALID,
                                "a file of settings is one document");
    if (document->root->kind != DEFS_MAP)
        return defs_complain_at(errors, &source, document->root->at, RC_INVALID,
                                "must be settings: lines like 'store: /var/lib/recourse/recourse.db'");
    *ret = RC_NEW_ARRAY(arena, struct defs_pair, document->root->n);
    if (!*ret) return defs_complain_arena(errors, &source, arena);
    return read_pairs(&source, document->root, arena, *ret, ret_n, errors);
}

enum rc_status defs_read_pairs(struct defs_file file, struct rc_arena *arena, struct defs_pair **ret,
                               uint32_t *ret_n, struct defs_errors *ret_errors)
{
    struct defs_pair *pairs = NULL;
    uint32_t n = 0;
    ret_errors->n = ret_errors->total = 0;
    bool ok = read_file(file, arena, &pairs, &n, ret_errors);
    *ret = pairs;
    *ret_n = n;
    return ok ? RC_OK : ret_errors->error[0].status;
}
