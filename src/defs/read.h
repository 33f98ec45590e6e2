#pragma once
/* Reading objects of a definition by tables: one row a field. The tables are the only list of fields; what
 * they do not have is an error. Internal to defs/. */
#include "defs/scalar.h"

/* Where in the document the reader is: a chain on the stack. */
struct defs_place {
    const struct defs_place *up;
    struct rc_sv name; /* field; of a list's item what it is called in the name of a site, or empty */
    bool item;         /* of a list */
    bool kept;         /* this and all above live as long as the reader's scratch */
    uint32_t index;
};

struct defs_reader {
    const struct defs_source *source;
    struct rc_arena *arena;   /* what is kept */
    struct rc_arena *scratch; /* what is not */
    struct defs_errors *errors;
    const struct defs_place *place;
    bool stored; /* see struct defs_file */

    /* what expressions see here; see scope.h */
    unsigned roots; /* bits 1 << enum flow_root, that the object which is being read may use */
    const struct cel_type *payload, *steps, *outputs, *item;

    /* the flow's growing lists, in scratch */
    struct flow_site_info *sites;
    uint32_t nsites, cap_sites; /* [0] is unused */
    struct rc_sv *dependencies;
    struct defs_position *called; /* beside dependencies */
    uint32_t ndependencies, cap_dependencies;
    struct flow_read *reads; /* of the outputs of a child that are read */
    uint32_t nreads, cap_reads;
    uint16_t calls; /* which of them the step that is read calls */
    struct defs_asks asks;

    /* the tree of steps, in scratch; see steps.h */
    struct flow_step *node;     /* in preorder; [0] is the root */
    struct defs_origin *origin; /* beside node */
    uint32_t nnodes, cap_nodes;
    bool too_many; /* nodes: nothing more is read */
    uint32_t depth;
    flow_node reading;              /* the step whose fields are read */
    struct defs_siblings *siblings; /* what stands before it in its block */
    bool goes_on;                   /* the block whose children are read next, where something fails */
    struct cel_field *given;        /* see scope_steps.c */
    uint32_t ngiven, cap_given;
};

/* Reads a value to where its field is kept. False: it complained. `arg` is the row's. */
typedef bool defs_read_fn(struct defs_reader *, const struct defs_node *, void *target, const void *arg);

enum defs_need { DEFS_OPTIONAL, DEFS_REQUIRED, DEFS_LATER /* designed, not in this version */ };

struct defs_field {
    const char *name;
    enum defs_need need;
    defs_read_fn *read; /* NULL: looked at elsewhere, or later */
    size_t offset;      /* of the target in the object */
    const void *arg;
};

struct defs_table {
    const struct defs_field *field;
    size_t n;
    const char *name; /* of what it describes, where that has kin; else NULL */
    /* what else might stand in its place: its fields are no mere mistakes in spelling */
    const struct defs_table *kin;
    size_t nkin;
};
#define DEFS_TABLE(fields)                                                                                   \
    {                                                                                                        \
        fields, sizeof(fields) / sizeof *(fields), NULL, NULL, 0                                             \
    }

/* Reads the fields of a map in the table's order (a later row may rely on an earlier one). Complains about
 * what is missing, unknown, or not supported yet, and reads all the rest. */
bool defs_read_object(struct defs_reader *, const struct defs_node *, const struct defs_table *,
                      void *object);
/* A field that is an object of its own: arg is its table. */
defs_read_fn defs_read_table;

defs_read_fn defs_read_text;     /* struct rc_sv; any text */
defs_read_fn defs_read_name;     /* struct rc_sv; name of a flow, dependency or ref: [a-z][a-z0-9_.-]* */
defs_read_fn defs_read_id;       /* struct rc_sv; id of a step: [a-z][a-z0-9_]* */
defs_read_fn defs_read_variable; /* struct rc_sv; name of an output: [A-Za-z_][A-Za-z0-9_]* */
defs_read_fn defs_read_bool;     /* bool */
defs_read_fn defs_read_span;     /* rc_us; arg: struct defs_span_range or NULL */
defs_read_fn defs_read_count;    /* uint32_t, or uint16_t where the range is narrow; arg: struct defs_range */
defs_read_fn defs_read_word;     /* uint8_t; arg: struct defs_words */
defs_read_fn defs_read_ignored;  /* nothing: text for people */

struct defs_span_range {
    rc_us min, max;
};
struct defs_range {
    uint32_t min, max;
    bool narrow;
};
struct defs_word {
    const char *name;
    int value; /* below 0: designed, not in this version */
};
struct defs_words {
    const struct defs_word *word;
    size_t n;
};

/* Adds an error at a node or at a byte, with the pointer of the place. */
void defs_say(struct defs_reader *, const struct defs_node *, enum rc_status, const char *format, ...)
    RC_PRINTF(4, 5);
void defs_say_byte(struct defs_reader *, uint32_t byte, enum rc_status, const char *format, ...)
    RC_PRINTF(4, 5);
void defs_say_arena(struct defs_reader *, const struct rc_arena *);
/* The same as expressions that are false, as those of source.h. */
#define defs_fail(...)       (defs_say(__VA_ARGS__), false)
#define defs_fail_byte(...)  (defs_say_byte(__VA_ARGS__), false)
#define defs_fail_arena(...) (defs_say_arena(__VA_ARGS__), false)

/* No more errors will be kept: what only serves their words (places, hints) is not worth its time any more. */
bool defs_is_full(const struct defs_reader *);

/* "a map", "a list", "text", "a number", "true or false", "nothing": for messages. */
const char *defs_node_text(const struct defs_node *);
/* Complains unless the node is of the kind; `what` says what the field wants: "a map of headers". */
RC_MUST
bool defs_want(struct defs_reader *, const struct defs_node *, enum defs_node_kind, const char *what);
/* Copy of a scalar's text in the arena; p NULL where the arena refused. */
struct rc_sv defs_keep(struct defs_reader *, struct rc_sv);
/* "steps.create.check.happened", in the arena. */
struct rc_sv defs_place_text(struct defs_reader *);
/* "; did you mean 'x'?", or nothing. */
struct defs_hint {
    char text[RC_MAX_NAME + 24];
};
struct defs_hint defs_hint(struct rc_sv best);
