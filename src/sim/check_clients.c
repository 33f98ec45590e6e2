/* What clients were told, against the store. */
#include "sim/check_run.h"

#include <stdlib.h>
#include <string.h>

#define ULL(n) ((unsigned long long)(n))

static bool done(const struct check_call *call)
{
    return call->end == CHECK_ANSWERED && (call->status == 200 || call->status == 201);
}

/* It surely did nothing: it never arrived, or was answered with a refusal. */
static bool refused(const struct check_call *call)
{
    return call->end == CHECK_FAILED || (call->end == CHECK_ANSWERED && call->status >= 400);
}

static void each_call(struct check_run *run, uint8_t what,
                      void (*look)(struct check_run *, const struct check_call *))
{
    for (uint32_t i = 0; i < run->in->ncalls; i++)
        if (!what || run->in->calls[i].what == what) look(run, &run->in->calls[i]);
}

static bool is_key_of(const struct check_call *call, const struct check_command *of)
{
    return rc_sv_eq(call->ns, of->id.ns) && rc_sv_eq(call->type, of->id.type) &&
           rc_sv_eq(call->key, of->id.key);
}

/* ---- acknowledgements ----------------------------------------------------------------------------------- */

static void acknowledged(struct check_run *run, const struct check_call *call)
{
    if (!done(call)) return;
    const struct check_command *of = check_command_at(run, call->told_seq);
    const struct rc_purged *left = check_purged_at(run, call->told_seq);
    uint64_t nonce = of ? of->id.nonce : left ? left->nonce : 0;
    CHECK_HOLDS(run, (of || left) && (uint32_t)nonce == call->told_check,
                "op %llu was answered with command %llu, which is not there", ULL(call->op),
                ULL(call->told_seq));
}

CHECK_INVARIANT(1, "acknowledged-is-kept",
                "A submission that was acknowledged is in the store for ever, or was purged on record.")
{
    each_call(run, CHECK_SUBMIT, acknowledged);
}

static void told(struct check_run *run, const struct check_call *call)
{
    const struct check_command *of = check_command_at(run, call->told_seq);
    if (call->end != CHECK_ANSWERED || !of || !call->rev || (uint32_t)of->id.nonce != call->told_check)
        return;
    bool there = call->rev <= of->folded;
    CHECK_HOLDS(run, there, "op %llu was told of revision %u of command %llu, which has %u", ULL(call->op),
                call->rev, ULL(call->told_seq), of->n);
    if (!there) return;
    const struct check_moment *moment = &of->moment[of->last[call->rev]];
    if (call->state != RC_ABSENT && call->state != moment->state)
        check_break(run, "op %llu was told that command %llu is %s at revision %u, where it is %s",
                    ULL(call->op), ULL(call->told_seq), rc_state_word(call->state).slug, call->rev,
                    rc_state_word(moment->state).slug);
    if (call->durable && moment->record->change > call->durable)
        check_break(run, "op %llu was told of change %llu when only %llu was on disk", ULL(call->op),
                    ULL(moment->record->change), ULL(call->durable));
}

CHECK_INVARIANT(2, "answer-follows-commit",
                "What a client was told of a command, revision and state, was on disk before it was told.")
{
    each_call(run, 0, told);
}

/* ---- keys ----------------------------------------------------------------------------------------------- */

static void answered_key(struct check_run *run, const struct check_call *call)
{
    if (!done(call)) return;
    const struct check_command *of = check_command_at(run, call->told_seq);
    const struct rc_purged *left = check_purged_at(run, call->told_seq);
    if (of)
        CHECK_HOLDS(run, is_key_of(call, of), "op %llu asked for %.*s and was answered with %s",
                    ULL(call->op), RC_SV_ARG(call->key), check_at(of, 1, 0));
    else if (left)
        CHECK_HOLDS(run, rc_h128_eq(left->key, rc_purged_key(call->ns, call->type, call->key)),
                    "op %llu was answered with command %llu, which was purged and had another key",
                    ULL(call->op), ULL(left->seq));
    run->report->counts.replays += call->status == 200;
}

