#pragma once
/* The readers of whole parts of a definition. Internal to defs/. */
#include "defs/template.h"

/* A payload schema; NULL: complained. */
const struct flow_schema *defs_read_schema(struct defs_reader *, const struct defs_node *);
/* A JSON value without templates, in the arena. */
bool defs_read_value(struct defs_reader *, const struct defs_node *, struct cel_value *ret);
/* One with templates, as far as it is known before they are worked out: text with ${…} is CEL_UNKNOWN. */
bool defs_read_known(struct defs_reader *, const struct defs_node *, struct cel_value *ret);

defs_read_fn defs_read_schedules; /* struct flow: schedules; after its payload */
/* A zone of this machine's database, in the arena. RC_INVALID (no name of a zone, no zone in the file), RC_NOT_FOUND, RC_LIMIT, RC_NOMEM. */
RC_MUST
enum rc_status defs_read_zone(struct rc_sv name, struct rc_arena *, const struct cron_zone **ret,
                              struct rc_error *);
defs_read_fn defs_read_steps; /* struct flow: steps, after its other fields */

/* One document; NULL: complained. */
struct flow *defs_read_flow(struct defs_reader *, const struct defs_node *root);
struct flow_dependency *defs_read_dependency(struct defs_reader *, const struct defs_node *root);
defs_read_fn defs_read_base; /* struct flow_dependency: base, tls, host, port */

/* defs_parse that adds to the errors; false: the file has some. */
RC_MUST
bool defs_parse_more(struct defs_file, struct rc_arena *, struct defs_one **ret, uint32_t *ret_n,
                     struct defs_errors *);
