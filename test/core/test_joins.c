/* The table of joins and partial failure in docs/flows.md, made true cell by cell: the block that a row describes is given to the core
 * as a parallel block of three steps and as an each over three items, the outcomes that a column describes come in every order and to
 * every branch, and each time the block, the command and what was undone must be what the cell says.
 *
 * Usage: test_joins PAGE; with --print the table as the core makes it goes to standard output. */
#include "../golden/world.h"

#include "codec/json.h"
#include "core/tree.h"
#include "defs/defs.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { BRANCHES = 3, ORDERS = 6, PAGE_MAX = 256 << 10, CELLS = 16, TEXT = 256, MEMORY = 64 << 20 };

/* S: succeeds, F: fails, U: nobody knows, '.': has not answered yet. In the order in which they come. */
struct column {
    const char *title, *outcomes, *surplus;
};
static const struct column columns[] = {
    {"all succeed", "SSS", NULL},
    {"one fails", "FSS", NULL},
    {"two fail", "FFS", NULL},
    {"all fail", "FFF", NULL},
    {"one is left unknown", "USS", NULL},
    {"one fails, one is left unknown", "FUS", NULL},
    {"one fails, the others are under way", "F..", NULL},
    {"success after the join, `surplus: keep`", "SSS", "keep"},
    {"success after the join, `surplus: undo`", "SSS", "undo"},
    {"no items", "", NULL},
};
enum { COLUMNS = sizeof columns / sizeof *columns, KEYS = 3 };
static const char *const keys[KEYS] = {"join", "on_error", "undo"};

struct row {
    struct rc_sv key[KEYS]; /* as the definition has them */
    struct rc_sv cell[COLUMNS];
};

/* Every row that there can be stands in the table. */
enum { VALUES = 3, ROWS = VALUES * 2 * VALUES };
static const char *const values[KEYS][VALUES] = {
    {"all", "any", "{ quorum: 2 }"}, {"fail_fast", "continue", NULL}, {"none", "failed_branch", "block"}};
static bool there[VALUES][VALUES][VALUES];

static unsigned runs, wrong;
static bool print;

/* ---- the page ------------------------------------------------------------------------------------------------------- */

static struct rc_sv trimmed(struct rc_sv text)
{
    while (text.n && (text.p[0] == ' ' || text.p[0] == '`')) text = (struct rc_sv){text.p + 1, text.n - 1};
    while (text.n && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '`')) text.n--;
    return text;
}

static struct rc_sv next_line(struct rc_sv *text)
{
    const char *end = memchr(text->p, '\n', text->n);
    uint32_t n = end ? (uint32_t)(end - text->p) : text->n, eaten = n + (end != NULL);
    struct rc_sv line = {text->p, n};
    *text = (struct rc_sv){text->p + eaten, text->n - eaten};
    return line;
}

/* Cells of "| a | b |"; 0 where the line is no row of a table. */
static unsigned split(struct rc_sv line, struct rc_sv *ret)
{
    unsigned n = 0;
    const char *at = line.p, *end = line.p + line.n;
    if (!line.n || *at != '|') return 0;
    for (at++; n < CELLS; n++) {
        const char *bar = memchr(at, '|', (size_t)(end - at));
        if (!bar) break;
        ret[n] = trimmed((struct rc_sv){at, (uint32_t)(bar - at)});
        at = bar + 1;
    }
    return n;
}

/* Whether a line is the table's head: it must have every column, in their order. */
static bool is_head(const struct rc_sv *cell, unsigned n)
{
    if (n != KEYS + COLUMNS) return false;
    for (unsigned i = 0; i < KEYS; i++)
        if (!rc_sv_is(cell[i], keys[i])) return false;
    for (unsigned i = 0; i < COLUMNS; i++)
        if (!rc_sv_eq(cell[KEYS + i], trimmed(rc_sv_of(columns[i].title)))) return false;
    return true;
}

/* ---- a world with the block ------------------------------------------------------------------------------------------ */

static void put_flow(struct rc_buf *buf, const struct row *row, const struct column *column, bool each)
{
    static const char step[] = "{ id: %s, call: out, with: { method: POST, path: / }, retry: { limit: { "
                               "attempts: 1 } },\n        undo: { with: { method: DELETE, path: / } } }\n";
    rc_put_text(buf, "dependency: out\nkind: http\nbase: http://127.0.0.1:8499\nallow_private: true\n---\n"
                     "flow: joins\nsteps:\n  - id: block\n");
    for (unsigned i = 0; i < KEYS; i++) rc_put_format(buf, "    %s: %.*s\n", keys[i], RC_SV_ARG(row->key[i]));
    if (column->surplus) rc_put_format(buf, "    surplus: %s\n", column->surplus);
    if (each)
        rc_put_text(buf, "    each: \"${payload.items}\"\n    max: 3\n    steps:\n      - ");
    else
        rc_put_text(buf, "    parallel:\n");
    for (unsigned i = 0; i < (each ? 1 : BRANCHES); i++) {
        if (!each) rc_put_text(buf, "      - ");
        rc_put_format(buf, step, (const char *const[]){"a", "b", "c"}[i]);
    }
    rc_put_char(buf, 0);
}

