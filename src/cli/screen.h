#pragma once
/* Writing for people: width, colours, wrapped paragraphs, tables, times. Foreign text cannot move the cursor or
 * change colours: control characters are shown as '?'. Nothing here reads the network. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"

#include <stdio.h>

struct screen {
    FILE *out;
    unsigned width;
    bool colour;
    rc_us now;
};

enum tint { TINT_NONE, TINT_BOLD, TINT_DIM, TINT_GOOD, TINT_WARN, TINT_BAD };

/* Looks at the terminal, COLUMNS, NO_COLOR and TERM. */
void screen_open(struct screen *, FILE *);

void screen_tint(struct screen *, enum tint);
/* Text as it is, but for control characters. */
void screen_sv(struct screen *, struct rc_sv);
/* One line: like fprintf, cleaned like that, and ended; of more than SCREEN_LINE bytes the rest is cut. */
enum { SCREEN_LINE = 2048 };
void screen_line(struct screen *, const char *format, ...) RC_PRINTF(2, 3);
/* The same as screen_sv, cut to `width` columns (with "…") and filled up to them where `fill`. */
void screen_cell(struct screen *, struct rc_sv, unsigned width, bool fill);
/* A paragraph: `label` in a column of `indent`, the text wrapped beside it. */
void screen_item(struct screen *, const char *label, unsigned indent, struct rc_sv text);
void screen_wrap(struct screen *, unsigned indent, unsigned at, struct rc_sv text);

/* Columns of a text: its code points. */
unsigned screen_columns(struct rc_sv);
/* "3 minutes ago", "in 12 seconds", "now"; empty text for what is no time. */
struct rc_sv screen_ago(const struct screen *, struct rc_arena *, struct rc_sv rfc3339);
/* "14:03:22.120" of today, "2026-11-20 14:03" otherwise, in UTC. */
struct rc_sv screen_clock(const struct screen *, struct rc_arena *, struct rc_sv rfc3339);
/* Tint of the "tone" that the API gives with a state. */
enum tint screen_tone(struct rc_sv tone);

struct screen_column {
    const char *title;
    unsigned least; /* columns that it keeps when the terminal is narrow */
    bool grows;     /* takes what is left, and gives first */
};
/* rows × columns cells, row by row; the column `tinted` in the tint of its row. What does not fit into the width even
 * with every column at its least is left out, from the right. */
void screen_table(struct screen *, const struct screen_column *, unsigned ncolumns, const struct rc_sv *cells,
                  unsigned nrows, unsigned tinted, const enum tint *tint);
