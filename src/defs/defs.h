#pragma once
/* Definitions: YAML texts to checked flows and dependencies, and what changes when they are applied.
 * docs/definitions.md lists every field.
 *
 * Every function may be called from any thread at a time with arenas of its own. Nothing here is changed once
 * it has been handed on, except id and version of a definition, which belong to the store. */
#include "base/limits.h"
#include "flow/schema.h"
#include "flow/set.h"

enum defs_kind { DEFS_FLOW = 1, DEFS_DEPENDENCY = 2 }; /* numbers are stored: add, never reorder */

/* "flow", "dependency"; "?" for what is none. Static. */
const char *defs_kind_word(unsigned kind);

struct defs_file {
    struct rc_sv source; /* name for messages; at most RC_ERROR_SOURCE bytes are shown */
    struct rc_sv text;
    /* an earlier version accepted it: steps that may be missing are read without a guard, and a zone that this machine does not know any
     * more is no error */
    bool stored;
};

/* Where something stands in a file, from 1. */
struct defs_position {
    unsigned line, column; /* columns are characters, as editors count them */
};

/* One request that a flow makes. */
struct defs_ask {
    uint16_t dependency; /* which of the flow's */
    enum flow_dep_kind kind;
    struct rc_sv program; /* kind FLOW_DEP_PROGRAM: the path */
    struct defs_position at;
};
struct defs_asks {
    struct defs_ask *item;
    uint32_t n, cap;
};

/* One document, checked. */
struct defs_one {
    enum defs_kind kind;
    struct rc_sv name;
    struct rc_sv text;   /* of this document alone, borrowed from the file's text: parses to the same again */
    struct rc_sv source; /* borrowed */
    struct defs_position at; /* of the name; this and the positions of sites count in the whole file */
    struct rc_h128 digest;   /* of kind and text */
    struct flow *flow;       /* kind flow, else NULL */
    struct flow_dependency *dependency; /* kind dependency, else NULL */
    const struct defs_position *called; /* flow: where each of its dependencies is first called */
    struct defs_asks asks;              /* flow: all its requests */
};

/* Errors of definitions: each with source, line, column, and a JSON pointer into its document. */
struct defs_errors {
    uint32_t n;     /* that are kept here, in the order of files and lines */
    uint32_t total; /* that were found; reading stops early only where going on makes no sense */
    struct rc_error error[RC_MAX_DEF_ERRORS];
};

/* Reads one file, which may hold several documents (`---`). Everything lives in the arena or is borrowed from
 * the file. RC_OK, or the status of the first error (RC_SYNTAX, RC_INVALID, RC_UNSUPPORTED, RC_LIMIT,
 * RC_NOMEM) and then nothing is returned. Writes over `ret_errors`. */
RC_MUST
enum rc_status defs_parse(struct defs_file, struct rc_arena *, struct defs_one **ret, uint32_t *ret_n,
                          struct defs_errors *ret_errors);

/* Reads all files and checks them against each other: names are unique, every dependency that a flow calls is
 * there, and flows that start each other fit. Otherwise like defs_parse; the result is sorted by kind and name. */
RC_MUST
enum rc_status defs_load(const struct defs_file *, uint32_t nfiles, struct rc_arena *, struct defs_one **ret,
                         uint32_t *ret_n, struct defs_errors *ret_errors);

/* What there is beside the files. */
struct defs_beside {
    const struct rc_sv *known; /* names of dependencies */
    uint32_t nknown;
    bool has_floor; /* only these programs may stand in a dependency: */
    const char *const *programs;
    uint32_t nprograms;
};
RC_MUST
enum rc_status defs_load_beside(const struct defs_file *, uint32_t nfiles, const struct defs_beside *,
                                struct rc_arena *, struct defs_one **ret, uint32_t *ret_n,
                                struct defs_errors *ret_errors);

/* Reads the files *.yaml and *.yml of a directory, sorted by name; their source is the file's name. Hidden
 * files and directories in it are left out. A link may only lead to a file below the same directory; what is
 * no regular file is an error. RC_NOT_FOUND where there is no such directory or no definition in it, RC_IO,
 * RC_LIMIT, RC_INVALID, RC_NOMEM. Blocks on the file system. */
RC_MUST
enum rc_status defs_read_dir(const char *path, struct rc_arena *, struct defs_file **ret, uint32_t *ret_n,
                             struct rc_error *);

/* ---- files of settings */

/* One file, whose path is its source (borrowed). RC_NOT_FOUND, RC_IO, RC_LIMIT, RC_INVALID (no regular file), RC_NOMEM. */
RC_MUST
enum rc_status defs_read_file(const char *path, struct rc_arena *, struct defs_file *ret, struct rc_error *);

struct defs_pair { /* "name: value", or "name: [value, …]" */
    struct rc_sv name;
    struct rc_sv *value; /* texts as they are written; without further meaning here */
    uint32_t n;
    bool list;
    struct defs_position at, value_at; /* of the name, of the value */
};

/* Reads a file that is one flat map, with what YAML offers beyond that refused as in definitions; an empty file has no
 * pairs. Everything lives in the arena or is borrowed from the file. RC_OK or the status of the first error; the pairs
 * that could be read are returned in both cases, so that a caller can find more errors. Writes over `ret_errors`. */
RC_MUST
enum rc_status defs_read_pairs(struct defs_file, struct rc_arena *, struct defs_pair **ret, uint32_t *ret_n,
                               struct defs_errors *ret_errors);

/* ---- what applying would change */

enum defs_change_kind { DEFS_ADD, DEFS_CHANGE, DEFS_KEEP, DEFS_REMOVE };

struct defs_stored { /* a definition that is in force now */
    enum defs_kind kind;
    struct rc_sv name, text;
    struct rc_h128 digest;
};

struct defs_change {
    enum defs_change_kind what;
    enum defs_kind kind;
    struct rc_sv name;
    const struct defs_stored *old; /* NULL: added */
    const struct defs_one *new;    /* NULL: removed */
    struct rc_sv diff; /* of a changed text: lines that begin with "-", "+" or " ", and "@@ line N @@" */
};

/* Compares what is in force with a complete new set: what the new set does not have is removed. Sorted by kind
 * and name; borrows from both. RC_INVALID where one side has a name twice; RC_NOMEM, RC_LIMIT. */
RC_MUST
enum rc_status defs_plan(const struct defs_stored *old, uint32_t nold, const struct defs_one *new,
                         uint32_t nnew, struct rc_arena *, struct defs_change **ret, uint32_t *ret_n,
                         struct rc_error *);
