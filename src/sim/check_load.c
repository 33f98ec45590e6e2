/* A store, read once and folded record by record with the core's own code. */
#include "sim/check_run.h"

#include "base/limits.h"
#include "defs/defs.h"
#include "engine/load.h"
#include "engine/prepare.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- definitions ---------------------------------------------------------------------------------------- */

static enum rc_status parse(const struct rc_definition *row, struct rc_arena *arena,
                            struct rc_new_definition *ret, struct rc_error *err)
{
    struct defs_errors *errors = RC_NEW(arena, struct defs_errors);
    struct defs_one *one = NULL;
    uint32_t n = 0;
    if (!errors) return rc_fail_arena(err, arena);
    enum rc_status status = defs_parse((struct defs_file){row->source, row->text}, arena, &one, &n, errors);
    if (status != RC_OK || n != 1)
        return rc_fail(err, RC_DAMAGED, "definition %llu cannot be read: %s", (unsigned long long)row->id,
                       errors->n ? errors->error[0].text : "it is not one");
    *ret = (struct rc_new_definition){.row = *row, .flow = one->flow, .dependency = one->dependency};
    return RC_OK;
}

enum rc_status check_definitions(struct rc_reader *reader, struct rc_arena *arena,
                                 const struct flow_set **ret, struct rc_error *err)
{
    struct rc_definition *rows = NULL;
    uint32_t n = 0;
    enum rc_status status = rc_read_definitions(reader, arena, &rows, &n, err);
    if (status != RC_OK) return status;
    struct rc_new_definition *parsed = RC_NEW_ARRAY(arena, struct rc_new_definition, n);
    if (!parsed) return rc_fail_arena(err, arena);
    for (uint32_t i = 0; i < n && status == RC_OK; i++) status = parse(&rows[i], arena, &parsed[i], err);
    if (status == RC_OK) status = rc_set_make(parsed, n, arena, ret);
    return status;
}

/* ---- folding -------------------------------------------------------------------------------------------- */

static const struct rc_ask place_given = {.kind = RC_MSG_ADMIT, .node = UINT32_MAX};

static bool take_moment(struct check_run *run, struct check_command *of, const struct rc_record *record)
{
    const struct rc_command *c = &of->c;
    struct rc_node *nodes = RC_NEW_ARRAY(run->arena, struct rc_node, c->nnodes);
    struct rc_times *times = RC_NEW_ARRAY(run->arena, struct rc_times, c->nnodes);
    struct rc_h128 *requests = RC_NEW_ARRAY(run->arena, struct rc_h128, c->nnodes);
    if (!nodes || !times || !requests) {
        run->status = rc_arena_status(run->arena);
        return false;
    }
    for (uint32_t i = 0; record && i < c->nnodes; i++) {
        nodes[i] = c->node[i];
        times[i] = c->data[i].times;
        requests[i] = c->data[i].request;
    }
    bool first = !record || of->moment[of->nmoments].record != record;
    struct check_moment *moment = &of->moment[record ? ++of->nmoments : 0];
    *moment = (struct check_moment){.record = record,
                                    .cause = record && first ? record->cause : &place_given,
                                    .node = nodes,
                                    .times = times,
                                    .request = requests};
    if (!record) return true; /* before the first: nothing, of as many nodes */
    moment->mode = c->mode;
    moment->place = c->place.state;
    moment->state = c->state;
    return true;
}

bool check_step_ends(const struct rc_record *record, uint32_t begin, uint32_t k)
{
    if (record->changes[k - 1].kind == RC_CHANGE_STATE) return true;
    if (record->changes[k].kind != RC_CHANGE_NODE) return false;
    for (uint32_t i = begin; i < k; i++) {
        const struct rc_change *before = &record->changes[i];
        bool whole = before->kind == RC_CHANGE_MODE || before->kind == RC_CHANGE_OWNER ||
                     before->kind == RC_CHANGE_DUE || before->kind == RC_CHANGE_NOTES ||
                     before->kind == RC_CHANGE_SUCCESSOR || before->kind == RC_CHANGE_CLOCK ||
                     before->kind == RC_CHANGE_BACK || before->kind == RC_CHANGE_MOVE;
        if (whole || (before->kind == RC_CHANGE_NODE && before->at >= record->changes[k].at)) return true;
    }
    return false;
}

