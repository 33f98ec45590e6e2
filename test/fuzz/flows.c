/* Definitions that the targets for records, the core and the API share: what a step may have, in a few small flows. */
#include "fuzz.h"

#include "defs/defs.h"
#include "engine/prepare.h"

const char fuzz_definitions[] =
    "dependency: out\n"
    "kind: http\n"
    "base: http://127.0.0.1:1/base\n"
    "limits: {concurrent: 2}\n"
    "key_lifetime: 10m\n"
    "outcomes: {409: succeeded, 418: unknown}\n"
    "---\n"
    "flow: careless\n"
    "steps:\n"
    "  - id: send\n"
    "    call: out\n"
    "    with: {method: POST, path: /send, body: \"${payload.text}\"}\n"
    "    retry: {delay: 1s, backoff: exponential, jitter: full, limit: {attempts: 3, duration: 1m}}\n"
    "---\n"
    "flow: checked\n"
    "payload:\n"
    "  type: object\n"
    "  required: [text]\n"
    "  properties: {text: {type: string}, n: {type: integer}}\n"
    "key: \"k-${payload.text}\"\n"
    "refs: {customer: \"${payload.text}\"}\n"
    "steps:\n"
    "  - id: create\n"
    "    call: out\n"
    "    with: {method: POST, path: \"/things/${payload.text}\", body: {n: \"${payload.n}\"}}\n"
    "    timeout: 10s\n"
    "    retry: {delay: 1s, backoff: linear, jitter: equal, limit: {attempts: 3}}\n"
    "    check:\n"
    "      with: {method: GET, path: /things}\n"
    "      settle: 2s\n"
    "      happened: size(response.body) == 1\n"
    "      contradictory: size(response.body) > 1\n"
    "      inconclusive: response.status == 404\n"
    "      outputs: {id: \"${response.body[0].id}\"}\n"
    "      retry: {delay: 1s, backoff: constant, jitter: none, limit: {attempts: 3}}\n"
    "    undo:\n"
    "      with: {method: DELETE, path: \"/things/${outputs.id}\"}\n"
    "      retry: {delay: 1s, backoff: constant, jitter: none, limit: {attempts: 2}}\n"
    "      check: {with: {method: GET, path: \"/things/${outputs.id}\"}, happened: response.status == 410}\n"
    "    outputs: {id: \"${response.body.id}\"}\n"
    "    external_id: id\n"
    "---\n"
    "flow: many\n"
    "on_failure: roll_back\n"
    "steps:\n"
    "  - id: first\n"
    "    call: out\n"
    "    with: {method: PUT, path: /first}\n"
    "    repeatable: true\n"
    "    retry: {delay: 1s, backoff: constant, jitter: none, limit: {attempts: 2}}\n"
    "    undo: {with: {method: DELETE, path: /first}, repeatable: true}\n"
    "    outputs: {list: \"${response.body}\"}\n"
    "  - id: look\n"
    "    call: out\n"
    "    critical: false\n"
    "    with: {method: GET, path: /look}\n"
    "    outputs: {status: \"${response.status}\"}\n"
    "  - id: second\n"
    "    call: out\n"
    "    needs: [first]\n"
    "    require: {with: {method: GET, path: /may}, holds: response.body.may}\n"
    "    with: {method: POST, path: /second, body: \"${steps.first.outputs.list}\"}\n"
    "    check: {with: {method: GET, path: /second}, happened: response.body.there}\n"
    "    undo: {with: {method: DELETE, path: /second}}\n"
    "  - id: last\n"
    "    call: out\n"
    "    irreversible: true\n"
    "    accepted: true\n"
    "    require: has(steps.look)\n"
    "    with: {method: POST, path: /last}\n"
    "---\n"
    "flow: reviewed\n"
    "on_failure: review\n"
    "steps:\n"
    "  - id: one\n"
    "    call: out\n"
    "    with: {method: POST, path: /one}\n"
    "  - id: two\n"
    "    call: out\n"
    "    critical: false\n"
    "    with: {method: POST, path: /two}\n"
    "    undo: {with: {method: DELETE, path: /two}}\n"
    "  - id: three\n"
    "    call: out\n"
    "    needs: [two]\n"
    "    with: {method: POST, path: /three}\n";

const struct flow_set *fuzz_flows(void)
{
    static const struct flow_set *set;
    static struct defs_errors errors;
    struct rc_arena *arena = fuzz_forever();
    struct defs_file file = {.source = RC_SV("flows.c"), .text = rc_sv_of(fuzz_definitions)};
    struct defs_one *found;
    uint32_t n;
    if (set) return set;
    enum rc_status status = defs_load(&file, 1, arena, &found, &n, &errors);
    FUZZ_LAW(status == RC_OK);
    struct rc_new_definition *list = RC_NEW_ARRAY(arena, struct rc_new_definition, n);
    FUZZ_LAW(list != NULL);
    for (uint32_t i = 0; i < n; i++)
        list[i] = (struct rc_new_definition){.row = {.id = i + 1,
                                                     .kind = (uint8_t)found[i].kind,
                                                     .active = true,
                                                     .version = 1,
                                                     .name = found[i].name},
                                             .flow = found[i].flow,
                                             .dependency = found[i].dependency};
    FUZZ_LAW(rc_set_make(list, n, arena, &set) == RC_OK);
    return set;
}
