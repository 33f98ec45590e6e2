/* What must hold of answers to clients, and when everything is over. */
#include "sim/walk.h"

#include <string.h>

/* No well-formed request comes to this. */
static bool is_absurd(const struct rc_request *request)
{
    bool absurd = request->status == RC_BUG || request->status == RC_LIMIT || request->status == RC_DAMAGED;
    return absurd && !walk_is_simulated(&request->error);
}

/* Whether a person has put `seq` in the place of `original`, perhaps in steps. */
static bool takes_place_of(const struct walk *walk, uint64_t seq, uint64_t original)
{
    while (seq && seq <= WALK_COMMANDS && seq != original) seq = walk->seen[seq].c.id.original.seq;
    return seq == original;
}

/* The key was used again, as its flow allows. */
static bool is_used_again(const struct walk *walk, uint64_t seq, uint64_t before)
{
    const struct walk_seen *seen = &walk->seen[seq];
    return seen->c.id.generation > walk->seen[before].c.id.generation &&
           (seen->c.flow->key_reuse != FLOW_KEY_NEVER || seen->c.id.original.seq);
}

/* The last command of the key was purged. */
static bool was_purged(const struct walk *walk, const struct rc_identity *id)
{
    for (uint64_t seq = walk->nseen; seq > 0; seq--) {
        const struct rc_identity *other = &walk->seen[seq].c.id;
        if (rc_sv_eq(id->ns, other->ns) && rc_sv_eq(id->type, other->type) && rc_sv_eq(id->key, other->key))
            return walk->seen[seq].gone_asked;
    }
    return false;
}

static void laws_of_submission(struct walk *walk, const struct walk_request *sent)
{
    const struct rc_request *request = sent->request;
    bool conflict = request->status == RC_KEY_CONFLICT;
    LAW(!is_absurd(request), "A8 what is well-formed is taken in", "%s", request->error.text);
    LAW(request->status != RC_PURGED || was_purged(walk, &request->u.submit),
        "P2 only what was purged is said to be", "%s", request->error.text);
    walk->cover->quota += request->status == RC_QUOTA || request->status == RC_RATE;
    if (walk->lanes) walk_laws_of_full_lane(walk, request);
    if (request->status != RC_OK && !conflict) return;
    uint64_t seq = request->command.seq, told = walk->told[sent->space][sent->flow][sent->key].seq;
    walk_observe(walk, seq);
    if (walk->broken) return;
    const struct walk_seen *seen = &walk->seen[seq <= WALK_COMMANDS ? seq : 0];
    char type[8], key[8];
    snprintf(type, sizeof type, "f%u", sent->flow);
    snprintf(key, sizeof key, "k%u", sent->key);
    LAW(seen->c.rev && rc_sv_is(seen->c.id.type, type) && rc_sv_is(seen->c.id.key, key) &&
            rc_sv_eq(seen->c.id.ns, request->u.submit.ns) && request->command.nonce == seen->c.id.nonce,
        "A1 what is acknowledged is there", "command %llu", ULL(seq));
    LAW(!told || told == seq || takes_place_of(walk, seq, told) || takes_place_of(walk, told, seq) ||
            is_used_again(walk, seq, told) || is_used_again(walk, told, seq),
        "A2 a key is one command for ever", "commands %llu and %llu", ULL(told), ULL(seq));
    LAW(rc_h128_eq(sent->payload_hash, seen->payload_hash) != conflict,
        "A3 another payload is a conflict, the same is not", "command %llu", ULL(seq));
    LAW(conflict || request->replayed || (seen->c.id.nonce == sent->nonce), "A4 what is new is what was sent",
        "command %llu", ULL(seq));
    walk_laws_of_lost_keys(walk, sent);
    walk->told[sent->space][sent->flow][sent->key].seq = seq;
    walk->told[sent->space][sent->flow][sent->key].acknowledged = true;
    if (conflict)
        walk->cover->conflicts++;
    else if (request->replayed)
        walk->cover->replayed++;
}

static void laws_of_action(struct walk *walk, const struct walk_request *sent)
{
    const struct rc_request *request = sent->request;
    struct walk_action *action = &walk->action[sent->action];
    LAW(!is_absurd(request), "A8 what is well-formed is taken in", "%s", request->error.text);
    if (request->status == RC_COMMIT_UNKNOWN) return; /* nobody knows */
    action->done = request->status == RC_OK && !request->replayed;
    action->refused = request->status != RC_OK || request->replayed;
    walk_observe(walk, action->seq);
    if (walk->broken) return;
    LAW(action->found == action->done,
        "A5 an action that was acknowledged is on record, and another one is not",
        "action %u on command %llu", sent->action, ULL(action->seq));
    if (action->done && action->action == RC_ACTION_CANCEL) walk->seen[action->seq].cancelled = true;
    walk->cover->stale += request->status == RC_STALE;
    if (walk->people) walk_laws_of_decision(walk, sent);
    walk->cover->act_replayed += request->status == RC_OK && request->replayed;
    if (request->status != RC_OK && request->status != RC_PURGED)
        walk->cover->refused[action->action][walk->seen[action->seq].c.state]++;
    bool found = false;
    for (uint32_t i = 0; request->status == RC_OK && request->replayed && i < walk->nactions; i++)
        found |= walk->action[i].found && walk->action[i].seq == action->seq &&
                 strcmp(walk->action[i].key, action->key) == 0 && walk->action[i].action == action->action;
    LAW(!request->replayed || request->status != RC_OK || found,
        "A6 what is called done before was done before", "action %u", sent->action);
}

