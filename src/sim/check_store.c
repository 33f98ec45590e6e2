/* The store against itself: what was derived from the histories, and the histories from each other. */
#include "sim/check_run.h"

#include "base/limits.h"
#include "engine/load.h"

#include <stdlib.h>

#define ULL(n) ((unsigned long long)(n))

enum { PAGE = 200 };

static void failed(struct check_run *run, enum rc_status status)
{
    if (status != RC_OK && run->status == RC_OK) run->status = status;
}

/* ---- rows ----------------------------------------------------------------------------------------------- */

static bool row_fits(const struct rc_row *row, const struct rc_command *c)
{
    struct rc_standing standing;
    rc_command_standing(c, &standing);
    return row->rev == c->rev && row->state == c->state && row->in_flight == rc_command_in_flight(c) &&
           row->changed == c->changed && row->created == c->id.created && row->nonce == c->id.nonce &&
           row->flow == c->id.flow && row->due == c->due && rc_sv_eq(row->owner, c->owner) &&
           row->why == standing.why && row->next == standing.next && row->next_at == standing.next_at &&
           rc_sv_eq(row->dependency, standing.dependency);
}

CHECK_INVARIANT(30, "fold-is-state", "The fold of the history is the stored state.")
{
    for (uint32_t i = 0; i < run->ncommands; i++) {
        const struct check_command *of = &run->command[i];
        if (of->folded == of->n)
            CHECK_HOLDS(run, row_fits(&of->row, &of->c),
                        "%s: its row says %s at revision %u, and its history %s at %u",
                        check_at(of, of->folded, 0), rc_state_word(of->row.state).slug, of->row.rev,
                        rc_state_word(of->c.state).slug, of->c.rev);
    }
}

struct stamp {
    uint64_t change;
    rc_us at;
    const struct check_command *of;
    uint32_t rev;
};

static int by_change(const void *a, const void *b)
{
    const struct stamp *x = a, *y = b;
    return (x->change > y->change) - (x->change < y->change);
}

/* All records by their number in the whole store; NULL: no memory. */
static struct stamp *stamps(struct check_run *run, uint64_t *ret_n)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < run->ncommands; i++) n += run->command[i].n;
    struct stamp *all = RC_NEW_ARRAY(run->arena, struct stamp, n);
    if (!all) {
        failed(run, rc_arena_status(run->arena));
        return NULL;
    }
    *ret_n = 0;
    for (uint32_t i = 0; i < run->ncommands; i++)
        for (uint32_t k = 0; k < run->command[i].n; k++) {
            const struct rc_record *record = &run->command[i].records[k];
            all[(*ret_n)++] = (struct stamp){record->change, record->at, &run->command[i], record->rev};
        }
    qsort(all, n, sizeof *all, by_change);
    return all;
}

CHECK_INVARIANT(31, "one-record-per-change",
                "Every change of a command has its one record, numbered without gaps, in the command and in "
                "the whole store.")
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < run->ncommands; i++)
        for (uint32_t k = 0; k < run->command[i].n; k++)
            CHECK_HOLDS(run, run->command[i].records[k].rev == k + 1, "%s has the number of another",
                        check_at(&run->command[i], k + 1, 0));
    const struct stamp *all = stamps(run, &n);
    for (uint64_t i = 0; all && i < n; i++) {
        uint64_t before = i ? all[i - 1].change : 0;
        bool gap = all[i].change > before + 1 && !run->npurged;
        CHECK_HOLDS(run, all[i].change > before && !gap, "%s is change %llu, after change %llu",
                    check_at(all[i].of, all[i].rev, 0), ULL(all[i].change), ULL(before));
    }
    if (all && n && all[n - 1].change > run->high.change)
        check_break(run, "the highest change is %llu, and the store counts %llu", ULL(all[n - 1].change),
                    ULL(run->high.change));
    if (all && !run->npurged && (n ? all[n - 1].change : 0) < run->high.change)
        check_break(run, "%llu changes were stored, and %llu are there", ULL(run->high.change),
                    ULL(n ? all[n - 1].change : 0));
    for (uint64_t seq = 1; seq <= run->high.seq; seq++)
        CHECK_HOLDS(run, check_command_at(run, seq) || check_purged_at(run, seq), "command %llu is not there",
                    ULL(seq));
}

