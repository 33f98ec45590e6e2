#pragma once
/* What a YAML scalar means: the JSON values of YAML 1.2, and nothing that YAML 1.1 would read otherwise.
 * Internal to defs/. */
#include "defs/yaml.h"

enum defs_scalar_kind {
    DEFS_IS_TEXT,
    DEFS_IS_NULL, /* nothing, null or ~ */
    DEFS_IS_BOOL,
    DEFS_IS_INT,
    DEFS_IS_DOUBLE,
    DEFS_IS_UNCLEAR /* reads differently in YAML 1.1 and 1.2, or is too large */
};

struct defs_scalar {
    enum defs_scalar_kind kind;
    bool b;
    int64_t i;
    double d;
    const char *problem; /* unclear: what to write instead; static */
};

/* Quoted and block scalars are text always; `yes`, `no`, `on`, `off`, dates and times are text too. */
struct defs_scalar defs_scalar_of(const struct defs_node *);
