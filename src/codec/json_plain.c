/* Plain JSON texts to values, in one pass and without a tree in between: a sixth of what the library takes. It never says what is
 * wrong with a text: then the library reads it anew, and its words count. So this may only be too strict, never too lax; the fuzz
 * target `json` holds both against each other.
 *
 * A list's or an object's values wait on a stack until it ends and their number is known; then they move to the arena. */
#include "codec/json_plain.h"

#include "base/limits.h"
#include "base/num.h"
#include "base/utf8.h"

enum {
    LARGE =
        64
        << 10, /* bytes of a text that is left to the library: what was read in vain takes room in the arena */
    PENDING = 512,   /* values of lists and objects that have not ended */
    SAFE_DIGITS = 18 /* they fit into 64 bits */
};

struct plain {
    const char *p, *end;
    char *text; /* free room for text: all texts of a JSON text are together no longer than it */
    struct rc_arena *arena;
    uint32_t cells; /* values so far */
    uint32_t n;     /* pending */
    struct cel_value pending[PENDING];
};

static bool read_value(struct plain *, unsigned depth, struct cel_value *ret);

static void skip_blanks(struct plain *in)
{
    while (in->p < in->end && (*in->p == ' ' || *in->p == '\n' || *in->p == '\t' || *in->p == '\r')) in->p++;
}

/* Takes the character where it is next. */
static bool take(struct plain *in, char c)
{
    if (in->p == in->end || *in->p != c) return false;
    in->p++;
    return true;
}

/* ---- texts --------------------------------------------------------------------------------------------- */

/* Bytes that stand for themselves in a string, up to the first one that does not. */
static uint32_t plain_run(const struct plain *in)
{
    const char *p = in->p;
    while (p < in->end) {
        unsigned char c = (unsigned char)*p;
        uint32_t length = 1;
        if (c < ' ' || c == '"' || c == '\\') break;
        if (c >= 0x80) length = rc_utf8_length(p, (uint32_t)(in->end - p));
        if (!length) break;
        p += length;
    }
    return (uint32_t)(p - in->p);
}

/* Behind the backslash; 0: none of the short ones. */
static char short_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/': return c;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    }
    return 0;
}

/* Behind the first quote. */
static bool read_text(struct plain *in, struct cel_value *ret)
{
    char *text = in->text;
    for (;;) {
        uint32_t n = plain_run(in);
        memcpy(in->text, in->p, n);
        in->text += n;
        in->p += n;
        if (take(in, '"')) break;
        if (!take(in, '\\') || in->p == in->end) return false;
        char c = short_escape(*in->p++);
        if (!c) return false;
        *in->text++ = c;
    }
    *ret = cel_string((struct rc_sv){text, (uint32_t)(in->text - text)});
    return true;
}

/* ---- numbers ------------------------------------------------------------------------------------------- */

static uint32_t skip_digits(struct plain *in)
{
    const char *from = in->p;
    while (in->p < in->end && *in->p >= '0' && *in->p <= '9') in->p++;
    return (uint32_t)(in->p - from);
}

static bool read_number(struct plain *in, struct cel_value *ret)
{
    const char *from = in->p;
    bool negative = take(in, '-'), whole = true;
    const char *first = in->p;
    uint32_t digits = skip_digits(in);
    if (digits == 0 || (*first == '0' && digits > 1)) return false;
    if (take(in, '.')) {
        whole = false;
        if (!skip_digits(in)) return false;
    }
    if (take(in, 'e') || take(in, 'E')) {
        whole = false;
        if (!take(in, '-')) (void)take(in, '+');
        if (!skip_digits(in)) return false;
    }
    if (!whole) {
        double number;
        if (!rc_parse_double((struct rc_sv){from, (uint32_t)(in->p - from)}, &number)) return false;
        *ret = cel_double(number);
        return true;
    }
    if (digits > SAFE_DIGITS) return false;
    int64_t number = 0;
    for (uint32_t i = 0; i < digits; i++) number = 10 * number + (first[i] - '0');
    *ret = cel_int(negative ? -number : number);
    return true;
}