CHECK_INVARIANT(32, "time-goes-on",
                "The engine's time never goes back, in no history and not in the whole store.")
{
    uint64_t n = 0;
    const struct stamp *all = stamps(run, &n);
    for (uint64_t i = 0; all && i < n; i++)
        CHECK_HOLDS(run, all[i].at <= run->high.high_water && (i == 0 || all[i].at >= all[i - 1].at),
                    "%s: its time is before that of change %llu", check_at(all[i].of, all[i].rev, 0),
                    ULL(i ? all[i - 1].change : 0));
}

/* ---- what is found by other ways ------------------------------------------------------------------------ */

static bool waits(const struct rc_node *node)
{
    return node->phase == RC_PHASE_READY || node->phase == RC_PHASE_DELAYED;
}

/* Looks at the rows of one phase and gate; gives back how many there are. */
static uint64_t rows_of(struct check_run *run, uint8_t phase, uint64_t gate)
{
    struct rc_work rows[PAGE], last;
    uint64_t total = 0;
    for (uint32_t n = PAGE; n == PAGE && run->status == RC_OK;) {
        failed(run, rc_read_work(run->in->reader, phase, gate, total ? &last : NULL, UINT64_MAX, rows, PAGE,
                                 &n, &run->err));
        if (run->status != RC_OK) return total;
        for (uint32_t i = 0; i < n; i++) {
            const struct check_command *of = check_command_at(run, rows[i].seq);
            bool fits = of && of->folded == of->n && rows[i].node < of->c.nnodes;
            if (fits) {
                struct rc_work wanted =
                    rc_work_of(&of->c, rows[i].node, phase, of->c.data[rows[i].node].times.due);
                fits = of->c.node[rows[i].node].phase == phase && wanted.order == rows[i].order &&
                       wanted.gate == gate;
            }
            CHECK_HOLDS(run, fits, "a row says that step %u of command %llu waits, and it does not",
                        rows[i].node, ULL(rows[i].seq));
        }
        if (n) last = rows[n - 1];
        total += n;
    }
    return total;
}

static uint64_t rows_of_gates(struct check_run *run)
{
    uint64_t gates[PAGE], after = 0, total = 0;
    for (uint32_t n = PAGE; n == PAGE && run->status == RC_OK;) {
        failed(run, rc_read_gates(run->in->reader, after, gates, PAGE, &n, &run->err));
        for (uint32_t i = 0; run->status == RC_OK && i < n; i++)
            total += rows_of(run, RC_PHASE_READY, gates[i]);
        if (n) after = gates[n - 1];
    }
    return total;
}

/* Rows of lanes of one phase; gives back how many there are. */
static uint64_t rows_of_lane(struct check_run *run, uint8_t phase, uint64_t lane)
{
    struct rc_work rows[PAGE], last;
    uint64_t total = 0;
    for (uint32_t n = PAGE; n == PAGE && run->status == RC_OK;) {
        failed(run, rc_read_work(run->in->reader, phase, lane, total ? &last : NULL, UINT64_MAX, rows, PAGE,
                                 &n, &run->err));
        for (uint32_t i = 0; run->status == RC_OK && i < n; i++) {
            const struct check_command *of = check_command_at(run, rows[i].seq);
            bool fits = of && of->folded == of->n;
            struct rc_work wanted = fits ? rc_place_row_of(&of->c, &of->c.place) : (struct rc_work){0};
            fits &= wanted.phase == phase && wanted.gate == lane && wanted.order == rows[i].order &&
                    wanted.node == rows[i].node;
            CHECK_HOLDS(run, fits, "a row says that command %llu has a place in a lane, and it does not",
                        ULL(rows[i].seq));
        }
        if (run->status == RC_OK && n) last = rows[n - 1];
        total += n;
    }
    return total;
}

static uint64_t listed_in_flight(struct check_run *run)
{
    uint64_t seqs[PAGE], after = 0, total = 0;
    for (uint32_t n = PAGE; n == PAGE && run->status == RC_OK;) {
        failed(run, rc_read_in_flight(run->in->reader, after, seqs, PAGE, &n, &run->err));
        for (uint32_t i = 0; run->status == RC_OK && i < n; i++) {
            const struct check_command *of = check_command_at(run, seqs[i]);
            CHECK_HOLDS(run, of && rc_command_in_flight(&of->c),
                        "command %llu is listed as in flight, and is not", ULL(seqs[i]));
        }
        if (run->status == RC_OK) total += n;
        if (n) after = seqs[n - 1];
    }
    return total;
}

