/* The terminal. */
#include "cli/screen.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { DEFAULT_WIDTH = 100, LEAST_WIDTH = 40, MOST_WIDTH = 400, TABLE_COLUMNS = 12 };

static unsigned find_width(FILE *out)
{
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    unsigned long width = DEFAULT_WIDTH;
    if (isatty(fileno(out)) && ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col)
        width = size.ws_col;
    else if (columns && *columns)
        width = strtoul(columns, NULL, 10);
    if (width < LEAST_WIDTH) width = LEAST_WIDTH;
    return width > MOST_WIDTH ? MOST_WIDTH : (unsigned)width;
}

void screen_open(struct screen *screen, FILE *out)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    *screen = (struct screen){.out = out, .width = find_width(out), .now = rc_clock_wall()};
    screen->colour = isatty(fileno(out)) && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

void screen_tint(struct screen *screen, enum tint tint)
{
    static const char *const code[] = {[TINT_NONE] = "0",  [TINT_BOLD] = "1",  [TINT_DIM] = "2",
                                       [TINT_GOOD] = "32", [TINT_WARN] = "33", [TINT_BAD] = "31"};
    if (screen->colour) fprintf(screen->out, "\033[%sm", code[tint]);
}

enum tint screen_tone(struct rc_sv tone)
{
    if (rc_sv_is(tone, "good")) return TINT_GOOD;
    if (rc_sv_is(tone, "warn")) return TINT_WARN;
    return rc_sv_is(tone, "bad") ? TINT_BAD : TINT_NONE;
}

/* ---- text ---------------------------------------------------------------------------------------------- */

/* C0, C1 and DEL; and what ends a line or turns the order in which a terminal shows text, so that people would approve another one. */
static bool is_control(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || (point >= 0x2028 && point <= 0x202e) ||
           (point >= 0x2066 && point <= 0x2069);
}

/* One code point to the terminal; controls show as '?'. Returns its bytes. */
static uint32_t put_point(const struct screen *screen, struct rc_sv text)
{
    uint32_t n = rc_utf8_length(text.p, text.n);
    uint32_t point = n ? rc_utf8_decode(text.p, n) : 0;
    if (n == 0 || is_control(point))
        fputc('?', screen->out);
    else
        (void)fwrite(text.p, 1, n, screen->out);
    return n ? n : 1;
}

static uint32_t point_bytes(struct rc_sv text)
{
    uint32_t n = rc_utf8_length(text.p, text.n);
    return n ? n : 1;
}

unsigned screen_columns(struct rc_sv text)
{
    unsigned columns = 0;
    for (uint32_t i = 0; i < text.n; columns++) i += point_bytes((struct rc_sv){text.p + i, text.n - i});
    return columns;
}

void screen_sv(struct screen *screen, struct rc_sv text)
{
    for (uint32_t i = 0; i < text.n;) i += put_point(screen, (struct rc_sv){text.p + i, text.n - i});
}

void screen_line(struct screen *screen, const char *format, ...)
{
    char text[SCREEN_LINE + 1];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    screen_sv(screen, (struct rc_sv){text, n < 0 ? 0 : (uint32_t)(n > SCREEN_LINE ? SCREEN_LINE : n)});
    fputs(n > SCREEN_LINE ? "…\n" : "\n", screen->out);
}

void screen_cell(struct screen *screen, struct rc_sv text, unsigned width, bool fill)
{
    unsigned columns = screen_columns(text), put = 0;
    bool cut = columns > width;
    for (uint32_t i = 0; i < text.n && put < (cut ? width - 1 : width); put++)
        i += put_point(screen, (struct rc_sv){text.p + i, text.n - i});
    if (cut && width) fputs("…", screen->out), put++;
    for (; fill && put < width; put++) fputc(' ', screen->out);
}

static void spaces(const struct screen *screen, unsigned n)
{
    while (n--) fputc(' ', screen->out);
}

/* Bytes of the word that `text` begins with. */
static uint32_t word_bytes(struct rc_sv text)
{
    uint32_t n = 0;
    while (n < text.n && text.p[n] != ' ' && text.p[n] != '\n') n++;
    return n;
}

void screen_wrap(struct screen *screen, unsigned indent, unsigned at, struct rc_sv text)
{
    bool first = true;
    while (text.n) {
        uint32_t n = word_bytes(text);
        struct rc_sv word = {text.p, n};
        unsigned columns = screen_columns(word);
        if (!first && at + 1 + columns > screen->width) {
            fputc('\n', screen->out);
            spaces(screen, indent);
            at = indent;
            first = true;
        }
        if (n && !first) fputc(' ', screen->out), at++;
        screen_sv(screen, word);
        at += columns;
        first = first && n == 0;
        uint32_t skip = n < text.n ? n + 1 : n;
        text = (struct rc_sv){text.p + skip, text.n - skip};
    }
    fputc('\n', screen->out);
}

