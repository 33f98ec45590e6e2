#pragma once
/* YAML text to a tree (YAML 1.2 without anchors, aliases, tags, merge keys, directives and keys that are no
 * text). The only user of the YAML library stands behind this header. Internal to defs/. */
#include "defs/source.h"

enum defs_node_kind { DEFS_SCALAR, DEFS_LIST, DEFS_MAP };
enum defs_style { DEFS_PLAIN, DEFS_SINGLE, DEFS_DOUBLE, DEFS_BLOCK };

struct defs_node {
    uint8_t kind, style;
    uint32_t at, end;              /* bytes of the source */
    struct rc_sv text;             /* scalar: its value */
    uint32_t n;                    /* items, or pairs of a map */
    const struct defs_node *first; /* item, or key */
    const struct defs_node *next;  /* item, or key */
    const struct defs_node *value; /* of a key */
};

struct defs_document {
    const struct defs_document *next;
    const struct defs_node *root;
    uint32_t at, end; /* bytes of the source that hold it */
};

/* Reads all documents, empty ones left out. False: the reasons are in errors. Everything is in the arena. */
RC_MUST
bool defs_yaml_read(const struct defs_source *, struct rc_arena *, const struct defs_document **ret,
                    struct defs_errors *);

/* The key with this name, or NULL. */
const struct defs_node *defs_node_key(const struct defs_node *map, const char *name);

/* The byte of the source where byte `offset` of a scalar's value stands. Exact except behind escapes of
 * double-quoted text that stand for several characters or none. */
uint32_t defs_node_byte(const struct defs_source *, const struct defs_node *scalar, uint32_t offset);