/* Every command in a lane has the row of its place, and nobody else has one. */
static void check_lanes(struct check_run *run)
{
    uint64_t lanes[PAGE], after = 0, waiting = 0, waits = 0;
    for (uint32_t i = 0; i < run->ncommands; i++) waits += rc_command_waits_in_lane(&run->command[i].c);
    for (uint32_t n = PAGE; n == PAGE && run->status == RC_OK;) {
        failed(run, rc_read_lanes(run->in->reader, after, lanes, PAGE, &n, &run->err));
        for (uint32_t i = 0; run->status == RC_OK && i < n; i++)
            waiting += rows_of_lane(run, RC_WORK_LANE_WAITS, lanes[i]);
        if (n) after = lanes[n - 1];
    }
    CHECK_HOLDS(run, waiting == waits, "%llu commands wait in lanes, and there are %llu rows of them",
                ULL(waits), ULL(waiting));
    for (uint32_t i = 0; i < run->ncommands && run->status == RC_OK; i++) {
        const struct rc_command *c = &run->command[i].c;
        struct rc_work row = rc_place_row_of(c, &c->place);
        bool holds = row.phase == RC_WORK_LANE_HOLDS || row.phase == RC_WORK_LANE_YIELDS;
        uint64_t n = holds ? rows_of_lane(run, row.phase, row.gate) : 1;
        CHECK_HOLDS(run, n >= 1 && n <= RC_MAX_LANE,
                    "%llu rows say who holds a place in the lane of command %llu", ULL(n), ULL(c->id.seq));
    }
}

CHECK_INVARIANT(33, "work-is-listed",
                "Every step that waits has one row of work; every command in a lane has the row of its "
                "place; every command in "
                "flight is listed; the counts by state are right.")
{
    uint64_t waiting = 0, flying = 0, counts[RC_STATES] = {0}, stored[RC_STATES] = {0};
    for (uint32_t i = 0; i < run->ncommands; i++) {
        const struct check_command *of = &run->command[i];
        if (of->folded < of->n) return; /* told by another invariant */
        for (uint32_t at = 0; at < of->c.nnodes; at++) waiting += waits(&of->c.node[at]);
        flying += rc_command_in_flight(&of->c);
        counts[of->row.state < RC_STATES ? of->row.state : 0]++;
    }
    uint64_t rows = rows_of(run, RC_PHASE_DELAYED, 0) + rows_of(run, RC_PHASE_DELAYED, RC_CALENDAR) +
                    rows_of_gates(run),
             listed = listed_in_flight(run);
    CHECK_HOLDS(run, rows == waiting, "%llu steps wait, and there are %llu rows of work", ULL(waiting),
                ULL(rows));
    check_lanes(run);
    CHECK_HOLDS(run, listed == flying, "%llu commands are in flight, and %llu are listed", ULL(flying),
                ULL(listed));
    failed(run, rc_read_counts(run->in->reader, stored, &run->err));
    for (unsigned i = 0; run->status == RC_OK && i < RC_STATES; i++)
        CHECK_HOLDS(run, counts[i] == stored[i], "%llu commands are %s, and %llu are counted", ULL(counts[i]),
                    rc_state_word(i).slug, ULL(stored[i]));
}

static bool is_newest(const struct check_run *run, const struct check_command *of)
{
    for (uint32_t i = 0; i < run->ncommands; i++) {
        const struct rc_identity *id = &run->command[i].id;
        if (id->generation > of->id.generation && rc_sv_eq(id->key, of->id.key) &&
            rc_sv_eq(id->type, of->id.type) && rc_sv_eq(id->ns, of->id.ns))
            return false;
    }
    return true;
}

CHECK_INVARIANT(
    34, "key-is-found",
    "The key of a command leads to it, and to its payload, or to the generation that came after it.")
{
    for (uint32_t i = 0; i < run->ncommands; i++) {
        const struct check_command *of = &run->command[i];
        struct rc_key_match match = {0};
        enum rc_status status =
            rc_read_key(run->in->reader, of->id.ns, of->id.type, of->id.key, &match, &run->err);
        if (status != RC_NOT_FOUND) failed(run, status);
        bool found = status == RC_OK && match.seq == of->id.seq && match.nonce == of->id.nonce &&
                     rc_h128_eq(match.payload_hash, of->id.payload_hash);
        bool later = status == RC_OK && match.seq > of->id.seq && !is_newest(run, of);
        CHECK_HOLDS(run, found || later || (match.purged && match.seq > of->id.seq),
                    "the key of %s does not lead to it", check_at(of, 1, 0));
    }
}

