/* Definitions that the targets for records, the core and the API share: what a step may have, in a few small flows. */
#include "fuzz.h"

#include "defs/defs.h"
#include "engine/prepare.h"

#include <stdio.h>

#define OUT                                                                                                  \
    "dependency: out\n"                                                                                      \
    "kind: http\n"                                                                                           \
    "base: http://127.0.0.1:1/base\n"                                                                        \
    "limits: {concurrent: 2}\n"                                                                              \
    "key_lifetime: 10m\n"                                                                                    \
    "outcomes: {409: succeeded, 418: unknown}\n"

const char fuzz_definitions[] = OUT
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
    "    with: {method: POST, path: /three}\n"
    "---\n"
    "flow: shaped\n"
    "on_failure: roll_back\n"
    "steps:\n"
    "  - id: beside\n"
    "    parallel:\n"
    "      - {id: p1, call: out, with: {method: POST, path: /p1}, undo: {with: {method: DELETE, path: "
    "/p1}}}\n"
    "      - id: p2\n"
    "        linear:\n"
    "          - {id: p3, call: out, with: {method: GET, path: /p3}, outputs: {n: \"${response.body.n}\"}}\n"
    "          - {id: p4, call: out, with: {method: PUT, path: /p4}, repeatable: true, undo: none}\n"
    "      - {id: p5, call: out, needs: [p1], with: {method: POST, path: /p5}, critical: false, undo: none,\n"
    "         fallback: [{id: p6, set: {v: 1}}]}\n"
    "    width: 2\n"
    "    running: cancel\n"
    "    undo: failed_branch\n"
    "  - id: pick\n"
    "    choose:\n"
    "      - if: payload.n > 1\n"
    "        steps:\n"
    "          - {id: c1, call: out, with: {method: POST, path: /c1}, undo: {with: {method: DELETE, path: "
    "/c1}}}\n"
    "          - {id: c2, sleep: 2s}\n"
    "      - if: steps.p3.outputs.n == 3\n"
    "        steps: [{id: c3, set: {v: \"${steps.p3.outputs.n}\"}}]\n"
    "      - else: []\n"
    "  - {id: end, if: has(steps.c1), call: out, with: {method: POST, path: /end}, irreversible: true}\n"
    "---\n"
    "flow: turned\n"
    "steps:\n"
    "  - id: ship\n"
    "    each: \"${payload.items}\"\n"
    "    max: 4\n"
    "    width: 2\n"
    "    on_error: continue\n"
    "    steps:\n"
    "      - {id: e1, call: out, with: {method: POST, path: \"/e/${index}\"}, undo: {with: {method: DELETE, "
    "path: /e}},\n"
    "         check: {with: {method: GET, path: /e}, happened: response.body.there}}\n"
    "      - {id: e2, if: item != null, set: {v: \"${item}\"}}\n"
    "  - id: poll\n"
    "    repeat: {max: 3, every: 1s, within: 1m, until: steps.r1.outputs.n == 3}\n"
    "    steps: [{id: r1, call: out, with: {method: GET, path: /r1}, outputs: {n: \"${response.body.n}\"}}]\n"
    "    fallback: [{id: r2, call: out, with: {method: POST, path: /r2}}]\n"
    "---\n"
    "flow: voted\n"
    "on_failure: review\n"
    "steps:\n"
    "  - id: first\n"
    "    join: any\n"
    "    surplus: undo\n"
    "    parallel:\n"
    "      - {id: a1, call: out, with: {method: POST, path: /a1}, undo: {with: {method: DELETE, path: "
    "/a1}}}\n"
    "      - {id: a2, call: out, with: {method: POST, path: /a2}, undo: {with: {method: DELETE, path: "
    "/a2}}}\n"
    "  - id: most\n"
    "    each: [1, 2, 3]\n"
    "    max: 3\n"
    "    join: {quorum: 2}\n"
    "    steps: [{id: q1, call: out, with: {method: POST, path: /q1}, undo: {with: {method: DELETE, path: "
    "/q1}}}]\n"
    "---\n"
    "flow: waited\n"
    "deadline: 10m\n"
    "on_deadline: cancel\n"
    "steps:\n"
    "  - {id: nap, sleep: {until: \"${duration('3s')}\"}}\n"
    "  - id: undone\n"
    "    undo: block\n"
    "    linear:\n"
    "      - {id: u1, call: out, with: {method: POST, path: /u1}, undo: {with: {method: DELETE, path: "
    "/u1}}}\n"
    "      - {id: u2, call: out, with: {method: POST, path: /u2}, critical: false, undo: none}\n"
    "      - {id: u3, call: out, with: {method: POST, path: /u3}}\n"
    "    fallback: [{id: u4, set: {seen: \"${has(steps.u1)}\"}}]\n"
    /* from here on the names come behind all others, so that what inputs choose by number stays the same */
    "---\n"
    "flow: waiting\n"
    "deadline: 1h\n"
    "on_deadline: roll_back\n"
    "steps:\n"
    "  - id: paid\n"
    "    wait: {signal: paid, id: \"${payload.text}\"}\n"
    "    within: 1m\n"
    "    on_timeout: reject\n"
    "    outputs: {id: \"${signal.id}\"}\n"
    "  - id: either\n"
    "    join: any\n"
    "    parallel:\n"
    "      - {id: left, wait: {signal: left, id: \"${payload.n}\"}}\n"
    "      - {id: gone, wait: {signal: paid, id: \"${payload.text}\"}, within: 1s, on_timeout: continue}\n"
    "      - {id: w1, call: out, with: {method: POST, path: /w1}, undo: {with: {method: DELETE, path: "
    "/w1}}}\n"
    "  - {id: w2, wait: {signal: left, id: \"${steps.paid.outputs.id}\"}, within: 1h, on_timeout: fail}\n"
    "---\n"
    "flow: wanted\n"
    "concurrency: {key: \"${payload.text}\", limit: 2, when_full: refuse}\n"
    "priority: 3\n"
    "deadline: 1m\n"
    "on_deadline: review\n"
    "steps:\n"
    "  - {id: l1, call: out, with: {method: POST, path: /l1}, undo: {with: {method: DELETE, path: /l1}}}\n"
    "  - {id: l2, call: out, critical: false, with: {method: POST, path: /l2}}\n"
    "---\n"
    "flow: wanting\n"
    "concurrency: {key: \"${payload.text}\", limit: 1, when_full: replace}\n"
    "steps: [{id: l3, call: out, with: {method: POST, path: /l3}}]\n"
    "---\n"
    "dependency: shop\n"
    "kind: worker\n"
    "lease: 30s\n"
    "---\n"
    "flow: worked\n"
    "concurrency: {}\n"
    "steps:\n"
    "  - id: make\n"
    "    call: shop\n"
    "    capability: \"2\"\n"
    "    with: {task: make, input: {n: \"${payload.n}\"}}\n"
    "    retry: {delay: 1s, backoff: constant, jitter: none, limit: {attempts: 2}}\n"
    "    outputs: {id: \"${response.body.id}\"}\n"
    "    check:\n"
    "      with: {task: look, input: {n: \"${payload.n}\"}}\n"
    "      reads: true\n"
    "      happened: response.body.there\n"
    "      outputs: {id: \"${response.body.id}\"}\n"
    "    undo: {with: {task: unmake, input: {id: \"${outputs.id}\"}}}\n"
    "  - {id: then, call: out, with: {method: POST, path: /then}}\n"
    /* people: by number, by name and by role, in a block, before one another, and void where what was read changes */
    "---\n"
    "flow: would_ask\n"
    "on_failure: review\n"
    "steps:\n"
    "  - {id: n1, call: out, critical: false, with: {method: GET, path: /n1}, outputs: {n: "
    "\"${response.body.n}\"},\n"
    "     retry: {delay: 1s, backoff: constant, jitter: none, limit: {attempts: 1}}}\n"
    "  - {id: y1, approve: {need: 2}, within: 1h, on_timeout: reject}\n"
    "  - {id: n2, call: out, with: {method: POST, path: /n2, body: {n: \"${has(steps.n1) ? "
    "steps.n1.outputs.n : 1}\"}},\n"
    "     undo: {with: {method: DELETE, path: /n2}}, retry: {delay: 1s, backoff: constant, jitter: none, "
    "limit: {attempts: 2}}}\n"
    "  - {id: q1, escalate: {question: \"${payload.text}?\", evidence: {n: \"${payload.n}\"}, answers: [on, "
    "off], roles: [operator, admin]},\n"
    "     within: 2h}\n"
    "  - id: pick\n"
    "    choose:\n"
    "      - if: steps.q1.outputs.answer == 'on'\n"
    "        steps:\n"
    "          - {id: y2, approve: {need: 1, of: [b, c]}}\n"
    "          - {id: y3, approve: {roles: [admin]}}\n"
    "          - {id: n3, call: out, with: {method: POST, path: /n3}, repeatable: true}\n"
    "      - else: [{id: n4, set: {by: \"${steps.q1.outputs.by}\"}}]\n"
    "  - id: beside\n"
    "    parallel:\n"
    "      - id: line\n"
    "        linear:\n"
    "          - {id: y4, approve: {}, if: payload.n == 1, within: 3s}\n"
    "          - {id: n5, call: out, with: {method: POST, path: /n5}, undo: {with: {method: DELETE, path: "
    "/n5}}}\n"
    "      - {id: q2, escalate: {question: so, answers: [yes], of: [b]}}\n"
    "    on_error: continue\n"
    "---\n"
    "flow: would_confirm\n"
    "on_failure: roll_back\n"
    "steps:\n"
    "  - {id: m1, call: out, critical: false, with: {method: POST, path: /m1}, undo: {with: {method: DELETE, "
    "path: /m1}},\n"
    "     outputs: {n: \"${response.body.n}\"}}\n"
    "  - {id: m2, confirm: {call: out, with: {method: GET, path: /m2}, holds: response.body.there}, every: "
    "3s, within: 100s,\n"
    "     outputs: {id: \"${response.body.id}\"}}\n"
    "  - {id: m3, confirm: {holds: \"has(steps.m1) && steps.m1.outputs.n == 3\"}, every: 1s, within: 3s, "
    "on_timeout: reject}\n"
    /* commands that start commands: in a line, beside one another, not critical, and with a deadline above them */
    "---\n"
    "flow: would_start\n"
    "on_failure: review\n"
    "deadline: 1h\n"
    "on_deadline: cancel\n"
    "steps:\n"
    "  - {id: k1, flow: checked, with: {text: \"${payload.text}\", n: \"${payload.n}\"},\n"
    "     outputs: {id: \"${child.outputs.create.id}\", state: \"${child.state}\"}}\n"
    "  - id: both\n"
    "    on_error: continue\n"
    "    undo: block\n"
    "    parallel:\n"
    "      - {id: k2, flow: careless, with: {text: \"${steps.k1.outputs.id}\"}, critical: false}\n"
    "      - {id: k3, flow: would_confirm, with: {text: y}}\n"
    "      - {id: k4, call: out, needs: [k3], with: {method: POST, path: /k4}, undo: {with: {method: DELETE, "
    "path: /k4}}}\n"
    "  - id: any\n"
    "    join: any\n"
    "    surplus: undo\n"
    "    each: \"${payload.items}\"\n"
    "    max: 2\n"
    "    steps: [{id: k5, flow: careless, with: {text: x}}]\n"
    /* what a move maps: steps that are kept, done again, dropped and in the way */
    "---\n"
    "flow: would_move\n"
    "on_failure: review\n"
    "steps:\n"
    "  - {id: v1, call: out, with: {method: POST, path: /v1}, outputs: {n: \"${response.body.n}\"}}\n"
    "  - {id: v2, call: out, with: {method: GET, path: /v2}, critical: false, outputs: {n: "
    "\"${response.body.n}\"}}\n"
    "  - {id: v3, set: {n: 1}}\n"
    "  - id: rows\n"
    "    each: \"${payload.items}\"\n"
    "    max: 2\n"
    "    on_error: continue\n"
    "    steps:\n"
    "      - {id: v4, call: out, with: {method: POST, path: \"/v4/${index}\"}}\n"
    "      - {id: v5, call: out, with: {method: POST, path: /v5}, critical: false}\n"
    "  - {id: y5, approve: {}}\n"
    "  - {id: v6, call: out, with: {method: POST, path: /v6}, check: {with: {method: GET, path: /v6}, "
    "happened: response.body.there}}\n"
    "  - {id: v7, call: out, with: {method: PUT, path: /v7}, repeatable: true, undo: {with: {method: DELETE, "
    "path: /v7}}}\n"
    "  - {id: v8, wait: {signal: paid, id: \"${payload.text}\"}}\n";