/* NULL: the definition is refused. */
static const struct flow_set *load(struct rc_arena *arena, const struct row *row, const struct column *column,
                                   bool each)
{
    struct rc_buf text = rc_buf_in(arena, 1 << 16);
    static struct defs_errors errors;
    struct defs_one *found;
    uint32_t n;
    put_flow(&text, row, column, each);
    struct defs_file file = {.source = RC_SV("joins"), .text = {text.p, text.n - 1}};
    if (text.status != RC_OK || defs_load(&file, 1, arena, &found, &n, &errors) != RC_OK) return NULL;
    return world_set_of(found, n, arena);
}

static bool submit(struct world *world, bool items)
{
    struct rc_error error;
    world->identity = (struct rc_identity){.seq = 1,
                                           .nonce = 7,
                                           .created = world->now,
                                           .ns = RC_SV("default"),
                                           .type = RC_SV("joins"),
                                           .key = RC_SV("k"),
                                           .actor = RC_SV("anna"),
                                           .generation = 1,
                                           .refs = {.kind = CEL_MAP}};
    struct rc_sv payload = items ? RC_SV("{\"items\":[1,2,3]}") : RC_SV("{\"items\":[]}");
    if (rc_json_parse(payload, world->arena, &world->identity.payload, NULL) != RC_OK) return false;
    world->command.flow = world->set->active[0];
    struct rc_ask ask = world_ask(world, RC_MSG_SUBMIT, 0);
    ask.u.submit = &world->identity;
    return world_deliver(world, ask, &error) == RC_OK;
}

static bool is_call(const struct rc_command *c, uint32_t at)
{
    return rc_node_step(c, at)->kind == FLOW_CALL;
}

/* The step of a branch. */
static uint32_t branch(const struct rc_command *c, unsigned number)
{
    for (uint32_t i = 0; i < c->nnodes; i++)
        if (is_call(c, i) && !number--) return i;
    return UINT32_MAX;
}

static bool tell(struct world *world, uint32_t at, char outcome)
{
    struct rc_error error;
    static const struct rc_result results[] = {
        ['S'] = {.reach = RC_ANSWERED, .usable = true, .status = 200},
        ['F'] = {.reach = RC_NOT_SENT, .why = RC_WHY_NOT_SENT},
        ['U'] = {.reach = RC_SENT, .why = RC_WHY_TIMEOUT},
    };
    struct rc_result result = results[(unsigned char)outcome];
    result.headers = result.body = (struct cel_value){.kind = CEL_MAP};
    struct rc_ask ask = world_ask(world, RC_MSG_RESULT, at);
    ask.attempt = world->command.node[at].attempt;
    ask.u.result = &result;
    world->neffects = 0;
    return world->command.node[at].phase == RC_PHASE_OPEN && world_deliver(world, ask, &error) == RC_OK;
}

/* Undos work; those that a block began are answered until none is out. */
static bool finish_undos(struct world *world)
{
    for (uint32_t i = 0; i < world->command.nnodes; i++) {
        if (world->command.node[i].state != RC_STEP_UNDOING || world->command.node[i].phase != RC_PHASE_OPEN)
            continue;
        if (!tell(world, i, 'S')) return false;
        i = 0;
    }
    return true;
}

/* "failed, failed, 1 undone" */
static void put_cell(const struct rc_command *c, char ret[TEXT / 2])
{
    unsigned undone = 0;
    for (uint32_t i = 0; i < c->nnodes; i++) undone += is_call(c, i) && c->node[i].state == RC_STEP_UNDONE;
    int n =
        snprintf(ret, TEXT / 2, "%s, %s", rc_step_word(c->node[1].state).slug, rc_state_word(c->state).slug);
    if (undone) snprintf(ret + n, (size_t)(TEXT / 2 - n), ", %u undone", undone);
}

/* One life: outcomes[i] comes i-th, to branch order[i]. What came of it, or why there is none. */
static void live(struct rc_arena *arena, const struct flow_set *set, const char *outcomes,
                 const uint8_t *order, char ret[TEXT / 2])
{
    struct world world;
    runs++;
    snprintf(ret, TEXT / 2, "refused");
    if (!set) return;
    rc_arena_reset(arena);
    world_begin(&world, arena, set);
    bool fine = submit(&world, *outcomes != 0);
    for (unsigned i = 0; fine && outcomes[i]; i++)
        if (outcomes[i] != '.') fine = tell(&world, branch(&world.command, order[i]), outcomes[i]);
    if (fine && !strchr(outcomes, '.')) fine = finish_undos(&world);
    if (world.broken || !fine)
        snprintf(ret, TEXT / 2, "BROKEN: %s", world.broken ? world.broken : "a message was refused");
    else
        put_cell(&world.command, ret);
}

/* ---- the table ------------------------------------------------------------------------------------------------------ */

