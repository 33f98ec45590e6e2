#pragma once
/* Parts of the handlers of bulks. */
#include "api/call.h"

/* What a bulk is to do, and to which commands. */
struct api_selection {
    struct rc_act act;
    struct cel_value ids;           /* a list of texts, where there is no filter */
    const struct rc_filter *filter; /* NULL: the list counts */
    uint32_t limit;
};
/* Who they are now, and what the action would come to for each; into bulk->total, allowed, more and *ret_items. Looks at a bounded
 * number of commands and of records. RC_INVALID: an id that is none; RC_LIMIT: their histories are too long together. */
RC_MUST
enum rc_status api_bulk_members(struct api_call *, const struct api_selection *, struct rc_bulk *io_bulk,
                                struct rc_bulk_item **ret_items, struct rc_error *);
/* The bulk that the path names. RC_NOT_FOUND also for one of another namespace. */
RC_MUST
enum rc_status api_find_bulk(struct api_call *, struct rc_reader *, struct rc_bulk *ret, struct rc_error *);
/* The bulk as the answer, with its history, and its first items where `items` says so. */
RC_MUST
enum rc_status api_put_bulk(struct api_call *, int status, uint64_t id, bool items, struct rc_error *);
