#pragma once
/* What a step sends: `with` {method, path, query, headers, body}. Internal to defs/. */
#include "defs/template.h"

struct defs_request {
    flow_site site;
    bool safe; /* GET or HEAD: changes nothing (RFC 9110, 9.2.1) */
};

defs_read_fn defs_read_request; /* struct defs_request, over r->roots */

/* Appends a map of header names to texts over r->roots, which may hold secrets. Names are checked; those that
 * the sender itself sets are refused. */
bool defs_put_headers(struct defs_reader *, struct rc_buf *, const struct defs_node *);
