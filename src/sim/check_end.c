/* The end: what must be reached once faults stop, what may stand nowhere, and whether two runs came to the same. */
#include "sim/check_run.h"

#include "codec/record.h"

#include <stdlib.h>

#define ULL(n) ((unsigned long long)(n))

/* ---- liveness ------------------------------------------------------------------------------------------- */

CHECK_INVARIANT(
    38, "comes-to-rest",
    "Once faults stop, everything reaches an end or a named next move of a person within a bound.")
{
    const struct check_case *in = run->in;
    rc_us bound = in->bound ? in->bound : RC_SECONDS(60);
    if (!in->quiet || !in->end || in->end < in->quiet + bound) return;
    for (uint32_t i = 0; i < run->ncommands; i++) {
        const struct rc_command *c = &run->command[i].c;
        if (run->command[i].folded < run->command[i].n) continue;
        bool later = false; /* it is to be tried at a time that has not come */
        for (uint32_t at = 0; at < c->nnodes; at++)
            later |= c->node[at].phase == RC_PHASE_DELAYED && c->data[at].times.due > in->end;
        CHECK_HOLDS(run, rc_state_rests(c->state) || later, "%s is %s still, %llu s after the last fault",
                    check_at(&run->command[i], c->rev, 0), rc_state_word(c->state).slug,
                    ULL((in->end - in->quiet) / RC_SECONDS(1)));
    }
}

/* ---- secrets -------------------------------------------------------------------------------------------- */

static bool holds(struct rc_sv text, struct rc_sv secret)
{
    return text.n >= secret.n && secret.n && memmem(text.p, text.n, secret.p, secret.n);
}

static void search(struct check_run *run, struct rc_sv text, const char *where)
{
    for (uint32_t i = 0; i < run->in->nsecrets; i++)
        if (holds(text, run->in->secrets[i])) check_break(run, "secret %u stands in %s", i + 1, where);
}

/* A record as it is stored. */
static void search_record(struct check_run *run, const struct check_command *of,
                          const struct rc_record *record, struct rc_arena *arena)
{
    struct rc_stored stored;
    rc_arena_reset(arena);
    if (rc_store_encode(record, arena, &stored, &run->err) != RC_OK) return;
    search(run, stored.body, check_at(of, record->rev, 0));
    search(run, stored.changes, check_at(of, record->rev, 0));
}

CHECK_INVARIANT(39, "no-secret", "No secret stands in the store, a history, an answer, a log or the journal.")
{
    enum { FIRST = 64 << 10, MOST = 64 << 20 };
    struct rc_arena *arena = run->in->nsecrets ? rc_arena_new(FIRST, MOST) : NULL;
    if (run->in->nsecrets && !arena) run->status = RC_NOMEM;
    for (uint32_t i = 0; arena && i < run->ncommands; i++) {
        const struct check_command *of = &run->command[i];
        check_look(run);
        search(run, of->id.key, check_at(of, 1, 0));
        for (uint32_t k = 0; k < of->n; k++) search_record(run, of, &of->records[k], arena);
    }
    for (uint32_t i = 0; arena && i < run->in->ntexts; i++) {
        check_look(run);
        search(run, run->in->texts[i].text, rc_text(run->arena, "%.*s", RC_SV_ARG(run->in->texts[i].name)).p);
    }
    rc_arena_free(arena);
}

/* ---- places --------------------------------------------------------------------------------------------- */

struct edge { /* an attempt takes a place, or gives it back */
    uint64_t change;
    uint64_t gate;
    int by;
    const struct check_attempt *attempt;
};

static int by_gate(const void *a, const void *b)
{
    const struct edge *x = a, *y = b;
    if (x->gate != y->gate) return x->gate > y->gate ? 1 : -1;
    if (x->change != y->change) return x->change > y->change ? 1 : -1;
    return x->by - y->by; /* one that ends gives its place to the next in the same commit */
}

static uint64_t gate_of(const struct check_attempt *attempt)
{
    const struct flow *flow = attempt->of->flow;
    return flow_gate_id(flow->dependencies[check_call_of(attempt->of, attempt->node)->dependency]);
}

