/* Leases that are out: by attempt, and in the order of their deadlines. Rebuilt at the start from the attempts that are open (boot.c). */
#include "engine/state.h"

#include "base/num.h"

#include <stdlib.h>

/* ---- names ---------------------------------------------------------------------------------------------------------- */

/* The first half names the attempt; the second one also the life of the store: behind an older state the same numbers are given again, and
 * who had an attempt of the life before must not be taken for whoever has it now. */
struct rc_h128 rc_lease_secret(const struct rc_engine *engine, const struct rc_command *command,
                               uint32_t node, uint16_t attempt)
{
    struct rc_sha256 sha, life;
    rc_sha256_init(&sha);
    rc_sha256_add_sv(&sha, RC_SV("lease"));
    rc_sha256_add_u64(&sha, command->id.nonce);
    rc_sha256_add_u64(&sha, command->id.seq);
    rc_sha256_add_u64(&sha, (uint64_t)node << 16 | attempt);
    life = sha;
    struct rc_h128 secret = rc_sha256_h128(&sha);
    if (!engine->hold.id) return secret;
    rc_sha256_add_u64(&life, engine->hold.nonce);
    secret.lo = rc_sha256_h128(&life).lo;
    return secret;
}

void rc_lease_format(const struct rc_lease_name *lease, char ret_text[RC_LEASE_TEXT + 1])
{
    rc_id_format(lease->command, ret_text);
    uint32_t n = RC_ID_TEXT;
    ret_text[n++] = '.';
    n += rc_format_u64(lease->node, ret_text + n);
    ret_text[n++] = '.';
    n += rc_format_u64(lease->attempt, ret_text + n);
    ret_text[n++] = '.';
    rc_h128_hex(lease->secret, ret_text + n);
    ret_text[n + 32] = 0;
}

static struct rc_sv until_dot(struct rc_sv *io_rest)
{
    const char *dot = io_rest->n ? memchr(io_rest->p, '.', io_rest->n) : NULL;
    struct rc_sv part = {io_rest->p, dot ? (uint32_t)(dot - io_rest->p) : io_rest->n};
    uint32_t skip = dot ? part.n + 1 : part.n;
    *io_rest = (struct rc_sv){io_rest->p + skip, io_rest->n - skip};
    return part;
}

bool rc_lease_parse(struct rc_sv text, struct rc_lease_name *ret)
{
    uint64_t node, attempt;
    if (text.n > RC_LEASE_TEXT || !rc_id_parse(until_dot(&text), &ret->command)) return false;
    if (!rc_parse_u64(until_dot(&text), &node) || node >= RC_MAX_INSTANCES) return false;
    if (!rc_parse_u64(until_dot(&text), &attempt) || attempt > UINT16_MAX) return false;
    ret->node = (uint32_t)node;
    ret->attempt = (uint16_t)attempt;
    return rc_h128_parse(text, &ret->secret);
}

/* ---- the heap by deadline ------------------------------------------------------------------------------------------- */

static void set(struct rc_leases *leases, uint32_t at, struct rc_lease *lease)
{
    leases->heap[at] = lease;
    lease->at = at;
}

static void settle(struct rc_leases *leases, struct rc_lease *lease)
{
    uint32_t at = lease->at;
    for (; at && leases->heap[(at - 1) / 2]->deadline > lease->deadline; at = (at - 1) / 2)
        set(leases, at, leases->heap[(at - 1) / 2]);
    for (uint32_t child; (child = 2 * at + 1) < leases->n; at = child) {
        child += child + 1 < leases->n && leases->heap[child + 1]->deadline < leases->heap[child]->deadline;
        if (leases->heap[child]->deadline >= lease->deadline) break;
        set(leases, at, leases->heap[child]);
    }
    set(leases, at, lease);
}

static bool has_room(struct rc_leases *leases)
{
    if (leases->n < leases->cap) return true;
    uint32_t cap = leases->cap ? 2 * leases->cap : 256;
    struct rc_lease **heap = realloc(leases->heap, cap * sizeof(struct rc_lease *));
    if (!heap) return false;
    leases->heap = heap;
    leases->cap = cap;
    return true;
}

struct rc_lease *rc_lease_find(struct rc_engine *engine, uint64_t key)
{
    return rc_map_get(&engine->leases.by_key, key);
}

