/* Facts: what has happened and is not committed yet. */
#include "engine/state.h"

void rc_facts_put_back(struct rc_facts *facts, struct rc_facts *front)
{
    if (!front->first) return;
    *front->last = facts->first;
    if (!facts->first) facts->last = front->last;
    facts->first = front->first;
    rc_facts_init(front);
}

void rc_facts_free(struct rc_facts *facts)
{
    for (struct rc_fact *fact; (fact = rc_facts_pop(facts));) rc_arena_free(fact->answer.arena);
}

struct rc_fact *rc_fact_new(struct rc_addr of, uint32_t node, uint16_t attempt, uint8_t purpose)
{
    struct rc_arena *arena = rc_arena_new(sizeof(struct rc_fact) + 64, 64 << 10);
    struct rc_fact *fact = arena ? RC_NEW(arena, struct rc_fact) : NULL;
    if (!fact) {
        rc_arena_free(arena);
        return NULL;
    }
    fact->answer =
        (struct rc_answer){.arena = arena, .of = of, .node = node, .attempt = attempt, .purpose = purpose};
    return fact;
}