void screen_item(struct screen *screen, const char *label, unsigned indent, struct rc_sv text)
{
    if (indent > screen->width / 2) indent = screen->width / 2;
    fputs("  ", screen->out);
    screen_tint(screen, TINT_BOLD);
    screen_cell(screen, rc_sv_of(label), indent - 2, true);
    screen_tint(screen, TINT_NONE);
    screen_wrap(screen, indent, indent, text);
}

/* ---- times --------------------------------------------------------------------------------------------- */

struct rc_sv screen_ago(const struct screen *screen, struct rc_arena *arena, struct rc_sv rfc3339)
{
    static const struct {
        const char *name;
        uint64_t seconds;
    } unit[] = {{"day", 86400}, {"hour", 3600}, {"minute", 60}, {"second", 1}};
    rc_us at;
    if (!rc_parse_time(rfc3339, &at)) return (struct rc_sv){0};
    bool past = at <= screen->now;
    uint64_t seconds = (past ? screen->now - at : at - screen->now) / 1000000;
    for (unsigned i = 0; i < sizeof unit / sizeof *unit; i++) {
        uint64_t n = seconds / unit[i].seconds;
        if (n == 0) continue;
        return rc_text(arena, "%s%llu %s%s%s", past ? "" : "in ", (unsigned long long)n, unit[i].name,
                       n == 1 ? "" : "s", past ? " ago" : "");
    }
    return past ? RC_SV("just now") : RC_SV("now");
}

struct rc_sv screen_clock(const struct screen *screen, struct rc_arena *arena, struct rc_sv rfc3339)
{
    char today[RC_TIME_TEXT];
    rc_us at;
    if (!rc_parse_time(rfc3339, &at) || rfc3339.n < 19) return (struct rc_sv){0};
    rc_format_time(screen->now, today);
    if (memcmp(today, rfc3339.p, 10) == 0) return (struct rc_sv){rfc3339.p + 11, rfc3339.n < 23 ? 8 : 12};
    return rc_text(arena, "%.10s %.5s", rfc3339.p, rfc3339.p + 11);
}

/* ---- tables -------------------------------------------------------------------------------------------- */

/* Every column as wide as its widest cell; then those that grow give up what the terminal does not have; then the
 * last ones are left out. Returns how many are left. */
static unsigned fit(const struct screen *screen, const struct screen_column *column, unsigned n,
                    const struct rc_sv *cells, unsigned nrows, unsigned *ret_width)
{
    unsigned total = 2 * (n - 1);
    for (unsigned c = 0; c < n; c++) {
        ret_width[c] = screen_columns(rc_sv_of(column[c].title));
        for (unsigned r = 0; r < nrows; r++) {
            unsigned columns = screen_columns(cells[r * n + c]);
            if (columns > ret_width[c]) ret_width[c] = columns;
        }
        total += ret_width[c];
    }
    for (unsigned pass = 0; pass < 2 && total > screen->width; pass++) {
        for (unsigned c = n; c-- > 0 && total > screen->width;) {
            unsigned least = column[c].least;
            if ((pass == 0 && !column[c].grows) || ret_width[c] <= least) continue;
            unsigned give = total - screen->width, can = ret_width[c] - least;
            if (give > can) give = can;
            ret_width[c] -= give;
            total -= give;
        }
    }
    for (; n > 1 && total > screen->width; n--) total -= ret_width[n - 1] + 2;
    if (total > screen->width) ret_width[0] = screen->width;
    return n;
}

static void put_row(struct screen *screen, const struct rc_sv *cell, const unsigned *width, unsigned n,
                    unsigned tinted, enum tint tint)
{
    for (unsigned c = 0; c < n; c++) {
        if (c == tinted) screen_tint(screen, tint);
        screen_cell(screen, cell[c], width[c], c + 1 < n);
        if (c == tinted) screen_tint(screen, TINT_NONE);
        if (c + 1 < n) spaces(screen, 2);
    }
    fputc('\n', screen->out);
}

void screen_table(struct screen *screen, const struct screen_column *column, unsigned ncolumns,
                  const struct rc_sv *cells, unsigned nrows, unsigned tinted, const enum tint *tint)
{
    unsigned width[TABLE_COLUMNS];
    struct rc_sv title[TABLE_COLUMNS];
    if (ncolumns == 0 || ncolumns > TABLE_COLUMNS) return;
    unsigned shown = fit(screen, column, ncolumns, cells, nrows, width);
    for (unsigned c = 0; c < ncolumns; c++) title[c] = rc_sv_of(column[c].title);
    screen_tint(screen, TINT_BOLD);
    put_row(screen, title, width, shown, ncolumns, TINT_NONE);
    screen_tint(screen, TINT_NONE);
    for (unsigned r = 0; r < nrows; r++) put_row(screen, &cells[r * ncolumns], width, shown, tinted, tint[r]);
}
