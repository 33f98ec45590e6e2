#pragma once
/* Writing JSON as a stream: members in the order of the calls, commas where they belong, nothing kept but the
 * buffer. The caller closes what it opens; the buffer carries the status. A name of NULL is an item of an
 * array (or the outermost value). */
#include "base/clock.h"
#include "base/id.h"
#include "cel/value.h"

struct rc_json {
    struct rc_buf *buf;
    bool comma; /* something stands before the next member at this level */
};

void rc_json_object(struct rc_json *, const char *name); /* opens { */
void rc_json_array(struct rc_json *, const char *name);  /* opens [ */
void rc_json_end_object(struct rc_json *);
void rc_json_end_array(struct rc_json *);

void rc_json_sv(struct rc_json *, const char *name, struct rc_sv text);
void rc_json_text(struct rc_json *, const char *name, const char *text);
/* The same, with a name that is data. */
void rc_json_member(struct rc_json *, struct rc_sv name, struct rc_sv text);
void rc_json_open_member(struct rc_json *, struct rc_sv name); /* opens { */
void rc_json_u64(struct rc_json *, const char *name, uint64_t);
void rc_json_bool(struct rc_json *, const char *name, bool);
void rc_json_null(struct rc_json *, const char *name);
void rc_json_value(struct rc_json *, const char *name, struct cel_value);
void rc_json_time(struct rc_json *, const char *name, rc_us); /* RFC 3339 in UTC; null where it is 0 */
void rc_json_span(struct rc_json *, const char *name, rc_us); /* milliseconds, with fraction */
void rc_json_id(struct rc_json *, const char *name, uint64_t seq, uint64_t nonce);
/* An absent text is left out. */
void rc_json_maybe(struct rc_json *, const char *name, struct rc_sv text);