/* Attempts whose result is on record: what was lost held its place in a process that is gone. */
static uint32_t edges_of(const struct check_run *run, struct edge *to)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < run->ncommands; i++)
        for (uint32_t k = 0; k < run->command[i].nattempts; k++) {
            const struct check_attempt *attempt = &run->command[i].attempt[k];
            if (!attempt->ended ||
                run->command[i].moment[attempt->ended].record->cause->kind != RC_MSG_RESULT)
                continue;
            if (to) {
                to[n] = (struct edge){run->command[i].moment[attempt->began].record->change, gate_of(attempt),
                                      1, attempt};
                to[n + 1] = (struct edge){run->command[i].moment[attempt->ended].record->change,
                                          gate_of(attempt), -1, attempt};
            }
            n += 2;
        }
    return n;
}

CHECK_INVARIANT(40, "places-are-limited", "No more attempts are in flight at a dependency than it takes.")
{
    uint32_t n = edges_of(run, NULL);
    struct edge *all = RC_NEW_ARRAY(run->arena, struct edge, n);
    if (!all) {
        run->status = rc_arena_status(run->arena);
        return;
    }
    (void)edges_of(run, all);
    qsort(all, n, sizeof *all, by_gate);
    int out = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct flow_dependency *dependency = flow_set_gate(run->set, all[i].gate);
        if (i && all[i].gate != all[i - 1].gate) out = 0;
        out += all[i].by;
        /* a dependency that was changed may have taken more before */
        if (!dependency || dependency->version > 1) continue;
        if (dependency->kind == FLOW_DEP_WORKER) continue; /* leases take nothing of the server */
        CHECK_HOLDS(run, out <= (int)dependency->concurrent,
                    "%s: it is the %dth in flight at %.*s, which takes %u",
                    check_at(all[i].attempt->of, all[i].attempt->began, all[i].attempt->node), out,
                    RC_SV_ARG(dependency->name), dependency->concurrent);
    }
}

/* ---- two runs ------------------------------------------------------------------------------------------- */

CHECK_INVARIANT(41, "same-end", "Dropping any effect and starting again reaches the same end.")
{
    (void)run; /* needs two runs: check_same_end */
}

static struct rc_h128 outputs_hash(const struct rc_command *c)
{
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    for (uint32_t i = 0; i < c->nnodes; i++) {
        rc_sha256_add_u64(&sha, c->node[i].state);
        rc_sha256_add_sv(&sha, c->data[i].external_id);
        cel_hash(c->data[i].outputs, &sha);
    }
    return rc_sha256_h128(&sha);
}

static const struct check_command *with_key(const struct check_run *run, const struct rc_identity *id)
{
    for (uint32_t i = 0; i < run->ncommands; i++) {
        const struct rc_identity *other = &run->command[i].id;
        if (rc_sv_eq(id->ns, other->ns) && rc_sv_eq(id->type, other->type) && rc_sv_eq(id->key, other->key) &&
            id->generation == other->generation)
            return &run->command[i];
    }
    return NULL;
}

enum rc_status check_same_end(struct rc_reader *one, struct rc_reader *other, const struct flow_set *set,
                              uint32_t number, struct rc_arena *arena, struct check_report *ret,
                              struct rc_error *err)
{
    *ret = (struct check_report){0};
    struct check_case cases[2] = {{.reader = one, .set = set}, {.reader = other, .set = set}};
    struct check_run runs[2] = {0};
    enum rc_status status = RC_OK;
    for (int i = 0; i < 2 && status == RC_OK; i++) {
        runs[i] = (struct check_run){
            .in = &cases[i], .arena = arena, .report = ret, .now = check_invariant_find(number)};
        status = check_load(&runs[i], err);
    }
    for (uint32_t i = 0; status == RC_OK && i < runs[0].ncommands; i++) {
        const struct check_command *a = &runs[0].command[i], *b = with_key(&runs[1], &a->id);
        bool same = b && a->c.state == b->c.state && rc_h128_eq(outputs_hash(&a->c), outputs_hash(&b->c));
        CHECK_HOLDS(&runs[0], same, "%s is %s, and in the other run %s", check_at(a, a->folded, 0),
                    rc_state_word(a->c.state).slug, b ? rc_state_word(b->c.state).slug : "not there");
    }
    if (status == RC_OK && runs[0].ncommands != runs[1].ncommands)
        check_break(&runs[0], "one run has %u commands, the other %u", runs[0].ncommands, runs[1].ncommands);
    rc_map_free(&runs[0].keys);
    rc_map_free(&runs[1].keys);
    return status;
}
