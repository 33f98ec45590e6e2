#pragma once
/* What a step sends: `with` {method, path, query, headers, body}, or {program, args, input, output}. Internal to defs/. */
#include "defs/template.h"

struct defs_request {
    flow_site site;
    bool safe; /* GET or HEAD: changes nothing (RFC 9110, 9.2.1) */
};

defs_read_fn defs_read_request; /* struct defs_request, over r->roots */

/* Remembers that the dependency of the step is asked like this; `program` is the path where the kind has one. */
bool defs_add_ask(struct defs_reader *, const struct defs_node *, enum flow_dep_kind, struct rc_sv program);

/* Appends a map of header names to texts over r->roots, which may hold secrets. Names are checked; those that
 * the sender itself sets are refused. */
bool defs_put_headers(struct defs_reader *, struct rc_buf *, const struct defs_node *);