static const uint8_t orders[ORDERS][BRANCHES] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                                 {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

/* The outcomes in order number `order`; false where an earlier order gives the same. */
static bool arrange(const char *outcomes, unsigned order, char ret[BRANCHES + 1])
{
    char before[BRANCHES + 1] = "";
    memset(ret, 0, BRANCHES + 1);
    unsigned len = (unsigned)strlen(outcomes);
    assert(len <= BRANCHES && order < ORDERS);
    for (unsigned n = 0; n < len; n++) ret[n] = outcomes[orders[order][n]];
    while (order-- > 0) {
        for (unsigned n = 0; n < len; n++) before[n] = outcomes[orders[order][n]];
        if (strcmp(before, ret) == 0) return false;
    }
    return true;
}

static void judge(const struct row *row, const struct column *column, bool each, struct rc_sv want,
                  const char *outcomes, const uint8_t *order, const char *got)
{
    if (rc_sv_is(want, got)) return;
    wrong++;
    if (print) return;
    printf(
        "# join %.*s, on_error %.*s, undo %.*s, %s, %s, outcomes \"%s\" to %u%u%u: the page says \"%.*s\", "
        "the core \"%s\"\n",
        RC_SV_ARG(row->key[0]), RC_SV_ARG(row->key[1]), RC_SV_ARG(row->key[2]), column->title,
        each ? "each" : "parallel", outcomes, order[0], order[1], order[2], RC_SV_ARG(want), got);
}

/* In every order, to every branch, the same must come of it. All that came of it is what --print shows. */
static void try_block(const struct row *row, const struct column *column, bool each, struct rc_sv want,
                      char ret[TEXT])
{
    struct rc_arena *arena = rc_arena_new(1 << 20, MEMORY);
    struct rc_arena *life = rc_arena_new(1 << 20, MEMORY);
    const struct flow_set *set = arena && life ? load(arena, row, column, each) : NULL;
    for (unsigned i = 0; i < ORDERS; i++) {
        char outcomes[BRANCHES + 1], got[TEXT / 2];
        bool another = arrange(column->outcomes, i, outcomes);
        for (unsigned k = 0; another && k < (*outcomes ? ORDERS : 1); k++) {
            live(life, set, outcomes, orders[k], got);
            judge(row, column, each, want, outcomes, orders[k], got);
            size_t had = strlen(ret);
            if (!strstr(ret, got)) snprintf(ret + had, TEXT - had, "%s%s", had ? " / " : "", got);
        }
    }
    rc_arena_free(life);
    rc_arena_free(arena);
}

static unsigned value_of(unsigned key, struct rc_sv text)
{
    unsigned i = 0;
    while (i < VALUES && !(values[key][i] && rc_sv_is(text, values[key][i]))) i++;
    return i;
}

/* False: no such row, or it was there already. */
static bool note_row(const struct rc_sv key[KEYS])
{
    unsigned at[KEYS];
    for (unsigned i = 0; i < KEYS; i++)
        if ((at[i] = value_of(i, key[i])) == VALUES) return false;
    bool *is = &there[at[0]][at[1]][at[2]], was = *is;
    *is = true;
    return !was;
}

static unsigned try_row(const struct rc_sv *cell, unsigned n)
{
    struct row row;
    if (n != KEYS + COLUMNS || !note_row(cell)) {
        wrong++;
        printf("# a row is not whole, is none, or stands there twice\n");
        return 0;
    }
    memcpy(row.key, cell, sizeof row.key);
    if (print)
        printf("| `%.*s` | `%.*s` | `%.*s` |", RC_SV_ARG(cell[0]), RC_SV_ARG(cell[1]), RC_SV_ARG(cell[2]));
    for (unsigned i = 0; i < COLUMNS; i++) {
        char got[TEXT] = "";
        if (*columns[i].outcomes) try_block(&row, &columns[i], false, cell[KEYS + i], got);
        try_block(&row, &columns[i], true, cell[KEYS + i], got);
        if (print) printf(" %s |", got);
    }
    if (print) printf("\n");
    return COLUMNS;
}

static unsigned read_page(struct rc_sv text)
{
    bool inside = false;
    unsigned cells = 0;
    while (text.n) {
        struct rc_sv cell[CELLS], line = next_line(&text);
        unsigned n = split(line, cell);
        bool rule = n && rc_sv_starts(cell[0], RC_SV("---"));
        if (n == 0) inside = false;
        if (inside && !rule) cells += try_row(cell, n);
        inside = inside || is_head(cell, n);
    }
    return cells;
}

int main(int argc, char **argv)
{
    static char page[PAGE_MAX];
    print = argc > 2 && strcmp(argv[2], "--print") == 0;
    FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;
    size_t n = file ? fread(page, 1, sizeof page, file) : 0;
    if (file) fclose(file);
    unsigned cells = read_page((struct rc_sv){page, (uint32_t)n});
    if (cells != ROWS * COLUMNS) {
        wrong++;
        printf("# the table has %u cells, and there are %u\n", cells, (unsigned)(ROWS * COLUMNS));
    }
    printf("1..1\n%s 1 - %u cells of the table of joins hold in %u lives (%u do not)\n",
           cells && !wrong ? "ok" : "not ok", cells, runs, wrong);
    return cells && !wrong ? EXIT_SUCCESS : EXIT_FAILURE;
}