/* ---- lists and objects --------------------------------------------------------------------------------- */

static bool push(struct plain *in, struct cel_value value)
{
    if (in->n == PENDING) return false;
    in->pending[in->n++] = value;
    return true;
}

/* Moves what is pending from `first` on; NULL: out of memory. */
static struct cel_value *pop(struct plain *in, uint32_t first)
{
    uint32_t n = in->n - first;
    struct cel_value *items = rc_alloc(in->arena, n * sizeof *items);
    if (items && n) memcpy(items, in->pending + first, n * sizeof *items);
    in->n = first;
    return items;
}

/* Behind the bracket. */
static bool read_list(struct plain *in, unsigned depth, struct cel_value *ret)
{
    uint32_t first = in->n, n;
    skip_blanks(in);
    if (!take(in, ']')) {
        do {
            struct cel_value item;
            if (!read_value(in, depth, &item) || !push(in, item)) return false;
        } while (take(in, ','));
        if (!take(in, ']')) return false;
    }
    n = in->n - first;
    const struct cel_value *items = pop(in, first);
    *ret = (struct cel_value){.kind = CEL_LIST, .n = n, .v.items = items};
    return items != NULL;
}

static bool read_member(struct plain *in, unsigned depth)
{
    struct cel_value name, value;
    skip_blanks(in);
    if (!take(in, '"') || !read_text(in, &name)) return false;
    skip_blanks(in);
    return take(in, ':') && read_value(in, depth, &value) && push(in, name) && push(in, value);
}

/* Behind the brace. A repeated name makes no map. */
static bool read_object(struct plain *in, unsigned depth, struct cel_value *ret)
{
    uint32_t first = in->n, n, bad;
    skip_blanks(in);
    if (!take(in, '}')) {
        do {
            if (!read_member(in, depth)) return false;
        } while (take(in, ','));
        if (!take(in, '}')) return false;
    }
    n = (in->n - first) / 2;
    struct cel_value *pairs = pop(in, first);
    if (!pairs || !cel_map_sort(pairs, n, &bad)) return false;
    *ret = (struct cel_value){.kind = CEL_MAP, .n = n, .v.items = pairs};
    return true;
}

/* ---- values -------------------------------------------------------------------------------------------- */

static bool read_word(struct plain *in, struct rc_sv word, struct cel_value value, struct cel_value *ret)
{
    if ((size_t)(in->end - in->p) < word.n || memcmp(in->p, word.p, word.n) != 0) return false;
    in->p += word.n;
    *ret = value;
    return true;
}

/* With the blanks around it. `depth` is how many more lists and objects may nest here. */
static bool read_value(struct plain *in, unsigned depth, struct cel_value *ret)
{
    bool fine = false;
    skip_blanks(in);
    if (in->p == in->end || ++in->cells > RC_MAX_JSON_CELLS) return false;
    if (take(in, '"'))
        fine = read_text(in, ret);
    else if (take(in, '{'))
        fine = depth && read_object(in, depth - 1, ret);
    else if (take(in, '['))
        fine = depth && read_list(in, depth - 1, ret);
    else if (*in->p == 't')
        fine = read_word(in, RC_SV("true"), cel_bool(true), ret);
    else if (*in->p == 'f')
        fine = read_word(in, RC_SV("false"), cel_bool(false), ret);
    else if (*in->p == 'n')
        fine = read_word(in, RC_SV("null"), cel_null(), ret);
    else
        fine = read_number(in, ret);
    skip_blanks(in);
    return fine;
}

bool rc_json_plain(struct rc_sv text, unsigned depth, struct rc_arena *arena, struct cel_value *ret_value)
{
    struct plain in; /* not zeroed: the stack is large, and written before it is read */
    struct cel_value value;
    if (text.n == 0 || text.n > LARGE) return false;
    in.text = rc_alloc_text(arena, text.n);
    if (!in.text) return false;
    in.p = text.p;
    in.end = text.p + text.n;
    in.arena = arena;
    in.cells = in.n = 0;
    if (!read_value(&in, depth, &value) || in.p != in.end) return false;
    *ret_value = value;
    return true;
}
