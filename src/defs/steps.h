#pragma once
/* The steps of a flow, which are a tree, while they are read. Internal to defs/. */
#include "defs/parts.h"

/* ---- the tree: read_step.c */

/* A step or block whose fields are read: it is put in its place in the tree when it is complete. */
struct defs_draft {
    struct flow_step step;
    flow_node self;
    const struct defs_node *node;
    const struct cel_type *item; /* kind FLOW_EACH */
};
enum { DEFS_EACH_WIDTH = 10 }; /* items of an each under way at a time, where it does not say how many */

/* Where a node of the tree stands in the text, for rules that are looked at when all is read. */
struct defs_origin {
    const struct defs_node *node;
    const struct defs_place *place;
};

/* Fields of `steps` that grow; only who has made the array writes to it. */
struct defs_view {
    struct cel_field *field;
    uint32_t n, cap;
};

/* The list whose steps are being read. */
struct defs_siblings {
    struct defs_siblings *up;
    flow_node *self;   /* the step or block of each item that has been read */
    flow_node *head;   /* the node that stands for it in its block: itself, or what is wrapped around it */
    uint32_t *from;    /* where on r->given what it gives begins; one more for the item that is read */
    uint32_t n, shown; /* that are in `view` */
    bool ordered;      /* each sees all before it; else only what it needs */
    bool goes_on;      /* where something fails */
    const struct cel_type *before; /* what is seen before the list */
    struct defs_view view;         /* that, and what the siblings gave */
};

/* Appends a node that has no children yet. False: complained. */
RC_MUST
bool defs_add_node(struct defs_reader *, enum flow_kind, flow_node parent, const struct defs_node *,
                   flow_node *ret);
/* Reads a list of steps as the children of a node, and sets the node's end. With `lines` each one that is no line
 * becomes one. */
RC_MUST
bool defs_read_list(struct defs_reader *, const struct defs_node *list, flow_node parent, bool lines);
/* The same as the children of an unnamed line that is appended to a node, whose end is set, too; `cond` is the
 * line's. */
RC_MUST
bool defs_read_line(struct defs_reader *, const struct defs_node *list, flow_node parent, flow_site cond,
                    bool may_be_empty);
/* The value of a field, or where it is missing the map. */
const struct defs_node *defs_value_of(const struct defs_node *map, const char *name);

/* ---- what later steps see of it: scope_steps.c */

/* The type of `steps`, r->steps, is kept right by these; what a node gives to those behind it is on r->given. */
void defs_begin_siblings(struct defs_reader *, struct defs_siblings *, flow_node parent);
RC_MUST
bool defs_begin_sibling(struct defs_reader *, struct defs_siblings *);
void defs_end_siblings(struct defs_reader *, struct defs_siblings *);
/* A step or block has been read; what stands in it gave the fields from `from` on. */
RC_MUST
bool defs_give(struct defs_reader *, const struct flow_step *, uint32_t from);
#define DEFS_GOES_ON "its block goes on where something fails"
/* From here on a step sees what was given from `from` on, too; `why` it may be missing, or NULL. */
RC_MUST
bool defs_see_given(struct defs_reader *, uint32_t from, const char *why);
/* The same of what a step needs, when that has been read. */
RC_MUST
bool defs_see_needs(struct defs_reader *, const struct flow_step *, bool has_condition);
/* {STEP: outputs} of all that was given outside of loops, when all is read: what a command that starts one of this flow sees of it. NULL:
 * complained. */
const struct cel_type *defs_type_of_given(struct defs_reader *);
/* A field `if`: a flow_site; what it asks for with has() is there from then on. */
defs_read_fn defs_read_if;

/* ---- rules over the whole tree: check_flow.c */

/* What is taken back where something fails, by the flow or by a block, has an undo. */
RC_MUST
bool defs_check_undo(struct defs_reader *, const struct flow *);
/* Complains that there are more than RC_MAX_INSTANCES instances. */
RC_MUST
bool defs_say_instances(struct defs_reader *, const struct flow_step *);

