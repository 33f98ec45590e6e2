#pragma once
/* Where the decisions of a life come from: from a seed, noted as they are made; or from notes, so that a life can be lived again, and be
 * made shorter by taking notes away.
 *
 * Notes are cut into parts, one for each thing that happens. Reading stays within a part: a part that is too short goes on with
 * zeros, what is left of one that is too long is passed over. So a change of one part moves nothing in the others, and every
 * list of notes is a life. A decision of 0 is the plain one: whoever asks puts it first.
 *
 * As text: for each part its kind, a letter, and its numbers with a '.' between them; a number that is 0 is left out, and so are zeros at
 * the end of a part: "d3.1.s25..2s1". */
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIM_PARTS = 8192, SIM_NOTES = 1 << 20 };

struct sim_part {
    char kind;
    uint32_t first, n; /* of the notes */
};

struct sim_choices {
    bool noted;      /* the notes are read; else they are made */
    uint64_t random; /* state of the seed's stream */
    uint32_t *notes;
    struct sim_part *parts;
    uint32_t nnotes, nparts, notes_cap, parts_cap;
    uint32_t part, at; /* reading: the part that is open (1 + its index; 0: none), and the note in it */
};

void sim_choices_seed(struct sim_choices *, uint64_t seed);
/* To be read from the beginning. */
void sim_choices_rewind(struct sim_choices *);
void sim_choices_free(struct sim_choices *);

/* A new part begins. Kinds come in the order of a life: of what is read, parts of earlier kinds are passed over ('d' before 's' before 'e'),
 * and where the next one is of a later kind, this one is empty. */
void sim_choices_begin(struct sim_choices *, char kind);
/* Reading: whether there is another part of this kind. Else true. */
bool sim_choices_more(const struct sim_choices *, char kind);
/* 0 to n - 1; n is not 0. */
uint32_t sim_choose(struct sim_choices *, uint32_t n);

/* RC_INVALID, RC_LIMIT. Made to be read. */
RC_MUST enum rc_status sim_choices_parse(const char *text, struct sim_choices *);
/* Owned by the caller; NULL: out of memory. */
RC_MUST char *sim_choices_text(const struct sim_choices *);

/* For the shrinker. A copy to be read, without parts [first, first + n); and one without notes [first, first + n) of a part. False: out of
 * memory. */
RC_MUST bool sim_choices_without_parts(const struct sim_choices *, uint32_t first, uint32_t n,
                                       struct sim_choices *ret);
RC_MUST bool sim_choices_without_notes(const struct sim_choices *, uint32_t part, uint32_t first, uint32_t n,
                                       struct sim_choices *ret);
