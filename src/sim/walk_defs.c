/* Random definitions: two dependencies and a handful of flows of one to four steps. */
#include "sim/walk.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void walk_put(struct walk *walk, const char *format, ...)
{
    char text[1024];
    size_t n = strlen(walk->definitions);
    va_list args;
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is above */
    int more = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert(more >= 0 && (size_t)more < sizeof text);
    for (const char *at = text; *at; at++) {
        bool begins = *at != '\n' && (!n || walk->definitions[n - 1] == '\n');
        for (uint32_t i = 0; begins && i < walk->indent; i++) walk->definitions[n++] = ' ';
        assert(n + 2 + walk->indent < sizeof walk->definitions);
        walk->definitions[n++] = *at;
    }
    walk->definitions[n] = '\0';
}

const char *walk_dependency_text(const struct walk *walk, uint32_t dependency, uint32_t concurrent, char *to,
                                 size_t n)
{
    if (walk->dependency[dependency].worker) return walk_worker_text(walk, dependency, to, n);
    snprintf(to, n,
             "dependency: %s\n"
             "kind: http\n"
             "base: http://127.0.0.1:1\n"
             "key_lifetime: %us\n"
             "outcomes: {409: succeeded, 418: unknown, 503: failed, 508: rejected}\n"
             "limits: {concurrent: %u}\n",
             walk->dependency[dependency].name,
             (unsigned)(walk->dependency[dependency].key_lifetime / RC_SECONDS(1)), concurrent);
    return to;
}

static void put_retry(struct walk *walk, const char *indent, uint32_t most)
{
    static const char *const backoff[] = {"constant", "linear", "exponential"}, *const jitter[] = {
                                                                                    "none", "full", "equal"};
    uint32_t delay = walk_dice(walk, 4), how = walk_dice(walk, 3), spread = walk_dice(walk, 3);
    walk_put(walk, "%sretry: {delay: %us, backoff: %s, jitter: %s, limit: {attempts: %u", indent, delay,
             backoff[how], jitter[spread], 1 + walk_dice(walk, most));
    walk_put(walk, "%s}}\n", walk_chance(walk, 20) ? ", duration: 10s" : "");
}

static void put_check(struct walk *walk, const char *indent, bool outputs)
{
    char in[32];
    snprintf(in, sizeof in, "%s  ", indent);
    walk_put(walk, "%scheck:\n%swith: %s\n", indent, in,
             walk_with(walk, "{method: GET, path: /look}", "{task: look}"));
    if (walk->tasks) walk_put(walk, "%sreads: true\n", in);
    uint32_t settle = walk_chance(walk, 50) ? 1 + walk_dice(walk, 5) : 0;
    walk_put(walk, "%ssettle: %us\n%shappened: response.body.there\n", in, settle, in);
    if (walk_chance(walk, 50)) walk_put(walk, "%scontradictory: response.body.many\n", in);
    if (walk_chance(walk, 50)) walk_put(walk, "%sinconclusive: response.body.later\n", in);
    if (outputs) walk_put(walk, "%soutputs: {id: \"${response.body.id}\"}\n", in);
    put_retry(walk, in, 3);
}

static void put_undo(struct walk *walk, bool outputs)
{
    static const char in[] = "      ";
    walk_put(walk, "    undo:\n%swith: {%s%s\"}\n%stimeout: 20s\n", in,
             walk_with(walk, "method: DELETE, path: \"/things/", "task: undo, input: \""),
             outputs ? "${outputs.id}" : "this", in);
    if (walk_chance(walk, 30)) walk_put(walk, "%srepeatable: true\n", in);
    put_retry(walk, in, 3);
    if (walk_chance(walk, 50)) put_check(walk, in, false);
}

void walk_put_terms(struct walk *walk, bool outputs, bool irreversible, bool undone)
{
    if (walk_chance(walk, walk->soft)) walk_put(walk, "    critical: false\n");
    if (walk_chance(walk, 35)) walk_put(walk, "    repeatable: true\n");
    if (walk_chance(walk, 10) && !walk->tasks) walk_put(walk, "    accepted: true\n");
    if (walk_chance(walk, 15))
        walk_put(walk, "    require: payload.ok\n");
    else if (walk_chance(walk, 20))
        walk_put(walk, "    require: {with: %s, holds: response.body.may}\n",
                 walk_with(walk, "{method: GET, path: /may}", "{task: may}, reads: true"));
    if (outputs) walk_put(walk, "    outputs: {id: \"${response.body.id}\"}\n    external_id: id\n");
    put_retry(walk, "    ", 4);
    if (walk_chance(walk, walk->checked)) put_check(walk, "    ", outputs);
    if (irreversible)
        walk_put(walk, "    irreversible: true\n");
    else if (walk_chance(walk, 12))
        walk_put(walk, "    undo: none\n");
    else if (!walk_chance(walk, walk->final) || undone)
        put_undo(walk, outputs);
}