enum rc_status rc_lease_add(struct rc_engine *engine, const struct rc_lease *made)
{
    struct rc_leases *leases = &engine->leases;
    struct rc_lease *lease = has_room(leases) ? malloc(sizeof *lease) : NULL;
    if (!lease) return RC_NOMEM;
    *lease = *made;
    if (rc_map_put(&leases->by_key, lease->key, lease) != RC_OK) {
        free(lease);
        return RC_NOMEM;
    }
    lease->at = leases->n++;
    settle(leases, lease);
    return RC_OK;
}

void rc_lease_extend(struct rc_engine *engine, struct rc_lease *lease, rc_us span)
{
    if (span) lease->span = span;
    lease->deadline = engine->now + lease->span;
    if (lease->deadline > lease->most) lease->deadline = lease->most;
    settle(&engine->leases, lease);
}

void rc_lease_end(struct rc_engine *engine, uint64_t key)
{
    struct rc_leases *leases = &engine->leases;
    struct rc_lease *lease = rc_map_remove(&leases->by_key, key), *last;
    if (!lease) return;
    last = leases->heap[--leases->n];
    if (last != lease) {
        last->at = lease->at;
        settle(leases, last);
    }
    free(lease);
}

void rc_leases_forget(struct rc_engine *engine)
{
    struct rc_leases *leases = &engine->leases;
    for (uint32_t i = 0; i < leases->n; i++) free(leases->heap[i]);
    free(leases->heap);
    rc_map_free(&leases->by_key);
    rc_map_free(&leases->late);
    *leases = (struct rc_leases){0};
}

/* ---- running out ---------------------------------------------------------------------------------------------------- */

static struct rc_result ran_out(const struct rc_lease *lease)
{
    bool timeout = lease->deadline >= lease->most;
    struct rc_result result = {.reach = RC_SENT, .why = RC_WHY_LEASE};
    result.error = RC_SV("the worker was silent for longer than its lease");
    if (timeout) {
        result.why = RC_WHY_TIMEOUT;
        result.error = RC_SV("the worker did not end within the step's timeout");
    }
    return result;
}

/* Each becomes a fact for the next turn. What the worker has sent until now was heard before. */
void rc_leases_expire(struct rc_engine *engine)
{
    struct rc_leases *leases = &engine->leases;
    while (leases->n && leases->heap[0]->deadline <= engine->now) {
        const struct rc_lease *lease = leases->heap[0];
        struct rc_fact *fact = rc_fact_new((struct rc_addr){.agg = RC_AGG_COMMAND, .id = lease->seq},
                                           lease->node, lease->attempt, lease->purpose);
        if (!fact) return; /* it is tried again behind a pause */
        fact->answer.result = ran_out(lease);
        rc_facts_push(&engine->facts, fact);
        rc_lease_end(engine, lease->key);
    }
}

rc_us rc_leases_sleep(const struct rc_engine *engine)
{
    const struct rc_leases *leases = &engine->leases;
    if (!leases->n) return UINT64_MAX;
    rc_us deadline = leases->heap[0]->deadline;
    return deadline > engine->now ? deadline - engine->now : RC_MS(200); /* there was no memory to end it */
}

/* ---- at the start --------------------------------------------------------------------------------------------------- */

enum rc_status rc_lease_take_over(struct rc_engine *engine, const struct rc_command *c, uint32_t at)
{
    const struct flow_call *call = &rc_node_step(c, at)->call;
    const struct flow_dependency *dependency =
        flow_set_dependency(rc_engine_set(engine), c->flow->dependencies[call->dependency]);
    bool is_worker = dependency && dependency->kind == FLOW_DEP_WORKER;
    uint16_t attempt = c->node[at].attempt;
    struct rc_lease lease = {.key = rc_attempt_key(c->id.seq, at, attempt),
                             .seq = c->id.seq,
                             .nonce = c->id.nonce,
                             .node = at,
                             .attempt = attempt,
                             .purpose = (uint8_t)rc_node_purpose(c, at),
                             .secret = rc_lease_secret(engine, c, at, attempt),
                             .span = is_worker ? dependency->worker.lease : RC_SECONDS(30),
                             .since = engine->now,
                             .most = c->data[at].times.due};
    rc_name_set(&lease.ns, c->id.ns);
    if (is_worker) rc_name_set(&lease.queue, dependency->worker.queue);
    if (lease.most < engine->now + lease.span) lease.most = engine->now + lease.span;
    lease.deadline = engine->now + lease.span;
    return rc_lease_add(engine, &lease);
}