/* The second version of some of them. */
static const char later_definitions[] =
    OUT "---\n"
        "flow: would_ask\n"
        "on_failure: review\n"
        "steps:\n"
        "  - {id: n1, call: out, critical: false, with: {method: GET, path: /n1}, outputs: {n: "
        "\"${response.body.n}\"},\n"
        "     retry: {delay: 1s, backoff: constant, jitter: none, limit: {attempts: 1}}}\n"
        "  - {id: y1, approve: {need: 1}, within: 1h}\n"
        "  - {id: n2, call: out, with: {method: POST, path: /n2/2, body: {n: \"${has(steps.n1) ? "
        "steps.n1.outputs.n : 1}\"}},\n"
        "     undo: {with: {method: DELETE, path: /n2}}, retry: {delay: 1s, backoff: constant, jitter: none, "
        "limit: {attempts: 2}}}\n"
        "  - {id: q1, escalate: {question: \"${payload.text}!\", answers: [on, off]}}\n"
        "---\n"
        "flow: would_start\n"
        "on_failure: roll_back\n"
        "steps:\n"
        "  - {id: k0, set: {n: 1}}\n"
        "  - {id: k1, flow: checked, with: {text: \"${payload.text}2\"}, outputs: {id: "
        "\"${child.outputs.create.id}\"}}\n"
        "  - id: any\n"
        "    join: any\n"
        "    surplus: undo\n"
        "    each: \"${payload.items}\"\n"
        "    max: 2\n"
        "    steps: [{id: k5, flow: careless, with: {text: x}}]\n"
        "---\n"
        "flow: would_move\n"
        "on_failure: review\n"
        "steps:\n"
        "  - {id: v0, set: {n: 1}}\n"
        "  - {id: v1, call: out, with: {method: POST, path: /v1}, outputs: {n: \"${response.body.n}\"}}\n"
        "  - {id: v2, call: out, with: {method: GET, path: /v2}, critical: false, outputs: {n: "
        "\"${response.body.n}\", m: 1}}\n"
        "  - {id: v3, set: {n: 2}}\n"
        "  - id: rows\n"
        "    each: \"${payload.items}\"\n"
        "    max: 3\n"
        "    on_error: continue\n"
        "    steps:\n"
        "      - {id: v9, set: {n: \"${index}\"}}\n"
        "      - {id: v4, call: out, with: {method: POST, path: \"/v4/${index}\"}}\n"
        "  - {id: y5, approve: {need: 1}}\n"
        "  - {id: v6, call: out, with: {method: POST, path: /v6/2}, check: {with: {method: GET, path: /v6}, "
        "happened: response.body.there}}\n"
        "  - {id: v7, call: out, with: {method: PUT, path: /v7}, repeatable: true}\n"
        "  - {id: v8, wait: {signal: paid, id: \"${payload.text}\"}, within: 1h}\n";

