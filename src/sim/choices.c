/* Notes of decisions, made and read (choices.h). */
#include "sim/choices.h"

#include "base/random.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The kinds in the order of a life; 0: unknown. */
static unsigned rank(char kind)
{
    static const char kinds[] = "dbpse"; /* definitions, blocks, people, steps, the end */
    const char *found = kind ? strchr(kinds, kind) : NULL;
    return found ? 1 + (unsigned)(found - kinds) : 0;
}

/* ---- memory --------------------------------------------------------------------------------------------------------- */

static bool grow(void **items, uint32_t n, uint32_t *cap, size_t size)
{
    enum { FIRST = 256 };
    if (n < *cap) return true;
    uint32_t more = *cap ? *cap * 2 : FIRST;
    void *grown = realloc(*items, more * size);
    if (!grown) return false;
    *items = grown;
    *cap = more;
    return true;
}

static bool add_part(struct sim_choices *choices, char kind)
{
    void *parts = choices->parts;
    bool there = grow(&parts, choices->nparts, &choices->parts_cap, sizeof *choices->parts);
    choices->parts = parts;
    if (there) choices->parts[choices->nparts++] = (struct sim_part){.kind = kind, .first = choices->nnotes};
    return there;
}

static bool add_note(struct sim_choices *choices, uint32_t note)
{
    void *notes = choices->notes;
    bool there =
        choices->nparts && grow(&notes, choices->nnotes, &choices->notes_cap, sizeof *choices->notes);
    choices->notes = notes;
    if (!there) return false;
    choices->notes[choices->nnotes++] = note;
    choices->parts[choices->nparts - 1].n++;
    return true;
}

void sim_choices_seed(struct sim_choices *choices, uint64_t seed)
{
    *choices = (struct sim_choices){.random = seed};
}

void sim_choices_rewind(struct sim_choices *choices)
{
    choices->noted = true;
    choices->part = choices->at = 0;
}

void sim_choices_free(struct sim_choices *choices)
{
    free(choices->notes);
    free(choices->parts);
    *choices = (struct sim_choices){0};
}

/* ---- deciding ------------------------------------------------------------------------------------------------------- */

/* Index of the next part of this kind; nparts: there is none. */
static uint32_t next_part(const struct sim_choices *choices, char kind)
{
    uint32_t next = choices->part;
    while (next < choices->nparts && rank(choices->parts[next].kind) < rank(kind)) next++;
    return next < choices->nparts && choices->parts[next].kind == kind ? next : choices->nparts;
}

void sim_choices_begin(struct sim_choices *choices, char kind)
{
    if (!choices->noted) {
        bool there = add_part(choices, kind);
        assert(there);
        return;
    }
    uint32_t next = next_part(choices, kind);
    choices->at = UINT32_MAX; /* an empty part */
    if (next == choices->nparts) return;
    choices->part = next + 1;
    choices->at = 0;
}

bool sim_choices_more(const struct sim_choices *choices, char kind)
{
    return !choices->noted || next_part(choices, kind) < choices->nparts;
}

uint32_t sim_choose(struct sim_choices *choices, uint32_t n)
{
    if (!choices->noted) {
        uint32_t note = (uint32_t)(rc_mix(&choices->random) % n);
        bool there = add_note(choices, note);
        assert(there);
        return note;
    }
    if (choices->at == UINT32_MAX || !choices->part) return 0;
    const struct sim_part *part = &choices->parts[choices->part - 1];
    return choices->at < part->n ? choices->notes[part->first + choices->at++] % n : 0;
}

/* ---- text ----------------------------------------------------------------------------------------------------------- */

static enum rc_status parse_note(const char **at, struct sim_choices *ret)
{
    uint64_t note = 0;
    for (; **at >= '0' && **at <= '9'; ++*at) {
        note = note * 10 + (uint64_t)(**at - '0');
        if (note > UINT32_MAX) return RC_INVALID;
    }
    if (ret->nnotes == SIM_NOTES) return RC_LIMIT;
    return add_note(ret, (uint32_t)note) ? RC_OK : RC_NOMEM;
}

enum rc_status sim_choices_parse(const char *text, struct sim_choices *ret)
{
    struct sim_choices choices = {.noted = true};
    enum rc_status status = *text ? RC_OK : RC_INVALID;
    unsigned last = 0;
    for (const char *at = text; *at && status == RC_OK;) {
        if (rank(*at) < last || !rank(*at)) status = RC_INVALID;
        if (status == RC_OK && choices.nparts == SIM_PARTS) status = RC_LIMIT;
        if (status != RC_OK) break;
        last = rank(*at);
        if (!add_part(&choices, *at++)) status = RC_NOMEM;
        bool more = *at && !rank(*at);
        while (more && status == RC_OK) {
            status = parse_note(&at, &choices);
            more = *at == '.';
            at += more;
        }
    }
    if (status == RC_OK)
        *ret = choices;
    else
        sim_choices_free(&choices);
    return status;
}

char *sim_choices_text(const struct sim_choices *choices)
{
    enum { DIGITS = 11 };
    char *text = malloc((size_t)choices->nnotes * DIGITS + choices->nparts + 1), *at = text;
    if (!text) return NULL;
    for (uint32_t i = 0; i < choices->nparts; i++) {
        const struct sim_part *part = &choices->parts[i];
        uint32_t n = part->n;
        while (n && choices->notes[part->first + n - 1] == 0) n--;
        *at++ = part->kind;
        for (uint32_t k = 0; k < n; k++) {
            char digits[DIGITS];
            unsigned nd = 0;
            if (k) *at++ = '.';
            for (uint32_t note = choices->notes[part->first + k]; note; note /= 10)
                digits[nd++] = (char)('0' + note % 10);
            while (nd) *at++ = digits[--nd];
        }
    }
    *at = '\0';
    return text;
}

/* ---- shorter -------------------------------------------------------------------------------------------------------- */

/* What is kept: of part `part` (UINT32_MAX: of the list of parts itself) all but [first, first + n). */
static bool without(const struct sim_choices *from, uint32_t part, uint32_t first, uint32_t n,
                    struct sim_choices *ret)
{
    struct sim_choices made = {.noted = true};
    bool there = true;
    for (uint32_t i = 0; there && i < from->nparts; i++) {
        if (part == UINT32_MAX && i >= first && i - first < n) continue;
        there = add_part(&made, from->parts[i].kind);
        for (uint32_t k = 0; there && k < from->parts[i].n; k++)
            if (i != part || k < first || k - first >= n)
                there = add_note(&made, from->notes[from->parts[i].first + k]);
    }
    if (there)
        *ret = made;
    else
        sim_choices_free(&made);
    return there;
}

bool sim_choices_without_parts(const struct sim_choices *from, uint32_t first, uint32_t n,
                               struct sim_choices *ret)
{
    return without(from, UINT32_MAX, first, n, ret);
}

bool sim_choices_without_notes(const struct sim_choices *from, uint32_t part, uint32_t first, uint32_t n,
                               struct sim_choices *ret)
{
    return without(from, part, first, n, ret);
}