static void laws_of_bulk_reply(struct walk *walk, const struct walk_request *sent)
{
    const struct rc_request *request = sent->request;
    struct walk_bulk *bulk = &walk->bulk[sent->bulk - 1];
    LAW(!is_absurd(request), "A8 what is well-formed is taken in", "%s", request->error.text);
    if (request->status != RC_OK) return;
    LAW(!bulk->id || bulk->id == request->u.bulk.id, "B1 a bulk stays what it is", "%s", bulk->key);
    if (!bulk->id) walk->cover->bulks++;
    bulk->id = request->u.bulk.id;
    bulk->nonce = request->u.bulk.nonce;
}

static void laws_of_release(struct walk *walk, const struct walk_request *sent)
{
    const struct rc_request *request = sent->request;
    LAW(!is_absurd(request), "A8 what is well-formed is taken in", "%s", request->error.text);
    if (request->status == RC_BUSY) walk->cover->window[SIM_WINDOW_RELEASED_EARLY]++;
    if (request->status != RC_OK) return;
    walk->cover->window[request->replayed ? SIM_WINDOW_RELEASED_AGAIN : SIM_WINDOW_RELEASED]++;
    struct rc_hold hold = walk_hold(walk);
    LAW(!hold.id || hold.id != request->u.hold.id || hold.released,
        "O5 a release that was acknowledged is in the store", "hold %llu", ULL(hold.id));
}

void walk_laws_of_reply(struct walk *walk, const struct walk_request *sent)
{
    WALK_TELL(walk, "  < %s%s, command %llu\n", rc_status_text(sent->request->status),
              sent->request->replayed ? ", replayed" : "", ULL(sent->request->command.seq));
    walk_note_answer(walk, sent->op, sent->request);
    if (sent->request->kind == RC_REQUEST_SUBMIT) laws_of_submission(walk, sent);
    if (sent->request->kind == RC_REQUEST_ACT) laws_of_action(walk, sent);
    if (sent->request->kind == RC_REQUEST_BULK) laws_of_bulk_reply(walk, sent);
    if (sent->request->kind == RC_REQUEST_HOLD) laws_of_release(walk, sent);
    if (sent->request->kind == RC_REQUEST_SIGNAL) walk_laws_of_signal_reply(walk, sent);
    if (walk->work) walk_laws_of_work_reply(walk, sent);
}

/* ---- the end -------------------------------------------------------------------------------------------------------- */

void walk_laws_of_end(struct walk *walk)
{
    for (uint32_t i = 0; i < WALK_SPACES * WALK_FLOWS * WALK_KEYS; i++) {
        uint32_t key = i % WALK_KEYS, flow = i / WALK_KEYS % WALK_FLOWS, space = i / WALK_KEYS / WALK_FLOWS;
        char type_text[8], key_text[8];
        snprintf(type_text, sizeof type_text, "f%u", flow);
        snprintf(key_text, sizeof key_text, "k%u", key);
        bool there = !walk->told[space][flow][key].acknowledged;
        for (uint64_t seq = 1; seq <= walk->nseen; seq++)
            there |= rc_sv_is(walk->seen[seq].c.id.ns, space ? "b" : "default") &&
                     rc_sv_is(walk->seen[seq].c.id.type, type_text) &&
                     rc_sv_is(walk->seen[seq].c.id.key, key_text);
        LAW(there, "A1 what is acknowledged is there", "flow %s, key %s", type_text, key_text);
    }
    for (uint32_t i = 0; i < walk->nactions; i++)
        LAW(!(walk->action[i].done && walk->action[i].found != 1) &&
                !(walk->action[i].refused && walk->action[i].found),
            "A5 an action that was acknowledged is on record, and another one is not", "action %u", i);
    for (uint64_t seq = 1; seq <= walk->nseen; seq++) {
        const struct rc_command *c = &walk->seen[seq].c;
        LAW(!walk->seen[seq].cancelled || c->mode != RC_MODE_FORWARD, "A7 what was cancelled stays cancelled",
            "command %llu", ULL(seq));
    }
}