enum { DEFINITIONS = 64 };

struct versions {
    struct rc_new_definition list[DEFINITIONS];
    uint32_t n;
};

static void add(struct versions *io, const char *text, uint32_t version)
{
    static struct defs_errors errors;
    struct defs_file file = {.source = RC_SV("flows.c"), .text = rc_sv_of(text)};
    struct defs_one *found;
    uint32_t n;
    enum rc_status status = defs_load(&file, 1, fuzz_forever(), &found, &n, &errors);
    for (uint32_t i = 0; i < errors.n; i++)
        fprintf(stderr, "%u:%u: %s\n", errors.error[i].line, errors.error[i].column, errors.error[i].text);
    FUZZ_LAW(status == RC_OK);
    for (uint32_t i = 0; i < n; i++) {
        FUZZ_LAW(io->n < DEFINITIONS);
        if (version > 1 && !found[i].flow) continue; /* they are as they were */
        if (found[i].flow) found[i].flow->version = version;
        for (uint32_t k = 0; k < io->n; k++)
            if (rc_sv_eq(io->list[k].row.name, found[i].name)) io->list[k].row.active = false;
        io->list[io->n] = (struct rc_new_definition){.row = {.id = io->n + 1,
                                                             .kind = (uint8_t)found[i].kind,
                                                             .active = true,
                                                             .version = version,
                                                             .name = found[i].name},
                                                     .flow = found[i].flow,
                                                     .dependency = found[i].dependency};
        io->n++;
    }
}

static const struct flow_set *set_of(const struct versions *versions)
{
    const struct flow_set *set;
    FUZZ_LAW(rc_set_make(versions->list, versions->n, fuzz_forever(), &set) == RC_OK);
    return set;
}

static const struct flow_set *flows(bool later)
{
    static const struct flow_set *first, *second;
    static struct versions versions;
    if (!first) {
        add(&versions, fuzz_definitions, 1);
        first = set_of(&versions);
        add(&versions, later_definitions, 2);
        second = set_of(&versions);
    }
    return later ? second : first;
}

const struct flow_set *fuzz_flows(void)
{
    return flows(false);
}

const struct flow_set *fuzz_flows_later(void)
{
    return flows(true);
}