/* False: the record does not fit, and of->fault says why; or memory is out. */
static bool apply(struct check_run *run, struct check_command *of, const struct rc_record *record)
{
    struct rc_error err = {0};
    uint32_t begin = 0;
    for (uint32_t k = 0; k < record->nchanges; k++) {
        struct rc_change change = record->changes[k];
        if (change.kind == RC_CHANGE_CREATE) change.u.create = &of->id;
        if (k > begin && check_step_ends(record, begin, k)) {
            if (of->nmoments == 0 && !take_moment(run, of, NULL)) return false;
            if (!take_moment(run, of, record)) return false;
            begin = k;
        }
        enum rc_status status = rc_command_apply(&of->c, &change, run->arena, &err);
        if (status == RC_OK) continue;
        of->fault = rc_text(run->arena, "%s", err.text).p;
        if (status != RC_BUG) run->status = status;
        return false;
    }
    if (of->nmoments == 0 && !take_moment(run, of, NULL)) return false;
    if (!take_moment(run, of, record)) return false;
    of->moment[of->nmoments].last = true;
    of->c.rev = record->rev;
    of->c.changed = record->at;
    return true;
}

static void fold(struct check_run *run, struct check_command *of)
{
    size_t most = 1;
    for (uint32_t i = 0; i < of->n; i++) most += 1 + of->records[i].nchanges;
    of->moment = RC_NEW_ARRAY(run->arena, struct check_moment, most);
    of->last = RC_NEW_ARRAY(run->arena, uint32_t, (size_t)of->n + 1);
    of->c = (struct rc_command){.id = of->id, .flow = of->flow};
    if (!of->moment || !of->last) run->status = rc_arena_status(run->arena);
    for (uint32_t i = 0; i < of->n && run->status == RC_OK; i++) {
        if (!apply(run, of, &of->records[i])) break;
        of->folded = i + 1;
        of->last[i + 1] = of->nmoments;
    }
}

/* ---- attempts ------------------------------------------------------------------------------------------- */

static bool opens(const struct check_moment *from, const struct check_moment *to, uint32_t at)
{
    return to->node[at].phase == RC_PHASE_OPEN &&
           (from->node[at].phase != RC_PHASE_OPEN || from->node[at].attempt != to->node[at].attempt);
}

static struct check_attempt attempt_of(const struct check_command *of, uint32_t index, uint32_t at)
{
    /* the purpose and the key are those of the command as it was then */
    struct rc_command then = of->c;
    then.node = (struct rc_node *)(uintptr_t)of->moment[index].node; /* only read */
    enum rc_purpose purpose = rc_node_purpose(&then, at);
    return (struct check_attempt){.of = of,
                                  .node = at,
                                  .attempt = of->moment[index].node[at].attempt,
                                  .purpose = (uint8_t)purpose,
                                  .key = rc_idempotency_key(&then, at, purpose),
                                  .request = of->moment[index].request[at],
                                  .began = index};
}

static uint32_t end_of(const struct check_command *of, uint32_t began, uint32_t at)
{
    uint16_t attempt = of->moment[began].node[at].attempt;
    for (uint32_t rev = began + 1; rev <= of->nmoments; rev++)
        if (of->moment[rev].node[at].phase != RC_PHASE_OPEN || of->moment[rev].node[at].attempt != attempt)
            return rev;
    return 0;
}

