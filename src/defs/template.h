#pragma once
/* Expressions of a definition: conditions (bare), and templates (text and trees with ${…} in them), which are
 * put together as one CEL source. Every ${…} is compiled alone first, so that an error has its exact place
 * and no piece can reach beyond its braces. Internal to defs/. */
#include "defs/read.h"

#define DEFS_ROOT(name) (1u << FLOW_ROOT_##name)

/* What a scalar with ${…} becomes. */
enum defs_use {
    DEFS_VALUE, /* one that is exactly one ${…} keeps the value's type; plain scalars are JSON values */
    DEFS_TEXT,  /* text always */
    DEFS_QUERY, /* text; one that is exactly one ${…} keeps its type, and may be a list */
    DEFS_PATH   /* text; what is inserted is one percent-encoded segment */
};

/* Which names may be used. */
struct defs_reach {
    unsigned roots; /* bits DEFS_ROOT */
    bool secrets;
};

/* Append CEL source for a scalar, or for a whole tree (as DEFS_VALUE). False: complained. The buffer's own
 * status is looked at by defs_add_site. */
bool defs_put_scalar(struct defs_reader *, struct rc_buf *, const struct defs_node *, enum defs_use,
                     struct defs_reach);
bool defs_put_tree(struct defs_reader *, struct rc_buf *, const struct defs_node *, struct defs_reach);
/* A key of a map as a CEL string. Keys hold no ${…}. */
bool defs_put_key(struct defs_reader *, struct rc_buf *, const struct defs_node *);

/* Index of the brace that ends the expression which begins at `at` in a template, or text.n. */
uint32_t defs_insertion_end(struct rc_sv text, uint32_t at);

/* Compiles what was put together; the program lives in the reader's arena. */
RC_MUST
bool defs_compile(struct defs_reader *, const struct defs_node *, const struct rc_buf *, struct defs_reach,
                  const struct cel_prog **ret);
/* The same as a numbered site of the flow, named after the reader's place. */
RC_MUST
bool defs_add_site(struct defs_reader *, const struct defs_node *, const struct rc_buf *, struct defs_reach,
                   flow_site *ret);

/* Fields: target is a flow_site. */
defs_read_fn defs_read_condition;           /* a bare expression over r->roots that is true or false */
defs_read_fn defs_read_condition_of_answer; /* the same, with `response` */
defs_read_fn defs_read_text_template;       /* DEFS_TEXT over r->roots */
