#pragma once
/* Parts that the views share; private to codec/. Each writes members into the object that is open. */
#include "codec/view.h"
#include "core/mailbox.h"
#include "core/people.h"

void rc_view_head(struct rc_json *, const struct rc_command *); /* id, type, key, state, display, times */
void rc_view_step(struct rc_json *, const struct rc_command *,
                  uint32_t at); /* "step": its path; null for the root */
/* The step or block that people know an instance by that nobody named: the one that it wraps, else the one around it; a copy of a
 * loop's body is known by its number. 0: the flow. */
uint32_t rc_view_known(const struct rc_command *, uint32_t at);
/* "waiting until TIME" */
void rc_view_until(struct rc_buf *, rc_us at);
void rc_view_next(struct rc_json *, unsigned next, rc_us at); /* {code, text, at} */
void rc_view_why(struct rc_json *, unsigned why);             /* nothing where there is no reason */
void rc_view_tone(struct rc_json *, unsigned state);      /* of a command: "good", "warn", "bad", "plain" */
void rc_view_step_tone(struct rc_json *, unsigned state); /* of a step */
/* When it was to begin, and until when it has to be through; nothing where neither is said. */
void rc_view_clock(struct rc_json *, const struct rc_clock *);
/* "child": the command that a step of kind FLOW_CHILD has started, and its flow; "parent": the command that has started this one.
 * (view_child.c) */
void rc_view_child(struct rc_json *, const struct rc_command *, uint32_t at);
/* "children": those that steps wait for, the first ones; nothing where none does. */
void rc_view_children(struct rc_json *, const struct rc_command *);
/* "hangs_on": the line down to the one that waits for a person; nothing where it is empty. */
void rc_view_below(struct rc_json *, const struct rc_below *, uint32_t n);
/* A sentence part; false: it waits for none. */
RC_MUST bool rc_view_waiting_for_child(struct rc_buf *, const struct rc_command *);
void rc_view_parent(struct rc_json *, const struct rc_parent *);

/* "signal": which one came; "waits_for": of each step that waits for one. (view_signal.c) */
void rc_view_signal(struct rc_json *, const struct rc_signal *);
void rc_view_waits(struct rc_json *, const struct rc_command *);
/* False, and nothing is put, where the command waits for none. */
bool rc_view_waiting(struct rc_buf *, const struct rc_command *);
/* Members of a step that asks people; "asks": those that ask now; the votes of a step as a change. (view_people.c) */
void rc_view_asked(struct rc_json *, const struct rc_command *, uint32_t at);
void rc_view_asks(struct rc_json *, const struct rc_command *);
void rc_view_votes(struct rc_json *, const struct rc_command *, uint32_t at, const struct rc_votes *);
/* Of an action by which somebody decides. */
void rc_view_decision(struct rc_json *, const struct rc_act *);
/* False, and nothing is put, where nobody is asked. */
bool rc_view_deciding(struct rc_buf *, const struct rc_command *);
/* "confirms": of each step that waits until something has come true. (view_confirm.c) */
void rc_view_confirms(struct rc_json *, const struct rc_command *);
/* False, and nothing is put, where the command waits for no such thing. */
bool rc_view_confirming(struct rc_buf *, const struct rc_command *);
/* Its lane, and its place there; nothing where it is in none. */
void rc_view_place(struct rc_json *, const struct rc_place *);
void rc_view_refs(struct rc_json *, struct cel_value refs);
void rc_view_result(struct rc_json *, const struct rc_result *);
void rc_view_attempt_members(struct rc_json *, const struct rc_command *, const struct rc_view_attempt *);