static void find_attempts(struct check_run *run, struct check_command *of)
{
    uint32_t n = 0;
    for (uint32_t rev = 1; rev <= of->nmoments; rev++)
        for (uint32_t at = 0; at < of->c.nnodes; at++) n += opens(&of->moment[rev - 1], &of->moment[rev], at);
    of->attempt = RC_NEW_ARRAY(run->arena, struct check_attempt, n);
    if (!of->attempt) {
        run->status = RC_NOMEM;
        return;
    }
    for (uint32_t rev = 1; rev <= of->nmoments; rev++)
        for (uint32_t at = 0; at < of->c.nnodes; at++) {
            if (!check_is_leaf(of, at) || !opens(&of->moment[rev - 1], &of->moment[rev], at)) continue;
            struct check_attempt *one = &of->attempt[of->nattempts++];
            *one = attempt_of(of, rev, at);
            one->ended = end_of(of, rev, at);
            struct check_attempt *first = rc_map_get(&run->keys, one->key.hi);
            while (first && first->next) first = first->next;
            if (first)
                first->next = one;
            else if (rc_map_put(&run->keys, one->key.hi, one) != RC_OK)
                run->status = RC_NOMEM;
        }
}

struct check_attempt *check_attempt_with(const struct check_run *run, struct rc_h128 key)
{
    struct check_attempt *one = rc_map_get(&run->keys, key.hi);
    while (one && !rc_h128_eq(one->key, key)) one = one->next;
    return one;
}

static void count_arrivals(struct check_run *run)
{
    for (uint32_t i = 0; i < run->in->narrivals; i++) {
        const struct check_arrival *arrival = &run->in->arrivals[i];
        struct check_attempt *attempt = check_attempt_with(run, arrival->key);
        if (!attempt || rc_h128_is_zero(arrival->key)) continue;
        attempt->arrivals += !arrival->late;
        attempt->acted += arrival->acted;
    }
}

static void count(struct check_run *run, const struct check_command *of)
{
    struct check_counts *counts = &run->report->counts;
    counts->commands++;
    counts->records += of->n;
    counts->attempts += of->nattempts;
    for (uint32_t i = 0; i < of->n; i++) {
        counts->lost += of->records[i].cause->kind == RC_MSG_LOST;
        counts->actions += of->records[i].cause->kind == RC_MSG_ACTION;
    }
    for (uint32_t i = 0; i < of->nattempts; i++) {
        const struct check_attempt *attempt = &of->attempt[i];
        counts->checks += attempt->purpose == RC_CHECK || attempt->purpose == RC_UNDO_CHECK;
        counts->undos += attempt->purpose == RC_UNDO;
        unsigned state = attempt->ended ? of->moment[attempt->ended].node[attempt->node].state : RC_STEP_IDLE;
        counts->unknown += state == RC_STEP_UNKNOWN || state == RC_STEP_UNDO_UNKNOWN;
    }
}

/* ---- reading -------------------------------------------------------------------------------------------- */

static enum rc_status read_command(struct check_run *run, uint64_t seq, struct rc_error *err)
{
    struct check_command *of = &run->command[run->ncommands];
    enum rc_status status = rc_read_row(run->in->reader, seq, run->arena, &of->row, err);
    if (status == RC_NOT_FOUND) {
        struct rc_purged left;
        status = rc_read_purged(run->in->reader, seq, &left, err);
        if (status == RC_OK) run->purged[run->npurged++] = left;
        return status == RC_NOT_FOUND ? RC_OK : status; /* the numbers have a gap: an invariant says so */
    }
    if (status == RC_OK)
        status = rc_read_history(run->in->reader, seq, 0, RC_MAX_HISTORY, run->arena, &of->id, &of->records,
                                 &of->n, err);
    if (status == RC_OK)
        status = rc_moves_find(run->set, &of->id, of->records, of->n, run->arena, &of->flow, err);
    if (status != RC_OK) return status;
    run->ncommands++;
    fold(run, of);
    if (run->status == RC_OK) find_attempts(run, of);
    if (run->status == RC_OK) count(run, of);
    return run->status == RC_OK ? RC_OK : rc_fail_arena(err, run->arena);
}

