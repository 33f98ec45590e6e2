/* What comes back to the engine, and what the disk has (world.h). */
#include "sim/world.h"

#include "codec/json.h"

#include <assert.h>
#include <stdio.h>

static void must_be(enum rc_status status, enum rc_status wanted)
{
    if (status != wanted) fprintf(stderr, "%s\n", rc_status_text(status));
    assert(status == wanted);
}

/* ---- answers -------------------------------------------------------------------------------------------------------- */

static void give(struct world *world, uint32_t i, struct rc_result result, struct rc_arena *arena)
{
    assert(i < world->nleft);
    const struct rc_effect *effect = &world->left[i];
    struct rc_answer answer = {.arena = arena,
                               .room = rc_alloc(arena, RC_ANSWER_ROOM),
                               .of = effect->of,
                               .node = effect->node,
                               .attempt = effect->attempt,
                               .purpose = effect->purpose,
                               .result = result};
    assert(answer.room);
    rc_engine_answer(world->engine, &answer);
}

void world_give(struct world *world, uint32_t i, struct rc_result result, const char *body)
{
    struct rc_arena *arena = rc_arena_new(0, 1 << 20);
    assert(arena);
    if (body) must_be(rc_json_parse(rc_sv_of(body), arena, &result.body, &world->err), RC_OK);
    give(world, i, result, arena);
}

void world_answer(struct world *world, uint32_t i, unsigned status, const char *body)
{
    world_give(
        world, i,
        (struct rc_result){
            .reach = RC_ANSWERED, .usable = true, .status = (uint16_t)status, .headers = {.kind = CEL_MAP}},
        body);
}

void world_lose(struct world *world, uint32_t i, enum rc_why why)
{
    world_give(world, i,
               (struct rc_result){.reach = why == RC_WHY_NOT_SENT ? RC_NOT_SENT : RC_SENT,
                                  .why = (uint8_t)why,
                                  .error = RC_SV("lost")},
               NULL);
}

/* ---- looking -------------------------------------------------------------------------------------------------------- */

struct rc_command world_read(struct world *world, uint64_t seq)
{
    struct rc_command command;
    struct rc_reader *reader;
    must_be(rc_reader_open(world->store, &reader, &world->err), RC_OK);
    enum rc_status status = rc_load_command(reader, rc_engine_definitions(world->engine), seq, world->arena,
                                            &command, NULL, NULL, &world->err);
    rc_reader_close(reader);
    if (status != RC_OK) fprintf(stderr, "%s\n", world->err.text);
    must_be(status, RC_OK);
    assert(rc_command_derive(&command) == (enum rc_state)command.state);
    return command;
}

enum rc_state world_state(struct world *world, uint64_t seq)
{
    return (enum rc_state)world_read(world, seq).state;
}
