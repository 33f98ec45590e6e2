/* The steps of a command as a tree: blocks with what is in them below, and how far they are. */
#include "cli/run.h"

enum { COLUMNS = 5, DEPTH = 64, NOTE = 512, INSIDE = 2 };

/* The paths of the blocks around the entry that is drawn, outermost first. */
struct nest {
    struct rc_sv path[DEPTH];
    unsigned n;
};

/* How deep an entry stands: below its parent, where that has been drawn. */
static unsigned depth_of(struct nest *nest, struct rc_sv parent)
{
    while (nest->n && !rc_sv_eq(nest->path[nest->n - 1], parent)) nest->n--;
    return nest->n;
}

/* "orders[3].pay" is "[3].pay" below "orders", and "pay" below a block of the same item. */
static struct rc_sv label_of(struct rc_sv path, struct rc_sv parent, struct rc_sv id)
{
    bool loop = parent.n && path.n > parent.n && rc_sv_starts(path, parent) && path.p[parent.n] == '[';
    return loop ? (struct rc_sv){path.p + parent.n, path.n - parent.n} : id;
}

static void put_counts(struct rc_buf *buf, const struct cel_value *counts, const char *what)
{
    uint64_t needed = cli_number(counts, "needed"), failed = cli_number(counts, "failed"),
             running = cli_number(counts, "running"), given_up = cli_number(counts, "given_up");
    rc_put_format(buf, "%llu of %llu %s done", (unsigned long long)cli_number(counts, "done"),
                  (unsigned long long)cli_number(counts, "count"), what);
    if (needed) rc_put_format(buf, ", %llu needed", (unsigned long long)needed);
    if (failed) rc_put_format(buf, ", %llu failed", (unsigned long long)failed);
    if (running) rc_put_format(buf, ", %llu running", (unsigned long long)running);
    if (given_up) rc_put_format(buf, ", %llu given up", (unsigned long long)given_up);
}

/* People count from 1; behind the last case stands the else. */
static void put_choice(struct rc_buf *buf, const struct cel_value *step)
{
    unsigned long long taken = cli_number(step, "taken"), cases = cli_number(step, "cases");
    if (cli_member(step, "cases").kind != CEL_INT) /* an older server does not say */
        rc_put_format(buf, "took case %llu", taken + 1);
    else if (taken < cases)
        rc_put_format(buf, "took case %llu of %llu", taken + 1, cases);
    else
        rc_put_text(buf, "took else");
}

static void put_part(struct rc_buf *buf, const char *before, struct rc_sv text)
{
    if (text.n) rc_put_format(buf, "%s%s%.*s", buf->n ? "; " : "", before, RC_SV_ARG(text));
}

/* What is most worth knowing of it, the numbers of a block first. */
static struct rc_sv note_of(struct cli *cli, const struct cel_value *step)
{
    struct rc_buf buf = rc_buf_in(cli->arena, NOTE);
    struct cel_value child = cli_member(step, "child");
    struct cel_value items = cli_member(step, "items"), branches = cli_member(step, "branches");
    struct rc_sv due = cli_text(step, "due"), purpose = cli_text(step, "purpose");
    if (items.kind == CEL_MAP) put_counts(&buf, &items, "items");
    if (branches.kind == CEL_MAP) put_counts(&buf, &branches, "branches");
    if (cli_number(step, "max_passes"))
        rc_put_format(&buf, "pass %llu of at most %llu", (unsigned long long)cli_number(step, "passes"),
                      (unsigned long long)cli_number(step, "max_passes"));
    if (cli_member(step, "taken").kind == CEL_INT) put_choice(&buf, step);
    if (cli_bool(step, "taken_back")) put_part(&buf, "", RC_SV("what it had done was undone"));
    if (due.n) {
        struct rc_sv ago = screen_ago(&cli->screen, cli->arena, due);
        put_part(&buf, "",
                 purpose.n ? rc_text(cli->arena, "%.*s %.*s", RC_SV_ARG(purpose), RC_SV_ARG(ago))
                           : rc_text(cli->arena, "until %.*s, %.*s",
                                     RC_SV_ARG(screen_clock(&cli->screen, cli->arena, due)), RC_SV_ARG(ago)));
    } else if (cli_text(&child, "id").n) {
        put_part(&buf, "",
                 rc_text(cli->arena, "%.*s, %.*s", RC_SV_ARG(cli_text(&child, "id")),
                         RC_SV_ARG(cli_text(&child, "display"))));
    } else if (cli_text(step, "external_id").n) {
        put_part(&buf, "", cli_text(step, "external_id"));
    } else {
        put_part(&buf, "", cli_text(step, "why_text"));
    }
    if (!buf.n) put_part(&buf, "instead of ", cli_text(step, "fallback_of"));
    return rc_buf_sv(&buf);
}