static int by_key(const void *a, const void *b)
{
    const struct rc_identity *x = &(*(const struct check_command *const *)a)->id,
                             *y = &(*(const struct check_command *const *)b)->id;
    int c = rc_sv_cmp(x->ns, y->ns);
    if (c == 0) c = rc_sv_cmp(x->type, y->type);
    if (c == 0) c = rc_sv_cmp(x->key, y->key);
    return c ? c : (x->generation > y->generation) - (x->generation < y->generation);
}

/* All commands by key and generation; NULL: no memory. */
static const struct check_command **sorted(struct check_run *run)
{
    const struct check_command **all = rc_alloc_zero(run->arena, run->ncommands, sizeof *all);
    if (!all) {
        run->status = rc_arena_status(run->arena);
        return NULL;
    }
    for (uint32_t i = 0; i < run->ncommands; i++) all[i] = &run->command[i];
    qsort(all, run->ncommands, sizeof *all, by_key);
    return all;
}

static bool same_key(const struct rc_identity *a, const struct rc_identity *b)
{
    return rc_sv_eq(a->ns, b->ns) && rc_sv_eq(a->type, b->type) && rc_sv_eq(a->key, b->key);
}

CHECK_INVARIANT(3, "same-key-same-command",
                "The same key and the same payload is the same command, for ever or until the flow lets the "
                "key be used again.")
{
    each_call(run, CHECK_SUBMIT, answered_key);
    const struct check_command **all = sorted(run);
    for (uint32_t i = 1; all && i < run->ncommands; i++) {
        const struct check_command *a = all[i - 1], *b = all[i];
        if (!same_key(&a->id, &b->id) || a->id.generation == b->id.generation) continue;
        bool successor = b->id.original.seq != 0, reuse = b->flow->key_reuse != FLOW_KEY_NEVER;
        CHECK_HOLDS(run, successor || reuse,
                    "the key of %s was used again by command %llu, and its flow does not allow that",
                    check_at(a, 1, 0), ULL(b->id.seq));
    }
}

static void other_payload(struct check_run *run, const struct check_call *call)
{
    const struct check_command *of = check_command_at(run, call->told_seq);
    if (call->end != CHECK_ANSWERED || !of || rc_h128_is_zero(call->payload_hash)) return;
    bool same = rc_h128_eq(of->id.payload_hash, call->payload_hash);
    if (done(call))
        CHECK_HOLDS(run, same, "op %llu sent another payload and was answered as if it were that of %s",
                    ULL(call->op), check_at(of, 1, 0));
    if (!call->conflict) return;
    run->report->counts.conflicts++;
    CHECK_HOLDS(run, !same && is_key_of(call, of), "op %llu was called a conflict with %s", ULL(call->op),
                check_at(of, 1, 0));
}

CHECK_INVARIANT(
    4, "other-payload-conflicts",
    "The same key with another payload is a conflict that names the command of the key, and changes nothing.")
{
    each_call(run, CHECK_SUBMIT, other_payload);
}

CHECK_INVARIANT(5, "one-of-many",
                "However many submissions of one key come at once, one command comes of it, and one of them "
                "is told that it is new.")
{
    uint32_t *created = RC_NEW_ARRAY(run->arena, uint32_t, run->high.seq + 1);
    const struct check_command **all = sorted(run);
    if (!created || !all) {
        run->status = rc_arena_status(run->arena);
        return;
    }
    for (uint32_t i = 0; i < run->in->ncalls; i++) {
        const struct check_call *call = &run->in->calls[i];
        if (call->what != CHECK_SUBMIT || call->end != CHECK_ANSWERED || call->status != 201 ||
            call->told_seq > run->high.seq)
            continue;
        CHECK_HOLDS(run, ++created[call->told_seq] == 1,
                    "op %llu was told that command %llu is new, and it is not the first", ULL(call->op),
                    ULL(call->told_seq));
    }
    for (uint32_t i = 1; i < run->ncommands; i++)
        CHECK_HOLDS(run,
                    !same_key(&all[i - 1]->id, &all[i]->id) ||
                        all[i - 1]->id.generation != all[i]->id.generation,
                    "commands %llu and %llu have one key and one generation", ULL(all[i - 1]->id.seq),
                    ULL(all[i]->id.seq));
}

/* ---- refusals ------------------------------------------------------------------------------------------- */