/* ---- blocks: read_block.c. The target is a struct defs_draft where nothing else is said. */

defs_read_fn defs_read_join;
defs_read_fn defs_read_linear, defs_read_parallel, defs_read_choose;
defs_read_fn defs_read_each;   /* the value; the steps are read by: */
defs_read_fn defs_read_body;   /* of each and repeat */
defs_read_fn defs_read_repeat; /* all but `until`, which sees the pass: it is read with the steps */
defs_read_fn defs_read_sleep;
defs_read_fn defs_read_values; /* of set */
/* ---- waits: read_wait.c */
extern const struct defs_span_range defs_within_range;
extern const struct defs_words defs_on_timeout_words;
defs_read_fn defs_read_wait;           /* struct defs_draft */
defs_read_fn defs_read_signal_outputs; /* flow_site; sets r->outputs */
/* ---- confirmations: read_confirm.c */
extern const struct defs_span_range defs_every_range;
defs_read_fn defs_read_confirm; /* struct defs_draft */
/* When all its fields are read. */
RC_MUST
bool defs_check_confirm(struct defs_reader *, const struct defs_node *, struct flow_step *);
/* ---- children: read_child.c */
/* Where the step stands, with an empty payload. */
void defs_begin_child(struct defs_reader *, const struct defs_node *, struct flow_child *);
defs_read_fn defs_read_child_payload; /* struct flow_child */
defs_read_fn defs_read_child_outputs; /* struct flow_child; sets r->outputs */
/* ---- people: read_people.c */
extern const struct defs_words defs_undecided_words;
defs_read_fn defs_read_approve, defs_read_escalate; /* struct defs_draft; set r->outputs */
/* What is approved stands behind its approval in the same line. */
RC_MUST
bool defs_check_approvals(struct defs_reader *, const struct flow *);
/* Rules between the fields of a block whose children have been read, and defaults that depend on others. */
RC_MUST
bool defs_check_block(struct defs_reader *, struct defs_draft *);

/* ---- calls: read_action.c */

extern const struct flow_action defs_action_default;
extern const struct defs_span_range defs_timeout_range;
extern const struct defs_table defs_check_table;

/* Complains unless it is a map of names to values, of not too many. */
RC_MUST
bool defs_want_outputs(struct defs_reader *, const struct defs_node *);
/* The names as a type; NULL: complained. */
const struct cel_type *defs_type_of_outputs(struct defs_reader *, const struct defs_node *map);

defs_read_fn defs_read_call; /* uint16_t: index of the dependency */
/* Rules between the fields of a call. */
RC_MUST
bool defs_check_call(struct defs_reader *, const struct defs_node *, const struct flow_call *);
defs_read_fn defs_read_with;        /* struct flow_action */
defs_read_fn defs_read_retry;       /* struct flow_retry */
defs_read_fn defs_read_outputs;     /* flow_site; sets r->outputs */
defs_read_fn defs_read_external_id; /* struct rc_sv; one of r->outputs */
defs_read_fn defs_read_check;       /* struct flow_check; arg: defs_check_table, or that of an undo */
defs_read_fn defs_read_undo;        /* struct flow_action */
defs_read_fn defs_read_require;     /* struct flow_require */

/* Fields that a step's action and its undo have in common; `base` is where the action is in the object. */
#define DEFS_ACTION_FIELDS(base)                                                                             \
    {"with", DEFS_REQUIRED, defs_read_with, base, NULL},                                                     \
        {"timeout", DEFS_OPTIONAL, defs_read_span, (base) + offsetof(struct flow_action, timeout),           \
         &defs_timeout_range},                                                                               \
        {"retry", DEFS_OPTIONAL, defs_read_retry, (base) + offsetof(struct flow_action, retry), NULL},       \
        {"repeatable", DEFS_OPTIONAL, defs_read_bool, (base) + offsetof(struct flow_action, repeatable),     \
         NULL},                                                                                              \
    {                                                                                                        \
        "accepted", DEFS_OPTIONAL, defs_read_bool, (base) + offsetof(struct flow_action, accepted), NULL     \
    }