static void put_step(struct walk *walk, uint32_t i, bool last, bool roll_back)
{
    bool outputs = walk_chance(walk, 60);
    bool irreversible = walk_chance(walk, 15) && (last || !roll_back);
    walk_put_call(walk, walk_dice(walk, WALK_DEPENDENCIES), i);
    if (i && walk_chance(walk, 30)) walk_put(walk, "    needs: [s%u]\n", walk_dice(walk, i));
    walk_put_terms(walk, outputs, irreversible, roll_back && !last);
    walk->tasks = false;
}

/* A first step that nobody knows of and the line goes on without, and a second one that is refused: what people then do about the first
 * takes edges that are rare otherwise. */
static void put_shaped_flow(struct walk *walk, uint32_t flow)
{
    walk_put(walk,
             "flow: f%u\nsteps:\n"
             "  - id: s0\n    call: %s\n    critical: false\n    with: {method: POST, path: /s0}\n"
             "    retry: {delay: 5s, backoff: constant, jitter: none, limit: {attempts: 5}}\n"
             "  - id: s1\n    call: %s\n    with: {method: POST, path: /s1}\n"
             "    retry: {delay: 1s, limit: {attempts: %u}}\n",
             flow, walk->dependency[0].name, walk->dependency[1].name, 1 + walk_dice(walk, 2));
}

void walk_put_head(struct walk *walk, uint32_t flow, const char *on_failure)
{
    static const char *const reuse[] = {"never", "after_end", "{after_end: [cancelled, rolled_back]}",
                                        "{after: 5s}"};
    walk_put(walk, "flow: f%u\non_failure: %s\n", flow, on_failure);
    if (walk_chance(walk, 30)) walk_put(walk, "key_reuse: %s\n", reuse[walk_dice(walk, 4)]);
}

void walk_define_flow(struct walk *walk, uint32_t flow)
{
    if (walk->blocks) {
        walk_define_block_flow(walk, flow);
        return;
    }
    if (walk->people) {
        walk_define_people_flow(walk, flow);
        return;
    }
    if (walk->shaped && !walk->work && !walk->plans && walk_chance(walk, 70)) {
        put_shaped_flow(walk, flow);
        return;
    }
    static const char *const on_failure[] = {"keep", "roll_back", "review"};
    uint32_t policy = walk_dice(walk, 3), steps = 1 + walk_dice(walk, WALK_STEPS);
    walk_put_head(walk, flow, on_failure[policy]);
    if (walk->plans) walk_put_schedules(walk);
    walk_put(walk, "steps:\n");
    for (uint32_t k = 0; k < steps; k++) put_step(walk, k, k + 1 == steps, policy == 1);
}

void walk_define_all(struct walk *walk, char kind)
{
    char text[512];
    walk->definitions[0] = '\0';
    for (uint32_t i = 0; i < WALK_DEPENDENCIES; i++)
        walk_put(walk, "%s---\n", walk_dependency_text(walk, i, walk->dependency[i].most, text, sizeof text));
    for (uint32_t i = 0; i < WALK_FLOWS; i++) {
        sim_choices_begin(walk->choices, kind);
        walk_define_flow(walk, i);
        walk_put(walk, "%s", i + 1 < WALK_FLOWS ? "---\n" : "");
    }
}

void walk_define(struct walk *walk)
{
    static const char *const name[] = {"out", "other"};
    sim_choices_begin(walk->choices, 'd');
    walk->recovery = walk_chance(walk, 4); /* that takes its time */
    walk->busy = walk_chance(walk, 30) ? 60 : 20;
    walk->soft = walk_chance(walk, 25) ? 70 : 20;
    walk->checked = walk_chance(walk, 25) ? 95 : 55;
    walk->final = walk_chance(walk, 25) ? 60 : 15;
    for (uint32_t i = 0; i < WALK_DEPENDENCIES; i++) {
        walk->dependency[i].name = name[i];
        walk->dependency[i].gate = flow_gate_id(rc_sv_of(name[i]));
        walk->dependency[i].key_lifetime = walk_chance(walk, 40) ? RC_SECONDS(5 + walk_dice(walk, 20)) : 0;
        if (walk_chance(walk, 35)) walk->dependency[i].mood = (enum walk_mood)walk_dice(walk, WALK_MOODS);
        walk->dependency[i].at_first = walk->dependency[i].most = 1 + walk_dice(walk, 3);
    }
    walk->shaped = walk_chance(walk, 5);
    if (walk->shaped) {
        walk->dependency[0].mood = WALK_ERRING;
        walk->dependency[1].mood = WALK_REFUSING;
        walk->busy = 60;
    }
    walk_define_all(walk, 'd');
}
