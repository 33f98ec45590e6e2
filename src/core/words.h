#pragma once
/* States and the other closed lists of words as enums, from spec/states.def and spec/words.def. */
#include "base/sv.h"

enum rc_state {
#define RC_COMMAND_STATE(code, slug, ended, text) code,
#include "states.def"
    RC_STATES
};
enum rc_step_state {
#define RC_STEP_STATE(code, slug, text) code,
#include "states.def"
    RC_STEP_STATES
};
enum rc_phase {
#define RC_PHASE(code, slug, text) code,
#include "states.def"
    RC_PHASES
};
enum rc_outcome {
#define RC_OUTCOME(code, slug, text) code,
#include "words.def"
    RC_OUTCOMES
};
enum rc_purpose {
#define RC_PURPOSE(code, slug, text) code,
#include "words.def"
    RC_PURPOSES
};
enum rc_mode {
#define RC_MODE(code, slug, text) code,
#include "words.def"
    RC_MODES
};
enum rc_action {
#define RC_ACTION(code, slug, text) code,
#include "words.def"
    RC_ACTIONS
};
enum rc_cause {
#define RC_CAUSE(code, slug, text) code,
#include "words.def"
    RC_CAUSES
};
enum rc_role {
#define RC_ROLE(code, slug, text) code,
#include "words.def"
    RC_ROLES
};
enum rc_permission {
#define RC_PERMISSION(code, slug, wide, text) code,
#include "words.def"
    RC_PERMISSIONS
};
enum rc_next {
#define RC_NEXT(code, slug, text) code,
#include "words.def"
    RC_NEXTS
};
enum rc_why {
#define RC_WHY(code, slug, text) code,
#include "words.def"
    RC_WHYS
};
enum rc_audit_kind {
#define RC_AUDIT(code, slug, text) code,
#include "words.def"
    RC_AUDIT_KINDS
};
enum rc_deed {
#define RC_DEED(code, slug, text) code,
#include "words.def"
    RC_DEEDS
};
enum rc_held {
#define RC_HELD(code, slug, text) code,
#include "words.def"
    RC_HELDS
};
enum rc_item_result {
#define RC_ITEM(code, slug, text) code,
#include "words.def"
    RC_ITEM_RESULTS
};
enum rc_bulk_state {
#define RC_BULK_STATE(code, slug, ended, text) code,
#include "states.def"
    RC_BULK_STATES
};

/* A word as the API spells it, and as a sentence part. "?" for what is no member. Static. */
struct rc_word {
    const char *slug, *text;
};
struct rc_word rc_state_word(unsigned);
struct rc_word rc_step_word(unsigned);
struct rc_word rc_phase_word(unsigned);
struct rc_word rc_outcome_word(unsigned);
struct rc_word rc_purpose_word(unsigned);
struct rc_word rc_mode_word(unsigned);
struct rc_word rc_action_word(unsigned);
struct rc_word rc_cause_word(unsigned);
struct rc_word rc_why_word(unsigned);
struct rc_word rc_next_word(unsigned);
struct rc_word rc_role_word(unsigned);
struct rc_word rc_permission_word(unsigned);
struct rc_word rc_audit_word(unsigned);
struct rc_word rc_deed_word(unsigned);
struct rc_word rc_held_word(unsigned);
struct rc_word rc_item_word(unsigned);
struct rc_word rc_bulk_word(unsigned);

/* The member with this slug, or -1. */
int rc_state_of(struct rc_sv slug);
int rc_step_of(struct rc_sv slug);
int rc_why_of(struct rc_sv slug);
int rc_outcome_of(struct rc_sv slug);
int rc_action_of(struct rc_sv slug);
int rc_role_of(struct rc_sv slug);
int rc_audit_of(struct rc_sv slug);
int rc_item_of(struct rc_sv slug);
int rc_bulk_state_of(struct rc_sv slug);

bool rc_state_ended(unsigned state);
/* Ended, or nothing happens until a person does something. */
bool rc_state_rests(unsigned state);

/* Whether the tables of spec/states.def have the edge. A state always "may become" itself. */
bool rc_state_may(unsigned from, unsigned to);
bool rc_step_may(unsigned from, unsigned to);
bool rc_block_may(unsigned from, unsigned to);
bool rc_phase_may(unsigned from, unsigned to);
/* The same for bulks; here a state does not become itself. */
bool rc_bulk_may(unsigned from, unsigned to);
bool rc_bulk_ended(unsigned state);