/* ---- audit ---------------------------------------------------------------------------------------------- */

/* The record of an action that an entry is about, or NULL. */
static const struct rc_record *audited(const struct check_run *run, const struct rc_audit *what)
{
    const struct check_command *of = check_command_at(run, what->command);
    const struct rc_record *record =
        of && what->rev && what->rev <= of->n ? &of->records[what->rev - 1] : NULL;
    const struct rc_act *act = record ? check_act_of(record->cause) : NULL;
    return act && act->action == what->action ? record : NULL;
}

CHECK_INVARIANT(
    35, "action-is-audited",
    "Every action of a person has its one entry in the audit, and the chain of the audit is whole.")
{
    struct rc_audit_verdict verdict = {0};
    uint64_t entries = 0, actions = 0;
    failed(run, rc_audit_verify(run->in->reader, NULL, &verdict, &run->err));
    if (run->status != RC_OK) return;
    CHECK_HOLDS(run, !verdict.broken, "entry %llu: %s", ULL(verdict.broken), verdict.why ? verdict.why : "");
    struct rc_audit_page page = {.ascending = true};
    for (uint32_t n = RC_MAX_PAGE; n == RC_MAX_PAGE && run->status == RC_OK;) {
        struct rc_audit_entry *found = NULL;
        failed(run, rc_read_audit(run->in->reader, &page, run->arena, RC_MAX_PAGE, &found, &n, &run->err));
        for (uint32_t i = 0; run->status == RC_OK && i < n; i++) {
            page.after = found[i].number;
            if (found[i].what.kind != RC_AUDIT_ACTION || found[i].purged) continue;
            entries++;
            CHECK_HOLDS(run, audited(run, &found[i].what),
                        "entry %llu is about an action that is not on record", ULL(found[i].number));
        }
    }
    for (uint32_t i = 0; i < run->ncommands; i++)
        for (uint32_t k = 0; k < run->command[i].n; k++)
            actions += check_act_of(run->command[i].records[k].cause) != NULL;
    CHECK_HOLDS(run, entries == actions, "%llu actions are on record, and %llu entries tell of them",
                ULL(actions), ULL(entries));
}

/* ---- successors ----------------------------------------------------------------------------------------- */

static const struct rc_record *replacing(const struct check_command *of)
{
    for (uint32_t k = 0; k < of->n; k++)
        for (uint32_t i = 0; i < of->records[k].nchanges; i++)
            if (of->records[k].changes[i].kind == RC_CHANGE_SUCCESSOR) return &of->records[k];
    return NULL;
}

CHECK_INVARIANT(36, "one-runs",
                "A command and the successor that a person puts in its place are written in one commit, so "
                "that never both run.")
{
    for (uint32_t i = 0; i < run->ncommands; i++) {
        const struct check_command *of = &run->command[i];
        const struct check_command *next = check_command_at(run, of->c.successor.seq),
                                   *original = check_command_at(run, of->id.original.seq);
        if (of->c.successor.seq && !check_purged_at(run, of->c.successor.seq)) {
            const struct rc_record *record = replacing(of);
            bool linked = next && record && next->id.nonce == of->c.successor.nonce &&
                          next->id.original.seq == of->id.seq &&
                          next->id.generation == of->id.generation + 1 &&
                          rc_sv_eq(next->id.key, of->id.key) && next->n && next->records[0].at == record->at;
            CHECK_HOLDS(run, linked && rc_state_ended(of->c.state), "%s and its successor %llu do not fit",
                        check_at(of, of->folded, 0), ULL(of->c.successor.seq));
        }
        if (of->id.original.seq && !check_purged_at(run, of->id.original.seq))
            CHECK_HOLDS(run, original && original->c.successor.seq == of->id.seq,
                        "%s takes the place of command %llu, which does not know of it", check_at(of, 1, 0),
                        ULL(of->id.original.seq));
    }
}