static uint64_t name_of(struct rc_sv ns, struct rc_sv type, struct rc_sv key, struct rc_h128 payload)
{
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    rc_sha256_add_sv(&sha, ns);
    rc_sha256_add_sv(&sha, type);
    rc_sha256_add_sv(&sha, key);
    rc_sha256_add_u64(&sha, payload.hi);
    rc_sha256_add_u64(&sha, payload.lo);
    return rc_sha256_h128(&sha).hi;
}

/* A submission may have made a command where it was told so, or was told nothing. */
static bool may_have_made(struct check_run *run, const struct rc_map *open, const struct check_command *of)
{
    const struct rc_identity *id = &of->id;
    (void)run;
    return rc_map_get(open, name_of(id->ns, id->type, id->key, id->payload_hash)) != NULL;
}

CHECK_INVARIANT(
    6, "refused-leaves-nothing",
    "Every command was asked for by a submission that was not refused: a refused one leaves no row.")
{
    struct rc_map open = {0};
    if (!run->in->ncalls) return;
    for (uint32_t i = 0; i < run->in->ncalls && run->status == RC_OK; i++) {
        const struct check_call *call = &run->in->calls[i];
        if (call->what != CHECK_SUBMIT) continue;
        run->report->counts.refused += refused(call);
        bool made = call->end == CHECK_ANSWERED && call->status == 201;
        if (!made && call->end != CHECK_NOT_KNOWN) continue;
        run->status = rc_map_put(&open, name_of(call->ns, call->type, call->key, call->payload_hash),
                                 (void *)(uintptr_t)call);
    }
    for (uint32_t i = 0; i < run->ncommands && run->status == RC_OK; i++) {
        const struct check_command *of = &run->command[i];
        if (!of->id.original.seq && !of->c.parent.link.seq) /* a child is asked for by its parent */
            CHECK_HOLDS(run, may_have_made(run, &open, of), "nobody asked for %s, or whoever did was refused",
                        check_at(of, 1, 0));
    }
    rc_map_free(&open);
}

/* ---- actions -------------------------------------------------------------------------------------------- */

/* How many records the command has of this action: with this key, or, where there is none, of this kind. */
static uint32_t records_of(const struct check_command *of, const struct check_call *call)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < of->n; i++) {
        const struct rc_act *act = check_act_of(of->records[i].cause);
        n += act && act->action == call->action && rc_sv_eq(act->key, call->key);
    }
    return n;
}

static void action(struct check_run *run, const struct check_call *call)
{
    const struct check_command *of = check_command_at(run, call->seq);
    if (!of || !done(call)) return;
    CHECK_HOLDS(run, records_of(of, call) > 0,
                "op %llu was told that %s of command %llu is done, and it is not on record", ULL(call->op),
                rc_action_word(call->action).slug, ULL(call->seq));
}

CHECK_INVARIANT(7, "action-is-kept", "An action that was acknowledged is in the history of its command.")
{
    each_call(run, CHECK_ACT, action);
}

/* Whether a call with the key of this record may have made it. */
static bool asked_for(const struct check_run *run, const struct check_command *of, const struct rc_act *act)
{
    static const struct rc_sv bulk = {RC_BULK_KEY, sizeof RC_BULK_KEY - 1};
    if (act->key.n > bulk.n && memcmp(act->key.p, bulk.p, bulk.n) == 0)
        return true; /* an item: asked for by whoever has started the bulk */
    if (act->action == RC_ACTION_CANCEL && of->c.place.lane &&
        rc_sv_starts(act->reason, RC_SV("a newer command")))
        return true; /* asked for by who has submitted the newer one (docs/concurrency.md, replace) */
    if (of->c.parent.link.seq && rc_sv_starts(act->reason, RC_SV("the command that has started it")))
        return true; /* asked for by its parent (docs/flows.md, child commands) */
    for (uint32_t i = 0; i < run->in->ncalls; i++) {
        const struct check_call *call = &run->in->calls[i];
        if (call->what == CHECK_ACT && call->seq == of->id.seq && call->action == act->action &&
            rc_sv_eq(call->key, act->key) && !refused(call))
            return true;
    }
    return false;
}

