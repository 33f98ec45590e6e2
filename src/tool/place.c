/* Shows where in a text an error is. */
#include "tool/tool.h"

#include "base/utf8.h"

enum { INDENT = 2 };

static uint32_t point_bytes(struct rc_sv text)
{
    uint32_t n = rc_utf8_length(text.p, text.n);
    return n ? n : 1;
}

static struct rc_sv behind(struct rc_sv text, uint32_t n)
{
    return (struct rc_sv){text.p + n, text.n - n};
}

/* Line `number`, from 1, without its end; p is NULL where there are not as many. */
static struct rc_sv find_line(struct rc_sv text, unsigned number)
{
    const char *end;
    for (; number > 1 && text.n; number--) {
        end = memchr(text.p, '\n', text.n);
        if (!end) return (struct rc_sv){0};
        text = behind(text, (uint32_t)(end - text.p) + 1);
    }
    end = text.n ? memchr(text.p, '\n', text.n) : NULL;
    if (end) text.n = (uint32_t)(end - text.p);
    return text;
}

void tool_put_place(struct screen *screen, struct rc_sv source, const struct rc_error *err)
{
    if (err->line == 0 || err->column == 0) return;
    struct rc_sv line = find_line(source, err->line);
    unsigned columns = screen_columns(line), at = err->column - 1, room = screen->width - INDENT;
    if (!line.p || at > columns) return; /* one behind the last is where the end is the error */
    unsigned first = columns > room && at > room / 2 ? at - room / 2 : 0;
    for (unsigned i = 0; i < first; i++) line = behind(line, point_bytes(line));
    fprintf(screen->out, "%*s", INDENT, "");
    screen_cell(screen, line, room, false);
    fprintf(screen->out, "\n%*s", (int)(INDENT + at - first), "");
    screen_tint(screen, TINT_BAD);
    fputc('^', screen->out);
    screen_tint(screen, TINT_NONE);
    fputc('\n', screen->out);
}
