/* Tables made from spec/states.def and spec/words.def. */
#include "core/words.h"

#define ROW(code, slug, text) {slug, text},
static const struct rc_word state_table[] = {
#define RC_COMMAND_STATE(code, slug, ended, text) {slug, text},
#include "states.def"
};
static const bool ended_table[] = {
#define RC_COMMAND_STATE(code, slug, ended, text) ended,
#include "states.def"
};
static const struct rc_word step_table[] = {
#define RC_STEP_STATE ROW
#include "states.def"
};
static const struct rc_word phase_table[] = {
#define RC_PHASE ROW
#include "states.def"
};
static const struct rc_word outcome_table[] = {
#define RC_OUTCOME ROW
#include "words.def"
};
static const struct rc_word purpose_table[] = {
#define RC_PURPOSE ROW
#include "words.def"
};
static const struct rc_word mode_table[] = {
#define RC_MODE ROW
#include "words.def"
};
static const struct rc_word action_table[] = {
#define RC_ACTION ROW
#include "words.def"
};
static const struct rc_word cause_table[] = {
#define RC_CAUSE ROW
#include "words.def"
};
static const struct rc_word why_table[] = {
#define RC_WHY ROW
#include "words.def"
};
static const struct rc_word role_table[] = {
#define RC_ROLE ROW
#include "words.def"
};
static const struct rc_word permission_table[] = {
#define RC_PERMISSION(code, slug, wide, text) {slug, text},
#include "words.def"
};
static const struct rc_word audit_table[] = {
#define RC_AUDIT ROW
#include "words.def"
};
static const struct rc_word deed_table[] = {
#define RC_DEED ROW
#include "words.def"
};
static const struct rc_word held_table[] = {
#define RC_HELD ROW
#include "words.def"
};
static const struct rc_word next_table[] = {
#define RC_NEXT ROW
#include "words.def"
};
static const struct rc_word item_table[] = {
#define RC_ITEM ROW
#include "words.def"
};
static const struct rc_word bulk_table[] = {
#define RC_BULK_STATE(code, slug, ended, text) {slug, text},
#include "states.def"
};
static const bool bulk_ended_table[] = {
#define RC_BULK_STATE(code, slug, ended, text) ended,
#include "states.def"
};

/* One accessor a table. */
#define WORD(name)                                                                                           \
    struct rc_word rc_##name##_word(unsigned member)                                                         \
    {                                                                                                        \
        return member < sizeof name##_table / sizeof *name##_table ? name##_table[member]                    \
                                                                   : (struct rc_word){"?", "?"};             \
    }
WORD(state)
WORD(step)
WORD(phase)
WORD(outcome)
WORD(purpose)
WORD(mode)
WORD(action)
WORD(cause)
WORD(why)
WORD(next)
WORD(role)
WORD(permission)
WORD(audit)
WORD(deed)
WORD(held)
WORD(item)
WORD(bulk)

static int find(const struct rc_word *table, int n, struct rc_sv slug)
{
    for (int i = 0; i < n; i++)
        if (rc_sv_is(slug, table[i].slug)) return i;
    return -1;
}

int rc_state_of(struct rc_sv slug)
{
    return find(state_table, RC_STATES, slug);
}

int rc_step_of(struct rc_sv slug)
{
    return find(step_table, RC_STEP_STATES, slug);
}

int rc_why_of(struct rc_sv slug)
{
    return find(why_table, RC_WHYS, slug);
}

int rc_outcome_of(struct rc_sv slug)
{
    return find(outcome_table, RC_OUTCOMES, slug);
}

int rc_action_of(struct rc_sv slug)
{
    return find(action_table, RC_ACTIONS, slug);
}

int rc_role_of(struct rc_sv slug)
{
    return find(role_table, RC_ROLES, slug);
}

int rc_audit_of(struct rc_sv slug)
{
    return find(audit_table, RC_AUDIT_KINDS, slug);
}

int rc_item_of(struct rc_sv slug)
{
    return find(item_table, RC_ITEM_RESULTS, slug);
}

int rc_bulk_state_of(struct rc_sv slug)
{
    return find(bulk_table, RC_BULK_STATES, slug);
}

bool rc_bulk_ended(unsigned state)
{
    return state < RC_BULK_STATES && bulk_ended_table[state];
}

bool rc_state_ended(unsigned state)
{
    return state < RC_STATES && ended_table[state];
}

bool rc_state_rests(unsigned state)
{
    return rc_state_ended(state) || state == RC_REVIEW || state == RC_FAILED || state == RC_REJECTED;
}

struct edge {
    uint8_t from, to;
};
#define EDGE(a, b) {a, b},
static const struct edge command_edges[] = {
#define RC_COMMAND_EDGE EDGE
#include "states.def"
};
static const struct edge step_edges[] = {
#define RC_STEP_EDGE EDGE
#include "states.def"
};
static const struct edge block_edges[] = {
#define RC_BLOCK_EDGE EDGE
#include "states.def"
};
static const struct edge phase_edges[] = {
#define RC_PHASE_EDGE EDGE
#include "states.def"
};
static const struct edge bulk_edges[] = {
#define RC_BULK_EDGE EDGE
#include "states.def"
};

static bool has_edge(const struct edge *table, size_t n, unsigned from, unsigned to)
{
    if (from == to) return true;
    for (size_t i = 0; i < n; i++)
        if (table[i].from == from && table[i].to == to) return true;
    return false;
}

bool rc_state_may(unsigned from, unsigned to)
{
    return has_edge(command_edges, sizeof command_edges / sizeof *command_edges, from, to);
}

bool rc_step_may(unsigned from, unsigned to)
{
    return has_edge(step_edges, sizeof step_edges / sizeof *step_edges, from, to);
}

bool rc_block_may(unsigned from, unsigned to)
{
    return has_edge(block_edges, sizeof block_edges / sizeof *block_edges, from, to);
}

bool rc_phase_may(unsigned from, unsigned to)
{
    return has_edge(phase_edges, sizeof phase_edges / sizeof *phase_edges, from, to);
}

bool rc_bulk_may(unsigned from, unsigned to)
{
    return from != to && has_edge(bulk_edges, sizeof bulk_edges / sizeof *bulk_edges, from, to);
}