CHECK_INVARIANT(8, "action-once",
                "An action with a key is done once; one that was refused, or that nobody asked for, is not "
                "in the history.")
{
    for (uint32_t i = 0; i < run->ncommands; i++) {
        const struct check_command *of = &run->command[i];
        for (uint32_t k = 0; k < of->n; k++) {
            const struct rc_act *act = check_act_of(of->records[k].cause);
            if (!act) continue;
            if (run->in->ncalls)
                CHECK_HOLDS(run, asked_for(run, of, act),
                            "%s: nobody asked for this %s, or whoever did was refused",
                            check_at(of, of->records[k].rev, 0), rc_action_word(act->action).slug);
            for (uint32_t m = 0; act->key.n && m < k; m++) {
                const struct rc_act *other = check_act_of(of->records[m].cause);
                CHECK_HOLDS(run, !other || !rc_sv_eq(other->key, act->key),
                            "%s: the key %.*s was used at record %u already",
                            check_at(of, of->records[k].rev, 0), RC_SV_ARG(act->key), of->records[m].rev);
            }
        }
    }
}

/* ---- time and versions ---------------------------------------------------------------------------------- */

static int by_end(const void *a, const void *b)
{
    const struct check_call *x = *(const struct check_call *const *)a,
                            *y = *(const struct check_call *const *)b;
    return (x->ended > y->ended) - (x->ended < y->ended);
}

static int by_start(const void *a, const void *b)
{
    const struct check_call *x = *(const struct check_call *const *)a,
                            *y = *(const struct check_call *const *)b;
    return (x->invoked > y->invoked) - (x->invoked < y->invoked);
}

/* The submissions of a key that is used again name the newest command; a revision belongs to one command. */
CHECK_INVARIANT(9, "answers-do-not-go-back",
                "Whoever asks after an answer was given is told of the same revision or a later one, also "
                "after a restart.")
{
    const struct check_case *in = run->in;
    const struct check_call **ends = rc_alloc_zero(run->arena, in->ncalls, sizeof *ends),
                            **starts = rc_alloc_zero(run->arena, in->ncalls, sizeof *starts);
    uint32_t *seen = RC_NEW_ARRAY(run->arena, uint32_t, run->high.seq + 1), n = 0;
    if (!ends || !starts || !seen) {
        run->status = rc_arena_status(run->arena);
        return;
    }
    for (uint32_t i = 0; i < in->ncalls; i++) {
        const struct check_call *call = &in->calls[i];
        if (call->end != CHECK_ANSWERED || !call->rev || !call->told_seq || call->told_seq > run->high.seq ||
            !call->ended)
            continue;
        ends[n] = starts[n] = call;
        n++;
    }
    qsort(ends, n, sizeof *ends, by_end);
    qsort(starts, n, sizeof *starts, by_start);
    for (uint32_t i = 0, k = 0; i < n; i++) {
        for (; k < n && ends[k]->ended < starts[i]->invoked; k++)
            if (seen[ends[k]->told_seq] < ends[k]->rev) seen[ends[k]->told_seq] = ends[k]->rev;
        CHECK_HOLDS(run, starts[i]->rev >= seen[starts[i]->told_seq],
                    "op %llu was told of revision %u of command %llu, after revision %u had been told",
                    ULL(starts[i]->op), starts[i]->rev, ULL(starts[i]->told_seq), seen[starts[i]->told_seq]);
    }
}

static void version(struct check_run *run, const struct check_call *call)
{
    const struct check_command *of = check_command_at(run, call->told_seq);
    if (call->end != CHECK_ANSWERED || !of || !call->version || of->c.flow != of->flow)
        return; /* it has moved */
    CHECK_HOLDS(run, call->version == of->flow->version,
                "op %llu was told of version %u, and %s has version %u", ULL(call->op), call->version,
                check_at(of, 1, 0), of->flow->version);
}

CHECK_INVARIANT(10, "version-is-pinned", "A command keeps the version of the definition that it began with.")
{
    each_call(run, 0, version);
    for (uint32_t i = 0; i < run->ncommands; i++) {
        const struct check_command *of = &run->command[i];
        CHECK_HOLDS(run, rc_sv_eq(of->flow->name, of->id.type), "%s has a definition of %.*s",
                    check_at(of, 1, 0), RC_SV_ARG(of->flow->name));
    }
}
