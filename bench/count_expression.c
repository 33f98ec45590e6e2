/* Evaluates an expression so many times, for counting instructions (profile_server.py): the condition of a check, over an answer of
 * an outside system.
 *
 *   count_expression N */
#include "cel/cel.h"
#include "codec/json.h"

#include <stdio.h>
#include <stdlib.h>

static void must(enum rc_status status, const struct rc_error *err)
{
    if (status == RC_OK) return;
    fprintf(stderr, "count_expression: %s\n", err->text);
    exit(1);
}

int main(int argc, char **argv)
{
    static const char source[] = "response.status == 200 && size(response.body) == 1 && "
                                 "response.body[0].title.startsWith(payload.title)";
    static const char answer[] = "{\"status\":200,\"body\":[{\"number\":42,\"title\":\"Mend the build\"}]}";
    static const char payload[] = "{\"title\":\"Mend\",\"repo\":\"web\"}";
    static const struct cel_field roots[] = {{RC_SV("response"), &cel_dyn}, {RC_SV("payload"), &cel_dyn}};
    const struct cel_scope scope = {.roots = roots, .nroots = 2};
    struct cel_value values[2], found;
    const struct cel_prog *prog;
    struct rc_error err = {0};
    struct rc_arena *kept = rc_arena_new(0, 1 << 20), *arena = rc_arena_new(4096, 1 << 20);
    if (argc != 2 || !kept || !arena) return fputs("count_expression N\n", stderr), 2;
    must(rc_json_parse(rc_sv_of(answer), kept, &values[0], &err), &err);
    must(rc_json_parse(rc_sv_of(payload), kept, &values[1], &err), &err);
    must(cel_compile(rc_sv_of(source), &scope, kept, &prog, &err), &err);
    const struct cel_env env = {.roots = values, .nroots = 2};
    for (long n = atol(argv[1]); n > 0; n--) {
        rc_arena_reset(arena);
        must(cel_eval(prog, &env, arena, &found, &err), &err);
        if (found.kind != CEL_BOOL || !found.v.b)
            return fputs("count_expression: it is not true\n", stderr), 1;
    }
    rc_arena_free(arena);
    rc_arena_free(kept);
    return 0;
}
