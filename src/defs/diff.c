/* Line diff by dynamic programming over what is left between the common beginning and the common end. */
#include "defs/diff.h"

#include "base/limits.h"

enum { AROUND = 3 };

struct lines {
    struct rc_sv *line;
    uint32_t n;
};

struct row { /* of the answer */
    char mark;
    uint32_t number; /* of the new text, from 1 */
    struct rc_sv text;
};

struct rows {
    struct row *row;
    uint32_t n;
};

static bool split(struct rc_sv text, struct rc_arena *arena, struct lines *ret)
{
    uint32_t n = 1;
    for (uint32_t i = 0; i < text.n; i++) n += text.p[i] == '\n';
    ret->line = RC_NEW_ARRAY(arena, struct rc_sv, n);
    ret->n = 0;
    if (!ret->line) return false;
    while (text.n) {
        const char *end = memchr(text.p, '\n', text.n);
        uint32_t length = end ? (uint32_t)(end - text.p) : text.n;
        ret->line[ret->n++] = (struct rc_sv){text.p, length};
        length += end != NULL;
        text = (struct rc_sv){text.p + length, text.n - length};
    }
    return true;
}

static void add(struct rows *rows, char mark, uint32_t number, struct rc_sv text)
{
    rows->row[rows->n++] = (struct row){mark, number, text};
}

/* length[i * (m+1) + k]: longest common subsequence of old[i..] and new[k..]. */
static uint32_t *common_lengths(const struct rc_sv *old, uint32_t n, const struct rc_sv *new, uint32_t m,
                                struct rc_arena *arena)
{
    uint32_t *length = RC_NEW_ARRAY(arena, uint32_t, ((size_t)n + 1) * ((size_t)m + 1));
    if (!length) return NULL;
    size_t width = (size_t)m + 1;
    for (uint32_t i = n; i-- > 0;) {
        for (uint32_t k = m; k-- > 0;) {
            uint32_t down = length[(i + 1) * width + k], right = length[i * width + k + 1];
            length[i * width + k] = rc_sv_eq(old[i], new[k]) ? length[(i + 1) * width + k + 1] + 1
                                    : down > right           ? down
                                                             : right;
        }
    }
    return length;
}

/* The middle, where both differ at both ends. `first` is the number of the first new line. */
static bool compare_middle(const struct rc_sv *old, uint32_t n, const struct rc_sv *new, uint32_t m,
                           uint32_t first, struct rc_arena *arena, struct rows *rows)
{
    const uint32_t *length = NULL;
    uint32_t i = 0, k = 0;
    if (((uint64_t)n + 1) * ((uint64_t)m + 1) <= RC_MAX_DIFF_CELLS) {
        length = common_lengths(old, n, new, m, arena);
        if (!length) return false;
    }
    size_t width = (size_t)m + 1;
    while (length && i < n && k < m) {
        if (rc_sv_eq(old[i], new[k])) {
            add(rows, ' ', first + k, new[k]);
            i++;
            k++;
        } else if (length[(i + 1) * width + k] >= length[i * width + k + 1]) {
            add(rows, '-', first + k, old[i++]);
        } else {
            add(rows, '+', first + k, new[k]);
            k++;
        }
    }
    for (; i < n; i++) add(rows, '-', first + k, old[i]);
    for (; k < m; k++) add(rows, '+', first + k, new[k]);
    return true;
}

static bool is_near_change(const struct rows *rows, uint32_t at)
{
    uint32_t from = at < AROUND ? 0 : at - AROUND, to = at + AROUND < rows->n ? at + AROUND : rows->n - 1;
    for (uint32_t i = from; i <= to; i++)
        if (rows->row[i].mark != ' ') return true;
    return false;
}

static void print(const struct rows *rows, struct rc_buf *buf)
{
    static const char cut[] = "… the rest is left out\n";
    bool shown = false;
    for (uint32_t i = 0; i < rows->n; i++) {
        const struct row *row = &rows->row[i];
        bool show = is_near_change(rows, i);
        if (show && buf->n + row->text.n + 64 > RC_MAX_DIFF) {
            rc_put_text(buf, cut);
            return;
        }
        if (show && !shown) rc_put_format(buf, "@@ line %u @@\n", row->number);
        if (show) {
            rc_put_char(buf, row->mark);
            rc_put(buf, row->text);
            rc_put_char(buf, '\n');
        }
        shown = show;
    }
}

enum rc_status defs_diff(struct rc_sv old_text, struct rc_sv new_text, struct rc_arena *arena,
                         struct rc_sv *ret)
{
    struct lines old, new;
    if (!split(old_text, arena, &old) || !split(new_text, arena, &new)) return rc_arena_status(arena);
    uint32_t begin = 0, end = 0;
    while (begin < old.n && begin < new.n &&rc_sv_eq(old.line[begin], new.line[begin])) begin++;
    while (end < old.n - begin &&
           end < new.n - begin &&rc_sv_eq(old.line[old.n - 1 - end], new.line[new.n - 1 - end]))
        end++;
    struct rows rows = {RC_NEW_ARRAY(arena, struct row, (size_t)old.n + new.n), 0};
    if (!rows.row) return rc_arena_status(arena);
    for (uint32_t i = 0; i < begin; i++) add(&rows, ' ', i + 1, new.line[i]);
    if (!compare_middle(old.line + begin, old.n - begin - end, new.line + begin, new.n - begin - end,
                        begin + 1, arena, &rows))
        return rc_arena_status(arena);
    for (uint32_t i = new.n - end; i < new.n; i++) add(&rows, ' ', i + 1, new.line[i]);
    struct rc_buf buf = rc_buf_in(arena, RC_MAX_DIFF);
    print(&rows, &buf);
    *ret = rc_buf_sv(&buf);
    return buf.status;
}