enum rc_status check_load(struct check_run *run, struct rc_error *err)
{
    struct rc_reader *reader = run->in->reader;
    enum rc_status status = rc_read_high(reader, &run->high, err);
    run->set = run->in->set;
    if (status == RC_OK && !run->set) status = check_definitions(reader, run->arena, &run->set, err);
    if (status != RC_OK) return status;
    if (run->high.seq > UINT32_MAX / sizeof *run->command) return rc_fail(err, RC_LIMIT, "too many commands");
    run->command = RC_NEW_ARRAY(run->arena, struct check_command, run->high.seq);
    run->purged = RC_NEW_ARRAY(run->arena, struct rc_purged, run->high.seq);
    if (!run->command || !run->purged) return rc_fail_arena(err, run->arena);
    for (uint64_t seq = 1; seq <= run->high.seq && status == RC_OK; seq++)
        status = read_command(run, seq, err);
    if (status == RC_OK) count_arrivals(run);
    run->report->counts.purged = run->npurged;
    return status;
}

/* ---- looking -------------------------------------------------------------------------------------------- */

static int command_cmp(const void *key, const void *item)
{
    uint64_t a = *(const uint64_t *)key, b = ((const struct check_command *)item)->id.seq;
    return (a > b) - (a < b);
}

const struct check_command *check_command_at(const struct check_run *run, uint64_t seq)
{
    return run->ncommands ? bsearch(&seq, run->command, run->ncommands, sizeof *run->command, command_cmp)
                          : NULL;
}

const struct rc_purged *check_purged_at(const struct check_run *run, uint64_t seq)
{
    for (uint32_t i = 0; i < run->npurged; i++)
        if (run->purged[i].seq == seq) return &run->purged[i];
    return NULL;
}

const char *check_at(const struct check_command *of, uint32_t rev, uint32_t node)
{
    static _Thread_local char text[8][160];
    static _Thread_local unsigned next;
    char *to = text[next++ % 8];
    struct rc_path path;
    struct rc_sv step =
        node && node < of->c.nnodes ? rc_node_path(&of->c, node, &path) : (struct rc_sv){"", 0};
    snprintf(to, sizeof text[0], "command %llu (%.*s %.*s), record %u%s%.*s", (unsigned long long)of->id.seq,
             RC_SV_ARG(of->id.type), of->id.key.n < 48 ? (int)of->id.key.n : 48, of->id.key.p, rev,
             step.n ? ", step " : "", RC_SV_ARG(step));
    return to;
}

const char *check_at_attempt(const struct check_attempt *attempt)
{
    return check_at(attempt->of, attempt->of->moment[attempt->began].record->rev, attempt->node);
}

struct check_change check_change_at(const struct check_command *of, uint32_t index, uint32_t at)
{
    const struct check_moment *from = &of->moment[index - 1], *to = &of->moment[index];
    return (struct check_change){.of = of,
                                 .index = index,
                                 .rev = to->record->rev,
                                 .at = at,
                                 .cause = to->cause,
                                 .record = to->record,
                                 .from = from,
                                 .to = to,
                                 .before = &from->node[at],
                                 .after = &to->node[at],
                                 .times_before = &from->times[at],
                                 .times_after = &to->times[at]};
}

void check_each_change(struct check_run *run, void (*look)(struct check_run *, const struct check_change *))
{
    for (uint32_t i = 0; i < run->ncommands; i++) {
        const struct check_command *of = &run->command[i];
        for (uint32_t rev = 1; rev <= of->nmoments; rev++)
            for (uint32_t at = 0; at < of->c.nnodes; at++) {
                struct check_change change = check_change_at(of, rev, at);
                if (check_is_leaf(of, at)) look(run, &change);
            }
    }
}

void check_each_attempt(struct check_run *run, void (*look)(struct check_run *, const struct check_attempt *,
                                                            const struct check_change *))
{
    for (uint32_t i = 0; i < run->ncommands; i++) {
        const struct check_command *of = &run->command[i];
        for (uint32_t k = 0; k < of->nattempts; k++) {
            struct check_change change = check_change_at(of, of->attempt[k].began, of->attempt[k].node);
            look(run, &of->attempt[k], &change);
        }
    }
}