static void put_row(struct cli *cli, const struct cel_value *step, struct nest *nest, bool paths,
                    struct rc_sv *cell)
{
    static const char blanks[2 * DEPTH + 1] =
        "                                                                "
        "                                                                ";
    struct rc_sv path = cli_text(step, "path"), parent = cli_text(step, "parent"),
                 dependency = cli_text(step, "dependency"), kind = cli_text(step, "kind");
    unsigned depth = depth_of(nest, parent);
    struct rc_sv label = paths || (parent.n && !depth) ? path : label_of(path, parent, cli_text(step, "id"));
    if (nest->n < DEPTH) nest->path[nest->n++] = path;
    if (paths) depth = 0;
    cell[0] = rc_text(cli->arena, "%.*s%.*s", (int)(INSIDE * depth), blanks, RC_SV_ARG(label));
    cell[1] = cli_bool(step, "given_up") ? RC_SV("given_up") : cli_text(step, "state");
    if (rc_sv_is(kind, "call"))
        cell[2] = rc_text(cli->arena, "%llu", (unsigned long long)cli_number(step, "attempts"));
    cell[3] = dependency.n ? dependency : rc_text(cli->arena, "(%.*s)", RC_SV_ARG(kind));
    cell[4] = note_of(cli, step);
}

static bool is_in_a_loop(const struct cel_value *step)
{
    struct rc_sv path = cli_text(step, "path");
    return path.n && memchr(path.p, '[', path.n) != NULL;
}

static void put_table(struct cli *cli, struct cel_value steps, bool paths, bool loops)
{
    static const struct screen_column column[COLUMNS] = {
        {"STEP", 8, true}, {"STATE", 8, false}, {"TRIES", 5, false}, {"AT", 6, true}, {"NOTE", 10, true}};
    if (steps.kind != CEL_LIST || steps.n == 0) return;
    struct rc_sv *cells = RC_NEW_ARRAY(cli->arena, struct rc_sv, (size_t)steps.n * COLUMNS);
    enum tint *tint = RC_NEW_ARRAY(cli->arena, enum tint, steps.n);
    struct nest nest = {.n = 0};
    uint32_t n = 0;
    if (!cells || !tint) return;
    for (uint32_t i = 0; i < steps.n; i++) {
        const struct cel_value *step = &steps.v.items[i];
        if (!loops && is_in_a_loop(step)) continue;
        put_row(cli, step, &nest, paths, &cells[(size_t)n * COLUMNS]);
        tint[n++] = screen_tone(cli_text(step, "tone"));
    }
    screen_table(&cli->screen, column, COLUMNS, cells, n, 1, tint);
}

void cli_put_steps(struct cli *cli, const struct cel_value *command, bool loops)
{
    struct cel_value steps = cli_member(command, "steps");
    uint64_t next = cli_number(command, "steps_next"), total = cli_number(command, "steps_total");
    if (steps.kind != CEL_LIST || steps.n == 0) return;
    fputc('\n', cli->screen.out);
    put_table(cli, steps, false, loops);
    if (next && loops)
        screen_line(&cli->screen, "and %llu more: recourse steps %.*s --after %llu",
                    (unsigned long long)(total - steps.n), RC_SV_ARG(cli_text(command, "id")),
                    (unsigned long long)next);
}

int cli_run_steps(struct cli *cli, const struct cli_args *args)
{
    static const struct cli_filter filters[] = {
        {"after", "after", false}, {"limit", "limit", false}, {"state", "state", false}, {NULL, NULL, false}};
    struct cli_reply reply;
    struct rc_sv path = rc_text(cli->arena, "/v1/commands/%.*s/steps",
                                RC_SV_ARG(rc_client_escape(cli->arena, rc_sv_of(args->operand[0]))));
    int fault = cli_get_filtered(cli, &reply, path.p ? path.p : "", filters);
    if (fault != CLI_OK) return fault;
    if (cli->json) {
        cli_put_raw(cli, &reply);
        return CLI_OK;
    }
    struct cel_value steps = cli_member(&reply.answer.body, "steps");
    uint64_t next = cli_number(&reply.answer.body, "next");
    for (uint32_t i = 0; cli->quiet && steps.kind == CEL_LIST && i < steps.n; i++)
        screen_line(&cli->screen, "%.*s %.*s", RC_SV_ARG(cli_text(&steps.v.items[i], "path")),
                    RC_SV_ARG(cli_text(&steps.v.items[i], "state")));
    if (cli->quiet) return CLI_OK;
    if (steps.kind == CEL_LIST && steps.n)
        put_table(cli, steps, true, true);
    else
        fputs("none\n", cli->screen.out);
    if (next) fprintf(cli->screen.out, "there are more: add --after %llu\n", (unsigned long long)next);
    return CLI_OK;
}
