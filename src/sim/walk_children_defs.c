/* Random definitions of flows that start each other: three levels, and a dependency (children.h). */
#include "sim/children.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static uint32_t dice(struct children_text *defs, uint32_t n)
{
    return sim_choose(defs->choices, n);
}
static bool chance(struct children_text *defs, uint32_t percent)
{
    return dice(defs, 100) >= 100 - percent;
}

static void put(struct children_text *defs, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct children_text *defs, const char *format, ...)
{
    size_t n = strlen(defs->text);
    va_list args;
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is above */
    int more = vsnprintf(defs->text + n, sizeof defs->text - n, format, args);
    va_end(args);
    assert(more >= 0 && n + (size_t)more < sizeof defs->text);
}

static void put_call(struct children_text *defs, const char *in, const char *id)
{
    put(defs, "%s- id: %s\n%s  call: out\n%s  with: {method: POST, path: /%s}\n%s  timeout: 5s\n", in, id, in,
        in, id, in);
    put(defs, "%s  retry: {delay: 1s, jitter: none, limit: {attempts: %u}}\n", in, 1 + dice(defs, 3));
    put(defs, "%s  check: {with: {method: GET, path: /%s}, happened: response.body.there}\n", in, id);
    put(defs,
        "%s  undo: {with: {method: DELETE, path: /%s}, check: {with: {method: GET, path: /%s}, happened: "
        "response.body.there}}\n",
        in, id, id);
}

static void put_head(struct children_text *defs, const char *name)
{
    static const char *const failure[] = {"keep", "roll_back", "review"};
    static const char *const late[] = {"cancel", "roll_back", "review"}, *const full[] = {"queue", "refuse",
                                                                                          "replace"};
    put(defs, "flow: %s\non_failure: %s\n", name, failure[dice(defs, 3)]);
    if (chance(defs, 20))
        put(defs, "deadline: %us\non_deadline: %s\n", 3 + dice(defs, 20), late[dice(defs, 3)]);
    if (chance(defs, 15))
        put(defs, "concurrency: {key: one, limit: %u, when_full: %s}\n", 1 + dice(defs, 2),
            full[dice(defs, 3)]);
}

static void put_sub(struct children_text *defs, const char *in, const char *id, const char *flow)
{
    put(defs, "%s- id: %s\n%s  flow: %s\n", in, id, in, flow);
    if (chance(defs, 20)) put(defs, "%s  critical: false\n", in);
    if (chance(defs, 20)) put(defs, "%s  fallback: [{id: or_%s, set: {x: 1}}]\n", in, id);
}

/* Blocks around what starts a child. */
static void put_block(struct children_text *defs, const char *flow)
{
    static const char *const terms[] = {"on_error: fail_fast", "on_error: continue",
                                        "join: any",           "running: cancel",
                                        "undo: block",         "running: cancel\n    undo: block"};
    switch (dice(defs, 3)) {
    case 0: put_sub(defs, "  ", "sub", flow); return;
    case 1:
        put(defs, "  - id: both\n    %s\n    parallel:\n", terms[dice(defs, 6)]);
        put_sub(defs, "      ", "one", flow);
        if (chance(defs, 50))
            put_sub(defs, "      ", "two", flow);
        else
            put_call(defs, "      ", "two");
        return;
    default:
        put(defs, "  - id: all\n    each: [1, 2, 3]\n    max: 3\n    width: %u\n    %s\n    steps:\n",
            1 + dice(defs, 3), terms[dice(defs, 6)]);
        put_sub(defs, "      ", "sub", flow);
        return;
    }
}

/* 0: the top, 1: the middle, 2: what starts nothing. */
void children_put_flow(struct children_text *defs, uint32_t level)
{
    static const char *const name[] = {"top", "mid", "low"};
    put_head(defs, name[level]);
    put(defs, "steps:\n");
    if (level == 2 || chance(defs, 40)) put_call(defs, "  ", "a");
    if (level < 2) put_block(defs, name[level + 1 + (level == 0 && chance(defs, 30))]);
    if (chance(defs, 50)) put_call(defs, "  ", "b");
}

void children_define(struct children_text *defs)
{
    sim_choices_begin(defs->choices, 'd');
    put(defs, "dependency: out\nkind: http\nbase: http://127.0.0.1:1\nlimits: {concurrent: %u}\n",
        1 + dice(defs, 4));
    for (uint32_t level = 0; level < CHILDREN_FLOWS; level++) {
        put(defs, "---\n");
        children_put_flow(defs, level);
    }
}
